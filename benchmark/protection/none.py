"""No protection: each frame in a packet of its own, sent once."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.protection._packets import PACINGS, bundles, choice
from benchmark.types import Frame, Packet


@dataclass(frozen=True)
class Unprotected:
    """One frame a packet; `pacing`, even or burst, is of frames that are ready at once."""

    pacing: str = "even"

    def __post_init__(self) -> None:
        choice("none", "pacing", self.pacing, PACINGS)

    @property
    def title(self) -> str:
        """What the report calls it."""
        return "burst" if self.pacing == "burst" else ""

    def packets(self, frames: Sequence[Frame], group: int, header_bytes: int) -> list[Packet]:
        """See `benchmark.types.Protection`."""
        sized = enumerate(bundles(frames, 1, self.pacing))
        return [Packet(seq, sent, bundle, header_bytes=header_bytes) for seq, (sent, bundle) in sized]


make = Unprotected
