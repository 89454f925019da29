"""Intent classification: a recogniser's text, and a classifier of the texts it hears in uncoded training speech.

As deployed systems do it, and unlike the papers' probes: SLURP's baseline is such a pipeline [Bastianelli et al. 2020,
arXiv 2011.13205]. The classifier learns the recogniser's mistakes too, so that a weak recogniser suffices where
it makes them always alike. Words stand between spaces: for languages written without, this is no task.

With `phrases`, sentences of the domain, pocketsphinx hears their words only, far better (`_phrases`): of 71 coffee
orders of Picovoice's speech-to-intent benchmark, with that project's own sentences and 107 orders to learn from, it
finds 96 % of the drinks (10 classes), 100 % of the roasts, 94 % of the sizes and 93 % of the numbers of shots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.manifest import find
from benchmark.metrics import asr
from benchmark.metrics.asr import RECOGNISERS, Asr
from benchmark.metrics.asr import uses_device as uses_device
from benchmark.recognisers import _phrases
from benchmark.types import Description, Known, Learner, Listener, NotMeasured, Result, Signal, Task, UserError
from benchmark.versions import checksum
from benchmark.weights import data_root
from tasks import _classes, _text

NEEDS = ("learned",)
LABELS = (*_classes.LABELS, "language")
SOURCE = "recognised text, L1-regularised logistic regression; SLURP, arXiv 2011.13205, has such a pipeline"
VALUES = _classes.values("intent", SOURCE)
TASK = Task(
    title="Intent classification",
    needs="label",
    kind="classes",
    metric="intent_accuracy",
    apart="speakers",
    protocol="intent-decoded-1",
    source="SLURP, Bastianelli et al. 2020, arXiv 2011.13205",
)
LANGUAGE_MODEL = "pocketsphinx"  # the recogniser that can be given one


def versions(model: str = "pocketsphinx", weights: str | None = None, phrases: str | None = None) -> dict[str, str]:
    """The recogniser's libraries and weights, and the checksum of the sentences."""
    known = RECOGNISERS[model].versions(weights) if model in RECOGNISERS else {}
    return known if phrases is None else {**known, "phrases": checksum(_found(phrases))}


@dataclass(frozen=True)
class Intent:
    """Texts of a recogniser, sorted into classes."""

    ears: Listener

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> Sequence[Description | NotMeasured]:
        """The texts; of silence "", see `benchmark.metrics.asr.Asr.describe`."""
        return self.ears.describe(signals, rate, labels)

    def learn(self, described: Sequence[str], classes: Sequence[str], seed: int) -> _text.Learned:
        """See `_text.learn`; nothing in it is random."""
        return _text.learn(described, classes)

    def compare(self, degraded: str, known: Known) -> dict[str, Result]:
        """Whether the class was found; that of an empty text is the one that is usual in the training speech."""
        return _classes.results("intent", _text.predict(degraded, known.learned), known)


def make(
    model: str = "pocketsphinx",
    weights: str | None = None,
    language: str = "en",
    phrases: str | None = None,
    device: str = "cpu",
) -> Learner:
    """Intents by one recogniser's texts.

    Args:
        model: ``pocketsphinx`` (English; its model is in its package), ``whisper`` or ``ctc``.
        weights: of whisper a size, by default ``small``; of ctc a folder, by default ``wav2vec2_base_960h``.
        language: what is spoken where the data do not say it; of ctc also the language of its model.
        phrases: a text file of sentences of the domain, one a line, in the current folder or else under the data
            root: a language model for pocketsphinx.
        device: ``cpu`` or ``cuda``; pocketsphinx has no use for the latter.

    Raises:
        UserError: for a value that is none of these, or a file without sentences, or with unknown words.
    """
    try:
        heard = asr.make(model, weights, language, "none", device)
    except UserError as error:
        raise UserError(str(error).replace("asr:", "intent:")) from error  # whose parameters these are here
    if phrases is None:
        return Intent(heard)
    if model != LANGUAGE_MODEL:
        raise UserError(f"intent: phrases={phrases!r} is a language model for pocketsphinx; {model} takes none.")
    return Intent(Asr(_phrases.make(_found(phrases), device), language, "none"))


def _found(phrases: str) -> Path:
    """The file of sentences.

    Raises:
        UserError: when it is nowhere.
    """
    root = data_root()
    return find(str(phrases), [Path.cwd(), root, root / "data"], "intent: the file of phrases")
