"""`reports.field`: codecs side by side with what a paper's table has, and what a run was not asked for."""

import csv
import io

import pytest

from benchmark.cli import main
from reports import field
from reports.summary import load
from tests.quick import make_run, suite
from tests.runs import make_files_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("field")
    channels = ["clean", *(f"gilbert:burst_ratio=1,loss={loss}" for loss in (0.1, 0.3))]
    codecs = {"Law": "mulaw", "Linear": "pcm", "Stream": "focalcodec_stream"}
    keys = {
        "channels": channels,
        "metrics": ["stoi", "pesq_wb"],
        "concealment": "all",
        "protection": ["none", "parity:packets=2"],
    }
    make_run(suite(codecs=codecs, data={"manifest": "demo", "limit": 2}, **keys), out, timing=True)
    return out


@pytest.fixture(scope="module")
def found(folder):
    return field.field(load(folder))


def column(found, head):
    return next(column for column in found.columns if column.head == head)


def test_one_line_for_each_codec_under_its_first_protection_and_strategy(found):
    assert [codec.partition(" · ")[0] for codec in found.codecs] == ["Law", "Linear", "Stream"]


def test_rates_and_latency_are_those_known_of_the_codecs(found):
    assert [entry.text for entry in column(found, "net rate").entries] == ["64.00", "256.00", "–"]
    assert [entry.text for entry in column(found, "on the wire").entries] == ["80.00", "272.00", "–"]
    assert [entry.text for entry in column(found, "algorithmic latency").entries] == ["20", "20", "–"]


def test_scores_are_named_by_what_measured_them(found):
    assert [c.head for c in found.columns if c.head.startswith(("PESQ", "STOI"))] == ["PESQ-WB", "STOI"]
    law, linear, stream = column(found, "PESQ-WB").entries
    assert linear.estimate.value == pytest.approx(4.64, abs=0.01)
    assert law.estimate.value < linear.estimate.value
    assert stream.text == "–"


def test_loss_tolerance_says_by_what(found):
    tolerance = column(found, "loss tolerance")
    assert tolerance.by.startswith("PESQ-WB, ")
    assert tolerance.entries[0].text.startswith("< 10")
    assert tolerance.unit == "%"


def test_cost_is_there_where_it_was_measured(found):
    assert column(found, "peak memory").entries[0].estimate.value > 1
    assert column(found, "real-time factor, encoder").entries[0].estimate.value < 1


def test_what_is_missing_is_said(found):
    notes = " ".join(found.notes)
    assert "Stream: no weights focalcodec_stream_65k" in notes
    assert "Not in this run: predicted MOS (metrics: dnsmos, nisqa or utmos), dWER (metrics: asr)" in notes
    assert "operations (--timing)" in notes


def test_scores_are_of_the_clean_condition_or_there_are_none(tmp_path):
    noisy = {"acoustics": ["noise:kind=white,snr=10"], "channels": ["gilbert:burst_ratio=1,loss=0.1"], "anchor": None}
    make_run(suite("pcm", metrics=["stoi"], **noisy), tmp_path)
    found = field.field(load(tmp_path))
    assert [column.head for column in found.columns] == ["algorithmic latency"]
    assert "no condition without loss on clean speech" in found.notes[0]


def test_files_from_elsewhere_have_their_scores_as_ever(tmp_path):
    folder = make_files_run(tmp_path)
    assert "algorithmic latency" not in field.render(folder, "markdown")
    assert "PESQ-WB" in field.render(folder, "markdown")


def test_the_command_prints_it(folder, capsys):
    assert main(["table", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "net rate, kbit/s" in said
    assert "| Linear" in said
    assert main(["table", str(folder), "--format", "latex"]) == 0
    assert r"\toprule" in capsys.readouterr().out


def test_the_csv_is_tidy(folder, capsys):
    assert main(["table", str(folder), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert tuple(rows[0]) == field.CSV_COLUMNS
    law = {row["quantity"]: row for row in rows if row["codec"].startswith("Law")}
    assert float(law["net rate"]["value"]) == 64
    assert law["STOI"]["n"] == "2"


def test_rows_or_columns_give_the_scores_by_condition_as_ever(folder, capsys):
    assert main(["table", str(folder), "--cols", "codec", "--metrics", "stoi"]) == 0
    assert "| condition |" in capsys.readouterr().out
    assert main(["table", str(folder), "--rows", "codec"]) == 0
    assert "| codec |" in capsys.readouterr().out
