"""libopus's networks: found by what they do, refused where they are not, and DRED taken from the right packet.

What needs a libopus that was built with networks runs where FOCALBENCH_LIBOPUS names one, and is skipped elsewhere.
Networks with random weights do for all of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from baselines import _libopus, _opus_networks, _opus_receiver, opus
from baselines._opus_packet import carries_lbrr
from benchmark.codec import decode, encode
from benchmark.types import CodecInfo, NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_sessions, slots_of, speech_like

ALL = ("deep PLC", "LACE", "NoLACE", "DRED")
WIDE, NARROW, CELT = (bytes([number << 3, 0, 0]) for number in (9, 1, 21))  # packets of 20 ms
WIDE_LBRR = bytes([9 << 3, 0x40, 0])


@pytest.fixture(autouse=True)
def some_libopus() -> None:
    try:
        _libopus.LIBRARY.load()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def networked() -> None:
    if lacking := set(ALL) - set(_opus_networks.found()):
        pytest.skip(f"{_libopus.version()} has no {', '.join(sorted(lacking))}: name one in FOCALBENCH_LIBOPUS")


# What the library has


class Imitation:
    """A decoder of a library that has `networks`, which do nothing but to change the output a little."""

    def __init__(self, rate: int, complexity: int = 0, networks: Sequence[str] | None = ()) -> None:
        if networks is None and complexity:
            raise NotMeasured("codec_failed", "setting the decoder's complexity: request not implemented (-5)")
        self.running = [name for least, name in _opus_networks.NETWORKS.items() if complexity >= least]
        self.running = [name for name in self.running if name in (networks or ())]

    def decode(self, payload: bytes | None, samples: int, fec: bool = False) -> Signal:
        enhancing = self.running[-1:] if self.running[-1:] != ["deep PLC"] else []
        running = enhancing if payload is not None else self.running
        return np.full(samples, float(len("".join(running))), np.float32)


@pytest.mark.parametrize(
    ("networks", "dred", "found"),
    [
        (None, False, ()),  # before 1.5: its decoders have no complexity
        ((), False, ()),
        (("deep PLC",), False, ("deep PLC",)),
        (("deep PLC", "LACE"), False, ("deep PLC", "LACE")),
        (("deep PLC", "NoLACE"), False, ("deep PLC", "NoLACE")),
        (("deep PLC", "LACE", "NoLACE"), True, ALL),
        (("deep PLC",), True, ("deep PLC", "DRED")),
    ],
)
def test_networks_are_found_by_what_they_do(
    networks: Sequence[str] | None, dred: bool, found: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_opus_networks, "NativeDecoder", lambda *given: Imitation(*given, networks=networks))
    monkeypatch.setattr(_opus_networks, "_has_redundancy", lambda frames: dred)
    assert _opus_networks._found.__wrapped__(_libopus.LIBRARY.load()) == found


@pytest.mark.parametrize(("reach", "has"), [(range(0, 880), True), (range(0, 0), False)])
def test_dred_is_there_where_a_packet_holds_some(reach: range, has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A libopus whose weights lie in a file takes the setting without them, and writes nothing."""

    class Encoder:
        def __init__(self, rate: int, application: int, settings: Mapping[str, int]) -> None:
            assert settings["dred"] > 0
            assert settings["expected_loss"] > 0

        def encode(self, frame: Signal) -> bytes:
            return WIDE

    monkeypatch.setattr(_opus_networks, "NativeEncoder", Encoder)
    monkeypatch.setattr(_opus_networks, "Redundancy", lambda rate: Told({WIDE: reach}))
    assert _opus_networks._has_redundancy(np.zeros((3, 320), np.float32)) == has


def test_what_it_has_is_in_its_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opus.make().info.identity["features"] == (", ".join(_opus_networks.found()) or "none")
    monkeypatch.setattr(opus, "found", lambda: ALL)
    assert opus.make().info.identity["features"] == "deep PLC, LACE, NoLACE, DRED"


ASKED = [
    ("decoder_complexity", 5, "deep PLC"),
    ("decoder_complexity", 6, "LACE"),
    ("decoder_complexity", 7, "NoLACE"),
    ("dred_ms", 500, "DRED"),
]


@pytest.mark.parametrize(("parameter", "value", "network"), ASKED)
def test_what_is_absent_is_asked_for_in_vain(
    parameter: str, value: int, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = tuple(name for name in ALL if name != network)
    monkeypatch.setattr(_opus_networks, "found", lambda: others)
    with pytest.raises(Unavailable) as caught:
        opus.make(**{parameter: value})
    text = str(caught.value)
    assert f"opus: {parameter}={value} needs {network}. The {_libopus.version()} (libopus" in text
    assert f"was built with only {' and '.join(others)}" in text
    assert "--enable-deep-plc --enable-dred --enable-osce, and give its path in FOCALBENCH_LIBOPUS." in text
    monkeypatch.setattr(_opus_networks, "found", tuple)
    with pytest.raises(Unavailable, match="was built with no networks"):
        opus.make(**{parameter: value})


def test_nolace_needs_deep_plc_but_not_lace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_opus_networks, "found", lambda: ("LACE", "NoLACE", "DRED"))
    with pytest.raises(Unavailable, match="decoder_complexity=7 needs deep PLC"):
        opus.make(decoder_complexity=7)
    monkeypatch.setattr(_opus_networks, "found", lambda: ("deep PLC", "NoLACE"))
    assert opus.make(decoder_complexity=7).decoder_complexity == 7


@pytest.mark.parametrize(("parameter", "value", "network"), ASKED)
def test_the_library_here_has_a_network_or_is_unavailable(parameter: str, value: int, network: str) -> None:
    if network in _opus_networks.found():
        assert opus.make(**{parameter: value}).info.delay == 104
    else:
        with pytest.raises(Unavailable, match=f"{parameter}={value} needs "):
            opus.make(**{parameter: value})


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"decoder_complexity": 4}, "opus: decoder_complexity=4 .* 0, 5, 6, 7"),
        ({"decoder_complexity": True}, "opus: decoder_complexity=True"),
        ({"dred_ms": 15}, "opus: dred_ms=15 .* 0 to 1040 in steps of 10"),
        ({"dred_ms": 1_050}, "opus: dred_ms=1050"),
        ({"dred_ms": 500.0}, "opus: dred_ms=500.0"),
        ({"dred_ms": 500, "rate": 8_000}, "opus: with networks, rate=8000 .* 16000, 24000, 48000"),
        ({"decoder_complexity": 5, "rate": 12_000}, "opus: with networks, rate=12000"),
        ({"decoder_complexity": 6, "frame_ms": 10}, "opus: with LACE, frame_ms=10 .* 20, 40, 60"),
    ],
)
def test_refuses_what_no_network_does(params: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        opus.make(**params)


# What is recovered from where


class Told(dict[bytes, range]):
    """Redundancy that is known by heart; its output is how far back it was asked for, in thousandths."""

    asked: bytes = b""

    def read(self, payload: bytes, samples: int) -> range:
        self.asked = payload
        return self.get(payload, range(0))

    def decode(self, decoder: Any, back: int, samples: int) -> Signal:
        assert self[self.asked], "it tells of nothing"
        return np.full(samples, back / 100_000, np.float32)


class Plain:
    """A decoder whose output says what it did: 1 for a packet, 0.5 for LBRR, 0.25 for what it conceals."""

    def decode(self, payload: bytes | None, samples: int, fec: bool = False) -> Signal:
        if payload == b"rubbish":
            raise NotMeasured("codec_failed", "no packet")
        return np.full(samples, 0.25 if payload is None else 0.5 if fec else 1, np.float32)


def receiver(told: dict[bytes, range] | None) -> _opus_receiver.OpusDecoder:
    decoder = _opus_receiver.OpusDecoder(CodecInfo(16_000, 16_000, frame=320), 0, dred=False)
    decoder.native, decoder.redundancy = Plain(), None if told is None else Told(told)  # type: ignore[assignment]
    return decoder


def heard(decoder: _opus_receiver.OpusDecoder, slot: Slot) -> tuple[float, bool]:
    output = decoder.decode_slot(slot)
    assert len(output) == 320
    return float(output[0]), decoder.has(slot)


CONCEALED, LBRR, PACKET = (0.25, False), (0.5, True), (1.0, True)
NEAR, FAR = bytes([9 << 3, 0, 1]), bytes([9 << 3, 0, 2])


@pytest.mark.parametrize(
    ("ahead", "told", "expected"),
    [
        ((), {}, CONCEALED),
        ((None, None), {}, CONCEALED),
        ((WIDE,), {WIDE: range(0, 319)}, CONCEALED),
        ((WIDE,), {WIDE: range(0, 320)}, (0.0032, True)),
        ((WIDE,), {WIDE: range(1, 640)}, CONCEALED),  # just before the packet was silence
        ((None, WIDE), {WIDE: range(0, 639)}, CONCEALED),
        ((None, WIDE), {WIDE: range(320, 640)}, (0.0064, True)),
        ((None, WIDE), {WIDE: range(321, 640)}, CONCEALED),
        ((None, b"", NEAR, FAR), {NEAR: range(0, 960), FAR: range(0, 9_999)}, (0.0096, True)),
        ((NEAR, FAR), {NEAR: range(0, 100), FAR: range(0, 9_999)}, (0.0064, True)),
        ((WIDE_LBRR,), {WIDE_LBRR: range(0, 9_999)}, LBRR),
        ((None, WIDE_LBRR), {WIDE_LBRR: range(0, 9_999)}, (0.0064, True)),
        ((None, WIDE_LBRR), None, CONCEALED),  # no DRED was asked for
        ((WIDE_LBRR,), None, LBRR),
    ],
)
def test_a_lost_frame_is_taken_from_the_nearest_packet_that_tells_of_it(
    ahead: tuple[bytes | None, ...], told: dict[bytes, range] | None, expected: tuple[float, bool]
) -> None:
    decoder = receiver(told)
    assert heard(decoder, Slot(0, WIDE)) == PACKET
    value, there = heard(decoder, Slot(1, None, ahead))
    assert (pytest.approx(value), there) == expected
    assert heard(decoder, Slot(2, b"")) == (*CONCEALED[:1], True), "nothing was sent, nothing is missing"
    assert heard(decoder, Slot(3, b"rubbish")) == CONCEALED


@pytest.mark.parametrize(
    ("before", "expected"),
    [((), CONCEALED), ((NARROW,), CONCEALED), ((WIDE, b""), (0.0032, True)), ((NARROW, CELT), (0.0032, True))],
)
def test_dred_is_left_alone_where_libopus_would_not_play_it(
    before: tuple[bytes, ...], expected: tuple[float, bool]
) -> None:
    decoder = receiver({WIDE: range(0, 9_999)})
    for index, payload in enumerate(before):
        heard(decoder, Slot(index, payload))
    assert heard(decoder, Slot(9, None, (WIDE,))) == pytest.approx(expected)


def test_lbrr_is_not_taken_after_celt_but_before_anything() -> None:
    assert heard(receiver(None), Slot(0, None, (WIDE_LBRR,))) == LBRR
    decoder = receiver(None)
    heard(decoder, Slot(0, CELT))
    assert heard(decoder, Slot(1, None, (WIDE_LBRR,))) == CONCEALED


def test_after_lbrr_of_wideband_dred_can_be_played() -> None:
    decoder = receiver({WIDE: range(0, 9_999)})
    assert heard(decoder, Slot(0, None, (WIDE,))) == CONCEALED
    assert heard(decoder, Slot(1, None, (WIDE_LBRR,))) == LBRR
    assert heard(decoder, Slot(2, None, (WIDE,))) == pytest.approx((0.0032, True))


# libopus itself, where it has networks

DEEP = {"bitrate": 40_000, "expected_loss": 20, "dred_ms": 500}


@pytest.mark.usefixtures("networked")
@pytest.mark.parametrize("params", [{"decoder_complexity": c} for c in _opus_networks.NETWORKS] + [DEEP])
def test_sessions(params: dict[str, Any]) -> None:
    check_sessions(opus.make(**params), speech_like(0.73))


@pytest.mark.usefixtures("networked")
def test_deep_plc_changes_what_is_concealed_alone() -> None:
    frames = encode(opus.make(), speech_like(1, seed=1))
    slots = slots_of(frames, {20, 21})
    plain, deep = (decode(opus.make(decoder_complexity=c), slots).reshape(-1, 320) for c in (0, 5))
    np.testing.assert_array_equal(plain[:20], deep[:20])
    assert (plain[20:22] != deep[20:22]).mean() > 0.9


@pytest.mark.usefixtures("networked")
def test_lace_and_nolace_change_wideband_of_20_ms_alone() -> None:
    signal = speech_like(1, seed=1)
    whole = [decode(opus.make(decoder_complexity=c), slots_of(encode(opus.make(), signal))) for c in (5, 6, 7)]
    assert all((one != other).mean() > 0.9 for one, other in ((whole[0], whole[1]), (whole[1], whole[2])))
    for params in ({"rate": 8_000}, {"frame_ms": 10}):
        codec = opus.make(**params)
        info = codec.info
        payloads = [f.payload for f in encode(codec, speech_like(1, info.rate_in, seed=1))]
        decoders = [_libopus.NativeDecoder(info.rate_out, complexity) for complexity in (5, 7)]
        for payload in payloads:
            np.testing.assert_array_equal(*(decoder.decode(payload, info.frame) for decoder in decoders))


@pytest.mark.usefixtures("networked")
@pytest.mark.parametrize(("bitrate", "runs"), [(6_000, False), (8_000, False), (9_000, True)])
def test_networks_run_from_9_kbits_on(bitrate: int, runs: bool) -> None:
    slots = slots_of(encode(opus.make(bitrate=bitrate), speech_like(1, seed=1)), {30, 31})
    plain, enhanced = (decode(opus.make(bitrate=bitrate, decoder_complexity=c), slots) for c in (0, 7))
    assert (not np.array_equal(plain, enhanced)) == runs


@pytest.mark.usefixtures("networked")
@pytest.mark.parametrize(("bitrate", "low", "high"), [(11_000, 0, 0), (40_000, 0.9, 1)])
def test_share_of_packets_with_dred(bitrate: int, low: float, high: float) -> None:
    codec = opus.make(**DEEP | {"bitrate": bitrate})
    payloads = [f.payload for f in encode(codec, speech_like(2, seed=1))]
    assert not any(map(carries_lbrr, payloads))
    assert low <= np.mean([codec.carries_fec(payload) for payload in payloads]) <= high
    assert not any(opus.make().carries_fec(payload) for payload in payloads), "it is not asked for"


@pytest.mark.usefixtures("networked")
def test_dred_expects_losses_unless_it_is_told_not_to() -> None:
    for expected, told in ({}, "10"), ({"expected_loss": 3}, "3"), ({"expected_loss": 0}, "0"):
        codec = opus.make(bitrate=40_000, dred_ms=500, **expected)
        assert codec.info.identity["expected_loss"] == told
        frames = encode(codec, speech_like(1, seed=1))
        assert any(codec.carries_fec(f.payload) for f in frames) == (told != "0")


@pytest.mark.usefixtures("networked")
@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_dred_is_played_where_a_frame_is_lost(frame_ms: int) -> None:
    codec = opus.make(**DEEP, frame_ms=frame_ms)
    frames = encode(codec, speech_like(2, seed=1))
    first = 1_200 // frame_ms
    lost = range(first, first + 80 // frame_ms)
    buffered, alone = (slots_of(frames, lost, ahead) for ahead in (len(lost), 0))
    told, concealed, muted, silent = (
        decode(codec, slots, None, name).reshape(len(frames), -1)
        for slots, name in ((buffered, ""), (alone, ""), (buffered, "mute"), (alone, "mute"))
    )
    np.testing.assert_array_equal(told[:first], concealed[:first])
    assert all((told[index] != concealed[index]).mean() > 0.9 for index in lost)
    np.testing.assert_array_equal(muted, told)
    assert not silent[lost].any()


@pytest.mark.usefixtures("networked")
def test_dred_reaches_as_far_as_it_was_asked_to_and_bits_allow() -> None:
    signal, reaches = speech_like(3, seed=1), []
    for milliseconds in (100, 300, 1_000):
        codec = opus.make(**DEEP | {"dred_ms": milliseconds, "bitrate": 128_000})
        redundancy = _opus_networks.Redundancy(16_000)
        last = encode(codec, signal)[100].payload
        reaches.append(len(redundancy.read(last, 16_000)) / 16)
        assert redundancy.read(last, 16_000).stop >= redundancy.read(last, 320).stop >= 640
        with pytest.raises(NotMeasured, match="decoding DRED of 7 samples, 320 before a packet: invalid argument"):
            redundancy.decode(_libopus.NativeDecoder(16_000), 320, 7)
    assert 60 < reaches[0] < 140 < reaches[1] < reaches[2]


@pytest.mark.usefixtures("networked")
def test_below_wideband_libopus_does_not_play_dred() -> None:
    """Why it is left alone there."""
    told = encode(opus.make(**DEEP), speech_like(2, seed=1))[60].payload
    narrow = [f.payload for f in encode(opus.make(rate=8_000), speech_like(1, 8_000, seed=1))]
    redundancy, decoders = _opus_networks.Redundancy(16_000), [_libopus.NativeDecoder(16_000) for _ in range(2)]
    for decoder in decoders:
        for payload in narrow[:30]:
            decoder.decode(payload, 320)
    assert len(redundancy.read(told, 320)) >= 320
    np.testing.assert_array_equal(redundancy.decode(decoders[0], 320, 320), decoders[1].decode(None, 320))


@pytest.mark.usefixtures("networked")
def test_bits_that_changed_never_end_the_process() -> None:
    random = np.random.default_rng(1)
    codec, redundancy = opus.make(**DEEP), _opus_networks.Redundancy(16_000)
    payloads = [f.payload for f in encode(codec, speech_like(1, seed=1))]
    read = 0
    for index in range(2_000):
        payload = bytearray(payloads[index % len(payloads)])
        for at in random.integers(0, len(payload), random.integers(1, 20)):
            payload[at] = random.integers(256)
        read += len(redundancy.read(bytes(payload), 320)) > 0
    assert 100 < read < 1_900
    assert len(redundancy.read(random.bytes(200), 320)) == 0
