"""Intents by texts: words that carry the class are found, shuffled classes are not, and bad input is one line."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.stats import ttest_1samp

from benchmark import registry
from benchmark.descriptions import dumps, loads
from benchmark.recognisers._phrases import Phrases
from benchmark.recognisers.pocketsphinx import PocketSphinx
from benchmark.types import Known, NotMeasured, Ratio, Signal, Spec, Unavailable, UserError
from benchmark.versions import checksum
from tasks import _text, intent
from tests.signals import speech_like

DEMO = Path(__file__).parents[1] / "data_manifests" / "demo"
CLASSES = ("coffee", "latte", "mocha", "tea")
AROUND = ("i", "would", "like", "please", "a", "an", "some", "two", "with", "and", "cream", "sugar", "large", "now")


class Scribe:
    """Says of a signal the text that its first sample numbers."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def describe(self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]) -> list[str]:
        return [self.texts[int(signal[0])] for signal in signals]

    def compare(self, degraded: str, known: Known) -> dict[str, Any]:
        return {}


def orders(seed: int, count: int, *, told: bool = True) -> tuple[list[str], list[str]]:
    """Sentences of the same words in each class, but for one word if it is `told`."""
    random = np.random.default_rng(seed)
    classes = [CLASSES[i % len(CLASSES)] for i in range(count)]
    texts = []
    for name in classes:
        words = list(random.choice(AROUND, random.integers(4, 9)))
        texts.append(" ".join([*words[:2], *([name] if told else []), *words[2:]]))
    return texts, classes


def accuracy(learned: _text.Learned, texts: Sequence[str], classes: Sequence[str]) -> float:
    found = [learned["classes"][_text.predict(text, learned)] for text in texts]
    return float(np.mean([one == other for one, other in zip(found, classes, strict=True)]))


# --- texts ----------------------------------------------------------------------------------------------


def test_a_word_that_carries_the_class_is_found_and_nothing_else_counts():
    learned = _text.learn(*orders(0, 80))
    assert learned["classes"] == sorted(CLASSES)
    assert accuracy(learned, *orders(1, 100)) == 1.0
    strongest = learned["weights"].argmax(axis=0)
    assert [learned["grams"][i] for i in strongest] == sorted(CLASSES)
    assert len(learned["grams"]) < 40 < len(set().union(*map(_text.grams, orders(0, 80)[0])))


def test_the_order_of_two_words_can_carry_the_class():
    texts = ["milk then sugar", "sugar then milk"]
    random = np.random.default_rng(0)
    said = [
        f"{random.choice(AROUND)} {['hot milk no', 'no milk hot'][i % 2]} {random.choice(AROUND)}" for i in range(40)
    ]
    learned = _text.learn(said, [texts[i % 2] for i in range(40)])
    assert accuracy(learned, ["a hot milk no a", "a no milk hot a"], texts) == 1.0


def test_shuffled_classes_are_found_by_chance():
    """On average: a word that chance put nearest to a class takes all texts with it, so that one trial says little."""
    texts, classes = orders(0, 60)
    test = orders(100, 100)
    shuffles = [list(np.random.default_rng(seed).permutation(classes)) for seed in range(12)]
    found = [accuracy(_text.learn(texts, shuffled), *test) for shuffled in shuffles]
    interval = ttest_1samp(found, 1 / len(CLASSES)).confidence_interval(0.95)
    assert interval.low <= 1 / len(CLASSES) <= interval.high
    assert interval.high - interval.low < 0.2


def test_texts_that_tell_nothing_give_chance_and_not_an_error():
    learned = _text.learn(*orders(0, 80, told=False))
    assert 0.05 < accuracy(learned, *orders(1, 200, told=False)) < 0.45


def test_an_empty_text_is_of_the_usual_class():
    learned = _text.learn(
        ["a tea", "a mocha", "one mocha", "a latte", "tea"], ["tea", "mocha", "mocha", "latte", "tea"]
    )
    for text in ("", "  ", " ... -- "):
        assert learned["classes"][_text.predict(text, learned)] == "mocha", "the first of the most frequent"
    assert learned["classes"][_text.predict("tea!", learned)] == "tea"
    assert 0 <= _text.predict("never heard words", learned) < 3


def test_the_absence_of_words_can_be_a_class():
    texts, classes = orders(0, 80)
    said = [text.replace("tea", "") for text in texts]
    learned = _text.learn(said, classes)
    assert learned["classes"][_text.predict("one with cream now", learned)] == "tea"


def test_a_deaf_recogniser_teaches_the_usual_class():
    learned = _text.learn(["", "", ""], ["tea", "latte", "tea"])
    assert learned["grams"] == []
    for text in ("", "a latte"):
        assert learned["classes"][_text.predict(text, learned)] == "tea"


def test_case_and_punctuation_do_not_count():
    assert _text.grams("I'd like “Tea”, PLEASE.") == {
        "i'd",
        "like",
        "tea",
        "please",
        "i'd like",
        "like tea",
        "tea please",
    }
    assert _text.grams("...") == set()


def test_no_other_weights_cost_less():
    """At the least cost, what a weight still gains is what its penalty takes, and less where it has none."""
    texts, classes = orders(0, 60)
    classes = [*classes[:50], *classes[:10]]  # some of them wrong, so that words contradict
    learned = _text.learn(texts, classes)
    truth = np.array([learned["classes"].index(one) for one in classes])
    known = sorted(set().union(*map(_text.grams, texts)))
    matrix = np.array([[gram in _text.grams(text) for gram in known] for text in texts], dtype=float)
    weights = np.zeros((len(known), len(CLASSES)))
    weights[[known.index(gram) for gram in learned["grams"]]] = learned["weights"]
    scores = np.exp(matrix @ weights + learned["bias"])
    missed = np.eye(len(CLASSES))[truth] - scores / scores.sum(axis=1, keepdims=True)
    gain, held = matrix.T @ missed, weights != 0
    assert 10 < held.sum() < held.size / 2
    assert gain[held] == pytest.approx(_text.PENALTY * np.sign(weights[held]), abs=0.04)
    assert np.abs(gain[~held]).max() < _text.PENALTY + 0.04
    assert missed.sum(axis=0) == pytest.approx(0, abs=0.04), "the bias is free"


def test_learning_in_another_order_is_the_same_and_survives_the_store():
    texts, classes = orders(3, 60)
    one, other = _text.learn(texts, classes), _text.learn(texts[::-1], classes[::-1])
    assert dumps(one) == dumps(other)
    kept = loads(dumps(one))
    assert [_text.predict(text, kept) for text in texts] == [_text.predict(text, one) for text in texts]
    assert kept.keys() == one.keys()


# --- the task -------------------------------------------------------------------------------------------


def test_the_task_learns_describes_and_compares():
    texts, classes = orders(0, 80)
    task = intent.Intent(Scribe([*texts, "a mocha with cream", ""]))
    signals = [np.full(800, i, np.float32) for i in range(82)]
    *described, heard, silent = task.describe(signals, 16_000, [{}] * 82)
    learned = task.learn(described, classes, 0)
    assert dumps(learned) == dumps(task.learn(described, classes, 1)), "nothing is random"
    known = Known(labels={"class": "mocha", "class_count": "5"}, learned=learned)
    values = task.compare(heard, known)
    assert values.keys() == intent.VALUES.keys()
    assert values["intent_accuracy"] == Ratio(1, 1)
    assert values["intent_recall"] == Ratio(0.2, 0.2)
    assert values["intent_class"] == 2.0
    assert task.compare(silent, known)["intent_error"] == Ratio(1, 1), "nothing heard is wrong, not excused"
    assert task.compare(silent, known)["intent_class"] == learned["usual"]


def test_silence_is_an_empty_text(phrases: str):
    pytest.importorskip("pocketsphinx")
    assert intent.make(phrases=phrases).describe([np.zeros(16_000, np.float32)], 16_000, [{}]) == [""]


@pytest.fixture
def phrases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file under the data root; the current folder is another."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "orders.txt").write_text(
        "Please turn off the light before you leave the building.\nA large crowd gathered.\n"
    )
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path / "root"))
    return "orders.txt"


def test_speech_to_class_by_the_recogniser(phrases: str):
    pytest.importorskip("pocketsphinx")
    task = registry.make("task", Spec("intent", {"phrases": phrases}))
    signal, _ = soundfile.read(DEMO / "kal16_6.flac", dtype="float32")
    noisy = signal + 0.01 * np.random.default_rng(0).standard_normal(len(signal)).astype(np.float32)
    texts = task.describe([signal, noisy], 16_000, [{}, {"language": "en-GB"}])
    assert texts[0] == "please turn off the light before you leave the building"
    learned = task.learn([texts[0], texts[0], "a large crowd", "large crowd"], ["light", "light", "crowd", "crowd"], 0)
    known = Known(labels={"class": "light", "class_count": "1"}, learned=learned)
    assert task.compare(texts[1], known)["intent_accuracy"] == Ratio(1, 1)
    (foreign,) = task.describe([signal], 16_000, [{"language": "de"}])
    assert isinstance(foreign, NotMeasured)


def test_without_phrases_the_recogniser_is_the_general_one(phrases: str):
    general: Any = intent.make()
    special: Any = intent.make(phrases=phrases)
    assert type(general.ears.recogniser) is PocketSphinx
    assert type(special.ears.recogniser) is Phrases


def test_the_sentences_are_part_of_its_identity(phrases: str, tmp_path: Path):
    path = tmp_path / "root" / phrases
    before = intent.versions(phrases=phrases)
    assert before == {**intent.versions(), "phrases": checksum(path)}
    assert "pocketsphinx" in before
    path.write_text("Something else entirely.\n")
    assert intent.versions(phrases=phrases) != before
    (tmp_path / "here" / phrases).write_text("nearer\n")
    assert intent.versions(phrases=phrases)["phrases"] == checksum(tmp_path / "here" / phrases), "here is first"
    assert intent.versions(phrases=str(path))["phrases"] == checksum(path)
    assert intent.versions("nobody") == {}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"phrases": "gone.txt"}, r"intent: the file of phrases is missing: 'gone.txt' is none of .*here.*, .*root"),
        ({"phrases": "empty.txt"}, "empty.txt holds no words"),
        ({"phrases": "odd.txt"}, "odd.txt holds words that pocketsphinx's English dictionary lacks: 'zzyzx'"),
        ({"phrases": "orders.txt", "model": "whisper"}, "is a language model for pocketsphinx; whisper takes none"),
        ({"phrases": "orders.txt", "model": "ctc"}, "is a language model for pocketsphinx; ctc takes none"),
        ({"model": "wisper"}, "^intent: there is no recogniser 'wisper'. Did you mean 'whisper'"),
        ({"language": False}, "language=False is no language; .* \"intent:language='no'\""),
        ({"weights": "small"}, "pocketsphinx takes no weights"),
        ({"device": "tpu"}, "no device 'tpu'"),
    ],
)
def test_a_wrong_parameter_is_one_line(parameters: dict[str, Any], message: str, phrases: str, tmp_path: Path):
    pytest.importorskip("pocketsphinx")
    (tmp_path / "root" / "empty.txt").write_text("\n\n")
    (tmp_path / "root" / "odd.txt").write_text("a zzyzx\n")
    with pytest.raises(UserError, match=message) as refusal:
        intent.make(**parameters)
    assert "\n" not in str(refusal.value)


def test_without_the_library_it_says_how_to_get_it(phrases: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    for task in (intent.make(), intent.make(phrases=phrases)):
        with pytest.raises(Unavailable, match="pip install"):
            task.describe([speech_like(0.1)], 16_000, [{}])


def test_what_the_module_says_of_itself():
    assert (intent.NEEDS, intent.LABELS) == (("learned",), ("class", "class_count", "language"))
    assert (intent.TASK.needs, intent.TASK.kind, intent.TASK.metric) == ("label", "classes", "intent_accuracy")
    assert intent.TASK.metric in intent.VALUES
    assert [intent.uses_device(model) for model in ("pocketsphinx", "whisper", "ctc")] == [False, True, True]
