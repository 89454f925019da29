"""ZipCodec (arXiv 2609.11642) at 16 kHz, 64 codebooks of 4 every 160 ms, streaming; in an environment of its own."""

from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, scalar quantisation on a sphere",
    rates="0.8 kbit/s",
    source="arXiv 2609.11642; github.com/lucadellalib/zipcodec",
    code="Apache-2.0",
    weights="not told apart from the code: Apache-2.0",
    caveat="842 M parameters, as its paper counts",
)
ENVIRONMENT = Environment(
    name="zipcodec",
    install="git+https://github.com/lucadellalib/zipcodec@4c587a25ea9b8d2791d23c90e147739f526d4dd9",
    weights="config.json and model.safetensors of huggingface.co/lucadellalib/zipcodec into weights/, "
    "as zipcodec.json and zipcodec.safetensors",
    files=("weights/zipcodec.json", "weights/zipcodec.safetensors"),
    interpreter="python3.10",
)


def make(python: str = "", command: str = "", device: str = "cpu", seconds: int = 240) -> External:
    """The codec; see `Environment.codec`."""
    return ENVIRONMENT.codec(python, command, seconds, device=device)
