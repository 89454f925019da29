"""Downstream tasks of a suite, resolved: who is learned from, who is tested, what is to be found out; leaks refused.

A class of one example teaches nothing, a class that is never seen cannot be found, and speech that is on both sides
makes every score too good: each of these is an error before any work.
"""

import importlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import combinations, zip_longest
from pathlib import Path
from typing import NamedTuple

from benchmark import manifest, registry
from benchmark.manifest import Dataset
from benchmark.registry import nearest
from benchmark.scorers import LEARNED, Scorer, task_scorer
from benchmark.suite import JOIN, Suite, TaskData
from benchmark.types import Spec, Task, UserError, Utterance

TOKENS = "_tokens"  # behind the name of a task whose answers come from tokens
CLASS, COUNT = "class", "class_count"  # labels of a test utterance: the truth, and how many share it
SPEAKER = "speaker"
FEWEST = 2  # training examples of a class
MOST = 6000  # training utterances of a judge of decoded audio, which compares with each of them
SIDES = ("training", "validation", "test")
SET_ASIDE = 7  # of so many training utterances one is set apart for validation where the data name no split


class Sides(NamedTuple):
    """The utterances of a task: learned from, consulted when to stop learning, tested."""

    train: tuple[Utterance, ...]
    valid: tuple[Utterance, ...]
    test: tuple[Utterance, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task with its speech; `classes` are those that are learned.

    Attributes:
        label: its name in the suite, and the data set's in the table.
        name: of the task itself, with which the names of its values begin.
        column: of the manifest, that is to be found out.
        source: the manifest.
        scorer: who judges decoded audio.
        sides: all of them with their checksums; the tested ones with `CLASS` and `COUNT` among their labels.
        lesson: what of the training speech the judge of decoded audio learns from.
        taught: the same sides as probes have them, some of the training's being for validation.
    """

    label: str
    name: str
    spec: Spec
    task: Task
    column: str
    source: Path
    scorer: Scorer
    sides: Sides
    lesson: tuple[Utterance, ...]
    taught: Sides
    classes: tuple[str, ...] = ()

    def truth(self, utterance: Utterance) -> str:
        """What is to be found out of an utterance."""
        return _truth(utterance, self.column)

    @property
    def majority(self) -> float:
        """The share of the test utterances that whoever always says the most frequent class of the training gets."""
        often = Counter(self.truth(u) for u in self.sides.train)
        most = min(often, key=lambda name: (-often[name], name))
        return sum(self.truth(u) == most for u in self.sides.test) / len(self.sides.test)


def assignments(suite: Suite, data_root: Path) -> tuple[Assignment, ...]:
    """The tasks of a suite; their files are found and hashed, no audio is decoded.

    Raises:
        UserError: for whatever the user has to mend first.
    """
    return tuple(_assignment(label, entry, suite, data_root) for label, entry in suite.tasks.items())


def task_of(name: str) -> Task:
    """What a task asks, by its name.

    Raises:
        UserError: when there is no such task, or its module does not say.
    """
    registry.factory("task", name)  # which says what is wrong with the module
    found = getattr(importlib.import_module(registry.locate("task", name)[0]), "TASK", None)
    if not isinstance(found, Task):
        raise UserError(f"task {name!r}: its module has no TASK, a benchmark.types.Task.")
    return found


def _assignment(label: str, entry: TaskData, suite: Suite, data_root: Path) -> Assignment:
    spec = registry.parse(entry.task or label)
    task = task_of(spec.name)
    if task.kind == "speech":
        raise UserError(f"tasks.{label}: {task.title} is not scored by this version; see focalbench ls tasks.")
    task = replace(task, apart=entry.apart or task.apart)
    column = entry.label or task.needs
    whole = _chosen(label, manifest.load(entry.data, data_root), entry)
    probed = "tokens" in suite.protocols
    plain = task_scorer(spec, suite.device, ())
    learned = probed or LEARNED in (plain.needs or ())
    splits = Splits(entry.train if learned else None, entry.valid if probed else None, entry.test)
    sides = _sides(label, whole, splits, entry, column)
    classes = _classes(label, sides, column) if task.kind == "classes" and learned else ()
    _refuse_leaks(label, task, whole.source, sides)
    counts = Counter(_truth(u, column) for u in sides.test)
    tested = tuple(_told(u, column, counts) if task.kind == "classes" else u for u in sides.test)
    sides = sides._replace(test=tested)
    lesson = _drawn(sides.train, column) if classes else ()
    scorer = task_scorer(spec, suite.device, [_lesson(u, column, plain) for u in lesson]) if classes else plain
    name = task.metric.rpartition("_")[0]
    taught = _with_validation(sides, task, column) if probed else sides
    return Assignment(label, name, spec, task, column, whole.source, scorer, sides, lesson, taught, classes)


class Splits(NamedTuple):
    """The names of a task's splits; None where there is nothing to be done with one."""

    train: str | None
    valid: str | None
    test: str


def _sides(label: str, whole: Dataset, splits: Splits, entry: TaskData, column: str) -> Sides:
    """The utterances of each split, their files found and hashed.

    Raises:
        UserError: for an unknown split or column, an empty label, or a file that is missing or another.
    """
    sides: list[tuple[Utterance, ...]] = []
    for split, limit in zip(splits, (None, None, entry.limit), strict=True):
        side = _side(label, whole, split, limit) if split else replace(whole, utterances=())
        sides.append(manifest.verify(_labelled(label, side, column, entry.absent)).utterances)
    return Sides(*sides)


def _drawn(train: Sequence[Utterance], column: str) -> tuple[Utterance, ...]:
    """What a judge of decoded audio learns from: all, or so many of each class in turn that they are `MOST`."""
    if len(train) <= MOST:
        return tuple(train)
    by_class: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in sorted(train, key=lambda u: _rank(u.id)):
        by_class[_truth(utterance, column)].append(utterance)
    turns = zip_longest(*(by_class[name] for name in sorted(by_class)))
    return tuple(u for turn in turns for u in turn if u is not None)[:MOST]


def _lesson(utterance: Utterance, column: str, scorer: Scorer) -> list[str]:
    """All of a training utterance that a judge may use."""
    known = (f"{name}={utterance.labels[name]}" for name in scorer.labels if utterance.labels.get(name))
    return [utterance.sha256, _truth(utterance, column), *known]


def _chosen(label: str, dataset: Dataset, entry: TaskData) -> Dataset:
    """The utterances whose columns hold what they have to."""
    kept = dataset.utterances
    for column, value in entry.where.items():
        if lacks := _no_column(dataset, column):
            raise UserError(f"tasks.{label}.where: {lacks}")
        known = {_truth(u, column) for u in dataset.utterances}
        if value not in known:
            hint = nearest(value, known)
            raise UserError(
                f"tasks.{label}.where: the column {column!r} of {dataset.source} never holds {value!r}. {hint}"
            )
        kept = tuple(u for u in kept if _truth(u, column) == value)
    if not kept:
        raise UserError(f"tasks.{label}.where: no utterance of {dataset.source} holds all of {dict(entry.where)}.")
    return replace(dataset, utterances=kept)


def _side(label: str, dataset: Dataset, splits: str, limit: int | None) -> Dataset:
    try:
        sides = [manifest.select(dataset, split, None).utterances for split in dict.fromkeys(splits.split(JOIN))]
        return manifest.select(replace(dataset, utterances=tuple(u for side in sides for u in side)), None, limit)
    except UserError as error:
        raise UserError(f"tasks.{label}: {error}") from error


def _truth(utterance: Utterance, column: str) -> str:
    return utterance.speaker if column == SPEAKER else utterance.labels.get(column, "").strip()


def _no_column(dataset: Dataset, column: str) -> str:
    """That a manifest has no such column; empty where it has."""
    utterances = dataset.utterances
    if column == SPEAKER or not utterances or any(column in u.labels for u in utterances):
        return ""
    return f"{dataset.source} has no column {column!r}. {nearest(column, {SPEAKER, *utterances[0].labels})}"


def _labelled(label: str, dataset: Dataset, column: str, absent: str | None) -> Dataset:
    """With `absent` where the column is empty.

    Raises:
        UserError: when there is no such column, or it is empty and must not be.
    """
    if lacks := _no_column(dataset, column):
        raise UserError(f"tasks.{label}: what is to be found out: {lacks}")
    utterances = dataset.utterances
    empty = [u for u in utterances if not _truth(u, column)]
    if empty and (absent is None or column == SPEAKER):
        more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
        text = f"tasks.{label}: {empty[0].id!r}{more} of {dataset.source} has an empty {column!r}"
        raise UserError(f"{text}; fill it in, leave these out (where), or say what that means (absent: none).")
    filled = (u if _truth(u, column) else replace(u, labels={**u.labels, column: absent or ""}) for u in utterances)
    return replace(dataset, utterances=tuple(filled))


def _classes(label: str, sides: Sides, column: str) -> tuple[str, ...]:
    """The classes that can be learned.

    Raises:
        UserError: where that is impossible.
    """
    counts = Counter(_truth(u, column) for u in sides.train)
    rare = sorted(name for name, count in counts.items() if count < FEWEST)
    if rare:
        text = f"tasks.{label}: the class {rare[0]!r} has 1 training example, {FEWEST} are needed"
        raise UserError(f"{text}; add speech, or leave the class out ({column}).")
    if len(counts) < 2:
        raise UserError(f"tasks.{label}: all of the training speech is {next(iter(counts))!r}; 2 classes are needed.")
    if unseen := sorted({_truth(u, column) for u in (*sides.valid, *sides.test)} - counts.keys()):
        text = f"tasks.{label}: {unseen[0]!r} is to be found out, but is in no training example"
        raise UserError(f"{text}; known: {', '.join(sorted(counts)[:8])}{' …' if len(counts) > 8 else ''}.")
    return tuple(sorted(counts))


def _refuse_leaks(label: str, task: Task, source: Path, sides: Sides) -> None:
    """Raise UserError where two sides share an utterance, its audio or, where that is forbidden, a speaker."""
    for (first, before), (second, after) in combinations(zip(SIDES, sides, strict=True), 2):
        where = f"{first} and {second}"
        ids = {u.id for u in before}
        if both := sorted(u.id for u in after if u.id in ids):
            text = f"tasks.{label}: {both[0]!r} is in {where}; an utterance may be on one side only"
            raise UserError(f"{text}: choose other splits.")
        known = {u.sha256: u.id for u in before}
        if twins := [u for u in after if u.sha256 in known]:
            text = f"{source}: {twins[0].id!r} of {second} is the same audio as {known[twins[0].sha256]!r} of {first}"
            raise UserError(f"{text}; take one of them out.")
        voices = {u.speaker for u in before} & {u.speaker for u in after} - {""}
        if task.apart == "speakers" and voices:
            text = f"tasks.{label}: the speaker {min(voices)!r} is in {where}; {task.title} is tested on speakers"
            raise UserError(f"{text} that were never heard: choose other splits.")
    nameless = [u.id for side in sides for u in side if not u.speaker]
    if task.apart == "speakers" and nameless and (sides.train or sides.valid):
        text = f"tasks.{label}: {nameless[0]!r} of {source} names no speaker, so that nobody knows who was heard before"
        raise UserError(f"{text}; add the column speaker, or say apart: utterances.")


def _with_validation(sides: Sides, task: Task, column: str) -> Sides:
    """With validation utterances: where the data name none, a seventh of the training's, in the order of SHA-256.

    Where speakers have to differ these are whole speakers, as far as every class stays in training.
    """
    if sides.valid:
        return sides
    wanted = max(1, len(sides.train) // SET_ASIDE)
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in sides.train if task.apart == "speakers" else ():
        groups[utterance.speaker].append(utterance)
    taken = _taken(groups, sides.train, task, column, wanted)
    if not taken:
        taken = _taken({u.id: [u] for u in sides.train}, sides.train, task, column, wanted)
    parts = [[u for u in sides.train if (u.id in taken) is inside] for inside in (False, True)]
    return sides._replace(train=tuple(parts[0]), valid=tuple(parts[1]))


def _taken(
    groups: Mapping[str, Sequence[Utterance]], train: Sequence[Utterance], task: Task, column: str, wanted: int
) -> set[str]:
    """The ids of groups that make up about as many as are `wanted`, and leave every class in training."""
    left = Counter(_truth(u, column) if task.kind == "classes" else "" for u in train)
    taken: set[str] = set()
    for name in sorted(groups, key=_rank):
        group = groups[name]
        if len(taken) >= wanted:
            break
        less = Counter(_truth(u, column) if task.kind == "classes" else "" for u in group)
        if len(taken) + len(group) <= 2 * wanted and all(left[truth] > count for truth, count in less.items()):
            left -= less
            taken |= {u.id for u in group}
    return taken


def _rank(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _told(utterance: Utterance, column: str, counts: Counter[str]) -> Utterance:
    """With the truth, and how many test utterances share it, among its labels."""
    truth = _truth(utterance, column)
    return replace(utterance, labels={**utterance.labels, CLASS: truth, COUNT: str(counts[truth])})
