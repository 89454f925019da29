"""Independent ("random") loss, coupled over loss rates: what is lost at a lower rate is lost at a higher one too.

The draw belongs to the instant of sending, in cells of 2.5 ms, not to the packet's number: codecs with
packets of 20 and of 40 ms meet the same fate at the instants they share.
"""

from dataclasses import dataclass

import numpy as np

from benchmark.channels._checks import probability
from benchmark.channels._slots import slot_of
from benchmark.types import LOST, Fate, Floats, Nanoseconds

CELL = 2_500_000  # ns; the shortest packet of any codec here (Opus), so no two packets of a stream share a draw


@dataclass(frozen=True)
class Bernoulli:
    """Each packet is lost with probability `loss`, in [0, 1]."""

    loss: float
    burst_ratio = 1.0

    def __post_init__(self) -> None:
        probability("bernoulli", "loss", self.loss)

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{100 * self.loss:g} % random loss"

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """Lost exactly where the draw of the send instant is below `loss`."""
        return Fate(np.where(uniform(sent, generator) < self.loss, LOST, 0))


def uniform(sent: Nanoseconds, generator: np.random.Generator) -> Floats:
    """One uniform number per send instant, in ns; equal instants get equal numbers, whoever asks."""
    cell = slot_of(sent, CELL)
    draws: Floats = generator.random(int(cell.max(initial=0)) + 1)
    return draws[cell]


make = Bernoulli
