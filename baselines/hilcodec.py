"""HILCodec (arXiv 2405.04752) at 24 kHz, causal, light, through ONNX frame by frame; in an environment of its own."""

from baselines._framed import require
from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, residual codebooks",
    rates="0.75 kbit/s per codebook, 1 to 8 of them",
    source="arXiv 2405.04752; github.com/aask1357/hilcodec",
    code="MIT",
    weights="MIT",
    training="DNS-Challenge 4 (clean) and VCTK; hil_music: also noise and Jamendo",
    caveat="trained for 2, 4 and 8 codebooks; the default, 2, is what the FocalCodec-Stream paper compares with",
)
ENVIRONMENT = Environment(
    name="hilcodec",
    install="onnxruntime",
    weights="they are part of the repository",
    files=("source/onnx/hil_speech_enc.onnx", "source/onnx/hil_speech_dec.onnx"),
    source="https://github.com/aask1357/hilcodec",
    revision="616e8c36e5ee99c32d8bbb65b855e87a9a314abd",
)


def make(
    codebooks: int = 2, model: str = "hil_speech", python: str = "", command: str = "", seconds: int = 240
) -> External:
    """The codec with its first `codebooks`, for speech or (hil_music) all sounds; see `Environment.codec`."""
    require("hilcodec: codebooks", codebooks, range(1, 9))
    require("hilcodec: model", model, ("hil_speech", "hil_music"))
    return ENVIRONMENT.codec(python, command, seconds, codebooks=codebooks, model=model)
