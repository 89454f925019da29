"""Mimi [Défossez et al. 2024, arXiv 2410.00037]: 12.5 tokens/s of 1 to 8 codebooks of 11 bits, 24 kHz, streaming.

The library's encoder can stream, its decoder cannot: it keeps no inputs of its convolutions from call to call, so that
each call begins with zeros. Here the layers of both run as streams that forget nothing, one token (80 ms) at a time,
which gives what the library makes of a whole file: the same tokens, and samples within rounding. Weights: `focalbench
fetch mimi`; of their 32 codebooks the first 8 are used, as in the paper.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from baselines._framed import require
from baselines._residual import TokenByToken
from baselines._transformers import Checkpoint
from benchmark.conceal import Codes
from benchmark.tokens import TokenLayout
from benchmark.types import Card

if TYPE_CHECKING:
    from torch import Tensor

RATE, HOP, BITS = 24_000, 1_920, 11  # Hz; samples of a token; bits of a codebook's index
CODEBOOKS = 8

CARD = Card(
    family="neural, residual codebooks, the first of them semantic; causal, with transformers",
    rates="0.1375 to 1.1 kbit/s in steps of 0.1375",
    source="A. Défossez et al., arXiv 2410.00037; code: Hugging Face transformers; checkpoint: kyutai",
    code="Apache-2.0 (transformers); MIT (original, kyutai-labs/moshi)",
    weights="CC BY 4.0",
    training="speech, not named; its first codebook was taught by WavLM",
)

CHECKPOINT = Checkpoint(
    "mimi",
    "MimiModel",
    tiny={
        **{"num_filters": 4, "hidden_size": 32, "upsample_groups": 32, "codebook_dim": 16},
        **{"vector_quantization_hidden_dimension": 16, "num_hidden_layers": 2, "intermediate_size": 64},
        **{"num_attention_heads": 2, "num_key_value_heads": 2, "sliding_window": 16},
    },
    shared=(
        *("sampling_rate", "frame_size", "codebook_size", "num_quantizers", "num_semantic_quantizers"),
        *("audio_channels", "use_causal_conv", "trim_right_ratio"),
    ),
)


class Mimi(TokenByToken):
    """The first `codebooks`; `weights` is a folder, ``random`` or ``tiny`` (random, too, for tests)."""

    def __init__(self, codebooks: int = CODEBOOKS, weights: str | None = None, seed: int = 0) -> None:
        require("mimi: codebooks", codebooks, range(1, CODEBOOKS + 1))
        layout = TokenLayout(RATE, RATE, HOP, HOP, BITS, codebooks, residual=True)
        super().__init__(CHECKPOINT, layout, weights, seed)

    def sending(self) -> Sequence[Any]:
        encoder = self.model.encoder
        return [encoder.encoder_seanet, encoder.encoder_transformer, encoder.downsample]

    def receiving(self) -> Sequence[Any]:
        decoder = self.model.decoder
        return [decoder.upsample, decoder.decoder_transformer, decoder.decoder_seanet]

    @cached_property
    def tables(self) -> Sequence[Codes]:
        """The semantic codebook and the acoustic ones, each as its own projection leaves it."""
        quantizer = self.model.quantizer
        found = []
        for half in (quantizer.semantic_residual_vector_quantizer, quantizer.acoustic_residual_vector_quantizer):
            projection = half.output_proj.weight[..., 0].T
            found += [(layer.codebook.embed @ projection).numpy() for layer in half.layers]
        return found[: self.layout.codebooks]

    def quantised(self, latents: "Tensor") -> "Tensor":
        indices: Tensor = self.model.quantizer.encode(latents, self.layout.codebooks)
        return indices[:, 0, 0]


make = Mimi
