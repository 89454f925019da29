"""FocalCodec and FocalCodec-Stream as one object: signals, features, latents, tokens, codes and back.

FocalCodec: arXiv 2502.04465. FocalCodec-Stream: arXiv 2509.16195. Every method takes a batch and, where the model is
causal, the state of a stream; chunks of whole groups (80 ms) give what the whole signal gives.
"""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.focalcodec import checkpoint
from baselines.focalcodec.checkpoint import Shapes, Weights
from baselines.focalcodec.config import Config, as_json, read
from baselines.focalcodec.decoders import make
from baselines.focalcodec.focal import Compressor, Decompressor
from baselines.focalcodec.product import Precision
from baselines.focalcodec.quantizer import Quantizer
from baselines.focalcodec.stream import BLOCK, Memory, tensors
from baselines.focalcodec.voice import nearest
from baselines.focalcodec.wavlm import WavLM
from benchmark.types import UserError

SENDING = ("encoder", "compressor")
RECEIVING = ("decompressor", "decoder")


class State:
    """All that a stream remembers, for some parts of a codec; of constant size. Streams do not share any of it."""

    def __init__(self, codec: "FocalCodec", batch: int = 1, parts: tuple[str, ...] = SENDING + RECEIVING) -> None:
        self.memory: dict[str, Memory] = {part: getattr(codec, part).start(batch) for part in parts}
        self.ended: set[str] = set()  # parts that were given an incomplete group, which only the last may be

    def clone(self) -> "State":
        """An independent copy, for branching or going back."""
        with torch.inference_mode():
            return copy.deepcopy(self)

    @property
    def bytes(self) -> int:
        """Its size."""
        return sum(t.numel() * t.element_size() for t in tensors(list(self.memory.values())))


class FocalCodec(nn.Module):
    """The codec of a configuration.

    B is the batch, T samples at 16 kHz, N frames (tokens), L bits of a token. Where a state is given, T and N must be
    whole groups (`group` tokens of `hop_in` samples), except in a stream's last call.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = WavLM(config.encoder)
        self.compressor = Compressor(config.compressor)
        self.quantizer = Quantizer(config.quantizer.bits)
        self.decompressor = Decompressor(config.decompressor)
        self.decoder = make(config.decoder)

    def start(self, batch: int = 1, parts: tuple[str, ...] = SENDING + RECEIVING) -> State:
        """The state of `batch` new streams.

        Raises:
            ValueError: when the model is not causal.
        """
        if not self.config.causal:
            raise ValueError("a full-context FocalCodec cannot stream")
        with torch.inference_mode():
            return State(self, batch, parts)

    @torch.inference_mode()
    def sig_to_feats(self, signal: Tensor, state: State | None = None) -> Tensor:
        """[B, T] to features [B, N, dim]."""
        return self._run("encoder", signal, state, self.config.encoder.hop)

    @torch.inference_mode()
    def feats_to_lats(self, feats: Tensor, state: State | None = None) -> Tensor:
        """[B, N, dim] to latents on the unit sphere, [B, N, L]."""
        return functional.normalize(self._run("compressor", feats, state), dim=-1)

    @torch.inference_mode()
    def lats_to_toks(self, latents: Tensor) -> Tensor:
        """[B, N, L] to tokens, int64 [B, N]."""
        return self.quantizer.tokens(latents)

    @torch.inference_mode()
    def toks_to_codes(self, tokens: Tensor) -> Tensor:
        """[B, N] to codes [B, N, L]."""
        return self.quantizer.codes(tokens)

    @torch.inference_mode()
    def codes_to_qfeats(self, codes: Tensor, state: State | None = None) -> Tensor:
        """[B, N, L] to features as the decoder gets them, [B, N, dim]; also codes between the corners."""
        return self._run("decompressor", codes, state)

    @torch.inference_mode()
    def feats_to_sig(
        self, feats: Tensor, state: State | None = None, matching_set: Tensor | None = None, neighbours: int = 4
    ) -> Tensor:
        """[B, N, dim] to samples [B, N * hop_out]; in another voice where its features [M, dim] are given."""
        if matching_set is not None:
            feats = nearest(feats, matching_set, neighbours)
        return self._run("decoder", feats, state)

    def sig_to_lats(self, signal: Tensor, state: State | None = None) -> Tensor:
        """[B, T] to latents [B, N, L]."""
        return self.feats_to_lats(self.sig_to_feats(signal, state), state)

    def sig_to_toks(self, signal: Tensor, state: State | None = None) -> Tensor:
        """[B, T] to tokens [B, N]."""
        return self.lats_to_toks(self.sig_to_lats(signal, state))

    def sig_to_codes(self, signal: Tensor, state: State | None = None) -> Tensor:
        """[B, T] to codes [B, N, L]."""
        return self.toks_to_codes(self.sig_to_toks(signal, state))

    def sig_to_qfeats(self, signal: Tensor, state: State | None = None) -> Tensor:
        """[B, T] to quantised features [B, N, dim]."""
        return self.codes_to_qfeats(self.sig_to_codes(signal, state), state)

    def toks_to_qfeats(self, tokens: Tensor, state: State | None = None) -> Tensor:
        """[B, N] to quantised features [B, N, dim]."""
        return self.codes_to_qfeats(self.toks_to_codes(tokens), state)

    def codes_to_sig(
        self, codes: Tensor, state: State | None = None, matching_set: Tensor | None = None, neighbours: int = 4
    ) -> Tensor:
        """[B, N, L] to samples [B, N * hop_out], as `feats_to_sig`."""
        return self.feats_to_sig(self.codes_to_qfeats(codes, state), state, matching_set, neighbours)

    def toks_to_sig(
        self, tokens: Tensor, state: State | None = None, matching_set: Tensor | None = None, neighbours: int = 4
    ) -> Tensor:
        """[B, N] to samples [B, N * hop_out], as `feats_to_sig`."""
        return self.codes_to_sig(self.toks_to_codes(tokens), state, matching_set, neighbours)

    def _run(self, part: str, x: Tensor, state: State | None, hop: int = 1) -> Tensor:
        """One part of the codec; what is causal runs block by block, so that its memory does not grow with `x`."""
        module = getattr(self, part)
        if not x.shape[1]:
            raise ValueError(f"nothing to do: the {part} was given a sequence of length 0")
        if not self.config.causal:
            return module(x)
        state = state or self.start(x.shape[0], (part,))
        if part in state.ended:
            raise ValueError("this stream has ended: its last call was not a whole number of groups")
        if x.shape[1] % (hop * self.config.group):
            state.ended.add(part)
        blocks = x.split(BLOCK // self.config.group * self.config.group * hop, 1)
        outputs = [module(block, state.memory[part]) for block in blocks]
        return torch.cat(outputs, 1) if len(outputs) > 1 else outputs[0]

    def shapes(self) -> Shapes:
        """The tensors of a checkpoint, by name."""
        return {name: tuple(tensor.shape) for name, tensor in self.state_dict().items()}


def load(config: Config, weights: Weights | None, precision: Precision = "fp32", seed: int = 0) -> FocalCodec:
    """A codec ready to run: each layer is filled and packed before the next is touched.

    Args:
        config: what it is made of.
        weights: its tensors under their present names; None for random ones.
        precision: of the large matrix products.
        seed: of random weights.
    """
    codec = skeleton(config)
    source = checkpoint.random(codec.shapes(), seed) if weights is None else weights
    for prefix, module in codec.named_modules():
        for name in list(module._parameters):
            if module._parameters[name] is not None:
                tensor = source[f"{prefix}.{name}" if prefix else name]
                module._parameters[name] = nn.Parameter(tensor, requires_grad=False)
        if hasattr(module, "pack"):
            module.pack(precision)
    return codec.eval()


def skeleton(config: Config) -> FocalCodec:
    """A codec without memory for its weights: its structure, names and shapes."""
    with torch.device("meta"):
        codec = FocalCodec(config)
    codec.quantizer = Quantizer(config.quantizer.bits)
    return codec


def open_folder(folder: Path, precision: Precision = "fp32", expected: Config | None = None) -> FocalCodec:
    """The codec of a folder with `config.json` and `model.safetensors` (or, from the first release, `model.pt`).

    Raises:
        UserError: when a file is missing, damaged, or not what `expected` says.
    """
    config = read(folder / "config.json")
    if expected and (wrong := _other(config, expected)):
        raise UserError(f"{folder} holds a checkpoint of another variant: {wrong}.")
    path = weights_file(folder)
    return load(config, checkpoint.match(checkpoint.read(path), skeleton(config).shapes(), path), precision)


def _other(config: Config, expected: Config) -> str:
    """What of a configuration a listener would notice, where it is not as expected; "" where all is."""
    found = (
        (name, getattr(config, name), getattr(expected, name)) for name in ("causal", "hop_in", "rate_out", "group")
    )
    sizes = ("codebook_size", config.quantizer.codebook_size, expected.quantizer.codebook_size)
    return ", ".join(f"{name} is {has}, not {due}" for name, has, due in (*found, sizes) if has != due)


def weights_file(folder: Path) -> Path:
    """The file with a folder's tensors.

    Raises:
        UserError: when there is none.
    """
    for name in ("model.safetensors", "model.pt"):
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder} has no model.safetensors.")


def save(codec: FocalCodec, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` as the public checkpoints have them.

    Raises:
        ValueError: when the codec is packed, and so has no plain weights any more.
    """
    if any(not parameter.numel() for parameter in codec.parameters()):
        raise ValueError("a codec that was loaded to run is packed, and cannot be saved")
    write(codec.config, codec.state_dict(), folder)


def write(config: Config, weights: Any, folder: Path) -> None:
    """As `save`, from tensors by name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(as_json(config), encoding="utf-8")
    checkpoint.save(weights, folder / "model.safetensors")
