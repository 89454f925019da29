"""The history of runs for people: what changed, when and by which commit, as lines and as a page with trends."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.history import Break, Change, Series, Timeline, Visit, commits, differing
from reports.drawing import HUES, LEFT, SHAPES, SOFT, Look, _oklch, panel, svg
from reports.page import save
from reports.summary import LINK, decimals, number, pretty
from reports.verdicts import signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 12  # changes of one codec in one run that are told; the page and `--json` have all
DRAWN = 60  # conditions of a metric that are drawn
WORDS = {"lost": "no longer measured", "found": "measured again"}
LABELS = 5  # dates on an axis


@dataclass(frozen=True)
class Event:
    """All that changed for one codec from one run to the next; the largest changes first."""

    codec: str
    before: Visit
    after: Visit
    changes: tuple[Change, ...]

    @property
    def counts(self) -> str:
        """``3 better, 31 worse``."""
        verdicts = [change.verdict for change in self.changes]
        told = [f"{verdicts.count(word)} {word}" for word in ("better", "worse", "changed") if word in verdicts]
        return ", ".join(told)

    @property
    def cause(self) -> tuple[list[str], list[str]]:
        """The commits between the two runs, and what the runs say otherwise of the codec and of the machine."""
        codecs = (visit.codecs.get(self.codec, {}) for visit in (self.before, self.after))
        facts = [*differing(*codecs), *differing(self.before.environment, self.after.environment)]
        return commits(self.before, self.after), facts


def events(found: Timeline, series: Sequence[Series]) -> list[Event]:
    """The changes by run and codec, newest first."""
    spans = _spans(series)
    groups: dict[tuple[str, str, str], list[Change]] = defaultdict(list)
    for change in found.changes:
        groups[change.after.run, change.series.codec, change.series.key[0]].append(change)
    return [
        Event(
            changes[0].series.codec,
            max((change.before for change in changes), key=lambda visit: visit.when),
            changes[0].after,
            tuple(sorted(changes, key=lambda change: -_size(change, spans))),
        )
        for changes in groups.values()
    ]


def _spans(series: Sequence[Series]) -> dict[str, float]:
    """How far apart the values of each metric lie: what a change of it is large or small beside."""
    values: dict[str, list[float]] = defaultdict(list)
    for one in series:
        values[one.name] += [cell["value"] for cell in one.cells if cell["value"] is not None]
    return {name: max(known) - min(known) for name, known in values.items() if known}


def _size(change: Change, spans: Mapping[str, float]) -> float:
    if change.difference is None or change.difference.value is None:
        return float("inf")
    return abs(change.difference.value) / (spans.get(change.series.name) or 1.0)


def told(change: Change) -> str:
    """``3.10 → 2.98 (−0.12 [−0.15, −0.09] MOS-LQO)``, with the numbers of values where they differ."""
    found = change.difference
    counts = "" if change.counts[0] == change.counts[1] else f"; n {change.counts[0]} → {change.counts[1]}"
    if found is None or found.value is None:
        return WORDS.get(change.kind, change.kind) + counts
    digits = decimals((found.first, found.second)) + 1
    interval = "" if found.low is None else f" [{signed(found.low, digits)}, {signed(found.high, digits)}]"
    unit = f" {change.series.unit}" if change.series.unit else ""
    values = f"{number(found.first, digits)} → {number(found.second, digits)}"
    return f"{values} ({signed(found.value, digits)}{interval}{unit}){counts}"


def named(series: Series) -> str:
    """The value as reports print it."""
    return pretty(series.name) + (" against the input" if series.key[-1] == "input" else "")


def when(visit: Visit) -> str:
    """``2026-01-29 14:03``."""
    try:
        return f"{datetime.fromisoformat(visit.when):%Y-%m-%d %H:%M}"
    except ValueError:
        return visit.when


def lines(series: Sequence[Series], found: Timeline) -> Iterator[str]:
    """For a terminal: how many runs, and every event with its commits and its largest changes."""
    visits = visits_of(series)
    yield f"{len(visits)} runs, {when(visits[0])} to {when(visits[-1])}; {len(series)} series"
    for event in events(found, series):
        by, facts = event.cause
        yield f"{when(event.after)}  {event.codec}: {event.counts}; by {', '.join(by) or 'no known commit'}"
        yield from (f"    {fact}" for fact in facts)
        for change in event.changes[:MOST]:
            yield f"    {change.verdict}: {named(change.series)}, {change.series.condition}: {told(change)}"
        if len(event.changes) > MOST:
            yield f"    and {len(event.changes) - MOST} more; -o FILE or --json has all"
    for fields, ones in breaks(found):
        yield f"{when(ones[0].after)}  not comparable with before ({len(ones)} series): {', '.join(fields)}"
    if not found.changes:
        yield "no changes"


def visits_of(series: Sequence[Series]) -> list[Visit]:
    """Every run, in the order of time."""
    known = {visit.run: visit for one in series for visit in one.visits}
    return sorted(known.values(), key=lambda visit: (visit.when, visit.run))


def breaks(found: Timeline) -> list[tuple[tuple[str, ...], list[Break]]]:
    """Series that broke in one run for one reason, together."""
    groups: dict[tuple[str, tuple[str, ...]], list[Break]] = defaultdict(list)
    for one in found.breaks:
        groups[one.after.run, one.fields].append(one)
    return [(fields, ones) for (_, fields), ones in groups.items()]


# --- The page ---


def write(series: Sequence[Series], found: Timeline, output: Path, title: str) -> Path:
    """The page at `output`.

    Raises:
        UserError: when it cannot be written.
    """
    return save("history.html", output, context(series, found, title))


def context(series: Sequence[Series], found: Timeline, title: str) -> dict[str, Any]:
    """What the page shows."""
    visits, look = visits_of(series), looks(list(dict.fromkeys(one.codec for one in series)))
    return {
        "title": title,
        "looks": look,
        "visits": visits,
        "first": when(visits[0]),
        "last": when(visits[-1]),
        "counts": [(len(visits), "runs"), (len(series), "series"), (len(found.changes), "changes")],
        "events": [_told_event(event) for event in events(found, series)],
        "breaks": [(when(ones[0].after), fields, len(ones)) for fields, ones in breaks(found)],
        "metrics": _metrics(series, found, visits, look),
    }


def _told_event(event: Event) -> dict[str, Any]:
    by, facts = event.cause
    changes = [
        {
            "verdict": change.verdict,
            "metric": named(change.series),
            "condition": change.series.condition,
            "told": told(change),
        }
        for change in event.changes
    ]
    return {"when": when(event.after), "codec": event.codec, "counts": event.counts, "commits": by, "facts": facts} | {
        "changes": changes
    }


def _metrics(
    series: Sequence[Series], found: Timeline, visits: Sequence[Visit], look: Mapping[str, Look]
) -> list[dict[str, Any]]:
    """Small multiples per metric, a panel per condition; those that changed last first, scores before rates."""
    from markupsafe import Markup

    newest: dict[str, str] = {}
    for change in found.changes:
        newest.setdefault(named(change.series), change.after.when)
    groups: dict[str, dict[str, list[Series]]] = defaultdict(lambda: defaultdict(list))
    for one in series:
        groups[named(one)][one.condition].append(one)
    rates = {named(one) for one in series if one.key[-3] == LINK}
    order = sorted(sorted(groups, key=lambda name: name in rates), key=lambda name: newest.get(name, ""), reverse=True)
    marks = {id(change.series): [] for change in found.changes}  # type: dict[int, list[Change]]
    for change in found.changes:
        marks[id(change.series)].append(change)
    made = []
    for number_, name in enumerate(order):
        panels = list(groups[name].items())
        drawn = [(condition, trend(ones, visits, look, marks, found)) for condition, ones in panels[:DRAWN]]
        plots = [(condition, Markup(svg)) for condition, svg in drawn]  # drawing escapes what it writes
        left = max(0, len(panels) - DRAWN)
        made.append({"identity": f"m{number_}", "name": name, "plots": plots, "left_out": left})
    return made


def looks(codecs: Sequence[str]) -> dict[str, Look]:
    """A look per codec."""
    shapes = list(SHAPES)
    return {
        codec: Look(
            index,
            codec,
            light=_oklch(0.42 + 0.12 * (index // len(HUES) % 2), 0.13, HUES[index % len(HUES)]),
            dark=_oklch(0.82 - 0.12 * (index // len(HUES) % 2), 0.12, HUES[index % len(HUES)]),
            shape=shapes[index % len(shapes)],
        )
        for index, codec in enumerate(codecs)
    }


def trend(
    series: Sequence[Series],
    visits: Sequence[Visit],
    look: Mapping[str, Look],
    marks: Mapping[int, Sequence[Change]],
    found: Timeline,
) -> str:
    """The values of one metric in one condition over runs, a line per codec; markers where a new level begins."""
    at = {visit.run: place for place, visit in enumerate(visits)}
    first = series[0]
    with panel(f"trend {first.key}", LEFT + 8, 14) as (figure, axes):
        axes.grid(axis="y", linewidth=1)
        axes.locator_params(axis="y", nbins=5)
        for one in series:
            _line(axes, one, at, look[one.codec], marks.get(id(one), ()))
        members = {id(one) for one in series}
        for place in {at[one.after.run] for one in found.breaks if id(one.series) in members}:
            axes.axvline(place - 0.5, color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
        _dates(axes, visits)
        unit = f", {first.unit}" if first.unit else ""
        arrow = {"higher": "  ↑ better", "lower": "  ↓ better"}.get(first.better, "")
        name = f"{named(first)}{unit}{arrow}"
        axes.annotate(
            name, (0, 1), xycoords=("figure points", "figure fraction"), xytext=(0, -12), textcoords="offset points"
        )
        return svg(figure, f"{named(first)} over runs, {first.condition}: {', '.join(one.codec for one in series)}")


def _line(axes: "Axes", one: Series, at: Mapping[str, int], look: Look, marks: Sequence[Change]) -> None:
    """One codec: its values and intervals, broken where they do not compare or there are none."""
    known = [
        (at[v.run], c)
        for v, c in zip(one.visits, one.cells, strict=True)
        if c["value"] is not None and c["value"] == c["value"]
    ]
    if not known:
        return
    xs, ys = [x for x, _ in known], [cell["value"] for _, cell in known]
    line = axes.plot(
        xs, ys, color=look.ink, linewidth=1.6, marker=SHAPES[look.shape], markersize=3.5, markeredgewidth=0
    )[0]
    line.set_gid(look.name)
    spread = [(x, c["low"], c["high"]) for x, c in known if c["low"] is not None and c["low"] == c["low"]]
    if spread:
        places, lows, highs = (list(column) for column in zip(*spread, strict=True))
        band = axes.fill_between(places, lows, highs, color=look.ink, alpha=0.12, linewidth=0)
        band.set_gid(look.name)
    level = {at[change.after.run] for change in marks if change.kind == "step"}
    steps = [(x, cell["value"]) for x, cell in known if x in level]
    if steps:
        big = axes.plot(
            *zip(*steps, strict=True),
            color=look.ink,
            linestyle="none",
            marker=SHAPES[look.shape],
            markersize=9,
            markeredgewidth=0,
        )[0]
        big.set_gid(look.name)


def _dates(axes: "Axes", visits: Sequence[Visit]) -> None:
    """Runs in their order, dates under some of them."""
    last = len(visits) - 1
    axes.set_xlim(-0.5, last + 0.5)
    places = sorted({round(i * last / max(1, min(LABELS - 1, last))) for i in range(min(LABELS, last + 1))})
    axes.set_xticks(places, [when(visits[place])[5:10] for place in places])
