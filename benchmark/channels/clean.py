"""The perfect network: every packet arrives at once."""

from dataclasses import dataclass

import numpy as np

from benchmark.types import Fate, Nanoseconds


@dataclass(frozen=True)
class Clean:
    """No loss, no delay."""

    title = "clean"
    loss = 0.0
    burst_ratio = None

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """Delay zero for every packet."""
        return Fate(np.zeros(len(sent), np.int64))


make = Clean
