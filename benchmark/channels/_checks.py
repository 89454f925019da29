"""Parameters of network conditions, checked before any work."""

import math

from benchmark.types import UserError

LARGEST = 1e9  # of any number: 1e9 ms are eleven days, and their nanoseconds still fit an int64 nine times over


def probability(channel: str, name: str, value: float) -> None:
    """Raise UserError unless `value` is a probability."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise UserError(f"{channel}: {name}={value} is not a probability; write 0.05 for 5 %.")


def number(channel: str, name: str, value: float, least: float, meaning: str, most: float = LARGEST) -> None:
    """Raise UserError unless `value` is a number from `least`, which has this `meaning`, to `most`."""
    if not _is_number(value) or not least <= value <= most:
        text = f"must be a number of at least {least:g} ({meaning}) and at most {most:g}"
        raise UserError(f"{channel}: {name}={value} {text}.")


def switch(channel: str, name: str, value: bool) -> None:
    """Raise UserError unless `value` is true or false."""
    if not isinstance(value, bool):
        raise UserError(f"{channel}: {name}={value} must be true or false.")


def rounded_up(limit: float) -> float:
    """A lower limit as a message names it: to four places, and never below it."""
    return math.ceil(limit * 1e4) / 1e4


def rounded_down(limit: float) -> float:
    """An upper limit likewise, never above it."""
    return math.floor(limit * 1e4) / 1e4


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
