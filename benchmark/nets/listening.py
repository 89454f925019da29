"""What listeners with a network share: where it runs, which weights decide its values, one signal at a time."""

from collections.abc import Callable, Sequence

from benchmark import weights
from benchmark.types import Description, NotMeasured, Signal, Unavailable, UserError
from benchmark.versions import ABSENT, checksum

DEVICES = ("cpu", "cuda")


def check_device(metric: str, device: str) -> str:
    """`device`, if it is the name of one; whether it is here is asked when it is used."""
    if device not in DEVICES:
        raise UserError(f"{metric}: device={device!r} is not allowed; choose from {', '.join(DEVICES)}.")
    return device


def need_device(metric: str, device: str) -> None:
    """Raises Unavailable when `device` is not here."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise Unavailable(f"{metric}: no CUDA device is here; leave out device=cuda, or run it where there is one.")


def weights_version(name: str, file: str) -> str:
    """SHA-256 of the `file` of the checkpoint `name`; `ABSENT` where it is not here."""
    try:
        return checksum(weights.folder(name, (file,)) / file)
    except Unavailable:
        return ABSENT


def one_by_one(hear: Callable[[Signal], Description], signals: Sequence[Signal]) -> list[Description | NotMeasured]:
    """What `hear` says of each signal, shape (n,); one that it refuses takes no other with it.

    Signals of unequal length would have to be padded to stand in one batch, which changes their values.
    """
    return [_one(hear, signal) for signal in signals]


def _one(hear: Callable[[Signal], Description], signal: Signal) -> Description | NotMeasured:
    try:
        return hear(signal)
    except NotMeasured as error:
        return NotMeasured(error.status, error.reason)  # without the frames that the caught one keeps
    except ValueError as error:
        return NotMeasured("metric_failed", str(error))
