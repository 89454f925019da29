"""What all protections share: bundles of frames, the times they are sent at, and checks of parameters.

Packets that become sendable at one instant (a codec that makes four frames at a time, each sent alone) leave evenly
spaced over the time they stand for when ``pacing`` is ``even``, which is the default, and all at once when it is
``burst``: then they meet one weather, and live or die together.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from benchmark.types import Frame, UserError

PACINGS = ("even", "burst")


def whole(protection: str, name: str, value: object, least: int, most: int = 1000) -> None:
    """Raise UserError unless `value` is a whole number of `least` to `most`."""
    if type(value) is not int or not least <= value <= most:
        raise UserError(f"{protection}: {name}={value} must be a whole number from {least} to {most}.")


def choice(protection: str, name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise UserError unless `value` is one of those allowed."""
    if value not in allowed:
        raise UserError(f"{protection}: {name}={value} is not known; write {' or '.join(allowed)}.")


def bundles(frames: Sequence[Frame], size: int, pacing: str) -> Iterator[tuple[int, tuple[Frame, ...]]]:
    """`size` frames in a row at a time (the last may be fewer), with the instant at which they are sent, ns."""
    span = {ready: sum(f.duration for f in group) for ready, group in groupby(frames, lambda f: f.ready)}
    split = [tuple(frames[first : first + size]) for first in range(0, len(frames), size)]
    for ready, together in groupby(split, lambda bundle: bundle[-1].ready):
        made = list(together)
        yield from zip(pace([ready] * len(made), span[ready], pacing), made, strict=True)


def pace(ready: Sequence[int], span: int, pacing: str) -> list[int]:
    """When to send packets that are ready at these instants and stand for `span` ns together: as soon as it can be."""
    if pacing == "burst":
        return list(ready)
    steps = [number * span // len(ready) for number in range(len(ready))]
    first = max(instant - step for instant, step in zip(ready, steps, strict=True))
    return [first + step for step in steps]
