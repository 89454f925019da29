"""LC3 (Bluetooth SIG, Low Complexity Communication Codec 1.0) by Google's liblc3: 16 to 320 kbit/s, 8 to 48 kHz; mono.

An MDCT codec at a constant rate of whole bytes per frame, without DTX. Concealment is liblc3's own (the last spectrum
with random signs, faded from the fourth lost frame on); it also plays frames that it finds broken. Where nothing was
sent, the decoder gets the frame that silence is encoded to.

Over 100 lines, a fifth of which say what the library's functions take.
"""

import ctypes

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
from benchmark.types import Card, CodecInfo, Decoder, Signal, Slot

CARD = Card(
    family="transform (MDCT) with long-term postfilter and noise shaping",
    rates="16 to 320 kbit/s (7.5 ms: from 21.3)",
    source="Bluetooth SIG, LC3 1.0 (2020); google/liblc3",
    code="Apache-2.0 (liblc3)",
    caveat="Made for 16 kbit/s and more: it has no mode of the rates at which speech codecs are compared.",
)
LIBRARY = Library(
    "LC3",
    "lc3",
    ("liblc3.so.0", "liblc3.so.1"),
    "liblc3-0",
    {
        "lc3_delay_samples": (INT, [INT, INT]),
        "lc3_encoder_size": (ctypes.c_uint, [INT, INT]),
        "lc3_decoder_size": (ctypes.c_uint, [INT, INT]),
        "lc3_setup_encoder": (POINTER, [INT, INT, INT, POINTER]),
        "lc3_setup_decoder": (POINTER, [INT, INT, INT, POINTER]),
        "lc3_encode": (INT, [POINTER, INT, POINTER, INT, INT, POINTER]),
        "lc3_decode": (INT, [POINTER, POINTER, INT, INT, POINTER, INT]),
    },
)
RATES = (8_000, 16_000, 24_000, 32_000, 48_000)
SMALLEST, HIGHEST = 20, 320_000  # bytes of a frame; bit/s
INT16 = 0  # LC3_PCM_FORMAT_S16


class Lc3:
    """A mono LC3 stream.

    Args:
        bitrate: bit/s; a frame has the whole bytes that fit.
        rate: 8000, 16000, 24000, 32000 or 48000 Hz, in and out.
        frame_ms: 10 or 7.5 ms.
    """

    def __init__(self, bitrate: int = 32_000, rate: int = 16_000, frame_ms: float = 10) -> None:
        frame_ms = float(frame_ms) if isinstance(frame_ms, int) else frame_ms
        require("lc3: rate", rate, RATES)
        require("lc3: frame_ms", frame_ms, (10.0, 7.5))
        duration = round(1000 * frame_ms)  # microseconds
        lowest = -(-SMALLEST * 8_000_000 // duration)
        require("lc3: bitrate", bitrate, range(lowest, HIGHEST + 1))
        self.duration, self.size = duration, bitrate * duration // 8_000_000
        self.info = CodecInfo(
            rate,
            rate,
            frame=rate * duration // 1_000_000,
            delay=LIBRARY.load().lc3_delay_samples(duration, rate),
            frame_bits=8 * self.size,
            identity=LIBRARY.identity(),
            concealments=CONCEALMENTS,
        )

    def encoder(self) -> "Lc3Encoder":
        """A sending session."""
        return Lc3Encoder(self)

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session."""
        return concealing(Lc3Decoder(self), concealment)


class Lc3Encoder(FramedEncoder):
    """One encoder of liblc3, in memory of ours."""

    def __init__(self, codec: Lc3) -> None:
        super().__init__(codec.info)
        self.library, shape = LIBRARY.load(), (codec.duration, codec.info.rate_in)
        self.memory = np.zeros(self.library.lc3_encoder_size(*shape), np.uint8)
        self.state = self.library.lc3_setup_encoder(*shape, 0, self.memory.ctypes.data)
        self.size = codec.size

    def encode_frame(self, frame: Signal) -> bytes:
        samples, payload = to_int16(frame), np.empty(self.size, np.uint8)
        self.library.lc3_encode(self.state, INT16, samples.ctypes.data, 1, self.size, payload.ctypes.data)
        return payload.tobytes()


class Lc3Decoder(FramedDecoder):
    """One decoder of liblc3, in memory of ours."""

    def __init__(self, codec: Lc3) -> None:
        super().__init__(codec.info)
        self.library, shape = LIBRARY.load(), (codec.duration, codec.info.rate_out)
        self.memory = np.zeros(self.library.lc3_decoder_size(*shape), np.uint8)
        self.state = self.library.lc3_setup_decoder(*shape, 0, self.memory.ctypes.data)
        self.silence = codec.encoder().encode_frame(np.zeros(codec.info.frame, np.float32))

    def decode_slot(self, slot: Slot) -> Signal:
        payload = self.silence if slot.payload == b"" else slot.payload
        if slot.payload:
            check_size("lc3", slot, len(self.silence))
        samples = np.empty(self.info.frame, np.int16)
        self.library.lc3_decode(self.state, payload, len(self.silence), INT16, samples.ctypes.data, 1)
        return from_int16(samples)


make = Lc3
