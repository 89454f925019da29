"""`baselines.opus` with every libopus here: settings, LBRR flags against behaviour, losses, DTX, rubbish."""

import ctypes
import gc
import hashlib
import importlib.util
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from baselines import _libopus, _libraries, opus
from baselines._opus_packet import carries_lbrr
from benchmark.codec import decode, encode, trim
from benchmark.types import Frame, NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like


def libraries() -> Iterator[str]:
    """A system's libopus and PyAV's, as far as they are here."""
    try:
        ctypes.CDLL("libopus.so.0")
        yield "libopus.so.0"
    except OSError:
        pass
    spec = importlib.util.find_spec("av")
    if spec is not None and spec.origin is not None:
        yield from map(str, sorted((Path(spec.origin).parents[1] / "av.libs").glob("libopus*")))


LIBRARIES = list(libraries())
pytestmark = pytest.mark.skipif(not LIBRARIES, reason="no libopus: pip install av")
SETTINGS = st.fixed_dictionaries(
    {
        "bitrate": st.integers(opus.BITRATES[0], opus.BITRATES[-1]) | st.integers(6_000, 40_000),
        "frame_ms": st.sampled_from([10, 20, 40, 60]),
        "rate": st.sampled_from([8_000, 12_000, 16_000, 24_000, 48_000]),
        "vbr": st.booleans(),
        "complexity": st.integers(0, 10),
        "fec": st.booleans(),
        "expected_loss": st.none() | st.integers(0, 100),
        "dtx": st.booleans(),
        "application": st.sampled_from(list(opus.APPLICATIONS)),
    }
)


@pytest.fixture(params=LIBRARIES, ids=lambda path: Path(path).name)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ctypes.CDLL:
    """Each libopus in turn."""
    monkeypatch.setenv(_libopus.LIBRARY.variable, request.param)
    return _libopus.LIBRARY.load()


def after_speech(frames: list[Frame], signal: Signal, size: int) -> list[Frame]:
    """The frames that follow a frame of speech, one within 25 dB of the loudest."""
    power = (signal[: len(signal) // size * size].reshape(-1, size) ** 2).mean(axis=1)
    return [frames[i + 1] for i in np.flatnonzero(power > power.max() * 10**-2.5)]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"fec": True, "bitrate": 20_000, "rate": 48_000},
        {"dtx": True, "frame_ms": 60, "rate": 8_000, "bitrate": 6_000},
        {"application": "lowdelay", "frame_ms": 10, "rate": 24_000, "bitrate": 64_000},
        {"fec": True, "frame_ms": 40, "rate": 12_000},
    ],
)
def test_sessions(params: dict) -> None:
    codec = opus.make(**params)
    signal = speech_like(0.73, codec.info.rate_in)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3, 4}), slots_of(encode(codec, -signal), {5}))


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # the same commit gets the same verdict
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(params=SETTINGS, lost=st.sets(st.integers(0, 30)), seed=st.integers(0, 9))
@example(params={"bitrate": 128_000, "vbr": False, "frame_ms": 60, "rate": 8_000}, lost={0}, seed=0)
@example(params={"bitrate": 128_000, "vbr": False, "frame_ms": 10, "rate": 48_000}, lost={1}, seed=0)
def test_any_settings(library: ctypes.CDLL, params: dict, lost: set[int], seed: int) -> None:
    note(f"{_libopus.version()} {params}")
    codec = opus.make(**params)
    info, signal = codec.info, speech_like(0.35, codec.info.rate_in, seed)
    frames = encode(codec, signal)
    assert info.frame == info.rate_in * params.get("frame_ms", 20) // 1000
    assert len(frames) == -(-(len(signal) + info.delay) // info.frame)
    if not params["vbr"] and not params.get("dtx"):
        due = params["bitrate"] * params["frame_ms"] / 8_000  # libopus 1.3 rounds each third of 60 ms
        assert all(abs(len(f.payload) - due) <= 2 for f in frames), [len(f.payload) for f in frames]
    output = trim(decode(codec, slots_of(frames, lost)), info.delay, len(signal))
    assert np.abs(output).max() <= 1
    if hasattr(library, "opus_packet_has_lbrr"):
        for payload in (f.payload for f in frames if f.payload):
            assert carries_lbrr(payload) == library.opus_packet_has_lbrr(payload, len(payload))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
@pytest.mark.parametrize("bitrate", [12_000, 24_000])
@pytest.mark.parametrize("vbr", [True, False])
def test_flagged_packets_are_those_that_recover_a_frame(frame_ms: int, bitrate: int, vbr: bool) -> None:
    codec = opus.make(bitrate=bitrate, frame_ms=frame_ms, fec=True, vbr=vbr)
    payloads = [f.payload for f in encode(codec, speech_like(1.0, seed=3))]
    flagged, compared = [carries_lbrr(payload) for payload in payloads], 0
    for index in range(2, len(payloads)):
        with_fec, without = (_libopus.NativeDecoder(16_000) for _ in range(2))
        for payload in payloads[: index - 1]:
            with_fec.decode(payload, codec.info.frame)
            without.decode(payload, codec.info.frame)
        recovered = with_fec.decode(payloads[index], codec.info.frame, fec=True)
        differs = not np.array_equal(recovered, without.decode(None, codec.info.frame))
        # Where the bandwidth changes, the concealment that stands in for missing FEC is at the new one.
        if flagged[index] or payloads[index][0] >> 3 == payloads[index - 2][0] >> 3:
            assert differs == flagged[index], index
            compared += 1
    assert compared > 0.8 * (len(payloads) - 2)
    assert any(flagged) == (bitrate == 24_000)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("bitrate", "expected_loss", "low", "high"),
    [(6_000, 30, 0, 0), (14_000, 30, 0, 0), (16_000, 20, 0, 0), (24_000, 10, 0.95, 1), (24_000, 0, 0, 0)],
)
def test_share_of_active_packets_with_fec(bitrate: int, expected_loss: int, low: float, high: float) -> None:
    codec, shares = opus.make(bitrate=bitrate, fec=True, expected_loss=expected_loss), []
    for seed in range(3):
        signal = speech_like(3, seed=seed)
        frames = after_speech(encode(codec, signal), signal, codec.info.frame)
        shares += [codec.carries_fec(f.payload) for f in frames]
    assert low <= np.mean(shares) <= high


@pytest.mark.usefixtures("library")
def test_fec_needs_its_setting() -> None:
    signal = speech_like(1)
    assert not any(carries_lbrr(f.payload) for f in encode(opus.make(), signal))
    assert opus.make(fec=True).info.identity["expected_loss"] == "10"
    assert opus.make().info.identity["expected_loss"] == "0"
    assert opus.make(fec=True, expected_loss=3).info.identity["expected_loss"] == "3"


@pytest.mark.usefixtures("library")
def test_fec_beats_concealment() -> None:
    codec = opus.make(fec=True)
    for seed in range(3):
        frames = encode(codec, speech_like(3, seed=seed))
        lost = set(range(4, len(frames), 6))
        whole = decode(codec, slots_of(frames))
        recovered, late, alone = (decode(codec, slots_of(frames, lost, ahead)) for ahead in (1, 2, 0))
        np.testing.assert_array_equal(recovered, late)
        assert ((recovered - whole) ** 2).sum() < 0.5 * ((alone - whole) ** 2).sum()


@pytest.mark.usefixtures("library")
def test_the_packet_ahead_must_be_there() -> None:
    codec = opus.make(fec=True)
    payloads = [f.payload for f in encode(codec, speech_like(0.6, seed=3))]
    lost = next(i for i in range(5, len(payloads)) if codec.carries_fec(payloads[i + 1]))
    before = [Slot(i, payload) for i, payload in enumerate(payloads[:lost])]
    aheads: list[tuple[bytes | None, ...]] = [(), (None,), (b"",), (b"\x03\x00",), (payloads[lost + 1],)]
    ends = [decode(codec, [*before, Slot(lost, None, ahead)])[-320:] for ahead in aheads]
    for end in ends[1:-1]:
        np.testing.assert_array_equal(end, ends[0])
    assert not np.array_equal(ends[-1], ends[0])


@pytest.mark.usefixtures("library")
def test_losses_at_the_ends() -> None:
    codec = opus.make()
    frames = encode(codec, speech_like(0.5, seed=1))
    assert not decode(codec, slots_of(frames, range(len(frames)))).any()
    assert not decode(codec, slots_of(frames, {0}))[:320].any()
    whole, ended = decode(codec, slots_of(frames)), decode(codec, slots_of(frames, {len(frames) - 1}))
    np.testing.assert_array_equal(whole[:-320], ended[:-320])


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("application", "rate", "delay"),
    [("voip", 16_000, 104), ("voip", 48_000, 312), ("audio", 16_000, 104), ("lowdelay", 16_000, 40)],
)
def test_delay_is_as_declared(application: str, rate: int, delay: int) -> None:
    codec = opus.make(bitrate=32_000, rate=rate, application=application)
    signal = speech_like(2, rate)
    raw = decode(codec, slots_of(encode(codec, signal)))[: len(signal)]
    fits = [float(signal[: len(signal) - lag] @ raw[lag:]) for lag in range(2 * delay)]
    assert codec.info.delay == delay
    assert abs(int(np.argmax(fits)) - delay) <= rate // 4_000  # a quarter of a ms: the SILK filters are not linear


@pytest.mark.usefixtures("library")
def test_bitrate_follows() -> None:
    signal = speech_like(5)
    sizes = [sum(f.bits for f in encode(opus.make(bitrate=b), signal)) / 5 for b in (6_000, 12_000, 24_000, 64_000)]
    for asked, got in zip((6_000, 12_000, 24_000, 64_000), sizes, strict=True):
        assert 0.7 * asked < got < 1.1 * asked


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("frame_ms", [20, 60])
def test_dtx_sends_nothing_in_silence(frame_ms: int) -> None:
    signal = np.concatenate([speech_like(1), np.zeros(48_000, np.float32), speech_like(1, seed=1)])
    codec = opus.make(dtx=True, frame_ms=frame_ms)
    frames = encode(codec, signal)
    pause = frames[1500 // frame_ms : 3900 // frame_ms]
    assert np.mean([f.payload == b"" for f in pause]) > 0.8
    assert all(f.bits == 0 for f in frames if f.payload == b"")
    assert all(len(f.payload) > 2 for f in frames if f.payload)
    assert all(f.payload for f in encode(opus.make(frame_ms=frame_ms), signal))
    decoded = decode(codec, slots_of(frames))
    asked = [Slot(f.index, f.payload or None) for f in frames]  # libopus treats both as "continue"
    np.testing.assert_array_equal(decoded, decode(codec, asked))


@given(payload=st.binary(max_size=80), first=st.none() | st.integers(0, 255), layout=st.integers(0, 3))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_carries_fec_reads_any_bytes(payload: bytes, first: int | None, layout: int) -> None:
    if first is not None:
        payload = bytes([first & 0xFC | layout]) + payload
    says = carries_lbrr(payload)
    for path in LIBRARIES:
        library = ctypes.CDLL(path)
        if payload and hasattr(library, "opus_packet_has_lbrr"):
            theirs = library.opus_packet_has_lbrr(payload, len(payload))
            assert theirs < 0 or says == bool(theirs)  # negative: malformed


def test_carries_fec_in_every_layout() -> None:
    """Packets written by hand: configuration 9 is 20 ms wideband SILK; its LBRR flag is the second bit."""
    silk, flag, none = 9 << 3, b"\x40abc", b"\xbfabc"
    for frame, expected in ((flag, True), (none, False)):
        packets = [
            bytes([silk]) + frame,
            bytes([silk | 1]) + 2 * frame,
            bytes([silk | 2, 4]) + frame + b"later",
            bytes([silk | 3, 2]) + 2 * frame,  # constant sizes
            bytes([silk | 3, 0x42, 3]) + 2 * frame + bytes(3),  # and padding
            bytes([silk | 3, 0x42, 255, 1]) + 2 * frame + bytes(255),  # and much of it
            bytes([silk | 3, 0x83, 4, 4]) + 3 * frame,  # given sizes
            bytes([silk | 3, 0xC1, 2]) + frame + bytes(2),  # one frame, padded
        ]
        long = frame + bytes(300 - len(frame))
        packets.append(bytes([silk | 2, 252, 12]) + long + b"later")  # a size of two bytes: 252 + 4 * 12
        assert [carries_lbrr(p) for p in packets] == [expected] * len(packets)
    assert not carries_lbrr(bytes([silk | 2, 0]) + flag), "the first of two frames is empty"
    assert not carries_lbrr(bytes([silk | 3, 0x82, 0]) + flag), "the same, with given sizes"
    assert carries_lbrr(bytes([silk | 4]) + b"\x10abc"), "the side channel's flag"
    assert not carries_lbrr(bytes([31 << 3]) + b"\xff"), "CELT has none"
    for configuration, bit in {8: 6, 9: 6, 10: 5, 11: 4, 12: 6, 13: 6}.items():
        assert [b for b in range(8) if carries_lbrr(bytes([configuration << 3, 1 << b]))] == [bit]


@pytest.mark.usefixtures("library")
def test_rubbish_is_concealed_or_decoded_never_worse() -> None:
    random = np.random.default_rng(1)
    codec, concealed = opus.make(), 0
    good = [f.payload for f in encode(codec, speech_like(0.3))]
    for size in itertools.chain(range(1, 60), (300, 1_275, 4_000)):
        payload = random.bytes(size)
        output, lost = (decode(codec, [Slot(0, good[8]), Slot(1, p), Slot(2, good[9])]) for p in (payload, None))
        assert len(output) == 3 * 320
        concealed += np.array_equal(output, lost)
        assert len(decode(codec, [Slot(0, good[8]), Slot(1, None, (payload,)), Slot(2, payload)])) == 3 * 320
    assert 10 < concealed < 62
    with pytest.raises(NotMeasured, match=r"libopus .*: decoding 2 bytes as 320 samples: .*\(-4\)"):
        codec.decoder().native.decode(b"\x03\x00", 320)


@pytest.mark.usefixtures("library")
def test_a_packet_of_another_length_is_concealed() -> None:
    for mine, theirs in itertools.permutations((10, 20, 60), 2):
        payload = encode(opus.make(frame_ms=theirs), speech_like(0.2))[1].payload
        codec = opus.make(frame_ms=mine)
        with pytest.raises(NotMeasured, match="decoding"):
            codec.decoder().native.decode(payload, codec.info.frame)
        assert len(decode(codec, [Slot(0, payload), Slot(1, None)])) == 2 * codec.info.frame


def test_native_states_are_freed(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[int] = []
    for name in ("opus_encoder_destroy", "opus_decoder_destroy"):
        destroy = getattr(library, name)
        monkeypatch.setattr(library, name, lambda state, destroy=destroy: (destroy(state), freed.append(state)))
    codec = opus.make()
    freed.clear()
    states = []
    for session in (codec.encoder(), codec.decoder()):
        states.append(session.native.state)
    del session
    gc.collect()
    assert sorted(freed) == sorted(states)


def test_every_setting_reaches_libopus(library: ctypes.CDLL) -> None:
    asked = {"bitrate": 17_000, "vbr": 0, "complexity": 3, "fec": 1, "expected_loss": 7, "dtx": 1}
    encoder = _libopus.NativeEncoder(16_000, opus.APPLICATIONS["voip"], asked)
    for name, value in asked.items():
        found = ctypes.c_int32(-1)
        assert library.opus_encoder_ctl(encoder.state, _libopus.SET[name] + 1, ctypes.byref(found)) == 0  # the getter
        assert (name, found.value) == (name, value)
    with pytest.raises(NotMeasured, match="setting complexity=11: invalid argument"):
        _libopus.NativeEncoder(16_000, opus.APPLICATIONS["voip"], {"complexity": 11})


def test_the_decoders_complexity_reaches_libopus(library: ctypes.CDLL) -> None:
    if library.opus_get_version_string() < b"libopus 1.5":
        with pytest.raises(NotMeasured, match=r"setting the decoder's complexity=7: request not implemented \(-5\)"):
            _libopus.NativeDecoder(16_000, 7)
        return
    found, decoder = ctypes.c_int32(-1), _libopus.NativeDecoder(16_000, 7)
    assert library.opus_decoder_ctl(decoder.state, _libopus.COMPLEXITY + 1, ctypes.byref(found)) == 0
    assert found.value == 7


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"bitrate": 24}, "bitrate=24 .* 6000 to 128000"),
        ({"bitrate": 128_001}, "bitrate=128001 .* 6000 to 128000"),
        ({"bitrate": 24_000.0}, "bitrate=24000.0"),
        ({"bitrate": "24k"}, "bitrate='24k'"),
        ({"frame_ms": 30}, "frame_ms=30 .* 10, 20, 40, 60"),
        ({"rate": 44_100}, "rate=44100 .* 8000, 12000, 16000, 24000, 48000"),
        ({"complexity": 11}, "complexity=11 .* 0 to 10"),
        ({"complexity": True}, "complexity=True"),
        ({"expected_loss": 101}, "expected_loss=101 .* 0 to 100"),
        ({"application": "music"}, "application='music' .* 'voip', 'audio', 'lowdelay'"),
        ({"vbr": 1}, "vbr=1 .* True, False"),
        ({"fec": "on"}, "fec='on' .* True, False"),
        ({"dtx": None}, "dtx=None .* True, False"),
    ],
)
def test_refuses(params: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=f"opus: {complaint}"):
        opus.make(**params)


def test_where_libopus_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variable = _libopus.LIBRARY.variable
    monkeypatch.delenv(variable, raising=False)
    assert opus.make().info.identity["libopus"].startswith("libopus ")
    other = tmp_path / "nothing.so"
    monkeypatch.setenv(variable, str(other))
    with pytest.raises(UserError, match=f"FOCALBENCH_LIBOPUS='{other}' is not libopus"):
        opus.make()
    monkeypatch.setenv(variable, "libc.so.6")
    with pytest.raises(UserError, match=r"is not libopus.*opus_get_version_string"):
        opus.make()
    monkeypatch.delenv(variable)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    nameless = replace(_libopus.LIBRARY, sonames=("no-such-library.so",))
    if importlib.util.find_spec("av") is not None:  # PyAV's own copy is the last resort
        assert "opus" in Path(nameless.load()._name).name
    _libraries._load.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="`apt-get install libopus0`, `pip install av` or FOCALBENCH_LIBOPUS=PATH"):
        nameless.load()


def test_its_identity_names_the_file_that_runs(library: ctypes.CDLL) -> None:
    identity = opus.make().info.identity
    assert identity["libopus"] == _libopus.version()
    name, _, checksum = identity["library"].partition(", sha256 ")
    assert name.startswith("libopus")
    assert len(checksum) == 16
    if Path(library._name).is_file():
        assert hashlib.sha256(Path(library._name).read_bytes()).hexdigest().startswith(checksum)


@pytest.mark.usefixtures("library")
def test_mute_mutes_what_neither_a_packet_nor_lbrr_brings() -> None:
    codec = opus.make(fec=True)
    frames = encode(codec, speech_like(2, seed=3))
    lost = {*range(10, 90, 9), 50, 51, 52}
    slots = [*slots_of(frames, lost), Slot(len(frames), b"\x03\x00"), Slot(len(frames) + 1, b"")]
    own, mute = (decode(codec, slots, None, name).reshape(-1, codec.info.frame) for name in codec.info.concealments)
    brought = [_brought(slot) for slot in slots]
    assert 1 < sum(index in lost and there for index, there in enumerate(brought)) < len(lost)
    for index, there in enumerate(brought):
        np.testing.assert_array_equal(mute[index], own[index] if there else 0, err_msg=str(index))
    assert own[50:52].any(), "concealed by libopus"


def _brought(slot: Slot) -> bool:
    if slot.payload is not None:
        return slot.payload != b"\x03\x00"
    return bool(slot.ahead and slot.ahead[0] and carries_lbrr(slot.ahead[0]))
