"""AudioDec (arXiv 2305.16608) at 24 kHz, causal convolutions and residual codebooks; in an environment of its own."""

from baselines._framed import require
from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, residual codebooks",
    rates="0.8 kbit/s per codebook, 1 to 8 of them",
    source="arXiv 2305.16608; github.com/facebookresearch/AudioDec",
    code="CC BY-NC 4.0",
    weights="CC BY-NC 4.0",
    training="LibriTTS",
    caveat="not for commercial use; trained for 8 codebooks, of which the default, 2, is what the FocalCodec-Stream "
    "paper compares with",
)
ENVIRONMENT = Environment(
    name="audiodec",
    install="torch torchaudio pyyaml soundfile sounddevice librosa",
    weights="exp.zip of the release pretrain_models_v02 of github.com/facebookresearch/AudioDec, over source/exp",
    files=("source/utils/audiodec.py", "source/exp/autoencoder/symAD_libritts_24000_hop300/*.pkl"),
    source="https://github.com/facebookresearch/AudioDec",
    revision="e451e62580a66fe74426db51d92a6d0d468b70b3",
)


def make(
    codebooks: int = 2,
    model: str = "libritts_sym",
    python: str = "",
    command: str = "",
    device: str = "cpu",
    seconds: int = 240,
) -> External:
    """The codec with its first `codebooks`, and its own decoder or (libritts_v1) a vocoder; see `Environment.codec`."""
    require("audiodec: codebooks", codebooks, range(1, 9))
    require("audiodec: model", model, ("libritts_sym", "libritts_v1"))
    return ENVIRONMENT.codec(python, command, seconds, codebooks=codebooks, model=model, device=device)
