"""The report's section on voices, on made-up runs whose similarities and error rates are planted."""

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import table
from benchmark.detection import detection
from benchmark.seeds import generator
from reports.drawing import looks
from reports.html import environment
from reports.speakers import MANY, Row, Voices, section
from reports.summary import Run, load
from tests.runs import conditions, make_noise_run, make_run

CODECS = ("pcm", "opus-6k", "codec2-700c")
CHANNELS = conditions()[:2]
SOURCES = {f"spk_sim_{model}": {"source": f"cosine; source of {model}"} for model in ("ecapa", "wavlm")}

Change = Callable[[pd.DataFrame], pd.DataFrame]


def voices_of(rows: pd.DataFrame, model: str, kinds: Sequence[str] = ("sim", "same", "other")) -> pd.DataFrame:
    """In place of the PESQ rows, planted cosines: the worse the codec, the nearer are same and other."""
    base = rows[rows["name"] == "pesq_wb"].reset_index(drop=True)
    number = base["utterance"].str[:3].astype(int) + base["utterance"].str[-1].astype(int) / 10
    drop = base["codec"].map({"pcm": 0.0, "opus-6k": 0.2, "codec2-700c": 0.5, "uncoded": 0.1}).fillna(0.3)
    drop = drop + 0.1 * (base["channel"] != "clean")
    planted = {"sim": 1 - drop, "same": 0.8 - drop + 0.02 * number, "other": 0.4 + 0.01 * number}
    made = [
        base.assign(name=f"spk_{kind}_{model}", scorer=f"speaker_{model}", unit="", value=planted[kind])
        for kind in kinds
    ]
    return pd.concat(made, ignore_index=True)


def planted(
    folder: Path,
    models: Sequence[str] = ("wavlm", "ecapa"),
    change: Change = lambda rows: rows,
    kinds: Sequence[str] = ("sim", "same", "other"),
    **options: Any,
) -> Run:
    chosen = {"codecs": CODECS, "channels": CHANNELS, "speakers": 12, "per_speaker": 2} | options
    make_run(folder, **{"facts": {"values": SOURCES}, **chosen})
    rows = table.read(folder)
    made = [voices_of(rows, model, kinds) for model in models]
    table.write(
        change(pd.concat([rows[rows["scorer"] == "link"], *made], ignore_index=True)), folder / "results.parquet"
    )
    return load(folder)


def fresh(run: Run) -> Voices:
    found = section(run)
    assert found is not None
    return found


def row_of(voices: Voices, codec: str, condition: str, which: int = 0) -> Row:
    return next(r for r in voices.tables[which].rows if (r.codec, r.condition) == (codec, condition))


def rendered(run: Run, speakers: Voices | None) -> str:
    """The fragment as the page has it."""
    return environment().get_template("speakers.html").render(speakers=speakers, looks=looks(run))


def text_of(page: str) -> str:
    bare = re.sub(r"<style>.*?</style>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).replace("\u00a0", " ").split())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return planted(tmp_path_factory.mktemp("speakers"))


# --- What it says ---


def test_planted_similarities_and_error_rates_are_told(run: Run) -> None:
    voices = fresh(run)
    assert [t.title for t in voices.tables] == ["ECAPA-TDNN", "WavLM-SV"]
    clean = row_of(voices, "pcm", "Clean")
    assert [f.text for f in clean.fields] == ["1.000", "0.911", "0.456", "0.0", "48"]
    assert (clean.fields[0].coverage, clean.fields[0].partial) == ("24/24", False)
    worst = row_of(voices, "codec2-700c", "1 % loss")
    number = pd.Series([speaker + utterance / 10 for speaker in range(12) for utterance in range(2)])
    people = [f"read_speech\0{speaker:03d}" for speaker in range(12) for _ in range(2)]
    channel = CHANNELS[1]["channel"]
    luck = generator(0, "speakers", f"ecapa\0codec2-700c\0{channel}")
    due = detection(0.8 - 0.6 + 0.02 * number, 0.4 + 0.01 * number, people, luck)
    assert due.value is not None
    assert due.value > 0.5
    assert worst.fields[3].order == pytest.approx(100 * due.value)
    assert worst.fields[3].interval == f"[{100 * (due.low or 0):.1f}, {100 * (due.high or 0):.1f}]"
    assert worst.fields[0].text == "0.400"


def test_the_page_prints_them_in_plain_words(run: Run) -> None:
    page = rendered(run, fresh(run))
    text = text_of(page)
    assert "Does the output still sound like its speaker?" in text
    assert "50 % is guessing" in text
    assert re.search(r"pcm Clean 1\.000 \[1\.000, 1\.000\] 24/24 0\.911 \[\S+ \S+ 0\.456 \[\S+ \S+ 0\.0 48", text)
    assert "An error rate of 0 or 100 % has no interval" in text
    assert "source of ecapa" in text
    assert "cosine" not in text
    assert page.count('<table class="speakers">') == 2
    assert page.count('scope="row"') == 2 * 2 * 3
    assert not re.search(r'<script|url\((?!#)|@import|\b(src|data)="', page)
    assert "Fewer than" not in text
    assert "more conditions" not in text


def test_every_codec_and_condition_has_a_row_in_the_order_of_the_run(run: Run) -> None:
    found = [(r.condition, r.codec) for r in fresh(run).tables[0].rows]
    assert found == [(condition, codec) for condition in ("Clean", "1 % loss") for codec in CODECS]


def test_of_many_conditions_the_main_ones_are_shown(tmp_path: Path) -> None:
    loaded = planted(tmp_path, models=("ecapa",), channels=conditions(), speakers=3)
    assert len(loaded.conditions) > MANY
    voices = fresh(loaded)
    assert list(dict.fromkeys(r.condition for r in voices.tables[0].rows)) == ["Clean", "10 % loss, bursts ×2"]
    assert f"{len(loaded.conditions) - 2} more conditions" in text_of(rendered(loaded, voices))


# --- Whatever the run holds ---


def test_without_voices_there_is_no_section(tmp_path: Path) -> None:
    loaded = load(make_run(tmp_path, codecs=("pcm",), channels=CHANNELS, speakers=2))
    assert section(loaded) is None
    assert rendered(loaded, None).strip() == ""


def test_without_any_value_there_is_no_section(tmp_path: Path) -> None:
    def skipped(rows: pd.DataFrame) -> pd.DataFrame:
        ours = rows["name"].str.startswith("spk_")
        return rows.assign(value=rows["value"].mask(ours), status=rows["status"].mask(ours, "skipped"))

    assert section(planted(tmp_path, change=skipped)) is None


def test_only_complete_utterances_count(tmp_path: Path) -> None:
    def gone(rows: pd.DataFrame) -> pd.DataFrame:
        lost = rows["name"].eq("spk_other_ecapa") & rows["speaker"].eq("011") & rows["codec"].eq("pcm")
        rows.loc[lost, ["value", "status", "reason"]] = [9.0, "metric_failed", "died"]  # no value without the status ok
        return rows

    voices = fresh(planted(tmp_path, models=("ecapa",), change=gone))
    row = row_of(voices, "pcm", "Clean")
    assert (row.fields[0].coverage, row.fields[0].partial) == ("22/24", True)
    assert (row.fields[1].text, row.fields[4].text) == ("0.901", "44")
    assert row_of(voices, "opus-6k", "Clean").fields[4].text == "48"


def test_a_codec_without_any_value_keeps_its_row(tmp_path: Path) -> None:
    def failed(rows: pd.DataFrame) -> pd.DataFrame:
        ours = rows["name"].str.startswith("spk_") & rows["codec"].eq("pcm")
        return rows.assign(value=rows["value"].mask(ours), status=rows["status"].mask(ours, "codec_failed"))

    loaded = planted(tmp_path, models=("ecapa",), change=failed)
    row = row_of(fresh(loaded), "pcm", "Clean")
    assert [f.text for f in row.fields] == ["–"] * 5
    assert row.fields[0].coverage == "0/24"
    assert "0/24" in rendered(loaded, fresh(loaded))


def test_without_speakers_there_is_the_similarity_alone(tmp_path: Path) -> None:
    loaded = planted(tmp_path, models=("ecapa",), kinds=("sim",), change=lambda rows: rows.assign(speaker=""))
    voices = fresh(loaded)
    assert not voices.tables[0].context
    assert [f.text for f in row_of(voices, "pcm", "Clean").fields] == ["1.000", "–", "–", "–", "–"]
    text = text_of(rendered(loaded, voices))
    assert "so there is nobody to compare with" in text
    assert "Trials" not in text
    assert "Equal error rate" not in text


def test_few_speakers_are_said_to_be_few(tmp_path: Path) -> None:
    loaded = planted(tmp_path, models=("ecapa",), speakers=9)
    voices = fresh(loaded)
    text = text_of(rendered(loaded, voices))
    assert "Fewer than 10 speakers: no intervals" in text
    assert "An error rate of 0 or 100 %" not in text, "the reason that comes first is enough"
    assert not any(field.interval for row in voices.tables[0].rows for field in row.fields)


def test_intervals_end_with_the_scale_of_a_cosine(tmp_path: Path) -> None:
    def spread_out(rows: pd.DataFrame) -> pd.DataFrame:
        ours = rows["name"].eq("spk_sim_ecapa") & rows["speaker"].eq("000")
        return rows.assign(value=rows["value"].mask(ours, -1.0))

    found = row_of(fresh(planted(tmp_path, models=("ecapa",), change=spread_out)), "pcm", "Clean").fields[0]
    assert found.text == "0.833"
    assert re.fullmatch(r"\[0\.\d+, 1\.000\]", found.interval), "its upper end would be 1.2"


def test_another_model_is_shown_under_its_name(tmp_path: Path) -> None:
    assert [t.title for t in fresh(planted(tmp_path, models=("own_model", "resemblyzer"))).tables] == [
        "Resemblyzer",
        "own_model",
    ]


def test_what_was_never_coded_stands_beside_in_noise(tmp_path: Path) -> None:
    make_noise_run(tmp_path, ratios=(10,))
    rows = table.read(tmp_path)
    link = rows[rows["scorer"] == "link"]
    clean = rows[rows["reference"] == "clean"]
    against_input = voices_of(rows[rows["reference"] == "input"], "ecapa", ("sim",)).assign(value=-1.0)
    made = pd.concat([link, against_input, voices_of(clean, "ecapa")], ignore_index=True)
    table.write(made, tmp_path / "results.parquet")
    voices = fresh(load(tmp_path))
    assert all((row.fields[0].order or 0) > 0 for row in voices.tables[0].rows), "against clean speech, not the input"
    uncoded = [row for row in voices.tables[0].rows if row.codec == "uncoded"]
    assert len(uncoded) == 2
    assert {row.condition for row in uncoded} == {"White noise, 10 dB SNR", "Babble noise, 10 dB SNR"}
    assert all(row.fields[4].text == "40" for row in uncoded)


def test_what_comes_from_data_is_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    loaded = planted(tmp_path, models=("ecapa",), change=lambda rows: rows.replace({"codec": {"pcm": evil}}))
    page = rendered(loaded, fresh(loaded))
    assert "<script" not in page
    assert html.escape(evil) in page
