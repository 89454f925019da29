"""Probes: what a small network, taught for it, finds out from a codec's tokens alone [arXiv 2502.04465, section 4].

A codec encodes the training, validation and test speech of every task. For each task and seed a network learns from
the tokens (`tasks._probes`, in a supervised child, an epoch per call) and answers for the test speech, whose tokens may
come from a noisy room or over a network that loses some (`benchmark.token_teaching`).
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmark import normalisers
from benchmark.bench import Bench
from benchmark.downstream import COUNT, TOKENS, Assignment
from benchmark.execute import execute
from benchmark.lessons import Brief, Example, Tokens
from benchmark.metrics.asr import characters, words
from benchmark.plan import Subject, Work, settings, still, strategies
from benchmark.recognisers import primary
from benchmark.scenes import Scene, condition
from benchmark.store import digest
from benchmark.suite import Probes
from benchmark.table import Row
from benchmark.token_material import arrived
from benchmark.token_teaching import RECIPES, Answer, Answers, Training, Where, answers, content, key_of
from benchmark.types import CodecInfo, Measured, NotMeasured, Spec, Utterance, ValueInfo

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


def token_values(one: Assignment) -> dict[str, ValueInfo]:
    """What a reader must know of the values of a task's probes."""
    infos = OF_CLASSES if one.task.kind == "classes" else OF_TEXT
    return {f"{one.name}{TOKENS}_{name}": info for name, info in infos.items()}


def scorer(one: Assignment, probes: Probes) -> str:
    """Who judges, with all parameters but the seed, which is a column."""
    params = {"recipe": probes.recipe, "input": probes.input, "damage": probes.damage}
    return str(Spec(one.name + TOKENS, params))


def facts(probes: Probes) -> dict[str, Any]:
    """What a reader should know of the probes of a run."""
    told = importlib.import_module(RECIPES).facts(probes.recipe)
    return {**asdict(probes), "seeds": list(probes.seeds), "facts": told}


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
    said = answers(where, subject.label, [t for *_, t in taught if isinstance(t, Training)])
    return [row for one, seed, scenes, t in taught for row in _rows(where, coded, one, (seed, scenes), t, said)]


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
    return Training(one.label, key_of(brief, train, valid), brief, train, valid, tests, where.store)


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


# --- Rows ---


def _rows(
    where: Where,
    coded: Coded,
    one: Assignment,
    lesson: tuple[int, tuple[Scene, ...]],
    taught: Training | NotMeasured,
    known: Answers,
) -> Iterator[Row]:
    """The rows of all test utterances in the scenes of one training."""
    seed, scenes = lesson
    for scene in scenes:
        said = taught if isinstance(taught, NotMeasured) else known[one.label, taught.key][_name(scene)]
        key = taught.key if isinstance(taught, Training) else ""
        found = {} if isinstance(said, NotMeasured) else dict(zip(_ids(coded, one, seed, scene), said, strict=True))
        for utterance in one.sides.test:
            heard = coded.tokens[one.label, utterance.id, seed, scene]
            why = said if isinstance(said, NotMeasured) else heard
            if isinstance(why, NotMeasured):
                values = _nothing(one, why)
            else:
                values = list(_values(one, utterance, found[utterance.id]))
            tokens = "" if isinstance(heard, NotMeasured) else content(heard)
            of = digest("probed", key, coded.subject.identity, one.label, seed, _name(scene), utterance.id, tokens)
            yield from (_row(where, coded.subject, one, value, of, seed, scene, utterance) for value in values)


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
