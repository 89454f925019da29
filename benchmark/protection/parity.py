"""Parity behind every few packets, as in FlexFEC: RFC 8627, RTP payload format for flexible forward error correction.

The packet of parity is the exclusive or of those it covers, as long as the longest of them, and brings any one of them
back when all the others are there. Of independent losses L that leaves L (1 - (1 - L)^k), with k packets in a block.

Its format costs 12 bytes (the header with fixed columns and rows: what restores an RTP header, the first number, L
and D), and 4 bytes for the covered source in the RTP header. The packets that it covers go as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.protection._packets import PACINGS, bundles, choice, whole
from benchmark.types import Frame, Packet

HEADER, SOURCE = 12, 4  # bytes
LARGEST = 255  # packets in a block: their number has 8 bits


@dataclass(frozen=True)
class Parity:
    """Blocks of `block` packets of `bundle` frames, each with its parity; the block at the end may be shorter.

    A packet with nothing to send is not sent, and is known; a block of nothing else has no parity.

    With even pacing, parity leaves half a packet's time behind the last packet of its block, and delays none; with
    burst it leaves together with that one, and meets the same weather.
    """

    block: int
    bundle: int = 1
    pacing: str = "even"

    def __post_init__(self) -> None:
        whole("parity", "packets", self.block, 1, LARGEST)
        whole("parity", "bundle", self.bundle, 1)
        choice("parity", "pacing", self.pacing, PACINGS)

    @property
    def title(self) -> str:
        """What the report calls it."""
        each = "each packet" if self.block == 1 else f"{self.block} packets"
        bundle = f", bundles of {self.bundle}" if self.bundle > 1 else ""
        return f"parity of {each}{bundle}" + (", burst" if self.pacing == "burst" else "")

    def packets(self, frames: Sequence[Frame], group: int, header_bytes: int) -> list[Packet]:
        """See `benchmark.types.Protection`."""
        packets: list[Packet] = []
        block: list[Packet] = []
        made = list(bundles(frames, self.bundle, self.pacing))
        for number, (sent, bundle) in enumerate(made, 1):
            block.append(Packet(len(packets), sent, bundle, header_bytes=header_bytes))
            packets.append(block[-1])
            if len(block) == self.block or number == len(made):
                following = made[number][0] - sent if number < len(made) else None  # sooner where that one is short
                packets.append(self._parity(block, header_bytes, following))
                block = []
        return packets

    def _parity(self, block: Sequence[Packet], header_bytes: int, following: int | None) -> Packet:
        """The parity of a block, behind whose last packet the next one follows after so many ns (None: never)."""
        last = block[-1]
        half = sum(f.duration for f in last.frames) // 2
        later = 0 if self.pacing == "burst" else half if following is None else min(half, following)
        covers, longest = tuple(p.seq for p in block), max(p.payload_bytes for p in block)
        headers = header_bytes + HEADER + SOURCE
        return Packet(last.seq + 1, last.sent + later, (), (), headers, covers, longest)


def make(packets: int, bundle: int = 1, pacing: str = "even") -> Parity:
    """Parity of so many `packets`, of `bundle` frames each."""
    return Parity(packets, bundle, pacing)
