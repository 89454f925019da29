"""What a stream remembers: the last frames that a causal layer still needs. Plain buffers of constant size."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

Start: TypeAlias = Literal["replicate", "zeros"]

Memory: TypeAlias = Any  # nested lists of Tail and History, in the order in which layers use them

BLOCK = 256  # frames a stream takes at once; longer input is cut, so memory does not grow with it


class Tail:
    """The last `keep` of a sequence along `dim`, for the short memories."""

    def __init__(self, batch: int, keep: int, width: int, dim: int = 1, start: Start = "replicate") -> None:
        self.dim, self.keep, self.start = dim, keep, start
        self.rows = torch.zeros((batch, keep, width) if dim == 1 else (batch, width, keep))
        self.begun = start == "zeros"

    def extend(self, new: Tensor) -> Tensor:
        """`new` with what came before it; at the start its first frame is repeated, or zeros stand there."""
        if not self.begun:
            self.rows = new.narrow(self.dim, 0, 1).expand_as(self.rows)
            self.begun = True
        both = torch.cat([self.rows, new], self.dim)
        self.rows = both.narrow(self.dim, both.shape[self.dim] - self.keep, self.keep).clone()
        return both


class History:
    """The last `keep` of a sequence along its axis `dim`, for the long memories.

    New frames are written behind the old ones; only when the buffer is full are the last `keep` moved to its front.
    So a step does not copy what it keeps, and what a layer sees is one plain view.
    """

    def __init__(self, shape: tuple[int, ...], dim: int, keep: int, replicate: bool) -> None:
        self.dim, self.keep, self.replicate = dim, keep, replicate
        self.buffer = torch.zeros((*shape[:dim], keep + BLOCK, *shape[dim + 1 :]))
        self.end = 0

    def extend(self, new: Tensor) -> Tensor:
        """`new` and up to `keep` frames before it, as a view of the buffer."""
        count = new.shape[self.dim]
        if self.end == 0 and self.replicate:
            self._at(0, self.keep).copy_(new.narrow(self.dim, 0, 1).expand_as(self._at(0, self.keep)))
            self.end = self.keep
        if self.end + count > self.buffer.shape[self.dim]:
            self._at(0, self.keep).copy_(self._at(self.end - self.keep, self.keep).clone())
            self.end = self.keep
        self._at(self.end, count).copy_(new)
        self.end += count
        first = max(0, self.end - count - self.keep)
        return self._at(first, self.end - first)

    def _at(self, first: int, count: int) -> Tensor:
        return self.buffer.narrow(self.dim, first, count)


def left_pad(x: Tensor, count: int, dim: int, start: Start = "replicate") -> Tensor:
    """`x` with `count` frames before it, as at the start of a stream; differentiable."""
    first = x.narrow(dim, 0, 1)
    shape = list(x.shape)
    shape[dim] = count
    padding = first.expand(shape) if start == "replicate" else first.new_zeros(shape)
    return torch.cat([padding, x], dim)


def start_all(layers: Iterable[Any], batch: int) -> list[Memory]:
    """The memories of several layers."""
    return [layer.start(batch) for layer in layers]


def tensors(state: Any) -> Iterator[Tensor]:
    """All tensors of a state, however nested."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, (list, tuple)):
        for item in state:
            yield from tensors(item)
    elif isinstance(state, Tail | History):
        yield from tensors(list(vars(state).values()))
