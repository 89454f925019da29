"""The report's section on recognised words, on made-up runs whose errors are planted; and the words on trust."""

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import table
from reports.html import render
from reports.provenance import definitions
from reports.recognition import LISTED, Recognition, section
from reports.summary import Run, load
from tests.runs import conditions, make_run

CODECS = ("pcm", "opus-6k")
WORDS = 10
ERRORS = {  # of each file: insertions, deletions, substitutions
    "pcm": (0, 1, 0),
    "opus-6k": (1, 2, 3),
}
VALIDITY = {"loss": "yes", "noise": "care", "generative": "no", "why": "it counts words."}
FACTS = {"values": {"dwer": {"better": "lower", "unit": "", "source": "arXiv", "validity": VALIDITY}}}


def words_of(rows: pd.DataFrame, rate: str, scorer: str) -> pd.DataFrame:
    """In place of the PESQ rows, planted errors."""
    base = rows[rows["name"] == "pesq_wb"].reset_index(drop=True)
    kinds = pd.DataFrame(
        [ERRORS[codec] for codec in base["codec"]], columns=["insertions", "deletions", "substitutions"]
    )
    counts = {rate: kinds.sum(axis=1)} | {f"{rate}_{kind}": kinds[kind] for kind in kinds}
    made = [
        base.assign(name=name, scorer=scorer, unit="", numerator=n, denominator=WORDS, value=n / WORDS)
        for name, n in counts.items()
    ]
    return pd.concat(made, ignore_index=True)


def planted(folder: Path, changes: Mapping[tuple[str, str], float] | None = None, **scorers: str) -> Run:
    """A run with dwer, and whatever else `scorers` say; `changes` are errors of one (codec, utterance) when clean."""
    make_run(folder, codecs=CODECS, channels=conditions()[:2], speakers=12, per_speaker=2, facts=FACTS)
    rows = table.read(folder)
    made = [words_of(rows, rate.partition("_")[0], scorer) for rate, scorer in (scorers or {"dwer": "asr"}).items()]
    every = pd.concat([rows[rows["scorer"] == "link"], *made], ignore_index=True)
    for (codec, utterance), errors in (changes or {}).items():
        here = (every["codec"] == codec) & (every["utterance"] == utterance) & (every["channel"] == "clean")
        here &= every["name"].isin(["wer", "dwer"])
        every.loc[here, "numerator"] = errors
        every.loc[here, "value"] = errors / WORDS
    table.write(every, folder / "results.parquet")
    return load(folder)


def fresh(run: Run) -> Recognition:
    found = section(run)
    assert found is not None
    return found


def texts(run: Run, codec: str, which: int = 0) -> list[str]:
    _, _, rows = fresh(run).tables[which]
    return [field.text for field in next(r for r in rows if r.codec == codec and r.condition == "Clean").fields]


def test_errors_and_what_they_are_made_of(tmp_path: Path) -> None:
    run = planted(tmp_path)
    assert texts(run, "pcm") == ["10.0 %", "0.0 %", "10.0 %", "0.0 %", "0"]
    assert texts(run, "opus-6k") == ["60.0 %", "10.0 %", "20.0 %", "30.0 %", "0"]
    (title, against, rows), *others = fresh(run).tables
    assert (title, against, others) == ("dWER", "against what is recognised in the reference audio", [])
    assert {row.condition for row in rows} == {c.title for c in run.conditions}


def test_files_with_more_errors_than_words_are_listed(tmp_path: Path) -> None:
    utterances = sorted(planted(tmp_path).rows["utterance"].unique())
    run = planted(tmp_path, {("opus-6k", utterances[3]): 25, ("pcm", utterances[5]): 10})
    (file,) = fresh(run).files
    assert (file.codec, file.condition, file.utterance, file.rate) == ("opus-6k", "Clean", utterances[3], "dWER")
    assert file.text == "250 %: 25 errors in 10 words"
    assert texts(run, "opus-6k")[-1] == "1"
    assert texts(run, "pcm")[-1] == "0", "100 % is not above it"
    assert texts(run, "opus-6k")[0] == f"{100 * (6 * 23 + 25) / 240:.1f} %", "pooled: sum over sum"


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    utterances = planted(tmp_path).rows["utterance"].unique()
    run = planted(tmp_path, {(codec, u): 20 for codec in CODECS for u in utterances})
    found = fresh(run)
    assert (len(found.files), found.more_files) == (min(LISTED, 48), max(0, 48 - LISTED))


def test_two_recognisers_have_two_tables(tmp_path: Path) -> None:
    run = planted(tmp_path, dwer_1="asr:model=a", dwer_2="asr:model=b")
    assert [title for title, _, _ in fresh(run).tables] == ["dWER · asr:model=a", "dWER · asr:model=b"]
    assert texts(run, "opus-6k", 1) == ["60.0 %", "10.0 %", "20.0 %", "30.0 %", "0"]


def test_no_section_without_words(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=CODECS)
    assert section(load(tmp_path)) is None


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    first = planted(folder).rows["utterance"].iloc[0]
    planted(folder, {("opus-6k", str(first)): 25})
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(render(folder))).split())


def test_the_page_shows_it(page: str) -> None:
    assert "dWER, against what is recognised in the reference audio" in page
    assert "250 %: 25 errors in 10 words" in page


def test_the_page_shows_parts_of_a_rate_in_that_section_alone(tmp_path: Path) -> None:
    run = planted(tmp_path)
    assert "dwer" in run.shown
    assert not {m for m in run.shown if m.startswith("dwer_")}


def test_the_definitions_say_where_a_value_is_to_be_trusted(tmp_path: Path, page: str) -> None:
    told: dict[str, Any] = {line["key"]: line["trust"] for line in definitions(planted(tmp_path))}
    assert told["dwer"] == (
        [("under loss", "yes"), ("in noise", "care"), ("generative codecs", "no")],
        "It counts words.",
    )
    assert told["dwer_insertions"] == ([], "")
    assert "under loss: yes ; in noise: care ; generative codecs: no . It counts words." in page
