"""Loss by burst: per codec a small table of a metric over the asked loss rate and burst ratio, tinted by its value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.conditions import Condition
from reports.scores import Field, printed, shader
from reports.summary import ANCHOR, Run, precision

LEAST = 2  # loss rates and burst ratios that make a table worth it


@dataclass(frozen=True, slots=True)
class Heat:
    """Of one metric: the loss rates over the columns, and per codec a row of fields for each burst ratio."""

    title: str
    losses: Sequence[str]
    bursts: Sequence[str]
    codecs: Mapping[str, Sequence[Sequence[Field]]]


def section(run: Run) -> dict[str, Heat]:
    """By the identity of the metric in the page's selector; empty where loss and bursts were not crossed."""
    grid = _grid(run)
    found = {f"m{at}": _heat(run, metric, grid) for at, metric in enumerate(run.offered)} if grid else {}
    return {identity: heat for identity, heat in found.items() if heat.codecs}


def _grid(run: Run) -> dict[float, dict[float, Condition]]:
    """The first condition of each burst ratio and loss rate on clean speech, both ascending."""
    found: dict[float, dict[float, Condition]] = {}
    for c in run.conditions:
        if c.swept and c.quiet and c.loss is not None:
            found.setdefault(c.burst_ratio or 1.0, {}).setdefault(c.loss, c)
    losses = {loss for row in found.values() for loss in row}
    crossed = len(found) >= LEAST and len(losses) >= LEAST
    return {burst: found[burst] for burst in sorted(found)} if crossed else {}


def _heat(run: Run, metric: str, grid: Mapping[float, Mapping[float, Condition]]) -> Heat:
    losses = sorted({loss for row in grid.values() for loss in row})
    shade, digits = shader(run, metric), precision(run, metric)
    codecs = {}
    for codec in run.series:
        cells = [
            [run.cell(codec, c.name, metric) if (c := row.get(x)) else None for x in losses] for row in grid.values()
        ]
        if codec != ANCHOR and any(cell and cell.estimate.value is not None for row in cells for cell in row):
            codecs[codec] = [[printed(c, digits, shade) if c else Field("") for c in row] for row in cells]
    return Heat(run.named(metric), [f"{100 * x:g}" for x in losses], [f"×{burst:g}" for burst in grid], codecs)
