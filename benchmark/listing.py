"""What there is: codecs, metrics, channels, suites, data; and what each lacks to run here."""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from benchmark import manifest, registry, suite
from benchmark.bench import Bench
from benchmark.downstream import task_of
from benchmark.scenes import grid
from benchmark.scorers import scorers, task_scorer
from benchmark.suite import Limits
from benchmark.types import NotMeasured, Spec, Unavailable, UserError, ValueInfo
from benchmark.versions import ABSENT

HEADS: Mapping[str, Sequence[str]] = {
    "codecs": ("name", "state", "told"),
    "metrics": ("name", "metric", "unit", "better", "rate", "trust", "source", "state"),
    "tasks": ("name", "title", "needs", "metric", "apart", "protocol", "state"),
    "acoustics": ("name", "parameters", "told"),
    "channels": ("name", "parameters", "told"),
    "playouts": ("name", "parameters", "told"),
    "protections": ("name", "parameters", "told"),
    "suites": ("name", "size", "title"),
    "data": ("name", "how", "told"),
}  # what a row of each kind says


def entries(kind: str) -> Iterator[dict[str, str]]:
    """What there is of a kind (`HEADS`), for programs; of codecs one by one, as each is tried."""
    for row in _rows(kind):
        yield dict(zip(HEADS[kind], row, strict=True))


def lines(kind: str) -> Iterator[str]:
    """One line per item of a kind: codecs, metrics, tasks, the conditions of an axis, suites or data."""
    if kind == "codecs":  # as soon as each has been tried
        wide = max(map(len, registry.names("codec")))
        yield from (f"{name:<{wide}}  {state:<6}  {told}" for name, state, told in _rows(kind))
        return
    rows = list(_rows(kind))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])


def _rows(kind: str) -> Iterator[Sequence[str]]:
    listings: dict[str, Callable[[], Iterator[Sequence[str]]]] = {
        "codecs": _codecs,
        "metrics": _metrics,
        "acoustics": partial(_components, "acoustics"),
        "channels": partial(_components, "channel"),
        "playouts": partial(_components, "playout"),
        "protections": partial(_components, "protection"),
        "suites": _suites,
        "tasks": _tasks,
        "data": _data,
    }
    return listings[kind]()


def cards(specs: Sequence[str]) -> Iterator[str]:
    """The card of each of these codecs, measured now.

    Raises:
        UserError: for an unknown codec or parameter.
    """
    from benchmark.cards import card

    for spec in specs:
        registry.check_parameters("codec", registry.parse(spec))  # all of them, before the first takes its time
    for number, spec in enumerate(specs):
        name, lines = registry.parse(spec).name, card(spec)
        yield from ([""] if number else [])
        yield f"{spec}: {_first_line('codec', name)}"
        for head, text in {**lines, "parameters": f"{_parameters('codec', name)} (defaults)"}.items():
            yield f"  {head:<18}  {text}"


def _codecs() -> Iterator[Sequence[str]]:
    """Each codec as soon as it has been tried: its name, whether it runs, rates and family, and what it needs."""
    bench = Bench(Limits())
    try:
        for name in registry.names("codec"):
            state, why = _state(name, bench)
            card = registry.card(name)
            told = (card.rates, card.family) if card is not None else (_first_line("codec", name),)
            yield name, state, " | ".join([*told, *filter(None, [why])])
    finally:
        bench.close()


def _state(name: str, bench: Bench) -> tuple[str, str]:
    """In a word, and why."""
    try:
        bench.describe(Spec(name))
    except Unavailable as error:
        return "needs", str(error)
    except NotMeasured as error:
        return "broken", error.reason
    except UserError as error:
        return "broken", str(error)
    return "runs", ""


def _metrics() -> Iterator[Sequence[str]]:
    bench = Bench(Limits())
    try:
        states = {name: _metric_state(name, bench) for name in registry.names("metric")}
    finally:
        bench.close()
    for name, (metric, info) in registry.values().items():
        rate = f"{info.rate} Hz" if info.rate else "scoring rate"
        yield name, metric, info.unit, f"better: {info.better}", rate, _trust(info), info.source, states[metric]


def _tasks() -> Iterator[Sequence[str]]:
    """What each asks, what of a manifest it needs, the value that papers print, and whether its default runs here."""
    bench = Bench(Limits())
    try:
        for name in registry.names("task"):
            task = task_of(name)
            apart = f"training and test differ in {task.apart}"
            yield name, task.title, f"needs {task.needs}", task.metric, apart, task.protocol, _task_state(name, bench)
    finally:
        bench.close()


def _task_state(name: str, bench: Bench) -> str:
    try:
        bench.listen(task_scorer(Spec(name), "cpu", ()), [], [])
    except (Unavailable, UserError) as error:
        return f"lacks: {error}"
    except NotMeasured as error:
        return f"broken: {error.reason}"
    return "ready"


def _trust(info: ValueInfo) -> str:
    """Where a value speaks of quality: `Validity` in short."""
    told = info.validity
    return f"loss {told.loss}, noise {told.noise}, generative {told.generative}" if told else ""


def _metric_state(name: str, bench: Bench) -> str:
    """Whether it runs here as it is by default; a listener loads its model to know."""
    try:
        for scorer in scorers([name]):
            if scorer.needs is not None:
                bench.listen(scorer, [], [])
            elif absent := [package for package, version in scorer.versions.items() if version == ABSENT]:
                return f"lacks: {', '.join(absent)}"
    except (Unavailable, UserError) as error:
        return f"lacks: {error}"
    except NotMeasured as error:
        return f"broken: {error.reason}"
    return "ready"


def _components(kind: str) -> Iterator[Sequence[str]]:
    for name in registry.names(kind):
        yield name, _parameters(kind, name), _first_line(kind, name)


def _suites() -> Iterator[Sequence[str]]:
    for name in suite.shipped():
        loaded = suite.load(name)
        conditions = len(grid(loaded))
        size = f"{len(loaded.codecs)} codecs x {conditions} conditions x {len(loaded.seeds)} seeds"
        yield name, size, loaded.title


def _data() -> Iterator[Sequence[str]]:
    from benchmark.fetch import known

    for path in sorted(manifest.shipped().glob("*/manifest.csv")):
        count = len(manifest.load(str(path), path.parent).utterances)
        yield path.parent.name, "shipped", f"{count} utterances"
    for name, source in known().items():
        yield name, "steps" if source.steps else "fetch", f"{source.title} ({source.licence})"


def _parameters(kind: str, name: str) -> str:
    accepted = inspect.signature(registry.factory(kind, name)).parameters.values()
    shown = [p.name if p.default is p.empty else f"{p.name}={p.default}" for p in accepted]
    return ",".join(shown) or "-"


def _first_line(kind: str, name: str) -> str:
    module = importlib.import_module(registry.locate(kind, name)[0])
    return (module.__doc__ or "").strip().split("\n")[0]
