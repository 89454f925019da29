"""The report's section on recognised words, on made-up runs whose errors are planted; and the words on trust."""

import html
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import table
from reports.html import render
from reports.provenance import definitions
from reports.recognition import LISTED, REFERENCE, Recognition, Row, section
from reports.summary import Run, load
from tests.runs import conditions, make_noise_run, make_run

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


def row_of(run: Run, codec: str, which: int = 0, condition: str = "Clean") -> Row:
    return next(r for r in fresh(run).tables[which].rows if r.codec == codec and r.condition == condition)


def texts(run: Run, codec: str, which: int = 0) -> list[str]:
    return [field.text for field in row_of(run, codec, which).fields]


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(page)).split())


def changed(run: Run, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Run:
    table.write(change(table.read(run.folder)), run.folder / "results.parquet")
    return load(run.folder)


def with_delta(rows: pd.DataFrame) -> pd.DataFrame:
    """`wer_delta` beside `wer`: of the reference audio, files of even speakers have one error, others none."""
    wer = rows[rows["name"] == "wer"]
    own = (wer["speaker"].astype(int) % 2 == 0).astype(float)
    delta = wer["numerator"] - own
    return pd.concat([rows, wer.assign(name="wer_delta", numerator=delta, value=delta / WORDS)], ignore_index=True)


def test_errors_and_what_they_are_made_of(tmp_path: Path) -> None:
    run = planted(tmp_path)
    assert texts(run, "pcm") == ["10.0 %", "0.0 %", "10.0 %", "0.0 %", "0"]
    assert texts(run, "opus-6k") == ["60.0 %", "10.0 %", "20.0 %", "30.0 %", "0"]
    (found,) = fresh(run).tables
    assert (found.title, found.against) == ("dWER", "against what is recognised in the reference audio")
    assert found.heads == ["Errors", "Insertions", "Deletions", "Substitutions", "Files above 100 %"]
    assert {row.condition for row in found.rows} == {c.title for c in run.conditions}


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
    assert [t.title for t in fresh(run).tables] == ["dWER · asr:model=a", "dWER · asr:model=b"]
    assert texts(run, "opus-6k", 1) == ["60.0 %", "10.0 %", "20.0 %", "30.0 %", "0"]


def test_who_listened_stands_under_each_heading(tmp_path: Path) -> None:
    scorer = "asr:language=en,model=whisper,normaliser=auto,weights=tiny"
    silent = "asr:language=en,model=ctc,normaliser=none,weights=null"
    run = planted(tmp_path, dwer_1=scorer, dwer_2=silent)
    about = {f"{scorer}@16000": {"versions": {"jiwer": "4.0.0", "tiny.pt": "65147644a518d12f" + 48 * "0"}}}
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"scorers": about}), encoding="utf-8")
    assert {t.title.partition(" · ")[2]: t.heard for t in fresh(load(tmp_path)).tables} == {
        scorer: "whisper, language en, normaliser auto, weights tiny; jiwer 4.0.0, tiny.pt 65147644a518",
        silent: "ctc, language en, normaliser none",
    }
    page = text_of(render(tmp_path))
    assert "reference audio Heard by whisper, language en, normaliser auto, weights tiny; jiwer 4.0.0" in page
    assert len(run.metrics) == len(load(tmp_path).metrics)


def test_kinds_that_were_not_asked_for_have_no_column(tmp_path: Path) -> None:
    run = changed(planted(tmp_path), lambda rows: rows[~rows["name"].str.startswith("dwer_")])
    (found,) = fresh(run).tables
    assert found.heads == ["Errors", "Files above 100 %"]
    assert texts(run, "opus-6k") == ["60.0 %", "0"]
    assert "Insertions" not in text_of(render(tmp_path))


def test_few_speakers_have_no_intervals_and_the_page_says_so(tmp_path: Path, page: str) -> None:
    luck = {("opus-6k", f"{speaker:03d}-0000"): float(speaker) for speaker in range(12)}
    many = planted(tmp_path, luck)
    assert re.fullmatch(r"\[\d+\.\d, \d+\.\d\]", row_of(many, "opus-6k").fields[0].interval)
    assert not fresh(many).tables[0].few
    few = changed(many, lambda rows: rows[rows["speaker"].astype(int) < 9])
    assert row_of(few, "opus-6k").fields[0].interval == ""
    assert fresh(few).tables[0].few
    sentence = "Fewer than 10 speakers: no intervals"
    assert sentence in text_of(render(tmp_path))
    assert sentence not in page


def test_an_interval_ends_at_no_errors(tmp_path: Path) -> None:
    utterances = sorted(planted(tmp_path).rows["utterance"].unique())
    run = planted(tmp_path, {("pcm", u): 60.0 if u == utterances[0] else 0.0 for u in utterances})
    low, high = row_of(run, "pcm").fields[0].interval.strip("[]").split(", ")
    assert (low, float(high) > 50) == ("0.0", True)


def test_the_reference_audio_has_errors_of_its_own(tmp_path: Path) -> None:
    run = changed(planted(tmp_path, wer="asr", dwer="asr"), with_delta)
    heard, told = fresh(run).tables
    assert (heard.title, told.title) == ("dWER", "WER")
    assert REFERENCE not in [row.codec for row in heard.rows]
    *others, last = told.rows
    assert REFERENCE not in [row.codec for row in others]
    assert (last.codec, last.condition) == (REFERENCE, "not coded")
    assert [field.text for field in last.fields] == ["5.0 %", "–", "–", "–", "0"], (
        "one word of ten, every other speaker"
    )
    assert last.fields[0].coverage == "24/24", "once, whatever codecs and conditions"
    assert "reference audio not coded 5.0 %" in text_of(render(tmp_path))
    assert "WER less that of the reference audio" in text_of(render(tmp_path))


def test_the_reference_audio_counts_where_both_values_are(tmp_path: Path) -> None:
    def lost(rows: pd.DataFrame) -> pd.DataFrame:
        gone = rows["name"].eq("wer_delta") & rows["speaker"].isin(["000", "001", "002"])
        return rows.assign(value=rows["value"].mask(gone), status=rows["status"].mask(gone, "metric_failed"))

    run = changed(changed(planted(tmp_path, wer="asr"), with_delta), lost)
    last = fresh(run).tables[0].rows[-1]
    assert (last.fields[0].text, last.fields[0].coverage) == ("4.4 %", "18/18"), "four of nine speakers"
    without = changed(run, lambda rows: rows[rows["name"] != "wer_delta"])
    assert REFERENCE not in [row.codec for row in fresh(without).tables[0].rows]


def test_the_errors_of_the_input_are_not_those_of_the_reference_audio(tmp_path: Path) -> None:
    def noisy(rows: pd.DataFrame) -> pd.DataFrame:
        delta = rows["name"].eq("wer_delta")
        ours = rows[rows["name"].isin(["wer", "wer_delta"])].assign(reference="input")
        ours.loc[delta, "numerator"] -= 5
        return pd.concat([ours, rows], ignore_index=True)

    run = changed(changed(planted(tmp_path, wer="asr"), with_delta), noisy)
    assert fresh(run).tables[0].rows[-1].fields[0].text == "5.0 %"


def test_what_was_never_coded_is_counted_where_its_acoustics_are(tmp_path: Path) -> None:
    make_noise_run(tmp_path, ratios=(10,))
    rows = table.read(tmp_path)
    base = rows[rows["name"].eq("pesq_wb") & rows["reference"].eq("clean")]
    errors = 1.0 + 24 * (base["codec"].eq("uncoded") & base["acoustics"].str.contains("babble"))
    made = base.assign(name="wer", scorer="asr", unit="", numerator=errors, denominator=WORDS, value=errors / WORDS)
    made.loc[made["codec"] == "uncoded", ["channel", "playout"]] = ""  # as what was never sent has neither
    table.write(pd.concat([rows[rows["scorer"] == "link"], made], ignore_index=True), tmp_path / "results.parquet")
    run = load(tmp_path)
    assert set(run.rows.loc[run.rows["codec"] == "uncoded", "condition"]) == {""}
    babble, white = (f"{noise} noise, 10 dB SNR" for noise in ("Babble", "White"))
    loud, quiet = (row_of(run, "uncoded", condition=condition).fields for condition in (babble, white))
    assert [(f[0].text, f[-1].text) for f in (loud, quiet)] == [("250.0 %", "20"), ("10.0 %", "0")]
    assert {(f.codec, f.condition) for f in fresh(run).files} == {("uncoded", babble)}
    assert len(fresh(run).files) == 20


def test_what_was_never_coded_is_listed_once_for_all_networks(tmp_path: Path) -> None:
    test_what_was_never_coded_is_counted_where_its_acoustics_are(tmp_path)
    coded = table.read(tmp_path)
    more = coded[coded["codec"] != "uncoded"].assign(channel="gilbert:loss=0.1")
    run = changed(load(tmp_path), lambda rows: pd.concat([rows, more], ignore_index=True))
    assert len(run.conditions) == 6
    assert len(fresh(run).files) == 20


def test_rates_against_a_transcript_are_told_once(tmp_path: Path) -> None:
    def heard_input(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([rows, rows[rows["scorer"] == "asr"].assign(reference="input")], ignore_index=True)

    run = changed(changed(planted(tmp_path, wer="asr", dwer="asr"), with_delta), heard_input)
    assert run.shown == ("dwer", "dwer · input", "wer", "wer_delta", "wer_delta · input")
    assert run.offered == ("dwer", "wer", "wer_delta")
    assert (run.named("wer"), run.named("dwer")) == ("WER", "dWER against clean speech")
    assert [t.title for t in fresh(run).tables] == ["dWER", "WER"]
    page = render(tmp_path)
    assert "WER against the input" not in text_of(page).replace("dWER against the input", "")
    assert set(re.findall(r'data-metric="(m\d)"', page)) == {"m0", "m1", "m2"}


def test_no_section_without_words(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=CODECS)
    assert section(load(tmp_path)) is None


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    first = planted(folder).rows["utterance"].iloc[0]
    planted(folder, {("opus-6k", str(first)): 25})
    return text_of(render(folder))


def test_the_page_shows_it(page: str) -> None:
    assert "dWER, against what is recognised in the reference audio" in page
    assert "250 %: 25 errors in 10 words" in page
    assert "Many insertions may be a recogniser that makes words up; weak ones also split words." in page


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
