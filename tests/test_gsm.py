"""`baselines.gsm`: the bits of libsndfile's GSM 06.10, exact rates, and the substitution and muting of GSM 06.11."""

import io

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import gsm
from baselines._framed import to_int16
from benchmark.codec import decode, encode, trim
from benchmark.types import NotMeasured, Signal, Slot, Unavailable
from tests.signals import check_receivers, check_sessions, slots_of, speech_like


@pytest.fixture
def codec() -> gsm.Gsm:
    try:
        return gsm.make()
    except Unavailable as error:
        pytest.skip(str(error))


def level(signal: Signal) -> float:
    """Root mean square."""
    return float(np.sqrt((signal.astype(np.float64) ** 2).mean()))


def amplitudes(parameters: gsm.Parameters) -> list[int]:
    """The four block amplitudes of a frame."""
    return [int(subframe[gsm.AMPLITUDE]) for subframe in parameters[8:].reshape(4, 17)]


def by_libsndfile(payloads: list[bytes]) -> npt.NDArray[np.int16]:
    """What libsndfile's own copy of the codec makes of them, as 33-byte frames with their signature."""
    frames = b"".join((int.from_bytes(payload, "big") >> 4 | 0xD << 260).to_bytes(33, "big") for payload in payloads)
    form = {"format": "RAW", "subtype": "GSM610", "samplerate": 8_000, "channels": 1}
    return np.asarray(soundfile.read(io.BytesIO(frames), dtype="int16", **form)[0], np.int16)


def test_sessions(codec: gsm.Gsm) -> None:
    signal = speech_like(0.61, 8_000)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3, 4}), slots_of(encode(codec, -signal), {3, 5, 6, 7}))


def test_encodes_as_libsndfile_does(codec: gsm.Gsm) -> None:
    signal, file = speech_like(2, 8_000, seed=1), io.BytesIO()
    soundfile.write(file, to_int16(signal), 8_000, format="RAW", subtype="GSM610")
    theirs = np.frombuffer(file.getvalue(), np.uint8).reshape(-1, 33)
    assert {frame[0] >> 4 for frame in theirs} == {gsm.SIGNATURE}
    bits = [int.from_bytes(frame.tobytes(), "big") - (0xD << 260) << 4 for frame in theirs]
    assert [int.from_bytes(f.payload, "big") for f in encode(codec, signal)] == bits


def test_decodes_as_libsndfile_does(codec: gsm.Gsm) -> None:
    frames = encode(codec, speech_like(2, 8_000, seed=2))
    ours = to_int16(decode(codec, slots_of(frames)))
    np.testing.assert_array_equal(ours, by_libsndfile([f.payload for f in frames]))


def test_rate_is_exact(codec: gsm.Gsm) -> None:
    frames = encode(codec, speech_like(1, 8_000))
    assert {(f.bits, len(f.payload), f.payload[-1] & 0xF) for f in frames} == {(260, 33, 0)}
    assert sum(f.bits for f in frames) == 13_000


def test_speech_resembles_itself_without_a_delay(codec: gsm.Gsm) -> None:
    signal = speech_like(2, 8_000, seed=3)
    output = trim(decode(codec, slots_of(encode(codec, signal))), codec.info.delay, len(signal))
    fits = [np.corrcoef(signal[8 : 15_000 + 8], output[8 + k : 15_008 + k])[0, 1] for k in range(-8, 9)]
    assert np.argmax(fits) == 8, fits
    assert max(fits) > 0.85


def test_the_first_lost_frame_repeats_the_last_good_one(codec: gsm.Gsm) -> None:
    frames = encode(codec, speech_like(1, 8_000, seed=4))
    repeated = [Slot(i, frames[19 if i == 20 else i].payload) for i in range(len(frames))]
    np.testing.assert_array_equal(decode(codec, slots_of(frames, {20})), decode(codec, repeated))


def test_amplitudes_fall_by_four_with_random_grids_and_then_comes_the_silence_frame() -> None:
    parameters = np.arange(76, dtype=np.int16)
    parameters[8:].reshape(4, 17)[:, gsm.AMPLITUDE] = loudest = [63, 5, 4, 0]
    before, random, grids = parameters.copy(), np.random.default_rng(0), []
    for lost in range(1, 17):
        following = gsm.muted(parameters, random)
        assert amplitudes(following) == [max(first - 4 * lost, 0) for first in loudest]
        subframes, same = following[8:].reshape(4, 17), [k for k in range(17) if k not in (gsm.GRID, gsm.AMPLITUDE)]
        np.testing.assert_array_equal(following[:8], before[:8])
        np.testing.assert_array_equal(subframes[:, same], before[8:].reshape(4, 17)[:, same])
        grids += subframes[:, gsm.GRID].tolist()
        parameters = following
    assert set(grids) == {0, 1, 2, 3}
    np.testing.assert_array_equal(gsm.muted(parameters, random), gsm.SILENCE)  # 16 frames of 20 ms later


def test_a_long_loss_falls_to_silence_within_320_ms_and_speech_comes_back(codec: gsm.Gsm) -> None:
    frames = encode(codec, np.tile(speech_like(0.5, 8_000, seed=5), 4))
    lost = range(20, 60)
    output = decode(codec, slots_of(frames, lost)).reshape(-1, 160)
    good = decode(codec, slots_of(frames)).reshape(-1, 160)
    np.testing.assert_array_equal(output[:20], good[:20])
    levels = [level(frame) for frame in output[20:60]]
    assert levels[1] < 1.2 * level(good[19])
    assert levels[9] < 0.5 * max(levels[:2])
    assert max(levels[17:]) < 1e-3
    assert np.corrcoef(output[62:].ravel(), good[62:].ravel())[0, 1] > 0.95


def test_nothing_sent_is_silence_and_so_is_a_loss_after_it(codec: gsm.Gsm) -> None:
    frames = encode(codec, speech_like(1, 8_000, seed=6))
    slots = slots_of(frames, {22})
    slots[20], slots[21] = Slot(20, b""), Slot(21, b"")
    output = decode(codec, slots).reshape(-1, 160)
    assert level(output[21]) < 2e-3
    assert level(output[22]) < 1e-3
    assert level(decode(codec, slots_of(frames, range(30)))[: 30 * 160]) < 1e-3  # nor before the first good frame


def test_muting_is_silence_in_its_place(codec: gsm.Gsm) -> None:
    slots = slots_of(encode(codec, speech_like(0.5, 8_000)), {5, 6})
    own = codec.decoder("own").push(slots).reshape(-1, 160)
    muted = codec.decoder("mute").push(slots).reshape(-1, 160)
    assert not muted[5:7].any()
    kept = [i for i in range(len(own)) if i not in (5, 6)]
    np.testing.assert_array_equal(muted[kept], own[kept])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.just(b"") | st.binary(min_size=33, max_size=33), max_size=12))
def test_any_bits_are_played(payloads: list[bytes | None]) -> None:
    try:
        output = gsm.make().decoder().push([Slot(i, payload) for i, payload in enumerate(payloads)])
    except Unavailable as error:
        pytest.skip(str(error))
    assert len(output) == 160 * len(payloads)
    assert np.abs(output).max(initial=0) <= 1
    if payloads and all(payloads):
        np.testing.assert_array_equal(to_int16(output), by_libsndfile([p for p in payloads if p]))


def test_refuses(codec: gsm.Gsm) -> None:
    with pytest.raises(NotMeasured, match="gsm: the payload of frame 1 has 32 bytes, 33 were due"):
        decode(codec, [Slot(0, None), Slot(1, bytes(32))])
