"""Keyword spotting: which of some words was said, as SUPERB asks it [Yang et al. 2021, arXiv 2105.01051].

`model=mfcc` learns the words of any data set: mel-frequency cepstra in segments of equal length, and a kernel
classifier. Choices were made on the training split of Arabic Speech Commands alone, by 6-fold cross-validation over
speakers: 0.93 uncoded, 0.92 by Opus at 12 kbit/s with 10 % loss, 0.86 by Codec2 at 3200 bit/s. Cepstra less their means
are 0.01 to 0.02 better in all of these than cepstra as they are.
"""

from benchmark.nets.listening import check_device
from benchmark.registry import nearest
from benchmark.types import Listener, Task, UserError
from benchmark.versions import installed
from tasks import _classes, _features, _speechbrain
from tasks._classifier import Classifier, Kernel

LABELS = _classes.LABELS
SOURCE = "SUPERB, arXiv 2105.01051; by cepstra and kernel ridge, or a published classifier"
VALUES = _classes.values("keyword", SOURCE)
TASK = Task(
    title="Keyword spotting",
    needs="label",
    kind="classes",
    metric="keyword_accuracy",
    apart="speakers",
    protocol="keyword-decoded-1",
    source="Speech Commands, Warden 2018, arXiv 1804.03209; SUPERB, Yang et al. 2021, arXiv 2105.01051",
)
LEARNED, PUBLISHED = "mfcc", "xvector_commands"
KERNEL = Kernel(width=1.0, ridge=0.03)


def needs(model: str = LEARNED) -> tuple[str, ...]:
    """A published classifier learns nothing."""
    return ("learned",) if model == LEARNED else ()


def uses_device(model: str = LEARNED) -> bool:
    """Whether a GPU is of use."""
    return model == PUBLISHED


def versions(model: str = LEARNED) -> dict[str, str]:
    """The libraries, and the checksums of a published classifier's files."""
    if model == PUBLISHED:
        return _speechbrain.versions(_speechbrain.COMMANDS, _speechbrain.COMMANDS_FILES)
    return installed("speechbrain", "torchaudio", "torch")


def make(model: str = LEARNED, device: str = "cpu") -> Listener:
    """Words by their sound.

    A gain does not matter to either model, unless it brings bands down to the floor of 1e-10, nor does polarity.

    Args:
        model: ``mfcc``, which learns from the training split, or ``xvector_commands``, SpeechBrain's x-vector network
            for ten of the words of Speech Commands, ``unknown`` and ``silence``, as published.
        device: ``cpu`` or ``cuda``, of which the former model has no use.

    Raises:
        UserError: for a value that is none of these.
    """
    chosen = check_device("keyword", device)
    if model == LEARNED:
        return Classifier("keyword", _features.words, KERNEL)
    if model == PUBLISHED:
        shortest = _speechbrain.COMMANDS_SHORTEST
        return _speechbrain.Published("keyword", lambda: _speechbrain.commands(chosen), shortest=shortest)
    raise UserError(f"keyword: no model called {model!r}. {nearest(model, {LEARNED, PUBLISHED})}")
