"""What a gate found, for people: lines for a terminal, Markdown for a pull request, annotations for GitHub."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from benchmark.agreement import Field
from benchmark.compare import Compared, Comparison
from benchmark.gate import Verdict, Word, outcome
from reports.escape import markdown as markdown_text
from reports.escape import one_line
from reports.summary import decimals, number, pretty

ORDER: tuple[Word, ...] = ("worse", "not_measured", "better", "same")
WORDS: dict[Word, str] = {"worse": "worse", "not_measured": "not measured", "better": "better", "same": "same"}
MOST = 40  # rows of a table in a comment; the rest is counted
CLASSES = {"must_match": "must match", "under_test": "under test", "environment": "environment"}


def told(row: Compared) -> str:
    """``3.10 → 2.98 (−0.12 [−0.15, −0.09] MOS-LQO)``: both values, and the difference with its interval."""
    found = row.difference
    digits = decimals((found.first, found.second)) + 1
    if found.value is None:
        return f"{number(found.first, digits)} → {number(found.second, digits)}"
    interval = "" if found.low is None else f" [{signed(found.low, digits)}, {signed(found.high, digits)}]"
    unit = f" {row.unit}" if row.unit else ""
    change = f"{signed(found.value, digits)}{interval}{unit}"
    return f"{number(found.first, digits)} → {number(found.second, digits)} ({change})"


def signed(value: float | None, digits: int) -> str:
    """A difference in print: with its sign, or 0 where it is exactly that."""
    if value == 0:
        return "0"
    text = number(value, digits)
    return text if value is None or value < 0 else f"+{text}"


def named(row: Compared) -> str:
    """The value as reports print it, and against what it is where that is not the usual reference."""
    scorer = f" ({row.scorer})" if row.ambiguous else ""
    return pretty(row.name) + scorer + (" against the input" if row.reference == "input" else "")


def in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Worse ones first, the largest loss in margins on top."""

    def rank(verdict: Verdict) -> tuple[int, float]:
        gain = verdict.compared.gain or 0.0
        return ORDER.index(verdict.verdict), gain / verdict.margin if verdict.margin else gain

    return sorted(verdicts, key=rank)


def heading(verdicts: Sequence[Verdict], comparison: Comparison) -> str:
    """``worse: 3 worse, 1 better, 40 same of 44 values``."""
    counts = Counter(v.verdict for v in verdicts)
    told = ", ".join(f"{counts[word]} {WORDS[word]}" for word in ORDER if counts[word])
    return f"{WORDS[outcome(verdicts, comparison.unmeasured)]}: {told or 'nothing'} of {len(verdicts)} values"


def lines(verdicts: Sequence[Verdict], comparison: Comparison) -> Iterator[str]:
    """For a terminal: the outcome, what was compared with what, and every verdict but `same`; a line each."""
    yield from map(one_line, _lines(verdicts, comparison))


def _lines(verdicts: Sequence[Verdict], comparison: Comparison) -> Iterator[str]:
    yield heading(verdicts, comparison)
    yield f"compared: {comparison.second} against {comparison.first}, inference on the {comparison.inference}"
    yield from (f"not measured: {codec}: {why}" for codec, why in comparison.unmeasured.items())
    yield from (f"note: {note}" for note in comparison.notes)
    yield from (f"differs ({CLASSES[f.kind]}{', waived' if f.waived else ''}): {_field(f)}" for f in comparison.fields)
    for verdict in in_order(verdicts):
        if verdict.verdict != "same":
            row = verdict.compared
            yield f"{WORDS[verdict.verdict]}: {row.codec}, {row.condition}, {named(row)}: {told(row)}; {verdict.reason}"


def _field(field: Field) -> str:
    return f"{field.name}: {field.first} → {field.second}"


def markdown(verdicts: Sequence[Verdict], comparison: Comparison) -> str:
    """For a comment: the outcome, a table of what is not the same, and what else differs between the runs."""
    t = markdown_text
    changed = [v for v in in_order(verdicts) if v.verdict != "same"]
    out = [f"### focalbench gate: {t(heading(verdicts, comparison))}", ""]
    out += [f"{t(comparison.second)} against {t(comparison.first)}, inference on the {comparison.inference}.", ""]
    out += [f"- not measured: {t(codec)}: {t(why)}" for codec, why in comparison.unmeasured.items()]
    if changed:
        out += ["", "| verdict | codec | condition | value | change | margin | why |", "|---|---|---|---|---|---:|---|"]
        for verdict in changed[:MOST]:
            row = verdict.compared
            cells = [WORDS[verdict.verdict], row.codec, row.condition, named(row), told(row)]
            out.append("| " + " | ".join(map(t, [*cells, f"{verdict.margin:.3g}", verdict.reason])) + " |")
        out += [f"\nand {len(changed) - MOST} more." if len(changed) > MOST else "", ""]
    if comparison.notes:
        out += [*(f"- {t(note)}" for note in comparison.notes), ""]
    if comparison.fields:
        out += [
            "<details><summary>What else differs</summary>",
            "",
            "| class | field | before | now |",
            "|---|---|---|---|",
        ]
        for f in comparison.fields:
            kind = CLASSES[f.kind] + (" (waived)" if f.waived else "")
            out.append(f"| {kind} | {t(f.name)} | {t(f.first)} | {t(f.second)} |")
        out += ["", "</details>", ""]
    return "\n".join(out)


def annotations(verdicts: Sequence[Verdict], comparison: Comparison) -> Iterator[str]:
    """Workflow commands of GitHub Actions: an error for each that is worse, a warning for what was not measured."""
    for codec, why in comparison.unmeasured.items():
        yield f"::warning title={_command(f'not measured: {codec}', ':,')}::{_command(why)}"
    for verdict in in_order(verdicts)[:MOST]:
        if verdict.verdict in ("worse", "not_measured"):
            row, level = verdict.compared, "error" if verdict.verdict == "worse" else "warning"
            title = _command(f"{WORDS[verdict.verdict]}: {row.codec}, {named(row)}", ":,")
            yield f"::{level} title={title}::" + _command(f"{row.condition}: {told(row)}; {verdict.reason}")


def _command(text: str, more: str = "") -> str:
    """Text inside a workflow command: what would end it is percent-encoded."""
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + more else c for c in text)
