"""Who is best in a column of a table, who second, and whom the data cannot tell from the best.

Codecs compete on what is printed, so that equal numbers share a place. Differences to the best are paired on the rows
that both have and tested as `benchmark.differences` says; all of one table are one family (Holm 1979).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from benchmark.differences import Difference, difference, holm
from benchmark.stats import FEW
from reports.summary import ANCHOR, Run, clusters_of, parts

if TYPE_CHECKING:
    import pandas as pd

Key: TypeAlias = tuple[str, str, str]  # codec, condition, metric: as of the cells of a run
ALPHA = 0.05
PAIRED = (
    "dataset",
    "utterance",
    "seed",
    "channel",
    "acoustics",
    "playout",
)  # what two codecs' rows of one condition have in common
RULES = "Best in bold, second underlined; equal numbers share a place, cells with missing values do not compete"


class Mark(NamedTuple):
    """1 of the best, 2 of the second, else 0; and whether the best's lead over it may be chance."""

    rank: int
    alike: bool = False


@dataclass(frozen=True, slots=True)
class Ranking:
    """Marks of the cells that have any, and a sentence that says what they mean."""

    marks: Mapping[Key, Mark] = field(default_factory=dict)
    note: str = ""


def ranks(values: Mapping[str, float], better: str) -> dict[str, int]:
    """The first two places; nothing where all are equal, or neither direction is better."""
    if len(set(values.values())) < 2 or better not in ("higher", "lower"):
        return {}
    order = sorted(set(values.values()), reverse=better == "higher")[:2]
    return {name: order.index(value) + 1 for name, value in values.items() if value in order}


def ranking(
    run: Run,
    contests: Iterable[tuple[str, str]],
    codecs: Sequence[str],
    digits: Mapping[str, int],
    seeded: bool = False,
) -> Ranking:
    """The marks of one table.

    Args:
        run: where the values are from.
        contests: conditions and metrics; in each the codecs compete with one another.
        codecs: those in the table.
        digits: by metric, what is printed behind the point.
        seeded: whether every seed is another network, so that the tests have to hold for other seeds too.
    """
    marks: dict[Key, Mark] = {}
    rivals: list[tuple[Key, Key]] = []  # the best, and another
    for condition, metric in contests:
        exact = _competing(run, codecs, condition, metric)
        places = ranks({codec: round(value, digits[metric]) for codec, value in exact.items()}, run.better(metric))
        marks |= {(codec, condition, metric): Mark(place) for codec, place in places.items()}
        if places:
            sign = 1 if run.better(metric) == "higher" else -1
            best = max(exact, key=lambda codec: sign * exact[codec])
            others = [codec for codec in exact if places.get(codec) != 1]
            rivals += [((best, condition, metric), (other, condition, metric)) for other in others]
    alike, tested = _alike(run, rivals, seeded)
    marks |= {key: marks.get(key, Mark(0))._replace(alike=True) for key in alike}
    rules = RULES + (", nor does uncoded speech." if ANCHOR in codecs else ".")
    return Ranking(marks, f"{rules} {tested}".strip() if marks else "")


def _competing(run: Run, codecs: Sequence[str], condition: str, metric: str) -> dict[str, float]:
    """Exact values of the codecs that have all that was asked of them."""
    cells = {codec: run.cell(codec, condition, metric) for codec in codecs if codec != ANCHOR}
    found = {codec: cell.estimate.value for codec, cell in cells.items() if cell.estimate.n == cell.asked}
    return {codec: value for codec, value in found.items() if value is not None}


def _alike(run: Run, rivals: Sequence[tuple[Key, Key]], seeded: bool) -> tuple[list[Key], str]:
    """Those whose difference to the best is not significant, and how that was tested."""
    if not rivals:
        return [], ""
    groups = _rows(run, {key for pair in rivals for key in pair})
    found = [paired(groups[best], groups[other], seeded) for best, other in rivals]
    if any(d.few for d in found):
        return [], f"Descriptive only, without tests: fewer than {FEW} speakers."
    adjusted = holm([two_sided(d) for d in found])
    alike = [other for (_, other), p in zip(rivals, adjusted, strict=True) if p >= ALPHA]
    count = f"{len(rivals)} comparisons" if len(rivals) > 1 else "one comparison"
    return alike, (
        f"†: difference to the best not significant; paired bootstrap over {min(d.clusters for d in found)} speakers"
        f"{' and over seeds' if seeded else ''}, two-sided, Holm over the {count} of this table, level {ALPHA:g}."
    )


def _rows(run: Run, keys: Iterable[Key]) -> dict[Key, "pd.DataFrame"]:
    """The rows of each of these cells."""
    wanted = {metric for _, _, metric in keys}
    rows = parts(run.rows[run.rows["metric"].isin(wanted)])
    rows = rows.assign(cluster=clusters_of(rows))
    groups = rows.groupby(["codec", "condition", "metric"], sort=False).indices
    return {key: rows.iloc[groups[key]] for key in keys}


def paired(first: "pd.DataFrame", second: "pd.DataFrame", seeded: bool) -> Difference:
    """Second less first, on the rows that both have."""
    known = [rows[rows["above"].notna()].set_index(list(PAIRED)) for rows in (first, second)]
    both = known[0].join(known[1][["above", "below"]].add_suffix("_second"), how="inner")
    seeds = both.index.get_level_values("seed").to_numpy() if seeded else None
    one, other = ((both["above" + end], both["below" + end]) for end in ("", "_second"))
    return difference(one, other, both["cluster"], seeds)


def two_sided(found: Difference) -> float:
    """The two-sided p-value; 1 where nothing could be tested."""
    sides = [p for p in (found.p_below, found.p_above) if p is not None]
    return min(1.0, 2 * min(sides, default=1.0))
