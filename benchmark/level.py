"""Active speech level: the level of speech without its pauses [ITU-T P.56 (12/2011), method B].

As in the ITU's own program (G.191, sv56) the reference is full scale (dBov), the thresholds are 2^-15 to 2^-1, an
offset is not removed, and a signal on which no threshold meets the margin holds no speech: silence, a single click,
noise below -75 dBov. Between two thresholds the level is where the straight line between them, in dB, meets the margin;
the ITU's program searches that point up to 0.5 dB of margin, which moves the level by a tenth of that or so.
"""

import math
from typing import NamedTuple

import numpy as np

from benchmark.align import resample
from benchmark.types import Booleans, Floats, Signal

RATE = 16_000  # Hz; what lies above 8 kHz does not count
SMOOTHING = 0.03  # s, time constant of each of the envelope's two stages
HANGOVER = 0.2  # s for which speech goes on behind the last sample above the threshold
MARGIN = 15.9  # dB between the active level and its threshold
THRESHOLDS = [2.0**exponent for exponent in range(-15, 0)]
SILENCE = -100.0  # dBov, of what holds no speech


class ActiveLevel(NamedTuple):
    """How loud speech is.

    Attributes:
        level_db: while somebody speaks, dBov; `SILENCE` when nobody does.
        rms_db: over the whole signal, dBov; `SILENCE` at the least.
        activity: share of the time in which somebody speaks: the ratio of the two, as a power.
    """

    level_db: float
    rms_db: float
    activity: float


def active_level(signal: Signal, rate: int) -> ActiveLevel:
    """Measure `signal`, shape (n,), full scale 1, at `rate` Hz; a rate above 16 kHz is reduced to that first."""
    signal, rate = _reduced(signal, rate)
    rms, envelope = rms_level(signal, rate), _envelope(signal, rate)
    energy = float(np.square(signal, dtype=np.float64).sum())
    below = (SILENCE, -math.inf)  # level and threshold, dB
    for threshold in THRESHOLDS:
        if not (count := _active(envelope, threshold, rate)):
            break
        here = (10 * math.log10(energy / count), 20 * math.log10(threshold))
        if here[0] - here[1] <= MARGIN:
            return _between(below, here, rms)
        below = here
    return ActiveLevel(SILENCE, rms, 0.0)


def active_samples(signal: Signal, rate: int) -> Booleans:
    """Which samples count as speech, shape (n,): above the level's own threshold, or within 200 ms behind that."""
    level = active_level(signal, rate).level_db
    if level == SILENCE:
        return np.zeros(len(signal), np.bool_)
    reduced, reduced_rate = _reduced(signal, rate)
    above = _envelope(reduced, reduced_rate) >= 10 ** ((level - MARGIN) / 20)
    places = np.arange(len(above))
    last = np.maximum.accumulate(np.where(above, places, -len(above) - _hangover(reduced_rate)))
    active: Booleans = places - last <= _hangover(reduced_rate)
    return active[np.minimum(np.arange(len(signal)) * reduced_rate // rate, len(active) - 1)]


def rms_level(signal: Signal, rate: int) -> float:
    """Level over all of `signal`, shape (n,), at `rate` Hz, up to 8 kHz; dBov, `SILENCE` at the least."""
    signal, _ = _reduced(signal, rate)
    power = float(np.square(signal, dtype=np.float64).mean()) if len(signal) else 0.0
    return max(10 * math.log10(power), SILENCE) if power else SILENCE


def _reduced(signal: Signal, rate: int) -> tuple[Signal, int]:
    return resample(signal, rate, min(rate, RATE)), min(rate, RATE)


def _hangover(rate: int) -> int:
    return int(HANGOVER * rate + 0.5)


def _envelope(signal: Signal, rate: int) -> Floats:
    """The magnitude, smoothed twice; causal."""
    from scipy.signal import lfilter

    if not len(signal):
        return np.zeros(0)
    decay = np.exp(-1 / (rate * SMOOTHING))
    once = lfilter([1 - decay], [1, -decay], np.abs(signal.astype(np.float64)))
    envelope: Floats = lfilter([1 - decay], [1, -decay], once)
    return envelope


def _active(envelope: Floats, threshold: float, rate: int) -> int:
    """How many samples are above `threshold`, or behind one by the hang-over at most."""
    above = envelope >= threshold
    edges = np.flatnonzero(np.diff(above, prepend=False, append=True))  # up, down, ..., up: at the end at the latest
    pauses = edges[2::2] - edges[1::2]
    return int(np.count_nonzero(above) + np.minimum(pauses, _hangover(rate)).sum())


def _between(below: tuple[float, float], here: tuple[float, float], rms: float) -> ActiveLevel:
    """Where the line through two points (level, threshold), in dB, has the margin."""
    excess = below[0] - below[1] - MARGIN
    if not math.isfinite(excess):  # the margin is not met at the lowest threshold already: noise, not speech
        return ActiveLevel(SILENCE, rms, 0.0)
    share = excess / (excess - (here[0] - here[1] - MARGIN))
    level = below[0] + share * (here[0] - below[0])
    return ActiveLevel(level, rms, 10 ** ((rms - level) / 10))
