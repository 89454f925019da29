"""`benchmark.score`: two folders of files, aligned by one shift each, or by their median, or not at all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from pandas.testing import assert_frame_equal

from benchmark import align, table
from benchmark.score import Options, score, summary
from benchmark.types import Signal, UserError
from tests.quick import Silent, noise, one, values
from tests.signals import speech_like

RATE = 16_000
CHEAP = ("si_sdr",)


def coarse(signal: Signal) -> Signal:
    """8 bits."""
    return (np.round(signal * 128) / 128).astype(np.float32)


def late(signal: Signal, ms: float, rate: int = RATE) -> Signal:
    return np.concatenate([np.zeros(round(ms * rate / 1000), np.float32), signal])


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three references, and the same at 8 bits."""
    for kind in ("ref", "deg"):
        (tmp_path / kind).mkdir()
    for number in range(3):
        speech = speech_like(1.5, seed=number)
        soundfile.write(tmp_path / "ref" / f"clip{number}.wav", speech, RATE)
        soundfile.write(tmp_path / "deg" / f"clip{number}.flac", coarse(speech), RATE)
    return tmp_path / "ref", tmp_path / "deg"


def scored(folders: tuple[Path, Path], metrics: Any = CHEAP, **options: Any) -> tuple[pd.DataFrame, list[str]]:
    progress = Silent()
    results = score(*folders, Options(folders[0].parent / "out", metrics, **options), progress)
    assert_frame_equal(results, table.read(folders[0].parent / "out"))
    return results, progress.warnings


def test_a_late_file_scores_as_if_it_were_not(folders: tuple[Path, Path]) -> None:
    """What is cut off at its end, and the filter of the scoring rate, may cost 0.02 PESQ and 0.002 STOI."""
    speech, path = speech_like(4.0), folders[1] / "clip1.flac"
    soundfile.write(folders[0] / "clip1.wav", speech, RATE)
    soundfile.write(path, coarse(speech), RATE)
    metrics = ("pesq_wb", "stoi", "si_sdr")
    before, _ = scored(folders, metrics)
    soundfile.write(path, late(coarse(speech), 50), RATE)
    after, _ = scored(folders, metrics)
    assert [one(r, "delay_ms", utterance="clip1")["value"] for r in (before, after)] == [0, 50]
    for name, noise_of in {"pesq_wb": 0.02, "stoi": 0.002, "si_sdr": 0.1}.items():
        found = [one(r, name, utterance="clip1")["value"] for r in (before, after)]
        assert found[1] == pytest.approx(found[0], abs=noise_of), name
    assert_frame_equal(*(values(r[r["utterance"] == "clip0"]) for r in (before, after)))


@pytest.mark.parametrize("ms", [-30, 0, 12.5, 480])
def test_the_delay_of_each_file(folders: tuple[Path, Path], ms: float) -> None:
    signal = coarse(speech_like(1.5, seed=1))
    shifted = late(signal, ms) if ms >= 0 else signal[round(-ms * 16) :]
    soundfile.write(folders[1] / "clip1.flac", shifted, RATE)
    results, _ = scored(folders)
    delays = results[results["name"] == "delay_ms"].set_index("utterance")["value"]
    assert delays.to_dict() == {"clip0": 0, "clip1": ms, "clip2": 0}


def test_alignment_by_the_folder(folders: tuple[Path, Path]) -> None:
    for number, ms in enumerate((20, 20, 90)):
        speech = coarse(speech_like(1.5, seed=number))
        soundfile.write(folders[1] / f"clip{number}.flac", late(speech, ms), RATE)
    results, _ = scored(folders, alignment="folder")
    assert set(results[results["name"] == "delay_ms"]["value"]) == {20}
    good, bad = (one(results, "si_sdr", utterance=f"clip{n}")["value"] for n in (0, 2))
    assert good > 15 > 0 > bad


def test_no_alignment(folders: tuple[Path, Path]) -> None:
    soundfile.write(folders[1] / "clip1.flac", late(coarse(speech_like(1.5, seed=1)), 50), RATE)
    results, _ = scored(folders, alignment="none")
    assert set(results[results["name"] == "delay_ms"]["value"]) == {0}
    assert one(results, "si_sdr", utterance="clip1")["value"] < 0


def test_another_rate_and_other_suffixes(folders: tuple[Path, Path]) -> None:
    speech = speech_like(1.5, seed=1)
    soundfile.write(folders[1] / "clip1.flac", align.resample(speech, RATE, 48_000), 48_000)
    (folders[1] / "clip2.flac").unlink()
    soundfile.write(folders[1] / "clip2.ogg", speech_like(1.5, seed=2), RATE)
    results, warnings = scored(folders)
    assert warnings == []
    assert one(results, "si_sdr", utterance="clip1")["value"] > 15, "two resamplings, of noise up to 8 kHz"
    assert set(results[results["name"] == "delay_ms"]["value"]) == {0}
    assert one(results, "si_sdr", utterance="clip2")["value"] > 5


def broken(deg: Path, change: str) -> None:
    path = deg / "clip1.flac"
    path.unlink()
    if change == "text":
        path.write_text("no audio")
    if change == "nan":
        samples = np.where(np.arange(RATE) == 7, np.nan, speech_like(1.0))
        soundfile.write(path.with_suffix(".wav"), samples, RATE, subtype="FLOAT")
    if change == "short":
        soundfile.write(path, speech_like(0.01), RATE)


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ("missing", "input_failed", "the degraded folder has no file of this name"),
        ("text", "input_failed", "clip1.flac cannot be read as audio"),
        ("nan", "input_failed", "clip1.wav holds NaN or infinity"),
        ("short", "too_short", "clip1.flac lasts 10 ms, at least 100 are needed"),
    ],
)
def test_a_bad_file_is_rows_that_say_so(folders: tuple[Path, Path], change: str, status: str, reason: str) -> None:
    broken(folders[1], change)
    results, _ = scored(folders)
    assert len(results) == 3 * 2
    rows = results[results["utterance"] == "clip1"]
    assert set(rows["status"]) == {status}
    assert rows["reason"].str.startswith(reason).all()
    assert set(results[results["utterance"] != "clip1"]["status"]) == {"ok"}
    assert "2 of 3 files" in summary(results)


def test_unrelated_files_have_no_delay_but_scores(folders: tuple[Path, Path]) -> None:
    soundfile.write(folders[1] / "clip1.flac", noise(1.5), RATE)
    results, _ = scored(folders)
    row = one(results, "delay_ms", utterance="clip1")
    assert row["status"] == "metric_failed"
    assert "no delay within +-500 ms is sure (best correlation" in row["reason"]
    assert one(results, "si_sdr", utterance="clip1")["value"] < 0


def test_a_file_without_a_reference_is_told(folders: tuple[Path, Path]) -> None:
    soundfile.write(folders[1] / "extra.flac", speech_like(1.0), RATE)
    results, warnings = scored(folders)
    assert warnings == [f"{folders[1] / 'extra.flac'} has no reference; it is not scored"]
    assert "extra" not in set(results["utterance"])


def test_workers_change_nothing(folders: tuple[Path, Path]) -> None:
    one_worker, _ = scored(folders, ("si_sdr", "mel_distance"))
    two_workers, _ = scored(folders, ("si_sdr", "mel_distance"), workers=2)
    assert_frame_equal(one_worker, two_workers)


def test_files_in_subfolders_are_paired_by_their_path(folders: tuple[Path, Path]) -> None:
    for folder, seed in zip(folders, (5, 5), strict=True):
        (folder / "speaker").mkdir()
        soundfile.write(folder / "speaker" / "clip0.wav", speech_like(1.0, seed=seed), RATE)
    results, _ = scored(folders)
    assert "speaker/clip0" in set(results["utterance"])


def test_what_is_recorded(folders: tuple[Path, Path]) -> None:
    scored(folders, alignment="folder")
    record = json.loads((folders[0].parent / "out" / "run.json").read_text())
    assert record["alignment"].startswith("folder")
    assert record["data"][0]["utterances"] == 3
    assert list(record["codecs"]) == ["deg"]
    assert "suite" not in record


def no_reference(ref: Path, deg: Path) -> None:
    ref.rename(ref.with_name("elsewhere"))


def nothing_in_it(ref: Path, deg: Path) -> None:
    for path in ref.iterdir():
        path.unlink()


def no_namesake(ref: Path, deg: Path) -> None:
    for path in deg.iterdir():
        path.rename(path.with_name(f"other-{path.name}"))


def twice(ref: Path, deg: Path) -> None:
    soundfile.write(deg / "clip0.wav", speech_like(1.0), RATE)


def out_is_a_file(ref: Path, deg: Path) -> None:
    (ref.parent / "out").touch()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_reference, "ref is not a folder; give two folders of audio files with the same names"),
        (nothing_in_it, r"ref holds no audio \(.flac, .wav"),
        (no_namesake, "No file of .*ref has a namesake in .*deg; names must match up to the suffix"),
        (twice, r"clip0.flac and .*clip0.wav have one name up to the suffix; which is meant is unclear"),
        (out_is_a_file, "Nothing can be written to .*out: File exists. Give another --out"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_wrong_use(folders: tuple[Path, Path], change: Callable[[Path, Path], None], words: str) -> None:
    change(*folders)
    with pytest.raises(UserError, match=words):
        scored(folders)


def test_an_unknown_metric(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match=r"No metric, and no value of one, called 'si_sdx'\. Did you mean 'si_sdr'\?"):
        scored(folders, ("si_sdx",))
