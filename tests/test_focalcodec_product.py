"""Packed products against the arithmetic they stand for."""

import numpy as np
import pytest
import torch

from baselines.focalcodec.config import PRECISIONS
from baselines.focalcodec.product import (
    SMALLEST,
    STEPS,
    Depthwise,
    Expand,
    Linear,
    Pointwise,
    kernel,
)
from benchmark.seeds import generator
from benchmark.types import Unavailable


def normal(name, *shape):
    return torch.from_numpy(generator(0, name).standard_normal(shape, dtype=np.float32))


@pytest.fixture(scope="module")
def layer():
    return normal("weight", 300, 320) / 18, normal("bias", 300), normal("input", 2, 7, 320)


def test_fp32_is_a_linear_layer(layer):
    weight, bias, x = layer
    torch.testing.assert_close(kernel(weight, bias, "fp32")(x), torch.nn.functional.linear(x, weight, bias))


def test_bf16_is_a_linear_layer_with_rounded_weights(layer):
    weight, bias, x = layer
    expected = torch.nn.functional.linear(x, weight.bfloat16().float(), bias)
    found = kernel(weight, bias, "bf16")(x)
    torch.testing.assert_close(found, expected)
    assert 1e-4 < (found - torch.nn.functional.linear(x, weight, bias)).abs().max() < 0.05


def test_int8_is_the_integer_arithmetic_written_out(layer):
    """Weights: 127 steps to the largest of each output. Inputs: 63 steps to the largest of each frame."""
    weight, bias, x = layer
    scale = weight.abs().amax(1, keepdim=True) / 127
    whole = (weight / scale).round().double()
    peak = x.abs().amax(-1, keepdim=True)
    steps = (x / peak * STEPS).round().double()
    expected = (steps @ whole.T) * scale.T / STEPS * peak + bias
    found = kernel(weight, bias, "int8")(x)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-2)  # a step at a tie
    exact = torch.nn.functional.linear(x, weight, bias)
    assert 0.005 < (found - exact).norm() / exact.norm() < 0.03


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_frame_does_not_depend_on_its_company(layer, precision):
    weight, bias, x = layer
    run = kernel(weight, bias, precision)
    together = run(torch.cat([x, 100 * x]))
    torch.testing.assert_close(together[:2], run(x), rtol=0, atol=1e-5)
    torch.testing.assert_close(run(x[:1, :1]), together[:1, :1], rtol=0, atol=1e-5)
    assert not run(torch.zeros(1, 1, 320))[0, 0].sub(bias).any()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_too_small_to_gain_stays_exact(precision):
    weight, x = normal("small", SMALLEST - 1, 300), normal("x", 1, 3, 300)
    expected = torch.nn.functional.linear(x, weight)
    torch.testing.assert_close(kernel(weight, None, precision)(x), expected, rtol=0, atol=1e-4)


def test_where_a_kernel_is_missing(layer, monkeypatch):
    weight, bias, x = layer
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    torch.testing.assert_close(kernel(weight, bias, "fp32")(x), torch.nn.functional.linear(x, weight, bias))
    monkeypatch.setattr(type(torch.backends.quantized), "supported_engines", ["none"])
    for precision in ("bf16", "int8"):
        with pytest.raises(Unavailable, match=f"precision={precision} needs FBGEMM"):
            kernel(weight, bias, precision)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("factor", [1, 2, 4])
def test_convolutions_as_products(factor, packed):
    """Against PyTorch's convolutions, kernel and stride `factor`."""
    x = normal("x", 2, 4 * factor, 6)
    down, up = Pointwise(6, 5, factor), Expand(6, 5, factor)
    for name, layer in (("down", down), ("up", up)):
        layer.weight.data, layer.bias.data = normal(name, *layer.weight.shape), normal(name + "b", 5)
    channels = x.transpose(1, 2)
    expected = torch.nn.functional.conv1d(channels, down.weight, down.bias, stride=factor).transpose(1, 2)
    wider = torch.nn.functional.conv_transpose1d(channels, up.weight, up.bias, stride=factor).transpose(1, 2)
    if packed:
        down.pack("fp32")
        up.pack("fp32")
    torch.testing.assert_close(down(x), expected)
    torch.testing.assert_close(up(x), wider)


@pytest.mark.parametrize(("batch", "frames"), [(1, 4), (1, 16), (1, 6), (1, 40), (3, 4)])
@pytest.mark.parametrize("size", [7, 512])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_packed_depthwise_convolution(precision, batch, frames, size):
    layer = Depthwise(20, size)
    layer.weight.data, layer.bias.data = normal("w", 20, 1, size), normal("b", 20)
    x = normal("x", batch, 20, size - 1 + frames)
    expected = torch.nn.functional.conv1d(x, layer.weight, layer.bias, groups=20)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-4)
    layer.pack(precision)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-4)


def test_packing_lets_the_parameters_go():
    layer = Linear(300, 300)
    layer.weight.data, layer.bias.data = normal("w", 300, 300), normal("b", 300)
    x = normal("x", 1, 4, 300)
    expected = layer(x)
    layer.pack("fp32")
    assert sum(p.numel() for p in layer.parameters()) == 0
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-4)
