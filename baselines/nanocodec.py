"""NanoCodec (arXiv 2508.05835) at 22.05 kHz, finite scalar quantisation in groups; through NeMo in its environment."""

from baselines._framed import require
from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, finite scalar quantisation",
    rates="0.6, 1.78 and 1.89 kbit/s",
    source="arXiv 2508.05835; github.com/NVIDIA-NeMo/NeMo",
    code="Apache-2.0",
    weights="NVIDIA Open Model License",
    caveat="the checkpoint of 0.6 kbit/s is meant for fine-tuning to a few speakers, says its publisher",
)
ENVIRONMENT = Environment(
    name="nanocodec",
    install="'nemo_toolkit[tts]'",
    weights="the .nemo file of huggingface.co/nvidia/nemo-nano-codec-22khz-1.78kbps-12.5fps (0.6kbps-12.5fps, "
    "1.89kbps-21.5fps), by its own name, into weights/",
    files=("weights/nemo-nano-codec-22khz-*.nemo",),
    interpreter="python3.10",
)


def make(rate: float = 1.78, python: str = "", command: str = "", device: str = "cpu", seconds: int = 240) -> External:
    """The codec at `rate` kbit/s, 0.6, 1.78 or 1.89; see `Environment.codec`."""
    require("nanocodec: rate", rate, (0.6, 1.78, 1.89))
    return ENVIRONMENT.codec(python, command, seconds, rate=rate, device=device)
