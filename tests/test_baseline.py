"""Baseline files: they hold what a gate needs, read back as written, and differ in the lines that changed."""

import json
from pathlib import Path

import pytest

from benchmark import baseline
from benchmark.compare import compare
from benchmark.sides import Side, load
from benchmark.types import UserError
from tests.sides import row, side


def written(path: Path, planted: Side) -> Side:
    baseline.write(path, planted.facts, planted.rows)
    return load(path)


def test_a_baseline_reads_back_as_the_run_to_six_digits(tmp_path: Path):
    planted = side(lambda s, u: 3.0 + s / 7 + u / 11)
    read = written(tmp_path / "b.json", planted)
    assert read.rounded
    assert [float(f"{v:.6g}") for v in planted.rows["value"]] == list(read.rows["value"])
    same = ["codec", "channel", "utterance", "speaker", "scorer", "name", "reference", "seed", "unit", "status"]
    assert read.rows[same].equals(planted.rows[same])


def test_a_run_against_its_own_baseline_differs_by_exactly_nothing(tmp_path: Path):
    planted = side(lambda s, u: 3.0 + s / 7 + u / 11)
    found = compare(written(tmp_path / "b.json", planted), planted)
    assert {r.difference.value for r in found.rows} == {0.0}
    assert found.fields == ()


def test_ratios_keep_their_parts_and_failures_their_status(tmp_path: Path):
    more = (
        row(scorer="asr", name="wer", value=0.25, numerator=1.0, denominator=4.0),
        row(scorer="asr", name="wer", utterance="u1", value=None, status="metric_failed"),
    )
    read = written(tmp_path / "b.json", side(more=more, speakers=1, each=1)).rows
    wer = read[read["name"].eq("wer")].set_index("utterance")
    assert list(wer.loc["u0", ["value", "numerator", "denominator"]]) == [0.25, 1.0, 4.0]
    assert wer.loc["u1", "status"] == "metric_failed"
    assert not wer.loc[["u1"], "value"].notna().any()


def test_timings_the_network_and_the_uncoded_are_left_out(tmp_path: Path):
    more = (
        row(scorer="link", name="loss_rate"),
        row(scorer="link", name="net_bps"),
        row(scorer="probe", name="encode_ms", kind="timing"),
        row(codec="uncoded"),
        row(scorer="keyword", name="keyword_class"),
    )
    read = written(tmp_path / "b.json", side(more=more)).rows
    assert set(zip(read["codec"], read["name"], strict=True)) == {("A", "pesq_wb"), ("A", "net_bps")}


def test_a_change_of_one_condition_is_a_change_of_one_line(tmp_path: Path):
    planted = side()
    changed = planted.rows.assign(value=planted.rows["value"] + planted.rows["channel"].eq("clean"))
    first, second = (baseline.text(planted.facts, rows).splitlines() for rows in (planted.rows, changed))
    assert sum(one != other for one, other in zip(first, second, strict=True)) == 1
    assert json.loads("\n".join(first))["focalbench_baseline"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "is no baseline file"),
        ("[]", "is a baseline of format None, this version reads 1"),
        ('{"focalbench_baseline": 2}', "is a baseline of format 2"),
        ('{"focalbench_baseline": 1}', "is damaged: KeyError"),
        ('{"focalbench_baseline": 1, "facts": {}, "speech": {}, "values": [[1, 2]]}', "is damaged"),
        ('{"focalbench_baseline": 1, "facts": [], "speech": {}, "values": []}', "has schema None"),
    ],
)
def test_what_is_no_baseline_is_refused_in_one_line(tmp_path: Path, text: str, said: str):
    file = tmp_path / "b.json"
    file.write_text(text)
    with pytest.raises(UserError, match=said) as refused:
        load(file)
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"No run\.json in .*neither the folder of a finished run nor a baseline file"):
        load(tmp_path)


@pytest.mark.parametrize("cell", ['"0.5"', "true", '"fine"', "[1, true]", "{}"])
def test_a_cell_that_is_neither_value_nor_status_is_damage(tmp_path: Path, cell: str):
    planted = side(speakers=1, each=1)
    text = baseline.text(planted.facts, planted.rows).replace("[3.0]", f"[{cell}]")
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(UserError, match="is damaged"):
        load(tmp_path / "b.json")


def test_a_speaker_that_some_rows_know_is_the_speaker(tmp_path: Path):
    more = tuple(row(utterance="u0", speaker=who, name=name) for who, name in (("", "stoi"), ("s1", "estoi")))
    read = written(tmp_path / "b.json", side(more=more, speakers=1, each=1)).rows
    assert set(read.loc[read["utterance"].eq("u0"), "speaker"]) == {"s1"}
