"""How a probe is built and trained: the published set-up [arXiv 2502.04465, section 4 and its code], and smaller ones.

`paper` is what FocalCodec's authors train (github.com/lucadellalib/audiocodecs, `downstream`): two layers of
bidirectional LSTM, and its rule for the learning rate. Two things differ: utterances that are equally good by the
validation's error are told apart by its loss, and a codec that tells no vectors of its codes, which their code does
not provide for, begins with random ones. `small` has the same shape and learns from some hundred utterances within a
minute or two on one core. `shallow` has no memory at all: what it finds out is in the tokens whatever their order.
"""

from dataclasses import asdict, dataclass, replace
from typing import Literal

from benchmark.types import Scalar, UserError


@dataclass(frozen=True, slots=True)
class Recipe:
    """A probe's network and training, in numbers.

    Attributes:
        layers: of bidirectional LSTM; with none of them, what is said of a token (text) or of the tokens' mean and
            standard deviation (classes) is a linear function.
        hidden: units of each layer and direction.
        dropout: share of units that are left out while training, between the layers.
        width: of the vector of a code, where the codec tells none.
        standardised: whether vectors are shifted and scaled at first so that over the training's tokens each of their
            elements has mean 0 and standard deviation 1.
        learning_rate: of AdamW, at first.
        beta1: AdamW's decay of the mean of gradients.
        beta2: AdamW's decay of the mean of their squares.
        epsilon: AdamW's.
        weight_decay: AdamW's.
        anneal_below: NewBob's threshold: a relative fall of the validation's loss that is enough.
        anneal_by: the factor for the learning rate where it falls by less; 1: it stays.
        anneal_patience: how many such epochs are forgiven before.
        clip: the largest norm of the gradient.
        batch: utterances.
        order: of the training utterances: ``ascending`` by length in every epoch, or ``shuffled`` for each, with
            such of about the same length in a batch.
        epochs: at most.
        patience: epochs without a better one after which training ends; 0: it never ends before its time.
        longest_s: training and validation utterances that are longer are left out, s.
        pieces: of text that a text is written in, at most (byte pair encoding); 0: in characters.
        places_per_second: of text, at least. Where a codec has fewer tokens per second, each says several pieces.
    """

    layers: int
    hidden: int
    dropout: float
    width: int
    standardised: bool
    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    anneal_below: float
    anneal_by: float
    anneal_patience: int
    clip: float
    batch: int
    order: Literal["ascending", "shuffled"]
    epochs: int
    patience: int
    longest_s: float
    pieces: int
    places_per_second: float


PAPER = Recipe(
    layers=2,
    hidden=512,
    dropout=0.1,
    width=64,
    standardised=False,
    learning_rate=1e-4,
    beta1=0.9,
    beta2=0.98,
    epsilon=1e-8,
    weight_decay=0.01,
    anneal_below=0.0025,
    anneal_by=0.9,
    anneal_patience=1,
    clip=0.01,
    batch=16,
    order="ascending",
    epochs=100,
    patience=0,
    longest_s=60.0,
    pieces=1000,
    places_per_second=0.0,
)
SMALL = replace(
    PAPER,
    hidden=64,
    standardised=True,
    learning_rate=3e-3,
    anneal_by=1.0,
    clip=1.0,
    batch=4,  # a text is heard after some 250 steps, not after so many utterances
    order="shuffled",
    epochs=25,
    patience=6,
    pieces=0,
    places_per_second=40.0,
)
SHALLOW = replace(
    SMALL,
    layers=0,
    hidden=0,
    dropout=0.0,
    learning_rate=1e-2,
    anneal_by=0.5,
    anneal_patience=0,
    batch=16,
    epochs=100,
    patience=15,
)
RECIPES = {"paper": PAPER, "small": SMALL, "shallow": SHALLOW}


def find(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        UserError: when there is none.
    """
    if name not in RECIPES:
        raise UserError(f"no recipe for probes is called {name!r}; there are {', '.join(sorted(RECIPES))}.")
    return RECIPES[name]


def facts(name: str) -> dict[str, Scalar]:
    """All numbers of a recipe, by name, for a report."""
    return asdict(find(name))
