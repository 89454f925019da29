"""Log-mel spectral distance in dB, after the FocalCodec authors' audiocodecs [Della Libera 2025]."""

from functools import cache

import numpy as np

from benchmark.align import check_pair
from benchmark.types import Floats, Metric, NotMeasured, Signal, Validity, ValueInfo

SOURCE = "github.com/lucadellalib/audiocodecs, downstream/metrics/mel_distance.py; normalised as documented"
VALIDITY = Validity(
    loss="care",
    noise="care",
    generative="yes",
    why="Every deviation counts alike, heard or not: concealment that sounds well, or noise removed, costs too.",
)
VALUES = {"mel_distance": ValueInfo(unit="dB", better="lower", source=SOURCE, validity=VALIDITY)}

BANDS = 80  # HTK mel, triangles of height 1, from 0 Hz to half the rate
WINDOW_S = 0.064  # 1024 samples at 16 kHz, Hann
HOP_S = 0.020  # 320 samples at 16 kHz
FLOOR = 1e-4  # of the reference's largest band, -80 dB: below lies what nobody hears, and digital silence


def mel_distance(reference: Signal, degraded: Signal, rate: int) -> dict[str, float]:
    """Root mean square over the bands, mean over the frames, of the difference of two log-mel spectra.

    The output is scaled to the reference's RMS first: a gain costs nothing (a level is a value of its own).
    Bands are magnitudes; both spectra are floored at -80 dB below the reference's largest band. Frames lie
    fully inside the signals, nothing is padded. The authors' figure is the norm over the bands of half
    these dB, unscaled and floored at 1e-10: apart from gain and floor, theirs = this * sqrt(80) / 2.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,), aligned to within about 10 ms.
        rate: Hz. Window and hop are fixed in seconds; the bands reach half the rate, so rates do not compare.

    Returns:
        `mel_distance` in dB, at least 0.

    Raises:
        ValueError: for signals of unequal shapes or with NaN.
        NotMeasured: no_speech for a silent reference; too_short below one window (64 ms); metric_failed
            for a silent output, whose level cannot be matched.
    """
    return {"mel_distance": float(np.mean(frame_distances(reference, degraded, rate)))}


def frame_distances(reference: Signal, degraded: Signal, rate: int) -> Floats:
    """The distance in each frame, dB, shape (frames,); frame i is about `frame_centres` i. Raises as `mel_distance`."""
    check_pair("mel_distance", reference, degraded)
    if len(reference) < round(WINDOW_S * rate):
        raise NotMeasured("too_short", f"{len(reference) / rate:.3f} s; one window is {WINDOW_S} s")
    if not degraded.any():
        raise NotMeasured("metric_failed", "the output is silent: its level cannot be matched")
    clean, output = _mel_spectrum(reference, rate), _mel_spectrum(degraded, rate)
    floor = FLOOR * clean.max()
    difference = 20 * np.log10(np.maximum(output, floor) / np.maximum(clean, floor))
    distances: Floats = np.sqrt(np.mean(np.square(difference), axis=1))
    return distances


def frame_centres(count: int, rate: int) -> Floats:
    """The middle of each of the first `count` frames, s, shape (count,)."""
    return (round(WINDOW_S * rate) / 2 + round(HOP_S * rate) * np.arange(count)) / rate


def _mel_spectrum(signal: Signal, rate: int) -> Floats:
    """Magnitudes per mel band of the signal scaled to an RMS of 1, shape (frames, BANDS)."""
    level = np.sqrt(np.mean(np.square(signal, dtype=np.float64)))
    size, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    frames = np.lib.stride_tricks.sliding_window_view(signal / level, size)[::hop]
    window = np.hanning(size + 1)[:-1]  # periodic
    magnitudes: Floats = np.abs(np.fft.rfft(frames * window))
    return magnitudes @ mel_filters(rate)


@cache
def mel_filters(rate: int) -> Floats:
    """Triangles equally spaced on the HTK mel scale, 2595 log10(1 + f / 700), shape (bins, BANDS)."""
    frequencies = np.fft.rfftfreq(round(WINDOW_S * rate), 1 / rate)
    mel_edges = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mel_edges / 2595) - 1)
    rising = (frequencies[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequencies[:, None]) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rising, falling))


def make() -> Metric:
    """No parameters."""
    return mel_distance
