"""WavLM-large's layer 6 by k-means, and a vocoder (arXiv 2312.09747): the discrete WavLM codec; in its environment."""

from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, k-means of self-supervised features",
    rates="0.45 kbit/s",
    source="arXiv 2312.09747; github.com/lucadellalib/discrete-wavlm-codec",
    code="Apache-2.0",
    weights="Apache-2.0; of WavLM-large: MIT or CC BY-SA 3.0, of which its publisher says both",
    training="WavLM-large: 94 000 hours of Libri-Light, GigaSpeech and VoxPopuli",
    caveat="its tokens keep words rather than voices",
)
ENVIRONMENT = Environment(
    name="wavlm6_km",
    install="torch torchaudio speechbrain transformers safetensors 'huggingface_hub[cli]'",
    weights="`bin/hf download lucadellalib/discrete-wavlm-codec --cache-dir weights`, and the same of "
    "microsoft/wavlm-large, in that folder",
    files=("source/hubconf.py", "weights/**/*_6.safetensors"),
    source="https://github.com/lucadellalib/discrete-wavlm-codec",
    revision="349d49446b2ada4f73f11a0b2911fd6193ef5b93",
)


def make(python: str = "", command: str = "", device: str = "cpu", seconds: int = 240) -> External:
    """The codec; see `Environment.codec`."""
    return ENVIRONMENT.codec(python, command, seconds, device=device)
