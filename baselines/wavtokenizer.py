"""WavTokenizer (arXiv 2408.16532) at 24 kHz, one codebook of 4096; in an environment of its own."""

from baselines._framed import require
from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, one codebook",
    rates="0.48 and 0.9 kbit/s",
    source="arXiv 2408.16532; github.com/jishengpeng/WavTokenizer",
    code="MIT",
    weights="MIT, as the FocalCodec paper lists them",
    training="80 000 hours of speech, music and other sounds, says its repository",
)
ENVIRONMENT = Environment(
    name="wavtokenizer",
    install="'numpy<2' torch torchaudio einops pyyaml huggingface_hub encodec scipy pytorch-lightning transformers",
    weights="wavtokenizer_large_unify_600_24k.ckpt of huggingface.co/novateur/WavTokenizer-large-unify-40token, "
    "for rate=75 wavtokenizer_large_speech_320_v2.ckpt of novateur/WavTokenizer-large-speech-75token, into weights/",
    files=("source/decoder", "weights/*.ckpt"),
    source="https://github.com/jishengpeng/WavTokenizer",
    revision="5cf440d91ac420ca338f117b7003a77450d64730",
    interpreter="python3.9",
)


def make(rate: int = 40, python: str = "", command: str = "", device: str = "cpu", seconds: int = 240) -> External:
    """The codec at `rate` tokens a second, 40 or 75; see `Environment.codec`."""
    require("wavtokenizer: rate", rate, (40, 75))
    return ENVIRONMENT.codec(python, command, seconds, rate=rate, device=device)
