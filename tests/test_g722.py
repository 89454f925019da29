"""`baselines.g722`: libspandsp to the bit beside FFmpeg's, exact rates, its delay, a concealment that keeps step."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from baselines import g722
from baselines._libspandsp import LIBRARY
from benchmark.bits import Indices, unpack
from benchmark.codec import decode, encode, trim
from benchmark.types import NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

BITRATES = [64_000, 56_000, 48_000]


@pytest.fixture(autouse=True)
def _library() -> None:
    try:
        LIBRARY.load()
    except Unavailable as error:
        pytest.skip(str(error))


def codes_of(codec: g722.G722, signal: Signal) -> list[int]:
    bits = codec.bitrate // 8_000
    return [int(code) for f in encode(codec, signal) for code in unpack(f.payload, bits, [160])]


def pitched(seconds: float, pitch: float) -> Signal:
    """Twenty harmonics, exactly periodic."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    return sum(0.04 * np.cos(2 * np.pi * pitch * k * time + k * k) for k in range(1, 21)).astype(np.float32)


@pytest.mark.parametrize("bitrate", BITRATES)
def test_sessions(bitrate: int) -> None:
    codec, signal = g722.make(bitrate=bitrate), speech_like(0.51)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3}), slots_of(encode(codec, -signal), {3, 4}))


@pytest.mark.parametrize("bitrate", BITRATES)
def test_rates_are_exact(bitrate: int) -> None:
    codec = g722.make(bitrate=bitrate)
    frames = encode(codec, speech_like(1)[: 16_000 - codec.info.delay])
    assert {len(f.payload) for f in frames} == {bitrate // 400}
    assert sum(f.bits for f in frames) == bitrate


def test_lower_rates_leave_out_the_last_bits() -> None:
    full, less, least = (codes_of(g722.make(bitrate=b), speech_like(0.4)) for b in BITRATES)
    assert less == [code >> 1 for code in full]
    assert least == [code >> 2 for code in full]
    assert len(set(full)) > 100


def test_agrees_with_ffmpegs_encoder() -> None:
    av = pytest.importorskip("av")
    encoder = av.CodecContext.create("g722", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 16_000, "mono", "s16"
    encoder.time_base = Fraction(1, 16_000)
    signal, theirs = speech_like(0.4), b""
    for samples in [*np.round(signal * 32_768).astype(np.int16).reshape(-1, 1, 320), None]:
        frame = None
        if samples is not None:
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = 16_000
        theirs += b"".join(map(bytes, encoder.encode(frame)))
    assert theirs[: 20 * 160] == bytes(codes_of(g722.make(), signal))[: 20 * 160]


@pytest.mark.parametrize("bitrate", BITRATES)
def test_agrees_with_ffmpegs_decoder(bitrate: int) -> None:
    av = pytest.importorskip("av")
    decoder = av.CodecContext.create("g722", "r")
    decoder.sample_rate, decoder.layout = 16_000, "mono"
    decoder.options = {"bits_per_codeword": str(bitrate // 8_000)}
    codec, signal = g722.make(bitrate=bitrate), speech_like(0.4)
    codes = bytes(code << 8 - bitrate // 8_000 for code in codes_of(codec, signal))
    (frame,) = decoder.decode(av.Packet(codes))
    np.testing.assert_array_equal(decode(codec, slots_of(encode(codec, signal))) * 32_768, frame.to_ndarray().ravel())


@pytest.mark.parametrize("bitrate", BITRATES)
def test_declared_delay(bitrate: int) -> None:
    codec, signal = g722.make(bitrate=bitrate), speech_like(2)
    raw = decode(codec, slots_of(encode(codec, signal)))
    errors = [float(((raw[lag:][: len(signal)] - signal) ** 2).mean()) for lag in range(40)]
    assert int(np.argmin(errors)) == codec.info.delay
    assert min(errors) < 0.02 * (signal**2).mean()


def test_each_rate_is_nearer_to_the_input_than_the_next_lower() -> None:
    signal, errors = speech_like(2), []
    for codec in map(g722.make, BITRATES):
        output = trim(decode(codec, slots_of(encode(codec, signal))), codec.info.delay, len(signal))
        errors.append(float(((output - signal) ** 2).mean()))
    assert errors[0] < errors[1] < errors[2]


def test_concealment_continues_the_pitch_then_fades() -> None:
    codec = g722.make()
    frames = encode(codec, pitched(0.4, 125))
    good, output = decode(codec, slots_of(frames)), decode(codec, slots_of(frames, range(10, 16)))
    start = 10 * 320
    np.testing.assert_allclose(output[start : start + 160], good[start : start + 160], atol=0.05)  # 10 ms held
    energy = [float((output[start + k * 160 :][:160] ** 2).mean()) for k in range(7)]
    assert energy[0] > energy[1] > energy[2] > energy[3] > energy[4] > energy[5] > energy[6] == 0


def test_the_decoder_hears_of_a_loss_what_is_played_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = g722.make()
    decoder, heard = g722.G722Decoder(codec.info, codec.bitrate), []
    decode_codes = decoder.native.decode

    def listen(codes: Indices) -> Signal:
        heard.append(decode_codes(codes))
        return heard[-1]

    monkeypatch.setattr(decoder.native, "decode", listen)
    frames = encode(codec, pitched(0.4, 125))
    output = decoder.push(slots_of(frames, {12, 13, 14}))
    assert len(heard) == len(frames) - 2  # of losses in a row the first
    played = [output[12 * 320 + lag :][:320] for lag in range(-4, 5)]
    errors = [float(((heard[12] - part) ** 2).mean()) for part in played]
    assert int(np.argmin(errors)) == 4, "its state is not in step"
    assert min(errors) < 0.02 * (heard[12] ** 2).mean()


def test_muting_silences_lost_frames_and_nothing_else() -> None:
    codec = g722.make(bitrate=56_000)
    slots = slots_of(encode(codec, speech_like(0.4)), {4, 5, 11})
    own, default, mute = (decode(codec, slots, concealment=name).reshape(-1, 320) for name in ("own", "", "mute"))
    np.testing.assert_array_equal(own, default)
    assert own[[4, 5, 11]].any(axis=1).all()
    own[[4, 5, 11]] = 0
    np.testing.assert_array_equal(mute, own)


def test_nothing_sent_is_silence() -> None:
    codec = g722.make()
    slots = slots_of(encode(codec, pitched(0.2, 125)))
    slots[4] = Slot(4, b"")
    assert not decode(codec, slots)[4 * 320 : 5 * 320].any()


def test_refuses() -> None:
    for bitrate in (32_000, "64k", True, None):
        with pytest.raises(UserError, match=rf"g722: bitrate={bitrate!r} .*64000, 56000, 48000"):
            g722.make(bitrate=bitrate)  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(NotMeasured, match="g722: the payload of frame 0 has 3 bytes, 120 were due"):
        decode(g722.make(bitrate=48_000), [Slot(0, b"abc")])


def test_says_which_package_it_needs() -> None:
    with pytest.raises(Unavailable, match="apt-get install libspandsp2"):
        replace(LIBRARY, name="nobody_has_this", sonames=("libnobody_has_this.so",)).load()
