"""`baselines.speex`: exact rates, frames that ffmpeg decodes alike, pauses that are not sent, and any bits played."""

import random
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pesq import pesq

from baselines import speex
from benchmark import calibrate
from benchmark.bench import Bench
from benchmark.codec import decode, encode, trim
from benchmark.suite import Limits
from benchmark.types import NotMeasured, Signal, Slot, Spec, Unavailable, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

SETTINGS: list[dict[str, Any]] = [
    {},
    {"band": "narrow"},
    {"band": "narrow", "quality": 0},
    {"quality": 0},
    {"quality": 3, "vbr": True},
    {"quality": 5, "dtx": True},
    {"band": "narrow", "vbr": True, "dtx": True},
    {"band": "ultra-wide", "quality": 4},
    {"band": "ultra-wide", "dtx": True, "complexity": 1},
]
BITS = {  # of a frame, by quality: the manual's tables of rates, times 20 ms
    "narrow": [43, 79, 119, 160, 160, 220, 220, 300, 300, 364, 492],
    "wide": [79, 115, 155, 196, 256, 336, 412, 476, 556, 684, 844],
    "ultra-wide": [83, 151, 191, 232, 292, 372, 448, 512, 592, 720, 880],
}


def make(**params: Any) -> speex.Speex:
    """The codec, where its library is here."""
    try:
        return speex.make(**params)
    except Unavailable as error:
        pytest.skip(str(error))


def level(signal: Signal) -> float:
    """Root mean square."""
    return float(np.sqrt((signal.astype(np.float64) ** 2).mean()))


def with_a_pause(rate: int) -> Signal:
    """Speech for 1.5 s, a steady hiss at -56 dB for 2.5 s, and speech for 1 s."""
    hiss = 1.5e-3 * np.random.default_rng(3).standard_normal(5 * rate)
    signal = speech_like(5, rate, seed=1)
    signal[3 * rate // 2 : 4 * rate] = 0
    return (signal + hiss).astype(np.float32)


@pytest.mark.parametrize("params", SETTINGS)
def test_sessions(params: dict[str, Any]) -> None:
    codec = make(**params)
    signal = speech_like(0.51, codec.info.rate_in)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3, 4}), slots_of(encode(codec, -signal), {3, 5, 6}))


@pytest.mark.parametrize("band", BITS)
def test_rates_are_exact(band: str) -> None:
    for quality, bits in enumerate(BITS[band]):
        codec = make(band=band, quality=quality)
        frames = encode(codec, speech_like(0.2, codec.info.rate_in))
        assert {(f.bits, len(f.payload)) for f in frames} == {(bits, -(-bits // 8))}, quality
        assert codec.info.frame == codec.info.rate_in // 50


@pytest.mark.parametrize("params", SETTINGS)
def test_ffmpeg_decodes_the_frames_alike(params: dict[str, Any]) -> None:
    av = pytest.importorskip("av")
    codec = make(**params)
    rate, frames = codec.info.rate_in, encode(codec, speech_like(1, codec.info.rate_in, seed=3))
    fields = struct.pack(
        "<13i", 1, 80, rate, codec.mode, 4, 1, -1, codec.info.frame, codec.info.frame_bits is None, 1, 0, 0, 0
    )
    decoder = av.CodecContext.create("speex", "r")
    decoder.extradata = b"Speex   " + b"1.2".ljust(20, b"\0") + fields
    decoder.sample_rate, decoder.layout = rate, "mono"
    theirs = np.concatenate(
        [part.to_ndarray().ravel() for f in frames for part in decoder.decode(av.Packet(f.payload))]
    )
    ours = decode(codec, slots_of(frames))[: len(theirs)]
    if params.get("band") == "narrow" and params.get("quality") != 0:
        np.testing.assert_allclose(ours, theirs, atol=2e-3)
    else:  # quality 0 is made of noise, and ffmpeg's high-pass filters differ
        assert np.corrcoef(ours, theirs)[0, 1] > 0.85


@pytest.mark.parametrize(("band", "stated"), [("narrow", 80), ("wide", 223), ("ultra-wide", 509)])
def test_the_delay_of_noise_is_what_libspeex_states(band: str, stated: int) -> None:
    codec = make(band=band, quality=10)
    noise = (0.1 * np.random.default_rng(0).standard_normal(codec.info.rate_in)).astype(np.float32)
    raw, length = decode(codec, slots_of(encode(codec, noise))), len(noise) - 100
    lags = range(stated - 50, stated + 51)
    fits = [np.corrcoef(noise[:length], raw[lag : lag + length])[0, 1] for lag in lags]
    assert lags[int(np.argmax(fits))] == stated
    assert 0 <= codec.info.delay - stated <= codec.info.rate_out / 1000


def test_the_declared_delay_of_narrow_band_is_within_1_ms_of_that_of_voices() -> None:
    band = "narrow"  # whose high-pass filters move them
    codec, bench = make(band=band), Bench(Limits())
    try:
        found = calibrate.measure(
            Spec("speex", {"band": band}), codec.info, [p for _, p in calibrate.clips()[:8]], bench
        )
    finally:
        bench.close()
    assert found["agrees"], found


@pytest.mark.parametrize(("band", "rate", "mode"), [("narrow", 8_000, "nb"), ("wide", 16_000, "wb")])
def test_a_higher_quality_sounds_better(band: str, rate: int, mode: str) -> None:
    signal, scores = speech_like(3, rate, seed=4), []
    for quality in (0, 2, 4, 8):
        codec = make(band=band, quality=quality)
        output = trim(decode(codec, slots_of(encode(codec, signal))), codec.info.delay, len(signal))
        scores.append(pesq(rate, signal, output, mode))
    assert (np.diff(scores) > 0.1).all(), scores


@pytest.mark.parametrize("band", BITS)
def test_variable_bitrate_spends_less_on_pauses(band: str) -> None:
    codec, constant = make(band=band, vbr=True), make(band=band)
    signal = with_a_pause(codec.info.rate_in)
    frames, fixed = encode(codec, signal), encode(constant, signal)
    assert codec.info.frame_bits is None
    assert sum(f.bits for f in frames[100:190]) < 0.3 * sum(f.bits for f in fixed[100:190])
    assert all(f.payload for f in frames)


@pytest.mark.parametrize("vbr", [False, True])
@pytest.mark.parametrize("band", BITS)
def test_pauses_are_not_sent_and_sound_as_they_did(band: str, vbr: bool) -> None:
    codec = make(band=band, quality=4, vbr=vbr, dtx=True)  # the higher it is, the more of a pause VBR sends
    signal = with_a_pause(codec.info.rate_in)
    frames = encode(codec, signal)
    unsent = [f.index for f in frames if not f.payload]
    assert len(unsent) > 60
    assert min(unsent) > 75
    assert max(unsent) < 205
    output = trim(decode(codec, slots_of(frames)), codec.info.delay, len(signal))
    pause = np.s_[2 * codec.info.rate_in : 3 * codec.info.rate_in]
    assert 0.3 < level(output[pause]) / level(signal[pause]) < 2
    lost = decode(codec, slots_of(frames, {unsent[10], unsent[11]}))
    np.testing.assert_array_equal(lost, decode(codec, slots_of(frames)))  # libspeex takes it for a pause


@pytest.mark.parametrize("band", BITS)
def test_nothing_sent_is_noise_and_no_loss(band: str) -> None:
    codec = make(band=band)
    frames = encode(codec, speech_like(1, codec.info.rate_in, seed=5))
    output = [
        decode(codec, [Slot(f.index, other if 20 <= f.index < 24 else f.payload) for f in frames])
        for other in (b"", None, speex.NOTHING + bytes(len(frames[0].payload) - 1))
    ]
    np.testing.assert_array_equal(output[0], output[2])
    assert (output[0] != output[1]).any()
    assert 0 < level(output[0][20 * codec.info.frame : 24 * codec.info.frame]) < 0.5


@pytest.mark.parametrize("band", BITS)
def test_concealment_goes_on_and_fades(band: str) -> None:
    codec = make(band=band)
    time = np.arange(codec.info.rate_in) / codec.info.rate_in
    harmonics = [0.05 * np.cos(2 * np.pi * 150 * k * time + k * k) for k in range(1, 11)]
    tone = np.stack(harmonics).sum(axis=0).astype(np.float32)
    output = decode(codec, slots_of(encode(codec, tone), range(25, 45))).reshape(-1, codec.info.frame)
    levels = [level(frame) / level(tone) for frame in output]
    assert 0.5 < levels[25] < 1.2
    assert levels[30] < 0.5 * levels[25]
    assert levels[44] < 0.01
    assert levels[48] > 0.4  # which lets it go, and comes back as slowly


def test_muting_is_silence_in_its_place() -> None:
    codec = make()
    slots = slots_of(encode(codec, speech_like(0.5)), {9, 10})
    own, muted = (codec.decoder(name).push(slots).reshape(-1, 320) for name in ("", "mute"))
    assert own[9].any()
    assert not muted[9:11].any()
    kept = [i for i in range(len(own)) if i not in (9, 10)]
    np.testing.assert_array_equal(muted[kept], own[kept])


def test_complexity_changes_the_bytes() -> None:
    signal = speech_like(0.3)
    assert len({tuple(f.payload for f in encode(make(complexity=c), signal)) for c in (1, 3, 10)}) == 3


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(SETTINGS), st.integers(0, 2**32), st.integers(0, 200))
def test_any_bits_are_played(params: dict[str, Any], seed: int, longest: int) -> None:
    codec, chance = make(**params), random.Random(seed)
    size = codec.info.frame_bits and -(-codec.info.frame_bits // 8)
    payloads = [
        chance.randbytes(size or chance.randint(0, longest)) if chance.random() < 0.9 else None for _ in range(8)
    ]
    output = codec.decoder().push([Slot(i, payload) for i, payload in enumerate(payloads)])
    assert len(output) == codec.info.frame * len(payloads)
    assert np.abs(output).max() <= 1


def test_bits_that_make_no_frame_are_as_good_as_lost(capfd: pytest.CaptureFixture[str]) -> None:
    codec = make(band="narrow")
    frames = encode(codec, speech_like(0.5, 8_000))
    lost = decode(codec, slots_of(frames, {9, 10}))
    for first in (speex.SUBMODES << 3, 13 << 3, 14 << 3, 15 << 3, 0x80):
        slots = slots_of(frames)
        for i in (9, 10):
            slots[i] = Slot(i, bytes([first | 7]) + frames[i].payload[1:])
        np.testing.assert_array_equal(decode(codec, slots), lost)
    assert capfd.readouterr().err == ""


def test_refuses() -> None:
    with pytest.raises(UserError, match=r"speex: band='telephone' .*'narrow', 'wide', 'ultra-wide'"):
        speex.make(band="telephone")
    for quality in (-1, 11, "8", 8.0, True):
        with pytest.raises(UserError, match=r"speex: quality=.* whole numbers from 0 to 10"):
            speex.make(quality=quality)  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(UserError, match=r"speex: complexity=0 .* from 1 to 10"):
        speex.make(complexity=0)
    for name in ("vbr", "dtx"):
        with pytest.raises(UserError, match=rf"speex: {name}=1 is not allowed; choose from True, False"):
            speex.make(**{name: 1})  # type: ignore[arg-type]
    with pytest.raises(NotMeasured, match="speex: the payload of frame 1 has 3 bytes, 70 were due"):
        decode(make(), [Slot(0, None), Slot(1, b"abc")])
