"""AudioDec (arXiv 2305.16608), 24 kHz, 80 frames a second of up to 8 codebooks of 1024, streaming.

Written against facebookresearch/AudioDec at e451e62580a6. Here that code ran with random weights only.
"""

import copy
import sys
from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

HOP = 300  # 3 x 4 x 5 x 5
SIZE = 1024


def make(folder: str, codebooks: int = 2, model: str = "libritts_sym", device: str = "cpu") -> Tokens:
    """The codec of a `model` in ``source/exp`` under `folder`: libritts_sym, or libritts_v1 with its vocoder."""
    source = Path(folder, "source")
    sys.path.insert(0, str(source))
    import torch
    from utils.audiodec import AudioDec, assign_model

    rate, *checkpoints = assign_model(model)
    sending, receiving = (str(source / path) for path in checkpoints)
    identity = {"weights": checksum(sending, receiving), "model": model, **versions("torch")}
    torch.set_grad_enabled(False)
    loaded = AudioDec(tx_device=device, rx_device=device)
    loaded.load_transmitter(sending)
    loaded.load_receiver(sending, receiving)

    def encoder() -> Any:
        session = copy.deepcopy(loaded.tx_encoder)  # its convolutions keep the state
        offsets = SIZE * torch.arange(codebooks, device=device)

        def encode(frame: Any) -> Any:
            indices = session.quantize(session.encode(torch.from_numpy(frame)[None, None].to(device)))
            return (indices.reshape(-1)[:codebooks] - offsets).cpu()

        return encode

    def decoder() -> Any:
        session, offsets = copy.deepcopy(loaded.decoder), SIZE * torch.arange(codebooks)

        def decode(token: Any) -> Any:
            indices = (torch.from_numpy(token) + offsets)[:, None].to(device)  # [codebooks, 1]
            return session.decode(loaded.rx_encoder.lookup(indices))

        return decode

    sender, receiver = loaded.tx_encoder, loaded.decoder
    used = (sender.encoder, sender.projector, sender.quantizer, getattr(receiver, "decoder", receiver))
    parameters = sum(p.numel() for part in used for p in part.parameters())
    return Tokens(rate, HOP, codebooks, SIZE, encoder, decoder, identity, streaming=True, parameters=parameters)
