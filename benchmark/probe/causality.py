"""Whether a codec that gets everything at once still keeps to the past: perturb the input from a sample on, and look.

A live call cannot hand out what was not said yet. An encoder, or a decoder, that is pushed a whole utterance can: it
may scale by a peak that comes later, or smooth with what follows. Then its frames are not those of a call.
`benchmark.probe.lookahead` looks at the live call; here the same change is made where everything is pushed at once.
"""

from math import inf
from typing import NamedTuple

import numpy as np

from benchmark.probe.lookahead import LEADS, PHASES, TOLERANCE, pairs
from benchmark.probe.subject import Subject, slots, so_much
from benchmark.types import NotMeasured, Signal


class Causality(NamedTuple):
    """How far the output depends on input behind it, its declared delay removed, where all of it is pushed at once."""

    reach_samples: float
    reach_ms: float
    positions: int


def causality(subject: Subject) -> Causality:
    """The reach of the output, for changes at phases over a group of frames, its first and last sample included."""
    info, period = subject.info, subject.period
    if not info.streaming:
        raise NotMeasured("not_applicable", "it declares that its encoder sees the whole utterance")
    wait = period + info.lookahead
    lead = -(-max(round(LEADS[0] * info.rate_in), 2 * wait) // period) * period
    (pair,) = pairs([so_much(subject.voices, lead + 3 * wait)])
    wanted = _output(subject, pair.base)
    tolerance = TOLERANCE * float(np.abs(wanted).max(initial=0))
    if _first(_output(subject, pair.base), wanted, tolerance) < inf:
        raise NotMeasured("codec_failed", "the same input gives another output")
    phases = {round(k * (period - 1) / (PHASES - 1)) for k in range(PHASES)} | {(info.lookahead - 1) % period}
    reach = -inf
    for phase in sorted(phases):
        subject.say(f"causality, phase {phase}")
        first = _first(_output(subject, pair.changed(lead + phase)), wanted, tolerance)
        reach = max(reach, lead + phase - (first - info.delay) * info.rate_in / info.rate_out)
    if reach == -inf:
        raise NotMeasured("codec_failed", "the output does not depend on the input")
    return Causality(reach, subject.milliseconds(reach), len(phases))


def _output(subject: Subject, signal: Signal) -> Signal:
    return subject.probed.decode(slots(subject.probed.encode(signal)))


def _first(found: Signal, wanted: Signal, tolerance: float) -> float:
    """The first sample that differs; inf where none does. An output that ends differs there."""
    common = min(len(found), len(wanted))
    differs = np.abs(found[:common] - wanted[:common]) > tolerance
    if differs.any():
        return int(differs.argmax())
    return inf if len(found) == len(wanted) else common
