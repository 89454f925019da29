"""Features to samples: ConvNeXt blocks, then a linear layer (WaveNeXt) or an inverse STFT (Vocos, arXiv 2306.00814)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.focalcodec import config
from baselines.focalcodec.product import Depthwise, Linear, Product
from baselines.focalcodec.stream import Memory, Start, Tail, left_pad, start_all

LOUDEST = 100.0  # largest magnitude Vocos may give a bin


class Padding:
    """How a convolution of a decoder gets its neighbours: from a stream, from the left, or from both sides."""

    def __init__(self, size: int, width: int, causal: bool, start: Start) -> None:
        self.size, self.width, self.causal, self.begin = size, width, causal, start

    def start(self, batch: int) -> Tail:
        """The memory of a stream."""
        return Tail(batch, self.size - 1, self.width, start=self.begin)

    def __call__(self, x: Tensor, tail: Tail | None) -> Tensor:
        """[B, T, C] to [B, size - 1 + T, C]."""
        if tail is not None:
            return tail.extend(x)
        if self.causal:
            return left_pad(x, self.size - 1, 1, self.begin)
        return functional.pad(x, (0, 0, (self.size - 1) // 2, self.size // 2))


class Embedding(Product):
    """A convolution over [B, T, inputs]; weight [outputs, inputs, size]."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__((outputs, inputs, size), outputs)
        self.size = size

    def matrix(self) -> Tensor:
        return self.weight.transpose(1, 2).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.product(x.unfold(1, self.size, 1).transpose(2, 3).flatten(2))


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, layer norm, two linear layers with GELU between, scaled and added (arXiv 2201.03545)."""

    def __init__(self, settings: config.WaveNeXt | config.Vocos, start: Start) -> None:
        super().__init__()
        self.padding = Padding(settings.kernel_size, settings.dim, settings.causal, start)
        self.dwconv = Depthwise(settings.dim, settings.kernel_size)
        self.norm = nn.LayerNorm(settings.dim, eps=1e-6)
        self.pwconv1 = Linear(settings.dim, settings.ffn_dim)
        self.pwconv2 = Linear(settings.ffn_dim, settings.dim)
        self.gamma = nn.Parameter(torch.empty(settings.dim))

    def start(self, batch: int) -> Tail:
        """The memory of a stream."""
        return self.padding.start(batch)

    def forward(self, x: Tensor, tail: Tail | None = None) -> Tensor:
        padded = self.padding(x, tail).transpose(1, 2)
        y = self.dwconv(padded).transpose(1, 2)
        y = self.pwconv2(functional.gelu(self.pwconv1(self.norm(y))))
        return torch.addcmul(x, self.gamma, y)


class Backbone(nn.Module):
    """Features [B, T, input_dim] to [B, T, dim]."""

    def __init__(self, settings: config.WaveNeXt | config.Vocos, start: Start) -> None:
        super().__init__()
        self.padding = Padding(settings.kernel_size, settings.input_dim, settings.causal, start)
        self.embedding = Embedding(settings.input_dim, settings.dim, settings.kernel_size)
        self.input_norm = nn.LayerNorm(settings.dim, eps=1e-6)
        self.layers = nn.ModuleList([ConvNeXtBlock(settings, start) for _ in range(settings.num_layers)])
        self.output_norm = nn.LayerNorm(settings.dim, eps=1e-6)

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return [self.padding.start(batch), *start_all(self.layers, batch)]

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        x = self.input_norm(self.embedding(self.padding(x, None if memory is None else memory[0])))
        for index, layer in enumerate(self.layers, 1):
            x = layer(x, None if memory is None else memory[index])
        return self.output_norm(x)


class Head(nn.Module):
    """The last linear layer."""

    def __init__(self, dim: int, outputs: int) -> None:
        super().__init__()
        self.proj = Linear(dim, outputs)


class WaveNeXt(nn.Module):
    """Features [B, T, input_dim] to samples [B, hop_length * T] in [-1, 1]; zeros stand before a stream."""

    def __init__(self, settings: config.WaveNeXt) -> None:
        super().__init__()
        self.backbone = Backbone(settings, "zeros")
        self.head = Head(settings.dim, settings.hop_length)

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return self.backbone.start(batch)

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        return self.head.proj(self.backbone(x, memory)).flatten(1).clamp(-1.0, 1.0)


class Vocos(nn.Module):
    """Features [B, T, input_dim] to samples [B, hop_length * T]."""

    def __init__(self, settings: config.Vocos) -> None:
        super().__init__()
        self.settings = settings
        self.backbone = Backbone(settings, "replicate")
        self.head = Head(settings.dim, settings.n_fft + 2)

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return self.backbone.start(batch)

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        magnitude, phase = self.head.proj(self.backbone(x, memory)).chunk(2, -1)
        spectrum = torch.polar(magnitude.exp().clamp(max=LOUDEST), phase)
        segments = torch.fft.irfft(spectrum, self.settings.n_fft)  # [B, T, n_fft]
        if self.settings.causal:
            return segments[..., -self.settings.hop_length :].flatten(1)
        return self._overlap_add(segments)

    def _overlap_add(self, segments: Tensor) -> Tensor:
        """Windowed overlap-add over the window's own energy, the same cut away at both ends."""
        size, hop, frames = self.settings.n_fft, self.settings.hop_length, segments.shape[1]
        window = torch.hann_window(size)
        shape = {"output_size": (1, (frames - 1) * hop + size), "kernel_size": (1, size), "stride": (1, hop)}
        signal = functional.fold((segments * window).transpose(1, 2), **shape)[:, 0, 0]
        energy = functional.fold(window.square().expand(1, frames, size).transpose(1, 2), **shape)[:, 0, 0]
        cut = (size - hop) // 2
        return signal[:, cut:-cut] / energy[:, cut:-cut]


def make(settings: config.WaveNeXt | config.Vocos) -> WaveNeXt | Vocos:
    """The decoder of a configuration."""
    return WaveNeXt(settings) if isinstance(settings, config.WaveNeXt) else Vocos(settings)
