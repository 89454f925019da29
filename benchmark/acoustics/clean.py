"""The quiet room: speech as it was recorded."""

from dataclasses import dataclass

import numpy as np

from benchmark.types import Heard


@dataclass(frozen=True)
class Clean:
    """Nothing happens to the speech."""

    title = "clean"
    point = None
    files = ()

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """What it was."""
        return heard


make = Clean
