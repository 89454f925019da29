"""Downstream tasks of a suite, resolved: who is learned from, who is tested, what is to be found out; leaks refused.

A class of one example teaches nothing, a class that is never seen cannot be found, and speech that is on both sides
makes every score too good: each of these is an error before any work.
"""

import importlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
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
    """

    label: str
    name: str
    spec: Spec
    task: Task
    column: str
    source: Path
    scorer: Scorer
    sides: Sides
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
    needed = probed or LEARNED in (plain.needs or ())
    train = _side(label, whole, entry.train, None) if needed else replace(whole, utterances=())
    test = _side(label, whole, entry.test, entry.limit)
    given = _side(label, whole, entry.valid, None) if probed and entry.valid else None
    labelled = [_labelled(label, side, column, entry.absent) for side in (train, test, given) if side is not None]
    train, test = labelled[:2]
    given = labelled[2] if given is not None else None
    classes = _classes(label, train, test, given, column) if task.kind == "classes" and needed else ()
    if needed:
        _refuse_leaks(label, task, [train, *([given] if given else [])], test)
    sides = _verified(train, given, test)
    training = [(u.sha256, _truth(u, column)) for u in sides.train]
    counts = Counter(_truth(u, column) for u in sides.test)
    tested = tuple(_told(u, column, counts) if task.kind == "classes" else u for u in sides.test)
    scorer = task_scorer(spec, suite.device, training) if classes else plain
    name = task.metric.rpartition("_")[0]
    return Assignment(label, name, spec, task, column, whole.source, scorer, sides._replace(test=tested), classes)


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
    if empty and absent is None:
        more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
        text = f"tasks.{label}: {empty[0].id!r}{more} of {dataset.source} has an empty {column!r}"
        raise UserError(f"{text}; fill it in, leave these out (where), or say what that means (absent: none).")
    filled = (u if _truth(u, column) else replace(u, labels={**u.labels, column: absent or ""}) for u in utterances)
    return replace(dataset, utterances=tuple(filled))


def _classes(label: str, train: Dataset, test: Dataset, valid: Dataset | None, column: str) -> tuple[str, ...]:
    """The classes that can be learned.

    Raises:
        UserError: where that is impossible.
    """
    counts = Counter(_truth(u, column) for u in train.utterances)
    rare = sorted(name for name, count in counts.items() if count < FEWEST)
    if rare:
        text = f"tasks.{label}: the class {rare[0]!r} has 1 training example, {FEWEST} are needed"
        raise UserError(f"{text}; add speech, or leave the class out ({column}).")
    if len(counts) < 2:
        raise UserError(f"tasks.{label}: all of the training speech is {next(iter(counts))!r}; 2 classes are needed.")
    for side in (test, *([valid] if valid else [])):
        if unseen := sorted({_truth(u, column) for u in side.utterances} - counts.keys()):
            text = f"tasks.{label}: {unseen[0]!r} is to be found out, but is in no training example"
            raise UserError(f"{text}; known: {', '.join(sorted(counts)[:8])}{' …' if len(counts) > 8 else ''}.")
    return tuple(sorted(counts))


def _refuse_leaks(label: str, task: Task, learned: Sequence[Dataset], test: Dataset) -> None:
    """Raise UserError where test utterances, or their speakers, are learned from."""
    tested = {u.id for u in test.utterances}
    if both := sorted(u.id for side in learned for u in side.utterances if u.id in tested):
        raise UserError(f"tasks.{label}: {both[0]!r} is in training and test; an utterance may be in one split only.")
    if task.apart == "speakers":
        heard = {u.speaker for side in learned for u in side.utterances} - {""}
        if voices := sorted(heard & {u.speaker for u in test.utterances}):
            text = f"tasks.{label}: the speaker {voices[0]!r} is in training and test"
            raise UserError(f"{text}; {task.title} is tested on speakers that were never heard: choose other splits.")


def _verified(train: Dataset, valid: Dataset | None, test: Dataset) -> Sides:
    """Every file found and hashed.

    Raises:
        UserError: for a file that is missing or not what the manifest says, and for equal audio on both sides.
    """
    sides = Sides(*(manifest.verify(side).utterances if side else () for side in (train, valid, test)))
    known = {u.sha256: u.id for u in (*sides.train, *sides.valid)}
    for utterance in sides.test:
        if utterance.sha256 in known:
            text = (
                f"{train.source}: {utterance.id!r}, which is tested, is the same audio as {known[utterance.sha256]!r}"
            )
            raise UserError(f"{text}, which is learned from; take one of them out.")
    return sides


def with_validation(assignment: Assignment) -> Sides:
    """With validation utterances: where the data name none, a seventh of the training's, in the order of SHA-256.

    Where speakers have to differ these are whole speakers, as far as every class stays in training.
    """
    sides, task, column = assignment.sides, assignment.task, assignment.column
    if sides.valid:
        return sides
    wanted = max(1, len(sides.train) // SET_ASIDE)
    taken: set[str] = set()
    if task.apart == "speakers":
        for speaker in sorted({u.speaker for u in sides.train} - {""}, key=_rank):
            more = taken | {u.id for u in sides.train if u.speaker == speaker}
            if len(taken) < wanted and len(more) <= 2 * wanted and _teachable(sides.train, more, task, column):
                taken = more
    for utterance in sorted(sides.train, key=lambda u: _rank(u.id)) if not taken else ():
        if len(taken) < wanted and _teachable(sides.train, taken | {utterance.id}, task, column):
            taken.add(utterance.id)
    parts = [[u for u in sides.train if (u.id in taken) is inside] for inside in (False, True)]
    return sides._replace(train=tuple(parts[0]), valid=tuple(parts[1]))


def _teachable(train: Iterable[Utterance], without: set[str], task: Task, column: str) -> bool:
    """Whether the rest still holds every class."""
    rest = [u for u in train if u.id not in without]
    if task.kind == "text":
        return bool(rest)
    return {_truth(u, column) for u in rest} == {_truth(u, column) for u in train}


def _rank(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _told(utterance: Utterance, column: str, counts: Counter[str]) -> Utterance:
    """With the truth, and how many test utterances share it, among its labels."""
    truth = _truth(utterance, column)
    return replace(utterance, labels={**utterance.labels, CLASS: truth, COUNT: str(counts[truth])})
