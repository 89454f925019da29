"""What the listeners of downstream tasks learn from uncoded speech: before the first trial, once, kept by content."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark import audio
from benchmark.bench import Bench
from benchmark.descriptions import dumps
from benchmark.downstream import Assignment
from benchmark.execute import execute
from benchmark.listen import Ears, unusable
from benchmark.progress import Progress
from benchmark.scorers import Scorer
from benchmark.store import Store
from benchmark.suite import Limits
from benchmark.types import Description, NotMeasured, Unavailable, UserError, Utterance

SEED = 0  # of whatever is random in learning: what is compared are codecs, by one and the same judge


class Exercise(NamedTuple):
    """Some of the training speech of a task, as much as a worker describes at a time."""

    number: int
    scorer: Scorer
    utterances: tuple[Utterance, ...]
    store: Path


AT_ONCE = 16  # training utterances of an exercise


def learn(
    tasks: Sequence[Assignment], store: Path, limits: Limits, workers: int, scheduler: str | None, progress: Progress
) -> None:
    """Put what every task's listener learns into the store, unless it is there.

    A listener that lacks something here (weights, a library) learns nothing: the rows will say what it lacks.

    Raises:
        UserError: for training speech that cannot be used, in one line.
    """
    missing = [one for one in tasks if one.scorer.lesson and Store(store).description(one.scorer.lesson) is None]
    todo = [exercise for one in missing for exercise in _exercises(one, store)]
    if not todo:
        return
    described: dict[tuple[str, int], Sequence[Description] | Unavailable] = {}
    with progress.track("training speech", len(todo)) as advance:
        for exercise, said in execute(_describe, todo, limits, workers, scheduler):
            described[exercise.scorer.lesson, exercise.number] = said
            advance()
    bench = Bench(limits)
    try:
        for one in missing:
            parts = [described[one.scorer.lesson, e.number] for e in _exercises(one, store)]
            known = [part for part in parts if not isinstance(part, Unavailable)]
            if len(known) == len(parts):
                _learn(one, [said for part in known for said in part], Store(store), bench)
    finally:
        bench.close()


def _exercises(one: Assignment, store: Path) -> list[Exercise]:
    lesson = one.lesson
    return [Exercise(i, one.scorer, lesson[i : i + AT_ONCE], store) for i in range(0, len(lesson), AT_ONCE)]


def _describe(exercise: Exercise, bench: Bench) -> tuple[Exercise, list[Description] | Unavailable]:
    """What the listener says of training speech, each kept by its content.

    Raises:
        UserError: for speech that it can say nothing of.
    """
    ears = Ears(bench, Store(exercise.store))
    try:
        return exercise, [_said(ears, exercise.scorer, utterance) for utterance in exercise.utterances]
    except Unavailable as error:
        return exercise, error


def _said(ears: Ears, scorer: Scorer, utterance: Utterance) -> Description:
    try:
        speech = audio.read(utterance.path)
        if (error := unusable(scorer, speech)) is not None:
            raise error
        said = ears.uncoded(scorer, speech, utterance.labels)
        if isinstance(said, NotMeasured):
            raise said
    except NotMeasured as error:
        text = f"{scorer.spec} cannot learn from {utterance.id!r} ({utterance.path}): {error.reason}"
        if error.status == "metric_failed":
            raise UserError(f"{text}. The same command goes on where this stopped.") from error
        raise UserError(f"{text}; mend that file, or take it out of the training split.") from error
    return said


def _learn(one: Assignment, described: Sequence[Description], store: Store, bench: Bench) -> None:
    try:
        learned = bench.learn(one.scorer, described, [one.truth(u) for u in one.lesson], SEED)
    except NotMeasured as error:
        raise UserError(f"tasks.{one.label}: {one.scorer.spec} learned nothing: {error.reason}.") from error
    store.save_description(one.scorer.lesson, dumps(learned))
