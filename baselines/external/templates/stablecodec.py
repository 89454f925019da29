"""Stable Codec (arXiv 2411.19842), 16 kHz, 25 steps a second, 400, 700 or 1000 bit/s, whole utterances, on a GPU.

Written against Stability-AI/stable-codec at 853554419944 (stable-codec 0.1.2). It needs flash-attn. It was not run
here.
"""

from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

HOP = 640
BOTTLENECKS = {400: (1, 46656), 700: (2, 15625), 1000: (4, 729)}  # bit/s: codebooks, and entries of each


def make(folder: str, bitrate: int = 700, device: str = "cuda") -> Tokens:
    """The codec of ``weights/model_config.json`` and ``weights/model.ckpt`` under `folder`."""
    import torch
    from stable_codec import StableCodec

    files = [Path(folder, "weights", name) for name in ("model_config.json", "model.ckpt")]
    identity = {"weights": checksum(*files), **versions("stable-codec", "stable-audio-tools", "torch")}
    torch.set_grad_enabled(False)
    codebooks, size = BOTTLENECKS[bitrate]
    model = StableCodec(*map(str, files), device=torch.device(device))
    model.set_posthoc_bottleneck(f"{codebooks}x{size}_{bitrate}bps")

    def encode(signal: Any) -> Any:
        # Loudness is left as it is: what the encoder would divide by never reaches the decoder.
        _, indices = model.encode(torch.from_numpy(signal)[None, None].to(device), posthoc_bottleneck=True)
        return torch.cat(indices, -1)[0]  # of a tensor [1, n, 1] per codebook

    def decode(tokens: Any) -> Any:
        indices = torch.from_numpy(tokens)[None, :, None].to(device)
        return model.decode(list(indices.unbind(-1)), posthoc_bottleneck=True)

    parameters = sum(p.numel() for p in model.parameters())
    return Tokens(model.sample_rate, HOP, codebooks, size, encode, decode, identity, parameters=parameters)
