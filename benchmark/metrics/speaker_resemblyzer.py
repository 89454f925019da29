"""Speaker similarity by Resemblyzer, the GE2E encoder of Wan et al., ICASSP 2018, arXiv 1710.10467."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmark.nets.listening import check_device, need_device
from benchmark.speakers import NEEDS, RATE, Batch, Embed, Voices, enough, values
from benchmark.types import Description, Listener, NotMeasured, Signal, Unavailable
from benchmark.versions import ABSENT, checksum, installed

__all__ = ["NEEDS", "VALUES", "make", "versions"]

VALUES = values("resemblyzer", "Resemblyzer 0.1.4 after Wan et al. 2018, arXiv 1710.10467", generative="care")
WEIGHTS = "pretrained.pt"  # in the package


def versions() -> dict[str, str]:
    """The package and what it hears with: its voice activity detector, its mel spectrum, and its weights."""
    package = find_spec("resemblyzer")
    path = None if package is None or package.origin is None else Path(package.origin).with_name(WEIGHTS)
    weights = ABSENT if path is None else checksum(path)
    return installed("resemblyzer", "webrtcvad", "librosa", "torch") | {"weights": weights}


def make(device: str = "cpu") -> Listener:
    """Cosine of the package's own embeddings, 256 dimensions.

    Each signal goes the package's usual way, `preprocess_wav` and `embed_utterance`: raised to -30 dBFS where it is
    quieter, pauses cut by a voice activity detector, embedded in windows of 1.6 s. The model knows speech without
    pauses only; a gap that losses leave is no voice of anybody, and other values count it. The level matters, as the
    encoder hears magnitudes: on read speech, 20 dB down cost 0.06 (0.33 without the raising), 8 dB up 0.08.
    Polarity hardly matters; a delay shifts pauses and windows, and 50 ms cost less than 0.03.
    On 72 read utterances of 18 speakers, the same speaker's were at 0.90 and others' at 0.55 on average.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    chosen = check_device("spk_sim_resemblyzer", device)
    return Voices("resemblyzer", lambda: _load(chosen))


def _load(device: str) -> Embed:
    need_device("spk_sim_resemblyzer", device)
    try:
        with warnings.catch_warnings():  # about names in setuptools and scipy that the package's last release uses
            warnings.simplefilter("ignore")
            from resemblyzer import VoiceEncoder, preprocess_wav
    except ImportError as error:
        text = f"spk_sim_resemblyzer needs resemblyzer ({error}): pip install resemblyzer==0.1.4 'setuptools<82'"
        raise Unavailable(text) from error
    encoder = VoiceEncoder(device, verbose=False)

    def hear(signal: Signal) -> Description | NotMeasured:
        speech = preprocess_wav(signal)
        try:
            if not len(speech):
                raise NotMeasured("no_speech", "the model's voice activity detector finds no speech")
            enough(len(speech) / RATE, "of speech, by the model's voice activity detector")
        except NotMeasured as error:
            return NotMeasured(error.status, error.reason)
        embedding: Description = encoder.embed_utterance(speech).astype(np.float32)
        return embedding

    def embed(batch: Batch) -> list[Description | NotMeasured]:
        return [hear(signal) for signal in batch]  # cut by their pauses, they are of one length no longer

    return embed
