"""`baselines.lowpass`: the mask of BS.1534 at any cut-off, the declared delay, streaming."""

import numpy as np
import pytest

from baselines import lowpass
from benchmark.codec import decode, encode, trim
from benchmark.types import UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like


@pytest.mark.parametrize(
    ("rate", "cutoff"),
    [*((rate, 3_500) for rate in (8_000, 16_000, 44_100, 48_000)), (16_000, 7_000), (48_000, 7_000), (16_000, 500)],
)
def test_mask_of_bs1534(rate: int, cutoff: int) -> None:
    frequencies = np.arange(0, rate / 2 + 1, 10.0)
    taps = lowpass.design(rate, cutoff)
    response = np.abs(np.exp(-2j * np.pi * np.outer(frequencies, np.arange(len(taps))) / rate) @ taps)
    level = 20 * np.log10(response + 1e-12)
    assert np.abs(level[frequencies <= cutoff]).max() <= 0.1
    assert level[frequencies >= cutoff + 500].max(initial=-np.inf) <= -25
    assert level[frequencies >= cutoff + 1_000].max(initial=-np.inf) <= -50


@pytest.mark.parametrize(
    ("cutoff", "frequency", "kept"),
    [
        *((3_500, frequency, float(frequency <= 3_500)) for frequency in (500, 3_400, 4_600, 7_000)),
        *((7_000, frequency, float(frequency <= 7_000)) for frequency in (500, 4_600, 6_900, 7_600)),
    ],
)
def test_tones_through_the_codec(cutoff: int, frequency: int, kept: float) -> None:
    codec = lowpass.make(cutoff=cutoff)
    tone = 0.5 * np.sin(2 * np.pi * frequency * np.arange(8_000) / 16_000).astype(np.float32)
    output = trim(decode(codec, slots_of(encode(codec, tone))), codec.info.delay, len(tone))
    np.testing.assert_allclose(output[500:-500], kept * tone[500:-500], atol=0.004)  # in phase: the delay is right


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_sessions(rate: int) -> None:
    codec, signal = lowpass.make(rate=rate), speech_like(0.51, rate)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3}), slots_of(encode(codec, -signal)))


def test_the_end_is_covered() -> None:
    codec = lowpass.make()
    signal = np.zeros(640, np.float32)  # whole frames: the delay needs a frame of its own
    signal[-1] = 0.9
    output = trim(decode(codec, slots_of(encode(codec, signal))), codec.info.delay, len(signal))
    assert int(np.argmax(output)) == 639


def test_the_low_anchor_is_the_default() -> None:
    signal = speech_like(0.2)
    assert encode(lowpass.make(), signal) == encode(lowpass.make(cutoff=3_500), signal)
    assert encode(lowpass.make(), signal) != encode(lowpass.make(cutoff=7_000), signal)


def test_refuses() -> None:
    with pytest.raises(UserError, match="lowpass: rate=7000"):
        lowpass.make(rate=7_000)
    with pytest.raises(UserError, match=r"lowpass: cutoff=7000 .* 500 to 3500 in steps of 100"):
        lowpass.make(rate=8_000, cutoff=7_000)
    with pytest.raises(UserError, match=r"lowpass: cutoff=7600 .* 500 to 7500"):
        lowpass.make(cutoff=7_600)
