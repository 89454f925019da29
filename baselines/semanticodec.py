"""SemantiCodec (arXiv 2405.00233) at 16 kHz, semantic and acoustic tokens, decoded by diffusion; in its environment."""

from baselines._framed import require
from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, semantic and residual codebook, diffusion",
    rates="0.325, 0.65 and 1.3 kbit/s",
    source="arXiv 2405.00233; github.com/haoheliu/SemantiCodec-inference",
    code="MIT",
    weights="MIT, as the FocalCodec paper lists them",
    caveat="on a CPU its diffusion takes minutes an utterance: raise seconds, and limits.seconds of the suite",
)
ENVIRONMENT = Environment(
    name="semanticodec",
    install="git+https://github.com/haoheliu/SemantiCodec-inference@7c05d426d2971505014b96fc151522f78ff2a265",
    weights="`bin/pip install huggingface_hub[cli]` and `bin/hf download haoheliu/SemantiCodec --cache-dir weights` in "
    "that folder",
    files=("weights/**/encoder.ckpt",),
    interpreter="python3.10",
)


def make(
    token_rate: int = 50, steps: int = 50, python: str = "", command: str = "", device: str = "cpu", seconds: int = 240
) -> External:
    """The codec at `token_rate` tokens a second (25, 50, 100), in `steps` of diffusion; see `Environment.codec`."""
    require("semanticodec: token_rate", token_rate, (25, 50, 100))
    require("semanticodec: steps", steps, range(1, 1001))
    return ENVIRONMENT.codec(python, command, seconds, token_rate=token_rate, steps=steps, device=device)
