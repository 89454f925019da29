"""Clark's four states of loss [A. Clark 2001; RFC 3611 A.2], as a chain with one step per slot.

State 1 is received in a gap, 2 received within a burst, 3 lost within a burst, 4 an isolated loss in a gap. It is
given by the probabilities p13, p31, p32, p23, p14 of its transitions (a burst begins and ends with state 3, and an
isolated loss returns to 1), or in the intuitive way of Salsano et al. 2012 ("Definition of a general and intuitive
loss model for packet networks", the ``loss state`` of netem). Here `isolated` is a share of the lost slots.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmark.channels import _slots
from benchmark.channels._checks import number, probability, rounded_down, rounded_up
from benchmark.channels._slots import USUAL, Chain
from benchmark.types import Fate, Nanoseconds, Point, UserError


class Transitions(NamedTuple):
    """The probabilities of the chain's transitions, and in closed form what follows from them."""

    p13: float
    p31: float
    p32: float = 0.0
    p23: float = 1.0
    p14: float = 0.0

    @property
    def law(self) -> tuple[float, float, float, float]:
        """Stationary probabilities of the states 1 to 4."""
        burst = self.p13 / self.p31
        inside = burst * self.p32 / self.p23 if self.p32 else 0.0
        total = 1 + inside + burst + self.p14
        return 1 / total, inside / total, burst / total, self.p14 / total

    @property
    def loss(self) -> float:
        """Share of slots lost."""
        return self.law[2] + self.law[3]

    @property
    def isolated(self) -> float:
        """Share of the lost slots that are lost in a gap."""
        return self.law[3] / self.loss if self.loss else 0.0

    @property
    def density(self) -> float:
        """Share lost within bursts; what it would be where there are none."""
        return self.p23 / (self.p23 + self.p32)

    @property
    def burst_length(self) -> float:
        """Mean number of slots from the first loss of a burst to its last one."""
        return 1 / (self.density * self.p31)

    @property
    def mean_run(self) -> float:
        """Mean number of lost slots in a row; 0 where nothing is lost."""
        _, _, burst, alone = self.law
        ends = burst * (self.p31 + self.p32) + alone
        return self.loss / ends if ends else 0.0

    @property
    def chain(self) -> Chain:
        """The four states as 0 to 3; what stays in or leads into loss has the lowest draws."""
        stay = max(0.0, 1 - self.p31 - self.p32)
        limits = ((self.p13, self.p13 + self.p14), (self.p23,), (stay, stay + self.p32), ())
        return Chain(self.law, limits, ((2, 3, 0), (2, 1), (2, 1, 0), (0,)), (False, False, True, True))


@dataclass(frozen=True)
class Markov:
    """Each packet is lost in states 3 and 4 of the slot of its send instant."""

    transitions: Transitions
    slot_ms: float = USUAL
    loss = None  # of two sets with equal loss neither continues the other's curve
    burst_ratio = None

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{100 * self.transitions.loss:.3g} % loss, {self._shape}"

    @property
    def _shape(self) -> str:
        t = self.transitions
        bursts = f"bursts of {t.burst_length:.3g} with {100 * t.density:.3g} % lost"
        return f"{bursts}, {100 * t.isolated:.3g} % of losses isolated{_slots.note(self.slot_ms)}"

    @property
    def point(self) -> Point:
        """Where it lies on a curve."""
        return Point(f"4-state Markov, {self._shape}", "% lost", 100 * self.transitions.loss)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """Lost where the slot of the send instant is."""
        return _slots.fate(self.transitions.chain, self.slot_ms, sent, generator)


def make(
    loss: float | None = None,
    burst_length: float | None = None,
    density: float | None = None,
    isolated: float | None = None,
    good_run: float | None = None,
    p13: float | None = None,
    p31: float | None = None,
    p32: float | None = None,
    p23: float | None = None,
    p14: float | None = None,
    slot_ms: float = USUAL,
) -> Markov:
    """The model from one of the two sets of parameters.

    Args:
        loss: share of slots lost, in [0, 1].
        burst_length: mean number of slots from the first loss of a burst to its last one.
        density: share lost within bursts, in (0, 1]; default 1.
        isolated: share of the lost slots that are isolated, in [0, 1]; default 0.
        good_run: mean number of slots received in a row within a burst, where `density` is below 1; default 1.
        p13: of a slot received in a gap, that a burst begins with the next one.
        p31: of a slot lost within a burst, that it was the burst's last one.
        p32: of a slot lost within a burst, that the next one is received within it; default 0.
        p23: of a slot received within a burst, that the next one is lost; default 1.
        p14: of a slot received in a gap, that the next one is an isolated loss; default 0.
        slot_ms: how long a slot is.

    Raises:
        UserError: for both sets, or an incomplete or infeasible one.
    """
    _slots.check("markov", "slot_ms", slot_ms)
    shape = _given(loss=loss, burst_length=burst_length, density=density, isolated=isolated, good_run=good_run)
    steps = _given(p13=p13, p31=p31, p32=p32, p23=p23, p14=p14)
    if {"loss", "burst_length"} <= shape.keys() and not steps:
        return Markov(intuitive(**shape), slot_ms)
    if {"p13", "p31"} <= steps.keys() and not shape:
        return Markov(_checked(Transitions(**steps)), slot_ms)
    ways = "loss and burst_length (and density, isolated, good_run), or p13 and p31 (and p32, p23, p14)"
    raise UserError(f"markov: {', '.join((*shape, *steps)) or 'nothing'} is no full set; give {ways}.")


def _given(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _checked(t: Transitions) -> Transitions:
    for name, value in t._asdict().items():
        probability("markov", name, value)
    if t.p13 + t.p14 > 1:
        raise UserError(f"markov: p13={t.p13} and p14={t.p14} leave state 1 together; their sum must be at most 1.")
    if t.p31 + t.p32 > 1:
        raise UserError(f"markov: p31={t.p31} and p32={t.p32} leave state 3 together; their sum must be at most 1.")
    if t.p31 == 0 or t.p23 == 0:
        raise UserError(
            f"markov: p31={t.p31} and p23={t.p23} must be above 0; else a burst, or a run in it, never ends."
        )
    return t


def intuitive(
    loss: float, burst_length: float, density: float = 1.0, isolated: float = 0.0, good_run: float = 1.0
) -> Transitions:
    """The chain that has these properties; see `make`.

    Raises:
        UserError: where there is none.
    """
    for name, value in (("loss", loss), ("density", density), ("isolated", isolated)):
        probability("markov", name, value)
    for name, value in (("burst_length", burst_length), ("good_run", good_run)):
        number("markov", name, value, 1, "one slot")
    if density * (1 + good_run) <= 1:
        reason = f"within a burst, at least one slot is lost between two runs of good_run={good_run} received"
        raise UserError(f"markov: density={density} must be above 1/(1 + good_run): {reason}; raise either.")
    p32 = (1 - density) / (density * good_run)
    if burst_length < (shortest := 1 / (density * (1 - p32))):
        reason = f"a burst begins and ends with a loss, and density={density} is lost in it"
        raise UserError(f"markov: burst_length={burst_length} must be at least {rounded_up(shortest)}: {reason}.")
    p31 = 1 / (density * burst_length)
    most = 1 / ((1 - isolated) * (p31 + 1 / density) + 2 * isolated)
    if loss > most:
        reason = "at least one slot is received between two bursts or isolated losses"
        raise UserError(f"markov: loss={loss} must be at most {rounded_down(most)} with these bursts: {reason}.")
    gap = 1 - loss * (isolated + (1 - isolated) / density)
    return Transitions(loss * (1 - isolated) * p31 / gap, p31, p32, 1 / good_run, loss * isolated / gap)
