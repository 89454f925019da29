"""Checkpoints of FocalCodec: `config.json` with `model.safetensors`, read strictly; or seeded random weights.

The 332 (causal) or 328 tensor names are those of the public checkpoints; the naming of their first release is
recognised by its separate query, key and value projections.
"""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from benchmark.seeds import generator
from benchmark.types import UserError

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
PICKLES = (b"PK\x03\x04", b"\x80")  # how files of `torch.save` begin
SHOWN = 3  # tensor names an error lists
UNUSED = ("quantizer.", "encoder.encoder.norm.")  # tensors of the first release that nothing needs


class Weights(Mapping[str, Tensor]):
    """Tensors by name, each made when it is asked for, so that a model never stands in memory twice."""

    def __init__(self, shapes: Shapes, get: Callable[[str], Tensor]) -> None:
        self.shapes = dict(shapes)
        self.get_tensor = get

    def __getitem__(self, name: str) -> Tensor:
        return self.get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def read(path: Path) -> Weights:
    """The tensors of a file, memory-mapped.

    Raises:
        UserError: when it is damaged, or a pickle of anything but plain tensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            start = file.read(9)
        if start.startswith(PICKLES) and start[8:] != b"{":  # there, a safetensors file begins its header
            return _read_pickle(path)
        held: Any = safe_open(path, framework="pt")
        shapes = {name: tuple(held.get_slice(name).get_shape()) for name in held.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged, or not a safetensors file: {error}. Fetch it again.") from error
    return Weights(shapes, lambda name: _plain(path, name, held.get_tensor(name)))


def _read_pickle(path: Path) -> Weights:
    try:
        with path.open("rb") as file:  # by its path, torch.load would believe the suffix
            found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a pickle may raise; torch's own text advises to read it unsafely
        raise UserError(f"{path} is damaged, or a pickle that holds more than plain tensors; refused.") from error
    if not (isinstance(found, dict) and all(isinstance(n, str) and isinstance(t, Tensor) for n, t in found.items())):
        raise UserError(f"{path} is a pickle without tensors by name; refused. Use model.safetensors.")
    return Weights({name: tuple(t.shape) for name, t in found.items()}, lambda name: _plain(path, name, found[name]))


def _plain(path: Path, name: str, tensor: Tensor) -> Tensor:
    """The tensor in fp32.

    Raises:
        UserError: when it is sparse or complex, or not all of it is finite.
    """
    if tensor.layout != torch.strided or tensor.is_complex():
        raise UserError(f"{path}: {name} is no dense tensor of real numbers; refused.")
    tensor = tensor.float()
    if not torch.isfinite(tensor).all():
        raise UserError(f"{path}: {name} holds numbers that are not finite; fetch it again.")
    return tensor


def match(weights: Weights, wanted: Shapes, path: Path) -> Weights:
    """`weights` under the names of `wanted`.

    Raises:
        UserError: naming what is missing, of another shape, or too many.
    """
    if any(".q_proj." in name for name in weights):
        weights = _renamed(weights, wanted, path)
    if missing := [name for name in wanted if name not in weights.shapes]:
        raise UserError(f"{path} lacks {_listed(missing)} of {len(wanted)} tensors.")
    if extra := [name for name in weights if name not in wanted]:
        raise UserError(f"{path} has {_listed(extra)}, which this configuration does not know.")
    for name, shape in wanted.items():
        if (found := weights.shapes[name]) != shape:
            text = f"{name} has the shape {list(found)}, this configuration needs {list(shape)}"
            raise UserError(f"{path}: {text}; it is a checkpoint of another variant.")
    return weights


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} ({', '.join(names[:SHOWN])}{more})"


def _renamed(weights: Weights, wanted: Shapes, path: Path) -> Weights:
    """The first release's names: compressor and decompressor in sorted order, query, key and value apart."""
    old: dict[str, list[str]] = {}
    for part in ("compressor.", "decompressor."):
        pair = [sorted(n for n in names if n.startswith(part)) for names in (wanted, weights)]
        if len(pair[0]) != len(pair[1]):
            raise UserError(f"{path} has {len(pair[1])} tensors {part}*, {len(pair[0])} were due.")
        old |= {new: [was] for new, was in zip(*pair, strict=True)}
    for name in wanted:
        if ".qkv_proj." in name:
            old[name] = [name.replace(".qkv_proj.", f".{part}_proj.") for part in "qkv"]
        old.setdefault(name, [name])
    sources = {was for names in old.values() for was in names}
    if missing := sorted(sources - weights.shapes.keys()):
        raise UserError(f"{path} lacks {_listed(missing)}, in the naming of the first release.")
    if extra := [name for name in weights if name not in sources and not name.startswith(UNUSED)]:
        raise UserError(f"{path} has {_listed(extra)}, which this configuration does not know.")

    def joined(name: str) -> tuple[int, ...]:
        shapes = [weights.shapes[was] for was in old[name]]
        if len(shapes) == 1:
            return shapes[0]
        if () in shapes or len({shape[1:] for shape in shapes}) > 1:
            raise UserError(f"{path}: {', '.join(old[name])} have the shapes {shapes}, which do not make {name}.")
        return sum(shape[0] for shape in shapes), *shapes[0][1:]

    return Weights(
        {name: joined(name) for name in wanted},
        lambda name: torch.cat([weights[w] for w in old[name]]) if len(old[name]) > 1 else weights[old[name][0]],
    )


def random(wanted: Shapes, seed: int) -> Weights:
    """Seeded random weights with which signals keep their size: for tests and timings, never for quality."""
    return Weights(wanted, lambda name: _random(name, wanted[name], seed))


def _random(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    values = generator(seed, "weights", name).standard_normal(shape, dtype=np.float32)
    centre, spread = _statistics(name, shape)
    return torch.from_numpy(values).mul_(spread).add_(centre)


def _statistics(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Mean and standard deviation of a tensor."""
    *_, owner, kind = name.split(".")
    if kind == "alpha":
        return (1.0, 0.1) if len(shape) == 2 else (0.5, 0.05)
    if "gamma" in kind:
        return 0.125, 0.0125
    if "norm" in owner:
        return (1.0, 0.1) if kind == "weight" else (0.0, 0.1)
    if kind == "gru_rel_pos_const":
        return 1.0, 0.1
    if kind == "bias":
        return 0.0, 0.1
    if owner == "relative_embedding":
        return 0.0, 0.5
    inputs = shape[0] if owner == "upscale" else prod(shape[1:])
    gain = 0.3 if name.startswith("decoder.head.") else 1.0  # so that few samples are clipped
    return 0.0, gain / inputs**0.5


def save(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write `model.safetensors`."""
    from safetensors.torch import save_file

    plain = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(plain, path, {"format": "pt"})
