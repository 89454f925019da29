"""Checkpoints in torch's own format: read as plain tensors, never as code, and put strictly into a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from benchmark.types import UserError

Network = TypeVar("Network", bound=nn.Module)
SHOWN = 3  # tensor names an error lists


def read(path: Path) -> Any:
    """What a file of `torch.save` holds, on the CPU.

    Raises:
        UserError: when it is damaged, or holds more than tensors and plain Python values.
    """
    try:
        with path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a pickle may raise; torch's own text advises to read it unsafely
        raise UserError(f"{path} is damaged, or a pickle that holds more than plain tensors; refused.") from error


def tensors_of(path: Path, held: Any) -> dict[str, Tensor]:
    """`held` as tensors by name, all of them finite.

    Raises:
        UserError: when it is something else.
    """
    if not isinstance(held, Mapping) or not all(isinstance(tensor, Tensor) for tensor in held.values()):
        raise UserError(f"{path} holds no tensors by name; it is another checkpoint.")
    tensors = {str(name): tensor for name, tensor in held.items()}
    if broken := [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]:
        raise UserError(f"{path}: {_listed(broken)} not all finite; fetch it again.")
    return tensors


def shape_of(path: Path, tensors: Mapping[str, Tensor], name: str, dimensions: int) -> tuple[int, ...]:
    """The shape of a tensor that the size of a network follows from.

    Raises:
        UserError: when it is not there, or has another number of dimensions.
    """
    if name not in tensors:
        raise UserError(f"{path} lacks {_listed([name])}; it is another checkpoint.")
    shape = tuple(tensors[name].shape)
    if len(shape) != dimensions:
        raise UserError(f"{path}: {name} has the shape {list(shape)}, not {dimensions} dimensions.")
    return shape


def fill(network: Network, path: Path, tensors: Mapping[str, Tensor]) -> Network:
    """`network` with exactly these tensors, for use, not for training.

    Raises:
        UserError: naming what is missing, too much, or of another shape.
    """
    wanted = network.state_dict()
    if missing := [name for name in wanted if name not in tensors]:
        raise UserError(f"{path} lacks {_listed(missing)} of {len(wanted)} tensors.")
    if extra := [name for name in tensors if name not in wanted]:
        raise UserError(f"{path} has {_listed(extra)}, which the network does not know.")
    for name, tensor in wanted.items():
        if (found := tensors[name].shape) != tensor.shape:
            raise UserError(f"{path}: {name} has the shape {list(found)}, the network needs {list(tensor.shape)}.")
    network.load_state_dict(tensors)
    return network.eval()


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} ({', '.join(names[:SHOWN])}{more})"
