"""Speech too loud or too soft: its active level by ITU-T P.56, nominally -26 dBov."""

from dataclasses import dataclass

import numpy as np

from benchmark.acoustics._checks import long_enough, number
from benchmark.acoustics._scale import clipped
from benchmark.level import SILENCE, active_level
from benchmark.types import Heard, NotMeasured, Point

ROUNDS = 4  # of measuring: the thresholds of P.56 stand still, so a gain moves the level by a little more or less


@dataclass(frozen=True)
class Level:
    """Brings speech to an active level of `dbov`, dB below full scale; what goes beyond full scale is clipped."""

    dbov: float = -26.0
    files = ()

    def __post_init__(self) -> None:
        number("level", "dbov", self.dbov, -70, 0, "dB relative to full scale")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"speech at {self.dbov:g} dBov"

    @property
    def point(self) -> Point:
        """Where it lies on the curve over levels."""
        return Point("speech level", "dBov", float(self.dbov))

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Scale."""
        long_enough("level", heard.signal, rate)
        signal = heard.signal.astype(np.float64)
        for _ in range(ROUNDS):
            level = active_level(signal.astype(np.float32), rate).level_db
            if level == SILENCE:
                raise NotMeasured("no_speech", "level: nobody speaks here, so that there is no level to change")
            signal *= 10 ** ((self.dbov - level) / 20)
        return clipped(heard, signal)


make = Level
