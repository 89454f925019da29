"""16-bit linear PCM, the transparent anchor (L16 of RFC 3551, section 4.5.11).

One frame is 20 ms. A lost frame is silence: nothing is concealed, so the anchor shows the bare loss.
"""

import numpy as np

from baselines._framed import FramedDecoder, FramedEncoder, check_size, from_int16, require, to_int16
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Signal, Slot

RATES = range(8_000, 96_001, 50)  # Hz: a multiple of 50 gives 20 ms a whole number of samples
CARD = Card(
    family="anchor: transparent",
    rates="256 kbit/s at 16 kHz; 16 bits per sample at any rate",
    source="RFC 3551, section 4.5.11 (L16); our own code",
    code="Apache-2.0",
)


class Pcm:
    """16 bits per sample, most significant byte first, at any rate in `RATES`."""

    def __init__(self, rate: int = 16_000) -> None:
        require("pcm: rate", rate, RATES)
        self.info = CodecInfo(rate, rate, frame=rate // 50)

    def encoder(self) -> Encoder:
        """A sending session."""
        return PcmEncoder(self.info)

    def decoder(self) -> Decoder:
        """A receiving session."""
        return PcmDecoder(self.info)


class PcmEncoder(FramedEncoder):
    """Rounds to 16 bits."""

    def encode_frame(self, frame: Signal) -> bytes:
        return to_int16(frame).astype(">i2").tobytes()


class PcmDecoder(FramedDecoder):
    """Undoes it; what is lost or was never sent is silence."""

    def decode_slot(self, slot: Slot) -> Signal:
        if not slot.payload:
            return np.zeros(self.info.frame, np.float32)
        check_size("pcm", slot, 2 * self.info.frame)
        return from_int16(np.frombuffer(slot.payload, ">i2"))


make = Pcm
