"""How losses cluster: runs of lost packets, and the bursts and gaps of RFC 3611 (section 4.7.2).

These are two definitions. A run is of lost packets alone. A burst of RFC 3611 is as long as can be, begins and ends
with a lost packet, holds more than one, and never `GMIN` or more received in a row; everything else is gaps, where a
loss stands alone among at least `GMIN` received on either side. Before the first packet and after the last one
all count as received. Values keep their parts, so that they can be pooled over files.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.types import Booleans

Integers: TypeAlias = npt.NDArray[np.int64]

GMIN = 16  # received packets in a row that end a burst, as RFC 3611 recommends


class Ratio(NamedTuple):
    """A value and its parts."""

    numerator: float
    denominator: float

    @property
    def value(self) -> float | None:
        """None where there is nothing to divide by: no such packet, burst or gap."""
        return self.numerator / self.denominator if self.denominator else None


class Runs(NamedTuple):
    """Runs of lost packets: entry n of `histogram` says how many of them are n packets long."""

    histogram: tuple[int, ...]

    @property
    def mean(self) -> Ratio:
        """Packets lost over runs."""
        return Ratio(sum(n * count for n, count in enumerate(self.histogram)), sum(self.histogram))

    @property
    def longest(self) -> int:
        """Packets in the longest run; 0 where nothing is lost."""
        return len(self.histogram) - 1


class BurstGap(NamedTuple):
    """The metrics of RFC 3611.

    Attributes:
        burst_density: packets lost in bursts over all packets in bursts; RFC 3611 sends 256 times that.
        gap_density: likewise in gaps.
        burst_ms: duration of all bursts, ms, over their number.
        gap_ms: duration of all gaps, ms, over their number.
    """

    burst_density: Ratio
    gap_density: Ratio
    burst_ms: Ratio
    gap_ms: Ratio


def runs(lost: Booleans) -> Runs:
    """Runs of `lost` packets, shape (n,), in the order of sending."""
    first, last = _groups(lost, 1)
    return Runs(tuple(np.bincount(last - first + 1, minlength=1).tolist()))


def burst_gap(lost: Booleans, interval_ms: float, gmin: int = GMIN) -> BurstGap:
    """Bursts and gaps of `lost` packets, shape (n,), in the order of sending.

    Args:
        lost: which packets are not there in time, be they lost or late.
        interval_ms: from packet to packet, ms; the mean where it varies.
        gmin: received packets in a row that end a burst, at least 1.
    """
    first, last = _groups(lost, gmin)
    alone = int((first == last).sum())
    first, last = first[first < last], last[first < last]
    in_bursts = int((last - first + 1).sum())
    in_gaps = len(lost) - in_bursts
    at_an_end = int((first == 0).sum() + (last == len(lost) - 1).sum())
    gaps = len(first) + 1 - at_an_end if len(lost) else 0  # around and between the bursts
    return BurstGap(
        Ratio(int(np.count_nonzero(lost)) - alone, in_bursts),
        Ratio(alone, in_gaps),
        Ratio(in_bursts * interval_ms, len(first)),
        Ratio(in_gaps * interval_ms, gaps),
    )


def _groups(lost: Booleans, apart: int) -> tuple[Integers, Integers]:
    """First and last packet of each group of losses that `apart` or more received packets separate from the others."""
    at = np.flatnonzero(lost).astype(np.int64)
    ends = np.flatnonzero(np.diff(at) > apart)
    return at[np.append(0, ends + 1)[: len(at)]], at[np.append(ends, -1)[: len(at)]]
