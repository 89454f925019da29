"""What coding adds to noise, reverberation or a level: the score of coded speech less that of what the codec was given.

Both are against clean speech, on the same utterances; the interval is that of the differences, over speakers.
"""

from collections.abc import Mapping

import numpy as np

from benchmark.stats import pooled
from reports.summary import ANCHOR, Cell, Run, clusters_of, parts

PAIRED = ("acoustics", "dataset", "utterance", "seed")  # what coded and uncoded speech have in common


def differences(run: Run, metric: str) -> Mapping[tuple[str, str], Cell]:
    """Coded less uncoded by codec and condition; of `asked` utterances, `estimate.n` have both.

    A ratio is left out where its denominators differ, as the difference of two such ratios has no parts to pool.
    """
    rows = parts(run.rows[run.rows["metric"] == metric])
    anchors = rows[rows["codec"] == ANCHOR].set_index(list(PAIRED))[["above", "below"]]
    anchors = anchors[~anchors.index.duplicated()].add_suffix("_uncoded")
    coded = rows[(rows["codec"] != ANCHOR) & rows["acoustics"].isin(anchors.index.get_level_values("acoustics"))]
    both = coded.join(anchors, on=list(PAIRED))
    cells = {}
    for (codec, condition), part in both.groupby(["codec", "condition"], sort=False):
        known = part[part["above"].notna() & part["above_uncoded"].notna()]
        if not np.array_equal(known["below"], known["below_uncoded"]):
            continue
        estimate = pooled(known["above"] - known["above_uncoded"], known["below"], clusters_of(known))
        cells[str(codec), str(condition)] = Cell(estimate, len(part), {})
    return cells
