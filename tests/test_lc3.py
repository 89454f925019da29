"""`baselines.lc3`: every rate to the byte, the stated delay, liblc3's concealment, and payloads of any bits."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import lc3
from benchmark.codec import decode, encode, trim
from benchmark.types import NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

SETTINGS = [
    {},
    {"bitrate": 16_000},
    {"frame_ms": 7.5, "bitrate": 24_000},
    {"rate": 8_000, "bitrate": 24_000},
    {"rate": 24_000, "frame_ms": 7.5},
    {"rate": 32_000, "bitrate": 64_000},
    {"rate": 48_000, "bitrate": 96_000},
]


def make(**params: Any) -> lc3.Lc3:
    """The codec, where its library is here."""
    try:
        return lc3.make(**params)
    except Unavailable as error:
        pytest.skip(str(error))


def error(codec: lc3.Lc3, signal: Signal) -> float:
    """Of the output, relative to the signal."""
    output = trim(decode(codec, slots_of(encode(codec, signal))), codec.info.delay, len(signal))
    return float(np.sqrt(((output - signal) ** 2).sum() / (signal**2).sum()))


@pytest.mark.parametrize("params", SETTINGS)
def test_sessions(params: dict[str, Any]) -> None:
    codec = make(**params)
    signal = speech_like(0.31, codec.info.rate_in)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3, 4}), slots_of(encode(codec, -signal), {3, 5, 6}))


@pytest.mark.parametrize(
    ("params", "size", "frame"),
    [
        ({"bitrate": 16_000}, 20, 160),
        ({"bitrate": 16_799}, 20, 160),
        ({"bitrate": 16_800}, 21, 160),
        ({"bitrate": 32_000, "rate": 48_000}, 40, 480),
        ({"bitrate": 320_000}, 400, 160),
        ({"bitrate": 21_334, "frame_ms": 7.5}, 20, 120),
        ({"bitrate": 24_000, "frame_ms": 7.5, "rate": 8_000}, 22, 60),
        ({"bitrate": 320_000, "frame_ms": 7.5}, 300, 120),
    ],
)
def test_frames_have_the_whole_bytes_that_fit(params: dict[str, Any], size: int, frame: int) -> None:
    codec = make(**params)
    frames = encode(codec, speech_like(0.3, codec.info.rate_in))
    assert codec.info.frame == frame
    assert {(f.bits, len(f.payload)) for f in frames} == {(8 * size, size)}


@pytest.mark.parametrize("params", SETTINGS)
def test_the_output_fits_the_input_best_at_the_declared_delay(params: dict[str, Any]) -> None:
    codec = make(**params)
    signal = speech_like(1, codec.info.rate_in, seed=1)
    raw, length = decode(codec, slots_of(encode(codec, signal))), len(signal) - 8
    around = range(codec.info.delay - 4, codec.info.delay + 5)
    fits = [np.corrcoef(signal[:length], raw[lag : lag + length])[0, 1] for lag in around]
    assert around[int(np.argmax(fits))] == codec.info.delay, fits
    assert max(fits) > 0.85


def test_the_delay_is_the_overlap_of_the_transform() -> None:
    assert [make(frame_ms=ms).info.delay / 16 for ms in (10, 10.0, 7.5)] == [2.5, 2.5, 4.0]


def test_more_bits_are_nearer_to_the_input() -> None:
    signal = speech_like(1, seed=2)
    errors = [error(make(bitrate=rate), signal) for rate in (16_000, 24_000, 48_000, 96_000)]
    assert errors == sorted(errors, reverse=True)


def test_concealment_is_as_loud_as_what_was_lost_and_fades() -> None:
    codec = make()
    time = np.arange(16_000) / 16_000
    harmonics = [0.05 * np.cos(2 * np.pi * 150 * k * time + k * k) for k in range(1, 11)]
    tone = np.stack(harmonics).sum(axis=0).astype(np.float32)
    output = decode(codec, slots_of(encode(codec, tone), range(40, 80))).reshape(-1, 160)
    levels = np.sqrt((output.astype(np.float64) ** 2).mean(axis=1)) / np.sqrt((tone**2).mean())
    assert 0.5 < levels[40] < 1.2
    assert levels[50] < 0.6 * levels[40]
    assert levels[79] < 0.02
    assert levels[83] > 0.9


def test_muting_is_silence_in_its_place() -> None:
    codec = make()
    slots = slots_of(encode(codec, speech_like(0.5)), {15, 16})
    own, muted = (codec.decoder(name).push(slots).reshape(-1, 160) for name in ("", "mute"))
    assert own[15].any()
    assert not muted[15:17].any()
    kept = [i for i in range(len(own)) if i not in (15, 16)]
    np.testing.assert_array_equal(muted[kept], own[kept])


@pytest.mark.parametrize("params", SETTINGS)
def test_nothing_sent_is_silence(params: dict[str, Any]) -> None:
    codec = make(**params)
    frames = encode(codec, speech_like(0.5, codec.info.rate_in, seed=3))
    slots = [Slot(f.index, b"" if 15 <= f.index < 20 else f.payload) for f in frames]
    output = decode(codec, slots).reshape(-1, codec.info.frame)
    assert np.abs(output[14]).max() > 0.01
    assert np.abs(output[17:20]).max() < 1e-3


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(SETTINGS), st.integers(0, 2**32))
def test_any_bits_are_played(params: dict[str, Any], seed: int) -> None:
    codec, chance = make(**params), random.Random(seed)
    payloads = [chance.choice([chance.randbytes(codec.size)] * 8 + [b"", None]) for _ in range(9)]
    output = codec.decoder().push([Slot(i, payload) for i, payload in enumerate(payloads)])
    assert len(output) == codec.info.frame * len(payloads)
    assert np.abs(output).max() <= 1


def test_refuses() -> None:
    with pytest.raises(UserError, match=r"lc3: rate=11025 .*8000, 16000, 24000, 32000, 48000"):
        lc3.make(rate=11_025)
    for frame_ms in (5, "10", True, None):
        with pytest.raises(UserError, match=r"lc3: frame_ms=.* is not allowed; choose from 10.0, 7.5"):
            lc3.make(frame_ms=frame_ms)  # type: ignore[arg-type]  # what a user may write
    for bitrate in (15_999, 320_001, "32000", 32e3):
        with pytest.raises(UserError, match=r"lc3: bitrate=.* is not allowed; .* from 16000 to 320000"):
            lc3.make(bitrate=bitrate)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"lc3: bitrate=21333 is not allowed; .* from 21334 to"):
        lc3.make(bitrate=21_333, frame_ms=7.5)
    with pytest.raises(NotMeasured, match="lc3: the payload of frame 1 has 3 bytes, 40 were due"):
        decode(make(), [Slot(0, None), Slot(1, b"abc")])
