"""What a probe is taught with, as plain data: a codec's tokens, the answers, and what a training needs to know.

Probes judge a codec by what a small network can find out from its tokens, as the FocalCodec papers do
(arXiv 2502.04465, section 4). The networks are in `tasks`; nothing here imports torch.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmark.bits import Indices
from benchmark.types import Booleans


class Tokens(NamedTuple):
    """An utterance as tokens, in order: indices [n, codebooks], of any value where a token is `lost` [n]."""

    indices: Indices
    lost: Booleans


class Example(NamedTuple):
    """Tokens and what is to be found out from them: the index of a class, or a normalised text."""

    tokens: Tokens
    target: int | str


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a training has to know besides its examples.

    Attributes:
        kind: whether targets are ``classes`` or ``text``.
        classes: their names, sorted; none for text.
        codebooks: indices of one token.
        size: codes of each codebook.
        rate: tokens per second.
        table: the vector of each code, [codebooks, size, dim]; those of a token add up. None: the codec has none.
        recipe: the name of network and training.
        input: ``tokens`` learns vectors for the codes, beginning with the `table`'s; ``features`` takes the table's.
        seed: of everything random in it.
    """

    kind: Literal["classes", "text"]
    classes: tuple[str, ...]
    codebooks: int
    size: int
    rate: float
    table: npt.NDArray[np.float32] | None
    recipe: str
    input: Literal["tokens", "features"]
    seed: int


class Epoch(NamedTuple):
    """What came of one pass over the training examples.

    Attributes:
        number: from 1 on.
        of: at most so many.
        loss: the mean over its training examples.
        score: on the validation examples, higher is better: accuracy, or 1 less the word error rate.
        best: whether no epoch before was better.
        done: whether this was the last, for there is no hope of a better one, or for it is number `of`.
        checkpoint: all that it takes to go on from here, the best weights among it.
    """

    number: int
    of: int
    loss: float
    score: float
    best: bool
    done: bool
    checkpoint: bytes
