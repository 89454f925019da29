"""A run's estimates as a booktabs LaTeX table, a Markdown table or tidy CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Literal, TypeAlias

from benchmark.registry import nearest
from benchmark.types import UserError
from reports.blocks import Block, printed
from reports.escape import spreadsheet
from reports.measured_on import measured_on
from reports.ranking import Ranking, ranking
from reports.summary import EMPTY, ON_TOKENS, Cell, Run, load, number, precision

Format: TypeAlias = Literal["latex", "markdown", "csv"]
FORMATS = ("latex", "markdown", "csv")
ARROWS = {"higher": "↑", "lower": "↓"}
DIMENSIONS = ("codec", "condition", "metric")
CSV_COLUMNS = (
    *DIMENSIONS,
    *("title", "channel", "acoustics", "playout", "name", "reference"),
    *("unit", "value", "low", "high", "n", "asked", "clusters"),
)


def render(
    run: Path,
    format: Format,
    metrics: Sequence[str] | None = None,
    rows: str = "codec",
    cols: str = "condition",
    data: str | None = None,
) -> str:
    """The estimates of the run folder `run` as text; what was never asked is left out.

    Args:
        run: the run folder.
        format: latex, markdown or csv.
        metrics: names as `focalbench ls metrics` prints them, with ` · input` behind them where they are against what
            the codec was given; None takes every score, without the rows of link and probe. Values of downstream
            tasks are named likewise; those from tokens never share a table with others.
        rows: codec, condition (also spelled channel) or metric.
        cols: likewise, another one; the third makes one table each. CSV is tidy: one line per
            estimate, in the order of the printed tables.
        data: one data set of the run, such as a language of `multilingual`; None pools all.

    Raises:
        UserError: for an unknown format, metric, dimension or data set.
    """
    if format not in FORMATS:
        raise UserError(f"No table format {format!r}. {nearest(format, FORMATS)}")
    row, col = _dimension(rows), _dimension(cols)
    if row == col:
        raise UserError(f"Rows and columns are both {row!r}; choose two of {', '.join(DIMENSIONS)}.")
    block = next(d for d in DIMENSIONS if d not in (row, col))
    whole = load(run, data)
    parts = list(chosen(whole, metrics))
    if format == "csv":
        return _csv(parts, (block, row, col))
    taught = whole.tasks.get(ON_TOKENS)  # every seed is another network there
    blocks = (_block(p, names, (block, row, col), name, p is taught) for p, names in parts for name in names[block])
    return printed(blocks, format)


def _dimension(name: str) -> str:
    name = "condition" if name == "channel" else name
    if name not in DIMENSIONS:
        raise UserError(f"No dimension {name!r}. {nearest(name, DIMENSIONS)}")
    return name


def chosen(run: Run, metrics: Sequence[str] | None) -> Iterator[tuple[Run, dict[str, tuple[str, ...]]]]:
    """The run, and the answers to its tasks on decoded audio and from tokens, with the names that are asked of each.

    Raises:
        UserError: for a metric that none of them has.
    """
    every = (run, *run.tasks.values())
    known = [metric for part in every for metric in part.metrics]
    for metric in metrics or ():
        if metric not in [*known, *map(run.base, known)]:
            raise UserError(f"No metric {metric!r} in {run.folder}. {nearest(metric, known)}")
    spoken = [part for way, part in run.tasks.items() if way != ON_TOKENS]
    for part in every if metrics is not None else (run,) if run.scores else spoken:
        wanted = part.scores if metrics is None else tuple(m for name in metrics for m in _known_as(part, name))
        if wanted:
            conditions = tuple(c.name for c in part.conditions)
            yield part, {"codec": part.series, "condition": conditions, "metric": wanted}


def _known_as(run: Run, name: str) -> list[str]:
    """The metric; of several tasks that have a value of this name, each of theirs."""
    if name in run.metrics:
        return [name]
    return [metric for metric in run.titles if run.base(metric) == name]


def _cell(run: Run, dimensions: Sequence[str], names: Sequence[str]) -> tuple[Cell, str]:
    """The cell at `names` along `dimensions`, and the metric it is of."""
    at = dict(zip(dimensions, names, strict=True))
    return run.cells.get((at["codec"], at["condition"], at["metric"]), EMPTY), at["metric"]


def _block(
    run: Run, names: dict[str, tuple[str, ...]], dimensions: tuple[str, str, str], name: str, seeded: bool
) -> Block:
    block, row, col = dimensions
    asked = {(r, c) for r in names[row] for c in names[col] if _cell(run, dimensions, (name, r, c))[0].asked}
    rows = [r for r in names[row] if any(r == other for other, _ in asked)]
    cols = [c for c in names[col] if any(c == other for _, other in asked)]
    grid = [[_cell(run, dimensions, (name, r, c)) for c in cols] for r in rows]
    sizes = {(cell.estimate.n, cell.asked) for line in grid for cell, _ in line if cell.asked}
    digits = {metric: precision(run, metric) for metric in names["metric"]}
    body = tuple(
        (_label(run, row, r), *(_text(cell, digits[metric], len(sizes) > 1) for cell, metric in line))
        for r, line in zip(rows, grid, strict=True)
    )
    head = (row, *(_label(run, col, c) for c in cols))
    clusters = max((cell.estimate.clusters for line in grid for cell, _ in line), default=0)
    places = {
        (x, y + 1): dict(zip(dimensions, (name, r, c), strict=True))
        for x, r in enumerate(rows)
        for y, c in enumerate(cols)
    }
    ranked = _ranking(run, block, list(places.values()), digits, seeded)
    told = measured_on(run, {metric for line in grid for _, metric in line})
    return Block(
        _heading(run, block, name),
        " ".join(filter(None, [_note(clusters, sizes), ranked.note, told])),
        head,
        body,
        f"{run.facts.get('name', 'run')} {name}",
        {at: ranked.marks[key] for at, place in places.items() if (key := _key(place)) in ranked.marks},
    )


def _key(place: dict[str, str]) -> tuple[str, str, str]:
    return place["codec"], place["condition"], place["metric"]


def _ranking(run: Run, block: str, places: Sequence[dict[str, str]], digits: dict[str, int], seeded: bool) -> Ranking:
    """Codecs compete in the columns, or in the rows, they are side by side in; in tables of one codec, nobody does."""
    if block == "codec":
        return Ranking()
    contests = dict.fromkeys((place["condition"], place["metric"]) for place in places)
    return ranking(run, contests, list(dict.fromkeys(place["codec"] for place in places)), digits, seeded)


def _text(cell: Cell, digits: int, sizes: bool) -> str:
    half = cell.estimate.half
    text = number(cell.estimate.value, digits) + (f" ± {number(half, digits)}" if half is not None else "")
    return f"{text} ({cell.estimate.n}/{cell.asked})" if sizes and cell.asked else text


def _note(clusters: int, sizes: set[tuple[int, int]]) -> str:
    note = f"Value ± half of the 95 % interval over {clusters} speakers" if clusters > 1 else "Value, without interval"
    if len(sizes) == 1:
        n, asked = sizes.pop()
        return f"{note}; {n} valid of {asked} asked in every cell."
    return f"{note}; in brackets: valid of asked."


def _label(run: Run, dimension: str, name: str) -> str:
    if dimension == "condition":
        return next(c.title for c in run.conditions if c.name == name)
    if dimension == "metric":
        return " ".join(filter(None, (run.named(name), _bracketed(run.unit(name)), ARROWS.get(run.better(name)))))
    return name


def _heading(run: Run, dimension: str, name: str) -> str:
    if dimension != "metric":
        return _label(run, dimension, name)
    direction = {"higher": "higher is better", "lower": "lower is better"}.get(run.better(name), "")
    detail = ", ".join(filter(None, (run.unit(name), direction)))
    return " ".join(filter(None, (run.named(name), ARROWS.get(run.better(name)), _bracketed(detail))))


def _bracketed(text: str) -> str:
    return f"({text})" if text else ""


def _csv(parts: Sequence[tuple[Run, dict[str, tuple[str, ...]]]], dimensions: tuple[str, str, str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for run, names in parts:
        writer.writerows(_lines(run, names, dimensions))
    return out.getvalue()


def _lines(run: Run, names: dict[str, tuple[str, ...]], dimensions: tuple[str, str, str]) -> Iterator[list[object]]:
    conditions = {c.name: c for c in run.conditions}
    for at in product(*(names[d] for d in dimensions)):
        cell, metric = _cell(run, dimensions, at)
        if not cell.asked:
            continue
        place = dict(zip(dimensions, at, strict=True))
        condition, estimate = conditions[place["condition"]], cell.estimate
        texts = [
            *(place[d] for d in DIMENSIONS),
            condition.title,
            *(condition.channel.text, condition.acoustics.text, condition.playout.text),
            *(run.base(metric), run.reference(metric)),
            run.unit(metric),
        ]
        yield [
            *map(spreadsheet, texts),
            *(estimate.value, estimate.low, estimate.high),
            *(estimate.n, cell.asked, estimate.clusters),
        ]
