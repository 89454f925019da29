"""reports.table: booktabs LaTeX, Markdown and CSV of a made-up run."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark import table
from benchmark.types import UserError
from reports.blocks import Block, printed
from reports.escape import spreadsheet
from reports.ranking import ranks
from reports.table import Format, render
from tests.runs import CODECS, conditions, make_jitter_run, make_noise_run, make_run


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
    assert r"PESQ-WB $\uparrow$ (MOS-LQO, higher is better)." in text
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
    assert "| condition | PESQ-WB (MOS-LQO) ↑ | STOI ↑ |" in text
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
    assert clean.startswith("**PESQ-WB against clean speech ↑ (MOS-LQO, higher is better)**")
    assert "| codec | Clean | White noise, 10 dB SNR | White noise, 0 dB SNR | Babble noise, 10 dB SNR |" in clean
    assert "| uncoded | – |" in clean, "it was never asked there, and that changes nothing of the note"
    assert "20 valid of 20 asked in every cell" in clean
    assert faithful.startswith("PESQ-WB against the input")
    assert "Clean" not in faithful
    assert "| uncoded |" not in faithful
    assert "nor does uncoded speech" in clean
    uncoded = next(line for line in clean.splitlines() if line.startswith("| uncoded"))
    assert not set("*<") & set(uncoded), "the best of all, but it does not compete"


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


# --- Best, second, and what may be chance ---


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PESQ of A, of B that is as good but for luck, of C that is worse for everybody; D is best but fails once."""
    folder = make_run(tmp_path_factory.mktemp("ranked"), codecs=("pcm",), channels=conditions()[:2], speakers=12)
    results = table.read(folder)
    results = results[results["name"] == "pesq_wb"].drop(columns="codec")
    luck = np.where(np.arange(len(results)) // 2 % 2, 0.05, -0.05)  # of two utterances a speaker
    value = 3 + 0.3 * np.sin(np.arange(len(results)))
    parts = {"A": value, "B": value - 0.012 + luck, "C": value - 0.4 + luck, "D": value + 0.3}
    made = pd.concat([results.assign(codec=codec, value=v) for codec, v in parts.items()], ignore_index=True)
    failed = made.index[made["codec"] == "D"][:1]
    made.loc[failed, ["value", "status", "reason"]] = [np.nan, "codec_failed", "it fell over"]
    table.write(made, folder / "results.parquet")
    facts = json.loads((folder / "run.json").read_text())
    facts["codecs"] = {codec: facts["codecs"]["pcm"] for codec in "ABCD"}
    (folder / "run.json").write_text(json.dumps(facts))
    return folder


def cells(text: str, codec: str) -> list[str]:
    row = next(line for line in text.splitlines() if line.startswith(f"| {codec} "))
    return [cell.strip() for cell in row.split("|")[2:-1]]


def test_the_best_is_bold_the_second_underlined_and_chance_has_a_dagger(ranked: Path) -> None:
    text = render(ranked, "markdown", ["pesq_wb"])
    assert re.fullmatch(r"\*\*3\.\d+ ± 0\.\d+ \(24/24\)\*\*", cells(text, "A")[0])
    assert re.fullmatch(r"<ins>[23]\.\d+ ± 0\.\d+ \(24/24\)</ins>†", cells(text, "B")[0])
    assert not set("*<†") & set(cells(text, "C")[0])
    assert re.fullmatch(r"3\.\d+ ± 0\.\d+ \(23/24\)", cells(text, "D")[0]), "the best, but one value is missing"
    assert "**" in cells(text, "D")[1], "where nothing is missing"
    assert "†" not in cells(text, "A")[1], "0.3 less for everybody is no chance"
    assert "Holm over the" in text
    assert "paired bootstrap over 12 speakers, two-sided" in text
    assert "level 0.05" in text


def test_latex_has_the_same_marks_and_says_what_it_needs(ranked: Path) -> None:
    text = render(ranked, "latex", ["pesq_wb"])
    assert text.startswith(r"% Needs \usepackage{booktabs}")
    assert r"\label{tab:dropout-pesq-wb}" in text
    line = next(line for line in text.splitlines() if line.strip().startswith("B &"))
    assert (line.count(r"\underline{"), line.count(r"$^{\dagger}$")) == (1, 1)
    assert "Data: read\\_speech (24 utterances, 12 speakers). Seeds: 0. Made by focalbench 0.1.0." in text


def test_with_few_speakers_nothing_is_tested(tmp_path: Path) -> None:
    folder = make_run(tmp_path, codecs=("opus-24k", "opus-12k", "opus-6k"), channels=conditions()[:1], speakers=9)
    text = render(folder, "markdown", ["pesq_wb"])
    assert "Descriptive only, without tests: fewer than 10 speakers." in text
    assert "†" not in text
    assert "**" in cells(text, "opus-24k")[0]


def test_where_codecs_stand_in_columns_they_compete_in_rows(ranked: Path) -> None:
    text = render(ranked, "markdown", ["pesq_wb"], rows="condition", cols="codec")
    head, row = cells(text, "condition"), cells(text, "1 % loss")
    assert row[head.index("D")].startswith("**3.")
    assert row[head.index("A")].startswith("<ins>3.")


def test_values_without_a_direction_have_no_marks(run: Path) -> None:
    assert "**" not in "".join(cells(render(run, "markdown", ["burst_ms"]), "opus-24k"))


def test_lower_is_better_where_the_metric_says_so_and_equals_share() -> None:
    assert ranks({"a": 1.0, "b": 2.0, "c": 1.0, "d": 3.0}, "lower") == {"a": 1, "c": 1, "b": 2}
    assert ranks({"a": 1.0, "b": 2.0, "c": 3.0, "d": 3.0}, "higher") == {"c": 1, "d": 1, "b": 2}
    assert ranks({"a": 1.0, "b": 1.0}, "higher") == ranks({"a": 1.0}, "lower") == ranks({"a": 1.0}, "neither") == {}


NUMBER = re.compile(r"(\$-\$)?(\d+(?:\.\d+)?)")


@pytest.mark.parametrize("format", ["latex", "markdown"])
def test_every_printed_number_is_that_of_the_parquet(tmp_path: Path, format: Format) -> None:
    folder = make_run(tmp_path, channels=conditions()[:4], per_speaker=1)
    text = render(folder, format, ["pesq_wb", "loss_rate", "si_sdr"])
    results = table.read(folder)
    blocks = re.split(r"\\caption\[(?=\w)|\n\*\*(?=\w)", "\n" + text)[1:]
    assert len(blocks) == 3
    for name, block in zip(("pesq_wb", "loss_rate", "si_sdr"), blocks, strict=True):
        rows = results[results["name"] == name]
        for codec in CODECS:
            found = [line for line in block.splitlines() if re.match(rf"[ |]*{codec} [&|]", line)]
            printed = [value for line in found for value in re.split(r"[&|]", line.strip("| "))[1:]]
            assert len(printed) == 4
            for cell, condition in zip(printed, conditions()[:4], strict=True):
                part = rows[(rows["codec"] == codec) & (rows["channel"] == condition["channel"])]
                sums = part[["numerator", "denominator"]].sum()
                ratio = name == "loss_rate"
                expected = sums["numerator"] / sums["denominator"] if ratio else part["value"].mean()
                shown = NUMBER.search(cell.replace("−", "$-$"))
                assert shown
                digits = len(shown[2].partition(".")[2])
                value = float(shown[2]) * (-1 if shown[1] else 1)
                assert value == pytest.approx(expected, abs=0.5000001 * 10**-digits), (name, codec, cell)


@pytest.mark.parametrize("label", ["=cmd|' /C calc'!A0", "a\r\nb", "$x$", "<script>", "@me"])
def test_labels_stay_text_in_every_format(tmp_path: Path, label: str) -> None:
    folder = make_run(tmp_path, codecs=("opus-6k", "pcm"), channels=conditions()[:1], speakers=2, rename=label)
    lines = list(csv.DictReader(io.StringIO(render(folder, "csv", ["pesq_wb"]))))
    assert {line["codec"] for line in lines} == {"opus-6k", spreadsheet(label)}
    for format in ("latex", "markdown"):
        text = render(folder, format, ["pesq_wb"])
        assert "<script>" not in text
        assert "$x$" not in text
        assert text.count(r"\toprule" if format == "latex" else "|---|") == 1


def test_columns_that_do_not_fit_stand_below_one_another_and_tables_go_on_in_another_float() -> None:
    body = tuple((f"codec {row}", *(["4.12 ± 0.13"] * 12)) for row in range(20))
    head = ("codec", *(f"condition number {column}" for column in range(12)))
    text = printed([Block("T", "n.", head, body, "a"), Block("T", "n.", head, body, "a")], "latex")
    assert text.count(r"\label{tab:a}") == text.count(r"\label{tab:a-2}") == 1
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2 + text.count("(continued)") > 2
    assert text.count(r"\addtocounter{table}{-1}") == text.count("(continued)")
    for column in range(12):
        assert text.count(rf"condition\\number {column}\end") == 2
    columns = [line.count("&") for line in text.splitlines() if line.strip().startswith("codec 7 ")]
    assert sum(columns) == 2 * 12
    assert max(columns) < 6
