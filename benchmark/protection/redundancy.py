"""Copies of earlier frames in later packets, as in RFC 2198 (RTP payload for redundant audio data).

The format costs 4 bytes a block of copies (type, timestamp offset, length) and 1 byte for the primary block. A
packet without copies goes under the codec's own payload type, as it may, and pays nothing. The copies of one packet
are one block. How much earlier a block begins is told in 14 bits, in ticks of the RTP clock.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.protection._packets import PACINGS, bundles, choice, whole
from benchmark.types import SECOND, Frame, NotMeasured, Packet

BLOCK, PRIMARY = 4, 1  # bytes of header, of a block of copies and of the primary block
LARGEST = 1023  # bytes of a block of copies: its length has 10 bits
OLDEST = 16383  # ticks of the RTP clock from a copy to the primary block: the offset has 14 bits
CLOCK = 48_000  # Hz; a copy that is young enough for this clock is so for slower ones


@dataclass(frozen=True)
class Redundancy:
    """Packet i of `bundle` frames also carries those of packets i - distance, i - 2 distance, ... (`copies` of them).

    The copies of the last packets of a stream would travel behind its end, and do not. Nothing is copied of a frame
    with nothing to send; a packet goes out for its copies alone. `headers` are rfc2198 or none. `clock` is that of the
    codec's RTP format, Hz: 48000 for Opus at any rate (RFC 7587), of most others the sample rate.
    """

    copies: int = 1
    distance: int = 1
    bundle: int = 1
    headers: str = "rfc2198"
    pacing: str = "even"
    clock: int = CLOCK

    def __post_init__(self) -> None:
        for name in ("copies", "distance", "bundle"):
            whole("redundancy", name, getattr(self, name), 1)
        whole("redundancy", "clock", self.clock, 1000, 192_000)
        choice("redundancy", "headers", self.headers, ("rfc2198", "none"))
        choice("redundancy", "pacing", self.pacing, PACINGS)

    @property
    def title(self) -> str:
        """What the report calls it."""
        copies = "1 copy" if self.copies == 1 else f"{self.copies} copies"
        apart = f", {self.distance} apart" if self.distance > 1 else ""
        bundle = f", bundles of {self.bundle}" if self.bundle > 1 else ""
        bare = ", no headers" if self.headers == "none" else ""
        clock = f", clock of {self.clock} Hz" if self.clock != CLOCK else ""
        return copies + apart + bundle + bare + clock + (", burst" if self.pacing == "burst" else "")

    def packets(self, frames: Sequence[Frame], group: int, header_bytes: int) -> list[Packet]:
        """See `benchmark.types.Protection`.

        Raises:
            NotMeasured: ``not_applicable`` when a block of copies is too long, or too old, for RFC 2198.
        """
        packets: list[Packet] = []
        for seq, (sent, primary) in enumerate(bundles(frames, self.bundle, self.pacing)):
            blocks = list(self._blocks(packets))
            headers = header_bytes + self._headers(blocks, primary[0].start)
            packets.append(Packet(seq, sent, primary, tuple(f for block in blocks for f in block), headers))
        return packets

    def _blocks(self, before: Sequence[Packet]) -> Iterator[tuple[Frame, ...]]:
        """The copies that the packet after these carries, oldest first: a block for each that has something."""
        for copy in range(self.copies, 0, -1):
            earlier = len(before) - copy * self.distance
            if earlier >= 0 and (block := tuple(f for f in before[earlier].frames if f.payload)):
                yield block

    def _headers(self, blocks: Sequence[Sequence[Frame]], start: int) -> int:
        if self.headers == "none" or not blocks:
            return 0
        largest = max(sum(len(f.payload) for f in block) for block in blocks)
        if largest > LARGEST:
            text = f"a block of {largest} bytes is too long for RFC 2198, which takes {LARGEST}; try headers=none"
            raise NotMeasured("not_applicable", f"redundancy: {text}")
        age = start - blocks[0][0].start
        if age * self.clock > OLDEST * SECOND:
            reach = f"{1000 * OLDEST / self.clock:.0f} ms at clock={self.clock}"
            text = f"copies of {age / 1e6:g} ms ago are too old for RFC 2198, which takes {reach}; try headers=none"
            raise NotMeasured("not_applicable", f"redundancy: {text}")
        return BLOCK * len(blocks) + PRIMARY


make = Redundancy
