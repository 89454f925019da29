"""WavTokenizer (arXiv 2408.16532), 24 kHz, 40 or 75 tokens a second of one codebook of 4096, whole utterances.

Written against jishengpeng/WavTokenizer at 5cf440d91ac4. Here that code ran with random weights only.
"""

import sys
from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

CONFIGURATION = "wavtokenizer_smalldata_frame{}_3s_nq1_code4096_dim512_kmeans200_attn.yaml"
CHECKPOINTS = {40: "wavtokenizer_large_unify_600_24k.ckpt", 75: "wavtokenizer_large_speech_320_v2.ckpt"}


def make(folder: str, rate: int = 40, device: str = "cpu") -> Tokens:
    """The codec at `rate` tokens a second, of ``weights`` under `folder`, by the code in ``source`` there."""
    sys.path.insert(0, str(Path(folder, "source")))
    import torch
    from decoder.pretrained import WavTokenizer

    configuration = Path(folder, "source", "configs", CONFIGURATION.format(rate))
    file = Path(folder, "weights", CHECKPOINTS[rate])
    identity = {"weights": checksum(configuration, file), **versions("torch")}
    torch.set_grad_enabled(False)
    model = WavTokenizer.from_pretrained0802(str(configuration), str(file)).to(device)
    bandwidth = torch.tensor([0], device=device)  # of the one that was trained

    def encode(signal: Any) -> Any:
        _, indices = model.encode_infer(torch.from_numpy(signal)[None].to(device), bandwidth_id=bandwidth)
        return indices.reshape(-1, 1)  # [1, 1, n]

    def decode(tokens: Any) -> Any:
        vectors = model.codes_to_features(torch.from_numpy(tokens).T.to(device))
        return model.decode(vectors, bandwidth_id=bandwidth)

    parameters = sum(p.numel() for p in model.parameters())
    return Tokens(24_000, 24_000 // rate, 1, 4096, encode, decode, identity, parameters=parameters)
