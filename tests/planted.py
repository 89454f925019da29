"""Codecs whose every answer to `focalbench probe` is known beforehand; numpy only."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from baselines._framed import FramedDecoder, FramedEncoder
from baselines.pcm import Pcm, PcmDecoder, PcmEncoder
from benchmark.codec import OfflineCodec
from benchmark.types import CodecInfo, Decoder, Encoder, Signal, Slot

RATE = 16_000
FRAME = 320


class Ahead:
    """Each sample is mixed with the one `reach` behind it, so the look-ahead is `reach`; the output trails by `late`.

    A payload is the floats of a frame and the `reach` samples behind it: `frame` + `reach` samples are buffered. It
    declares a look-ahead of `says` samples and a delay of `trails`, by default what it has.
    """

    def __init__(
        self, frame: int = 80, reach: int = 30, late: int = 0, says: int | None = None, trails: int | None = None
    ) -> None:
        self.reach, self.late = reach, late
        lookahead, delay = reach if says is None else says, late if trails is None else trails
        self.info = CodecInfo(RATE, RATE, frame, delay, lookahead)

    def encoder(self) -> Encoder:
        return _AheadEncoder(self.info.frame, self.reach, self.late)

    def decoder(self) -> Decoder:
        return _AheadDecoder(self.info, self.reach, self.late)


class _AheadEncoder:
    def __init__(self, frame: int, reach: int, late: int) -> None:
        self.frame, self.reach, self.late, self.known = frame, reach, late, np.empty(0, np.float32)

    def push(self, signal: Signal) -> list[bytes]:
        self.known = np.concatenate([self.known, signal])
        payloads = []
        while len(self.known) >= self.frame + self.reach:
            payloads.append(self.known[: self.frame + self.reach].tobytes())
            self.known = self.known[self.frame :]
        return payloads

    def flush(self) -> list[bytes]:
        frames = -(-(len(self.known) + self.late) // self.frame)
        return self.push(np.zeros(frames * self.frame + self.reach - len(self.known), np.float32))


class _AheadDecoder(FramedDecoder):
    def __init__(self, info: CodecInfo, reach: int, late: int) -> None:
        super().__init__(info)
        self.reach, self.past = reach, np.zeros(late, np.float32)

    def decode_slot(self, slot: Slot) -> Signal:
        known = np.frombuffer(slot.payload or bytes(4 * (self.info.frame + self.reach)), np.float32)
        mixed = known[: self.info.frame] + known[self.reach :] / 2
        both = np.concatenate([self.past, mixed])
        self.past = both[self.info.frame :]
        return both[: self.info.frame]


class Grouped:
    """As FocalCodec-Stream: two frames go together, and all of their output depends on sample `reach` of them.

    16 kHz in, `out` Hz (24 or 8 kHz) out. The look-ahead is `reach`, the buffering both frames.
    """

    def __init__(self, frame: int = 160, reach: int = 240, out: int = 24_000) -> None:
        self.reach = reach
        self.info = CodecInfo(16_000, out, frame, group=2)

    def encoder(self) -> Encoder:
        return _GroupedEncoder(CodecInfo(16_000, 24_000, 2 * self.info.frame), self.reach)

    def decoder(self) -> Decoder:
        return _GroupedDecoder(self.info)


class _GroupedEncoder(FramedEncoder):
    def __init__(self, info: CodecInfo, reach: int) -> None:
        super().__init__(info)
        self.reach = reach

    def encode_frame(self, frame: Signal) -> bytes:
        return (frame + frame[self.reach]).tobytes()

    def push(self, signal: Signal) -> list[bytes]:
        return [half for both in super().push(signal) for half in (both[: len(both) // 2], both[len(both) // 2 :])]


class _GroupedDecoder(FramedDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        known = np.frombuffer(slot.payload or bytes(4 * self.info.frame), np.float32)
        return np.repeat(known, self.info.rate_out // 8_000)[::2]


class Whole(OfflineCodec):
    """Divides by the peak of the whole input: it looks ahead without limit, and may say that it does not."""

    def __init__(self, streaming: bool = False) -> None:
        self.info = CodecInfo(RATE, RATE, FRAME, streaming=streaming)

    def encode(self, signal: Signal) -> list[bytes]:
        padded = np.concatenate([signal, np.zeros(-len(signal) % FRAME, np.float32)])
        return [frame.tobytes() for frame in (padded / np.abs(padded).max()).reshape(-1, FRAME)]

    def decode(self, payloads: Sequence[bytes | None]) -> Signal:
        return np.concatenate([np.frombuffer(p or bytes(4 * FRAME), np.float32) for p in payloads])


class Prophet(Pcm):
    """Scales every frame by the peak of all that is pushed with it: where that is everything, of what is to come."""

    def encoder(self) -> Encoder:
        return _PropheticEncoder(self.info)


class _PropheticEncoder(PcmEncoder):
    def push(self, signal: Signal) -> list[bytes]:
        return super().push(signal / np.float32(1 + np.abs(signal).max(initial=0)))


class Withheld(Pcm):
    """Its decoder keeps `frames` frames to itself until it has the next one, and does not declare it."""

    def __init__(self, frames: int = 1) -> None:
        super().__init__()
        self.frames = frames

    def decoder(self) -> Decoder:
        return _WithholdingDecoder(self.info, self.frames)


class _WithholdingDecoder(PcmDecoder):
    def __init__(self, info: CodecInfo, frames: int) -> None:
        super().__init__(info)
        self.kept, self.samples = np.empty(0, np.float32), frames * info.frame

    def push(self, slots: Sequence[Slot]) -> Signal:
        known = np.concatenate([self.kept, super().push(slots)])
        here = max(len(known) - self.samples, 0)
        self.kept = known[here:]
        return known[:here]

    def flush(self) -> Signal:
        return self.kept


class Deaf(Pcm):
    """Says the same whatever it hears."""

    def decoder(self) -> Decoder:
        return _DeafDecoder(self.info)


class _DeafDecoder(FramedDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        return np.full(FRAME, 0.5, np.float32)


class Leaky(Pcm):
    """Every frame of the process is a step of 16 bits higher than the one before."""

    def encoder(self) -> Encoder:
        return _LeakyEncoder(self.info)


class _LeakyEncoder(PcmEncoder):
    count = 0  # of the class

    def encode_frame(self, frame: Signal) -> bytes:
        type(self).count += 1
        return super().encode_frame(np.float32(0.1) * frame + np.float32(self.count / 32_768))


class Crossed(Pcm):
    """Sessions share one predictor, which each of them resets: only two that take turns disturb one another."""

    def encoder(self) -> Encoder:
        return _CrossedEncoder(self.info)


class _CrossedEncoder(PcmEncoder):
    last = np.float32(0)  # of the class

    def __init__(self, info: CodecInfo) -> None:
        super().__init__(info)
        type(self).last = np.float32(0)

    def encode_frame(self, frame: Signal) -> bytes:
        coded = super().encode_frame(frame / 2 + self.last / 4)
        type(self).last = frame[-1]
        return coded


class Chunky(Pcm):
    """A push of seven frames flips the last bit of each of them; two slots at once are played at 90 %."""

    def encoder(self) -> Encoder:
        return _ChunkyEncoder(self.info)

    def decoder(self) -> Decoder:
        return _ChunkyDecoder(self.info)


class _ChunkyEncoder(PcmEncoder):
    def push(self, signal: Signal) -> list[bytes]:
        flip = int(len(signal) == 7 * FRAME)
        return [payload[:-1] + bytes([payload[-1] ^ flip]) for payload in super().push(signal)]


class _ChunkyDecoder(PcmDecoder):
    def push(self, slots: Sequence[Slot]) -> Signal:
        return super().push(slots) * np.float32(0.9 if len(slots) == 2 else 1)


class Slow(Pcm):
    """Sleeps for `encode` and `decode` seconds over each frame of 20 ms."""

    def __init__(self, encode: float = 0.0, decode: float = 0.0) -> None:
        super().__init__()
        self.seconds = encode, decode

    def encoder(self) -> Encoder:
        return _SlowEncoder(self.info, self.seconds[0])

    def decoder(self) -> Decoder:
        return _SlowDecoder(self.info, self.seconds[1])


class _SlowEncoder(PcmEncoder):
    def __init__(self, info: CodecInfo, seconds: float) -> None:
        super().__init__(info)
        self.seconds = seconds

    def encode_frame(self, frame: Signal) -> bytes:
        time.sleep(self.seconds)
        return super().encode_frame(frame)


class _SlowDecoder(PcmDecoder):
    def __init__(self, info: CodecInfo, seconds: float) -> None:
        super().__init__(info)
        self.seconds = seconds

    def decode_slot(self, slot: Slot) -> Signal:
        time.sleep(self.seconds)
        return super().decode_slot(slot)


class Large(Pcm):
    """Holds `held` MiB, takes `loading` more while it is loaded, and `running` more while it encodes; says its cost."""

    def __init__(self, held: int = 0, loading: int = 0, running: int = 0, says: str = "enough") -> None:
        super().__init__()
        self.says = says
        self.held = np.ones(held << 20, np.uint8)
        self.running = running
        _take(loading)

    def encoder(self) -> Encoder:
        _take(self.running)
        return super().encoder()

    def cost(self) -> Any:
        said = {"enough": {"parameters": 3, "state_bytes": 2.5}, "text": {"parameters": "3"}, "more": {"flops": 3.0}}
        return said.get(self.says, [3, 4])


def _take(mebibytes: int) -> None:
    block = np.ones(mebibytes << 20, np.uint8)
    time.sleep(0.05)  # so that whoever looks, now and then, sees it
    del block


class Wounded(Pcm):
    """Is silent for two frames after a loss (``quick``), or not at all if it saw the next frame (``patient``)."""

    def __init__(self) -> None:
        super().__init__()
        self.info = CodecInfo(RATE, RATE, FRAME, concealments={"quick": 0, "patient": 1})

    def decoder(self, concealment: str = "quick") -> Decoder:
        return _WoundedDecoder(self.info, concealment)


class _WoundedDecoder(PcmDecoder):
    def __init__(self, info: CodecInfo, concealment: str) -> None:
        super().__init__(info)
        self.concealment, self.silent = concealment, 0

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload is None:
            self.silent = 0 if self.concealment == "patient" and slot.ahead[0] else 2
        elif self.silent:
            self.silent -= 1
            return np.zeros(FRAME, np.float32)
        return super().decode_slot(slot)


class Precise(Pcm):
    """With a `precision` other than fp32, the last bit of each sample of a payload is the other one."""

    def __init__(self, precision: str = "fp32", rate: int = RATE) -> None:
        super().__init__(rate)
        self.flip = precision != "fp32"

    def encoder(self) -> Encoder:
        return _PreciseEncoder(self.info, self.flip)


class _PreciseEncoder(PcmEncoder):
    def __init__(self, info: CodecInfo, flip: bool) -> None:
        super().__init__(info)
        self.flip = flip

    def encode_frame(self, frame: Signal) -> bytes:
        payload = np.frombuffer(super().encode_frame(frame), ">i2")
        return (payload ^ np.int16(self.flip)).astype(">i2").tobytes()
