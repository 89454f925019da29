"""NISQA v2 with its four dimensions [Mittag et al., Interspeech 2021, arXiv 2104.09494], for inference alone.

A mel spectrogram is cut into overlapping segments; convolutions make a vector of each, self-attention relates them,
and five poolings with attention give five scores. The checkpoint states the sizes, under their published names.
"""

from dataclasses import dataclass, fields
from math import ceil
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.nets.checkpoint import fill, read, tensors_of
from benchmark.types import Signal, UserError

SCORES = 5  # overall quality, noisiness, discontinuity, coloration, loudness
FLOOR_DB, RANGE_DB = -80.0, 80.0  # of magnitudes, where 0 dB is 1; and below the largest of them
# What else a checkpoint may say, and this network does not: other parts, or a rate that files are resampled to.
FIXED = {
    "model": "NISQA_DIM",
    "ms_sr": None,
    "cnn_model": "adapt",
    "cnn_kernel_size": (3, 3),
    "cnn_fc_out_h": None,
    "td": "self_att",
    "td_sa_pos_enc": False,
    "td_2": "skip",
    "pool": "att",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The `args` of a checkpoint that decide its values; times in s, `ms_fmax` in Hz, pools as (bands, frames)."""

    ms_fmax: float
    ms_n_fft: int
    ms_hop_length: float
    ms_win_length: float
    ms_n_mels: int
    ms_seg_length: int
    ms_seg_hop_length: int
    ms_max_segments: int
    cnn_c_out_1: int
    cnn_c_out_2: int
    cnn_c_out_3: int
    cnn_pool_1: list[int]
    cnn_pool_2: list[int]
    cnn_pool_3: list[int]
    td_sa_d_model: int
    td_sa_nhead: int
    td_sa_num_layers: int
    td_sa_h: int
    pool_att_h: int


class Segments(nn.Module):
    """A vector of each segment, shape (segments, 1, bands, frames), by six convolutions."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        third, last = settings.cnn_c_out_3, settings.cnn_pool_3
        channels = (1, settings.cnn_c_out_1, settings.cnn_c_out_2, third, third, third, third)
        self.pools = {1: settings.cnn_pool_1, 2: settings.cnn_pool_2, 4: last}
        self.layers = range(1, len(channels))
        for layer in self.layers:
            final = layer == self.layers[-1]  # there the kernel is as wide as what is left, so one frame remains
            kernel, padding = ((3, last[1]), (1, 0)) if final else ((3, 3), (1, 1))
            convolution = nn.Conv2d(channels[layer - 1], channels[layer], kernel, padding=padding)
            self.add_module(f"conv{layer}", convolution)
            self.add_module(f"bn{layer}", nn.BatchNorm2d(channels[layer]))
        self.width = third * last[0]

    def forward(self, segments: Tensor) -> Tensor:
        hidden = segments
        for layer in self.layers:
            hidden = F.relu(self.get_submodule(f"bn{layer}")(self.get_submodule(f"conv{layer}")(hidden)))
            if layer in self.pools:
                hidden = F.adaptive_max_pool2d(hidden, self.pools[layer])
        return hidden.flatten(1)


class SelfAttention(nn.Module):
    """Relates the segments, shape (segments, width), to each other, wherever they are."""

    def __init__(self, settings: Settings, width: int) -> None:
        super().__init__()
        size, heads, inner = settings.td_sa_d_model, settings.td_sa_nhead, settings.td_sa_h
        self.linear = nn.Linear(width, size)
        self.norm1 = nn.LayerNorm(size)
        layers = (
            nn.TransformerEncoderLayer(size, heads, inner, batch_first=True) for _ in range(settings.td_sa_num_layers)
        )
        self.layers = nn.ModuleList(layers)

    def forward(self, segments: Tensor) -> Tensor:
        hidden: Tensor = self.norm1(self.linear(segments))[None]
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden[0]


class Pooling(nn.Module):
    """One score, shape (1,), of all segments, weighted by what is in them."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.linear1 = nn.Linear(settings.td_sa_d_model, settings.pool_att_h)
        self.linear2 = nn.Linear(settings.pool_att_h, 1)
        self.linear3 = nn.Linear(settings.td_sa_d_model, 1)

    def forward(self, segments: Tensor) -> Tensor:
        attention = torch.softmax(self.linear2(F.relu(self.linear1(segments))), dim=0)
        score: Tensor = self.linear3((attention * segments).sum(dim=0))
        return score


class Nisqa(nn.Module):
    """A waveform to five scores."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.cnn = Segments(settings)
        self.time_dependency = SelfAttention(settings, self.cnn.width)
        self.pool_layers = nn.ModuleList(Pooling(settings) for _ in range(SCORES))

    def forward(self, segments: Tensor) -> Tensor:
        """Scores, shape (5,), of the `segments` of one signal, shape (segments, 1, bands, frames)."""
        hidden = self.time_dependency(self.cnn(segments))
        return torch.cat([pool(hidden) for pool in self.pool_layers])

    @property
    def shortest_s(self) -> float:
        """The length of a signal that has one segment, s."""
        return (self.settings.ms_seg_length - 1) * self.settings.ms_hop_length

    def count(self, length: int, rate: int) -> int:
        """How many segments a signal of `length` samples at `rate` Hz has; 0 when it is too short."""
        frames = 1 + length // int(rate * self.settings.ms_hop_length)
        return max(0, ceil((frames - self.settings.ms_seg_length + 1) / self.settings.ms_seg_hop_length))

    def segments(self, signal: Signal, rate: int) -> Tensor:
        """The mel spectrogram in dB in segments, shape (segments, 1, bands, frames), float32."""
        bands = torch.from_numpy(spectrogram(signal, rate, self.settings))
        length, hop = self.settings.ms_seg_length, self.settings.ms_seg_hop_length
        return bands.unfold(1, length, hop).transpose(0, 1)[:, None]


def spectrogram(signal: Signal, rate: int, settings: Settings) -> Any:
    """Magnitudes per mel band in dB, shape (bands, frames), float32, as librosa has them."""
    import librosa

    magnitudes = librosa.feature.melspectrogram(
        y=signal,
        sr=rate,
        n_fft=settings.ms_n_fft,
        hop_length=int(rate * settings.ms_hop_length),
        win_length=int(rate * settings.ms_win_length),
        pad_mode="reflect",
        power=1.0,
        n_mels=settings.ms_n_mels,
        fmax=settings.ms_fmax,
    )
    return librosa.amplitude_to_db(magnitudes, ref=1.0, amin=10 ** (FLOOR_DB / 20), top_db=RANGE_DB)


def load(path: Path) -> Nisqa:
    """The network of a published checkpoint: a file of `torch.save` with `args` and `model_state_dict`.

    Raises:
        UserError: when the file is damaged, holds more than tensors and plain values, or is of another network.
    """
    held = read(path)
    if not isinstance(held, dict) or not isinstance(args := held.get("args"), dict):
        raise UserError(f"{path} does not say what network it is of; NISQA v2 (nisqa.tar) is needed.")
    tensors = tensors_of(path, held.get("model_state_dict"))
    # The publisher's modules hold another one, called `model`, of which there was a choice.
    return fill(Nisqa(_settings(path, args)), path, {name.replace(".model.", ".", 1): t for name, t in tensors.items()})


def _settings(path: Path, args: dict[str, Any]) -> Settings:
    for name, value in FIXED.items():
        if args.get(name, value) != value:
            raise UserError(f"{path}: {name} is {args[name]!r}, not {value!r}; NISQA v2 (nisqa.tar) is needed.")
    names = [field.name for field in fields(Settings)]
    if missing := [name for name in names if args.get(name) is None]:
        raise UserError(f"{path} does not state {', '.join(missing)}; NISQA v2 (nisqa.tar) is needed.")
    return Settings(**{name: args[name] for name in names})
