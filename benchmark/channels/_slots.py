"""Media time cut into slots of equal length, and Markov chains that make one step per slot.

Slot 0 is what lies in [0, slot): it decides the packet that covers it, which is sent at its end; longer packets are
decided at their send instant. One uniform number decides each step of a chain, by comparisons alone: the weather is
the same on every platform, and a longer stream does not change what happened before.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from benchmark.channels._checks import number
from benchmark.types import LOST, Booleans, Fate, Floats, Nanoseconds

USUAL = 20.0  # ms; the packet of nearly every network, and the default of every slot here


class Chain(NamedTuple):
    """States 0, 1, ..., and how they follow each other.

    Attributes:
        law: stationary probability of each state; the chain starts from it.
        limits: per state, rising; a uniform number below the first leads to the first of `following`, and so on.
        following: per state, one more than `limits`.
        lost: per state, whether a packet is lost in it.
    """

    law: tuple[float, ...]
    limits: tuple[tuple[float, ...], ...]
    following: tuple[tuple[int, ...], ...]
    lost: tuple[bool, ...]


def check(channel: str, name: str, slot_ms: float) -> None:
    """Raise UserError unless this is the length of a slot, at least a millisecond: no packet is shorter."""
    number(channel, name, slot_ms, 1, "a millisecond")


def nanoseconds(milliseconds: float) -> int:
    """Rounded to whole ns."""
    return round(milliseconds * 1e6)


def slot_of(sent: Nanoseconds, slot: int) -> Nanoseconds:
    """The number of the slot of `slot` ns that decides a packet sent at each instant, ns."""
    number: Nanoseconds = np.maximum(np.asarray(sent) - 1, 0) // slot
    return number


def note(slot_ms: float, what: str = "slots") -> str:
    """What a title says of slots that are not the usual ones."""
    return "" if slot_ms == USUAL else f", {what} of {slot_ms:g} ms"


def fate(chain: Chain, slot_ms: float, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
    """Lost where the chain is in a state of loss."""
    slot = slot_of(sent, nanoseconds(slot_ms))
    lost = walk(chain, generator.random(int(slot.max(initial=0)) + 1))
    return Fate(np.where(lost[slot], LOST, 0))


def walk(chain: Chain, draws: Floats) -> Booleans:
    """Whether each slot is lost, shape (n,), from one uniform number per slot, shape (n,), n > 0."""

    def step(state: int, draw: float) -> int:
        return chain.following[state][bisect_right(chain.limits[state], draw)]

    first, *others = draws.tolist()
    start = bisect_right(list(accumulate(chain.law[:-1])), first)
    states = np.fromiter(accumulate(others, step, initial=start), np.int64, len(draws))
    return np.array(chain.lost)[states]
