"""Rate against quality: the rate at which a family is as good as another codec, Bjøntegaard's delta, the Pareto front.

The rate of equal quality is read off a monotone curve (isotonic regression, then the cubic of Fritsch & Butland, SIAM
J. Sci. Stat. Comput. 5(2), 1984, over the logarithm of the rate), and never beyond its ends. Its interval holds the
rates at which quality cannot be told from the target's (Fieller, J. R. Stat. Soc. B 16(2), 1954): by Student's t on
the error of a bootstrap that draws speakers for all codecs at once. Bjøntegaard's delta (ITU-T VCEG-M33, 2001) is
computed by the package `bjontegaard` (Herglotz et al., "The Bjøntegaard bible", IEEE Trans. Image Process., 2024).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmark.differences import cluster_draws
from benchmark.stats import student
from benchmark.types import Booleans, Floats, UserError

DRAWS = 499  # of speakers; of a standard error that is enough
STEPS = 200  # of the logarithm of the rate, from the lowest to the highest
POINTS = {"cubic": 4, "pchip": 2, "akima": 3}  # of either curve, at least
ROUNDING = 1e-12  # of the quality
LEAST = 4  # points that a delta is worth telling of


@dataclass(frozen=True, slots=True)
class EqualRate:
    """The rate at which a family has the quality of a target.

    Attributes:
        rate: bit/s; None where no rate of the family's range has that quality.
        low: lower end of the 95 % interval, `most` where all of it is above the range; None where it begins below the
            range, or where there is no interval.
        high: its upper end, `least` where all of it is below the range; None where it ends above the range.
        least: lowest rate of the family that was measured.
        most: highest.
        side: ``more`` or ``less`` than the range where that is all that is known of the rate, else empty.
        n: observations that all codecs share.
        clusters: speakers among them; with fewer than two there is no interval.
    """

    rate: float | None
    low: float | None
    high: float | None
    least: float
    most: float
    side: str
    n: int
    clusters: int


@dataclass(frozen=True, slots=True)
class Delta:
    """Bjøntegaard's delta: what more of bits is needed for the same quality, over the qualities both curves reach.

    Attributes:
        percent: None where it could not be computed.
        low: lowest quality that both reach; None where they share none.
        high: highest.
        reason: why there is no number, else empty.
    """

    percent: float | None
    low: float | None
    high: float | None
    reason: str = ""


def equal_rate(
    rates: npt.ArrayLike,
    family: tuple[npt.ArrayLike, npt.ArrayLike],
    target: tuple[npt.ArrayLike, npt.ArrayLike],
    clusters: npt.ArrayLike,
    higher: bool = True,
) -> EqualRate:
    """At what rate a family is as good as a target, on the same observations.

    Args:
        rates: shape (k,), measured rates in bit/s, in any order, all different.
        family: numerators and denominators of its quality, shape (k, n); a mean has denominators of 1.
        target: those of the target, shape (n,), of the same observations.
        clusters: shape (n,), the speaker of each.
        higher: whether a higher value is better.

    Raises:
        ValueError: when there are fewer than two rates, or shapes differ.
    """
    found = np.asarray(rates, dtype=np.float64)
    order, sign = np.argsort(found), 1.0 if higher else -1.0
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)
    count = int(members.max(initial=-1)) + 1
    parts = [np.vstack([np.asarray(of)[order], t]) for of, t in zip(family, target, strict=True)]
    if found.size < 2 or any(part.shape != (found.size + 1, members.size) for part in parts):
        raise ValueError(f"equal_rate: {found.size} rates, parts of shapes {[part.shape for part in parts]}.")
    above, below = (_gathered(part, members, count) for part in parts)
    weights = np.vstack([np.ones(count), cluster_draws(count)[:DRAWS]]) if count > 1 else np.ones((1, 1))
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw may hold no denominator
        quality = sign * (weights @ above.T) / (weights @ below.T)
    quality = quality[np.isfinite(quality).all(axis=1)]
    knots = np.log(found[order])
    grid = np.linspace(knots[0], knots[-1], STEPS)
    gaps = _curves(knots, quality[:, :-1], grid) - quality[:, -1:]
    gaps[np.abs(gaps) < ROUNDING * np.abs(quality).max()] = 0.0
    steps = np.exp(grid)
    steps[[0, -1]] = found[order[[0, -1]]]  # to the bit
    return replace(_crossing(steps, gaps, count), n=members.size)


def _gathered(part: Floats, members: npt.NDArray[np.intp], count: int) -> Floats:
    return np.stack([np.bincount(members, weights=row, minlength=count) for row in part])


def _curves(knots: Floats, quality: Floats, grid: Floats) -> Floats:
    """Monotone curves through each row of qualities, shape (rows, grid)."""
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import isotonic_regression

    falls = np.flatnonzero((np.diff(quality) < 0).any(axis=1))
    rising = quality.copy()
    for row in falls:
        rising[row] = isotonic_regression(quality[row]).x
    curves: Floats = PchipInterpolator(knots, rising, axis=1)(grid)
    return curves


def _crossing(rates: Floats, gaps: Floats, count: int) -> EqualRate:
    """Where the first of the curves is zero, and where it cannot be told from zero by the spread of the others."""
    gap = gaps[0]
    side = "more" if gap[-1] < 0 else "less" if gap[0] > 0 else ""
    rate = None if side else float(rates[0]) if gap[0] == 0 else _first(rates, gap)
    if count < 2:
        return EqualRate(rate, None, None, float(rates[0]), float(rates[-1]), side, 0, count)
    half = student(count - 1) * np.sqrt(count / (count - 1)) * gaps[1:].std(axis=0)
    low = None if gap[0] + half[0] >= 0 else _first(rates, gap + half)
    high = None if gap[-1] - half[-1] <= 0 else _first(rates[::-1], (half - gap)[::-1])
    return EqualRate(rate, low, high, float(rates[0]), float(rates[-1]), side, 0, count)


def _first(rates: Floats, curve: Floats) -> float:
    """The first rate at which a curve that begins below zero is zero, or the last rate where it stays below."""
    reached = np.flatnonzero(curve >= 0)
    if not reached.size:
        return float(rates[-1])
    at = int(reached[0])
    step = curve[at - 1] / (curve[at - 1] - curve[at])
    return float(rates[at - 1] * (rates[at] / rates[at - 1]) ** step)


def bd_rate(
    anchor: tuple[npt.ArrayLike, npt.ArrayLike],
    tested: tuple[npt.ArrayLike, npt.ArrayLike],
    method: str = "pchip",
    higher: bool = True,
) -> Delta:
    """How many per cent more bits the tested curve takes than the anchor's, averaged over the qualities of both.

    Args:
        anchor: rates, all above zero, and qualities of the points of the anchor's curve.
        tested: of the other.
        method: ``pchip``, ``akima`` or ``cubic`` (which fits a polynomial, as the first paper did).
        higher: whether a higher quality is better.

    Raises:
        UserError: for another method, rates that are not above zero, or points without a partner.
    """
    if method not in POINTS:
        raise UserError(f"bd_rate: method {method!r} is not known; write {', '.join(sorted(POINTS))}.")
    curves = [_curve(points, 1.0 if higher else -1.0) for points in (anchor, tested)]
    ends = max(q[0] for _, q in curves), min(q[-1] for _, q in curves)
    low, high = sorted(float(end if higher else -end) for end in ends)
    if any(len(q) < POINTS[method] for _, q in curves):
        return Delta(None, None, None, f"{method} needs {POINTS[method]} rates of either")
    if any((np.diff(q) <= 0).any() for _, q in curves):
        return Delta(None, None, None, "quality does not rise with every rate")
    if ends[0] >= ends[1]:
        return Delta(None, None, None, "the curves share no quality")
    from bjontegaard import bd_rate as delta

    (rates, quality), (others, reached) = curves
    percent = delta(rates, quality, others, reached, method, require_matching_points=False, min_overlap=0)
    return Delta(float(percent), low, high)


def _curve(points: tuple[npt.ArrayLike, npt.ArrayLike], sign: float) -> tuple[Floats, Floats]:
    """Rates in ascending order, and their qualities, of which more is better."""
    rates, quality = (np.asarray(axis, dtype=np.float64) for axis in points)
    if rates.ndim != 1 or rates.shape != quality.shape or not rates.size:
        raise UserError(f"bd_rate: {rates.size} rates and {quality.size} qualities; give one of each per point.")
    if not (np.isfinite(rates) & np.isfinite(quality) & (rates > 0)).all():
        raise UserError(f"bd_rate: rates have to be above zero and qualities numbers, not {rates} and {quality}.")
    order = np.argsort(rates, kind="stable")
    return rates[order], sign * quality[order]


def pareto(costs: npt.ArrayLike, gains: npt.ArrayLike) -> Booleans:
    """Which points no other beats: none costs no more and gains no less, and one of these strictly.

    Args:
        costs: shape (n, costs), of which less is better, such as rate and latency.
        gains: shape (n, gains), of which more is better. A point with a NaN is no member, and beats none.
    """
    points = np.hstack([-np.asarray(costs, dtype=np.float64), np.asarray(gains, dtype=np.float64)])
    known: Booleans = np.isfinite(points.sum(axis=1))
    one, other = points[:, None], points[None]
    as_good, better = np.greater_equal(one, other).all(axis=2), np.greater(one, other).any(axis=2)
    beaten = as_good & better & known[:, None]
    members: Booleans = known & ~beaten.any(axis=0)
    return members
