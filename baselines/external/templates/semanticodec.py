"""SemantiCodec (arXiv 2405.00233), 16 kHz, 25, 50 or 100 tokens a second in pairs of 13 bits, decoded by diffusion.

Written against haoheliu/SemantiCodec-inference at 7c05d426d297. It takes whole utterances, as files; what it draws
is the same each time. It was not run here.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

RATE = 16_000
SIZE = 8192  # of the semantic codebook as of the acoustic one: other sizes of the former are not asked for here


def make(folder: str, token_rate: int = 50, steps: int = 50, device: str = "cpu") -> Tokens:
    """The codec of the cache of its publisher's hub in ``weights`` under `folder`, with `steps` of diffusion."""
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the model takes a GPU where it sees one
    os.environ["HF_HUB_OFFLINE"] = "1"
    import soundfile
    import torch
    from semanticodec import SemantiCodec

    weights = Path(folder, "weights")
    files = sorted(weights.glob(f"**/semanticodec_tokenrate_{token_rate}/*.ckpt"))
    identity = {"weights": checksum(*files), "steps": str(steps), **versions("semanticodec", "torch")}
    torch.set_grad_enabled(False)
    model = SemantiCodec(token_rate, SIZE, ddim_sample_step=steps, cache_path=str(weights)).eval()

    def encode(signal: Any) -> Any:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, signal, RATE, "FLOAT")
            return model.encode(file.name)[0]  # of [1, n, semantic and acoustic]

    def decode(tokens: Any) -> Any:
        return model.decode(torch.from_numpy(tokens)[None].to(model.device))

    parameters = sum(p.numel() for p in model.parameters())
    return Tokens(RATE, 2 * RATE // token_rate, 2, SIZE, encode, decode, identity, parameters=parameters)
