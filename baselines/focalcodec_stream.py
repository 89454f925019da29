"""FocalCodec-Stream (arXiv 2509.16195): 50 tokens a second of 11, 12 or 16 bits, 16 kHz in, 24 kHz out, 80 ms.

Four tokens come out together every 80 ms, and are a frame of 6, 6 or 8 bytes; with `tokens` 1 or 2 they are split over
frames, with 8, 12, ... several groups share one. Weights: `focalbench fetch focalcodec_stream_65k` (_4k, _2k); code and
checkpoints Apache-2.0, after WavLM.
"""

from baselines._framed import require
from baselines.focalcodec.adapter import Streaming
from baselines.focalcodec.config import STREAMING
from benchmark.types import Card

CARD = Card(
    family="neural, one binary codebook",
    rates="0.55, 0.60 and 0.80 kbit/s (2k, 4k, 65k)",
    source="Della Libera, Subakan, Ravanelli: FocalCodec-Stream, arXiv 2509.16195; this implementation is our own",
    code="Apache-2.0",
    weights="Apache-2.0, as their publisher states",
    training="Libri-Light; the encoder begins as WavLM-large",
    caveat="the weights come from WavLM, whose own licence is stated both as MIT and as CC BY-SA 3.0 (share-alike)",
)


class FocalCodecStream(Streaming):
    """The causal model; `weights` is a folder, or ``random`` for timings and tests."""

    def __init__(
        self,
        variant: str = "65k",
        weights: str | None = None,
        precision: str = "fp32",
        tokens: int = 4,
        seed: int = 0,
    ) -> None:
        require("focalcodec_stream: variant", variant, list(STREAMING))
        name = f"focalcodec_stream_{variant}"
        super().__init__(name, STREAMING[variant], weights, precision, tokens, seed)


make = FocalCodecStream
