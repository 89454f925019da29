"""The vectors that a codec's codes stand for, such that those of a token add up over its codebooks."""

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark import seeds
from benchmark.types import CodecInfo

LARGEST = 1 << 17  # codes of a codebook whose vectors are asked for
CHECKED = 64  # random tokens on which vectors have to add up
AT_ONCE = 4096  # tokens whose vectors are asked for at a time


def vectors(codec: Any, info: CodecInfo) -> npt.NDArray[np.float32] | None:
    """The vector of each code, [codebooks, size, dim], such that those of a token add up; None where there are none.

    They are what the codec's `codes` says of tokens that differ in one codebook from the token of zeros.
    """
    if info.token_bits is None or not hasattr(codec, "codes") or (size := 1 << info.token_bits) > LARGEST:
        return None
    books = info.codebooks
    origin = np.asarray(codec.codes(np.zeros((1, books), np.int64)), np.float32)
    table = np.empty((books, size, origin.shape[1]), np.float32)
    for book in range(books):
        for start in range(0, size, AT_ONCE):
            tokens = np.zeros((min(AT_ONCE, size - start), books), np.int64)
            tokens[:, book] = np.arange(start, start + len(tokens))
            table[book, start : start + len(tokens)] = codec.codes(tokens) - origin * (books - 1) / books
    drawn = seeds.generator(0, "token vectors").integers(0, size, (CHECKED, books))
    expected = np.asarray(codec.codes(drawn), np.float32)
    added = table[np.arange(books), drawn].sum(1)
    return table if np.allclose(added, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max()) else None
