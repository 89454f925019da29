"""What a receiver has seen of the network at an instant: the packets that arrived until then, in that order."""

from typing import NamedTuple

import numpy as np

from benchmark.types import LOST, Nanoseconds


class Arrivals(NamedTuple):
    """Packets in the order of arrival, the lost ones left out: when they came, were sent, and the delay, all in ns."""

    instants: Nanoseconds
    sent: Nanoseconds
    delays: Nanoseconds

    def until(self, instants: Nanoseconds) -> Nanoseconds:
        """How many have arrived by each of these instants."""
        return np.searchsorted(self.instants, instants, side="right").astype(np.int64)


def arrivals(sent: Nanoseconds, delays: Nanoseconds) -> Arrivals:
    """Sort packets by arrival; of those that arrive at once, the one sent first comes first."""
    came = np.flatnonzero(delays != LOST)
    order = came[np.argsort(sent[came] + delays[came], kind="stable")]
    return Arrivals(sent[order] + delays[order], sent[order], delays[order])
