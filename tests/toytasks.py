"""Downstream tasks that are learned in no time: which of some tones it is, and how many seconds it lasts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.types import Description, Known, NotMeasured, Ratio, Result, Signal, Task, Unavailable
from tasks import _classes

TASK = Task("which tone", "label", "classes", "tone_accuracy", "speakers", "tone-1", "these tests")
VALUES = {**_classes.values("tone", "these tests")}
NEEDS = ("learned",)
LABELS = _classes.LABELS
SHORTEST = 1701  # samples


class Tone:
    """Hears the strongest frequency, and says whose mean of the training is nearest."""

    def __init__(self, lacking: str = "") -> None:
        self.lacking = lacking

    def describe(self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]) -> list[Any]:
        if self.lacking:
            raise Unavailable(f"it needs {self.lacking}")
        return [_strongest(signal, rate) for signal in signals]

    def learn(self, described: Sequence[Description], classes: Sequence[str], seed: int) -> Description:
        names = sorted(set(classes))
        known = np.array(described)
        return {"classes": names, "means": [float(known[np.array(classes) == name].mean()) for name in names]}

    def compare(self, degraded: Description, known: Known) -> dict[str, Result]:
        nearest = int(np.argmin(np.abs(np.array(known.learned["means"]) - degraded)))
        return _classes.results("tone", nearest, known)


def _strongest(signal: Signal, rate: int) -> float | NotMeasured:
    if len(signal) < SHORTEST:
        return NotMeasured("too_short", f"{len(signal)} samples, {SHORTEST} are needed")
    return float(np.abs(np.fft.rfft(signal)).argmax() * rate / len(signal))


make = Tone


class Broken(Tone):
    """Learns nothing."""

    def learn(self, described: Sequence[Description], classes: Sequence[str], seed: int) -> Description:
        raise ZeroDivisionError("nothing can be learned")


class Same(Tone):
    """Says ratios that are all the same."""

    def compare(self, degraded: Description, known: Known) -> dict[str, Result]:
        return dict.fromkeys(VALUES, Ratio(1.0, 1.0))
