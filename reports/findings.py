"""What a run found, in three to six sentences: differences are paired, on the same utterances, with 95 % intervals.

The intervals and p-values are those of `benchmark.differences`, over speakers; p-values are Holm's over all codecs
that are compared with the best. With fewer than ten speakers nothing is said to be shown. No sentence says why.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from benchmark.differences import Difference, difference, holm
from benchmark.stats import FEW
from reports.conditions import Condition
from reports.summary import ANCHOR, Run, clusters_of, number, parts, precision, pretty
from reports.words import amid, headline, kbps, loss_free, ranked, spoken, untouched

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

Sums: TypeAlias = "Mapping[tuple[str, str], pd.DataFrame]"  # by the names of condition and codec
ALPHA = 0.05
TOLD = 4  # codecs that are told one by one; of more, the ends
LOW = 1_000  # bit/s, below which few codecs speak at all
PERSON = ["dataset", "speaker", "utterance"]


def findings(run: Run, metric: str | None) -> Iterator[str]:
    """What the page says first, `metric` being the first that was asked for."""
    if metric is not None and run.better(metric) != "neither":
        clean, worse = loss_free(run), headline(run)
        yield from _clean(run, metric, clean)
        yield from (costs := list(_costs(run, metric, clean, worse)))
        yield from _best(run, metric, worse, "There" if costs else _at(worse))
        yield from _lowest(run, metric, clean or worse)
    yield from _nothing(run)
    yield from _few(run)


def _clean(run: Run, metric: str, clean: Condition | None) -> Iterator[str]:
    order = ranked(run, metric, clean)
    if clean is None or len(order) < 2:
        return
    best = order[0]
    yield f"{untouched(run).capitalize()}, {best} scores best: {run.named(metric)} {spoken(run, best, clean, metric)}."


def _lowest(run: Run, metric: str, condition: Condition | None) -> Iterator[str]:
    """What the lowest rate reaches, and whether there is another below 1 kbit/s."""
    order = ranked(run, metric, condition)
    rates = {c: bits for c in order if (bits := run.overall(c, "net_bps").estimate.value)}
    if condition is None or len(rates) < 2:
        return
    least = min(rates, key=lambda c: rates[c])
    low, rate = [c for c in rates if rates[c] < LOW], kbps(run.overall(least, "net_bps"))
    reached = f"{run.named(metric)} {spoken(run, least, condition, metric)}"
    where = "" if condition.clean else f" with {amid(condition.title)}"
    if {run.origin(c) for c in low} == {run.origin(least)}:
        yield f"Below 1 kbit/s there is {least} only: {reached}{where} at {rate} kbit/s net."
    elif least != order[0]:
        yield f"At the lowest rate, {rate} kbit/s net, {least} reaches {reached}{where}."


# --- Differences ---


def _costs(run: Run, metric: str, clean: Condition | None, worse: Condition | None) -> Iterator[str]:
    """What a condition takes from each codec, against itself without it."""
    if clean is None or worse is None or run.loose:
        return
    rows = _rows(run, metric, [clean, worse])
    pairs = {codec: _paired(rows, (codec, clean), (codec, worse)) for codec in ranked(run, metric, worse)}
    sign = -1 if run.better(metric) == "higher" else 1
    found = {c: d for c, d in pairs.items() if d.value is not None}
    order = sorted(found, key=lambda c: sign * (found[c].value or 0.0))
    if not order:
        return
    digits, verb = precision(run, metric), "falls" if sign < 0 else "rises"
    if all(round(d.value or 0.0, digits) == 0 for d in found.values()):
        yield f"{_at(worse)}, {run.named(metric)} of each codec is what it is {untouched(run)}."
        return
    amounts = {c: _amount(found[c], sign, digits) for c in order}
    if len(order) <= TOLD:
        told = f"by {_listed([f'{amounts[c]} with {c}' for c in order])}"
    else:
        told = f"least with {order[0]}, by {amounts[order[0]]}, and most with {order[-1]}, by {amounts[order[-1]]}"
    hint = " What scores low anyway has little to lose." if len(order) > 1 else ""
    yield f"{_at(worse)}, {run.named(metric)} {verb} {told}, each against itself {untouched(run)}.{hint}"


def _best(run: Run, metric: str, worse: Condition | None, where: str) -> Iterator[str]:
    """Which codec is best under a condition, and from which others it is told apart."""
    order = ranked(run, metric, worse)
    if worse is None or not order:
        return
    best, others = order[0], order[1:]
    reached = f"{run.named(metric)} {spoken(run, best, worse, metric)}"
    if run.loose:
        yield f"The files of {best} have {reached}."
        return
    text = f"{where}, {best} keeps {'most: ' if others else ''}{reached}"
    rows = _rows(run, metric, [worse])
    pairs = {c: d for c in others if (d := _paired(rows, (best, worse), (c, worse))).value is not None}
    if pairs:
        text += f"; {_apart(run, metric, best, pairs)}"
    if run.cell(ANCHOR, worse.name, metric).estimate.value is not None:
        text += f". Uncoded, it would be {spoken(run, ANCHOR, worse, metric)}"
    yield text + "."


def _apart(run: Run, metric: str, best: str, pairs: Mapping[str, Difference]) -> str:
    """From the next best on: how much is between, and whether that is shown for other speakers."""
    sign = -1 if run.better(metric) == "higher" else 1
    digits, following = precision(run, metric), next(iter(pairs))
    ahead = f"{following}, the next, is {_amount(pairs[following], sign, digits)} behind"
    if any(d.few or d.p_below is None for d in pairs.values()):
        return ahead
    one_sided = [d.p_below if sign < 0 else d.p_above for d in pairs.values()]
    adjusted = holm([p or 0.0 for p in one_sided])
    open_ = [c for c, p in zip(pairs, adjusted, strict=True) if p >= ALPHA]
    if not open_:
        others = {1: "it", 2: "both others"}.get(len(pairs), f"all {len(pairs)} others")
        return f"{ahead}, and {best} is shown to be ahead of {others} (p < {ALPHA:g}, Holm)"
    named = _listed(open_) if len(open_) <= TOLD else f"{len(open_)} of {len(pairs)}"
    return f"{ahead}, and {best} is not shown to be ahead of {named} (p < {ALPHA:g}, Holm)"


def _rows(run: Run, metric: str, conditions: Sequence[Condition]) -> Sums:
    """Parts of what has a value, by condition and codec, summed over the seeds of each utterance."""
    names = [condition.name for condition in conditions]
    rows = parts(run.rows[run.rows["metric"].eq(metric) & run.rows["condition"].isin(names)]).dropna(subset=["above"])
    sums = rows.groupby(["condition", "codec", *PERSON])[["above", "below"]].sum()
    grouped = sums.groupby(level=["condition", "codec"])
    return {(str(name), str(codec)): found.droplevel([0, 1]) for (name, codec), found in grouped}


def _paired(rows: Sums, first: tuple[str, Condition], second: tuple[str, Condition]) -> Difference:
    """Second less first, each a codec under a condition, on the utterances that both have."""
    a, b = (rows.get((condition.name, codec)) for codec, condition in (first, second))
    if a is None or b is None:
        return Difference()
    both = a.add_suffix("_a").join(b.add_suffix("_b"), how="inner").reset_index()
    one, other = ((both[f"above_{side}"], both[f"below_{side}"]) for side in "ab")
    return difference(one, other, clusters_of(both)) if len(both) else Difference()


def _amount(found: Difference, sign: int, digits: int) -> str:
    """`0.95 [0.80, 1.10]`, above zero where it is for the worse."""
    ends = sorted(sign * end for end in (found.low, found.high) if end is not None)
    spread = f" [{number(ends[0], digits)}, {number(ends[1], digits)}]" if ends else ""
    return number(sign * (found.value or 0.0), digits) + spread


def _at(condition: Condition | None) -> str:
    if condition is None:
        return ""
    return f"At {condition.title}" if condition.swept else f"With {amid(condition.title)}"


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


# --- What was not measured, and what numbers rest on ---


def _nothing(run: Run) -> Iterator[str]:
    """Codecs and metrics without a single value; reasons stand under failures and skips."""
    valued = {(codec, metric) for (codec, _, metric), cell in run.cells.items() if cell.estimate.value is not None}
    judged = {codec for codec, metric in valued if metric in run.scores}
    silent = [c for c in run.codecs if c not in judged] if run.scores else []
    metrics = [pretty(m) for m in run.scores if not any(metric == m for _, metric in valued)]
    told = [
        *([f"for {_listed(silent) if len(silent) <= TOLD else f'{len(silent)} codecs'}"] if silent else []),
        *([f"by {_listed(metrics)}"] if metrics else []),
    ]
    if judged and told:
        yield f"Nothing was measured {', nor '.join(told)}; failures and skips say why."


def _few(run: Run) -> Iterator[str]:
    clusters = max(
        (cell.estimate.clusters for (codec, _, m), cell in run.cells.items() if m in run.scores and codec != ANCHOR),
        default=0,
    )
    if 2 <= clusters < FEW:
        yield (
            f"All this is descriptive only: the 95 % intervals rest on {clusters} speakers; "
            f"below {FEW}, they describe these voices only."
        )
    elif clusters == 1:
        yield "With a single speaker there are no intervals."
