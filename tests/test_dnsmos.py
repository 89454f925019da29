"""DNSMOS is the package's on every window that the package scores, and scores those that it skips."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark import audio, onnx
from benchmark.metrics import dnsmos as module
from benchmark.types import Known, NotMeasured, Signal
from tests.signals import speech_like

RATE = 16_000
DEMO = Path("data_manifests/demo")
THEIRS = {f"dnsmos_{ours}": theirs for ours, theirs in [("ovrl", "ovrl_mos"), ("sig", "sig_mos"), ("bak", "bak_mos")]}
THEIRS["dnsmos_p808"] = "p808_mos"
dnsmos = module.make()


def mos(signal: Signal) -> dict[str, float]:
    (said,) = dnsmos.describe([signal], RATE, [{}])
    return dict(dnsmos.compare(said, Known()))


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Callable[[Signal], dict[str, float]]:
    """The package's values, with sessions of one thread, which take less time where cores are busy."""
    from speechmos import dnsmos as speechmos

    paths = [str(onnx.weights(file)) for file in (module.P835, module.P808)]
    scorer = speechmos.DNSMOS(*paths)
    scorer.onnx_sess, scorer.p808_onnx_sess = map(onnx.session, map(Path, paths))
    monkeypatch.setattr(speechmos, "dnsmos", scorer)

    def run(signal: Signal) -> dict[str, float]:
        said = speechmos.run(signal.astype(np.float64), RATE)
        return {ours: float(said[theirs]) for ours, theirs in THEIRS.items()}

    return run


def noisy(speech: Signal) -> Signal:
    return speech + (0.02 * np.random.default_rng(5).standard_normal(len(speech))).astype(np.float32)


@pytest.fixture(scope="module")
def speech() -> Signal:
    """4.6 s, which are one window."""
    return audio.read(DEMO / "rms_2.flac").signal


@pytest.fixture(scope="module")
def clean(speech: Signal) -> dict[str, float]:
    return mos(speech)


@pytest.fixture(scope="module")
def long() -> Signal:
    """17.5 s, which are eight windows."""
    parts = [audio.read(DEMO / f"{name}.flac").signal for name in ("slt_4", "rms_1", "kal16_4", "awb_5")]
    return np.concatenate(parts)[: round(17.5 * RATE)]


def test_golden_values_of_the_demo_corpus(speech: Signal, clean: dict[str, float]) -> None:
    assert clean == pytest.approx(
        {"dnsmos_sig": 3.492687, "dnsmos_bak": 4.120384, "dnsmos_ovrl": 3.246216, "dnsmos_p808": 3.718762}, abs=1e-3
    )
    assert mos(noisy(speech)) == pytest.approx(
        {"dnsmos_sig": 3.312112, "dnsmos_bak": 1.978807, "dnsmos_ovrl": 1.956641, "dnsmos_p808": 2.474111}, abs=1e-3
    )


@pytest.mark.parametrize("seconds", [pytest.param(3, marks=pytest.mark.slow), 4.6, 9.5])
def test_is_the_package(seconds: float, long: Signal, package: Callable[[Signal], dict[str, float]]) -> None:
    """Doubled to three windows; doubled to one; and one."""
    excerpt = noisy(long[: round(seconds * RATE)])
    assert mos(excerpt) == pytest.approx(package(excerpt), abs=1e-6)


@pytest.mark.slow
def test_scores_the_windows_that_the_package_skips(long: Signal, package: Callable[[Signal], dict[str, float]]) -> None:
    """The package hears windows 0 to 6 of these eight; the eighth alone is what ours hears beyond."""
    ours, theirs, skipped = mos(long), package(long), mos(long[7 * RATE :][: module.WINDOW])
    for name, value in ours.items():
        assert value == pytest.approx((7 * theirs[name] + skipped[name]) / 8, abs=1e-6)
        assert abs(value - theirs[name]) > 1e-3


def test_windows_are_those_that_were_published() -> None:
    """The package's own arithmetic, in which windows at 7 to 23 s come out a sample short."""
    for length in [RATE, 20_000, 2 * RATE, 36_001, 72_080, 144_159, 144_160, 160_000, 175_999, 176_000, 60 * RATE + 5]:
        filled = length
        while filled < 144_160:
            filled *= 2
        theirs = [index * RATE for index in range(int(np.floor(filled / RATE) - 9.01) + 1)]
        starts, counts = module.windows(length)
        assert counts.sum() == len(theirs)
        assert set(starts) == {start % length for start in theirs}
    short = [i for i in range(60) if int((i + 9.01) * RATE) - i * RATE < 144_160]
    assert short == list(range(7, 24))


def test_equal_windows_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    starts, counts = module.windows(2 * RATE)
    assert (list(starts), list(counts)) == ([0, RATE], [4, 3])
    heard = []

    def window(clip: Signal) -> list[float]:
        heard.append(clip)
        return [float(clip[0])] * 4

    listener = module.make()
    monkeypatch.setattr(listener, "_window", window)
    signal = np.repeat(np.array([0.2, 0.9], np.float32), RATE)
    assert list(listener.predict(signal).values()) == pytest.approx([(4 * 0.2 + 3 * 0.9) / 7] * 4)
    assert [len(clip) for clip in heard] == [module.WINDOW] * 2


def test_hears_what_the_package_hears(speech: Signal) -> None:
    from speechmos.dnsmos import DNSMOS

    quiet = np.zeros_like(speech)
    quiet[20_000] = 1e-4
    for signal in (speech, noisy(speech), quiet, 0 * speech):
        theirs = DNSMOS.audio_melspec(None, signal.astype(np.float64))
        np.testing.assert_allclose(module.mel_spectrum(signal), theirs, atol=1e-6)


def test_another_process_with_more_threads_says_the_same(
    speech: Signal, clean: dict[str, float], tmp_path: Path
) -> None:
    np.save(tmp_path / "speech.npy", speech)
    script = (
        "import sys, numpy as np; from benchmark.metrics.dnsmos import make;"
        "print(repr(make().describe([np.load(sys.argv[1])], 16000, [{}])[0]['dnsmos_ovrl']))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    said = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "speech.npy"], env=environment, capture_output=True, check=True
    )
    assert float(said.stdout) == clean["dnsmos_ovrl"]


def test_noise_is_worse_and_most_so_for_the_background(speech: Signal, clean: dict[str, float]) -> None:
    """There is no best value: an output equal to the reference scores what the reference scores."""
    lost = {name: clean[name] - value for name, value in mos(noisy(speech)).items()}
    assert all(value > 0.1 for value in lost.values())
    assert max(lost, key=lambda name: lost[name]) == "dnsmos_bak"
    assert lost["dnsmos_sig"] < 0.3


def test_gain_polarity_delay(speech: Signal, clean: dict[str, float]) -> None:
    assert mos(-speech) == pytest.approx(clean, abs=1e-6)
    quiet = mos(np.float32(0.25) * speech)
    assert clean["dnsmos_ovrl"] - quiet["dnsmos_ovrl"] > 0.1  # level is heard
    assert quiet["dnsmos_p808"] == pytest.approx(clean["dnsmos_p808"], abs=1e-4)  # but not by this one
    assert mos(np.concatenate([np.zeros(800, np.float32), speech])) == pytest.approx(clean, abs=0.2)
    assert mos(8 * speech) == mos(np.clip(8 * speech, -1, 1))


def test_refuses_what_it_cannot_rate(speech: Signal, clean: dict[str, float]) -> None:
    nan = speech.copy()
    nan[5] = np.nan
    signals = [nan, 0 * speech, speech[-RATE:][:1600], speech[:0], speech]
    *refused, last = dnsmos.describe(signals, RATE, [{}] * 5)
    assert all(isinstance(one, NotMeasured) for one in refused)
    assert [one.status for one in refused] == ["metric_failed", "no_speech", "too_short", "too_short"]
    assert last == clean


def test_whispers_and_clicks_have_a_value() -> None:
    click = np.zeros(5 * RATE, np.float32)
    click[100] = 1
    for signal in (np.float32(1e-30) * speech_like(5), click):
        assert all(0 < value < 5 for value in mos(signal).values())


def test_values_and_versions() -> None:
    assert THEIRS.keys() == module.VALUES.keys()
    assert all(info.rate == RATE and info.validity for info in module.VALUES.values())
    assert module.NEEDS == ()
    assert module.versions()[module.P835] == "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"
    assert module.versions()[module.P808] == "9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91"
