"""A delay per talkspurt: algorithm 1 of Ramjee, Kurose, Towsley and Schulzrinne, INFOCOM 1994.

Of the delays n of the packets that arrived, d is a running mean, and v one of their distance from it:
d = alpha d + (1 - alpha) n, v = alpha v + (1 - alpha) |d - n|. All of a talkspurt, and of the pause behind it, waits
d + beta v, as these are when its first frame could be played.

Simplified, or added: delays are those above the network's minimum, which cancels out of the paper's rule. With its
alpha the means take ten seconds of packets to form; until then they are plain means, the newest of n values weighing
1 / n where that is more than 1 - alpha. The first value is no packet, but what makes d + beta v `start_ms`, which is
waited until there is one. A shorter delay cuts the pause before it short, at most to nothing; the signal keeps its
pauses as they are.
"""

from dataclasses import dataclass, fields

import numpy as np

from benchmark.buffers._arrivals import arrivals
from benchmark.buffers._checks import within
from benchmark.types import Booleans, Nanoseconds


@dataclass(frozen=True)
class Talkspurt:
    """`alpha` is what a mean keeps at each packet; `beta` weighs the deviation; `start_ms` is the first delay."""

    alpha: float = 0.998002
    beta: float = 4.0
    start_ms: float = 80.0
    point = None

    def __post_init__(self) -> None:
        within("talkspurt", "alpha", self.alpha, 0, 1)
        within("talkspurt", "beta", self.beta, 0.1, 100)
        within("talkspurt", "start_ms", self.start_ms, 0, 10_000)

    @property
    def title(self) -> str:
        """What the report calls it."""
        usual = Talkspurt()
        other = [f"{f.name} {v:g}" for f in fields(self) if (v := getattr(self, f.name)) != getattr(usual, f.name)]
        return ", ".join(["talkspurt buffer", *other])

    def waits(self, sent: Nanoseconds, delays: Nanoseconds, earliest: Nanoseconds, talking: Booleans) -> Nanoseconds:
        """See `benchmark.types.PlayoutBuffer`."""
        seen = arrivals(sent, delays)
        wanted = self._delays(seen.delays)[seen.until(earliest)]
        due = earliest + wanted[:1]
        edges = np.flatnonzero(np.diff(talking, prepend=False, append=False)).tolist()
        spoken = 0
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            first = int(np.searchsorted(earliest, earliest[first]))  # frames of one group are decoded together
            if first < spoken:
                continue  # it begins in the group in which the one before it ended
            instant = max(earliest[first] + wanted[first], due[spoken - 1] if spoken else 0)
            due[spoken:first] = np.minimum(due[spoken:first], instant)  # not played yet, as this instant is in future
            due[first:] = earliest[first:] + (instant - earliest[first])
            spoken = int(np.searchsorted(earliest, earliest[end - 1], side="right"))
        return due - earliest

    def _delays(self, delays: Nanoseconds) -> Nanoseconds:
        """What a talkspurt would wait after none, one, ... all of these packets, ns."""
        mean, deviation = 0.0, self.start_ms * 1e6 / self.beta
        chosen = [mean + self.beta * deviation]
        for count, delay in enumerate(delays.tolist(), 2):
            new = max(1 - self.alpha, 1 / count)
            mean += new * (delay - mean)
            deviation += new * (abs(mean - delay) - deviation)
            chosen.append(mean + self.beta * deviation)
        return np.rint(chosen).astype(np.int64)


make = Talkspurt
