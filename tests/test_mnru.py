"""`baselines.mnru`: the ratio that was asked for, noise that follows the speech and nothing else, streaming."""

import numpy as np
import pytest

from baselines import lowpass, mnru
from benchmark.codec import decode, encode, trim
from benchmark.types import Floats, Signal, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like


def through(codec: mnru.Mnru | lowpass.Lowpass, signal: Signal) -> Floats:
    output = trim(decode(codec, slots_of(encode(codec, signal))), codec.info.delay, len(signal))
    return output.astype(np.float64)


def harmonics(seconds: float, rate: int, highest: float) -> Signal:
    """From 200 Hz to `highest` in steps of 100, where no filter takes anything."""
    time, numbers = np.arange(rate // 100) / rate, np.arange(2, highest // 100 + 1)
    period = 0.02 * sum(np.cos(2 * np.pi * 100 * k * time + k * k) for k in numbers)
    return np.tile(period, round(100 * seconds)).astype(np.float32)


@pytest.mark.parametrize(("rate", "highest"), [(8_000, 3_000.0), (16_000, 6_000.0), (48_000, 6_000.0)])
@pytest.mark.parametrize("dq", [5, 20, 35])
def test_the_measured_ratio_is_the_one_asked_for(dq: int, rate: int, highest: float) -> None:
    signal = harmonics(10, rate, highest)
    noise = through(mnru.make(dq=dq, rate=rate), signal) - signal
    assert 10 * np.log10((signal.astype(np.float64) ** 2).mean() / (noise**2).mean()) == pytest.approx(dq, abs=0.1)


def test_so_it_is_of_speech() -> None:
    signal = speech_like(10)
    clean = through(lowpass.make(cutoff=7_000), signal)
    noise = through(mnru.make(dq=15), signal) - clean
    assert 10 * np.log10((clean**2).mean() / (noise**2).mean()) == pytest.approx(15, abs=0.3)


def test_noise_follows_the_speech() -> None:
    signal = harmonics(2, 16_000, 3_000) * np.repeat([1, 0.1, 0, 1], 8_000)
    noise = (through(mnru.make(dq=10), signal) - signal).reshape(4, -1)[:, 500:-500]
    loud, soft, silent, again = (noise**2).mean(axis=1)
    assert soft == pytest.approx(0.01 * loud, rel=0.2)
    assert again == pytest.approx(loud, rel=0.2)
    assert silent < 1e-9  # but for 16 bits


def test_noise_is_white_up_to_7_khz() -> None:
    signal = harmonics(10, 16_000, 3_000)
    noise = through(mnru.make(dq=10), signal) - signal
    power = (np.abs(np.fft.rfft(noise.reshape(-1, 1_600) * np.hanning(1_600))) ** 2).mean(axis=0)  # in steps of 10 Hz
    bands = 10 * np.log10(power[10:700].reshape(-1, 69).mean(axis=1))
    assert np.ptp(bands) < 1
    assert 10 * np.log10(power[760:].mean() / power[10:700].mean()) < -40


def test_an_offset_does_not_hiss() -> None:
    signal = np.full(16_000, 0.3, np.float32)
    output = through(mnru.make(dq=5), signal)[4_000:-500]
    np.testing.assert_allclose(output, 0.3, atol=1e-4)


def test_noise_is_the_same_at_every_ratio_and_scales() -> None:
    signal = harmonics(0.5, 16_000, 3_000)
    loud, soft = (through(mnru.make(dq=dq), signal) - signal for dq in (0, 20))
    np.testing.assert_allclose(soft, 0.1 * loud, atol=2e-3)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_sessions(rate: int) -> None:
    codec, signal = mnru.make(rate=rate), speech_like(0.51, rate)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3}), slots_of(encode(codec, -signal)))


def test_a_lost_frame_is_silence() -> None:
    codec = mnru.make()
    output = decode(codec, slots_of(encode(codec, speech_like(0.2)), {3}))
    assert not output[960:1_280].any()
    assert output[1_280:].any()


def test_refuses() -> None:
    for dq in (-1, 61, 20.5, "20", True):
        with pytest.raises(UserError, match=rf"mnru: dq={dq!r} .* from 0 to 60"):
            mnru.make(dq=dq)  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(UserError, match="mnru: rate=7000"):
        mnru.make(rate=7_000)
