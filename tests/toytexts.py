"""A task of text for tests: what was whistled, word by word; nobody judges decoded audio here."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.types import Description, Known, Ratio, Result, Signal, Task, ValueInfo

TASK = Task("what is whistled", "transcript", "text", "tune_wer", "speakers", "tune-1", "these tests")
VALUES = {"tune_wer": ValueInfo("", "lower", "these tests")}
NEEDS = ()
LABELS = ("transcript",)


class Tune:
    """Says nothing."""

    def describe(self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]) -> list[Any]:
        return ["" for _ in signals]

    def compare(self, degraded: Description, known: Known) -> dict[str, Result]:
        return {"tune_wer": Ratio(1.0, 1.0)}


make = Tune
