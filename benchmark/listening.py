"""What listeners said: ratings after Recommendation ITU-R BS.1534-3 (10/2015, "MUSHRA"), and forced choices (ABX).

Listeners who rate the hidden reference below 90 in more than 15 % of the trials are left out, as it advises (its
rule on the mid anchor is not used: a low-pass at 7 kHz is hard to hear in speech sampled at 16 kHz). Ratings are
averaged and compared in pairs with intervals that hold for other listeners of the same sounds: clusters are listeners.
ABX is David Clark, "High-resolution subjective testing using a double-blind comparator", J. Audio Eng. Soc. 30(5),
1982, with the exact binomial test. X is tossed for each trial, so trials of all listeners together fairly test the
hypothesis that nobody hears a difference; the interval of the share is by listeners all the same.
"""

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, NamedTuple

from benchmark.differences import Difference, difference, holm
from benchmark.stats import FEW, Estimate, pooled
from benchmark.types import UserError

Kind = Literal["mushra", "abx"]
SCHEMA = 1  # of a key
COLUMNS = ("listener", "page", "trial", "item", "rating", "time")  # of results
HEARD, WRONG = 90.0, 0.15  # who rates the hidden reference below HEARD in a larger share than WRONG is left out
TOGETHER = "all conditions"


@dataclass(frozen=True, slots=True)
class Item:
    """What an opaque name of a page stands for.

    Attributes:
        trial: the trial's own opaque name.
        utterance: what was said; `condition`: under which conditions.
        role: ``reference`` (the hidden one), ``anchor``, ``codec``, or ``pair`` of an ABX trial.
        name: the codec's label, or what the reference or the anchor is called; of a pair the second.
        against: of a pair the first; else empty.
    """

    trial: str
    utterance: str
    condition: str
    role: str
    name: str
    against: str = ""


class Key(NamedTuple):
    """What a page hides: its items by (trial, item)."""

    page: str
    kind: Kind
    items: Mapping[tuple[str, str], Item]


class Rating(NamedTuple):
    """One line of results: 0 to 100, or of a pair 1 (right) or 0."""

    listener: str
    item: Item
    value: float


# --- Reading ---


def read_key(path: Path) -> Key:
    """The key of a listening page.

    Raises:
        UserError: when it is none.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA:
            raise UserError(f"{path} is a key of schema {found['schema']}; this version reads {SCHEMA}.")
        items = {
            (trial["id"], name): Item(trial["id"], trial["utterance"], trial["condition"], **item)
            for trial in found["trials"]
            for name, item in trial["items"].items()
        }
        return Key(str(found["page"]), found["kind"], items)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no key of a listening page, which is NAME.key.json beside it.") from error


def read(paths: Sequence[Path], key: Key) -> list[Rating]:
    """The results of one or several files, all of the page that `key` belongs to.

    Raises:
        UserError: naming file and line: another page, an unknown item, a rating that cannot be, a listener in two
            files, an item rated twice.
    """
    ratings, homes = [], dict[str, Path]()
    for path in paths:
        seen = set[tuple[str, Item]]()
        for where, row in _lines(path):
            rating = _rating(where, row, key)
            if homes.setdefault(rating.listener, path) != path:
                first = homes[rating.listener]
                raise UserError(f"{where}: listener {rating.listener!r} is in {first} already; give each a name.")
            if (place := (rating.listener, rating.item)) in seen:
                raise UserError(f"{where}: {rating.listener!r} rates item {row['item']!r} of {row['trial']!r} twice.")
            seen.add(place)
            ratings.append(rating)
    return ratings


def _lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise UserError(f"{path} is no result of a listening page: its first line is not {','.join(COLUMNS)}.")
            for row in rows:
                if None in row or None in row.values():
                    raise UserError(f"{path}:{rows.line_num}: not {len(COLUMNS)} fields.")
                yield f"{path}:{rows.line_num}", row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV: {error}.") from error


def _rating(where: str, row: Mapping[str, str], key: Key) -> Rating:
    if row["page"] != key.page:
        raise UserError(f"{where}: of page {row['page']!r}; the key is of page {key.page!r}.")
    item = key.items.get((row["trial"], row["item"]))
    if item is None:
        raise UserError(f"{where}: item {row['item']!r} of trial {row['trial']!r} is not in the key.")
    if not row["listener"].strip():
        raise UserError(f"{where}: no listener is named.")
    try:
        value = float(row["rating"])
    except ValueError:
        value = math.nan
    if key.kind == "abx" and value not in (0, 1):
        raise UserError(f"{where}: rating {row['rating']!r}; an ABX answer is 1 (right) or 0.")
    if not 0 <= value <= 100:
        raise UserError(f"{where}: rating {row['rating']!r}; write a number from 0 to 100.")
    return Rating(row["listener"].strip(), item, value)


# --- MUSHRA ---


@dataclass(frozen=True, slots=True)
class Mean:
    """How one sound was rated under one condition, 0 to 100; `items` are the trials behind it."""

    name: str
    role: str
    condition: str
    estimate: Estimate
    items: int


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two codecs by the same listeners on the same trials; `p` is two-sided, `adjusted` by Holm over all of them."""

    condition: str
    first: str
    second: str
    difference: Difference
    p: float | None
    adjusted: float | None


@dataclass(frozen=True, slots=True)
class Mushra:
    """The result of a test: of whom, and what they said.

    Attributes:
        listeners: who counts.
        excluded: who does not, and in which share of the trials the hidden reference was rated below 90.
        incomplete: ratings given by those who did not give all, and of how many.
        means: references, codecs and anchors by condition.
        contrasts: of all pairs of codecs by condition.
    """

    listeners: tuple[str, ...]
    excluded: Mapping[str, float]
    incomplete: Mapping[str, tuple[int, int]]
    means: tuple[Mean, ...]
    contrasts: tuple[Contrast, ...]

    @property
    def few(self) -> bool:
        """Whether intervals are descriptive only: they say little about other listeners."""
        return len(self.listeners) < FEW


def screened(ratings: Iterable[Rating]) -> dict[str, float]:
    """Listeners to leave out, and the share of hidden references each rated below 90."""
    heard: dict[str, list[bool]] = {}
    for rating in ratings:
        if rating.item.role == "reference":
            heard.setdefault(rating.listener, []).append(rating.value < HEARD)
    shares = {listener: sum(below) / len(below) for listener, below in heard.items()}
    return {listener: share for listener, share in shares.items() if share > WRONG}


def mushra(ratings: Sequence[Rating], key: Key) -> Mushra:
    """Means and paired differences, after `screened`."""
    excluded = screened(ratings)
    kept = [rating for rating in ratings if rating.listener not in excluded]
    return Mushra(
        listeners=_listeners(kept),
        excluded=excluded,
        incomplete=_incomplete(ratings, key),
        means=tuple(_means(kept)),
        contrasts=tuple(_contrasts(kept)),
    )


def _means(ratings: Sequence[Rating]) -> Iterator[Mean]:
    for condition, part in _by_condition(ratings):
        names = dict.fromkeys((rating.item.role, rating.item.name) for rating in part)
        order = ("reference", "codec", "anchor")
        found = []
        for role, name in sorted(names, key=lambda pair: order.index(pair[0])):
            rows = [rating for rating in part if (rating.item.role, rating.item.name) == (role, name)]
            estimate = pooled([row.value for row in rows], 1.0, [row.listener for row in rows])
            found.append(Mean(name, role, condition, estimate, len({row.item.trial for row in rows})))
        yield from sorted(found, key=lambda mean: (order.index(mean.role), -(mean.estimate.value or 0.0)))


def _contrasts(ratings: Sequence[Rating]) -> list[Contrast]:
    found = []
    for condition, part in _by_condition(ratings):
        values: dict[str, dict[tuple[str, str], float]] = {}
        for rating in part:
            if rating.item.role == "codec":
                values.setdefault(rating.item.name, {})[rating.listener, rating.item.trial] = rating.value
        for first, second in combinations(sorted(values), 2):
            both = sorted(values[first].keys() & values[second].keys())
            a, b = ([values[name][place] for place in both] for name in (first, second))
            found.append((condition, first, second, difference((a, 1.0), (b, 1.0), [who for who, _ in both])))
    p = [_two_sided(each[-1]) for each in found]
    adjusted = iter(holm([value for value in p if value is not None]))
    return [
        Contrast(*each, p=value, adjusted=None if value is None else next(adjusted))
        for each, value in zip(found, p, strict=True)
    ]


def _two_sided(found: Difference) -> float | None:
    if found.p_below is None or found.p_above is None:
        return None
    return min(1.0, 2 * min(found.p_below, found.p_above))


# --- ABX ---


@dataclass(frozen=True, slots=True)
class Choices:
    """Right answers on one pair under one condition.

    Attributes:
        first, second: the pair.
        condition: under which.
        right: answers that were right, of `share.n`.
        share: their share, with an interval by listeners.
        p: exact binomial, one-sided: as many right ones, or more, if nobody heard a difference.
        adjusted: by Holm, over all pairs and conditions.
        each: right and all answers by listener.
    """

    first: str
    second: str
    condition: str
    right: int
    share: Estimate
    p: float
    adjusted: float
    each: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Abx:
    """The result of an ABX test."""

    listeners: tuple[str, ...]
    incomplete: Mapping[str, tuple[int, int]]
    choices: tuple[Choices, ...]

    @property
    def few(self) -> bool:
        """Whether intervals are descriptive only. The test is not: it asks about these answers."""
        return len(self.listeners) < FEW


def abx(ratings: Sequence[Rating], key: Key) -> Abx:
    """Shares of right answers by pair and condition, and whether guessing explains them."""
    places, p = [], []
    for condition, part in _by_condition(ratings):
        for pair in dict.fromkeys((rating.item.against, rating.item.name) for rating in part):
            rows = [rating for rating in part if (rating.item.against, rating.item.name) == pair]
            places.append((*pair, condition, rows))
            p.append(chance(sum(row.value == 1 for row in rows), len(rows)))
    choices = (_choices(*place, *ps) for place, *ps in zip(places, p, holm(p), strict=True))
    return Abx(_listeners(ratings), _incomplete(ratings, key), tuple(choices))


def chance(right: int, of: int) -> float:
    """The probability of `right` or more right answers of `of` by tossing a coin."""
    from scipy.stats import binomtest

    return float(binomtest(right, of, 0.5, alternative="greater").pvalue)


def _choices(first: str, second: str, condition: str, rows: Sequence[Rating], p: float, adjusted: float) -> Choices:
    asked = Counter(row.listener for row in rows)
    right = Counter(row.listener for row in rows if row.value == 1)
    share = pooled([row.value for row in rows], 1.0, [row.listener for row in rows])
    each = {listener: (right[listener], asked[listener]) for listener in sorted(asked)}
    return Choices(first, second, condition, right.total(), share, p, adjusted, each)


# --- Both ---


def _listeners(ratings: Iterable[Rating]) -> tuple[str, ...]:
    return tuple(sorted({rating.listener for rating in ratings}))


def _incomplete(ratings: Iterable[Rating], key: Key) -> dict[str, tuple[int, int]]:
    given = Counter(rating.listener for rating in ratings)
    return {
        listener: (given[listener], len(key.items)) for listener in sorted(given) if given[listener] < len(key.items)
    }


def _by_condition(ratings: Sequence[Rating]) -> Iterator[tuple[str, Sequence[Rating]]]:
    """Each condition's ratings, and where there are several all of them together."""
    names = sorted({rating.item.condition for rating in ratings})
    for name in names:
        yield name, [rating for rating in ratings if rating.item.condition == name]
    if len(names) > 1:
        yield TOGETHER, ratings
