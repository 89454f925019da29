"""What an engineer wants to know about dropout: how much loss costs on average, where a codec breaks, how it recovers.

The numbers are those of `benchmark.dropout`, per codec, metric and curve over the loss; `dropout.html` prints them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from benchmark.dropout import DRAWS, LEAST, MARGINS, Margin, Tolerance, tolerance
from benchmark.stats import Estimate
from reports.conditions import Condition, Curve, loss_curves
from reports.drawing import LETTER, SHAPES, Look, beside, panel, short, spaced, svg
from reports.scores import Field
from reports.summary import Run, number, parts, precision
from reports.words import HEADLINE_LOSS

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

LEVELS = 2  # loss rates that a curve needs, besides none
ROW, BLOCK = 15, 1.8  # user units per row, rows that a heading takes
OVER = 0.09  # of the x axis: the lane for what does not break
PERSON = ["dataset", "speaker", "utterance"]


class Fact(NamedTuple):
    """A value of the link that tells what a loss sounds like: a column of the table."""

    metric: str
    head: str
    about: str


FACTS = (
    Fact("recovery_ms", "Recovery, ms", "from the end of a hole until the output is again what it is without losses"),
    Fact(
        "window_mel_distance",
        "Near losses, dB",
        "mel distance to clean speech from the start of each hole to 100 ms behind its end, 0 being equal; what the "
        "codec does to speech without any loss is in it",
    ),
    Fact("worst_window_mel_distance", "Worst hole, dB", "the same at the worst hole of each file, mean over files"),
    Fact("longest_burst_ms", "Longest burst, ms", "longest run of missing frames of each file, mean over files"),
)


class Row(NamedTuple):
    """One codec on one curve."""

    codec: str
    found: Tolerance
    fields: Sequence[Field]


@dataclass(frozen=True, slots=True)
class Table:
    """One curve over the loss: what it is called, its rows, the most robust first, and a sentence on them."""

    title: str
    most: str
    at: str
    facts: Sequence[Fact]
    rows: Sequence[Row]
    say: str
    by_utterance: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One metric.

    It breaks at `margin` on that `side` of its value without loss; without a margin there are no break points.
    """

    title: str
    margin: str
    side: str
    why: str
    tables: Sequence[Table]
    figure: "Markup | None"


@dataclass(frozen=True, slots=True)
class Dropout:
    """The section: parts by their identity in the page's selector, what else that offers, and facts in any table."""

    parts: Mapping[str, Part]
    others: Sequence[str]
    facts: Sequence[Fact]
    draws: int = DRAWS
    least: int = LEAST


def section(run: Run, look: Mapping[str, Look], margins: Mapping[str, Margin] = MARGINS) -> Dropout | None:
    """The section on dropout; None where no score has a curve from no loss over two loss rates and more."""
    curves = _curves(run)
    found = {f"m{i}": _part(run, metric, curves, look, margins) for i, metric in enumerate(run.offered)}
    parts = {identity: part for identity, part in found.items() if part}
    others = [identity for identity in found if identity not in parts]
    facts = [fact for fact in FACTS if any(fact in t.facts for part in parts.values() for t in part.tables)]
    return Dropout(parts, others, facts) if parts else None


def tolerances(run: Run, metric: str, margins: Mapping[str, Margin] = MARGINS) -> tuple[str, dict[str, Tolerance]]:
    """The first curve on which a metric breaks somewhere, or not, by its title, and what each codec does on it."""
    margin = _scaled(margins.get(run.base(metric)), run.unit(metric))
    better = run.better(metric)
    if margin is None or metric not in run.scores or better not in ("higher", "lower"):
        return "", {}
    for curve in _curves(run):
        side: Literal["higher", "lower"] = "higher" if better == "higher" else "lower"
        if found := _measured(run, metric, _levels(curve), side, margin.amount):
            return curve.title, found
    return "", {}


def _curves(run: Run) -> list[Curve]:
    """The curves from no loss over two loss rates and more, on clean speech."""
    return [c for c in loss_curves(run.conditions) if c.points[0][1].quiet and len(_levels(c)) > LEVELS]


def _levels(curve: Curve) -> dict[float, Condition]:
    """Its conditions by loss rate from 0 on; nothing without one that loses nothing."""
    found: dict[float, Condition] = {}
    for _, condition in curve.points:
        found.setdefault(0.0 if condition.lossless else condition.loss or 0.0, condition)
    return found if 0.0 in found else {}


def _part(
    run: Run, metric: str, curves: Sequence[Curve], look: Mapping[str, Look], margins: Mapping[str, Margin]
) -> Part | None:
    better = run.better(metric)
    if metric not in run.scores or better not in ("higher", "lower"):
        return None
    margin = _scaled(margins.get(run.base(metric)), run.unit(metric))
    tables = [_table(run, metric, curve, "higher" if better == "higher" else "lower", margin) for curve in curves]
    tables = [table for table in tables if table.rows]
    if not tables:
        return None
    return Part(
        title=run.named(metric),
        margin=_spoken(margin) if margin else "",
        side="below" if better == "higher" else "above",
        why=margin.why if margin else "",
        tables=tables,
        figure=_figure(run, metric, tables, look) if margin else None,
    )


def _scaled(margin: Margin | None, unit: str) -> Margin | None:
    """The margin in the unit of the run, which may count shares in percent."""
    if margin and margin.unit == "share" and unit == "%":
        return Margin(100 * margin.amount, unit, margin.why)
    return margin


def _spoken(margin: Margin) -> str:
    """`0.5 MOS-LQO`; shares in points."""
    if margin.unit in ("share", "%"):
        return f"{margin.amount * (100 if margin.unit == 'share' else 1):g} points"
    return f"{margin.amount:g} {margin.unit}".rstrip()


# --- Numbers ---


def _table(run: Run, metric: str, curve: Curve, better: Literal["higher", "lower"], margin: Margin | None) -> Table:
    levels = _levels(curve)
    lossy = {loss: condition for loss, condition in levels.items() if loss}
    at = min(lossy, key=lambda loss: abs(loss - HEADLINE_LOSS))
    measured = _measured(run, metric, levels, better, margin.amount if margin else None)
    cells = {(c, f): run.cell(c, lossy[at].name, f.metric).estimate for c in measured for f in FACTS}
    facts = [f for f in FACTS if any(cells[c, f].value is not None for c in measured)]
    ordered = sorted(measured.items(), key=lambda item: _rank(item[1], better))
    rows = [
        Row(codec, found, [*_fields(found, precision(run, metric)), *(_fact(cells[codec, f]) for f in facts)])
        for codec, found in ordered
    ]
    return Table(
        title=curve.title,
        most=f"{100 * max(levels):g}",
        at=f"{100 * at:g}",
        facts=facts,
        rows=rows,
        say=_sentence(rows, margin) if margin else "",
        by_utterance=any(found.by == "utterance" and found.clean.n > 1 for found in measured.values()),
    )


def _measured(
    run: Run, metric: str, levels: Mapping[float, Condition], better: Literal["higher", "lower"], margin: float | None
) -> dict[str, Tolerance]:
    """Per codec that was asked for at all levels."""
    names = {condition.name: loss for loss, condition in levels.items()}
    rows = run.rows
    rows = rows[(rows["metric"] == metric) & rows["condition"].isin(names) & rows["codec"].isin(run.codecs)]
    rows = parts(rows).assign(level=rows["condition"].map(names))
    complete = rows.groupby("codec")["level"].nunique() == len(levels)
    sums = _by_utterance(rows[rows["codec"].map(complete)])
    found = {}
    for codec in [codec for codec in run.codecs if complete.get(codec, False)]:
        ours = sums.loc[codec]
        speakers = np.array([f"{dataset}\0{speaker or utterance}" for dataset, speaker, utterance in ours.index])
        above, below = ours["above"].to_numpy(), ours["below"].to_numpy()
        found[codec] = tolerance(sorted(levels), above, below, speakers, better, margin)
    return found


def _by_utterance(rows: Any) -> Any:
    """Parts per codec and utterance, and level; summed over the seeds that have a value at all levels."""
    wide = rows.groupby(["codec", *PERSON, "seed", "level"])[["above", "below"]].first().unstack("level")
    asked = wide.index.droplevel("seed").unique()
    return wide.dropna().groupby(level=["codec", *PERSON]).sum().reindex(asked)


def _rank(found: Tolerance, better: str) -> tuple[float, float]:
    """What breaks last comes first, then what is best on average; what has no value comes last."""
    average = found.area.value
    if average is None:
        return inf, inf
    breaks = found.break_point.value
    return -breaks if breaks is not None else 0.0, -average if better == "higher" else average


# --- Words ---


def _fields(found: Tolerance, digits: int) -> list[Field]:
    """Value without loss, average, and break point where there is a margin."""
    coverage = f"{found.clean.n}/{found.asked}"
    partial = found.clean.n < found.asked
    clean = replace(_field(found.clean, digits), coverage=coverage, partial=partial)
    value = found.break_point.value
    order = None if value is None else min(value, 1.0)
    breaks = Field(rate(value, found.levels), order, between(found.break_point, found.levels))
    return [clean, _field(found.area, digits), breaks]


def _field(estimate: Estimate, digits: int) -> Field:
    low, high = number(estimate.low, digits), number(estimate.high, digits)
    spread = "" if estimate.low is None else f"[{low}, {high}]"
    return Field(number(estimate.value, digits), estimate.value, spread)


def _fact(estimate: Estimate) -> Field:
    return _field(estimate, 0 if (estimate.value or 0) >= 100 else 1)


def rate(loss: float | None, levels: Sequence[float]) -> str:
    """A break point in percent: `7.5`, or `> 20` and `< 1` where it lies beyond the levels that were measured."""
    if loss is None:
        return "–"
    if loss > levels[-1]:
        return f"> {100 * levels[-1]:g}"
    return f"< {100 * levels[1]:g}" if loss < levels[1] else number(100 * loss, 1)


def between(found: Estimate, levels: Sequence[float]) -> str:
    """The interval of a break point, in percent as `rate` has it; empty where there is none."""
    if found.low is None:
        return ""
    low, high = rate(found.low, levels), rate(found.high, levels)
    return "in all draws" if low == high and low[0] in "<>" else f"[{low}, {high}]"


def _sentence(rows: Sequence[Row], margin: Margin) -> str:
    """Who stays within the margin, who of the others lasts longest, and who breaks first."""
    known = [row for row in rows if row.found.break_point.value is not None]
    whole = [row.codec for row in known if row.found.break_point.value == inf]
    broken = [row for row in known if row.found.break_point.value != inf]
    said = []
    if whole:
        most = f"{100 * known[0].found.levels[-1]:g}"
        said.append(f"Within {_spoken(margin)} of their own score up to {most} % loss: {', '.join(whole)}.")
    if broken:
        last, first = broken[0], broken[-1]
        said.append(f"{last.codec} holds longest{' of the others' if whole else ''}: {_said(last, 'to')}.")
        if first is not last:
            said.append(f"{first.codec} breaks first: {_said(first, 'at')}.")
    return " ".join(said).replace(" %", "\u00a0%")


def _said(row: Row, word: str) -> str:
    text = rate(row.found.break_point.value, row.found.levels)
    return f"below {text[2:]} %" if text.startswith("<") else f"{word} {text} %"


# --- The figure ---


def _figure(run: Run, metric: str, tables: Sequence[Table], look: Mapping[str, Look]) -> "Markup | None":
    """Break points as dots with intervals, a row per codec, a block per curve."""
    from markupsafe import Markup

    blocks = {t.title: [r for r in t.rows if r.found.break_point.value is not None] for t in tables}
    blocks = {title: rows for title, rows in blocks.items() if rows}
    if not blocks:
        return None
    codecs = [row.codec for rows in blocks.values() for row in rows]
    levels = max((row.found.levels for rows in blocks.values() for row in rows), key=lambda levels: levels[-1])
    margin = min(150.0, 14 + LETTER * max(len(short(codec)) for codec in codecs))
    length = sum(len(rows) + BLOCK for rows in blocks.values())
    with panel(f"dropout {metric}", margin, 16, height=68 + ROW * length) as (figure, axes):
        axes.set_ylim(length - 0.4, -0.5)
        axes.set_yticks([])
        _loss_axis(axes, levels)
        beside(axes, "Further right: takes more loss", -1.2, fontsize=11)
        place = 0.0
        for title, rows in blocks.items():
            beside(axes, short(title, 60), place, fontsize=11, weight="bold")
            for index, row in enumerate(rows):
                _dot(axes, row, place + 1.1 + index, look[row.codec], levels[-1])
            place += len(rows) + BLOCK
        text = svg(figure, f"Loss rate at which {run.named(metric)} breaks: " + ", ".join(blocks))
        return Markup(text)  # it escapes what it writes


def _loss_axis(axes: "Axes", levels: Sequence[float]) -> None:
    """From no loss to the last level, and a lane behind it for what does not break."""
    ticks = [100 * level for level in levels]
    beyond = ticks[-1] * (1 + OVER)
    axes.set_xlim(0, ticks[-1] * (1 + 1.5 * OVER))
    axes.set_xticks([*ticks, beyond], [*spaced(ticks, ticks)[:-1], "", f">{ticks[-1]:g}"])
    axes.grid(axis="x", linewidth=1)
    axes.set_xlabel("% of packets lost, as asked")


def _dot(axes: "Axes", row: Row, place: float, look: Look, most: float) -> None:
    """A marker at the break point, a bar over its interval, and the codec's name beside them."""
    found, edge = row.found.break_point, most * (1 + OVER)
    style: dict[str, Any] = {"color": look.ink, "gid": look.name}
    if found.value is not None:
        spot = [100 * min(found.value, edge)]
        axes.plot(spot, [place], marker=SHAPES[look.shape], markersize=7, markeredgewidth=0, **style)
    if found.low is not None and found.high is not None:
        bar = [100 * min(end, edge) for end in (found.low, found.high)]
        axes.plot(bar, [place, place], linewidth=1.4, alpha=0.5, **style)
    beside(axes, short(row.codec), place, fontsize=10, gid=look.name)
