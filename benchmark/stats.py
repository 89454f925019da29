"""Pooled ratios and paired differences with 95 % intervals that know which observations share a speaker.

The standard error is the linearised, cluster-robust ("sandwich") one with the small-sample factor
G / (G - 1), read against Student's t with G - 1 degrees of freedom: Cameron, Gelbach & Miller,
"Bootstrap-based improvements for inference with clustered errors", Rev. Econ. Stat. 90(3), 2008;
Bell & McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage samples",
Survey Methodology 28(2), 2002. The linearisation of a ratio is Cochran, "Sampling Techniques", 1977, ch. 6.
"""

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from benchmark.types import Floats

CONFIDENCE = 0.95
FEW = 10  # clusters; with fewer, an interval describes these speakers and says little about others


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty.

    Attributes:
        value: the estimate; None when there was nothing to estimate it from.
        low: lower end of the 95 % interval; None without an interval (fewer than two clusters).
        high: upper end.
        n: observations.
        clusters: distinct clusters (speakers) among them.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int

    @property
    def half(self) -> float | None:
        """Half the width of the interval: the number after the plus-minus sign."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def few(self) -> bool:
        """Whether the interval is descriptive only, because it rests on fewer than ten clusters."""
        return self.clusters < FEW


NOTHING = Estimate(None, None, None, 0, 0)


@cache
def student(freedom: int) -> float:
    """Half of a 95 % interval, in standard errors: Student's quantile."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def pooled(numerator: npt.ArrayLike, denominator: npt.ArrayLike, clusters: npt.ArrayLike) -> Estimate:
    """Sum over sum, with a cluster-robust interval (module docstring); a mean has denominators of 1.

    Args:
        numerator: shape (n,).
        denominator: shape (n,), or a scalar for all.
        clusters: shape (n,), the label of each observation's cluster.
    """
    above = np.asarray(numerator, dtype=np.float64)
    below = np.broadcast_to(np.asarray(denominator, dtype=np.float64), above.shape)
    total = float(below.sum())
    if above.size == 0 or total == 0:
        return NOTHING
    value = float(above.sum()) / total
    member = np.unique(np.asarray(clusters), return_inverse=True)[1]
    count = int(member.max()) + 1
    if count < 2:
        return Estimate(value, None, None, above.size, count)
    influence = np.bincount(member, weights=above - value * below, minlength=count) / total
    half = student(count - 1) * robust_error(influence)
    return Estimate(value, value - half, value + half, above.size, count)


def widened(of_speakers: Estimate, of_seeds: Estimate) -> Estimate:
    """An estimate whose interval holds for other speakers, and for other seeds of what was trained.

    Both are of the same observations, clustered by the one and by the other; what they add is independent, as seeds
    are compared on equal utterances. With a single seed, nothing is known of others.
    """
    if of_speakers.value is None or of_speakers.half is None or of_seeds.half is None:
        return of_speakers
    half = math.hypot(of_speakers.half, of_seeds.half)
    return replace(of_speakers, low=of_speakers.value - half, high=of_speakers.value + half)


def robust_error(influence: Floats) -> float:
    """Cluster-robust standard error of an estimate, from what each of two or more clusters adds to its error."""
    return float(np.sqrt(influence.size / (influence.size - 1) * np.sum(influence**2)))


def paired(a: npt.ArrayLike, b: npt.ArrayLike, clusters: npt.ArrayLike) -> Estimate:
    """Mean of a - b over pairs the caller has aligned, with a cluster-robust interval.

    Args:
        a: shape (n,), values of one codec on the utterances that both have.
        b: shape (n,), values of the other, in the same order.
        clusters: shape (n,), the label of each pair's cluster.

    Raises:
        ValueError: when the shapes differ.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired: {first.shape} values against {second.shape}; align them first.")
    return pooled(first - second, 1.0, clusters)
