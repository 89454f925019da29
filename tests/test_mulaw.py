"""`baselines.mulaw`: G.711 to the bit, and a concealment that beats silence, joins smoothly and ends."""

import numpy as np
import pytest

from baselines import mulaw
from benchmark.codec import decode, encode
from benchmark.types import NotMeasured, Signal, Slot, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

ALL = np.arange(-32_768, 32_768).astype(np.int16)
CODES = np.arange(256, dtype=np.uint8)


def pitched(seconds: float, pitch: float = 125.0) -> Signal:
    """Ten harmonics, exactly periodic."""
    time = np.arange(round(seconds * 8_000)) / 8_000
    return sum(0.06 * np.cos(2 * np.pi * pitch * k * time + k * k) for k in range(1, 11)).astype(np.float32)


@pytest.mark.parametrize(
    ("code", "level"),  # the ends of each segment in G.711 table 2a, times 4 for 16 bits
    [
        *(
            (0xFF, 0),
            (0xFE, 8),
            (0xF0, 120),
            (0xEF, 132),
            (0xE0, 372),
            (0xDF, 396),
            (0xCF, 924),
            (0xBF, 1_980),
        ),
        *(
            (0xAF, 4_092),
            (0x9F, 8_316),
            (0x8F, 16_764),
            (0x80, 32_124),
            (0x00, -32_124),
            (0x7E, -8),
            (0x7F, 0),
        ),
    ],
)
def test_levels_of_the_recommendation(code: int, level: int) -> None:
    assert mulaw.expand(np.array([code], np.uint8))[0] == level


def test_the_error_is_half_a_step_of_its_segment() -> None:
    codes = mulaw.compress(ALL)
    output = mulaw.expand(codes).astype(np.int32)
    half = 4 << (~codes.astype(np.int32) >> 4 & 7)
    inside = np.abs(ALL.astype(np.int32)) <= 32_635  # beyond, it overloads
    assert (np.abs(output - ALL) <= half)[inside].all()
    assert (np.diff(output) >= 0).all()
    np.testing.assert_array_equal(output, -output[::-1])  # -1 - x mirrors x, as in ITU-T G.191


def test_codes_survive() -> None:
    again = mulaw.compress(mulaw.expand(CODES))
    np.testing.assert_array_equal(again[CODES != 0x7F], CODES[CODES != 0x7F])  # 0x7F is the second zero


def test_agrees_with_ffmpeg() -> None:
    av = pytest.importorskip("av")
    decoder = av.CodecContext.create("pcm_mulaw", "r")
    decoder.sample_rate, decoder.layout = 8_000, "mono"
    (frame,) = decoder.decode(av.Packet(CODES.tobytes()))
    np.testing.assert_array_equal(frame.to_ndarray().ravel(), mulaw.expand(CODES))


@pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning")
def test_agrees_with_the_standard_library() -> None:
    audioop = pytest.importorskip("audioop", reason="left Python with 3.13")
    positive = ALL[ALL >= 0]  # below zero it rounds by two's complement, ITU-T G.191 by one's
    assert mulaw.compress(positive).tobytes() == audioop.lin2ulaw(positive.tobytes(), 2)
    assert mulaw.expand(CODES).tobytes() == audioop.ulaw2lin(CODES.tobytes(), 2)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_sessions(rate: int) -> None:
    codec, signal = mulaw.make(rate=rate), speech_like(0.51, rate)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3}), slots_of(encode(codec, -signal), {3, 4}))


def test_rate() -> None:
    frames = encode(mulaw.make(), speech_like(1, 8_000))
    assert sum(f.bits for f in frames) == 64_000


def test_concealment_continues_the_pitch_then_fades() -> None:
    signal = pitched(0.4)
    output = decode(mulaw.make(), slots_of(encode(mulaw.make(), signal), range(10, 20)))
    start = 10 * 160
    np.testing.assert_allclose(output[start : start + 80], signal[start : start + 80], atol=0.03)  # 10 ms held
    energy = [float((output[start + k * 80 :][:80] ** 2).mean()) for k in range(7)]
    assert energy[0] > energy[1] > energy[2] > energy[3] > energy[4] > energy[5] > energy[6] == 0
    assert not output[start + 480 :].any()


@pytest.mark.parametrize("pitch", [70.0, 113.0, 190.0])
def test_no_click_at_the_joins(pitch: float) -> None:
    signal = pitched(0.4, pitch)
    output = decode(mulaw.make(), slots_of(encode(mulaw.make(), signal), {8, 12, 13}))
    assert np.abs(np.diff(output)).max() < 1.3 * np.abs(np.diff(signal)).max()


def test_no_click_where_there_is_no_pitch_to_repeat() -> None:
    signal = (0.5 * np.sin(2 * np.pi * 20 * np.arange(3_200) / 8_000)).astype(np.float32)  # longer than any period
    for first in range(8, 13):
        output = decode(mulaw.make(), slots_of(encode(mulaw.make(), signal), {first, first + 1}))
        assert np.abs(np.diff(output)).max() < 0.05  # 0.008 in the input; up to 0.4 where joins are left alone


def test_concealment_beats_silence() -> None:
    lost, error, silence = range(5, 100, 7), 0.0, 0.0
    for seed in range(6):
        frames = encode(mulaw.make(), speech_like(2, 8_000, seed))
        good, concealed = (decode(mulaw.make(), slots_of(frames, some)) for some in ((), lost))
        error += ((concealed - good).reshape(-1, 160)[list(lost), :80] ** 2).mean()  # the first 10 ms
        silence += (good.reshape(-1, 160)[list(lost), :80] ** 2).mean()
    assert error < 0.6 * silence


def test_nothing_sent_is_silence() -> None:
    slots = slots_of(encode(mulaw.make(), pitched(0.2)))
    slots[4] = Slot(4, b"")
    assert not decode(mulaw.make(), slots)[640:800].any()


def test_refuses() -> None:
    with pytest.raises(NotMeasured, match="mulaw: the payload of frame 0 has 3 bytes, 160 were due"):
        decode(mulaw.make(), [Slot(0, b"abc")])
    with pytest.raises(UserError, match="mulaw: rate=11025"):
        mulaw.make(rate=11_025)
