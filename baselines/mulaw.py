"""ITU-T G.711 mu-law: 8 bits per sample, 64 kbit/s at 8 kHz, 20 ms frames, with a concealment of our own."""

import numpy as np
import numpy.typing as npt

from baselines import _g711
from baselines._g711 import G711

CARD = _g711.CARD
BIAS, CLIP = 33, 0x1FFF  # of the 14-bit magnitude, G.711 table 2a


def compress(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """16-bit samples to mu-law codes, any shape; the two lowest bits are dropped as in ITU-T G.191."""
    wide = samples.astype(np.int32)
    magnitude = np.minimum((np.where(wide < 0, ~wide, wide) >> 2) + BIAS, CLIP)
    segment = np.searchsorted(1 << np.arange(6, 13), magnitude, side="right")  # 0 to 7
    code = segment << 4 | (magnitude >> (segment + 1)) & 0xF
    return np.asarray(~code & 0x7F | np.where(wide < 0, 0, 0x80), np.uint8)


def expand(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """Mu-law codes to 16-bit samples, any shape: the middle of each quantisation interval."""
    bits = ~codes.astype(np.int32)
    segment, step = bits >> 4 & 7, bits & 0xF
    magnitude = ((2 * step + BIAS << segment) - BIAS) << 2
    return np.where(bits & 0x80, -magnitude, magnitude).astype(np.int16)


class Mulaw(G711):
    """G.711 mu-law, of North America and Japan."""

    def __init__(self, rate: int = 8_000) -> None:
        super().__init__("mulaw", compress, expand, rate)


make = Mulaw
