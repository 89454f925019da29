"""What a codec gets to hear in a run: noise that all share, codings before its own, and what rows say of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmark import audio, replay, table
from benchmark.inputs import Inputs
from benchmark.pipeline import asks_of, key_of_frames, trials_of
from benchmark.plan import Settings, Subject, Work, plan, subject
from benchmark.scenes import condition
from benchmark.suite import load
from benchmark.types import CodecInfo, NotMeasured, Spec, Utterance
from tests.quick import make_run, one, quickly, shared, values
from tests.quick import suite as quick_suite

NOISE, WORSE = "noise:kind=white,snr=10", "noise:kind=white,snr=0"
SETTINGS = Settings("streaming", "none", (0,), ("default",), 10.0)


def work(name: str = "a", codec: str = "pcm", before: tuple[str, ...] = (), path: Path = Path("a")) -> Work:
    others = {text: subject(text, text) for text in before}
    return Work(subject(codec, codec), Utterance(name, path, "s"), "", (), (), SETTINGS, Path(), others)


def inputs(of: Work, bench: Any = None, seconds: float = 2.0) -> Inputs:
    generator = np.random.default_rng(5)
    speech = 0.1 * generator.standard_normal(round(16_000 * seconds)).astype(np.float32)
    return Inputs(of, audio.Audio(speech, 16_000), bench)


# --- drawn by seed, utterance and kind ---


def test_all_codecs_hear_the_same_noise_and_each_utterance_its_own() -> None:
    room = condition("acoustics", NOISE)
    first = inputs(work()).heard(room, 0).signal
    assert np.array_equal(first, inputs(work(codec="mulaw")).heard(room, 0).signal)
    assert not np.array_equal(first, inputs(work("b")).heard(room, 0).signal)
    assert not np.array_equal(first, inputs(work()).heard(room, 1).signal)


def test_the_noise_is_one_at_all_levels() -> None:
    source = inputs(work())
    quiet, loud = (source.heard(condition("acoustics", text), 0) for text in (NOISE, WORSE))
    noises = [
        (heard.signal - heard.clean).astype(np.float64) / 10 ** (-heard.facts["snr_db"] / 20) for heard in (quiet, loud)
    ]
    scale = [np.sqrt(np.mean(heard.clean.astype(np.float64) ** 2)) for heard in (quiet, loud)]
    assert np.allclose(noises[0] / scale[0], noises[1] / scale[1], atol=1e-4)


def test_two_parts_of_one_kind_draw_apart() -> None:
    source = inputs(work())
    heard = source.heard(condition("acoustics", f"{NOISE} + {NOISE}"), 0)
    once = source.heard(condition("acoustics", NOISE), 0)
    twice = np.corrcoef(heard.signal - once.signal, once.signal - once.clean)[0, 1]
    assert abs(twice) < 0.05
    assert {"snr_db"} <= heard.facts.keys()


# --- codings before ---


class Counting:
    """Codes by adding one step of 1/1024, 8 samples later; counts how often."""

    def __init__(self) -> None:
        self.coded: list[str] = []

    def encode(self, spec: Spec, signal: Any, chunk: None) -> Any:
        self.coded.append(str(spec))
        self.signal = signal
        return type("Encoded", (), {"frames": []})(), 0.0

    def decode(self, spec: Spec, slots: Any, chunk: None) -> Any:
        return np.concatenate([np.zeros(8, np.float32), self.signal + np.float32(1 / 1024)]), 0.0


def ready(of: Subject) -> Subject:
    return replace(of, info=CodecInfo(16_000, 16_000, 320), delay=8, identity=str(of.spec))


def test_generations_before_the_last_are_coded_once_each_and_their_delay_is_removed() -> None:
    bench = Counting()
    of = work()
    source = inputs(replace(of, subject=ready(of.subject)), bench)
    third = source.heard(condition("acoustics", "tandem:generations=3"), 0)
    assert np.allclose(third.signal, source.speech.signal + 2 / 1024, atol=1e-7)
    assert np.array_equal(third.clean, source.speech.signal)
    assert len(bench.coded) == 2
    fifth = source.heard(condition("acoustics", "tandem:generations=5"), 0)
    assert np.allclose(fifth.signal, source.speech.signal + 4 / 1024, atol=1e-7)
    assert len(bench.coded) == 4, "the first two are those of before"


def test_another_codec_before_and_noise_before_that() -> None:
    bench = Counting()
    of = work(before=("mulaw:frame_ms=10",))
    of = replace(of, subject=ready(of.subject), before={k: ready(s) for k, s in of.before.items()})
    source = inputs(of, bench)
    source.heard(condition("acoustics", "tandem:codec=mulaw:frame_ms=10"), 0)
    assert bench.coded == ["mulaw:frame_ms=10"]
    noisy = source.heard(condition("acoustics", f"{NOISE} + tandem:codec=mulaw:frame_ms=10"), 0)
    assert len(bench.coded) == 2, "noise has been coded, not speech"
    assert "snr_db" in noisy.facts


def test_a_codec_before_that_cannot_run_says_so() -> None:
    of = work(before=("mulaw",))
    missing = replace(of.before["mulaw"], status="skipped", reason="lacks a library")
    source = inputs(replace(of, before={"mulaw": missing}))
    with pytest.raises(NotMeasured, match="mulaw, which codes before: lacks a library"):
        source.heard(condition("acoustics", "tandem:codec=mulaw"), 0)


# --- what is asked of a trial ---


def test_noisy_trials_are_scored_against_speech_and_input_and_the_anchor_against_speech() -> None:
    asked = quick_suite("mulaw", acoustics=["clean", NOISE], channels=["clean", "bernoulli:loss=0.2"])
    planned = plan(asked, Path())
    of = Work(planned.subjects[0], Utterance("a", Path("a")), "", planned.scenes, planned.scorers, SETTINGS, Path())
    references = [[ask.reference for ask in asks_of(of, trial)] for trial in trials_of(of)]
    assert references == [
        ["", "clean"],
        ["", "clean", "clean"],
        ["", "clean", "input"],
        ["", "clean", "clean", "input"],
    ]
    keys = [ask.key for trial in trials_of(of) for ask in asks_of(of, trial)]
    assert len(set(keys)) == len(keys)


# --- a run ---


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rooms = ["clean", "tandem:generations=3", NOISE, WORSE, "tandem:codec=mulaw"]
    asked = quick_suite("pcm", "mulaw", acoustics=rooms, metrics=["si_sdr"], save_audio="report")
    return shared(tmp_path_factory, "noisy", lambda folder: make_run(asked, folder) and None)


@pytest.fixture(scope="module")
def results(noisy: Path) -> pd.DataFrame:
    return values(table.read(noisy))


def test_uncoded_speech_in_noise_has_the_planted_ratio(results: pd.DataFrame) -> None:
    for text, snr in ((NOISE, 10), (WORSE, 0)):
        row = one(results, "si_sdr", codec="uncoded", acoustics=text)
        assert row["reference"] == "clean"
        measured = one(results, "snr_db", codec="mulaw", acoustics=text)["value"]
        assert measured == pytest.approx(snr, abs=0.05)
        assert row["value"] < measured + 0.2, "the power of speech with its pauses is below its active level"


def test_fidelity_and_usefulness_stand_apart(results: pd.DataFrame) -> None:
    useful, kept = (one(results, "si_sdr", codec="pcm", acoustics=WORSE, reference=r) for r in ("clean", "input"))
    assert kept["value"] > 60, "16 bits keep what they are given"
    assert useful["value"] < 3, "noise and all"
    uncoded = one(results, "si_sdr", codec="uncoded", acoustics=WORSE)["value"]
    assert useful["value"] == pytest.approx(uncoded, abs=0.3)


def test_the_anchor_has_rows_of_rooms_alone(results: pd.DataFrame, noisy: Path) -> None:
    rows = results[results["codec"] == "uncoded"]
    assert set(rows["acoustics"]) == {NOISE, WORSE, "tandem:codec=mulaw"}
    assert set(rows["scorer"]) == {"si_sdr"}
    record = json.loads((noisy / "run.json").read_text())
    assert record["anchor"]["label"] == "uncoded"
    assert "uncoded" not in record["codecs"]
    assert list(record["before"]) == ["mulaw"]


def test_a_third_generation_is_worse_than_a_first_one(results: pd.DataFrame) -> None:
    first = one(results, "si_sdr", codec="mulaw", acoustics="clean")["value"]
    third = one(results, "si_sdr", codec="mulaw", acoustics="tandem:generations=3", reference="clean")["value"]
    behind = one(results, "si_sdr", codec="pcm", acoustics="tandem:codec=mulaw", reference="clean")["value"]
    # mu-law of mu-law is the same value again, once it is on its grid.
    assert third == pytest.approx(first, abs=0.5)
    assert behind == pytest.approx(first, abs=0.5)
    transparent = one(results, "si_sdr", codec="pcm", acoustics="tandem:codec=mulaw", reference="input")["value"]
    assert transparent > 60


def test_what_was_heard_is_kept_beside_what_came_out(noisy: Path) -> None:
    entries = json.loads((noisy / "audio" / "index.json").read_text())
    assert entries
    for entry in entries:
        reference, heard = (soundfile.read(noisy / entry[kind])[0] for kind in ("reference", "heard"))
        assert len(reference) == len(heard)
        assert not np.array_equal(reference, heard)
        assert entry["acoustics"] != "clean"


def test_a_second_run_computes_nothing(noisy: Path, tmp_path: Path) -> None:
    again = load(str(noisy / "run.json"))
    _, record = make_run(again, tmp_path / "again", cache=noisy / "cache")
    assert record["effort"]["computed"] == 0


def test_speech_without_a_level_costs_its_rows(tmp_path: Path) -> None:
    silent = tmp_path / "silence.wav"
    soundfile.write(silent, np.zeros(32_000, np.float32), 16_000)
    asked = quick_suite("mulaw", acoustics=[NOISE], **{"data.manifest": str(tmp_path)})
    results, _ = make_run(asked, tmp_path / "run")
    assert set(results["status"]) == {"no_speech"}
    assert results["reason"].str.len().min() > 10


def test_the_seed_reaches_the_noise(tmp_path: Path) -> None:
    asked = quick_suite("pcm", acoustics=[WORSE], seeds=[0, 1])
    results, _ = make_run(asked, tmp_path)
    found = results[(results["name"] == "si_sdr") & (results["codec"] == "uncoded")].set_index("seed")["value"]
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("codec", "acoustics", "reference"),
    [
        ("uncoded", WORSE, "clean"),
        ("mulaw", WORSE, "input"),
        ("mulaw", WORSE, "clean"),
        ("mulaw", "tandem:codec=mulaw", "input"),
        ("mulaw", "tandem:generations=3", "clean"),
    ],
)
def test_a_row_of_a_room_is_replayed(
    codec: str, acoustics: str, reference: str, noisy: Path, results: pd.DataFrame, tmp_path: Path
) -> None:
    row = one(results, "si_sdr", codec=codec, acoustics=acoustics, reference=reference)
    with quickly():
        said = list(replay.replay(noisy, row["key"], tmp_path, tmp_path))
    [score] = [line for line in said if line.startswith("score     si_sdr")]
    assert float(score.split()[-1]) == pytest.approx(row["value"], abs=1e-4)
    assert f"against   {'what was heard' if reference == 'input' else 'the speech'}" in said


def test_frames_of_a_tandem_follow_the_delays_that_were_removed() -> None:
    room = condition("acoustics", "tandem:codec=mulaw")
    of = work(before=("mulaw", "mulaw:frame_ms=10"))
    of = replace(of, subject=ready(of.subject), before={k: ready(s) for k, s in of.before.items()})
    other = {**of.before, "mulaw:frame_ms=10": replace(of.before["mulaw:frame_ms=10"], delay=9)}
    assert key_of_frames(replace(of, before=other), room) == key_of_frames(of, room), "that codec is of another room"
    used = {**of.before, "mulaw": replace(of.before["mulaw"], delay=9)}
    assert key_of_frames(replace(of, before=used), room) != key_of_frames(of, room)
    assert key_of_frames(replace(of, subject=replace(of.subject, delay=9)), room) != key_of_frames(of, room)
