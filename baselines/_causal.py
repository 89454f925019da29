"""Causal layers of transformers' codecs as streams: chunks give what the whole signal gives (arXiv 2210.13438).

`stream` makes a fresh stream of a network of the library: the same weights, and beside them what each layer has to
remember. A convolution keeps the last inputs its kernel still reaches; a transposed one the output that the next
input adds to; an LSTM its state; a transformer the keys and values in its window, in the library's own cache.

A stream begins as the library pads: with zeros (``constant``) or with the first frame repeated (``replicate``). Its
third way, ``reflect``, mirrors frames that a stream does not have yet: there, too, the first one is repeated, which is
the same where what a layer gets begins steadily, as in silence; behind an LSTM, which begins to settle then, it never
is. At the end nothing is padded: what goes in has to be whole frames of each layer.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Stream: TypeAlias = Callable[
    [Tensor], Tensor
]  # the next frames, [1, channels, n], to what they make, [1, channels', m]


class Convolution:
    """A causal convolution, which begins as `pad_mode` says."""

    def __init__(self, layer: Any) -> None:
        _need(layer, causal=True, norm_type="weight_norm")
        if layer.pad_mode not in ("constant", "replicate", "reflect"):
            raise ValueError(f"a stream cannot begin with padding {layer.pad_mode!r}")
        self.conv, self.zeros, self.keep = layer.conv, layer.pad_mode == "constant", int(layer.padding_total)
        self.past: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if self.past is None:
            first = x[..., :1].expand(-1, -1, self.keep)
            self.past = torch.zeros_like(first) if self.zeros else first
        x = torch.cat([self.past, x], -1)
        self.past = x[..., x.shape[-1] - self.keep :].clone()
        result: Tensor = self.conv(x)
        return result


class Transposed:
    """A causal transposed convolution, whose last outputs overlap with the next."""

    def __init__(self, layer: Any) -> None:
        _need(layer, causal=True, norm_type="weight_norm", trim_right_ratio=1.0)
        self.conv = layer.conv
        self.overlap: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        conv, due = self.conv, x.shape[-1] * self.conv.stride[0]
        y = self.convolved(x)
        if self.overlap is not None:
            y[..., : self.overlap.shape[-1]] += self.overlap
        self.overlap = y[..., due:].clone()
        return y[..., :due] if conv.bias is None else y[..., :due] + conv.bias[:, None]

    def convolved(self, x: Tensor) -> Tensor:
        """All that `x` adds to the output; as a plain product, as torch is ten times slower over a few frames."""
        conv = self.conv
        (width,), (stride,) = conv.kernel_size, conv.stride
        if conv.groups > 1:
            return functional.conv_transpose1d(x, conv.weight, None, stride, groups=conv.groups)
        columns = (x[0].T @ conv.weight.flatten(1)).T[None]
        return functional.fold(columns, (1, (x.shape[-1] - 1) * stride + width), (1, width), stride=(1, stride))[
            :, :, 0
        ]


class Recurrent:
    """An LSTM with a way around it; frame by frame, as torch's fast way packs its weights anew at each call."""

    def __init__(self, layer: Any) -> None:
        self.lstm = layer.lstm
        self.memory = [(torch.zeros(1, self.lstm.hidden_size),) * 2 for _ in range(self.lstm.num_layers)]

    def __call__(self, x: Tensor) -> Tensor:
        return torch.stack([self.frame(frame) for frame in x.unbind(-1)], -1)

    def frame(self, x: Tensor) -> Tensor:
        """The next frame, [1, channels]."""
        y = x
        for number, weights in enumerate(self.lstm.all_weights):
            self.memory[number] = torch.lstm_cell(y, self.memory[number], *weights)
            y = self.memory[number][0]
        return x + y


class Transformer:
    """Causal attention over a sliding window."""

    def __init__(self, layer: Any) -> None:
        from transformers import DynamicCache

        self.layer, self.cache = layer, DynamicCache(config=layer.config)

    def __call__(self, x: Tensor) -> Tensor:
        y = self.layer(x.transpose(1, 2), past_key_values=self.cache, use_cache=True)
        result: Tensor = y.last_hidden_state.transpose(1, 2)
        return result


class Chain:
    """One layer after the other."""

    def __init__(self, layers: Any) -> None:
        self.steps = [stream(layer) for layer in layers]

    def __call__(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x


class Branches:
    """Layers, and a way around them."""

    def __init__(self, layer: Any) -> None:
        self.block, self.shortcut = Chain(layer.block), stream(layer.shortcut)

    def __call__(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.block(x)


KINDS: dict[str, Callable[[Any], Stream]] = {
    "Conv1d": Convolution,
    "ConvTranspose1d": Transposed,
    "LSTM": Recurrent,
    "ResnetBlock": Branches,
    "TransformerModel": Transformer,
    "Encoder": lambda layer: Chain(layer.layers),
    "Decoder": lambda layer: Chain(layer.layers),
}


def stream(layer: Any) -> Stream:
    """A new stream through a layer or network of transformers' EnCodec or Mimi.

    Raises:
        ValueError: when it looks ahead, or is of no kind that is known here.
    """
    if isinstance(layer, nn.ELU | nn.Identity):  # no memory
        return layer
    name = type(layer).__name__.removeprefix("Encodec").removeprefix("Mimi")
    if name not in KINDS:
        raise ValueError(f"no stream is known through {type(layer).__name__}")
    return KINDS[name](layer)


def _need(layer: Any, **due: Any) -> None:
    for name, value in due.items():
        if (given := getattr(layer, name, value)) != value:
            raise ValueError(f"{type(layer).__name__} cannot stream: its {name} is {given!r}, not {value!r}")
