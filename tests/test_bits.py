"""`benchmark.bits`: what is packed comes back, in as many bytes as promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from benchmark.bits import Indices, pack, unpack


@st.composite
def indices_and_bits(draw: st.DrawFn) -> tuple[Indices, int]:
    bits = draw(st.integers(1, 62))
    shape = draw(array_shapes(max_dims=3, max_side=6, min_side=0))
    return draw(arrays(np.int64, shape, elements=st.integers(0, 2**bits - 1))), bits


@given(indices_and_bits())
def test_unpack_inverts_pack(given: tuple[Indices, int]) -> None:
    indices, bits = given
    payload = pack(indices, bits)
    assert len(payload) == -(-indices.size * bits // 8)
    back = unpack(payload, bits, indices.shape)
    assert back.dtype == np.int64
    np.testing.assert_array_equal(back, indices)


def test_most_significant_bit_first() -> None:
    assert pack(np.array([1, 2, 3]), 4) == bytes([0x12, 0x30])
    assert pack(np.array([0x1ABC]), 13) == bytes([0xD5, 0xE0])


@pytest.mark.parametrize(("index", "bits"), [(-1, 4), (16, 4), (2, 1)])
def test_pack_refuses_what_does_not_fit(index: int, bits: int) -> None:
    with pytest.raises(ValueError, match=rf"\[0, {2**bits}\), got {index}"):
        pack(np.array([index]), bits)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_unpack_refuses_another_size(size: int) -> None:
    with pytest.raises(ValueError, match=f"12 bits need 2 bytes, got {size}"):
        unpack(bytes(size), 4, (3,))
