"""Multiply-accumulates that are done in torch, by its own counter (`torch.utils.flop_counter`): half of its FLOPs.

The counter knows matrix products, convolutions and attention, but not the kernels that CPUs have of their own: packed
and quantised linear layers, attention, recurrent layers, products with a vector, distances to a codebook. These are
counted here; of a kernel that is not known there is no count at all, as it would be too small.
"""

import re
import sys
from collections.abc import Callable
from math import prod
from typing import Any

from benchmark.types import NotMeasured

OUTSIDE = "its work is done outside of torch, whose counter sees no other"
# Words in the names of operations that multiply matrices, and of those that do not for all that.
PRODUCTS = re.compile(
    r"(^|_)q?(linear|conv(olution)?[123]?d?|matmul|[a-z]*mm|gemm|attention|transformer|lstm|gru|rnn)(_|$)"
)
NONE = re.compile(r"prepack$|prepack_|unpack|reorder|fused|flatten")


def require_torch() -> None:
    """Raise NotMeasured (``not_applicable``) where nobody has imported it."""
    if "torch" not in sys.modules:
        raise NotMeasured("not_applicable", OUTSIDE)


def multiply_accumulates(run: Callable[[], object]) -> float:
    """How many `run` does in this thread.

    Raises:
        NotMeasured: ``not_applicable`` where torch does none, or some that nobody can count.
    """
    require_torch()
    from torch.backends import mha
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode

    counter, seen = FlopCounterMode(display=False, custom_mapping=_formulas()), set()

    class Below(TorchDispatchMode):
        """Sees what the counter has taken operations apart into."""

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.add(func._overloadpacket)
            return func(*args, **(kwargs or {}))

    fast = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)  # it makes one operation of a whole layer
    try:
        with Below(), counter:  # type: ignore[no-untyped-call]  # torch states no types here
            run()
    finally:
        mha.set_fastpath_enabled(fast)
    if unknown := sorted(str(op) for op in seen - counter.flop_registry.keys() if _multiplies(op.__name__)):
        raise NotMeasured("not_applicable", f"torch's counter does not know {', '.join(unknown)}")
    if not (operations := counter.get_total_flops()):
        raise NotMeasured("not_applicable", OUTSIDE)
    return operations / 2


def _multiplies(name: str) -> bool:
    return bool(PRODUCTS.search(name)) and not NONE.search(name)


def _formulas() -> dict[Any, Callable[..., int]]:
    """FLOPs of kernels that the counter does not know, by operation; of those that this torch has."""
    from torch import ops

    known: dict[str, Callable[..., int]] = {
        "mkldnn._linear_pointwise": _linear,
        "quantized.linear_dynamic": _linear,
        "quantized.linear_relu_dynamic": _linear,
        "quantized.linear_dynamic_fp16": _linear,
        "quantized.linear_relu_dynamic_fp16": _linear,
        "quantized.linear_with_input_q_dq_qweight_dq_output_fp32": _linear,
        "aten._scaled_dot_product_flash_attention_for_cpu": _attention,
        "aten.mkldnn_rnn_layer": _recurrent,
        "aten.mv": lambda matrix, vector, **_: 2 * prod(matrix),
        "aten.addmv": lambda bias, matrix, vector, **_: 2 * prod(matrix),
        "aten.dot": lambda one, other, **_: 2 * prod(one),
        "aten._euclidean_dist": lambda rows, others, **_: 2 * prod(rows) * others[-2],
    }
    found = {}
    for name, formula in known.items():
        library, _, operation = name.partition(".")
        if hasattr(getattr(ops, library), operation):
            found[getattr(getattr(ops, library), operation)] = formula
    return found


def _linear(rows: Any, *_: Any, out_shape: Any, **__: Any) -> int:
    return int(2 * prod(rows) * out_shape[-1])


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Query with key, and the weights with value."""
    return int(2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


def _recurrent(steps: Any, from_input: Any, from_state: Any, *_: Any, **__: Any) -> int:
    """One direction of one layer: the gates from the input, and from the state."""
    return int(2 * prod(steps[:-1]) * (prod(from_input) + prod(from_state)))
