"""`reports.correlations`: rank correlations of scores, on planted relations."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark import table
from benchmark.stats import Estimate
from benchmark.types import Floats
from reports.correlations import Agreement, main, markdown, scores, spearman_matrix
from reports.summary import load
from tests.runs import conditions, make_run

CODECS, SPEAKERS, EACH = 4, 8, 5
RANDOM = np.random.default_rng(5)
QUALITY = np.repeat(np.arange(CODECS), SPEAKERS * EACH) * 10.0  # of the codec, shape (rows,)
EASE = RANDOM.uniform(0, 5, QUALITY.shape)  # of the utterance; never as much as a step between codecs
NOISE = RANDOM.uniform(0, 5, QUALITY.shape)
WHO = np.tile(np.repeat(np.arange(SPEAKERS), EACH), CODECS)


def wide(**columns: Any) -> pd.DataFrame:
    index = pd.Index(np.repeat([f"codec{i}" for i in range(CODECS)], SPEAKERS * EACH), name="codec")
    return pd.DataFrame(columns, index=index)


def pair(first: Floats, second: Floats, draws: int = 0, who: Any = WHO) -> Agreement:
    return spearman_matrix(wide(first=first, second=second), who, draws)["first", "second"]


def values(agreement: Agreement) -> tuple[float | None, float | None]:
    return agreement.overall.value, agreement.within.value


@pytest.mark.parametrize("change", [np.exp, np.cbrt, lambda x: 3 * x - 100], ids=["exp", "cbrt", "line"])
def test_any_rising_function_of_a_metric_agrees_with_it_for_certain(change: Any) -> None:
    found = pair(QUALITY + EASE, change(QUALITY + EASE), draws=20)
    exact = Estimate(pytest.approx(1), pytest.approx(1), pytest.approx(1), len(WHO), SPEAKERS)  # type: ignore[arg-type]
    assert found == Agreement(exact, exact)


def test_metrics_that_order_codecs_alike_may_disagree_about_utterances() -> None:
    overall, within = values(pair(QUALITY + EASE, QUALITY - EASE))
    assert within == pytest.approx(-1)
    assert overall is not None
    assert overall > 0.8


def test_metrics_that_agree_about_utterances_may_order_codecs_the_other_way() -> None:
    overall, within = values(pair(QUALITY + EASE, EASE - QUALITY))
    assert within == pytest.approx(1)
    assert overall is not None
    assert overall < -0.8


def test_unrelated_utterances_correlate_by_nothing() -> None:
    found = pair(QUALITY + EASE, QUALITY + NOISE, draws=100).within
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert found.low < found.value < found.high


def test_it_is_spearmans_with_ties_over_what_both_have() -> None:
    from scipy.stats import spearmanr

    first, second = np.round(QUALITY + EASE), np.round(EASE + NOISE)
    first[::7], second[::11] = np.nan, np.nan
    both = np.isfinite(first) & np.isfinite(second)
    found = pair(first, second)
    assert found.overall.value == pytest.approx(spearmanr(first[both], second[both]).statistic)
    each = [spearmanr(first[c], second[c]).statistic for q in range(CODECS) if (c := both & (10 * q == QUALITY)).any()]
    assert found.within.value == pytest.approx(np.mean(each))
    assert found.overall.n == both.sum()


def test_a_codec_without_differences_does_not_count_within() -> None:
    first = QUALITY + np.where(QUALITY == 0, 0, EASE)
    assert pair(first, QUALITY + EASE).within.value == pytest.approx(1)


def test_too_few_or_equal_values_have_no_correlation() -> None:
    few = np.where(np.arange(len(EASE)) < 9, EASE, np.nan)
    for other in (few, np.ones_like(EASE), np.full_like(EASE, np.nan)):
        found = pair(EASE, other, draws=5)
        assert values(found) == (None, None)
        assert found.overall.half is None


def test_copies_of_a_speakers_utterances_are_no_evidence() -> None:
    once = wide(first=QUALITY + EASE, second=QUALITY + NOISE)
    thrice = pd.concat([once] * 3)
    found = [spearman_matrix(v, w, 50)["first", "second"] for v, w in ((once, WHO), (thrice, np.tile(WHO, 3)))]
    for one, three in zip(*found, strict=True):
        assert (three.low, three.high, three.clusters) == (pytest.approx(one.low), pytest.approx(one.high), SPEAKERS)
        assert three.n == 3 * one.n


def test_the_interval_is_wider_than_if_utterances_were_independent() -> None:
    """Each speaker has an ease of his own in either metric: eight speakers are eight observations."""
    own = RANDOM.uniform(0, 5, (2, SPEAKERS))
    first, second = own[0][WHO] + 0.01 * EASE, own[1][WHO] + 0.01 * NOISE
    by_speaker, by_file = (pair(first, second, 60, who).within.half for who in (WHO, np.arange(len(WHO))))
    assert by_speaker is not None
    assert by_file is not None
    assert by_speaker > 2 * by_file


def test_the_same_seed_gives_the_same_interval_and_one_speaker_gives_none() -> None:
    arguments = QUALITY + EASE, QUALITY + NOISE
    assert pair(*arguments, 30) == pair(*arguments, 30)
    lonely = pair(*arguments, 30, who=np.zeros(len(WHO))).overall
    assert (lonely.low, lonely.high, lonely.clusters) == (None, None, 1)


def test_scores_of_a_run_are_turned_so_that_more_is_better(tmp_path: Path) -> None:
    run = load(make_run(tmp_path, codecs=("opus-6k", "opus-24k"), channels=conditions()[:2]))
    found, speakers = scores(run)
    assert set(found) == {m for m in run.scores if run.better(m) != "neither"}
    assert len(found) == len(speakers) == 2 * 10 * 2, "one row per codec and utterance, under one condition"
    rows = run.rows[run.rows["condition"].eq("clean") & run.rows["metric"].eq("mel_distance")]
    assert found["mel_distance"].sum() == pytest.approx(-rows["value"].sum())
    assert speakers.nunique() == 10
    other, _ = scores(run, ["stoi", "si_sdr"], ["opus-6k"], conditions()[1]["channel"])
    assert list(other) == ["stoi", "si_sdr"]
    assert set(other.index.get_level_values("codec")) == {"opus-6k"}
    assert not np.isin(other["stoi"], found["stoi"]).any()


def test_the_table_in_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, codecs=("opus-6k", "opus-24k"), channels=conditions()[:1])
    assert main([str(tmp_path), "--metrics", "pesq_wb,stoi,mel_distance", "--draws", "50"]) == 0
    heading, blank, names, _, *lines = capsys.readouterr().out.splitlines()
    assert heading == "Codecs: opus-6k, opus-24k. 40 outputs, 10 speakers."
    assert blank == ""
    assert names == "| | PESQ-WB | STOI | Mel distance |"
    assert [line.split("|")[1].strip() for line in lines] == ["PESQ-WB", "STOI", "Mel distance"]
    assert all(line.count("1.00 ± 0.00") == 2 for line in lines), "made values all follow from one"


def test_a_name_may_hold_the_commas_of_its_scorers_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, codecs=("opus-6k", "opus-24k"), channels=conditions()[:1])
    rows = table.read(tmp_path)
    stoi = rows[rows["name"] == "stoi"]
    scorers = [f"stoi:model={model},normaliser=auto" for model in "ab"]
    made = [rows[rows["name"] != "stoi"], *(stoi.assign(scorer=scorer) for scorer in scorers)]
    table.write(pd.concat(made), tmp_path / "results.parquet")
    wanted = [f"stoi · {scorer}" for scorer in scorers]
    assert main([str(tmp_path), "--metrics", f"{wanted[0]}, {wanted[1]},pesq_wb", "--draws", "5"]) == 0
    assert f"| | STOI · {scorers[0]} | STOI · {scorers[1]} | PESQ-WB |" in capsys.readouterr().out


def test_overall_stands_above_the_diagonal_and_within_codecs_below() -> None:
    values = wide(first=QUALITY + EASE, second=QUALITY - EASE)
    matrix = spearman_matrix(values, np.zeros(len(WHO)))
    *_, first, second = markdown(values, matrix, {"first": "One", "second": "Two"}).splitlines()
    assert second == "| Two | −1.00 |  |"
    assert first == f"| One |  | {matrix['first', 'second'].overall.value:.2f} |"
    assert "0.8" in first or "0.9" in first


def test_a_run_in_which_nothing_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, codecs=("opus-6k",), channels=conditions()[:1], status="codec_failed")
    assert main([str(tmp_path), "--metrics", "pesq_wb,stoi"]) == 0
    assert "| STOI | – |  |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metrics", "pesq"], "no metric called 'pesq' to correlate. It has: pesq_wb"),
        (["--codec", "opus"], "no codec called 'opus' to correlate. It has: opus-6k"),
        (["--condition", "rain"], "no condition called 'rain' to correlate. It has: "),
    ],
)
def test_what_the_run_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    make_run(tmp_path, codecs=("opus-6k",), channels=conditions()[:1])
    assert main([str(tmp_path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("No results at ")
