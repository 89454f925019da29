"""PAST (arXiv 2505.14470) at 16 kHz, residual codebooks taught by phones; in an environment of its own."""

from baselines._framed import require
from baselines.external import External
from baselines.external.named import Environment
from benchmark.types import Card

CARD = Card(
    family="neural, residual codebooks",
    rates="0.5 kbit/s per codebook, 1 to 8 of them",
    source="arXiv 2505.14470; github.com/slp-rl/PAST",
    code="MIT",
    weights="not told apart from the code: MIT",
    training="LibriSpeech and TIMIT",
    caveat="PAST_streamable is causal but for 20 ms, and yet runs over whole utterances here, as its code does; "
    "the default of 2 codebooks is what the FocalCodec-Stream paper compares with",
)
ENVIRONMENT = Environment(
    name="past",
    install="git+https://github.com/slp-rl/PAST@23ae53bc933fa8a3beabb7e9ee2cb7fe0c6cbcfa",
    weights="PAST_streamable.th (or PAST.th) of huggingface.co/slprl/PAST into weights/",
    files=("weights/PAST*.th",),
    interpreter="python3.10",
)


def make(
    codebooks: int = 2,
    model: str = "PAST_streamable",
    python: str = "",
    command: str = "",
    device: str = "cpu",
    seconds: int = 240,
) -> External:
    """The codec with its first `codebooks`, causal or (PAST) not; see `Environment.codec`."""
    require("past: codebooks", codebooks, range(1, 9))
    require("past: model", model, ("PAST_streamable", "PAST"))
    return ENVIRONMENT.codec(python, command, seconds, codebooks=codebooks, model=model, device=device)
