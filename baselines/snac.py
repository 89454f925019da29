"""SNAC (arXiv 2410.14411) at 24 kHz, through its own package: codebooks of 12 bits on three time scales, 0.98 kbit/s.

A frame is a step of the coarsest scale, 85 ms: one index of it, two of the next and four of the finest, in this order.
It is not causal: the whole utterance is heard before anything is sent. Its decoder adds noise, which is drawn here from
a generator of its own, the same in every session. Weights: `focalbench fetch snac_24khz`.

Longer than other adapters, as its package has a format of checkpoints of its own, which nothing else here reads.
"""

import warnings
from typing import Any

import numpy as np

from baselines._framed import require
from baselines._transformers import RANDOM, TINY
from baselines._whole import Whole
from benchmark import weights as checkpoints
from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenLayout, token_info
from benchmark.types import Card, Signal, Unavailable, UserError
from benchmark.versions import checksum, installed

RATE, BITS = 24_000, 12
STEP = 512  # samples of the finest scale's steps
STRIDES = [4, 2, 1]  # of those steps that an index of each codebook lasts
NAME, FILES = "snac_24khz", ("config.json", "pytorch_model.bin")
NOISE = 0  # seed of the noise that the decoder adds
PUBLISHED: dict[str, Any] = {
    "sampling_rate": RATE,
    "encoder_dim": 48,
    "encoder_rates": [2, 4, 8, 8],
    "decoder_dim": 1024,
    "decoder_rates": [8, 8, 4, 2],
    "attn_window_size": None,
    "codebook_size": 1 << BITS,
    "vq_strides": STRIDES,
}
SMALL = {**PUBLISHED, "encoder_dim": 4, "decoder_dim": 32}

CARD = Card(
    family="neural, residual codebooks on several time scales, not causal",
    rates="0.98 kbit/s",
    source="H. Siuzdak et al., 2024 (arXiv 2410.14411); code and checkpoint: hubertsiuzdak",
    code="MIT",
    weights="MIT",
    training="mostly speech; more is not told",
    caveat="its decoder adds noise, which is fixed here; its package, of 2024, was written for music, too",
)


class Snac(Whole):
    """`weights` is a folder, or ``random`` or ``tiny`` for timings and tests."""

    def __init__(self, weights: str | None = None, seed: int = 0) -> None:
        if weights is not None and not isinstance(weights, str):
            raise UserError(f"snac: weights={weights!r} is not allowed; give a folder, random, tiny, or nothing.")
        require("snac: seed", seed, range(2**32))
        self.model, origin = _load(weights, seed)
        self.stages = [stage for stage in self.model.quantizer.quantizers for _ in range(STRIDES[0] // stage.stride)]
        hop = STRIDES[0] * STEP
        self.layout = TokenLayout(RATE, RATE, hop, hop, BITS, codebooks=len(self.stages))
        self.info = token_info(self.layout, {**installed("snac", "torch"), **origin}, streaming=False)

    def cost(self) -> dict[str, float]:
        """Its parameters."""
        return {"parameters": float(sum(each.numel() for each in self.model.parameters()))}

    def encode(self, signal: Signal) -> Indices:
        import torch

        with torch.inference_mode():
            scales = self.model.encode(torch.from_numpy(signal)[None, None])  # which fills the last frame up
        frames = [scale.numpy().reshape(scales[0].shape[1], -1) for scale in scales]
        return np.concatenate(frames, axis=1).astype(np.int64)

    def codes(self, tokens: Indices) -> Codes:
        """The vectors of all indices of a frame side by side: [n, 7] to [n, 7 * 8]."""
        vectors = [stage.codebook.weight.numpy()[column] for stage, column in zip(self.stages, tokens.T, strict=True)]
        return np.concatenate(vectors, axis=1)

    def decode(self, codes: Codes) -> Signal:
        import torch

        vectors = torch.from_numpy(codes).unflatten(1, (len(self.stages), -1))  # [n, 7, 8]
        latents, start = torch.zeros(()), 0
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            for stage in self.model.quantizer.quantizers:
                end = start + STRIDES[0] // stage.stride
                steps = vectors[:, start:end].flatten(0, 1).T[None]  # [1, 8, steps of this scale]
                latents = latents + stage.out_proj(steps).repeat_interleave(stage.stride, dim=-1)
                start = end
            torch.manual_seed(NOISE)
            output = self.model.decoder(latents)
        return np.asarray(output[0, 0].numpy(), np.float32)


def _load(weights: str | None, seed: int) -> tuple[Any, dict[str, str]]:
    """The model, and what says where it is from."""
    import torch

    kind = _class()
    with torch.random.fork_rng(devices=[]):  # building one draws numbers, whatever is read into it then
        torch.manual_seed(seed)
        if weights == RANDOM:
            model, origin = kind(**PUBLISHED), {"weights": f"{RANDOM}, seed {seed}"}
        elif weights == TINY:
            model, origin = kind(**SMALL), {"weights": f"{RANDOM}, tiny configuration, seed {seed}"}
        else:
            model, origin = _read(kind, weights)
    return model.eval().requires_grad_(False), origin


def _class() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit.script, which it uses, still works
            from snac import SNAC
    except ImportError as error:
        raise Unavailable(f"SNAC needs the package snac ({error}): pip install 'focalbench[snac]'.") from error
    return SNAC


def _read(kind: Any, given: str | None) -> tuple[Any, dict[str, str]]:
    folder = checkpoints.folder(NAME, FILES, given)
    try:
        model = kind.from_pretrained(str(folder))
    except Exception as error:  # whatever a damaged file may raise
        text = " ".join(str(error).split())[:200]
        raise UserError(f"{folder} holds no SNAC ({type(error).__name__}: {text}).") from error
    found = [model.sampling_rate, int(model.hop_length), model.vq_strides, model.codebook_size]
    if found != (due := [RATE, STEP, STRIDES, 1 << BITS]):
        facts = "sample rate, step, strides and codebook size"
        raise UserError(f"{folder} holds another model than {NAME}: {facts} are {found}, not {due}.")
    return model, {
        "weights": f"sha256 {checksum(folder / FILES[1])}",
        "config": f"sha256 {checksum(folder / FILES[0])}",
    }


make = Snac
