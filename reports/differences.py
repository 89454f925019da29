"""A comparison as lines for a terminal: over all conditions first, then where conditions differ."""

from collections.abc import Iterator, Sequence

from benchmark.compare import FEWEST, Compared, Comparison
from reports.escape import one_line
from reports.verdicts import CLASSES, named, told

ALPHA = 0.05
MOST = 30  # conditions that are told; `--json` and the page have all


def lines(comparison: Comparison) -> Iterator[str]:
    """What was compared with what, what differs in their provenance, and the differences; a line each."""
    yield from map(one_line, _lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"compared: {comparison.second} less {comparison.first}, inference on the {comparison.inference}"
    yield from (f"not measured: {codec}: {why}" for codec, why in comparison.unmeasured.items())
    yield from (f"note: {note}" for note in comparison.notes)
    for field in comparison.fields:
        kind = CLASSES[field.kind] + (", waived" if field.waived else "")
        yield f"differs ({kind}): {field.name}: {field.first} → {field.second}"
    rows = [row for row in comparison.rows if row.better != "neither" and (row.difference.n or row.missing)]
    several = {(r.codec, r.scorer, r.name, r.reference) for r in rows if r.place is None}
    top = [r for r in rows if r.place is None or (r.codec, r.scorer, r.name, r.reference) not in several]
    yield from (_line(row, comparison) for row in top)
    yield from _conditions([row for row in rows if row not in top], comparison)


def _conditions(rows: Sequence[Compared], comparison: Comparison) -> Iterator[str]:
    """The conditions that differ, most significant first, and how many do not."""
    if not rows:
        return
    yield from (_line(row, comparison) for row in rows if not row.difference.n)  # it failed here completely
    found = [row for row in rows if row.adjusted is not None and row.adjusted < ALPHA]
    found.sort(key=lambda row: (row.adjusted or 0.0, -abs(row.difference.value or 0.0)))
    yield f"per condition: {len(found)} of {len(rows)} differ (p < {ALPHA} after Holm)"
    yield from (_line(row, comparison) for row in found[:MOST])
    if len(found) > MOST:
        yield f"and {len(found) - MOST} more; --json or -o FILE has all"


def _line(row: Compared, comparison: Comparison) -> str:
    missing = ", ".join(f"{count} {status}" for status, count in row.missing.items())
    parts = [
        f"{row.codec}, {row.condition}, {named(row)}: {told(row)}",
        f"n = {row.difference.n} of {row.asked}" + (f" ({missing})" if missing else ""),
        "" if row.enough else f"descriptive only: {_too_few(row, comparison)}",
        "" if row.adjusted is None else f"p = {row.adjusted:.2g}",
        _detectable(row),
    ]
    return "; ".join(filter(None, parts))


def _too_few(row: Compared, comparison: Comparison) -> str:
    unit = "speakers" if comparison.inference == "population" else "utterances"
    return f"{row.difference.clusters} {unit}, {FEWEST[comparison.inference]} are needed"


def _detectable(row: Compared) -> str:
    """Next to each "no difference": what the data could have shown."""
    quiet = row.enough and row.adjusted is not None and row.adjusted >= ALPHA and row.difference.detectable
    return f"could have shown {row.difference.detectable:.2g}" if quiet else ""
