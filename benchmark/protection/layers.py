"""Layered packets: the first bits of a frame in one packet, which decode alone, and the others in the next one.

For codecs whose payloads are a coarse picture and refinements of it (the codebooks of a residual quantiser; layered
transmission as in McCanne, Jacobson and Vetterli, "Receiver-driven layered multicast", SIGCOMM 1996). Of a lost
second packet the coarse picture remains; of a lost first one nothing. Both pay for headers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmark.bits import divide
from benchmark.protection._packets import PACINGS, bundles, choice, whole
from benchmark.types import Frame, NotMeasured, Packet


@dataclass(frozen=True)
class Layers:
    """The coarse part of a frame is layer number `base` of those that the codec has, from 1: see `CodecInfo.layers`.

    With even pacing, the rest leaves half a frame behind the coarse part, so that they meet different weather; with
    burst, together with it.
    """

    base: int = 1
    pacing: str = "even"

    def __post_init__(self) -> None:
        whole("layers", "base", self.base, 1)
        choice("layers", "pacing", self.pacing, PACINGS)

    @property
    def title(self) -> str:
        """What the report calls it."""
        return f"layered, base {self.base}" + (", burst" if self.pacing == "burst" else "")

    def packets(self, frames: Sequence[Frame], group: int, header_bytes: int) -> list[Packet]:
        """See `benchmark.types.Protection`.

        Raises:
            NotMeasured: ``not_applicable`` where the codec has no such layer.
        """
        packets: list[Packet] = []
        for sent, (frame,) in bundles(frames, 1, self.pacing):
            coarse, rest = self._parts(frame)
            later = frame.duration // 2 if self.pacing == "even" else 0
            packets.append(Packet(len(packets), sent, (coarse,), header_bytes=header_bytes))
            packets.append(Packet(len(packets), sent + later, (rest,), header_bytes=header_bytes))
        return packets

    def _parts(self, frame: Frame) -> tuple[Frame, Frame]:
        if not frame.payload:  # nothing was sent, twice
            return replace(frame, part="coarse"), replace(frame, part="rest")
        if self.base > len(frame.layers):
            has = f"{len(frame.layers)} layers" if frame.layers else "none: a payload is whole or nothing"
            raise NotMeasured(
                "not_applicable", f"layers: base={self.base} asks for layers, of which the codec has {has}"
            )
        first = frame.layers[self.base - 1]
        coarse, rest = divide(frame.payload, frame.bits, first)
        return (
            replace(frame, payload=coarse, bits=first, part="coarse"),
            replace(frame, payload=rest, bits=frame.bits - first, part="rest"),
        )


make = Layers
