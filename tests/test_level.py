"""Active speech level against the ITU's own program, a plain reading of its counter, and planted speech and pauses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.level import (
    HANGOVER,
    MARGIN,
    SILENCE,
    THRESHOLDS,
    _active,
    _envelope,
    active_level,
    active_samples,
    rms_level,
)
from tests.signals import speech_like

RATE = 16_000


def paused(seconds, rate, seed):
    """Speech of which the last second or so of every 2.5 s is 40 dB softer."""
    signal = speech_like(seconds, rate, seed)
    signal[np.arange(len(signal)) / rate % 2.5 > 1.4 + 0.1 * seed] *= 0.01
    return signal


def bursts(on, off, times, rate=RATE):
    """White noise of -20 dBov, on and off."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((times, round((on + off) * rate)))
    noise[:, round(on * rate) :] = 0
    return noise.ravel().astype(np.float32)


# (seconds, rate, seed, gain) -> level and activity by `actlevel` of ITU-T G.191 (sv56, release 2023), and by the same
# program with its search between two thresholds carried on from 0.5 dB of margin to 1e-6 dB; both from 16-bit files.
ITU = [
    ((8, 16_000, 0, 1.0), -25.299, (-23.369, 64.118), (-23.371, 64.151)),
    ((8, 16_000, 1, 0.1), -45.161, (-43.777, 72.703), (-43.781, 72.771)),
    ((6, 8_000, 2, 0.5), -30.659, (-29.393, 74.723), (-29.395, 74.758)),
    ((10, 16_000, 3, 0.01), -67.083, (-65.865, 75.554), (-65.872, 75.676)),
    ((12, 16_000, 4, 0.3), -34.042, (-33.247, 83.271), (-33.251, 83.358)),
]


@pytest.mark.parametrize(("planted", "rms", "program", "converged"), ITU)
def test_it_is_what_the_program_of_the_itu_finds(planted, rms, program, converged):
    seconds, rate, seed, gain = planted
    signal = (np.round(gain * paused(seconds, rate, seed) * 32768) / 32768).astype(np.float32)
    level = active_level(signal, rate)
    assert level.rms_db == pytest.approx(rms, abs=6e-4)  # it prints three digits
    assert (level.level_db, 100 * level.activity) == pytest.approx(converged, abs=6e-4)
    assert level.level_db == pytest.approx(program[0], abs=0.01)
    assert 100 * level.activity == pytest.approx(program[1], abs=0.2)


def counted(envelope, threshold, hangover):
    """The counter as the Recommendation words it, sample by sample."""
    count, since = 0, hangover
    for value in envelope:
        since = 0 if value >= threshold else since + 1
        count += since <= hangover and (value >= threshold or since > 0)
        since = min(since, hangover + 1)
    return count


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 0.6)), min_size=1, max_size=12), st.integers(0, 14))
def test_counting_by_gaps_is_counting_sample_by_sample(steps, place):
    rate = 1000
    envelope = np.concatenate([np.full(length, value) for length, value in steps])
    hangover = round(HANGOVER * rate)
    first = np.argmax(envelope >= THRESHOLDS[place]) if (envelope >= THRESHOLDS[place]).any() else len(envelope)
    assert _active(envelope, THRESHOLDS[place], rate) == counted(envelope[first:], THRESHOLDS[place], hangover)


def test_the_envelope_is_two_equal_smoothers():
    step = _envelope(np.ones(RATE, np.float32), RATE)
    time = np.arange(1, RATE + 1) / RATE / 0.03
    assert step == pytest.approx(1 - (1 + time) * np.exp(-time), abs=2e-3)  # the step response of (1 / (1 + sT))^2
    assert (_envelope(-np.ones(RATE, np.float32), RATE) == step).all()


def test_half_of_the_time_is_three_decibels():
    level = active_level(bursts(10, 10, 3), RATE)
    assert level.rms_db == pytest.approx(-23.01, abs=0.05)
    assert level.level_db == pytest.approx(-20, abs=0.2)  # the hang-over counts 0.3 s of 10 too
    assert level.activity == pytest.approx((10 + HANGOVER + 0.1) / 20, abs=0.01)


def test_of_what_never_pauses_it_is_the_power():
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(10 * RATE) / RATE)
    for signal, power in ((tone, -9.03), (bursts(10, 0, 1), -20)):
        level = active_level(signal.astype(np.float32), RATE)
        assert level.rms_db == pytest.approx(power, abs=0.05)
        assert level.level_db == pytest.approx(power, abs=0.1)
        assert level.activity == pytest.approx(1, abs=0.01)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 4), st.integers(-5, 0))
def test_half_the_amplitude_is_six_decibels_less(seed, octaves):
    whole, softer = (active_level(2.0**k * paused(4, RATE, seed), RATE) for k in (0, octaves))
    assert softer.level_db - whole.level_db == pytest.approx(octaves * 20 * math.log10(2), abs=1e-6)
    assert softer.activity == pytest.approx(whole.activity, abs=1e-9)


def test_what_holds_no_speech_is_at_minus_a_hundred():
    click = np.zeros(RATE, np.float32)
    click[500] = 0.9
    hiss = (1e-4 * np.random.default_rng(1).standard_normal(RATE)).astype(np.float32)
    for signal in (np.zeros(RATE, np.float32), np.zeros(0, np.float32), click, hiss, 100 * bursts(1, 0, 1)):
        level = active_level(signal, RATE)
        assert (level.level_db, level.activity) == (SILENCE, 0)
        assert not active_samples(signal, RATE).any()
        assert active_samples(signal, RATE).shape == signal.shape
    assert active_level(np.zeros(RATE, np.float32), RATE).rms_db == SILENCE
    assert active_level(hiss, RATE).rms_db == pytest.approx(-80, abs=0.1)
    assert rms_level(np.full(RATE, 1e-9, np.float32), RATE) == SILENCE


def test_an_offset_is_not_removed():
    assert active_level(np.full(RATE, 0.1, np.float32), RATE).rms_db == pytest.approx(-20, abs=1e-3)


def test_active_samples_are_the_burst_and_the_hang_over():
    signal = np.zeros(3 * RATE, np.float32)
    signal[RATE : RATE + RATE // 2] = bursts(0.5, 0, 1)
    active = np.flatnonzero(active_samples(signal, RATE))
    assert (np.diff(active) == 1).all(), "one talkspurt"
    assert 0 < active[0] / RATE - 1 < 0.03, "the envelope needs a while"
    fall = active[-1] / RATE - 1.5 - HANGOVER
    assert 0 < fall < 6 * 0.03, "the hang-over begins where the envelope has fallen by the margin"


def test_active_samples_end_where_the_envelope_is_a_margin_below():
    signal = paused(8, RATE, 1)
    above = _envelope(signal, RATE) >= 10 ** ((active_level(signal, RATE).level_db - MARGIN) / 20)
    active = active_samples(signal, RATE)
    hangover = round(HANGOVER * RATE)
    expected = [above[max(i - hangover, 0) : i + 1].any() for i in range(0, len(signal), 97)]
    assert (active[::97] == expected).all()
    assert active.mean() == pytest.approx(active_level(signal, RATE).activity, abs=0.02)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000])
def test_at_any_rate_a_sample_is_a_sample(rate):
    signal = np.zeros(3 * rate, np.float32)
    signal[rate : 2 * rate] = 0.1 * np.sin(2 * np.pi * 500 * np.arange(rate) / rate)
    active = active_samples(signal, rate)
    assert active.shape == signal.shape
    found = np.flatnonzero(active)[[0, -1]] / rate
    assert found == pytest.approx((1.01, 2.3), abs=0.05)
    assert active_level(signal, rate).level_db == pytest.approx(-24.1, abs=0.2)


def test_what_lies_above_eight_kilohertz_does_not_count():
    time = np.arange(96_000) / 48_000
    low, high = (0.1 * np.sin(2 * np.pi * f * time).astype(np.float32) for f in (500, 12_000))
    assert active_level(low + 9 * high, 48_000) == pytest.approx(active_level(low, 48_000), abs=1e-3)
    assert rms_level(high, 48_000) < -70  # where it sets in, it is no pure tone
