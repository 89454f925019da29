"""The comparison of a field of codecs: a line for each with what readers of papers ask for, and what is missing."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark.stats import NOTHING, Estimate
from reports import costs, dropout
from reports.facts import algorithmic
from reports.summary import INPUT, Run, load, number, precision
from reports.table import PRINTERS, Block, Format

CSV_COLUMNS = ("codec", "quantity", "measured_by", "unit", "value", "low", "high", "n", "asked")
LOSS_FREE = " · loss_free"


class Entry(NamedTuple):
    """One quantity of one codec: what is printed, what it says, and of how many asked."""

    text: str
    estimate: Estimate = NOTHING
    asked: int = 0


class Column(NamedTuple):
    """One quantity: what it was measured by (empty where that goes without saying), its unit, an entry per codec."""

    head: str
    by: str
    unit: str
    entries: tuple[Entry, ...]


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
    Quantity("STOI", "", ("stoi", "estoi"), "metrics: stoi"),
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
        (LATENCY, Column(*LATENCY[:1], "", "ms", tuple(Entry(algorithmic(run.about(codec))) for codec in codecs))),
        *((quantity, _costs(run, codecs, quantity)) for quantity in COSTS),
        (TOLERANCE, _tolerance(run, codecs)),
    ]
    shown = tuple(column for _, column in made if any(entry.text != "–" for entry in column.entries))
    missing = [f"{quantity.head} ({quantity.how})" for quantity, column in made if column not in shown]
    notes = [f"{codec}: {why}." for codec in codecs if (why := absent(run, codec))]
    return Field(codecs, shown, (*notes, *([f"Not in this run: {', '.join(missing)}."] if missing else [])))


def owners(run: Run) -> tuple[str, ...]:
    """One label for each codec: under its first protection and loss strategy."""
    return tuple(list({run.origin(codec): codec for codec in reversed(run.codecs)}.values())[::-1])


def absent(run: Run, codec: str) -> str:
    """Why a codec did not run; "" of one that did."""
    about = run.about(codec)
    return str(about.get("reason", "")).rstrip(".") if about.get("status", "ok") != "ok" else ""


def measured_by(run: Run, names: Sequence[str], codecs: Sequence[str]) -> str:
    """The first of these values that any of the codecs has, by its first scorer; "" where none has."""
    for name in names:
        for metric in (m for m in run.metrics if run.base(m) == name and not m.endswith((INPUT, LOSS_FREE))):
            if any(run.overall(codec, metric).estimate.value is not None for codec in codecs):
                return metric
    return ""


def _scores(run: Run, codecs: Sequence[str], quantity: Quantity) -> Column:
    metric = measured_by(run, quantity.names, codecs)
    entries = tuple(entry(run, codec, metric, quantity) for codec in codecs)
    named = run.named(metric) if (metric and len(quantity.names) > 1) or run.base(metric) != metric else ""
    if named.startswith(quantity.head):  # PESQ-WB says PESQ
        return Column(named, "", quantity.unit, entries)
    return Column(quantity.head, named, quantity.unit, entries)


def entry(run: Run, codec: str, metric: str, quantity: Quantity) -> Entry:
    """What a codec was measured to have of a quantity, by this metric."""
    cell = run.overall(codec, metric)
    digits = quantity.digits if quantity.digits is not None else precision(run, metric) if metric else 0
    estimate = scaled(cell.estimate, quantity.factor)
    half = "" if estimate.half is None or quantity.unit == "kbit/s" else f" ± {number(estimate.half, digits)}"
    partly = f" ({estimate.n}/{cell.asked})" if estimate.n < cell.asked else ""
    return Entry(number(estimate.value, digits) + half + partly, estimate, cell.asked)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """In another unit."""
    value, low, high = (None if x is None else factor * x for x in (estimate.value, estimate.low, estimate.high))
    return Estimate(value, low, high, estimate.n, estimate.clusters)


def _costs(run: Run, codecs: Sequence[str], quantity: Quantity) -> Column:
    return Column(quantity.head, "", quantity.unit, tuple(cost(run, codec, quantity) for codec in codecs))


def cost(run: Run, codec: str, quantity: Quantity) -> Entry:
    """What a codec takes, measured once."""
    value = costs.measured(run, codec, quantity.names[0])
    value = run.probes.get((run.origin(codec), quantity.names[0])) if value is None else value
    value = None if value is None else value * quantity.factor
    return Entry(number(value, quantity.digits or 0), Estimate(value, None, None, int(value is not None), 0))


def _tolerance(run: Run, codecs: Sequence[str]) -> Column:
    by, found = tolerated(run)
    return Column(TOLERANCE.head, by, "%", tuple(found.get(codec, Entry("–")) for codec in codecs))


def tolerated(run: Run) -> tuple[str, dict[str, Entry]]:
    """By which score and network loss tolerance is told, and up to how many percent each codec holds."""
    for name in TOLERANCE.names:
        curve, found = dropout.tolerances(run, name)
        if found:
            return f"{run.named(name)}, {curve}", {
                codec: Entry(dropout.rate(t.break_point.value, t.levels), scaled(t.break_point, 100), t.asked)
                for codec, t in found.items()
            }
    return "", {}


# --- Printed ---


def render(folder: Path, format: Format) -> str:
    """The comparison as LaTeX, Markdown or tidy CSV.

    Raises:
        UserError: when the folder is no finished run.
    """
    run = load(folder)
    found = field(run)
    return _csv(found) if format == "csv" else PRINTERS[format](_block(run, found))


def _block(run: Run, found: Field) -> Block:
    clusters = max((cell.estimate.clusters for cell in run.cells.values()), default=0)
    interval = f"Value ± half of the 95 % interval over {clusters} speakers. " if clusters > 1 else ""
    body = zip(found.codecs, *([entry.text for entry in column.entries] for column in found.columns), strict=True)
    note = interval + " ".join([f"{SAYS} {TOLERATED}", *found.notes])
    return Block("Codecs, without loss and on clean speech", note, ("codec", *map(head, found.columns)), tuple(body))


SAYS = "Latency: a group of frames, look-ahead and measured delay, without network and computing."
TOLERATED = "Loss tolerance: the loss up to which the named score stays within its margin."


def head(column: Column) -> str:
    """`predicted MOS by DNSMOS (unit)`."""
    unit = f", {column.unit}" if column.unit else ""
    return column.head + (f" by {column.by}" if column.by else "") + unit


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
            value = text if estimate.value is None and text != "–" else estimate.value
            yield codec, column.head, column.by, column.unit, value, estimate.low, estimate.high, estimate.n, asked
