"""`benchmark.codec`: the two loops, what they refuse, and the base class for offline codecs."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from benchmark.codec import OfflineCodec, decode, encode, push_size, trim
from benchmark.types import SECOND, CodecInfo, NotMeasured, Signal, Slot

INFO = CodecInfo(rate_in=12_000, rate_out=12_000, frame=160)


class Fake:
    """Sends the given payloads at flush, plays the given parts, and notes the sizes of what it was pushed."""

    def __init__(self, payloads: Sequence[Any] = (), parts: Sequence[Any] = (), info: CodecInfo = INFO) -> None:
        self.info, self.payloads, self.parts, self.pushed = info, list(payloads), list(parts), []

    def encoder(self) -> Any:
        return FakeSession(self, [], self.payloads)

    def decoder(self) -> Any:
        return FakeSession(self, np.empty(0, np.float32), *self.parts)


class FakeSession:
    def __init__(self, fake: Any, pushed: Any, flushed: Any) -> None:
        self.fake, self.result, self.flushed = fake, pushed, flushed

    def push(self, given: Any) -> Any:
        self.fake.pushed.append(len(given))
        return self.result

    def flush(self) -> Any:
        return self.flushed


class Reversing(OfflineCodec):
    """An offline codec in the sense of the word: one byte per frame, numbered from the end."""

    info = CodecInfo(8_000, 8_000, frame=100, streaming=False)

    def encode(self, signal: Signal) -> list[bytes]:
        count = -(-len(signal) // self.info.frame)
        return [bytes([count - i]) for i in range(count)]

    def decode(self, payloads: Sequence[bytes | None]) -> Signal:
        levels = [-1.0 if p is None else p[0] / 100 for p in payloads]
        return np.repeat(np.array(levels, np.float32), self.info.frame)


def signal(samples: int) -> Signal:
    return np.zeros(samples, np.float32)


def test_frames_tile_the_time_in_whole_nanoseconds() -> None:
    frames = encode(Fake([b"ab"] * 7), signal(7 * 160))
    assert [f.start for f in frames] == [i * 160 * SECOND // 12_000 for i in range(7)]  # 13.33 ms each
    assert all(a.start + a.duration == b.start for a, b in pairwise(frames))
    assert [f.index for f in frames] == list(range(7))


def test_a_frame_is_ready_when_its_group_and_the_look_ahead_have_been_captured() -> None:
    ms = SECOND // 1000
    assert [f.ready for f in encode(Fake([b"x"] * 3), signal(480))] == [160 * i * SECOND // 12_000 for i in (1, 2, 3)]
    grouped = CodecInfo(16_000, 24_000, frame=320, group=4, lookahead=80)
    frames = encode(Fake([b"x"] * 6, info=grouped), signal(6 * 320))
    assert [f.ready for f in frames] == [85 * ms] * 4 + [165 * ms] * 2
    assert [f.start for f in frames] == [20 * i * ms for i in range(6)]


def test_a_strategy_is_named_to_codecs_that_have_any() -> None:
    class Choosy(Fake):
        def decoder(self, *names: str) -> Any:
            self.pushed.append(names)
            return super().decoder()

    codec = Choosy(parts=[signal(1)])
    decode(codec, [Slot(0, None)])
    decode(codec, [Slot(0, None)], None, "mute")
    assert [p for p in codec.pushed if isinstance(p, tuple)] == [(), ("mute",)]


def test_bits_are_counted_from_bytes_unless_the_codec_knows_better() -> None:
    assert [f.bits for f in encode(Fake([b"abc", b""]), signal(320))] == [24, 0]
    exact = CodecInfo(8_000, 8_000, 160, frame_bits=20)
    assert [f.bits for f in encode(Fake([b"abc", b""], info=exact), signal(320))] == [20, 0]


def test_chunks() -> None:
    fake = Fake([b"x"] * 3)
    encode(fake, signal(450), 200)
    encode(fake, signal(450))
    assert fake.pushed == [200, 200, 50, 450]
    fake = Fake(parts=[signal(9)])
    decode(fake, [Slot(i, b"x") for i in range(5)], 2)
    assert fake.pushed == [2, 2, 1]
    assert push_size(INFO, "streaming")[0] == 160
    assert push_size(INFO, "offline") == (None, None)


def test_nothing_in_nothing_out() -> None:
    assert encode(Fake(), signal(0)) == []
    assert len(decode(Fake(parts=[signal(0)]), [])) == 0


@pytest.mark.parametrize(
    ("payloads", "complaint"),
    [([b"x", "text"], "returned str where bytes"), ([b"x"], "1 frames cover 160 of 320 input samples")],
)
def test_encode_refuses(payloads: list[Any], complaint: str) -> None:
    with pytest.raises(NotMeasured, match=complaint) as caught:
        encode(Fake(payloads), signal(320))
    assert caught.value.status == "codec_failed"


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (np.array([0, 0, np.nan], np.float32), "NaN or infinity, first at sample 2"),
        (np.array([np.inf], np.float32), "NaN or infinity, first at sample 0"),
        (np.zeros(3, np.int16), r"int16\[3\]"),
        (np.zeros((1, 3), np.float32), r"float32\[1, 3\]"),
        ([0.0, 0.0], "list"),
    ],
)
def test_decode_refuses(part: Any, complaint: str) -> None:
    with pytest.raises(NotMeasured, match=complaint) as caught:
        decode(Fake(parts=[part]), [Slot(0, b"x")])
    assert caught.value.status == "codec_failed"


def test_trim() -> None:
    raw = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(trim(raw, 3, 4), [3, 4, 5, 6])
    np.testing.assert_array_equal(trim(raw, -2, 4), [0, 0, 0, 1])
    assert trim(raw, -2, 4).dtype == np.float32
    with pytest.raises(NotMeasured, match="7 samples after its delay of 3, 8 were due"):
        trim(raw, 3, 8)


def test_offline_codec_sees_everything_at_once() -> None:
    codec = Reversing()
    for chunk in (None, 33, 100):
        assert [f.payload for f in encode(codec, signal(250), chunk)] == [b"\3", b"\2", b"\1"]
    assert codec.encoder().push(signal(250)) == []
    slots = [Slot(0, b"\3"), Slot(1, None), Slot(2, b"\1")]
    for chunk in (None, 1, 2):
        np.testing.assert_allclose(decode(codec, slots, chunk)[::100], [0.03, -1, 0.01])
    assert encode(codec, signal(0)) == []
