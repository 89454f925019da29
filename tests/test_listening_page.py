"""The listening page of a run: what it hides, what its sounds are, and a test carried through in a browser."""

import base64
import html
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmark.cli import main
from benchmark.level import active_level
from benchmark.types import Signal, UserError
from reports.listening import Sound, Wanted, anchors, equal, write
from tests.runs import conditions, make_run
from tests.signals import speech_like

RATE = 16_000
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")
FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
HOSTILE = '</script><img src=x onerror="document.title=1">'
LOSS = "1 % loss"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two codecs, one with an ugly name, on three utterances; what of the third is kept is of one codec alone."""
    folder = tmp_path_factory.mktemp("run")
    codecs = ("pcm", "opus-6k")
    make_run(folder, codecs=codecs, channels=conditions()[:2], speakers=2, per_speaker=1, audio=codecs, rename=HOSTILE)
    index = folder / "audio/index.json"
    first, second = json.loads(index.read_text())
    again = [{**entry, "utterance": "001-0000"} for entry in (first, second)]
    index.write_text(json.dumps([first, second, *again, {**first, "utterance": "002-0000"}]))
    return folder


def told(page: Path) -> dict[str, Any]:
    """What a page knows."""
    match = re.search(r'<script type="application/json" id="test">(.*?)</script>', page.read_text(), re.S)
    assert match
    found: dict[str, Any] = json.loads(match[1])
    return found


def sound(clip: str) -> tuple[Signal, int]:
    signal, rate = soundfile.read(io.BytesIO(base64.b64decode(clip)), dtype="float32")
    return signal, rate


def test_a_page_has_a_trial_for_each_utterance_and_condition_that_all_codecs_were_kept_of(
    run: Path, tmp_path: Path
) -> None:
    made = write(run, tmp_path / "page.html", Wanted())
    key = json.loads(made.key.read_text())
    assert made.key == tmp_path / "page.key.json"
    assert sorted((trial["utterance"], trial["condition"]) for trial in key["trials"]) == [
        (utterance, condition) for utterance in ("000-0000", "001-0000") for condition in (LOSS, "clean")
    ]
    for trial in key["trials"]:
        assert sorted((item["role"], item["name"]) for item in trial["items"].values()) == [
            ("anchor", "low-pass 3500 Hz"),
            ("anchor", "low-pass 7000 Hz"),
            ("codec", HOSTILE),
            ("codec", "pcm"),
            ("reference", "reference"),
        ]
    assert (made.trials, made.sounds, made.seconds) == (4, 4 * 6, pytest.approx(8.0))


def test_the_page_names_nothing_and_orders_nothing_by_what_it_is(run: Path, tmp_path: Path) -> None:
    made = write(run, tmp_path / "page.html", Wanted())
    page = told(made.page)
    readable = re.sub(r'"[0-9a-f]{12}": "[A-Za-z0-9+/=]{1000,}"', "", made.page.read_text())
    for word in ("pcm", "opus", "onerror", "000-0000", "001-0000", ".flac", "low-pass", "anchor", "birch", "1 % loss"):
        assert word not in readable, word
    roles = {
        name: item["role"] for t in json.loads(made.key.read_text())["trials"] for name, item in t["items"].items()
    }
    orders = {tuple(roles[name] for name in trial["items"]) for trial in page["trials"]}
    assert len(orders) > 1
    assert all(list(trial["sounds"])[1:] == trial["items"] for trial in page["trials"])


def test_the_hidden_reference_is_the_open_one_and_anchors_lack_what_they_should(run: Path, tmp_path: Path) -> None:
    made = write(run, tmp_path / "page.html", Wanted())
    (trial, *_), hidden = told(made.page)["trials"], json.loads(made.key.read_text())["trials"]
    items = next(t for t in hidden if t["id"] == trial["id"])["items"]
    clips = {item["name"]: sound(trial["sounds"][name]) for name, item in items.items()}
    reference, rate = sound(trial["sounds"][trial["open"]])
    assert np.array_equal(reference, clips["reference"][0])
    assert {(len(signal), r) for signal, r in clips.values()} == {(len(reference), rate)}
    levels = [active_level(*clip).level_db for clip in clips.values()]
    assert levels == pytest.approx([levels[0]] * 5, abs=0.05)
    frequencies = np.fft.rfftfreq(len(reference), 1 / rate)
    for corner in (3500, 7000):
        spectrum = np.abs(np.fft.rfft(clips[f"low-pass {corner} Hz"][0])) ** 2
        assert spectrum[frequencies > corner + 200].sum() < 1e-5 * spectrum.sum()
        assert spectrum[(frequencies > corner - 1000) & (frequencies < corner - 100)].sum() > 1e-6 * spectrum.sum()


def test_sounds_of_other_rates_and_lengths_become_alike(tmp_path: Path) -> None:
    speech = speech_like(2.0)
    narrow = Sound(speech[::2][:-100].copy(), RATE // 2, "codec", "narrow")
    wide = Sound(np.repeat(speech, 2)[: 4 * RATE + 50], 2 * RATE, "codec", "wide")
    alike = equal([Sound(0.2 * speech, RATE, "reference", "reference"), narrow, wide])
    assert {(len(signal), rate) for signal, rate in alike} == {(4 * RATE, 2 * RATE)}
    assert len(list(anchors(narrow))) == 1, "8 kHz carry nothing that 7 kHz would cut off"


def test_the_same_seed_makes_the_same_page_and_another_one_other_names(run: Path, tmp_path: Path) -> None:
    pages = [write(run, tmp_path / f"{n}.html", Wanted(seed=seed)).page for n, seed in enumerate((0, 0, 1))]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    first, other = (told(page) for page in pages[1:])
    assert first["page"] != other["page"]
    assert not {t["id"] for t in first["trials"]} & {t["id"] for t in other["trials"]}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--codec", "pmc"], "No audio was kept of codec 'pmc'. Did you mean 'pcm'?"),
        (["--condition", "1% loss"], "No audio was kept of condition '1% loss'. Did you mean '1 % loss'?"),
        (["--trials", "3"], "--trials and --against are of --kind abx"),
        (["--utterances", "0"], "--utterances 0: must be 1 or more"),
        (["--kind", "abx", "--codec", "pcm", "--against", "pcm"], "There is no codec to compare with pcm"),
    ],
)
def test_a_wrong_wish_is_one_clear_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert main(["listening", str(run), "-o", str(tmp_path / "page.html"), *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_the_command_makes_what_it_is_asked_for_and_says_how_much_that_is(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "deep/page.html"
    arguments = ["listening", str(run), "-o", str(page), "--utterances", "1", "--codec", "pcm", "--seed", "5"]
    assert main(arguments) == 0
    assert re.match(rf"{re.escape(str(page))}: 2 trials, 10 sounds, 0\.1 minutes", capsys.readouterr().out)
    trials = json.loads(page.with_name("page.key.json").read_text())["trials"]
    assert len({trial["utterance"] for trial in trials}) == 1, "conditions are compared on the same speech"
    assert {trial["condition"] for trial in trials} == {LOSS, "clean"}
    wishes = ["--kind", "abx", "--trials", "2", "--against", "pcm", "--condition", LOSS]
    assert main(["listening", str(run), "-o", str(page), *wishes]) == 0
    assert ": 2 trials, 4 sounds" in capsys.readouterr().out
    (tmp_path / "file").touch()
    assert main(["listening", str(run), "-o", str(tmp_path / "file/page.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_page_too_large_for_browsers_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.listening.LARGE", 1000)
    with pytest.raises(UserError, match=r"The page would have .* MB; ask for fewer"):
        write(run, tmp_path / "page.html", Wanted())
    assert not list(tmp_path.iterdir())


def test_a_run_that_kept_no_audio_says_how_to_keep_it(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm",), speakers=1)
    with pytest.raises(UserError, match="kept no audio; run again with --save-audio all"):
        write(tmp_path, None, Wanted())


def test_more_sounds_than_a_trial_should_have_are_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.listening.MOST", 4)
    with pytest.raises(UserError, match=r"5 sounds in a trial, of 4 at most.*choose by --codec: pcm, "):
        write(run, tmp_path / "page.html", Wanted())


def test_abx_has_as_many_trials_as_asked_for_each_codec_and_condition(run: Path, tmp_path: Path) -> None:
    made = write(run, tmp_path / "page.html", Wanted(kind="abx", trials=3, conditions=(LOSS,)))
    trials = json.loads(made.key.read_text())["trials"]
    pairs = [item for trial in trials for item in trial["items"].values()]
    assert [(item["against"], item["name"]) for item in pairs] == [("reference", "pcm")] * 3 + [
        ("reference", HOSTILE)
    ] * 3
    assert [len(trial["sounds"]) for trial in told(made.page)["trials"]] == [2] * 6
    other = write(run, tmp_path / "other.html", Wanted(kind="abx", trials=1, against="pcm", conditions=(LOSS,)))
    (trial,) = json.loads(other.key.read_text())["trials"]
    assert [(i["against"], i["name"]) for i in trial["items"].values()] == [("pcm", HOSTILE)]


# --- In a browser ---


@pytest.fixture
def opened() -> Iterator[Callable[..., Any]]:
    """Opens a file in a tab of its own; patient, as machines of tests are busy."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=FLAGS)

        def open_file(file: Path, **options: Any) -> Any:
            context = browser.new_context(**options)
            context.set_default_timeout(120_000)
            tab = context.new_page()
            tab.goto(file.as_uri())
            return tab

        yield open_file
        browser.close()


def violations(tab: Any) -> list[tuple[str, str]]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab).response["violations"]
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]


def saved(tab: Any, folder: Path) -> Path:
    """The results, downloaded as a listener would."""
    with tab.expect_download() as download:
        tab.locator("#save").click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def enter(tab: Any, listener: str) -> None:
    tab.locator("#listener").fill(listener)
    tab.keyboard.press("Enter")


def hear(tab: Any, keys: str) -> None:
    """Play all sounds by their keys, which are in the order of the buttons, until each counts as heard."""
    for at, key in enumerate(keys):
        tab.locator("#title").focus()
        tab.keyboard.press(key)
        tab.locator("#sounds button").nth(at).and_(tab.locator(".heard")).wait_for()


@pytest.mark.browser
@in_browser
def test_a_mushra_test_is_carried_through_to_what_the_command_says_of_it(
    opened: Callable[..., Any], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = write(run, tmp_path / "page.html", Wanted(conditions=(LOSS,)))
    worth = {"reference": 100, "pcm": 80, HOSTILE: 50, "low-pass 3500 Hz": 20, "low-pass 7000 Hz": 60}
    wanted = {n: worth[i["name"]] for t in json.loads(made.key.read_text())["trials"] for n, i in t["items"].items()}
    tab, asked, wrong = opened(made.page), list[str](), list[str]()
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.reload()
    assert violations(tab) == []
    enter(tab, 'An"na, <b>')
    for trial in range(3):
        title = "Practice: this does not count" if trial == 0 else f"Trial {trial} of 2"
        assert tab.locator("#title").text_content() == title
        tab.locator("#next").click()
        assert (
            "Still to play: Reference, A, B, C, D, E; to rate: A, B, C, D, E" in tab.locator(".status").text_content()
        )
        hear(tab, "r12345")
        for slider in tab.locator("#sounds input").all():
            slider.fill(str(wanted[slider.get_attribute("data-item")]))
        if trial == 1:
            assert violations(tab) == []
            tab.reload()  # answers of a trial are kept once it is done
            assert 'An"na, <b>' in tab.locator("#before").text_content()
            enter(tab, 'An"na, <b>')
            assert tab.locator("#title").text_content() == "Trial 1 of 2"
            hear(tab, "r12345")
            for slider in tab.locator("#sounds input").all():
                slider.fill(str(wanted[slider.get_attribute("data-item")]))
        tab.locator("#next").click()
    assert violations(tab) == []
    file = saved(tab, tmp_path)
    assert main(["listen", str(file), "--key", str(made.key), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["listeners"] == ['An"na, <b>']
    assert {mean["name"]: mean["estimate"]["value"] for mean in found["means"]} == worth
    assert {mean["estimate"]["n"] for mean in found["means"]} == {2}
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert (wrong, tab.title()) == ([], "Listening test · focalbench")


@pytest.mark.browser
@in_browser
def test_an_abx_test_counts_what_was_right_and_tells_it_at_the_end(
    opened: Callable[..., Any], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = write(run, tmp_path / "page.html", Wanted(kind="abx", trials=3, conditions=(LOSS,), codecs=("pcm",)))
    tab = opened(made.page, viewport={"width": 360, "height": 800}, color_scheme="dark")
    enter(tab, "ben")
    for trial in range(4):
        hear(tab, "abx")
        truth = tab.evaluate("playback.sounds[2].data() === playback.sounds[0].data() ? 'A' : 'B'")
        say = truth if trial < 3 else "AB".replace(truth, "")  # practice, two right ones and a wrong one
        tab.locator(f"input[value={say}]").check()
        assert "right" not in tab.locator("#trial").text_content().lower()
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        tab.locator("#next").click()
    assert tab.locator("#score").text_content() == "You were right in 2 of 3 trials."
    assert main(["listen", str(saved(tab, tmp_path)), "--key", str(made.key)]) == 0
    out = html.unescape(capsys.readouterr().out)
    assert re.search(r"1 % loss +reference +pcm +2 of 3 +66\.7 +– +0\.500 +0\.500", out)
    assert "ben 2 of 3" in out
