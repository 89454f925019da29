"""The first sentences of a report, and its further views of the scores, on made-up runs with planted answers."""

import base64
import csv
import gzip
import io
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tasks
from benchmark import metrics, table
from reports import download, heat, spread
from reports.drawing import looks
from reports.findings import findings
from reports.help import PARTS, about
from reports.multiples import MOST, multiples
from reports.multiples import spaced as spaced_out
from reports.summary import Run, load
from tests.large import make_large_run
from tests.runs import conditions, make_run

CLEAN, LOSSY = conditions()[0], conditions()[7]  # 10 % in bursts
SOME = ("pcm", "opus-24k", "codec2-700c")


def planted(folder: Path, values: dict[tuple[str, str], float], speakers: int = 12, noise: float = 0.0) -> Run:
    """A run whose PESQ-WB is, by codec and channel, what `values` say, but for what each utterance shares."""
    make_run(folder, codecs=SOME, channels=[CLEAN, LOSSY], speakers=speakers, per_speaker=1)
    rows = table.read(folder)
    ours = rows["name"].eq("pesq_wb")
    person = rows["speaker"].astype(int)
    wished = [values[place] for place in zip(rows["codec"], rows["channel"], strict=True)]
    luck = noise * np.random.default_rng(0).normal(size=len(rows))
    rows["value"] = rows["value"].mask(ours, pd.Series(wished) + 0.3 * np.sin(person) + luck)
    table.write(rows, folder / "results.parquet")
    return load(folder)


def levels(clean: tuple[float, float, float], lossy: tuple[float, float, float]) -> dict[tuple[str, str], float]:
    by = {CLEAN["channel"]: clean, LOSSY["channel"]: lossy}
    return {(codec, channel): value[place] for channel, value in by.items() for place, codec in enumerate(SOME)}


# --- Sentences ---


def test_differences_are_of_the_same_utterances(tmp_path: Path) -> None:
    said = list(findings(planted(tmp_path, levels((4.0, 3.5, 1.5), (2.0, 3.0, 1.4))), "pesq_wb"))
    assert said[1] == (
        "At 10 % loss, bursts ×2, PESQ-WB falls by 0.10 [0.10, 0.10] with codec2-700c, 0.50 [0.50, 0.50] with opus-24k "
        "and 2.00 [2.00, 2.00] with pcm, each against itself without loss. What scores low anyway has little to lose."
    ), "speakers differ by far more, and cancel out"
    assert "pcm, the next, is 1.00 [1.00, 1.00] behind, and opus-24k is shown to be ahead of both others" in said[2]
    assert 3 <= len(said) <= 6


def test_what_is_not_shown_is_said_to_be_open(tmp_path: Path) -> None:
    said = list(findings(planted(tmp_path, levels((4.0, 4.0, 1.5), (3.0, 3.02, 1.4)), noise=0.3), "pesq_wb"))
    assert re.search(r"is not shown to be ahead of (pcm|opus-24k) \(p < 0\.05, Holm\)", said[2])


def test_few_speakers_are_described_only(tmp_path: Path) -> None:
    said = list(findings(planted(tmp_path, levels((4.0, 3.5, 1.5), (2.0, 3.0, 1.4)), speakers=5), "pesq_wb"))
    assert "shown" not in " ".join(said)
    assert said[-1].startswith("All this is descriptive only: the 95 % intervals rest on 5 speakers")


def test_what_changes_nothing_is_said_so(tmp_path: Path) -> None:
    said = list(findings(planted(tmp_path, levels((4.0, 3.5, 1.5), (4.0, 3.5, 1.5))), "pesq_wb"))
    assert said[1] == "At 10 % loss, bursts ×2, PESQ-WB of each codec is what it is without loss."


def test_where_less_is_better_it_rises(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=SOME, channels=[CLEAN, LOSSY])
    said = list(findings(load(tmp_path), "mel_distance"))
    assert re.search(r"Mel distance rises by 0\.\d+ \[", said[1])


def test_of_many_codecs_the_ends_are_told(tmp_path: Path) -> None:
    make_run(tmp_path, channels=[CLEAN, LOSSY])
    said = list(findings(load(tmp_path), "pesq_wb"))
    assert re.search(r"PESQ-WB falls least with codec2-700c, by \d.*, and most with pcm, by", said[1])


def test_what_has_no_value_is_named(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=SOME, channels=[CLEAN, LOSSY])
    rows = table.read(tmp_path)
    gone = rows["codec"].eq("pcm") & rows["scorer"].ne("link") | rows["name"].eq("stoi")
    rows = rows.assign(value=rows["value"].mask(gone), status=rows["status"].mask(gone, "skipped"))
    table.write(rows, tmp_path / "results.parquet")
    said = list(findings(load(tmp_path), "pesq_wb"))
    assert "Nothing was measured for pcm, nor by STOI; failures and skips say why." in said
    assert not any("pcm" in sentence for sentence in said if not sentence.startswith("Nothing"))


# --- Help ---


def shipped() -> set[str]:
    found = set()
    for package in (metrics, tasks):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.rpartition(".")[2].startswith("_"):
                found |= set(getattr(import_module(module.name), "VALUES", {}))
    return found


def test_no_shipped_metric_lacks_help() -> None:
    lacking = {name for name in shipped() if set(about(name)) != set(PARTS) or not all(about(name).values())}
    assert lacking == set()
    assert len(shipped()) > 50
    for name in ("residual_loss", "recovery_ms", "token_error", "token_bit_error"):
        assert about(name), "facts of the link that have tables of their own"
    assert not about("my_own_metric")
    assert about("wer")["hears"] != about("keyword_wer")["hears"]


# --- Views ---


def test_heat_maps_hold_the_cells_of_the_table(tmp_path: Path) -> None:
    run = load(make_run(tmp_path, codecs=SOME, per_speaker=1, speakers=3))
    found = heat.section(run)["m0"]
    assert (list(found.losses), list(found.bursts), list(found.codecs)) == (
        ["1", "5", "10", "20"],
        ["×1", "×2"],
        list(SOME),
    )
    value = run.cell("opus-24k", "gilbert:burst_ratio=2.0,loss=0.1", "pesq_wb").estimate.value
    assert found.codecs["opus-24k"][1][2].order == value
    assert not heat.section(load(make_run(tmp_path / "one", codecs=SOME[:1], channels=conditions()[:5], speakers=2)))


def test_small_multiples_share_their_axes_and_are_few(tmp_path: Path) -> None:
    make_large_run(tmp_path, codecs=2, conditions=20, speakers=2, each=1)
    run = load(tmp_path)
    found, left_out = multiples(run, "pesq_wb", looks(run))
    assert (len(found), left_out) == (MOST, 20 - MOST)
    assert [title for title, _ in found][:: MOST - 1] == [run.conditions[0].title, run.conditions[-1].title]
    frames = [re.findall(r'<g id="small-0">|<use href="#small-0"/>', svg) for _, svg in found]
    assert frames == [['<g id="small-0">'], *[['<use href="#small-0"/>']] * (MOST - 1)]
    assert all('class="s0"' in svg and 'class="s1"' in svg for _, svg in found)
    assert len(spaced_out(run.conditions, 3)) == 3


def test_the_worst_utterances_are_found_with_their_keys_and_players(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=SOME, channels=[CLEAN, LOSSY], audio=SOME[1:], per_speaker=1)
    rows = table.read(tmp_path)
    bad = rows["utterance"].eq("007-0000") & rows["codec"].eq("opus-24k") & rows["name"].eq("pesq_wb")
    rows["value"] = rows["value"].mask(bad & rows["channel"].eq(LOSSY["channel"]), 1.01)
    rows["value"] = rows["value"].mask(rows["name"].eq("mel_distance") & rows["utterance"].eq("003-0000"), 99.0)
    table.write(rows, tmp_path / "results.parquet")
    run = load(tmp_path)
    from reports.audio import groups

    found = spread.section(run, looks(run), groups(run))
    assert found is not None
    assert list(found.conditions.values()) == ["Clean", "10 % loss, bursts ×2"]
    worst = [w for w in found.views["m0"]["u1"].worst if w.codec == "opus-24k"]
    assert (worst[0].utterance, worst[0].value) == ("007-0000", "1.01")
    assert rows[bad]["key"].str.startswith(worst[0].key).all()
    assert len(worst) == 3
    lower = next(i for i, metric in enumerate(run.offered) if metric == "mel_distance")
    assert {w.utterance for w in found.views[f"m{lower}"]["u0"].worst if w.value == "99.0"} == {"003-0000"}
    played = {(w.codec, w.utterance): w.player for view in found.views["m0"].values() for w in view.worst}
    assert played.get(("opus-24k", "000-0000"), "talk1") == "talk1"
    assert "003-0000" not in {utterance for (_, utterance), player in played.items() if player}


def test_strips_show_every_utterance_of_a_few(tmp_path: Path) -> None:
    run = load(make_run(tmp_path, codecs=SOME, channels=[CLEAN], speakers=5, per_speaker=1))
    found = spread.section(run, looks(run), [])
    assert found is not None
    strip = re.search(r'<g class="s1">\s*<path d="([^"]*)"', str(found.views["m0"]["u0"].figure))
    assert "median" in str(found.views["m0"]["u0"].figure)
    drawn = str(found.views["m0"]["u0"].figure)
    assert strip
    assert max(path.count("M") for path in re.findall(r'd="([^"]*)"', drawn)) == 5
    assert (
        spread.section(
            load(make_run(tmp_path / "few", codecs=SOME, channels=[CLEAN], speakers=3, per_speaker=1)), {}, []
        )
        is None
    )


def test_rows_are_left_out_where_they_are_many_and_formulas_are_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path, codecs=("pcm", "opus-6k"), channels=[CLEAN], speakers=2, rename="=HYPERLINK(1)")
    run = load(tmp_path)
    summary, rows = download.section(run).files
    text = base64.b64decode(summary.href.partition(",")[2]).decode()
    assert {line["codec"] for line in csv.DictReader(io.StringIO(text))} == {"pcm", "'=HYPERLINK(1)"}
    assert "'=HYPERLINK(1)" in gzip.decompress(base64.b64decode(rows.href.partition(",")[2])).decode()
    monkeypatch.setattr(download, "MOST", 10)
    found = download.section(run)
    assert len(found.files) == 1
    assert "too many for this page; they are in results.parquet" in found.missing
    assert json.dumps(found.files[0].about)
