"""The section on tokens: which of its codes each token codec uses, and what its stream could be coded in."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from typing import NamedTuple

from benchmark.token_statistics import ENOUGH, SCORER
from reports.conditions import QUIET
from reports.drawing import KBPS
from reports.summary import Run, number
from reports.words import percent


class Value(NamedTuple):
    """A value, and what it is divided by; NaN where it is no ratio."""

    value: float
    below: float


class Field(NamedTuple):
    """What stands in the table, and the number that it is sorted by."""

    text: str
    order: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """A codec and data set; `fields` stand in the order of `HEADS`, `books` are usage, entropy, perplexity of each.

    `few` and `missing` are warnings, or empty.
    """

    codec: str
    dataset: str
    fields: tuple[Field, ...]
    books: tuple[tuple[Field, ...], ...]
    few: str
    missing: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """The table, for speech as it was `heard`; `several` where it has to name data sets."""

    lines: tuple[Line, ...]
    several: bool
    heard: str
    heads: tuple[tuple[str, str], ...]
    enough: int = ENOUGH

    @property
    def books(self) -> bool:
        """Whether a codec has several codebooks."""
        return any(line.books for line in self.lines)


HEADS = (  # and what stands behind them
    ("Codes", "of each codebook: all that a payload can hold"),
    ("Tokens counted", "in all utterances"),
    ("Usage", "codes that occur, of all"),
    ("Entropy, bits", "per index, as counted"),
    ("Entropy of all codes", "entropy over log2 of all codes"),
    ("Entropy of codes used", "entropy over log2 of the codes that occur"),
    ("Perplexity, codes", "2 to the entropy, its bias corrected"),
    ("Nominal, kbit/s", "bits of all indices over time"),
    ("Entropy-coded, kbit/s", "corrected entropy of all indices over time"),
)


def section(run: Run) -> Tokens | None:
    """A line per token codec and data set of which tokens were counted; None where there is none."""
    rows = run.rows[run.rows["scorer"].eq(SCORER) & run.rows["status"].eq("ok")]
    found: dict[tuple[str, str], dict[str, Value]] = {}
    columns = ["codec", "dataset", "name", "value", "denominator"]
    for codec, dataset, name, value, below in rows[columns].itertuples(index=False, name=None):
        found.setdefault((run.origin(codec), dataset), {})[name] = Value(value, below)
    datasets = sorted({dataset for _, dataset in found})
    owners = {run.origin(label): label for label in reversed(run.codecs)}  # one label, whatever its loss strategies
    places = [(origin, dataset) for origin in reversed(owners) for dataset in datasets if (origin, dataset) in found]
    lines = tuple(_line(owners[place[0]], place[1], found[place]) for place in places)
    return Tokens(lines, len(datasets) > 1, _heard(run, str(rows["acoustics"].iloc[0])), HEADS) if lines else None


def _heard(run: Run, acoustics: str) -> str:
    """How the speech was heard whose tokens are counted: all of a run in one way."""
    title = next((c.acoustics.title for c in run.conditions if c.acoustics.text == acoustics), acoustics)
    return "speech as it is" if acoustics in QUIET else f"speech in one condition, {title}"


def _line(codec: str, dataset: str, values: Mapping[str, Value]) -> Line:
    codes, counted = values["token_usage"].below, values["token_count"].value
    missing = 1 - values["token_coverage"].value
    fields = (
        Field(f"{codes:,.0f}", codes),
        Field(f"{counted:,.0f}", counted),
        _share(values.get("token_usage")),
        _number(values.get("token_entropy"), 2),
        _share(values.get("token_entropy_all")),
        _share(values.get("token_entropy_used")),
        _codes(values.get("token_perplexity")),
        _rate(values.get("token_nominal_bps")),
        _rate(values.get("token_entropy_bps")),
    )
    few = f"few: {ENOUGH * codes:,.0f} wanted" if counted < ENOUGH * codes else ""
    return Line(
        codec, dataset, fields, _books(values), few, f"{percent(missing)} of utterances missing" if missing else ""
    )


def _books(values: Mapping[str, Value]) -> tuple[tuple[Field, ...], ...]:
    """Usage, entropy and perplexity of each codebook, where there are several."""
    numbers = takewhile(lambda number: f"token_usage_{number}" in values, count(1))
    return tuple(
        (
            _share(values[f"token_usage_{number}"]),
            _number(values[f"token_entropy_{number}"], 2),
            _codes(values[f"token_perplexity_{number}"]),
        )
        for number in numbers
    )


def _number(value: Value | None, digits: int) -> Field:
    return Field("–", None) if value is None else Field(number(value.value, digits), value.value)


def _codes(value: Value | None) -> Field:
    return _number(value, 1 if value is not None and value.value < 100 else 0)


def _share(value: Value | None) -> Field:
    return Field("–", None) if value is None else Field(percent(value.value), value.value)


def _rate(value: Value | None) -> Field:
    return Field("–", None) if value is None else Field(number(value.value * KBPS, 3), value.value)
