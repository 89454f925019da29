"""The report's player: as loud as one another, what differs from the reference, and switching in a browser."""

import html
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmark.level import active_level
from reports import audio
from reports.html import render
from reports.loudness import BOOST, HEADROOM, LOWERED, applied, gains
from reports.summary import load
from tests.runs import conditions, make_run
from tests.signals import speech_like

RATE = 16_000
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")
FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
HOSTILE = '<img src=x onerror="document.title=1">'


# --- Loudness ---


def test_all_are_as_loud_as_the_reference_and_none_clips() -> None:
    speech = speech_like(3.0)
    sounds = [(speech, RATE), (0.5 * speech, RATE), (1.9 * speech, RATE)]
    found = gains(sounds)
    assert [gain.db for gain in found] == pytest.approx([0, 6.02, -5.58], abs=0.01)
    assert all(gain.matched for gain in found)
    levels = [
        active_level(applied(signal, gain), RATE).level_db for (signal, _), gain in zip(sounds, found, strict=True)
    ]
    assert levels == pytest.approx([levels[0]] * 3, abs=0.01)


def test_what_has_no_room_makes_the_others_softer_by_a_little_and_is_left_as_loud_as_it_can_be() -> None:
    speech = speech_like(3.0)
    spiky = 0.2 * speech
    spiky[8000] = 0.9  # softer by 14 dB, with 1 dB of room
    found = gains([(speech, RATE), (spiky, RATE), (0.8 * speech, RATE)])
    assert found[0].db == pytest.approx(-LOWERED)
    assert found[2].db == pytest.approx(20 * np.log10(1 / 0.8) - LOWERED, abs=0.01)
    assert not found[1].matched
    assert 20 * np.log10(0.9) + found[1].db == pytest.approx(-HEADROOM)


def test_silence_and_what_is_hardly_there_are_not_boosted() -> None:
    speech = speech_like(3.0)
    silent, faint = gains([(speech, RATE), (np.zeros(RATE, np.float32), RATE), (0.01 * speech, RATE)])[1:]
    assert (silent.db, silent.matched) == (0.0, False)
    assert (faint.db, faint.matched) == (BOOST, False)
    assert [g.db for g in gains([(np.zeros(RATE, np.float32), RATE), (speech, RATE)])] == [0.0, 0.0]


def test_gains_are_printed_with_their_sign() -> None:
    assert [audio.Gain(db, matched=True).text for db in (2.04, -0.04, -3.25)] == ["+2.0 dB", "+0.0 dB", "−3.2 dB"]


# --- What differs ---


def test_a_difference_is_zero_for_the_same_and_tells_where_a_band_is_missing() -> None:
    generator = np.random.default_rng(1)
    noise = (0.1 * generator.standard_normal(2 * RATE)).astype(np.float32)
    top = audio.loudest(noise, RATE)
    assert not audio.differences((noise, RATE), (noise, RATE), top).any()
    louder = audio.differences((2 * noise, RATE), (noise, RATE), top)
    assert np.median(louder) == pytest.approx(6.02, abs=0.01)
    narrow = noise[::2].copy()  # at 8 kHz there is nothing above 4
    found = audio.differences((narrow, RATE // 2), (noise, RATE), top)
    assert found.shape == (audio.ROWS // 2, audio.COLUMNS // 2)
    assert np.median(found[: audio.ROWS // 4]) < -30
    assert abs(np.median(found[audio.ROWS // 4 :])) < 6


def test_a_difference_compares_the_same_moments_whatever_the_lengths() -> None:
    speech = speech_like(2.0)
    longer = np.concatenate([speech, 0.1 * np.ones(RATE // 2, np.float32) * np.sin(np.arange(RATE // 2))]).astype(
        np.float32
    )
    found = audio.differences((longer, RATE), (speech, RATE), audio.loudest(speech, RATE))
    end = int(audio.COLUMNS / 2 * 2.0 / 2.5)
    assert np.abs(found[:, : end - 2]).max() < 1e-6, "until the reference ends, both are the same"
    assert found[:, end + 2 :].max() > 20, "behind its end the reference is silence"


# --- The page ---


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codec with an ugly name, half as loud as the reference, and one that keeps its level; 40 % lost."""
    folder = tmp_path_factory.mktemp("run")
    codecs = ("pcm", "opus-6k")
    make_run(folder, codecs=codecs, channels=conditions()[:2], speakers=2, per_speaker=1, audio=codecs, rename=HOSTILE)
    signal, _ = soundfile.read(folder / "audio/reference.flac")
    soundfile.write(folder / "audio/clean1.flac", 0.5 * signal, RATE)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return render(run)


def test_sources_are_numbered_reference_first_then_loss_then_without(run: Path) -> None:
    (group,) = audio.groups(load(run))
    assert [source.clip.identity for source in group.sources] == ["clip1", "clip3", "clip5", "clip2", "clip4"]
    assert [source.example for source in group.sources] == [0, 0, 1, 0, 1]
    assert [source.row for source in group.sources] == ["Not coded", *["1 % loss"] * 2, *["Without loss"] * 2]
    assert [number for row in group.rows.values() for number, _ in row] == [1, 2, 3, 4, 5]
    assert group.sources[4].clip.gain.db == pytest.approx(6.02, abs=0.02)


def test_without_loss_what_sounds_the_same_stands_there_once(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    shutil.copy(tmp_path / "audio/clean0.flac", tmp_path / "audio/clean1.flac")
    (group,) = audio.groups(load(tmp_path))
    assert [source.clip.identity for source in group.sources] == ["clip1", "clip3", "clip5", "clip2"]


def test_codecs_stand_together_by_condition_and_one_without_loss_is_not_named_again(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    index = tmp_path / "audio/index.json"
    entries = json.loads(index.read_text())
    clean = [{**entry, "channel": "clean", "lost": [], "late": [], "degraded": entry["clean"]} for entry in entries]
    index.write_text(json.dumps([entries[0], clean[0], clean[1], entries[1]]))
    (group,) = audio.groups(load(tmp_path))
    assert [(row, [source.codec for _, source in there]) for row, there in group.rows.items()] == [
        ("Not coded", [""]),
        ("1 % loss", ["pcm", HOSTILE]),
        ("clean", ["pcm", HOSTILE]),
    ]
    assert [number for row in group.rows.values() for number, _ in row] == [1, 2, 3, 4, 5]


def test_a_channel_without_loss_has_one_player_a_codec_and_all_that_is_named_is_there(tmp_path: Path) -> None:
    make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], speakers=1, audio=("pcm",))
    shutil.copy(tmp_path / "audio/clean0.flac", tmp_path / "audio/degraded0.flac")
    text = render(tmp_path)
    ids = set(re.findall(r'<audio [^>]*id="(\w+)"', text))
    assert len(ids) == 2
    assert set(re.findall(r'data-same="(\w+)"', text)) <= ids


def test_pictures_have_a_budget_and_groups_behind_the_last_that_fits_are_counted(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    index = tmp_path / "audio/index.json"
    entries = json.loads(index.read_text())
    index.write_text(json.dumps([{**entry, "utterance": f"u{n}"} for n in range(3) for entry in entries]))
    with monkeypatch.context() as patch:
        patch.setattr(audio, "PICTURED", 1)
        first = audio.groups(load(tmp_path))[0]
        assert first.reference.picture
        assert not first.examples[0].degraded.picture
        assert first.examples[0].degraded.source, "sounds are worth more"
    monkeypatch.setattr(audio, "EMBEDDED", 100_000)
    found = audio.groups(load(tmp_path))
    assert (len(found), found[-1].left_out) == (1, 2)
    assert "2 further utterances with audio left out" in render(tmp_path)


def test_the_page_allows_no_request_and_shows_a_hostile_name_as_text(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "default-src 'none'" in html.unescape(policy[1])
    assert "connect-src" not in policy[1]
    assert HOSTILE not in page
    assert html.escape(HOSTILE, quote=False).replace('"', "&#34;") in page


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


NOW = "() => [Playback.context.currentTime, Playback.current.position]"


def _until(page: Any, condition: str) -> None:
    """Wait; the page's own policy forbids what playwright waits with."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def _moved(page: Any, key: str) -> float:
    """How far a key moves the position beyond what the time of the sound card does, s."""
    before, position = page.evaluate(NOW)
    page.keyboard.press(key)
    page.wait_for_timeout(60)
    after, later = page.evaluate(NOW)
    return float((later - position) - (after - before))


@pytest.mark.browser
@in_browser
def test_keys_switch_at_the_same_moment_and_as_loud(opened: Callable[..., Any], page: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    tab, asked, said = opened(tmp_path / "report.html"), list[str](), list[str]()
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.reload()
    deck = tab.locator(".deck")
    deck.focus()
    tab.keyboard.press("l")
    tab.keyboard.press(" ")
    _until(tab, "Playback.current?.playing && Playback.current.position > 0.1")
    assert [abs(_moved(tab, key)) < 0.06 for key in ("4", "5", "b", "b", "ArrowDown")] == [True] * 5
    assert _moved(tab, "Home") < -0.1
    pressed = deck.locator(".source[aria-pressed=true]")
    assert pressed.get_attribute("aria-keyshortcuts") == "1", "down from the last is the first"
    tab.keyboard.press("5")
    for wish, factor in (("true", 2.0), ("false", 1.0), ("true", 2.0)):
        assert deck.locator(".matched").get_attribute("aria-pressed") == wish
        _until(tab, f"Math.abs(Playback.current.voice.level.gain.value - {factor}) < 0.02")
        tab.keyboard.press("m")
    tab.keyboard.press(" ")
    assert deck.locator(".play").text_content() == "Play"
    _, position = tab.evaluate(NOW)
    tab.keyboard.press("2")
    assert tab.evaluate(NOW)[1] == position > 0, "while it is paused, time stands still"
    assert tab.locator(".pair:visible").count() == 1
    assert deck.locator(".status").text_content() == "pcm, 1 % loss, loudness as decoded"
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert tab.title() != "1"


RENDERED = """
    async (switches) => {
      const rate = 48000, context = new OfflineAudioContext(1, 2 * rate, rate), go = context.resume.bind(context);
      context.resume = async () => {};
      Playback.context = context;
      const sounds = ["clip1", "clip4"].map((name) => document.getElementById(name)); // the second is half as loud
      const given = sounds.map((audio) => ({ gain: Number(audio.dataset.gain), data: () => audio.src.split(",")[1] }));
      const playback = new Playback(given, () => {});
      await playback.play();
      switches.forEach((time) => context.suspend(time).then(async () => {
        await playback.choose(1 - playback.active);
        go();
      }));
      return [...(await context.startRendering()).getChannelData(0)];
    }
"""


@pytest.mark.browser
@in_browser
def test_switching_to_the_same_at_another_level_is_not_heard(
    opened: Callable[..., Any], page: str, tmp_path: Path
) -> None:
    """Rendered without a clock: each sample is as without switching: no hole, no click, no shift, no other loudness."""
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    tab = opened(tmp_path / "report.html")
    plain, switched = (np.array(tab.evaluate(RENDERED, times)) for times in ([], [0.4, 0.7, 0.71, 1.0, 1.3]))
    assert np.abs(plain).max() > 0.4
    assert np.abs(switched - plain).max() < 3e-3


@pytest.mark.browser
@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_player_is_open_to_all(opened: Callable[..., Any], page: str, tmp_path: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    tab = opened(tmp_path / "report.html", viewport={"width": 360, "height": 800}, color_scheme=scheme)
    tab.locator(".deck").focus()
    tab.keyboard.press("d")
    assert tab.locator(".difference:visible").count() == 2
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    found = Axe().run(tab, context="#listen").response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []


@pytest.mark.browser
@in_browser
def test_without_scripts_each_sound_has_the_browsers_own_player(
    opened: Callable[..., Any], page: str, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    tab = opened(tmp_path / "report.html", java_script_enabled=False)
    assert tab.locator("audio:visible").count() == 5
    assert tab.locator(".deck:visible").count() == 0
    assert tab.locator(".difference:visible").count() == 4
