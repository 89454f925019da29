"""What scores: metrics by name, with all that decides their values in one identity."""

import importlib
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmark import registry
from benchmark.fingerprint import module_fingerprint
from benchmark.store import digest
from benchmark.types import Scalar, Spec, UserError, ValueInfo

GROUPS = {"cheap": ("pesq_wb", "pesq_nb", "stoi", "estoi", "si_sdr", "mel_distance", "stft_distance", "level_db")}
UNCODED = ("reference", "same", "other")  # what a listener may compare with; its module lists it in NEEDS
DEVICE = "device"  # the parameter of metrics that can use a GPU


@dataclass(frozen=True, slots=True)
class Scorer:
    """One call of one metric: the asked `names` among its values that are defined at `rate`.

    Attributes:
        spec: with every parameter, also those that were not given; the device only where it is not the CPU.
        identity: a digest of all that decides the values.
        needs: what a listener compares with, of `UNCODED`; None: it is no listener but takes pairs of signals.
        labels: of an utterance, which it uses.
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


def _asked(metrics: Sequence[str]) -> Iterator[tuple[Spec, tuple[str, ...]]]:
    """The metric of each entry, and which of its values are asked (none: all)."""
    known = registry.values()
    for text in dict.fromkeys(name for entry in metrics for name in GROUPS.get(entry, (entry,))):
        if text in known:
            yield Spec(known[text][0]), (text,)
            continue
        spec = registry.parse(text)
        if ":" not in spec.name and spec.name not in (metrics_here := registry.names("metric")):
            hint = registry.nearest(spec.name, [*known, *metrics_here, *GROUPS])
            raise UserError(f"No metric, and no value of one, called {spec.name!r}. {hint}")
        yield spec, ()


def _complete(spec: Spec, device: str) -> Spec:
    """With the defaults of what was not given, so that the identity of a value tells all; the device unless the CPU."""
    registry.check_parameters("metric", spec)
    accepted = inspect.signature(registry.factory("metric", spec.name)).parameters
    params: dict[str, Scalar] = {
        p.name: p.default for p in accepted.values() if p.name != DEVICE and isinstance(p.default, Scalar)
    }
    if device != "cpu" and DEVICE in accepted:
        params[DEVICE] = device
    return Spec(spec.name, {**params, **spec.params})


def _scorer(spec: Spec, rate: int | None, names: Iterable[str]) -> Scorer:
    location, attribute = registry.locate("metric", spec.name)
    if ":" not in spec.name:  # ours load nothing before they are used, but say which values they refuse
        registry.make("metric", spec)
    module, fingerprint = importlib.import_module(location), module_fingerprint(location)
    needs: tuple[str, ...] | None = getattr(module, "NEEDS", None)
    versions = _versions(getattr(module, "versions", dict), spec.params)
    chosen = tuple(sorted(set(names)))
    identity = digest("scorer", str(spec), rate, fingerprint, versions, chosen)
    values = {name: info for name, info in registry.values_of(spec.name).items() if name in chosen}
    labels = tuple(getattr(module, "LABELS", ()))
    return Scorer(spec, location, attribute, rate, chosen, identity, versions, fingerprint, values, needs, labels)


def _versions(versions: Callable[..., dict[str, str]], params: Mapping[str, Scalar]) -> dict[str, str]:
    """What a metric says of its libraries and weights, which may depend on its parameters."""
    try:
        accepted = inspect.signature(versions).parameters
    except ValueError:  # dict
        return versions()
    free = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
    return versions(**{name: value for name, value in params.items() if free or name in accepted})
