"""Holes at regular intervals: what a codec does behind a loss of known length, without chance."""

from dataclasses import dataclass

import numpy as np

from benchmark.channels._checks import number
from benchmark.channels._slots import nanoseconds
from benchmark.types import LOST, Fate, Nanoseconds, Point, UserError


@dataclass(frozen=True)
class Holes:
    """Whatever is sent within `length_ms` is lost, every `every_ms` from `start_ms` of media time on."""

    length_ms: float
    every_ms: float
    start_ms: float = 0.0
    loss = None  # how many packets are in a hole depends on how long they are
    burst_ratio = None

    def __post_init__(self) -> None:
        number("holes", "length_ms", self.length_ms, 0.001, "a microsecond")
        number("holes", "every_ms", self.every_ms, 0.001, "a microsecond")
        number("holes", "start_ms", self.start_ms, 0, "the start of the signal")
        if nanoseconds(self.length_ms) >= nanoseconds(self.every_ms):
            text = f"length_ms={self.length_ms} must be below every_ms={self.every_ms}"
            raise UserError(f"holes: {text}, or nothing arrives between two holes; write bernoulli:loss=1 for that.")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        start = f" from {self.start_ms:g} ms on" if self.start_ms else ""
        return f"holes of {self.length_ms:g} ms every {self.every_ms:g} ms{start}"

    @property
    def point(self) -> Point:
        """Where it lies on a curve."""
        return Point(f"holes every {self.every_ms:g} ms", "ms lost in a row", self.length_ms)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """Lost where sent in (start + k every, start + k every + length] for a k from 0 on."""
        length, every, start = (nanoseconds(ms) for ms in (self.length_ms, self.every_ms, self.start_ms))
        behind = np.asarray(sent) - start - 1  # the instant at the end of a slot belongs to it, hence 1 ns less
        return Fate(np.where((behind >= 0) & (behind % every < length), LOST, 0))


make = Holes
