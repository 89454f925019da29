"""Probes: what a small network, taught for it, finds out from a codec's tokens alone [arXiv 2502.04465, section 4].

A codec encodes the training, validation and test speech of every task. For each task and seed a network learns from
the tokens (`tasks._probes`, in a supervised child, an epoch per call) and answers for the test speech, whose tokens may
come from a noisy room or over a network that loses some. Checkpoints and answers are kept by the content of what was
learned from, so that a run goes on where it stopped.
"""

import hashlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmark import normalisers
from benchmark.bench import Bench
from benchmark.descriptions import dumps, loads
from benchmark.downstream import COUNT, TOKENS, Assignment
from benchmark.execute import execute
from benchmark.fingerprint import module_fingerprint
from benchmark.lessons import Brief, Epoch, Example, Tokens
from benchmark.metrics.asr import characters, words
from benchmark.plan import Plan, Subject, Work, settings, still, strategies
from benchmark.progress import Progress
from benchmark.recognisers import primary
from benchmark.scenes import Scene, condition
from benchmark.store import Store, digest
from benchmark.suite import Probes, Suite
from benchmark.table import Row
from benchmark.token_material import arrived
from benchmark.types import CodecInfo, Measured, NotMeasured, Spec, UserError, Utterance, ValueInfo
from benchmark.versions import installed

HOST, RECIPES = "tasks._probes.host", "tasks._probes.recipe"
SOURCE = "a probe on tokens, as in arXiv 2502.04465, section 4"
LANGUAGE = "en"  # of transcripts that do not say theirs
OF_CLASSES = {
    "accuracy": ValueInfo("", "higher", f"share of the utterances; {SOURCE}"),
    "error": ValueInfo("", "lower", f"1 less the accuracy; {SOURCE}"),
    "recall": ValueInfo("", "higher", f"unweighted average recall; {SOURCE}"),
    "class": ValueInfo("", "neither", f"index of the class that is found; {SOURCE}"),
}
OF_TEXT = {
    "wer": ValueInfo("", "lower", f"word error rate of a CTC {SOURCE.removeprefix('a ')}"),
    "cer": ValueInfo("", "lower", f"character error rate of a CTC {SOURCE.removeprefix('a ')}"),
}
# What a host of probes notes of training utterances, as a reader should know it.
LEFT_OUT = {"too_long": "that are too long for the recipe", "unsayable": "with more text than their tokens can say"}
Answer: TypeAlias = int | str


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


def token_values(one: Assignment) -> dict[str, ValueInfo]:
    """What a reader must know of the values of a task's probes."""
    infos = OF_CLASSES if one.task.kind == "classes" else OF_TEXT
    return {f"{one.name}{TOKENS}_{name}": info for name, info in infos.items()}


def scorer(one: Assignment, probes: Probes) -> str:
    """Who judges, with all parameters but the seed, which is a column."""
    params = {"recipe": probes.recipe, "input": probes.input, "damage": probes.damage}
    return str(Spec(one.name + TOKENS, params))


def recipe(probes: Probes) -> Any:
    """The recipe of that name.

    Raises:
        UserError: when there is none.
    """
    known = importlib.import_module(RECIPES).RECIPES
    if probes.recipe not in known:
        raise UserError(f"probes.recipe: there is no {probes.recipe!r}; there are {', '.join(known)}.")
    return known[probes.recipe]


def facts(probes: Probes) -> dict[str, Any]:
    """What a reader should know of the probes of a run."""
    told = importlib.import_module(RECIPES).facts(probes.recipe)
    return {**asdict(probes), "seeds": list(probes.seeds), "facts": told}


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
class Coded:
    """A codec's tokens of all speech of all tasks, and the vectors of its codes, if they add up."""

    subject: Subject
    info: CodecInfo
    tokens: Mapping[tuple[str, str, int, Scene], Tokens | NotMeasured]  # by task, utterance, seed and scene
    table: Any


def rows(where: Where) -> list[Row]:
    """All rows of all probes: codec by codec, as the tokens of one are enough to hold at a time."""
    return [row for subject in where.plan.subjects for row in _of_codec(where, subject)]


def _of_codec(where: Where, subject: Subject) -> list[Row]:
    tasks = where.plan.tasks
    if (why := _silent(subject)) is not None:
        return [_row(where, subject, one, value) for one in tasks for value in _nothing(one, why)]
    try:
        coded = _coded(where, subject)
    except NotMeasured as error:  # of its vectors
        return [_row(where, subject, one, value) for one in tasks for value in _nothing(one, error)]
    taught = [(one, *lesson, _training(where, coded, one, *lesson)) for one in tasks for lesson in _lessons(where)]
    answers = _answers(where, subject, [t for *_, t in taught if isinstance(t, Training)])
    return [row for one, seed, scenes, t in taught for row in _rows(where, coded, one, (seed, scenes), t, answers)]


def _silent(subject: Subject) -> NotMeasured | None:
    """Why a codec has no tokens to learn from, if it has none."""
    if subject.status != "ok" or subject.info is None:
        return NotMeasured(subject.status, subject.reason)
    if subject.info.token_bits is None:
        return NotMeasured("not_applicable", "this codec sends no tokens")
    return None


# --- Tokens ---


def _coded(where: Where, subject: Subject) -> Coded:
    todo = [work for one in where.plan.tasks for work in _works(where, subject, one)]
    found: dict[tuple[str, str, int, Scene], Tokens | NotMeasured] = {}
    with where.progress.track(f"tokens of {subject.label}", len(todo)) as advance:
        for some in execute(arrived, todo, where.suite.limits, where.workers, where.scheduler):
            found |= {(a.work.dataset, a.work.utterance.id, a.trial.seed, a.trial.scene): a.tokens for a in some}
            advance()
    bench = Bench(where.suite.limits)
    try:
        table = bench.vectors(subject.spec)
    finally:
        bench.close()
    assert subject.info is not None
    return Coded(subject, subject.info, found, table)


def _works(where: Where, subject: Subject, one: Assignment) -> Iterator[Work]:
    probes = where.suite.probes
    common = replace(settings(where.suite), seeds=probes.seeds, concealment=("default",))
    before = {subject.label: subject for subject in where.plan.before}
    for side, utterances in one.taught._asdict().items():
        undamaged = side != "test" and probes.damage == "test"
        scenes = (quiet(),) if undamaged else where.plan.scenes
        once = replace(common, seeds=probes.seeds[:1]) if undamaged else common
        for utterance in utterances:
            yield Work(subject, utterance, one.label, scenes, (), once, where.store, before, task=True)


def quiet() -> Scene:
    """Speech as it is, over a network that does nothing."""
    return Scene(condition("acoustics", "clean"), *still())


# --- Teaching ---


def _lessons(where: Where) -> Iterator[tuple[int, tuple[Scene, ...]]]:
    """The seed of each training of a task, and the scenes in which it is tested."""
    scenes = where.plan.scenes
    for seed in where.suite.probes.seeds:
        yield from ((seed, (scene,)) for scene in scenes) if where.suite.probes.damage == "both" else ((seed, scenes),)


def _training(
    where: Where, coded: Coded, one: Assignment, seed: int, scenes: tuple[Scene, ...]
) -> Training | NotMeasured:
    """All that it takes to teach a network, or why there is nothing to teach."""
    probes, sides = where.suite.probes, one.taught
    heard = (seed, scenes[0]) if probes.damage == "both" else (probes.seeds[0], quiet())
    if probes.input == "features" and coded.table is None:
        return NotMeasured("not_applicable", "this codec has no vectors of its codes that add up to those of tokens")
    try:
        train, valid = (_examples(one, side, coded, heard) for side in (sides.train, sides.valid))
    except NotMeasured as error:
        return error
    brief = _brief(coded, one, probes, seed)
    tests = {_name(scene): tuple(t for _, t in _tested(coded, one, seed, scene)) for scene in scenes}
    key = digest("probe", _code(), str(replace(brief, table=None)), *map(_content, (coded.table, train, valid)))
    return Training(one.label, key, brief, train, valid, tests, where.store)


def _brief(coded: Coded, one: Assignment, probes: Probes, seed: int) -> Brief:
    bits, books = coded.info.token_bits, coded.info.codebooks
    assert bits is not None
    assert one.task.kind != "speech"
    each = (coded.info.frame_bits or bits * books) // (bits * books)  # tokens of a frame
    rate = each * coded.info.rate_in / coded.info.frame
    return Brief(one.task.kind, one.classes, books, 1 << bits, rate, coded.table, probes.recipe, probes.input, seed)


def _examples(
    one: Assignment, utterances: Sequence[Utterance], coded: Coded, heard: tuple[int, Scene]
) -> tuple[Example, ...]:
    """The examples of one side.

    Raises:
        NotMeasured: where the codec made no tokens of some: a network taught with less would not be comparable.
    """
    tokens = [coded.tokens[one.label, u.id, *heard] for u in utterances]
    failed = [t for t in tokens if isinstance(t, NotMeasured)]
    if failed:
        text = f"{len(failed)} of {len(tokens)} training utterances have no tokens; of the first"
        raise NotMeasured(failed[0].status, f"{text}: {failed[0].reason}")
    pairs = zip(tokens, utterances, strict=True)
    return tuple(Example(t, _target(one, u)) for t, u in pairs if not isinstance(t, NotMeasured))


def _target(one: Assignment, utterance: Utterance) -> Answer:
    truth = one.truth(utterance)
    return one.classes.index(truth) if one.task.kind == "classes" else _normal(truth, utterance)


def _normal(text: str, utterance: Utterance) -> str:
    return normalisers.normalise(text, primary(utterance.labels.get("language") or LANGUAGE))


def _tested(coded: Coded, one: Assignment, seed: int, scene: Scene) -> Iterator[tuple[Utterance, Tokens]]:
    """The test utterances of which there are tokens."""
    for utterance in one.sides.test:
        tokens = coded.tokens[one.label, utterance.id, seed, scene]
        if not isinstance(tokens, NotMeasured):
            yield utterance, tokens


def _name(scene: Scene) -> str:
    return " / ".join(one.text for one in scene)


def _code() -> list[str]:
    return [
        module_fingerprint(HOST),
        module_fingerprint("benchmark.token_material"),
        *installed("torch", "sentencepiece").values(),
    ]


def _content(value: Any) -> str:
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


# --- Answers ---

Said: TypeAlias = Mapping[str, Sequence[Answer] | NotMeasured]  # by scene
Answers: TypeAlias = Mapping[tuple[str, str], Said]  # by task and training


def _answers(where: Where, subject: Subject, trainings: Sequence[Training]) -> Answers:
    """What every network answers; they are taught side by side, as many as there are workers."""
    epochs = recipe(where.suite.probes).epochs
    found: dict[tuple[str, str], dict[str, Sequence[Answer] | NotMeasured]] = {}
    left_out: dict[str, str] = {}
    with where.progress.track(f"epochs on {subject.label}", epochs * len(trainings)) as advance:
        told = None if where.scheduler is not None else advance  # which cannot travel
        step = partial(_taught, epochs=epochs, told=told)
        for place, said, notes in execute(step, trainings, where.suite.limits, where.workers, where.scheduler):
            found.setdefault(place, {}).update(said)  # scenes may be taught alike
            left_out |= {place[0]: _left_out(notes)} if any(notes.get(name) for name in LEFT_OUT) else {}
            for _ in range(epochs if told is None else 0):
                advance()
    where.warnings.extend(f"{subject.label}, {label}: probes learn without {text}" for label, text in left_out.items())
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
    keys = {name: digest("answers", training.key, _content(tests)) for name, tests in training.tests.items()}
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


# --- Rows ---


def _rows(
    where: Where,
    coded: Coded,
    one: Assignment,
    lesson: tuple[int, tuple[Scene, ...]],
    taught: Training | NotMeasured,
    answers: Answers,
) -> Iterator[Row]:
    """The rows of all test utterances in the scenes of one training."""
    seed, scenes = lesson
    for scene in scenes:
        said = taught if isinstance(taught, NotMeasured) else answers[one.label, taught.key][_name(scene)]
        key = taught.key if isinstance(taught, Training) else ""
        known = {} if isinstance(said, NotMeasured) else dict(zip(_ids(coded, one, seed, scene), said, strict=True))
        for utterance in one.sides.test:
            why = said if isinstance(said, NotMeasured) else coded.tokens[one.label, utterance.id, seed, scene]
            values = (
                _nothing(one, why)
                if isinstance(why, NotMeasured)
                else list(_values(one, utterance, known[utterance.id]))
            )
            for value in values:
                heard = coded.tokens[one.label, utterance.id, seed, scene]
                content = "" if isinstance(heard, NotMeasured) else _content(heard)
                of = digest("probed", key, coded.subject.identity, one.label, seed, _name(scene), utterance.id, content)
                yield _row(where, coded.subject, one, value, of, seed, scene, utterance)


def _ids(coded: Coded, one: Assignment, seed: int, scene: Scene) -> list[str]:
    return [utterance.id for utterance, _ in _tested(coded, one, seed, scene)]


def _nothing(one: Assignment, why: NotMeasured) -> list[Measured]:
    return [Measured(name, None, why.status, why.reason) for name in token_values(one)]


def _values(one: Assignment, utterance: Utterance, answer: Answer) -> Iterator[Measured]:
    """What an answer is worth."""
    name = one.name + TOKENS
    if isinstance(answer, str):
        if not (truth := _normal(one.truth(utterance), utterance)):
            yield from _nothing(one, NotMeasured("not_applicable", "nothing is left of the normalised transcript"))
            return
        language = primary(utterance.labels.get("language") or LANGUAGE)
        for value, edits in (("wer", words(truth, answer)), ("cer", characters(truth, answer))):
            if value == "wer" and language in normalisers.UNSPACED:
                reason = f"{language!r} is written without spaces between words; see {name}_cer"
                yield Measured(f"{name}_{value}", None, "not_applicable", reason)
                continue
            yield Measured.ratio(f"{name}_{value}", edits.total, edits.length)
        return
    hit, count = float(one.classes[answer] == one.truth(utterance)), int(utterance.labels[COUNT])
    yield Measured.ratio(f"{name}_accuracy", hit, 1.0)
    yield Measured.ratio(f"{name}_error", 1.0 - hit, 1.0)
    yield Measured.ratio(f"{name}_recall", hit / count, 1.0 / count)
    yield Measured(f"{name}_class", float(answer))


def _row(
    where: Where,
    subject: Subject,
    one: Assignment,
    measured: Measured,
    key: str = "",
    seed: int = 0,
    scene: Scene | None = None,
    utterance: Utterance | None = None,
) -> Row:
    """One value; without an utterance, of all of the task."""
    scene = scene or where.plan.scenes[0]
    return Row(
        codec=subject.label,
        codec_spec=str(subject.spec),
        channel=scene.channel.text,
        acoustics=scene.acoustics.text,
        playout=scene.playout.text,
        protection=scene.protection.text,
        concealment=strategies(subject.info, ("default",))[0],
        header=where.suite.header,
        mode=where.suite.mode,
        seed=seed,
        dataset=one.label,
        utterance="" if utterance is None else utterance.id,
        speaker="" if utterance is None else utterance.speaker,
        reference="",
        scorer=scorer(one, where.suite.probes),
        name=measured.name,
        kind="value",
        value=measured.value,
        numerator=measured.numerator,
        denominator=measured.denominator,
        unit="",
        status=measured.status,
        reason=measured.reason,
        key=key,
    )
