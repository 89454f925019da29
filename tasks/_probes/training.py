"""The training of a probe, epoch by epoch: AdamW [Loshchilov & Hutter, ICLR 2019] under NewBob's learning rates.

After each epoch the probe is asked of the validation utterances; the best of all epochs answers in the end. All that
is random follows from the seed and the number of the epoch, so that a training which was interrupted goes on as if it
had not been: with one thread, to the last bit.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.lessons import Brief, Epoch, Example, Tokens
from benchmark.seeds import generator
from benchmark.types import NotMeasured, UserError
from tasks._probes.goals import Answer, goal_of
from tasks._probes.network import Batch, Probe
from tasks._probes.recipe import Recipe, find


@dataclass(frozen=True, slots=True)
class NewBob:
    """A learning rate that falls where the validation's loss does not, by SpeechBrain's rule of that name.

    Attributes:
        rate: now.
        loss: of the last epoch; None before the first.
        patience: how many epochs without a fall are forgiven yet.
    """

    rate: float
    loss: float | None
    patience: int

    def after(self, loss: float, recipe: Recipe) -> "NewBob":
        """An epoch with this loss."""
        falls = self.loss is None or (self.loss > 0 and (self.loss - loss) / self.loss >= recipe.anneal_below)
        if falls:
            return replace(self, loss=loss)
        if self.patience:
            return replace(self, loss=loss, patience=self.patience - 1)
        return NewBob(self.rate * recipe.anneal_by, loss, recipe.anneal_patience)


@dataclass(frozen=True, slots=True)
class Best:
    """The best epoch so far: its number, its score, and its loss on the validation utterances."""

    number: int
    score: float
    loss: float

    def beats(self, other: "Best | None") -> bool:
        """By its score, or, where that is the same, by its loss."""
        return other is None or (self.score, -self.loss) > (other.score, -other.loss)


class Training:
    """One probe, its examples and how far it is.

    Attributes:
        notes: how many training utterances were left out as ``too_long``, or because their text has more pieces
            than places (``unsayable``); of how many classes or pieces a network chooses (``outputs``).
    """

    def __init__(self, brief: Brief, train: Sequence[Example], valid: Sequence[Example]) -> None:
        check_brief(brief)
        self.brief = brief
        self.recipe = find(brief.recipe)
        for example in (*train, *valid):
            check_tokens(example.tokens, brief)
        short = self._short(train)
        self.goal = goal_of(brief, self.recipe, short)
        self.train = [example for example in short if self.goal.can_be_said(example)]
        self.valid = sorted(self._short(valid), key=_length)
        self.notes = {
            "too_long": len(train) - len(short),
            "unsayable": len(short) - len(self.train),
            "outputs": self.goal.outputs,
        }
        if not self.train or not self.valid:
            which = "validate" if self.train else "train"
            raise NotMeasured("metric_failed", f"no utterance is left to {which} a probe with: {self.notes}")
        self._start()

    def _short(self, examples: Sequence[Example]) -> list[Example]:
        longest = self.recipe.longest_s * self.brief.rate
        return [example for example in examples if _length(example) <= longest]

    def _start(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(self.brief.seed, "weights"))
            self.network = Probe(self.brief, self.recipe, self.goal.outputs, self.goal.places)
        if self.recipe.standardised:
            arrived = [e.tokens.indices[~e.tokens.lost] for e in self.train]
            tokens = np.concatenate(arrived)
            if len(tokens):
                self.network.vectors.standardise(torch.from_numpy(tokens.astype(np.int64)))
        recipe = self.recipe
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, (recipe.beta1, recipe.beta2), recipe.epsilon,
            recipe.weight_decay, fused=True,
        )  # fmt: skip
        self.annealing = NewBob(recipe.learning_rate, None, recipe.anneal_patience)
        self.number, self.loss, self.score = 0, 0.0, 0.0
        self.best: Best | None = None
        self.weights: dict[str, Tensor] = {}  # the best epoch's

    def epoch(self) -> Epoch:
        """Train once with every example, and look what that was good for.

        Raises:
            NotMeasured: ``metric_failed`` when a loss is no finite number.
        """
        self.number += 1
        for group in self.optimiser.param_groups:
            group["lr"] = self.annealing.rate
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(self.brief.seed, "dropout", str(self.number)))
            self.loss = self._finite(self._learn(), "training")
        self.score, loss = self._validate()
        self.annealing = self.annealing.after(self._finite(loss, "validation"), self.recipe)
        found = Best(self.number, self.score, loss)
        if found.beats(self.best):
            self.best = found
            self.weights = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        return self._told(self._checkpoint())

    def _learn(self) -> float:
        self.network.train()
        total = 0.0
        for examples in self._batches():
            losses = self._losses(examples, self._say([example.tokens for example in examples]))
            self.optimiser.zero_grad()
            losses.mean().backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
            self.optimiser.step()
            total += float(losses.detach().sum())
        return total / len(self.train)

    def _batches(self) -> Iterator[list[Example]]:
        if self.recipe.order == "ascending":
            return _cut(sorted(self.train, key=_length), self.recipe.batch)
        order = generator(self.brief.seed, "probe", "order", str(self.number))
        shuffled = [self.train[place] for place in order.permutation(len(self.train))]
        batches = list(_cut(sorted(shuffled, key=_length), self.recipe.batch))  # of about the same length
        return (batches[place] for place in order.permutation(len(batches)))

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        """The score, and the mean loss of those utterances that can be said."""
        self.network.eval()
        answers: list[Answer] = []
        losses: list[float] = []
        for examples in _cut(self.valid, self.recipe.batch):
            said = self._say([example.tokens for example in examples])
            each = self._losses(examples, said).tolist()
            losses += [loss for loss, example in zip(each, examples, strict=True) if self.goal.can_be_said(example)]
            answers += [
                self.goal.answer(one[: _length(example) * self.goal.places or None])
                for one, example in zip(said, examples, strict=True)
            ]
        score = self.goal.score(answers, [example.target for example in self.valid])
        return score, sum(losses) / max(len(losses), 1)

    def _say(self, utterances: Sequence[Tokens]) -> Tensor:
        said: Tensor = self.network(batch_of(utterances, self.brief.codebooks))
        return said

    def _losses(self, examples: Sequence[Example], said: Tensor) -> Tensor:
        lengths = torch.tensor([_length(example) for example in examples])
        return self.goal.losses(said, lengths, [example.target for example in examples])

    def _finite(self, loss: float, of: str) -> float:
        if not np.isfinite(loss):
            raise NotMeasured("metric_failed", f"the probe's {of} loss became {loss} in epoch {self.number}")
        return loss

    @torch.no_grad()
    def answer(self, utterances: Sequence[Tokens]) -> list[Answer]:
        """What the best epoch's network says of each, one by one: no answer depends on what else is asked."""
        judge = Probe(self.brief, self.recipe, self.goal.outputs, self.goal.places)
        judge.load_state_dict(self.weights)
        judge.eval()
        answers = []
        for tokens in utterances:
            check_tokens(tokens, self.brief)
            answers.append(self.goal.answer(judge(batch_of([tokens], self.brief.codebooks))[0]))
        return answers

    def _told(self, checkpoint: bytes) -> Epoch:
        assert self.best is not None
        recipe, best = self.recipe, self.best
        tired = recipe.patience > 0 and self.number - best.number >= recipe.patience
        done = tired or self.number >= recipe.epochs
        is_best = best.number == self.number
        return Epoch(self.number, recipe.epochs, self.loss, self.score, is_best, done, checkpoint)

    def _checkpoint(self) -> bytes:
        assert self.best is not None
        file = io.BytesIO()
        state = {
            "number": self.number, "loss": self.loss, "score": self.score,
            "annealing": asdict(self.annealing), "best": asdict(self.best),
            "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "weights": self.weights,
        }  # fmt: skip
        torch.save(state, file)
        return file.getvalue()

    def resume(self, checkpoint: bytes) -> Epoch:
        """Go on from there.

        Raises:
            NotMeasured: ``metric_failed`` when it is damaged, or of another training.
        """
        try:
            state: dict[str, Any] = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.number, self.loss, self.score = state["number"], state["loss"], state["score"]
            self.annealing, self.best = NewBob(**state["annealing"]), Best(**state["best"])
            self.weights = state["weights"]
        except Exception as error:  # whatever a pickle, or a state that does not fit, may raise
            reason = "the checkpoint of a probe is damaged, or belongs to another training; remove it"
            raise NotMeasured("metric_failed", reason) from error
        return self._told(checkpoint)


def batch_of(utterances: Sequence[Tokens], codebooks: int) -> Batch:
    """Utterances side by side; one without any token counts as one that is lost."""
    lengths = [max(len(tokens.indices), 1) for tokens in utterances]
    indices = np.zeros((len(utterances), max(lengths), codebooks), np.int64)
    lost = np.zeros(indices.shape[:2], np.bool_)
    for row, tokens in enumerate(utterances):
        size = len(tokens.indices)
        indices[row, :size] = np.where(tokens.lost[:, None], 0, tokens.indices)
        lost[row, :size] = tokens.lost
        lost[row, size : lengths[row]] = True
    return Batch(torch.from_numpy(indices), torch.from_numpy(lost), torch.tensor(lengths))


def check_brief(brief: Brief) -> None:
    """Refuse vectors that make no sense, and their absence where they are needed.

    Raises:
        UserError: when features are asked of a codec that tells no vectors.
        NotMeasured: ``codec_failed`` when vectors have another shape than the codes, or are not finite.
    """
    table = brief.table
    if table is None:
        if brief.input == "features":
            raise UserError(
                "probes: input: features needs the vectors of the codec's codes, which this codec does not tell; "
                "take input: tokens."
            )
        return
    if table.ndim != 3 or table.shape[:2] != (brief.codebooks, brief.size) or not np.isfinite(table).all():
        expected = f"({brief.codebooks}, {brief.size}, width)"
        raise NotMeasured(
            "codec_failed", f"the vectors of its codes have the shape {table.shape}, not {expected}, or are not finite"
        )


def check_tokens(tokens: Tokens, brief: Brief) -> None:
    """Refuse tokens that are not the codec's.

    Raises:
        NotMeasured: ``codec_failed``, with what is wrong.
    """
    shape = (len(tokens.lost), brief.codebooks)
    if tokens.indices.shape != shape:
        raise NotMeasured("codec_failed", f"tokens have the shape {tokens.indices.shape}, not {shape}")
    arrived = tokens.indices[~tokens.lost]
    if arrived.size and not 0 <= arrived.min() <= arrived.max() < brief.size:
        worst = arrived.min() if arrived.min() < 0 else arrived.max()
        raise NotMeasured("codec_failed", f"a token's index is {worst}; the codebook has {brief.size} codes")


def _length(example: Example) -> int:
    return max(len(example.tokens.indices), 1)


def _cut(examples: Sequence[Example], size: int) -> Iterator[list[Example]]:
    for start in range(0, len(examples), size):
        yield list(examples[start : start + size])


def _seed(seed: int, *purpose: str) -> int:
    return int(generator(seed, "probe", *purpose).integers(2**63))
