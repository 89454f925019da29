"""What the network does to one stream of packets: losses, delays, bit errors, and what of it is played when."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from benchmark.level import active_samples
from benchmark.packetise import Stream
from benchmark.playout import Playout, earliest, play
from benchmark.types import (
    LOST,
    SECOND,
    Booleans,
    Channel,
    Fate,
    Frame,
    Nanoseconds,
    NotMeasured,
    Packet,
    PlayoutBuffer,
    Signal,
)

Corrupt: TypeAlias = Callable[[Sequence[bytes], Sequence[int], np.random.Generator], list[bytes]]


class Transmission(NamedTuple):
    """What a network did to frames.

    They play `waits` ns after the earliest instant that their packets allow. `flipped` bits of the `bits` that arrived
    are inverted.
    """

    frames: Sequence[Frame]
    stream: Stream
    fate: Fate
    waits: Nanoseconds
    playout: Playout
    flipped: int
    bits: int

    @property
    def missing(self) -> Booleans:
        """Per frame, whether it is not there in time."""
        return self.playout.lost | self.playout.late

    @property
    def layered(self) -> bool:
        """Whether frames travel in parts, so that a payload may be played in part."""
        return any(frame.part != "whole" for packet in self.stream.packets for frame in packet.frames)

    @property
    def coarse(self) -> int:
        """Frames of which the coarse part alone is played."""
        pairs = zip(self.frames, self.playout.slots, strict=True)
        return sum(slot.payload is not None and len(slot.payload) < len(frame.payload) for frame, slot in pairs)


def transmit(
    frames: Sequence[Frame],
    stream: Stream,
    channel: Channel,
    buffer: PlayoutBuffer,
    talking: Booleans,
    more: int,
    weather: np.random.Generator,
    errors: np.random.Generator,
) -> Transmission:
    """Send the packets of `stream`, which carry `frames`, through `channel`, and play them out of `buffer`.

    Args:
        frames: all of them, in order.
        stream: their packets.
        channel: the network.
        buffer: of the receiver.
        talking: per frame, whether there is speech in it.
        more: what the loss strategy waits for beyond the buffer, ns.
        weather: what losses and delays are drawn from.
        errors: what bit errors are drawn from.

    Raises:
        NotMeasured: ``not_applicable`` for parity over packets with bit errors.
    """
    fate = channel.fate(np.array([packet.sent for packet in stream.packets], np.int64), weather)
    arrived, flipped, bits = stream.packets, 0, 0
    if corrupt := getattr(channel, "corrupt", None):
        arrived = _damaged(stream.packets, corrupt, errors)
        flipped, bits = _flips(stream.packets, arrived, fate.delays)
        if flipped and any(packet.covers for packet in arrived):
            raise NotMeasured("not_applicable", "what parity makes of packets with wrong bits is not modelled here")
    first = earliest(frames, stream.hold)
    sent = np.array([packet.sent for packet in stream.packets], np.int64)
    waits = buffer.waits(sent, fate.delays, first, talking) + more
    played = play(frames, arrived, fate.delays, first + waits)
    return Transmission(frames, stream, fate, waits, played, flipped, bits)


def talking(frames: Sequence[Frame], signal: Signal, rate: int) -> Booleans:
    """Per frame, whether any of its samples is active speech."""
    active = np.concatenate([[0], np.cumsum(active_samples(signal, rate))])
    edges = np.array([[f.start, f.start + f.duration] for f in frames]) * rate // SECOND
    edges = np.minimum(edges, len(active) - 1)
    return np.asarray(active[edges[:, 1]] > active[edges[:, 0]])


def _damaged(packets: Sequence[Packet], corrupt: Corrupt, generator: np.random.Generator) -> list[Packet]:
    """The packets as they arrive, each frame with the payload that this copy of it has."""
    carried = [(*p.frames, *p.redundant) for p in packets]
    frames = [frame for of_packet in carried for frame in of_packet]
    payloads = iter(corrupt([f.payload for f in frames], [f.bits for f in frames], generator))
    changed = [tuple(replace(frame, payload=next(payloads)) for frame in of_packet) for of_packet in carried]
    return [
        replace(packet, frames=made[: len(packet.frames)], redundant=made[len(packet.frames) :])
        for packet, made in zip(packets, changed, strict=True)
    ]


def _flips(sent: Sequence[Packet], arrived: Sequence[Packet], delays: Nanoseconds) -> tuple[int, int]:
    """Bits that differ, and all bits, of packets that arrive."""
    pairs = [
        pair
        for a, b, delay in zip(sent, arrived, delays.tolist(), strict=True)
        if delay != LOST
        for pair in zip((*a.frames, *a.redundant), (*b.frames, *b.redundant), strict=True)
    ]
    flipped = sum(x.bit_count() for a, b in pairs for x in map(int.__xor__, a.payload, b.payload))
    return flipped, sum(a.bits for a, _ in pairs)
