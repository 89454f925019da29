"""Tandem coding: the speech has been through a codec before, as on calls that cross networks.

A token codec whose tokens are stable gives the same tokens again for what it decoded; a waveform codec adds noise each
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.registry import parse
from benchmark.types import Heard, Point, UserError

SELF = "self"
MOST = 100  # generations


@dataclass(frozen=True)
class Tandem:
    """The coding under test is the last of `generations`; those before it are of `codec`, without losses.

    `codec` is ``self``, or a spec with ``;`` in place of commas (``opus:bitrate=12000;fec=true``). The harness does the
    codings, as it has the codecs, and removes the measured delay of each.
    """

    generations: int = 2
    codec: str = SELF

    def __post_init__(self) -> None:
        if type(self.generations) is not int or not 2 <= self.generations <= MOST:
            text = f"tandem: generations={self.generations} must be a whole number from 2 to {MOST}"
            raise UserError(f"{text}; it counts the coding under test.")
        parse(self.codec.replace(";", ","))

    @property
    def spec(self) -> str:
        """The codec before, as a spec."""
        return self.codec.replace(";", ",")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        before = f"{self.generations - 1} × {self.spec} before"
        return f"tandem, generation {self.generations}" if self.codec == SELF else before

    @property
    def point(self) -> Point:
        """Where it lies on the curve over generations."""
        curve = "tandem" if self.codec == SELF else f"tandem behind {self.spec}"
        return Point(curve, "generations", float(self.generations))

    @property
    def files(self) -> Sequence[Path]:
        """None."""
        return ()

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Not here: `benchmark.inputs` does it."""
        raise NotImplementedError


make = Tandem
