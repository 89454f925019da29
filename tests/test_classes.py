"""Values of classification tasks: a planted confusion gives exactly its accuracy and its unweighted recall."""

from collections import Counter

import pytest

from benchmark.types import Known, NotMeasured, Ratio, Result
from tasks import _classes

CLASSES = ["anger", "fear", "joy"]
# Truth and what was found: recalls of 3/4, 1/2 and 0.
CONFUSION = [("anger", 0)] * 3 + [("anger", 2)] + [("fear", 1), ("fear", 0)] + [("joy", 0)] * 2


def known(truth: str, count: int, classes: list[str] = CLASSES) -> Known:
    return Known(labels={"class": truth, "class_count": str(count)}, learned={"classes": classes})


def pooled(found: list[dict[str, Result]], name: str) -> float:
    ratios = [each[name] for each in found]
    assert all(isinstance(ratio, Ratio) for ratio in ratios)
    return sum(r.numerator for r in ratios) / sum(r.denominator for r in ratios)  # type: ignore[union-attr]


def test_a_planted_confusion_has_its_accuracy_and_its_unweighted_recall() -> None:
    counts = Counter(truth for truth, _ in CONFUSION)
    found = [_classes.results("mood", predicted, known(truth, counts[truth])) for truth, predicted in CONFUSION]
    assert pooled(found, "mood_accuracy") == pytest.approx(4 / 8, abs=1e-12)
    assert pooled(found, "mood_error") == pytest.approx(4 / 8, abs=1e-12)
    assert pooled(found, "mood_recall") == pytest.approx((3 / 4 + 1 / 2 + 0) / 3, abs=1e-12)
    assert [each["mood_class"] for each in found] == [predicted for _, predicted in CONFUSION]


def test_what_is_said_of_values_names_those_that_are_given() -> None:
    table = _classes.values("mood", "Somebody 2020")
    assert list(table) == list(_classes.results("mood", 0, known("anger", 1)))
    assert [info.better for info in table.values()] == ["higher", "lower", "higher", "neither"]
    assert all("Somebody 2020" in info.source and info.rate == 16_000 and info.validity for info in table.values())


def test_a_class_that_nobody_learned_is_not_measured() -> None:
    with pytest.raises(NotMeasured, match="'envy' is none of the classes: anger, fear, joy") as caught:
        _classes.results("mood", 0, known("envy", 1))
    assert caught.value.status == "not_applicable"
