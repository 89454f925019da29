"""Speex (J.-M. Valin, linux.conf.au 2006; RFC 5574) by libspeex: narrow, wide and ultra-wide band, 20 ms frames.

Concealment is libspeex's own, as are voice activity detection and comfort noise. Bits that make no frame are as good
as lost. Without `vbr`, a `quality` of 0 to 10 is a rate, in kbit/s:

    narrow       2.15  3.95  5.95   8     8    11    11    15    15    18.2  24.6
    wide         3.95  5.75  7.75   9.8  12.8  16.8  20.6  23.8  27.8  34.2  42.2
    ultra-wide   4.15  7.55  9.55  11.6  14.6  18.6  22.4  25.6  29.6  36    44

Bits at random can leave libspeex's ultra-wide decoder silent for the rest of a session.

Over 100 lines: libspeex wants a call for each setting, and buffers of bits of its own.
"""

import ctypes
import weakref
from collections.abc import Sequence

import numpy as np

from baselines._framed import (
    CONCEALMENTS,
    FramedDecoder,
    FramedEncoder,
    check_size,
    concealing,
    from_int16,
    require,
    to_int16,
)
from baselines._libraries import INT, POINTER, Library
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Signal, Slot

CARD = Card(
    family="CELP, with a layer for each band above 4 kHz",
    rates="2.15 to 24.6 (narrow), 3.95 to 42.2 (wide), 4.15 to 44 kbit/s (ultra-wide)",
    source="J.-M. Valin, Speex: A Free Codec For Free Speech, linux.conf.au 2006; RFC 5574; xiph/speex",
    code="BSD-3-Clause (libspeex)",
    caveat="Its makers call it obsolete since Opus.",
)
LIBRARY = Library(
    "Speex",
    "speex",
    ("libspeex.so.1",),
    "libspeex1",
    {
        "speex_lib_get_mode": (POINTER, [INT]),
        "speex_bits_init": (None, [POINTER]),
        "speex_bits_destroy": (None, [POINTER]),
        "speex_bits_reset": (None, [POINTER]),
        "speex_bits_read_from": (None, [POINTER, POINTER, INT]),
        "speex_bits_write": (INT, [POINTER, POINTER, INT]),
        "speex_encoder_init": (POINTER, [POINTER]),
        "speex_encoder_ctl": (INT, [POINTER, INT, POINTER]),
        "speex_encode_int": (INT, [POINTER] * 3),
        "speex_encoder_destroy": (None, [POINTER]),
        "speex_decoder_init": (POINTER, [POINTER]),
        "speex_decoder_ctl": (INT, [POINTER, INT, POINTER]),
        "speex_decode_int": (INT, [POINTER] * 3),
        "speex_decoder_destroy": (None, [POINTER]),
    },
)
BANDS = {"narrow": 8_000, "wide": 16_000, "ultra-wide": 32_000}  # Hz, in the order of the library's mode numbers
FRAMES_PER_SECOND = 50
Setting = tuple[int, ctypes.c_int32 | ctypes.c_float]  # a request of speex.h, and its value
QUALITY, VBR, VBR_QUALITY, COMPLEXITY, BITRATE, VAD, DTX, LOOKAHEAD = 4, 12, 14, 16, 19, 30, 34, 39  # requests
# Samples at 8 kHz by which its high-pass filters, in encoder and decoder, move what correlates beyond the delay that
# libspeex states. Measured: -4 to +13 with the voice, in the median 0 over 40 readers, and 10 over the shipped corpus.
HIGH_PASS = 6
LARGEST = 256  # bytes, more than any frame has, and than a SpeexBits
NOTHING = b"\0"  # a frame of submode 0, which makes the decoder go on with noise like what it played last
SUBMODES = 9  # of the lowest band, whose number follows one bit that is 0; what is higher is no speech


class Speex:
    """A mono stream.

    Args:
        band: narrow, wide or ultra-wide: 8, 16 or 32 kHz.
        quality: 0 to 10: a rate (see the module), or with `vbr` the quality that is held.
        vbr: variable bitrate.
        dtx: in pauses, send one small frame when their noise changes, and else nothing, which is ``b""``; with `vbr`,
            the higher the quality the fewer the pauses.
        complexity: of the encoder's search, 1 to 10; 3 is what speexenc takes.
    """

    def __init__(
        self, band: str = "wide", quality: int = 8, vbr: bool = False, dtx: bool = False, complexity: int = 3
    ) -> None:
        require("speex: band", band, tuple(BANDS))
        require("speex: quality", quality, range(11))
        require("speex: complexity", complexity, range(1, 11))
        for name, switch in {"vbr": vbr, "dtx": dtx}.items():
            require(f"speex: {name}", switch, (True, False))
        self.mode, rate, fixed = list(BANDS).index(band), BANDS[band], not (vbr or dtx)
        self.settings: list[Setting] = [(COMPLEXITY, ctypes.c_int32(complexity)), (VBR, ctypes.c_int32(vbr))]
        self.settings += [(VBR_QUALITY, ctypes.c_float(quality)) if vbr else (QUALITY, ctypes.c_int32(quality))]
        self.settings += [(VAD, ctypes.c_int32(dtx and not vbr)), (DTX, ctypes.c_int32(dtx))]  # VBR detects by itself
        encoder, decoder = Native("encoder", self.mode, self.settings), Native("decoder", self.mode)
        self.info = CodecInfo(
            rate,
            rate,
            frame=rate // FRAMES_PER_SECOND,
            delay=encoder.get(LOOKAHEAD) + decoder.get(LOOKAHEAD) + (HIGH_PASS if band == "narrow" else 0),
            frame_bits=encoder.get(BITRATE) // FRAMES_PER_SECOND if fixed else None,
            identity=LIBRARY.identity(),
            concealments=CONCEALMENTS,
        )

    def encoder(self) -> Encoder:
        """A sending session."""
        return SpeexEncoder(self.info, Native("encoder", self.mode, self.settings))

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session."""
        return concealing(SpeexDecoder(self.info, Native("decoder", self.mode)), concealment)


class Native:
    """One ``encoder`` or ``decoder`` of libspeex and its buffer of bits; both are freed with this object."""

    def __init__(self, kind: str, mode: int, settings: Sequence[Setting] = ()) -> None:
        self.library = LIBRARY.load()
        self.bits = ctypes.create_string_buffer(LARGEST)
        self.library.speex_bits_init(self.bits)
        self.state = getattr(self.library, f"speex_{kind}_init")(self.library.speex_lib_get_mode(mode))
        self.control = getattr(self.library, f"speex_{kind}_ctl")
        weakref.finalize(self, self.library.speex_bits_destroy, self.bits)
        weakref.finalize(self, getattr(self.library, f"speex_{kind}_destroy"), self.state)
        for request, value in settings:
            self.control(self.state, request, ctypes.byref(value))

    def get(self, request: int) -> int:
        """What it answers."""
        found = ctypes.c_int32()
        self.control(self.state, request, ctypes.byref(found))
        return found.value


class SpeexEncoder(FramedEncoder):
    """One encoder of libspeex."""

    def __init__(self, info: CodecInfo, native: Native) -> None:
        super().__init__(info)
        self.native = native

    def encode_frame(self, frame: Signal) -> bytes:
        native, samples, payload = self.native, to_int16(frame), ctypes.create_string_buffer(LARGEST)
        native.library.speex_bits_reset(native.bits)
        send = native.library.speex_encode_int(native.state, samples.ctypes.data, native.bits)
        size = native.library.speex_bits_write(native.bits, payload, LARGEST)
        return payload.raw[:size] if send else b""


class SpeexDecoder(FramedDecoder):
    """One decoder of libspeex."""

    def __init__(self, info: CodecInfo, native: Native) -> None:
        super().__init__(info)
        self.native = native

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload and self.info.frame_bits:
            check_size("speex", slot, -(-self.info.frame_bits // 8))
        payload = NOTHING if slot.payload == b"" else slot.payload
        native, samples = self.native, np.zeros(self.info.frame, np.int16)
        decode, at = native.library.speex_decode_int, samples.ctypes.data
        broken = True
        if payload and payload[0] >> 3 < SUBMODES:  # else libspeex would complain on stderr
            native.library.speex_bits_read_from(native.bits, payload, len(payload))
            broken = decode(native.state, native.bits, at) < 0
        if broken:
            decode(native.state, None, at)
        return from_int16(samples)


make = Speex
