"""`baselines.amr_nb` and `baselines.amr_wb`: exact rates, delays, DTX, losses, and FFmpeg's decoders."""

import dataclasses
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import amr_nb, amr_wb
from baselines._amr import Amr, Variant
from benchmark import align, audio, calibrate
from benchmark.codec import decode, encode, trim
from benchmark.metrics import pesq
from benchmark.types import Floats, Frame, NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

VARIANTS: dict[ModuleType, Variant] = {amr_nb: amr_nb.AMR, amr_wb: amr_wb.AMR_WB}
MODES = [(module, bitrate) for module, variant in VARIANTS.items() for bitrate in variant.bitrates]
LOOKAHEAD = {amr_nb: 40, amr_wb: 95}  # samples, of which 5 ms are looked ahead
every_codec = pytest.mark.parametrize("module", VARIANTS, ids=["amr_nb", "amr_wb"])
every_mode = pytest.mark.parametrize(("module", "bitrate"), MODES, ids=[str(bitrate) for _, bitrate in MODES])


@cache
def make(module: ModuleType, bitrate: int = 12_200, dtx: bool = False) -> Amr:
    """The codec at the mode next to `bitrate`, or a skip; it makes sessions, and has no state."""
    nearest = min(VARIANTS[module].bitrates, key=lambda mode: abs(mode - bitrate))
    try:
        return cast(Amr, module.make(nearest, dtx))
    except Unavailable as error:
        pytest.skip(str(error))


def level(signal: Signal) -> float:
    """In dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(signal, dtype=np.float64)) + 1e-12))


def noise(seconds: float, rate: int) -> Signal:
    """At -50 dB."""
    return (10**-2.5 * np.random.default_rng(5).standard_normal(round(seconds * rate))).astype(np.float32)


def clip(number: int, rate: int) -> Signal:
    """Five seconds of read speech."""
    found = audio.read(calibrate.clips()[number][1])
    return align.resample(found.signal, found.rate, rate)[: 5 * rate]


@every_codec
@pytest.mark.parametrize("dtx", [False, True])
def test_sessions(module: ModuleType, dtx: bool) -> None:
    codec = make(module, dtx=dtx)
    signal = np.concatenate([speech_like(0.53, codec.info.rate_in), noise(0.6, codec.info.rate_in)])
    check_sessions(codec, signal)
    frames = encode(codec, signal)
    check_receivers(codec, slots_of(frames, {3, 4, 9}), slots_of(frames[::-1]))


@every_mode
def test_rates_are_exact(module: ModuleType, bitrate: int) -> None:
    codec = make(module, bitrate)
    frames = encode(codec, speech_like(0.5, codec.info.rate_in))
    assert codec.info.frame * 50 == codec.info.rate_in == codec.info.rate_out
    assert {50 * frame.bits for frame in frames} == {bitrate}
    assert {len(frame.payload) for frame in frames} == {-(-bitrate // 50 // 8)}
    assert codec.info.frame_bits == bitrate // 50
    assert make(module, bitrate, dtx=True).info.frame_bits is None


@every_mode
def test_declared_delay(module: ModuleType, bitrate: int) -> None:
    codec = make(module, bitrate)
    rate, signal = codec.info.rate_in, clip(19, codec.info.rate_in)
    output = decode(codec, slots_of(encode(codec, signal)))
    # Differentiated, as the high-pass filters of AMR turn the phases of the pitch.
    found = align.estimate_delay(np.diff(signal), np.diff(output), rate)
    assert (found.samples, found.method) == (LOOKAHEAD[module], "waveform")
    assert abs(codec.info.delay - found.samples) <= rate // 1_000


def other_decoder(name: str, rate: int, packets: Sequence[bytes]) -> Floats:
    """What FFmpeg's decoder `name` makes of frames with the byte of their type before them."""
    av = pytest.importorskip("av")
    try:
        context = av.CodecContext.create(name, "r")
    except ValueError:
        pytest.skip(f"this PyAV has no {name}")
    context.sample_rate, context.layout = rate, "mono"
    parts = [frame.to_ndarray()[0] for packet in packets for frame in context.decode(av.Packet(packet))]
    output = np.concatenate(parts)
    return output / (32_768.0 if output.dtype == np.int16 else 1.0)


def typed(variant: Variant, codec: Amr, payload: bytes) -> bytes:
    """A payload with the byte that files have before it [RFC 4867, section 5.3]."""
    kind = {0: 15, 5: variant.sid}.get(len(payload), codec.mode)
    return bytes([kind << 3 | 4]) + payload


@every_mode
def test_ffmpeg_decodes_our_frames_to_nearly_the_same(module: ModuleType, bitrate: int) -> None:
    codec, variant = make(module, bitrate), VARIANTS[module]
    frames = encode(codec, speech_like(2, variant.rate, seed=1))
    ours = decode(codec, slots_of(frames))
    theirs = other_decoder(
        variant.name.replace("_", ""), variant.rate, [typed(variant, codec, f.payload) for f in frames]
    )
    # 0.98 at 23.85 kbit/s, else .99: AMR-WB's band above 6.4 kHz is noise, which differs. AMR: .997 or more.
    assert np.corrcoef(ours, theirs)[0, 1] > {amr_nb: 0.995, amr_wb: 0.97}[module]


@every_codec
def test_losses_and_pauses_become_these_frame_types(module: ModuleType) -> None:
    codec, variant = make(module, dtx=True), VARIANTS[module]
    frames = encode(codec, np.concatenate([speech_like(1.5, variant.rate, seed=1), noise(2.5, variant.rate)]))
    pause = next(frame.index for frame in frames[100:] if len(frame.payload) == 5)
    speech, lost = frames[100:pause], set[int]()
    assert len(speech) > 5
    assert {len(frame.payload) for frame in speech} == {len(frames[0].payload)}
    packets = [typed(variant, codec, f.payload) for f in frames]
    for first, end, again in ((0, 1, 0), (20, 21, 1), (30, 34, 2), (pause - 5, pause, 2), (pause + 20, pause + 30, 0)):
        again, missing = (again, b"\x74") if module is amr_wb else (0, b"\x7c")
        packets[first:end] = again * [packets[first - 1]] + (end - first - again) * [missing]
        lost |= {*range(first, end)}
    theirs = other_decoder(f"libopencore_{variant.name.replace('_', '')}", variant.rate, packets)
    np.testing.assert_allclose(decode(codec, slots_of(frames, lost)), theirs, atol=1e-6)


@every_codec
def test_dtx_sends_a_description_of_noise_and_sounds_like_it(module: ModuleType) -> None:
    codec = make(module, dtx=True)
    rate = codec.info.rate_in
    frames = encode(codec, noise(4, rate))
    sizes = [len(frame.payload) for frame in frames[100:]]
    assert sizes.count(5) in (12, 13)  # every eighth frame
    assert set(sizes) == {0, 5}
    assert {frame.bits for frame in frames[100:]} == {0, 40}
    output = decode(codec, slots_of(frames))[2 * rate :]
    assert level(output) == pytest.approx(-50, abs=5)
    lost = decode(codec, slots_of(frames, range(120, 150)))[2 * rate :]  # three descriptions, and what was not sent
    assert level(lost) == pytest.approx(level(output), abs=2)
    assert all(frame.payload for frame in encode(make(module), noise(4, rate)))


@every_codec
def test_dtx_leaves_speech_alone(module: ModuleType) -> None:
    rate = VARIANTS[module].rate
    plain, sparing = (encode(make(module, dtx=dtx), clip(7, rate)) for dtx in (False, True))
    speech = len(plain[0].payload)
    assert 0.6 < np.mean([len(frame.payload) == speech for frame in sparing]) < 1


def vowel(rate: int) -> Signal:
    """Two seconds of a steady one, of 125 Hz."""
    times = np.arange(2 * rate) / rate
    return sum(0.3 / n**1.5 * np.cos(2 * np.pi * 125 * n * times + n**2) for n in range(1, 20)).astype(np.float32)


@every_codec
def test_a_short_loss_keeps_the_level_and_a_long_one_falls_silent(module: ModuleType) -> None:
    codec = make(module)
    frame, frames = codec.info.frame, encode(codec, vowel(codec.info.rate_in))
    whole = decode(codec, slots_of(frames))
    output = decode(codec, slots_of(frames, range(40, 60)))
    fall = [level(output[k * frame : (k + 1) * frame]) - level(whole[k * frame : (k + 1) * frame]) for k in range(80)]
    assert np.abs(fall[:40]).max() == 0
    assert fall[40] > -3
    assert fall[41] > -8
    assert max(fall[47:60]) < -25
    np.testing.assert_array_equal(
        decode(codec, slots_of(frames, range(40, 60)), None, "mute")[40 * frame : 60 * frame], 0
    )


@every_codec
def test_speech_comes_back_after_a_long_loss(module: ModuleType) -> None:
    codec = make(module)
    frames = encode(codec, clip(7, codec.info.rate_in))
    whole, output = (decode(codec, slots_of(frames, lost))[90 * codec.info.frame :] for lost in ((), range(50, 70)))
    assert level(output - whole) < level(whole) - 20


@every_codec
def test_nothing_is_heard_before_the_first_frame(module: ModuleType) -> None:
    codec = make(module)
    output = decode(codec, slots_of(encode(codec, speech_like(0.5, codec.info.rate_in)), range(5)))
    assert level(output[: 5 * codec.info.frame]) < -60
    assert level(output[6 * codec.info.frame :]) > -40


def spoken(codec: Amr, signal: Signal, frames: list[Frame], lost: set[int], concealment: str = "") -> float:
    """The PESQ of an output."""
    info = codec.info
    output = trim(decode(codec, slots_of(frames, lost), None, concealment), info.delay, len(signal))
    (value,) = pesq.make()(signal, output, info.rate_out).values()
    assert isinstance(value, float)
    return value


@every_codec
def test_own_concealment_beats_silence(module: ModuleType) -> None:
    codec, gains = make(module), []
    for number in (1, 7, 13, 19):
        signal = clip(number, codec.info.rate_in)
        frames = encode(codec, signal)
        lost = set(np.flatnonzero(np.random.default_rng(number).random(len(frames)) < 1 / 8).tolist())
        own, mute = (spoken(codec, signal, frames, lost, name) for name in ("own", "mute"))
        gains.append(own - mute)
        assert own > mute + 0.05
    assert np.mean(gains) > 0.25  # libopencore-amrwb's own: .03


@every_codec
def test_quality_rises_with_the_rate(module: ModuleType) -> None:
    values = []
    for bitrate in (1, 8_000, 99_999):
        codec = make(module, bitrate)
        signals = [clip(number, codec.info.rate_in) for number in (4, 10)]
        values.append(np.mean([spoken(codec, signal, encode(codec, signal), set()) for signal in signals]))
    assert (np.diff(values) > 0.1).all(), values


@every_codec
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_bits_of_a_right_size_decode(module: ModuleType, data: st.DataObject) -> None:
    codec = make(module, data.draw(st.sampled_from(VARIANTS[module].bitrates)))
    assert codec.info.frame_bits is not None
    sizes = st.sampled_from([0, 5, -(-codec.info.frame_bits // 8)])
    payload = st.none() | sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))
    slots = [Slot(i, payload) for i, payload in enumerate(data.draw(st.lists(payload, max_size=12)))]
    output = decode(codec, slots)
    assert len(output) == len(slots) * codec.info.frame
    np.testing.assert_array_equal(decode(codec, slots), output)


@every_codec
@settings(max_examples=30, deadline=None)
@given(payload=st.binary(min_size=1, max_size=99).filter(lambda payload: len(payload) not in (5, 31, 32)))
def test_other_sizes_are_refused(module: ModuleType, payload: bytes) -> None:
    codec = make(module)
    size = {amr_nb: 31, amr_wb: 32}[module]
    due = rf"frame 1 has {len(payload)} bytes, {size} \(speech\), 5 \(background noise\) or 0 \(nothing sent\) were due"
    with pytest.raises(NotMeasured, match=due) as caught:
        decode(codec, [Slot(0, None), Slot(1, payload)])
    assert caught.value.status == "codec_failed"


@every_codec
def test_refuses(module: ModuleType) -> None:
    name = VARIANTS[module].name
    for bitrate in (12_201, "12200", True, None):
        with pytest.raises(UserError, match=rf"{name}: bitrate={bitrate!r} is not allowed; choose from [46][67]?"):
            module.make(bitrate)
    with pytest.raises(UserError, match=f"{name}: dtx=1 is not allowed; choose from True, False"):
        module.make(dtx=1)
    with pytest.raises(UserError, match="concealment='hold' is not allowed"):
        make(module).decoder("hold")


def test_a_missing_library_is_named_with_its_package() -> None:
    for library in (amr_nb.LIBRARY, amr_wb.ENCODER, amr_wb.DECODER):
        absent = dataclasses.replace(library, name="none-such", sonames=("libnone-such.so.0",))
        with pytest.raises(Unavailable, match=f"`apt-get install {library.package}`"):
            absent.load()
