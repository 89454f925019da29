"""A rectangular room of a wanted reverberation time, by image sources [Allen and Berkley 1979, JASA 65(4), 943-950].

All walls absorb alike, by Sabine's formula turned round. It is an approximation: see `Room`.
"""

import importlib.util
import math
import threading
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmark.acoustics._checks import long_enough, number
from benchmark.acoustics._response import decay_time, reverberant
from benchmark.types import Floats, Heard, Point, Signal, Unavailable, UserError

SOUND = 343.0  # m/s
HIGHEST_ORDER = 160  # of reflections; their number grows with its cube: 5 million, 10 s or more, 1.5 GB per process
WALL = 0.3  # m that talker and listener keep from the walls
# Of the sides: the point between the two. It is off the centre, where echoes would come in pairs.
MIDDLE = (0.47, 0.54, 0.45)
DEFAULTS = ("6x5x3", 1.5)

_lock = threading.Lock()


class Room:
    """Speech from `distance` m away, in a room of `size` m, whose reverberation dies off by 60 dB in `rt60` s.

    Talker and listener stand at fixed places, the same for every utterance and `rt60`: on a line along the diagonal,
    at one height. What is reached is the fact ``rt60_s``: within 25 % of what was asked for from 0.3 to 1.2 s.

    Args:
        rt60: in s.
        size: width, depth and height in m, ``6x5x3``.
        distance: in m.
    """

    files = ()

    def __init__(self, rt60: float = 0.5, size: str = DEFAULTS[0], distance: float = DEFAULTS[1]) -> None:
        number("room", "rt60", rt60, 0.05, 10, "s")
        number("room", "distance", distance, 0.1, 100, "m")
        self.rt60, self.size, self.distance = float(rt60), _sides(size), float(distance)
        if self.absorption > 1:
            least = self.rt60 * self.absorption
            text = f"this room of {size} m falls silent in {least:.2f} s even where its walls reflect nothing"
            raise UserError(f"room: rt60={rt60} is too short: {text}; ask for more, or take a smaller room.")
        if self.order > HIGHEST_ORDER:
            text = f"it takes reflections of order {self.order} in {size} m; at most {HIGHEST_ORDER} are computed"
            raise UserError(f"room: rt60={rt60} is too long: {text}; ask for less, or take a larger room.")
        if distance > (largest := _largest_distance(self.size)):
            text = f"the room of {size} m has place for {largest:.2f} m, {WALL} m off the walls"
            raise UserError(f"room: distance={distance} is too far: {text}.")
        if importlib.util.find_spec("pyroomacoustics") is None:
            raise Unavailable("room needs pyroomacoustics: pip install pyroomacoustics")

    @property
    def absorption(self) -> float:
        """Share of the energy that each reflection loses, by Sabine."""
        width, depth, height = self.size
        surface = 2 * (width * depth + depth * height + width * height)
        return 24 * math.log(10) * width * depth * height / (SOUND * surface * self.rt60)

    @property
    def order(self) -> int:
        """Up to which reflections have to be counted, so that all within `rt60` are among them."""
        width, depth, height = self.size
        pairs = ((width, depth), (depth, height), (width, height))
        return math.ceil(SOUND * self.rt60 / min(a * b / math.hypot(a, b) for a, b in pairs) - 1)

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{self._curve}, T60 {self.rt60:g} s"

    @property
    def point(self) -> Point:
        """Where it lies on the curve of its room."""
        return Point(self._curve, "s T60", self.rt60)

    @property
    def _curve(self) -> str:
        usual = (self.size, self.distance) == (_sides(DEFAULTS[0]), DEFAULTS[1])
        return "room" if usual else f"room of {'x'.join(f'{s:g}' for s in self.size)} m, {self.distance:g} m away"

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Convolve with the room's response; as long as before, without delay."""
        long_enough("room", heard.signal, rate)
        response, direct = _response(self.size, self.distance, self.absorption, self.order, rate)
        wet = reverberant(heard, response, direct, rate)
        decay = decay_time(response[direct:], rate)
        return wet if math.isnan(decay) else wet._replace(facts={**wet.facts, "rt60_s": decay})


def versions() -> dict[str, str]:
    """What decides the digits of a response besides this code."""
    return {name: version(name) for name in ("pyroomacoustics",) if importlib.util.find_spec(name)}


def _sides(size: str) -> tuple[float, float, float]:
    try:
        width, depth, height = (float(side) for side in str(size).split("x"))
    except ValueError:
        raise UserError(f"room: size={size} must be width, depth and height in m; write 6x5x3.") from None
    for side in (width, depth, height):
        number("room", "size", side, 1, 100, "m, each side")
    return width, depth, height


def _places(size: tuple[float, float, float], distance: float) -> tuple[Floats, Floats]:
    """Talker and listener, m."""
    width, depth, _ = size
    middle, diagonal = np.multiply(size, MIDDLE), np.array([width, depth, 0]) / math.hypot(width, depth)
    return middle - distance / 2 * diagonal, middle + distance / 2 * diagonal


def _largest_distance(size: tuple[float, float, float]) -> float:
    width, depth, _ = size
    reach = [min(share, 1 - share) * side - WALL for share, side in zip(MIDDLE[:2], size[:2], strict=True)]
    along = [side / math.hypot(width, depth) for side in size[:2]]
    return 2 * min(r / a for r, a in zip(reach, along, strict=True))


def _response(*geometry: Any) -> tuple[Signal, int]:
    """See `_simulated`; one at a time, as it changes settings of the whole library."""
    with _lock:
        found: tuple[Signal, int] = _simulated(*geometry)
    return found


@lru_cache(maxsize=16)
def _simulated(
    size: tuple[float, float, float], distance: float, absorption: float, order: int, rate: int
) -> tuple[Signal, int]:
    """The impulse response, and the sample at which its direct sound is."""
    import pyroomacoustics

    constants = pyroomacoustics.constants
    before = {name: constants.get(name) for name in ("num_threads", "c")}
    constants.set("num_threads", 1)  # threads add up in another order: other last digits
    constants.set("c", SOUND)
    try:
        room = pyroomacoustics.ShoeBox(
            size, fs=rate, materials=pyroomacoustics.Material(absorption), max_order=order, air_absorption=False
        )
        talker, listener = _places(size, distance)
        room.add_source(talker)
        room.add_microphone(listener)
        room.compute_rir()
    finally:
        for name, value in before.items():
            constants.set(name, value)
    early = constants.get("frac_delay_length") // 2  # the filter that places an echo between samples is centred there
    return room.rir[0][0], early + round(distance / SOUND * rate)


make = Room
