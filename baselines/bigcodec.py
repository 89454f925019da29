"""BigCodec (arXiv 2409.05377) at 16 kHz, one codebook 80 times a second, 159 M parameters; in its environment."""

from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, one codebook",
    rates="1.04 kbit/s",
    source="arXiv 2409.05377; github.com/Aria-K-Alethia/BigCodec",
    code="MIT",
    weights="MIT, as the FocalCodec paper lists them",
    training="LibriSpeech",
)
ENVIRONMENT = Environment(
    name="bigcodec",
    install="torch einops",
    weights="huggingface.co/Alethia/BigCodec/resolve/main/bigcodec.pt into weights/",
    files=("source/vq", "weights/bigcodec.pt"),
    source="https://github.com/Aria-K-Alethia/BigCodec",
    revision="09845ab1f5bc7a3d1589c16de820ef15bc2afefe",
)


def make(python: str = "", command: str = "", device: str = "cpu", seconds: int = 240) -> External:
    """The codec; see `Environment.codec`."""
    return ENVIRONMENT.codec(python, command, seconds, device=device)
