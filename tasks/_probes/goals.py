"""What a probe is trained for: one of some classes (cross-entropy), or a text (CTC) [Graves et al., ICML 2006].

A text is read greedily: the best piece of each place, without a language model.
"""

from collections.abc import Sequence
from math import ceil
from typing import Protocol, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.lessons import Brief, Example
from benchmark.metrics import asr
from tasks._probes import text
from tasks._probes.recipe import Recipe

Answer: TypeAlias = int | str


class Goal(Protocol):
    """What the numbers that a network says mean."""

    @property
    def outputs(self) -> int: ...
    @property
    def places(self) -> int: ...
    def can_be_said(self, example: Example) -> bool:
        """Whether any network could, of so many tokens."""
        ...

    def losses(self, said: Tensor, lengths: Tensor, targets: Sequence[Answer]) -> Tensor:
        """Of each utterance, shape (utterances,), for what `Probe` says of so many tokens."""
        ...

    def answer(self, said: Tensor) -> Answer:
        """For what is said of one utterance: (classes,) or (places, pieces)."""
        ...

    def score(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> float:
        """Higher is better, and at most 1."""
        ...


class Classes:
    """One of `outputs` classes; the score is the share of right answers."""

    places = 0

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def can_be_said(self, example: Example) -> bool:
        return True

    def losses(self, said: Tensor, lengths: Tensor, targets: Sequence[Answer]) -> Tensor:
        return F.cross_entropy(said, torch.tensor(targets), reduction="none")

    def answer(self, said: Tensor) -> Answer:
        return int(said.argmax())

    def score(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> float:
        return sum(a == b for a, b in zip(answers, targets, strict=True)) / len(targets)


class Text:
    """A text in some alphabet, so many `places` of it per token; the score is 1 less the word error rate."""

    def __init__(self, alphabet: text.Alphabet, places: int) -> None:
        self.alphabet = alphabet
        self.outputs = alphabet.size
        self.places = places

    def can_be_said(self, example: Example) -> bool:
        needed = text.places(self.alphabet.encode(str(example.target)))
        return needed <= self.places * max(len(example.tokens.indices), 1)

    def losses(self, said: Tensor, lengths: Tensor, targets: Sequence[Answer]) -> Tensor:
        numbers = [self.alphabet.encode(str(target)) for target in targets]
        sizes = torch.tensor([len(each) for each in numbers])
        flat = torch.tensor([number for each in numbers for number in each], dtype=torch.long)
        chances = said.log_softmax(dim=2).transpose(0, 1)
        losses = F.ctc_loss(chances, flat, lengths * self.places, sizes, text.BLANK, "none", zero_infinity=True)
        return losses / sizes.clamp(min=1)

    def answer(self, said: Tensor) -> Answer:
        return self.alphabet.decode(text.collapse(said.argmax(dim=1).tolist()))

    def score(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> float:
        pairs = [(str(target), str(answer)) for target, answer in zip(targets, answers, strict=True)]
        edits = sum(asr.words(truth, heard).total if truth else len(heard.split()) for truth, heard in pairs)
        return 1 - edits / max(sum(len(truth.split()) for truth, _ in pairs), 1)


def goal_of(brief: Brief, recipe: Recipe, train: Sequence[Example]) -> Goal:
    """What the brief asks for; the alphabet of a text is that of the training's texts."""
    if brief.kind == "classes":
        return Classes(len(brief.classes))
    alphabet = text.alphabet([str(example.target) for example in train], recipe.pieces)
    return Text(alphabet, max(1, ceil(recipe.places_per_second / brief.rate)))
