"""Codec 2 (D. Rowe, VK5DGR: https://github.com/drowe67/codec2) at 3200 to 700 bit/s, through pycodec2; 8 kHz.

Codec 2 has no concealment for lost packets. What is used here is ours: the last good frame is decoded again
and again and its *output* faded: held for one frame, then linearly to silence at 80 ms. After a loss the
level comes back over 5 ms. Frames lost before the first good one are silence.

libcodec2's decoder draws phases from a random generator of the whole process, so the same frames decode
differently in a used process: `fork_per_call` asks for a fork per file from a process that decoded nothing.
A quarter of these lines tell how delays were measured and what the codec is; hence more than 100.
"""

from importlib.metadata import version
from typing import Any

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
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Signal, Slot, Unavailable

RATE = 8_000  # Hz
SILENT = 0.080  # s into a loss
RECOVERY = 0.005  # s from silence to full level after a loss
# ms by which the output trails the input. Measured: median over 20 read utterances (9 speakers, up to 12 s)
# of the lag with the highest correlation between log envelopes (20 ms Hann windows, lags of 1 ms), r = .94 to
# .97; half of the utterances lie within 2 ms of it (700: 3 ms). The centres of 20 Gaussian bursts agree to
# 1 ms; so does the source as to 20 ms: analysis mid in a 40 ms window, synthesis up to the frame's end.
DELAY = {3200: 20.0, 2400: 20.0, 1600: 20.0, 1400: 20.0, 1300: 20.0, 1200: 20.5, 700: 30.0}
CARD = Card(
    family="parametric, sinusoidal",
    rates="3200, 2400, 1600, 1400, 1300, 1200, 700 bit/s",
    source="D. Rowe, github.com/drowe67/codec2, by pycodec2",
    code="LGPL-2.1 (codec2), BSD-3-Clause (pycodec2)",
    caveat="It has no concealment: repeating and fading the last frame is ours.",
)


class Codec2:
    """One mode: 3200, 2400, 1600, 1400, 1300, 1200 or 700, which Codec 2 calls 700C (also taken)."""

    fork_per_call = True

    def __init__(self, mode: int | str = 3_200) -> None:
        self.mode = 700 if mode == "700C" else mode
        require("codec2: mode", self.mode, tuple(DELAY))
        try:
            import pycodec2
        except ImportError as error:
            raise Unavailable(f"Codec 2 needs pycodec2: `pip install pycodec2` ({error}).") from error
        self.native = pycodec2.Codec2
        codec = self.native(self.mode)
        self.info = CodecInfo(
            RATE,
            RATE,
            frame=codec.samples_per_frame(),
            delay=round(DELAY[int(self.mode)] * RATE / 1000),
            frame_bits=codec.bits_per_frame(),
            identity={"pycodec2": version("pycodec2")},
            concealments=CONCEALMENTS,
        )

    def encoder(self) -> Encoder:
        """A sending session."""
        return Codec2Encoder(self.info, self.native(self.mode))

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session."""
        return concealing(Codec2Decoder(self.info, self.native(self.mode)), concealment)


class Codec2Encoder(FramedEncoder):
    """One libcodec2 state."""

    def __init__(self, info: CodecInfo, native: Any) -> None:
        super().__init__(info)
        self.native = native

    def encode_frame(self, frame: Signal) -> bytes:
        return bytes(self.native.encode(to_int16(frame)))


class Codec2Decoder(FramedDecoder):
    """One libcodec2 state, and the fading of what it repeats."""

    def __init__(self, info: CodecInfo, native: Any) -> None:
        super().__init__(info)
        self.native = native
        self.size: int = native.bytes_per_frame()
        self.last: bytes | None = None
        self.lost = 0  # samples since the last good frame
        self.gain = 1.0  # of the last sample played

    def decode_slot(self, slot: Slot) -> Signal:
        now = np.arange(1, self.info.frame + 1)
        gain = np.minimum(self.gain + now / (RECOVERY * RATE), 1)
        if slot.payload is None:
            end = SILENT * RATE
            gain = np.clip((end - self.lost - now) / (end - self.info.frame), 0, 1)
            self.lost += self.info.frame
        elif slot.payload:
            check_size("codec2", slot, self.size)
            self.last, self.lost = slot.payload, 0
        else:
            self.last = None
        if self.last is None:  # nothing yet to repeat, or nothing was sent
            self.gain = 0.0
            return np.zeros(self.info.frame, np.float32)
        self.gain = float(gain[-1])
        return np.asarray(from_int16(self.native.decode(self.last)) * gain, np.float32)


make = Codec2
