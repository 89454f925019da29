"""The comparison of a field of codecs: a line for each with what readers of papers ask for, and what is missing."""

import csv
import io
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import NamedTuple

from benchmark.dropout import Tolerance
from benchmark.stats import NOTHING, Estimate
from reports import costs, dropout, table, tasks
from reports.blocks import Block, printed
from reports.conditions import Condition
from reports.escape import spreadsheet
from reports.facts import algorithmic
from reports.measured_on import measured_on
from reports.ranking import Mark, Ranking, ranking, ranks
from reports.summary import EMPTY, INPUT, ON_TOKENS, Cell, Run, load, number, precision
from reports.table import ARROWS, Format
from reports.words import loss_free

CSV_COLUMNS = ("codec", "quantity", "measured_by", "unit", "value", "low", "high", "n", "asked", "printed")
LOSS_FREE = " · loss_free"


class Entry(NamedTuple):
    """One quantity of one codec: what is printed, what it says, and of how many asked."""

    text: str
    estimate: Estimate = NOTHING
    asked: int = 0


class Column(NamedTuple):
    """One quantity: what it was measured by (empty where that goes without saying), its unit, an entry per codec.

    `metric` is that of the run, where rows of the run are what was measured; `digits` are printed behind the point.
    """

    head: str
    by: str
    unit: str
    entries: tuple[Entry, ...]
    metric: str = ""
    better: str = "neither"
    digits: int = 0


class Field(NamedTuple):
    """Codecs, columns, and sentences on what is missing."""

    codecs: tuple[str, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


class Quantity(NamedTuple):
    """What a column shows: the first of `names` that a run has, times `factor`; else, how a run gets it."""

    head: str
    unit: str
    names: tuple[str, ...]
    how: str
    factor: float = 1.0
    digits: int | None = None


SCORES = (
    Quantity("net rate", "kbit/s", ("net_bps",), "any codec that runs", 1e-3, 2),
    Quantity("on the wire", "kbit/s", ("wire_bps",), "any codec that runs", 1e-3, 2),
    Quantity("predicted MOS", "", ("utmos", "nisqa_mos", "dnsmos_ovrl", "plcmos"), "metrics: dnsmos, nisqa or utmos"),
    Quantity("PESQ", "", ("pesq_wb", "pesq_nb"), "metrics: pesq"),
    Quantity("STOI", "", ("stoi",), "metrics: stoi"),
    Quantity("dWER", "%", ("dwer",), "metrics: asr", 100, 1),
    Quantity(
        "speaker similarity", "", ("spk_sim_wavlm", "spk_sim_ecapa", "spk_sim_resemblyzer"), "metrics: speaker_ecapa"
    ),
)
COSTS = (
    Quantity("operations", "GMAC/s", ("macs_per_s",), "--timing", 1e-9, 2),
    Quantity("real-time factor, encoder", "", ("encode_rtf",), "--timing", digits=3),
    Quantity("real-time factor, decoder", "", ("decode_rtf",), "--timing", digits=3),
    Quantity("peak memory", "MiB", ("peak_memory_mib",), "--timing", digits=0),
)
LATENCY = Quantity("algorithmic latency", "ms", (), "a streaming codec")
TOLERANCE = Quantity("loss tolerance", "%", ("pesq_wb", "pesq_nb", "plcmos", "stoi"), "three loss rates of one network")


def field(run: Run) -> Field:
    """The codecs of a run, each under its first protection and loss strategy, without loss and on clean speech."""
    codecs = owners(run)
    made = [
        *((quantity, _scores(run, codecs, quantity)) for quantity in SCORES),
        (LATENCY, Column(LATENCY.head, "", "ms", tuple(latency(run, c) for c in codecs), "", "lower", 1)),
        *((quantity, _costs(run, codecs, quantity)) for quantity in COSTS),
        (TOLERANCE, _tolerance(run, codecs)),
    ]
    shown = tuple(column for _, column in made if any(entry.text != "–" for entry in column.entries))
    missing = [f"{quantity.head} ({quantity.how})" for quantity, column in made if column not in shown]
    notes = [f"{codec}: {why}." for codec in codecs if (why := absent(run, codec))]
    if loss_free(run) is None:
        notes.append("This run has no condition without loss on clean speech, where scores and rates would be from.")
    return Field(codecs, shown, (*notes, *([f"Not in this run: {', '.join(missing)}."] if missing else [])))


def owners(run: Run) -> tuple[str, ...]:
    """One label for each codec: under its first protection and loss strategy."""
    return tuple(list({run.origin(codec): codec for codec in reversed(run.codecs)}.values())[::-1])


def latency(run: Run, codec: str) -> Entry:
    """The algorithmic one, ms; none of a codec that hears the whole file first."""
    text = algorithmic(run.about(codec))
    value = float(text) if text[0].isdigit() else None
    return Entry(text, Estimate(value, None, None, int(value is not None), 0), 1)


def absent(run: Run, codec: str) -> str:
    """Why a codec did not run; "" of one that did."""
    about = run.about(codec)
    return str(about.get("reason", "")).rstrip(".") if about.get("status", "ok") != "ok" else ""


def measured_by(run: Run, names: Sequence[str], codecs: Sequence[str]) -> str:
    """The first of these values that any of the codecs has, by its first scorer; "" where none has."""
    for name in names:
        for metric in (m for m in run.metrics if run.base(m) == name and not m.endswith((INPUT, LOSS_FREE))):
            if any(clean(run, codec, metric).estimate.value is not None for codec in codecs):
                return metric
    return ""


def clean(run: Run, codec: str, metric: str) -> Cell:
    """What was measured without loss, on clean speech; empty in a run that has no such condition."""
    condition = loss_free(run)
    return EMPTY if condition is None else run.cell(codec, condition.name, metric)


def scorer(run: Run, metric: str) -> str:
    """Who measured it, with all parameters."""
    found = run.rows.loc[run.rows["metric"] == metric, "scorer"]
    return str(found.iloc[0]) if len(found) else ""


def _scores(run: Run, codecs: Sequence[str], quantity: Quantity) -> Column:
    metric = measured_by(run, quantity.names, codecs)
    digits = _digits(run, metric, quantity)
    entries = tuple(entry(run, codec, metric, quantity) for codec in codecs)
    named = run.named(metric) if metric and len(quantity.names) > 1 else ""
    if quantity.names == ("dwer",) and metric:  # of which the recogniser decides
        named = scorer(run, metric)
    if named.startswith(quantity.head):  # PESQ-WB says PESQ
        return Column(named, "", quantity.unit, entries, metric, run.better(metric), digits)
    return Column(quantity.head, named, quantity.unit, entries, metric, run.better(metric), digits)


def entry(run: Run, codec: str, metric: str, quantity: Quantity) -> Entry:
    """What a codec was measured to have of a quantity, by this metric."""
    cell, digits = clean(run, codec, metric), _digits(run, metric, quantity)
    return _printed(scaled(cell.estimate, quantity.factor), cell.asked, digits, quantity.unit != "kbit/s")


def _digits(run: Run, metric: str, quantity: Quantity) -> int:
    return quantity.digits if quantity.digits is not None else precision(run, metric) if metric else 0


def _printed(estimate: Estimate, asked: int, digits: int, halved: bool = True) -> Entry:
    """`84.0 ± 3.1 (210/216)`: a value, half of its interval if that is wanted, and of how many where not of all."""
    half = "" if estimate.half is None or not halved else f" ± {number(estimate.half, digits)}"
    partly = f" ({estimate.n}/{asked})" if 0 < estimate.n < asked else ""
    return Entry(number(estimate.value, digits) + half + partly, estimate, asked)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """In another unit."""
    value, low, high = (None if x is None else factor * x for x in (estimate.value, estimate.low, estimate.high))
    return Estimate(value, low, high, estimate.n, estimate.clusters)


def _costs(run: Run, codecs: Sequence[str], quantity: Quantity) -> Column:
    entries = tuple(cost(run, codec, quantity) for codec in codecs)
    return Column(quantity.head, "", quantity.unit, entries, "", "lower", quantity.digits or 0)


def cost(run: Run, codec: str, quantity: Quantity) -> Entry:
    """What a codec takes, measured once."""
    value = costs.measured(run, codec, quantity.names[0])
    value = run.probes.get((run.origin(codec), quantity.names[0])) if value is None else value
    value = None if value is None else value * quantity.factor
    return Entry(number(value, quantity.digits or 0), Estimate(value, None, None, int(value is not None), 0))


def _tolerance(run: Run, codecs: Sequence[str]) -> Column:
    by, found = tolerated(run)
    return Column(TOLERANCE.head, by, "%", tuple(found.get(codec, Entry("–")) for codec in codecs), "", "higher", 1)


def tolerated(run: Run) -> tuple[str, dict[str, Entry]]:
    """By which score and network loss tolerance is told, and up to how many percent each codec holds."""
    for name in TOLERANCE.names:
        curve, found = dropout.tolerances(run, name)
        if found:
            return f"{run.named(name)}, {curve}", {codec: _broken(t) for codec, t in found.items()}
    return "", {}


def _broken(found: Tolerance) -> Entry:
    """A break point in percent, with its interval."""
    between, covered = dropout.between(found.break_point, found.levels), found.clean.n
    partly = f" ({covered}/{found.asked})" if covered < found.asked else ""
    beyond = found.break_point.value in (None, inf)
    estimate = NOTHING if beyond else scaled(found.break_point, 100)
    return Entry(
        " ".join(filter(None, [dropout.rate(found.break_point.value, found.levels), between])) + partly, estimate
    )


# --- Printed ---


def render(folder: Path, format: Format, data: str | None = None) -> str:
    """The comparison as LaTeX, Markdown or tidy CSV; on one data set of the run where `data` names it.

    Raises:
        UserError: when the folder is no finished run, or holds no such data.
    """
    run = load(folder, data)
    if run.loose:  # files from elsewhere, of which there is nothing but scores
        return table.render(folder, format, data=data)
    if not run.scores and any(judged.conditions for judged in run.tasks.values()):
        title, found = answers(run)
        return _csv(found) if format == "csv" else printed([_answers_block(run, title, found)], format)
    found = field(run)
    return _csv(found) if format == "csv" else printed([_block(run, found)], format)


def _block(run: Run, found: Field) -> Block:
    clusters = max((cell.estimate.clusters for cell in run.cells.values()), default=0)
    interval = f"Value ± half of the 95 % interval over {clusters} speakers." if clusters > 1 else ""
    robust = TOLERATED if any(column.head == TOLERANCE.head for column in found.columns) else ""
    return _printable(run, loss_free(run), found, "Codecs, without loss and on clean speech", [interval, SAYS, robust])


def _printable(
    run: Run, condition: Condition | None, found: Field, title: str, notes: Sequence[str], seeded: bool = False
) -> Block:
    """The block of a field whose metrics were measured in `condition`, with its marks."""
    body = zip(found.codecs, *([entry.text for entry in column.entries] for column in found.columns), strict=True)
    metrics = {column.metric: column.digits + _shift(column) for column in found.columns if column.metric}
    contests = [(condition.name, metric) for metric in metrics] if condition else []
    ranked = ranking(run, contests, [c for c in found.codecs if c in run.series], metrics, seeded)
    marks: dict[tuple[int, int], Mark] = {}
    for place, column in enumerate(found.columns):
        told = _marks(found.codecs, condition.name, column, ranked) if column.metric and condition else _ranks(column)
        marks |= {(row, place + 1): mark for row, mark in told.items()}
    told_of = measured_on(run, list(metrics))
    note = " ".join(filter(None, [*notes, ranked.note, *found.notes, told_of]))
    return Block(title, note, ("codec", *map(head, found.columns)), tuple(body), f"{_name(run)} codecs", marks)


def _name(run: Run) -> str:
    return str(run.facts.get("name", "run"))


def _shift(column: Column) -> int:
    """Digits that a unit moves the point by: rates are measured in bit/s and printed in kbit/s, shares in percent."""
    return {"kbit/s": -3, "%": 2}.get(column.unit, 0)


def _marks(codecs: Sequence[str], condition: str, column: Column, ranked: Ranking) -> dict[int, Mark]:
    keys = {row: (codec, condition, column.metric) for row, codec in enumerate(codecs)}
    return {row: ranked.marks[key] for row, key in keys.items() if key in ranked.marks}


def _ranks(column: Column) -> dict[int, Mark]:
    """Of what was measured once, without anything to test; none where somebody's lies beyond what was measured."""
    if any(e.estimate.value is None and e.text != "–" for e in column.entries):
        return {}
    values = {str(row): e.estimate.value for row, e in enumerate(column.entries)}
    known = {row: round(value, column.digits) for row, value in values.items() if value is not None}
    return {int(row): Mark(rank) for row, rank in ranks(known, column.better).items()}


def answers(run: Run) -> tuple[str, Field]:
    """Of a run of downstream tasks alone: its first table, of decoded audio where there is any, and what it is called.

    Its first lines are what is scored without listening, and uncoded speech.
    """
    way, judged = _answered(run)
    condition = loss_free(judged) or judged.conditions[0]
    shown = tasks.table(run, way, condition, {})
    rows = (*shown.references, *shown.rows)
    rates = tuple(_rate(tasks.rate_of(run, row.name) if row in shown.rows else None) for row in rows)
    columns = [Column("net rate", "", "kbit/s", rates)]
    for place, column in enumerate(shown.columns):
        entries = (_answer(row, place, judged.cell(row.name, condition.name, column.metric)) for row in rows)
        name, metric = judged.named(column.metric), column.metric
        columns.append(Column(name, "", "%", tuple(entries), metric, judged.better(metric), 1))
    listeners = ", ".join(dict.fromkeys(scorer(judged, column.metric) for column in shown.columns))
    names = tuple(row.name for row in rows)
    return shown.title, Field(names, tuple(columns), (f"Answered by: {listeners}.", *shown.notes))


def _rate(cell: Cell | None) -> Entry:
    estimate = scaled(cell.estimate, 1e-3) if cell else NOTHING
    return Entry(number(estimate.value, 2), estimate, cell.asked if cell else 0)


def _answer(row: tasks.Row, place: int, cell: Cell) -> Entry:
    """What was measured, or what is known without any measurement."""
    known = Estimate(row.fields[place].order, None, None, 0, 0)
    return _printed(scaled(cell.estimate if cell.asked else known, 100), cell.asked, 1)


def _answers_block(run: Run, title: str, found: Field) -> Block:
    way, judged = _answered(run)
    condition = loss_free(judged) or judged.conditions[0]
    return _printable(judged, condition, found, title, [ANSWERED], way == ON_TOKENS)


def _answered(run: Run) -> tuple[str, Run]:
    """What the tasks are answered by, and their answers: decoded audio where there is any."""
    return next((way, judged) for way, judged in run.tasks.items() if judged.conditions)


ANSWERED = "Value ± half of the 95 % interval over speakers."
SAYS = "Latency: a group of frames, look-ahead and measured delay, without network and computing."
TOLERATED = "Loss tolerance: the loss up to which the named score stays within its margin."


def head(column: Column) -> str:
    """`predicted MOS by DNSMOS, unit ↑`."""
    unit = f", {column.unit}" if column.unit else ""
    arrow = f" {ARROWS[column.better]}" if column.better in ARROWS else ""
    return column.head + (f" by {column.by}" if column.by else "") + unit + arrow


def _csv(found: Field) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_lines(found))
    return out.getvalue()


def _lines(found: Field) -> Iterator[tuple[object, ...]]:
    for place, codec in enumerate(found.codecs):
        for column in found.columns:
            text, estimate, asked = column.entries[place]
            ends = estimate.value, estimate.low, estimate.high
            named = map(spreadsheet, (codec, column.head, column.by, column.unit))
            yield *named, *ends, estimate.n, asked, spreadsheet(text)
