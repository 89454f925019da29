"""SI-SDR finds planted ratios and has no value where there is none."""

import numpy as np
import pytest

from benchmark.metrics.si_sdr import VALUES, make
from benchmark.types import NotMeasured, Signal
from tests.signals import speech_like

RATE = 16_000
si_sdr = make()


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(2, RATE)


def with_noise_at(speech: Signal, decibels: float) -> Signal:
    """Noise orthogonal to the speech, so that the ratio is exact."""
    clean = speech.astype(np.float64)
    noise = np.random.default_rng(3).standard_normal(len(clean))
    noise -= (noise @ clean) / (clean @ clean) * clean
    noise *= np.sqrt(clean @ clean / (noise @ noise)) * 10 ** (-decibels / 20)
    return (clean + noise).astype(np.float32)


@pytest.mark.parametrize("decibels", [15, 0, -20, 60])
@pytest.mark.parametrize("gain", [1, -0.01])
def test_finds_planted_ratio(speech: Signal, decibels: float, gain: float) -> None:
    degraded = np.float32(gain) * with_noise_at(speech, decibels)
    assert si_sdr(speech, degraded, RATE)["si_sdr"] == pytest.approx(decibels, abs=1e-3)


def test_equals_the_least_squares_projection(speech: Signal) -> None:
    """[Le Roux et al. 2019, eq. 4]: the target is the best scaled reference, found here by another route."""
    degraded = np.roll(speech, 3)
    scale, rest, *_ = np.linalg.lstsq(speech[:, None].astype(float), degraded.astype(float), rcond=None)
    target = scale[0] * speech.astype(float)
    expected = 10 * np.log10(target @ target / rest[0])
    assert si_sdr(speech, degraded, RATE)["si_sdr"] == pytest.approx(expected, abs=1e-9)


def test_golden_value() -> None:
    """(3, 4) against (3, 3): the target is 21/25 of the reference, the rest is orthogonal to it."""
    values = si_sdr(np.array([3, 4], np.float32), np.array([3, 3], np.float32), RATE)
    assert values == {"si_sdr": pytest.approx(10 * np.log10(17.64 / 0.36), abs=1e-12)}
    assert values.keys() == VALUES.keys()


@pytest.mark.parametrize("gain", [1, 0.5, -0.3])
def test_equal_signals_have_no_finite_ratio(speech: Signal, gain: float) -> None:
    with pytest.raises(NotMeasured, match="up to a gain: the ratio is infinite") as refusal:
        si_sdr(speech, np.float32(gain) * speech, RATE)
    assert refusal.value.status == "not_applicable"


@pytest.mark.parametrize("bits", [16, 24])
def test_pcm_has_the_ratio_of_its_rounding_noise(speech: Signal, bits: int) -> None:
    """A step of q makes noise of q^2 / 12."""
    steps = 2.0 ** (bits - 1)
    quantised = (np.round(speech.astype(np.float64) * steps) / steps).astype(np.float32)
    expected = 10 * np.log10(12 * steps**2 * np.mean(np.square(speech, dtype=np.float64)))
    assert si_sdr(speech, quantised, RATE)["si_sdr"] == pytest.approx(expected, abs=0.5)


def test_refuses_silence_and_malformed_input(speech: Signal) -> None:
    for reference, degraded, status, message in [
        (0 * speech, speech, "no_speech", "the reference is silent"),
        (speech, 0 * speech, "metric_failed", "the output is silent"),
        (
            np.array([1, 0], np.float32),
            np.array([0, 1], np.float32),
            "metric_failed",
            "nothing of the reference",
        ),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            si_sdr(reference, degraded, RATE)
        assert refusal.value.status == status
    with pytest.raises(ValueError, match=r"si_sdr: .* align them first"):
        si_sdr(speech, speech[1:], RATE)
