"""Score tables and curves: a table per metric, what codecs cost beside it, and what it does over all conditions."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from benchmark.types import Point
from reports import curves, figures
from reports.anchor import differences
from reports.conditions import FILES, Condition, Curve, burst_title, capital, loss_curves, placed_curves, playout_curves
from reports.drawing import Look, axis_title
from reports.help import about
from reports.multiples import multiples
from reports.summary import ANCHOR, EMPTY, INPUT, Cell, Run, decimals, number, precision, pretty
from reports.words import STATUS_WORDS, amid, headline, interval, kbps, latency, loss_free, percent, untouched

if TYPE_CHECKING:
    from markupsafe import Markup

Columns: TypeAlias = list[tuple[str, list[tuple[str, Condition]]]]  # under headings, with their own
MOST = 12  # curves of one metric that are drawn; all are in its table


@dataclass(frozen=True, slots=True)
class Field:
    """A cell of a printed table: its text, what to sort it by, and the smaller lines under it."""

    text: str
    order: float | str | None = None
    interval: str = ""
    coverage: str = ""
    partial: bool = False
    heat: float = 0.0


class Head(NamedTuple):
    """The head of a condition's column: the same identity in every table of the page, and what it says."""

    identity: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Codecs against conditions; `costs` are the columns before these."""

    title: str
    note: str
    costs: bool
    groups: Sequence[tuple[str, Sequence[Head]]]
    rows: Sequence[tuple[str, Sequence[Field]]]


@dataclass(frozen=True, slots=True)
class Score:
    """All that the page shows of one metric, against whatever it was measured; `about` is what `help.yaml` says."""

    identity: str
    name: str
    about: Mapping[str, str]
    tables: Sequence[Table]
    plots: Sequence[tuple[str, "Markup"]]
    left_out: int
    multiples: Sequence[tuple[str, "Markup"]]
    not_drawn: int


def scores(run: Run, look: Mapping[str, Look]) -> list[Score]:
    """The metrics of the page; those against the input stand with those against clean speech."""
    return [_score(run, f"m{i}", metric, look) for i, metric in enumerate(run.offered)]


def _score(run: Run, identity: str, metric: str, look: Mapping[str, Look]) -> Score:
    versions = [version for version in run.versions(metric) if version in run.shown]
    tables = [_table(run, version) for version in versions]
    if (delta := _delta_table(run, versions[0])) is not None:
        tables.insert(1, delta)
    plots, left_out = _plots(run, versions, look)
    small, not_drawn = multiples(run, versions[0], look)
    return Score(identity, pretty(metric), about(run.base(metric)), tables, plots, left_out, small, not_drawn)


# --- Tables ---


def columns(run: Run) -> Columns:
    """Conditions under common headings: what they share, and what tells them apart."""
    groups: dict[str, list[tuple[str, Condition]]] = {}
    traces = all("trace" in c.family for c in run.conditions if not c.clean and not c.swept)
    for condition in run.conditions:
        group, head = _headings(condition, "Recorded traces" if traces else "Other conditions")
        groups.setdefault(group, []).append((head, condition))
    return list(groups.items())


def _headings(c: Condition, rest: str) -> tuple[str, str]:
    if c.title != c.place:  # there are several playout buffers
        return c.place, c.playout.title
    if not c.quiet:
        point, behind = c.acoustics.point, "" if c.lossless else f" · {c.channel.title}"
        if point is None:
            return f"Other acoustics{behind}", capital(c.acoustics.title)
        return capital(point.curve) + behind, _x(point)
    if c.clean or c.family == FILES:
        return "", c.title
    if c.swept:
        return burst_title(c.burst_ratio), f"{100 * (c.loss or 0):g} %"
    point = c.channel.point
    return (rest, c.title) if point is None else (capital(point.curve), _x(point))


def _x(point: Point) -> str:
    return f"{point.x:g}".replace("-", "−") + f" {point.unit}"


def _table(run: Run, metric: str) -> Table:
    asked = {condition for _, condition, name in run.cells if name == metric}
    groups = _of(columns(run), asked)
    conditions = [c for _, group in groups for _, c in group]
    shade, digits = shader(run, metric), precision(run, metric)
    rows = []
    for codec in run.series:
        cells = [run.cell(codec, c.name, metric) for c in conditions]
        if codec != ANCHOR or any(cell.asked for cell in cells):
            fields = [printed(cell, digits, shade) for cell in cells]
            rows.append((codec, fields if run.loose else [*_costs(run, codec), *fields]))
    source = str(run.facts["values"].get(run.base(metric), {}).get("source", ""))
    return Table(axis_title(run, metric), source, not run.loose, heads(run, groups), rows)


def _of(groups: Columns, names: Container[str]) -> Columns:
    """The columns of some conditions."""
    kept = [(title, [(head, c) for head, c in group if c.name in names]) for title, group in groups]
    return [(title, group) for title, group in kept if group]


def heads(run: Run, groups: Columns) -> list[tuple[str, list[Head]]]:
    """What stands above columns: headings, and under each the heads of its columns."""
    order = {condition.name: f"c{place}" for place, condition in enumerate(run.conditions)}
    return [(title, [Head(order[c.name], head) for head, c in group]) for title, group in groups]


def _delta_table(run: Run, metric: str) -> Table | None:
    """Coded less uncoded, where what the codecs were given was scored too."""
    cells = differences(run, metric)
    groups = _of(columns(run), {condition for _, condition in cells})
    if not groups:
        return None
    digits = decimals(cell.estimate.value for cell in cells.values())
    rows = []
    for codec in run.codecs:
        found = [cells.get((codec, c.name), EMPTY) for _, group in groups for _, c in group]
        rows.append((codec, [_signed(printed(cell, digits, lambda value: 0.0)) for cell in found]))
    side = {"higher": " Above zero,", "lower": " Below zero,"}.get(run.better(metric))
    compared = bool(run.reference(metric))
    change = "brought it nearer to clean speech" if compared else "made it better"
    nearer = f"{side} coding {change}." if side else ""
    against = ", both against clean speech" if compared else ""
    note = f"Coded less uncoded{against}, on the same utterances.{nearer}"
    return Table(f"{pretty(metric)}: what coding changes", note, False, heads(run, groups), rows)


def _signed(field: Field) -> Field:
    """With a plus where it prints as more than nothing."""
    positive = isinstance(field.order, float) and field.order > 0 and bool(field.text.strip("0."))
    text = "+" + field.text if positive else field.text
    return Field(text, field.order, field.interval, field.coverage, field.partial)


def _costs(run: Run, codec: str) -> list[Field]:
    """What a codec costs: net and on-wire kbit/s, latency, share of frames with FEC."""
    if codec == ANCHOR:
        return [Field("–")] * 4
    fec = run.overall(codec, "fec_share").estimate.value
    return [
        *(
            Field(kbps(cell), cell.estimate.value)
            for cell in (run.overall(codec, name) for name in ("net_bps", "wire_bps"))
        ),
        Field(*latency(run, codec)),
        Field("–") if fec is None else Field(percent(fec, 0), fec),
    ]


def shader(run: Run, metric: str) -> Callable[[float], float]:
    """How strongly to tint a value: 0 for the worst of this metric, 1 for the best."""
    values = [c.estimate.value for key, c in run.cells.items() if key[2] == metric and c.estimate.value is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    direction = run.better(metric)
    if direction == "neither" or low == high:
        return lambda value: 0.0
    return lambda value: ((value - low) if direction == "higher" else (high - value)) / (high - low)


def printed(cell: Cell, digits: int, shade: Callable[[float], float]) -> Field:
    """A cell in print: its value and interval, or why there is none, and how many of those asked it holds."""
    value = cell.estimate.value
    coverage = f"{cell.estimate.n}/{cell.asked}" if cell.asked else ""
    if value is None:
        status = max(cell.statuses, key=lambda s: cell.statuses[s], default="")
        return Field(STATUS_WORDS.get(status, status) or "–", None, "", coverage, partial=bool(cell.asked))
    partial = cell.estimate.n < cell.asked
    return Field(number(value, digits), value, interval(cell, digits), coverage, partial, round(shade(value), 2))


# --- Curves ---


def glance(run: Run, plots: Sequence[tuple[str, "Markup"]]) -> list[tuple[str, "Markup"]]:
    """The plots to see first: quality over bitrate without loss, and what the conditions do to it, if they do."""
    shown = headline(run)
    rate = [p for p in plots if "on the wire" in p[0]] or [p for p in plots if "bitrate" in p[0]]
    wanted = burst_title(shown.burst_ratio) if shown and shown.swept else None
    loss = [p for p in plots if p[0] == wanted] or [p for p in plots if p not in rate and "bitrate" not in p[0].lower()]
    return [*rate[:1], *loss[:1]]


def _plots(run: Run, versions: Sequence[str], look: Mapping[str, Look]) -> tuple[list[tuple[str, "Markup"]], int]:
    """Captioned plots, and how many curves were left out."""
    from markupsafe import Markup

    metric, known = versions[0], () if run.loose else run.conditions  # of files alone there is a single number
    made: list[tuple[str, str | None]] = []
    if known and (at := loss_free(run) or headline(run)):
        where = untouched(run) if at.clean else f"at {amid(at.title)}"
        made.append((f"Bitrate on the wire, {where}", figures.rate_quality(run, metric, "wire_bps", at, look)))
        made.append((f"Net bitrate, {where}", figures.rate_quality(run, metric, "net_bps", at, look)))
    buffers = [curve for curve in playout_curves(known) if not curve.points[0][1].lossless]  # else there is no need
    plain = [*_worth(loss_curves(known)), *placed_curves(known, "channel"), *buffers]
    both = placed_curves(known, "acoustics")
    drawn = [(curve.title, metric, curve) for curve in plain]
    against = {version: f", {_against(version)}" if len(versions) > 1 else "" for version in versions}
    drawn += [(curve.title + against[version], version, curve) for curve in both for version in versions]
    made += [(title, curves.quality(run, version, curve, look)) for title, version, curve in drawn[:MOST]]
    placed = {c.name for curve in (*plain, *both) for c in curve.conditions}
    others = [c for c in known if not c.clean and c.name not in placed]
    title = "Recorded traces" if all("trace" in c.family for c in others) else "Other conditions"
    made.append((title, figures.forest(run, metric, others, look)))
    return [(caption, Markup(svg)) for caption, svg in made if svg], max(0, len(drawn) - MOST)  # drawing escapes


def _worth(found: Sequence[Curve]) -> list[Curve]:
    """Curves of two rates or more; where there is none, that of one."""
    long = [curve for curve in found if sum(c.swept for c in curve.conditions) > 1]
    return long or list(found[:1])


def _against(metric: str) -> str:
    return "against the input" if metric.endswith(INPUT) else "against clean speech"
