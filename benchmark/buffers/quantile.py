"""A quantile of the delays, kept as WebRTC's NetEq keeps its target level (delay_manager.cc and what it calls).

The delay of each packet that arrives is taken relative to the smallest among those sent in the last two seconds. The
largest of every `resample_ms` is counted in a histogram of buckets of `bucket_ms`, up to two seconds, which keeps
`forget` of what it had; the first counts weigh more, the newest of n values 2 / n. The target is the upper end of the
bucket in which the cumulated weight reaches `share`, above that smallest delay; `start_ms`, until something is counted.
So `share` is of the intervals of `resample_ms`, and fewer packets are late; with ``resample_ms=0`` it is of packets.

Simplified: NetEq stretches and shortens speech to reach its target. Here nothing is stretched: the wait changes in
pauses alone, by at most the time that has passed, which is a frame per frame, and a frame a pause drops or gains is not
heard. NetEq counts in steps of 10 ms; it has a second histogram for packets that arrive out of order, which here go
into the first.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import numpy as np

from benchmark.buffers._arrivals import Arrivals, arrivals
from benchmark.buffers._checks import within
from benchmark.types import SECOND, Booleans, Floats, Nanoseconds

WINDOW = 2 * SECOND  # ns; of the sliding minimum, and the largest delay that is counted
START_WEIGHT = 2  # of the newest of n values, times n, until the histogram forgets at its own pace


@dataclass(frozen=True)
class Quantile:
    """The defaults are NetEq's."""

    share: float = 0.95
    forget: float = 0.983
    bucket_ms: float = 20.0
    start_ms: float = 80.0
    resample_ms: float = 500.0
    point = None

    def __post_init__(self) -> None:
        within("quantile", "share", self.share, 0, 0.9999)
        within("quantile", "forget", self.forget, 0, 1)
        within("quantile", "bucket_ms", self.bucket_ms, 1, 1000)
        within("quantile", "start_ms", self.start_ms, 0, 10_000)
        within("quantile", "resample_ms", self.resample_ms, 0, 10_000)

    @property
    def title(self) -> str:
        """What the report calls it."""
        usual = Quantile(self.share)
        other = [f"{f.name} {v:g}" for f in fields(self) if (v := getattr(self, f.name)) != getattr(usual, f.name)]
        return ", ".join([f"{100 * self.share:g} % quantile buffer", *other])

    def waits(self, sent: Nanoseconds, delays: Nanoseconds, earliest: Nanoseconds, talking: Booleans) -> Nanoseconds:
        """See `benchmark.types.PlayoutBuffer`."""
        seen = arrivals(sent, delays)
        targets = self._targets(seen)[seen.until(earliest)]
        passed = np.diff(earliest, prepend=earliest[:1])
        wait, waits = round(self.start_ms * 1e6), []
        for target, step, speech in zip(targets.tolist(), passed.tolist(), talking.tolist(), strict=True):
            if not speech:
                wait += min(max(target - wait, -step), step)
            waits.append(wait)
        return np.array(waits, np.int64)

    def _targets(self, seen: Arrivals) -> Nanoseconds:
        """Where the wait goes after none, one, ... all of these packets, ns."""
        level = start = round(self.start_ms * 1e6)
        histogram = _Histogram(round(self.bucket_ms * 1e6), self.forget)
        targets, largest, begun = [start], 0, None
        for instant, smallest, relative in _relative(seen):
            begun = instant if begun is None else begun
            largest = max(largest, relative)
            if instant - begun >= self.resample_ms * 1e6:
                histogram.add(largest)
                level = histogram.quantile(self.share) or start
                largest, begun = 0, instant
            targets.append(smallest + level)
        return np.array(targets, np.int64)


def _relative(seen: Arrivals) -> Iterator[tuple[int, int, int]]:
    """When each packet came, the smallest delay in the window, and how much more its own is, ns."""
    smallest: deque[tuple[int, int]] = deque()  # (sent, delay), both rising; the first is the smallest delay
    for instant, sent, delay in zip(*(column.tolist() for column in seen), strict=True):
        if not smallest or sent >= smallest[-1][0]:  # one that comes out of order has had its time
            while smallest and smallest[-1][1] >= delay:
                smallest.pop()
            smallest.append((sent, delay))
            while smallest[0][0] < sent - WINDOW:
                smallest.popleft()
        yield instant, smallest[0][1], max(delay - smallest[0][1], 0)


@dataclass
class _Histogram:
    """Weights of delays in buckets of `width` ns, which sum up to 1 as soon as there is one."""

    width: int
    forget: float
    count: int = 0
    weights: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.weights = np.zeros(-(-WINDOW // self.width))

    def add(self, delay: int) -> None:
        """Count a delay, and forget some of the others; one beyond the last bucket is left out."""
        if delay // self.width >= len(self.weights):
            return
        self.count += 1
        keep = max(0.0, min(self.forget, 1 - START_WEIGHT / self.count))
        self.weights *= keep
        self.weights[delay // self.width] += 1 - keep

    def quantile(self, share: float) -> int:
        """The upper end of the bucket in which the weight reaches `share`, ns; 0 when there is none."""
        reached = np.flatnonzero(np.cumsum(self.weights) >= share - 1e-9)  # a sum of rounded weights
        return int(1 + reached[0]) * self.width if self.count else 0


make = Quantile
