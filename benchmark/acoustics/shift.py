"""A time shift: the same speech, a few samples later, so that it meets a codec's frames elsewhere.

What a codec makes of it should not depend on where its frames begin, but token codecs say the same sound in other
tokens ("discrete representation inconsistency", arXiv 2409.19283).
"""

from dataclasses import dataclass

import numpy as np

from benchmark.types import Heard, NotMeasured, Point, Signal, UserError

RATE = 16_000  # Hz: what `samples` are counted at, whatever the rate of the file
MOST = 10 * RATE


@dataclass(frozen=True)
class Shift:
    """Speech comes `samples` of 16 kHz later, behind digital silence; what then lies beyond the end is cut off.

    Files of other rates are shifted by the nearest of their own samples; by how much in the end is a fact.
    """

    samples: int = 1
    files = ()

    def __post_init__(self) -> None:
        if type(self.samples) is not int or not 1 <= self.samples <= MOST:
            raise UserError(
                f"shift: samples={self.samples} must be a whole number from 1 to {MOST} (samples at {RATE} Hz)."
            )

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{self.samples} sample{'s' * (self.samples > 1)} later"

    @property
    def point(self) -> Point:
        """Where it lies on the curve over shifts."""
        return Point("time shift", "samples at 16 kHz", float(self.samples))

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Delay the signal and the speech in it alike."""
        count = round(self.samples * rate / RATE)
        if not count:
            text = f"{self.samples} of 16 kHz is less than half a sample at the file's {rate} Hz"
            raise NotMeasured("not_applicable", f"shift: {text}")
        if count >= len(heard.signal):
            text = (
                f"{1000 * len(heard.signal) / rate:.0f} ms of speech, of which a shift by {self.samples} leaves nothing"
            )
            raise NotMeasured("too_short", f"shift: {text}")
        before = heard.facts.get("shift_ms", 0.0)
        facts = {**heard.facts, "shift_ms": before + 1000 * count / rate}
        return Heard(_later(heard.signal, count), _later(heard.clean, count), facts)


def _later(signal: Signal, count: int) -> Signal:
    return np.concatenate([np.zeros(count, np.float32), signal[:-count]])


make = Shift
