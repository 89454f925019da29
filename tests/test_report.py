"""The HTML report of made-up runs: what it says, that it is self-contained, and that a browser opens it."""

import html
import json
import pkgutil
import re
import shutil
import subprocess
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark import metrics, table
from benchmark.stats import Estimate
from benchmark.types import UserError
from reports import audio, curves, drawing, figures
from reports.conditions import loss_curves
from reports.html import render, write
from reports.summary import PRETTY, decimals, load, number
from tests.runs import conditions, make_files_run, make_run
from tests.signals import speech_like

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--dump-dom"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SOME = ("pcm", "opus-24k", "codec2-700c")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three codecs, all conditions, two of them to listen to."""
    return make_run(tmp_path_factory.mktemp("run"), codecs=SOME, per_speaker=1, audio=SOME[1:])


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return render(run)


def text_of(page: str) -> str:
    """What a reader sees, roughly: no styles, scripts or tags."""
    bare = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def facts(run: Path, **changes: Any) -> Path:
    """Change keys of a run's `run.json`."""
    file = run / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    return run


# --- What it says ---


def test_it_says_what_was_run_on_what(page: str) -> None:
    text = text_of(page)
    for words in ("How codecs take packet loss", "29 January 2026", "3 codecs", "12 conditions", "AMD EPYC"):
        assert words in text
    assert "10 utterances 10 speakers" in text
    assert "focalbench run dropout --data read_speech/manifest.csv" in text
    assert "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef" in text


def test_it_speaks_in_plain_words(page: str) -> None:
    text = text_of(page)
    assert re.search(r"Without loss, pcm scores best: PESQ-WB 4\.64 \[", text)
    amount = r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]"
    told = rf"PESQ-WB falls by {amount} with \S+, {amount} with \S+ and {amount} with"
    assert re.search(f"At 10 % loss, bursts ×2, {told}", text)
    assert re.search(rf"There, \S+ keeps most: PESQ-WB {amount}; \S+, the next, is {amount} behind", text)
    assert "Below 1 kbit/s there is codec2-700c only" in text
    assert "codec2-700c: 0.70 kbit/s net become 8.70 on the wire" in text
    assert "carry in-band FEC: opus-24k in 90 %" in text
    assert "Of 1,440 scores asked for, all were measured." in text


def test_the_table_holds_what_was_pooled(run: Path, page: str) -> None:
    loaded = load(run)
    estimate = loaded.cell("opus-24k", "gilbert:burst_ratio=2.0,loss=0.1", "pesq_wb").estimate
    low, high = number(estimate.low, 2), number(estimate.high, 2)
    assert f"<b>{number(estimate.value, 2)}</b><small>[{low}, {high}]</small><small>10/10</small>" in page
    assert page.count('<table class="grid">') == 4


def test_every_kind_of_plot_is_there_with_a_name(page: str) -> None:
    captions = re.findall(r"<figcaption>([^<]*)</figcaption><svg", page)
    for caption in ("Bitrate on the wire, without loss", "Net bitrate, without loss", "Random losses"):
        assert captions.count(caption) >= 4
    assert {"Losses in bursts ×2", "Recorded traces"} <= set(captions)
    assert page.count('role="img" aria-label="PESQ-WB over') >= 4


def words(plot: str) -> set[str]:
    """The colour of text and its font, as far as a plot has them; panels may use the frame of the first one."""
    return {word for word in ("currentColor", "var(--sans)") if word in plot}


def test_the_plots_follow_the_page_colours(page: str) -> None:
    plots = re.findall(r'<svg viewBox="[^"]*" role="img".*?</svg>', page, flags=re.DOTALL)
    assert len(plots) == 4 * 6 + 2 + 4 * (12 + 5)  # with break points, a panel per condition, and single utterances
    assert all("var(--s0)" in plot for plot in plots)
    assert all('<use href="#' in plot or {"currentColor", "var(--sans)"} <= words(plot) for plot in plots)
    assert not any(sentinel in page for sentinel in ("#fd0000", "#fd0001", "#fe00"))


def test_realised_loss_stands_beside_what_was_asked(page: str) -> None:
    assert re.search(r"20 % loss, bursts ×2 20\.0 % ×2 (19|20|21)\.\d % 0\.0 % (19|20|21)\.\d %", text_of(page))


def test_what_plays_is_embedded_once(page: str) -> None:
    sources = re.findall(r'src="(data:audio/flac[^"]*)"', page)
    assert len(sources) == len(set(sources)) == 3  # both codecs' files are the same
    assert page.count("<audio ") == 5


def test_the_losses_are_marked_on_the_spectrogram(page: str) -> None:
    assert 'class="lost" d="M120.0 0h18.0v1h-18.0zM360.0 0h12.0v1h-12.0z"' in page
    assert "100 ms lost in 2 places, 20 ms late in 1 place" in text_of(page)
    assert "ab12cd34ef50" in page


def test_delays_skips_and_warnings_are_told_first(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm", "codec2-700c"), channels=conditions()[:1])
    codecs = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["codecs"]
    codecs["codec2-700c"]["delay"] |= {"agrees": False, "measured_ms": 38.0}
    codecs["pcm"]["delay"] |= {"agrees": False, "measured_ms": None}
    codecs["focal"] = {"spec": "focal", "status": "skipped", "reason": "focalbench fetch focal_50hz"}
    codecs["mine"] = {"spec": "mine", "status": "codec_failed", "reason": "IndexError: 7"}
    text = text_of(render(facts(tmp_path, codecs=codecs, warnings=["a load of 3.5 on 2 cores"])))
    first = text[: text.index("At a glance")]
    assert "codec2-700c: its delay is not what it declares. Measured 38.0 ms (by waveform), declared 0.0 ms" in first
    assert "none could be measured" in first
    assert "focal was skipped. focalbench fetch focal_50hz" in first
    assert "mine failed. IndexError: 7" in first
    assert "Note: a load of 3.5 on 2 cores" in first


def test_many_skipped_codecs_are_told_in_one_place_and_what_has_no_delay_is_not_accused(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm", "codec2-700c"), channels=conditions()[:1])
    codecs = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["codecs"]
    codecs["codec2-700c"] |= {"trained": False, "delay": {"agrees": False, "measured_ms": None}}
    codecs["pcm"] |= {"carries_speech": False, "delay": {"agrees": False, "measured_ms": None}}
    lacking = {f"net{i}": {"spec": f"net{i}", "status": "skipped", "reason": f"no weights {i}."} for i in range(4)}
    warnings = [f"{label} did not run (skipped): {entry['reason']}" for label, entry in lacking.items()]
    text = text_of(render(facts(tmp_path, codecs=codecs | lacking, warnings=warnings)))
    first = text[: text.index("At a glance")]
    assert "4 codecs were skipped. net0, net1, net2, net3. Their cards say what each needs." in first
    assert "no weights" not in first
    assert "its delay is not" not in first
    assert "needs: no weights 3." in text


def test_random_weights_stand_behind_every_label(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm", "codec2-700c"), channels=conditions()[:2])
    codecs = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["codecs"]
    codecs["codec2-700c"]["identity"] = {"weights": "random, seed 0"}
    codecs["pcm"]["identity"] = {"weights": "sha256 abc"}
    loaded = load(facts(tmp_path, codecs=codecs))
    assert loaded.codecs == ("pcm", "codec2-700c (random weights)")
    assert loaded.about("codec2-700c (random weights)")["spec"] == codecs["codec2-700c"]["spec"]
    assert text_of(render(tmp_path)).count("codec2-700c (random weights)") > 5


def test_failures_are_counted_by_reason(tmp_path: Path) -> None:
    text = text_of(render(make_run(tmp_path, codecs=("pcm",), channels=conditions()[:2], status="metric_failed")))
    assert "160 values are missing" in text
    assert "pcm metric failed 160 all 2 conditions" in text
    assert "the scorer died with signal 11 000-0000" in text


# --- Safe, small, self-contained ---


def test_nothing_is_fetched(page: str) -> None:
    policy = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    assert f'content="{policy}"' in page
    resources = re.findall(r'\b(?:src|href|data|poster|action|srcset)="([^"]*)"', page)
    assert resources
    assert all(r.startswith(("data:", "#")) for r in resources), {r[:80] for r in resources}
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|http-equiv=.refresh", page)


def test_what_comes_from_data_is_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    channel = conditions()[5] | {"title": f"10 %{evil}"}
    make_run(tmp_path, codecs=("pcm", "opus-6k"), channels=[conditions()[0], channel], rename=evil, audio=("opus-6k",))
    suite, warning = {"name": f"</pre>{evil}"}, f'"><img src=x onerror=alert(1)>{evil}'
    page = render(facts(tmp_path, suite=suite, warnings=[warning], title=evil))
    assert evil not in page
    assert "<img src=x" not in page
    assert html.escape(evil) in page
    assert len(re.findall(r"<script\b", page)) == 2


def test_letters_of_other_scripts_are_no_trouble(tmp_path: Path) -> None:
    page = render(make_run(tmp_path, codecs=("pcm",), channels=conditions()[:2], rename="編碼 $x$ _y_"))
    assert "編碼 $x$ _y_" in page


def test_a_page_is_equal_for_equal_runs(run: Path, page: str) -> None:
    assert render(run) == page


def test_write_is_atomic_and_goes_where_it_is_told(run: Path, tmp_path: Path) -> None:
    assert write(run) == run / "report.html"
    target = write(run, tmp_path / "new" / "page.html")
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in target.parent.iterdir()] == ["page.html"]
    assert target.stat().st_size < 3_000_000


def test_an_output_that_cannot_be_written_is_one_clear_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be written"):
        write(run, tmp_path / "file" / "page.html")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No run.json"), ("{", "not JSON"), ('{"schema": 9}', "schema 9")]
)
def test_what_is_no_finished_run_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=1)
    (tmp_path / "run.json").unlink()
    if content is not None:
        (tmp_path / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        render(tmp_path)


# --- Whatever the run holds ---


@pytest.mark.parametrize(
    ("channels", "kind"),
    [(conditions()[:1], "clean alone"), (conditions()[2:3], "loss alone"), (conditions()[9:], "traces alone")],
)
def test_few_conditions_are_enough(tmp_path: Path, channels: Sequence[dict[str, Any]], kind: str) -> None:
    page = render(make_run(tmp_path, codecs=("opus-6k",), channels=channels))
    assert channels[0]["title"] in page
    assert page.count("<figure>") >= 2, kind


def test_one_speaker_means_no_intervals(tmp_path: Path) -> None:
    page = render(make_run(tmp_path, codecs=("pcm", "opus-6k"), channels=conditions()[:3], speakers=1))
    assert "With a single speaker there are no intervals." in page
    grids = re.findall(r'<table class="grid">.*?</table>', page, re.DOTALL)
    assert grids
    assert not any("<small>[" in grid for grid in grids)


def test_few_speakers_are_said_to_describe_themselves(tmp_path: Path) -> None:
    page = render(make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=4))
    assert "rest on 4 speakers; below 10, they describe these voices only" in page


def test_utterances_stand_in_for_unknown_speakers(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("opus-6k",), channels=conditions()[:1], speakers=3, per_speaker=4)
    rows = table.read(tmp_path)
    rows["speaker"] = ""
    table.write(rows, tmp_path / "results.parquet")
    assert load(tmp_path).cell("opus-6k", "clean", "pesq_wb").estimate.clusters == 12


def test_all_rows_may_have_failed(tmp_path: Path) -> None:
    text = text_of(render(make_run(tmp_path, codecs=("pcm", "opus-6k"), status="codec_failed")))
    assert "No score has a value; failures and skips say why." in text
    assert re.search(r"pcm codec failed [\d,]+ all 12 conditions", text)
    assert "PESQ-WB by codec" not in text
    assert "Curves" not in text


def test_a_metric_without_any_value_stands_in_failures_alone(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm", "opus-6k"), channels=conditions()[:2], speakers=2)
    rows = table.read(tmp_path)
    gone = rows["name"].eq("pesq_wb")
    rows = rows.assign(value=rows["value"].mask(gone), status=rows["status"].mask(gone, "skipped"))
    table.write(rows.assign(reason=rows["reason"].mask(gone, "no weights here")), tmp_path / "results.parquet")
    page = render(tmp_path)
    assert re.findall(r'name="metric".*?<span>(.*?)</span>', page)[0] == "STOI"
    assert re.findall(r'<div data-metric="(m\d)"', page).count("m0") == 3, "the numbers of what is left"
    assert "PESQ-WB by codec" not in page
    assert "no weights here" in text_of(page)
    assert "scores best: STOI" in text_of(page)


def test_a_report_of_files_alone_has_no_section_on_codecs_and_networks(tmp_path: Path) -> None:
    text = text_of(page := render(make_files_run(tmp_path)))
    sections = ["glance", "scores", "utterances", "failures", "definitions", "provenance"]
    assert re.findall(r'<section id="(\w+)"', page) == sections
    assert re.findall(r'href="#(\w+)"', page)[1:] == sections
    assert "The files of deg have PESQ-WB" in text
    assert re.search(r"Codec Files as they are deg \d\.\d\d \[", text), "no columns on bitrate, latency or FEC"
    assert "1 codec" not in text
    assert "<figure>" not in page[: page.index('id="utterances"')]


def test_every_value_has_a_name() -> None:
    known = {
        name
        for module in pkgutil.iter_modules(metrics.__path__, "benchmark.metrics.")
        for name in getattr(import_module(module.name), "VALUES", {})
    }
    assert known - PRETTY.keys() == set()
    names = [PRETTY[name] for name in known]
    assert len(set(names)) == len(names)
    assert (PRETTY["dwer_insertions"], PRETTY["spk_other_wavlm"]) == (
        "dWER, insertions",
        "Similarity with another speaker, WavLM",
    )


def test_intervals_beyond_the_plot_end_in_arrowheads() -> None:
    inside, beyond = Estimate(2.0, 1.0, 3.0, 9, 3), Estimate(2.0, -7.0, 9.0, 9, 3)
    assert list(drawing.cut(inside, (1.0, 3.0), ("v", "^"))) == []
    assert list(drawing.cut(Estimate(2.0, None, None, 9, 1), (1.0, 3.0), ("v", "^"))) == []
    assert list(drawing.cut(beyond, (1.0, 3.0), ("v", "^"))) == [(1.0, "v"), (3.0, "^")]


def test_arrowheads_are_drawn_where_speakers_are_few_and_differ(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm", "opus-6k"), speakers=2)
    calm = load(tmp_path)
    rows = table.read(tmp_path)
    rows.loc[rows["name"].eq("pesq_wb") & rows["speaker"].eq("000"), "value"] = 1.0
    table.write(rows, tmp_path / "results.parquet")
    loaded = load(tmp_path)
    limits = drawing.quality_range(loaded, "pesq_wb")
    assert any((cell.estimate.high or 0) > limits[1] for key, cell in loaded.cells.items() if key[2] == "pesq_wb")
    for draw, at in (
        (figures.forest, [c for c in loaded.conditions if c.family == "trace"]),
        (curves.quality, loss_curves(loaded.conditions)[0]),
    ):
        after, before = (draw(run, "pesq_wb", at, drawing.looks(run)) for run in (loaded, calm))
        assert marks_of(after) > marks_of(before)


def marks_of(svg: str | None) -> int:
    return (svg or "").count("<use ")


def test_a_run_without_rows_still_reports_why(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1])
    table.write(table.read(tmp_path).iloc[:0], tmp_path / "results.parquet")
    assert "Nothing was measured." in render(tmp_path)


def test_the_same_name_from_two_scorers_stays_apart(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1])
    rows = table.read(tmp_path)
    other = rows[rows["name"] == "stoi"].assign(scorer="stoi(variant=other)", value=0.5)
    table.write(rows.merge(other, how="outer"), tmp_path / "results.parquet")
    loaded = load(tmp_path)
    assert loaded.cell("pcm", "clean", "stoi · stoi(variant=other)").estimate.value == 0.5
    assert loaded.better("stoi · stoi") == "higher"


def test_conditions_that_differ_in_the_room_stay_apart(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1])
    rows = table.read(tmp_path)
    rows.loc[rows["speaker"] == "000", "acoustics"] = "noise:snr=10"
    table.write(rows, tmp_path / "results.parquet")
    loaded = load(tmp_path)
    assert [c.title for c in loaded.conditions] == ["Clean", "Noise:snr=10"]
    assert loaded.cell("pcm", "clean · noise:snr=10", "stoi").asked == 2


def vary(run: Path, codec: str = "opus-24k") -> Path:
    """The run with a second protection, which costs 8 kbit/s and takes losses away, and two strategies of `codec`."""
    rows = table.read(run)
    extra = rows["name"].map({"wire_bps": 8_000.0, "redundancy_bps": 8_000.0, "latency_ms": 20.0}).fillna(0.0)
    safe = rows.assign(protection="redundancy:copies=1", value=rows["value"] + extra)
    safe.loc[safe["name"] == "residual_loss", ["value", "numerator"]] = 0.0
    safe["numerator"] = safe["numerator"].where(extra == 0, safe["value"] * safe["denominator"])
    both = pd.concat([safe, rows], ignore_index=True)
    ours = both["codec"] == codec
    heard = [both[~ours], both[ours].assign(concealment="mute"), both[ours].assign(concealment="repeat")]
    table.write(pd.concat(heard, ignore_index=True), run / "results.parquet")
    stated = json.loads((run / "run.json").read_text(encoding="utf-8"))
    stated["codecs"][codec] |= {"concealments": {"repeat": 0.0, "mute": 0.0}, "group": 4}
    titles = {"none": "", "redundancy:copies=1": "1 copy"}
    protections = [{"protection": text, "title": title} for text, title in titles.items()]
    return facts(run, codecs=stated["codecs"], protections=protections, concealment=["all"])


def test_protections_and_strategies_are_never_pooled(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=SOME, speakers=3, per_speaker=1)
    alone = load(tmp_path)
    loaded = load(vary(tmp_path))
    opus = ["opus-24k · repeat", "opus-24k · mute", "opus-24k · 1 copy · repeat", "opus-24k · 1 copy · mute"]
    assert loaded.codecs == ("pcm", "pcm · 1 copy", *opus, "codec2-700c", "codec2-700c · 1 copy")
    assert [loaded.origin(codec) for codec in opus] == ["opus-24k"] * 4
    for codec in opus:
        assert loaded.cell(codec, "clean", "pesq_wb") == alone.cell("opus-24k", "clean", "pesq_wb")
        assert loaded.about(codec)["group"] == 4
    rates = [loaded.overall(codec, "wire_bps").estimate.value or 0.0 for codec in opus]
    assert rates[2] - rates[0] == pytest.approx(8_000)
    assert loaded.scores == alone.scores
    assert (*alone.scores, "residual_loss") == loaded.shown
    assert alone.shown == alone.scores


def test_a_series_is_named_after_what_varies_in_its_run(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1])
    rows = table.read(tmp_path).assign(protection="bundle:frames=2", concealment="mute")
    table.write(rows, tmp_path / "results.parquet")
    assert load(tmp_path).codecs == ("pcm",)


def test_the_page_of_a_run_with_protections_and_strategies(tmp_path: Path) -> None:
    page = render(vary(make_run(tmp_path, codecs=SOME, speakers=3, per_speaker=1)))
    text = text_of(page)
    assert "3 codecs 12 conditions" in text, "codecs are counted, not series"
    for words in ("opus-24k · 1 copy · mute", "pcm · 1 copy", "Frames missing", "of it copies", "Latency"):
        assert words in text
    row = next(line for line in re.findall(r"<tr data-look.*?</tr>", page, re.DOTALL) if "1 copy · mute" in line)
    assert re.search(r"24\.1 48\.1 120 90 %", text_of(row)), "net, on wire with the copies, latency, FEC"
    assert "redundancy:copies=1 title: 1 copy" in text
    glance = page[page.index('id="glance"') : page.index('id="scores"')]
    rate, loss = re.findall(r"<svg.*?</svg>", glance, re.DOTALL)
    assert text_of(rate).count("opus-24k") == 2, "without loss, one point for all strategies of a protection"
    assert text_of(loss).count("opus") == 4


def test_a_codec_is_timed_once_for_all_its_series(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm", "opus-24k"), channels=conditions()[:1])
    rows = table.read(vary(tmp_path))
    timed = rows[(rows["name"] == "stoi") & (rows["protection"] == "none") & (rows["concealment"] != "mute")]
    timed = timed.assign(scorer="link", name="encode_rtf", kind="timing", value=0.125)
    table.write(pd.concat([rows, timed], ignore_index=True), tmp_path / "results.parquet")
    assert text_of(render(tmp_path)).count("0.125") == 2 + 4


def test_a_name_that_is_too_long_keeps_what_tells_it_apart() -> None:
    names = ("opus-24k", "a codec with a long name", "Stream 2k · repeat_fade", "codec · 1 copy · repeat_fade")
    wanted = ["opus-24k", "a codec with a lo…", "Stre…· repeat_fade", "code…y · repeat_fade"]
    assert [drawing.short(name) for name in names[:3]] == wanted[:3]
    assert all(len(drawing.short(name)) <= 18 for name in names)
    assert drawing.short(names[3]).endswith("repeat_fade")


def test_ratios_are_pooled_from_their_parts(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=2, per_speaker=1)
    rows = table.read(tmp_path)
    rows.loc[rows["name"] == "net_bps", "numerator"] = [10.0, 30.0]
    rows.loc[rows["name"] == "net_bps", "denominator"] = [1.0, 9.0]
    table.write(rows, tmp_path / "results.parquet")
    assert load(tmp_path).cell("pcm", "clean", "net_bps").estimate.value == pytest.approx(4.0)


# --- Parts ---


def test_numbers_are_printed_alike() -> None:
    assert [number(v, 2) for v in (-3.14159, -0.001, 2.0, None)] == ["−3.14", "0.00", "2.00", "–"]
    assert [decimals([v]) for v in (0.9, 4.5, 35.0, 24_000.0, None)] == [3, 2, 1, 0, 3]


def test_labels_are_moved_apart_as_little_as_needed() -> None:
    assert drawing.spread([0, 100], 10, 0, 200) == [0, 100]
    assert drawing.spread([50, 50, 50], 10, 0, 200) == [40, 50, 60]
    assert drawing.spread([195, 198], 10, 0, 200) == [190, 200]


def test_codecs_of_a_family_share_a_hue_and_no_two_look_alike(run: Path) -> None:
    looks = drawing.looks(load(make_run(run.parent / "all", channels=conditions()[:1], speakers=2)))
    assert len({look.light for look in looks.values()}) == len({look.shape for look in looks.values()}) == len(looks)
    for look in looks.values():
        assert contrast(look.light, "#fbfaf7") >= 3  # WCAG 2.2, 1.4.11: graphics
        assert contrast(look.dark, "#121417") >= 3


def test_text_has_enough_contrast(page: str) -> None:
    styles = page[: page.index("</style>")].split("prefers-color-scheme: dark")
    light, dark = (dict(re.findall(r"--(\w[\w-]*): (#[0-9a-f]{6})", style)) for style in styles)
    for colours in (light, dark):
        for ink, paper in (
            *(("ink", p) for p in ("paper", "card", "chip")),
            *(("soft", p) for p in ("paper", "card", "chip")),
            *(("accent", "paper"), ("grave", "grave-paper"), ("care", "care-paper"), ("care", "card")),
        ):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)


def contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    tone = np.sin(2 * np.pi * 2000 * np.arange(16_000) / 16_000).astype(np.float32)
    levels = audio.spectrogram(tone, 16_000)
    assert levels.shape == (160, 600)
    assert 160 - int(levels[:, 300].argmax()) == 2000 / 50


def test_a_spectrogram_says_nothing_where_the_rate_ends() -> None:
    levels = audio.spectrogram(speech_like(0.5)[::2], 8_000)
    assert np.isneginf(levels[:80]).all()
    assert np.isfinite(levels[80:, 300]).any()


def test_audio_beyond_the_limit_is_left_out_and_said_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "EMBEDDED", 1)
    group = audio.groups(load(run))[0]
    assert group.reference.source == ""
    assert "Left out to keep this page small; it is audio/reference.flac" in group.reference.missing


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=1, audio=("pcm",))
    for file in (tmp_path / "audio").glob("*.flac"):
        file.unlink()
    assert "audio/reference.flac is not in the run folder." in render(tmp_path)


# --- In a browser ---

PROBE = """
<!doctype html><body><iframe width="360" height="800" style="border: 0"></iframe><iframe></iframe><script>
const [frame, hold] = document.querySelectorAll("iframe");
hold.contentDocument.open();  // this page has not loaded, and is not dumped, before it is closed
const done = () => hold.contentDocument.close();
setTimeout(done, 30000);
const found = {};
const tell = () => document.body.setAttribute("data-found", JSON.stringify(found));
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement;
  found.width = Math.max(root.scrollWidth, page.body.scrollWidth);
  const shown = (element) => element.getClientRects().length > 0 && !element.closest("details:not([open])");
  found.tables = [...page.querySelectorAll("table.grid")].filter(shown).length;
  found.plots = [...page.querySelectorAll(".plots svg")].filter(shown).map((svg) => svg.getBoundingClientRect().height);
  found.pairs = [...page.querySelectorAll(".pair")].filter(shown).length;
  const table = page.querySelector("table.grid"), heads = [...table.querySelectorAll(".sort")];
  const first = () => table.tBodies[0].rows[0].cells[0].dataset.order;
  const clean = heads.find((head) => head.textContent === "Clean");
  clean.click(); found.best = first(); clean.click(); found.worst = first();
  found.sorted = clean.closest("th").getAttribute("aria-sort");
  page.querySelectorAll("input[name=metric]")[1].click();
  found.second = shown(page.querySelectorAll("table.grid")[1]) && !shown(table);
  page.querySelectorAll(".legend button")[0].click();
  found.off = page.querySelector("main").dataset.off;
  const audio = [...page.querySelectorAll("audio")];
  found.audio = audio.length;
  audio.forEach((player, index) => {
    player.addEventListener("canplay", () => {
      (found.seconds ??= {})[index] = player.duration;
      tell();
      if (Object.keys(found.seconds).length === audio.length) done();
    });
    player.preload = "auto";
    player.load();
  });
  tell();
};
frame.srcdoc = PAGE;
</script></body>
"""


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")
def test_a_browser_shows_tables_plots_and_players_on_a_phone(page: str, tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(PROBE.replace("PAGE", json.dumps(page).replace("</", "<\\/")), encoding="utf-8")
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([*command, wrapper.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    match = re.search(r'data-found="([^"]*)"', done.stdout)
    assert match, done.stderr[-2000:]
    found = json.loads(html.unescape(match.group(1)))
    assert found["width"] <= 360, "the page is wider than a phone"
    assert found["tables"] == 1, "one metric at a time"
    assert len(found["plots"]) == 6 + 2 + 1
    strips, *others = sorted(found["plots"])  # single utterances are a row for each codec
    assert (strips > 80, min(others) > 150) == (True, True)
    assert (found["best"], found["worst"]) == ("pcm", "codec2-700c")
    assert found["sorted"] == "ascending"
    assert found["second"], "choosing a metric shows its table"
    assert found["off"].startswith("s")
    assert (found["audio"], found["pairs"]) == (5, 1)
    assert list(found["seconds"].values()) == [pytest.approx(2.0, abs=0.01)] * 5
