"""Commands of `focalbench` in files of their own: each says its TEXT, its `arguments`, and what it does (`run`)."""

NAMES: tuple[str, ...] = (
    "compare",
    "gate",
    "baseline",
    "merge",
    "cache",
    "history",
    "listening",
    "listen",
    "figures",
    "methods",
)  # in the order of `focalbench --help`; modules of this package
