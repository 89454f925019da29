"""Gamma-distributed delay: never negative, and with the long tail of queues.

Delays are drawn independently per step, so packets overtake each other, unless `ordered`; that makes delays longer.
"""

from dataclasses import dataclass

import numpy as np

from benchmark.channels import _delays
from benchmark.channels._slots import USUAL
from benchmark.types import Fate, Floats, Nanoseconds, Point, UserError

WIDEST = 10  # std / mean


@dataclass(frozen=True)
class Gamma:
    """A delay above the minimum with this mean and standard deviation, drawn anew every `step_ms` of media time.

    With both equal it is exponential.
    """

    mean_ms: float
    std_ms: float
    ordered: bool = False
    step_ms: float = USUAL
    loss = None
    burst_ratio = None

    def __post_init__(self) -> None:
        _delays.check("gamma", self.mean_ms, self.std_ms, self.ordered, self.step_ms)
        if self.std_ms > WIDEST * self.mean_ms:
            text = f"std_ms={self.std_ms} must be at most {WIDEST} times mean_ms={self.mean_ms}"
            raise UserError(f"gamma: {text}: beyond, nearly all delays are zero; try spikes.")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return _delays.title("gamma", self.mean_ms, self.std_ms, self.ordered, self.step_ms)

    @property
    def point(self) -> Point:
        """Where it lies on a curve."""
        return _delays.point("gamma", self.mean_ms, self.std_ms, self.ordered, self.step_ms)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """The delay of the step that the send instant lies in."""
        return Fate(_delays.drawn(sent, self.step_ms, self.quantile, self.ordered, generator))

    def quantile(self, shares: Floats) -> Floats:
        """The delays in ms that these shares of the drawn ones, in [0, 1), lie below."""
        from scipy.special import gammaincinv

        shape = (self.mean_ms / self.std_ms) ** 2
        delays: Floats = self.mean_ms / shape * gammaincinv(shape, shares)
        return delays


make = Gamma
