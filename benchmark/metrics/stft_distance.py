"""Multi-resolution STFT distance in dB [Yamamoto et al. 2020], as the distance of audiocodecs [Della Libera 2025]."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmark.align import check_pair
from benchmark.types import Floats, Metric, NotMeasured, Signal, Validity, ValueInfo

RESOLUTIONS_S = ((0.010, 0.002), (0.025, 0.005), (0.050, 0.010))  # Hann window and hop [Yamamoto et al. 2020]
LONGEST_S = 0.050
FLOOR = 1e-4  # of the reference's largest bin, -80 dB: below lies what nobody hears, and digital silence
SOURCE = (
    "Yamamoto et al. 2020, arXiv:1910.11480 (windows); github.com/lucadellalib/audiocodecs, "
    "downstream/metrics/stft_distance.py (distance); normalised as documented"
)
VALIDITY = Validity(
    loss="care",
    noise="care",
    generative="care",
    why="Fine structure counts: noise and harmonics of a vocoder's own cost, though nobody may hear them.",
)
VALUES = {"stft_distance": ValueInfo("dB", "lower", SOURCE, validity=VALIDITY)}


def stft_distance(reference: Signal, degraded: Signal, rate: int) -> dict[str, float]:
    """Root mean square over bins, mean over frames, of the difference of two log spectra; mean of three resolutions.

    As in `mel_distance` the output is scaled to the reference's RMS first (a gain and the polarity cost nothing: a
    level is a value of its own), both spectra are floored at -80 dB below the reference's largest bin, and frames
    lie fully inside the signals, nothing is padded. Windows are 10, 25 and 50 ms, every fifth of that.

    Others differ: audiocodecs has one window of 64 ms, half these dB, and the norm over 513 bins instead of the root
    mean square: apart from gain and floor, theirs = this at 64 ms * sqrt(513) / 2. The loss of Parallel WaveGAN and
    of auraloss is the mean absolute difference of natural logarithms and, added to it, spectral convergence, which
    the largest bins decide; it has no unit.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,), aligned to within about 2 ms.
        rate: Hz. Windows and hops are fixed in seconds; the bins reach half the rate, so rates do not compare.

    Returns:
        `stft_distance` in dB, at least 0.

    Raises:
        ValueError: for signals of unequal shapes or with NaN.
        NotMeasured: no_speech for a silent reference; too_short below the longest window (50 ms); metric_failed
            for a silent output, whose level cannot be matched.
    """
    check_pair("stft_distance", reference, degraded)
    if len(reference) < round(LONGEST_S * rate):
        raise NotMeasured("too_short", f"{len(reference) / rate:.3f} s; the longest window is {LONGEST_S} s")
    if not degraded.any():
        raise NotMeasured("metric_failed", "the output is silent: its level cannot be matched")
    clean, output = _normalised(reference), _normalised(degraded)
    distances = [resolved(clean, output, round(size * rate), round(hop * rate)) for size, hop in RESOLUTIONS_S]
    return {"stft_distance": float(np.mean(distances))}


def _normalised(signal: Signal) -> Floats:
    """The signal scaled to an RMS of 1."""
    scaled: Floats = signal / np.sqrt(np.mean(np.square(signal, dtype=np.float64)))
    return scaled


def resolved(clean: Floats, output: Floats, size: int, hop: int) -> float:
    """The distance at one resolution, dB; window and hop in samples."""
    spectra = _magnitudes(clean, size, hop), _magnitudes(output, size, hop)
    floor = FLOOR * spectra[0].max()
    before, after = (20 * np.log10(np.maximum(spectrum, floor)) for spectrum in spectra)
    return float(np.mean(np.sqrt(np.mean(np.square(after - before), axis=1))))


def _magnitudes(signal: Floats, size: int, hop: int) -> Floats:
    """Shape (frames, bins)."""
    window = np.hanning(size + 1)[:-1]  # periodic
    magnitudes: Floats = np.abs(np.fft.rfft(sliding_window_view(signal, size)[::hop] * window))
    return magnitudes


def make() -> Metric:
    """No parameters."""
    return stft_distance
