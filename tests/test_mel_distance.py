"""The mel distance finds planted differences and agrees with its definition written out."""

import numpy as np
import pytest

from benchmark.metrics.mel_distance import VALUES, make, mel_filters
from benchmark.types import Floats, NotMeasured, Signal
from tests.signals import speech_like

RATE = 16_000
mel_distance = make()


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(3, RATE)


def noisy(speech: Signal, level: float) -> Signal:
    return speech + (level * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)


@pytest.mark.parametrize("gain", [1, -0.1, 0.37])
def test_identical_up_to_a_gain_is_0(speech: Signal, gain: float) -> None:
    value = mel_distance(speech, np.float32(gain) * speech, RATE)
    assert value == {"mel_distance": pytest.approx(0, abs=1e-4)}
    assert value.keys() == VALUES.keys()


def test_finds_planted_difference() -> None:
    """Two noises, one in each half of time; the output swaps a level difference of 6 dB between them.

    RMS stays, so one half is 6 dB too loud in every band and the other 6 dB too soft.
    """
    noise = np.random.default_rng(1).standard_normal(RATE)
    half = np.where(np.arange(2 * RATE) < RATE, 2.0, 1.0)
    signal = np.tile(noise, 2) * 0.1
    degraded = signal * half[::-1]
    distance = mel_distance((signal * half).astype(np.float32), degraded.astype(np.float32), RATE)
    assert distance["mel_distance"] == pytest.approx(20 * np.log10(2), abs=0.1)  # frames over the seam differ


def test_golden_value(speech: Signal) -> None:
    """From librosa 0.11.0: melspectrogram(power=1, center=False, htk=True, norm=None); too slow to import."""
    value = mel_distance(speech, noisy(speech, 0.01), RATE)["mel_distance"]
    assert value == pytest.approx(16.45061, abs=1e-4)


def test_more_noise_is_farther(speech: Signal) -> None:
    near, far = (mel_distance(speech, noisy(speech, level), RATE)["mel_distance"] for level in (0.01, 0.1))
    assert 0 < near < far


def test_agrees_with_the_definition_written_out(speech: Signal) -> None:
    degraded = noisy(speech, 0.02)
    clean, output = (plain_spectrum(s / np.sqrt(np.mean(s.astype(np.float64) ** 2))) for s in (speech, degraded))
    floor = clean.max() / 10_000
    frames = 20 * np.log10(np.maximum(output, floor)) - 20 * np.log10(np.maximum(clean, floor))
    expected = np.mean([np.linalg.norm(frame) / np.sqrt(80) for frame in frames])
    assert mel_distance(speech, degraded, RATE)["mel_distance"] == pytest.approx(expected, abs=1e-9)


def plain_spectrum(signal: Floats) -> Floats:
    """At 16 kHz, frame by frame and band by band, shape (frames, 80)."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 82) / 2595) - 1)
    bins = np.arange(513) * 15.625
    bands = [np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(80)]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    starts = range(0, len(signal) - 1023, 320)
    spectra = [np.abs(np.fft.rfft(signal[s : s + 1024] * window)) for s in starts]
    return np.array([[band @ spectrum for band in bands] for spectrum in spectra])


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_every_band_holds_a_bin(rate: int) -> None:
    filters = mel_filters(rate)
    assert filters.shape == (round(0.032 * rate) + 1, 80)
    assert filters.sum(axis=0).min() > 0.1


def test_digital_silence_stays_finite(speech: Signal) -> None:
    holed = speech.copy()
    holed[8_000:32_000] = 0
    value = mel_distance(speech, holed, RATE)["mel_distance"]
    assert 0 < value < 80
    assert mel_distance(holed, speech, RATE)["mel_distance"] < 80


def test_says_why_there_is_no_value(speech: Signal) -> None:
    for reference, degraded, status, message in [
        (speech[:1023], speech[:1023], "too_short", "0.064 s; one window is 0.064 s"),
        (0 * speech, speech, "no_speech", "the reference is silent"),
        (speech, 0 * speech, "metric_failed", "the output is silent"),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            mel_distance(reference, degraded, RATE)
        assert refusal.value.status == status


def test_malformed(speech: Signal) -> None:
    with pytest.raises(ValueError, match=r"mel_distance: .* align them first"):
        mel_distance(speech, speech[1:], RATE)
