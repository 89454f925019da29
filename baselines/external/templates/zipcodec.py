"""ZipCodec (arXiv 2609.11642), 16 kHz, 6.25 tokens a second of 64 codebooks of 4, streaming.

Written against lucadellalib/zipcodec at 4c587a25ea9b. It was not run here.
"""

from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions


def make(folder: str, device: str = "cpu") -> Tokens:
    """The codec of ``weights/zipcodec.json`` and ``weights/zipcodec.safetensors`` under `folder`."""
    import torch
    from zipcodec import ZipCodec

    files = [Path(folder, "weights", f"zipcodec.{ending}") for ending in ("json", "safetensors")]
    identity = {"weights": checksum(*files), **versions("zipcodec", "torch")}
    torch.set_grad_enabled(False)
    model = ZipCodec.from_pretrained(str(files[0].with_suffix(""))).eval().to(device)

    def begun(name: str) -> Any:
        return model.init_endpoint_state(name, 1, torch.device(device), torch.float32)

    def encoder() -> Any:
        state = begun("wav_to_toks_step")

        def encode(frame: Any) -> Any:
            nonlocal state
            indices, state = model.wav_to_toks_step(torch.from_numpy(frame)[None].to(device), state)
            return indices[0, 0].cpu()

        return encode

    def decoder() -> Any:
        state = begun("toks_to_wav_step")

        def decode(token: Any) -> Any:
            nonlocal state
            output, state = model.toks_to_wav_step(torch.from_numpy(token)[None, None].to(device), state)
            return output

        return decode

    parameters = sum(p.numel() for p in model.parameters())
    return Tokens(
        model.sample_rate_input,
        model.chunk_size,
        64,
        4,
        encoder,
        decoder,
        identity,
        streaming=True,
        parameters=parameters,
    )
