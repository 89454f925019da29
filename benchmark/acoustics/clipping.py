"""Speech recorded too loud: what exceeds a limit is cut off there."""

from dataclasses import dataclass

import numpy as np

from benchmark.acoustics._checks import long_enough, number
from benchmark.acoustics._scale import clipped
from benchmark.types import Floats, Heard, NotMeasured, Point, UserError


@dataclass(frozen=True)
class Clipping:
    """Clips at the level that the loudest `share` of the samples reach, or at `dbov` dB relative to full scale.

    The level is not made up for: what remains is as loud as it was. The share at the limit is a fact.
    """

    share: float | None = None
    dbov: float | None = None
    files = ()

    def __post_init__(self) -> None:
        if (self.share is None) == (self.dbov is None):
            raise UserError("clipping: give one of share= (of the samples, 0.01 for 1 %) and dbov= (the limit).")
        if self.share is not None:
            number("clipping", "share", self.share, 0, 1, "of the samples")
        if self.dbov is not None:
            number("clipping", "dbov", self.dbov, -100, 0, "dB relative to full scale")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"clipped at {self.dbov:g} dBov" if self.share is None else f"{100 * self.share:g} % clipped"

    @property
    def point(self) -> Point:
        """Where it lies on the curve over shares or over limits."""
        if self.dbov is not None:
            return Point("clipping limit", "dBov", float(self.dbov))
        return Point("clipping", "% of samples", 100.0 * (self.share or 0.0))

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Clip."""
        long_enough("clipping", heard.signal, rate)
        signal = heard.signal.astype(np.float64)
        return clipped(heard, signal, self._limit(np.abs(signal)))

    def _limit(self, magnitude: Floats) -> float:
        if self.dbov is not None:
            return float(10 ** (self.dbov / 20))
        count = max(round((self.share or 0.0) * len(magnitude)), 1)  # the peak is at its own limit
        limit = float(np.partition(magnitude, len(magnitude) - count)[len(magnitude) - count])
        if not limit:
            raise NotMeasured("no_speech", "clipping: more of this is digital silence than would be left unclipped")
        return limit


make = Clipping
