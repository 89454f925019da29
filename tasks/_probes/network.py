"""The probes' networks: vectors of tokens, bidirectional LSTM, and what is said of them [arXiv 2502.04465, section 4].

The vectors of a token's codes add up, weighted by one learned number per codebook. They are learned, beginning with
the codec's own; or they are the codec's own for good, and a linear layer is learned. A lost token has a vector of its
own: zero, which is the mean token where vectors are standardised, unless training shows losses. What is said of an
utterance does not depend on those it is computed with.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.lessons import Brief
from tasks._probes.recipe import Recipe

FLOOR = 1e-5  # of a variance, so that its root has a gradient where all tokens are the same


class Batch(NamedTuple):
    """Utterances side by side.

    Attributes:
        indices: [utterances, tokens, codebooks], 0 where lost and beyond an utterance's end.
        lost: [utterances, tokens].
        lengths: in tokens, [utterances], at least 1.
    """

    indices: Tensor
    lost: Tensor
    lengths: Tensor


class Vectors(nn.Module):
    """A vector for each token, shape (utterances, tokens, width)."""

    table: Tensor
    offsets: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, brief: Brief, width: int) -> None:
        super().__init__()
        rows = brief.codebooks * brief.size
        table = torch.randn(rows, width) if brief.table is None else torch.from_numpy(brief.table).reshape(rows, -1)
        self.learned = brief.input == "tokens"
        if self.learned:
            self.table = nn.Parameter(table.clone())
        else:
            self.register_buffer("table", table, persistent=False)
        width = table.shape[1]
        weight = brief.codebooks**-0.5 if brief.table is None else 1.0  # random vectors do not grow by their number
        pooled = self.learned and brief.codebooks > 1
        self.pooling = nn.Parameter(torch.full((brief.codebooks,), weight)) if pooled else None
        self.register_buffer("offsets", torch.arange(brief.codebooks) * brief.size, persistent=False)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.lost = nn.Parameter(torch.zeros(width))
        self.linear = nn.Identity() if self.learned else nn.Linear(width, width)
        self.width = width

    def forward(self, batch: Batch) -> Tensor:
        standard = (self.sums(batch.indices) - self.mean) * self.scale
        vectors: Tensor = self.linear(torch.where(batch.lost[..., None], self.lost, standard))
        return vectors

    def sums(self, indices: Tensor) -> Tensor:
        """Of the vectors of each token's codes, shape (..., width), for indices [..., codebooks]."""
        rows = (indices + self.offsets).flatten(0, -2)
        weights = None if self.pooling is None else self.pooling.expand(rows.shape)
        sums: Tensor = F.embedding_bag(rows, self.table, mode="sum", per_sample_weights=weights)
        return sums.reshape(*indices.shape[:-1], self.width)

    @torch.no_grad()
    def standardise(self, indices: Tensor) -> None:
        """Have the vectors of these tokens, [tokens, codebooks], mean 0 and deviation 1, element by element."""
        deviation, mean = torch.std_mean(self.sums(indices).double(), dim=0, correction=0)
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(deviation > 0, 1 / deviation, 1.0))


class Recurrent(nn.Module):
    """Layers of bidirectional LSTM [Graves & Schmidhuber 2005] for vectors of shape (utterances, tokens, width).

    Each direction is a layer of its own and the backward one reads an utterance from its end, so that nothing beyond
    that matters: packed sequences do the same, but take ten times as long for utterances of 12 s.
    """

    def __init__(self, width: int, recipe: Recipe) -> None:
        super().__init__()
        widths = [width] + [2 * recipe.hidden] * (recipe.layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(width, recipe.hidden, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(nn.LSTM(width, recipe.hidden, batch_first=True) for width in widths)
        self.dropout = nn.Dropout(recipe.dropout)
        self.width = 2 * recipe.hidden

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        places = torch.arange(vectors.shape[1])
        turned = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)[..., None]
        hidden = vectors
        for layer, (onwards, back) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            hidden = self.dropout(hidden) if layer else hidden
            ahead, _ = onwards(hidden)
            behind, _ = back(hidden.gather(1, turned.expand_as(hidden)))
            hidden = torch.cat([ahead, behind.gather(1, turned.expand_as(behind))], dim=2)
        return hidden


class Probe(nn.Module):
    """What a network says of utterances: a number per class, or, at each place of a text, one per piece.

    Args:
        outputs: classes or pieces.
        places: of a text that each token stands for; 0: classes.
    """

    def __init__(self, brief: Brief, recipe: Recipe, outputs: int, places: int) -> None:
        super().__init__()
        self.vectors = Vectors(brief, recipe.width)
        self.recurrent = Recurrent(self.vectors.width, recipe) if recipe.layers else None
        width = self.recurrent.width if self.recurrent else self.vectors.width
        self.places = places
        self.head = nn.Linear(width, outputs * places) if places else nn.Linear(2 * width, outputs)

    def forward(self, batch: Batch) -> Tensor:
        """Numbers of shape (utterances, classes), or (utterances, tokens x places, pieces); larger is likelier."""
        hidden = self.vectors(batch)
        if self.recurrent is not None:
            hidden = self.recurrent(hidden, batch.lengths)
        said: Tensor = self.head(hidden if self.places else statistics(hidden, batch.lengths))
        return said.reshape(len(said), hidden.shape[1] * self.places, -1) if self.places else said


def statistics(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Mean and standard deviation, (utterances, 2 x width), of (utterances, tokens, width) up to their lengths."""
    inside = (torch.arange(hidden.shape[1]) < lengths[:, None])[..., None]
    count = lengths[:, None].to(hidden.dtype)
    mean = (hidden * inside).sum(dim=1) / count
    square = ((hidden - mean[:, None]) ** 2 * inside).sum(dim=1) / count
    return torch.cat([mean, (square + FLOOR).sqrt()], dim=1)
