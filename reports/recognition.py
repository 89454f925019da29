"""The section on recognised words: who listened, which errors make up each rate, and files with more errors than words.

Of fewer than ten speakers there are no intervals; those of more end at nothing, as errors cannot be fewer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmark.stats import FEW, Estimate, pooled
from reports.conditions import Condition, capital
from reports.scores import Field
from reports.speakers import by_condition, main_conditions, spread
from reports.summary import ANCHOR, EMPTY, INPUT, KINDS, Cell, Run, clusters_of, parts, pretty
from reports.words import percent

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

RATES = {"wer": "against the transcript", "dwer": "against what is recognised in the reference audio"}
HEADS = ("Errors", *map(capital, KINDS), "Files above 100 %")
REFERENCE = "reference audio"  # its own errors, against the transcript
LISTED = 50  # files above 100 %
CHECKSUM = 12  # letters of one that are shown
TRIAL = ["codec", "condition", "acoustics", "dataset", "utterance", "seed"]


class Row(NamedTuple):
    """A codec in a condition: a field per head of its table."""

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
class Table:
    """A rate by one recogniser, `heard` being who that is; `few` says that speakers are."""

    title: str
    against: str
    heard: str
    heads: Sequence[str]
    rows: Sequence[Row]
    few: bool


@dataclass(frozen=True, slots=True)
class Recognition:
    """The section: a table per rate and recogniser, the files above 100 %, and how many of either are not shown."""

    tables: Sequence[Table]
    files: Sequence[File]
    more_files: int
    left_out: int
    least: int = FEW


def section(run: Run) -> Recognition | None:
    """None where nothing was recognised."""
    metrics = [m for m in run.shown if run.base(m) in RATES and not m.endswith(INPUT)]
    if not metrics:
        return None
    chosen = main_conditions(run)
    files = sorted((f for m in metrics for f in _files(run, m)), key=lambda f: -f.order)
    tables = [_table(run, metric, chosen) for metric in metrics]
    return Recognition(tables, files[:LISTED], max(0, len(files) - LISTED), len(run.conditions) - len(chosen))


def _table(run: Run, metric: str, conditions: Sequence[Condition]) -> Table:
    """Of its columns those that hold a value."""
    base = run.base(metric)
    rows = [*_rows(run, metric, conditions), *(_reference(run, metric) if base == "wer" else ())]
    kept = [i for i in range(len(HEADS)) if any(row.fields[i].order is not None for row in rows)]
    shown = [row._replace(fields=[row.fields[i] for i in kept]) for row in rows]
    found = [run.cell(codec, c.name, metric).estimate for codec in run.series for c in conditions]
    few = any(estimate.few for estimate in found if estimate.value is not None)
    return Table(pretty(metric), RATES[base], _heard(run, metric), [HEADS[i] for i in kept], shown, few)


def _rows(run: Run, metric: str, conditions: Sequence[Condition]) -> Iterator[Row]:
    base = run.base(metric)
    names = [metric, *(f"{base}_{kind}{metric.removeprefix(base)}" for kind in KINDS)]
    over = {(codec, c.name): len(part) for codec, c, part in by_condition(run, _above(run, metric), conditions)}
    for condition in conditions:
        for codec in run.series:
            cells = [run.cell(codec, condition.name, name) for name in names]
            if cells[0].asked:
                many = over.get((codec, condition.name), 0)
                yield Row(codec, condition.title, [*map(_field, cells), Field(str(many), many)])


def _field(cell: Cell) -> Field:
    estimate = cell.estimate
    if cell is EMPTY or estimate.value is None:
        return Field("–", None, "", f"0/{cell.asked}" if cell.asked else "", partial=bool(cell.asked))
    ends = spread(estimate, (0.0, inf), 100, 1)
    return Field(percent(estimate.value), estimate.value, ends, f"{estimate.n}/{cell.asked}", estimate.n < cell.asked)


def _reference(run: Run, metric: str) -> Iterator[Row]:
    """What the recogniser makes of the reference audio: `wer` less `wer_delta`, of every utterance that has both."""
    rates = run.rows[run.rows["metric"].eq(metric)]
    excess = run.rows["name"].eq("wer_delta") & run.rows["reference"].isin(rates["reference"].unique())
    excess &= run.rows["scorer"].isin(rates["scorer"].unique())
    added = parts(run.rows[excess]).groupby(TRIAL)["above"].first()
    both = parts(rates).join(added.rename("added"), on=TRIAL).dropna(subset=["above", "added"])
    both = both.drop_duplicates(["dataset", "utterance"])
    if len(both):
        errors = both["above"] - both["added"]
        found: Estimate = pooled(errors, both["below"], clusters_of(both))
        many = int((errors > both["below"]).sum())
        missing = [Field("–") for _ in KINDS]
        yield Row(REFERENCE, "not coded", [_field(Cell(found, len(both), {})), *missing, Field(str(many), many)])


def _above(run: Run, metric: str) -> "pd.DataFrame":
    """The rows of files above 100 %."""
    return run.rows[run.rows["metric"].eq(metric) & run.rows["status"].eq("ok") & run.rows["value"].gt(1)]


def _files(run: Run, metric: str) -> Iterator[File]:
    """What was never coded has met the acoustics alone, and is listed once for all conditions that have these."""
    listed: set[tuple[str, str]] = set()
    for codec, condition, part in by_condition(run, _above(run, metric), run.conditions):
        title = capital(condition.acoustics.title) if codec == ANCHOR else condition.title
        place = (codec, condition.acoustics.text if codec == ANCHOR else condition.name)
        if place in listed:
            continue
        listed.add(place)
        wanted = ["utterance", "value", "numerator", "denominator"]
        for utterance, value, wrong, said in part[wanted].itertuples(index=False, name=None):
            text = f"{percent(value, 0)}: {wrong:.0f} errors in {said:.0f} words"
            yield File(codec, title, utterance, pretty(metric), text, value)


def _heard(run: Run, metric: str) -> str:
    """`pocketsphinx, normaliser auto; jiwer 4.0.0`: the scorer's parameters, and the versions that decide."""
    scorer = str(run.rows.loc[run.rows["metric"].eq(metric), "scorer"].iloc[0])
    name, _, text = scorer.partition(":")
    given = dict(part.split("=", 1) for part in re.split(r",(?=\w+=)", text) if "=" in part)
    given = {key: value for key, value in given.items() if value != "null"}
    told = [given.pop("model", name), *(f"{key} {given[key]}" for key in sorted(given))]
    return "; ".join(filter(None, [", ".join(told), ", ".join(_versions(run, scorer))]))


def _versions(run: Run, scorer: str) -> Iterator[str]:
    """Of libraries and weights, from `run.json`, which names scorers with the rate that they hear at."""
    facts: Mapping[str, Any] = run.facts["scorers"]
    found: Mapping[str, Any] = next((facts[key] for key in facts if scorer in (key, key.rpartition("@")[0])), {})
    for name, version in (found.get("versions") or {}).items():
        yield f"{name} {version[:CHECKSUM] if re.fullmatch('[0-9a-f]{64}', version) else version}"
