"""The suite of other languages: what the papers measure, and what needs no weights, on data that name the language."""

import csv
from pathlib import Path

import pytest
import soundfile

from benchmark import suite, weights
from benchmark.scorers import scorers
from tests import quick
from tests.signals import speech_like

LANGUAGES = {"u0": "de", "u1": "ja", "u2": "es"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with a manifest `multilingual`, and no weights."""
    folder = tmp_path / "root" / "multilingual"
    folder.mkdir(parents=True)
    with (folder / "manifest.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path", "speaker", "split", "language"])
        for number, (identity, language) in enumerate(LANGUAGES.items()):
            soundfile.write(folder / f"{identity}.flac", speech_like(3, seed=number), 16_000)
            writer.writerow([identity, f"{identity}.flac", f"s{number}", "test", language])
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path / "root"))
    return tmp_path / "root"


def test_what_is_measured_is_what_the_papers_measure_and_what_needs_no_weights() -> None:
    made = suite.load("multilingual")
    assert made.data == suite.Data(("multilingual",), "test", by="language")
    assert made.channels == ("clean",)
    asked = {scorer.spec.name: scorer for scorer in scorers(made.metrics)}
    assert {"dwer", "dcer"} <= set(asked["asr"].names)
    assert {"model": "whisper", "weights": "small"}.items() <= asked["asr"].spec.params.items()
    assert "language" in asked["asr"].labels, "a recogniser is told the language"
    assert {"utmos", "speaker_wavlm", "speaker_resemblyzer", "stoi", "pesq"} <= asked.keys()


def test_it_runs_without_weights_and_says_what_it_lacks(tmp_path: Path, data: Path) -> None:
    changes = [("codecs", {"mu-law": "mulaw", "FocalCodec-Stream 65k": "focalcodec_stream:variant=65k"})]
    wanted = suite.load("multilingual", [*changes, ("save_audio", "none")])
    results, _ = quick.make_run(wanted, tmp_path / "out", data_root=data)
    ours = results[results["codec"] == "mu-law"]
    for name in ("stoi", "pesq_wb"):
        rows = ours[ours["name"] == name]
        assert dict(zip(rows["utterance"], rows["status"], strict=True)) == dict.fromkeys(LANGUAGES, "ok")
    for name, what in {"dwer": "whisper_small", "utmos": "utmos22_strong", "spk_sim_wavlm": "wavlm_base_sv"}.items():
        row = quick.one(ours, name, utterance="u0")
        assert (row["status"], f"focalbench fetch {what}" in row["reason"]) == ("skipped", True)
    assert {dataset: set(some) for dataset, some in ours.groupby("dataset")["utterance"]} == {
        f"multilingual {language}": {identity} for identity, language in LANGUAGES.items()
    }
    lacking = results[results["codec"] == "FocalCodec-Stream 65k"]
    assert set(lacking["status"]) == {"skipped"}
    assert lacking["reason"].str.contains("focalbench fetch focalcodec_stream_65k").all()
