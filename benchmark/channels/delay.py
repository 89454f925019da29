"""A network that takes equally long for every packet: nothing for a playout buffer to do, all for a conversation."""

from dataclasses import dataclass

import numpy as np

from benchmark.channels._checks import number
from benchmark.channels._slots import nanoseconds
from benchmark.types import Fate, Nanoseconds, Point


@dataclass(frozen=True)
class Delay:
    """Every packet takes `ms`."""

    ms: float
    loss = None
    burst_ratio = None

    def __post_init__(self) -> None:
        number("delay", "ms", self.ms, 0, "no delay")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"delay of {self.ms:g} ms"

    @property
    def point(self) -> Point:
        """Where it lies on a curve."""
        return Point("delay", "ms", self.ms)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """Nothing above the minimum, which is the delay."""
        return Fate(np.zeros(len(sent), np.int64), base=nanoseconds(self.ms))


make = Delay
