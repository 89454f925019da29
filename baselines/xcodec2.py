"""X-Codec 2 (arXiv 2502.04128) through transformers: one codebook of 65,536, 50 tokens a second, 0.8 kbit/s, 16 kHz.

A token is eight numbers of four levels each, from a semantic encoder (Wav2Vec2-BERT) and an acoustic one. It is not
causal: the whole utterance is heard before anything is sent. Weights: `focalbench fetch xcodec2`.
"""

import numpy as np

from baselines._transformers import Checkpoint, load
from baselines._whole import Whole
from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenLayout, token_info
from benchmark.types import Card, Signal

RATE, HOP = 16_000, 320  # Hz and samples per token, of the encoder's input
LEVELS = [4] * 8  # of the numbers that a token stands for: 16 bits

CARD = Card(
    family="neural, one codebook (finite scalar quantisation), not causal",
    rates="0.8 kbit/s",
    source="Z. Ye et al., Llasa, 2025 (arXiv 2502.04128); code: Hugging Face transformers; checkpoint: HKUSTAudio",
    code="Apache-2.0 (transformers)",
    weights="CC BY-NC 4.0",
    training="150,000 h of speech, with Emilia and Multilingual LibriSpeech",
    caveat="its weights are not for commercial use",
)
TINY = {
    "hidden_size": 64,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "encoder_hidden_size": 2,
    "quantization_dim": 80,
    "semantic_model_config": {
        "model_type": "wav2vec2-bert",
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "conv_depthwise_kernel_size": 5,
    },
}


class Xcodec2(Whole):
    """`weights` is a folder, or ``random`` or ``tiny`` for timings and tests."""

    checkpoint = Checkpoint("xcodec2", "Xcodec2Model", tiny=TINY, shared=("sampling_rate", "hop_length"))
    extractor = "Xcodec2FeatureExtractor"
    rate_out = RATE

    def __init__(self, weights: str | None = None, seed: int = 0) -> None:
        loaded = load(self.checkpoint, weights, seed)
        import transformers

        self.model, self.cost = loaded.model, loaded.cost
        self.features = getattr(transformers, self.extractor)()
        hop_out = HOP * self.rate_out // RATE
        bits = int(np.log2(LEVELS).sum())
        self.layout = TokenLayout(RATE, self.rate_out, HOP, hop_out, bits)
        self.info = token_info(self.layout, loaded.identity, streaming=False)

    def encode(self, signal: Signal) -> Indices:
        import torch

        inputs = self.features(audio=signal, sampling_rate=RATE, return_tensors="pt")
        with torch.inference_mode():
            codes = self.model.encode(**inputs).audio_codes[0, 0].numpy()
        due = -(-len(signal) // HOP)  # the library appends one more to a signal of whole tokens
        return np.asarray(codes[:due, None], np.int64)

    def codes(self, tokens: Indices) -> Codes:
        """[n, 1] to the levels [n, 8], from -1 to 0.5."""
        return np.asarray(self.model.quantizer.quantizer.codebook.numpy()[tokens[:, 0]], np.float32)

    def decode(self, codes: Codes) -> Signal:
        import torch

        with torch.inference_mode():
            latents = self.model.quantizer.project_out(torch.from_numpy(codes)[None])
            output = self.model.decode(latents=latents.transpose(1, 2)).audio_values
        return np.asarray(output[0, 0].numpy(), np.float32)


make = Xcodec2
