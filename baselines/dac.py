"""Descript Audio Codec (DAC, arXiv 2306.06546) at 16 or 24 kHz, through transformers: residual codebooks of 10 bits.

50 tokens a second at 16 kHz, 75 at 24 kHz; each codebook is 0.5 or 0.75 kbit/s. It is not causal: the whole utterance
is heard before anything is sent. Weights: `focalbench fetch dac_16khz` (dac_24khz).
"""

import numpy as np

from baselines._framed import require
from baselines._residual import added
from baselines._transformers import Checkpoint, load
from baselines._whole import Whole, fitted
from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenLayout, token_info
from benchmark.types import Card, Signal

HOP, BITS = 320, 10  # samples of a token, at either rate; bits of an index
CODEBOOKS = {16_000: 12, 24_000: 32}  # by sample rate, Hz

CARD = Card(
    family="neural, residual codebooks, not causal",
    rates="0.5 to 6 kbit/s in steps of 0.5 (16 kHz); 0.75 to 24 kbit/s in steps of 0.75 (24 kHz)",
    source="R. Kumar et al., NeurIPS 2023 (arXiv 2306.06546); code: Hugging Face transformers; checkpoints: descript",
    code="Apache-2.0 (transformers); MIT (original)",
    weights="MIT",
    training="speech (DAPS, DNS Challenge, Common Voice, VCTK, VocalSet), music (MUSDB, Jamendo), AudioSet",
    caveat="made for audio of all kinds at 6 kbit/s and more, all at -16 LUFS, which is not set here; with the two "
    "codebooks that papers on speech tokens take, it is far from its best",
)


CHECKPOINTS = {
    rate: Checkpoint(
        f"dac_{rate // 1000}khz",
        "DacModel",
        {"downsampling_ratios": [2, 4, 5, 8], "n_codebooks": codebooks, "sampling_rate": rate},
        tiny={"encoder_hidden_size": 4, "decoder_hidden_size": 32},
        shared=("sampling_rate", "hop_length", "n_codebooks", "codebook_size"),
    )
    for rate, codebooks in CODEBOOKS.items()
}


class Dac(Whole):
    """`rate` is 16000 or 24000 Hz; of its 12 or 32 `codebooks`, the first few can be taken."""

    def __init__(
        self, rate: int = 16_000, codebooks: int | None = None, weights: str | None = None, seed: int = 0
    ) -> None:
        require("dac: rate", rate, list(CODEBOOKS))
        most = CODEBOOKS[rate]
        if codebooks is not None:
            require("dac: codebooks", codebooks, range(1, most + 1))
        self.layout = TokenLayout(rate, rate, HOP, HOP, BITS, codebooks or most, residual=True)
        loaded = load(CHECKPOINTS[rate], weights, seed)
        self.model, self.cost = loaded.model, loaded.cost
        self.info = token_info(self.layout, loaded.identity, streaming=False)
        stages = self.model.quantizer.quantizers[: self.layout.codebooks]
        self.tables = [stage.out_proj(stage.codebook.weight.T[None])[0].T.numpy() for stage in stages]

    def encode(self, signal: Signal) -> Indices:
        import torch

        padded = torch.from_numpy(fitted(signal, -(-len(signal) // HOP) * HOP))
        with torch.inference_mode():
            codes = self.model.encode(padded[None, None], self.layout.codebooks).audio_codes
        return np.asarray(codes[0].T.numpy(), np.int64)

    def codes(self, tokens: Indices) -> Codes:
        """[n, k] to [n, channels of the decoder's input]."""
        return added(self.tables, tokens)

    def decode(self, codes: Codes) -> Signal:
        import torch

        with torch.inference_mode():
            output = self.model.decode(torch.from_numpy(codes).T[None]).audio_values[0].numpy()
        return fitted(output, len(codes) * HOP)  # its upsampling by 5 ends 8 samples early


make = Dac
