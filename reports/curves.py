"""Values over whatever conditions are ordered by (a loss, a ratio, a level, the depth of a buffer): one small panel."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from benchmark.stats import Estimate
from reports.conditions import Condition, Curve
from reports.drawing import (
    LEFT,
    LETTER,
    PAPER,
    ROOM,
    SHAPES,
    SOFT,
    TOGETHER,
    TOP,
    Look,
    draw,
    label_ends,
    panel,
    quality_axis,
    short,
    spaced,
    svg,
)
from reports.summary import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 13  # user units of a line of names above the plot
BEYOND = 0.22  # of the span of x: how far from the curve speech as it is lies
DECADES = 50  # x that span more than this factor are drawn on a logarithmic axis
ALIKE = 0.015  # of the axis: lines closer than that cannot be told apart, and are drawn as one


class Line(NamedTuple):
    """What is drawn for one codec, or for several that agree: x and estimates, and single points beside."""

    points: Sequence[tuple[float, Estimate]]
    clean: Estimate | None
    singles: Sequence[tuple[float, Estimate]]


def quality(run: Run, metric: str, curve: Curve, look: Mapping[str, Look]) -> str | None:
    """A metric over the conditions of a curve, a line per codec; None with nothing to show."""
    lines = {codec: values_along(run, codec, metric, curve) for codec in run.series}
    lines = {codec: line for codec, line in lines.items() if line.points}
    if not lines:
        return None
    if not any(line.clean for line in lines.values()):
        curve = curve._replace(clean=None)
    right = bool(curve.clean) and improves(run, curve)
    margin = min(140.0, 26 + LETTER * max(len(short(codec)) for codec in lines))
    with panel(f"curve {metric} {curve}", LEFT, margin, top=_head(curve)) as (figure, axes):
        quality_axis(axes, run, metric)
        edge = x_axis(axes, curve, lines.values(), right)
        _name_singles(axes, curve, list(lines.values()))
        for codec, line in lines.items():
            _draw_line(axes, look[codec], line, edge)
        label_ends(axes, {codec: _end(line, edge if right else None) for codec, line in lines.items()}, look)
        return svg(figure, f"{run.named(metric)} over {curve.axis}, {curve.title}")


def share(run: Run, name: str, title: str, curve: Curve, look: Mapping[str, Look]) -> str | None:
    """A share of packets or frames, in percent; codecs that agree are one line; None with nothing to show."""
    lines = {codec: values_along(run, codec, name, curve, scale=100) for codec in run.codecs}
    lines = {codec: line for codec, line in lines.items() if line.points}
    if not lines:
        return None
    together = agreeing(lines)
    named = {_names(codecs, lines): codecs[0] for codecs in together}
    looked = {_names(codecs, lines): look[codecs[0]] if len(codecs) == 1 else TOGETHER for codecs in together}
    margin = min(140.0, 26 + LETTER * max(len(short(label)) for label in named))
    with panel(f"share {name} {curve}", LEFT, margin, top=_head(curve)) as (figure, axes):
        axes.set_ylim(0, min(max(_highest(lines.values()) * (1 + ROOM), 1.0), 102.0))
        axes.grid(axis="y", linewidth=1)
        axes.locator_params(axis="y", nbins=6)
        axes.annotate(
            f"{title}, %",
            (0, 1),
            xycoords=("figure points", "figure fraction"),
            xytext=(0, -12),
            textcoords="offset points",
        )
        x_axis(axes, curve, lines.values(), right=False)
        _name_singles(axes, curve, [lines[first] for first in named.values()])
        for label, first in named.items():
            _draw_line(axes, looked[label], lines[first], None)
        label_ends(axes, {label: _end(lines[first], None) for label, first in named.items()}, looked)
        return svg(figure, f"{title} over {curve.axis}, {curve.title}")


def values_along(run: Run, codec: str, metric: str, curve: Curve, scale: float = 1) -> Line:
    """What a codec has of a metric in the conditions of a curve."""

    def estimate(condition: Condition) -> Estimate | None:
        found = run.cell(codec, condition.name, metric).estimate
        return None if found.value is None else _scaled(found, scale)

    points = [(x, e) for x, c in curve.points if (e := estimate(c))]
    waits = [(run.cell(codec, c.name, "playout_ms").estimate.value, estimate(c)) for c in curve.singles]
    singles = [(wait, e) for wait, e in waits if wait is not None and e]
    return Line(points, estimate(curve.clean) if curve.clean else None, singles)


def _scaled(e: Estimate, scale: float) -> Estimate:
    low, high = (None if v is None else scale * v for v in (e.low, e.high))
    return Estimate(None if e.value is None else scale * e.value, low, high, e.n, e.clusters)


def agreeing(lines: Mapping[str, Line]) -> list[list[str]]:
    """Codecs in groups, whose lines cannot be told from that of the first of the group."""
    groups: list[list[str]] = []
    highest = _highest(lines.values())
    for codec, line in lines.items():
        home = next((g for g in groups if _close(lines[g[0]], line, ALIKE * highest)), None)
        if home is None:
            groups.append([codec])
        else:
            home.append(codec)
    return groups


def _close(a: Line, b: Line, tolerance: float) -> bool:
    first, second = ([*line.points, *line.singles] for line in (a, b))
    if len(first) != len(second):
        return False
    return all(abs((p.value or 0) - (q.value or 0)) <= tolerance for (_, p), (_, q) in zip(first, second, strict=True))


def _names(codecs: Sequence[str], lines: Mapping[str, Line]) -> str:
    if len(codecs) == len(lines) > 1:
        return "all codecs"
    return codecs[0] if len(codecs) == 1 else f"{short(codecs[0], 12)} +{len(codecs) - 1}"


def _highest(lines: Iterable[Line]) -> float:
    return max(e.value or 0.0 for line in lines for _, e in [*line.points, *line.singles])


def improves(run: Run, curve: Curve) -> bool:
    """Whether the first score of the run gets better to the right, so that speech as it is belongs there."""
    judge = next(iter(run.scores), "")
    sign = -1.0 if run.better(judge) == "lower" else 1.0
    gain = 0.0
    for codec in run.series:
        values = [v for _, c in curve.points if (v := run.cell(codec, c.name, judge).estimate.value) is not None]
        gain += sign * (values[-1] - values[0]) if values else 0.0
    return gain >= 0


def x_axis(axes: "Axes", curve: Curve, lines: Iterable[Line], right: bool) -> float | None:
    """Ticks where the conditions are, and room for single points; returns the x of speech as it is."""
    xs = sorted({x for x, _ in curve.points})
    if logarithmic := xs[0] > 0 and xs[-1] / xs[0] > DECADES:
        axes.set_xscale("log")
    scaled = [math.log10(x) for x in xs] if logarithmic else xs
    span = scaled[-1] - scaled[0] or 1.0  # of a single condition
    edge = None if curve.clean is None else scaled[-1] + BEYOND * span if right else scaled[0] - BEYOND * span
    places = [*scaled, *([] if edge is None else [edge])]
    reached = [*places, *(x for line in lines for x, _ in line.singles)]
    limits = [min(reached) - 0.03 * span, max(reached) + 0.03 * span]
    labels = [*spaced(scaled, xs), *([] if edge is None else ["clean"])]
    if logarithmic:
        places, limits = [10**x for x in places], [10**x for x in limits]
    axes.set_xlim(*limits)
    axes.set_xticks(places, labels)
    axes.minorticks_off()
    axes.set_xlabel(curve.axis)
    return None if edge is None else places[-1]


def _draw_line(axes: "Axes", look: Look, line: Line, edge: float | None) -> None:
    draw(axes, look, line.points, join=True)
    if edge is not None and line.clean is not None:
        near = min(line.points, key=lambda point: abs(point[0] - edge))
        bridge = axes.plot(
            [near[0], edge],
            [near[1].value or 0.0, line.clean.value or 0.0],
            color=look.ink,
            linewidth=1.2,
            linestyle=":",
        )[0]
        bridge.set_gid(look.name)
        draw(axes, look, [(edge, line.clean)], join=False)
    for x, estimate in line.singles:
        hollow = axes.plot(
            [x],
            [estimate.value or 0.0],
            color=look.ink,
            marker=[*SHAPES[look.shape], SHAPES[look.shape][0]],
            markersize=9,
            markerfacecolor=PAPER,
            markeredgewidth=1.4,
            clip_on=False,
            zorder=3,
        )[0]
        hollow.set_gid(look.name)


def _head(curve: Curve) -> float:
    """Room above the plot: for the name of the metric, and for those of adaptive buffers."""
    return TOP + ROW * len(curve.singles)


def _name_singles(axes: "Axes", curve: Curve, lines: Sequence[Line]) -> None:
    """The name of each adaptive buffer above the plot, once for all codecs, and thin lines down to its points."""
    for index, condition in reversed(list(enumerate(curve.singles))):  # lower names lie over the lines of higher ones
        at = [line.singles[index] for line in lines if len(line.singles) == len(curve.singles)]
        for number, (x, estimate) in enumerate(at):
            axes.annotate(
                short(condition.playout.title, 24) if number == len(at) - 1 else "",
                (x, estimate.value or 0.0),
                xytext=(sum(x for x, _ in at) / len(at), 1 + (3 + ROW * index) / axes.bbox.height),
                textcoords=("data", "axes fraction"),
                ha="center",
                fontsize=10,
                color=SOFT,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
                arrowprops={
                    "arrowstyle": "-",
                    "color": SOFT,
                    "linewidth": 0.8,
                    "shrinkA": 0,
                    "shrinkB": 5,
                    "linestyle": ":",
                },
            )


def _end(line: Line, edge: float | None) -> tuple[float, float]:
    """Where a line's name belongs: at its right end."""
    if edge is not None and line.clean is not None:
        return edge, line.clean.value or 0.0
    x, estimate = line.points[-1]
    return x, estimate.value or 0.0
