"""Runs over time: a folder with a small Parquet file per run, which anybody may append to at once, and its changes.

A file holds the pooled value of every codec, condition and metric with its interval, and the sums per speaker that
differences between runs are made of. Its name is made of its run, so that nothing is appended twice. Where what must
match (data, conditions, scorers) changes, a series breaks: values on either side are not compared.
"""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import hypot, isfinite
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark import agreement
from benchmark.baseline import kept
from benchmark.changes import Levels, change_points
from benchmark.differences import Difference, difference
from benchmark.places import Place, named, titles_of
from benchmark.sides import Side, load
from benchmark.stats import pooled
from benchmark.store import digest
from benchmark.types import Floats, UserError

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

FORMAT = 1  # bump when a column changes its meaning
METADATA = b"focalbench.history"
SERIES = ("suite", "codec", *Place._fields, "scorer", "name", "reference")  # what makes a series
RUN = ("suite", "run", "when", "focalbench", "revision")  # columns that are one value in a file
COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT")  # where CI systems say which commit they check
EXACT = Levels([])
LISTED = 20  # commits of a range that are told

Kind: TypeAlias = Literal["step", "lost", "found"]


@dataclass(frozen=True, slots=True)
class Visit:
    """A run in the history.

    Attributes:
        run: a digest of what it found, and when.
        when: it began, UTC, ISO 8601.
        focalbench: version and revision of this suite.
        revision: of the repository that the codec is developed in; empty when nobody knew.
        environment: the machine.
        protocol: by name, what must match for its values to be compared.
        codecs: by label and name, what is under test.
    """

    run: str
    suite: str
    when: str
    focalbench: str
    revision: str
    environment: Mapping[str, str]
    protocol: Mapping[str, str]
    codecs: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Series:
    """One value of one codec in one condition, over runs; a row per visit, in the order of time."""

    key: tuple[str, ...]
    condition: str
    unit: str
    better: str
    visits: tuple[Visit, ...]
    cells: tuple[Mapping[str, Any], ...]

    @property
    def codec(self) -> str:
        """The label."""
        return self.key[1]

    @property
    def name(self) -> str:
        """Of the value."""
        return self.key[-2]


@dataclass(frozen=True)
class Change:
    """A new level of a series, from `after` on; `before` is the visit before it.

    `difference` is between the levels on either side, per speaker: None where there is no value on one of them. Its
    interval holds for other speakers, and for the noise from run to run. `counts` are the values before and after.
    """

    kind: Kind
    series: Series
    before: Visit
    after: Visit
    difference: Difference | None
    counts: tuple[int, int]

    @property
    def verdict(self) -> str:
        """better, worse or changed."""
        if self.kind != "step" or self.difference is None or self.difference.value is None:
            return "worse" if self.kind == "lost" else "changed"
        up = self.difference.value > 0
        return "changed" if self.series.better == "neither" else "better" if up == self._higher else "worse"

    @property
    def _higher(self) -> bool:
        return self.series.better == "higher"


class Break(NamedTuple):
    """A visit from which on values of a series are not comparable with those before, and what differs."""

    series: Series
    before: Visit
    after: Visit
    fields: tuple[str, ...]


# --- Writing ---


def append(run: Path, history: Path) -> Path:
    """Add the run folder `run` to the folder `history`; the path of its file, which is left alone if it is there.

    Raises:
        UserError: when it is no finished run, or nothing can be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    side = load(run)
    visit = _visit(side)
    moment = datetime.fromisoformat(visit.when).astimezone(UTC)
    path = history / f"{moment:%Y%m%dT%H%M%SZ}-{visit.run[:16]}.parquet"
    if path.is_file():
        return path
    table = pa.Table.from_pylist([cell | {name: getattr(visit, name) for name in RUN} for cell in _cells(side)])
    stated = json.dumps({"format": FORMAT, **asdict(visit)}, sort_keys=True)
    table = table.replace_schema_metadata({METADATA: stated.encode()})
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        history.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, partial, compression="zstd")
        partial.replace(path)
    except OSError as error:
        raise UserError(f"Nothing can be written to the history {history}: {error.strerror}.") from error
    return path


def _visit(side: Side) -> Visit:
    facts = side.facts
    machine = facts.get("environment") or {}
    return Visit(
        run=digest(facts.get("contents"), facts.get("started")),
        suite=str(facts.get("name") or side.name),
        when=str(facts["started"]),
        focalbench=" ".join(str(machine[name]) for name in ("focalbench", "git") if machine.get(name)),
        revision=revision(),
        environment={name: str(machine[name]) for name in ("cpu", "cores", "python", "platform") if name in machine},
        protocol={name: _text(value) for name, value, _ in agreement.must_match(facts, facts)},
        codecs={label: _under_test(codec) for label, codec in facts["codecs"].items()},
    )


def _under_test(codec: Mapping[str, Any]) -> dict[str, str]:
    """What of a codec may differ between runs: each part of its identity by its own name."""
    plain = {name: codec[name] for name in agreement.CODEC if name in codec and name not in ("identity", "delay")}
    plain["delay_ms"] = (codec.get("delay") or {}).get("measured_ms")
    return {name: _text(value) for name, value in {**plain, **codec.get("identity", {})}.items()}


def _text(value: Any) -> str:
    """A value in print; where that is cut, a digest of all of it stands behind."""
    text = agreement.as_text(value)
    return f"{text} ({digest(value)[:8]})" if text.endswith("…") else text


def _cells(side: Side) -> Iterator[dict[str, Any]]:
    rows = side.rows[kept(side.rows)]
    places = [Place(*map(str, p)) for p in rows[list(Place._fields)].drop_duplicates().itertuples(False, None)]
    names, values = named(places, titles_of(side.facts)), side.facts["values"]
    columns = ["codec", *Place._fields, "scorer", "name", "reference"]
    split = rows["numerator"].notna() & rows["denominator"].notna()
    fine = rows["status"].eq("ok") & rows["value"].notna()
    above = rows["numerator"].where(split, rows["value"]).where(fine).to_numpy(dtype=np.float64)
    below = rows["denominator"].where(split, 1.0).to_numpy(dtype=np.float64)
    speakers = (rows["dataset"] + "/" + rows["speaker"].where(rows["speaker"].ne(""), rows["utterance"])).to_numpy(str)
    datasets, units = rows["dataset"].to_numpy(str), rows["unit"].to_numpy(str)
    groups: dict[Any, Any] = rows.groupby(columns, sort=True).indices
    for key, members in groups.items():
        told = {
            "condition": names[Place(*key[1 : 1 + len(Place._fields)])],
            "unit": str(units[members[0]]),
            "better": str(values.get(key[-2], {}).get("better", "neither")),
            "asked": len(members),
            "datasets": sorted(map(str, np.unique(datasets[members]))),
        }
        valid = members[np.isfinite(above[members])]
        found = _pooled(above[valid], below[valid], speakers[valid])
        yield {**dict(zip(columns, map(str, key), strict=True)), **told, **found}


def _pooled(above: Floats, below: Floats, speakers: npt.NDArray[np.str_]) -> dict[str, Any]:
    """The value of a cell, and the sums per speaker it is made of."""
    found = pooled(above, below, speakers)
    names, member = np.unique(speakers, return_inverse=True)
    sums = [[float(v) for v in np.bincount(member, weights=part, minlength=names.size)] for part in (above, below)]
    estimate = {name: getattr(found, name) for name in ("value", "low", "high", "n")}
    return {**estimate, "clusters": [str(name) for name in names], "above": sums[0], "below": sums[1]}


def revision() -> str:
    """The commit of the codec's repository: what the CI system says, else that of the current folder, if it has one."""
    for name in COMMITS:
        if commit := os.environ.get(name):
            return commit
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(*arguments: str) -> str:
    """What git says in the current folder; nothing outside a checkout, or without git."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


# --- Reading ---


def read(history: Path) -> list[Series]:
    """All series of the folder `history`.

    Raises:
        UserError: when it holds no runs, or a file that cannot be read.
    """
    import pandas as pd

    files = sorted(history.glob("*.parquet")) if history.is_dir() else []
    if not files:
        raise UserError(f"No runs in {history}: `focalbench history {history} --add RUN` adds one.")
    parts = [_read(file) for file in files]
    visits = {visit.run: visit for visit, _ in parts}
    cells = pd.concat([cells for _, cells in parts if len(cells)], ignore_index=True)
    cells = cells.drop_duplicates([*SERIES, "run"]).sort_values(["when", "run"], kind="stable")
    return [
        Series(
            key=tuple(map(str, key)),
            condition=str(group["condition"].iloc[-1]),
            unit=str(group["unit"].iloc[-1]),
            better=str(group["better"].iloc[-1]),
            visits=tuple(visits[run] for run in group["run"]),
            cells=tuple(group.to_dict("records")),  # type: ignore[arg-type]  # columns are named by text
        )
        for key, group in cells.groupby(list(SERIES), sort=False)
    ]


def _read(file: Path) -> tuple[Visit, "pd.DataFrame"]:
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file)
        stated = json.loads((table.schema.metadata or {})[METADATA])
        found = stated.pop("format")
        if found != FORMAT:
            raise UserError(f"{file} is of history format {found}, this version reads {FORMAT}. Add its run again.")
        return Visit(**stated), table.to_pandas()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} is no run of a history: {error}. Take it out of the folder.") from error


# --- What changed ---


def changes(series: Series) -> tuple[list[Change], list[Break]]:
    """Where a series changed, and where it broke."""
    broken = dict(_breaks(series))
    edges = [0, *broken, len(series.visits)]
    found = [change for begin, end in pairwise(edges) for change in _within(series, begin, end)]
    return found, list(broken.values())


def _breaks(series: Series) -> Iterator[tuple[int, Break]]:
    for place in range(1, len(series.visits)):
        before, after = series.visits[place - 1 : place + 1]
        if before.protocol != after.protocol:
            old, new = (_protocol(series, at) for at in (place - 1, place))
            if fields := sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)):
                yield place, Break(series, before, after, tuple(fields))


def _protocol(series: Series, place: int) -> dict[str, str]:
    """What must match at one visit, as far as this series depends on it."""
    cell, told = series.cells[place], series.visits[place].protocol
    heard = set(cell["datasets"])

    def concerns(name: str) -> bool:
        head, dot, rest = name.partition(".")
        if head in agreement.AXES and dot:
            return rest == str(cell[agreement.AXES[head]])
        if head == "scorers" and dot:
            return rest.startswith(f"{cell['scorer']}@")
        return not dot or rest.partition(".")[0] in heard

    return {name: text for name, text in told.items() if concerns(name)}


def _within(series: Series, begin: int, end: int) -> Iterator[Change]:
    """The changes between two breaks."""
    values = [float("nan") if cell["value"] is None else float(cell["value"]) for cell in series.cells]
    known = [isfinite(value) for value in values]
    there = [place for place in range(begin, end) if known[place]]
    for place in range(begin + 1, end):
        if known[place] != known[place - 1]:
            yield _change("found" if known[place] else "lost", series, [place - 1], [place], EXACT)
    label = series.codec
    alike = [
        series.visits[one].codecs.get(label) == series.visits[other].codecs.get(label) for one, other in pairwise(there)
    ]
    levels = change_points([values[place] for place in there], alike)
    edges = [0, *levels.points, len(there)]
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        yield _change("step", series, there[left:middle], there[middle:right], levels)


def _change(kind: Kind, series: Series, before: Sequence[int], after: Sequence[int], levels: Levels) -> Change:
    """The change between two levels, each of several visits; without noise, of the two beside it."""
    sides = (before, after) if levels.noise else (before[-1:], after[:1])
    counts = (int(series.cells[before[-1]]["n"]), int(series.cells[after[0]]["n"]))
    found = _difference(series, *sides, levels) if kind == "step" else None
    return Change(kind, series, series.visits[before[-1]], series.visits[after[0]], found, counts)


def _difference(series: Series, before: Sequence[int], after: Sequence[int], levels: Levels) -> Difference:
    """Between the means of two levels, over the speakers that both have."""
    sides = [_sums(series, places) for places in (before, after)]
    common = sorted(sides[0].keys() & sides[1].keys())
    one, other = (np.array([side[cluster] for cluster in common]).reshape(-1, 2) for side in sides)
    found = difference((one[:, 0], one[:, 1]), (other[:, 0], other[:, 1]), common)
    wide = levels.half_width(len(before), len(after))
    if not wide or found.value is None or found.low is None or found.high is None:
        return found
    low, high = hypot(found.value - found.low, wide), hypot(found.high - found.value, wide)
    return replace(found, low=found.value - low, high=found.value + high)


def _sums(series: Series, places: Sequence[int]) -> dict[str, tuple[float, float]]:
    """Numerator and denominator per speaker, on average over some visits; of those speakers that all of them have."""
    cells = [series.cells[place] for place in places]
    every = [dict(zip(c["clusters"], zip(c["above"], c["below"], strict=True), strict=True)) for c in cells]
    common = set.intersection(*(set(one) for one in every))
    return {name: (mean(one[name][0] for one in every), mean(one[name][1] for one in every)) for name in common}


def commits(before: Visit, after: Visit) -> list[str]:
    """The commits between two visits, newest first, as ``1a2b3c4 What it did``; their range where git knows none."""
    old, new = (visit.revision.removesuffix("-dirty") for visit in (before, after))
    dirty = " with changes that were not committed" if after.revision.endswith("-dirty") else ""
    if not new:
        return []
    if old == new:
        return [f"{new[:10]}, as before{dirty}"]
    told = _git("log", f"--max-count={LISTED}", "--format=%h %s", f"{old}..{new}") if _is(old) and _is(new) else ""
    if told:
        return [line + dirty for line in told.splitlines()]
    return [f"{old[:10] or 'an unknown commit'}..{new[:10]}{dirty}"]


def _is(revision: str) -> bool:
    """Whether it is a commit, and not something that git might take for an option."""
    return len(revision) >= 7 and all(letter in "0123456789abcdef" for letter in revision)


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What two visits say otherwise of one thing, in words."""
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    return [f"{name}: {before.get(name, 'not there')} → {after.get(name, 'not there')}" for name in names]


# --- All of it ---


@dataclass(frozen=True)
class Timeline:
    """Every change and every break of a history, newest first."""

    changes: tuple[Change, ...]
    breaks: tuple[Break, ...]


def timeline(series: Sequence[Series]) -> Timeline:
    """What changed in any of the series."""
    found = [changes(one) for one in series]
    stepped = [change for of_one, _ in found for change in of_one]
    broken = [one for _, of_one in found for one in of_one]
    stepped.sort(key=lambda change: change.after.when, reverse=True)
    broken.sort(key=lambda one: one.after.when, reverse=True)
    return Timeline(tuple(stepped), tuple(broken))


def plain(found: Timeline) -> dict[str, Any]:
    """A timeline in plain types."""
    return {
        "changes": [
            {
                **_plain_place(one.series),
                "kind": one.kind,
                "verdict": one.verdict,
                **_plain_visits(one.before, one.after),
                "difference": None if one.difference is None else asdict(one.difference),
                "values_before": one.counts[0],
                "values_after": one.counts[1],
                "codec_differs": _of_codec(one),
            }
            for one in found.changes
        ],
        "breaks": [
            {**_plain_place(one.series), **_plain_visits(one.before, one.after), "fields": list(one.fields)}
            for one in found.breaks
        ],
    }


def _plain_place(series: Series) -> dict[str, str]:
    return dict(zip(SERIES, series.key, strict=True)) | {"condition": series.condition, "unit": series.unit}


def _plain_visits(before: Visit, after: Visit) -> dict[str, Any]:
    commits_of = {"revision_before": before.revision, "revision_after": after.revision}
    return {"before": before.when, "after": after.when, **commits_of}


def _of_codec(change: Change) -> list[str]:
    label = change.series.codec
    return differing(change.before.codecs.get(label, {}), change.after.codecs.get(label, {}))
