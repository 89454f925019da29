"""EnCodec at 24 kHz [Défossez et al. 2022, arXiv 2210.13438]: 75 tokens/s of 2 to 32 codebooks of 10 bits, streaming.

The library encodes whole files; here the same layers run as a stream, one token (13.3 ms) at a time. That gives the
same tokens, and samples within rounding, but for the start: the published model pads convolutions with the mirror
image of what comes first, which a stream does not have yet; here the first frame is repeated. So, with random weights,
the tokens of the first 3 to 5 frames are others than the library's (8, and single ones up to the 21st, where the
signal begins amid speech; with zeros in place of repetition 10 and more), and what the decoder makes of the same
tokens differs by 2 % of its peak after 0.1 s, by 0.1 % after 0.2 s. A trained LSTM may remember longer.

The level is not normalised (only the model at 48 kHz does that), nor are the indices packed tighter by the language
model that EnCodec has for it. Weights: `focalbench fetch encodec_24khz`.
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

RATE, HOP, BITS = 24_000, 320, 10  # Hz; samples of a token; bits of a codebook's index
BITRATES = {1_500: 2, 3_000: 4, 6_000: 8, 12_000: 16, 24_000: 32}  # bit/s, and the codebooks they are

CARD = Card(
    family="neural, residual codebooks, causal",
    rates="1.5, 3, 6, 12 and 24 kbit/s",
    source="A. Défossez et al., TMLR 2023 (arXiv 2210.13438); code: Hugging Face transformers; checkpoint: facebook",
    code="Apache-2.0 (transformers); MIT (original)",
    weights="not stated for the checkpoint at 24 kHz; that at 48 kHz is tagged MIT",
    training="speech (DNS Challenge 4, Common Voice), music (Jamendo), sounds (AudioSet, FSD50K)",
    caveat="whether the licence of the code covers the weights is an open question (facebookresearch/encodec issue 69)",
)

CHECKPOINT = Checkpoint(
    "encodec_24khz",
    "EncodecModel",
    tiny={"num_filters": 4, "hidden_size": 16, "num_lstm_layers": 1},
    shared=(
        *("sampling_rate", "hop_length", "codebook_size", "num_quantizers", "audio_channels"),
        *("normalize", "chunk_length_s", "use_causal_conv", "norm_type", "trim_right_ratio"),
    ),
)


class Encodec(TokenByToken):
    """`bitrate` in bit/s; `weights` is a folder, ``random`` or ``tiny`` (random, too, for tests)."""

    def __init__(self, bitrate: int = 6_000, weights: str | None = None, seed: int = 0) -> None:
        require("encodec: bitrate", bitrate, tuple(BITRATES))
        layout = TokenLayout(RATE, RATE, HOP, HOP, BITS, BITRATES[bitrate], residual=True)
        super().__init__(CHECKPOINT, layout, weights, seed)

    def sending(self) -> Sequence[Any]:
        return [self.model.encoder]

    def receiving(self) -> Sequence[Any]:
        return [self.model.decoder]

    @cached_property
    def codebooks(self) -> "list[tuple[Tensor, Tensor]]":
        """The vectors of each codebook, and minus half of their energies, which the library computes anew each time."""
        tables = [layer.codebook.embed for layer in self.model.quantizer.layers[: self.layout.codebooks]]
        return [(table, table.square().sum(1) / -2) for table in tables]

    @cached_property
    def tables(self) -> Sequence[Codes]:
        return [table.numpy() for table, _ in self.codebooks]

    def quantised(self, latents: "Tensor") -> "Tensor":
        import torch

        rest, indices = latents[..., 0], []
        for table, halves in self.codebooks:
            indices.append(torch.nn.functional.linear(rest, table, halves).argmax())  # least |rest - vector|
            rest = rest - table[indices[-1]]
        return torch.stack(indices)


make = Encodec
