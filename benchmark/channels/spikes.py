"""Delay spikes [Ramjee et al. 1994]: now and then delay jumps up, and falls off again, geometrically.

In each step a spike comes with probability per_minute step_ms / 60 000, independently of all else: Poisson arrivals,
in steps. Each adds `height_ms` to the delay, which falls by exp(-step_ms / decay_ms) from step to step; spikes before
the start of the signal count. No packet overtakes another: where delay would fall faster than time goes on, what
queued up arrives all at once, as behind a real standstill. More, higher or longer spikes only add delay.
"""

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from benchmark.channels import _delays, _slots
from benchmark.channels._checks import number
from benchmark.channels._delays import MINUTE
from benchmark.channels._slots import USUAL, nanoseconds, slot_of
from benchmark.types import Booleans, Fate, Nanoseconds, Point

MEMORY = 30  # times its decay, or its height: by then nothing is left of a spike


@dataclass(frozen=True)
class Spikes:
    """`per_minute` spikes, each `height_ms` high, which fall to 1/e in `decay_ms`; nothing else delays a packet."""

    per_minute: float
    height_ms: float
    decay_ms: float
    step_ms: float = USUAL
    loss = None
    burst_ratio = None

    def __post_init__(self) -> None:
        _slots.check("spikes", "step_ms", self.step_ms)
        number("spikes", "per_minute", self.per_minute, 0, "no spikes", most=MINUTE / self.step_ms)
        number("spikes", "height_ms", self.height_ms, 0, "no delay", most=MINUTE)
        number("spikes", "decay_ms", self.decay_ms, 0.001, "a microsecond", most=MINUTE)

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{self.per_minute:g} delay spikes a minute of {self._shape}"

    @property
    def _shape(self) -> str:
        return f"{self.height_ms:g} ms, decay {self.decay_ms:g} ms{_slots.note(self.step_ms, 'steps')}"

    @property
    def kept(self) -> float:
        """What is left of a delay after one step."""
        return math.exp(-self.step_ms / self.decay_ms)

    @property
    def chance(self) -> float:
        """Probability of a spike in a step."""
        return self.per_minute * self.step_ms / MINUTE

    @property
    def point(self) -> Point:
        """Where it lies on a curve."""
        return Point(f"spikes of {self._shape}", "a minute", self.per_minute)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """The delay that spikes until the send instant have left."""
        past = math.ceil(MEMORY * max(self.decay_ms, self.height_ms) / self.step_ms)
        length = nanoseconds(self.step_ms)
        spikes = self._spikes(past, int(slot_of(sent, length).max(initial=0)) + 1, generator)
        kept, added = self.kept, np.where(spikes, self.height_ms, 0.0)
        left = np.fromiter(
            accumulate(added.tolist(), lambda delay, spike: delay * kept + spike), np.float64, len(added)
        )
        return Fate(_delays.in_order(sent, _delays.whole(left), length, past))

    def _spikes(self, past: int, steps: int, generator: np.random.Generator) -> Booleans:
        """In which steps one comes; the past is drawn backwards, as more of it must not change what is near."""
        before, signal = generator.spawn(2)
        draws = np.concatenate([before.random(past)[::-1], signal.random(steps)])
        return np.asarray(draws < self.chance)


make = Spikes
