"""Kernel ridge classification [Saunders et al., ICML 1998; Rifkin et al. 2003]: learned in closed form, in numpy.

Features are standardised by the training utterances. Each class is regressed to 1 against -1 for the others, with
a Gaussian kernel and a ridge that are fixed for each task; the largest value wins. Nothing in it is random, and no
choice is left to whoever learns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from benchmark.nets.listening import one_by_one
from benchmark.types import Description, Floats, Known, NotMeasured, Result, Signal
from tasks import _classes
from tasks._features import Features, Hear, refuse

Learned: TypeAlias = dict[str, Any]
FLAT = 1e-6  # deviation of a feature that says nothing


class Kernel(NamedTuple):
    """How a classifier generalises.

    Attributes:
        width: the exponent of the kernel is - `width` times the mean squared difference of standardised features.
        ridge: what is added to the kernel of an utterance with itself.
    """

    width: float
    ridge: float


def learn(described: Sequence[Features], classes: Sequence[str], kernel: Kernel) -> Learned:
    """The classifier of these utterances, as plain arrays.

    Args:
        described: features of each utterance, shape (n,).
        classes: the class of each.
        kernel: how it generalises.
    """
    names = sorted(set(classes))
    features = np.stack(described).astype(np.float64)
    deviation = features.std(axis=0)
    learned: Learned = {
        "classes": names,
        "mean": features.mean(axis=0),
        "scale": np.where(deviation > FLAT, deviation, 1.0),
        "width": kernel.width,
    }
    support = _standard(features, learned)
    target = np.where(np.array(classes)[:, None] == np.array(names), 1.0, -1.0)
    learned["support"] = support
    gram = _kernel(support, learned).T + kernel.ridge * np.eye(len(support))
    learned["weights"] = np.linalg.solve(gram, target)
    return learned


def predict(learned: Mapping[str, Any], features: Features) -> int:
    """The index of the class that is nearest, of features of shape (n,)."""
    near = _kernel(_standard(features[None].astype(np.float64), learned), learned)
    return int(np.argmax(near @ learned["weights"]))


def _standard(features: Floats, learned: Mapping[str, Any]) -> Features:
    """Kept in single precision, as it is sent to whoever asks."""
    standard: Features = ((features - learned["mean"]) / learned["scale"]).astype(np.float32)
    return standard


def _kernel(features: Features, learned: Mapping[str, Any]) -> Floats:
    """Of each utterance with each of the training, shape (utterances, training)."""
    one, other = features.astype(np.float64), learned["support"].astype(np.float64)
    squared = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    values: Floats = np.exp(-learned["width"] / one.shape[1] * np.maximum(squared, 0.0))
    return values


@dataclass
class Classifier:
    """A learner: what it says of a signal are features, and what it learns is the kernel classifier of these.

    Attributes:
        name: of the task.
        load: gives what hears; called when it is first asked.
        kernel: how it generalises.
    """

    name: str
    load: Callable[[], Hear]
    kernel: Kernel
    _hear: Hear | None = field(default=None, repr=False)

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> list[Description | NotMeasured]:
        """Features of each signal at 16 kHz of 25 ms or more, each heard alone; also of silence."""
        if rate != _classes.RATE:
            raise ValueError(f"{self.name}: {rate} Hz; it hears {_classes.RATE} Hz.")
        if self._hear is None:
            self._hear = self.load()
        hear = self._hear

        def checked(signal: Signal) -> Description:
            refuse(signal)
            return hear(signal)

        return one_by_one(checked, signals)

    def learn(self, described: Sequence[Description], classes: Sequence[str], seed: int) -> Learned:
        """See `learn`; nothing in it is random."""
        return learn(described, classes, self.kernel)

    def compare(self, degraded: Description, known: Known) -> Mapping[str, Result]:
        """Whether the class was found."""
        return _classes.results(self.name, predict(known.learned, degraded), known)
