"""What codecs share that take and give whole frames: cutting, 16 bits, checks, and muting in place of concealment."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.types import CodecInfo, Decoder, NotMeasured, Signal, Slot, UserError

# What a codec with a concealment of its own offers: that, and the zero-fill it has to beat; frames each waits for.
CONCEALMENTS = {"own": 0, "mute": 0}
FULL_SCALE = 32_768  # the step of 16 bits is 1 / 32768, so 16-bit files pass unchanged


def require(name: str, value: Any, allowed: Sequence[Any]) -> None:
    """Raise UserError unless `value` is one of `allowed`, and of their type: ``True`` is not 1."""
    if type(value) is type(allowed[0]) and value in allowed:
        return
    shown = "" if isinstance(allowed, range) else ", ".join(map(repr, allowed))
    if isinstance(allowed, range):
        steps = f" in steps of {allowed.step}" if allowed.step > 1 else ""
        shown = f"whole numbers from {allowed[0]} to {allowed[-1]}{steps}"
    raise UserError(f"{name}={value!r} is not allowed; choose from {shown}.")


def to_int16(signal: Signal) -> npt.NDArray[np.int16]:
    """[-1, 1] to 16 bits, any shape, clipped at full scale."""
    return np.clip(np.round(signal * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_int16(samples: npt.NDArray[np.integer[Any]]) -> Signal:
    """16 bits to [-1, 1), any shape; the inverse of `to_int16`."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


class FramedEncoder(ABC):
    """Cuts what is pushed into whole frames, so that a subclass never sees how the input was chunked.

    Args:
        info: `info.frame` samples make a frame; `info.delay` zeros follow the input before the last frame
            is filled up, so that the decoder's output covers the input after its delay is removed
            (`rate_in` must equal `rate_out`).
    """

    def __init__(self, info: CodecInfo) -> None:
        self.info = info
        self.rest = np.empty(0, np.float32)
        self.begun = False

    @abstractmethod
    def encode_frame(self, frame: Signal) -> bytes:
        """The payload of one frame, shape (info.frame,)."""

    def push(self, signal: Signal) -> list[bytes]:
        """Payloads of all frames that `signal`, shape (n,), completes."""
        self.begun |= len(signal) > 0
        signal = np.concatenate([self.rest, np.asarray(signal, np.float32)])
        whole = len(signal) // self.info.frame * self.info.frame
        self.rest = signal[whole:]
        return [self.encode_frame(frame) for frame in signal[:whole].reshape(-1, self.info.frame)]

    def flush(self) -> list[bytes]:
        """Payloads of what is left, filled up with silence; nothing where nothing was pushed."""
        if not self.begun:
            return []
        due = len(self.rest) + self.info.delay
        return self.push(np.zeros(self.info.delay + -due % self.info.frame, np.float32))


class FramedDecoder(ABC):
    """Decodes slot by slot, `info.frame` samples each; nothing is left to flush."""

    def __init__(self, info: CodecInfo) -> None:
        self.info = info

    @abstractmethod
    def decode_slot(self, slot: Slot) -> Signal:
        """One frame of output, shape (info.frame,)."""

    def has(self, slot: Slot) -> bool:
        """Whether `slot` brings its frame, so that nothing is concealed; what was never sent is not missing."""
        return slot.payload is not None

    def push(self, slots: Sequence[Slot]) -> Signal:
        """Output of all `slots`, shape (len(slots) * info.frame,)."""
        return np.concatenate([np.empty(0, np.float32), *map(self.decode_slot, slots)])

    def flush(self) -> Signal:
        """Nothing."""
        return np.empty(0, np.float32)


class _Muted(FramedDecoder):
    """Another decoder, whose state goes on as ever, but of whose frames the concealed ones are silence."""

    def __init__(self, decoder: FramedDecoder) -> None:
        super().__init__(decoder.info)
        self.decoder = decoder

    def decode_slot(self, slot: Slot) -> Signal:
        output = self.decoder.decode_slot(slot)
        return output if self.decoder.has(slot) else np.zeros_like(output)


def concealing(decoder: FramedDecoder, concealment: str) -> Decoder:
    """`decoder` under one of `CONCEALMENTS`; ``""`` is the first.

    Raises:
        UserError: for an unknown one.
    """
    require("concealment", concealment, ("", *CONCEALMENTS))
    return _Muted(decoder) if concealment == "mute" else decoder


def check_size(codec: str, slot: Slot, size: int) -> None:
    """Raise NotMeasured unless the payload of `slot` has `size` bytes."""
    if slot.payload is not None and len(slot.payload) != size:
        text = f"{codec}: the payload of frame {slot.index} has {len(slot.payload)} bytes, {size} were due"
        raise NotMeasured("codec_failed", text)
