"""What a codec declares of its latency against what was measured of it. Pure.

A codec may declare more than it takes: that costs nobody else anything, and is remarked. It may not take more than it
declares, as its packets would be sent before they exist: such a codec is not causal.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from benchmark.calibrate import TOLERANCE_MS
from benchmark.probe.availability import Availability, ContentDelay
from benchmark.probe.causality import Causality
from benchmark.probe.lookahead import Lookahead
from benchmark.probe.parts import Chunking
from benchmark.probe.subject import Failed
from benchmark.types import CodecInfo

SLACK_MS = TOLERANCE_MS["waveform"]  # of what is counted in samples: less of it nobody hears
LARGEST_DIFFERENCE = 1e-4  # of the peak, between outputs that are the same but for rounding
OFFLINE = Failed("not_applicable", "it declares that its encoder sees the whole utterance before it emits anything")


class Claim(NamedTuple):
    """One thing declared and measured; `measured_ms` is None where it has no end. `remark` says what is the matter."""

    declared_ms: float
    measured_ms: float | None
    tolerance_ms: float
    agrees: bool
    remark: str = ""


class Sameness(NamedTuple):
    """Whether pushing some frames at a time gives what pushing all at once does."""

    agrees: bool
    remark: str = ""


def declared(info: CodecInfo, found: Mapping[str, Any]) -> dict[str, Claim | Sameness | Failed]:
    """Every claim on the parts of an examination that are in `found`; where a part failed, so does its claim.

    ``packets``: a payload comes out once its group and the look-ahead are there. ``lookahead`` and ``causality``: the
    output depends on no more than that, in a live call and with everything pushed at once. ``content_delay``.
    ``availability``: all of it together. ``chunking``: frames and output do not depend on how much is pushed at once.
    """
    return {name: _claim(info, found[part], make) for name, (part, make) in CLAIMS.items() if part in found}


def _claim(info: CodecInfo, part: Any, make: Callable[[CodecInfo, Any], Any]) -> Any:
    timed = make not in (content_delay, chunking)
    if timed and not info.streaming:
        return OFFLINE
    if not isinstance(part, Failed):
        return make(info, part)
    if timed and part.status == "not_applicable":  # nothing comes out before the end
        return Claim(latency(info), None, SLACK_MS, False, f"non-causal: {part.reason}")
    return part


def latency(info: CodecInfo) -> float:
    """The declared one, ms: a group of frames, the look-ahead, the delay."""
    return _wait(info) + 1000 * info.delay / info.rate_out


def _wait(info: CodecInfo) -> float:
    return 1000 * (info.frame * info.group + info.lookahead) / info.rate_in


def packets(info: CodecInfo, part: Availability) -> Claim:
    """How long after the start of its group a payload comes out."""
    remark = "non-causal: its packets wait for input {:.4g} ms beyond what it declares"
    return _spared(_within(_wait(info), part.packet_ms, remark))


def lookahead(info: CodecInfo, part: Lookahead) -> Claim:
    """The reach in a live call.

    The first sample of a group may depend on the last one that its packet waits for; in the output it trails by the
    delay. So the reach is less than the declared latency, by one sample.
    """
    remark = "non-causal: its output depends on input {:.4g} ms beyond what it declares"
    return _within(latency(info) - 1000 / info.rate_in, part.lookahead_ms, remark)


def causality(info: CodecInfo, part: Causality) -> Claim:
    """The same reach, with everything pushed at once."""
    remark = "non-causal: pushed all at once, its output depends on input {:.4g} ms beyond what it declares"
    return _within(latency(info) - 1000 / info.rate_in, part.reach_ms, remark)


def availability(info: CodecInfo, part: Availability) -> Claim:
    """Until output is there, and its content delay. What is declared is taken where no delay was measured."""
    slack = TOLERANCE_MS.get(part.delay_is, SLACK_MS)
    return _spared(
        _within(latency(info), part.availability_ms, "its output is {:.4g} ms later than it declares", slack)
    )


def _within(due: float, measured: float, remark: str, slack: float = SLACK_MS) -> Claim:
    """Measured may not exceed what is due by more than `slack`, ms; `remark` says by how much it does."""
    more = measured - due
    return Claim(due, measured, slack, more <= slack, remark.format(more) if more > slack else "")


def _spared(claim: Claim) -> Claim:
    """With a remark where much less was measured, which is no reach: that may be anything below what is due."""
    less = claim.declared_ms - (claim.measured_ms or 0)
    return (
        claim._replace(remark=f"it declares {less:.4g} ms more than it takes") if less > claim.tolerance_ms else claim
    )


def content_delay(info: CodecInfo, part: ContentDelay) -> Claim:
    """The delay that is removed before scoring; both ways, as either shifts the output."""
    due, slack = 1000 * info.delay / info.rate_out, TOLERANCE_MS[part.method]
    agrees = abs(part.content_delay_ms - due) <= slack
    samples = round(part.content_delay_ms * info.rate_out / 1000)
    remark = "" if agrees else f"the {part.method} says {part.content_delay_ms:.4g} ms: delay={samples}"
    return Claim(due, part.content_delay_ms, slack, agrees, remark)


def chunking(info: CodecInfo, part: Mapping[str, Chunking | Failed]) -> Sameness | Failed:
    """The first chunk size, in frames, that changes frames or output."""
    for count, row in part.items():
        if isinstance(row, Failed):
            return row
        what = "frames" if row.frames_equal < 1 else "output"
        if row.frames_equal < 1 or max(row.output_difference, row.decoder_difference) > LARGEST_DIFFERENCE:
            return Sameness(False, f"pushing {count} frames at a time gives other {what} than all at once")
    return Sameness(True)


CLAIMS: Mapping[str, tuple[str, Callable[[CodecInfo, Any], Any]]] = {
    "packets": ("availability", packets),
    "lookahead": ("lookahead", lookahead),
    "causality": ("causality", causality),
    "content_delay": ("content_delay", content_delay),
    "availability": ("availability", availability),
    "chunking": ("streaming", chunking),
}
