"""Speaker identification: who of some known people speaks, as SUPERB asks it [Yang et al. 2021, arXiv 2105.01051].

`model=mfcc` learns the speakers of any data set: mel-frequency cepstra and pitch of the loud frames, pooled over time,
and a kernel classifier. Choices were made on the training split of 17 speakers of LibriSpeech alone, by 5-fold
cross-validation over utterances: 1.00 uncoded, 0.96 by Opus at 12 kbit/s with 10 % loss, 0.68 by Codec2 at 3200 bit/s.
Without means of cepstra it is worse. Where training and test share rooms and microphones, these help to find a speaker.
The other models give embeddings of voices, which the same classifier learns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.metrics import speaker_ecapa, speaker_resemblyzer
from benchmark.nets.listening import check_device
from benchmark.registry import nearest
from benchmark.speakers import LEAST_S
from benchmark.types import Description, Known, Listener, NotMeasured, Result, Signal, Task, UserError
from benchmark.versions import installed
from tasks import _classes, _features
from tasks._classifier import Classifier, Kernel, Learned, learn, predict
from tasks._features import Features

NEEDS = ("learned",)
LABELS = _classes.LABELS
SOURCE = "SUPERB, arXiv 2105.01051; by cepstra and pitch, or a model's embeddings, and kernel ridge"
VALUES = _classes.values("speaker_id", SOURCE)
TASK = Task(
    title="Speaker identification",
    needs="speaker",
    kind="classes",
    metric="speaker_id_accuracy",
    apart="utterances",
    protocol="speaker-id-decoded-1",
    source="SUPERB, Yang et al. 2021, arXiv 2105.01051; on LibriSpeech as in arXiv 2502.04465",
)
LEARNED = "mfcc"
KERNEL = Kernel(width=0.3, ridge=0.03)
CEPSTRA, RANGE_DB = 30, 40.0
MODELS = {"ecapa": speaker_ecapa, "resemblyzer": speaker_resemblyzer}


def uses_device(model: str = LEARNED) -> bool:
    """Whether a GPU is of use."""
    return model in MODELS


def versions(model: str = LEARNED) -> dict[str, str]:
    """The libraries, and the checksum of a model's weights."""
    return MODELS[model].versions() if model in MODELS else installed("speechbrain", "torchaudio", "torch")


def make(model: str = LEARNED, device: str = "cpu") -> Listener:
    """Speakers by voice.

    A gain does not matter to ``mfcc``, unless it brings bands down to the floor of 1e-10, nor does polarity; what
    matters to the others is told where they are metrics.

    Args:
        model: ``mfcc``, ``resemblyzer``, whose weights are in its package, or ``ecapa``, as the metric has it.
        device: ``cpu`` or ``cuda``, of which ``mfcc`` has no use.

    Raises:
        UserError: for a value that is none of these.
    """
    chosen = check_device("speaker_id", device)
    if model == LEARNED:
        return Classifier("speaker_id", lambda: _features.voice(CEPSTRA, RANGE_DB), KERNEL)
    if model in MODELS:
        return Embedded(MODELS[model].make(chosen))
    raise UserError(f"speaker_id: no model called {model!r}. {nearest(model, {LEARNED, *MODELS})}")


@dataclass
class Embedded:
    """A learner; what it says of a signal is a speaker model's embedding, of length 1.

    Where the model hears no voice in 1 s or more of an output, such as in silence, it is empty, and stands for zeros:
    nobody's voice. Somebody is guessed all the same, since a codec that loses the voice must not be excused.
    """

    voices: Listener

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> list[Description | NotMeasured]:
        """The embedding of each signal at 16 kHz of 1 s or more."""
        said = self.voices.describe(signals, rate, labels)
        return [_embedding(one, len(signal) / rate) for one, signal in zip(said, signals, strict=True)]

    def learn(self, described: Sequence[Description], classes: Sequence[str], seed: int) -> Learned:
        """See `tasks._classifier.learn`; nothing in it is random.

        Raises:
            NotMeasured: ``no_speech`` where the model hears no voice in any utterance.
        """
        size = max(len(one) for one in described)
        if not size:
            raise NotMeasured("no_speech", "the model hears no voice in any of the training utterances")
        return learn([_full(one, size) for one in described], classes, KERNEL)

    def compare(self, degraded: Description, known: Known) -> Mapping[str, Result]:
        """Whether the speaker was found."""
        features = _full(degraded, len(known.learned["mean"]))
        return _classes.results("speaker_id", predict(known.learned, features), known)


def _embedding(said: Description | NotMeasured, seconds: float) -> Description | NotMeasured:
    if not isinstance(said, NotMeasured):
        return (said / np.linalg.norm(said)).astype(np.float32)
    lost = said.status in ("no_speech", "too_short") and seconds >= LEAST_S
    return np.zeros(0, np.float32) if lost else said


def _full(embedding: Features, size: int) -> Features:
    return embedding if len(embedding) else np.zeros(size, np.float32)
