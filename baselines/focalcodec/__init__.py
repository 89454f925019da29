"""FocalCodec with full context (arXiv 2502.04465): 50, 25 or 12.5 tokens a second of 13 bits, 16 kHz in and out.

It sees the whole utterance before it sends anything, and hears all of it before it plays. Weights:
`focalbench fetch focalcodec_50hz` (_25hz, _12_5hz); code and checkpoints Apache-2.0, after WavLM.
"""

from baselines._whole import AtTheEnd
from baselines.focalcodec.adapter import Focal
from baselines.focalcodec.config import FULL_CONTEXT
from benchmark.tokens import TokenDecoder, TokenEncoder
from benchmark.types import Card, Decoder, UserError

CARD = Card(
    family="neural, one binary codebook",
    rates="0.65, 0.325 and 0.1625 kbit/s (50, 25, 12.5 tokens a second)",
    source="Della Libera, Paissan, Subakan, Ravanelli: FocalCodec, arXiv 2502.04465; this implementation is our own",
    code="Apache-2.0",
    weights="Apache-2.0, as their publisher states",
    training="LibriTTS, 960 hours; the encoder begins as WavLM-large",
    caveat="the weights come from WavLM, whose own licence is stated both as MIT and as CC BY-SA 3.0 (share-alike)",
)
MILLISECONDS = 80  # a frame's, unless `tokens` says otherwise: as long as FocalCodec-Stream's


class FullContext(Focal):
    """`rate` tokens a second; `tokens` of them in a frame (default: 80 ms)."""

    def __init__(
        self,
        rate: float = 50,
        weights: str | None = None,
        precision: str = "fp32",
        tokens: int | None = None,
        seed: int = 0,
    ) -> None:
        name = next((n for n in FULL_CONTEXT if type(rate) in (int, float) and rate == float(n)), "")
        if not name:
            raise UserError(f"focalcodec: rate={rate!r} is not allowed; choose from {', '.join(FULL_CONTEXT)}.")
        if tokens is None:
            tokens = round(float(name) * MILLISECONDS / 1000)
        checkpoint = f"focalcodec_{name.replace('.', '_')}hz"
        super().__init__(checkpoint, FULL_CONTEXT[name], weights, precision, tokens, seed)

    def token_encoder(self) -> TokenEncoder:
        from baselines.focalcodec.sessions import WholeEncoder

        return WholeEncoder(self.loaded.codec)

    def token_decoder(self) -> TokenDecoder:
        from baselines.focalcodec.sessions import WholeDecoder

        return WholeDecoder(self.loaded.codec)

    def decoder(self, concealment: str = "") -> Decoder:
        """A session that plays nothing before the end."""
        return AtTheEnd(super().decoder(concealment))


make = FullContext
