"""What a classifier hears: mel-frequency cepstra [Davis and Mermelstein 1980] and pitch, pooled over time.

Cepstra, their first and second derivatives, and the pitch by autocorrelation [Boersma 1993] are SpeechBrain's, as is
the pooling layer of deviations [Snyder et al., ICASSP 2018]; of means it is not, as SpeechBrain's adds noise to them.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.compat import allow_cpu_torchaudio, forget_placeholders
from benchmark.types import NotMeasured, Signal, Unavailable

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000  # Hz
HOP = 160  # samples between frames
SHORTEST = 400  # samples: one window of 25 ms
PITCH_WINDOW = 800  # samples: four periods of the lowest voices
LAGS = (32, 228)  # samples of a period: 500 to 70 Hz
VOICED = 0.6  # of the autocorrelation at lag 0
USUAL_HZ = 150.0  # what pitch is told against, in octaves
LOUD_DB = 25.0  # frames that are quieter than the loudest by more are no voice
PERCENTILES = (10, 25, 50, 75, 90)
LEAST = 3  # voiced frames that a pitch is told from
TIMES = 5  # that the few numbers about pitch are repeated, so that they count beside many about cepstra

Features: TypeAlias = npt.NDArray[np.float32]
Hear: TypeAlias = Callable[[Signal], Features]


def words() -> Hear:
    """What was said: 13 cepstra less their means, averaged in 8 equal segments; deviations in 3. Shape (429,).

    What is more than 50 dB below the loudest band counts as that, so that a codec's noise floor says nothing.
    """
    cepstra = _cepstra(bands=30, count=13, range_db=50.0)
    deviation = _deviation()

    def hear(signal: Signal) -> Features:
        frames = cepstra(signal)
        centred = frames - frames.mean(dim=0)
        means = [part.mean(dim=0) for part in _segments(centred, 8)]
        return _joined(means + [deviation(part) for part in _segments(centred, 3)])

    return hear


def voice(count: int, range_db: float) -> Hear:
    """How it was said, and by whom: cepstra of the loud frames, of the voiced ones among them, and pitch.

    Of cepstra there are means and deviations; the mean of the first coefficient, in which a gain is, is left out.
    Shape (12 * count + 38,).

    Args:
        count: cepstra.
        range_db: what is further below the loudest band counts as that.
    """
    cepstra = _cepstra(bands=40, count=count, range_db=range_db)
    deviation = _deviation()
    pitch = _pitch()

    def hear(signal: Signal) -> Features:
        frames = cepstra(signal)
        loud, voiced, melody = pitch(signal)
        parts = [frames[loud], frames[voiced if voiced.sum() >= LEAST else loud]]
        pooled = [each for part in parts for each in (part.mean(dim=0)[1:], deviation(part))]
        return _joined([*pooled, *[melody] * TIMES])

    return hear


def refuse(signal: Signal, shortest: int = SHORTEST) -> None:
    """Raise for what cannot be heard; silence can.

    Raises:
        ValueError: when it is not a finite signal of shape (n,).
        NotMeasured: ``too_short`` below `shortest` samples.
    """
    if signal.ndim != 1:
        raise ValueError(f"the signal has shape {signal.shape}; it has to be mono, shape (n,)")
    if not np.isfinite(signal).all():
        raise ValueError("the signal holds NaN or infinity")
    if len(signal) < shortest:
        text = f"{1000 * len(signal) / RATE:g} ms; the classifier hears {1000 * shortest / RATE:g} ms or more"
        raise NotMeasured("too_short", text)


def _cepstra(bands: int, count: int, range_db: float) -> "Callable[[Signal], Tensor]":
    """Frames of a signal at 16 kHz every 10 ms: shape (n // 160 + 1, 3 * count)."""
    allow_cpu_torchaudio()
    try:
        import torch
        from speechbrain.lobes.features import MFCC
    except ImportError as error:
        raise _absent(error) from error
    layer = MFCC(n_mels=bands, n_mfcc=count, deltas=True, context=False).eval()
    layer.compute_fbanks.top_db = range_db  # which MFCC takes no argument for
    forget_placeholders()

    def cepstra(signal: Signal) -> "Tensor":
        with torch.inference_mode():
            frames: Tensor = layer(torch.as_tensor(signal, dtype=torch.float32)[None])[0]
        return frames

    return cepstra


def _deviation() -> "Callable[[Tensor], Tensor]":
    """Standard deviations over time, of frames of shape (frames, n); 0 where there is only one."""
    allow_cpu_torchaudio()
    try:
        import torch
        from speechbrain.nnet.pooling import StatisticsPooling
    except ImportError as error:
        raise _absent(error) from error
    layer = StatisticsPooling(return_mean=False).eval()
    forget_placeholders()

    def deviation(frames: "Tensor") -> "Tensor":
        pooled: Tensor = layer(frames[None])[0, 0] if len(frames) > 1 else torch.zeros(frames.shape[1])
        return pooled

    return deviation


def _pitch() -> "Callable[[Signal], tuple[Tensor, Tensor, Tensor]]":
    """Which frames are loud, which of these are voiced, shape (n // 160 + 1,), and eight numbers about their pitch."""
    allow_cpu_torchaudio()
    try:
        import torch
        from speechbrain.processing.vocal_features import compute_autocorr_features
    except ImportError as error:
        raise _absent(error) from error
    forget_placeholders()

    def pitch(signal: Signal) -> "tuple[Tensor, Tensor, Tensor]":
        padded = np.pad(signal.astype(np.float32, copy=False), PITCH_WINDOW // 2)
        frames = torch.from_numpy(padded)[None].unfold(-1, PITCH_WINDOW, HOP)
        level = 10 * frames[0].square().mean(dim=-1).clamp(min=1e-20).log10()
        loud = level >= level.max() - LOUD_DB
        (harmonicity,), (lags,) = compute_autocorr_features(frames, *LAGS)
        voiced = loud & (harmonicity > VOICED)
        octaves = torch.log2(RATE / lags[voiced] / USUAL_HZ)
        return loud, voiced, torch.from_numpy(_melody(octaves.numpy(), harmonicity[voiced].numpy(), len(voiced)))

    return pitch


def _melody(octaves: Features, harmonicity: Features, frames: int) -> Features:
    """Of voiced frames: percentiles and deviation of their pitch, their share, and how harmonic they are."""
    share = len(octaves) / frames
    if len(octaves) < LEAST:
        return np.array([*[0.0] * len(PERCENTILES), 0.0, share, 0.0], np.float32)
    found = [*np.percentile(octaves, PERCENTILES), octaves.std(), share, harmonicity.mean()]
    return np.array(found, np.float32)


def _segments(frames: "Tensor", count: int) -> "Iterator[Tensor]":
    """Equal parts, in order; they share frames where these do not divide evenly, or are fewer."""
    for i in range(count):
        start, end = i * len(frames) // count, -(-(i + 1) * len(frames) // count)
        yield frames[start:end]


def _joined(parts: "list[Tensor]") -> Features:
    joined: Features = np.concatenate([part.numpy() for part in parts]).astype(np.float32)
    return joined


def _absent(error: ImportError) -> Unavailable:
    return Unavailable(f"the features of model=mfcc need speechbrain ({error}): pip install speechbrain")
