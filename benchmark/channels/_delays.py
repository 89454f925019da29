"""Delays above the network's minimum, drawn per step of media time: all codecs meet the same ones.

Those drawn are whole microseconds, which the last digits of a mathematical library do not reach: the weather is the
same on every platform.
"""

from collections.abc import Callable

import numpy as np

from benchmark.channels import _slots
from benchmark.channels._checks import number, switch
from benchmark.channels._slots import nanoseconds, slot_of
from benchmark.types import Floats, Nanoseconds, Point

MINUTE = 60_000.0  # ms; no delay here is longer in the mean


def check(channel: str, mean_ms: float, std_ms: float, ordered: bool, step_ms: float) -> None:
    """Raise UserError unless these describe a delay that varies."""
    number(channel, "mean_ms", mean_ms, 0.001, "a microsecond", most=MINUTE)
    number(channel, "std_ms", std_ms, 0.001, "a microsecond", most=MINUTE)
    _slots.check(channel, "step_ms", step_ms)
    switch(channel, "ordered", ordered)


def title(law: str, mean_ms: float, std_ms: float, ordered: bool, step_ms: float) -> str:
    """What the report calls a delay that varies by this law."""
    return f"{law} delay {mean_ms:g} ± {std_ms:g} ms{_manner(ordered, step_ms)}"


def point(law: str, mean_ms: float, std_ms: float, ordered: bool, step_ms: float) -> Point:
    """Where it lies on the curve of equal means."""
    return Point(f"{law} delay of {mean_ms:g} ms{_manner(ordered, step_ms)}", "ms standard deviation", std_ms)


def _manner(ordered: bool, step_ms: float) -> str:
    return f"{', in order' if ordered else ''}{_slots.note(step_ms, 'steps')}"


def drawn(
    sent: Nanoseconds,
    step_ms: float,
    quantile: Callable[[Floats], Floats],
    ordered: bool,
    generator: np.random.Generator,
) -> Nanoseconds:
    """The delay in ns of a packet sent at each instant: `quantile`, in ms, of one uniform number per step."""
    length = nanoseconds(step_ms)
    step = slot_of(sent, length)
    delays = whole(quantile(generator.random(int(step.max(initial=0)) + 1)))
    return in_order(sent, delays, length) if ordered else delays[step]


def whole(milliseconds: Floats) -> Nanoseconds:
    """In ns, rounded to microseconds, and none of them negative."""
    microseconds: Nanoseconds = np.rint(1000 * np.maximum(milliseconds, 0)).astype(np.int64)
    return 1000 * microseconds


def in_order(sent: Nanoseconds, delays: Nanoseconds, length: int, past: int = 0) -> Nanoseconds:
    """The delay in ns of a packet sent at each instant where none overtakes another, whoever sends it.

    It arrives no sooner than one that had been sent at the end of an earlier step: that depends on nothing but time.
    So delays are longer than those drawn wherever these fall faster than time goes on.

    Args:
        sent: send instants, ns.
        delays: those drawn, ns, one per step.
        length: of a step, ns.
        past: how many of the steps lie before the start of the signal.
    """
    ends = length * (np.arange(len(delays)) + 1 - past)
    arrived = np.concatenate([[-length * past], np.maximum.accumulate(ends + delays)])
    step = slot_of(sent, length) + past
    return np.maximum(delays[step], arrived[step] - sent)
