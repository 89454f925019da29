"""G.722 of libspandsp (S. Underwood, https://soft-switch.org) through ctypes, as one encoder and one decoder."""

import ctypes
import weakref

import numpy as np
import numpy.typing as npt

from baselines._framed import from_int16, to_int16
from baselines._libraries import INT, POINTER, Library
from benchmark.bits import Indices
from benchmark.types import Signal

UNPACKED = 0  # a byte for each code: of a packed frame, libspandsp 0.0.6 keeps the last code back
LIBRARY = Library(
    title="G.722",
    name="spandsp",
    sonames=("libspandsp.so.2", "libspandsp.so.3", "libspandsp.2.dylib", "libspandsp.3.dylib"),
    package="libspandsp2",
    signatures={
        "g722_encode_init": (POINTER, [POINTER, INT, INT]),
        "g722_encode": (INT, [POINTER, POINTER, POINTER, INT]),
        "g722_encode_free": (INT, [POINTER]),
        "g722_decode_init": (POINTER, [POINTER, INT, INT]),
        "g722_decode": (INT, [POINTER, POINTER, ctypes.c_char_p, INT]),
        "g722_decode_free": (INT, [POINTER]),
    },
)


class NativeEncoder:
    """One encoder at 64000, 56000 or 48000 bit/s. It is freed with this object."""

    def __init__(self, bitrate: int) -> None:
        self.library = LIBRARY.load()
        self.state = self.library.g722_encode_init(None, bitrate, UNPACKED)
        weakref.finalize(self, self.library.g722_encode_free, self.state)

    def encode(self, signal: Signal) -> Indices:
        """A code for every two samples."""
        samples, codes = to_int16(signal), np.empty(len(signal) // 2, np.uint8)
        self.library.g722_encode(self.state, codes.ctypes.data, samples.ctypes.data, len(samples))
        return codes.astype(np.int64)


class NativeDecoder:
    """One decoder at 64000, 56000 or 48000 bit/s. It is freed with this object."""

    def __init__(self, bitrate: int) -> None:
        self.library = LIBRARY.load()
        self.state = self.library.g722_decode_init(None, bitrate, UNPACKED)
        weakref.finalize(self, self.library.g722_decode_free, self.state)

    def decode(self, codes: Indices) -> Signal:
        """Two samples for every code."""
        samples: npt.NDArray[np.int16] = np.empty(2 * len(codes), np.int16)
        self.library.g722_decode(self.state, samples.ctypes.data, codes.astype(np.uint8).tobytes(), len(codes))
        return from_int16(samples)
