"""`benchmark.lines`: one JSON object per utterance and condition, which other tools read."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark import lines, table
from benchmark.table import Row
from tests import quick

PLACE: dict[str, Any] = {
    "codec": "opus-12k",
    "codec_spec": "opus:bitrate=12000",
    "channel": "clean",
    "acoustics": "clean",
    "playout": "none",
    "protection": "none",
    "concealment": "none",
    "header": "none",
    "mode": "offline",
    "seed": 3,
    "dataset": "made",
    "utterance": "clip0",
    "speaker": "anna",
}
WHISPER = "asr:language=en,model=whisper,normaliser=auto,weights=small"


def row(name: str, value: float | None = None, **changes: Any) -> Row:
    """A row with a value, or without one for a reason."""
    parts: dict[str, Any] = {
        "reference": "clean",
        "scorer": "some",
        "kind": "value",
        "numerator": None,
        "denominator": None,
    }
    parts |= {"unit": "", "status": "ok", "reason": "", "key": ""}
    if value is None:
        parts |= {"status": "no_speech", "reason": "the reference is silent"}
    return Row(**(PLACE | parts | {"name": name, "value": value} | changes))


def edits(scorer: str) -> list[Row]:
    """2 of 20 words deleted, 1 inserted, 3 replaced."""
    counts = {"deletions": 2.0, "insertions": 1.0, "substitutions": 3.0}
    return [
        row(f"wer_{edit}", count / 20, numerator=count, denominator=20.0, scorer=scorer)
        for edit, count in counts.items()
    ]


def written(tmp_path: Path, *rows: Row) -> list[dict[str, Any]]:
    path = tmp_path / "scores.jsonl"
    lines.write(table.frame(rows), path)
    assert list(tmp_path.iterdir()) == [path], "something is left beside the file"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def numbers(line: dict[str, Any]) -> dict[str, float]:
    """What other tools take for scores."""
    return {name: value for name, value in line.items() if isinstance(value, int | float)}


def test_the_numbers_are_flat_and_exact_and_keep_our_names(tmp_path: Path) -> None:
    values = {"stoi": 0.1 + 0.2, "delay_ms": 12.5}
    (line,) = written(tmp_path, *(row(name, value) for name, value in values.items()))
    assert numbers(line) == values
    assert next(iter(line)) == "key"
    assert line["key"] == "clip0"
    assert line["speaker"] == "anna"


def test_names_that_versa_knows_are_given_too(tmp_path: Path) -> None:
    (line,) = written(tmp_path, row("pesq_wb", 3.5), row("si_sdr", -4.0), row("plcmos", 2.5), row("mcd", 6.0))
    assert numbers(line) == {"pesq_wb": 3.5, "pesq": 3.5, "si_sdr": -4.0, "si_snr": -4.0, "plcmos": 2.5, "mcd": 6.0}


def test_what_has_no_number_says_why_and_is_no_number(tmp_path: Path) -> None:
    (line,) = written(tmp_path, row("pesq_wb"), row("stoi", 0.0))
    assert numbers(line) == {"stoi": 0.0}
    assert line["missing"] == {"pesq_wb": "no_speech: the reference is silent"}
    assert "missing" not in written(tmp_path, row("stoi", 0.0))[0]


def test_a_line_per_utterance_and_condition_each_with_its_own_key(tmp_path: Path) -> None:
    places: list[dict[str, Any]] = [
        {"utterance": utterance, "channel": channel}
        for utterance in ("clip0", "clip1")
        for channel in ("clean", "bernoulli:loss=0.1")
    ]
    found = written(tmp_path, *(row(name, 1.0, **place) for place in places for name in ("stoi", "estoi")))
    assert sorted(line["key"] for line in found) == sorted(f"{p['utterance']} | {p['channel']}" for p in places)
    assert {(line["utterance"], line["channel"]) for line in found} == {tuple(p.values()) for p in places}
    assert all(numbers(line) == {"stoi": 1.0, "estoi": 1.0} for line in found)


@pytest.mark.parametrize("column", [c for c in PLACE if c not in ("codec_spec", "speaker")])
def test_everything_that_tells_conditions_apart_is_in_the_key_as_text(tmp_path: Path, column: str) -> None:
    other = 4 if column == "seed" else "other"
    found = written(tmp_path, row("stoi", 1.0), row("stoi", 2.0, **{column: other}))
    assert len({line["key"] for line in found}) == 2
    assert {line[column]: line["stoi"] for line in found} == {str(PLACE[column]): 1.0, str(other): 2.0}


def test_two_references_and_two_scorers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    (line,) = written(
        tmp_path,
        row("si_sdr", 1.0),
        row("si_sdr", 2.0, reference="input"),
        row("wer", 0.3, scorer="asr:a=1"),
        row("wer", 0.4, scorer="asr:a=2"),
        row("wer", 0.5, scorer="asr:a=2", reference=""),
    )
    del line["wer[asr:a=2]"]
    assert numbers(line) == {"si_sdr": 1.0, "si_snr": 1.0, "si_sdr@input": 2.0, "wer[asr:a=1]": 0.3}


def test_counts_of_edits_by_the_recogniser_as_versa_names_them(tmp_path: Path) -> None:
    (line,) = written(tmp_path, *edits(WHISPER), *edits("my_asr:size=3"))
    versas = {"delete": 2, "insert": 1, "replace": 3, "equal": 15}
    for prefix in ("whisper_wer", "my_asr_wer"):
        assert {n.removeprefix(f"{prefix}_"): v for n, v in numbers(line).items() if n.startswith(prefix)} == versas
    assert line[f"wer_deletions[{WHISPER}]"] == 0.1


def test_no_counts_where_some_are_missing_or_whose_they_are_is_unclear(tmp_path: Path) -> None:
    (line,) = written(tmp_path, *edits(WHISPER)[:2], row("wer_substitutions", scorer=WHISPER))
    assert set(numbers(line)) == {"wer_deletions", "wer_insertions"}
    (line,) = written(tmp_path, *edits(WHISPER), *edits("asr:model=whisper,weights=tiny"))
    assert len(numbers(line)) == 6
    (line,) = written(tmp_path, *(r._replace(numerator=None, denominator=None) for r in edits(WHISPER)))
    assert len(numbers(line)) == 3, "shares whose words are not known"
    (line,) = written(tmp_path, *(r._replace(reference="input") for r in edits(WHISPER)))
    assert set(numbers(line)) == {f"{name}@input" for name in lines.EDITS}


def test_text_is_utf8_and_nothing_that_json_does_not_know(tmp_path: Path) -> None:
    (line,) = written(tmp_path, row("stoi", 1.0, utterance="größe/día", speaker="Zoë"))
    assert (line["key"], line["speaker"]) == ("größe/día", "Zoë")
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines.write(table.frame([row("stoi", float("nan"))]), tmp_path / "scores.jsonl")
    assert json.loads((tmp_path / "scores.jsonl").read_text(encoding="utf-8")) == line, "the last whole file is kept"


def test_no_rows_are_no_lines(tmp_path: Path) -> None:
    assert written(tmp_path) == []


def test_a_real_run(tmp_path: Path) -> None:
    wanted = quick.suite("pcm", "mulaw", metrics=["si_sdr", "stoi"])
    results, _ = quick.make_run(wanted, tmp_path / "run")
    lines.write(results, tmp_path / "scores.jsonl")
    found = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(found) == 2
    by_codec = {line["codec"]: line for line in found}
    assert by_codec["mulaw"]["si_snr"] == quick.one(results, "si_sdr", codec="mulaw")["value"]
    assert by_codec["pcm"]["missing"]["si_sdr"].startswith("not_applicable: the output equals the reference")
    values = quick.values(results)
    assert sum(len(numbers(line)) for line in found) == sum(values["status"] == "ok") + 1, "si_snr comes on top"
