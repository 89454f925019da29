"""Where values of a comparison belong: a condition is what speech went through, by the columns of the table."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmark.agreement import AXES

ALONE = "the codec alone"  # the condition of what a probe found of a codec


class Place(NamedTuple):
    """What speech went through; a condition of a comparison."""

    channel: str
    acoustics: str
    playout: str
    protection: str
    concealment: str
    header: str
    mode: str


def titles_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """What `run.json` calls channels, acoustics, buffers and protections, by their specs."""
    return {
        str(entry[column]): str(entry.get("title") or entry[column])
        for axis, column in AXES.items()
        for entry in facts.get(axis, ())
    }


def named(places: Sequence[Place], titles: Mapping[str, str]) -> dict[Place, str]:
    """A name for each place: of buffers and loss strategies only where there are several in otherwise equal places."""
    found = {}
    for place in places:
        like = [
            p for p in places if p._replace(playout="", concealment="") == place._replace(playout="", concealment="")
        ]
        noise = "" if place.acoustics in ("", "clean", place.channel) else titles.get(place.acoustics, place.acoustics)
        parts = [
            "" if noise and place.channel == "clean" else titles.get(place.channel, place.channel),
            noise,
            "" if place.protection in ("", "none") else titles.get(place.protection, place.protection),
            titles.get(place.playout, place.playout) if len({p.playout for p in like}) > 1 else "",
            place.concealment if len({p.concealment for p in like}) > 1 else "",
        ]
        found[place] = ", ".join(filter(None, parts)) if place.channel else ALONE
    return found
