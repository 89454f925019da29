"""Digital silence: samples of exactly zero, as a muted microphone sends them."""

from dataclasses import dataclass

import numpy as np

from benchmark.acoustics._checks import number
from benchmark.types import Heard, NotMeasured

LONGEST = 1e9  # ms


@dataclass(frozen=True)
class Silence:
    """Nothing from `start_ms` on, for `length_ms`; None is up to the end."""

    start_ms: float = 0.0
    length_ms: float | None = None
    point = None
    files = ()

    def __post_init__(self) -> None:
        number("silence", "start_ms", self.start_ms, 0, LONGEST, "ms")
        if self.length_ms is not None:
            number("silence", "length_ms", self.length_ms, 0, LONGEST, "ms")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        whole = not self.start_ms and self.length_ms is None
        length = "" if self.length_ms is None else f" for {self.length_ms:g} ms"
        return "digital silence" if whole else f"digital silence from {self.start_ms:g} ms{length}"

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Set to zero."""
        start = round(self.start_ms * rate / 1000)
        if start >= len(heard.signal):
            text = f"{1000 * len(heard.signal) / rate:.0f} ms of speech; more than {self.start_ms:g} ms are needed"
            raise NotMeasured("too_short", f"silence: {text}")
        stop = None if self.length_ms is None else start + round(self.length_ms * rate / 1000)
        signal = heard.signal.copy()
        signal[start:stop] = 0
        return heard._replace(signal=signal)


make = Silence
