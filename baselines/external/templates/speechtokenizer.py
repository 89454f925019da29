"""SpeechTokenizer (arXiv 2308.16692), 16 kHz, 50 tokens a second of up to 8 codebooks, the whole utterance at once.

Written against ZhangXInFD/SpeechTokenizer at 30c96fb32a9f (speechtokenizer 1.0.0). Here that code ran with random
weights only.
"""

from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions


def make(folder: str, codebooks: int = 2, device: str = "cpu") -> Tokens:
    """The codec of ``weights/config.json`` and ``weights/SpeechTokenizer.pt`` under `folder`."""
    import torch
    from speechtokenizer import SpeechTokenizer

    files = [Path(folder, "weights", name) for name in ("config.json", "SpeechTokenizer.pt")]
    identity = {"weights": checksum(*files), **versions("speechtokenizer", "torch")}
    torch.set_grad_enabled(False)
    model = SpeechTokenizer.load_from_checkpoint(*map(str, files)).eval().to(device)

    def encode(signal: Any) -> Any:
        indices = model.encode(torch.from_numpy(signal)[None, None].to(device))  # [codebooks, 1, n]
        return indices[:codebooks, 0].T

    def decode(tokens: Any) -> Any:
        return model.decode(torch.from_numpy(tokens).T[:, None].to(device))

    parameters = sum(p.numel() for p in model.parameters())
    return Tokens(
        model.sample_rate, model.downsample_rate, codebooks, 1024, encode, decode, identity, parameters=parameters
    )
