"""Confusion matrices: which class was found instead of which, in shares of each class's utterances.

All that a page can choose between are counts; those of one codec and condition are drawn beside those of another.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from reports.conditions import Condition
from reports.summary import ANCHOR, ANSWER, ON_AUDIO, Run
from reports.words import percent

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

NUMBERED = 16  # classes; with more, cells hold no numbers
SIZES = ((8, "large"), (NUMBERED, "middle"))  # of cells, up to how many classes


class Cell(NamedTuple):
    """One class found instead of another, or itself."""

    text: str
    title: str
    share: float


class Panel(NamedTuple):
    """What is shown first on one side: which codec and condition, in a sentence how much was right, and the cells."""

    codec: int
    condition: int
    said: str
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Confusion:
    """A task: its classes, what can be chosen, the counts of all that as JSON for the page's script, two panels.

    Counts stand under "codec condition": utterances asked, then truth, class found and how often, again and again.
    """

    title: str
    classes: tuple[str, ...]
    size: str
    codecs: tuple[str, ...]
    conditions: tuple[str, ...]
    counts: str
    names: str
    panels: tuple[Panel, ...]


def confusion(answers: Run, label: str, way: str) -> Confusion | None:
    """The matrices of a task; None where no class was found."""
    facts = answers.facts["tasks"][label]
    if way == ON_AUDIO and not facts.get("learns", True):
        return None  # a published judge counts its classes in its own way
    classes = tuple(map(str, facts.get("classes") or ()))
    known = sorted(answers.conditions, key=lambda c: not c.clean)
    found = dict(_counted(answers, label, known)) if classes else {}
    if not found:
        return None
    codecs = [codec for codec in (ANCHOR, *answers.codecs) if any(codec == other for other, _ in found)]
    names = [condition.name for condition in known]
    places = {(codecs.index(codec), names.index(name)): counts for (codec, name), counts in found.items()}
    told = {f"{a} {b}": [asked, *_sparse(counts)] for (a, b), (asked, counts) in places.items()}
    title = str(facts["title"]) + ("" if label == facts["name"] else f" ({label})")
    worst = max(places, key=lambda place: (1 - _right(places[place][1]), place))
    return Confusion(
        title=f"{title}, {way[:1].lower()}{way[1:]}",
        classes=classes,
        size=next((size for most, size in SIZES if len(classes) <= most), "small"),
        codecs=tuple(codecs),
        conditions=tuple(condition.title for condition in known),
        counts=json.dumps(told, separators=(",", ":")),
        names=json.dumps(classes),
        panels=tuple(_panel(place, *places[place], classes) for place in dict.fromkeys([min(places), worst])),
    )


def _rows(answers: Run, label: str) -> "pd.DataFrame":
    return answers.rows[answers.rows["dataset"].eq(label) & answers.rows["name"].str.endswith(ANSWER)]


def _counted(
    answers: Run, label: str, known: Sequence[Condition]
) -> Iterator[tuple[tuple[str, str], tuple[int, npt.NDArray[np.intp]]]]:
    """By codec and condition: how many utterances were asked, and how often which class [truth] was found as which."""
    facts = answers.facts["tasks"][label]
    index: Mapping[str, int] = {str(name): i for i, name in enumerate(facts["classes"])}
    rows = _rows(answers, label)
    truth = rows["utterance"].map({key: index.get(str(name), -1) for key, name in facts["truth"].items()}).fillna(-1)
    rows = rows.assign(truth=truth, found=rows["value"].where(rows["status"].eq("ok"), -1).fillna(-1))
    where = rows["condition"].mask(rows["codec"].eq(ANCHOR), rows["acoustics"])  # it met no network
    parts = {key: part for key, part in rows.groupby(["codec", where], sort=False)}
    for codec in answers.series:
        for condition in known:
            part = parts.get((codec, condition.acoustics.text if codec == ANCHOR else condition.name))
            if part is not None and part["status"].eq("ok").any():
                yield (codec, condition.name), (len(part), _matrix(part[["truth", "found"]].to_numpy(), len(index)))


def _matrix(pairs: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.intp]:
    """Counts [truth, found] of pairs of classes; what is none of them is left out."""
    inside = ((pairs >= 0) & (pairs < size)).all(axis=1)
    truth, found = pairs[inside].astype(np.intp).T
    return np.bincount(truth * size + found, minlength=size * size).reshape(size, size)


def _sparse(counts: npt.NDArray[np.intp]) -> list[int]:
    return [int(n) for row, column in np.argwhere(counts) for n in (row, column, counts[row, column])]


def _right(counts: npt.NDArray[np.intp]) -> float:
    return float(np.trace(counts) / max(1, counts.sum()))


def _panel(place: tuple[int, int], asked: int, counts: npt.NDArray[np.intp], classes: Sequence[str]) -> Panel:
    """As the page's script makes one, whose halves are rounded up too."""
    right, there = int(np.trace(counts)), int(counts.sum())
    missing = f"; {asked - there} without an answer" if asked > there else ""
    share = int(1000 * right / there + 0.5) / 1000 if there else None
    said = f"{percent(share)} right, {right:,} of {there:,}{missing}"
    total = counts.sum(axis=1)
    cells = [
        [_cell(truth, found, int(counts[i, j]), int(total[i]), len(classes)) for j, found in enumerate(classes)]
        for i, truth in enumerate(classes)
    ]
    return Panel(*place, said, cells)


def _cell(truth: str, found: str, count: int, total: int, classes: int) -> Cell:
    if not count:
        return Cell("", "", 0.0)
    share = count / total
    text = str(int(100 * share + 0.5)) if classes <= NUMBERED else ""
    return Cell(text, f"{truth} → {found}: {count} of {total}", round(share, 3))
