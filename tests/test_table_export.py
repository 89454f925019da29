"""reports.table: booktabs LaTeX, Markdown and CSV of a made-up run."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from benchmark import table
from benchmark.types import UserError
from reports.table import render
from tests.runs import conditions, make_jitter_run, make_noise_run, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(
        tmp_path_factory.mktemp("run"), codecs=("pcm", "opus-24k"), channels=conditions()[:4], per_speaker=1
    )


def test_latex_is_a_booktabs_table_per_metric(run: Path) -> None:
    text = render(run, "latex", ["pesq_wb", "stoi"])
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"5 \% loss" in text
    assert r"codec & Clean & 1 \% loss" in text
    assert r"PESQ-WB (MOS-LQO, higher is better)." in text
    assert r"10 valid of 10 asked in every cell" in text
    row = next(line for line in text.splitlines() if line.strip().startswith("opus-24k"))
    assert (row.count("&"), row.count(r"$\pm$")) == (4, 4)


def test_latex_escapes_what_labels_hold(tmp_path: Path) -> None:
    run = make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=2, rename=r"a_b\c & 5%{$#^~}<×")
    text = render(run, "latex", ["pesq_wb"])
    assert r"a\_b\textbackslash{}c \& 5\%\{\$\#\textasciicircum{}\textasciitilde{}\}\textless{}$\times$" in text


def test_markdown_shows_value_and_half_width(run: Path) -> None:
    text = render(run, "markdown", ["pesq_wb"])
    assert "| codec | Clean | 1 % loss | 5 % loss | 10 % loss |" in text
    row = next(line for line in text.splitlines() if line.startswith("| opus-24k"))
    assert row.count("±") == 4
    assert "95 % interval over 10 speakers" in text


def test_markdown_cannot_be_broken_by_a_label(tmp_path: Path) -> None:
    run = make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=2, rename="a|b<script>")
    assert r"| a\|b&lt;script&gt; |" in render(run, "markdown", ["pesq_wb"])


def test_csv_is_tidy_and_keeps_full_precision(run: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(render(run, "csv", ["pesq_wb", "net_bps"]))))
    assert len(lines) == 2 * 2 * 4
    line = next(x for x in lines if (x["codec"], x["metric"], x["condition"]) == ("opus-24k", "pesq_wb", "clean"))
    assert float(line["low"]) < float(line["value"]) < float(line["high"])
    assert (line["n"], line["asked"], line["clusters"], line["unit"]) == ("10", "10", "10", "MOS-LQO")
    rate = next(x for x in lines if (x["codec"], x["metric"]) == ("opus-24k", "net_bps"))
    assert float(rate["value"]) == pytest.approx(24_100)


def test_without_metrics_it_prints_every_score_and_no_link_row(run: Path) -> None:
    metrics = {line["metric"] for line in csv.DictReader(io.StringIO(render(run, "csv")))}
    assert metrics == {"pesq_wb", "stoi", "si_sdr", "mel_distance"}


def test_rows_and_columns_are_any_two_dimensions(run: Path) -> None:
    text = render(run, "markdown", ["pesq_wb", "stoi"], rows="channel", cols="metric")
    assert "| condition | PESQ-WB | STOI |" in text
    assert text.startswith("**pcm**")


def test_what_is_missing_is_shown_as_missing(tmp_path: Path) -> None:
    run = make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=2, status="metric_failed")
    text = render(run, "markdown", ["pesq_wb"])
    assert "| pcm | – |" in text
    assert "0 valid of 4 asked in every cell" in text


def test_one_speaker_has_values_and_no_intervals(tmp_path: Path) -> None:
    run = make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=1)
    text = render(run, "markdown", ["pesq_wb"])
    assert "±" not in text
    assert "Value, without interval" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "latex", "metrics": ["pesq_wd"]}, "Did you mean 'pesq_wb'"),
        ({"format": "markdwon"}, "Did you mean 'markdown'"),
        ({"format": "csv", "rows": "codecs"}, "Did you mean 'codec'"),
        ({"format": "csv", "rows": "metric", "cols": "metric"}, "both 'metric'"),
    ],
)
def test_wrong_use_is_one_clear_line(run: Path, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        render(run, **arguments)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No results at"):
        render(tmp_path, "csv")


# --- Noise and buffers ---


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_noise_run(tmp_path_factory.mktemp("noise"), ratios=(10, 0))


def test_tables_against_the_input_stand_apart_and_leave_out_what_was_never_asked(noise: Path) -> None:
    clean, faithful, *_ = render(noise, "markdown").split("\n**")
    assert clean.startswith("**PESQ-WB against clean speech (MOS-LQO, higher is better)**")
    assert "| codec | Clean | White noise, 10 dB SNR | White noise, 0 dB SNR | Babble noise, 10 dB SNR |" in clean
    assert "| uncoded | – |" in clean, "it was never asked there, and that changes nothing of the note"
    assert "20 valid of 20 asked in every cell" in clean
    assert faithful.startswith("PESQ-WB against the input")
    assert "Clean" not in faithful
    assert "uncoded" not in faithful


def test_csv_says_what_each_line_was_measured_on(noise: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(render(noise, "csv", ["stoi", "stoi · input"]))))
    assert len(lines) == (3 * 5 + 4) + 3 * 4, (
        "codecs everywhere, uncoded but for clean speech; input where there is noise"
    )
    columns = ("condition", "channel", "acoustics", "playout", "name", "reference")
    places = {tuple(line[c] for c in columns) for line in lines}
    room = "noise:kind=white,snr=0"
    assert (f"clean · {room}", "clean", room, "fixed:buffer_ms=60", "stoi", "input") in places
    assert ("clean", "clean", "clean", "fixed:buffer_ms=60", "stoi", "clean") in places


def test_buffers_are_named_where_there_are_several(tmp_path: Path) -> None:
    text = render(make_jitter_run(tmp_path), "markdown", ["pesq_wb"], rows="condition", cols="codec")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(set(rows)) == 21
    assert rows[0] == "Gamma delays, mean 25 ms · 20 ms buffer"


def test_one_data_set_of_several(tmp_path: Path) -> None:
    folder = make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=2)
    results = table.read(folder)
    shifted = results.assign(dataset="other", utterance="o-" + results["utterance"], value=results["value"] + 1)
    table.write(pd.concat([results, shifted], ignore_index=True), folder / "results.parquet")
    name = results["dataset"].iloc[0]
    one, other, both = (
        float(next(csv.DictReader(io.StringIO(render(folder, "csv", ["stoi"], data=data))))["value"])
        for data in (name, "other", None)
    )
    assert other == pytest.approx(one + 1)
    assert both == pytest.approx(one + 0.5)
    with pytest.raises(UserError, match=r"holds no data set 'othr'\. Did you mean 'other'"):
        render(folder, "csv", data="othr")
