"""How probes are taught: an epoch per call of a supervised child, kept by the content of what is learned from.

A killed run goes on where it stopped; a finished one asks no network again.
"""

import hashlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmark.bench import Bench
from benchmark.descriptions import dumps, loads
from benchmark.execute import execute
from benchmark.fingerprint import module_fingerprint
from benchmark.lessons import Brief, Epoch, Example, Tokens
from benchmark.plan import Plan
from benchmark.progress import Progress
from benchmark.store import Store, digest
from benchmark.suite import Probes, Suite
from benchmark.types import NotMeasured, UserError
from benchmark.versions import installed

HOST, RECIPES = "tasks._probes.host", "tasks._probes.recipe"
# What a host of probes notes of training utterances, as a reader should know it.
LEFT_OUT = {"too_long": "that are too long for the recipe", "unsayable": "with more text than their tokens can say"}
Answer: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class Where:
    """Where probes of a run are taught, and how many at a time; `warnings` grow as there is something to tell."""

    suite: Suite
    plan: Plan
    store: Path
    workers: int
    scheduler: str | None
    progress: Progress
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Training:
    """One network to be taught, and whom it answers then.

    `tests` are the utterances of a scene, in the order of the task, under the scene's name.
    """

    label: str
    key: str
    brief: Brief
    train: tuple[Example, ...]
    valid: tuple[Example, ...]
    tests: Mapping[str, tuple[Tokens, ...]]
    store: Path


def recipe(probes: Probes) -> Any:
    """The recipe of that name.

    Raises:
        UserError: when there is none.
    """
    known = importlib.import_module(RECIPES).RECIPES
    if probes.recipe not in known:
        raise UserError(f"probes.recipe: there is no {probes.recipe!r}; there are {', '.join(known)}.")
    return known[probes.recipe]


def key_of(brief: Brief, train: Sequence[Example], valid: Sequence[Example]) -> str:
    """What decides a network: the code, the codec's vectors, what it learns from, and its seed."""
    return digest("probe", _code(), str(replace(brief, table=None)), *map(content, (brief.table, train, valid)))


def _code() -> list[str]:
    return [
        module_fingerprint(HOST),
        module_fingerprint("benchmark.token_material"),
        *installed("torch", "sentencepiece").values(),
    ]


def content(value: Any) -> str:
    """A digest of arrays, texts and numbers, in order."""
    found = hashlib.sha256()

    def feed(part: Any) -> None:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype}{part.shape}".encode())
            found.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, tuple):
            for one in part:
                feed(one)
        else:
            found.update(f"{part!r};".encode())

    feed(value)
    return found.hexdigest()


Said: TypeAlias = Mapping[str, Sequence[Answer] | NotMeasured]  # by scene
Answers: TypeAlias = Mapping[tuple[str, str], Said]  # by task and training


def answers(where: Where, codec: str, trainings: Sequence[Training]) -> Answers:
    """What every network answers; they are taught side by side, as many as there are workers."""
    epochs = recipe(where.suite.probes).epochs
    found: dict[tuple[str, str], dict[str, Sequence[Answer] | NotMeasured]] = {}
    left_out: dict[str, str] = {}
    with where.progress.track(f"epochs on {codec}", epochs * len(trainings)) as advance:
        told = None if where.scheduler is not None else advance  # which cannot travel
        step = partial(_taught, epochs=epochs, told=told)
        for place, said, notes in execute(step, trainings, where.suite.limits, where.workers, where.scheduler):
            found.setdefault(place, {}).update(said)  # scenes may be taught alike
            left_out |= {place[0]: _left_out(notes)} if any(notes.get(name) for name in LEFT_OUT) else {}
            for _ in range(epochs if told is None else 0):
                advance()
    where.warnings.extend(f"{codec}, {label}: probes learn without {text}" for label, text in left_out.items())
    return found


def _left_out(notes: Mapping[str, int]) -> str:
    return " and ".join(f"{notes[name]} training utterances {text}" for name, text in LEFT_OUT.items() if notes[name])


def _taught(
    training: Training, bench: Bench, epochs: int, told: Callable[[], None] | None
) -> tuple[tuple[str, str], Said, Mapping[str, int]]:
    """A network's answers for every scene, and what it was not taught with: known, or found now.

    It is taught to the end, or from where it was left.
    """
    store = Store(training.store)
    keys = {name: digest("answers", training.key, content(tests)) for name, tests in training.tests.items()}
    kept = {name: store.description(key) for name, key in keys.items()}
    known: dict[str, Any] = {name: loads(data) for name, data in kept.items() if data is not None}
    said: dict[str, Sequence[Answer] | NotMeasured] = {name: one["said"] for name, one in known.items()}
    notes: Mapping[str, int] = next((one["notes"] for one in known.values()), {})
    done = 0
    try:
        if missing := [name for name in keys if name not in said]:
            for reached in _teach(training, bench, store):
                done = reached
                if told is not None:
                    told()
            notes = bench.probe("notes", items=1)
            for name in missing:
                said[name] = bench.probe("answer", training.tests[name], items=len(training.tests[name]))
                store.save_description(keys[name], dumps({"said": said[name], "notes": notes}))
    except NotMeasured as error:
        said |= {name: NotMeasured(error.status, error.reason) for name in keys if name not in said}
    if told is not None:
        for _ in range(epochs - done):  # it had enough earlier, or was taught before
            told()
    return (training.label, training.key), said, notes


def _teach(training: Training, bench: Bench, store: Store) -> Iterator[int]:
    """Teach a network to the end, from where it was left; the number of each epoch as it ends."""
    sides, count = (training.train, training.valid), len(training.train)
    reached: Epoch | None = bench.probe("begin", training.brief, *sides, store.probe(training.key), items=count)
    yield from range(1, (reached.number if reached is not None else 0) + 1)
    while reached is None or not reached.done:
        reached = bench.probe("epoch", items=count)
        assert reached is not None
        store.save_probe(training.key, reached.checkpoint)
        yield reached.number
