"""`baselines.noise`: the level and the spectrum of speech, and nothing of what was said."""

from itertools import pairwise

import numpy as np
import pytest

from baselines import noise
from benchmark.acoustics._coloured import BANDS, SPEECH
from benchmark.align import estimate_delay
from benchmark.codec import decode, encode
from benchmark.types import NotMeasured, Signal, Slot, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like


def floor(seconds: float, rate: int = 16_000, level: int = -26) -> Signal:
    codec = noise.make(level=level, rate=rate)
    return decode(codec, slots_of(encode(codec, np.zeros(round(seconds * rate), np.float32))))


def test_nothing_of_the_input_is_in_it() -> None:
    codec = noise.make()
    outputs = [
        decode(codec, slots_of(encode(codec, signal))) for signal in (speech_like(2), -0.1 * speech_like(2, seed=1))
    ]
    np.testing.assert_array_equal(*outputs)
    assert not codec.info.carries_speech
    for seed in range(5):
        assert estimate_delay(speech_like(2, seed=seed), outputs[0], 16_000).method == "none"


@pytest.mark.parametrize(("level", "rate"), [(-26, 16_000), (-40, 8_000), (-20, 48_000)])
def test_level(level: int, rate: int) -> None:
    power = (floor(10, rate, level).astype(np.float64) ** 2).reshape(10, -1).mean(axis=1)
    assert 10 * np.log10(power.mean()) == pytest.approx(level, abs=0.05)
    assert np.ptp(10 * np.log10(power)) < 2  # it is steady


def test_spectrum_is_that_of_speech() -> None:
    power = np.abs(np.fft.rfft(floor(10).astype(np.float64))) ** 2
    frequencies = np.arange(len(power)) / 10
    wanted = np.array([level for centre, level in SPEECH.items() if 100 <= centre <= 6_300])
    edges = [(low, high) for low, high in pairwise(BANDS) if low > 85 and high < 7_500]
    found = [10 * np.log10(power[(frequencies >= low) & (frequencies < high)].sum()) for low, high in edges]
    difference = np.array(found) - wanted
    assert np.abs(difference - difference.mean()).max() < 1


def test_it_goes_round_without_a_click() -> None:
    output = floor(10.5)
    np.testing.assert_array_equal(output[160_000:], output[:8_000])
    assert abs(output[160_000] - output[159_999]) < np.abs(np.diff(output)).max()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_sessions(rate: int) -> None:
    codec, signal = noise.make(rate=rate), speech_like(0.51, rate)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3}), slots_of(encode(codec, -signal)))


def test_its_bytes_are_real_and_tell_the_level() -> None:
    codec = noise.make(level=-30)
    frames = encode(codec, speech_like(1))
    assert {f.payload for f in frames} == {bytes([30])}
    assert sum(f.bits for f in frames) == 400
    louder = [Slot(f.index, bytes([24])) for f in frames]
    np.testing.assert_allclose(decode(codec, louder), 10**0.3 * decode(codec, slots_of(frames)), rtol=1e-5)


def test_bits_that_changed_on_the_way_keep_it_within_full_scale() -> None:
    outputs = [noise.make().decoder().push([Slot(0, bytes([byte]))]) for byte in (0, 26, 127, 128, 154, 255)]
    assert max(float(np.abs(output).max()) for output in outputs) == 1
    np.testing.assert_array_equal(outputs[1], outputs[4])  # the highest bit says nothing


@pytest.mark.parametrize("payload", [None, b""])
def test_what_is_not_there_is_silence_and_the_noise_goes_on(payload: bytes | None) -> None:
    slots = slots_of(encode(noise.make(), speech_like(0.2)))
    whole = decode(noise.make(), slots).reshape(-1, 320)
    slots[4] = Slot(4, payload)
    whole[4] = 0
    np.testing.assert_array_equal(decode(noise.make(), slots), whole.ravel())


def test_refuses() -> None:
    with pytest.raises(NotMeasured, match="noise: the payload of frame 0 has 3 bytes, 1 were due"):
        decode(noise.make(), [Slot(0, b"abc")])
    for level in (0, -61, -26.0, "loud"):
        with pytest.raises(UserError, match=rf"noise: level={level!r} .* -60 to -9"):
            noise.make(level=level)  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(UserError, match="noise: rate=7000"):
        noise.make(rate=7_000)
