"""Packets sent at equal distances, and what a network does to them."""

import numpy as np

from benchmark.seeds import generator
from benchmark.types import LOST, SECOND

MS = 1_000_000  # ns


def every(ms, packets):
    """Send instants of packets of `ms`, rounded down to ns as the encoder's frames are."""
    return np.arange(1, packets + 1) * round(ms * 3) * MS // 3


def lost(channel, sent, seed=0):
    return channel.fate(sent, generator(seed, "channel")).delays == LOST


def delays(channel, sent, seed=0):
    return channel.fate(sent, generator(seed, "channel")).delays


def ready(seconds, rate, frame, lookahead=0):
    """Send instants of a codec's frames of so many samples at `rate`, as `benchmark.codec.frame_of` gives them."""
    return (np.arange(1, seconds * rate // frame + 1) * frame + lookahead) * SECOND // rate
