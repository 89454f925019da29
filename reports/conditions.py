"""What a report calls a condition: a channel, acoustics and a playout buffer, named after what varies in its run.

Conditions that differ in one of the three alone, and have a place on a curve there, are a `Curve`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmark.types import Point

if TYPE_CHECKING:
    import pandas as pd

PLACE = ("channel", "acoustics", "playout")  # the columns that make a condition
LISTS = {"channel": "conditions", "acoustics": "acoustics", "playout": "playouts"}  # of run.json
JOIN = " · "  # between the parts of a name
FILES = "files"  # in place of channel and acoustics where files came from somewhere, and nobody knows more
QUIET = ("", "clean", FILES)  # acoustics that leave speech alone, or so it seems; the empty one is of older versions
# Where speech as it is lies on an axis of this unit; elsewhere it lies beyond one end.
CLEAN_AT = {"generations": 1.0, "samples at 16 kHz": 0.0}


@dataclass(frozen=True, slots=True)
class Part:
    """A channel, acoustics or a playout buffer: the text of its spec, its title, and its place on a curve."""

    text: str = ""
    title: str = ""
    point: Point | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What speech went through; `loss` is the asked share lost, `burst_ratio` the asked burstiness, or None.

    `title` tells it from the others of its run; `place` is the same without the playout buffer.
    """

    name: str
    title: str
    place: str
    family: str
    loss: float | None
    burst_ratio: float | None
    channel: Part
    acoustics: Part
    playout: Part

    @property
    def lossless(self) -> bool:
        """Whether nothing is lost on purpose."""
        return self.family == "clean" or self.loss == 0

    @property
    def quiet(self) -> bool:
        """Whether the codec hears speech as it is."""
        return self.acoustics.text in QUIET

    @property
    def clean(self) -> bool:
        """Whether nothing is done to speech on purpose, before the codec or behind it."""
        return self.lossless and self.quiet

    @property
    def network(self) -> str:
        """The title without the acoustics: what packets went through."""
        return capital(JOIN.join([self.channel.title, *([self.playout.title] if self.title != self.place else [])]))

    @property
    def swept(self) -> bool:
        """Whether it is a point on a curve over loss."""
        return self.loss is not None and not self.lossless


class Curve(NamedTuple):
    """Conditions along one axis, x ascending.

    `clean` is the condition of speech as it is, which has no x, and `singles` are those whose x is measured.
    """

    title: str
    axis: str
    points: tuple[tuple[float, Condition], ...]
    clean: Condition | None = None
    singles: tuple[Condition, ...] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that is on it, but for the clean one."""
        return (*(c for _, c in self.points), *self.singles)


def conditions(facts: Mapping[str, Any], rows: "pd.DataFrame") -> dict[tuple[str, str, str], Condition]:
    """The condition of each (channel, acoustics, playout) among `rows`, in the order of `run.json`."""
    stated = {axis: {str(entry[axis]): entry for entry in facts[LISTS[axis]]} for axis in PLACE}
    orders = [list(stated[axis]) for axis in PLACE]

    def rank(place: tuple[str, str, str]) -> list[int]:
        return [order.index(text) if text in order else len(order) for order, text in zip(orders, place, strict=True)]

    places = sorted(rows[list(PLACE)].drop_duplicates().itertuples(index=False, name=None), key=lambda p: (rank(p), p))
    rooms = len({acoustics for _, acoustics, _ in places}) > 1
    buffers = Counter((channel, acoustics) for channel, acoustics, _ in places)
    found = {}
    for place in places:
        parts = [_part(stated[axis].get(text, {}), text) for axis, text in zip(PLACE, place, strict=True)]
        found[place] = _condition(stated["channel"].get(place[0], {}), parts, rooms, buffers[place[:2]] > 1)
    return found


def _condition(facts: Mapping[str, Any], parts: Sequence[Part], rooms: bool, buffers: bool) -> Condition:
    """`rooms` and `buffers` say whether acoustics, and playout buffers, have to be named to tell it from others."""
    channel, acoustics, playout = parts
    loud = acoustics.text not in QUIET
    family, loss = str(facts.get("family") or channel.text.partition(":")[0]), facts.get("loss")
    named = [channel.text, acoustics.text if loud and rooms else "", playout.text if buffers else ""]
    silent = loud and (family == "clean" or loss == 0)
    place = JOIN.join([*([] if silent else [channel.title]), *([acoustics.title] if loud else [])])
    return Condition(
        name=JOIN.join(filter(None, named)),
        title=capital(JOIN.join([place, playout.title] if buffers else [place])),
        place=capital(place),
        family=family,
        loss=loss,
        burst_ratio=facts.get("burst_ratio"),
        channel=channel,
        acoustics=acoustics,
        playout=playout,
    )


def _part(stated: Mapping[str, Any], text: str) -> Part:
    point = stated.get("point")
    found = Point(str(point["curve"]), str(point["unit"]), float(point["x"])) if point else None
    return Part(text, str(stated.get("title") or text), found)


# --- Curves ---


def loss_curves(known: Sequence[Condition]) -> list[Curve]:
    """Curves over the asked loss, one per burst ratio, from speech without loss on."""
    curves = []
    groups = _grouped([c for c in known if c.swept], lambda c: (c.burst_ratio or 1.0, *_others(c, "channel")))
    for (ratio, *others), members in sorted(groups.items(), key=lambda item: item[0][0]):
        zero = [c for c in known if c.lossless and _others(c, "channel") == tuple(others)][:1]
        points = [(0.0, c) for c in zero] + [(100 * (c.loss or 0.0), c) for c in members]
        title = JOIN.join([burst_title(ratio), *_surroundings(members[0], "channel")])
        curves.append(Curve(title, "% of packets lost, as asked", _ascending(points)))
    return curves


def placed_curves(known: Sequence[Condition], axis: str) -> list[Curve]:
    """Curves over what the channels or the acoustics say is their x: an error rate, a level, a number of codings."""
    curves = []
    placed = [c for c in known if getattr(c, axis).point]
    for (name, unit, *others), members in _grouped(placed, lambda c: (*_point(c, axis)[:2], *_others(c, axis))).items():
        points = [(_point(c, axis).x, c) for c in members]
        clean = next((c for c in known if _plain(c, axis) and _others(c, axis) == tuple(others)), None)
        if clean and unit in CLEAN_AT:
            points, clean = [(CLEAN_AT[unit], clean), *points], None
        title = JOIN.join([capital(name), *_surroundings(members[0], axis)])
        curves.append(Curve(title, unit, _ascending(points), clean))
    return [curve for curve in curves if len(curve.points) > 1]


def playout_curves(known: Sequence[Condition]) -> list[Curve]:
    """Curves over the depth of fixed playout buffers, one per channel and acoustics, with adaptive ones as singles."""
    curves = []
    for members in _grouped(known, lambda c: _others(c, "playout")).values():
        placed = [c for c in members if c.playout.point]
        if len(placed) > 1:
            axis = f"{_point(placed[0], 'playout').curve}, {_point(placed[0], 'playout').unit}"
            singles = tuple(c for c in members if not c.playout.point)
            points = _ascending((_point(c, "playout").x, c) for c in placed)
            curves.append(Curve(members[0].place, axis, points, None, singles))
    return curves


def _point(condition: Condition, axis: str) -> Point:
    point: Point = getattr(condition, axis).point
    return point


def _plain(condition: Condition, axis: str) -> bool:
    return condition.lossless if axis == "channel" else condition.quiet


def _others(condition: Condition, axis: str) -> tuple[str, ...]:
    """The texts of the other two of channel, acoustics and playout buffer."""
    return tuple(getattr(condition, other).text for other in PLACE if other != axis)


def _surroundings(condition: Condition, axis: str) -> list[str]:
    """What a curve's title has to say of the other two: what is not clean, and the buffer where there are several."""
    buffers = condition.title != condition.place
    worth = {"channel": not condition.lossless, "acoustics": not condition.quiet, "playout": buffers}
    return [getattr(condition, other).title for other in PLACE if other != axis and worth[other]]


def _grouped(members: Iterable[Condition], key: Callable[[Condition], Any]) -> dict[Any, list[Condition]]:
    found: dict[Any, list[Condition]] = {}
    for condition in members:
        found.setdefault(key(condition), []).append(condition)
    return found


def _ascending(points: Iterable[tuple[float, Condition]]) -> tuple[tuple[float, Condition], ...]:
    return tuple(sorted(points, key=lambda point: point[0]))


def burst_title(ratio: float | None) -> str:
    """What a curve over loss is called."""
    return "Random losses" if (ratio or 1) == 1 else f"Losses in bursts ×{ratio:g}"


def capital(text: str) -> str:
    """The text with a capital letter in front."""
    return text[:1].upper() + text[1:]
