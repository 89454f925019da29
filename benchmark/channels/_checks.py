"""Parameters of network conditions, checked before any work."""

import math

from benchmark.types import UserError


def probability(channel: str, name: str, value: float) -> None:
    """Raise UserError unless `value` is a probability."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise UserError(f"{channel}: {name}={value} is not a probability; write 0.05 for 5 %.")


def number(channel: str, name: str, value: float, least: float, meaning: str) -> None:
    """Raise UserError unless `value` is a finite number, not below `least`, which has this `meaning`."""
    if not _is_number(value) or not math.isfinite(value) or value < least:
        raise UserError(f"{channel}: {name}={value} must be a number of at least {least:g} ({meaning}).")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
