"""Mel-cepstral distortion in dB [Kubichek 1993, 10.1109/PACRIM.1993.407206], in step and with time warping."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from benchmark import world
from benchmark.align import check_pair
from benchmark.types import Booleans, Floats, Metric, NotMeasured, Signal, Validity, ValueInfo
from benchmark.warp import warp

RATE = 16_000  # Hz, which the all-pass constant belongs to
ORDER = 24  # coefficients, c1 to c24
ALL_PASS = 0.42  # warps the axis of 16 kHz to about the mel scale [Tokuda et al. 1994]
FLOOR = 1e-8  # of the signal's largest power, -80 dB: below lies what nobody hears, and digital silence
ACTIVE = 0.01  # of the reference's mean power, -20 dB: a frame above it is speech
BAND = 100  # frames, 0.5 s, by which the warped output may be early or late
SCALE = 10 * np.sqrt(2) / np.log(10)  # dB
SOURCE = "Kubichek 1993, doi:10.1109/PACRIM.1993.407206; c1 to c24 of WORLD's envelope, frames of speech"
VALIDITY = Validity(
    loss="care",
    noise="care",
    generative="yes",
    why="The envelope's shape in speech, and nothing else: neither voicing, nor melody, nor noise in pauses counts.",
)
VALUES = {
    "mcd": ValueInfo("dB", "lower", f"{SOURCE}, time warped", RATE, VALIDITY),
    "mcd_frame": ValueInfo("dB", "lower", SOURCE, RATE, VALIDITY),
}


class Cepstra(NamedTuple):
    """Of each frame the mel-cepstrum, shape (frames, 24), and whether it is speech."""

    coefficients: Floats
    active: Booleans


def versions() -> dict[str, str]:
    """The library that finds the envelope."""
    return world.versions()


def distortion(
    reference: Signal, degraded: Signal, rate: int, names: Sequence[str] = ("mcd", "mcd_frame")
) -> dict[str, float]:
    """Distance of the mel-cepstra of two spectral envelopes, the mean over the reference's frames of speech.

    Each is 10 / ln 10 * sqrt(2 * the sum of squared differences of c1 to c24): the RMS difference of two log
    spectra on the mel scale. c0 is left out, so a gain and the polarity cost nothing. Frames are 5 ms apart; speech
    is what lies within 20 dB of the reference's mean power; envelopes are floored 80 dB below their largest value,
    so that neither digital silence nor what a resampler leaves above a codec's band decides. `mcd_frame` compares
    frames of the same instant. `mcd` compares along the cheapest path of steps by one frame in either or both, up
    to 0.5 s early or late; the path runs through all frames, and where the reference speaks it counts: speech that
    is missing in the output costs, it is not warped away.

    Others differ: VERSA keeps c0 (a gain costs), takes c0 to c39 and an all-pass constant of 0.466, and all frames
    or, warped, each side's own speech; pymcd resamples to 22.05 kHz, takes c0 to c13 and all frames, in silence too.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,), aligned to within 5 ms (for `mcd`: 0.5 s).
        rate: 16000 Hz.
        names: which of the two to compute.

    Returns:
        `mcd` and `mcd_frame` in dB, at least 0, as far as they are asked.

    Raises:
        ValueError: for another rate, signals of unequal shapes or with NaN.
        NotMeasured: no_speech for a silent reference; too_short below 0.25 s; metric_failed for a silent output,
            which has no envelope.
        Unavailable: without pyworld.
    """
    if rate != RATE:
        raise ValueError(f"mcd: {rate} Hz; its all-pass constant belongs to {RATE} Hz.")
    check_pair("mcd", reference, degraded)
    world.check_length(reference, rate)
    if not degraded.any():
        raise NotMeasured("metric_failed", "the output is silent: it has no spectral envelope")
    clean, output = (_cepstra(signal.astype(np.float32).tobytes()) for signal in (reference, degraded))
    computed = {"mcd": _warped, "mcd_frame": _in_step}
    return {name: computed[name](clean, output.coefficients) for name in names}


def _in_step(clean: Cepstra, output: Floats) -> float:
    return _distance(clean.coefficients[clean.active], output[clean.active])


def _warped(clean: Cepstra, output: Floats) -> float:
    first, second = warp(clean.coefficients, output, BAND)
    speech = clean.active[first]
    return _distance(clean.coefficients[first[speech]], output[second[speech]])


def _distance(clean: Floats, output: Floats) -> float:
    """The mean over frames, dB."""
    return float(SCALE * np.mean(np.sqrt(np.square(clean - output).sum(axis=1))))


@lru_cache(maxsize=world.KEPT)
def _cepstra(samples: bytes) -> Cepstra:
    power = world.envelope(np.frombuffer(samples, np.float32), RATE)
    level = power.mean(axis=1)
    return Cepstra(mel_cepstra(np.maximum(power, FLOOR * power.max()))[:, 1:], level > ACTIVE * level.mean())


def mel_cepstra(power: Floats) -> Floats:
    """Mel-cepstra c0 to c24, shape (frames, 25), of power spectra, shape (frames, bins): log |H| in nepers."""
    cepstra = np.fft.irfft(np.log(power))[:, : power.shape[1]]
    cepstra[:, 0] /= 2
    warped: Floats = cepstra @ all_pass(power.shape[1])
    return warped


@cache
def all_pass(count: int) -> Floats:
    """What turns a cepstrum of `count` coefficients into a mel-cepstrum, shape (count, 25).

    Frequencies are warped by an all-pass [Oppenheim and Johnson 1972, doi:10.1109/PROC.1972.8727]. Row k is the power
    series in z of ((z + a) / (1 + a z))^k, which follows from that of the power before.
    """
    from scipy.signal import lfilter

    rows = [np.eye(1, ORDER + 1)[0]]
    for _ in range(count - 1):
        rows.append(lfilter([ALL_PASS, 1.0], [1.0, ALL_PASS], rows[-1]))
    return np.array(rows)


def make() -> Metric:
    """No parameters."""
    return distortion
