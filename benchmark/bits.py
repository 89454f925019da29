"""Codebook indices to bytes and back, most significant bit first, so that bitrates are measured and never claimed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def pack(indices: Indices, bits: int) -> bytes:
    """Pack non-negative indices of any shape, `bits` bits each (1 to 62), padded with zeros to a whole byte.

    Raises:
        ValueError: when an index does not fit.
    """
    if indices.size and (indices.min() < 0 or indices.max() >> bits):
        raise ValueError(f"pack: indices must lie in [0, {2**bits}), got {indices.min()} to {indices.max()}")
    planes = indices.reshape(-1, 1) >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(planes.astype(np.uint8)).tobytes()


def unpack(payload: bytes, bits: int, shape: Sequence[int]) -> Indices:
    """The inverse of `pack`: indices of `shape`.

    Raises:
        ValueError: when the payload has another size than `shape` needs.
    """
    count = int(np.prod(shape)) * bits
    if len(payload) != -(-count // 8):
        raise ValueError(f"unpack: {count} bits need {-(-count // 8)} bytes, got {len(payload)}")
    planes = np.unpackbits(np.frombuffer(payload, np.uint8), count=count).reshape(-1, bits).astype(np.int64)
    return (planes @ (np.int64(1) << np.arange(bits - 1, -1, -1, dtype=np.int64))).reshape(shape)


def divide(payload: bytes, bits: int, first: int) -> tuple[bytes, bytes]:
    """The `first` bits of a payload of `bits`, and the others, each padded with zeros to a whole byte."""
    number = int.from_bytes(payload) >> -bits % 8
    rest = bits - first
    return _padded(number >> rest, first), _padded(number & (1 << rest) - 1, rest)


def unite(coarse: bytes, rest: bytes, bits: int, first: int) -> bytes:
    """The inverse of `divide`."""
    high, low = int.from_bytes(coarse) >> -first % 8, int.from_bytes(rest) >> -(bits - first) % 8
    return _padded(high << bits - first | low, bits)


def _padded(number: int, bits: int) -> bytes:
    size = -(-bits // 8)
    return (number << 8 * size - bits).to_bytes(size)
