"""What listeners say survives the store: plain types, arrays of numbers, reasons."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchmark.descriptions import dumps, loads
from benchmark.types import NotMeasured

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN)
def test_plain_types(description: Any) -> None:
    assert loads(dumps(description)) == description


@given(arrays.arrays(st.sampled_from(["<f4", "<f8", "<i8", "|b1", "<i2"]), arrays.array_shapes(min_side=0, max_dims=3)))
def test_arrays(array: Any) -> None:
    found = loads(dumps({"of": [array]}))["of"][0]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_reasons_and_numbers_of_numpy() -> None:
    found = loads(dumps(NotMeasured("too_short", "0.1 s")))
    assert isinstance(found, NotMeasured)
    assert (found.status, found.reason) == ("too_short", "0.1 s")
    assert loads(dumps({"x": np.float32(0.5), "n": np.int64(3)})) == {"x": 0.5, "n": 3}


@pytest.mark.parametrize("odd", [object(), np.array([object()]), {1, 2}])
def test_anything_else_is_refused(odd: Any) -> None:
    with pytest.raises(TypeError, match=r"a description holds a (object|ndarray|set); plain types and arrays"):
        dumps([odd])
