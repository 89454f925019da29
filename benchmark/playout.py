"""A fixed playout buffer: packets and their delays in, what the decoder sees of each frame out. Pure."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from benchmark.types import LOST, SECOND, Booleans, Frame, Nanoseconds, Packet, Slot

AHEAD = 8  # following frames a slot may show; 160 ms at 20 ms, more than any in-band redundancy here reaches


class Playout(NamedTuple):
    """A slot per frame, and per frame whether it never came (`lost`) or came after it was due (`late`), and when.

    `due` is in ns of media time: until then whatever carries the frame has to be there.
    """

    slots: list[Slot]
    lost: Booleans
    late: Booleans
    due: list[int]


def hold(frames: Sequence[Frame], planned: Sequence[Packet]) -> int:
    """From the start of a group until the last packet that is to carry any of it has been sent, at most, ns.

    That is a constant of codec and protection: a receiver waits for the last frame of the group, and for the last
    copy it may get. What was planned counts, also where nothing had to be sent.
    """
    starts = _starts(frames)
    carried = ((p.sent - starts[f.index]) for p in planned for f in (*p.frames, *p.redundant))
    return max(carried, default=0)


def play(frames: Sequence[Frame], packets: Sequence[Packet], delays: Nanoseconds, hold: int, buffer: int) -> Playout:
    """Play the frames of a group `hold` + `buffer` ns after its start; what has not arrived by then is None.

    Args:
        frames: every frame of the stream, in order; an empty payload is played as ``b""``, never a loss.
        packets: those that carry them or copies of them, in order of sending.
        delays: ns per packet above the network's minimum, `LOST` = never.
        hold: what the packets take without any delay, ns; see `hold`.
        buffer: depth of the buffer, and what the loss strategy waits for, ns.
    """
    due = [start + hold + buffer for start in _starts(frames)]
    here = [int(LOST)] * len(frames)  # lists: this loop runs for every trial, and numpy's scalars are slow
    for packet, delay in zip(packets, delays.tolist(), strict=True):
        arrival = packet.sent + delay if delay != LOST else delay
        for frame in packet.frames + packet.redundant:
            here[frame.index] = min(here[frame.index], arrival)
    payloads = [f.payload for f in frames]
    in_time = [arrival <= limit or not p for arrival, limit, p in zip(here, due, payloads, strict=True)]
    played = [p if on_time else None for p, on_time in zip(payloads, in_time, strict=True)]
    slots = [Slot(i, p, _ahead(payloads, here, i + 1, due[i])) for i, p in enumerate(played)]
    missing, never = ~np.array(in_time, bool), np.array(here, np.int64) == LOST
    return Playout(slots, missing & never, missing & ~never, due)


def _starts(frames: Sequence[Frame]) -> list[int]:
    """When the group of each frame starts, ns; frames of one group are ready together."""
    groups = (list(group) for _, group in groupby(frames, lambda f: f.ready))
    return [group[0].start for group in groups for _ in group]


def _ahead(payloads: Sequence[bytes], here: Sequence[int], first: int, due: int) -> tuple[bytes | None, ...]:
    """The payloads from frame `first` on that are buffered by `due`; None in between, nothing behind the last."""
    end = min(first + AHEAD, len(payloads))
    while end > first and here[end - 1] > due:
        end -= 1
    return tuple([payloads[j] if here[j] <= due else None for j in range(first, end)])


def late_packets(packets: Sequence[Packet], delays: Nanoseconds, due: Sequence[int]) -> int:
    """How many packets arrive after a frame of theirs was due; one that carries copies alone goes by these."""
    count = 0
    for packet, delay in zip(packets, delays.tolist(), strict=True):
        frames = [f for f in packet.frames if f.payload] or packet.redundant
        count += delay != LOST and any(packet.sent + delay > due[f.index] for f in frames)
    return count


def spans(frames: Sequence[Frame], missing: Booleans) -> list[list[float]]:
    """Runs of missing frames as [start, end] in seconds of media time."""
    found: list[list[float]] = []
    for frame, gone in zip(frames, missing, strict=True):
        start, end = frame.start / SECOND, (frame.start + frame.duration) / SECOND
        if gone and found and abs(found[-1][1] - start) < 1e-6:
            found[-1][1] = round(end, 6)
        elif gone:
            found.append([round(start, 6), round(end, 6)])
    return found
