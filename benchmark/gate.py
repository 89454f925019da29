"""A verdict per value, codec and condition: better, same, worse or not measured, by margins that somebody chose.

A value passes when the one-sided 95 % bound of its loss lies within the margin (non-inferiority); not finding a
difference is no pass. It is worse when it fails that and its loss is significant by Holm's correction over the family,
better when its gain is significant likewise and exceeds the margin, and not measured when the data cannot tell.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from benchmark.compare import FEWEST, Compared, Comparison, Inference, adjust
from benchmark.types import UserError

Word: TypeAlias = Literal["better", "same", "worse", "not_measured"]
ALPHA = 0.05
BROKEN = ("codec_failed", "metric_failed", "no_speech", "too_short", "infinite")  # where there was a value before


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse a value may be; `share` is of the baseline's value, not in its unit."""

    size: float
    share: bool = False

    def of(self, value: float | None) -> float:
        """The margin in the unit of a value that is `value` on the first side."""
        return self.size * abs(value or 0.0) if self.share else self.size


Margins: TypeAlias = Mapping[str, Margin | None]  # by name or pattern; None leaves a value out


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one compared value, why, and by which margin (in its unit)."""

    compared: Compared
    verdict: Word
    margin: float
    reason: str


def margins(path: Path | None = None) -> list[Margins]:
    """The tables of margins, a user's own before the shipped one.

    Raises:
        UserError: when the file cannot be read, or an entry is no margin.
    """
    shipped = Path(__file__).with_name("margins.yaml")
    return [_margins(file) for file in (path, shipped) if file is not None]


def _margins(path: Path) -> Margins:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"The margins in {path} cannot be read: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must be lines like `pesq_wb: 0.05`, `net_bps: 1 %` or `stoi: null`.")
    return {str(name): _margin(path, str(name), value) for name, value in content.items()}


def _margin(path: Path, name: str, value: Any) -> Margin | None:
    if value is None:
        return None
    text, share = str(value).strip(), str(value).strip().endswith("%")
    try:
        size = float(text.removesuffix("%"))
    except ValueError:
        size = math.nan
    if isinstance(value, bool) or not (0 <= size < math.inf):
        raise UserError(f"{path}: {name}: {value!r} is no margin; write a number from 0 on, per cent (2 %) or null.")
    return Margin(size / 100 if share else size, share)


def margin_of(name: str, tables: Iterable[Margins]) -> Margin | None:
    """The margin of a value in the first table that speaks of it, by name or by pattern; None leaves it out."""
    for table in tables:
        if name in table:
            return table[name]
        if fits := [margin for pattern, margin in table.items() if fnmatchcase(name, pattern)]:
            return fits[0]
    return None


def judge(comparison: Comparison, tables: Sequence[Margins]) -> list[Verdict]:
    """The verdicts on all values with a direction and a margin.

    Left out are timings, values that neither side has, and those against noisy input. The families of Holm's correction
    are the values over all conditions, and those of single ones.
    """
    chosen = [(row, margin_of(row.name, tables)) for row in comparison.rows if _judged(row)]
    rows = [(row, margin.of(row.difference.first)) for row, margin in chosen if margin is not None]
    adjusted = adjust([row for row, _ in rows])
    return [_verdict(row, margin, p, comparison.inference) for (row, margin), p in zip(rows, adjusted, strict=True)]


def _judged(row: Compared) -> bool:
    if row.reference == "input":  # of noisy speech, what is judged is how near to clean speech it comes out
        return False
    known = row.difference.n > 0 or bool(row.missing) or bool(set(row.new) - {"absent"})
    return row.kind == "value" and row.better != "neither" and known


def _verdict(row: Compared, margin: float, p: float | None, inference: Inference) -> Verdict:
    broken = {status: n for status, n in row.missing.items() if status in BROKEN}
    if broken:
        counts = ", ".join(f"{n} {status}" for status, n in broken.items())
        return Verdict(row, "worse", margin, f"{counts} of {row.asked} that gave a value before")
    if row.missing:
        counts = ", ".join(f"{n} {status}" for status, n in row.missing.items())
        return Verdict(row, "not_measured", margin, f"{counts} of {row.asked} that gave a value before")
    gain = row.gain
    if gain is None:
        counts = ", ".join(f"{n} {status}" for status, n in row.new.items()) or "no value on both sides"
        return Verdict(row, "not_measured", margin, f"the baseline has none: {counts}; make a new one")
    if row.exact:
        word: Word = "worse" if gain < -margin else "better" if gain > margin else "same"
        return Verdict(row, word, margin, "a fact, measured once")
    if not row.enough:
        unit = "utterances" if inference == "corpus" else "speakers"
        return Verdict(row, "not_measured", margin, f"{row.difference.clusters} {unit}, {FEWEST[inference]} are needed")
    return Verdict(row, *_tested(row, gain, margin, p))


def _tested(row: Compared, gain: float, margin: float, p: float | None) -> tuple[Word, float, str]:
    """The verdict on a difference that has an interval."""
    found = row.difference
    assert found.lower is not None  # as there are clusters enough
    assert found.upper is not None
    assert p is not None
    bound = found.lower if row.better == "higher" else -found.upper  # of the gain, one-sided 95 %
    said = f"p = {p:.2g} after Holm"
    if bound > -margin or gain == bound == 0:
        word: Word = "better" if p < ALPHA and gain > margin else "same"
        return word, margin, said
    if p < ALPHA and gain < 0:
        return "worse", margin, said
    return "not_measured", margin, f"the loss may be as large as {-bound:.3g}, and is not shown: {said}"


def outcome(verdicts: Sequence[Verdict], unmeasured: Mapping[str, str]) -> Word:
    """Of all verdicts the one that decides: worse, else not measured, else better where anything is.

    Args:
        verdicts: of one gate.
        unmeasured: codecs of the baseline of which there is no value, as `Comparison.unmeasured`.
    """
    words = {v.verdict for v in verdicts}
    if "worse" in words:
        return "worse"
    if "not_measured" in words or unmeasured or not verdicts:
        return "not_measured"
    return "better" if "better" in words else "same"


def notes(comparison: Comparison, own: Margins) -> list[str]:
    """What a reader of verdicts has to know besides: values without a baseline, and margins of nothing."""
    new = sorted({row.name for row in comparison.rows if row.better != "neither" and not row.difference.n and row.new})
    known = {row.name for row in comparison.rows}
    idle = [pattern for pattern in own if pattern not in known and not any(fnmatchcase(n, pattern) for n in known)]
    found = []
    if new:
        found.append(f"Somewhere the baseline has no value to judge by: {', '.join(new)}. A new baseline would.")
    if idle:
        found.append(f"Margins of nothing that was compared: {', '.join(idle)}.")
    return found
