"""The example of docs/external.md: mu-law of 6 bits, 10 ms a frame, whose tokens are rows of 160 levels."""

from typing import Any

import numpy as np
from worker import Tokens

RATE, HOP = 16_000, 160
MU = 255.0


def make(top: int = 31) -> Tokens:
    """The codec, with so many levels on either side of zero, which has one of its own."""

    def compress(frame: Any) -> Any:
        frame = np.clip(frame, -1, 1)
        return np.round(np.sign(frame) * np.log1p(MU * np.abs(frame)) / np.log1p(MU) * top) + top

    def expand(levels: Any) -> Any:
        share = (levels - top) / top
        return np.sign(share) * np.expm1(np.abs(share) * np.log1p(MU)) / MU

    # A session has no state here, so each gets the same function.
    return Tokens(RATE, HOP, HOP, 2 * top + 1, lambda: compress, lambda: expand, {}, streaming=True)
