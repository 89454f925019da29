"""NeuCodec (arXiv 2509.09550) through transformers: X-Codec 2's structure, 16 kHz in, 24 kHz out, 0.8 kbit/s.

One codebook of 65,536, 50 tokens a second. It is not causal: the whole utterance is heard before anything is sent.
Weights: `focalbench fetch neucodec`.
"""

from baselines._transformers import Checkpoint
from baselines._whole import fitted
from baselines.xcodec2 import HOP, TINY, Xcodec2
from benchmark.bits import Indices
from benchmark.types import Card, Signal

CARD = Card(
    family="neural, one codebook (finite scalar quantisation), not causal",
    rates="0.8 kbit/s",
    source="H. Julian et al., 2025 (arXiv 2509.09550); code: Hugging Face transformers; checkpoint: neuphonic",
    code="Apache-2.0",
    weights="Apache-2.0",
    training="Emilia, Multilingual LibriSpeech, LibriTTS-R, VCTK, FLEURS, Common Voice",
)


class NeuCodec(Xcodec2):
    """`weights` is a folder, or ``random`` or ``tiny`` for timings and tests."""

    checkpoint = Checkpoint(
        "neucodec",
        "NeuCodecModel",
        tiny=TINY,
        shared=("input_sampling_rate", "output_sampling_rate", "hop_length"),
    )
    extractor = "NeuCodecFeatureExtractor"
    rate_out = 24_000

    def encode(self, signal: Signal) -> Indices:
        return super().encode(fitted(signal, -(-len(signal) // HOP) * HOP))  # the library drops what is no whole token


make = NeuCodec
