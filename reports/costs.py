"""The section on what running a codec takes: speed, time per packet, size, operations, memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from reports.summary import Run, number

Text: TypeAlias = Callable[[float], str]

TIMED = "timing("  # how a scorer begins that names a machine
SILENT = "the codec does not say"  # how a reason begins, to whoever wrote the codec; readers need no more than the fact


def _short(value: float) -> str:
    """Three digits that count."""
    return np.format_float_positional(value, precision=3, unique=False, fractional=False, trim="-")


def _large(value: float) -> str:
    """`249 M`."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{_short(value / factor)} {letter}"
    return _short(value)


def _milliseconds(value: float) -> str:
    return f"{_short(value)} ms"


COLUMNS: tuple[tuple[str, str, Text], ...] = (
    ("Parameters", "parameters", _large),
    ("Multiply-accumulates, per second", "macs_per_s", _large),
    ("Real-time factor, encoder", "encode_rtf", _short),
    ("Real-time factor, decoder", "decode_rtf", _short),
    ("Encoding a packet, median", "encode_packet_ms", _milliseconds),
    ("Encoding a packet, 95th percentile", "encode_packet_ms_p95", _milliseconds),
    ("Decoding a packet, median", "decode_packet_ms", _milliseconds),
    ("Decoding a packet, 95th percentile", "decode_packet_ms_p95", _milliseconds),
    ("Peak memory", "peak_memory_mib", lambda value: f"{number(value, 0)} MiB"),
)


def section(run: Run) -> dict[str, Any] | None:
    """What the page shows: the machine, a line for each codec, and why there are gaps; None where nobody looked."""
    machines = sorted(scorer for scorer in run.rows["scorer"].unique() if scorer.startswith(TIMED))
    if not machines:
        return None
    codecs = list({run.origin(codec): codec for codec in reversed(run.codecs)}.values())[::-1]
    return {
        "machines": [_machine(scorer) for scorer in machines],
        "heads": [head for head, _, _ in COLUMNS],
        "lines": [(codec, [_cell(run, codec, name, text) for _, name, text in COLUMNS]) for codec in codecs],
        "gaps": list(_gaps(run, codecs)),
    }


def _machine(scorer: str) -> str:
    """`AMD EPYC, 1 thread, torch 2.13.0`, of what `benchmark.timing.scorer` made."""
    facts = dict(fact.split("=", 1) for fact in scorer.removeprefix(TIMED).removesuffix(")").split(","))
    threads = "1 thread" if facts.get("threads") == "1" else f"{facts.get('threads')} threads"
    others = [f"{name} {value}" for name, value in facts.items() if name not in ("cpu", "threads")]
    return ", ".join([facts.get("cpu", "an unknown processor"), threads, *others])


def _cell(run: Run, codec: str, name: str, text: Text) -> str:
    value = measured(run, codec, name)
    return "–" if value is None else text(value)


def measured(run: Run, codec: str, name: str) -> float | None:
    """What was measured of a codec once, whatever its packets and loss strategies; None where it was not.

    Args:
        run: which measured it.
        codec: its label, as the suite has it or with packets and strategy behind it.
        name: of the value.
    """
    named = [metric for metric in run.metrics if run.base(metric) == name]
    values = (run.overall(c, metric).estimate.value for c in _same(run, codec) for metric in named)
    return next((value for value in values if value is not None), None)


def _same(run: Run, codec: str) -> list[str]:
    return [c for c in run.codecs if run.origin(c) == run.origin(codec)]


def _gaps(run: Run, codecs: Sequence[str]) -> Iterator[str]:
    """`opus, codec2; parameters: why`, codecs and columns of one reason together; no column where it is all of them."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for codec in codecs:
        rows = run.rows[run.rows["codec"].isin(_same(run, codec)) & run.rows["status"].ne("ok")]
        reasons: dict[str, list[str]] = {}
        for head, name, _ in COLUMNS:
            why = rows.loc[rows["name"] == name, "reason"]
            if measured(run, codec, name) is None and len(why):
                reason = str(why.iloc[0])
                reasons.setdefault("not stated by the codec" if reason.startswith(SILENT) else reason, []).append(head)
        for reason, heads in reasons.items():
            found.setdefault((reason, tuple(heads)), []).append(codec)
    for (reason, columns), who in found.items():
        what = "" if len(columns) == len(COLUMNS) else f"; {', '.join(columns).lower()}"
        yield f"{', '.join(who)}{what}: {reason}."
