"""`baselines.alaw`: G.711 to the bit; what it shares with mu-law, it does as mu-law."""

import io

import numpy as np
import pytest

from baselines import alaw, mulaw
from benchmark.codec import decode, encode
from benchmark.types import NotMeasured, Signal, Slot, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

ALL = np.arange(-32_768, 32_768).astype(np.int16)
CODES = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize(
    ("code", "level"),  # the ends of each segment in G.711 table 1a, times 8 for 16 bits
    [
        *((0xD5, 8), (0xDA, 248), (0xC5, 264), (0xCA, 504), (0xF5, 528), (0xFA, 1_008), (0xE5, 1_056)),
        *((0x95, 2_112), (0x85, 4_224), (0xB5, 8_448), (0xA5, 16_896), (0xAA, 32_256), (0x2A, -32_256), (0x55, -8)),
    ],
)
def test_levels_of_the_recommendation(code: int, level: int) -> None:
    assert alaw.expand(np.array([code], np.uint8))[0] == level


def test_the_error_is_half_a_step_of_its_segment() -> None:
    codes = alaw.compress(ALL)
    output = alaw.expand(codes).astype(np.int32)
    half = 8 << np.maximum(((codes.astype(np.int32) ^ 0x55) >> 4 & 7) - 1, 0)
    assert (np.abs(output - ALL) <= half).all()
    assert (np.diff(output) >= 0).all()
    np.testing.assert_array_equal(output, -output[::-1])  # -1 - x mirrors x, as in ITU-T G.191


def test_codes_survive() -> None:
    np.testing.assert_array_equal(alaw.compress(alaw.expand(CODES)), CODES)


def test_agrees_with_ffmpeg() -> None:
    av = pytest.importorskip("av")
    decoder = av.CodecContext.create("pcm_alaw", "r")
    decoder.sample_rate, decoder.layout = 8_000, "mono"
    (frame,) = decoder.decode(av.Packet(CODES.tobytes()))
    np.testing.assert_array_equal(frame.to_ndarray().ravel(), alaw.expand(CODES))


@pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning")
def test_agrees_with_the_standard_library() -> None:
    audioop = pytest.importorskip("audioop", reason="left Python with 3.13")
    assert alaw.compress(ALL).tobytes() == audioop.lin2alaw(ALL.tobytes(), 2)
    assert alaw.expand(CODES).tobytes() == audioop.alaw2lin(CODES.tobytes(), 2)


def test_agrees_with_libsndfile() -> None:
    import soundfile

    kind = {"samplerate": 8_000, "format": "RAW", "subtype": "ALAW"}
    file = io.BytesIO()
    soundfile.write(file, ALL, **kind)
    ours = alaw.compress(ALL)
    same = np.frombuffer(file.getvalue(), np.uint8) == ours
    decided = (ALL < 0) & (np.roll(ours, 1) != ours)  # a negative decision value: it rounds that away from zero
    np.testing.assert_array_equal(same, ~decided | (ALL == -32_768))
    samples, _ = soundfile.read(io.BytesIO(CODES.tobytes()), dtype="int16", channels=1, **kind)
    np.testing.assert_array_equal(samples, alaw.expand(CODES))


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_sessions(rate: int) -> None:
    codec, signal = alaw.make(rate=rate), speech_like(0.51, rate)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3}), slots_of(encode(codec, -signal), {3, 4}))


def test_rate() -> None:
    assert sum(f.bits for f in encode(alaw.make(), speech_like(1, 8_000))) == 64_000


def test_concealment_is_that_of_mulaw() -> None:
    signal, lost = speech_like(1, 8_000), {9, 20, 21, 22, 40}
    outputs: list[Signal] = [decode(c, slots_of(encode(c, signal), lost)) for c in (alaw.make(), mulaw.make())]
    np.testing.assert_allclose(*outputs, atol=0.03)  # half a step of the highest segment is 0.016
    assert np.abs(outputs[0]).reshape(-1, 160)[sorted(lost - {22}), :40].max(axis=1).min() > 0.001


@pytest.mark.parametrize("codec", [alaw.make(), mulaw.make()], ids=["alaw", "mulaw"])
def test_muting_silences_lost_frames_and_nothing_else(codec: alaw.Alaw | mulaw.Mulaw) -> None:
    slots = slots_of(encode(codec, speech_like(0.4, 8_000)), {4, 5, 11})
    own, default, mute = (decode(codec, slots, concealment=name).reshape(-1, 160) for name in ("own", "", "mute"))
    np.testing.assert_array_equal(own, default)
    assert own[[4, 5, 11]].any(axis=1).all()
    own[[4, 5, 11]] = 0
    np.testing.assert_array_equal(mute, own)
    with pytest.raises(UserError, match="concealment='repeat' is not allowed"):
        codec.decoder("repeat")


def test_nothing_sent_is_silence() -> None:
    slots = slots_of(encode(alaw.make(), speech_like(0.2, 8_000)))
    slots[4] = Slot(4, b"")
    assert not decode(alaw.make(), slots)[640:800].any()


def test_refuses() -> None:
    with pytest.raises(NotMeasured, match="alaw: the payload of frame 0 has 3 bytes, 160 were due"):
        decode(alaw.make(), [Slot(0, b"abc")])
    with pytest.raises(UserError, match="alaw: rate=11025"):
        alaw.make(rate=11_025)
