"""The report's section on dropout, on made-up runs whose averages and break points are planted."""

import html
import json
import re
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark import table
from benchmark.dropout import LEAST, Margin, tolerance
from benchmark.stats import Estimate
from reports.drawing import looks
from reports.dropout import Dropout, Part, between, rate, section
from reports.html import environment
from reports.summary import Run, load
from tests.runs import conditions, make_run

LEVELS = (0.0, 0.01, 0.05, 0.1, 0.2)
CURVES: dict[str, Callable[[float], float]] = {  # PESQ-WB over the loss
    "pcm": lambda loss: 4.5 - 200 * min(loss, 0.01),  # half of it gone at 0.25 %
    "opus-24k": lambda loss: 4 - 10 * loss,  # at 5 %
    "codec2-700c": lambda loss: 1.3 - loss,  # never within 20 %
}
SOME = conditions()[:9]  # clean, and four levels of each of two burst ratios


Change = Callable[[pd.DataFrame], pd.DataFrame]


def planted(folder: Path, change: Change = lambda rows: rows, scores: Sequence[str] = (), **options: Any) -> Run:
    """A run whose PESQ-WB is a known function of the loss and, by `change`, of more; of other scores, those asked."""
    chosen = {"codecs": tuple(CURVES), "channels": SOME, "speakers": 6, "per_speaker": 2} | options
    make_run(folder, **chosen)
    rows, loss = table.read(folder), {c["channel"]: c["loss"] or 0.0 for c in SOME}
    ours = rows["name"] == "pesq_wb"
    rows.loc[ours, "value"] = [CURVES[c](loss[w]) for c, w in rows.loc[ours, ["codec", "channel"]].to_numpy()]
    kept = rows["scorer"].eq("link") | rows["name"].isin(["pesq_wb", *scores])
    table.write(change(rows[kept].copy()), folder / "results.parquet")
    return load(folder)


def fresh(run: Run) -> Dropout:
    found = section(run, looks(run))
    assert found is not None
    return found


def first(run: Run, **options: Any) -> Part:
    """The part on PESQ-WB."""
    found = section(run, looks(run), **options)
    assert found is not None
    return found.parts["m0"]


def rendered(run: Run, dropout: Dropout | None) -> str:
    """The fragment as the page has it."""
    return environment().get_template("dropout.html").render(dropout=dropout, looks=looks(run))


def text_of(page: str) -> str:
    bare = re.sub(r"<style>.*?</style>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).replace("\u00a0", " ").split())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return planted(tmp_path_factory.mktemp("dropout"), scores=("stoi", "mel_distance"))


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    return rendered(run, fresh(run))


# --- What it says ---


def test_planted_averages_and_break_points_are_told(page: str) -> None:
    text = text_of(page)
    assert "PESQ-WB: breaks 0.5 MOS-LQO below its own value without loss" in text
    assert "Breaks at, % loss (0.5 MOS-LQO below clean)" in text
    assert "Average, 0 to 20 % loss" in text
    assert re.search(r"opus-24k 4\.00 \[4\.00, 4\.00\] 12/12 3\.00 \[3\.00, 3\.00\] 5\.0 \[5\.0, 5\.0\]", text)
    assert re.search(r"codec2-700c 1\.30 \[\S+ \S+ 12/12 1\.20 \[\S+ \S+ > 20 in all draws", text)
    assert re.search(r"pcm 4\.50 \[\S+ \S+ 12/12 2\.55 \[\S+ \S+ < 1 in all draws", text)


def test_it_says_who_stays_who_holds_and_who_breaks(page: str) -> None:
    assert (
        "Random losses. Within 0.5 MOS-LQO of their own score up to 20 % loss: codec2-700c. "
        "opus-24k holds longest of the others: to 5.0 %. pcm breaks first: below 1 %." in text_of(page)
    )


def test_the_most_robust_comes_first_on_every_curve(run: Run) -> None:
    part = first(run)
    assert [t.title for t in part.tables] == ["Random losses", "Losses in bursts ×2"]
    for found in part.tables:
        assert [row.codec for row in found.rows] == ["codec2-700c", "opus-24k", "pcm"]
        assert [row.fields[2].order for row in found.rows] == [1.0, pytest.approx(0.05), pytest.approx(0.0025)]


def test_the_numbers_are_those_of_the_benchmark(tmp_path: Path) -> None:
    loaded = planted(tmp_path, scores=("stoi",), codecs=("opus-24k",), speakers=7)
    rows = table.read(tmp_path)
    rows = rows[(rows["name"] == "stoi") & ~rows["channel"].str.contains("burst_ratio=2")]
    wide = rows.pivot_table(index="utterance", columns="channel", values="value")
    wide = wide[["clean", *(f"gilbert:burst_ratio=1.0,loss={loss:g}" for loss in LEVELS[1:])]].to_numpy()
    due = tolerance(LEVELS, wide, np.ones_like(wide), [f"{i // 2}" for i in range(14)], "higher", 0.05)
    found = fresh(loaded).parts[f"m{loaded.shown.index('stoi')}"].tables[0].rows[0].found
    assert found == due


def test_lower_is_better_by_its_side(run: Run) -> None:
    part = fresh(run).parts[f"m{run.shown.index('mel_distance')}"]
    assert (part.margin, part.side) == ("1 dB", "above")
    found = part.tables[0].rows[0].found
    assert (found.area.value or 0) > (found.clean.value or 0)


def test_every_score_has_a_part_and_the_rest_of_the_selector_a_word(tmp_path: Path) -> None:
    def safer(rows: pd.DataFrame) -> pd.DataFrame:
        return with_facts(pd.concat([rows, rows.assign(protection="redundancy:copies=1")], ignore_index=True))

    loaded = planted(tmp_path, safer, scores=("stoi",))
    found = fresh(loaded)
    assert len(found.parts["m0"].tables[0].rows) == 2 * len(CURVES)
    assert [*found.parts, *found.others] == [f"m{i}" for i in range(len(loaded.shown))]
    assert [loaded.shown[int(identity[1:])] for identity in found.others] == ["residual_loss", "recovery_ms"]
    page = rendered(loaded, found)
    assert re.findall(r'data-metric="(m\d)"', page) == [*found.parts, *found.others]
    assert "Dropout is told of scores; choose one above." in page


def test_the_figure_shows_every_codec_and_follows_the_page(run: Run) -> None:
    for part in fresh(run).parts.values():
        figure = str(part.figure)
        assert figure.startswith("<svg viewBox=")
        assert 'role="img" aria-label="Loss rate at which' in figure
        assert all(words in figure for words in ("currentColor", "var(--s0)", "var(--sans)", "&gt;20", "Random losses"))
        assert not re.search(r"#f[dec]00", figure)
        for codec in CURVES:
            assert figure.count(f">{codec}<") == 2


# --- Facts of the link ---


def with_facts(rows: pd.DataFrame) -> pd.DataFrame:
    """Recovery of one codec, windows and bursts of all, as planted ratios."""
    lost = rows[(rows["name"] == "loss_rate") & (rows["channel"] != "clean")]
    added = [
        lost[lost["codec"] == "pcm"].assign(name="recovery_ms", numerator=360.0, denominator=3.0, value=120.0),
        lost.assign(name="window_mel_distance", numerator=150.0, denominator=20.0, value=7.5),
        lost.assign(name="worst_window_mel_distance", numerator=None, denominator=None, value=21.25),
        lost.assign(name="longest_burst_ms", numerator=None, denominator=None, value=80.0),
    ]
    return pd.concat([rows, *added], ignore_index=True)


def test_what_a_loss_sounds_like_stands_beside(tmp_path: Path, page: str) -> None:
    loaded = planted(tmp_path, with_facts)
    found = fresh(loaded)
    text = text_of(rendered(loaded, found))
    assert "At 10 % loss" in text
    assert "Recovery: from the end of a hole until the output is again what it is without losses." in text
    row = {row.codec: [f.text for f in row.fields[3:]] for row in found.parts["m0"].tables[0].rows}
    assert row["pcm"] == ["120", "7.5", "21.2", "80.0"]
    assert row["opus-24k"] == ["–", "7.5", "21.2", "80.0"]
    assert not any(words in page for words in ("At 10 %", "Recovery", "Near losses", "Longest burst"))


# --- Whatever the run holds ---


@pytest.mark.parametrize("kept", [conditions()[:1], conditions()[:2], conditions()[1:9], conditions()[9:]])
def test_without_a_curve_there_is_no_section(tmp_path: Path, kept: list[dict[str, Any]]) -> None:
    loaded = load(make_run(tmp_path, codecs=("pcm",), channels=kept, speakers=2))
    assert section(loaded, looks(loaded)) is None
    assert rendered(loaded, None).strip() == ""


def test_two_loss_levels_are_enough(tmp_path: Path) -> None:
    part = first(planted(tmp_path, channels=SOME[:3]))
    assert [t.most for t in part.tables] == ["5"]
    assert part.tables[0].rows[0].found.levels == (0.0, 0.01, 0.05)


def failed(rows: pd.DataFrame, which: "pd.Series[bool]") -> pd.DataFrame:
    ours = which & (rows["name"] == "pesq_wb")  # whatever a value may be, without the status ok it is none
    rows.loc[ours, ["value", "status", "reason"]] = [9.0, "metric_failed", "died"]
    return rows


def test_utterances_without_a_value_are_left_out_and_counted(tmp_path: Path) -> None:
    heavy = "gilbert:burst_ratio=1.0,loss=0.2"
    loaded = planted(tmp_path, lambda r: failed(r, (r["channel"] == heavy) & (r["speaker"] == "000")))
    found = fresh(loaded)
    random, bursts = (t.rows[1].fields[0] for t in found.parts["m0"].tables)
    assert (random.coverage, random.partial, random.text) == ("10/12", True, "4.00")
    assert '<small class="partial">10/12</small>' in rendered(loaded, found)
    assert bursts.coverage == "12/12"


def test_a_codec_without_any_value_comes_last_with_dashes(tmp_path: Path) -> None:
    heavy = "gilbert:burst_ratio=1.0,loss=0.2"
    loaded = planted(tmp_path, lambda r: failed(r, (r["channel"] == heavy) & (r["codec"] == "codec2-700c")))
    found = first(loaded).tables[0]
    assert [row.codec for row in found.rows] == ["opus-24k", "pcm", "codec2-700c"]
    assert [f.text for f in found.rows[-1].fields] == ["–", "–", "–"]
    assert found.rows[-1].fields[0].coverage == "0/12"
    assert "codec2-700c" not in found.say
    assert found.say.startswith("opus-24k holds longest: to")


def test_all_rows_may_have_failed(tmp_path: Path) -> None:
    loaded = planted(
        tmp_path,
        lambda r: failed(r, r["name"].eq("pesq_wb") & r["channel"].ne("clean")),
        codecs=("pcm", "opus-24k"),
        speakers=2,
    )
    part = first(loaded)
    assert part.figure is None
    assert [row.fields[1].text for row in part.tables[0].rows] == ["–", "–"]
    assert "0/4" in rendered(loaded, fresh(loaded))


def test_a_series_that_was_not_asked_at_all_levels_has_no_row(tmp_path: Path) -> None:
    gone = "gilbert:burst_ratio=2.0,loss=0.2"
    part = first(planted(tmp_path, lambda r: r[~((r["codec"] == "pcm") & (r["channel"] == gone))]))
    assert [[row.codec for row in t.rows] for t in part.tables] == [
        ["codec2-700c", "opus-24k", "pcm"],
        ["codec2-700c", "opus-24k"],
    ]


def test_seeds_of_an_utterance_are_one_observation(tmp_path: Path) -> None:
    def again(rows: pd.DataFrame) -> pd.DataFrame:
        second = rows.assign(seed=1, value=rows["value"].where(rows["name"] != "pesq_wb", rows["value"] + 0.2))
        third = failed(rows.assign(seed=2), rows["channel"] == "clean")
        return pd.concat([rows, second, third], ignore_index=True)

    found = first(planted(tmp_path, again)).tables[0].rows[1].found
    assert (found.clean.n, found.asked, found.clean.clusters) == (12, 12, 6)
    assert found.area.value == pytest.approx(3.1)


def test_noise_has_no_part_in_it(tmp_path: Path, run: Run) -> None:
    def noisy(rows: pd.DataFrame) -> pd.DataFrame:
        worse = rows.assign(acoustics="noise:snr=0", value=1.0)
        return pd.concat([rows, worse, worse.assign(reference="input")], ignore_index=True)

    found = fresh(planted(tmp_path, noisy))
    alike = [[row.found for t in part.tables for row in t.rows] for part in (found.parts["m0"], first(run))]
    assert alike[0] == alike[1]
    assert list(found.parts) == ["m0"]


def test_few_speakers_are_said_to_be_few(tmp_path: Path, page: str) -> None:
    loaded = planted(tmp_path, speakers=LEAST - 1)
    assert "Fewer than 5 speakers: utterances were drawn instead" in text_of(rendered(loaded, fresh(loaded)))
    assert "Fewer than" not in page


def test_one_utterance_has_no_intervals_and_no_excuse(tmp_path: Path) -> None:
    loaded = planted(tmp_path, speakers=1, per_speaker=1)
    text = text_of(rendered(loaded, fresh(loaded)))
    assert "opus-24k 4.00 1/1 3.00 5.0" in text
    assert "Fewer than" not in text


def test_a_ratio_is_pooled(tmp_path: Path) -> None:
    def words(rows: pd.DataFrame) -> pd.DataFrame:
        ours = rows["name"] == "pesq_wb"
        count = np.where(rows["utterance"].str.endswith("1"), 90.0, 10.0)
        rows["denominator"] = rows["denominator"].mask(ours, count)
        rows["numerator"] = rows["numerator"].mask(ours, count * np.where(count > 50, 4.0, 2.0))
        return rows

    assert first(planted(tmp_path, words)).tables[0].rows[0].found.clean.value == pytest.approx(3.8)


# --- Margins ---


def test_margins_are_changed_by_an_argument(run: Run) -> None:
    part = first(run, margins={"pesq_wb": Margin(0.25, "MOS-LQO", "so be it")})
    assert (part.margin, part.why) == ("0.25 MOS-LQO", "so be it")
    assert part.tables[0].rows[1].fields[2].text == "2.5"


def test_without_a_margin_averages_alone_are_told(run: Run) -> None:
    found = section(run, looks(run), margins={})
    assert found is not None
    text = text_of(rendered(run, found))
    assert "No margin is stated for this score, so no break point is told." in text
    assert "opus-24k 4.00 [4.00, 4.00] 12/12 3.00 [3.00, 3.00] p" in text
    assert "% loss (" not in text
    assert all(part.figure is None for part in found.parts.values())


@pytest.mark.parametrize(("unit", "scale"), [("share", 1), ("%", 100)])
def test_shares_break_by_points(tmp_path: Path, unit: str, scale: float) -> None:
    def wrong(rows: pd.DataFrame) -> pd.DataFrame:
        ours = rows["name"] == "pesq_wb"
        rows.loc[ours, "value"] = (5 - rows.loc[ours, "value"]) * scale / 10
        return rows.assign(name=rows["name"].where(~ours, "wer"))

    values = {"wer": {"unit": unit, "better": "lower", "source": ""}}
    loaded = planted(tmp_path, wrong)
    stated = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    (tmp_path / "run.json").write_text(json.dumps(stated | {"values": stated["values"] | values}), encoding="utf-8")
    loaded = load(tmp_path)
    part = fresh(loaded).parts[f"m{loaded.shown.index('wer')}"]
    assert (part.margin, part.side) == ("5 points", "above")
    row = {row.codec: row.fields[2].text for row in part.tables[0].rows}
    assert row["opus-24k"] == "5.0"


def test_what_is_neither_better_high_nor_low_has_no_part(tmp_path: Path) -> None:
    loaded = planted(tmp_path, facts={"values": {"pesq_wb": {"unit": "", "better": "neither", "source": ""}}})
    assert section(loaded, looks(loaded)) is None


# --- Words ---


def test_break_points_in_print() -> None:
    texts = [rate(loss, LEVELS) for loss in (None, 0.0, 0.0099, 0.01, 0.0754, 0.2, inf)]
    assert texts == ["–", "< 1", "< 1", "1.0", "7.5", "20.0", "> 20"]
    ends = [(0.05, inf), (inf, inf), (0.001, 0.002), (0.05, 0.05), (None, None)]
    spans = [between(Estimate(0.1, low, high, 9, 9), LEVELS) for low, high in ends]
    assert spans == ["[5.0, > 20]", "in all draws", "in all draws", "[5.0, 5.0]", ""]


def test_what_comes_from_data_is_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    loaded = planted(tmp_path, lambda r: r.replace({"codec": {"pcm": evil}}), speakers=2)
    page = rendered(loaded, fresh(loaded))
    assert "<script" not in page
    assert html.escape(evil) in page


def test_it_loads_nothing_and_needs_no_script(page: str) -> None:
    assert not re.search(r'<script|url\((?!#)|@import|\b(src|data)="', page)
    assert page.count('<table class="dropout">') == 3 * 2
    assert page.count('scope="row"') == 3 * 2 * 3
