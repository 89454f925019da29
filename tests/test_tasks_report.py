"""The report's section on downstream tasks, and their tables, on made-up runs whose answers are planted."""

import csv
import html
import io
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark import table as store
from benchmark.stats import paired
from benchmark.table import Row
from benchmark.types import UserError
from reports import correlations, field, table
from reports.html import render
from reports.provenance import failures
from reports.summary import ANCHOR, ON_AUDIO, ON_TOKENS, Run, load
from reports.tasks import Column, Tasks, relative_loss, section
from tests.planted_tasks import Answer, Item, Planted, failed, items, make_tasks_run
from tests.runs import conditions, make_run

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LOOKS: dict[str, Any] = {}
CLASSES = ("no", "stop", "yes")


def heard(codec: str, channel: str, item: Item, seed: int) -> Answer:
    """Of twelve utterances uncoded speech has one wrong, opus-24k two, three at 10 % loss; opus-6k always says "no"."""
    if codec == "opus-6k":
        return 0
    wrong = 1 + (codec == "opus-24k") + (codec == "opus-24k" and channel != "clean")
    return item.truth if item.number % 12 >= wrong else (item.truth + 1) % 3


def taught(codec: str, channel: str, item: Item, seed: int) -> Answer:
    """The first training has one of twelve wrong, the next ones one more each; at 10 % loss three more are."""
    return item.truth if item.number % 12 > seed + 3 * (channel != "clean") else (item.truth + 2) % 3


def read(codec: str, channel: str, item: Item, seed: int) -> Answer:
    """Words that are wrong, of ten."""
    if channel != "clean" and item.number == 0:
        return failed("no_speech", "nothing is said in it")
    return {ANCHOR: 1, "opus-24k": 2, "opus-6k": 12}[codec]


KEYWORD = Planted("keyword", "Keyword spotting", "keyword_accuracy", items(12, 3, 3), CLASSES, heard, taught)
SPEAKER = Planted("speaker_id", "Speaker identification", "speaker_id_error", items(12, 3, 3), CLASSES, heard)
EMOTION = Planted("emotion", "Emotion", "emotion_recall", items(4, 9, 3), CLASSES, heard)
ASR = Planted("asr", "Speech recognition", "asr_wer", items(12, 1, 0), (), read)


def fresh(folder: Path, *tasks: Planted, **more: Any) -> Run:
    return load(make_tasks_run(folder, tasks or (KEYWORD, ASR), **more))


def found(run: Run) -> Tasks:
    from reports.drawing import looks

    said = section(run, looks(run))
    assert said is not None
    return said


def cells(run: Run, way: str = ON_AUDIO, condition: int = 0) -> dict[str, list[list[str]]]:
    """Of a table, by the name of each row: the lines of its cells, in order."""
    shown = [t for t in found(run).tables if t.way == way][condition]
    return {
        row.name: [[*filter(None, [f.text, *f.lines, f.loss, f.coverage])] for f in row.fields]
        for row in (*shown.references, *shown.rows)
    }


def text_of(page: str) -> str:
    bare = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def sections(page: str) -> dict[str, str]:
    """What each section says, by its id."""
    parts = re.split(r'<section id="(\w+)"', page)
    return {name: text_of(f"<p{part}") for name, part in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Nothing but tasks, one of them from tokens too."""
    return fresh(tmp_path_factory.mktemp("alone"), KEYWORD, SPEAKER, ASR, token_codecs=("opus-6k",))


@pytest.fixture(scope="module")
def page(alone: Run) -> str:
    return render(alone.folder)


# --- Tables ---


def test_cells_hold_score_interval_difference_and_relative_loss(alone: Run) -> None:
    rows = cells(alone)
    assert list(rows) == ["chance", "majority class", ANCHOR, "opus-24k", "opus-6k"]
    uncoded, coded, lazy = (rows[name][0] for name in (ANCHOR, "opus-24k", "opus-6k"))
    assert uncoded[0] == "91.7 %"
    assert len(uncoded) == 2, "the ceiling is compared with nothing"
    assert coded[0] == "83.3 %"
    assert coded[2].startswith("−8.3 [")
    assert coded[3] == "loses 14 %", "(91.7 − 83.3) / (91.7 − 33.3)"
    assert (lazy[0], lazy[3]) == ("33.3 %", "loses 100 %")
    assert cells(alone, condition=1)["opus-24k"][0][0] == "75.0 %"
    assert cells(alone, condition=1)["opus-24k"][0][3] == "loses 29 %"


def test_the_interval_of_a_difference_is_that_of_pairs(alone: Run) -> None:
    numbers = np.arange(36)
    a, b = (np.array([float(n % 12 >= wrong) for n in numbers]) for wrong in (2, 1))
    pairs = paired(a, b, numbers // 3)
    assert pairs.low is not None
    assert pairs.high is not None
    expected = f"−8.3 [{100 * pairs.low:.1f}, {100 * pairs.high:.1f}]".replace("-", "−")
    assert cells(alone)["opus-24k"][0][2] == expected
    estimate = alone.tasks[ON_AUDIO].cell("opus-24k", "clean", "keyword_accuracy").estimate
    assert estimate.low is not None
    high = min(100.0, 100 * (estimate.high or 0))
    assert cells(alone)["opus-24k"][0][1] == f"[{100 * estimate.low:.1f}, {high:.1f}]", "no share is above 100 %"


def test_chance_and_majority_are_those_of_the_value_that_is_shown(tmp_path: Path, alone: Run) -> None:
    rows = cells(alone)
    assert rows["chance"] == [["33.3 %"], ["66.7 %"], ["–"]], "accuracy, error rate, words"
    often = [item._replace(truth=0 if item.number < 24 else item.truth) for item in EMOTION.items]
    emotion = Planted("emotion", "Emotion", "emotion_recall", often, CLASSES, heard)
    rows = cells(fresh(tmp_path, emotion))
    assert rows["chance"] == [["33.3 %"], ["33.3 %"]]
    assert rows["majority class"] == [["77.8 %"], ["33.3 %"]], "one class alone has a mean recall of a third"


def test_unweighted_recall_is_the_mean_of_the_recalls_of_classes(tmp_path: Path) -> None:
    often = [item._replace(truth=0 if item.number < 24 else item.truth) for item in EMOTION.items]
    emotion = Planted("emotion", "Emotion", "emotion_recall", often, CLASSES, heard)
    shown = cells(fresh(tmp_path, emotion))["opus-6k"]
    assert [lines[0] for lines in shown] == ["77.8 %", "33.3 %"], "always the same class, which is a frequent one"


def test_rates_lose_as_shares_do(alone: Run) -> None:
    rows = cells(alone)
    accuracy, error, words = rows["opus-24k"]
    assert error[0] == "16.7 %"
    assert error[2].startswith("+8.3 [")
    assert error[3] == accuracy[3], "an error rate loses what its accuracy loses"
    assert (words[0], words[3]) == ("20.0 %", "loses 11 %"), "one of nine words that were right"
    assert (rows["opus-6k"][2][0], rows["opus-6k"][2][3]) == ("120.0 %", "loses 122 %")


@pytest.mark.parametrize(
    ("better", "floor", "ceiling", "score", "lost"),
    [
        ("higher", 0.5, 0.9, 0.7, 0.5),
        ("lower", 0.5, 0.1, 0.3, 0.5),
        ("lower", 1.0, 0.2, 0.2, 0.0),
        ("higher", 0.1, 0.8, 0.87, -0.1),
        ("higher", 0.5, 0.5, 0.4, None),
        ("higher", 0.5, 0.4, 0.4, None),
        ("lower", 0.5, 0.6, 0.4, None),
        ("higher", 0.5, None, 0.4, None),
    ],
)
def test_relative_loss(better: str, floor: float, ceiling: float | None, score: float, lost: float | None) -> None:
    column = Column("m", "task", "head", better, (), floor, None, first=True)
    assert relative_loss(score, ceiling, column) == (None if lost is None else pytest.approx(lost))


def test_what_is_missing_is_counted(alone: Run) -> None:
    assert cells(alone, condition=1)["opus-24k"][2][-1] == "11/12"
    assert "12/12" not in str(cells(alone)), "where all is there, nothing is said"
    assert failures(alone, usual=False)["total"] == 2 * 2, "two codecs, two values"


def test_what_failed_everywhere_says_so(tmp_path: Path) -> None:
    def broken(codec: str, channel: str, item: Item, seed: int) -> Answer:
        dead = failed("metric_failed", "the listener died")
        return dead if codec == "opus-6k" else heard(codec, channel, item, seed)

    run = fresh(tmp_path, Planted("keyword", "Keyword spotting", "keyword_accuracy", KEYWORD.items, CLASSES, broken))
    assert cells(run)["opus-6k"] == [["metric failed", "0/36"]]
    assert "the listener died" in sections(render(tmp_path))["failures"]


def test_few_speakers_are_told_and_many_are_not(tmp_path: Path, alone: Run) -> None:
    assert not any("speakers" in note for table in found(alone).tables for note in table.notes)
    (note,) = found(fresh(tmp_path, EMOTION, ASR)).tables[0].notes
    assert note.startswith("Fewer than 10 speakers in Emotion: intervals describe these")


def test_heads_say_what_was_asked(alone: Run, page: str) -> None:
    (shown, *_) = found(alone).tables
    assert shown.groups[0] == ("Keyword spotting", ("3 classes", "36 utterances", "12 speakers"), 1)
    assert [column.head for column in shown.columns] == ["accuracy ↑", "error rate ↓", "WER ↓"]
    asked = found(alone).asked
    assert asked[0].spec == "keyword:model=mfcc"
    assert asked[0].cells == (
        *("keywords: label", "3", "33.3 %", "33.3 %", "108 utterances, 24 speakers", "36 utterances, 12 speakers"),
        *("no speaker is in both", "keyword-1"),
    )
    assert asked[2].cells[1:5] == ("text", "–", "–", "nothing: a model as it is")
    assert "recipe small; input tokens; what is lost is lost in the test alone; training seeds 0, 1, 2" in text_of(page)


# --- Tokens ---


def test_tokens_are_pooled_over_seeds_which_are_listed(alone: Run) -> None:
    rows = cells(alone, ON_TOKENS)
    assert list(rows) == ["chance", "majority class", "opus-6k"], "there is no ceiling"
    assert rows["opus-6k"][0][0] == "83.3 %"
    assert rows["opus-6k"][0][2:] == ["seeds: 91.7 83.3 75.0"]
    assert alone.tasks[ON_TOKENS].cell("opus-6k", "clean", "keyword_tokens_accuracy").asked == 3 * 36


def test_many_seeds_are_a_span_and_one_is_none(tmp_path: Path) -> None:
    run = fresh(tmp_path / "six", KEYWORD, token_codecs=("opus-6k",), seeds=range(6))
    assert cells(run, ON_TOKENS)["opus-6k"][0][2] == "6 seeds: 50.0 to 91.7"
    run = fresh(tmp_path / "one", KEYWORD, token_codecs=("opus-6k",), seeds=(2,))
    assert len(cells(run, ON_TOKENS)["opus-6k"][0]) == 2


def test_codecs_without_tokens_are_one_line(alone: Run) -> None:
    (shown, _) = (table for table in found(alone).tables if table.way == ON_TOKENS)
    assert shown.notes == ("Without tokens: opus-24k (its payload is no row of indices).",)
    usual = failures(alone, usual=True)["lines"]
    assert any(line["reason"] == "its payload is no row of indices" for line in usual)


def test_tokens_and_decoded_audio_share_no_table(alone: Run, page: str) -> None:
    for shown in found(alone).tables:
        assert {"_tokens_" in column.metric for column in shown.columns} == {shown.way == ON_TOKENS}
    for way, judged in alone.tasks.items():
        assert {"_tokens_" in metric for metric in judged.metrics} == {way == ON_TOKENS}
    grids = re.findall(r'<table class="grid tasks">.*?</table>', page, flags=re.DOTALL)
    assert len(grids) == 2 * 2
    assert not any("91.7 %" in grid and "seeds:" in grid for grid in grids)


def test_random_weights_are_marked(tmp_path: Path) -> None:
    folder = make_tasks_run(tmp_path, (KEYWORD,), token_codecs=("opus-6k",))
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    facts["codecs"]["opus-6k"]["identity"] = {"weights": "random, seed 0"}
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    assert "opus-6k (random weights)" in cells(load(folder))
    assert "opus-6k (random weights)" in cells(load(folder), ON_TOKENS)
    assert "opus-6k (random weights)" in sections(render(folder))["tasks"]


def test_a_loss_strategy_makes_no_second_codec_of_tokens(tmp_path: Path) -> None:
    """Decoded audio has one line for each strategy; nothing is concealed in tokens."""
    folder = make_tasks_run(tmp_path, (KEYWORD,), token_codecs=("opus-6k",))
    rows = store.read(folder)
    more = rows[rows["codec"].eq("opus-6k") & ~rows["scorer"].str.contains("_tokens")].assign(concealment="mute")
    store.write(
        store.frame([Row(*r) for r in _plain(rows)] + [Row(*r) for r in _plain(more)]), folder / "results.parquet"
    )
    run = load(folder)
    assert {"opus-6k · native", "opus-6k · mute"} <= set(cells(run))
    assert [name for name in cells(run, ON_TOKENS) if name.startswith("opus")] == ["opus-6k"]
    assert "opus-6k · mute" in render(folder)


def _plain(rows: Any) -> list[tuple[Any, ...]]:
    return list(rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None))


# --- Confusions ---


def test_confusions_are_counted(alone: Run) -> None:
    (first, *_) = found(alone).matrices
    assert (first.title, first.classes) == ("Keyword spotting, on decoded audio", CLASSES)
    assert first.codecs == (ANCHOR, "opus-24k", "opus-6k")
    assert first.conditions == ("Clean", "10 % loss")
    counts = json.loads(first.counts)
    assert counts["0 0"] == [36, *(0, 0, 9), *(0, 1, 3), *(1, 1, 12), *(2, 2, 12)]
    assert counts["0 1"] == counts["0 0"], "what was never coded has met no network"
    assert counts["1 0"] == [36, *(0, 0, 9), *(0, 1, 3), *(1, 1, 9), *(1, 2, 3), *(2, 2, 12)]
    assert counts["2 0"] == [36, *(0, 0, 12), *(1, 0, 12), *(2, 0, 12)]


def test_the_best_stands_beside_the_worst(alone: Run) -> None:
    (first, *_) = found(alone).matrices
    best, worst = first.panels
    assert (best.codec, best.condition, best.said) == (0, 0, "91.7 % right, 33 of 36")
    assert (worst.codec, worst.said) == (2, "33.3 % right, 12 of 36")
    assert best.rows[0][:2] == [("75", "no → no: 9 of 12", 0.75), ("25", "no → stop: 3 of 12", 0.25)]
    assert best.rows[0][2] == ("", "", 0.0)


def test_confusions_from_tokens_are_apart_and_have_all_seeds(alone: Run) -> None:
    titles = [task.title for task in found(alone).matrices]
    assert titles == [
        "Keyword spotting, on decoded audio",
        "Keyword spotting, from tokens",
        "Speaker identification, on decoded audio",
    ]
    tokens = found(alone).matrices[1]
    assert tokens.codecs == ("opus-6k",)
    assert json.loads(tokens.counts)["0 0"][0] == 3 * 36


def test_what_was_not_answered_is_said_in_the_matrix(tmp_path: Path) -> None:
    def some(codec: str, channel: str, item: Item, seed: int) -> Answer:
        return failed("no_speech", "silence") if item.number == 3 else item.truth

    run = fresh(tmp_path, Planted("keyword", "Keyword spotting", "keyword_accuracy", KEYWORD.items, CLASSES, some))
    assert found(run).matrices[0].panels[0].said == "100.0 % right, 35 of 35; 1 without an answer"


def test_many_classes_have_colours_and_no_numbers(tmp_path: Path) -> None:
    classes = [f"word{i}" for i in range(35)]

    def right(codec: str, channel: str, item: Item, seed: int) -> Answer:
        return item.truth

    run = fresh(tmp_path, Planted("keyword", "Keywords", "keyword_accuracy", items(12, 10, 35), classes, right))
    (shown,) = found(run).matrices
    assert (shown.size, shown.panels[0].rows[0][0]) == ("small", ("", "word0 → word0: 4 of 4", 1.0))


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_another_codec_is_a_choice_away(tmp_path: Path, page: str) -> None:
    choose = """<script>
      const panel = document.querySelector(".matrix"), [codec, condition] = panel.querySelectorAll("select");
      codec.value = "1"; condition.value = "1"; condition.dispatchEvent(new Event("change"));
      document.querySelectorAll(".choose input")[1].click();
    </script></body>"""
    (tmp_path / "page.html").write_text(page.replace("</body>", choose), encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--user-data-dir={tmp_path / 'profile'}")
    done = subprocess.run(
        [str(BROWSER), *flags, f"file://{tmp_path / 'page.html'}"],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    panel = done.stdout.partition('class="matrix')[2].partition("</figure>")[0]
    assert "75.0 % right, 27 of 36" in panel, "opus-24k at 10 % loss, as the table says"
    stop = re.findall(r"<td[^>]*>[^<]*</td>", panel.partition('title="stop">stop</th>')[2].partition("</tr>")[0])
    assert [re.sub("<[^>]*>", "", cell) for cell in stop] == ["", "75", "25"], "no, stop, yes"
    assert 'title="stop → yes: 3 of 12"' in stop[2]
    assert 'class="hit"' in stop[1]
    shown = re.findall(r'<div data-choice="(\w+)"( hidden="")?>', done.stdout)
    assert shown == [("k0", ' hidden=""'), ("k0", ' hidden=""'), ("k1", ""), ("k1", "")]


# --- Curves ---


def test_curves_are_there_per_task_and_way_with_the_ceiling(alone: Run) -> None:
    (decoded, plots), (tokens, others) = found(alone).plots
    assert (decoded, tokens) == ("On decoded audio", "From tokens")
    assert [caption for caption, _ in plots] == [
        "Keyword spotting, accuracy: random losses",
        "Speaker identification, error rate: random losses",
        "Speech recognition, WER: random losses",
    ]
    assert [caption for caption, _ in others] == ["Keyword spotting from tokens, accuracy: random losses"]
    assert all("uncoded" in svg and "stroke-dasharray" in svg for _, svg in plots)
    assert "uncoded" not in str(others[0][1])
    assert "Keyword spotting, accuracy, %" in str(plots[0][1]), "in percent, as in the tables"


def test_one_condition_is_no_curve(tmp_path: Path) -> None:
    run = fresh(tmp_path, KEYWORD, channels=(0,))
    assert found(run).plots == ()
    assert "Robustness" not in sections(render(tmp_path))["tasks"]


def test_scores_over_the_ratio_of_a_noise_have_the_uncoded_speech_of_each_room(tmp_path: Path) -> None:
    folder = make_tasks_run(tmp_path, (KEYWORD,), channels=(0,))
    rows, facts = store.read(folder), json.loads((folder / "run.json").read_text(encoding="utf-8"))
    rooms = [("clean", None), *((f"noise:kind=white,snr={r}", float(r)) for r in (0, 10))]
    made = [Row(*r)._replace(acoustics=text) for text, _ in rooms for r in _plain(rows)]
    store.write(store.frame(made), folder / "results.parquet")
    facts["acoustics"] = [
        {"acoustics": text, "title": text, "point": x and {"curve": "white noise", "unit": "dB SNR", "x": x}}
        for text, x in rooms
    ]
    facts["acoustics"][1]["point"] = {"curve": "white noise", "unit": "dB SNR", "x": 0.0}
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    run = load(folder)
    ((_, plots),) = found(run).plots
    assert [caption for caption, _ in plots] == ["Keyword spotting, accuracy: white noise"]
    assert "uncoded" in str(plots[0][1])
    assert cells(run, condition=1)[ANCHOR][0][0] == "91.7 %"


# --- With other scores, and alone ---


def ordinary(folder: Path) -> list[Row]:
    make_run(
        folder, codecs=("opus-24k", "opus-6k"), channels=[{"point": None, **conditions()[i]} for i in (0, 2, 3, 4)]
    )
    return [Row(*r)._replace(acoustics="clean") for r in _plain(store.read(folder))]


def test_tasks_change_nothing_elsewhere(tmp_path: Path) -> None:
    rows = ordinary(tmp_path / "plain")
    shared = {"channels": (0, 2, 3, 4), "ordinary": rows}
    make_tasks_run(tmp_path / "without", (), **shared)
    make_tasks_run(tmp_path / "with", (KEYWORD, ASR), token_codecs=("opus-6k",), **shared)
    rates = store.read(tmp_path / "with")
    rates.loc[rates["dataset"].isin(["keyword", "asr"]) & rates["name"].eq("net_bps"), ["value", "numerator"]] = 1e6
    store.write(rates, tmp_path / "with/results.parquet")
    before, after = load(tmp_path / "without"), load(tmp_path / "with")
    assert (before.tasks, set(after.tasks)) == ({}, {ON_AUDIO, ON_TOKENS})
    assert after.cells == before.cells
    assert (after.metrics, after.series, after.conditions) == (before.metrics, before.series, before.conditions)
    old, new = (sections(render(tmp_path / name)) for name in ("without", "with"))
    assert "tasks" in new
    assert "tasks" not in old
    for name in ("glance", "scores", "curves", "dropout", "codecs", "cards", "network"):
        rows_apart = [re.sub(r"rows\.csv\.gz [\d,]+ rows, [\d,]+ kB", "", found[name]) for found in (new, old)]
        assert rows_apart[0] == rows_apart[1], "but for the rows to take away"
    heads = [text_of(render(tmp_path / name).partition("<nav")[0]) for name in ("without", "with")]
    assert heads[0] == heads[1], "the counts on top are those of the other speech"
    assert field.render(tmp_path / "without", "markdown") == field.render(tmp_path / "with", "markdown")
    assert table.render(tmp_path / "without", "csv") == table.render(tmp_path / "with", "csv")


def test_rates_are_those_of_other_speech_where_there_is_any(tmp_path: Path) -> None:
    run = fresh(tmp_path / "run", KEYWORD, ordinary=ordinary(tmp_path / "plain"))
    assert [row.rate for row in found(run).tables[0].rows] == ["24.1", "6.20"]


def test_a_run_of_tasks_alone_says_so_at_the_top(alone: Run, page: str) -> None:
    text = sections(page)
    assert "Uncoded speech sets the ceiling: Keyword spotting, accuracy 91.7 % (chance 33.3 %)" in text["glance"]
    assert "On clean speech, opus-24k loses least of that, 13 % on average over tasks" in text["glance"]
    assert "opus-6k loses most, 107 %" in text["glance"]
    assert "scores" not in text
    assert "No score was asked for" not in text_of(page)
    assert page.count("<figcaption>Keyword spotting, accuracy: net bitrate") == 1
    top = text_of(page.partition("<nav")[0])
    assert "2 codecs 2 conditions 3 tasks 84 utterances 12 speakers" in top
    assert [row.rate for row in found(alone).tables[0].rows] == ["24.1", "6.20"]
    assert "opus-24k 24.1 – 40.1" in text["codecs"], "in the table of codecs too"
    with pytest.raises(UserError, match="no scores to correlate"):
        correlations.scores(alone)


def test_values_of_tasks_are_defined(page: str) -> None:
    text = sections(page)["definitions"]
    assert "Keyword spotting, accuracy keyword_accuracy – higher planted" in text
    assert "Keyword spotting from tokens, accuracy keyword_tokens_accuracy – higher planted" in text


def test_without_any_codec_there_is_still_a_page(tmp_path: Path) -> None:
    make_tasks_run(tmp_path, (KEYWORD, ASR), codecs=())
    assert "What was asked" in sections(render(tmp_path))["tasks"]
    assert "|" in field.render(tmp_path, "markdown")


def test_tokens_alone_are_a_run(tmp_path: Path) -> None:
    taught_only = Planted("keyword", "Keyword spotting", "keyword_accuracy", KEYWORD.items, CLASSES, None, taught)
    make_tasks_run(tmp_path, (taught_only,), token_codecs=("opus-6k",))
    text = sections(render(tmp_path))["tasks"]
    assert "From tokens, clean" in text
    assert "On decoded audio, clean" not in text
    assert "| opus-6k |" in field.render(tmp_path, "markdown")


# --- Names that are shared, and names that bite ---


def test_two_tasks_of_one_kind_are_told_apart(tmp_path: Path) -> None:
    drinks = Planted("intent", "Intent", "intent_accuracy", KEYWORD.items, CLASSES, heard)
    roasts = Planted("intent", "Intent", "intent_accuracy", EMOTION.items, CLASSES, heard, label="roast")
    run = fresh(tmp_path, drinks, roasts)
    assert [task for task, *_ in found(run).tables[0].groups] == ["Intent", "Intent (roast)"]
    assert [task.title for task in found(run).matrices] == [
        "Intent, on decoded audio",
        "Intent (roast), on decoded audio",
    ]
    judged = run.tasks[ON_AUDIO]
    assert {"intent_accuracy · intent", "intent_accuracy · roast"} <= set(judged.metrics)
    assert judged.cell("opus-6k", "clean", "intent_accuracy · roast").asked == 36
    text = table.render(tmp_path, "markdown", ["intent_accuracy"])
    assert text.count("Intent (intent), accuracy") == text.count("Intent (roast), accuracy") == 1


def test_names_of_classes_are_text(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'
    classes = (evil, "a'b & c", "</option></select><img src=x onerror=alert(2)>")
    hostile = Planted("keyword", evil, "keyword_accuracy", KEYWORD.items, classes, heard, label=f"k{evil}")
    hostile.facts = {"protocol": evil, "source": evil, "data": evil}
    page = render(make_tasks_run(tmp_path, (hostile,)))
    assert evil not in page
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert html.escape(evil, quote=False) in text_of(page).replace("<", "&lt;").replace(">", "&gt;")
    counts = html.unescape(re.findall(r'data-names="([^"]*)"', page)[0])
    assert json.loads(counts) == list(classes)


# --- Tables as text ---


def lines_of(text: str) -> Sequence[Mapping[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_values_of_tasks_are_printed_by_name(alone: Run) -> None:
    text = table.render(alone.folder, "markdown", ["keyword_accuracy", "asr_wer"])
    first, second = text.split("\n**")
    assert first.startswith("**Keyword spotting, accuracy ↑ (higher is better)**")
    assert "| uncoded | 0.917" in first
    assert "12 speakers; 36 valid of 36 asked in every cell" in first
    assert second.startswith("Speech recognition, WER ↓ (lower is better)")
    lines = lines_of(table.render(alone.folder, "csv", ["asr_wer"]))
    line = next(x for x in lines if (x["codec"], x["condition"]) == ("opus-24k", "clean"))
    assert (line["value"], line["n"], line["name"]) == ("0.2", "12", "asr_wer")
    with pytest.raises(UserError, match="Did you mean 'keyword_accuracy'"):
        table.render(alone.folder, "csv", ["keyword_acuracy"])


def test_tokens_and_decoded_audio_are_printed_apart_whatever_stands_in_rows(alone: Run) -> None:
    both = ["keyword_accuracy", "keyword_tokens_accuracy"]
    text = table.render(alone.folder, "markdown", both, rows="codec", cols="metric")
    assert "| codec | Keyword spotting, accuracy ↑ |" in text
    assert "| codec | Keyword spotting from tokens, accuracy ↑ |" in text
    assert {line["metric"] for line in lines_of(table.render(alone.folder, "csv", both))} == set(both)


def test_a_run_of_tasks_alone_prints_their_table(alone: Run) -> None:
    text = field.render(alone.folder, "markdown")
    assert text.startswith("**On decoded audio, clean**")
    assert "| codec | net rate, kbit/s | Keyword spotting, accuracy, % ↑ |" in text
    assert "| chance | – | 33.3 | 66.7 | – |" in text
    assert re.search(r"\| uncoded \| – \| 91\.7 ± \d+\.\d \| 8\.3 ± ", text)
    assert re.search(r"\| opus-24k \| 24\.10 \| \*\*83\.3 ± ", text)
    assert "Answered by: keyword:model=mfcc, speaker\\_id:model=mfcc, asr:model=mfcc." in text
    assert "from tokens" not in text
    assert r"\toprule" in field.render(alone.folder, "latex")
    lines = lines_of(field.render(alone.folder, "csv"))
    assert tuple(lines[0]) == field.CSV_COLUMNS
    line = next(x for x in lines if (x["codec"], x["quantity"]) == ("opus-6k", "Speech recognition, WER"))
    assert (float(line["value"]), line["n"], line["unit"]) == (pytest.approx(120), "12", "%")
    every = {line["name"] for line in lines_of(table.render(alone.folder, "csv"))}
    assert {"keyword_accuracy", "asr_wer"} <= every
    assert not any("tokens" in name or name.endswith("_class") for name in every)
