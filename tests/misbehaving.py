"""Codecs that break one promise each, all of them PCM otherwise; and a host for the tests of children."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from baselines.pcm import Pcm, PcmDecoder, PcmEncoder
from benchmark.types import CodecInfo, Decoder, Encoder, NotMeasured, Signal, Slot, Unavailable, UserError

RATE = 16_000


def fail() -> None:
    raise RuntimeError("planned failure")


def hang() -> None:
    while True:
        time.sleep(1)


def die(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def leave() -> None:
    sys.stderr.write("first words\nlast words\n")
    sys.stderr.flush()
    os._exit(7)


def eat() -> None:
    np.ones(4 << 30, np.uint8)


def flood() -> None:
    line = "x" * 999 + "\n"
    for _ in range(5_000):
        sys.stdout.write(line)
        sys.stderr.write(line)
    os.write(1, b"straight to the descriptor\n")


def lacks() -> None:
    raise Unavailable("needs the library libplanned: pip install planned")


def unserious() -> None:
    raise OddError(17)


class OddError(NotMeasured):
    """Does not survive a pickle: its constructor takes other arguments than it passes on."""

    def __init__(self, number: int) -> None:
        super().__init__("codec_failed", f"sentence {number}")


ACTS: dict[str, Callable[[], None]] = {
    "raise": fail,
    "hang": hang,
    "kill": die(signal.SIGKILL),
    "segfault": die(signal.SIGSEGV),
    "leave": leave,
    "eat": eat,
    "flood": flood,
    "lack": lacks,
    "odd": unserious,
}


class Trouble(Pcm):
    """Does `what` when asked to `where`: construct, encode or decode."""

    def __init__(self, what: str, where: str = "encode") -> None:
        super().__init__()
        self.what, self.where = what, where
        self.reach("construct")

    def reach(self, where: str) -> None:
        if where == self.where:
            ACTS[self.what]()

    def encoder(self) -> Encoder:
        self.reach("encode")
        return super().encoder()

    def decoder(self) -> Decoder:
        self.reach("decode")
        return super().decoder()


class HangInFork(Pcm):
    """Hangs in the fork of its child, whose process id it leaves in the file `path`."""

    fork_per_call = True

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)

    def encoder(self) -> Encoder:
        self.path.write_text(str(os.getpid()))
        hang()
        return super().encoder()


class Flaky(Pcm):
    """Cannot conceal a loss until the file `path` exists."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)

    def decoder(self) -> Decoder:
        return PcmDecoder(self.info) if self.path.exists() else _HelplessDecoder(self.info)


class _HelplessDecoder(PcmDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload is None:
            fail()
        return super().decode_slot(slot)


class Slow(Pcm):
    """Takes `seconds` to encode."""

    def __init__(self, seconds: float = 0.1) -> None:
        super().__init__(RATE)
        self.seconds = seconds

    def encoder(self) -> Encoder:
        time.sleep(self.seconds)
        return super().encoder()


class _Sessions(Pcm):
    """PCM with other sessions."""

    sender: type[PcmEncoder] = PcmEncoder
    receiver: type[PcmDecoder] = PcmDecoder

    def encoder(self) -> Encoder:
        return self.sender(self.info)

    def decoder(self) -> Decoder:
        return self.receiver(self.info)


class _NanDecoder(PcmDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        output = super().decode_slot(slot)
        output[5] = np.nan if slot.index == 3 else output[5]
        return output


class Nan(_Sessions):
    """Puts out one NaN."""

    receiver = _NanDecoder


class _ShortDecoder(PcmDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        return super().decode_slot(slot)[: -1 if slot.payload is None else None]


class ShortWhenLost(_Sessions):
    """Plays a sample too few for every lost frame."""

    receiver = _ShortDecoder


class _HalfDecoder(PcmDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        return super().decode_slot(slot)[::2]


class TooFew(_Sessions):
    """Plays half of the samples."""

    receiver = _HalfDecoder


class _CountingEncoder(PcmEncoder):
    def push(self, signal: Signal) -> list[Any]:
        return [len(payload) for payload in super().push(signal)]


class IntPayloads(_Sessions):
    """Its payloads are numbers."""

    sender = _CountingEncoder


class _EmptyTextEncoder(PcmEncoder):
    def encode_frame(self, frame: Signal) -> Any:
        return ""


class EmptyText(_Sessions):
    """Its payloads are empty text, which is no bytes."""

    sender = _EmptyTextEncoder


class _SharedDecoder(PcmDecoder):
    level = 1.0  # of the class: every session turns it down for all

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload is None:
            type(self).level *= 0.9
        return super().decode_slot(slot) * np.float32(self.level)


class SharedState(_Sessions):
    """A loss in one session turns down the next ones."""

    receiver = _SharedDecoder


class _MindfulDecoder(PcmDecoder):
    level = 1.0  # of the class, as above

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.index == 1 and slot.payload is None:
            type(self).level = 0.9
        return super().decode_slot(slot) * np.float32(self.level)


class Mindful(_Sessions):
    """Is quieter for ever once the second frame of any session was lost."""

    receiver = _MindfulDecoder


class _ChunkedEncoder(PcmEncoder):
    def push(self, signal: Signal) -> list[bytes]:
        return super().push(signal - np.float32(0.001 * (len(signal) % 2)))


class ChunkDependent(_Sessions):
    """Its payloads depend on how many samples are pushed at once."""

    sender = _ChunkedEncoder


class _ChunkedDecoder(PcmDecoder):
    def push(self, slots: Any) -> Signal:
        return super().push(slots) * np.float32(0.9 if len(slots) == 3 else 1)


class SlotChunkDependent(_Sessions):
    """Its output depends on how many slots are pushed at once."""

    receiver = _ChunkedDecoder


class _UnfinishedEncoder(PcmEncoder):
    def flush(self) -> list[bytes]:
        return []


class DropsLastFrame(_Sessions):
    """Never sends the last, partial frame."""

    sender = _UnfinishedEncoder


class _ForgetfulEncoder(PcmEncoder):
    def push(self, signal: Signal) -> list[bytes]:
        payloads = super().push(signal)
        if len(signal) > self.info.frame:  # a small push is kept until it fills a frame
            self.rest = self.rest[:0]
        return payloads


class ForgetsRemainder(_Sessions):
    """Forgets what a long push leaves over after its whole frames."""

    sender = _ForgetfulEncoder


class _ProcessEncoder(PcmEncoder):
    def encode_frame(self, frame: Signal) -> bytes:
        return super().encode_frame(frame)[:-2] + os.getpid().to_bytes(4, "big")[-2:]


class ProcessDependent(_Sessions):
    """Its bytes depend on the process."""

    sender = _ProcessEncoder


class _DeafDecoder(PcmDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload == b"":
            raise ValueError("an empty payload")
        return super().decode_slot(slot)


class RefusesQuiet(_Sessions):
    """Raises where nothing was sent."""

    receiver = _DeafDecoder


class MisstatedBits(Pcm):
    """States 100 bits for a frame of 640 bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.info = CodecInfo(RATE, RATE, frame=320, frame_bits=100)


class _ChoosyDecoder(PcmDecoder):
    """Plays silence (mute) or a hum for what was lost."""

    def __init__(self, info: CodecInfo, name: str, breaks: str) -> None:
        super().__init__(info)
        self.name, self.breaks = name, breaks

    def push(self, slots: Any) -> Signal:
        signal = super().push(slots)
        return signal * np.float32(0.9) if self.breaks == "chunks" and len(slots) == 3 else signal

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload is None:
            hum = np.full(self.info.frame, 0.1, np.float32)
            return hum[: -1 if self.breaks == "length" else None] if self.name == "hum" else 0 * hum
        signal = super().decode_slot(slot)
        return signal / 2 if self.breaks == "clean" and self.name == "hum" else signal


class Choosy(Pcm):
    """Has two loss strategies, of which the one that waits breaks something: length, clean or chunks."""

    def __init__(self, breaks: str = "") -> None:
        super().__init__()
        self.info = CodecInfo(RATE, RATE, frame=320, concealments={"mute": 0, "hum": 2})
        self.breaks = breaks

    def decoder(self, concealment: str = "mute") -> Decoder:
        return _ChoosyDecoder(self.info, concealment, self.breaks if concealment == "hum" else "")


class Whole(Pcm):
    """Says that its encoder sees the whole utterance first."""

    def __init__(self) -> None:
        super().__init__()
        self.info = CodecInfo(RATE, RATE, frame=320, streaming=False)


class OddInfo(Pcm):
    """States a fact of the wrong type, `value` (text "half" stands for 0.5), as `fact`."""

    def __init__(self, fact: str) -> None:
        super().__init__()
        facts: dict[str, Any] = {
            "rate_in": 16_000.0,
            "frame": np.int64(320),
            "delay": 0.5,
            "lookahead": None,
            "frame_bits": "many",
            "streaming": np.bool_(True),
            "identity": {"weights": b"\0"},
            "group": 4.0,
            "concealments": {"mute": 0.5},
        }
        self.info = CodecInfo(**{"rate_in": RATE, "rate_out": RATE, "frame": 320, fact: facts[fact]})


class _LateEncoder(PcmEncoder):
    def __init__(self, info: CodecInfo, samples: int) -> None:
        super().__init__(info)
        self.rest = np.zeros(samples, np.float32)

    def flush(self) -> list[bytes]:
        return self.push(np.zeros(self.info.frame, np.float32))


class Late(Pcm):
    """Coarse PCM (8 bits) whose output trails the input by `ms`; it states `says`."""

    def __init__(self, ms: float = 0.0, says: float = 0.0) -> None:
        super().__init__()
        self.samples = round(ms * RATE / 1000)
        self.info = CodecInfo(RATE, RATE, frame=320, delay=round(says * RATE / 1000))

    def encoder(self) -> Encoder:
        return _LateEncoder(self.info, self.samples)

    def decoder(self) -> Decoder:
        return _CoarseDecoder(self.info)


class _CoarseDecoder(PcmDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        return np.round(super().decode_slot(slot) * np.float32(128)) / np.float32(128)


class Framed(Late):
    """Coarse PCM in frames of `ms`."""

    def __init__(self, ms: int = 20) -> None:
        super().__init__()
        self.info = CodecInfo(RATE, RATE, frame=16 * ms)


class _DtxEncoder(PcmEncoder):
    def encode_frame(self, frame: Signal) -> bytes:
        return super().encode_frame(frame) if np.abs(frame).max() > 0.02 else b""


class Dtx(_Sessions):
    """Sends nothing for quiet frames."""

    sender = _DtxEncoder


class FecTeller(Pcm):
    """Tells of redundancy in a type that JSON does not know."""

    def carries_fec(self, payload: bytes) -> Any:
        return np.bool_(True)


def odd_metric(reference: Signal, degraded: Signal, rate: int) -> dict[str, Any]:
    """Returns a value that is none, and changes what it was given."""
    reference *= 0
    return {"odd": "high"}


class Host:
    """For `benchmark.child`: remembers a number; otherwise does as it is told."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def add(self, number: int) -> int:
        self.number += number
        return self.number

    def process(self) -> int:
        return os.getpid()

    def echo(self, value: Any) -> Any:
        return value

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def act(self, name: str) -> str:
        ACTS[name]()
        return "done"

    def throw(self, error: Exception) -> None:
        raise error

    def user_error(self) -> None:
        raise UserError("mend it")

    def unpicklable(self) -> Any:
        return lambda: None

    def exit(self) -> None:
        sys.exit("leaving in peace")

    def threads(self) -> str:
        return os.environ["OMP_NUM_THREADS"]


def make_odd_metric() -> Any:
    return odd_metric
