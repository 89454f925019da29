"""Bursts of up to ten erased frames: the Bellcore model of ITU-T G.191 (its error insertion device, mode BFER).

After s lost slots in a row the next one is lost with probability p(s); only p(0), that of the first one, depends on
the loss rate. The law of the bursts is therefore the same at every rate: 4.4 slots in the mean, ten at most. The
model alone is G.191's, not its random numbers; and it starts here from its stationary law.
"""

from dataclasses import dataclass
from itertools import accumulate
from operator import mul

import numpy as np

from benchmark.channels import _slots
from benchmark.channels._checks import number
from benchmark.channels._slots import USUAL, Chain
from benchmark.types import Fate, Nanoseconds, Point

GOES_ON = (0.85, 0.825, 0.8, 0.775, 0.75, 0.725, 0.7, 0.6, 0.45)  # p(1) to p(9), G.191's table; p(10) = 0
REACHED = (1.0, *accumulate(GOES_ON, mul))  # of all bursts, those of at least 1, 2, ..., 10 slots
MEAN_BURST = sum(REACHED)  # slots


@dataclass(frozen=True)
class Bellcore:
    """A share `rate` of the slots is lost."""

    rate: float
    slot_ms: float
    loss = None  # a curve of its own, and none of those that burst ratios name: this one's changes with the rate
    burst_ratio = None

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{100 * self.rate:g} % loss, Bellcore bursts{_slots.note(self.slot_ms)}"

    @property
    def chain(self) -> Chain:
        """State s: s slots lost in a row."""
        begins = self.rate / (1 - self.rate) / MEAN_BURST
        law = (1 - self.rate, *((1 - self.rate) * begins * share for share in REACHED))
        limits = ((begins,), *((p,) for p in GOES_ON), ())
        following = (*((s + 1, 0) for s in range(len(REACHED))), (0,))
        return Chain(law, limits, following, (False, *(True for _ in REACHED)))

    @property
    def point(self) -> Point:
        """Where it lies on a curve."""
        return Point(f"Bellcore bursts{_slots.note(self.slot_ms)}", "% lost", 100 * self.rate)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """Lost where the slot of the send instant is."""
        return _slots.fate(self.chain, self.slot_ms, sent, generator)


def make(loss: float, slot_ms: float = USUAL) -> Bellcore:
    """Slots of `slot_ms`, of which a share `loss` is lost, 0.005 to 0.3 as in G.191 (there in steps of 0.005).

    Raises:
        UserError: outside of these limits.
    """
    number("bellcore", "loss", loss, 0.005, "the rates of G.191", most=0.3)
    _slots.check("bellcore", "slot_ms", slot_ms)
    return Bellcore(loss, slot_ms)
