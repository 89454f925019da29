"""Listeners in a run and in `score`: batches, what is asked once, failures that cost their own rows."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from pandas.testing import assert_frame_equal

from benchmark import listen
from benchmark.audio import Audio
from benchmark.bench import Bench
from benchmark.companions import NOBODY, Companions
from benchmark.listen import Ears
from benchmark.score import Options, score
from benchmark.scorers import scorers
from benchmark.store import Store
from benchmark.suite import Limits
from benchmark.types import Measured, UserError, Utterance
from tests.listeners import LOG
from tests.quick import Silent, make_run, one, values
from tests.quick import suite as quick_suite
from tests.signals import speech_like

RATE = 16_000
LOUDNESS = "tests.listeners:Loudness"
CODEC = "tests.misbehaving:"


@pytest.fixture
def bench() -> Any:
    made = Bench(Limits(seconds=20))
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the listener says what it heard, signal by signal."""
    monkeypatch.setenv(LOG, str(tmp_path / "heard.txt"))
    return tmp_path / "heard.txt"


def data(folder: Path, texts: dict[str, str], speakers: str = "aab") -> Path:
    """Three utterances of two speakers with transcripts, each of its own length and level."""
    lines = ["id,path,speaker,transcript"]
    for number, speaker in enumerate(speakers):
        signal = speech_like(1 + number / 10, seed=number) * (number + 1) / 4
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / f"u{number}.wav", signal.astype(np.float32), RATE, subtype="PCM_16")
        lines.append(f"u{number},u{number}.wav,{speaker},{texts.get(f'u{number}', 'a b')}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def level(path: Path) -> float:
    signal, _ = soundfile.read(path, dtype="float64")
    return float(np.sqrt(np.mean(np.square(signal))))


def a_run(tmp_path: Path, metric: str = LOUDNESS, out: str = "out", **keys: Any) -> pd.DataFrame:
    manifest = data(tmp_path / "data", keys.pop("texts", {}), keys.pop("speakers", "aab"))
    codecs = keys.pop("codecs", ("pcm",))
    wanted = quick_suite(*codecs, **{"data.manifest": [str(manifest)], "data.limit": None, "metrics": [metric], **keys})
    return make_run(wanted, tmp_path / out)[0]


def test_values_of_a_run(tmp_path: Path) -> None:
    """PCM is transparent but for rounding to 16 bits."""
    results = a_run(tmp_path)
    levels = {f"u{n}": level(tmp_path / "data" / f"u{n}.wav") for n in range(3)}
    for utterance in levels:
        row = one(results, "loudness", utterance=utterance)
        assert row["value"] == pytest.approx(levels[utterance], rel=1e-3)
        assert row["reference"] == "clean"
        assert row["scorer"] == "tests.listeners:Loudness:scale=1.0,trouble=none,trouble_samples=0"
        row = one(results, "to_reference", utterance=utterance)
        assert row["numerator"] == pytest.approx(levels[utterance], rel=1e-3)
        assert row["denominator"] == pytest.approx(levels[utterance], rel=1e-6)
        assert row["value"] == pytest.approx(row["numerator"] / row["denominator"])
        assert one(results, "letters", utterance=utterance)["value"] == pytest.approx(3 / 2)
    assert one(results, "to_same", utterance="u0")["denominator"] == pytest.approx(levels["u1"], rel=1e-6)
    assert one(results, "to_same", utterance="u1")["denominator"] == pytest.approx(levels["u0"], rel=1e-6)
    lonely = one(results, "to_same", utterance="u2")
    assert (lonely["status"], lonely["reason"]) == ("not_applicable", "there is no such utterance")
    assert one(results, "to_other", utterance="u0")["denominator"] == pytest.approx(levels["u2"], rel=1e-6)
    assert one(results, "to_other", utterance="u1")["denominator"] == pytest.approx(levels["u2"], rel=1e-6)


def test_uncoded_speech_is_described_once_per_run(tmp_path: Path, log: Path) -> None:
    """Three references stand against two codecs under two channels, and for each other; each output is heard once."""
    channels = ["clean", "bernoulli:loss=0.3"]
    results = a_run(tmp_path, codecs=("pcm", "mulaw"), channels=channels)
    assert len(results[results["name"] == "loudness"]) == 12
    heard = Counter(log.read_text().split())
    assert heard == {str(RATE * n // 10): 1 + 2 * 2 for n in (10, 11, 12)}
    log.unlink()
    assert_frame_equal(values(results), values(a_run(tmp_path, codecs=("pcm", "mulaw"), channels=channels)))
    assert not log.exists(), "the store has everything"
    a_run(tmp_path, codecs=("tests.planted:Ahead",))
    assert Counter(log.read_text().split()) == {str(RATE * n // 10): 1 for n in (10, 11, 12)}, "outputs only"


def test_what_decides_a_value_is_in_its_key(tmp_path: Path, log: Path) -> None:
    first = a_run(tmp_path)
    log.unlink()
    changed = a_run(tmp_path, texts={"u1": "a b c"})
    assert one(changed, "letters", utterance="u1")["value"] == pytest.approx(5 / 3)
    assert set(log.read_text().split()) == {"16000", "17600"}, "of it, and of the one that is compared with it"
    assert one(changed, "loudness", utterance="u2")["key"] == one(first, "loudness", utterance="u2")["key"]
    log.unlink()
    doubled = a_run(tmp_path, f"{LOUDNESS}:scale=2")
    ratio = one(doubled, "loudness", utterance="u0")["value"] / one(first, "loudness", utterance="u0")["value"]
    assert ratio == pytest.approx(2)
    assert len(log.read_text().split()) == 6, "references too: another parameter, another listener"


def test_in_noise_only_what_has_a_reference_is_asked_twice(tmp_path: Path) -> None:
    results = a_run(tmp_path, acoustics=["clean", "noise:snr=0"], **{"data.limit": 1})
    noisy = results[results["acoustics"].str.startswith("noise") & results["codec"].eq("pcm")]
    assert sorted(noisy[noisy["name"] == "to_reference"]["reference"]) == ["clean", "input"]


@pytest.mark.parametrize(
    ("trouble", "status", "reason"),
    [
        ("die", "metric_failed", "its process ended with exit code 3"),
        ("raise", "metric_failed", "RuntimeError: planned"),
        ("few", "too_short", "the output: planned"),
    ],
)
def test_a_signal_that_breaks_a_listener_costs_its_own_rows(
    tmp_path: Path, bench: Bench, trouble: str, status: str, reason: str
) -> None:
    found = heard(bench, tmp_path, [1000, 1234, 3000], f"{LOUDNESS}:trouble={trouble},trouble_samples=1234")
    assert [{v.status for v in of} for of in found] == [{"ok", "not_applicable"}, {status}, {"ok", "not_applicable"}]
    assert {v.reason for v in found[1]} == {reason}


def test_a_listener_that_hangs_is_ended(tmp_path: Path) -> None:
    bench = Bench(Limits(seconds=2))
    try:
        found = heard(bench, tmp_path, [1234, 3000], f"{LOUDNESS}:trouble=sleep,trouble_samples=1234")
    finally:
        bench.close()
    assert {v.reason for v in found[0]} == {"took longer than 2 s, the limit (limits.seconds)"}
    assert {v.name: v.status for v in found[1]}["loudness"] == "ok"


def heard(bench: Bench, folder: Path, lengths: list[int], metric: str) -> list[list[Measured]]:
    """The values of outputs of these lengths, the references being of another."""
    (scorer,) = scorers([metric])
    ears, speech = Ears(bench, Store(folder / "cache")), Audio(speech_like(1.0), RATE)
    outputs = [Audio(speech_like(1.0)[:length], RATE) for length in lengths]
    found = [ears.ask(scorer, output, speech, Utterance("u", Path("u")), NOBODY) for output in outputs]
    assert found == [[] for _ in lengths], "asked together, later"
    ears.answer()
    return found


def test_batches_are_limited(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "BATCH", 2)
    (scorer,) = scorers([LOUDNESS])
    ears, speech = Ears(bench, Store(tmp_path / "cache")), Audio(speech_like(0.2), RATE)
    found = [ears.ask(scorer, speech, speech, Utterance("u", Path("u")), NOBODY) for _ in range(3)]
    assert [len(of) for of in found] == [5, 5, 0]
    ears.answer()
    assert found[0] == found[1] == found[2]


def test_silence(tmp_path: Path, bench: Bench) -> None:
    """Of a silent reference nothing can be said; that an output is silent is its own fault."""
    (scorer,) = scorers([LOUDNESS])
    ears, store = Ears(bench, Store(tmp_path / "cache")), Utterance("u", Path("u"))
    speech, silence = Audio(speech_like(0.5), RATE), Audio(np.zeros(8000, np.float32), RATE)
    of_reference, of_output = (
        ears.ask(scorer, *pair, store, NOBODY) for pair in ((speech, silence), (silence, speech))
    )
    ears.answer()
    assert {(v.status, v.reason) for v in of_reference} == {("no_speech", "the reference is silent")}
    assert {(v.status, v.reason) for v in of_output} == {("metric_failed", "the output: the signal is silent")}


def test_a_reference_is_never_up_sampled(tmp_path: Path, bench: Bench) -> None:
    (scorer,) = scorers([LOUDNESS])
    narrow, wide = Audio(speech_like(0.5, 8000), 8000), Audio(speech_like(0.5), RATE)
    ears = Ears(bench, Store(tmp_path / "cache"))
    found = ears.ask(scorer, wide, narrow, Utterance("u", Path("u")), NOBODY)
    assert {v.status for v in found} == {"not_applicable"}
    assert found[0].reason == "the reference is sampled at 8000 Hz; this value needs 16000 Hz"


def test_a_companion_that_is_no_audio_costs_its_own_value(tmp_path: Path, bench: Bench) -> None:
    (tmp_path / "bad.wav").write_text("no audio")
    (scorer,) = scorers([LOUDNESS])
    ears, speech = Ears(bench, Store(tmp_path / "cache")), Audio(speech_like(0.5), RATE)
    friends = Companions(Utterance("bad", tmp_path / "bad.wav"), None)
    found = ears.ask(scorer, speech, speech, Utterance("u", Path("u")), friends)
    ears.answer()
    by_name = {v.name: v for v in found}
    assert by_name["to_reference"].value == 1
    assert by_name["to_same"].status == "input_failed"


@pytest.mark.parametrize(
    ("trouble", "status", "reason"),
    [
        ("absent", "skipped", "it needs the weights planned: run `focalbench fetch planned`"),
        ("refuse", "metric_failed", "scale=1 is not allowed"),
    ],
)
def test_a_listener_that_cannot_run_says_why(tmp_path: Path, trouble: str, status: str, reason: str) -> None:
    results = a_run(tmp_path, f"{LOUDNESS}:trouble={trouble}")
    rows = results[results["scorer"].str.startswith(LOUDNESS)]
    assert set(rows["status"]) == {status}
    assert set(rows["reason"]) == {reason}


def test_a_comparison_that_fails_costs_its_own_rows(tmp_path: Path) -> None:
    folders = pairs(tmp_path)
    options = {"metrics": [f"{LOUDNESS}:trouble=compare"], "data": str(tmp_path / "ref" / "manifest.csv")}
    results = scored(folders, texts={"u1": "bad"}, **options)
    rows = results[results["scorer"].str.startswith(LOUDNESS)].groupby("utterance")["status"].agg(set)
    assert rows["u1"] == {"metric_failed"}
    assert rows["u0"] == {"ok"}
    assert rows["u2"] == {"ok", "not_applicable"}


def pairs(tmp_path: Path) -> tuple[Path, Path]:
    """References with a manifest, and the same at half the level."""
    data(tmp_path / "ref", {})
    (tmp_path / "deg").mkdir()
    for path in (tmp_path / "ref").glob("*.wav"):
        signal, rate = soundfile.read(path, dtype="float32")
        soundfile.write(tmp_path / "deg" / path.name, signal / 2, rate, subtype="FLOAT")
    return tmp_path / "ref", tmp_path / "deg"


def scored(folders: tuple[Path, Path], texts: dict[str, str] | None = None, **options: Any) -> pd.DataFrame:
    if texts:
        data(folders[0], texts)
    return score(*folders, Options(folders[0].parent / "scored", **options), Silent())


def test_values_of_folders(tmp_path: Path) -> None:
    results = scored(pairs(tmp_path), metrics=[LOUDNESS])
    assert one(results, "to_reference", utterance="u1")["value"] == pytest.approx(0.5)
    assert set(results[results["name"] == "letters"]["reason"]) == {"the data have no transcript"}
    assert set(results[results["name"] == "to_same"]["status"]) == {"not_applicable"}


def test_a_manifest_gives_transcripts_and_speakers(tmp_path: Path) -> None:
    folders = pairs(tmp_path)
    results = scored(folders, metrics=[LOUDNESS], data=str(folders[0] / "manifest.csv"), workers=2)
    assert one(results, "letters", utterance="u1")["value"] == pytest.approx(1.5)
    levels = [level(folders[0] / f"u{n}.wav") for n in range(3)]
    assert one(results, "to_same", utterance="u0")["value"] == pytest.approx(0.5 * levels[0] / levels[1])
    assert one(results, "to_other", utterance="u0")["value"] == pytest.approx(0.5 * levels[0] / levels[2])
    assert one(results, "loudness", utterance="u2")["speaker"] == "b"


def test_references_are_kept_between_folders(tmp_path: Path, log: Path) -> None:
    folders, cache = pairs(tmp_path), tmp_path / "kept"
    scored(folders, metrics=[LOUDNESS], cache=cache)
    log.unlink()
    scored(folders, metrics=[LOUDNESS], cache=cache)
    assert len(log.read_text().split()) == 3
    assert os.listdir(cache) == ["descriptions"]  # noqa: PTH208 (names only)


# --- What a listener cannot do, and what must not decide a value ---


def test_a_failing_reference_is_asked_once(tmp_path: Path, bench: Bench, log: Path) -> None:
    (scorer,) = scorers([f"{LOUDNESS}:trouble=raise,trouble_samples={RATE}"])
    ears, speech = Ears(bench, Store(tmp_path / "cache")), Audio(speech_like(1.0), RATE)
    outputs = [Audio(speech_like(1.0)[: 1000 + n], RATE) for n in range(5)]
    found = [ears.ask(scorer, output, speech, Utterance("u", Path("u")), NOBODY) for output in outputs]
    ears.answer()
    assert {v.reason for of in found for v in of if v.name == "to_reference"} == {"RuntimeError: planned"}
    assert Counter(log.read_text().split())[str(RATE)] == 1
    assert not (tmp_path / "cache" / "descriptions").exists(), "the next run tries again"


def test_what_cannot_be_kept_is_a_failure_of_its_own(tmp_path: Path) -> None:
    results = scored(pairs(tmp_path), metrics=["tests.listeners:Odd", "si_sdr"])
    odd = results[results["scorer"].str.startswith("tests.listeners:Odd") & results["name"].eq("to_reference")]
    assert set(odd["status"]) == {"metric_failed"}
    assert set(odd["reason"]) == {"a description holds a set; plain types and arrays of numbers are allowed"}
    assert set(results[results["name"] == "si_sdr"]["status"]) <= {"ok", "not_applicable"}


def test_a_companion_is_never_up_sampled(tmp_path: Path, bench: Bench) -> None:
    soundfile.write(tmp_path / "narrow.wav", speech_like(1.0, 8000), 8000)
    (scorer,) = scorers([LOUDNESS])
    ears, speech = Ears(bench, Store(tmp_path / "cache")), Audio(speech_like(0.5), RATE)
    friends = Companions(None, Utterance("narrow", tmp_path / "narrow.wav"))
    found = ears.ask(scorer, speech, speech, Utterance("u", Path("u")), friends)
    ears.answer()
    (other,) = (v for v in found if v.name == "to_other")
    assert other.reason == "the reference is sampled at 8000 Hz; this value needs 16000 Hz"


def test_which_companion_is_which_is_in_the_key(tmp_path: Path) -> None:
    """The only other utterance is first of another speaker, then, the manifest mended, of the same."""
    first = a_run(tmp_path, speakers="ab")
    mended = a_run(tmp_path, speakers="aa")
    assert one(first, "to_other", utterance="u0")["status"] == "ok"
    assert one(mended, "to_other", utterance="u0")["status"] == "not_applicable"
    assert one(mended, "to_same", utterance="u0")["status"] == "ok"


def test_a_process_that_a_metric_ends_costs_no_other_row(tmp_path: Path) -> None:
    """The listener comes last, and needs the pair that the dead process held."""
    results = scored(pairs(tmp_path), metrics=["tests.deadly:make", LOUDNESS])
    assert set(results[results["name"] == "deadly"]["status"]) == {"metric_failed"}
    assert set(results[results["name"] == "loudness"]["status"]) == {"ok"}


def test_two_models_that_do_not_fit_in_memory_together_are_loaded_in_turn(tmp_path: Path) -> None:
    bench = Bench(Limits(seconds=60, memory_mb=700))
    try:
        ears, speech = Ears(bench, Store(tmp_path / "cache")), Audio(speech_like(0.5), RATE)
        found = []
        for scale in (1, 2):
            (scorer,) = scorers([f"tests.listeners:Large:scale={scale}"])
            found.append(ears.ask(scorer, speech, speech, Utterance("u", Path("u")), NOBODY))
            ears.answer()
    finally:
        bench.close()
    assert [v.status for of in found for v in of if v.name == "loudness"] == ["ok", "ok"]


def test_the_limit_of_time_is_for_each_signal(tmp_path: Path) -> None:
    bench = Bench(Limits(seconds=2))
    try:
        found = heard(bench, tmp_path, [1234] * 8, "tests.listeners:Slow")
    finally:
        bench.close()
    assert {v.status for of in found for v in of if v.name == "loudness"} == {"ok"}


# --- Labels of folders ---


def nested(tmp_path: Path, manifest: str) -> tuple[Path, Path]:
    """Files of one name in two folders."""
    for kind in ("ref", "deg"):
        for who in ("a", "b"):
            (tmp_path / kind / who).mkdir(parents=True)
            soundfile.write(tmp_path / kind / who / "001.wav", speech_like(1.0, seed=ord(who)), RATE)
    (tmp_path / "manifest.csv").write_text(manifest)
    return tmp_path / "ref", tmp_path / "deg"


@pytest.mark.parametrize(
    ("lines", "speakers"),
    [
        ("spkA-001,wavs/a/001.wav,A\nspkB-001,wavs/b/001.wav,B", {"a/001": "A", "b/001": "B"}),
        ("a/001,x/rec7.wav,A\nb/001,y/001.wav,B", {"a/001": "A", "b/001": "B"}),
        ("spkA-001,wavs/a/001.wav,A\nspkC-001,wavs/c/001.wav,C", {"a/001": "A", "b/001": ""}),
    ],
    ids=["by path", "by id", "by path, the other unnamed"],
)
def test_equal_names_in_folders_are_told_apart(tmp_path: Path, lines: str, speakers: dict[str, str]) -> None:
    folders = nested(tmp_path, f"id,path,speaker\n{lines}\n")
    progress = Silent()
    options = Options(tmp_path / "scored", ["si_sdr"], data=str(tmp_path / "manifest.csv"))
    results = score(*folders, options, progress)
    assert results.drop_duplicates("utterance").set_index("utterance")["speaker"].to_dict() == speakers
    told = any("1 of 2 references are not named by" in text for text in progress.warnings)
    assert told == ("" in speakers.values())


def test_an_id_wins_over_a_file_name(tmp_path: Path) -> None:
    for kind in ("ref", "deg"):
        (tmp_path / kind).mkdir()
        soundfile.write(tmp_path / kind / "001.wav", speech_like(1.0), RATE)
    (tmp_path / "manifest.csv").write_text("id,path,speaker\n001,x/rec7.wav,right\n002,y/001.wav,wrong\n")
    options = Options(tmp_path / "scored", ["si_sdr"], data=str(tmp_path / "manifest.csv"))
    results = score(tmp_path / "ref", tmp_path / "deg", options, Silent())
    assert set(results["speaker"]) == {"right"}


def test_a_manifest_that_names_nothing_is_refused(tmp_path: Path) -> None:
    folders = nested(tmp_path, "id,path,speaker\nx,y/z.wav,A\n")
    with pytest.raises(UserError, match=r"names none of the references, by id or file name \(the first is 'a/001'\)"):
        score(*folders, Options(tmp_path / "scored", ["si_sdr"], data=str(tmp_path / "manifest.csv")), Silent())
