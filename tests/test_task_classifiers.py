"""Tasks that learn classes: planted ones are found, shuffled ones by chance alone, and silence is some class."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter
from scipy.stats import binomtest

from benchmark.descriptions import dumps, loads
from benchmark.metrics import speaker_resemblyzer
from benchmark.types import Known, Learner, NotMeasured, Signal, Unavailable, UserError
from benchmark.versions import ABSENT
from tasks import _classifier, emotion, keyword, speaker_id
from tasks._classifier import Kernel
from tests.signals import speech_like

RATE = 16_000
DEMO = Path(__file__).parents[1] / "data_manifests" / "demo"
TASKS = {"keyword": keyword, "emotion": emotion, "speaker_id": speaker_id}
VOWELS = {"ah": (730, 1090), "ee": (270, 2290), "oo": (300, 870)}
SAID = ("ah ee", "ee ah", "oo ah")  # the first two differ by their order alone


def vowel(name: str, hertz: float, seconds: float, random: np.random.Generator) -> Signal:
    samples = round(seconds * RATE)
    phase = np.cumsum(hertz * (1 + 0.01 * random.standard_normal(samples))) / RATE
    signal = np.diff(np.floor(phase), prepend=0.0) + 0.003 * random.standard_normal(samples)
    for formant in VOWELS[name]:
        radius = np.exp(-np.pi * 100 / RATE)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2]
        signal = lfilter([sum(poles)], poles, signal)
    return signal / np.abs(signal).max()


def spoken(kind: int, number: int) -> Signal:
    """Two vowels by a random voice, of unequal lengths, in a little noise."""
    random = np.random.default_rng([kind, number])
    first, second = SAID[kind].split()
    hertz, seconds = random.uniform(100, 180), random.uniform(0.35, 0.5, 2)
    parts = [vowel(name, hertz, each, random) for name, each in zip((first, second), seconds, strict=True)]
    signal = np.concatenate(parts)
    return (random.uniform(0.1, 0.5) * signal + 1e-3 * random.standard_normal(len(signal))).astype(np.float32)


def voiced(kind: int, number: int) -> Signal:
    """One of three voices, by pitch and size of the mouth, says vowels in any order."""
    random = np.random.default_rng([kind, number, 7])
    names = random.permutation(list(VOWELS))
    signal = np.concatenate([vowel(name, (95, 150, 240)[kind], 0.4, random) for name in names])
    return (random.uniform(0.1, 0.5) * signal + 1e-3 * random.standard_normal(len(signal))).astype(np.float32)


PLANTED: dict[str, Callable[[int, int], Signal]] = {"keyword": spoken, "emotion": voiced, "speaker_id": voiced}


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def listener(task: str) -> Any:
    return TASKS[task].make()


def demo(name: str) -> Signal:
    signal: Signal = soundfile.read(DEMO / f"{name}.flac", dtype="float32")[0]
    return signal


def describe(listener: Learner, *signals: Signal) -> list[Any]:
    return list(listener.describe(signals, RATE, [{}] * len(signals)))


def found(listener: Learner, name: str, learned: Any, said: Sequence[Any], truth: Sequence[str]) -> list[float]:
    counts = Counter(truth)
    labels = [{"class": each, "class_count": str(counts[each])} for each in truth]
    values = [listener.compare(one, Known(labels=of, learned=learned)) for one, of in zip(said, labels, strict=True)]
    return [each[f"{name}_accuracy"].numerator for each in values]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def lesson(task: str, listener: Learner) -> tuple[list[Any], list[str]]:
    """What is said of 10 utterances of each planted class, and the classes."""
    pairs = [(PLANTED[task](kind, i), f"class {kind}") for i in range(10) for kind in range(3)]
    return describe(listener, *(signal for signal, _ in pairs)), [of for _, of in pairs]


def test_planted_classes_are_learned(task: str, listener: Learner, lesson: tuple[list[Any], list[str]]) -> None:
    learned = loads(dumps(listener.learn(*lesson, 0)))
    assert learned["classes"] == ["class 0", "class 1", "class 2"]
    pairs = [(PLANTED[task](kind, 100 + i), f"class {kind}") for i in range(5) for kind in range(3)]
    said = [loads(dumps(one)) for one in describe(listener, *(signal for signal, _ in pairs))]
    assert found(listener, task, learned, said, [of for _, of in pairs]) == [1.0] * len(pairs)


def test_learning_twice_is_the_same(listener: Learner, lesson: tuple[list[Any], list[str]]) -> None:
    assert dumps(listener.learn(*lesson, 0)) == dumps(listener.learn(*lesson, 1))


def test_one_by_one_or_together_is_the_same(task: str, listener: Learner, lesson: tuple[list[Any], list[str]]) -> None:
    signals = [PLANTED[task](kind, 0) for kind in range(3)]
    signals[1] = signals[1][:9_000]
    together, fresh = describe(listener, *reversed(signals)), TASKS[task].make()
    for signal, one in zip(reversed(signals), together, strict=True):
        np.testing.assert_array_equal(one, describe(fresh, signal)[0])
    assert together[0].dtype == np.float32


def test_gain_and_polarity_do_not_matter(task: str, listener: Learner, lesson: tuple[list[Any], list[str]]) -> None:
    speech = PLANTED[task](0, 50)
    whole, quiet, turned = describe(listener, speech, np.float32(0.01) * speech, -speech)
    scale = listener.learn(*lesson, 0)["scale"]
    np.testing.assert_allclose(quiet / scale, whole / scale, atol=0.02)
    np.testing.assert_allclose(turned / scale, whole / scale, atol=0.02)


def test_silence_and_one_window_are_some_class(
    task: str, listener: Learner, lesson: tuple[list[Any], list[str]]
) -> None:
    learned = listener.learn(*lesson, 0)
    noise = (0.1 * np.random.default_rng(0).standard_normal(400)).astype(np.float32)
    signals = [np.zeros(RATE, np.float32), np.zeros(400, np.float32), noise, np.full(RATE, 0.1, np.float32)]
    for said in describe(listener, *signals):
        assert np.isfinite(said).all()
        value = listener.compare(said, Known(labels={"class": "class 1", "class_count": "5"}, learned=learned))
        assert value[f"{task}_class"] in (0.0, 1.0, 2.0)


def test_bad_signals_have_their_reasons_and_take_no_other_with_them(listener: Learner) -> None:
    speech = speech_like(1)
    holed = speech.copy()
    holed[5] = np.nan
    said = describe(listener, holed, speech[:399], speech[:0], speech[None], speech)
    reasons = [(one.status, one.reason) for one in said if isinstance(one, NotMeasured)]
    assert [status for status, _ in reasons] == ["metric_failed", "too_short", "too_short", "metric_failed"]
    assert reasons[1][1] == "24.9375 ms; the classifier hears 25 ms or more"
    np.testing.assert_array_equal(said[-1], describe(listener, speech)[0])


def test_another_rate_is_refused(listener: Learner) -> None:
    with pytest.raises(ValueError, match="8000 Hz; it hears 16000 Hz"):
        listener.describe([speech_like(1)], 8_000, [{}])


def test_a_class_that_was_not_learned_is_not_measured(task: str, listener: Learner, lesson: Any) -> None:
    known = Known(labels={"class": "class 9", "class_count": "1"}, learned=listener.learn(*lesson, 0))
    with pytest.raises(NotMeasured, match="'class 9' is none of the classes: class 0, class 1, class 2"):
        listener.compare(lesson[0][0], known)


def test_versions_name_the_libraries(task: str) -> None:
    versions = TASKS[task].versions()
    assert versions.keys() == {"speechbrain", "torchaudio", "torch"}
    assert ABSENT not in versions.values()


def test_an_unknown_model_or_device_is_refused_in_one_line(task: str) -> None:
    with pytest.raises(UserError, match=f"{task}: no model called 'mfc'. Did you mean 'mfcc'"):
        TASKS[task].make(model="mfc")
    with pytest.raises(UserError, match="device='gpu' is not allowed"):
        TASKS[task].make(device="gpu")


def test_without_speechbrain_it_says_how_to_get_it(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "speechbrain.lobes.features", None)
    monkeypatch.setitem(sys.modules, "speechbrain.processing.vocal_features", None)
    listener = TASKS[task].make()  # nothing is loaded before it is asked
    with pytest.raises(Unavailable, match="need speechbrain"):
        describe(listener, speech_like(1))


def test_what_a_task_says_of_itself(task: str) -> None:
    module = TASKS[task]
    assert module.TASK.metric in module.VALUES
    assert list(module.VALUES) == [f"{task}_{value}" for value in ("accuracy", "error", "recall", "class")]
    assert module.LABELS == ("class", "class_count")


def test_speakers_may_be_shared_where_they_are_to_be_found_alone() -> None:
    assert {name: module.TASK.apart for name, module in TASKS.items()} == {
        "keyword": "speakers",
        "emotion": "speakers",
        "speaker_id": "utterances",
    }


def test_shuffled_classes_are_found_by_chance_alone() -> None:
    """By design: whatever is said of the signals, classes that have nothing to do with it cannot be learned."""
    random = np.random.default_rng(2)
    features = [row.astype(np.float32) for row in random.standard_normal((400, 30))]
    classes = [f"{i % 4}" for i in range(400)]
    learned = _classifier.learn(features[:200], list(random.permutation(classes[:200])), Kernel(0.3, 0.03))
    hits = sum(
        learned["classes"][_classifier.predict(learned, f)] == c
        for f, c in zip(features[200:], classes[200:], strict=True)
    )
    interval = binomtest(hits, 200).proportion_ci(0.95)
    assert interval.low < 1 / 4 < interval.high


@pytest.mark.slow
def test_shuffled_classes_of_sounds_are_found_by_chance_alone(task: str, listener: Learner) -> None:
    signals = [PLANTED[task](i % 3, 200 + i) for i in range(120)]
    said = describe(listener, *signals)
    classes = [
        f"class {i}" for i in np.random.default_rng(5).integers(3, size=120)
    ]  # drawn, as a shuffle leaves a trace
    hits = found(listener, task, listener.learn(said[:60], classes[:60], 0), said[60:], classes[60:])
    interval = binomtest(int(sum(hits)), 60).proportion_ci(0.95)
    assert interval.low < 1 / 3 < interval.high


def test_a_feature_that_never_changes_says_nothing() -> None:
    features = [np.array([kind + 0.01 * i, 5.0], np.float32) for i in range(5) for kind in (0, 1)]
    learned = _classifier.learn(features, ["a", "b"] * 5, Kernel(1.0, 0.03))
    assert learned["scale"][1] == 1.0
    assert _classifier.predict(learned, np.array([1.0, 5.0], np.float32)) == 1


def test_voices_are_told_apart_by_resemblyzer_and_losing_them_is_no_excuse() -> None:
    listener: Any = speaker_id.make(model="resemblyzer")
    people = ("slt", "rms", "awb")
    said = describe(listener, *(demo(f"{who}_{i}") for i in (1, 2, 3) for who in people))
    learned = listener.learn(said[:6], [*people] * 2, 0)
    assert learned["classes"] == ["awb", "rms", "slt"]
    assert found(listener, "speaker_id", learned, said[6:], people) == [1.0] * 3
    np.testing.assert_allclose([np.linalg.norm(one) for one in said], 1, atol=1e-6)
    lost, hum, short, holed = describe(
        listener,
        np.zeros(2 * RATE, np.float32),
        np.full(2 * RATE, 0.1, np.float32),
        demo("slt_1")[:8_000],
        said[0] * np.nan,
    )
    assert [len(one) for one in (lost, hum)] == [0, 0]
    value = listener.compare(lost, Known(labels={"class": "rms", "class_count": "5"}, learned=learned))
    assert value["speaker_id_class"] in (0.0, 1.0, 2.0)
    assert [one.status for one in (short, holed)] == ["too_short", "metric_failed"]
    with pytest.raises(NotMeasured, match="no voice in any of the training utterances"):
        listener.learn([lost, hum], ["awb", "rms"], 0)


def test_speaker_models_are_those_of_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    assert speaker_id.versions("resemblyzer") == speaker_resemblyzer.versions()
    assert speaker_id.versions("ecapa")["weights"] == ABSENT
    assert [speaker_id.uses_device(model) for model in ("mfcc", "ecapa", "resemblyzer")] == [False, True, True]
    listener: Any = speaker_id.make(model="ecapa")
    with pytest.raises(Unavailable, match="run `focalbench fetch ecapa_voxceleb`"):
        describe(listener, speech_like(1))
