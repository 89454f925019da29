"""What both laws of ITU-T G.711 share: 8 bits per sample, 64 kbit/s at 8 kHz, 20 ms frames, our concealment."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

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
from baselines._periodic import PeriodicConcealment
from baselines.pcm import RATES
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Signal, Slot

Compress: TypeAlias = Callable[[npt.NDArray[np.int16]], npt.NDArray[np.uint8]]
Expand: TypeAlias = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.int16]]

CARD = Card(
    family="waveform, logarithmic PCM",
    rates="64 kbit/s at 8 kHz; 8 bits per sample at other rates",
    source="ITU-T G.711 (11/1988); our own code, concealment included",
    code="Apache-2.0",
    caveat="The concealment follows the idea of G.711 Appendix I; it is not the ITU code.",
)


class G711:
    """One of its laws; at rates other than 8 kHz the same companding of more samples."""

    def __init__(self, name: str, compress: Compress, expand: Expand, rate: int) -> None:
        require(f"{name}: rate", rate, RATES)
        self.name, self.compress, self.expand = name, compress, expand
        self.info = CodecInfo(rate, rate, frame=rate // 50, frame_bits=8 * (rate // 50), concealments=CONCEALMENTS)

    def encoder(self) -> Encoder:
        """A sending session."""
        return G711Encoder(self.info, self.compress)

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session."""
        return concealing(G711Decoder(self.info, self.name, self.expand), concealment)


class G711Encoder(FramedEncoder):
    """One byte per sample."""

    def __init__(self, info: CodecInfo, compress: Compress) -> None:
        super().__init__(info)
        self.compress = compress

    def encode_frame(self, frame: Signal) -> bytes:
        return self.compress(to_int16(frame)).tobytes()


class G711Decoder(FramedDecoder):
    """Expands; conceals what is lost. A payload of ``b""`` is silence."""

    def __init__(self, info: CodecInfo, name: str, expand: Expand) -> None:
        super().__init__(info)
        self.name, self.expand = name, expand
        self.concealment = PeriodicConcealment(info.rate_out)

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload is None:
            return self.concealment.lost(self.info.frame)
        output = np.zeros(self.info.frame, np.float32)
        if slot.payload:
            check_size(self.name, slot, self.info.frame)
            output = from_int16(self.expand(np.frombuffer(slot.payload, np.uint8)))
        return self.concealment.received(output)
