"""As loud as one another: gains that bring sounds to one active speech level [ITU-T P.56 (12/2011)], without clipping.

Louder is taken for better, so what is compared by ear has to be equally loud (ITU-R BS.1534-3, 5.2). P.56 is the
measure made for speech: its pauses, and long holes where packets were lost, do not make it softer.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmark.level import SILENCE, active_level
from benchmark.types import Signal

HEADROOM = 1.0  # dB below full scale for the largest sample: between samples, converters go beyond it
LOWERED = 6.0  # dB by which all sounds may be made softer so that one with high peaks can be as loud as they are
BOOST = 20.0  # dB; what would need more holds hardly any speech


class Gain(NamedTuple):
    """What to add to a sound, dB; not `matched` when full scale, `BOOST` or a lack of speech was in the way."""

    db: float
    matched: bool

    @property
    def text(self) -> str:
        """The gain with its sign, to print."""
        return f"{round(self.db, 1) + 0:+.1f} dB".replace("-", "−")


UNCHANGED = Gain(0.0, matched=False)


def gains(sounds: Sequence[tuple[Signal, int]]) -> list[Gain]:
    """One gain per sound (samples, shape (n,), and rate in Hz); the first is what all are to be as loud as.

    No sample goes beyond -`HEADROOM` dB. Where nobody speaks, the gain is the reference's.
    """
    levels = [active_level(signal, rate).level_db for signal, rate in sounds]
    room = [-_peak(signal) - HEADROOM for signal, _ in sounds]  # dB until full scale
    spoken = [level + more for level, more in zip(levels, room, strict=True) if level != SILENCE]
    if not sounds or levels[0] == SILENCE:
        return [Gain(min(0.0, more), matched=False) for more in room]
    target = max(levels[0] - LOWERED, min([levels[0], *spoken]))
    return [_gain(target, level, more, target - levels[0]) for level, more in zip(levels, room, strict=True)]


def applied(signal: Signal, gain: Gain) -> Signal:
    """The samples, as much louder as `gain` says."""
    return (signal * np.float32(10 ** (gain.db / 20))).astype(np.float32)


def _gain(target: float, level: float, room: float, reference: float) -> Gain:
    if level == SILENCE:
        return Gain(min(reference, room), matched=False)
    wanted = target - level
    return Gain(min(wanted, room, BOOST), matched=wanted <= min(room, BOOST) + 1e-9)


def _peak(signal: Signal) -> float:
    """The largest sample, dB of full scale."""
    return 20 * float(np.log10(max(float(np.abs(signal).max(initial=0.0)), 1e-6)))
