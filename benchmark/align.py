"""Two signals at one rate and on one time base: one resampler, a measured constant delay, a cut, no warp.

The delay is the lag with the largest normalised cross-correlation of the waveforms or, for codecs that keep
no waveform (vocoders), of the log energy envelopes, which ITU-T P.862 (2001) begins with as well.
"""

from importlib.metadata import version
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.types import Floats, NotMeasured, Signal

Indices: TypeAlias = npt.NDArray[np.int64]

SCORING_RATE = 16_000  # Hz: for every value without a rate of its own, whatever the codec puts out
# |r| is 0.71 for a signal in noise at 0 dB; unrelated speech stays below 0.15, Codec2 below 0.55.
WAVEFORM_THRESHOLD = 0.6
# r is above 0.9 for Codec2 at 700 to 3200 bit/s; unrelated speech stays below 0.7.
ENVELOPE_THRESHOLD = 0.75
LEAST_OVERLAP = 0.25  # share of the energy that must overlap: a few samples always correlate well
ENVELOPE_RATE = 1000  # Hz: the envelope's resolution is 1 ms
ENVELOPE_WINDOW = 20  # ms: longer than a pitch period, shorter than a syllable
ENVELOPE_FLOOR = 1e-5  # of the largest energy, -50 dB: a vocoder does not keep the background


class Delay(NamedTuple):
    """How late a signal is.

    Attributes:
        samples: by how much `degraded` trails `reference`, samples; negative when it leads; 0 when unknown.
        correlation: at that lag, in [-1, 1]; negative for a waveform of inverted polarity.
        method: what was correlated; "none" when neither correlation reached its threshold.
    """

    samples: int
    correlation: float
    method: Literal["waveform", "envelope", "none"]


def resampler() -> str:
    """Name and version of the one resampler; part of every result's identity."""
    return f"soxr-HQ {version('soxr')}"


def resample(signal: Signal, from_rate: int, to_rate: int) -> Signal:
    """Convert `signal`, shape (n,), from one rate in Hz to another by libsoxr's HQ recipe.

    Returns:
        Shape (n * to_rate / from_rate rounded half up,); the signal itself when the rates are equal.
    """
    if from_rate == to_rate:
        return signal
    import soxr

    length = (2 * len(signal) * to_rate + from_rate) // (2 * from_rate)
    # soxr rounds the length its own way. The input behind the end is silence to it; one more
    # output sample of that silence makes sure that there is enough to cut from.
    tail = np.zeros(-(-from_rate // to_rate), np.float32)
    converted: Signal = soxr.resample(np.concatenate([signal, tail]), from_rate, to_rate, quality="HQ")
    return converted[:length]


def scoring_rate(reference_rate: int) -> int:
    """Hz at which values without a rate of their own are taken: a reference is never up-sampled."""
    return min(reference_rate, SCORING_RATE)


def at_rate(
    reference: Signal, reference_rate: int, degraded: Signal, degraded_rate: int, rate: int
) -> tuple[Signal, Signal]:
    """Both signals at `rate` Hz; a degraded one may be up-sampled: its missing band is the codec's doing.

    Raises:
        NotMeasured: not_applicable, when the reference would have to be up-sampled.
    """
    if reference_rate < rate:
        reason = f"the reference is sampled at {reference_rate} Hz; this value needs {rate} Hz"
        raise NotMeasured("not_applicable", reason)
    return resample(reference, reference_rate, rate), resample(degraded, degraded_rate, rate)


def align(reference: Signal, degraded: Signal, delay: int) -> tuple[Signal, Signal]:
    """Remove a delay of `degraded`, samples, and cut both to their common length; nothing is padded."""
    reference, degraded = reference[max(-delay, 0) :], degraded[max(delay, 0) :]
    common = min(len(reference), len(degraded))
    return reference[:common], degraded[:common]


def check_pair(metric: str, reference: Signal, degraded: Signal) -> None:
    """What every metric of two signals asks of them, before any arithmetic.

    Raises:
        ValueError: when they are not two finite signals of one shape (n,).
        NotMeasured: too_short when they are empty, no_speech when the reference is silent.
    """
    if reference.ndim != 1 or reference.shape != degraded.shape:
        raise ValueError(
            f"{metric}: the reference has shape {reference.shape}, the degraded signal {degraded.shape}; "
            "align them first, mono, to one length (benchmark.align.align)."
        )
    for name, signal in (("reference", reference), ("degraded signal", degraded)):
        if not np.isfinite(signal).all():
            raise ValueError(f"{metric}: the {name} holds NaN or infinity.")
    if not len(reference):
        raise NotMeasured("too_short", "the signals are empty: nothing is left after alignment")
    if not reference.any():
        raise NotMeasured("no_speech", "the reference is silent")


def check_signal(metric: str, signal: Signal) -> None:
    """What a listener asks of a signal, before any arithmetic.

    Raises:
        ValueError: when it is not a finite signal of shape (n,).
        NotMeasured: too_short when it is empty, no_speech when it is silent.
    """
    if signal.ndim != 1:
        raise ValueError(f"{metric}: the signal has shape {signal.shape}; it has to be mono, shape (n,).")
    if not np.isfinite(signal).all():
        raise ValueError(f"{metric}: the signal holds NaN or infinity.")
    if not len(signal):
        raise NotMeasured("too_short", "the signal is empty")
    if not signal.any():
        raise NotMeasured("no_speech", "the signal is silent")


def estimate_delay(reference: Signal, degraded: Signal, rate: int, limit_s: float = 0.5) -> Delay:
    """Find by how many samples `degraded` trails `reference`, both at `rate` Hz; their lengths may differ.

    Gain, polarity and an offset do not matter. By waveform it is exact to the sample, by envelope to 1 ms
    (one file's envelope scatters by 1 to 2 ms around the codec's delay).

    Args:
        reference: shape (n,).
        degraded: shape (m,).
        rate: Hz.
        limit_s: the largest delay looked for, in either direction, s.
    """
    lag, correlation = _best_lag(reference, degraded, round(limit_s * rate))
    if abs(correlation) >= WAVEFORM_THRESHOLD:
        return Delay(lag, correlation, "waveform")
    envelopes = _envelope(reference, rate), _envelope(degraded, rate)
    lag, correlation = _best_lag(*envelopes, round(limit_s * ENVELOPE_RATE), signed=True)
    if correlation >= ENVELOPE_THRESHOLD:
        return Delay(round(lag * rate / ENVELOPE_RATE), correlation, "envelope")
    return Delay(0, correlation, "none")


def _best_lag(
    reference: Signal | Floats, degraded: Signal | Floats, limit: int, signed: bool = False
) -> tuple[int, float]:
    """The lag within +-limit samples of the largest correlation, and that; (0, 0.0) when one is constant.

    Each lag is normalised by the energies of the parts that overlap there: shifts cost nothing.
    `signed`: only positive correlations count. Of equal peaks (a periodic signal) the nearest to zero wins.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    if not (len(reference) and len(degraded) and np.ptp(reference) and np.ptp(degraded)):
        return 0, 0.0
    first, second = (s - s.mean() for s in (reference.astype(np.float64), degraded.astype(np.float64)))
    n, m, lags = len(first), len(second), np.arange(-limit, limit + 1)
    size = next_fast_len(max(n, m) + limit, real=True)  # so long that no lag wraps around
    products = irfft(np.conj(rfft(first, size)) * rfft(second, size), size)[lags]
    first_energy = _energy(first, np.clip(-lags, 0, n), np.clip(m - lags, 0, n))
    second_energy = _energy(second, np.clip(lags, 0, m), np.clip(n + lags, 0, m))
    enough = np.minimum(first_energy / first_energy.max(), second_energy / second_energy.max()) > LEAST_OVERLAP
    correlation = np.zeros(len(lags))
    correlation[enough] = products[enough] / np.sqrt(first_energy[enough] * second_energy[enough])
    rank = correlation if signed else np.abs(correlation)
    peaks = np.flatnonzero(rank >= rank.max() - 1e-9)
    best = peaks[np.argmin(np.abs(lags[peaks]))]
    return int(lags[best]), float(correlation[best])


def _energy(signal: Floats, starts: Indices, stops: Indices) -> Floats:
    """The energy of each part signal[start:stop]."""
    running: Floats = np.concatenate([[0.0], np.cumsum(np.square(signal))])
    return running[stops] - running[starts]


def _envelope(signal: Signal, rate: int) -> Floats:
    """Log energy every ms, shape (1000 n / rate,), of the differentiated signal: speech outweighs hum."""
    centres = np.arange(len(signal) * ENVELOPE_RATE // rate) * rate // ENVELOPE_RATE
    half = ENVELOPE_WINDOW * rate // (2 * ENVELOPE_RATE)
    difference = np.diff(signal.astype(np.float64), prepend=signal[:1])
    energy = _energy(difference, np.maximum(centres - half, 0), np.minimum(centres + half, len(signal)))
    envelope: Floats = np.log10(np.maximum(energy, ENVELOPE_FLOOR * energy.max(initial=0.0) + 1e-30))
    return envelope
