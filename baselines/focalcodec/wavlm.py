"""The encoder: WavLM's convolutional front end and first transformer layers, causal or full-context.

WavLM: arXiv 2110.13900; its causal form (left padding, windowed attention in groups of a frame and its look-ahead):
arXiv 2509.16195. Signals are [B, T] at 16 kHz, features [B, frames, dim].
"""

from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.focalcodec import config
from baselines.focalcodec.product import Kernel, Linear, Precision, Product, kernel
from baselines.focalcodec.stream import BLOCK, History, Memory, Tail, left_pad, start_all


class StridedConvolution(Product):
    """A convolution of the front end, on [B, T, inputs]; weight [outputs, inputs, kernel], no bias."""

    exact = True  # early and cheap: what is lost here is lost for good

    def __init__(self, inputs: int, outputs: int, size: int, stride: int) -> None:
        super().__init__((outputs, inputs, size), None)
        self.size, self.stride = size, stride

    def matrix(self) -> Tensor:
        return self.weight.transpose(1, 2).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        windows = x.unfold(1, self.size, self.stride)  # [B, frames, inputs, size]
        return self.product(windows.transpose(2, 3).flatten(2))


class FrontLayer(nn.Module):
    """Convolution, layer norm over channels, GELU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, causal: bool) -> None:
        super().__init__()
        self.conv = StridedConvolution(inputs, outputs, size, stride)
        self.norm = nn.LayerNorm(outputs)
        self.inputs, self.size, self.causal = inputs, size, causal

    def start(self, batch: int) -> Tail:
        """The memory of a stream: `size` - 1 inputs, the first one repeated at the beginning."""
        return Tail(batch, self.size - 1, self.inputs)

    def forward(self, x: Tensor, tail: Tail | None = None) -> Tensor:
        if tail is not None:
            x = tail.extend(x)
        elif self.causal:
            x = left_pad(x, self.size - 1, dim=1)
        else:
            x = functional.pad(x, (0, 0, 0, max(0, self.size - x.shape[1])))
        return functional.gelu(self.norm(self.conv(x)))


class FeatureExtractor(nn.Module):
    """Samples to frames."""

    def __init__(self, settings: config.WavLM) -> None:
        super().__init__()
        inputs = (1, *settings.hidden_dims[:-1])
        shapes = zip(inputs, settings.hidden_dims, settings.kernel_sizes, settings.strides, strict=True)
        self.layers = nn.ModuleList([FrontLayer(*shape, settings.causal) for shape in shapes])

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return start_all(self.layers, batch)

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        for index, layer in enumerate(self.layers):
            x = layer(x, None if memory is None else memory[index])
        return x


class GroupedConvolution(nn.Module):
    """A convolution in channel groups; weight [outputs, inputs / groups, kernel]. Packed, it is a product per group."""

    at_once = 16  # frames unfolded together

    def __init__(self, dim: int, size: int, groups: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim, dim // groups, size))
        self.bias: nn.Parameter | None = nn.Parameter(torch.empty(dim))
        self.size, self.groups = size, groups
        self.kernels: list[Kernel] = []

    def pack(self, precision: Precision) -> None:
        """Replace the parameters by packed kernels; training ends here."""
        assert self.bias is not None
        weights = self.weight.detach().transpose(1, 2).flatten(1).chunk(self.groups)
        biases = self.bias.detach().chunk(self.groups)
        half: Precision = "fp32" if precision == "fp32" else "bf16"  # many small products gain nothing from 8 bits
        self.kernels = [kernel(w, b, half, smallest=0) for w, b in zip(weights, biases, strict=True)]
        self.weight, self.bias = nn.Parameter(torch.empty(0), requires_grad=False), None

    def forward(self, x: Tensor) -> Tensor:
        """[B, size - 1 + T, dim] to [B, T, dim]."""
        if not self.kernels:
            return functional.conv1d(x.transpose(1, 2), self.weight, self.bias, groups=self.groups).transpose(1, 2)
        frames = x.shape[1] - self.size + 1
        parts = [self._packed(x[:, a : a + self.at_once + self.size - 1]) for a in range(0, frames, self.at_once)]
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]

    def _packed(self, x: Tensor) -> Tensor:
        windows = x.unflatten(2, (self.groups, -1)).unfold(1, self.size, 1)  # [B, T, groups, inputs, size]
        windows = windows.permute(2, 0, 1, 4, 3).flatten(3)  # [groups, B, T, size * inputs]
        return torch.cat([product(x) for product, x in zip(self.kernels, windows, strict=True)], -1)


class PositionalEmbedding(nn.Module):
    """Adds where a frame stands: a long grouped convolution and GELU."""

    def __init__(self, settings: config.WavLM) -> None:
        super().__init__()
        self.conv = GroupedConvolution(settings.dim, settings.conv_pos, settings.conv_pos_groups)
        self.size, self.dim, self.causal = settings.conv_pos, settings.dim, settings.causal

    def start(self, batch: int) -> History:
        """The memory of a stream: `size` - 1 frames, the first one repeated at the beginning."""
        return History((batch, 0, self.dim), dim=1, keep=self.size - 1, replicate=True)

    def forward(self, x: Tensor, history: History | None = None) -> Tensor:
        if history is not None:
            padded = history.extend(x)
        elif self.causal:
            padded = left_pad(x, self.size - 1, dim=1)
        else:
            padded = functional.pad(x, (0, 0, self.size // 2, (self.size - 1) // 2))
        return functional.gelu(self.conv(padded))


class Attention(nn.Module):
    """Multi-head attention with WavLM's gated relative position bias."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.width = heads, dim // heads
        self.qkv_proj = Linear(dim, 3 * dim)
        self.out_proj = Linear(dim, dim)
        self.gru_rel_pos_linear = nn.Linear(self.width, 8)
        self.gru_rel_pos_const = nn.Parameter(torch.empty(1, heads, 1, 1))

    def gate(self, x: Tensor) -> Tensor:
        """How much a query cares for position: [B, T, dim] to [B, heads, T, 1]."""
        sliced = x.unflatten(2, (self.heads, self.width)).transpose(1, 2)
        sums = self.gru_rel_pos_linear(sliced).unflatten(-1, (2, 4)).sum(-1).sigmoid()
        first, second = sums.chunk(2, -1)
        return first * (second * self.gru_rel_pos_const - 1.0) + 2.0

    def forward(self, x: Tensor, blocks: "list[Block]", histories: list[History] | None = None) -> Tensor:
        """[B, T, dim] to [B, T, dim]; `histories` hold the keys and values of a stream."""
        batch, count, _ = x.shape
        query, key, value = self.qkv_proj(x).view(batch, count, 3, self.heads, self.width).permute(2, 0, 3, 1, 4)
        if histories is not None:
            key, value = histories[0].extend(key), histories[1].extend(value)
        gate = self.gate(x)
        parts = []
        for block in blocks:
            mask = torch.addcmul(block.mask, gate[:, :, block.queries], block.bias)
            keys = key[:, :, block.keys], value[:, :, block.keys]
            parts.append(functional.scaled_dot_product_attention(query[:, :, block.queries], *keys, attn_mask=mask))
        output = torch.cat(parts, 2) if len(parts) > 1 else parts[0]
        return self.out_proj(output.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.in_proj = Linear(dim, hidden)
        self.out_proj = Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_proj(functional.gelu(self.in_proj(x)))


class TransformerLayer(nn.Module):
    """Attention and feed-forward, each after its norm and added."""

    def __init__(self, settings: config.WavLM) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(settings.dim)
        self.attention = Attention(settings.dim, settings.num_heads)
        self.feed_forward_norm = nn.LayerNorm(settings.dim)
        self.feed_forward = FeedForward(settings.dim, settings.ffn_dim)

    def forward(self, x: Tensor, blocks: "list[Block]", histories: list[History] | None = None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), blocks, histories)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Block(NamedTuple):
    """Some queries of a call, the keys they may see, and what is added to their scores: gate * `bias` + `mask`."""

    queries: slice
    keys: slice
    bias: Tensor  # [heads, queries, keys]
    mask: Tensor  # 0 or -inf; [queries, keys], or one 0


class Transformer(nn.Module):
    """Positional embedding and transformer layers; causal ones see `window_size` frames back from their group's end."""

    def __init__(self, settings: config.WavLM) -> None:
        super().__init__()
        self.settings = settings
        self.positional_embedding = PositionalEmbedding(settings)
        self.relative_embedding = nn.Embedding(settings.num_buckets, settings.num_heads)
        self.layers = nn.ModuleList([TransformerLayer(settings) for _ in range(settings.num_layers)])

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        s = self.settings
        shape = (batch, s.num_heads, 0, s.dim // s.num_heads)
        caches = [[History(shape, 2, s.window_size - 1, False) for _ in range(2)] for _ in range(s.num_layers)]
        return [self.positional_embedding.start(batch), caches]

    def forward(self, x: Tensor, memory: Memory = None) -> Tensor:
        """[B, T, dim] to [B, T, dim]."""
        embedding, caches = memory or (None, None)
        before = 0 if caches is None else min(caches[0][0].end, caches[0][0].keep)
        blocks = self.blocks(x.shape[1], before)
        x = x + self.positional_embedding(x, embedding)
        for index, layer in enumerate(self.layers):
            x = layer(x, blocks, None if caches is None else caches[index])
        return x

    def blocks(self, count: int, before: int) -> list[Block]:
        """How `count` new frames, `before` frames being remembered, attend; shared by all layers."""
        return [self._block(a, min(a + BLOCK, count), count, before) for a in range(0, count, BLOCK)]

    def _block(self, first: int, last: int, count: int, before: int) -> Block:
        queries = torch.arange(first, last)
        if not self.settings.causal:
            return Block(slice(first, last), slice(0, count), self._bias(first, last, 0, count), torch.zeros(()))
        group = 1 + self.settings.lookahead_size
        ends = ((queries // group + 1) * group).clamp(max=count) + before
        starts = (ends - self.settings.window_size).clamp(min=0)
        low = max(0, min((first // group + 1) * group, count) + before - self.settings.window_size)
        high = min(((last - 1) // group + 1) * group, count) + before
        keys = torch.arange(low, high)
        mask = torch.zeros(())
        if first // group != (last - 1) // group:
            hidden = (keys < starts[:, None]) | (keys >= ends[:, None])
            mask = torch.zeros(hidden.shape).masked_fill(hidden, -torch.inf)
        return Block(slice(first, last), slice(low, high), self._bias(first + before, last + before, low, high), mask)

    def _bias(self, first: int, last: int, low: int, high: int) -> Tensor:
        """[heads, queries, keys] for queries `first` to `last` and keys `low` to `high`."""
        distances = torch.arange(low - last + 1, high - first)
        table = self.relative_embedding(self.bucket(distances)).T
        rows = torch.arange(last - first - 1, -1, -1)[:, None] + torch.arange(high - low)
        return table[:, rows]

    def bucket(self, distance: Tensor) -> Tensor:
        """The row of the bias table for key minus query: exact when near, logarithmic when far, the future apart."""
        half = self.settings.num_buckets // 2
        exact = half // 2
        size = distance.abs()
        far = (size.float() / exact).log() / log(self.settings.max_distance / exact) * (half - exact) + exact
        near_or_far = torch.where(size < exact, size, far.to(torch.long).clamp(max=half - 1))
        return near_or_far + (distance > 0) * half


class WavLM(nn.Module):
    """Signal [B, T] to features [B, frames, dim]: ceil(T / 320) frames when causal, floor((T - 80) / 320) when not."""

    def __init__(self, settings: config.WavLM) -> None:
        super().__init__()
        self.feature_extractor = FeatureExtractor(settings)
        self.norm = nn.LayerNorm(settings.hidden_dims[-1])
        self.feature_proj = Linear(settings.hidden_dims[-1], settings.dim)
        self.encoder = Transformer(settings)

    def start(self, batch: int) -> Memory:
        """The memory of a stream."""
        return [self.feature_extractor.start(batch), self.encoder.start(batch)]

    def forward(self, signal: Tensor, memory: Memory = None) -> Tensor:
        front, body = memory or (None, None)
        x = self.feature_extractor(signal[..., None], front)
        return self.encoder(self.feature_proj(self.norm(x)), body)
