"""Two codecs, or two runs, value by value on what both have: paired, per condition and over all of them.

Inference is of two kinds. `population`: the speakers are a sample, and intervals hold for other speakers; clusters are
speakers, and below ten of them intervals are descriptive only. `corpus`: this corpus is all there is, and intervals
hold for more such utterances; clusters are utterances, at least eight. The family of Holm's correction is every value
with a direction on every codec and condition of the comparison; values over all conditions are a family of their own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from benchmark import agreement
from benchmark.agreement import Field
from benchmark.differences import Difference, difference, holm
from benchmark.pairing import SIDES, checked, joined_rows, pair
from benchmark.places import Place, named, titles_of
from benchmark.sides import Side

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

Inference: TypeAlias = Literal["population", "corpus"]
FEWEST: Mapping[Inference, int] = {"population": 10, "corpus": 8}  # clusters; below, nothing is concluded
ALL = "all conditions"
PROBE = "probe"
ON_TOKENS = "_tokens_"  # in names of what taught networks answer; a seed is one network for all utterances


@dataclass(frozen=True, slots=True)
class Compared:
    """One value of a pair of codecs in one condition.

    Attributes:
        codec: as printed; `first_codec` and `second_codec` are the labels on either side.
        condition: its title; ``all conditions`` has no `place`.
        better: higher, lower or neither.
        difference: second less first, on the rows that both have.
        asked: rows of either side.
        missing: by status, the rows that have a value on the first side and none on the second; ``absent`` were not
            asked for there.
        new: likewise, those that have a value on the second side alone.
        enough: whether there are clusters enough to conclude anything (`FEWEST`).
        exact: whether it is a fact found once, of a codec, which has no sampling error.
        p: two-sided; None without an interval. `adjusted` is Holm's, over the family.
        ambiguous: whether another scorer has a value of this name.
    """

    codec: str
    first_codec: str
    second_codec: str
    condition: str
    place: Place | None
    scorer: str
    name: str
    reference: str
    kind: str
    unit: str
    better: str
    difference: Difference
    asked: int
    missing: Mapping[str, int]
    new: Mapping[str, int]
    enough: bool
    exact: bool
    p: float | None
    adjusted: float | None = None
    ambiguous: bool = False

    @property
    def gain(self) -> float | None:
        """The difference with the sign that makes more of it better; None where neither direction is."""
        value = self.difference.value
        return None if value is None or self.better == "neither" else value if self.better == "higher" else -value


@dataclass(frozen=True)
class Comparison:
    """All that was compared.

    Attributes:
        fields: the differing ones alone.
        notes: what was left out, in words.
        unmeasured: codecs of the first side of which the second has no value at all, and why.
    """

    first: str
    second: str
    inference: Inference
    pairs: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...]
    rows: tuple[Compared, ...]
    notes: tuple[str, ...]
    unmeasured: Mapping[str, str]


def compare(
    first: Side,
    second: Side,
    inference: Inference = "population",
    pairs: Sequence[tuple[str, str]] | None = None,
    waive: Sequence[str] = (),
) -> Comparison:
    """Compare what both sides have.

    Args:
        first: the baseline.
        second: what is judged; differences are this less the first.
        inference: see the module docstring.
        pairs: labels of codecs, first and second; None pairs equal labels.
        waive: fields that must match and may differ here.

    Raises:
        UserError: when no codecs pair, or something that must match differs.
    """
    chosen = pair(first.codecs, second.codecs) if pairs is None else checked(pairs, first, second)
    differing = agreement.waived(agreement.fields(first.facts, second.facts, chosen), waive)
    numbers = joined_rows(first, second, chosen)
    titles = titles_of(first.facts) | titles_of(second.facts)
    known = {**first.facts["values"], **second.facts["values"]}
    rows = list(_rows(numbers, inference, titles, known))
    notes = list(_notes(first, second, chosen, numbers, titles, inference))
    if len(numbers["kind"].unique()) > 1 and (machine := _machine(differing)):
        rows = [row for row in rows if row.kind != "timing"]
        notes.append(f"Timings are not compared, as {machine} differs.")
    scorers = Counter(name for name, _ in {(row.name, row.scorer) for row in rows})
    rows = [
        replace(row, adjusted=p, ambiguous=scorers[row.name] > 1) for row, p in zip(rows, adjust(rows), strict=True)
    ]
    lost = _unmeasured(first, second, chosen, rows, whole=pairs is None)
    return Comparison(first.name, second.name, inference, chosen, tuple(differing), tuple(rows), tuple(notes), lost)


def _unmeasured(
    first: Side, second: Side, pairs: Sequence[tuple[str, str]], rows: Sequence[Compared], whole: bool
) -> dict[str, str]:
    """Codecs without a compared value, and why; where all were asked for (`whole`), those without a partner too."""
    found = {}
    if whole:
        paired = {one for one, _ in pairs}
        found = {label: f"{second.name} has no codec of this label" for label in first.codecs if label not in paired}
    measured = {row.first_codec for row in rows if row.difference.n and row.kind == "value"}
    for one, other in pairs:
        if one not in measured:
            told = [s.facts["codecs"].get(label, {}) for s, label in ((second, other), (first, one))]
            reasons = [f"{facts['status']}: {facts.get('reason', '')}" for facts in told if _failed(facts)]
            found[one] = next(iter(reasons), "no value is on both sides")
    return found


def _failed(facts: Mapping[str, Any]) -> bool:
    return str(facts.get("status", "ok")) != "ok"


def _rows(
    joined: "pd.DataFrame", inference: Inference, titles: Mapping[str, str], known: Mapping[str, Any]
) -> Iterator[Compared]:
    value = ["pair", "scorer", "name", "reference", "kind"]
    groups: list[tuple[list[str], pd.DataFrame]] = [([*value, *Place._fields], joined)]
    spread = joined.groupby(value)["channel"].transform("size") > joined.groupby([*value, *Place._fields])[
        "channel"
    ].transform("size")
    places = [Place(*p) for p in joined[list(Place._fields)].drop_duplicates().itertuples(index=False, name=None)]
    names = named(places, titles)
    groups.append((value, joined[spread & joined["scorer"].ne(PROBE)]))
    for columns, rows in groups:
        for key, group in rows.groupby(columns, sort=False):
            place = Place(*map(str, key[len(value) :])) if len(key) > len(value) else None
            yield _compared(group, place, inference, ALL if place is None else names[place], known)


def _compared(
    group: "pd.DataFrame",
    place: Place | None,
    inference: Inference,
    condition: str,
    known: Mapping[str, Any],
) -> Compared:
    head = group.iloc[0]
    has, misses = group["above_first"].notna(), group["above_second"].isna()
    both = group[has & ~misses]
    found = difference(
        (both["above_first"].to_numpy(), both["below_first"].to_numpy()),
        (both["above_second"].to_numpy(), both["below_second"].to_numpy()),
        _clusters(both, inference).to_numpy(),
        both["seed"].to_numpy() if ON_TOKENS in str(head["name"]) else None,
    )
    missing = _counts(group.loc[has & misses, "status_second"])
    new = _counts(group.loc[~has & ~misses, "status_first"])
    p = None if found.p_below is None or found.p_above is None else min(1.0, 2 * min(found.p_below, found.p_above))
    exact = head["scorer"] == PROBE
    first, second = str(head["first_codec"]), str(head["second_codec"])
    return Compared(
        codec=first if first == second else f"{first} → {second}",
        first_codec=first,
        second_codec=second,
        condition=condition,
        place=place,
        scorer=str(head["scorer"]),
        name=str(head["name"]),
        reference=str(head["reference"]),
        kind=str(head["kind"]),
        unit=str(next((u for u in (head["unit_first"], head["unit_second"]) if isinstance(u, str)), "")),
        better=str(known.get(head["name"], {}).get("better", "neither")),
        difference=found,
        asked=len(group),
        missing=missing,
        new=new,
        enough=exact or found.clusters >= FEWEST[inference],
        exact=exact,
        p=None if exact else p,
    )


def _counts(statuses: "pd.Series[str]") -> dict[str, int]:
    told = statuses.fillna("absent").replace("ok", "infinite")  # a value that is none
    return {str(status): int(count) for status, count in told.value_counts().items()}


def _clusters(rows: "pd.DataFrame", inference: Inference) -> "pd.Series[str]":
    """Per row its speaker, or its utterance where nobody knows the speaker or the corpus is all there is."""
    if inference == "corpus":
        return rows["dataset"] + "\0" + rows["utterance"]
    speaker = rows["speaker_first"]
    return rows["dataset"] + "\0" + speaker.where(speaker.ne(""), rows["utterance"])


def adjust(rows: Sequence[Compared]) -> list[float | None]:
    """Holm's p-values of rows with a direction and enough clusters; those over all conditions are a family apart."""
    adjusted = dict[int, float]()
    for overall in (False, True):
        family = [
            (i, row.p)
            for i, row in enumerate(rows)
            if row.p is not None and row.better != "neither" and row.enough and (row.place is None) == overall
        ]
        adjusted |= dict(zip((i for i, _ in family), holm([p for _, p in family]), strict=True))
    return [adjusted.get(i) for i in range(len(rows))]


# --- Words ---


def _notes(
    first: Side,
    second: Side,
    pairs: Sequence[tuple[str, str]],
    joined: "pd.DataFrame",
    titles: Mapping[str, str],
    inference: Inference,
) -> Iterator[str]:
    if pairs and pairs[0][0] != pairs[0][1]:
        yield "Compared by pair: " + ", ".join(f"{one} with {other}" for one, other in pairs) + "."
    places = dict.fromkeys(Place(*p) for p in joined[list(Place._fields)].itertuples(index=False, name=None))
    names = named(list(places), titles)
    for place, (side, other) in enumerate(((first, second), (second, first))):
        own = {labels[place] for labels in pairs}
        if first is not second and (left := [label for label in side.codecs if label not in own]):
            yield f"In {side.name} alone: {', '.join(left)}."
        alone = joined[f"status_{SIDES[1 - place]}"].isna()
        conditions = [names[Place(*p)] for p in joined[list(Place._fields)].itertuples(index=False, name=None)]
        told = joined.assign(condition=conditions)
        for what, column in (("Conditions", "condition"), ("Values", "name"), ("Seeds", "seed")):
            if gone := sorted(set(told.loc[alone, column].astype(str)) - set(told.loc[~alone, column].astype(str))):
                yield f"{what} of {side.name} that {other.name} has not: {', '.join(gone)}."
    unknown = joined.loc[joined["speaker_first"].eq("") & joined["utterance"].ne(""), "utterance"].nunique()
    if unknown and inference == "population":
        yield f"Nobody knows the speakers of {unknown} utterances; each counts as a speaker of its own."


def _machine(fields: Sequence[Field]) -> str:
    """The first field of the machine that makes timings incomparable."""
    return next((f.name for f in fields if f.kind == "environment" and f.name in ("cpu", "cores", "device")), "")


# --- For programs ---


def plain(comparison: Comparison) -> dict[str, Any]:
    """A comparison in plain types."""
    return {
        "first": comparison.first,
        "second": comparison.second,
        "inference": comparison.inference,
        "pairs": [list(labels) for labels in comparison.pairs],
        "differs": [asdict(field) for field in comparison.fields],
        "notes": list(comparison.notes),
        "unmeasured": dict(comparison.unmeasured),
        "rows": [plain_row(row) for row in comparison.rows],
    }


def plain_row(row: Compared) -> dict[str, Any]:
    """One of its rows; the condition is spread into its parts."""
    found = asdict(row)
    place = {} if row.place is None else row.place._asdict()
    return {**{k: v for k, v in found.items() if k not in ("place", "difference")}, **place, **found["difference"]}
