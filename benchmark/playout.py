"""Playing out: packets, their delays and when frames are due in, what the decoder sees of each frame out. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from benchmark.bits import unite
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
    copy or parity it may get. What was planned counts, also where nothing had to be sent.
    """
    starts = _starts(frames)
    held = {packet.seq: packet.frames for packet in planned}
    carried = ((p.sent - starts[f.index]) for p in planned for f in _stands_for(p, held))
    return max(carried, default=0)


def _stands_for(packet: Packet, held: Mapping[int, tuple[Frame, ...]]) -> Iterator[Frame]:
    """The frames that a packet brings, brings again, or can bring back."""
    yield from packet.frames
    yield from packet.redundant
    for seq in packet.covers:
        yield from held.get(seq, ())


def earliest(frames: Sequence[Frame], hold: int) -> Nanoseconds:
    """When each frame could be played if no packet were delayed, ns: `hold` ns after the start of its group."""
    return np.array(_starts(frames), np.int64) + hold


def play(
    frames: Sequence[Frame], packets: Sequence[Packet], delays: Nanoseconds, due: Sequence[int] | Nanoseconds
) -> Playout:
    """Play each frame at the instant when it is due; what has not arrived by then is None.

    Played is what the first copy to arrive holds (of two at once: that in the earlier packet, and there the frame
    itself), which after bit errors is not what was sent; a packet that its parity brings back is as it was sent. Of a
    frame in two parts its coarse one is played where the rest is not there in time.

    Args:
        frames: every frame of the stream as it was sent, in order; an empty payload is played as ``b""``, never a loss.
        packets: those that carry them or copies of them, as they arrive, in order of sending.
        delays: ns per packet above the network's minimum, `LOST` = never.
        due: per frame, ns of media time: `earliest`, and what the buffer and the loss strategy wait.
    """
    never = int(LOST)  # lists and ints: this loop runs for every trial, and numpy's scalars are slow
    arrivals = [p.sent + d if d != never else never for p, d in zip(packets, delays.tolist(), strict=True)]
    here = [never] * len(frames)
    came: list[bytes | None] = [None] * len(frames)
    rests: list[tuple[Frame, int]] = []
    for packet, arrival in zip(packets, arrivals, strict=True):
        for frame in packet.frames + packet.redundant:
            if frame.part == "rest":
                rests.append((frame, arrival))
            elif arrival < here[frame.index]:
                here[frame.index], came[frame.index] = arrival, frame.payload
    for back, arrival in _brought_back(packets, arrivals):
        for frame in back.frames + back.redundant:
            if arrival < here[frame.index]:
                here[frame.index], came[frame.index] = arrival, frames[frame.index].payload
    fine = _united(frames, rests, came, here)
    limits: list[int] = np.asarray(due, np.int64).tolist()
    seen = zip(frames, came, here, limits, strict=True)
    played = [b"" if not f.payload else p if arrival <= limit else None for f, p, arrival, limit in seen]
    for i in fine:
        played[i] = _best(fine[i], limits[i], played[i])
    slots = [Slot(i, p, _ahead(came, here, fine, i + 1, limits[i])) for i, p in enumerate(played)]
    missing, nowhere = np.array([p is None for p in played], bool), np.array(here, np.int64) == LOST
    return Playout(slots, missing & nowhere, missing & ~nowhere, limits)


def _brought_back(packets: Sequence[Packet], arrivals: Sequence[int]) -> Iterator[tuple[Packet, int]]:
    """Packets that parity makes before they arrive, if they do, and when: as soon as all others of a block are there.

    Of a block that can only be the last to come. Packets that were not sent, having nothing to carry, are known.
    """
    if not any(packet.covers for packet in packets):
        return
    place = {packet.seq: i for i, packet in enumerate(packets)}
    for parity, packet in enumerate(packets):
        block = [place[seq] for seq in packet.covers if seq in place]
        if not block:
            continue
        last = max(block, key=arrivals.__getitem__)
        complete = max([arrivals[parity], *(arrivals[i] for i in block if i != last)])
        if complete < arrivals[last]:
            yield packets[last], complete


def _starts(frames: Sequence[Frame]) -> list[int]:
    """When the group of each frame starts, ns; frames of one group are ready together."""
    groups = (list(group) for _, group in groupby(frames, lambda f: f.ready))
    return [group[0].start for group in groups for _ in group]


def _united(
    frames: Sequence[Frame], rests: Sequence[tuple[Frame, int]], came: Sequence[bytes | None], here: Sequence[int]
) -> dict[int, tuple[int, bytes]]:
    """Of frames in two parts: when both are there, if ever, and the payload that they make."""
    made = {}
    for rest, arrival in rests:
        coarse, whole = came[rest.index], frames[rest.index]
        if coarse and (both := max(arrival, here[rest.index])) != LOST:
            made[rest.index] = (both, unite(coarse, rest.payload, whole.bits, whole.bits - rest.bits))
    return made


def _best(fine: tuple[int, bytes] | None, due: int, otherwise: bytes | None) -> bytes | None:
    """The payload of both parts where they are there by `due`."""
    return fine[1] if fine is not None and fine[0] <= due else otherwise


def _ahead(
    came: Sequence[bytes | None],
    here: Sequence[int],
    fine: Mapping[int, tuple[int, bytes]],
    first: int,
    due: int,
) -> tuple[bytes | None, ...]:
    """The payloads from frame `first` on that are buffered by `due`; None in between, nothing behind the last."""
    end = min(first + AHEAD, len(came))
    while end > first and here[end - 1] > due:
        end -= 1
    buffered = [came[j] if here[j] <= due else None for j in range(first, end)]
    if fine:
        buffered = [_best(fine.get(first + j), due, payload) for j, payload in enumerate(buffered)]
    return tuple(buffered)


def late_packets(packets: Sequence[Packet], delays: Nanoseconds, due: Sequence[int]) -> Booleans:
    """Per packet, whether it comes after a frame of its was due; copies and parity alone go by what they stand for."""
    held = {packet.seq: packet.frames for packet in packets}
    late = []
    for packet, delay in zip(packets, delays.tolist(), strict=True):
        frames = [f for f in packet.frames if f.payload] or [f for f in _stands_for(packet, held) if f.payload]
        late.append(delay != LOST and any(packet.sent + delay > due[f.index] for f in frames))
    return np.array(late, bool)


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
