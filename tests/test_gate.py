"""Gates: planted losses and gains, what could not be measured, margins, and what the command says and returns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark import cli, gate
from benchmark.compare import compare
from benchmark.gate import Margin, judge, margin_of, margins, outcome
from benchmark.types import UserError
from tests.sides import but, folder, row, side

SHIPPED = margins()


def shifted(shift: float, spread: float = 0.02):
    drawn = np.random.default_rng(3).normal(0, spread, (40, 10))
    return lambda s, u: 3.0 + 0.1 * s + 0.01 * u + shift + drawn[s, u]


def verdicts(first, second, inference="corpus"):
    return judge(compare(first, second, inference), SHIPPED)


def words(first, second, inference="corpus"):
    return {v.verdict for v in verdicts(first, second, inference)}


@pytest.mark.parametrize("inference", ["corpus", "population"])
@pytest.mark.parametrize(("shift", "word"), [(-0.1, "worse"), (0.1, "better"), (-0.02, "same"), (0.02, "same")])
def test_a_planted_change_of_pesq_is_called_by_its_name(shift, word, inference):
    assert words(side(), side(shifted(shift)), inference) == {word}


def test_the_same_run_twice_is_the_same():
    found = verdicts(side(), side())
    assert {(v.verdict, v.compared.difference.value) for v in found} == {("same", 0.0)}


def test_three_utterances_are_not_measured_and_are_told():
    few = side(speakers=3, each=1)
    found = verdicts(few, side(shifted(-1.0), speakers=3, each=1))
    assert {(v.verdict, v.reason) for v in found if v.compared.place} == {
        ("not_measured", "3 utterances, 8 are needed")
    }
    assert {v.verdict for v in found} == {"not_measured"}
    assert words(side(speakers=9), side(speakers=9), "population") == {"not_measured"}


def test_noise_that_could_hide_a_loss_is_no_pass():
    found = verdicts(side(), side(shifted(0.0, spread=0.5)))
    assert {v.verdict for v in found} == {"not_measured"}
    assert all("may be as large as" in v.reason for v in found)


def test_a_constant_loss_beyond_the_margin_is_worse_and_within_it_the_same():
    def by(loss):
        return side(lambda s, u: 3.0 - loss)

    assert words(by(0.0), by(0.06)) == {"worse"}
    assert words(by(0.0), by(0.04)) == {"same"}


@pytest.mark.parametrize(("status", "word"), [("codec_failed", "worse"), ("skipped", "not_measured")])
def test_what_has_no_value_any_more_is_worse_when_it_broke_and_not_measured_when_it_was_skipped(status, word):
    def broken(rows):
        rows.loc[rows["utterance"].eq("u1_0") & rows["channel"].eq("clean"), ["status", "value"]] = [status, None]
        return rows

    found = verdicts(side(), but(side(), broken))
    assert {v.compared.condition: v.verdict for v in found} == {
        "clean": word,
        "10 % loss": "same",
        "all conditions": word,
    }
    assert outcome(found, {}) == word


def test_a_fact_found_once_is_judged_by_its_margin_alone():
    def probed(ms):
        return side(
            more=(
                row(
                    scorer="probe", name="availability_ms", channel="", utterance="", speaker="", value=ms, reference=""
                ),
            )
        )

    def word(ms):
        return next(v.verdict for v in verdicts(probed(80.0), probed(ms)) if v.compared.exact)

    assert [word(ms) for ms in (80.0, 80.9, 82.0, 70.0)] == ["same", "same", "worse", "better"]


def test_values_without_direction_or_margin_and_against_noisy_input_are_not_judged():
    more = tuple(
        row(utterance=f"u{s}_0", speaker=f"s{s}", **given)
        for s in range(12)
        for given in ({"name": "snr_db"}, {"name": "window_mel_distance"}, {"name": "pesq_wb", "reference": "input"})
    )
    assert {(v.compared.name, v.compared.reference) for v in verdicts(side(more=more), side(more=more))} == {
        ("pesq_wb", "clean")
    }


def test_a_run_of_which_nothing_is_left_is_not_measured():
    gone = but(side(), lambda rows: rows.assign(status="skipped", value=np.nan))
    assert outcome(verdicts(side(), gone), {}) == "not_measured"
    assert outcome([], {}) == "not_measured"
    assert compare(side(), gone, "corpus").unmeasured == {"A": "no value is on both sides"}


def test_a_codec_that_vanished_or_was_renamed_is_not_measured():
    first = side(codecs=("A", "B"))
    for second in (side(), side(codecs=("A", "B2"))):
        comparison = compare(first, second, "corpus")
        assert outcome(judge(comparison, SHIPPED), comparison.unmeasured) == "not_measured"
    chosen = compare(first, side(codecs=("A", "B2")), "corpus", [("B", "B2")])
    assert outcome(judge(chosen, SHIPPED), chosen.unmeasured) == "same"


@pytest.mark.parametrize("status", ["skipped", "codec_failed"])
def test_what_the_baseline_failed_to_measure_is_not_measured(status):
    def broken(rows):
        rows.loc[rows["channel"].eq("clean"), ["status", "value"]] = [status, None]
        return rows

    found = {v.compared.condition: v for v in verdicts(but(side(), broken), side())}
    assert found["clean"].verdict == "not_measured"
    assert found["clean"].reason == f"the baseline has none: 36 {status}; make a new one"


def test_what_the_baseline_was_not_asked_for_is_told():
    comparison = compare(side(), side(more=tuple(row(name="wer", utterance=f"u{i}_0") for i in range(12))), "corpus")
    assert {v.compared.name for v in judge(comparison, SHIPPED)} == {"pesq_wb"}
    told = gate.notes(comparison, {"pesq_wbb": None, "pesq_*": None})
    assert told == [
        "Somewhere the baseline has no value to judge by: wer. A new baseline would.",
        "Margins of nothing that was compared: pesq_wbb.",
    ]


def test_what_was_not_asked_for_this_time_is_not_measured_rather_than_worse():
    assert words(side(), side(channels=("clean",))) == {"same", "not_measured"}


def test_an_infinite_value_is_no_value():
    endless = but(side(), lambda rows: rows.assign(value=rows["value"].where(rows["utterance"].ne("u1_0"), np.inf)))
    assert words(side(), endless) == {"worse"}
    assert "infinite" in verdicts(side(), endless)[0].reason


def test_margins_of_a_file_come_before_the_shipped_ones(tmp_path: Path):
    (tmp_path / "m.yaml").write_text("pesq_*: 0.2\nnet_bps: 5 %\nstoi: null\n")
    own = margins(tmp_path / "m.yaml")
    assert margin_of("pesq_wb", own) == Margin(0.2)
    assert margin_of("net_bps", own) == Margin(0.05, share=True)
    assert margin_of("stoi", own) is None
    assert margin_of("utmos", own) == margin_of("utmos", SHIPPED) == Margin(0.05)
    assert Margin(0.05, share=True).of(-200.0) == 10.0


@pytest.mark.parametrize("text", ["pesq_wb: -1", "pesq_wb: much", "pesq_wb: true", "pesq_wb: .nan", "pesq_wb: -3 %"])
def test_what_is_no_margin_is_refused_in_one_line(tmp_path: Path, text: str):
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(UserError, match=r"m\.yaml: pesq_wb: .* is no margin; write a number") as refused:
        margins(tmp_path / "m.yaml")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["- a", "just text", "a: [", None])
def test_a_file_that_is_no_table_of_margins_is_refused(tmp_path: Path, text: str | None):
    if text is not None:
        (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(UserError, match=r"m\.yaml"):
        margins(tmp_path / "m.yaml")


def test_every_shipped_value_with_a_direction_has_a_margin_or_is_left_out_by_name():
    assert margin_of("anything_new", SHIPPED) == Margin(0.02, share=True)
    assert margin_of("window_mel_distance", SHIPPED) is None


# --- The command ---


@pytest.mark.parametrize(
    ("second", "code", "said"),
    [
        (side(), 0, "same: 3 same of 3"),
        (side(shifted(-0.1)), 1, "worse: 3 worse of 3"),
        (side(shifted(0.1)), 0, "better"),
    ],
)
def test_the_command_returns_what_it_found(tmp_path: Path, capsys, second, code: int, said: str):
    runs = folder(tmp_path / "a", side()), folder(tmp_path / "b", second)
    assert cli.main(["gate", "--baseline", str(runs[0]), str(runs[1])]) == code
    assert capsys.readouterr().out.startswith(said)


def test_a_baseline_file_gives_the_verdicts_of_the_run_it_was_made_of(tmp_path: Path, capsys):
    runs = folder(tmp_path / "a", side()), folder(tmp_path / "b", side(shifted(-0.1)))
    file = tmp_path / "base.json"
    assert cli.main(["baseline", str(runs[0]), "-o", str(file)]) == 0
    capsys.readouterr()
    for run, code in zip(runs, (0, 1), strict=True):
        assert cli.main(["gate", "--baseline", str(file), str(run)]) == code
        told = capsys.readouterr().out
    assert "worse: A, clean, PESQ-WB" in told


def test_a_baseline_of_other_data_is_refused_with_the_field(tmp_path: Path, capsys):
    other = side(changed={"data": [{"name": "demo", "sha256": "e" * 64}]})
    runs = folder(tmp_path / "a", other), folder(tmp_path / "b", side())
    assert cli.main(["gate", "--baseline", str(runs[0]), str(runs[1])]) == 2
    assert "not comparable: data.demo is eeeeeeeeeeee on the first side" in capsys.readouterr().err
    assert cli.main(["gate", "--baseline", str(runs[0]), str(runs[1]), "--waive", "data"]) == 0
    assert "differs (must match, waived): data.demo" in capsys.readouterr().out


def test_a_run_with_all_codecs_skipped_exits_3(tmp_path: Path):
    gone = but(side(), lambda rows: rows.assign(status="skipped", value=np.nan))
    runs = folder(tmp_path / "a", side()), folder(tmp_path / "b", gone)
    assert cli.main(["gate", "--baseline", str(runs[0]), str(runs[1])]) == 3


def test_the_machine_readable_form_holds_every_verdict(tmp_path: Path, capsys):
    runs = folder(tmp_path / "a", side()), folder(tmp_path / "b", side(shifted(-0.1)))
    cli.main(["gate", "--baseline", str(runs[0]), str(runs[1]), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "worse"
    assert {v["verdict"] for v in told["verdicts"]} == {"worse"}
    assert told["verdicts"][0]["margin"] == 0.05


def test_a_reader_that_has_gone_changes_no_verdict(tmp_path: Path):
    runs = folder(tmp_path / "a", side()), folder(tmp_path / "b", side(shifted(-0.1)))
    command = [sys.executable, "-m", "benchmark.cli", "gate", "--baseline", str(runs[0]), str(runs[1]), "--json"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, check=False)
    os.close(writer)
    assert done.returncode == 1


def test_github_is_told_by_annotations(tmp_path: Path, capsys, monkeypatch):
    runs = folder(tmp_path / "a", side()), folder(tmp_path / "b", side(shifted(-0.1)))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert cli.main(["gate", "--baseline", str(runs[0]), str(runs[1])]) == 1
    assert capsys.readouterr().err.count("::error title=worse%3A A%2C PESQ-WB::") == 3


def test_files_for_ci_are_written_and_summaries_appended(tmp_path: Path, capsys):
    runs = folder(tmp_path / "a", side()), folder(tmp_path / "b", side(shifted(-0.1)))
    files = ["--junit", str(tmp_path / "ci" / "gate.xml"), "--summary", str(tmp_path / "summary.md")]
    for _ in range(2):
        assert cli.main(["gate", "--baseline", str(runs[0]), str(runs[1]), *files]) == 1
    assert (tmp_path / "ci" / "gate.xml").read_text().count("<failure") == 3
    assert (tmp_path / "summary.md").read_text().count("### focalbench gate") == 2
    assert cli.main(["gate", "--baseline", str(runs[0]), str(runs[1]), "--junit", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err
