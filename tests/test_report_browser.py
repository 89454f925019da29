"""The report in a browser: filtering, sorting, highlighting, downloads, help, and that nobody is shut out."""

import csv
import gzip
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmark import table
from reports.html import write
from tests.large import make_large_run
from tests.runs import conditions, make_run

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]
ROOT = Path(__file__).parents[1]
SOME = ("pcm", "opus-24k", "codec2-700c")
TABLE = "[data-metric]:not([hidden]) .grid >> nth=0"
OPEN = "parts => parts.forEach(part => { part.open = true; })"
EVIL = "<img src=x onerror=\"document.title='hit'\"></script><script>document.title='hit'</script>=1+1"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three codecs, all conditions, two of them to listen to."""
    return write(make_run(tmp_path_factory.mktemp("run"), codecs=SOME, per_speaker=1, audio=SOME[1:]))


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    found = opened(browser, report)
    yield found
    found.close()


def opened(browser: Any, path: Path, width: int = 1200, scheme: str = "light") -> Any:
    """The page, and in `asked` whatever it wanted from elsewhere."""
    found = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    found.asked = []
    found.on("request", lambda request: found.asked.append(request.url))
    found.goto(path.as_uri())
    return found


def codecs_of(page: Any) -> list[str]:
    """The codecs that the table of scores shows, from above."""
    names: list[str] = page.locator(f"{TABLE} >> tbody tr:not([hidden]) button.who > span").all_inner_texts()
    return [name.partition("\n")[0] for name in names]


def opacity(page: Any, look: str) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        f"[data-metric]:not([hidden]) .plots svg .{look}", "marks => marks.map(m => getComputedStyle(m).opacity)"
    )
    return sorted(set(found))


def test_codecs_are_found_by_a_text(page: Any) -> None:
    assert page.inner_text("#count") == "all 3 codecs"
    page.focus("#filter")
    page.keyboard.type("24K op")
    assert page.inner_text("#count") == "1 of 3 codecs"
    assert codecs_of(page) == ["opus-24k"]
    assert opacity(page, "s0") == ["0.08"]
    assert opacity(page, "s1") == ["1"]
    assert [page.is_visible(f".legend .chip[data-look=s{n}]") for n in range(3)] == [False, True, False]
    page.keyboard.press("Escape")
    assert codecs_of(page) == list(SOME)
    page.keyboard.type("nobody")
    assert page.inner_text("#count") == "0 of 3 codecs"


def test_conditions_are_chosen_by_keys(page: Any) -> None:
    heads = f"{TABLE} >> th[data-column]"
    shown = "heads => heads.filter(h => !h.hidden).map(h => h.innerText.trim())"
    assert len(page.eval_on_selector_all(heads, shown)) == 12
    page.focus(".menu >> nth=0 >> summary")
    page.keyboard.press("Enter")
    page.focus("#none")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # to the first check box
    page.keyboard.press("Space")
    assert page.eval_on_selector_all(heads, shown) == ["Clean"]
    assert page.inner_text("#hiding") == ": 1 of 12"
    count = "rows => rows.map(row => [...row.cells].filter(cell => !cell.hidden).length)"
    cells = page.eval_on_selector_all(f"{TABLE} >> tbody tr", count)
    assert cells == [6, 6, 6], "the codec, four costs, and one condition"
    assert page.locator(f"{TABLE} >> th[data-columns]:not([hidden])").count() == 1
    page.click("#every")
    assert len(page.eval_on_selector_all(heads, shown)) == 12


def test_columns_sort_by_keys_both_ways(page: Any) -> None:
    page.focus(f"{TABLE} >> th[data-column=c0] .sort")
    page.keyboard.press("Enter")
    assert codecs_of(page) == ["pcm", "opus-24k", "codec2-700c"]
    page.keyboard.press("Enter")
    assert codecs_of(page) == ["codec2-700c", "opus-24k", "pcm"]
    head = page.locator(f"{TABLE} >> th[data-column=c0]")
    assert head.get_attribute("aria-sort") == "ascending"


def test_a_codec_lights_up_in_all_plots(page: Any) -> None:
    name = page.locator(f"{TABLE} >> button.who[data-look=s1]")
    name.focus()
    assert (opacity(page, "s1"), opacity(page, "s0")) == (["1"], ["0.13"])
    name.evaluate("button => button.blur()")
    assert opacity(page, "s0") == ["1"]
    name.click()
    page.mouse.move(0, 0)
    assert name.get_attribute("aria-pressed") == "true"
    assert opacity(page, "s0") == ["0.13"], "it stays"
    page.keyboard.press("Escape")
    assert opacity(page, "s0") == ["1"]
    page.locator("[data-metric]:not([hidden]) .plots svg .s2 >> nth=0").dispatch_event("pointerover")
    assert opacity(page, "s0") == ["0.13"], "from the plot itself"


def test_help_opens_by_a_key_and_follows_the_metric(page: Any) -> None:
    page.focus("[data-metric]:not([hidden]) .help summary")
    page.keyboard.press("Enter")
    assert "both through a model of the ear" in page.inner_text("[data-metric]:not([hidden]) .help")
    page.check("input[name=metric] >> nth=1", force=True)
    assert "STOI" in page.inner_text("[data-metric]:not([hidden]) .help summary")


def test_views_of_single_utterances_are_chosen(page: Any) -> None:
    chosen = page.locator("#utterances [data-metric]:not([hidden]) [data-choice]:not([hidden])")
    assert chosen.count() == 1
    assert "Clean" in chosen.inner_text()
    page.check("input[name=utterances] >> nth=1", force=True)
    assert "Clean" not in chosen.inner_text()
    page.click("#utterances [data-metric]:not([hidden]) [data-choice]:not([hidden]) summary")
    rows = chosen.locator("tbody tr")
    assert rows.count() == 3 * 3
    assert "focalbench replay" in rows.first.inner_text()


def download(page: Any, name: str) -> bytes:
    page.eval_on_selector_all(".menu", OPEN)
    with page.expect_download() as waiting:
        page.click(f"a[download='{name}']")
    return Path(waiting.value.path()).read_bytes()


def test_data_can_be_taken_away(page: Any, report: Path) -> None:
    from reports.summary import load

    cells = list(csv.DictReader(io.StringIO(download(page, "summary.csv").decode())))
    run = load(report.parent)
    assert len(cells) == len(run.cells)
    chosen = [c for c in cells if (c["codec"], c["condition"], c["metric"]) == ("opus-24k", "Clean", "pesq_wb")]
    estimate = run.cell("opus-24k", "clean", "pesq_wb").estimate
    assert [float(chosen[0][end]) for end in ("value", "low", "high")] == [estimate.value, estimate.low, estimate.high]
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(download(page, "rows.csv.gz")).decode())))
    whole = table.read(report.parent)
    assert len(rows) == len(whole)
    assert [float(row["value"]) for row in rows if row["value"]] == whole["value"].dropna().tolist()
    assert list(rows[0]) == list(whole.columns)


def test_nothing_is_asked_from_elsewhere(page: Any, report: Path) -> None:
    page.check("input[name=metric] >> nth=2", force=True)
    page.focus("#filter")
    page.keyboard.type("o")
    assert {url for url in page.asked if not url.startswith(("data:", "blob:"))} == {report.as_uri()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_is_found_by_axe(browser: Any, report: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(browser, report, scheme=scheme)
    page.eval_on_selector_all("details", OPEN)
    found = Axe().run(page).response["violations"]
    page.close()
    grave = [v for v in found if v["impact"] in ("serious", "critical")]
    assert {v["id"]: [n["html"][:200] for n in v["nodes"][:3]] for v in grave} == {}


def test_nothing_is_wider_than_a_phone(browser: Any, report: Path) -> None:
    page = opened(browser, report, width=360)
    page.eval_on_selector_all("details", OPEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_markup_in_data_is_text(browser: Any, tmp_path: Path) -> None:
    channel = conditions()[5] | {"title": f"10 % {EVIL}"}
    channels = [conditions()[0], channel]
    run = make_run(tmp_path, codecs=SOME, channels=channels, rename=EVIL, audio=SOME[2:], per_speaker=1)
    rows = table.read(run)
    table.write(rows.assign(utterance=rows["utterance"].replace("003-0000", EVIL)), run / "results.parquet")
    index = json.loads((run / "audio/index.json").read_text(encoding="utf-8"))
    index[0]["transcript"] = EVIL
    (run / "audio/index.json").write_text(json.dumps(index), encoding="utf-8")
    page = opened(browser, write(run))
    page.eval_on_selector_all("details", OPEN)
    page.focus("#filter")
    page.keyboard.type("onerror")
    assert page.inner_text("#count") == "1 of 3 codecs"
    page.focus(f"{TABLE} >> tbody tr:not([hidden]) button.who")
    assert codecs_of(page) == [EVIL]
    assert page.text_content(".talk blockquote") == EVIL
    assert EVIL in page.inner_text("#utterances")
    assert page.title() != "hit"
    assert page.locator("img[src=x]").count() == 0
    cells = list(csv.DictReader(io.StringIO(download(page, "summary.csv").decode())))
    assert EVIL in {cell["codec"] for cell in cells}
    page.close()


# --- Size and speed ---


MAKE = """
import json, re, resource, sys
from pathlib import Path
from reports.html import write
write(Path(sys.argv[1]))
spent = resource.getrusage(resource.RUSAGE_SELF)
# Its ru_maxrss would be that of the process that started this one, where that is larger.
most = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(json.dumps([spent.ru_utime + spent.ru_stime, int(most) / 1024]))
"""


def made(run: Path) -> tuple[float, float]:
    """The report of a run, made by a process of its own: seconds of processor time, and the most memory in MiB."""
    command = [sys.executable, "-c", MAKE, str(run)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=1200)
    spent, memory = json.loads(done.stdout)
    return spent, memory


def opening(browser: Any, path: Path) -> float:
    """Seconds of processor time until a page is there and its scripts have run."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    return float(metrics["TaskDuration"])


def test_forty_players_make_a_page_that_is_small_and_opens_at_once(browser: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path, codecs=SOME, channels=[conditions()[0], conditions()[7]], per_speaker=2, audio=SOME[1:2])
    entry = json.loads((run / "audio/index.json").read_text(encoding="utf-8"))[0]
    random, entries = np.random.default_rng(0), []
    for number in range(14):
        files = {kind: f"audio/{kind}{number}.flac" for kind in ("reference", "clean", "degraded")}
        for file in files.values():
            noise = random.normal(0, 0.1, 6 * 16_000) * np.sin(np.arange(6 * 16_000) / 5_000) ** 2
            soundfile.write(run / file, noise, 16_000)
        entries.append(entry | files | {"utterance": f"{number // 2:03d}-{number % 2:04d}", "key": f"{number:012x}"})
    (run / "audio/index.json").write_text(json.dumps(entries), encoding="utf-8")
    path = write(run)
    page = opened(browser, path)
    assert page.locator("audio").count() >= 40
    assert page.locator("audio[src^='data:']").count() >= 40
    assert {url for url in page.asked if not url.startswith(("data:", "blob:"))} == {path.as_uri()}
    page.close()
    assert path.stat().st_size < 25_000_000
    assert opening(browser, path) < 2


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("rows", "size", "limit"),
    [
        pytest.param(20_000, (5, 10, 20, 2), 30, id="20,000 rows"),
        pytest.param(200_000, (10, 50, 20, 2), 60, id="200,000 rows", marks=pytest.mark.slow),
    ],
)
def test_reports_of_many_rows_are_made_in_a_minute_and_open_at_once(
    browser: Any, tmp_path: Path, rows: int, size: tuple[int, int, int, int], limit: float
) -> None:
    assert make_large_run(tmp_path, *size) == rows
    spent, memory = made(tmp_path)
    assert spent < limit
    assert memory < 2_000
    assert (tmp_path / "report.html").stat().st_size < 25_000_000
    assert opening(browser, tmp_path / "report.html") < 3
