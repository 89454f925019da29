"""From names to what can be run: conditions with files, scorers with identities, codecs with delays."""

import importlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from benchmark import manifest, registry
from benchmark.align import resampler
from benchmark.fingerprint import module_fingerprint
from benchmark.store import digest
from benchmark.suite import Suite
from benchmark.types import (
    Channel,
    CodecInfo,
    Mode,
    Protection,
    Scalar,
    Spec,
    Status,
    UserError,
    Utterance,
    ValueInfo,
)

HARNESS = ("benchmark.codec", "benchmark.packetise", "benchmark.playout", "benchmark.align", "benchmark.seeds")

OWN = "codec"  # the concealment of a codec that has no strategies to choose from


@dataclass(frozen=True, slots=True)
class Condition:
    """A network condition: `text` as the user wrote it, `spec` with its files found, `identity` a digest of both."""

    text: str
    spec: Spec
    identity: str
    title: str
    loss: float | None
    burst_ratio: float | None

    def channel(self) -> Channel:
        """The network itself; a trace is read once."""
        return _channel(self.spec.name, tuple(self.spec.params.items()))


@cache
def _channel(name: str, params: tuple[tuple[str, Scalar], ...]) -> Channel:
    channel: Channel = registry.make("channel", Spec(name, dict(params)))
    return channel


CLEAN = Condition("clean", Spec("clean"), "", "clean", 0.0, None)  # for what is timed or heard without loss


@dataclass(frozen=True, slots=True)
class Scheme:
    """A protection of packets, `text` and `spec` as the user wrote it; `identity` is a digest of it and of its code."""

    text: str
    spec: Spec
    identity: str
    title: str

    def protection(self) -> Protection:
        """The protection itself."""
        protection: Protection = registry.make("protection", self.spec)
        return protection


@dataclass(frozen=True, slots=True)
class Scorer:
    """One call of one metric: the asked `names` among its values that are defined at `rate`."""

    spec: Spec
    module: str
    attribute: str
    rate: int | None
    names: tuple[str, ...]
    identity: str
    versions: Mapping[str, str]
    fingerprint: str
    values: Mapping[str, ValueInfo]


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
    """What all trials of a run share; `buffer` is in ns, `concealment` as the suite has it."""

    mode: Mode
    buffer: int
    header: str
    seeds: tuple[int, ...]
    concealment: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker does at a time: one utterance through one codec, in all conditions and schemes, for all scorers."""

    subject: Subject
    utterance: Utterance
    dataset: str
    conditions: tuple[Condition, ...]
    schemes: tuple[Scheme, ...]
    scorers: tuple[Scorer, ...]
    settings: Settings
    cache: Path


def settings(suite: Suite) -> Settings:
    """The trial settings of a suite."""
    buffer = round(suite.playout.buffer_ms * 1e6)
    return Settings(suite.mode, buffer, suite.header, suite.seeds, suite.concealment)


@cache
def harness() -> str:
    """A digest of the code between codec and metrics; with it, a change there is never served from the store."""
    return digest([module_fingerprint(module) for module in HARNESS], resampler())


def conditions(suite: Suite, folders: Sequence[Path]) -> tuple[Condition, ...]:
    """Resolve the suite's channels; their files are looked up under `folders`, then among the shipped ones.

    Raises:
        UserError: for an unknown channel or parameter, an infeasible one, or a missing file.
    """
    return tuple(_condition(text, (*folders, manifest.shipped())) for text in suite.channels)


def _condition(text: str, folders: Sequence[Path]) -> Condition:
    spec = registry.parse(text)
    registry.check_parameters("channel", spec)
    module, _ = registry.locate("channel", spec.name)
    params, hashed = dict(spec.params), dict(spec.params)
    for name in getattr(importlib.import_module(module), "FILES", ()):
        path = manifest.find(str(params[name]), folders, f"channel {text!r}: the file")
        params[name], hashed[name] = str(path), manifest.file_digest(path)
    resolved = Spec(spec.name, params)
    try:
        channel = registry.make("channel", resolved)
    except (TypeError, ValueError) as error:
        raise UserError(f"channel {text!r}: {error}") from error
    identity = digest("channel", spec.name, hashed, module_fingerprint(module))
    return Condition(text, resolved, identity, channel.title, channel.loss, channel.burst_ratio)


def schemes(suite: Suite) -> tuple[Scheme, ...]:
    """Resolve the suite's protections.

    Raises:
        UserError: for an unknown protection or parameter, or one that is refused.
    """
    return tuple(_scheme(text) for text in suite.protection)


def _scheme(text: str) -> Scheme:
    spec = registry.parse(text)
    try:
        protection: Protection = registry.make("protection", spec)
    except (TypeError, ValueError) as error:
        raise UserError(f"protection {text!r}: {error}") from error
    module, _ = registry.locate("protection", spec.name)
    identity = digest("protection", spec.name, dict(spec.params), module_fingerprint(module))
    return Scheme(text, spec, identity, protection.title)


def scorers(suite: Suite) -> tuple[Scorer, ...]:
    """Resolve the suite's metrics: names of values, or ``MODULE:ATTR`` for all values of a metric elsewhere.

    Raises:
        UserError: for an unknown value.
    """
    asked: dict[tuple[str, int | None], list[str]] = defaultdict(list)
    known = registry.values()
    tables: dict[str, dict[str, ValueInfo]] = {}
    for name in dict.fromkeys(suite.metrics):
        if ":" in name:
            registry.check_parameters("metric", registry.parse(name))
            tables[name] = registry.values_of(registry.parse(name).name)
            for value, info in tables[name].items():
                asked[name, info.rate].append(value)
        elif name in known:
            metric, info = known[name]
            tables.setdefault(metric, {})[name] = info
            asked[metric, info.rate].append(name)
        else:
            raise UserError(f"No metric value called {name!r}. {registry.nearest(name, known)}")
    return tuple(_scorer(metric, rate, names, tables[metric]) for (metric, rate), names in asked.items())


def _scorer(text: str, rate: int | None, names: Iterable[str], infos: Mapping[str, ValueInfo]) -> Scorer:
    spec = registry.parse(text)
    module, attribute = registry.locate("metric", spec.name)
    fingerprint = module_fingerprint(module)
    versions: Callable[[], dict[str, str]] = getattr(importlib.import_module(module), "versions", dict)
    chosen = tuple(sorted(names))
    identity = digest("scorer", str(spec), rate, fingerprint, versions(), chosen)
    values = {name: infos[name] for name in chosen}
    return Scorer(spec, module, attribute, rate, chosen, identity, versions(), fingerprint, values)


def subjects(suite: Suite) -> list[Subject]:
    """The suite's codecs by label, names checked; nothing of theirs is imported yet.

    Raises:
        UserError: for an unknown codec.
    """
    found = []
    for label, text in suite.codecs.items():
        spec = registry.parse(text)
        module, _ = registry.locate("codec", spec.name)
        found.append(Subject(label, spec, fingerprint=module_fingerprint(module)))
    return found


def codec_identity(subject: Subject, info: CodecInfo) -> str:
    """A digest of all that decides a codec's output."""
    facts = (info.rate_in, info.rate_out, info.frame, info.delay, info.lookahead, info.streaming, info.frame_bits)
    grouped = (info.group, dict(info.concealments))
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
    common = settings(suite)
    return [
        Work(subject, utterance, dataset.name, plan.conditions, plan.schemes, plan.scorers, common, cache)
        for subject in plan.subjects
        for dataset in plan.datasets
        for utterance in dataset.utterances
    ]


@dataclass(frozen=True, slots=True)
class Plan:
    """A suite with every name resolved and every file found."""

    datasets: tuple[manifest.Dataset, ...]
    conditions: tuple[Condition, ...]
    schemes: tuple[Scheme, ...]
    scorers: tuple[Scorer, ...]
    subjects: tuple[Subject, ...]


def plan(suite: Suite, data_root: Path) -> Plan:
    """Resolve a suite; no codec is imported and no audio decoded.

    Raises:
        UserError: for whatever the user has to mend first.
    """
    data = suite.data
    loaded = [manifest.select(manifest.load(m, data_root), data.split, data.limit) for m in data.manifest]
    datasets = tuple(manifest.verify(dataset) for dataset in loaded)
    if twice := _twice([u.id for d in datasets for u in d.utterances]):
        raise UserError(f"The id {twice!r} stands in two manifests; ids must be unique over all of a run.")
    folders = [folder for dataset in datasets for folder in dataset.folders] + [data_root, Path.cwd()]
    return Plan(datasets, conditions(suite, folders), schemes(suite), scorers(suite), tuple(subjects(suite)))


def _twice(ids: Sequence[str]) -> str | None:
    seen: set[str] = set()
    return next((i for i in ids if i in seen or seen.add(i)), None)  # type: ignore[func-returns-value]  # set.add
