"""The section on recognised words: which errors make up each rate, and the files where a recogniser made words up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reports.conditions import Condition
from reports.scores import Field
from reports.speakers import main_conditions
from reports.summary import EMPTY, INPUT, Cell, Run, number, pretty
from reports.words import percent

RATES = {"wer": "against the transcript", "dwer": "against what is recognised in the reference audio"}
KINDS = ("insertions", "deletions", "substitutions")
LISTED = 50  # files above 100 %


class Row(NamedTuple):
    """A codec in a condition: the rate, its three kinds of errors, and how many files are above 100 %."""

    codec: str
    condition: str
    fields: Sequence[Field]


class File(NamedTuple):
    """A file of which more words were wrong than were said."""

    codec: str
    condition: str
    utterance: str
    rate: str
    text: str
    order: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """The section: a table per rate and recogniser, the files above 100 %, and how many of either are not shown."""

    tables: Sequence[tuple[str, str, Sequence[Row]]]
    files: Sequence[File]
    more_files: int
    left_out: int


def section(run: Run) -> Recognition | None:
    """None where nothing was recognised."""
    metrics = [m for m in run.metrics if run.base(m) in RATES and not m.endswith(INPUT)]
    metrics = [m for m in metrics if any(c.estimate.value is not None for k, c in run.cells.items() if k[2] == m)]
    if not metrics:
        return None
    chosen = main_conditions(run)
    tables = [(pretty(m), RATES[run.base(m)], list(_rows(run, m, chosen))) for m in metrics]
    files = sorted((f for m in metrics for f in _files(run, m)), key=lambda f: -f.order)
    return Recognition(tables, files[:LISTED], max(0, len(files) - LISTED), len(run.conditions) - len(chosen))


def _rows(run: Run, metric: str, conditions: Sequence[Condition]) -> Iterator[Row]:
    base = run.base(metric)
    names = [metric, *(f"{base}_{kind}{metric.removeprefix(base)}" for kind in KINDS)]
    for condition in conditions:
        for codec in run.series:
            cells = [run.cell(codec, condition.name, name) for name in names]
            if cells[0].asked:
                over = _over(run, metric, codec, condition)
                yield Row(codec, condition.title, [*map(_field, cells), Field(str(over), over)])


def _field(cell: Cell) -> Field:
    estimate = cell.estimate
    if cell is EMPTY or estimate.value is None:
        return Field("–", None, "", f"0/{cell.asked}" if cell.asked else "", partial=bool(cell.asked))
    ends = [number(100 * end, 1) for end in (estimate.low, estimate.high) if end is not None]
    spread = f"[{', '.join(ends)}]" if ends else ""
    return Field(percent(estimate.value), estimate.value, spread, f"{estimate.n}/{cell.asked}", estimate.n < cell.asked)


def _over(run: Run, metric: str, codec: str, condition: Condition) -> int:
    rows = run.rows
    here = rows["metric"].eq(metric) & rows["codec"].eq(codec) & rows["condition"].eq(condition.name)
    return int((here & rows["value"].gt(1)).sum())


def _files(run: Run, metric: str) -> Iterator[File]:
    titles = {c.name: c.title for c in run.conditions}
    rows = run.rows[run.rows["metric"].eq(metric) & run.rows["status"].eq("ok") & run.rows["value"].gt(1)]
    wanted = ["codec", "condition", "utterance", "value", "numerator", "denominator"]
    for codec, condition, utterance, value, wrong, said in rows[wanted].itertuples(index=False, name=None):
        text = f"{percent(value, 0)}: {wrong:.0f} errors in {said:.0f} words"
        yield File(codec, titles.get(condition, condition), utterance, pretty(metric), text, value)
