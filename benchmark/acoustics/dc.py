"""A constant offset, as faulty converters add."""

from dataclasses import dataclass

import numpy as np

from benchmark.acoustics._checks import long_enough, number
from benchmark.acoustics._scale import clipped
from benchmark.types import Heard, Point


@dataclass(frozen=True)
class Offset:
    """Adds `offset`, full scale 1; what goes beyond full scale is clipped."""

    offset: float = 0.05
    files = ()

    def __post_init__(self) -> None:
        number("dc", "offset", self.offset, -1, 1, "full scale is 1")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"offset {self.offset:g}"

    @property
    def point(self) -> Point:
        """Where it lies on the curve over offsets."""
        return Point("offset", "of full scale", float(self.offset))

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Add."""
        long_enough("dc", heard.signal, rate)
        return clipped(heard, heard.signal.astype(np.float64) + self.offset)


make = Offset
