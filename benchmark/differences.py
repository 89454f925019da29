"""The difference of two pooled ratios over the same observations: studentised bootstrap over clusters (speakers).

Clusters are drawn with all their observations, both ratios are computed anew from the parts drawn, and the difference
is studentised by its linearised, cluster-robust error (`benchmark.stats`): bootstrap-t, Efron & Tibshirani, "An
Introduction to the Bootstrap", 1993, ch. 12; for ratios such as the word error rate Bisani & Ney, "Bootstrap estimates
for confidence intervals in ASR performance evaluation", ICASSP 2004; over clusters Cameron, Gelbach & Miller, Rev.
Econ. Stat. 90(3), 2008. Where fewer than ten clusters have anything to say, Student's t takes its place, and so it
does for p-values beyond all draws, of which Holm's correction over a family of hundreds needs to know. Adjusted
p-values are Holm's: "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6(2), 1979.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.seeds import generator
from benchmark.stats import FEW, robust_error
from benchmark.types import Floats

Parts: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike | float]  # numerators, denominators; a mean has denominators of 1
Members: TypeAlias = npt.NDArray[np.intp]  # the number of each observation's cluster
DRAWS = 9999  # of clusters; a p-value that none of them reaches is Student's, if that is below 1 / 10,000
ENDS = (0.975, 0.025, 0.95, 0.05)  # of the error: those that make low, high, lower and upper
DETECTED = 1.959964 + 0.841621  # normal quantiles of 97.5 % and 80 %: two-sided tests of 5 % that find four in five
ROUNDING = 1e-12  # of the values: errors below that are the arithmetic's
BLOCK = 2_000_000  # weights at a time, which keeps memory small where clusters are many


@dataclass(frozen=True, slots=True)
class Difference:
    """What the second of two has more than the first, on the same observations.

    Attributes:
        first: pooled value of the first; None without any.
        second: of the second.
        value: second less first; None where either is.
        low: lower end of the two-sided 95 % interval; None with fewer than two clusters.
        high: its upper end.
        lower: lower end of the two-sided 90 % interval: the one-sided 95 % bound.
        upper: its upper end.
        p_below: one-sided p-value, small where there is evidence that the value is below zero; 1 where all are equal.
        p_above: likewise, that it is above.
        error: cluster-robust standard error.
        n: pairs of observations.
        clusters: distinct clusters among them.
        design_effect: variance over that of as many independent pairs; None without variance.
        detectable: the smallest true difference that a two-sided test of 5 % finds in 80 % of cases.
    """

    first: float | None = None
    second: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_below: float | None = None
    p_above: float | None = None
    error: float | None = None
    n: int = 0
    clusters: int = 0
    design_effect: float | None = None
    detectable: float | None = None

    @property
    def few(self) -> bool:
        """Whether it is descriptive only, because it rests on fewer than ten clusters."""
        return self.clusters < FEW


def difference(first: Parts, second: Parts, clusters: npt.ArrayLike, seeds: npt.ArrayLike | None = None) -> Difference:
    """Second less first, each a sum over a sum, with intervals and p-values that hold for other clusters.

    The result depends neither on the order of the rows nor on the names of the clusters.

    Args:
        first: numerators, shape (n,), and denominators, shape (n,) or one for all.
        second: likewise, of the same observations in the same order.
        clusters: shape (n,), the label of each observation's cluster.
        seeds: shape (n,), only where a seed means one draw that all observations share (a network that was trained, a
            trace that everybody hears): then the result holds for other seeds too. Losses and noises that each
            utterance draws for itself need none: a cluster holds its own draws and is drawn with them.

    Raises:
        ValueError: when the shapes differ.
    """
    members = _codes(clusters)
    rows = np.stack([*_parts(first, members.shape), *_parts(second, members.shape)])
    order = np.lexsort(rows)  # equal numbers are added in equal order, whatever that of the rows
    rows, members = rows[:, order], members[order]
    count = int(members.max(initial=-1)) + 1
    a, b = (_ratio(rows[side : side + 2].sum(axis=1)) for side in (0, 2))
    if a is None or b is None or count < 2:
        return Difference(a, b, None if a is None or b is None else b - a, n=members.size, clusters=count)
    contrast, least = _Contrast.of(rows), ROUNDING * max(abs(a), abs(b))
    error = contrast.error(members, least)
    errors = error * contrast.studentised(members) if error else np.zeros(DRAWS)
    freedom = contrast.freedom(members) if error else count - 1
    if seeds is not None:
        found = _codes(seeds)[order]
        more = contrast.error(found, least)
        errors = errors + more * _shuffled(int(found.max())) if more else errors
        error, freedom = math.hypot(error, more), min(freedom, int(found.max())) if more else freedom
    plain = Difference(a, b, contrast.value, error=error, n=members.size, clusters=count)
    return _with_evidence(plain, errors, freedom, contrast.error(np.arange(members.size), least))


def _codes(labels: npt.ArrayLike) -> Members:
    codes: Members = np.unique(np.asarray(labels), return_inverse=True)[1].reshape(-1)
    return codes


def _parts(parts: Parts, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    above, below = (np.asarray(part, dtype=np.float64) for part in parts)
    if above.shape != shape or below.shape not in (shape, ()):
        raise ValueError(f"difference: parts of shapes {above.shape}, {below.shape} and {shape} clusters; align them.")
    return above, np.broadcast_to(below, shape)


def _ratio(parts: Floats) -> float | None:
    return float(parts[0] / parts[1]) if parts[1] else None


class _Contrast(NamedTuple):
    """One ratio, or one less another: `signs` of each, and for each a row of residuals and one of denominators."""

    value: float
    signs: Floats
    rows: Floats

    @classmethod
    def of(cls, rows: Floats) -> "_Contrast":
        """The second ratio less the first; a single one where their denominators are the same, as in means."""
        same = bool(np.array_equal(rows[1], rows[3]))
        signs = np.array([1.0] if same else [-1.0, 1.0])
        rows = np.stack([rows[2] - rows[0], rows[1]]) if same else rows.copy()
        ratios = rows[0::2].sum(axis=1) / rows[1::2].sum(axis=1)
        rows[0::2] -= ratios[:, None] * rows[1::2]
        return cls(float(signs @ ratios), signs, rows)

    def gathered(self, members: Members) -> Floats:
        """Sums of the rows per cluster, in an order that the clusters' names do not decide."""
        sums: Floats = np.stack([np.bincount(members, weights=row) for row in self.rows])
        return sums[:, np.lexsort(sums)]

    def error(self, members: Members, least: float) -> float:
        """The standard error; zero where it is not above `least`, or where there is one cluster."""
        sums = self.gathered(members)
        if sums.shape[1] < 2:
            return 0.0
        error = robust_error((self.signs / self.rows[1::2].sum(axis=1)) @ sums[0::2])
        return error if error > least else 0.0

    def studentised(self, members: Members) -> Floats:
        """How many standard errors the value is off: of the bootstrap, or Student's where clusters are few."""
        if (freedom := self.freedom(members)) + 1 < FEW:
            return _student(freedom)
        sums = self.gathered(members)
        weights = cluster_draws(sums.shape[1])
        blocks = np.array_split(weights, 1 + weights.size // BLOCK)
        with np.errstate(divide="ignore", invalid="ignore"):  # a draw may hold no denominator, or nothing that varies
            draws = np.concatenate([self._drawn(block.astype(np.float64), sums) for block in blocks])
        draws[np.isnan(draws)] = 0.0
        return draws

    def freedom(self, members: Members) -> int:
        """Degrees of freedom: clusters that differ from the commonest, and at most all but one.

        Where a change concerns three speakers of forty, it is these three that say how much speakers vary.
        """
        sums = self.gathered(members)
        ratios = np.divide(sums[0::2], sums[1::2], out=np.zeros_like(sums[0::2]), where=sums[1::2] != 0)
        gaps = self.signs @ ratios
        commonest = np.unique(np.round(gaps / (np.abs(gaps).max() or 1.0), 9), return_counts=True)[1].max()
        return max(gaps.size - int(commonest), 1)

    def _drawn(self, weights: Floats, sums: Floats) -> Floats:
        """The studentised change of the value under weights of clusters, shape (draws, clusters)."""
        i, j = np.triu_indices(len(sums))
        squares = sums[i] * sums[j] * np.where(i == j, 1, 2)[:, None]
        totals = weights @ np.concatenate([sums, squares]).T
        above, below = totals[:, 0 : len(sums) : 2], totals[:, 1 : len(sums) : 2]
        sides = np.stack([self.signs / below, -self.signs * above / below**2], axis=2).reshape(len(weights), -1)
        count = sums.shape[1]
        variance = count / (count - 1) * np.sum(sides[:, i] * sides[:, j] * totals[:, len(sums) :], axis=1)
        studentised: Floats = (above / below) @ self.signs / np.sqrt(variance)
        return studentised


@lru_cache(maxsize=16)
def cluster_draws(count: int) -> npt.NDArray[np.uint8]:
    """How often each draw holds each cluster, shape (DRAWS, count): the same for all data of as many clusters."""
    random = generator(0, "differences", str(count))
    weights = np.empty((DRAWS, count), np.uint8)
    for draw in weights:
        draw[:] = np.bincount(random.integers(count, size=count), minlength=count)
    return weights


@lru_cache(maxsize=64)
def _student(freedom: int) -> Floats:
    """As many quantiles of Student's t as there are draws, in ascending order."""
    from scipy.special import stdtrit

    quantiles: Floats = stdtrit(freedom, (np.arange(DRAWS) + 0.5) / DRAWS)
    return quantiles


@lru_cache(maxsize=16)
def _shuffled(freedom: int) -> Floats:
    """Student's quantiles in an order that goes with no other draw."""
    shuffled: Floats = generator(0, "differences", "seeds").permutation(_student(freedom))
    return shuffled


def _with_evidence(found: Difference, errors: Floats, freedom: int, independent: float) -> Difference:
    """The difference with all that follows from the distribution of its error."""
    value, error = found.value or 0.0, found.error or 0.0
    low, high, lower, upper = (float(end) for end in value - np.quantile(errors, ENDS, method="hazen"))
    return replace(
        found,
        low=low,
        high=high,
        lower=lower,
        upper=upper,
        p_below=_tail(errors, value, error, freedom),
        p_above=_tail(-errors, -value, error, freedom),
        design_effect=(error / independent) ** 2 if independent else None,
        detectable=DETECTED * error,
    )


def _tail(errors: Floats, value: float, error: float, freedom: int) -> float:
    """The share of errors at or below `value`; where there is none, Student's, which knows no smallest share."""
    from scipy.special import stdtr

    reached = int(np.sum(errors <= value))
    share = (1 + reached) / (1 + errors.size)
    if reached:
        return share
    return min(share, float(stdtr(freedom, value / error))) if error else 0.0


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: monotone, at most 1; the family is all of `p`."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1)), 1.0)
    return [float(value) for value in adjusted]
