"""Emotion recognition: in which of some moods an utterance was spoken, as SUPERB asks it [arXiv 2105.01051].

`model=mfcc` learns the emotions of any data set: mel-frequency cepstra and pitch of the loud frames, pooled over time,
and a kernel classifier. Choices were made on the training split of EmoDB alone, by cross-validation that leaves out one
of its six speakers at a time: accuracy 0.78 and unweighted recall 0.72 uncoded, 0.75 and 0.70 by Opus at 12 kbit/s with
10 % loss, 0.52 and 0.48 by Codec2 at 3200 bit/s. Without means of cepstra it is worse.
"""

from benchmark.nets.listening import check_device
from benchmark.registry import nearest
from benchmark.types import Listener, Task, UserError
from benchmark.versions import installed
from tasks import _classes, _features, _speechbrain
from tasks._classifier import Classifier, Kernel

LABELS = _classes.LABELS
SOURCE = "SUPERB, arXiv 2105.01051; by cepstra, pitch and kernel ridge, or a published classifier"
VALUES = _classes.values("emotion", SOURCE)
TASK = Task(
    title="Emotion recognition",
    needs="label",
    kind="classes",
    metric="emotion_recall",
    apart="speakers",
    protocol="emotion-decoded-1",
    source="EmoDB, Burkhardt et al., Interspeech 2005; IEMOCAP as in SUPERB, arXiv 2105.01051; unweighted recall "
    "after Schuller et al., Interspeech 2009",
)
LEARNED, PUBLISHED = "mfcc", "wav2vec2_iemocap"
KERNEL = Kernel(width=0.3, ridge=0.03)
CEPSTRA, RANGE_DB = 13, 50.0
NAMES = {"ang": "anger", "hap": "happiness", "neu": "neutral", "sad": "sadness"}  # IEMOCAP's, and ours


def needs(model: str = LEARNED) -> tuple[str, ...]:
    """A published classifier learns nothing."""
    return ("learned",) if model == LEARNED else ()


def uses_device(model: str = LEARNED) -> bool:
    """Whether a GPU is of use."""
    return model == PUBLISHED


def versions(model: str = LEARNED) -> dict[str, str]:
    """The libraries, and the checksums of a published classifier's files."""
    if model == PUBLISHED:
        return _speechbrain.versions(_speechbrain.IEMOCAP, _speechbrain.IEMOCAP_FILES)
    return installed("speechbrain", "torchaudio", "torch")


def make(model: str = LEARNED, device: str = "cpu") -> Listener:
    """Emotions by voice.

    A gain does not matter to either model, unless it brings bands down to the floor of 1e-10. Polarity does not
    matter to the former.

    Args:
        model: ``mfcc``, which learns from the training split, or ``wav2vec2_iemocap``, SpeechBrain's wav2vec 2.0 for
            anger, happiness, neutral and sadness of IEMOCAP, as published.
        device: ``cpu`` or ``cuda``, of which the former model has no use.

    Raises:
        UserError: for a value that is none of these.
    """
    chosen = check_device("emotion", device)
    if model == LEARNED:
        return Classifier("emotion", lambda: _features.voice(CEPSTRA, RANGE_DB), KERNEL)
    if model == PUBLISHED:
        return _speechbrain.Published("emotion", lambda: _speechbrain.emotions(chosen), NAMES)
    raise UserError(f"emotion: no model called {model!r}. {nearest(model, {LEARNED, PUBLISHED})}")
