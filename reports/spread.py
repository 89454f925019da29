"""What single utterances score: how they spread around the mean under a few conditions, and which are the worst.

An utterance's value is its mean over seeds, ratios from their parts. Strips show every utterance, or order statistics
evenly spaced where there are more than `TICKS`; boxes are quartiles and median.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmark.types import Floats
from reports.audio import Group
from reports.conditions import Condition
from reports.download import KEY
from reports.drawing import LETTER, Look, axis_title, beside, layered, panel, short
from reports.multiples import spaced
from reports.summary import Run, number, parts, precision
from reports.words import headline, loss_free

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd
    from markupsafe import Markup
    from matplotlib.axes import Axes

MOST = 5  # conditions that are shown
WORST = 3  # utterances of each codec
LEAST = 4  # utterances of the largest group; of fewer, the table of scores says as much
TICKS = 120  # of a strip
ROW = 17  # user units
LANE = 0.33  # of a row: half the height of a tick
PERSON = ["dataset", "speaker", "utterance"]


class Worst(NamedTuple):
    """One of the worst utterances of a codec, and the anchor of its player where its audio is in the page."""

    codec: str
    utterance: str
    speaker: str
    value: str
    order: float
    key: str
    player: str


@dataclass(frozen=True, slots=True)
class View:
    """One metric under one condition."""

    figure: "Markup"
    worst: Sequence[Worst]


@dataclass(frozen=True, slots=True)
class Spread:
    """The section: its conditions by identity, and the views by metric (as the page's selector has it) and condition.

    `left_out` conditions are not shown.
    """

    conditions: Mapping[str, str]
    views: Mapping[str, Mapping[str, View]]
    titles: Mapping[str, str]
    left_out: int


def section(run: Run, look: Mapping[str, Look], groups: Sequence[Group]) -> Spread | None:
    """The section; None where no metric has more than a few utterances."""
    shown = _chosen(run)
    names = {condition.name: f"u{place}" for place, condition in enumerate(shown)}
    values = _values(run, list(names))
    players = _players(groups)
    measured, views, titles = set(values.index.get_level_values("metric")), {}, {}
    for place, metric in enumerate(run.offered):
        if metric not in measured or metric not in run.scores or run.better(metric) == "neither":
            continue
        if found := _views(run, metric, values.loc[[metric]], names, look, players):
            views[f"m{place}"], titles[f"m{place}"] = found, run.named(metric)
    seen = {identity for found in views.values() for identity in found}
    offered = {names[c.name]: c.title for c in shown if names[c.name] in seen}
    return Spread(offered, views, titles, len(run.conditions) - len(shown)) if views else None


def _chosen(run: Run) -> list[Condition]:
    """The clean condition and that of the first glance, and of the others a few."""
    first = list(dict.fromkeys(c for c in (loss_free(run), headline(run)) if c))
    others = [c for c in run.conditions if c not in first]
    room = MOST - len(first)
    chosen = [*first, *(spaced(others, room) if len(others) > room else others)]
    return [c for c in run.conditions if c in chosen]


def _values(run: Run, conditions: Sequence[str]) -> "pd.DataFrame":
    """A value per metric, condition, codec and utterance, with the key of a row behind it."""
    offered = set(run.offered)
    rows = run.rows[run.rows["condition"].isin(conditions) & run.rows["metric"].isin(offered)]
    rows = parts(rows[rows["codec"].isin(run.codecs)]).dropna(subset=["above"])
    grouped = rows.groupby(["metric", "condition", "codec", *PERSON], observed=True)
    sums = grouped.agg(above=("above", "sum"), below=("below", "sum"), key=("key", "first"))
    sums = sums[sums["below"] != 0]
    return sums.assign(value=sums["above"] / sums["below"])


def _views(
    run: Run,
    metric: str,
    values: "pd.DataFrame",
    names: Mapping[str, str],
    look: Mapping[str, Look],
    players: Mapping[tuple[str, str, str], str],
) -> dict[str, View]:
    from markupsafe import Markup

    titles = {condition.name: condition.title for condition in run.conditions}
    if values.empty or values.groupby(["condition", "codec"]).size().max() < LEAST:
        return {}
    by = {
        str(name): {str(codec): found for codec, found in ours.reset_index().groupby("codec", sort=False)}
        for name, ours in values.groupby(level="condition")
    }
    shown = [name for name in names if name in by]
    codecs = [codec for codec in run.codecs if any(codec in by[name] for name in shown)]
    strips = {titles[name]: {c: v["value"].to_numpy() for c, v in by[name].items()} for name in shown}
    drawn = _strips(run, metric, codecs, strips, _limits(values["value"].to_numpy()), look)
    return {
        names[name]: View(
            Markup(figure),  # drawing escapes
            [w for c in codecs if c in by[name] for w in _worst(run, metric, c, titles[name], by[name][c], players)],
        )
        for name, figure in zip(shown, drawn, strict=True)
    }


def _limits(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low) or max(abs(high) * 0.1, 0.1)
    return low - room, high + room


# --- The worst ---


def _worst(
    run: Run,
    metric: str,
    codec: str,
    title: str,
    values: "pd.DataFrame",
    players: Mapping[tuple[str, str, str], str],
) -> list[Worst]:
    lowest = run.better(metric) != "lower"
    order = values.sort_values(["value", "utterance"], ascending=[lowest, True]).head(WORST)
    digits = precision(run, metric)
    return [
        Worst(
            codec=codec,
            utterance=str(row["utterance"]),
            speaker=str(row["speaker"]),
            value=number(row["value"], digits),
            order=row["value"],
            key=str(row["key"])[:KEY],
            player=players.get((str(row["utterance"]), codec, title.lower()), ""),
        )
        for row in order.to_dict("records")
    ]


def _players(groups: Sequence[Group]) -> dict[tuple[str, str, str], str]:
    """The anchor of the player of each utterance, codec and condition."""
    return {
        (group.utterance, example.codec, example.condition.lower()): f"talk{place}"
        for place, group in enumerate(groups, start=1)
        for example in group.examples
    }


# --- Strips ---


def _strips(
    run: Run,
    metric: str,
    codecs: Sequence[str],
    values: Mapping[str, Mapping[str, Floats]],
    limits: tuple[float, float],
    look: Mapping[str, Look],
) -> list[str]:
    """A figure per condition: a row per codec, with a tick per utterance, a box of the quartiles, and the median."""
    margin, digits = min(140.0, 14 + LETTER * max(len(short(codec)) for codec in codecs)), precision(run, metric)
    with panel(f"strips {metric}", margin, 12, height=56 + ROW * len(codecs), top=8) as (figure, axes):
        axes.set_xlim(*limits)
        axes.set_ylim(len(codecs) - 0.4, -0.6)
        axes.set_yticks([])
        axes.grid(axis="x", linewidth=1)
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel(axis_title(run, metric))
        for row, codec in enumerate(codecs):
            beside(axes, short(codec), row, fontsize=10, gid=look[codec].name)
        layers = {}
        for title, found in values.items():
            told = "; ".join(f"{c} median {number(float(np.median(found[c])), digits)}" for c in codecs if c in found)
            rows = [(row, found[codec], look[codec]) for row, codec in enumerate(codecs) if codec in found]
            layers[f"{run.named(metric)} of single utterances, {title}: {told}"] = partial(_draw, rows)
        return list(layered(figure, axes, f"strips-{run.offered.index(metric)}", layers))


def _draw(rows: Sequence[tuple[int, Floats, Look]], axes: "Axes") -> None:
    """Ticks are one line with gaps, which keeps the page small."""
    for row, values, look in rows:
        style: dict[str, Any] = {"color": look.ink, "gid": look.name, "clip_on": False}
        shares = np.linspace(0, 1, min(len(values), TICKS))
        ticks = np.repeat(np.quantile(values, shares, method="nearest"), 3)
        axes.plot(ticks, np.tile([row - LANE, row + LANE, np.nan], len(shares)), linewidth=0.8, alpha=0.45, **style)
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        box = [low, high, high, low, low], row + LANE * np.array([-1, -1, 1, 1, -1])
        axes.plot(*box, linewidth=1.1, **style)
        axes.plot([middle, middle], [row - LANE, row + LANE], linewidth=2.6, **style)
