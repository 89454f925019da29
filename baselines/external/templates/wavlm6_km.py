"""WavLM layer 6 with k-means (arXiv 2312.09747), 16 kHz, 50 tokens a second of one codebook of 512, whole utterances.

Written against lucadellalib/discrete-wavlm-codec at 349d49446b2a. It was not run here.
"""

import os
import sys
from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

HOP = 320
MARGIN = 40  # samples on either side: WavLM's first token sees 400, and stands for the 320 in their midst


def make(folder: str, device: str = "cpu") -> Tokens:
    """The codec of the hub's cache in ``weights`` under `folder`, by the code in ``source`` there."""
    weights, source = Path(folder, "weights"), str(Path(folder, "source"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.path.insert(0, source)
    import torch
    from hubconf import discrete_wavlm_large

    files = sorted(weights.glob("**/snapshots/*/*_6.safetensors"))
    identity = {"weights": checksum(*files), **versions("speechbrain", "transformers", "torch")}
    torch.set_grad_enabled(False)
    model = discrete_wavlm_large(layer_ids=[6], cache_dir=str(weights)).eval().to(device)

    def encode(signal: Any) -> Any:
        padded = torch.nn.functional.pad(torch.from_numpy(signal)[None].to(device), (MARGIN, MARGIN))
        return model.feats_to_toks(model.sig_to_feats(padded))[0]  # of [1, n, 1]

    def decode(tokens: Any) -> Any:
        vectors = model.toks_to_qfeats(torch.from_numpy(tokens)[None].to(device))
        return model.feats_to_sig(model.qfeats_to_feats(vectors))

    parameters = sum(p.numel() for p in model.parameters())
    return Tokens(16_000, HOP, 1, 512, encode, decode, identity, parameters=parameters)
