"""Models in ONNX format that rate speech by hearing one signal, run by onnxruntime on one thread.

Their weights lie in the package speechmos, which is found but never imported: it brings librosa, makes sessions with
as many threads as there are cores, and scores in its own way (each model's module says where it differs from ours).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmark.align import check_signal
from benchmark.types import Description, Known, NotMeasured, Result, Signal, Unavailable, UserError
from benchmark.versions import ABSENT, checksum, installed

PACKAGE = "speechmos"
RATE = 16_000  # Hz
SHORTEST_S = 1.0  # below, these models answer with what they say of anything (measured: see each)
DEVICES = ("cpu", "cuda")
CUDA = "CUDAExecutionProvider"
# By default it rounds to 10 bits of mantissa, and picks a convolution by a race, which need not end alike twice.
CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}


class Rater(ABC):
    """A listener whose values are its description: what a model makes of a signal at 16 kHz, without any other.

    Attributes:
        name: of the metric.
        files: its models, within the package.
        device: ``cpu``, or ``cuda``, which needs onnxruntime-gpu.
    """

    name: ClassVar[str]
    files: ClassVar[tuple[str, ...]]

    def __init__(self, device: str = "cpu") -> None:
        if device not in DEVICES:
            raise UserError(f"{self.name}: device={device!r}; it can be {' or '.join(DEVICES)}.")
        self.device = device

    @abstractmethod
    def predict(self, signal: Signal) -> dict[str, float]:
        """The values of a signal at 16 kHz within [-1, 1], shape (n,), of `SHORTEST_S` or more."""

    @cached_property
    def sessions(self) -> tuple[Any, ...]:
        """The models, loaded when first asked for."""
        return tuple(session(weights(file), self.device) for file in self.files)

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> list[Description | NotMeasured]:
        """The values of each signal; one by one: batches give the same and take longer. Of none, it loads the models.

        Raises:
            ValueError: for another rate than 16 kHz.
            Unavailable: without weights, onnxruntime or the device.
        """
        if rate != RATE:
            raise ValueError(f"{self.name}: {rate} Hz; the model is trained at {RATE} Hz.")
        _ = self.sessions  # nothing is said of any signal where they are missing
        return [self._describe(signal) for signal in signals]

    def _describe(self, signal: Signal) -> dict[str, float] | NotMeasured:
        try:
            check_signal(self.name, signal)
        except NotMeasured as error:
            return NotMeasured(error.status, error.reason)  # without the frames that the caught one keeps
        except ValueError as error:  # of this signal alone
            return NotMeasured("metric_failed", str(error))
        if len(signal) < SHORTEST_S * RATE:
            return NotMeasured("too_short", f"{len(signal) / RATE:.3f} s; {self.name} needs {SHORTEST_S} s")
        values = self.predict(np.clip(signal, -1, 1))
        if not np.isfinite([*values.values()]).all():
            return NotMeasured("metric_failed", f"{self.name}: the model returned no finite number")
        return values

    def compare(self, degraded: Description, known: Known) -> Mapping[str, Result]:
        """The values as they are: they need nothing to compare with."""
        return dict(degraded)


def weights(file: str) -> Path:
    """Where a model of the package lies; where it would lie when the package is absent."""
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0] if places else PACKAGE, file)


def versions(*files: str) -> dict[str, str]:
    """The runtime, and the checksum of each model."""
    runtimes = installed("onnxruntime", "onnxruntime-gpu")
    return {
        **{name: found for name, found in runtimes.items() if found != ABSENT},
        **{file: checksum(weights(file)) for file in files},
    }


def session(path: Path, device: str = "cpu") -> Any:
    """A model ready to run, an ``onnxruntime.InferenceSession`` of one thread: the cores are the workers' to share.

    Raises:
        Unavailable: without the file, the runtime or the device.
    """
    if not path.is_file():
        raise Unavailable(f"there are no weights {path}: pip install 'focalbench[mos]' brings them.")
    try:
        import onnxruntime
    except ImportError as error:
        raise Unavailable(f"{path.name} needs onnxruntime: pip install 'focalbench[mos]'.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    if device == "cpu":
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if CUDA not in onnxruntime.get_available_providers():
        raise Unavailable(
            "device=cuda: this onnxruntime is built for the CPU; pip uninstall onnxruntime, then pip install "
            "onnxruntime-gpu, or leave out the device."
        )
    onnxruntime.preload_dlls()
    loaded = onnxruntime.InferenceSession(path, options, providers=[(CUDA, CUDA_OPTIONS)])
    if CUDA not in loaded.get_providers():  # it goes on without one, on the CPU, and only logs it
        raise Unavailable("device=cuda: onnxruntime-gpu finds no GPU, or not the CUDA libraries it was built with.")
    return loaded
