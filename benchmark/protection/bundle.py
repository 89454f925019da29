"""Several frames in one packet: fewer headers, a longer wait, and longer holes."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.protection._packets import PACINGS, bundles, choice, whole
from benchmark.types import Frame, Packet


@dataclass(frozen=True)
class Bundle:
    """`frames` consecutive frames in each packet; `pacing`, even or burst, is of packets that are ready at once."""

    frames: int
    pacing: str = "even"

    def __post_init__(self) -> None:
        whole("bundle", "frames", self.frames, 1)
        choice("bundle", "pacing", self.pacing, PACINGS)

    @property
    def title(self) -> str:
        """What the report calls it."""
        return f"bundles of {self.frames}" + (", burst" if self.pacing == "burst" else "")

    def packets(self, frames: Sequence[Frame], group: int, header_bytes: int) -> list[Packet]:
        """See `benchmark.types.Protection`."""
        sized = enumerate(bundles(frames, self.frames, self.pacing))
        return [Packet(seq, sent, bundle, header_bytes=header_bytes) for seq, (sent, bundle) in sized]


make = Bundle
