"""From names to what can be run: utterances, scenes, scorers with identities, codecs with delays."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from benchmark import manifest, registry
from benchmark.acoustics.tandem import SELF, Tandem
from benchmark.align import resampler
from benchmark.companions import NOBODY, Companions, companions
from benchmark.downstream import Assignment, assignments
from benchmark.fingerprint import module_fingerprint
from benchmark.scenes import Condition, Scene, condition, scenes
from benchmark.scorers import Scorer, scorers
from benchmark.store import digest
from benchmark.suite import ANCHOR, Suite, shard_of
from benchmark.types import (
    CodecInfo,
    Mode,
    Spec,
    Status,
    UserError,
    Utterance,
)

HARNESS = [f"benchmark.{name}" for name in ("codec", "packetise", "transmission", "networks", "hosts", "seeds")]

OWN = "codec"  # the concealment of a codec that has no strategies to choose from


@dataclass(frozen=True, slots=True)
class Subject:
    """A codec under test. Where `status` is not ``ok`` it cannot run, and `reason` says why.

    `delay` is what is removed, samples at the output rate; `measured` tells how it was found.
    """

    label: str
    spec: Spec
    info: CodecInfo | None = None
    identity: str = ""
    fingerprint: str = ""
    delay: int = 0
    measured: Mapping[str, Any] = field(default_factory=dict)
    status: Status = "ok"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all trials of a run share; `concealment` as the suite has it."""

    mode: Mode
    header: str
    seeds: tuple[int, ...]
    concealment: tuple[str, ...]
    capture_ms: float
    emodel: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker does at a time: one utterance through one codec, in all scenes, for all scorers.

    `before` are the codecs of the run's tandems, by spec; `companions` are there where a metric compares voices. Of a
    downstream `task` only its scores and the facts of the link are wanted.
    """

    subject: Subject
    utterance: Utterance
    dataset: str
    scenes: tuple[Scene, ...]
    scorers: tuple[Scorer, ...]
    settings: Settings
    cache: Path
    before: Mapping[str, Subject] = field(default_factory=dict)
    companions: Companions = NOBODY
    task: bool = False


class Trial(NamedTuple):
    """One scene under one seed, heard with one loss strategy, and the keys of what is encoded and decoded."""

    scene: Scene
    seed: int
    concealment: str
    frames_key: str
    key: str


def facts(work: Work) -> CodecInfo:
    """The facts of a codec that runs."""
    assert work.subject.info is not None
    return work.subject.info


def settings(suite: Suite) -> Settings:
    """The trial settings of a suite."""
    return Settings(suite.mode, suite.header, suite.seeds, suite.concealment, suite.capture_ms, suite.emodel)


@cache
def harness() -> str:
    """A digest of the code between codec and metrics; with it, a change there is never served from the store."""
    return digest([module_fingerprint(module) for module in HARNESS], resampler())


def subject(label: str, text: str) -> Subject:
    """A codec by name, which is checked; nothing of it is imported yet.

    Raises:
        UserError: for an unknown codec.
    """
    spec = registry.parse(text)
    module, _ = registry.locate("codec", spec.name)
    return Subject(label, spec, fingerprint=module_fingerprint(module))


def _before(scenes: Iterable[Scene]) -> tuple[Subject, ...]:
    """The codecs that code before the one under test."""
    parts = [part for scene in scenes for part in scene.acoustics.acoustics()]
    specs = dict.fromkeys(part.spec for part in parts if isinstance(part, Tandem) and part.codec != SELF)
    return tuple(subject(spec, spec) for spec in specs)


def codec_identity(subject: Subject, info: CodecInfo) -> str:
    """A digest of all that decides a codec's output."""
    facts = (info.rate_in, info.rate_out, info.frame, info.delay, info.lookahead, info.streaming, info.frame_bits)
    grouped = (info.group, dict(info.concealments), info.layers)
    return digest("codec", str(subject.spec), subject.fingerprint, facts, grouped, dict(info.identity), harness())


def strategies(info: CodecInfo | None, asked: Sequence[str]) -> tuple[str, ...]:
    """The loss strategies, of those `asked`, that a codec is run with; `OWN` alone where it has none to choose from.

    ``default`` asks for its first one, ``all`` for every one. Where it has none of those asked it runs with its first.
    """
    if info is None or not info.concealments:
        return (OWN,)
    known = list(info.concealments)
    short = {"default": known[:1], "all": known}
    found = dict.fromkeys(name for word in asked for name in short.get(word, [word] if word in known else []))
    return tuple(found) or (known[0],)


def check_strategies(asked: Sequence[str], infos: Iterable[CodecInfo | None]) -> None:
    """Raise UserError for a strategy that no codec of the run knows, though there are some that have any."""
    known = {name for info in infos if info is not None for name in info.concealments}
    for name in asked:
        if known and name not in known | {"default", "all"}:
            hint = registry.nearest(name, known | {"default", "all"})
            raise UserError(f"concealment: no codec of this run has a loss strategy {name!r}. {hint}")


def works(suite: Suite, plan: "Plan", cache: Path) -> list[Work]:
    """All works, codec by codec.

    Raises:
        UserError: for a loss strategy that no codec of the run knows.
    """
    check_strategies(suite.concealment, [subject.info for subject in plan.subjects])
    common, before = settings(suite), {subject.label: subject for subject in plan.before}
    found = [(subject, plan.scenes) for subject in plan.subjects]
    if plan.anchor is not None and (rooms := uncoded(plan.scenes)):
        found.append((plan.anchor, rooms))
    todo = [
        Work(
            subject,
            utterance,
            dataset.name,
            scenes,
            plan.scorers,
            common,
            cache,
            before,
            plan.companions.get(utterance.id, NOBODY),
        )
        for subject, scenes in found
        for dataset in plan.datasets
        for utterance in dataset.utterances
    ]
    return todo + (list(_of_tasks(plan, common, cache, before)) if plan.tasks and "decoded" in suite.protocols else [])


def _of_tasks(plan: "Plan", common: Settings, cache: Path, before: Mapping[str, Subject]) -> Iterator[Work]:
    """The tested utterances of every task, through every codec; the anchor, in every room, is the codecs' ceiling."""
    assert plan.anchor is not None
    quiet = Scene(condition("acoustics", "clean"), *still())
    found = [(subject, plan.scenes) for subject in plan.subjects]
    found.append((plan.anchor, tuple(dict.fromkeys([quiet, *uncoded(plan.scenes)]))))
    for subject, under in found:
        for one in plan.tasks:
            for utterance in one.sides.test:
                yield Work(subject, utterance, one.label, under, (one.scorer,), common, cache, before, task=True)


def _changes(acoustics: Condition) -> bool:
    """Whether it does something to speech that goes through no codec."""
    return any(not (isinstance(part, Tandem) and part.codec == SELF) for part in acoustics.acoustics()) and (
        acoustics.text != "clean"
    )


def uncoded(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """What the anchor is heard in: every room, and a network that does nothing."""
    rooms = [scene.acoustics for scene in scenes if _changes(scene.acoustics)]
    return tuple(Scene(room, *still()) for room in dict.fromkeys(rooms))


def still() -> tuple[Condition, Condition, Condition]:
    """A network that does nothing."""
    return condition("channel", "clean"), condition("protection", "none"), condition("playout", "fixed:buffer_ms=0")


@dataclass(frozen=True, slots=True)
class Plan:
    """A suite with every name resolved and every file found."""

    datasets: tuple[manifest.Dataset, ...]
    scenes: tuple[Scene, ...]
    scorers: tuple[Scorer, ...]
    subjects: tuple[Subject, ...]
    before: tuple[Subject, ...] = ()
    anchor: Subject | None = None
    companions: Mapping[str, Companions] = field(default_factory=dict)
    tasks: tuple[Assignment, ...] = ()

    def axis(self, kind: str) -> tuple[Condition, ...]:
        """The conditions of one axis, in the order of the suite."""
        return tuple(dict.fromkeys(condition for scene in self.scenes for condition in scene if condition.kind == kind))


def plan(suite: Suite, data_root: Path) -> Plan:
    """Resolve a suite; no codec is imported and no audio decoded.

    Raises:
        UserError: for whatever the user has to mend first.
    """
    data = suite.data
    given = [manifest.select(manifest.load(m, data_root), data.split, None) for m in data.manifest]
    whole = [part for dataset in given for part in manifest.divided(dataset, data.by)]
    chosen = [manifest.select(dataset, None, data.limit) for dataset in whole]
    if data.shard is not None:
        chosen = [manifest.shard(dataset, *shard_of(data.shard)) for dataset in chosen]
    datasets = tuple(map(manifest.verify, chosen))
    if twice := _twice([u.id for d in datasets for u in d.utterances]):
        raise UserError(f"The id {twice!r} stands in two manifests; ids must be unique over all of a run.")
    tasks = assignments(suite, data_root)
    if both := {dataset.name for dataset in datasets} & {one.label for one in tasks}:
        raise UserError(f"tasks: {min(both)!r} is a data set of this run already; give the task another name.")
    known = [*(folder for dataset in datasets for folder in dataset.folders), *(one.source.parent for one in tasks)]
    under = scenes(suite, [*known, data_root, Path.cwd()])
    tested = [u for side in (*(d.utterances for d in datasets), *(one.sides.test for one in tasks)) for u in side]
    _check_voices(tested, under)
    subjects = tuple(subject(label, text) for label, text in suite.codecs.items())
    noisy = any(_changes(scene.acoustics) for scene in under)
    anchor = None if suite.anchor is None else subject(ANCHOR, suite.anchor)
    for label in suite.emodel:
        if label not in suite.codecs:
            raise UserError(f"emodel: no codec has the label {label!r}. {registry.nearest(label, suite.codecs)}")
    asked = scorers(suite.metrics, suite.device)
    voices = _companions(asked, datasets, whole)
    heard = noisy or bool(tasks)  # what was never coded is the ceiling of every task
    return Plan(datasets, under, asked, subjects, _before(under), anchor if heard else None, voices, tasks)


def _companions(
    asked: Iterable[Scorer], datasets: Iterable[manifest.Dataset], whole: Iterable[manifest.Dataset]
) -> dict[str, Companions]:
    """Of every utterance under test, if some metric compares voices; drawn from all of the split, not only from these.

    Raises:
        UserError: for a file that is missing or not what the manifest says.
    """
    if not any({"same", "other"} & set(scorer.needs or ()) for scorer in asked):
        return {}
    found: dict[str, Companions] = {}
    for tested, known in zip(datasets, whole, strict=True):
        chosen = companions(tested.utterances, known.utterances)
        needed = {u.id: u for pair in chosen.values() for u in pair if u is not None}
        files = {u.id: u for u in manifest.verify(replace(known, utterances=tuple(needed.values()))).utterances}
        found |= {id: Companions(*(u and files[u.id] for u in pair)) for id, pair in chosen.items()}
    return found


def _check_voices(utterances: Iterable[Utterance], scenes: Iterable[Scene]) -> None:
    """Raise UserError where a voice in the noise is one of those under test."""
    tested = {u.speaker for u in utterances if u.speaker}
    for text, voices in {scene.acoustics.text: scene.acoustics.speakers for scene in scenes}.items():
        if both := sorted(tested & voices):
            shown = ", ".join(both[:3]) + (f" and {len(both) - 3} more" if len(both) > 3 else "")
            text = f"acoustics {text!r}: its voices are under test too ({shown})"
            raise UserError(f"{text}; give a split or a manifest of other speakers.")


def _twice(ids: Sequence[str]) -> str | None:
    seen: set[str] = set()
    return next((i for i in ids if i in seen or seen.add(i)), None)  # type: ignore[func-returns-value]  # set.add
