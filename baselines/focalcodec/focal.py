"""Compressor and decompressor: focal modulation (arXiv 2203.11926) over time, causal or full-context.

Features to latents and codes to features, as in FocalCodec (arXiv 2502.04465); the causal form replaces the global
average by a long causal convolution and layer norm by a scaled tanh, and adds the refiner (arXiv 2509.16195).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.focalcodec import config
from baselines.focalcodec.product import Depthwise, Expand, Linear, Pointwise
from baselines.focalcodec.stream import History, Memory, Tail, left_pad, start_all
from baselines.focalcodec.wavlm import FeedForward

LONG = 64  # frames from which on a memory is worth a history


class DynamicTanh(nn.Module):
    """``tanh(alpha x)`` with one learned scalar, in place of a norm (arXiv 2503.10622)."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.empty(1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.alpha * x)


class Snake(nn.Module):
    """``x + sin(alpha x)^2 / alpha``, alpha per channel (arXiv 2006.08195)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.empty(dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        alpha = self.alpha[:, 0]
        return torch.addcdiv(x, torch.sin(alpha * x).square(), alpha + 1e-9)


class Context(nn.Sequential):
    """One level of context: a depthwise convolution over [B, C, T]; weight [C, 1, size]."""

    def __init__(self, dim: int, size: int, causal: bool) -> None:
        super().__init__(Depthwise(dim, size))  # nested, as the checkpoints name it "0"
        self.dim, self.size, self.causal = dim, size, causal

    def start(self, batch: int) -> Tail | History:
        """The memory of a stream: `size` - 1 frames, the first one repeated at the beginning."""
        if self.size < LONG:
            return Tail(batch, self.size - 1, self.dim, dim=2)
        return History((batch, self.dim, 0), dim=2, keep=self.size - 1, replicate=True)

    def forward(self, x: Tensor, memory: Tail | History | None = None) -> Tensor:
        if memory is not None:
            x = memory.extend(x)
        elif self.causal:
            x = left_pad(x, self.size - 1, dim=2)
        else:
            x = functional.pad(x, ((self.size - 1) // 2, self.size // 2))
        return functional.gelu(self[0](x))


class Modulation(nn.Module):
    """A query times a gated sum of contexts, each wider than the one before."""

    def __init__(self, dim: int, settings: config.Focal, window: int) -> None:
        super().__init__()
        self.dim, self.settings = dim, settings
        self.parts = [dim, dim, settings.focal_level + 1]
        self.in_proj = Linear(dim, sum(self.parts))
        sizes = [settings.focal_window + settings.focal_factor * level for level in range(settings.focal_level)]
        if settings.causal:
            sizes.append(window)
        self.layers = nn.ModuleList([Context(dim, size, settings.causal) for size in sizes])
        self.context_proj = Pointwise(dim, dim)
        self.out_proj = Linear(dim, dim)
        if settings.use_post_norm:
            self.norm = DynamicTanh() if settings.causal else nn.LayerNorm(dim)

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return start_all(self.layers, batch)

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        """[B, T, dim] to [B, T, dim]."""
        query, context, gates = self.in_proj(x).split(self.parts, -1)
        context, gates = context.transpose(1, 2), gates.transpose(1, 2)
        gathered = torch.zeros(())
        for level, layer in enumerate(self.layers):
            context = layer(context, None if memory is None else memory[level])
            gathered = torch.addcmul(gathered, context, gates[:, level : level + 1])
        if not self.settings.causal:
            everything = functional.gelu(context.mean(-1, keepdim=True))
            gathered = torch.addcmul(gathered, everything, gates[:, -1:])
        if self.settings.normalize_modulator:
            gathered = gathered / self.parts[-1]
        x = query * self.context_proj(gathered.transpose(1, 2))
        if self.settings.use_post_norm:
            x = self.norm(x)
        return self.out_proj(x)


class FocalBlock(nn.Module):
    """Modulation and feed-forward, each normed and added."""

    def __init__(self, dim: int, settings: config.Focal, window: int) -> None:
        super().__init__()
        self.settings = settings
        self.modulation_norm = DynamicTanh() if settings.causal else nn.LayerNorm(dim)
        self.modulation = Modulation(dim, settings, window)
        self.feed_forward_norm = DynamicTanh() if settings.causal else nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim, 4 * dim)
        if settings.use_layerscale:
            self.modulation_gamma = nn.Parameter(torch.empty(dim))
            self.feed_forward_gamma = nn.Parameter(torch.empty(dim))

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        after = self.settings.use_post_norm
        y = self.modulation(x if after else self.modulation_norm(x), memory)
        y = self.modulation_norm(y) if after else y
        x = x + (y * self.modulation_gamma if self.settings.use_layerscale else y)
        y = self.feed_forward(x if after else self.feed_forward_norm(x))
        y = self.feed_forward_norm(y) if after else y
        return x + (y * self.feed_forward_gamma if self.settings.use_layerscale else y)


class Downscale(nn.Module):
    """Convolution of kernel and stride `factor`, then Snake."""

    def __init__(self, inputs: int, outputs: int, factor: int) -> None:
        super().__init__()
        self.downscale = Pointwise(inputs, outputs, factor)
        self.activation = Snake(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.downscale(x))


class Upscale(nn.Module):
    """Snake, then a transposed convolution of kernel and stride `factor`."""

    def __init__(self, inputs: int, outputs: int, factor: int) -> None:
        super().__init__()
        self.activation = Snake(inputs)
        self.upscale = Expand(inputs, outputs, factor)

    def forward(self, x: Tensor) -> Tensor:
        return self.upscale(self.activation(x))


class CompressorLayer(nn.Module):
    """Fewer frames, then a focal block."""

    def __init__(self, inputs: int, outputs: int, factor: int, settings: config.FocalEncoder) -> None:
        super().__init__()
        self.downscale = Downscale(inputs, outputs, factor)
        self.focal_block = FocalBlock(outputs, settings, settings.window_size)

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return self.focal_block.modulation.start(batch)

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        return self.focal_block(self.downscale(x), memory)


class DecompressorLayer(nn.Module):
    """A focal block, then more frames."""

    def __init__(self, inputs: int, outputs: int, factor: int, settings: config.FocalDecoder, window: int) -> None:
        super().__init__()
        self.focal_block = FocalBlock(inputs, settings, window)
        self.upscale = Upscale(inputs, outputs, factor)

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return self.focal_block.modulation.start(batch)

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        return self.upscale(self.focal_block(x, memory))


class Compressor(nn.Module):
    """Features [B, T, input_dim] to latents [B, T / factors, output_dim], not yet normalised."""

    def __init__(self, settings: config.FocalEncoder) -> None:
        super().__init__()
        inputs = (settings.input_dim, *settings.hidden_dims[:-1])
        shapes = zip(inputs, settings.hidden_dims, settings.downscale_factors, strict=True)
        self.layers = nn.ModuleList([CompressorLayer(*shape, settings) for shape in shapes])
        self.out_proj = Linear(settings.hidden_dims[-1], settings.output_dim)

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return start_all(self.layers, batch)

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        for index, layer in enumerate(self.layers):
            x = layer(x, None if memory is None else memory[index])
        return self.out_proj(x)


class Refiner(nn.Module):
    """Frames of one group, side by side, through two linear layers; added. Knows nothing of other groups."""

    def __init__(self, group: int, dim: int) -> None:
        super().__init__()
        self.group = group
        self.in_proj = Linear(group * dim, group * dim)
        self.out_proj = Linear(group * dim, group * dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, dim] to [B, T, dim]; groups count from the first frame, an incomplete one is filled with zeros."""
        frames = x.shape[1]
        grouped = functional.pad(x, (0, 0, 0, -frames % self.group)).unflatten(1, (-1, self.group)).flatten(2)
        y = self.out_proj(functional.gelu(self.in_proj(grouped)))
        return x + y.reshape(x.shape[0], -1, x.shape[2])[:, :frames]


class Decompressor(nn.Module):
    """Codes [B, T, input_dim] to features [B, T * factors, output_dim]."""

    def __init__(self, settings: config.FocalDecoder) -> None:
        super().__init__()
        self.in_proj = Linear(settings.input_dim, settings.hidden_dims[0])
        outputs = (*settings.hidden_dims[1:], settings.output_dim)
        windows = [settings.window_size] * (len(outputs) - 1) + [settings.last_window_size]
        shapes = zip(settings.hidden_dims, outputs, settings.upscale_factors, strict=True)
        layers = [DecompressorLayer(*shape, settings, window) for shape, window in zip(shapes, windows, strict=True)]
        self.layers = nn.ModuleList(layers)
        refines = settings.causal and settings.lookahead_size > 0
        self.refiner = Refiner(1 + settings.lookahead_size, settings.output_dim) if refines else nn.Identity()

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return start_all(self.layers, batch)

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        x = self.in_proj(x)
        for index, layer in enumerate(self.layers):
            x = layer(x, None if memory is None else memory[index])
        return self.refiner(x)
