"""Speech in a room, by its impulse response, without delay: the direct sound stays where the speech was."""

import numpy as np

from benchmark.acoustics._scale import fitted
from benchmark.types import Floats, Heard, Signal

LEAD = 0.0025  # s before the direct sound from where on a response counts, and half the window of its energy


def reverberant(heard: Heard, response: Signal | Floats, direct: int, rate: int) -> Heard:
    """What is heard in the room of `response`, shape (m,), at `rate` Hz, whose direct sound is its sample `direct`.

    The direct sound has a gain of 1 (its energy within 2.5 ms), so the speech is as loud as it was, and its
    reverberation comes on top.
    """
    from scipy.signal import oaconvolve

    lead = round(LEAD * rate)
    start = max(direct - lead, 0)
    kept = response[start:].astype(np.float64)
    gain = 1 / np.sqrt(np.square(kept[: direct + lead + 1 - start]).sum())
    wet = oaconvolve(heard.signal.astype(np.float64), gain * kept)
    return fitted(heard, wet[direct - start :][: len(heard.signal)])


LEAST = 16  # samples of the decay; below, as right beside the talker, the direct sound is all of it


def decay_time(response: Signal | Floats, rate: int) -> float:
    """Seconds to -60 dB, from the slope of the backward integral between -5 and -25 dB [ISO 3382-1: T20].

    NaN where too few samples tell.
    """
    energy = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    decibels = 10 * np.log10(np.maximum(energy / energy[0], 1e-30))
    within = np.flatnonzero((decibels <= -5) & (decibels >= -25))
    if len(within) < LEAST:
        return float("nan")
    slope, _ = np.polyfit(within / rate, decibels[within], 1)
    return float(-60 / slope)
