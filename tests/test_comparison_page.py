"""The page of a comparison: planted differences in words, in the table and drawn; several runs; hostile text."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmark import table
from benchmark.compare import Comparison, compare
from benchmark.sides import load
from reports import comparison as page
from tests.runs import conditions, make_run

CODECS = ("opus-12k", "codec2-3200")
EVIL = "<script>alert(1)</script>"


def sides(folder: Path, speakers: int = 12, codecs: tuple[str, ...] = CODECS) -> Path:
    return make_run(folder / "first", codecs, conditions()[:3], speakers=speakers, per_speaker=1)


def changed(folder: Path, name: str, change: Any) -> Path:
    """A copy of the first side with other rows and facts."""
    copy = folder / name
    shutil.copytree(folder / "first", copy)
    rows, facts = table.read(copy), json.loads((copy / "run.json").read_text())
    change(rows, facts)
    table.write(rows, copy / "results.parquet")
    (copy / "run.json").write_text(json.dumps(facts))
    return copy


def planted(step: float, metric: str = "pesq_wb", codec: str = "opus-12k") -> Any:
    def change(rows: Any, facts: Any) -> None:
        rows.loc[rows["codec"].eq(codec) & rows["name"].eq(metric), "value"] += step
        facts["codecs"][codec]["fingerprint"] = "another"

    return change


def compared(first: Path, *others: Path) -> list[Comparison]:
    side = load(first)
    return [compare(side, load(other)) for other in others]


def test_a_planted_loss_and_gain_are_told_first(tmp_path: Path) -> None:
    first = sides(tmp_path)
    worse, better = changed(tmp_path, "worse", planted(-0.2)), changed(tmp_path, "better", planted(0.2))
    for folder, word, sign in ((worse, "worse", "−"), (better, "better", "+")):
        (found,) = compared(first, folder)
        opus, codec2 = page.sentences(found)
        assert opus.startswith(f"opus-12k: 4 values are {word}, PESQ-WB, all conditions ({sign}0.200), PESQ-WB, ")
        assert codec2 == "codec2-3200: every value is exactly the same."


def test_the_direction_of_a_metric_decides_what_is_worse(tmp_path: Path) -> None:
    (found,) = compared(sides(tmp_path), changed(tmp_path, "second", planted(0.5, "mel_distance")))
    assert next(page.sentences(found)).startswith("opus-12k: 4 values are worse, Mel distance, all conditions (+0.500)")


def test_few_speakers_conclude_nothing(tmp_path: Path) -> None:
    (found,) = compared(sides(tmp_path, speakers=3), changed(tmp_path, "second", planted(-0.2)))
    assert next(page.sentences(found)) == "opus-12k: nothing can be concluded from 3 speakers; 10 are needed."
    assert not any(map(page.changed, found.rows))


def test_equal_runs_are_exactly_the_same_and_have_no_plots(tmp_path: Path) -> None:
    (found,) = compared(sides(tmp_path), changed(tmp_path, "second", lambda rows, facts: None))
    assert all(text.endswith("every value is exactly the same.") for text in page.sentences(found))
    (side,) = page.context([found])["sides"]
    assert all(metric["plots"] == [] and metric["equal"] == list(CODECS) for metric in side["metrics"])


def test_missing_values_are_counted(tmp_path: Path) -> None:
    def dead(rows: Any, facts: Any) -> None:
        gone = rows["codec"].eq("opus-12k") & rows["name"].eq("stoi")
        rows.loc[gone, "value"] = float("nan")
        rows.loc[gone, "status"] = "metric_failed"

    (found,) = compared(sides(tmp_path), changed(tmp_path, "second", dead))
    assert list(page.sentences(found))[-1].startswith("36 values that ")
    (side,) = page.context([found])["sides"]
    (stoi,) = [metric for metric in side["metrics"] if metric["name"] == "STOI"]
    told = [row for row in stoi["rows"] if row["codec"] == "opus-12k"]
    assert {row["verdict"] for row in told} == {"not measured"}
    assert "12 metric failed" in told[-1]["n"]
    assert all(row["changed"] for row in told)


def test_a_cell_says_what_was_computed(tmp_path: Path) -> None:
    (found,) = compared(sides(tmp_path), changed(tmp_path, "second", planted(-0.2)))
    (side,) = page.context([found])["sides"]
    metric = side["metrics"][0]
    assert (metric["name"], metric["changed"]) == ("PESQ-WB", 4)
    overall = metric["rows"][0]
    (row,) = [r for r in found.rows if r.codec == "opus-12k" and r.name == "pesq_wb" and r.place is None]
    assert row.difference.first is not None
    assert overall["condition"] == "all conditions"
    assert overall["first"] == f"{row.difference.first:.3f}"
    assert overall["difference"] == "−0.200"
    assert overall["n"] == "36 of 36"
    assert overall["verdict"] == "worse"
    ((codec, svg),) = metric["plots"]
    assert codec == "opus-12k"
    assert "all conditions" in svg


def test_several_runs_against_the_first_stand_on_one_page(tmp_path: Path) -> None:
    first = sides(tmp_path)
    others = [changed(tmp_path, name, planted(step)) for name, step in (("one", -0.2), ("two", 0.2))]
    text = page.write(compared(first, *others), tmp_path / "new" / "page.html").read_text()
    assert f"2 runs against {first}" in text
    assert [text.count(f"{other} against {first}") > 0 for other in others] == [True, True]
    assert "fingerprint" in text
    assert text.count('id="side') == 4
    assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")


def hostile(step: float) -> Any:
    def change(rows: Any, facts: Any) -> None:
        facts["conditions"][0]["title"] = f"<img src=x onerror=alert(2)>{EVIL}"
        facts["codecs"][EVIL] = facts["codecs"].pop("opus-12k") | {"fingerprint": f"{EVIL}{step}"}
        rows["codec"] = rows["codec"].replace({"opus-12k": EVIL})
        rows.loc[rows["codec"].eq(EVIL) & rows["name"].eq("pesq_wb"), "value"] += step

    return change


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    sides(tmp_path)
    found = compared(changed(tmp_path, "<u>a", hostile(0)), changed(tmp_path, "<u>b", hostile(-0.2)))
    text = page.write(found, tmp_path / "page.html").read_text()
    assert EVIL not in text
    assert "<img src=x" not in text
    assert "<u>" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.browser
def test_in_a_browser_rows_are_filtered_and_nothing_hostile_runs(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no chromium")
    sides(tmp_path)
    found = compared(changed(tmp_path, "a", hostile(0)), changed(tmp_path, "b", hostile(-0.2)))
    path = page.write(found, tmp_path / "page.html")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 360, "height": 800})
        told: list[str] = []
        tab.on("dialog", lambda dialog: told.append(dialog.message))
        tab.on("pageerror", lambda error: told.append(str(error)))
        tab.goto(path.as_uri())
        first = tab.locator("details.metric[open]").first
        assert first.locator("output").inner_text() == "8 of 8 rows"
        first.get_by_label("what changed").check()
        assert first.locator("output").inner_text() == "4 of 8 rows"
        first.get_by_role("searchbox").fill("all cond")
        assert first.locator("tbody tr:visible").count() == 1
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        found = axe.Axe().run(tab).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
        assert told == []
        browser.close()
