"""The data behind the page, inside it: pooled values as CSV, and single rows, compressed, where they are few enough.

Both are data URIs of links, so that they need no script and no network, and markup in them can do nothing.
"""

import base64
import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from benchmark.table import read
from reports.escape import spreadsheet
from reports.summary import Run

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

MOST = 40_000  # rows of a run that are put into its page
ROOM = 1_500_000  # bytes of these, compressed; beyond 2 MB some browsers refuse
KEY = 12  # characters of a row's key, as `focalbench replay` takes them
HEAD = (
    *("codec", "condition", "channel", "acoustics", "playout", "metric", "name", "reference", "unit", "better"),
    *("value", "low", "high", "n", "asked", "speakers"),
)


class File(NamedTuple):
    """What a link downloads."""

    name: str
    href: str
    about: str


class Downloads(NamedTuple):
    """The files of the page, and why the rows are not among them; empty when they are."""

    files: Sequence[File]
    missing: str


def section(run: Run) -> Downloads:
    """The pooled values, and the rows as far as there is room."""
    cells = list(_cells(run))
    summary = _csv([HEAD, *cells]).encode()
    files = [File("summary.csv", _uri("text/csv;charset=utf-8", summary), f"{len(cells):,} pooled values")]
    rows = read(run.folder)
    packed = gzip.compress(_rows(rows).encode(), mtime=0) if len(rows) <= MOST else b""
    if packed and len(packed) <= ROOM:
        about = f"{len(rows):,} rows, {len(packed) / 1e3:,.0f} kB"
        return Downloads([*files, File("rows.csv.gz", _uri("application/gzip", packed), about)], "")
    return Downloads(files, f"The {len(rows):,} rows are too many for this page; they are in results.parquet.")


def _cells(run: Run) -> Iterator[tuple[object, ...]]:
    conditions = {condition.name: condition for condition in run.conditions}
    references = {metric: run.reference(metric) for metric in run.metrics}
    for (codec, name, metric), cell in run.cells.items():
        c, e = conditions[name], cell.estimate
        yield (
            *(codec, c.title, c.channel.text, c.acoustics.text, c.playout.text, metric, run.named(metric)),
            *(references.get(metric, ""), run.unit(metric), run.better(metric)),
            *(e.value, e.low, e.high, e.n, cell.asked, e.clusters),
        )


def _csv(lines: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([spreadsheet(cell) if isinstance(cell, str) else cell for cell in line] for line in lines)
    return out.getvalue()


def _rows(rows: "pd.DataFrame") -> str:
    """The rows as CSV; each text is made harmless once, as most stand in many rows."""
    rows = rows.assign(key=rows["key"].str[:KEY])
    for column in rows.columns.drop(["value", "numerator", "denominator", "seed"]):
        rows[column] = rows[column].map({text: spreadsheet(str(text)) for text in rows[column].unique()})
    found: str = rows.to_csv(index=False, lineterminator="\n")
    return found


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
