"""Reports of runs with noise, jitter, latency and several codings: what is kept apart, what is drawn, what is said."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark import table
from benchmark.stats import paired, pooled
from reports import bars, curves, latency
from reports.anchor import differences
from reports.bars import Claim, Way
from reports.conditions import placed_curves, playout_curves
from reports.drawing import looks
from reports.html import render
from reports.scores import Field, _signed, columns
from reports.summary import Run, load
from tests import runs

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MAKERS = {
    "noise": runs.make_noise_run,
    "jitter": runs.make_jitter_run,
    "latency": runs.make_latency_run,
    "tandem": runs.make_tandem_run,
}
WHITE = "noise:kind=white,snr=10"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A made-up run of each kind."""
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def loaded(folders: dict[str, Path]) -> dict[str, Run]:
    return {name: load(folder) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def pages(folders: dict[str, Path]) -> dict[str, str]:
    return {name: render(folder) for name, folder in folders.items()}


def text_of(page: str) -> str:
    """What a reader sees, roughly: no styles, scripts or tags."""
    bare = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def plots(page: str) -> dict[str, str]:
    """Figures by the name that they give themselves."""
    found = re.findall(r'<svg viewBox="[^"]*" role="img" aria-label="([^"]*)">(.*?)</svg>', page, re.DOTALL)
    return {html.unescape(name): svg for name, svg in found}


def change(folder: Path, **facts: Any) -> None:
    file = folder / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | facts), encoding="utf-8")


# --- What is never pooled ---


def test_references_acoustics_and_buffers_are_never_pooled(loaded: dict[str, Run]) -> None:
    cases = [("noise", f"clean · {WHITE}", "pesq_wb"), ("noise", f"clean · {WHITE}", "pesq_wb · input")]
    cases += [("jitter", "gamma:mean_ms=25 · talkspurt", "stoi"), ("tandem", "clean", "pesq_wb")]
    for name, condition, metric in cases:
        run = loaded[name]
        place = next(c for c in run.conditions if c.name == condition)
        rows = table.read(run.folder)
        rows = rows[(rows["codec"] == "opus-6k") & (rows["name"] == metric.partition(" ")[0])]
        rows = rows[rows["reference"] == ("input" if "input" in metric else "clean")]
        for axis in ("channel", "acoustics", "playout"):
            rows = rows[rows[axis] == getattr(place, axis).text]
        assert len(rows) == 20
        assert run.cell("opus-6k", condition, metric).estimate == pooled(rows["value"], 1.0, rows["speaker"])


def test_a_metric_says_what_it_is_against_where_that_can_be_mistaken(loaded: dict[str, Run]) -> None:
    noise, jitter = loaded["noise"], loaded["jitter"]
    assert noise.scores == ("pesq_wb", "pesq_wb · input", "stoi", "stoi · input")
    assert [noise.named(m) for m in noise.scores[:2]] == ["PESQ-WB against clean speech", "PESQ-WB against the input"]
    assert jitter.named("pesq_wb") == "PESQ-WB"
    assert noise.better("pesq_wb · input") == "higher"
    assert [noise.reference(m) for m in noise.scores[:2]] == ["clean", "input"]


@pytest.mark.parametrize("name", MAKERS)
def test_conditions_and_columns_have_names_of_their_own(loaded: dict[str, Run], name: str) -> None:
    run = loaded[name]
    assert len({c.name for c in run.conditions}) == len({c.title for c in run.conditions}) == len(run.conditions)
    heads = [(title, head) for title, group in columns(run) for head, _ in group]
    assert len(set(heads)) == len(run.conditions)


def test_titles_name_what_varies_and_nothing_else(loaded: dict[str, Run]) -> None:
    assert [c.title for c in loaded["noise"].conditions][:2] == ["Clean", "White noise, 20 dB SNR"]
    assert loaded["jitter"].conditions[0].title == "Gamma delays, mean 25 ms · 20 ms buffer"
    assert [c.title for c in loaded["latency"].conditions] == ["Clean", "90 ms away"]


def test_a_chain_of_room_and_network_names_both(tmp_path: Path) -> None:
    runs.make_noise_run(tmp_path, ratios=(10, 0))
    rows = table.read(tmp_path)
    coded = rows[rows["codec"] != "uncoded"].assign(channel="gilbert:loss=0.05")
    table.write(rows.merge(coded, how="outer"), tmp_path / "results.parquet")
    channels = [runs.conditions()[0], {"channel": "gilbert:loss=0.05", "title": "5 % loss", "family": "gilbert"}]
    change(tmp_path, conditions=[channels[0], channels[1] | {"loss": 0.05, "burst_ratio": 1.0}])
    run = load(tmp_path)
    titles = [c.title for c in run.conditions]
    assert titles[:3] == ["Clean", "White noise, 10 dB SNR", "White noise, 0 dB SNR"]
    assert titles[5:7] == ["5 % loss", "5 % loss · white noise, 10 dB SNR"]
    found = {curve.title for curve in placed_curves(run.conditions, "acoustics")}
    assert found == {"White noise", "Babble noise", "White noise · 5 % loss", "Babble noise · 5 % loss"}
    alone, lossy = (run.cell("uncoded", f"{c} · {WHITE}", "stoi") for c in ("clean", "gilbert:loss=0.05"))
    assert alone == lossy, "what was never coded has met no network"
    assert alone.asked == 20


# --- Coded less uncoded ---


def test_the_gain_of_coding_is_paired_by_utterance(tmp_path: Path) -> None:
    runs.make_noise_run(tmp_path, ratios=(10, 0))
    rows = table.read(tmp_path)
    anchors = rows[rows["codec"] == "uncoded"]
    planted = anchors.assign(codec="opus-24k", value=anchors["value"] + 0.25)
    table.write(rows[rows["codec"] != "opus-24k"].merge(planted, how="outer"), tmp_path / "results.parquet")
    estimate = differences(load(tmp_path), "pesq_wb")["opus-24k", f"clean · {WHITE}"].estimate
    assert (estimate.value, estimate.half) == (pytest.approx(0.25), pytest.approx(0, abs=1e-9))
    other = differences(load(tmp_path), "pesq_wb")["opus-6k", f"clean · {WHITE}"].estimate
    at = rows[(rows["acoustics"] == WHITE) & (rows["name"] == "pesq_wb") & (rows["reference"] == "clean")]
    at = at.sort_values("utterance")
    coded, uncoded = (at[at["codec"] == codec] for codec in ("opus-6k", "uncoded"))
    wanted = paired(coded["value"], uncoded["value"], coded["speaker"])
    assert (other.value, other.low, other.n) == (pytest.approx(wanted.value), pytest.approx(wanted.low), 20)


def test_the_gain_of_coding_counts_the_utterances_that_have_both(tmp_path: Path) -> None:
    runs.make_noise_run(tmp_path, ratios=(10,))
    rows = table.read(tmp_path)
    gone = (rows["codec"] == "uncoded") & (rows["utterance"] == "003-0001")
    rows.loc[gone, ["value", "status"]] = [None, "metric_failed"]
    table.write(rows, tmp_path / "results.parquet")
    cell = differences(load(tmp_path), "stoi")["opus-24k", f"clean · {WHITE}"]
    assert (cell.estimate.n, cell.asked) == (19, 20)


def test_ratios_with_other_denominators_have_no_difference(tmp_path: Path) -> None:
    runs.make_noise_run(tmp_path, ratios=(10,))
    rows = table.read(tmp_path)
    ratio = rows["name"] == "stoi"
    rows.loc[ratio, "numerator"], rows.loc[ratio, "denominator"] = rows["value"] * 8, 8.0
    table.write(rows, tmp_path / "results.parquet")
    assert ("opus-24k", f"clean · {WHITE}") in differences(load(tmp_path), "stoi")
    rows.loc[ratio & (rows["codec"] == "uncoded"), "denominator"] = 9.0
    table.write(rows, tmp_path / "results.parquet")
    assert not differences(load(tmp_path), "stoi")


def test_no_gain_has_no_sign() -> None:
    signed = [_signed(Field(text, value)).text for text, value in (("0.00", 0.004), ("0.01", 0.01), ("−0.02", -0.02))]
    assert signed == ["0.00", "+0.01", "−0.02"]


def test_the_anchor_is_no_codec(loaded: dict[str, Run], pages: dict[str, str]) -> None:
    assert "uncoded" not in loaded["noise"].codecs
    assert loaded["noise"].series[-1] == "uncoded"
    text = text_of(pages["noise"])
    assert "3 codecs 11 conditions" in text
    assert "uncoded keeps" not in text
    assert re.search(r"There, opus-24k keeps .* Uncoded, it would be 2\.\d\d \[", text)
    assert "Of 2,520 scores asked for, all were measured." in text  # 3 codecs × 20 × (11 × 2 + 10 × 2)
    assert "PESQ-WB: what coding changes" in text


# --- Curves ---


def test_the_page_shows_usefulness_and_fidelity_side_by_side(pages: dict[str, str]) -> None:
    captions = re.findall(r"<figcaption>([^<]*)</figcaption><svg", pages["noise"])
    at = captions.index("Babble noise, against clean speech")
    assert captions[at + 1] == "Babble noise, against the input"
    useful = plots(pages["noise"])["PESQ-WB against clean speech over dB SNR, White noise"]
    assert all(word in useful for word in (">clean<", ">uncoded<", ">opus-6k<", "stroke-dasharray"))
    faithful = plots(pages["noise"])["PESQ-WB against the input over dB SNR, White noise"]
    assert ">clean<" not in faithful
    assert ">uncoded<" not in faithful


def test_curves_ascend_and_end_at_clean_speech(loaded: dict[str, Run]) -> None:
    white = placed_curves(loaded["noise"].conditions, "acoustics")[0]
    assert [x for x, _ in white.points] == [0, 5, 10, 15, 20]
    assert white.clean is not None
    assert white.clean.name == "clean"
    tandem = placed_curves(loaded["tandem"].conditions, "acoustics")[0]
    assert [(x, c.name) for x, c in tandem.points][:2] == [(1, "clean"), (2, "clean · tandem:generations=2")]
    assert tandem.clean is None


def test_clean_speech_stands_at_the_better_end(tmp_path: Path) -> None:
    runs.make_noise_run(tmp_path, ratios=(20, 10, 0))
    assert curves.improves(load(tmp_path), placed_curves(load(tmp_path).conditions, "acoustics")[0])
    rooms = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["acoustics"]
    for room in rooms[1:]:
        room["point"] |= {"unit": "s", "x": 1 - room["point"]["x"] / 25}  # as of reverberation: more is worse
    change(tmp_path, acoustics=rooms)
    assert not curves.improves(load(tmp_path), placed_curves(load(tmp_path).conditions, "acoustics")[0])


def test_a_network_can_have_a_curve_too(tmp_path: Path) -> None:
    channels = [runs.conditions()[0]]
    for rate in (1e-4, 1e-3, 1e-2):
        point = {"curve": "bit errors", "unit": "bit error rate", "x": rate}
        channels.append(
            channels[0] | {"channel": f"bit:{rate}", "title": f"{rate}", "family": "bit", "loss": None, "point": point}
        )
    runs.make_run(tmp_path, codecs=("opus-6k", "pcm"), channels=channels, speakers=3)
    (curve,) = placed_curves(load(tmp_path).conditions, "channel")
    assert [x for x, _ in curve.points] == [1e-4, 1e-3, 1e-2]
    assert curve.clean is not None
    page = plots(render(tmp_path))["PESQ-WB over bit error rate, Bit errors"]
    places = [float(x) for x in re.findall(r'class="s0">.*?M ([\d.]+)', page, re.DOTALL)[:1]]
    assert places, "a line was drawn"
    assert ">0.0001<" in page
    assert ">0.001<" in page, "decades lie apart on a logarithmic axis"


# --- Playout buffers ---


def test_late_packets_fall_with_the_depth_and_codecs_that_agree_share_a_line(pages: dict[str, str]) -> None:
    svg = plots(pages["jitter"])["Packets too late over fixed buffer, ms, Gamma delays, mean 25 ms"]
    for words in (">all codecs<", ">quantile 95 %<", ">per talkspurt<", ">150<"):
        assert words in svg
    assert ">opus-24k<" not in svg
    named = plots(pages["jitter"])
    assert "Frames missing, lost or late over fixed buffer, ms, Trace lte" in named, "it loses packets besides"
    assert "Frames missing, lost or late over fixed buffer, ms, Gamma delays, mean 25 ms" not in named
    text = text_of(pages["jitter"])
    assert re.search(r"packets come too late: up to 4\d\.\d % with a 20 ms buffer and 0\.\d % with a 150 ms", text)


def test_codecs_that_differ_keep_their_lines(loaded: dict[str, Run]) -> None:
    run = loaded["jitter"]
    half = {
        key: replace(cell, estimate=replace(cell.estimate, value=0.5 * (cell.estimate.value or 0), low=None, high=None))
        for key, cell in run.cells.items()
        if key[0] == "codec2-3200" and key[2] == "late_rate"
    }
    curve = playout_curves(run.conditions)[0]
    svg = curves.share(replace(run, cells={**run.cells, **half}), "late_rate", "Late", curve, looks(run))
    assert svg is not None
    assert ">codec2-3200<" in svg
    assert ">opus-24k +1<" in svg


def test_adaptive_buffers_lie_where_they_waited(loaded: dict[str, Run]) -> None:
    run = loaded["jitter"]
    curve = playout_curves(run.conditions)[0]
    assert [x for x, _ in curve.points] == [20, 40, 60, 100, 150]
    line = curves.values_along(run, "opus-6k", "late_rate", curve, scale=100)
    wait = run.cell("opus-6k", "gamma:mean_ms=25 · talkspurt", "playout_ms").estimate.value
    assert line.singles[1][0] == wait
    assert wait == pytest.approx(3.4 * 25, abs=2)


def test_the_network_table_has_bursts_and_waits(pages: dict[str, str]) -> None:
    network = text_of(pages["jitter"][pages["jitter"].index('id="network"') :])
    assert re.search(r"Spikes every 2 s · 40 ms buffer – – 1\.0 % 4\d\.\d %", network)
    for words in ("RFC 3611: lost in bursts", "320.0 ms", "Longest burst, per file 31", "Playout wait", "40.0 ms"):
        assert words.removesuffix(" 31") in network
    assert "Bit errors" not in network
    assert "spikes:every_s=2 fixed:buffer_ms=40" in network


def test_the_acoustics_table_has_what_was_mixed(pages: dict[str, str]) -> None:
    assert f"White noise, 10 dB SNR 10.0 dB −1.5 dB {WHITE}" in text_of(pages["noise"])
    assert 'id="acoustics"' not in pages["jitter"]


# --- Latency ---


def test_what_the_probe_found_is_no_score_and_no_condition(loaded: dict[str, Run]) -> None:
    run = loaded["latency"]
    assert run.scores == ("pesq_wb", "stoi")
    assert not any(name in run.metrics for name in ("availability_ms", "peak_memory_mib"))
    assert len(run.conditions) == 2
    assert run.probes["codec2-3200", "availability_ms"] == 52.0


def test_a_codec_that_takes_longer_than_it_declares_is_told_first(pages: dict[str, str]) -> None:
    text = text_of(pages["latency"])
    first = text[: text.index("At a glance")]
    assert "codec2-3200: it takes longer than it declares. Declared 40.0 ms of latency, measured 52.0 ms." in first
    assert "opus-6k: it takes" not in first
    svg = plots(pages["latency"])["Declared and measured latency: opus-24k, opus-6k, codec2-3200"]
    assert svg.count(">longer than declared<") == 1
    assert [svg.count(f">{number}<") for number in ("26.5", "40.0", "52.0")] == [4, 1, 1]


@pytest.mark.parametrize(
    ("declared", "measured", "tolerance", "excess"),
    [
        (26.5, 27.4, 1.0, 0.0),
        (26.5, 27.6, 1.0, 1.1),
        (26.5, 27.6, 2.0, 0.0),
        (80.0, 60.0, 1.0, -20.0),
        (None, 9.0, 1.0, 0),
    ],
)
def test_a_claim_holds_within_what_was_measurable(
    declared: float | None, measured: float, tolerance: float, excess: float
) -> None:
    claim = Claim("codec", declared, measured, 0.0, None, tolerance)
    assert claim.excess == pytest.approx(excess)
    assert claim.longer is (excess > 0)


def test_the_parts_of_a_budget_are_what_the_rows_add_up_to(loaded: dict[str, Run]) -> None:
    for name in ("latency", "jitter"):
        run = loaded[name]
        for condition in run.conditions:
            way = latency._way(run, "opus-24k", condition)
            assert way is not None
            total = run.cell("opus-24k", condition.name, "mouth_to_ear_ms").estimate.value
            assert sum(way.parts) == pytest.approx(total)


def test_budgets_that_agree_are_drawn_once(loaded: dict[str, Run], pages: dict[str, str]) -> None:
    assert list(latency._budgets(loaded["noise"])) == ["All 11 conditions"]
    named = list(latency._budgets(loaded["jitter"]))
    assert named[:3] == ["20 ms buffer", "40 ms buffer", "60 ms buffer"]
    assert "Spikes every 2 s · per talkspurt" in named
    assert named == [*dict.fromkeys(named)]
    svg = plots(pages["latency"])[
        "Mouth to ear (capture, codec, packets, playout buffer, network), 90 ms away: "
        "opus-24k 186 ms; opus-6k 186 ms; codec2-3200 200 ms"
    ]
    for words in (">G.114: 150<", ">G.114: 400<", ">186 ms, Idd 2.3<", "var(--p4)", "url(#"):
        assert words in svg, "the limits, sum and impairment, the network, computing hatched"
    assert "url(#h" not in plots(pages["noise"])[next(n for n in plots(pages["noise"]) if n.startswith("Mouth"))]


def test_the_next_limit_of_g114_is_always_on_the_axis() -> None:
    way = Way("codec", (10.0, 80.0), 0.0, None)
    assert bars.GOOD < bars.reach([way]) < bars.BEARABLE
    assert bars.reach([replace_parts(way, 151.0)]) > bars.BEARABLE
    assert bars.reach([replace_parts(way, 500.0)]) > 500


def replace_parts(way: Way, total: float) -> Way:
    return way._replace(parts=(total,))


def test_a_codec_that_needs_the_whole_file_has_no_way(tmp_path: Path) -> None:
    runs.make_latency_run(tmp_path)
    rows = table.read(tmp_path)
    offline = rows["codec"].eq("opus-6k") & rows["name"].isin(["codec_ms", "mouth_to_ear_ms", "availability_ms"])
    rows.loc[offline, ["value", "status", "reason"]] = [None, "not_applicable", "it sees the whole utterance"]
    table.write(rows, tmp_path / "results.parquet")
    run = load(tmp_path)
    assert latency._way(run, "opus-6k", run.conditions[0]) is None
    text = text_of(render(tmp_path))
    assert "it sees the whole utterance" in text
    assert "Not applicable, as expected (81)" in text


# --- Safe, and old ---


def test_titles_of_acoustics_and_buffers_are_text(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    runs.make_noise_run(tmp_path, ratios=(10, 0))
    rooms = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["acoustics"]
    for room in rooms[1:]:
        room["title"] += evil
        room["point"]["curve"] += evil
        room["point"]["unit"] += evil
    change(tmp_path, acoustics=rooms, anchor={"label": "uncoded", "spec": evil})
    page = render(tmp_path)
    assert evil not in page
    assert html.escape(evil) in page


def test_a_run_of_before_has_one_nameless_room_and_buffer(tmp_path: Path) -> None:
    run = load(runs.make_run(tmp_path, codecs=("pcm",), channels=runs.conditions()[:3], speakers=2))
    assert [(c.name, c.quiet, c.title) for c in run.conditions][:2] == [
        ("clean", True, "Clean"),
        ("gilbert:burst_ratio=1.0,loss=0.01", True, "1 % loss"),
    ]
    assert run.series == run.codecs


@pytest.mark.parametrize("name", MAKERS)
def test_figures_are_clear_of_sentinels_and_leaks(pages: dict[str, str], name: str) -> None:
    page = pages[name]
    assert not re.search(r"#f[dec]00[0-9a-f]{2}", page)
    assert not re.search(r"\b(None(?!\.)|nan|NaN|undefined)\b", text_of(page))
    assert all("var(--sans)" in svg or '<use href="#' in svg for svg in plots(page).values()), "of their own, or shared"


def test_marks_of_parts_can_be_told_apart(pages: dict[str, str]) -> None:
    styles = pages["latency"][: pages["latency"].index("</style>")].split("prefers-color-scheme: dark")
    for style, paper in zip(styles, ("#fbfaf7", "#121417"), strict=True):
        colours = [re.findall(rf"--p{i}: (#[0-9a-f]{{6}})", style)[0] for i in range(5)]
        assert min(contrast(colour, paper) for colour in colours) >= 2.5
        light = [luminance(colour) for colour in colours]
        neighbours = [max(a, b) / min(a, b) for a, b in pairwise(light)]
        assert min(neighbours) > 1.15, "neighbours differ in lightness too, for those who see no hue"


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05


def contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio."""
    low, high = sorted((luminance(a), luminance(b)))
    return high / low


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")
def test_no_page_is_wider_than_a_phone(pages: dict[str, str], tmp_path: Path) -> None:
    frames = "".join(
        f'<iframe width="360" height="800" srcdoc="{html.escape(page)}"></iframe>' for page in pages.values()
    )
    measure = (
        "<script>onload = () => document.body.dataset.widths = [...document.querySelectorAll('iframe')]"
        ".map((f) => f.contentDocument.documentElement.scrollWidth).join()</script>"
    )
    file = tmp_path / "frames.html"
    file.write_text(f"<!doctype html><body>{frames}{measure}</body>", encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom")
    command = [str(BROWSER), *flags, f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    match = re.search(r'data-widths="([\d,]+)"', done.stdout)
    assert match, done.stderr[-2000:]
    widths = [int(width) for width in match.group(1).split(",")]
    assert len(widths) == len(pages)
    assert max(widths) <= 360
