"""A fixed playout buffer: every frame waits equally long. Packets delayed by more are late: P(delay > buffer)."""

from dataclasses import dataclass

import numpy as np

from benchmark.buffers._checks import within
from benchmark.types import Booleans, Nanoseconds, Point


@dataclass(frozen=True)
class Fixed:
    """`buffer_ms` deep."""

    buffer_ms: float = 60.0

    def __post_init__(self) -> None:
        within("fixed", "buffer_ms", self.buffer_ms, 0, 10_000)

    @property
    def title(self) -> str:
        """What the report calls it."""
        return f"{self.buffer_ms:g} ms buffer"

    @property
    def point(self) -> Point:
        """Its depth."""
        return Point("fixed buffer", "ms", float(self.buffer_ms))

    def waits(self, sent: Nanoseconds, delays: Nanoseconds, earliest: Nanoseconds, talking: Booleans) -> Nanoseconds:
        """See `benchmark.types.PlayoutBuffer`."""
        return np.full(len(earliest), round(self.buffer_ms * 1e6), np.int64)


make = Fixed
