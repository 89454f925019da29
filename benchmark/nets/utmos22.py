"""The strong learner of UTMOS [Saeki et al., Interspeech 2022, arXiv 2204.02152], for inference alone.

wav2vec 2.0 (base), to whose frames a data domain and a judge are added as constant vectors; a two-way LSTM and a
projection give each frame a score. Sizes follow from the checkpoint, as far as shapes tell them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmark.compat import allow_cpu_torchaudio
from benchmark.nets.checkpoint import fill, read, shape_of, tensors_of

STRIDES = (5, 2, 2, 2, 2, 2, 2)  # of the convolutions over the waveform: a frame every 20 ms at 16 kHz
HEAD = 64  # channels of an attention head in every wav2vec 2.0
SCALE, CENTRE = 2.0, 3.0  # the network learned (MOS - 3) / 2
UNUSED = ("wav2vec2.mask_emb",)  # stood for what was masked when wav2vec 2.0 was pre-trained
# The publisher's names for the parts of wav2vec 2.0 (fairseq's), and those of transformers.
RENAMED = (
    (r"(\.conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"(\.conv_layers\.0)\.2\.", r"\1.layer_norm."),
    (r"^wav2vec2\.layer_norm\.", "wav2vec2.feature_projection.layer_norm."),
    (r"\.post_extract_proj\.", ".feature_projection.projection."),
    (r"\.pos_conv\.0\.weight_g$", ".pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"\.pos_conv\.0\.weight_v$", ".pos_conv_embed.conv.parametrizations.weight.original1"),
    (r"\.pos_conv\.0\.bias$", ".pos_conv_embed.conv.bias"),
    (r"\.self_attn\.", ".attention."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
)


class Sizes(NamedTuple):
    """What differs between checkpoints: arguments of transformers' Wav2Vec2Config, and channels of the rest."""

    wav2vec2: dict[str, Any]
    domain: int
    judge: int
    recurrent: int
    projection: int


class Utmos22(nn.Module):
    """Frames of the waveform at 16 kHz to one score."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        allow_cpu_torchaudio()
        from transformers import Wav2Vec2Config, Wav2Vec2Model

        config = Wav2Vec2Config(
            **sizes.wav2vec2,
            conv_stride=STRIDES,
            conv_bias=False,
            feat_extract_norm="group",
            do_stable_layer_norm=False,
            apply_spec_augment=False,
            mask_time_prob=0.0,  # else the model has a `masked_spec_embed`
        )
        self.wav2vec2: nn.Module = Wav2Vec2Model(config)
        self.domain_emb = nn.Parameter(torch.empty(1, sizes.domain))
        self.judge_emb = nn.Parameter(torch.empty(1, sizes.judge))
        channels = config.hidden_size + sizes.domain + sizes.judge
        self.blstm = nn.LSTM(channels, sizes.recurrent, batch_first=True, bidirectional=True)
        self.projection = nn.Sequential(
            nn.Linear(2 * sizes.recurrent, sizes.projection), nn.ReLU(), nn.Linear(sizes.projection, 1)
        )

    def forward(self, signals: Tensor) -> Tensor:
        """Scores, shape (batch,), of signals at 16 kHz, shape (batch, n): the mean over the frames."""
        frames = self.wav2vec2(signals).last_hidden_state
        constant = torch.cat([self.domain_emb, self.judge_emb], dim=1).expand(*frames.shape[:2], -1)
        hidden, _ = self.blstm(torch.cat([frames, constant], dim=2))
        scores: Tensor = self.projection(hidden)
        return SCALE * scores.mean(dim=(1, 2)) + CENTRE


def load(path: Path) -> Utmos22:
    """The network of a checkpoint in the format of SpeechMOS: tensors by name, in a file of `torch.save`.

    Raises:
        UserError: when the file is damaged, holds more than tensors, or tensors of another network.
    """
    tensors = tensors_of(path, read(path))
    network = Utmos22(_sizes(path, tensors))
    return fill(network, path, {_renamed(name): tensor for name, tensor in tensors.items() if name not in UNUSED})


def _renamed(name: str) -> str:
    if name.startswith("wav2vec2."):
        for pattern, replacement in RENAMED:
            name = re.sub(pattern, replacement, name)
    return name


def _sizes(path: Path, tensors: Mapping[str, Tensor]) -> Sizes:
    def shape(name: str, dimensions: int) -> tuple[int, ...]:
        return shape_of(path, tensors, name, dimensions)

    convolutions = [
        shape(f"wav2vec2.feature_extractor.conv_layers.{layer}.0.weight", 3) for layer in range(len(STRIDES))
    ]
    hidden, grouped, kernel = shape("wav2vec2.encoder.pos_conv.0.weight_v", 3)
    wav2vec2 = {
        "conv_dim": [channels for channels, _, _ in convolutions],
        "conv_kernel": [length for _, _, length in convolutions],
        "hidden_size": hidden,
        "num_attention_heads": hidden // HEAD,
        "num_hidden_layers": sum(name.endswith(".fc1.weight") for name in tensors),
        "intermediate_size": shape("wav2vec2.encoder.layers.0.fc1.weight", 2)[0],
        "num_conv_pos_embeddings": kernel,
        "num_conv_pos_embedding_groups": hidden // grouped,
    }
    return Sizes(
        wav2vec2,
        domain=shape("domain_emb", 2)[1],
        judge=shape("judge_emb", 2)[1],
        recurrent=shape("blstm.weight_hh_l0", 2)[1],
        projection=shape("projection.0.weight", 2)[0],
    )
