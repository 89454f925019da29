"""Numbers and conditions in words, and what a run found beside the scores."""

from collections.abc import Iterator

from reports.conditions import Condition, placed_curves, playout_curves
from reports.drawing import KBPS
from reports.summary import ANCHOR, Cell, Run, number, precision

STATUS_WORDS = {
    "not_applicable": "not applicable",
    "too_short": "too short",
    "no_speech": "no speech",
    "input_failed": "input failed",
    "metric_failed": "metric failed",
    "codec_failed": "codec failed",
}
HEADLINE_LOSS = 0.10  # the share lost that the first sentences and plots look at, or the nearest to it


def percent(share: float | None, digits: int = 1) -> str:
    """A share as `12.3 %`; a dash where there is none."""
    return "–" if share is None else f"{number(100 * share, digits)} %"


def kbps(cell: Cell) -> str:
    """A bitrate in kbit/s, to three digits or so; a dash where there is none."""
    bits = cell.estimate.value
    return "–" if bits is None else number(bits * KBPS, 2 if bits < 10_000 else 1)


def milliseconds(value: float | None, digits: int = 1) -> str:
    """`12.3 ms`; a dash where there is none."""
    return "–" if value is None else f"{number(value, digits)} ms"


def latency(run: Run, codec: str) -> tuple[str, float | None]:
    """From the capture of a group of frames until it plays, with all that is waited for: as text, and to sort by."""
    if run.about(codec).get("streaming") is False:
        return "whole file", 1e9
    value = run.overall(codec, "latency_ms").estimate.value
    return ("–", None) if value is None else (number(value, 1).removesuffix(".0"), value)


def loss_free(run: Run) -> Condition | None:
    """The condition without any loss, if the run has one."""
    return next((c for c in run.conditions if c.clean), None)


def untouched(run: Run) -> str:
    """What the clean condition lacks, in a run with others."""
    return "without loss" if all(c.quiet for c in run.conditions) else "on clean speech"


def headline(run: Run) -> Condition | None:
    """The condition the first glance looks at: about ten percent lost, the longest bursts; else one amid a curve."""
    swept = [c for c in run.conditions if c.swept and c.quiet]
    if swept:
        return min(swept, key=lambda c: (abs((c.loss or 0) - HEADLINE_LOSS), -(c.burst_ratio or 1)))
    buffered = [curve for curve in playout_curves(run.conditions) if not curve.points[0][1].clean]
    for curve in [*placed_curves(run.conditions, "acoustics"), *buffered]:
        return curve.points[len(curve.points) // 2][1]
    return next((c for c in reversed(run.conditions) if not c.clean), None)


def ranked(run: Run, metric: str, condition: Condition | None) -> list[str]:
    """Codecs with a value, the best first."""
    if condition is None:
        return []
    value = {codec: run.cell(codec, condition.name, metric).estimate.value for codec in run.codecs}
    sign = -1 if run.better(metric) == "higher" else 1
    return sorted((c for c in run.codecs if value[c] is not None), key=lambda c: sign * (value[c] or 0.0))


def spoken(run: Run, codec: str, condition: Condition, metric: str) -> str:
    """`4.12 [3.98, 4.26]`."""
    estimate, digits = run.cell(codec, condition.name, metric).estimate, precision(run, metric)
    return " ".join(
        filter(None, (number(estimate.value, digits), interval(run.cell(codec, condition.name, metric), digits)))
    )


def interval(cell: Cell, digits: int) -> str:
    """`[3.98, 4.26]`; nothing where there is no interval."""
    low, high = cell.estimate.low, cell.estimate.high
    return "" if low is None else f"[{number(low, digits)}, {number(high, digits)}]"


def sentences(run: Run) -> Iterator[str]:
    """What else is worth a sentence: waiting, headers, error correction, and how much was measured."""
    yield from _late_sentence(run)
    yield from _latency_sentence(run)
    yield from _header_sentence(run)
    yield from _fec_sentence(run)
    yield from _coverage_sentence(run)


def amid(title: str) -> str:
    """A title within a sentence; abbreviations keep their capitals."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _late_sentence(run: Run) -> Iterator[str]:
    """What waiting longer buys, on the first channel that delays packets."""
    for curve in playout_curves(run.conditions):
        shallow, deep = curve.points[0][1], curve.points[-1][1]
        late = [max(_late(run, c), default=0.0) for c in (shallow, deep)]
        if late[0] > 0:
            told = [
                f"{percent(share)} with a {amid(c.playout.title)}"
                for share, c in zip(late, (shallow, deep), strict=True)
            ]
            yield f"With {amid(curve.title)}, packets come too late: up to {' and '.join(told)}."
            return


def _late(run: Run, condition: Condition) -> list[float]:
    values = (run.cell(codec, condition.name, "late_rate").estimate.value for codec in run.codecs)
    return [value for value in values if value is not None]


def _latency_sentence(run: Run) -> Iterator[str]:
    """How long each codec alone keeps a listener waiting, the fastest first."""
    found = [(v, codec) for (codec, name), v in run.probes.items() if name == "availability_ms"]
    if found:
        told = [f"{codec} {milliseconds(value)}" for value, codec in sorted(found)]
        yield f"Alone, with no time for network and computing, codecs keep a listener waiting: {', '.join(told)}."


def _header_sentence(run: Run) -> Iterator[str]:
    pairs = {c: (run.overall(c, "net_bps"), run.overall(c, "wire_bps")) for c in run.codecs}
    ratios = {c: (w.estimate.value or 0) / n.estimate.value for c, (n, w) in pairs.items() if n.estimate.value}
    if not ratios or max(ratios.values()) < 1.5:
        return
    most = max(ratios, key=lambda c: ratios[c])
    net, wire = (kbps(cell) for cell in pairs[most])
    yield f"Packet headers weigh most on {most}: {net} kbit/s net become {wire} on the wire."


def _fec_sentence(run: Run) -> Iterator[str]:
    shares = {run.origin(c): run.overall(c, "fec_share").estimate.value for c in run.codecs}
    told = [f"{codec} in {percent(share, 0)}" for codec, share in shares.items() if share is not None]
    if told:
        yield "Frames that carry in-band FEC: " + ", ".join(told) + "."


def _coverage_sentence(run: Run) -> Iterator[str]:
    scores = [cell for key, cell in run.cells.items() if key[2] in run.scores and key[0] != ANCHOR]
    asked, valid = sum(c.asked for c in scores), sum(c.estimate.n for c in scores)
    if asked:
        missing = "all were measured" if asked == valid else f"{asked - valid:,} have no value (see failures and skips)"
        yield f"Of {asked:,} scores asked for, {missing}."
