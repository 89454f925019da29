"""Where a series of values changed its level: every change of one that is exact, change points of one with noise.

Change points by PELT with squared error (Killick, Fearnhead & Eckley, "Optimal detection of changepoints with a linear
computational cost", J. Am. Stat. Assoc. 107, 2012; `ruptures`). The noise is measured from run to run, by the median
absolute difference; the penalty is such that one flat series in a hundred has a change point, by simulation.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmark.baseline import rounded

STEPS = 3  # from run to run, without which a series passes for one that repeats exactly
FEWEST = 10  # runs without which noise is not told from changes
SPREAD = 0.6745 * 2**0.5  # of the median absolute difference of neighbours, in standard deviations of normal noise


def penalty(noise: float, count: int) -> float:
    """What a change point has to save in squared error; `tests/test_changes.py` measures how often noise alone does."""
    return noise**2 * (14 + 200 / count)


class Levels(NamedTuple):
    """Where levels of a series begin, but for the first; the noise about them, and its degrees of freedom."""

    points: list[int]
    noise: float = 0.0
    freedom: int = 0

    def half_width(self, before: int, after: int) -> float:
        """Of the 95 % interval of a step between means of so many values, as far as it is noise."""
        from scipy.special import stdtrit

        if not self.noise:
            return 0.0
        return float(stdtrit(max(self.freedom, 1), 0.975)) * self.noise * math.sqrt(1 / before + 1 / after)


def noise_of(values: npt.NDArray[np.float64], alike: Sequence[bool]) -> float:
    """Standard deviation from run to run; zero for what repeats exactly, and where too little is known.

    Args:
        values: shape (n,).
        alike: n - 1, whether a value's codec is known to be that of the value before; where some are, they alone count.
    """
    steps = np.abs(np.diff(values))
    same = np.asarray(alike, dtype=bool)
    steps = steps[same] if same.any() else steps
    return float(np.quantile(steps, 0.5, method="lower")) / SPREAD if steps.size >= STEPS else 0.0


def change_points(values: Sequence[float], alike: Sequence[bool]) -> Levels:
    """Where new levels begin. Arguments as of `noise_of`; values are told apart by six digits.

    With noise and fewer than `FEWEST` values, nothing can be said, and there are no change points.
    """
    series = np.array([rounded(value) for value in values])
    noise = noise_of(series, alike)
    if noise == 0:
        return Levels([int(place) + 1 for place in np.flatnonzero(np.diff(series))])
    if series.size < FEWEST:
        return Levels([], noise, series.size - 1)
    from ruptures import KernelCPD

    # With a linear kernel the cost is squared error; this is PELT in C.
    found = KernelCPD(kernel="linear", min_size=1, jump=1).fit(series[:, None]).predict(pen=penalty(noise, series.size))
    points = [int(place) for place in found[:-1]]
    freedom = series.size - len(found)
    left = sum(float(np.square(level - level.mean()).sum()) for level in np.split(series, points))
    return Levels(points, (left / freedom) ** 0.5 if freedom else noise, freedom)
