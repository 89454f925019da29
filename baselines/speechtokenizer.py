"""SpeechTokenizer (arXiv 2308.16692) at 16 kHz, its first codebook taught by HuBERT; in an environment of its own."""

from baselines._framed import require
from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, residual codebooks",
    rates="0.5 kbit/s per codebook, 1 to 8 of them",
    source="arXiv 2308.16692; github.com/ZhangXInFD/SpeechTokenizer",
    code="Apache-2.0",
    weights="Apache-2.0, as the FocalCodec paper lists them",
    training="LibriSpeech",
    caveat="trained for 8 codebooks; the default, 2, is what the FocalCodec papers compare with",
)
ENVIRONMENT = Environment(
    name="speechtokenizer",
    install="speechtokenizer==1.0.1 beartype tensorboard",
    weights="config.json and SpeechTokenizer.pt of huggingface.co/fnlp/SpeechTokenizer (speechtokenizer_hubert_avg) "
    "into weights/",
    files=("weights/config.json", "weights/SpeechTokenizer.pt"),
)


def make(codebooks: int = 2, python: str = "", command: str = "", device: str = "cpu", seconds: int = 240) -> External:
    """The codec with its first `codebooks`; see `Environment.codec`."""
    require("speechtokenizer: codebooks", codebooks, range(1, 9))
    return ENVIRONMENT.codec(python, command, seconds, codebooks=codebooks, device=device)
