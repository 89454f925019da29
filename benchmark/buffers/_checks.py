"""Parameters of playout buffers, checked before any work."""

from benchmark.types import UserError


def within(buffer: str, name: str, value: float, least: float, most: float) -> None:
    """Raise UserError unless `value` is a number of `least` to `most`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        raise UserError(f"{buffer}: {name}={value} must be a number from {least:g} to {most:g}.")
