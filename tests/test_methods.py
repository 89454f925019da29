"""reports.methods and reports.citations: what a run used is said and cited, and nothing is left out in silence."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import registry
from benchmark.cli import main
from benchmark.fetch import known
from benchmark.types import UserError
from reports import citations
from reports.methods import methods, render
from reports.summary import load
from tests.runs import conditions, make_run
from tests.test_escape import HOSTILE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_facts(tmp_path_factory.mktemp("run"))


def with_facts(folder: Path, **more: Any) -> Path:
    facts: dict[str, Any] = {
        "scorers": {
            "pesq@16000": {"versions": {"pesq": "0.0.4"}, "values": ["pesq_wb"]},
            "asr:model=whisper,size=base@16000": {"versions": {"weights": "a" * 64}, "values": ["dwer"]},
        },
        "mode": "streaming",
    }
    return make_run(
        folder, codecs=("opus-24k", "opus-6k"), channels=conditions()[:3], per_speaker=1, facts=facts | more
    )


# --- References ---

SHIPPED = {
    "codecs": "codec",
    "metrics": "metric",
    "channels": "channel",
    "acoustics": "acoustics",
    "playouts": "playout",
    "protections": "protection",
    "tasks": "task",
}


@pytest.mark.parametrize("kind", SHIPPED)
def test_everything_that_ships_has_a_reference_or_a_reason(kind: str) -> None:
    missing = [name for name in registry._ours(SHIPPED[kind]) if citations.cited(kind, name) == citations.Found()]
    assert not missing, f"data_manifests/citations.yaml knows nothing of the {kind} {missing}"


def test_every_data_set_has_a_reference_or_a_reason() -> None:
    sets = ["demo", *(name for name, source in known().items() if source.layout or source.parts)]
    assert len(sets) > 15
    assert [name for name in sets if citations.of_data(name, "") == citations.Found()] == []


def test_every_recogniser_of_asr_has_a_reference() -> None:
    for model in ("pocketsphinx", "whisper", "ctc"):
        assert len(citations.cited("metrics", f"asr:model={model}").keys) == 2


def test_entries_are_used_and_whole() -> None:
    file = citations._file()
    used = {
        key for kind in file["uses"].values() for cites in kind.values() if isinstance(cites, list) for key in cites
    }
    assert used == set(citations.entries())
    for key, entry in citations.entries().items():
        assert re.fullmatch(r"[a-z0-9_]+", key)
        assert {"type", "author", "title", "source"} <= set(entry), key
        assert entry["type"] != "article" or {"journal", "year"} <= set(entry), key
        assert entry["type"] != "inproceedings" or {"booktitle", "year"} <= set(entry), key


def test_bibtex_is_balanced_ascii_with_one_entry_each() -> None:
    text = citations.bibtex(citations.entries(), ["x@y\n@z"])
    assert text.isascii()
    assert text.count("{") == text.count("}")
    assert re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE) == list(citations.entries())
    assert r"D{\'{e}}fossez" in text
    assert text.splitlines()[0] == "% No entry for x[U+0040]y [U+0040]z"
    assert "source =" not in text


def test_data_are_known_by_their_name_or_by_the_way_to_their_manifest() -> None:
    assert citations.of_data("x", "/data/librispeech_test_clean/manifest.csv").keys == ("panayotov2015librispeech",)
    assert citations.of_data("demo", "").reason
    assert citations.of_data("mine", "/somewhere/else.csv") == citations.Found()


# --- The paragraph ---


def test_it_says_what_was_used_in_which_version_and_by_whom(run: Path) -> None:
    text, references = render(run)
    for part in (
        "Measurements were made with focalbench 0.1.0.",
        "opus-24k (opus:bitrate=24000,fec=true, libopus 1.5.2) [rfc6716]",
        "read_speech (10 utterances, 10 speakers, 60 s)",
        "Networks: 1 % loss; 5 % loss [gilbert1960, elliott1963].",
        "PESQ-WB (pesq 0.0.4) [rix2001pesq, itu_p862, itu_p862_2]",
        "dWER (asr:model=whisper,size=base, weights aaaaaaaaaaaa) [morris2004wer, radford2023whisper]",
        "ipv4_udp_rtp headers; codecs ran in streaming mode.",
        "Signals were resampled by soxr 0.5.0 VHQ; alignment: measured.",
        "Holm's correction over each table [holm1979]",
        "Seeds: 0.",
        "AMD EPYC, Python 3.11.2, numpy 2.4.0",
    ):
        assert part in text
    for key in methods(load(run)).keys:
        assert f"{{{key}," in references
        assert f"\n[{key}] " in text


def test_what_has_no_reference_is_named(tmp_path: Path) -> None:
    folder = with_facts(tmp_path, scorers={"my_pkg:Metric@16000": {"values": ["mine"]}}, data=[{"name": "own speech"}])
    text, references = render(folder)
    assert "No reference is on file for own speech, my_pkg:Metric: cite their authors." in text
    assert "% No entry for my_pkg:Metric: not known" in references


def test_a_codec_that_did_not_run_is_not_hidden(tmp_path: Path) -> None:
    codecs = {"opus-6k": {"spec": "opus:bitrate=6000", "status": "skipped", "reason": "no libopus"}}
    assert "did not run: no libopus" in render(with_facts(tmp_path, codecs=codecs))[0]


def test_few_speakers_are_said(tmp_path: Path) -> None:
    folder = make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=4)
    assert "With fewer than 10 speakers they are descriptive, and no differences were tested." in render(folder)[0]


def test_latex_cites_and_markdown_does_as_pandoc_reads(run: Path) -> None:
    assert r"libopus 1.5.2)~\cite{rfc6716}" in render(run, "latex")[0]
    assert "[@rix2001pesq; @itu_p862; @itu_p862_2]" in render(run, "markdown")[0]
    with pytest.raises(UserError, match="No format 'html'"):
        render(run, "html")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(tmp_path: Path, text: str) -> None:
    codecs = {text: {"spec": text, "status": "skipped", "reason": text}}
    folder = with_facts(tmp_path, codecs=codecs, data=[{"name": text, "manifest": text}])
    paper, references = render(folder, "latex")
    body = paper.partition("\n")[2].rstrip("\n")
    assert "\n" not in body
    assert not re.search(r"\\(?:input|write)|<|(?<!\\)[%#]", body)
    assert "<script>" not in render(folder, "markdown")[0]
    assert re.findall(r"^@\w+\{(\w+),$", references, re.MULTILINE) == methods(load(folder)).keys
    assert all(line.startswith("%") or "@" not in line or line.startswith("@") for line in references.splitlines())


@given(st.text(max_size=40))
def test_any_spec_can_be_asked_for(text: str) -> None:
    assert isinstance(citations.cited("codecs", text), citations.Found)
    assert isinstance(citations.of_data(text, text), citations.Found)


def test_the_command_prints_and_writes(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "paper" / "refs.bib"
    assert main(["methods", str(run), "--format", "latex", "--bibtex", str(file)]) == 0
    said = capsys.readouterr().out
    keys = {key for cites in re.findall(r"\\cite\{([^}]*)\}", said) for key in cites.split(",")}
    assert keys == set(re.findall(r"^@\w+\{(\w+),$", file.read_text(), re.MULTILINE))
