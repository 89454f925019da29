"""What AMR (3GPP TS 26.071) and AMR-WB (3GPP TS 26.171) share: frames, frame types, and sessions of their libraries.

A payload is what TS 26.101 and TS 26.201 call the bits of a frame, in the order of RFC 4867, section 4.3, which ends
at the next whole byte. The byte before it that says the frame type in files (section 5.3) is not sent: all speech of a
stream has one size, and 5 bytes are a description of the background noise (SID), which no mode of speech has.
With DTX a frame that need not be sent is ``b""``.
"""

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines._framed import CONCEALMENTS, FramedDecoder, FramedEncoder, concealing, from_int16, require, to_int16
from baselines._libraries import INT, POINTER, Library
from benchmark.types import CodecInfo, Decoder, Encoder, NotMeasured, Signal, Slot

ENCODE = INT, (POINTER, INT, POINTER, POINTER, INT)  # state, mode, samples, frame, and what `Session.last` says
DECODE = None, (POINTER, ctypes.c_char_p, POINTER, INT)  # state, frame, samples, bad-frame flag
FRAMES = 50  # per second
SID_BYTES = 5  # 39 bits of AMR, 40 of AMR-WB
SPEECH_LOST, NO_DATA = 14, 15  # frame types; AMR has only the latter
GOOD = 1 << 2  # the quality bit in the byte of the frame type
LARGEST = 64  # bytes of a frame with that byte, and more: AMR-WB at 23.85 kbit/s has 61


class Session:
    """One state of a library, which is freed with this object.

    Args:
        library: where the functions are.
        functions: names of those that make a state, code a frame with it, and free it.
        arguments: of the first.
        last: argument of the second.
    """

    def __init__(self, library: Library, functions: tuple[str, str, str], *arguments: int, last: int = 0) -> None:
        make, self.function, free = (getattr(library.load(), name) for name in functions)
        self.state, self.last = make(*arguments), last
        weakref.finalize(self, free, self.state)

    def code(self, *arguments: Any) -> Any:
        """What the second function returns."""
        return self.function(self.state, *arguments, self.last)


@dataclass(frozen=True)
class Variant:
    """One of the two standards.

    Attributes:
        name: of the codec, for messages.
        rate: sample rate, Hz.
        delay: by how much the output trails the input, samples.
        bitrates: of its modes, bit/s; the frame type of speech is the number of its mode.
        sid: the frame type of a description of the background noise.
        lost: the frame type of a lost one.
        repeats: how many lost frames after one of speech are that one again, before the library hears of a loss.
        libraries: all that it needs.
        encoder: makes a session, with DTX or without.
        decoder: makes a session.
    """

    name: str
    rate: int
    delay: int
    bitrates: tuple[int, ...]
    sid: int
    lost: int
    repeats: int
    libraries: tuple[Library, ...]
    encoder: Callable[[bool], Session]
    decoder: Callable[[], Session]

    def bits(self, mode: int) -> int:
        """Of a frame of speech."""
        return self.bitrates[mode] // FRAMES


class Amr:
    """A `variant` at one of its bitrates, in bit/s. With DTX, bits are counted by whole bytes."""

    def __init__(self, variant: Variant, bitrate: int, dtx: bool) -> None:
        require(f"{variant.name}: bitrate", bitrate, variant.bitrates)
        require(f"{variant.name}: dtx", dtx, (True, False))
        self.variant, self.mode, self.dtx = variant, variant.bitrates.index(bitrate), dtx
        self.info = CodecInfo(
            variant.rate,
            variant.rate,
            frame=variant.rate // FRAMES,
            delay=variant.delay,
            frame_bits=None if dtx else variant.bits(self.mode),
            identity={name: text for library in variant.libraries for name, text in library.identity().items()},
            concealments=CONCEALMENTS,
        )

    def encoder(self) -> Encoder:
        """A sending session."""
        return AmrEncoder(self.info, self.variant, self.mode, self.dtx)

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session."""
        return concealing(AmrDecoder(self.info, self.variant, self.mode), concealment)


class AmrEncoder(FramedEncoder):
    """One encoder of the library."""

    def __init__(self, info: CodecInfo, variant: Variant, mode: int, dtx: bool) -> None:
        super().__init__(info)
        self.mode, self.session = mode, variant.encoder(dtx)
        self.frame = np.zeros(LARGEST, np.uint8)

    def encode_frame(self, frame: Signal) -> bytes:
        samples = to_int16(frame)
        size = self.session.code(self.mode, samples.ctypes.data, self.frame.ctypes.data)
        kind = self.frame[0] >> 3 & 0xF
        return b"" if kind == NO_DATA else self.frame[1:size].tobytes()


class AmrDecoder(FramedDecoder):
    """One decoder of the library, and the last frame of speech, for a loss."""

    def __init__(self, info: CodecInfo, variant: Variant, mode: int) -> None:
        super().__init__(info)
        self.variant, self.mode = variant, mode
        self.speech_bytes = -(-variant.bits(mode) // 8)
        self.session = variant.decoder()
        self.last: bytes | None = None  # the last frame where it was speech
        self.lost = 0  # frames since it

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload is None:
            self.lost += 1
            if self.last is not None and self.lost <= self.variant.repeats:
                return self.decode(self.mode, self.last)
            return self.decode(self.variant.lost, b"")
        kind = self.kind(slot, len(slot.payload))
        self.last, self.lost = slot.payload if kind == self.mode else None, 0
        return self.decode(kind, slot.payload)

    def kind(self, slot: Slot, size: int) -> int:
        """The frame type of the payload of `slot`, by its `size` in bytes."""
        kinds = {0: NO_DATA, SID_BYTES: self.variant.sid, self.speech_bytes: self.mode}
        if size not in kinds:
            due = f"{self.speech_bytes} (speech), {SID_BYTES} (background noise) or 0 (nothing sent)"
            text = f"{self.variant.name}: the payload of frame {slot.index} has {size} bytes, {due} were due"
            raise NotMeasured("codec_failed", text)
        return kinds[size]

    def decode(self, kind: int, payload: bytes) -> Signal:
        """20 ms of output for a frame of the type `kind`, shape (info.frame,)."""
        frame = (bytes([kind << 3 | GOOD]) + payload).ljust(LARGEST, b"\0")
        output = np.zeros(self.info.frame, np.int16)
        self.session.code(frame, output.ctypes.data)
        return from_int16(output)
