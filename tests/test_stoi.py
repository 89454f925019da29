"""STOI and ESTOI are pystoi's to 1e-12, repeatable, and absent where pystoi returns a constant."""

import numpy as np
import pytest
from pystoi import stoi as package

from benchmark.metrics import stoi as module
from benchmark.metrics.stoi import make
from benchmark.types import NotMeasured, Signal
from tests.signals import speech_like

RATE = 16_000
intelligibility = make()


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(3, RATE)


def noisy(speech: Signal, level: float = 0.03) -> Signal:
    return speech + (level * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)


def test_identical_signals_score_1(speech: Signal) -> None:
    values = intelligibility(speech, np.float32(-0.2) * speech, RATE)
    assert values == {"stoi": pytest.approx(1, abs=1e-9), "estoi": pytest.approx(1, abs=1e-9)}
    assert values.keys() == module.VALUES.keys()


@pytest.mark.parametrize("rate", [8_000, 10_000, 16_000])
def test_is_the_package(rate: int) -> None:
    speech = speech_like(2, rate)
    degraded = noisy(speech)
    clean, output = speech.astype(np.float64), degraded.astype(np.float64)
    values = intelligibility(speech, degraded, rate)
    assert values["stoi"] == pytest.approx(package(clean, output, rate), abs=1e-12)
    assert values["estoi"] == pytest.approx(package(clean, output, rate, extended=True), abs=1e-12)


def test_golden_value(speech: Signal) -> None:
    values = intelligibility(speech, noisy(speech), RATE)
    assert values == {"stoi": pytest.approx(0.949337, abs=1e-6), "estoi": pytest.approx(0.873166, abs=1e-6)}


def test_more_noise_is_worse_and_a_delay_costs(speech: Signal) -> None:
    clean, some, much = (intelligibility(speech, noisy(speech, level), RATE) for level in (0, 0.02, 0.2))
    late = intelligibility(speech[:-160], speech[160:], RATE)  # 10 ms
    for name in ("stoi", "estoi"):
        assert clean[name] > some[name] > much[name]
        assert late[name] < 0.95


def test_silent_output_is_the_end_of_the_scale(speech: Signal) -> None:
    values = intelligibility(speech, 0 * speech, RATE)
    assert values == {"stoi": 0, "estoi": pytest.approx(0, abs=0.05)}


def test_repeatable_where_the_output_is_silent_and_leaves_the_global_generator_alone(speech: Signal) -> None:
    holed = noisy(speech)
    holed[8_000:32_000] = 0
    np.random.seed(77)  # noqa: NPY002 (pystoi draws from the global generator)
    first = intelligibility(speech, holed, RATE)
    drawn = np.random.random()  # noqa: NPY002
    assert intelligibility(speech, holed, RATE) == first
    np.random.seed(77)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002


def test_says_why_there_is_no_value(speech: Signal) -> None:
    click = np.zeros(RATE, np.float32)
    click[8_000:9_000] = speech[:1_000]
    for reference, status, message in [
        (speech[:100], "too_short", "0.006 s; STOI needs more than 0.41 s"),
        (speech[:6_553], "too_short", "0.410 s; STOI needs more than 0.41 s"),
        (click, "too_short", "fewer than 30 frames of active speech"),
        (0 * speech, "no_speech", "the reference is silent"),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            intelligibility(reference, reference, RATE)
        assert refusal.value.status == status


def test_malformed(speech: Signal) -> None:
    with pytest.raises(ValueError, match=r"stoi: .* align them first"):
        intelligibility(speech, speech[1:], RATE)


def test_versions_name_the_library() -> None:
    assert module.versions().keys() == {"pystoi"}
