"""Gilbert-Elliott loss in continuous time [Gilbert 1960, doi:10.1002/j.1538-7305.1960.tb03959.x; Elliott 1963].

The network is good or bad; its state is forgotten at the instants of a Poisson process and then drawn
anew: bad with probability pi. That is the two-state Markov chain in continuous time, started from its
stationary law, with P(bad at t+T | bad at t) = pi + (1-pi) exp(-T/tau). Drawing it this way couples the
loss levels: at one burst ratio, what is lost at a lower rate is lost at a higher one too, and packets of
any length read the same weather.

Burstiness is given for slots of `slot_ms`, either as `burst_ratio` (ITU-T G.107: mean burst length over
that of random loss; comparable between loss rates; 1 is random loss), or as `burst_length`, the mean
number of slots in a row: burst_ratio = burst_length (1 - pi). Both are of the bad state; they are of the losses
where these are the bad state, which is the default. The model of the Lyra and WebRTC tools is a chain over packets
that also allows burst lengths below 1/(1-pi), losses that keep away from each other; a state that lasts for some
time cannot do that.
"""

import math
from dataclasses import dataclass

import numpy as np

from benchmark.channels._checks import number, probability, rounded_up
from benchmark.channels._slots import USUAL, note
from benchmark.channels.bernoulli import uniform
from benchmark.types import LOST, Booleans, Fate, Nanoseconds, Point, UserError

BLOCK = 256  # renewals drawn at a time; sequential draws, so the block size does not change the weather


@dataclass(frozen=True)
class Gilbert:
    """Loss rate `loss`; a packet sent in the good state is lost with `loss_good`, in the bad one with `loss_bad`."""

    loss: float
    burst_ratio: float | None = None
    burst_length: float | None = None
    slot_ms: float = USUAL
    loss_good: float = 0.0
    loss_bad: float = 1.0

    def __post_init__(self) -> None:
        for name in ("loss", "loss_good", "loss_bad"):
            probability("gilbert", name, getattr(self, name))
        if not self.loss_good <= self.loss <= self.loss_bad or self.loss_good == self.loss_bad:
            limits = f"loss_good={self.loss_good} and loss_bad={self.loss_bad}"
            raise UserError(f"gilbert: loss={self.loss} cannot be reached between {limits}, which must differ.")
        number("gilbert", "slot_ms", self.slot_ms, 0.001, "a microsecond")
        if self.burst_ratio is not None and self.burst_length is not None:
            raise UserError("gilbert: give burst_ratio or burst_length, not both.")
        self._check_bursts()
        object.__setattr__(self, "burst_ratio", self.ratio)  # so that curves know it, whichever way it was given

    def _check_bursts(self) -> None:
        if self.burst_ratio is not None:
            number("gilbert", "burst_ratio", self.burst_ratio, 1, "random loss")
        if self.burst_length is not None:
            number("gilbert", "burst_length", self.burst_length, 1, "one slot")
        if self.burst_length is not None and self.bad < 1 and self.burst_length * (1 - self.bad) < 1:
            least = rounded_up(1 / (1 - self.bad))
            text = f"burst_length={self.burst_length} must be at least {least}, that of random loss at this rate"
            apart = "below it, losses would keep away from each other"
            raise UserError(f"gilbert: {text}: {apart}, as they do for Lyra and WebRTC; give {least} or more.")

    @property
    def bad(self) -> float:
        """Stationary probability of the bad state."""
        return (self.loss - self.loss_good) / (self.loss_bad - self.loss_good)

    @property
    def ratio(self) -> float:
        """The burst ratio of the bad state, whichever way it was given; 1 by default."""
        if self.burst_length is not None:
            return max(1.0, self.burst_length * (1 - self.bad))
        return 1.0 if self.burst_ratio is None else self.burst_ratio

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{100 * self.loss:g} % loss, {self._kind}"

    @property
    def usual(self) -> bool:
        """Whether it is a point on the curve over loss at its burst ratio; with other states or slots, on its own."""
        return (self.loss_good, self.loss_bad, self.slot_ms) == (0, 1, USUAL)

    @property
    def point(self) -> Point | None:
        """Where it lies on that curve of its own."""
        return None if self.usual else Point(f"losses, {self._kind}", "% loss", 100 * self.loss)

    @property
    def _kind(self) -> str:
        parts = ""
        if (self.loss_good, self.loss_bad) != (0, 1):
            parts = f" of a bad state with {100 * self.loss_bad:g} % loss, {100 * self.loss_good:g} % else"
        return f"burst ratio {self.ratio:.3g}{parts}{note(self.slot_ms)}"

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """Lost where the draw of the send instant is below the state's loss probability."""
        packets, gaps, states = generator.spawn(3)
        rate = np.where(self._is_bad(np.asarray(sent), gaps, states), self.loss_bad, self.loss_good)
        return Fate(np.where(uniform(sent, packets) < rate, LOST, 0))

    def _is_bad(self, sent: Nanoseconds, gaps: np.random.Generator, states: np.random.Generator) -> Booleans:
        if self.ratio == 1:  # forgotten at once: independent from packet to packet
            return np.asarray(uniform(sent, states) < self.bad)
        tau = -self.slot_ms * 1e6 / math.log1p(-1 / self.ratio)  # ns between renewals, in the mean
        blocks, end = [np.zeros(1)], sent.max(initial=0)
        while blocks[-1][-1] <= end:
            blocks.append(blocks[-1][-1] + np.cumsum(gaps.exponential(tau, BLOCK)))
        times = np.concatenate(blocks)
        drawn = states.random(len(times)) < self.bad
        return drawn[np.searchsorted(times, sent, side="right") - 1]


make = Gilbert
