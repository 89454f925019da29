"""The level difference finds planted gains, pauses or not, and says when there is no speech."""

import numpy as np
import pytest

from benchmark.metrics.level import VALUES, make
from benchmark.types import NotMeasured, Signal
from tests.signals import speech_like

level = make()


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(4, 16_000, 1)


@pytest.mark.parametrize("decibels", [-40, -20, -6, -0.5, 0, 3])
@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_finds_a_planted_gain(decibels: float, rate: int) -> None:
    speech = speech_like(4, rate, 1)
    value = level(speech, np.float32(10 ** (decibels / 20)) * speech, rate)
    assert value == {"level_db": pytest.approx(decibels, abs=0.02)}
    assert value.keys() == VALUES.keys()
    assert VALUES["level_db"].better == "neither"


def test_identical_is_0_whatever_the_polarity(speech: Signal) -> None:
    assert level(speech, speech, 16_000) == {"level_db": 0}
    assert level(speech, -speech, 16_000) == {"level_db": 0}
    late = np.concatenate([0 * speech[:800], speech[:-800]])
    assert level(speech, late, 16_000)["level_db"] == pytest.approx(0, abs=0.2)


def test_golden_value() -> None:
    """In 16 bits, half of it 20 dB up; either level is held to the ITU's own program in tests/test_level.py."""
    softer = np.round(3277 * speech_like(8, 16_000, 1)).astype(np.float32) / 32768
    louder = softer * np.where(np.arange(len(softer)) < 64_000, 1, 10).astype(np.float32)
    assert level(softer, louder, 16_000)["level_db"] == pytest.approx(18.8786, abs=1e-3)


def test_pauses_do_not_count(speech: Signal) -> None:
    """Silence replaced by silence that is longer would move an RMS by 3 dB."""
    padded = np.pad(speech, (0, len(speech)))
    shorter = np.pad(np.float32(0.5) * speech, (0, len(speech)))
    assert level(padded, shorter, 16_000)["level_db"] == pytest.approx(-6.02, abs=0.02)


def test_says_why_there_is_no_value(speech: Signal) -> None:
    click = np.zeros_like(speech)
    click[100] = 0.9
    for reference, degraded, status, message in [
        (0 * speech, speech, "no_speech", "the reference is silent"),
        (click, speech, "no_speech", "P.56 finds no speech in the reference"),
        (speech, 0 * speech, "metric_failed", "P.56 finds no speech in the output"),
        (speech, click, "metric_failed", "P.56 finds no speech in the output"),
        (speech[:0], speech[:0], "too_short", "empty"),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            level(reference, degraded, 16_000)
        assert refusal.value.status == status


def test_a_tenth_of_a_second_has_a_level(speech: Signal) -> None:
    start = int(np.argmax(np.abs(speech)))
    short = speech[start : start + 1600]
    assert level(short, np.float32(0.5) * short, 16_000)["level_db"] == pytest.approx(-6.02, abs=0.1)


def test_malformed(speech: Signal) -> None:
    with pytest.raises(ValueError, match=r"level: .* align them first"):
        level(speech, speech[1:], 16_000)
    with pytest.raises(ValueError, match="level: the degraded signal holds NaN"):
        level(speech, np.full_like(speech, np.nan), 16_000)
