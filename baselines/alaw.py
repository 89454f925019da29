"""ITU-T G.711 A-law: 8 bits per sample, 64 kbit/s at 8 kHz, 20 ms frames, with a concealment of our own."""

import numpy as np
import numpy.typing as npt

from baselines import _g711
from baselines._g711 import G711

CARD = _g711.CARD
EVEN = 0x55  # every other bit is inverted on the line, G.711 table 1a
POSITIVE = 0x80


def compress(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """16-bit samples to A-law codes, any shape; the lowest bits are dropped as in ITU-T G.191."""
    wide = samples.astype(np.int32)
    magnitude = np.where(wide < 0, ~wide, wide) >> 4  # of 11 bits, in the finest steps
    segment = np.searchsorted(1 << np.arange(5, 11), magnitude, side="right")  # 0 to 6: two linear ones count as one
    code = (segment << 4) + (magnitude >> segment)
    return np.asarray((code | np.where(wide < 0, 0, POSITIVE)) ^ EVEN, np.uint8)


def expand(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """A-law codes to 16-bit samples, any shape: the middle of each quantisation interval."""
    bits = codes.astype(np.int32) ^ EVEN
    segment, step = bits >> 4 & 7, bits & 0xF
    magnitude = (2 * step + 1 + 32 * (segment > 0) << np.maximum(segment - 1, 0)) << 3
    return np.asarray(np.where(bits & POSITIVE, magnitude, -magnitude), np.int16)


class Alaw(G711):
    """G.711 A-law, of Europe and most of the world."""

    def __init__(self, rate: int = 8_000) -> None:
        super().__init__("alaw", compress, expand, rate)


make = Alaw
