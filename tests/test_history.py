"""The history: runs appended once, planted changes found with their commits, breaks marked, hostile text shown."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from benchmark import history, table
from benchmark.cli import main
from benchmark.types import UserError
from reports import history as told
from tests.runs import conditions, make_run

FIRST = datetime.fromisoformat("2026-01-01T02:00:00+00:00")
FEW = ("opus-12k", "codec2-3200")
COMMITS = [f"{n:x}" * 40 for n in range(1, 16)]


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that appends nights; each may change rows and facts of a run. Returns the history's folder."""

    def nightly(*changes: Any, codecs: tuple[str, ...] = FEW) -> Path:
        base = make_run(tmp_path / "base", codecs, conditions()[:2], speakers=12, per_speaker=1)
        rows, facts = table.read(base), json.loads((base / "run.json").read_text())
        for night, change in enumerate(changes):
            folder = tmp_path / f"night{night}"
            folder.mkdir()
            moment = (FIRST + timedelta(days=night)).isoformat()
            mine, stated = rows.copy(), json.loads(json.dumps({**facts, "started": moment, "contents": str(night)}))
            change(mine, stated)
            table.write(mine, folder / "results.parquet")
            (folder / "run.json").write_text(json.dumps(stated))
            monkeypatch.setenv("GITHUB_SHA", COMMITS[night])
            history.append(folder, tmp_path / "history")
        return tmp_path / "history"

    return nightly


def nothing(rows: Any, facts: Any) -> None:
    pass


def planted(step: float, codec: str = "opus-12k", channel: str = "clean", name: str = "pesq_wb") -> Any:
    def change(rows: Any, facts: Any) -> None:
        where = rows["codec"].eq(codec) & rows["channel"].eq(channel) & rows["name"].eq(name)
        assert where.any()
        rows.loc[where, "value"] += step
        facts["codecs"][codec].setdefault("identity", {})["build"] = f"{step:g}"

    return change


def test_a_run_is_a_small_file_named_by_its_content_and_appended_once(nights: Any, tmp_path: Path) -> None:
    folder = nights(nothing, nothing)
    files = sorted(folder.iterdir())
    assert [file.name[:17] for file in files] == ["20260101T020000Z-", "20260102T020000Z-"]
    before = [(file, file.stat().st_mtime_ns) for file in files]
    assert history.append(tmp_path / "night0", folder) == files[0]
    assert [(file, file.stat().st_mtime_ns) for file in sorted(folder.iterdir())] == before
    assert max(file.stat().st_size for file in files) < 60_000
    cells = pq.read_table(files[0]).to_pandas()
    assert {"codec", "channel", "name", "value", "low", "high", "n", "asked", "when", "revision"} <= set(cells.columns)


def test_the_cells_are_what_the_report_shows(nights: Any, tmp_path: Path) -> None:
    from reports.summary import load

    folder = nights(nothing)
    run = load(tmp_path / "base")
    cells = pq.read_table(next(folder.iterdir())).to_pandas()
    for codec in FEW:
        for channel in cells["channel"].unique():
            (cell,) = cells[
                cells["codec"].eq(codec) & cells["channel"].eq(channel) & cells["name"].eq("pesq_wb")
            ].to_dict("records")
            wanted = run.cell(codec, channel, "pesq_wb")
            assert (cell["value"], cell["low"], cell["high"]) == pytest.approx(
                (wanted.estimate.value, wanted.estimate.low, wanted.estimate.high)
            )
            assert (cell["n"], cell["asked"]) == (wanted.estimate.n, wanted.asked)


def test_appending_at_once_leaves_whole_files(nights: Any, tmp_path: Path) -> None:
    nights(nothing, nothing, nothing)
    other = tmp_path / "other"
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: history.append(tmp_path / f"night{n % 3}", other), range(12)))
    assert len(list(other.iterdir())) == 3
    assert len(history.read(other)[0].visits) == 3


def test_a_planted_step_is_found_with_its_commit_size_and_interval(nights: Any) -> None:
    series = history.read(nights(*[nothing] * 3, *[planted(-0.25)] * 4))
    (change,) = history.timeline(series).changes
    assert (change.kind, change.verdict, change.series.codec, change.series.name) == (
        *("step", "worse"),
        *("opus-12k", "pesq_wb"),
    )
    assert (change.before.revision, change.after.revision) == (COMMITS[2], COMMITS[3])
    assert change.difference is not None
    assert change.difference.value == pytest.approx(-0.25)
    assert (change.difference.low, change.difference.high) == pytest.approx((-0.25, -0.25))
    (event,) = told.events(history.timeline(series), series)
    assert event.cause == ([f"{COMMITS[2][:10]}..{COMMITS[3][:10]}"], ["build: not there → -0.25"])


def test_the_interval_of_a_step_is_of_paired_speakers(nights: Any) -> None:
    def uneven(rows: Any, facts: Any) -> None:
        where = rows["codec"].eq("opus-12k") & rows["channel"].eq("clean") & rows["name"].eq("pesq_wb")
        rows.loc[where, "value"] += [0.3, 0.1] * 6

    (change,) = history.timeline(history.read(nights(nothing, uneven))).changes
    assert change.verdict == "better"
    assert change.difference is not None
    found = change.difference
    assert found.value == pytest.approx(0.2)
    assert found.low is not None
    assert 0.1 < found.low < 0.18
    assert found.clusters == 12


def test_a_flat_history_has_no_changes(nights: Any) -> None:
    series = history.read(nights(*[nothing] * 5))
    found = history.timeline(series)
    assert found.changes == found.breaks == ()
    assert list(told.lines(series, found))[-1] == "no changes"


def test_a_metric_that_became_another_breaks_its_series_alone(nights: Any) -> None:
    def other_pesq(rows: Any, facts: Any) -> None:
        facts["scorers"] = {"pesq@16000": {"versions": {"pesq": "0.0.5"}, "fingerprint": "other"}}
        rows.loc[rows["name"].eq("pesq_wb"), "value"] += 1.0

    def known_pesq(rows: Any, facts: Any) -> None:
        facts["scorers"] = {"pesq@16000": {"versions": {"pesq": "0.0.4"}, "fingerprint": "known"}}

    found = history.timeline(history.read(nights(known_pesq, known_pesq, other_pesq, other_pesq)))
    assert found.changes == (), "a break is no change"
    assert {one.series.name for one in found.breaks} == {"pesq_wb"}
    assert {one.fields for one in found.breaks} == {("scorers.pesq@16000.fingerprint", "scorers.pesq@16000.versions")}
    assert {one.after.revision for one in found.breaks} == {COMMITS[2]}


def test_other_data_break_every_series(nights: Any) -> None:
    def other_data(rows: Any, facts: Any) -> None:
        facts["data"][0]["sha256"] = "0" * 64

    series = history.read(nights(nothing, other_data))
    found = history.timeline(series)
    assert len(found.breaks) == len(series)
    ((fields, ones),) = told.breaks(found)
    assert fields == ("data.read_speech",)
    assert len(ones) == len(series)


def test_a_long_field_breaks_a_series_by_its_end_too(nights: Any) -> None:
    def long(end: str) -> Any:
        def change(rows: Any, facts: Any) -> None:
            facts["resampler"] = "soxr " * 40 + end

        return change

    series = history.read(nights(long("one"), long("other")))
    assert {one.fields for one in history.timeline(series).breaks} == {("resampler",)}


def test_another_condition_breaks_only_what_went_through_it(nights: Any) -> None:
    def other_trace(rows: Any, facts: Any) -> None:
        facts["conditions"][1]["identity"] = "other"

    found = history.timeline(history.read(nights(nothing, other_trace)))
    assert {one.series.key[2] for one in found.breaks} == {conditions()[1]["channel"]}


def test_what_is_no_longer_measured_is_told(nights: Any) -> None:
    def dead(rows: Any, facts: Any) -> None:
        where = rows["codec"].eq("codec2-3200") & rows["name"].eq("stoi")
        rows.loc[where, "value"] = float("nan")
        rows.loc[where, "status"] = "metric_failed"

    def half(rows: Any, facts: Any) -> None:
        where = rows["codec"].eq("opus-12k") & rows["name"].eq("stoi") & rows["utterance"].str.startswith("000")
        rows.loc[where, "value"] = float("nan")
        rows.loc[where, "status"] = "metric_failed"
        dead(rows, facts)

    found = history.timeline(history.read(nights(nothing, dead, half)))
    assert (
        sorted((one.kind, one.verdict, one.series.codec) for one in found.changes if one.kind != "step")
        == [("lost", "worse", "codec2-3200")] * 2
    )
    steps = [one for one in found.changes if one.kind == "step"]
    assert {one.counts for one in steps} == {(12, 11)}
    assert all("n 12 → 11" in told.told(one) for one in steps)


def test_noise_from_run_to_run_is_no_change_but_a_step_in_it_is(nights: Any) -> None:
    import numpy as np

    jitter = np.random.default_rng(0).normal(0, 0.01, 14)

    def noisy(night: int) -> Any:
        return lambda rows, facts: planted(jitter[night] - 0.2 * (night >= 8))(rows, {"codecs": {"opus-12k": {}}})

    (change,) = history.timeline(history.read(nights(*[noisy(night) for night in range(14)]))).changes
    assert change.after.revision == COMMITS[8]
    assert change.difference is not None
    assert change.difference.value == pytest.approx(-0.2, abs=0.02)
    assert change.difference.low is not None
    assert change.difference.low < change.difference.value - 0.004, "noise widens what speakers agree on"


def test_commits_of_a_range_are_named_where_git_knows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    hashes = []
    for text in ("one", "two", "three <b>"):
        git("commit", "-q", "--allow-empty", "-m", text)
        hashes.append(git("rev-parse", "HEAD"))
    monkeypatch.chdir(tmp_path)
    for name in history.COMMITS:
        monkeypatch.delenv(name, raising=False)
    assert history.revision() == hashes[2]
    visit = history.Visit("", "", "", "", hashes[0], {}, {}, {})
    other = history.Visit("", "", "", "", hashes[2], {}, {}, {})
    assert history.commits(visit, other) == [f"{hashes[2][:7]} three <b>", f"{hashes[1][:7]} two"]
    assert history.commits(other, other) == [f"{hashes[2][:10]}, as before"]
    odd = history.Visit("", "", "", "", "--output=x", {}, {}, {})
    assert history.commits(visit, odd) == [f"{hashes[0][:10]}..--output=x"]
    assert not (tmp_path / "x").exists()


def test_a_folder_without_runs_and_a_file_that_is_none_are_refused(nights: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No runs in"):
        history.read(tmp_path / "none")
    folder = nights(nothing)
    (folder / "odd.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"odd\.parquet is no run of a history"):
        history.read(folder)
    (folder / "odd.parquet").unlink()
    (folder / "left.parquet.abc.partial").write_bytes(b"")
    assert history.read(folder)


def test_the_command_adds_tells_and_writes_a_page(nights: Any, tmp_path: Path, capsys: Any) -> None:
    nights(nothing, nothing, planted(-0.25))
    runs = [str(tmp_path / f"night{n}") for n in range(3)]
    page = tmp_path / "page.html"
    assert main(["history", str(tmp_path / "new"), "--add", *runs, "-o", str(page)]) == 0
    out = capsys.readouterr().out
    assert "2026-01-03 02:00  opus-12k: 1 worse; by" in out
    assert "build: not there → -0.25" in out
    assert "worse: PESQ-WB" in out
    assert main(["history", str(tmp_path / "new"), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [(one["verdict"], one["codec"]) for one in plain["changes"]] == [("worse", "opus-12k")]
    text = page.read_text()
    assert text.count("<svg viewBox") >= 4
    assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")


def test_hostile_text_is_shown_as_text(nights: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "<script>alert(1)</script>"

    def hostile(step: float) -> Any:
        def change(rows: Any, facts: Any) -> None:
            facts["conditions"][0]["title"] = f"<img src=x onerror=alert(2)>{evil}"
            rows["codec"] = rows["codec"].replace({"opus-12k": evil})
            facts["codecs"][evil] = facts["codecs"].pop("opus-12k") | {"identity": {evil: str(step)}}
            where = rows["codec"].eq(evil) & rows["name"].eq("pesq_wb")
            rows.loc[where, "value"] += step

        return change

    series = history.read(nights(hostile(0), hostile(-0.3)))
    page = told.write(series, history.timeline(series), tmp_path / "page.html", evil).read_text()
    assert evil not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_run_appends_itself(tmp_path: Path, capsys: Any) -> None:
    from tests.quick import quickly

    out, folder = str(tmp_path / "run"), str(tmp_path / "history")
    words = ["--codec", "pcm", "--limit", "1", "--set", "metrics=mel_distance", "--set", "channels=clean"]
    with quickly():
        assert main(["run", "demo", *words, "--save-audio", "none", "--out", out, "--history", folder]) == 0
    assert {one.codec for one in history.read(Path(folder))} == {"pcm"}
    assert len(list(Path(folder).iterdir())) == 1


@pytest.mark.browser
def test_in_a_browser_metrics_are_chosen_and_codecs_hidden(nights: Any, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no chromium")
    series = history.read(nights(nothing, planted(-0.25)))
    page = told.write(series, history.timeline(series), tmp_path / "page.html", "nights")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 360, "height": 800})
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.as_uri())
        assert tab.locator("[data-metric]:visible h3").inner_text() == "PESQ-WB", "what changed stands first"
        tab.get_by_label("STOI", exact=True).check()
        assert tab.locator("[data-metric]:visible h3").inner_text() == "STOI"
        tab.locator(".legend .chip", has_text="opus-12k").click()
        assert tab.locator("main").get_attribute("data-off") == "s1"
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        found = axe.Axe().run(tab).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
        assert errors == []
        browser.close()
