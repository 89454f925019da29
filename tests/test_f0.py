"""Errors of pitch: planted melodies, planted voicing, and why there is none."""

import sys

import numpy as np
import pytest

from benchmark import world
from benchmark.metrics.f0 import VALUES, make, versions
from benchmark.types import Floats, NotMeasured, Ratio, Signal, Unavailable
from tests.signals import speech_like

pytest.importorskip("pyworld")
RATE = 16_000
f0 = make()


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(3, RATE)


def buzz(hertz: Floats, rate: int = RATE) -> Signal:
    """A voice of ten harmonics whose pitch, Hz, is given per sample; 0 is hiss."""
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    voice = sum(np.cos(k * phase) / k for k in range(1, 11))
    hiss = np.random.default_rng(3).standard_normal(len(hertz))
    return np.where(hertz > 0, 0.1 * voice, 0.003 * hiss).astype(np.float32)


def glide(low: float, high: float, seconds: float = 2) -> Floats:
    time = np.arange(round(seconds * RATE)) / RATE
    return (low + high) / 2 + (high - low) / 2 * np.sin(2 * np.pi * time)


def noisy(speech: Signal) -> Signal:
    return speech + (0.01 * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)


@pytest.mark.parametrize("gain", [1, -1, 0.1, 1.9])
def test_identical_up_to_a_gain_is_best(speech: Signal, gain: float) -> None:
    values = f0(speech, np.float32(gain) * speech, RATE)
    assert values["f0_rmse"] == pytest.approx(0, abs=1e-4)
    assert values["f0_corr"] == pytest.approx(1, abs=1e-9)
    assert values["vuv_error"] == Ratio(0, 601)
    assert values.keys() == VALUES.keys()


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_finds_a_pitch(rate: int) -> None:
    pitch = world.pitch(buzz(np.full(rate, 150.0), rate), rate)
    assert len(pitch) == 201
    assert pitch[20:-20] == pytest.approx(150, abs=0.5)


def test_finds_a_planted_transposition() -> None:
    """20 Hz higher throughout: RMSE 20 Hz, correlation 1, no error of voicing."""
    values = f0(buzz(glide(110, 160)), buzz(glide(110, 160) + 20), RATE)
    assert values["f0_rmse"] == pytest.approx(20, abs=0.5)
    assert values["f0_corr"] == pytest.approx(1, abs=0.01)
    assert values["vuv_error"].numerator / 401 < 0.02


def test_finds_a_melody_upside_down() -> None:
    values = f0(buzz(glide(110, 160)), buzz(270 - glide(110, 160)), RATE)
    assert values["f0_corr"] == pytest.approx(-1, abs=0.02)
    assert values["f0_rmse"] == pytest.approx(50 / np.sqrt(2), rel=0.03)


def test_finds_planted_hiss() -> None:
    """A quarter of 2 s is whispered by the codec."""
    hertz = glide(110, 160)
    whispered = np.where((np.arange(len(hertz)) > 12_000) & (np.arange(len(hertz)) <= 20_000), 0, hertz)
    for pair in ((hertz, whispered), (whispered, hertz)):
        wrong = f0(*(buzz(one) for one in pair), RATE)["vuv_error"]
        assert wrong.denominator == 401
        assert wrong.numerator == pytest.approx(100, abs=12)


def test_the_trap_of_octaves() -> None:
    """A twentieth of the frames an octave up, and RMSE is 22 % of the pitch though the rest is perfect."""
    hertz = np.full(4 * RATE, 120.0)
    hertz[RATE : RATE + len(hertz) // 20] *= 2
    values = f0(buzz(np.full(4 * RATE, 120.0)), buzz(hertz), RATE)
    assert values["f0_rmse"] == pytest.approx(120 * np.sqrt(1 / 20), rel=0.15)


def test_golden_values(speech: Signal) -> None:
    values = f0(speech, noisy(speech), RATE)
    assert values["f0_rmse"] == pytest.approx(1.06622, abs=1e-3)
    assert values["f0_corr"] == pytest.approx(0.99547, abs=1e-4)
    assert values["vuv_error"] == Ratio(5, 601)


def test_agrees_with_the_definition_written_out(speech: Signal) -> None:
    import pyworld

    degraded = noisy(speech)
    pitches = []
    for signal in (speech, degraded):
        rough, times = pyworld.dio(signal.astype(np.float64), RATE)
        pitches.append(pyworld.stonemask(signal.astype(np.float64), rough, times, RATE))
    pairs = [(a, b) for a, b in zip(*pitches, strict=True) if a and b]
    means = np.mean(pairs, axis=0)
    products = np.mean([(a - means[0]) * (b - means[1]) for a, b in pairs])
    values = f0(speech, degraded, RATE)
    assert values["f0_rmse"] == pytest.approx(np.mean([(a - b) ** 2 for a, b in pairs]) ** 0.5)
    assert values["f0_corr"] == pytest.approx(products / np.prod(np.std(pairs, axis=0)))
    assert values["vuv_error"].numerator == sum(bool(a) != bool(b) for a, b in zip(*pitches, strict=True))


def test_a_delay_costs(speech: Signal) -> None:
    values = f0(speech, np.concatenate([speech[:800] * 0, speech[:-800]]), RATE)
    assert values["f0_rmse"] > 2
    assert values["vuv_error"].numerator > 100


def test_a_silent_output_has_errors_of_voicing_only(speech: Signal) -> None:
    values = f0(speech, 0 * speech, RATE)
    assert values["vuv_error"].numerator == np.count_nonzero(world.pitch(speech, RATE))
    for name in ("f0_rmse", "f0_corr"):
        assert values[name].status == "metric_failed"
        assert "of the reference's voiced speech the output voices less than 100 ms" in values[name].reason


def test_a_whispered_reference_has_no_melody() -> None:
    hiss = buzz(np.zeros(RATE))
    values = f0(hiss, buzz(np.full(RATE, 120.0)), RATE)
    assert values["f0_rmse"].status == values["f0_corr"].status == "not_applicable"
    assert values["vuv_error"].numerator > 180


def test_a_constant_pitch_has_no_correlation(speech: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "pitch", lambda signal, rate: np.full(601, 100.0))
    values = f0(speech, speech, RATE)
    assert values["f0_rmse"] == 0
    assert values["f0_corr"].status == "not_applicable"


def test_says_why_there_is_no_value(speech: Signal) -> None:
    for reference, degraded, status, message in [
        (speech[:1600], speech[:1600], "too_short", "0.100 s; WORLD needs 0.25 s"),
        (speech[:0], speech[:0], "too_short", "empty"),
        (0 * speech, speech, "no_speech", "the reference is silent"),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            f0(reference, degraded, RATE)
        assert refusal.value.status == status


def test_malformed(speech: Signal) -> None:
    with pytest.raises(ValueError, match=r"f0: .* align them first"):
        f0(speech, speech[1:], RATE)
    with pytest.raises(ValueError, match="f0: the reference holds NaN"):
        f0(np.full_like(speech, np.nan), speech, RATE)


def test_says_how_to_get_the_library(speech: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyworld", None)
    with pytest.raises(Unavailable, match=r"pip install 'focalbench\[prosody\]'"):
        f0(speech, speech[::-1].copy(), RATE)


def test_what_is_kept_does_not_show(speech: Signal) -> None:
    """Many signals in between, and what came out before cannot be written to."""
    first = world.pitch(speech, RATE)
    assert not first.flags.writeable
    for seed in range(6):
        world.pitch(speech_like(1, RATE, seed), RATE)
    np.testing.assert_array_equal(world.pitch(speech, RATE), first)
    assert len(world.pitch(speech, 8_000)) != len(first)


def test_versions_name_the_library() -> None:
    assert versions() == {"pyworld": "0.3.5"}
