"""A block interleaver: neighbouring frames travel apart, so that a lost packet leaves holes of one frame.

Perkins, Hodson and Hardman, "A survey of packet loss recovery techniques for streaming audio", IEEE Network 12(5),
1998. It loses as many frames as without, sends as many bytes as a bundle does, and makes the listener wait for the
block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from benchmark.protection._packets import PACINGS, choice, pace, whole
from benchmark.types import Frame, Packet


@dataclass(frozen=True)
class Interleave:
    """Blocks of `depth` packets: frame j of a block travels in its packet j modulo depth.

    A packet carries as many frames as the codec has in a group, or `depth` of them where it makes frames one by one:
    the smallest block in which both numbers can be. So depth 2 sends eight frames that are made four at a time as
    0 2 4 6 and 1 3 5 7, and frames that are made one by one as 0 2 and 1 3. A block at the end may be shorter.

    With even pacing, packets leave at equal distances, none before it is complete; with burst, when it is complete.
    """

    depth: int
    pacing: str = "even"

    def __post_init__(self) -> None:
        whole("interleave", "depth", self.depth, 2)
        choice("interleave", "pacing", self.pacing, PACINGS)

    @property
    def title(self) -> str:
        """What the report calls it."""
        return f"interleaved ×{self.depth}" + (", burst" if self.pacing == "burst" else "")

    def packets(self, frames: Sequence[Frame], group: int, header_bytes: int) -> list[Packet]:
        """See `benchmark.types.Protection`."""
        size = self.depth * (group if group > 1 else self.depth)
        packets: list[Packet] = []
        for first in range(0, len(frames), size):
            block = frames[first : first + size]
            spread = [tuple(block[j :: self.depth]) for j in range(min(self.depth, len(block)))]
            ready = list(accumulate((part[-1].ready for part in spread), max))  # in order, also in a short block
            sent = pace(ready, sum(f.duration for f in block), self.pacing)
            wait = max(packets[-1].sent - sent[0], 0) if packets else 0
            for instant, part in zip(sent, spread, strict=True):
                packets.append(Packet(len(packets), instant + wait, part, header_bytes=header_bytes))
        return packets


make = Interleave
