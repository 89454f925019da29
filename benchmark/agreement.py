"""In what two runs differ, by the three classes of provenance: must match, under test, environment.

A field that must match makes values incomparable when it differs: data, conditions, seeds, scorers, resampler,
alignment. What is under test may differ, as that is what a comparison is for; of the environment, the reader is told.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from benchmark.types import UserError

Kind: TypeAlias = Literal["must_match", "under_test", "environment"]
AXES = {"conditions": "channel", "acoustics": "acoustics", "protections": "protection", "playouts": "playout"}
ALIKE = ("schema", "seeds", "resampler", "alignment", "header", "mode", "capture_ms")
TAUGHT = ("probes", "conversion")  # how networks are taught and voices converted, where both runs do
TASK = ("task", "protocol", "column", "train", "valid", "test", "lesson")  # what decides the answers of a task
CODEC = ("spec", "fingerprint", "identity", "frame_ms", "lookahead_ms", "delay", "trained")
LONGEST = 80  # characters of a value in print


@dataclass(frozen=True, slots=True)
class Field:
    """A field that differs, as text; `waived` when somebody said that the values are comparable all the same."""

    kind: Kind
    name: str
    first: str
    second: str
    waived: bool = False


def fields(first: Mapping[str, Any], second: Mapping[str, Any], pairs: Sequence[tuple[str, str]]) -> list[Field]:
    """All that differs between the facts of two runs whose codecs are compared in these `pairs`."""
    return [
        *_differing("must_match", must_match(first, second)),
        *_differing("under_test", _under_test(first, second, pairs)),
        *_differing("environment", _environment(first, second)),
    ]


def waived(found: Iterable[Field], names: Sequence[str]) -> list[Field]:
    """The fields, with those that `names` begin (``scorers`` all of them, ``data.demo`` one) marked as waived.

    Raises:
        UserError: when a field that must match differs and nobody waived it, or a waiver is of no field that differs.
    """
    found = list(found)
    grave = [field for field in found if field.kind == "must_match"]
    told = [replace(f, waived=f.kind == "must_match" and any(_covers(name, f.name) for name in names)) for f in found]
    check_waivers(grave, names)
    if refused := [f for f in told if f.kind == "must_match" and not f.waived]:
        first, *others = refused
        more = f" (and {', '.join(f.name for f in others)})" if others else ""
        raise UserError(
            f"These results are not comparable: {first.name} is {first.first} on the first side, {first.second} on the "
            f"second{more}. Run both on the same, or say --waive {first.name} to compare all the same."
        )
    return told


def check_waivers(found: Iterable[Field], names: Sequence[str]) -> None:
    """Refuse a waiver of nothing.

    Raises:
        UserError: when none of the fields is what one of `names` begins.
    """
    grave = [field for field in found if field.kind == "must_match"]
    for name in names:
        if not any(_covers(name, field.name) for field in grave):
            known = ", ".join(field.name for field in grave) or "none that must match"
            raise UserError(f"--waive {name}: no such field differs; those that do: {known}.")


def needed(found: Iterable[Field], names: Sequence[str]) -> list[str]:
    """Those of some waivers that are of any of the fields."""
    grave = [field for field in found if field.kind == "must_match"]
    return [name for name in names if any(_covers(name, field.name) for field in grave)]


def _covers(waiver: str, name: str) -> bool:
    return name == waiver or name.startswith(waiver + ".")


def _differing(kind: Kind, entries: Iterable[tuple[str, Any, Any]]) -> Iterator[Field]:
    for name, first, second in entries:
        if first != second:
            yield Field(kind, name, as_text(first), as_text(second))


def as_text(value: Any) -> str:
    """A value in print, cut where it is long."""
    if value is None or value == "":
        return "not there"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _common(first: Iterable[Any], second: Iterable[Any]) -> list[Any]:
    other = set(second)
    return [name for name in first if name in other]


def must_match(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The name and both values of whatever must match.

    Of data, conditions and scorers, those that both have: comparisons are of what is common to both sides.
    """
    for name in ALIKE:
        yield name, first.get(name), second.get(name)
    for name in TAUGHT:
        if first.get(name) is not None and second.get(name) is not None:
            yield name, first[name], second[name]
    data = [{str(e.get("name")): str(e.get("sha256"))[:12] for e in side["data"]} for side in (first, second)]
    if common := _common(*data):
        for name in common:
            yield f"data.{name}", data[0][name], data[1][name]
    elif data[0] or data[1]:
        yield "data", ", ".join(data[0]), ", ".join(data[1])
    for axis, column in AXES.items():
        known = [{e[column]: str(e.get("identity"))[:12] for e in side.get(axis) or ()} for side in (first, second)]
        for text in _common(*known):
            yield f"{axis}.{text}", known[0][text], known[1][text]
    for part, names in (("scorers", ("versions", "fingerprint")), ("tasks", TASK)):
        for label in _common(first[part], second[part]):
            for name in names:
                yield f"{part}.{label}.{name}", first[part][label].get(name), second[part][label].get(name)
    for name in _common(first["values"], second["values"]):
        for what in ("better", "unit"):
            yield f"values.{name}.{what}", first["values"][name].get(what), second["values"][name].get(what)


def _under_test(
    first: Mapping[str, Any], second: Mapping[str, Any], pairs: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, Any, Any]]:
    for one, other in pairs:
        label = one if one == other else f"{one} → {other}"
        facts = first["codecs"].get(one, {}), second["codecs"].get(other, {})
        for name in CODEC:
            yield f"{label}.{name}", facts[0].get(name), facts[1].get(name)


def _environment(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    yield "device", first.get("device"), second.get("device")
    machines = first.get("environment") or {}, second.get("environment") or {}
    for name in dict.fromkeys([*machines[0], *machines[1]]):
        one, other = (machine.get(name) for machine in machines)
        if isinstance(one, dict) and isinstance(other, dict):
            for key in dict.fromkeys([*one, *other]):
                yield f"{name}.{key}", one.get(key), other.get(key)
        else:
            yield name, one, other
