"""What tasks learn: once, from uncoded speech, before the first trial; and what their judges then say of codecs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmark.bench import Bench
from benchmark.replay import replay
from benchmark.types import UserError
from tests.quick import make_run, suite
from tests.test_downstream import edited, tones

TASK = "tests.toytasks:Tone"


def tone_run(path: Path, out: Path, *codecs: str, **keys: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    entry = {"data": str(path), "task": keys.pop("task", TASK), **keys.pop("entry", {})}
    wanted = {"data.manifest": [], "metrics": [], "tasks": {"tone": entry}, "channels": ["clean"]} | keys
    wanted.setdefault("data.limit", None)
    return make_run(suite(*(codecs or ("pcm",)), **wanted), out)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tones(tmp_path / "tones")


def scores(results: pd.DataFrame, name: str = "tone_accuracy") -> pd.DataFrame:
    return results[results["name"] == name]


def test_every_codec_is_asked_and_the_uncoded_is_the_ceiling(path: Path, tmp_path: Path):
    losses = ["clean", "bernoulli:loss=0.2"]
    results, record = tone_run(path, tmp_path / "out", "pcm", "lowpass:cutoff=700", channels=losses)
    found = scores(results).groupby(["codec", "channel"])["value"].agg(["mean", "size"])
    assert found.loc[("uncoded", "clean")].tolist() == [1, 12]
    assert found.loc[("pcm", "clean")].tolist() == [1, 12]
    assert found.loc[("lowpass:cutoff=700", "clean"), "mean"] < 0.8  # what it cuts is taken for a lower tone
    assert len(found) == 5  # nothing that is uncoded goes through a network
    assert set(scores(results)["dataset"]) == {"tone"}
    assert record["tasks"]["tone"]["chance"] == pytest.approx(1 / 3)
    assert record["tasks"]["tone"]["train"]["utterances"] == 24
    assert len(record["tasks"]["tone"]["truth"]) == 12


def test_predictions_are_the_confusions(path: Path, tmp_path: Path):
    results, record = tone_run(path, tmp_path / "out")
    classes, truth = record["tasks"]["tone"]["classes"], record["tasks"]["tone"]["truth"]
    told = scores(results, "tone_class").query("codec == 'pcm'").set_index("utterance")["value"]
    assert {u: classes[int(value)] for u, value in told.items()} == truth


def test_recall_weighs_classes_alike(path: Path, tmp_path: Path):
    few = edited(path, lambda line: "" if ",s5,test,high" in line else line)
    results, _ = tone_run(few, tmp_path / "out", "lowpass:cutoff=700")
    rows = scores(results, "tone_recall").query("codec == 'lowpass:cutoff=700'")
    truth = rows["utterance"].str.split("-").str[1]
    hits = scores(results).query("codec == 'lowpass:cutoff=700'").set_index("utterance")["value"]
    expected = np.mean([hits[rows["utterance"][truth == name]].mean() for name in truth.unique()])
    assert rows["numerator"].sum() / rows["denominator"].sum() == pytest.approx(expected)
    assert expected != pytest.approx(hits.mean())


def test_a_second_run_learns_and_computes_nothing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first, _ = tone_run(path, tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(Bench, "learn", lambda *_: pytest.fail("it was learned before"))
        patch.setattr(Bench, "listen", lambda *_: pytest.fail("all was heard before"))
        second, record = tone_run(path, tmp_path / "out")
    pd.testing.assert_frame_equal(first, second)
    assert record["effort"]["computed"] == 0


def test_other_training_speech_is_another_score(path: Path, tmp_path: Path):
    first, _ = tone_run(path, tmp_path / "out")
    second, record = tone_run(edited(path, lambda line: "" if line.startswith("s3") else line), tmp_path / "out")
    assert record["tasks"]["tone"]["train"]["utterances"] == 18
    assert not set(scores(first)["key"]) & set(scores(second)["key"])


def test_workers_change_nothing(path: Path, tmp_path: Path):
    alone, _ = tone_run(path, tmp_path / "one", "mulaw")
    wanted = {"data.manifest": [], "metrics": [], "tasks": {"tone": {"data": str(path), "task": TASK}}}
    together, _ = make_run(suite("mulaw", **wanted, **{"data.limit": None}), tmp_path / "two", workers=2)
    pd.testing.assert_frame_equal(alone, together)


def test_what_a_judge_lacks_is_told_in_its_rows(path: Path, tmp_path: Path):
    results, _ = tone_run(path, tmp_path / "out", task=f"{TASK}:lacking=some weights")
    rows = scores(results)
    assert set(rows["status"]) == {"skipped"}
    assert set(rows["reason"]) == {"it needs some weights"}


def test_a_judge_that_cannot_learn_is_one_line(path: Path, tmp_path: Path):
    with pytest.raises(
        UserError, match=r"tasks.tone: tests.toytasks:Broken:lacking= learned nothing: ZeroDivisionError"
    ):
        tone_run(path, tmp_path / "out", task="tests.toytasks:Broken")


@pytest.mark.parametrize(("samples", "reason"), [(0, "holds no samples"), (1700, "1700 samples, 1701 are needed")])
def test_training_speech_that_is_empty_or_short_is_one_line(path: Path, tmp_path: Path, samples: int, reason: str):
    soundfile.write(path.parent / "s1-low-0.wav", np.full(samples, 0.1), 16_000)
    expected = rf"cannot learn from 's1-low-0' \(.*\): .*({reason}).*; mend that file"
    with pytest.raises(UserError, match=expected) as caught:
        tone_run(path, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_test_speech_that_is_empty_costs_its_own_rows(path: Path, tmp_path: Path):
    soundfile.write(path.parent / "s5-low-0.wav", np.empty(0), 16_000)
    results, _ = tone_run(path, tmp_path / "out")
    statuses = scores(results).query("codec == 'pcm'").set_index("utterance")["status"]
    assert statuses.pop("s5-low-0") in ("input_failed", "too_short", "no_speech")
    assert set(statuses) == {"ok"}


def test_a_silent_output_is_judged(path: Path, tmp_path: Path):
    results, _ = tone_run(path, tmp_path / "out", channels=["bernoulli:loss=1"])
    rows = scores(results).query("codec == 'pcm'")
    assert set(rows["status"]) == {"ok"}
    assert rows["value"].mean() == pytest.approx(1 / 3)  # one and the same class for all


def test_a_row_is_replayed(path: Path, tmp_path: Path):
    results, _ = tone_run(path, tmp_path / "out")
    row = scores(results).query("codec == 'pcm' and utterance == 's5-low-0'").iloc[0]
    lines = list(replay(tmp_path / "out", row["key"][:12], tmp_path / "again", tmp_path))
    assert [line.split()[1:] for line in lines if line.startswith("score") and "accuracy" in line] == [
        ["tone_accuracy", "1"]
    ]
