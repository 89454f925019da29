"""The section on quality for the bits: what rate a family of codecs needs to be as good as each other codec.

Of speech as it is and without loss. The numbers are those of `benchmark.rates`; `equal_quality.html` prints them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, takewhile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmark.rates import LEAST, EqualRate, bd_rate, equal_rate, pareto
from benchmark.registry import parse
from benchmark.stats import FEW, Estimate
from benchmark.types import UserError
from reports.conditions import Condition
from reports.drawing import KBPS
from reports.scores import Field, printed, shader
from reports.summary import Run, clusters_of, number, parts, precision

if TYPE_CHECKING:
    import pandas as pd

RATES = 3  # that make a family
RATE, WIRE, LATENCY = "net_bps", "wire_bps", "latency_ms"


@dataclass(frozen=True, slots=True)
class Family:
    """Codecs that differ in one parameter, and in their rate; the lowest rate first."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One codec: its rates in kbit/s, its score, whether no other beats it, and what each family needs.

    A need tells its rate on the wire as its `coverage`, and is empty for the family's own members.
    """

    codec: str
    rate: Field
    wire: Field
    value: Field
    front: str
    needs: Sequence[Field]


@dataclass(frozen=True, slots=True)
class Part:
    """One metric: sentences, the table, Bjøntegaard's deltas of families, and on how many utterances it rests."""

    title: str
    sentences: Sequence[str]
    families: Sequence[str]
    lines: Sequence[Line]
    deltas: Sequence[str]
    paired: str
    few: bool


@dataclass(frozen=True, slots=True)
class EqualQuality:
    """The section: parts by their identity in the page's selector, what else that offers, and of which condition."""

    parts: Mapping[str, Part]
    others: Sequence[str]
    condition: str


def section(run: Run) -> EqualQuality | None:
    """The section; None where no family has enough rates, or nothing was measured without loss on clean speech."""
    condition = next((c for c in run.conditions if c.clean), None)
    if condition is None or run.loose:
        return None
    codecs = [c for c in _plain(run) if _rate(run, c, condition, RATE)]
    families = _families(run, codecs, condition)
    if not families:
        return None
    found = {f"m{at}": _part(run, metric, condition, codecs, families) for at, metric in enumerate(run.offered)}
    told = {identity: part for identity, part in found.items() if part}
    return EqualQuality(told, [i for i in found if i not in told], condition.title) if told else None


def _plain(run: Run) -> list[str]:
    """Of each codec the first of its series: without loss, packets and strategies change nothing of its sound."""
    first: dict[str, str] = {}
    for codec in run.codecs:
        first.setdefault(run.origin(codec), codec)
    return list(first.values())


def _rate(run: Run, codec: str, condition: Condition, name: str) -> float | None:
    return run.cell(codec, condition.name, name).estimate.value


def _families(run: Run, codecs: Sequence[str], condition: Condition) -> list[Family]:
    """The largest groups of codecs whose specs differ in one parameter alone, of as many rates."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for codec in codecs:
        try:
            spec = parse(str(run.about(codec).get("spec") or codec))
        except UserError:
            continue  # a label that is no spec
        for free in spec.params:
            rest = (f"{name}={value}" for name, value in sorted(spec.params.items()) if name != free)
            groups.setdefault((spec.name, free, *rest), []).append(codec)
    found: list[Family] = []
    for (name, *_), members in sorted(groups.items(), key=lambda group: -len(group[1])):
        rates = {_rate(run, codec, condition, RATE) or 0.0: codec for codec in members}
        if len(rates) >= RATES and not any(set(members) & set(family.members) for family in found):
            found.append(Family(_named(members) or name, tuple(rates[rate] for rate in sorted(rates))))
    return found


def _named(labels: Sequence[str]) -> str:
    """`Opus`, what the labels of a family share."""
    words = zip(*(re.split(r"[\s\-_:]+", label) for label in labels), strict=False)
    return " ".join(same[0] for same in takewhile(lambda of_all: len(set(of_all)) == 1, words))


class _Scored(NamedTuple):
    """One metric under one condition: what all that is told of it is made from."""

    run: Run
    metric: str
    condition: Condition
    values: Mapping[str, Estimate]  # of codecs that have one

    @property
    def higher(self) -> bool:
        return self.run.better(self.metric) == "higher"

    def fact(self, codec: str, name: str) -> float | None:
        """What was measured of the codec's link under the condition."""
        return self.run.cell(codec, self.condition.name, name).estimate.value


def _part(
    run: Run, metric: str, condition: Condition, codecs: Sequence[str], families: Sequence[Family]
) -> Part | None:
    if metric not in run.scores or run.better(metric) not in ("higher", "lower"):
        return None
    values = {c: e for c in codecs if (e := run.cell(c, condition.name, metric).estimate).value is not None}
    whole = [family for family in families if all(codec in values for codec in family.members)]
    if not whole:
        return None
    scored = _Scored(run, metric, condition, values)
    above, below, speakers = _observed(scored)
    needs: dict[tuple[str, str], EqualRate] = {}
    for family in whole:
        for codec in (codec for codec in values if codec not in family.members):
            asked = [*family.members, codec]
            kept = above[asked].notna().all(axis=1)
            a, b = (frame.loc[kept, asked].to_numpy().T for frame in (above, below))
            rates = [scored.fact(member, RATE) or 0.0 for member in family.members]
            if kept.any():
                found = equal_rate(rates, (a[:-1], b[:-1]), (a[-1], b[-1]), speakers[kept], scored.higher)
                needs[codec, family.name] = found
    return _told(scored, whole, needs)


def _observed(scored: _Scored) -> tuple["pd.DataFrame", "pd.DataFrame", "pd.Series[str]"]:
    """Numerators and denominators, a row per utterance and seed, a column per codec; and the speaker of each row."""
    rows = scored.run.rows
    rows = rows[(rows["metric"] == scored.metric) & (rows["condition"] == scored.condition.name)]
    rows = parts(rows[rows["codec"].isin(list(scored.values))])
    rows = rows.assign(person=clusters_of(rows))
    keys = ["dataset", "utterance", "seed"]
    above, below = (rows.pivot_table(index=keys, columns="codec", values=value) for value in ("above", "below"))
    speakers = rows.drop_duplicates(keys).set_index(keys)["person"]
    return above, below, speakers.reindex(above.index)


def _told(scored: _Scored, families: Sequence[Family], needs: Mapping[tuple[str, str], EqualRate]) -> Part:
    wire = {family.name: [scored.fact(member, WIRE) for member in family.members] for family in families}
    rates = {family.name: [scored.fact(member, RATE) or 0.0 for member in family.members] for family in families}

    def need(codec: str, family: Family) -> Field:
        found = needs.get((codec, family.name))
        return Field("") if found is None else _need(found, rates[family.name], wire[family.name])

    fronts, digits = _fronts(scored), precision(scored.run, scored.metric)
    shade = shader(scored.run, scored.metric)
    lines = [
        Line(
            codec=codec,
            rate=_rate_field(scored.fact(codec, RATE)),
            wire=_rate_field(scored.fact(codec, WIRE)),
            value=printed(scored.run.cell(codec, scored.condition.name, scored.metric), digits, shade),
            front=fronts[codec],
            needs=[need(codec, family) for family in families],
        )
        for codec in sorted(scored.values, key=lambda codec: scored.fact(codec, RATE) or 0.0)
    ]
    name, sizes = scored.run.named(scored.metric), sorted(found.n for found in needs.values())
    return Part(
        title=name,
        sentences=list(_sentences(name, families[0].name, lines)),
        families=[family.name for family in families],
        lines=lines,
        deltas=list(_deltas(scored, families)),
        paired=" to ".join(f"{n:,}" for n in sorted({*sizes[:1], *sizes[-1:]})),
        few=any(found.clusters < FEW for found in needs.values()),
    )


def _sentences(metric: str, family: str, lines: Sequence[Line]) -> Iterator[str]:
    """What the first family needs; codecs beyond the same end of its range in one sentence."""
    beyond: dict[str, list[str]] = {}
    for line in lines:
        need = line.needs[0]
        if need.interval or (need.text and need.text[0].isdigit()):
            ends = f" {need.interval}" if need.interval else ""
            yield (
                f"{line.codec} ({line.rate.text} kbit/s) has {metric} {line.value.text}: "
                f"{family} needs {need.text}{ends} kbit/s for this."
            )
        elif need.text:
            beyond.setdefault(need.text, []).append(line.codec)
    for text, codecs in beyond.items():
        who = " and ".join(filter(None, [", ".join(codecs[:-1]), codecs[-1]]))
        yield f"For the {metric} of {who}, {family} needs {text} kbit/s, the end of its range."


def _need(found: EqualRate, rates: Sequence[float], wire: Sequence[float | None]) -> Field:
    """`9.8 [8.9, 11.2]`, `more than 24 [21.3, –]`; on the wire by a straight line between the family's rates."""
    bits = found.rate or (found.most if found.side == "more" else found.least)
    side = f"{found.side} than " if found.side else ""
    headers = "" if None in wire else f"{side}{_kbps(float(np.interp(bits, rates, [w or 0.0 for w in wire])))}"
    beyond = found.side and (found.low, found.high) in ((found.most, None), (None, found.least))  # all of it
    told = "" if beyond or found.clusters < 2 else f"[{_kbps(found.low)}, {_kbps(found.high)}]"
    return Field(side + _kbps(bits), bits, told, headers and f"on the wire {headers}")


def _rate_field(bits: float | None) -> Field:
    return Field(_kbps(bits), bits)


def _kbps(bits: float | None) -> str:
    """In kbit/s, to three digits or so; a dash where there is none."""
    return "–" if bits is None else number(bits * KBPS, 2 if bits < 10_000 else 1)


def _fronts(scored: _Scored) -> dict[str, str]:
    """Of each codec what nothing beats it in: rate and quality, or only with latency beside them."""
    codecs = list(scored.values)
    sign = 1 if scored.higher else -1
    gains = [[sign * (scored.values[codec].value or 0.0)] for codec in codecs]
    costs = [[scored.fact(codec, name) for name in (RATE, LATENCY)] for codec in codecs]
    known = np.array(costs, dtype=np.float64)
    plain, late = pareto(known[:, :1], gains), pareto(known, gains)
    return {codec: "yes" if plain[at] else "with latency" if late[at] else "no" for at, codec in enumerate(codecs)}


def _deltas(scored: _Scored, families: Sequence[Family]) -> Iterator[str]:
    """Bjøntegaard's deltas of every two families that have points enough; where there is none, why."""
    several = [family for family in families if len(family.members) >= LEAST]
    digits = precision(scored.run, scored.metric)
    for first, second in combinations(several, 2):
        anchor, tested = (
            ([scored.fact(c, RATE) or 0.0 for c in f.members], [scored.values[c].value or 0.0 for c in f.members])
            for f in (first, second)
        )
        found = bd_rate(anchor, tested, higher=scored.higher)
        if found.percent is None:
            yield f"{second.name} against {first.name}: no BD-rate, as {found.reason}."
        else:
            sign = "more" if found.percent >= 0 else "fewer"
            yield (
                f"{second.name} takes {number(abs(found.percent), 1)} % {sign} bits than {first.name} for the same "
                f"{scored.run.named(scored.metric)} (BD-rate, from {number(found.low, digits)} to "
                f"{number(found.high, digits)})."
            )
