"""Less bandwidth: the telephone's 300 to 3400 Hz, sampling at 8 kHz, or a low-pass.

The filters are symmetric (linear phase, their delay removed), by Kaiser's window: -6 dB at the corner, and more than
60 dB down 100 Hz beyond it; within 0.1 dB from 100 Hz inside it. They are no model of a telephone's frequency response
(ITU-T G.712 leaves that a tolerance), but its ideal.
"""

from dataclasses import dataclass

import numpy as np

from benchmark.acoustics._checks import long_enough, number, one_of
from benchmark.acoustics._scale import fitted
from benchmark.align import resample
from benchmark.types import Floats, Heard, NotMeasured, Point, UserError

KINDS = ("telephone", "narrow", "low_pass")
TELEPHONE = (300.0, 3400.0)  # Hz
TRANSITION = 200.0  # Hz, from pass to stop
STOP = 65.0  # dB
NARROW = 8000  # Hz


@dataclass(frozen=True)
class Band:
    """Takes bandwidth away; `kind` says how, `cutoff` is the corner of ``low_pass`` in Hz."""

    kind: str = "telephone"
    cutoff: float | None = None
    files = ()

    def __post_init__(self) -> None:
        one_of("band", "kind", self.kind, KINDS)
        if (self.kind == "low_pass") != (self.cutoff is not None):
            raise UserError(
                f"band: kind={self.kind}, cutoff={self.cutoff}: low_pass, and only that, needs cutoff= in Hz."
            )
        if self.cutoff is not None:
            number("band", "cutoff", self.cutoff, TRANSITION, 90_000, "Hz")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        if self.cutoff is not None:
            return f"low-pass {self.cutoff:g} Hz"
        return "telephone band 300–3400 Hz" if self.kind == "telephone" else "narrow band, sampled at 8 kHz"

    @property
    def point(self) -> Point | None:
        """Where a low-pass lies on the curve over corners."""
        return None if self.cutoff is None else Point("low-pass", "Hz", float(self.cutoff))

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Filter; as long as before, without delay."""
        long_enough("band", heard.signal, rate)
        if self.kind == "narrow":
            return fitted(heard, _narrow(heard, rate))
        from scipy.signal import oaconvolve

        corners = TELEPHONE if self.cutoff is None else (self.cutoff,)
        return fitted(heard, oaconvolve(heard.signal.astype(np.float64), _filter(corners, rate), mode="same"))


def _narrow(heard: Heard, rate: int) -> Floats:
    """To 8 kHz and back; silence behind the end makes up for what rounding takes off."""
    if rate < NARROW:
        raise NotMeasured("not_applicable", f"band: this is sampled at {rate} Hz, less than {NARROW} already")
    tail = np.zeros(-(-rate // NARROW), np.float32)
    down = resample(np.concatenate([heard.signal, tail]), rate, NARROW)
    return resample(down, NARROW, rate)[: len(heard.signal)].astype(np.float64)


def _filter(corners: tuple[float, ...], rate: int) -> Floats:
    """An odd number of taps, symmetric, of gain 1 in the middle of the band."""
    from scipy.signal import firwin, kaiserord

    if corners[-1] + TRANSITION / 2 > rate / 2:
        raise NotMeasured("not_applicable", f"band: this is sampled at {rate} Hz, too low for {corners[-1]:g} Hz")
    taps, beta = kaiserord(STOP, TRANSITION / (rate / 2))
    passed: Floats = firwin(taps | 1, corners, window=("kaiser", beta), pass_zero=len(corners) == 1, fs=rate)
    return passed


make = Band
