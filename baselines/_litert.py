"""Models in TensorFlow Lite's format through LiteRT (https://ai.google.dev/edge/litert), on one thread of the CPU."""

import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark import weights
from benchmark.types import Floats, Signal, Unavailable, UserError

FLOAT = 4  # bytes


def load(name: str, files: Mapping[str, str]) -> dict[str, bytes]:
    """The models of the source `name`, as `focalbench fetch` knows it: for each of `files`, by name, its content.

    Args:
        name: of the folder under the data root; see `benchmark.weights.folder`.
        files: the SHA-256 that each has to have.

    Raises:
        Unavailable: when they are not here; the text says how to get them.
        UserError: when one of them is another file.
    """
    place = weights.folder(name, tuple(files))
    contents = {file: (place / file).read_bytes() for file in files}
    for file, content in contents.items():
        if (found := sha256(content).hexdigest()) != files[file]:
            advice = f"move it away and run `focalbench fetch {name}`"
            raise UserError(f"{place / file} has SHA-256 {found}, {name} has {files[file]}: {advice}.")
    return contents


def _interpreter(content: bytes, kernels: str) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise Unavailable(f"Lyra needs ai-edge-litert: pip install 'focalbench[lyra]' ({error}).") from error
    resolver = OpResolverType[kernels]
    return Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=resolver)


def signatures(content: bytes, *names: str) -> tuple[Callable[..., Mapping[str, npt.NDArray[Any]]], ...]:
    """Functions of a model without a state, by LiteRT's own kernels; they take and give arrays by name.

    Raises:
        Unavailable: without LiteRT.
    """
    native = _interpreter(content, "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    return tuple(native.get_signature_runner(name) for name in names)


class Session:
    """One stream through a model with one input and one output, which remembers from call to call; XNNPACK's kernels.

    Each has an interpreter of its own (4 ms for 2 MB): `reset_all_variables` leaves the variables of such a model as
    they are, so that used again it would remember the stream before.
    """

    def __init__(self, content: bytes) -> None:
        self.native = _interpreter(content, "AUTO")
        self.native.allocate_tensors()
        (self.input,), (output,) = self.native.get_input_details(), self.native.get_output_details()
        self.output = output["index"]

    def __call__(self, values: Signal) -> Signal:
        """What the model makes of `values`, flat, as is its result."""
        self.native.set_tensor(self.input["index"], values.reshape(self.input["shape"]))
        self.native.invoke()
        result: Signal = self.native.get_tensor(self.output).reshape(-1)
        return result


def cost(content: bytes) -> Floats:
    """Of a convolutional model: parameters, multiply-accumulates per call, and bytes that it remembers, [3]."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    names = {number: name for name, number in vars(schema.BuiltinOperator).items()}
    costs = [(0, 0, 0)]
    for graph in model.subgraphs:
        shapes = [tensor.shape for tensor in graph.tensors]
        for operator in graph.operators:
            name = names[model.operatorCodes[operator.opcodeIndex].builtinCode]
            takes, gives = ([shapes[i] for i in ends] for ends in (operator.inputs, operator.outputs))
            costs.append(operator_cost(name, takes, gives))
    return np.asarray(np.sum(costs, axis=0), np.float64)


def operator_cost(name: str, takes: Sequence[Any], gives: Sequence[Any]) -> tuple[int, int, int]:
    """The same of one operator, by the shapes of what it takes and gives; weights are [out, height, width, in].

    Depthwise weights are [1, height, width, channels]: so many multiplications an output as they have places.
    """
    match name:
        case "CONV_2D" | "DEPTHWISE_CONV_2D":
            _, weights, biases = map(math.prod, takes)
            return weights + biases, weights // biases * math.prod(gives[0]), 0
        case "TRANSPOSE_CONV":
            weights, signal, biases = map(math.prod, takes[1:])
            return weights + biases, weights * signal // takes[1][-1], 0
        case "READ_VARIABLE":
            return 0, 0, FLOAT * math.prod(gives[0])
    return 0, 0, 0
