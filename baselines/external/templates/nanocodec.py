"""NanoCodec (arXiv 2508.05835), 22.05 kHz, at 0.6, 1.78 or 1.89 kbit/s by its checkpoint, whole utterances.

Written against NVIDIA-NeMo/NeMo at 0752950c22dd. Loading may fetch, once, the WavLM that its discriminator is made
of. It was not run here.
"""

from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

FRAMES = {"0.6": "12.5", "1.78": "12.5", "1.89": "21.5"}  # kbit/s: a second


def make(folder: str, rate: float = 1.78, device: str = "cpu") -> Tokens:
    """The codec of the checkpoint for `rate` kbit/s, of its publisher's name, in ``weights`` under `folder`."""
    import torch
    from nemo.collections.tts.models import AudioCodecModel

    file = Path(folder, "weights", f"nemo-nano-codec-22khz-{rate}kbps-{FRAMES[str(rate)]}fps.nemo")
    identity = {"weights": checksum(file), **versions("nemo_toolkit", "torch")}
    torch.set_grad_enabled(False)
    model = AudioCodecModel.restore_from(str(file), map_location=device).eval().to(device)

    def encode(signal: Any) -> Any:
        audio = torch.from_numpy(signal)[None].to(device)
        indices, _ = model.encode(audio=audio, audio_len=torch.tensor([len(signal)], device=device))
        return indices[0].T  # of [1, codebooks, n]

    def decode(tokens: Any) -> Any:
        indices = torch.from_numpy(tokens).T[None].to(device)
        output, _ = model.decode(tokens=indices, tokens_len=torch.tensor([len(tokens)], device=device))
        return output

    parts = (model.audio_encoder, model.vector_quantizer, model.audio_decoder)
    parameters = sum(p.numel() for part in parts for p in part.parameters())
    return Tokens(
        model.sample_rate,
        model.samples_per_frame,
        model.num_codebooks,
        model.codebook_size,
        encode,
        decode,
        identity,
        parameters=parameters,
    )
