"""The STFT distance finds planted differences and agrees with its definition written out, and with torch."""

import numpy as np
import pytest

from benchmark.metrics.stft_distance import VALUES, make, resolved
from benchmark.types import Floats, NotMeasured, Signal
from tests.signals import speech_like

RATE = 16_000
stft_distance = make()


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(3, RATE)


def noisy(speech: Signal, level: float) -> Signal:
    return speech + (level * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)


@pytest.mark.parametrize("gain", [1, -0.1, 0.37, 1.9])
def test_identical_up_to_a_gain_is_0(speech: Signal, gain: float) -> None:
    value = stft_distance(speech, np.float32(gain) * speech, RATE)
    assert value == {"stft_distance": pytest.approx(0, abs=1e-3)}
    assert value.keys() == VALUES.keys()


def test_finds_planted_difference() -> None:
    """Two noises, one in each half of time; the output swaps a level difference of 6 dB between them."""
    noise = np.random.default_rng(1).standard_normal(RATE)
    half = np.where(np.arange(2 * RATE) < RATE, 2.0, 1.0)
    signal = np.tile(noise, 2) * 0.1
    distance = stft_distance((signal * half).astype(np.float32), (signal * half[::-1]).astype(np.float32), RATE)
    assert distance["stft_distance"] == pytest.approx(20 * np.log10(2), abs=0.1)  # frames over the seam differ


def test_golden_value(speech: Signal) -> None:
    """From torch.stft 2.13 in double precision, centre=False, at the three resolutions; too slow to import."""
    value = stft_distance(speech, noisy(speech, 0.01), RATE)["stft_distance"]
    assert value == pytest.approx(20.8161630, abs=1e-4)


def plain(signal: Floats, size: int, hop: int) -> Floats:
    """Frame by frame, bin by bin as the sum that defines it."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(size), np.arange(size // 2 + 1)) / size)
    return np.array([np.abs((signal[s : s + size] * window) @ waves) for s in range(0, len(signal) - size + 1, hop)])


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_agrees_with_the_definition_written_out(rate: int) -> None:
    reference = speech_like(1, rate, 2)
    degraded = noisy(reference, 0.02)
    clean, output = (s / np.sqrt(np.mean(s.astype(np.float64) ** 2)) for s in (reference, degraded))
    values = []
    for size, hop in ((rate // 100, rate // 500), (rate // 40, rate // 200), (rate // 20, rate // 100)):
        before, after = plain(clean, size, hop), plain(output, size, hop)
        floor = before.max() / 10_000
        decibels = 20 * np.log10(np.maximum(after, floor) / np.maximum(before, floor))
        values.append(np.mean([np.linalg.norm(frame) / np.sqrt(size // 2 + 1) for frame in decibels]))
    assert stft_distance(reference, degraded, rate)["stft_distance"] == pytest.approx(np.mean(values), abs=1e-9)


def test_is_that_of_audiocodecs_but_for_scale_and_floor() -> None:
    """Theirs, of bins far above both floors: 10 log10 of magnitudes, its norm over 513 bins, 1024 by 320."""
    noise = np.random.default_rng(5).standard_normal((2, RATE))
    noise /= np.sqrt(np.mean(noise**2, axis=1, keepdims=True))
    first, second = plain(noise[0], 1024, 320), plain(noise[1], 1024, 320)
    theirs = np.mean(np.linalg.norm(10 * np.log10(first) - 10 * np.log10(second), axis=1))
    assert resolved(noise[0], noise[1], 1024, 320) * np.sqrt(513) / 2 == pytest.approx(theirs, rel=1e-6)


def test_more_noise_and_more_delay_are_farther(speech: Signal) -> None:
    near, far = (stft_distance(speech, noisy(speech, level), RATE)["stft_distance"] for level in (0.01, 0.1))
    assert 0 < near < far
    late = [np.concatenate([0 * speech[:n], speech])[: len(speech)] for n in (16, 80, 800)]
    costs = [stft_distance(speech, signal, RATE)["stft_distance"] for signal in late]
    assert 0 < costs[0] < costs[1] < costs[2]
    assert costs[0] < 3 < 10 < costs[2], "1 ms is little, 50 ms is another signal"


def test_digital_silence_stays_finite(speech: Signal) -> None:
    holed = speech.copy()
    holed[8_000:32_000] = 0
    assert 0 < stft_distance(speech, holed, RATE)["stft_distance"] < 80
    assert 0 < stft_distance(holed, speech, RATE)["stft_distance"] < 80


def test_says_why_there_is_no_value(speech: Signal) -> None:
    for reference, degraded, status, message in [
        (speech[:799], speech[:799], "too_short", "0.050 s; the longest window is 0.05 s"),
        (speech[:0], speech[:0], "too_short", "empty"),
        (0 * speech, speech, "no_speech", "the reference is silent"),
        (speech, 0 * speech, "metric_failed", "the output is silent"),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            stft_distance(reference, degraded, RATE)
        assert refusal.value.status == status
    assert stft_distance(speech[:1600], speech[:1600], RATE) == {"stft_distance": 0}, "0.1 s is enough"


def test_malformed(speech: Signal) -> None:
    with pytest.raises(ValueError, match=r"stft_distance: .* align them first"):
        stft_distance(speech, speech[1:], RATE)
    with pytest.raises(ValueError, match="stft_distance: the degraded signal holds NaN"):
        stft_distance(speech, np.full_like(speech, np.nan), RATE)
