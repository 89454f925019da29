"""Tasks are resolved to speech, classes and truth; what would make a score worthless is one line before any work."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmark import downstream, registry
from benchmark.downstream import CLASS, COUNT, Assignment, assignments, task_of
from benchmark.plan import plan
from benchmark.suite import load
from benchmark.types import UserError
from benchmark.weights import data_root

TONES = {"low": 500.0, "middle": 1000.0, "high": 2000.0}  # Hz
TASK = "tests.toytasks:Tone"


def tones(folder: Path, train: int = 4, test: int = 2, takes: int = 2) -> Path:
    """A manifest of tones that so many speakers whistle, each all of them, so many times."""
    folder.mkdir(exist_ok=True)
    rows = ["id,path,speaker,split,label,register"]
    for speaker in range(train + test):
        for label, frequency in TONES.items():
            for take in range(takes):
                name = f"s{speaker}-{label}-{take}"
                times = np.arange(8000) / 16_000
                signal = 0.3 * np.sin(2 * np.pi * (frequency + 5 * speaker + take) * times)
                soundfile.write(folder / f"{name}.wav", signal, 16_000)
                split = "train" if speaker < train else "test"
                rows.append(f"{name},{name}.wav,s{speaker},{split},{label},{'deep' if label == 'low' else ''}")
    path = folder / "manifest.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def edited(path: Path, change: Callable[[str], str]) -> Path:
    """The manifest with every line but the first changed; a line of "" is left out."""
    first, *lines = path.read_text().splitlines()
    path.write_text("\n".join([first, *filter(None, map(change, lines))]) + "\n")
    return path


def assignment(path: Path, *protocols: str, **entry: Any) -> Assignment:
    keys = {"data.manifest": [], "metrics": [], "protocols": list(protocols or ["decoded"])}
    keys |= {"tasks": {"tone": {"data": str(path), "task": TASK, **entry}}}
    (one,) = assignments(load("demo", list(keys.items())), path.parent)
    return one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tones(tmp_path / "tones")


def test_sides_and_classes(path: Path):
    one = assignment(path)
    assert one.classes == ("high", "low", "middle")
    assert [len(side) for side in one.sides] == [24, 0, 12]
    assert {u.speaker for u in one.sides.train} == {"s0", "s1", "s2", "s3"}
    assert all(u.sha256 for side in one.sides for u in side)
    assert one.name == "tone"
    assert one.majority == pytest.approx(1 / 3)


def test_test_utterances_hold_the_truth_and_how_many_share_it(path: Path):
    one = assignment(edited(path, lambda line: "" if ",s5,test,high" in line else line))
    assert {u.labels[CLASS] for u in one.sides.test} == set(TONES)
    assert {u.labels[CLASS]: u.labels[COUNT] for u in one.sides.test} == {"high": "2", "low": "4", "middle": "4"}


def test_another_label_and_what_an_empty_one_means(path: Path):
    one = assignment(path, label="register", absent="plain")
    assert one.classes == ("deep", "plain")
    assert one.majority == pytest.approx(2 / 3)


def test_where_leaves_others_out(path: Path):
    plain = assignment(path, where={"register": ""})
    assert plain.classes == ("high", "middle")
    assert [len(side) for side in plain.sides] == [16, 0, 8]


@pytest.mark.parametrize("protocols", [("tokens",), ("decoded", "tokens")])
def test_validation_speakers_are_set_apart(path: Path, protocols: tuple[str, ...]):
    one = assignment(path, *protocols)
    sides = one.taught
    voices = [{u.speaker for u in side} for side in sides]
    assert all(voices)
    assert sum(map(len, voices)) == len(set.union(*voices))
    assert {one.truth(u) for u in sides.train} == set(TONES)
    assert {u.id for u in (*sides.train, *sides.valid)} == {u.id for u in one.sides.train}
    assert sides == assignment(path, *protocols).taught


def test_a_single_training_speaker_still_leaves_some_for_validation(tmp_path: Path):
    sides = assignment(tones(tmp_path / "few", train=1, takes=3), "tokens").taught
    assert len(sides.valid) == 1
    assert {u.labels["label"] for u in sides.train} == set(TONES)


def test_a_named_validation_split_is_taken(path: Path):
    one = assignment(edited(path, lambda line: line.replace(",s3,train", ",s3,val")), "tokens", valid="val")
    assert {u.speaker for u in one.taught.valid} == {"s3"}


LINES: dict[str, tuple[Callable[[str], str], dict[str, Any], str]] = {
    "an empty label": (
        lambda line: line.replace(",train,low,deep", ",train,,deep"),
        {},
        r"tasks.tone: 's1-low-0' and 7 more of .* has an empty 'label'; fill it in, leave these out",
    ),
    "no such column": (str, {"label": "lable"}, r"tasks.tone: .* has no column 'lable'. Did you mean 'label'\?"),
    "no such column to choose by": (
        str,
        {"where": {"languag": "en"}},
        r"tasks.tone.where: .* has no column 'languag'",
    ),
    "nothing is chosen": (str, {"where": {"label": "lo"}}, r"never holds 'lo'. Did you mean 'low'\?"),
    "no such split": (str, {"test": "tset"}, r"tasks.tone: .* has no split 'tset'. Did you mean 'test'\?"),
    "a class of one example": (
        lambda line: "" if line.startswith(("s1-low", "s2-low", "s3-low", "s0-low-1")) else line,
        {},
        r"tasks.tone: the class 'low' has 1 training example, 2 are needed",
    ),
    "a class that is never seen": (
        lambda line: "" if ",train,low" in line else line,
        {},
        r"tasks.tone: 'low' is to be found out, but is in no training example; known: high, middle\.",
    ),
    "one class": (
        lambda line: line if ",low," in line else "",
        {},
        r"tasks.tone: all of the training speech is 'low'; 2 classes are needed",
    ),
    "a speaker on both sides": (
        lambda line: line.replace(",s5,", ",s2,"),
        {},
        r"tasks.tone: the speaker 's2' is in training and test; which tone is tested on speakers that were never heard",
    ),
    "the same split twice": (str, {"test": "train"}, r"tasks.tone: 's0-high-0' is in training and test"),
}


@pytest.mark.parametrize("name", LINES)
def test_what_would_make_a_score_worthless_is_one_line(path: Path, name: str):
    change, entry, expected = LINES[name]
    with pytest.raises(UserError, match=expected) as caught:
        assignment(edited(path, change), **entry)
    assert "\n" not in str(caught.value)


def test_equal_audio_on_both_sides_is_one_line(path: Path):
    twin = path.parent / "s5-low-0.wav"
    twin.write_bytes((path.parent / "s0-low-1.wav").read_bytes())
    with pytest.raises(UserError, match="'s5-low-0' of test is the same audio as 's0-low-1' of training"):
        assignment(path)


def test_validation_leaks_too(path: Path):
    edited(path, lambda line: line.replace(",s3,train", ",s3,val"))
    with pytest.raises(UserError, match="the speaker 's3' is in training and validation"):
        assignment(
            edited(path, lambda line: line.replace("s3-low-0.wav,s3,val", "s3-low-0.wav,s3,train")),
            "tokens",
            valid="val",
        )
    with pytest.raises(UserError, match="'s0-high-0' is in training and validation"):
        assignment(path, "tokens", valid="train")


def test_speech_without_speakers_proves_nothing(path: Path):
    nameless = edited(path, lambda line: line.replace(",s2,train", ",,train"))
    with pytest.raises(UserError, match=r"'s2-.*' of .* names no speaker, .*; add the column speaker, or say apart"):
        assignment(nameless)
    assert assignment(nameless, apart="utterances").lesson


def test_a_judge_learns_from_so_many_and_of_every_class_alike(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(downstream, "MOST", 9)
    one = assignment(edited(path, lambda line: "" if ",train,low" in line and "-0" in line[:8] else line))
    assert Counter(one.truth(u) for u in one.lesson) == {"high": 3, "low": 3, "middle": 3}
    assert len(one.sides.train) > 9


def test_data_whose_speakers_are_on_both_sides_say_so(path: Path):
    one = assignment(edited(path, lambda line: line.replace(",s5,", ",s2,")), apart="utterances")
    assert one.task.apart == "utterances"
    assert "s2" in {u.speaker for u in one.sides.train} & {u.speaker for u in one.sides.test}


def test_several_splits_to_learn_from(path: Path):
    one = assignment(edited(path, lambda line: line.replace(",s3,train", ",s3,more")), train="train + more")
    assert {u.speaker for u in one.sides.train} == {"s0", "s1", "s2", "s3"}


def test_a_limit_is_of_the_test_alone(path: Path):
    one = assignment(path, limit=4)
    assert [len(side) for side in one.sides] == [24, 0, 4]
    assert len({u.speaker for u in one.sides.test}) == 2


def test_what_is_learned_decides_the_identity(path: Path):
    before = assignment(path).scorer
    assert before.identity == assignment(path).scorer.identity
    after = assignment(edited(path, lambda line: "" if line.startswith("s3-low-1") else line)).scorer
    assert before.hearing == after.hearing
    assert before.lesson != after.lesson
    assert before.identity != after.identity


def test_a_judge_that_learns_nothing_needs_no_training_speech(path: Path):
    one = assignment(path, task="keyword:model=xvector_commands", train="no such split")
    assert one.sides.train == ()
    assert one.classes == ()
    assert {u.labels[CLASS] for u in one.sides.test} == set(TONES)


def test_a_data_set_and_a_task_have_different_names(path: Path, tmp_path: Path):
    keys = {"tasks": {"tones": {"data": str(path), "task": TASK}}, "data.manifest": [str(path)]}
    with pytest.raises(UserError, match="tasks: 'tones' is a data set of this run already"):
        plan(load("demo", list(keys.items())), tmp_path)


@pytest.mark.parametrize("name", ["tasks", "probes"])
def test_nothing_leaks_in_the_corpora_that_are_here(name: str):
    """The corpora of these suites, where somebody has them."""
    try:
        found = assignments(load(name), data_root())
    except UserError as error:
        pytest.skip(str(error))
    assert [one.label for one in found] == ["asr", "speaker_id", "emotion", "keyword", "intent"]
    for one in found:
        sides = one.taught
        contents = [{u.sha256 for u in side} for side in sides]
        assert sum(map(len, contents)) == len(set.union(*contents)), "an utterance is on two sides"
        voices = [{u.speaker for u in side} for side in sides]
        if one.task.apart == "speakers":
            assert sum(map(len, voices)) == len(set.union(*voices)), "a speaker is on two sides"
        elif sides.train:
            assert voices[2] <= voices[0]


def test_every_shipped_task_says_what_it_asks():
    for name in registry.names("task"):
        task = task_of(name)
        assert task.protocol
        assert task.metric in registry.values_of(name, "task")


def test_a_module_that_is_no_task():
    with pytest.raises(UserError, match="its module has no TASK"):
        task_of("tests.toytokens:Toy")
