"""Which codecs of two sides are compared, and their rows side by side: paired by all that is not the codec."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmark.baseline import kept, rounded
from benchmark.places import Place
from benchmark.sides import Side
from benchmark.types import UserError

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

SIDES = ("first", "second")
KEY = (*Place._fields, "seed", "dataset", "utterance", "scorer", "name", "reference", "kind")


def pair(first: Sequence[str], second: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Codecs of equal labels; where there are none and each side has a single codec, these two.

    Raises:
        UserError: when there is nothing to pair, with both lists.
    """
    if common := [label for label in first if label in set(second)]:
        return tuple((label, label) for label in common)
    if len(first) == len(second) == 1:
        return ((first[0], second[0]),)
    raise UserError(
        f"No codec has the same label on both sides. First: {', '.join(first) or 'none'}; second: "
        f"{', '.join(second) or 'none'}. Pair them with --pair 'A=B', or give equal labels with --codec LABEL=SPEC."
    )


def checked(pairs: Sequence[tuple[str, str]], first: Side, second: Side) -> tuple[tuple[str, str], ...]:
    """The pairs somebody asked for.

    Raises:
        UserError: when one stands there twice, or a side has no such codec.
    """
    if len(set(pairs)) < len(pairs):
        raise UserError(f"--pair {pairs[0][0]}={pairs[0][1]} stands there twice; name every pair once.")
    for place, side in enumerate((first, second)):
        for labels in pairs:
            if labels[place] not in side.codecs:
                raise UserError(f"No codec {labels[place]!r} in {side.name}. It has: {', '.join(side.codecs)}.")
    return tuple(pairs)


def joined_rows(first: Side, second: Side, pairs: Sequence[tuple[str, str]]) -> "pd.DataFrame":
    """The rows of both sides side by side, those of one alone with empty cells on the other side.

    With `above` over `below` of each: the parts of a ratio where both sides have them, else a value over 1.

    Raises:
        UserError: when a side has two rows for one value.
    """
    import pandas as pd

    joined = []
    for place, labels in enumerate(pairs):
        sides = [_of(side, label) for side, label in zip((first, second), labels, strict=True)]
        both = sides[0].merge(sides[1], on=list(KEY), how="outer", suffixes=("_first", "_second"))
        joined.append(both.assign(pair=place, first_codec=labels[0], second_codec=labels[1]))
    whole = pd.concat(joined, ignore_index=True)
    ratios = [whole[f"{part}_{side}"].notna() for part in ("numerator", "denominator") for side in SIDES]
    lone = [whole[f"status_{side}"].isna() for side in SIDES]  # what has no other side keeps its parts
    split = (ratios[0] & ratios[2] | lone[0]) & (ratios[1] & ratios[3] | lone[1])
    short = first.rounded or second.rounded
    for side, origin in zip(SIDES, (first, second), strict=True):
        above = whole[f"numerator_{side}"].where(split, whole[f"value_{side}"])
        below = whole[f"denominator_{side}"].where(split, 1.0)
        if short and not origin.rounded:
            above, below = above.map(rounded, na_action="ignore"), below.map(rounded, na_action="ignore")
        fine = whole[f"status_{side}"].eq("ok") & np.isfinite(whole[f"value_{side}"])
        whole[f"above_{side}"], whole[f"below_{side}"] = above.where(fine), below.where(fine)
    return whole


def _of(side: Side, label: str) -> "pd.DataFrame":
    """The rows of a codec that are compared."""
    rows = side.rows[side.rows["codec"].eq(label) & (kept(side.rows) | side.rows["kind"].eq("timing"))]
    if (twice := rows.duplicated(list(KEY))).any():
        row = rows[twice].iloc[0]
        raise UserError(
            f"{side.name} has two rows for {row['name']} of {label} on {row['utterance']!r}; it was put together of "
            "what overlaps. Run the suite again, or join runs with `focalbench merge`."
        )
    return rows[[*KEY, "speaker", "unit", "status", "value", "numerator", "denominator"]]
