"""How far metrics agree: Spearman's rank correlations of a run's scores, over codecs and within each codec.

Ties share their mean rank (Spearman, "The proof and measurement of association between two things", Am. J. Psych.
15(1), 1904). Intervals are percentiles of a bootstrap that draws speakers with all their utterances under all codecs
(Davison & Hinkley, "Bootstrap Methods and their Application", 1997, ch. 3.8).

``python -m reports.correlations RUN`` prints the table in Markdown.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.dropout import percentiles
from benchmark.seeds import generator
from benchmark.stats import Estimate
from benchmark.types import Floats, UserError
from reports.summary import Run, clusters_of, load, number

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

LEAST = 10  # observations: what fewer say of a rank correlation is chance
DRAWS = 1000
SIGN = {"higher": 1.0, "lower": -1.0}  # by which a value has to be multiplied so that more of it is better


class Agreement(NamedTuple):
    """Of two metrics: over all utterances and codecs, and the mean over codecs of that over one codec's utterances."""

    overall: Estimate
    within: Estimate


Matrix: TypeAlias = Mapping[tuple[str, str], Agreement]


def spearman_matrix(values: "pd.DataFrame", clusters: npt.ArrayLike, draws: int = DRAWS, seed: int = 0) -> Matrix:
    """Rank correlations of each pair of columns, over the rows that have both; none from fewer than 10 rows.

    Overall it is mostly whether two metrics put codecs in the same order; within codecs, whether they find the same
    utterances hard, which is what a metric has to do to be of use for one codec.

    Args:
        values: a column per metric, more of which is better; a row per codec and utterance, with an index level
            ``codec``; NaN where there is no value.
        clusters: shape (rows,), who speaks.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    rows = [np.flatnonzero(member == i) for i in range(len(names))]
    random = generator(seed, "correlations")
    found, redrawn = _correlations(values), []
    for _ in range(draws if len(rows) > 1 else 0):
        chosen = random.integers(len(rows), size=len(rows))
        redrawn.append(_correlations(values.iloc[np.concatenate([rows[i] for i in chosen])]))
    drawn = np.array(redrawn).reshape(-1, *found.shape)
    present = values.notna().to_numpy()
    matrix = {}
    for i, j in combinations(range(values.shape[1]), 2):
        both = present[:, i] & present[:, j]
        count, speakers = int(both.sum()), len(np.unique(member[both]))
        parts = (_estimate(found[k, i, j], drawn[:, k, i, j], count, speakers) for k in range(2))
        matrix[str(values.columns[i]), str(values.columns[j])] = Agreement(*parts)
    return matrix


def _correlations(values: "pd.DataFrame") -> Floats:
    """Overall and within codecs, shape (2, metrics, metrics); NaN where there are too few rows, or all are equal."""
    codecs = [part for _, part in values.groupby(level="codec", sort=False)]
    each = np.array([part.corr("spearman", min_periods=LEAST).to_numpy() for part in (values, *codecs)])
    have = np.isfinite(each[1:])
    with np.errstate(invalid="ignore"):
        within = np.where(have, each[1:], 0.0).sum(axis=0) / have.sum(axis=0)
    both: Floats = np.array([each[0], within])
    return both


def _estimate(value: float, drawn: Floats, count: int, speakers: int) -> Estimate:
    if np.isnan(value):
        return Estimate(None, None, None, count, speakers)
    return Estimate(float(value), *percentiles(drawn[np.isfinite(drawn)]), count, speakers)


def scores(
    run: Run, metrics: Sequence[str] = (), codecs: Sequence[str] = (), condition: str | None = None
) -> "tuple[pd.DataFrame, pd.Series[str]]":
    """What `spearman_matrix` takes: the scores of a run under one condition, and who speaks.

    Args:
        run: the run.
        metrics: their names; none: all scores that are better higher or lower.
        codecs: their labels; none: all.
        condition: its name; None: the first, which is the clean one where there is one.

    Raises:
        UserError: for a name that the run does not have.
    """
    judging = [m for m in run.scores if run.better(m) in SIGN]
    if not judging:
        raise UserError(f"{run.folder} has no scores to correlate; its suite names no metrics.")
    conditions = sorted(run.conditions, key=lambda c: not c.clean)
    metrics = _known("metric", metrics, judging)
    codecs = _known("codec", codecs, run.codecs)
    (name,) = _known("condition", [condition or conditions[0].name], [c.name for c in conditions])
    rows = run.rows[run.rows["condition"].eq(name) & run.rows["codec"].isin(codecs) & run.rows["metric"].isin(metrics)]
    rows = rows.assign(cluster=clusters_of(rows), value=rows["value"] * rows["metric"].map(_signs(run, metrics)))
    wide = rows.pivot_table("value", ["codec", "dataset", "utterance", "cluster"], "metric", sort=False)
    wide = wide.reindex(columns=metrics).reindex(codecs, level="codec")
    return wide, wide.index.get_level_values("cluster").to_series()


def _signs(run: Run, metrics: Sequence[str]) -> dict[str, float]:
    return {metric: SIGN[run.better(metric)] for metric in metrics}


def _known(kind: str, asked: Sequence[str], there: Sequence[str]) -> list[str]:
    if unknown := [name for name in asked if name not in there]:
        raise UserError(f"The run has no {kind} called {unknown[0]!r} to correlate. It has: {', '.join(there)}.")
    return list(asked or there)


def markdown(values: "pd.DataFrame", matrix: Matrix, names: Mapping[str, str]) -> str:
    """The table: overall above the diagonal, within codecs below it, plus or minus half the interval."""
    return "\n".join(_lines(values, matrix, names)) + "\n"


def _lines(values: "pd.DataFrame", matrix: Matrix, names: Mapping[str, str]) -> Iterator[str]:
    metrics = [str(column) for column in values.columns]
    sizes = [(a.overall.n, *pair) for pair, a in matrix.items()]
    codecs = values.index.get_level_values("codec").unique()
    speakers = max((a.overall.clusters for a in matrix.values()), default=0)
    yield f"Codecs: {', '.join(codecs)}. {len(values)} outputs, {speakers} speakers."
    if sizes and (fewest := min(sizes))[0] < len(values):
        yield f"Fewest with both values: {fewest[0]} ({names[fewest[1]]} and {names[fewest[2]]})."
    yield ""
    yield "| | " + " | ".join(names[m] for m in metrics) + " |"
    yield "|---" + "|---:" * len(metrics) + "|"
    for row, first in enumerate(metrics):
        cells = [
            ""
            if row == column
            else _cell(matrix[first, second].overall)
            if row < column
            else _cell(matrix[second, first].within)
            for column, second in enumerate(metrics)
        ]
        yield f"| {names[first]} | " + " | ".join(cells) + " |"


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    half = "" if estimate.half is None else f" ± {number(estimate.half, 2)}"
    return number(estimate.value, 2) + half


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m reports.correlations RUN``."""
    parser = argparse.ArgumentParser(prog="python -m reports.correlations", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("--metrics", default="", help="names of values, with commas; all scores")
    parser.add_argument("--codec", action="append", default=[], help="a codec's label, once or more; all codecs")
    parser.add_argument("--condition", help="the name of a condition; the clean one")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"of the bootstrap of speakers; {DRAWS}")
    options = parser.parse_args(arguments)
    try:
        run = load(options.run)
        # A comma before `key=` parts the parameters of a scorer, not two metrics.
        names = [name.strip() for name in re.split(r",(?!\s*\w+=)", options.metrics) if name.strip()]
        values, speakers = scores(run, names, options.codec, options.condition)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    matrix = spearman_matrix(values, speakers.to_numpy(), options.draws)
    sys.stdout.write(markdown(values, matrix, {name: run.named(name) for name in map(str, values.columns)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
