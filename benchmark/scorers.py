"""What scores: metrics by name, with all that decides their values in one identity."""

import importlib
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from benchmark import registry
from benchmark.align import resampler
from benchmark.fingerprint import module_fingerprint
from benchmark.store import digest
from benchmark.types import Scalar, Spec, Unavailable, UserError, ValueInfo

GROUPS = {"cheap": ("pesq_wb", "pesq_nb", "stoi", "estoi", "si_sdr", "mel_distance", "stft_distance", "level_db")}
LEARNED = "learned"  # in NEEDS of what learns from training speech first
UNCODED = ("reference", "same", "other", LEARNED)  # what a listener may compare with; its module lists it in NEEDS
DEVICE = "device"  # the parameter of metrics that can use a GPU
HEARING = ("benchmark.listen", "benchmark.align")  # the code between signals and listeners


@dataclass(frozen=True, slots=True)
class Scorer:
    """One call of one metric: the asked `names` among its values that are defined at `rate`.

    Attributes:
        spec: with every parameter, also those that were not given; the device only where it is not the CPU.
        identity: a digest of all that decides the values.
        needs: what a listener compares with, of `UNCODED`; None: it is no listener but takes pairs of signals.
        labels: of an utterance, which it uses.
        hearing: a digest of all that decides what a listener says of a signal, whichever of its values are asked.
        lesson: the key of what it learned; empty: it learns nothing.
    """

    spec: Spec
    module: str
    attribute: str
    rate: int | None
    names: tuple[str, ...]
    identity: str
    versions: Mapping[str, str]
    fingerprint: str
    values: Mapping[str, ValueInfo]
    needs: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()
    hearing: str = ""
    lesson: str = ""


def scorers(metrics: Sequence[str], device: str = "cpu") -> tuple[Scorer, ...]:
    """Resolve metrics: names of values; ``METRIC[:key=value]`` or ``MODULE:ATTR`` for all values of one; ``cheap``.

    Raises:
        UserError: for an unknown value or metric, or a parameter that it does not take.
    """
    asked: dict[tuple[str, int | None], list[str]] = defaultdict(list)
    specs: dict[str, Spec] = {}
    for given, names in _asked(metrics):
        spec, table = _complete(given, device), registry.values_of(given.name)
        specs[str(spec)] = spec
        for name in names or table:
            asked[str(spec), table[name].rate].append(name)
    return tuple(_scorer(specs[text], rate, names) for (text, rate), names in asked.items())


def task_scorer(spec: Spec, device: str, training: Sequence[Sequence[str]]) -> Scorer:
    """Who judges a downstream task on decoded audio, having learned from `training`: checksums, classes, labels.

    Raises:
        UserError: for an unknown task, or a parameter that it does not take.
    """
    complete, values = _complete(spec, device, "task"), registry.values_of(spec.name, "task")
    rates = {info.rate for info in values.values()}
    if len(rates) > 1:
        raise UserError(f"task {spec.name!r}: its values are defined at several rates; one is allowed.")
    scorer = _scorer(complete, rates.pop(), values, "task")
    if LEARNED not in (scorer.needs or ()):
        return scorer
    lesson = digest("lesson", scorer.hearing, resampler(), sorted(map(list, training)))
    return replace(scorer, lesson=lesson, identity=digest("learned", scorer.identity, lesson))


def _asked(metrics: Sequence[str]) -> Iterator[tuple[Spec, tuple[str, ...]]]:
    """The metric of each entry, and which of its values are asked (none: all)."""
    known = registry.values()
    for text in dict.fromkeys(name for entry in metrics for name in GROUPS.get(entry, (entry,))):
        if text in known:
            yield Spec(known[text][0]), (text,)
            continue
        spec = registry.parse(text)
        if ":" not in spec.name and spec.name not in registry.names("metric"):
            raise UserError(_unknown(spec.name, known))
        yield spec, ()


def _unknown(name: str, known: Mapping[str, tuple[str, ValueInfo]]) -> str:
    if name in known:  # a value, to which somebody gave parameters
        metric = known[name][0]
        return f"{name!r} is a value of the metric {metric!r}, which takes the parameters: {metric}:key=value."
    hint = registry.nearest(name.lower(), {*known, *registry.names("metric"), *GROUPS})
    return f"No metric, and no value of one, called {name!r}. {hint}"


def _complete(spec: Spec, device: str, kind: str = "metric") -> Spec:
    """With the defaults of what was not given, so that the identity of a value tells all; the device unless the CPU."""
    registry.check_parameters(kind, spec)
    accepted = inspect.signature(registry.factory(kind, spec.name)).parameters
    defaults = {p.name: p.default for p in accepted.values() if isinstance(p.default, Scalar)}
    params = {**defaults, **({DEVICE: device} if DEVICE in accepted else {}), **spec.params}
    module = importlib.import_module(registry.locate(kind, spec.name)[0])
    if params.get(DEVICE) == "cpu" or not _told(getattr(module, "uses_device", lambda: True), params):
        params.pop(DEVICE, None)
    return Spec(spec.name, params)


def _scorer(spec: Spec, rate: int | None, names: Iterable[str], kind: str = "metric") -> Scorer:
    location, attribute = registry.locate(kind, spec.name)
    if ":" not in spec.name:  # ours load nothing before they are used, but say which values they refuse
        with suppress(Unavailable):  # which the rows will say
            registry.make(kind, spec)
    module, fingerprint = importlib.import_module(location), module_fingerprint(location)
    needs = _needs(spec.name, _told(getattr(module, "needs", lambda: getattr(module, "NEEDS", None)), spec.params))
    versions: dict[str, str] = _told(getattr(module, "versions", dict), spec.params)
    chosen = tuple(sorted(set(names)))
    heard = None if needs is None else digest(str(spec), rate, fingerprint, versions, *map(module_fingerprint, HEARING))
    identity = digest("scorer", str(spec), rate, fingerprint, versions, chosen, heard)
    values = {name: info for name, info in registry.values_of(spec.name, kind).items() if name in chosen}
    labels = tuple(getattr(module, "LABELS", ()))
    return Scorer(
        spec, location, attribute, rate, chosen, identity, versions, fingerprint, values, needs, labels, heard or ""
    )


def _needs(name: str, needs: Sequence[str] | None) -> tuple[str, ...] | None:
    """What a listener compares with; None for a metric of pairs.

    Raises:
        UserError: when it names something else.
    """
    if needs is None:
        return None
    if isinstance(needs, str) or not set(needs) <= set(UNCODED):
        raise UserError(f"metric {name!r}: NEEDS = {needs!r}; a listener may need {', '.join(UNCODED)}, in a tuple.")
    return tuple(needs)


def _told(function: Callable[..., Any], params: Mapping[str, Scalar]) -> Any:
    """What a function of a metric's module says of its parameters, as far as it takes them."""
    try:
        accepted = inspect.signature(function).parameters
    except ValueError:  # dict
        return function()
    free = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
    return function(**{name: value for name, value in params.items() if free or name in accepted})
