"""A fixed playout buffer: packets and their delays in, what the decoder sees of each frame out. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmark.types import LOST, Booleans, Frame, Nanoseconds, Packet, Slot

AHEAD = 8  # following frames a slot may show; 160 ms at 20 ms, more than any in-band redundancy here reaches


class Playout(NamedTuple):
    """A slot per frame, and per frame whether it never came (`lost`) or came after it was due (`late`)."""

    slots: list[Slot]
    lost: Booleans
    late: Booleans


def play(frames: Sequence[Frame], packets: Sequence[Packet], delays: Nanoseconds, buffer: int) -> Playout:
    """Play frame i `buffer` ns after its packet was sent; what has not arrived by then is None.

    Args:
        frames: every frame of the stream, in order; an empty payload is played as ``b""``, never a loss.
        packets: those that carry them, in order of sending.
        delays: ns per packet above the network's minimum, `LOST` = never.
        buffer: depth of the buffer, ns.
    """
    due = [f.start + f.duration + buffer for f in frames]
    here = [int(LOST)] * len(frames)  # lists: this loop runs for every trial, and numpy's scalars are slow
    for packet, delay in zip(packets, delays.tolist(), strict=True):
        arrival = packet.sent + delay if delay != LOST else delay
        for frame in packet.frames:
            due[frame.index] = packet.sent + buffer
            here[frame.index] = min(here[frame.index], arrival)
    payloads = [f.payload for f in frames]
    in_time = [arrival <= limit or not p for arrival, limit, p in zip(here, due, payloads, strict=True)]
    played = [p if on_time else None for p, on_time in zip(payloads, in_time, strict=True)]
    slots = [Slot(i, p, _ahead(payloads, here, i + 1, due[i])) for i, p in enumerate(played)]
    missing, never = ~np.array(in_time, bool), np.array(here, np.int64) == LOST
    return Playout(slots, missing & never, missing & ~never)


def _ahead(payloads: Sequence[bytes], here: Sequence[int], first: int, due: int) -> tuple[bytes | None, ...]:
    """The payloads from frame `first` on that are buffered by `due`; None in between, nothing behind the last."""
    end = min(first + AHEAD, len(payloads))
    while end > first and here[end - 1] > due:
        end -= 1
    return tuple([payloads[j] if here[j] <= due else None for j in range(first, end)])
