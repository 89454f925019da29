"""PAST (arXiv 2505.14470), 16 kHz, 50 tokens a second of up to 8 codebooks of 1024, the whole utterance at once.

Written against slp-rl/PAST at 23ae53bc933f. Its streamable model is causal but for 20 ms; there is no code that
runs it piece by piece. It was not run here.
"""

from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

HOP = 320


def make(folder: str, codebooks: int = 2, model: str = "PAST_streamable", device: str = "cpu") -> Tokens:
    """The codec of ``weights/<model>.th`` under `folder`: PAST_streamable or PAST."""
    import torch
    from past.models.past_model import PastModel

    file = Path(folder, "weights", f"{model}.th")
    identity = {"weights": checksum(file), "model": model, **versions("past", "audiocraft", "torch")}
    torch.set_grad_enabled(False)
    network = PastModel.from_pretrained(str(file), device=device)

    def encode(signal: Any) -> Any:
        indices, _ = network.encode(torch.from_numpy(signal)[None, None].to(device))  # [1, codebooks, n]
        return indices[0, :codebooks].T

    def decode(tokens: Any) -> Any:
        return network.decode(torch.from_numpy(tokens).T[None].to(device))

    parameters = sum(p.numel() for p in network.parameters())
    return Tokens(network.sample_rate, HOP, codebooks, 1024, encode, decode, identity, parameters=parameters)
