"""Normally distributed delay, cut off at zero: jitter as network simulators commonly draw it.

`mean_ms` and `std_ms` are those of the delays that are drawn, after the cut; the normal law behind them is found from
them [Johnson, Kotz & Balakrishnan 1994, Continuous Univariate Distributions 1, 13]: with a the place of the cut in
standard deviations of the normal law and h = phi(a) / (1 - Phi(a)), std / mean = sqrt(1 + a h - h^2) / (h - a).
Delays are drawn independently per step, so packets overtake each other, unless `ordered`; that makes delays longer.
"""

import math
from dataclasses import dataclass

import numpy as np

from benchmark.channels import _delays
from benchmark.channels._slots import USUAL
from benchmark.types import Fate, Floats, Nanoseconds, Point, UserError

WIDEST = 0.9  # std / mean; towards 1 the law becomes the exponential one, which is a gamma law
FARTHEST = 10.0  # standard deviations; the cut is at 1.9 for `WIDEST`


@dataclass(frozen=True)
class Gaussian:
    """A delay above the minimum with this mean and standard deviation, drawn anew every `step_ms` of media time."""

    mean_ms: float
    std_ms: float
    ordered: bool = False
    step_ms: float = USUAL
    loss = None
    burst_ratio = None

    def __post_init__(self) -> None:
        _delays.check("gaussian", self.mean_ms, self.std_ms, self.ordered, self.step_ms)
        if self.std_ms > WIDEST * self.mean_ms:
            text = f"std_ms={self.std_ms} must be at most {WIDEST:g} of mean_ms={self.mean_ms}"
            raise UserError(f"gaussian: {text}: a normal delay cannot vary more without being negative; use gamma.")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return _delays.title("normal", self.mean_ms, self.std_ms, self.ordered, self.step_ms)

    @property
    def point(self) -> Point:
        """Where it lies on a curve."""
        return _delays.point("normal", self.mean_ms, self.std_ms, self.ordered, self.step_ms)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """The delay of the step that the send instant lies in."""
        return Fate(_delays.drawn(sent, self.step_ms, self.quantile, self.ordered, generator))

    def quantile(self, shares: Floats) -> Floats:
        """The delays in ms that these shares of the drawn ones, in [0, 1), lie below."""
        from scipy.special import ndtr, ndtri

        cut = self.cut()
        scale = self.mean_ms / (_hazard(cut) - cut)
        delays: Floats = scale * (-cut - ndtri(ndtr(-cut) * (1 - shares)))
        return delays

    def cut(self) -> float:
        """Where zero lies, in standard deviations from the mean of the normal law behind."""
        from scipy.optimize import brentq

        ratio = self.std_ms / self.mean_ms
        return float(brentq(lambda cut: _spread(cut) - ratio, -2 / ratio, FARTHEST))


def _spread(cut: float) -> float:
    """Standard deviation over mean of a normal law cut off at `cut` of its standard deviations; rises from 0 to 1."""
    hazard = _hazard(cut)
    return math.sqrt(1 + cut * hazard - hazard**2) / (hazard - cut)


def _hazard(cut: float) -> float:
    """Normal density at `cut` over the probability of what lies above."""
    from scipy.special import erfcx

    return math.sqrt(2 / math.pi) / float(erfcx(cut / math.sqrt(2)))


make = Gaussian
