"""A comparison as a page: what differs and by how much, in words, in a table that can be filtered, and drawn."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.compare import ALL, FEWEST, Compared, Comparison
from reports.drawing import GRAVE, INK, LETTER, SOFT, beside, panel, short, svg
from reports.page import save
from reports.summary import LINK, decimals, number
from reports.verdicts import CLASSES, named, signed

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

ALPHA = 0.05
ROW = 17  # user units of a row of a plot
LETTERS = 34  # of a condition's name in a plot
DRAWN = 40  # rows of a plot; those that changed most are kept
TOLD = 4  # values that a sentence names
UNITS = {"population": "speakers", "corpus": "utterances"}


def write(comparisons: Sequence[Comparison], output: Path) -> Path:
    """The page at `output`; of several comparisons, all have the same first side.

    Raises:
        UserError: when it cannot be written.
    """
    return save("comparison.html", output, context(comparisons))


def context(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """What the page shows."""
    first = comparisons[0]
    against = first.second if len(comparisons) == 1 else f"{len(comparisons)} runs"
    return {
        "title": f"{against} against {first.first}",
        "first": first.first,
        "looks": {},
        "inference": first.inference,
        "units": UNITS[first.inference],
        "fewest": FEWEST[first.inference],
        "sides": [_side(number_, comparison) for number_, comparison in enumerate(comparisons)],
        "codecs": len({labels for comparison in comparisons for labels in comparison.pairs}),
        "values": sum(len(comparison.rows) for comparison in comparisons),
        "changed": sum(changed(row) for comparison in comparisons for row in comparison.rows),
    }


def _side(place: int, comparison: Comparison) -> dict[str, Any]:
    """One comparison: its words, its provenance, and its values by metric."""
    groups: dict[tuple[str, str], list[Compared]] = defaultdict(list)
    for row in comparison.rows:
        if row.difference.n or row.missing:
            groups[named(row), row.scorer].append(row)
    names = [name for name, _ in groups]
    groups = dict(sorted(groups.items(), key=lambda group: group[0][1] == LINK))  # rates behind scores
    metrics = []
    for number_, ((name, scorer), rows) in enumerate(groups.items()):
        told = f"{name} ({scorer})" if names.count(name) > 1 else name
        order = {labels: place for place, labels in enumerate(comparison.pairs)}
        rows.sort(key=lambda row: (order[row.first_codec, row.second_codec], row.place is not None))
        equal = _equal(rows)
        metrics.append(
            {
                "identity": f"m{place}-{number_}",
                "name": told,
                "changed": sum(map(changed, rows)),
                "rows": [_cells(row) for row in rows],
                "equal": equal,
                "plots": list(_plots([row for row in rows if row.codec not in equal], told)),
            }
        )
    return {
        "identity": f"side{place}",
        "second": comparison.second,
        "sentences": list(sentences(comparison)),
        "notes": comparison.notes,
        "fields": [
            {
                "kind": CLASSES[f.kind] + (", waived" if f.waived else ""),
                "name": f.name,
                "first": f.first,
                "second": f.second,
            }
            for f in comparison.fields
        ],
        "metrics": sorted(metrics, key=lambda metric: -int(metric["changed"] > 0)),
    }


def _equal(rows: Sequence[Compared]) -> list[str]:
    """The pairs of codecs that have exactly equal values in all conditions, which need no plot."""
    other = {row.codec for row in rows if verdict(row) != "the same"}
    return [codec for codec in dict.fromkeys(row.codec for row in rows) if codec not in other]


def changed(row: Compared) -> bool:
    """Whether a value differs: significantly after Holm's correction, or as a fact that has no sampling error."""
    if row.difference.value in (None, 0):
        return False
    return row.exact or (row.adjusted is not None and row.adjusted < ALPHA)


def verdict(row: Compared) -> str:
    """In a word or two; no verdict of a gate, which knows margins."""
    if row.difference.value is None:
        return "not measured"
    if row.difference.value == 0 and not row.difference.error:
        return "the same"
    if not row.enough:
        return "descriptive"
    if not changed(row):
        return "not told apart" if row.better != "neither" else "other" if row.difference.value else "the same"
    return "better" if (row.gain or 0) > 0 else "worse" if (row.gain or 0) < 0 else "other"


def sentences(comparison: Comparison) -> Iterator[str]:
    """What a reader takes away, per pair of codecs."""
    for first, second in comparison.pairs:
        name = first if first == second else f"{second} in place of {first}"
        rows = [
            r for r in comparison.rows if (r.first_codec, r.second_codec) == (first, second) and r.better != "neither"
        ]
        if rows and all(verdict(row) == "the same" for row in rows):
            yield f"{name}: every value is exactly the same."
            continue
        if rows and not any(row.enough for row in rows):
            clusters, unit = max(row.difference.clusters for row in rows), UNITS[comparison.inference]
            yield f"{name}: nothing can be concluded from {clusters} {unit}; {FEWEST[comparison.inference]} are needed."
            continue
        told = [_told([row for row in rows if verdict(row) == word], word) for word in ("worse", "better")]
        rest = sum(verdict(row) in ("not told apart", "the same") for row in rows)
        if not any(told):
            yield f"{name}: no difference was found in {rest} values."
            continue
        yield f"{name}: {'; '.join(filter(None, told))}. {rest} other values show no difference."
    if missing := sum(sum(row.missing.values()) for row in comparison.rows if row.place is not None):
        yield f"{missing:,} values that {comparison.first} has are missing from {comparison.second}."


def _told(rows: Sequence[Compared], word: str) -> str:
    """``12 values are worse, most of all PESQ-WB at 10 % loss (−0.31)``; overall values first."""
    if not rows:
        return ""
    order = sorted(rows, key=lambda row: (row.place is not None, -_strength(row)))
    named_ = [f"{named(row)}, {row.condition} ({signed(row.difference.value, _digits(row))})" for row in order[:TOLD]]
    count = f"{len(rows)} values are {word}" if len(rows) > 1 else f"one value is {word}"
    return f"{count}, {'first of all ' if len(rows) > TOLD else ''}{', '.join(named_)}"


def _strength(row: Compared) -> float:
    """How large a difference is beside what it was before."""
    return abs(row.difference.value or 0.0) / (abs(row.difference.first or 0.0) or 1.0)


def _digits(row: Compared) -> int:
    return decimals((row.difference.first, row.difference.second)) + 1


def _cells(row: Compared) -> dict[str, Any]:
    """A row of the table as text."""
    found, digits = row.difference, _digits(row)
    missing = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in row.missing.items())
    return {
        "codec": row.codec,
        "condition": row.condition,
        "overall": row.condition == ALL,
        "changed": changed(row) or (found.value is None and bool(row.missing)),
        "first": number(found.first, digits),
        "second": number(found.second, digits),
        "difference": "–" if found.value is None else signed(found.value, digits),
        "interval": "" if found.low is None else f"[{signed(found.low, digits)}, {signed(found.high, digits)}]",
        "n": f"{found.n} of {row.asked}" + (f" ({missing})" if missing else ""),
        "p": "–" if row.adjusted is None else "< 0.001" if row.adjusted < 0.001 else f"{row.adjusted:.3f}",
        "detectable": number(found.detectable, digits) if found.detectable and row.enough and not row.exact else "–",
        "verdict": verdict(row),
        "unit": row.unit,
    }


# --- Plots ---


def _plots(rows: Sequence[Compared], name: str) -> "Iterator[tuple[str, Markup]]":
    """A forest plot per pair of codecs: a row per condition, that of all of them on top."""
    from markupsafe import Markup

    groups: dict[str, list[Compared]] = defaultdict(list)
    for row in rows:
        if row.difference.value is not None:
            groups[row.codec].append(row)
    every = [end for row in rows for end in _ends(row)]
    limits = min([*every, 0.0]), max([*every, 0.0])
    for codec, members in groups.items():
        kept = sorted(members, key=lambda row: -_strength(row))[:DRAWN]
        shown = sorted((row for row in members if row in kept), key=lambda row: row.place is not None)
        yield codec, Markup(forest(shown, name, limits))  # drawing escapes what it writes


def _ends(row: Compared) -> list[float]:
    found = row.difference
    return [end for end in (found.value, found.low, found.high) if end is not None]


def forest(rows: Sequence[Compared], name: str, limits: tuple[float, float]) -> str:
    """Differences with their intervals; what changed stands out, the others are pale."""
    head = rows[0]
    margin = min(200.0, 12 + LETTER * max(len(short(row.condition, LETTERS)) for row in rows))
    span = (limits[1] - limits[0]) or 1.0
    arrow = {"higher": "  better →", "lower": "  ← better"}.get(head.better, "")
    with panel(f"difference {head.codec} {name}", margin, 12, height=72 + ROW * len(rows)) as (figure, axes):
        axes.set_xlim(limits[0] - 0.06 * span, limits[1] + 0.06 * span)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks([])
        axes.grid(axis="x", linewidth=1)
        axes.locator_params(axis="x", nbins=4)
        axes.axvline(0, color=INK, linewidth=1)
        unit = f", {head.unit}" if head.unit else ""
        axes.annotate(
            f"Δ {name}{unit}{arrow}",
            (0, 1),
            xycoords=("figure points", "figure fraction"),
            xytext=(0, -12),
            textcoords="offset points",
        )
        for place, row in enumerate(rows):
            _row(axes, row, place)
        return svg(figure, f"Difference of {name}, {head.codec}: " + ", ".join(row.condition for row in rows))


def _row(axes: "Axes", row: Compared, place: int) -> None:
    found, colour = row.difference, _colour(row)
    weight = "bold" if row.place is None else "normal"
    beside(axes, short(row.condition, LETTERS), place, fontsize=10, weight=weight)
    if found.low is not None and found.high is not None:
        axes.plot([found.low, found.high], [place, place], color=colour, linewidth=1.6, solid_capstyle="round")
    marker = "D" if row.place is None else "o"
    axes.plot([found.value or 0.0], [place], color=colour, marker=marker, markersize=6, markeredgewidth=0)


def _colour(row: Compared) -> str:
    word = verdict(row)
    return GRAVE if word == "worse" else INK if word in ("better", "other") else SOFT
