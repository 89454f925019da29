"""The section on voices: how near outputs are to their speaker and to others, and how often a detector confuses them.

The numbers are those of `benchmark.speakers` and `benchmark.detection`; `speakers.html` prints them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from benchmark.detection import DRAWS, detection
from benchmark.seeds import generator
from benchmark.stats import FEW, NOTHING, Estimate, pooled
from reports.conditions import Condition
from reports.scores import Field
from reports.summary import ANCHOR, Run, clusters_of, number
from reports.words import headline, loss_free

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

MODELS = {"ecapa": "ECAPA-TDNN", "wavlm": "WavLM-SV", "resemblyzer": "Resemblyzer"}  # the most telling first
KINDS = ("sim", "same", "other")
MANY = 6  # conditions; of more, only the main ones are shown
DIGITS = 3
TRIAL = ["cluster", "dataset", "utterance", "seed"]


class Row(NamedTuple):
    """A codec in a condition: cosines with the reference, the same and another speaker, error rate, trials."""

    codec: str
    condition: str
    fields: Sequence[Field]


@dataclass(frozen=True, slots=True)
class Table:
    """One model. `context` says whether there are other utterances to compare with.

    `few` says that there are few speakers, and `certain` that an error rate is 0 or 100 %: neither has intervals.
    """

    title: str
    source: str
    rows: Sequence[Row]
    context: bool
    few: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class Voices:
    """The section; `left_out` conditions have no rows in it."""

    tables: Sequence[Table]
    left_out: int
    draws: int = DRAWS
    least: int = FEW


def section(run: Run) -> Voices | None:
    """A table per model; None where no output was compared by its voice."""
    chosen = main_conditions(run)
    rows = run.rows[run.rows["reference"].eq("clean") & run.rows["name"].str.startswith("spk_")]
    rows = rows.assign(
        kind=rows["name"].str.split("_", n=2).str[1],
        model=rows["name"].str.split("_", n=2).str[2],
        cluster=clusters_of(rows),
        value=rows["value"].where(rows["status"].eq("ok")),
    )
    models = sorted(rows.loc[rows["kind"].isin(KINDS) & rows["value"].notna(), "model"].unique(), key=_order)
    tables = [_table(run, rows[rows["model"] == model], model, chosen) for model in models]
    return Voices(tables, len(run.conditions) - len(chosen)) if tables else None


def _order(model: str) -> tuple[int, str]:
    known = list(MODELS)
    return (known.index(model) if model in known else len(known), model)


def main_conditions(run: Run) -> list[Condition]:
    """All conditions if they are few, else the clean one and the one that the first glance looks at."""
    if len(run.conditions) <= MANY:
        return list(run.conditions)
    return [c for c in run.conditions if c in (loss_free(run), headline(run))] or list(run.conditions[:1])


def _table(run: Run, rows: "pd.DataFrame", model: str, conditions: Sequence[Condition]) -> Table:
    kinds = [kind for kind in KINDS if rows.loc[rows["kind"] == kind, "value"].notna().any()]
    context = {"same", "other"} <= set(kinds)
    made, few, certain = [], False, False
    for codec, condition, part in by_condition(run, rows, conditions):
        trials = part.groupby([*TRIAL, "kind"])["value"].first().unstack("kind").reindex(columns=kinds)
        complete = trials.dropna()  # what is compared is compared on the same utterances
        means = {kind: pooled(complete[kind], 1.0, complete.index.get_level_values("cluster")) for kind in kinds}
        error = _error(complete, f"{model}\0{codec}\0{condition.name}") if context else NOTHING
        few = few or (len(complete) > 0 and means[kinds[0]].few)
        certain = certain or (error.value is not None and error.low is None and not error.few)
        fields = [_field(means.get(kind, NOTHING), 1, DIGITS) for kind in KINDS]
        coverage = f"{len(complete)}/{len(trials)}"
        fields[0] = replace(fields[0], coverage=coverage, partial=len(complete) < len(trials))
        made.append(Row(codec, condition.title, [*fields, _field(error, 100, 1), _count(2 * error.n)]))
    source = str(run.facts["values"].get(f"spk_sim_{model}", {}).get("source", "")).partition("; ")[2]
    return Table(MODELS.get(model, model), source, made, context, few, certain)


def by_condition(
    run: Run, rows: "pd.DataFrame", conditions: Sequence[Condition]
) -> Iterator[tuple[str, Condition, "pd.DataFrame"]]:
    """The rows of each condition and codec; what was never coded has met the acoustics alone."""
    for condition in conditions:
        for codec in run.series:
            if codec == ANCHOR:
                here = rows["acoustics"].eq(condition.acoustics.text) & (not condition.quiet)
            else:
                here = rows["condition"].eq(condition.name)
            part = rows[here & rows["codec"].eq(codec)]
            if len(part):
                yield codec, condition, part


def _error(trials: "pd.DataFrame", purpose: str) -> Estimate:
    speakers = trials.index.get_level_values("cluster")
    return detection(trials["same"], trials["other"], speakers, generator(0, "speakers", purpose))


def _field(found: Estimate, scale: float, digits: int) -> Field:
    value = None if found.value is None else scale * found.value
    return Field(number(value, digits), value, spread(found, (-1.0, 1.0), scale, digits))


def spread(found: Estimate, scale: tuple[float, float], factor: float, digits: int) -> str:
    """An interval in print, its ends within the scale of its values; of few speakers there is none."""
    if found.low is None or found.high is None or found.few:
        return ""
    low, high = (factor * min(max(end, scale[0]), scale[1]) for end in (found.low, found.high))
    return f"[{number(low, digits)}, {number(high, digits)}]"


def _count(trials: int) -> Field:
    return Field(f"{trials:,}", trials) if trials else Field("–")
