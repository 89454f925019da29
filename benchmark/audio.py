"""Audio files in and out: one reader, one writer, mono float32."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmark.types import NotMeasured, Signal

SHORTEST = 0.1  # s; below that no metric here has a value and codecs see less than their frames
RATES = (4000, 192_000)  # Hz; outside, a file is damaged or no speech


class Audio(NamedTuple):
    """A mono signal, its rate in Hz, and how many channels the file had."""

    signal: Signal
    rate: int
    channels: int = 1


def read(path: Path) -> Audio:
    """Read a file as mono: several channels are averaged.

    Raises:
        NotMeasured: ``input_failed`` when it is no audio, empty, or holds NaN; ``too_short`` below 0.1 s.
    """
    import soundfile

    try:
        data, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:  # TypeError: a name ending in .raw
        raise NotMeasured("input_failed", f"{path.name} cannot be read as audio: {error}") from error
    if not len(data):
        raise NotMeasured("input_failed", f"{path.name} holds no samples")
    if not np.isfinite(data).all():
        raise NotMeasured("input_failed", f"{path.name} holds NaN or infinity")
    if not RATES[0] <= rate <= RATES[1]:
        text = f"{path.name} has a sample rate of {rate} Hz, outside {RATES[0]} to {RATES[1]}"
        raise NotMeasured("input_failed", text)
    if len(data) < SHORTEST * rate:
        text = f"{path.name} lasts {1000 * len(data) / rate:.0f} ms, at least {1000 * SHORTEST:.0f} are needed"
        raise NotMeasured("too_short", text)
    return Audio(np.ascontiguousarray(data.mean(axis=1)), rate, data.shape[1])


def write(path: Path, signal: Signal, rate: int) -> None:
    """Write a 16-bit FLAC; what lies beyond full scale is clipped, as a sound card would."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(signal, -1, 1), rate, subtype="PCM_16", format="FLAC")
