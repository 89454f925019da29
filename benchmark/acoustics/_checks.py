"""What acoustic conditions ask of their parameters, before any work, and of the speech they are given."""

import math
from collections.abc import Collection

from benchmark.audio import SHORTEST
from benchmark.registry import nearest
from benchmark.types import NotMeasured, Signal, UserError


def number(component: str, name: str, value: object, least: float, most: float, meaning: str) -> None:
    """Raise UserError unless `value` is a number in [least, most], which has this `meaning`."""
    fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fine or not least <= value <= most:  # type: ignore[operator]  # a number, where it is looked at
        raise UserError(f"{component}: {name}={value} must be a number from {least:g} to {most:g} ({meaning}).")


def one_of(component: str, name: str, value: object, known: Collection[str]) -> None:
    """Raise UserError unless `value` is among the `known`."""
    if value not in known:
        raise UserError(f"{component}: {name}={value} must be one of {', '.join(known)}. {nearest(str(value), known)}")


def long_enough(component: str, signal: Signal, rate: int) -> None:
    """Raise NotMeasured, too_short, below the shortest utterance that a file may hold."""
    if len(signal) < SHORTEST * rate:
        text = f"{1000 * len(signal) / rate:.0f} ms of speech; at least {1000 * SHORTEST:.0f} ms are needed"
        raise NotMeasured("too_short", f"{component}: {text}")
