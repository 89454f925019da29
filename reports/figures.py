"""Plots of quality over bitrate, and of conditions that lie on no curve."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reports.conditions import Condition
from reports.drawing import (
    HEIGHT,
    KBPS,
    LEFT,
    LETTER,
    SHAPES,
    WIDTH,
    Look,
    arrowhead,
    beside,
    cut,
    draw,
    name_axis,
    panel,
    quality_axis,
    quality_range,
    short,
    svg,
)
from reports.summary import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, BLOCK = 15, 1.8  # forest plots: user units per row, rows that a heading takes
TOUCH = 12.0  # square units that a label may cover of its neighbours


def rate_quality(run: Run, metric: str, rate: str, condition: Condition, look: Mapping[str, Look]) -> str | None:
    """Quality over bitrate (`net_bps` or `wire_bps`) under one condition; None with nothing to show."""
    spots = []
    for codec in run.codecs:
        bits, quality = (
            run.cell(codec, condition.name, rate).estimate,
            run.cell(codec, condition.name, metric).estimate,
        )
        if bits.value and quality.value is not None:
            spots.append((codec, bits.value * KBPS, quality))
    if not spots:
        return None
    names = distinct(run, spots)
    spots = [spot for spot in spots if spot[0] in names]
    where = "on the wire, headers included" if rate == "wire_bps" else "net"
    with panel(f"{rate} {metric}", LEFT, 12) as (figure, axes):
        axes.set_xscale("log")
        rate_axis(axes, [x for _, x, _ in spots])
        quality_axis(axes, run, metric)
        axes.set_xlabel(f"kbit/s {where}")
        _families(axes, look, spots)
        for codec, x, quality in spots:
            draw(axes, look[codec], [(x, quality)], join=False)
        _label_points(axes, {codec: (x, quality.value or 0.0) for codec, x, quality in spots}, names, look)
        return svg(figure, f"{run.named(metric)} over bitrate {where}, {condition.title}")


def distinct(run: Run, spots: Sequence[tuple[str, float, Any]]) -> dict[str, str]:
    """Names of points; where series of a codec share a point (strategies, without loss), one stands for all."""
    together: dict[tuple[str, float, float], list[str]] = {}
    for codec, x, quality in spots:
        together.setdefault((run.origin(codec), x, quality.value), []).append(codec)
    names = {}
    for first, *others in together.values():
        columns = zip(first.split(" · "), *(other.split(" · ") for other in others), strict=False)
        common = " · ".join(part for part, *rest in columns if all(other == part for other in rest))
        names[first] = f"{first} +{len(others)}" if others and common in run.codecs else common
    return names


def rate_axis(axes: "Axes", rates: Sequence[float]) -> None:
    """Ticks of 1, 2 and 5 on a logarithmic axis over rates in kbit/s."""
    low, high = min(rates) / 1.5, max(rates) * 1.5
    ticks = [m * 10.0**e for e in range(-2, 4) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    if len(ticks) > 8:  # names of more would touch
        ticks = [t for t in ticks if f"{t:g}".strip("0.") == "1"]
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()


def _families(axes: "Axes", look: Mapping[str, Look], spots: Sequence[tuple[str, float, Any]]) -> None:
    """A thin line through the rates of one family."""
    for family in {look[codec].family: None for codec, _, _ in spots}:
        members = sorted((x, e.value, codec) for codec, x, e in spots if look[codec].family == family)
        xs, ys = [m[0] for m in members], [m[1] for m in members]
        axes.plot(xs, ys, color=look[members[-1][2]].ink, linewidth=1.2, alpha=0.45)


def _label_points(
    axes: "Axes", spots: Mapping[str, tuple[float, float]], names: Mapping[str, str], look: Mapping[str, Look]
) -> None:
    """Write each codec's name beside its point, where it covers least."""
    at = {codec: axes.transData.transform(spot) for codec, spot in spots.items()}
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in at.values()]
    for codec, (x, y) in at.items():
        name = short(names[codec])
        width, gap = LETTER * len(name), 8
        around = [(dx, dy) for dy in (8, -17, 21, -30) for dx in (-width / 2, 2, -width)]
        offsets = [(gap, -4), (-gap - width, -4), *around]
        boxes = [(x + dx, y + dy, x + dx + width, y + dy + 10) for dx, dy in offsets]
        best = min(boxes, key=lambda box: max(TOUCH, sum(_overlap(box, other) for other in taken)) + _outside(box))
        taken.append(best)
        offset = (float(best[0] - x), float(best[1] - y))
        axes.annotate(
            name,
            (x, y),
            xycoords="figure pixels",
            xytext=offset,
            textcoords="offset points",
            fontsize=10,
            gid=look[codec].name,
        )


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: Sequence[float]) -> float:
    """A penalty for leaving the plot."""
    return 1e4 * (
        max(0.0, LEFT - box[0]) + max(0.0, box[2] - WIDTH) + max(0.0, 44 - box[1]) + max(0.0, box[3] - HEIGHT + 20)
    )


def forest(run: Run, metric: str, conditions: Sequence[Condition], look: Mapping[str, Look]) -> str | None:
    """Conditions without an asked loss (traces, delays): a row per codec, a block per condition."""
    blocks = {
        c: [codec for codec in run.series if run.cell(codec, c.name, metric).estimate.value is not None]
        for c in conditions
    }
    blocks = {condition: codecs for condition, codecs in blocks.items() if codecs}
    if not blocks:
        return None
    margin = min(150.0, 14 + LETTER * max(len(short(codec)) for codecs in blocks.values() for codec in codecs))
    length = sum(len(codecs) + BLOCK for codecs in blocks.values())
    with panel(f"forest {metric}", margin, 12, height=68 + ROW * length) as (figure, axes):
        axes.set_xlim(*quality_range(run, metric))
        axes.set_ylim(length - 0.4, -0.5)
        axes.grid(axis="x", linewidth=1)
        axes.locator_params(axis="x", nbins=5)
        axes.set_yticks([])
        name_axis(axes, run, metric)
        place = 0.0
        for condition, codecs in blocks.items():
            beside(axes, short(condition.title, 60), place, fontsize=11, weight="bold")
            for row, codec in enumerate(codecs):
                _forest_row(axes, run, (codec, condition.name, metric), place + 1.1 + row, look[codec])
            place += len(codecs) + BLOCK
        return svg(figure, f"{run.named(metric)} on: " + ", ".join(c.title for c in blocks))


def _forest_row(axes: "Axes", run: Run, key: tuple[str, str, str], place: float, look: Look) -> None:
    estimate = run.cells[key].estimate
    dot = axes.plot(
        [estimate.value or 0.0],
        [place],
        color=look.ink,
        marker=SHAPES[look.shape],
        markersize=7,
        markeredgewidth=0,
    )[0]
    dot.set_gid(look.name)
    if estimate.low is not None and estimate.high is not None:
        bar = axes.plot([estimate.low, estimate.high], [place, place], color=look.ink, linewidth=1.4, alpha=0.5)[0]
        bar.set_gid(look.name)
    for edge, head in cut(estimate, axes.get_xlim(), ("<", ">")):
        arrowhead(axes, look, (edge, place), head)
    beside(axes, short(key[0]), place, fontsize=10, gid=look.name)
