"""Results as JSON lines, one per utterance under one condition: `key`, then flat numbers, as other scorers write them.

Tools made for the lines of VERSA (github.com/wavlab-speech/versa) read them: every number is a score, text says
where it belongs, and what was not measured is left out of the numbers.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmark import registry
from benchmark.table import COLUMNS, Row
from benchmark.types import Ratio, UserError

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

Place: TypeAlias = tuple[str, ...]

# What tells one line from another; all of it text, the seed as well: a number would be taken for a score.
PLACE = (
    *("utterance", "codec", "channel", "acoustics", "playout", "protection", "concealment", "header"),
    *("mode", "seed", "dataset"),
)
# VERSA's names for values of the same definition; its `stoi`, `estoi` and `utmos` are ours by name. Its `plcmos`,
# `mcd`, `visqol` and `warpq` share no more than the name with ours: it scales to the peak first, keeps the zeroth
# coefficient, scores at 48 kHz unless told, and at 8 kHz. Not given, being others: its `dns_overall` and `dns_p808`
# (scaled to the peak), `f0rmse` and `f0corr` (no pitch counts as 0 Hz) and `spk_similarity` (another network).
ALIASES = {
    "pesq_wb": "pesq",  # of references at 16 kHz and more
    "si_sdr": "si_snr",  # means kept, in single precision: 3e-4 dB apart
    "nisqa_mos": "nisqa_mos_pred",
    "nisqa_noisiness": "nisqa_noi_pred",
    "nisqa_discontinuity": "nisqa_dis_pred",
    "nisqa_coloration": "nisqa_col_pred",
    "nisqa_loudness": "nisqa_loud_pred",
}
# The counts behind `wer`, which VERSA names by the recogniser: `whisper_wer_delete`. Its size and the normaliser are
# the user's choice there as here; of equally short alignments another one may be taken.
EDITS = {"wer_insertions": "insert", "wer_deletions": "delete", "wer_substitutions": "replace"}
RECOGNISER = "model"  # the parameter that says who listened
USUAL = ("", "clean")  # references, which need no mention


def write(table: "pd.DataFrame", path: Path) -> None:
    """Write a table of results to `path`, UTF-8, atomically.

    A value against another reference than clean speech is called ``name@reference``; where several scorers give
    values of one name, ``name[scorer]``. What has no number is in ``missing``, by name: status and reason.
    """
    found: dict[Place, dict[str, Any]] = defaultdict(dict)
    edits: dict[tuple[Place, str], dict[str, Ratio]] = defaultdict(dict)
    several = _several(table)
    for row in map(Row._make, table[list(COLUMNS)].itertuples(index=False, name=None)):
        place = tuple(str(getattr(row, column)) for column in PLACE)
        name, line = _name(row, several), found[place]
        line.setdefault("speaker", row.speaker)
        if row.status != "ok":
            line.setdefault("missing", {})[name] = f"{row.status}: {row.reason}"
            continue
        line |= {other: row.value for other in (name, ALIASES.get(name)) if other}
        if row.name in EDITS and row.reference in USUAL and (parts := _parts(row)):
            edits[place, row.scorer][EDITS[row.name]] = parts
    recognisers = Counter(_recogniser(scorer) for scorer in {scorer for _, scorer in edits})
    for (place, scorer), ratios in edits.items():
        if len(ratios) == len(EDITS) and recognisers[_recogniser(scorer)] == 1:
            found[place] |= _counts(f"{_recogniser(scorer)}_wer", ratios)
    _write(found, path)


def _several(table: "pd.DataFrame") -> set[str]:
    """The names that more than one scorer has values of."""
    scorers = table.drop_duplicates(["scorer", "name"])["name"].value_counts()
    return set(scorers.index[scorers > 1])


def _name(row: Row, several: set[str]) -> str:
    scorer = f"[{row.scorer}]" if row.name in several else ""
    return row.name + scorer + (f"@{row.reference}" if row.reference not in USUAL else "")


def _recogniser(scorer: str) -> str:
    try:
        spec = registry.parse(scorer)
    except UserError:
        return scorer
    return str(spec.params.get(RECOGNISER, spec.name))


def _parts(row: Row) -> Ratio | None:
    """What a value was divided from; None where it is no ratio."""
    if row.numerator is None or row.denominator is None or isnan(row.numerator + row.denominator):
        return None
    return Ratio(row.numerator, row.denominator)


def _counts(prefix: str, edits: Mapping[str, Ratio]) -> dict[str, float]:
    """Edits by VERSA's names, and how many words of the transcript needed none."""
    counts = {edit: ratio.numerator for edit, ratio in edits.items()}
    counts["equal"] = edits["delete"].denominator - counts["delete"] - counts["replace"]
    return {f"{prefix}_{edit}": count for edit, count in counts.items()}


def _write(found: Mapping[Place, Mapping[str, Any]], path: Path) -> None:
    """Each line with its place and a key of its own: the utterance, and what else differs between lines."""
    varied = [i for i in range(1, len(PLACE)) if len({place[i] for place in found}) > 1]
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        for place, values in found.items():
            line = {"key": " | ".join(place[i] for i in (0, *varied)), **dict(zip(PLACE, place, strict=True)), **values}
            json.dump(line, file, ensure_ascii=False, allow_nan=False)
            file.write("\n")
    partial.replace(path)
