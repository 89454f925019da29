"""Speech separation on tokens (arXiv 2502.04465, section 4): from those of a mixture to those of each of its speakers.

What is here needs no training: what the papers train and measure, which mixtures and sources belong together, and
which output is whose (permutation invariant, Yu et al., ICASSP 2017, arXiv 1607.00325).
"""

from itertools import permutations
from typing import NamedTuple

import numpy as np

from benchmark.bits import Indices
from benchmark.manifest import Dataset
from benchmark.types import Listener, Task, Unavailable, ValueInfo
from tasks._pairs import Pair, pairs

COLUMNS = ("source_1", "source_2")
TASK = Task(
    title="Speech separation",
    needs=", ".join(COLUMNS),
    kind="speech",
    metric="separation_token_error",
    apart="speakers",
    protocol="separation-tokens-1",
    source="arXiv 2502.04465 on Libri2Mix (arXiv 2005.11262): 16 kHz, min, without noise, train-100",
)
# What the papers train, and what they score its decoded speech with.
MODEL = (
    "Conformer: 6 layers of 512, 4 heads, 2048 in between; two linear heads per codebook; the better assignment's loss"
)
PUBLISHED = ("dnsmos_p808", "dwer", "spk_sim_wavlm")
VALUES = {TASK.metric: ValueInfo("share", "lower", f"tokens that differ under the best assignment; {TASK.source}")}
NEEDS: tuple[str, ...] = ()
LABELS = COLUMNS


class Matched(NamedTuple):
    """For each true source the number of the output that is taken for it, and the share of tokens that differ."""

    outputs: tuple[int, ...]
    error: float


def mixtures(dataset: Dataset) -> list[Pair]:
    """Mixtures, each with the files of its sources. Raises UserError where one is missing."""
    return pairs(dataset, COLUMNS, "separation")


def matched(outputs: Indices, truth: Indices) -> Matched:
    """The assignment with the fewest wrong tokens, of all there are; of equals, the first.

    Args:
        outputs: tokens, [sources, n, codebooks].
        truth: of the true sources, of the same shape.
    """
    if outputs.shape != truth.shape or not truth.size:
        raise ValueError(f"matched: outputs of shape {outputs.shape}, true sources of shape {truth.shape}")
    wrong = (outputs[None] != truth[:, None]).mean(axis=(2, 3))  # [true, output]
    sources = np.arange(len(truth))
    best = min(permutations(range(len(truth))), key=lambda order: float(wrong[sources, list(order)].sum()))
    return Matched(best, float(wrong[sources, list(best)].mean()))


def make() -> Listener:
    """Nothing that can listen yet.

    Raises:
        Unavailable: always, with what there is instead.
    """
    raise Unavailable(
        "separation: no model is trained on tokens of mixtures in this version. What a codec does to speech among "
        "others is measured by any suite with `acoustics: noise:kind=babble`; which output is whose, by `matched`."
    )
