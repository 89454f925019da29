"""`focalbench listen`: what the listeners of a page that `focalbench listening` made have said."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.differences import Difference
    from benchmark.listening import Abx, Mushra
    from benchmark.stats import Estimate

TEXT = "what listeners said: means, differences and right answers from the results of a listening page"
DESCRIPTIVE = "Descriptive only: fewer than {} listeners. The intervals say little about others."


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line may say."""
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS", help="the CSV files the listeners saved")
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="the page's .key.json")
    parser.add_argument("--json", action="store_true", help="for programs, with the units in the names")


def run(options: argparse.Namespace) -> int:
    """Read, analyse, print; 3 when no listener is left."""
    from benchmark.cli import FINE, TOO_LITTLE
    from benchmark.listening import abx, mushra, read, read_key

    key = read_key(options.key)
    ratings = read(options.results, key)
    found = mushra(ratings, key) if key.kind == "mushra" else abx(ratings, key)
    if options.json:
        sys.stdout.write(json.dumps(plain(found), indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in text(found)))
    return FINE if found.listeners else TOO_LITTLE


def plain(found: "Mushra | Abx") -> dict[str, Any]:
    """The result as plain types; ratings go from 0 to 100, shares from 0 to 1."""
    return {**asdict(found), "descriptive_only": found.few}


def text(found: "Mushra | Abx") -> Iterator[str]:
    """The result in lines."""
    from benchmark.listening import Mushra
    from benchmark.stats import FEW

    count = len(found.listeners)
    yield f"{count} listener{'' if count == 1 else 's'}" + (f": {', '.join(found.listeners)}" if count else "")
    for listener, (given, asked) in found.incomplete.items():
        yield f"{listener} gave {given} of {asked} answers."
    if isinstance(found, Mushra):
        for listener, share in found.excluded.items():
            yield f"Left out: {listener}, who rated the hidden reference below 90 in {share:.0%} of the trials."
    if count and found.few:
        yield DESCRIPTIVE.format(FEW)
    yield from _mushra(found) if isinstance(found, Mushra) else _abx(found)


def _mushra(found: "Mushra") -> Iterator[str]:
    lines = [
        (mean.condition, mean.name, mean.role, *_interval(mean.estimate), f"{len(found.listeners)} x {mean.items}")
        for mean in found.means
    ]
    if lines:
        yield ""
        yield from _table(("condition", "sound", "role", "rating", "95 %", "listeners x trials"), lines)
    if found.contrasts:
        yield ""
        yield "Differences (second less first); p is two-sided, by listeners, adjusted by Holm over all of these:"
        differences = [
            (c.condition, c.first, c.second, *_differs(c.difference), _p(c.p), _p(c.adjusted)) for c in found.contrasts
        ]
        yield from _table(("condition", "first", "second", "difference", "95 %", "p", "adjusted"), differences)


def _abx(found: "Abx") -> Iterator[str]:
    lines = [
        (c.condition, c.first, c.second, f"{c.right} of {c.share.n}", *_interval(c.share, 100), _p(c.p), _p(c.adjusted))
        for c in found.choices
    ]
    if lines:
        yield ""
        yield "Right answers; p is exact binomial against guessing, the interval by listeners:"
        yield from _table(("condition", "A", "B", "right", "%", "95 %", "p", "adjusted"), lines)
        yield ""
        for c in found.choices:
            each = ", ".join(f"{listener} {right} of {of}" for listener, (right, of) in c.each.items())
            yield f"{c.condition}, {c.first} or {c.second}: {each}"


def _interval(estimate: "Estimate", scale: float = 1.0) -> tuple[str, str]:
    if estimate.value is None:
        return "–", ""
    if estimate.low is None or estimate.high is None:
        return f"{scale * estimate.value:.1f}", "–"
    return f"{scale * estimate.value:.1f}", f"{scale * estimate.low:.1f} to {scale * estimate.high:.1f}"


def _differs(found: "Difference") -> tuple[str, str]:
    if found.value is None:
        return "–", ""
    if found.low is None or found.high is None:
        return f"{found.value:+.1f}", "–"
    return f"{found.value:+.1f}", f"{found.low:+.1f} to {found.high:+.1f}"


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(head, *lines, strict=True)]
    for line in (head, *lines):
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
