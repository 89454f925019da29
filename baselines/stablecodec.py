"""Stable Codec (arXiv 2411.19842) at 16 kHz, transformers around scalar quantisation; in an environment with a GPU."""

from baselines._framed import require
from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, residual scalar quantisation",
    rates="0.4, 0.7 and 1 kbit/s",
    source="arXiv 2411.19842; github.com/Stability-AI/stable-codec",
    code="MIT",
    weights="Stability AI Community License",
    training="Libri-Light and the English part of Multilingual LibriSpeech",
    caveat="needs an NVIDIA GPU with flash-attn; made for speech at -20 LUFS, to which nothing is brought here",
)
ENVIRONMENT = Environment(
    name="stablecodec",
    install="stable-codec==0.1.2 && bin/pip install flash-attn --no-build-isolation",
    weights="model_config.json and model.ckpt of huggingface.co/stabilityai/stable-codec-speech-16k into weights/",
    files=("weights/model_config.json", "weights/model.ckpt"),
    interpreter="python3.10",
)


def make(bitrate: int = 700, python: str = "", command: str = "", device: str = "cuda", seconds: int = 240) -> External:
    """The codec at `bitrate` bit/s, 400, 700 or 1000; see `Environment.codec`."""
    require("stablecodec: bitrate", bitrate, (400, 700, 1000))
    return ENVIRONMENT.codec(python, command, seconds, bitrate=bitrate, device=device)
