"""The section on downstream tasks: what a machine still finds out, between chance and what uncoded speech allows.

Answers on decoded audio and answers from tokens are of different listeners, so they stand in tables of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmark.stats import FEW, Estimate
from reports import confusion, curves, figures
from reports.anchor import differences
from reports.conditions import Condition, Curve, loss_curves, placed_curves
from reports.drawing import Look
from reports.summary import ANCHOR, ON_AUDIO, ON_TOKENS, TASK_WORDS, Cell, Run, number, parts
from reports.words import STATUS_WORDS, headline, kbps, loss_free, percent

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    from markupsafe import Markup

TITLES = {ON_AUDIO: "On decoded audio", ON_TOKENS: "From tokens"}
ARROWS = {"higher": "↑", "lower": "↓"}
APART = {"speakers": "no speaker is in both", "utterances": "the same speakers, no utterance is in both"}
DAMAGE = {"test": "what is lost is lost in the test alone", "both": "what is lost is lost in training and test"}
HEADS = (
    *("Task", "Asked of", "Classes", "Chance", "Majority", "Learned from", "Tested on"),
    *("Training and test", "Protocol"),
)
MOST = 18  # curves that are drawn
TEXT_FLOOR = 1.0  # an error rate by which nothing is understood
SEEDS = 5  # of training that are listed; of more, the span


class Column(NamedTuple):
    """A value of a task: `floor` is what is scored without any knowledge, `majority` by always saying one class.

    `first` is the value that papers print, of which there are curves; `about` are lines on its test.
    """

    metric: str
    task: str
    head: str
    better: str
    about: tuple[str, ...]
    floor: float
    majority: float | None
    first: bool


class Field(NamedTuple):
    """A cell: its text, what to sort it by, smaller lines under it, what it misses, and how strongly it is tinted."""

    text: str
    order: float | None = None
    lines: tuple[str, ...] = ()
    loss: str = ""
    coverage: str = ""
    heat: float = 0.0


class Row(NamedTuple):
    """A codec with its net bitrate, or what it is compared with."""

    name: str
    rate: str
    order: float | None
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Codecs against tasks in one condition; `references` are what nobody can do without speech, and the ceiling."""

    way: str
    title: str
    condition: str
    columns: tuple[Column, ...]
    references: tuple[Row, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def groups(self) -> list[tuple[str, tuple[str, ...], int]]:
        """Tasks, what is said of them, and how many columns each has."""
        found: dict[str, list[Column]] = {}
        for column in self.columns:
            found.setdefault(column.task, []).append(column)
        return [(task, columns[0].about, len(columns)) for task, columns in found.items()]


class Asked(NamedTuple):
    """What was asked of whom, in words."""

    task: str
    spec: str
    source: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tasks:
    """The section; `conditions` are the choices of its selector, `plots` the curves of each way."""

    sentences: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    plots: tuple[tuple[str, Sequence[tuple[str, "Markup"]]], ...]
    left_out: int
    matrices: tuple[confusion.Confusion, ...]
    asked: tuple[Asked, ...]
    probes: str
    legend: tuple[str, ...]
    heads: tuple[str, ...] = HEADS


def section(run: Run, look: Mapping[str, Look]) -> Tasks | None:
    """None where no task was asked."""
    if not run.tasks:
        return None
    known = _conditions(run)
    changes = changed(run)
    plots, left_out = _plots(run, look)
    return Tasks(
        sentences=tuple(sentences(run)),
        conditions=tuple((f"k{i}", c.title) for i, c in enumerate(known)),
        tables=tuple(
            table(run, way, condition, changes, f"k{i}")
            for i, condition in enumerate(known)
            for way, answers in run.tasks.items()
            if way == ON_TOKENS or condition.name in {c.name for c in answers.conditions}
        ),
        plots=tuple(plots),
        left_out=left_out,
        matrices=tuple(
            matrix
            for label in run.facts["tasks"]
            for way, answers in run.tasks.items()
            if (matrix := confusion.confusion(answers, label, TITLES[way]))
        ),
        asked=tuple(_asked(label, facts) for label, facts in run.facts["tasks"].items()),
        probes=_probes(run),
        legend=tuple(codec for codec in look if any(codec in answers.series for answers in run.tasks.values())),
    )


def _conditions(run: Run) -> list[Condition]:
    """Of all tasks, the clean one first."""
    found = {c.name: c for answers in run.tasks.values() for c in answers.conditions}
    return sorted(found.values(), key=lambda c: not c.clean)


# --- Tables ---


def columns(run: Run, way: str) -> tuple[Column, ...]:
    """The value of each task that papers print; with unweighted recall, the accuracy too."""
    answers, found = run.tasks[way], []
    for label, facts in run.facts["tasks"].items():
        kind = str(facts["metric"]).removeprefix(f"{facts['name']}_")
        for wanted in ["accuracy", "recall"] if kind == "recall" else [kind]:
            metric = named(answers, label, wanted, way)
            if metric is not None:
                found.append(_column(answers, metric, label, wanted, way))
    return tuple(found)


def named(answers: Run, label: str, kind: str, way: str) -> str | None:
    """What the report calls the value of this kind of a task; None where it has none."""
    name = answers.facts["tasks"][label]["name"] + ("_tokens_" if way == ON_TOKENS else "_") + kind
    return next((m for m in (f"{name} · {label}", name) if m in answers.metrics and _of(answers, m, label)), None)


def _of(answers: Run, metric: str, label: str) -> bool:
    return bool((answers.rows["metric"].eq(metric) & answers.rows["dataset"].eq(label)).any())


def _column(answers: Run, metric: str, label: str, kind: str, way: str) -> Column:
    facts, lower = answers.facts["tasks"][label], answers.better(metric) == "lower"
    own = way == ON_AUDIO and not facts.get("learns", True)  # a published judge, whose classes are its own
    chance, majority = (None, None) if own else (facts.get("chance"), facts.get("majority"))
    test = facts.get("test") or {}
    told = ["text" if facts["kind"] == "text" else "a published judge" if own else f"{len(facts['classes'])} classes"]
    told += [_count(test.get("utterances"), "utterance"), _count(test.get("speakers"), "speaker")]
    title = facts["title"] + ("" if label == facts["name"] else f" ({label})")
    floor = (TEXT_FLOOR if lower else 0.0) if chance is None else 1 - chance if lower else chance
    if majority is not None:
        majority = chance if kind == "recall" else 1 - majority if lower else majority
    head, arrow = TASK_WORDS.get(kind, kind), ARROWS.get(answers.better(metric), "")
    about = tuple(filter(None, told))
    first = str(facts["metric"]).endswith(f"_{kind}")
    return Column(metric, title, f"{head} {arrow}".strip(), answers.better(metric), about, floor, majority, first)


def _count(count: int | None, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}" if count else ""


def _listed(words: Sequence[str]) -> str:
    return ", ".join(filter(None, words))


def changed(run: Run) -> dict[str, Mapping[tuple[str, str], Cell]]:
    """By metric, codec and condition: decoded speech less uncoded speech."""
    found = columns(run, ON_AUDIO) if ON_AUDIO in run.tasks else ()
    return {column.metric: differences(run.tasks[ON_AUDIO], column.metric) for column in found}


def table(
    run: Run, way: str, condition: Condition, changes: Mapping[str, Mapping[tuple[str, str], Cell]], identity: str = ""
) -> Table:
    """Codecs against tasks under one condition; `changes` are those of `changed`."""
    answers, found = run.tasks[way], columns(run, way)
    drawn = _by_seed(answers, condition) if way == ON_TOKENS else {}
    mute = dict(_without(answers)) if way == ON_TOKENS else {}
    rows = []
    for codec in answers.series:
        if codec in mute:
            continue
        fields = [
            _field(answers, codec, condition, c, changes.get(c.metric, {}), drawn.get((codec, c.metric), ()))
            for c in found
        ]
        rate = rate_of(run, codec)
        rows.append(Row(codec, kbps(rate) if rate else "", rate.estimate.value if rate else None, tuple(fields)))
    above = [_reference("chance", found, [c.floor if _of_classes(c) else None for c in found])]
    above += [_reference("majority class", found, [c.majority for c in found])]
    return Table(
        way=way,
        title=f"{TITLES[way]}, {condition.title[:1].lower() + condition.title[1:]}",
        condition=identity,
        columns=found,
        references=(*above, *(row for row in rows if row.name == ANCHOR)),
        rows=tuple(row for row in rows if row.name != ANCHOR),
        notes=tuple(_notes(answers, found, way, mute)),
    )


def _of_classes(column: Column) -> bool:
    return column.majority is not None


def rate_of(run: Run, codec: str) -> Cell | None:
    """The net bitrate, of the label itself or of any other of its codec; None of what was never coded."""
    same = [codec, *(c for c in run.codecs if run.origin(c) == run.origin(codec) or c == codec)]
    cells = (run.overall(c, "net_bps") for c in same)
    return None if codec == ANCHOR else next((cell for cell in cells if cell.asked), None)


def _reference(name: str, found: Sequence[Column], values: Sequence[float | None]) -> Row:
    return Row(name, "", None, tuple(Field(percent(value), value) for value in values))


def _field(
    answers: Run,
    codec: str,
    condition: Condition,
    column: Column,
    changes: Mapping[tuple[str, str], Cell],
    drawn: Sequence[float],
) -> Field:
    cell = answers.cell(codec, condition.name, column.metric)
    score, n = cell.estimate.value, cell.estimate.n
    if score is None:
        status = max(cell.statuses, key=lambda s: cell.statuses[s], default="")
        return Field(STATUS_WORDS.get(status, status) or "–", None, (), "", f"0/{cell.asked}" if cell.asked else "")
    ceiling = answers.cell(ANCHOR, condition.name, column.metric).estimate.value
    coded = codec != ANCHOR and ceiling is not None
    lost = relative_loss(score, ceiling, column) if coded else None
    best = 0.0 if column.better == "lower" else 1.0
    gone = lost if coded else relative_loss(score, best, column)
    lines = [_interval(cell.estimate, (0.0, inf if column.majority is None else 1.0))]
    if coded and (change := changes.get((codec, condition.name))) and change.estimate.value is not None:
        lines.append(f"{_signed(change.estimate.value)} {_interval(change.estimate, (-inf, inf))}".strip())
    lines.append(_seeds(drawn))
    loss = "" if lost is None else f"loses {percent(lost, 0)}"
    coverage = f"{n}/{cell.asked}" if n < cell.asked else ""
    heat = 0.0 if gone is None or codec == ANCHOR else round(min(max(1 - gone, 0.0), 1.0), 2)
    return Field(percent(score), score, tuple(filter(None, lines)), loss, coverage, heat)


def relative_loss(score: float, ceiling: float | None, column: Column) -> float | None:
    """The share of what uncoded speech has above the `floor` that is gone: 0 as good as uncoded, 1 nothing is left.

    None where there is no `ceiling`, or it is no better than the floor, which of error rates is the larger one.
    """
    sign = -1 if column.better == "lower" else 1
    if ceiling is None or sign * (ceiling - column.floor) <= 0:
        return None
    return (ceiling - score) / (ceiling - column.floor)


def _interval(found: Estimate, limits: tuple[float, float]) -> str:
    """`[77.2, 84.8]`, in percent, its ends within what can be."""
    if found.low is None or found.high is None:
        return ""
    low, high = (100 * min(max(end, limits[0]), limits[1]) for end in (found.low, found.high))
    return f"[{number(low, 1)}, {number(high, 1)}]"


def _signed(value: float) -> str:
    text = number(100 * value, 1)
    return text if text.startswith("−") or not text.strip("0.") else f"+{text}"


def _seeds(drawn: Sequence[float]) -> str:
    """What each training came to, if there were several."""
    if len(drawn) < 2:
        return ""
    if len(drawn) > SEEDS:
        return f"{len(drawn)} seeds: {number(100 * min(drawn), 1)} to {number(100 * max(drawn), 1)}"
    return "seeds: " + " ".join(number(100 * value, 1) for value in drawn)


def _by_seed(answers: Run, condition: Condition) -> dict[tuple[str, str], list[float]]:
    """By codec and metric, what was scored after each training."""
    rows = parts(answers.rows[answers.rows["condition"].eq(condition.name)]).dropna(subset=["above"])
    sums = rows.groupby(["codec", "metric", "seed"])[["above", "below"]].sum()
    found: dict[tuple[str, str], list[float]] = {}
    for (codec, metric, _), (above, below) in zip(sums.index, sums.to_numpy(), strict=True):
        if below:
            found.setdefault((codec, metric), []).append(float(above / below))
    return found


def _without(answers: Run) -> Iterator[tuple[str, str]]:
    """Codecs that have no tokens, and why."""
    for codec, rows in answers.rows.groupby("codec"):
        if rows["status"].eq("not_applicable").all():
            yield str(codec), str(rows["reason"].iloc[0])


def _notes(answers: Run, found: Sequence[Column], way: str, mute: Mapping[str, str]) -> Iterator[str]:
    clusters = {
        c.task: max((cell.estimate.clusters for key, cell in answers.cells.items() if key[2] == c.metric), default=0)
        for c in found
    }
    if few := [task for task, count in clusters.items() if 0 < count < FEW]:
        told = " and ".join(filter(None, [", ".join(few[:-1]), few[-1]]))
        yield f"Fewer than {FEW} speakers in {told}: intervals describe these and say little about others."
    reasons: dict[str, list[str]] = {}
    for codec, reason in mute.items():
        reasons.setdefault(reason.rstrip("."), []).append(codec)
    for reason, codecs in reasons.items():
        yield f"Without tokens: {', '.join(codecs)} ({reason})."


# --- What was asked ---


def _asked(label: str, facts: Mapping[str, Any]) -> Asked:
    sides = {side: facts.get(side) or {} for side in ("train", "valid", "test")}
    learned = _speech(sides["train"]) or "nothing: a model as it is"
    if valid := _speech(sides["valid"]):
        learned += f"; validated on {valid}"
    classes = facts.get("classes") or []
    chance = [percent(facts.get(key)) if key in facts else "–" for key in ("chance", "majority")]
    cells = (
        f"{facts.get('data', '')}: {facts.get('column', '')}".strip(": "),
        "text" if facts["kind"] == "text" else str(len(classes) or "the judge's own"),
        *chance,
        learned,
        _speech(sides["test"]) or "–",
        APART.get(str(facts.get("apart")), str(facts.get("apart", "–"))),
        str(facts.get("protocol", "–")),
    )
    title = str(facts["title"]) + ("" if label == facts["name"] else f" ({label})")
    return Asked(title, str(facts.get("task", label)), str(facts.get("source", "")), cells)


def _speech(side: Mapping[str, Any]) -> str:
    return _listed([_count(side.get("utterances"), "utterance"), _count(side.get("speakers"), "speaker")])


def _probes(run: Run) -> str:
    """How networks were taught, in a line; empty where none was."""
    facts = run.facts.get("probes") or {}
    if not facts or ON_TOKENS not in run.tasks:
        return ""
    seeds = ", ".join(map(str, facts.get("seeds") or [0]))
    told = [f"recipe {facts.get('recipe')}", f"input {facts.get('input')}", DAMAGE.get(str(facts.get("damage")), "")]
    told += [f"training seeds {seeds}", *(f"{key} {value}" for key, value in (facts.get("facts") or {}).items())]
    return "; ".join(filter(None, told)).replace("_", " ")


# --- Curves and sentences ---


def _plots(run: Run, look: Mapping[str, Look]) -> tuple[list[tuple[str, list[tuple[str, "Markup"]]]], int]:
    """Captioned curves over losses, and over whatever acoustics and channels are ordered by; how many are not drawn."""
    from markupsafe import Markup

    found, left_out = [], 0
    for way, answers in run.tasks.items():
        scaled = _in_percent(answers)
        drawn: list[tuple[str, str]] = []
        for column in (column for column in columns(run, way) if column.first):
            for curve in _curves(answers.conditions):
                if len(drawn) == MOST:
                    left_out += 1
                elif svg := curves.quality(scaled, column.metric, curve, look):
                    drawn.append((f"{answers.named(column.metric)}: {curve.title[:1].lower()}{curve.title[1:]}", svg))
        if drawn:
            found.append((TITLES[way], [(caption, Markup(svg)) for caption, svg in drawn]))  # drawing escapes
    return found, left_out


def _curves(known: Sequence[Condition]) -> list[Curve]:
    every = [*loss_curves(known), *placed_curves(known, "channel"), *placed_curves(known, "acoustics")]
    return [curve for curve in every if len(curve.points) > 1]


def _in_percent(answers: Run) -> Run:
    """With all scores as percentages, as the tables print them."""
    cells = {
        key: replace(cell, estimate=_hundredfold(cell.estimate)) if key[2] in answers.scores else cell
        for key, cell in answers.cells.items()
    }
    bases = {answers.base(metric) for metric in answers.scores}
    values = {name: {**info, "unit": "%"} if name in bases else info for name, info in answers.facts["values"].items()}
    return replace(answers, cells=cells, facts={**answers.facts, "values": values})


def _hundredfold(found: Estimate) -> Estimate:
    value, low, high = (None if x is None else 100 * x for x in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)


def glance(run: Run, look: Mapping[str, Look]) -> list[tuple[str, "Markup"]]:
    """What to see first of a run of tasks alone: scores over bitrate, and over what speech went through."""
    from markupsafe import Markup

    way = next(iter(run.tasks), "")
    found = [column for column in columns(run, way) if column.first][:2] if way else []
    scaled, clean = (_in_percent(run.tasks[way]), loss_free(run.tasks[way])) if way else (run, None)
    made = []
    for column in found:
        title = scaled.named(column.metric)
        if clean is not None:
            made.append((f"{title}: net bitrate", figures.rate_quality(scaled, column.metric, "net_bps", clean, look)))
        made += [
            (f"{title}: {curve.title[:1].lower()}{curve.title[1:]}", curves.quality(scaled, column.metric, curve, look))
            for curve in _curves(scaled.conditions)[:1]
        ]
    return [(caption, Markup(svg)) for caption, svg in made if svg]  # drawing escapes


def sentences(run: Run) -> Iterator[str]:
    """What was found, in plain words."""
    if ON_TOKENS in run.tasks:
        yield from _understood(run)
    if ON_AUDIO not in run.tasks:
        return
    answers, found = run.tasks[ON_AUDIO], columns(run, ON_AUDIO)
    clean, lossy = loss_free(answers), headline(answers)
    if clean is not None and ANCHOR in answers.series:
        told = [_ceiling(answers, column, clean) for column in found]
        yield f"Uncoded speech sets the ceiling: {'; '.join(filter(None, told))}."
    for where, condition in (("On clean speech", clean), (f"With {lossy.title}" if lossy else "", lossy)):
        lost = _losses(answers, found, condition) if condition is not None else {}
        if len(lost) > 1:
            kept, gone = min(lost, key=lambda c: lost[c]), max(lost, key=lambda c: lost[c])
            yield (
                f"{where}, {kept} loses least of that, {percent(lost[kept], 0)} on average over tasks; "
                f"{gone} loses most, {percent(lost[gone], 0)}."
            )


def _understood(run: Run) -> Iterator[str]:
    """What networks find out from the tokens of the codec that tells most of each task."""
    answers = run.tasks[ON_TOKENS]
    if (clean := loss_free(answers)) is None:
        return
    for column in columns(run, ON_TOKENS):
        cells = {codec: answers.cell(codec, clean.name, column.metric).estimate.value for codec in answers.codecs}
        known = {codec: value for codec, value in cells.items() if value is not None}
        if known:
            best = (min if column.better == "lower" else max)(known, key=lambda codec: known[codec])
            yield f"{column.task} from tokens: {column.head.split()[0]} {percent(known[best])} ({best})."


def _ceiling(answers: Run, column: Column, condition: Condition) -> str:
    value = answers.cell(ANCHOR, condition.name, column.metric).estimate.value
    if value is None:
        return ""
    chance = f" (chance {percent(column.floor)})" if _of_classes(column) else ""
    return f"{answers.named(column.metric)} {percent(value)}{chance}"


def _losses(answers: Run, found: Sequence[Column], condition: Condition) -> dict[str, float]:
    """By codec its mean relative loss, over the tasks in which all codecs have one."""
    lost: dict[str, list[float | None]] = {}
    for codec in answers.codecs:
        for column in found:
            score, ceiling = (answers.cell(c, condition.name, column.metric).estimate.value for c in (codec, ANCHOR))
            value = None if score is None else relative_loss(score, ceiling, column)
            lost.setdefault(codec, []).append(value)
    common = [i for i in range(len(found)) if all(values[i] is not None for values in lost.values())]
    return {codec: sum(values[i] or 0.0 for i in common) / len(common) for codec, values in lost.items() if common}
