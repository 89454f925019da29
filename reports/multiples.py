"""Small multiples: quality over bitrate on the wire, a little panel for each condition, all on the same axes."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmark.stats import Estimate
from reports.conditions import Condition
from reports.drawing import KBPS, SHAPES, Look, layered, panel, quality_range
from reports.summary import INPUT, Run

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

MOST = 12  # panels of one metric; all conditions are in its table
Spot: TypeAlias = tuple[str, float, Estimate]  # codec, kbit/s, quality
SIZE, LEFT, RIGHT = (190, 130), 30, 6  # user units
TICKS = (1, 10, 100)  # kbit/s


def multiples(run: Run, metric: str, look: Mapping[str, Look]) -> tuple[list[tuple[str, "Markup"]], int]:
    """Panels with the titles of their conditions, and how many conditions were left out; none for a single one."""
    from markupsafe import Markup

    spots = {c: _spots(run, metric, c) for c in run.conditions}
    worth = [c for c in run.conditions if spots[c]]
    if len(worth) < 2 or run.loose:
        return [], 0
    shown = spaced(worth, MOST)
    rates = [x for c in worth for _, x, _ in spots[c]]
    span = min(rates) / 1.6, max(rates) * 1.6
    drawn = _panels(run, metric, {c: spots[c] for c in shown}, span, look)
    titled = [(c.title, Markup(svg)) for c, svg in zip(shown, drawn, strict=True)]  # drawing escapes
    return titled, len(worth) - len(shown)


def spaced(members: Sequence[Condition], most: int) -> list[Condition]:
    """At most so many, evenly over all of them, the first and the last among them."""
    if len(members) <= most:
        return list(members)
    return [members[round(place * (len(members) - 1) / (most - 1))] for place in range(most)]


def _spots(run: Run, metric: str, condition: Condition) -> list[Spot]:
    found = []
    for codec in run.codecs:
        bits, quality = (run.cell(codec, condition.name, name).estimate for name in ("wire_bps", metric))
        if bits.value and quality.value is not None:
            found.append((codec, bits.value * KBPS, quality))
    return found


def _panels(
    run: Run,
    metric: str,
    spots: Mapping[Condition, Sequence[Spot]],
    span: tuple[float, float],
    look: Mapping[str, Look],
) -> list[str]:
    limits = quality_range(run, metric)
    with panel(f"small {metric}", LEFT, RIGHT, height=SIZE[1], top=6, width=SIZE[0]) as (figure, axes):
        axes.set_xscale("log")
        axes.set_xlim(*span)
        ticks = [tick for tick in TICKS if span[0] <= tick <= span[1]]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_ylim(*limits)
        axes.locator_params(axis="y", nbins=4)
        axes.grid(axis="y", linewidth=1)
        axes.set_xlabel("kbit/s on the wire")
        named = f"{run.named(metric)} over bitrate on the wire, "
        layers = {named + c.title: partial(_draw, found, limits, look) for c, found in spots.items()}
        return list(layered(figure, axes, f"small-{run.offered.index(metric.removesuffix(INPUT))}", layers))


def _draw(spots: Sequence[Spot], limits: tuple[float, float], look: Mapping[str, Look], axes: "Axes") -> None:
    """Markers and intervals; errorbar() would be several times slower, which counts for so many panels."""
    bottom, top = limits
    for codec, x, quality in spots:
        style: dict[str, Any] = {"color": look[codec].ink, "gid": look[codec].name, "clip_on": False}
        if quality.low is not None and quality.high is not None:
            ends = [max(quality.low, bottom), min(quality.high, top)]
            axes.plot([x, x], ends, linewidth=1.2, alpha=0.5, **style)
        axes.plot([x], [quality.value or 0.0], marker=SHAPES[look[codec].shape], markersize=6, mew=0, **style)
