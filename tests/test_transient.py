"""`benchmark.transient`: planted transients of known length and decay are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.codec import decode, encode
from benchmark.transient import AGREE, decay, recovery
from benchmark.types import Floats, Signal
from tests.signals import slots_of, speech_like
from tests.toytokens import HOP_OUT, RATE_OUT, Toy

RATE = 16_000
TONE = np.sin(2 * np.pi * 100 * np.arange(2 * RATE) / RATE).astype(np.float32)  # energy 1/2 in every 10 ms


def wrong(*parts: tuple[float, float, float]) -> Signal:
    """The tone with a difference of so much energy a sample, planted from and until so many seconds."""
    difference = np.zeros(len(TONE))
    for start, end, energy in parts:
        difference[round(start * RATE) : round(end * RATE)] = np.sqrt(energy)
    return (TONE + difference).astype(np.float32)


def fading(start: float, constant: float, level: float) -> Signal:
    """The tone with level * exp(-t / constant) from `start` s on."""
    time = np.arange(len(TONE)) / RATE - start
    return (TONE + np.where(time >= 0, level * np.exp(-np.maximum(time, 0) / constant), 0)).astype(np.float32)


def test_the_same_outputs_agree_at_once() -> None:
    assert recovery(TONE, TONE.copy(), RATE, [(0.1, 0.2), (0.5, 0.6)]) == [0, 0]
    assert decay(TONE, TONE.copy(), RATE, (0.1, 0.2)) == (0, 0)
    assert recovery(TONE, TONE.copy(), RATE, []) == []


def test_what_differs_inside_the_holes_does_not_count() -> None:
    degraded = wrong((0.1, 0.2, 1), (0.5, 0.6, 1))
    assert recovery(TONE, degraded, RATE, [(0.1, 0.2), (0.5, 0.6)]) == [0, 0]
    assert decay(TONE[: RATE // 2], degraded[: RATE // 2], RATE, (0.1, 0.2)) == (0, 0)


@given(steps=st.integers(0, 50))
def test_a_difference_of_known_length(steps: int) -> None:
    degraded = wrong((0.2, 0.3 + steps / 100, 0.1))
    assert recovery(TONE, degraded, RATE, [(0.2, 0.3)]) == [steps / 100]


def test_a_window_that_differs_a_little_at_its_start_counts() -> None:
    assert recovery(TONE, wrong((0.2, 0.3051, 0.1)), RATE, [(0.2, 0.3)]) == [0.01]


def test_minus_30_db_is_agreement() -> None:
    for factor, due in ((0.98, 0.0), (1.02, 0.04)):
        assert recovery(TONE, wrong((0.2, 0.34, factor * AGREE / 2)), RATE, [(0.2, 0.3)]) == [due]
    assert pytest.approx(-30) == 10 * np.log10(AGREE)


def test_agreement_has_to_last_until_the_next_hole() -> None:
    holes = [(0.2, 0.3), (0.8, 0.9), (1.2, 1.3)]
    degraded = wrong((0.3, 0.35, 0.1), (0.5, 0.52, 0.1), (0.9, 1.2, 0.1), (1.3, 1.33, 0.1))
    assert recovery(TONE, degraded, RATE, holes) == [0.22, None, 0.03]


def test_the_end_of_the_signal_comes_first() -> None:
    degraded = wrong((1.9, 2.0, 0.1))
    assert recovery(TONE, degraded, RATE, [(1.8, 1.9)]) == [None]
    assert recovery(TONE, degraded, RATE, [(1.9, 2.0)]) == [None]
    assert recovery(TONE, degraded, RATE, [(1.9, 2.5)]) == [None]
    assert recovery(TONE, TONE, RATE, [(1.7, 1.8), (2.5, 2.6)]) == [0, None]
    assert recovery(TONE, TONE, RATE, [(0.2, 0.3), (0.3, 0.4)]) == [None, 0]  # nothing between them


@pytest.mark.parametrize("constant", [0.005, 0.02, 0.1])
def test_the_recovery_of_an_exponential(constant: float) -> None:
    level = 0.5
    found = recovery(TONE, fading(0.3, constant, level), RATE, [(0.2, 0.3)])[0]
    # The mean energy over a window from t on: level^2 exp(-2 t / constant) times the window's own mean.
    inside = constant / 0.02 * (1 - np.exp(-0.02 / constant))
    due = constant / 2 * np.log(level**2 * inside / (AGREE / 2))
    assert found == pytest.approx(np.ceil(due / 0.01) * 0.01)


@pytest.mark.parametrize("constant", [0.005, 0.02, 0.1])
def test_the_decay_of_an_exponential(constant: float) -> None:
    found = decay(TONE, fading(0.3, constant, 0.5), RATE, (0.2, 0.3))
    due = constant / 2 * np.log([2, 10])  # energy exp(-2 t / constant)
    np.testing.assert_allclose(found, due, atol=1.1 / RATE)


def test_the_decay_of_a_rectangle() -> None:
    degraded = wrong((0.1, 0.4, 0.01))
    np.testing.assert_allclose(decay(TONE, degraded, RATE, (0.1, 0.2)), (0.1, 0.18), atol=1.1 / RATE)
    assert decay(TONE, degraded, RATE, (0.1, 0.4)) == (0, 0)
    assert decay(TONE, degraded, RATE, (0.1, 9.0)) == (0, 0)


def test_in_silence_only_what_can_be_heard_counts() -> None:
    silence = np.zeros(RATE, np.float32)
    for step, due in ((0.9, 0.0), (1.1, 0.2)):  # of 16 bits, on every sample
        degraded = silence.copy()
        degraded[: RATE // 2] = step / 32_768
        assert recovery(silence, degraded, RATE, [(0.2, 0.3)]) == [pytest.approx(due)]


def test_a_gap_beside_a_vowel_is_judged_by_the_vowel() -> None:
    gap = TONE.copy()
    gap[round(0.30 * RATE) : round(0.35 * RATE)] = 0  # its last window is within 50 ms of the tone, as all are
    assert recovery(gap, gap + wrong((0.30, 0.35, 2e-4)) - TONE, RATE, [(0.2, 0.3)]) == [0]
    long = TONE.copy()
    # The middle is not. 10 ms of tone in 110 ms are 0.045, so that 4e-5 agrees from 50 ms before its return.
    long[round(0.30 * RATE) : round(0.60 * RATE)] = 0
    found = recovery(long, long + wrong((0.30, 0.60, 4e-5)) - TONE, RATE, [(0.2, 0.3)])
    assert found == [pytest.approx(0.25)]


def test_a_toy_codec_forgets_a_loss() -> None:
    codec = Toy(4)
    frames = encode(codec, speech_like(2.0))
    outputs = [decode(codec, slots_of(frames, lost), concealment="repeat") for lost in ((), (6, 15))]
    frame = 4 * HOP_OUT / RATE_OUT
    found = recovery(outputs[0], outputs[1], RATE_OUT, [(6 * frame, 7 * frame), (15 * frame, 16 * frame)])
    # 80 dB apart at most, halved with each token of 20 ms: below 0.3 dB, -30 dB, after 9 tokens.
    assert all(seconds is not None and 0 < seconds <= 0.2 for seconds in found)


@pytest.mark.parametrize("holes", [[(0.3, 0.2)], [(0.5, 0.6), (0.1, 0.2)], [(0.1, 0.3), (0.2, 0.4)]])
def test_refuses_holes_out_of_order(holes: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="holes have to be in order and apart, got"):
        recovery(TONE, TONE, RATE, holes)


def test_refuses_outputs_of_two_lengths() -> None:
    with pytest.raises(ValueError, match="32000 and 31999 samples"):
        recovery(TONE, TONE[:-1], RATE, [])
    with pytest.raises(ValueError, match="32000 and 31999 samples"):
        decay(TONE, TONE[:-1], RATE, (0, 1))


def test_sums_are_exact_behind_much_louder_speech() -> None:
    loud: Floats = np.concatenate([np.ones(60 * RATE), np.zeros(RATE)])
    degraded = loud.copy()
    degraded[60 * RATE + RATE // 2 :] += 1.1 / 32_768
    found = recovery(loud.astype(np.float32), degraded.astype(np.float32), RATE, [(0.0, 60.2)])
    assert found == [None]
