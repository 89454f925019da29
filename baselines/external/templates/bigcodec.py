"""BigCodec (arXiv 2409.05377), 16 kHz, 80 tokens a second of one codebook of 8192, the whole utterance at once.

Written against Aria-K-Alethia/BigCodec at 09845ab1f5bc. Here that code ran with random weights only.
"""

import sys
from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

HOP = 200  # 2 x 2 x 2 x 5 x 5


def make(folder: str, device: str = "cpu") -> Tokens:
    """The codec of ``weights/bigcodec.pt`` under `folder`, by the code in ``source`` there."""
    sys.path.insert(0, str(Path(folder, "source")))
    import torch
    from vq.codec_decoder import CodecDecoder
    from vq.codec_encoder import CodecEncoder

    file = Path(folder, "weights", "bigcodec.pt")
    identity = {"weights": checksum(file), **versions("torch")}
    torch.set_grad_enabled(False)
    states = torch.load(file, map_location="cpu")
    encoder, decoder = CodecEncoder(), CodecDecoder()
    encoder.load_state_dict(states["CodecEnc"])
    decoder.load_state_dict(states["generator"])
    encoder, decoder = encoder.eval().to(device), decoder.eval().to(device)

    def encode(signal: Any) -> Any:
        _, indices, _ = decoder(encoder(torch.from_numpy(signal)[None, None].to(device)), vq=True)
        return indices.reshape(-1, 1)

    def decode(tokens: Any) -> Any:
        vectors = decoder.vq2emb(torch.from_numpy(tokens)[None].to(device))  # [1, n, dimension]
        return decoder(vectors.transpose(1, 2), vq=False)

    parameters = sum(p.numel() for model in (encoder, decoder) for p in model.parameters())
    return Tokens(16_000, HOP, 1, 8192, encode, decode, identity, parameters=parameters)
