"""Matrix products, the bulk of the codec: weights packed once for the CPU, in fp32, bf16 or int8.

A packet brings four frames, so each weight is read for four rows only and memory bandwidth decides. PyTorch's own
packed kernels are used: oneDNN's in fp32, FBGEMM's for half-size and 8-bit weights.
"""

import warnings
from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmark.types import Unavailable

Precision: TypeAlias = Literal["fp32", "bf16", "int8"]  # as in config.PRECISIONS
Kernel: TypeAlias = Callable[[Tensor], Tensor]

ROWS = 4  # frames of a packet: what the fp32 layout is chosen for
MANY = 64  # rows from which on MKL is faster with plain weights, where they are so small that both can be kept
SMALLEST = 256  # inputs and outputs from which on fewer bits save time
LONG = 64  # taps of a filter
STEPS = 63  # 8-bit inputs use 7 bits: FBGEMM's AVX2 kernel adds pairs of products in 16 bits, which 8 would overflow


class Product(nn.Module):
    """``y = W x + b`` over the last axis. A subclass says what its weight looks like as a matrix."""

    weight: nn.Parameter
    bias: nn.Parameter | None
    exact = False  # True: small, and stays in fp32 whatever the precision

    def __init__(self, shape: tuple[int, ...], bias: int | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = None if bias is None else nn.Parameter(torch.empty(bias))
        self.kernel: Kernel | None = None

    def matrix(self) -> Tensor:
        """The weight, shape [outputs, inputs]."""
        return self.weight

    def product(self, x: Tensor) -> Tensor:
        """[..., inputs] to [..., outputs]."""
        if self.kernel is None:
            return functional.linear(x, self.matrix(), self.bias)
        return self.kernel(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.product(x)

    def pack(self, precision: Precision) -> None:
        """Replace the parameters by a packed kernel; training ends here."""
        weight, bias = self.matrix().detach(), None if self.bias is None else self.bias.detach()
        if self.exact:
            self.kernel = _both(weight, bias) if precision == "fp32" else _fp32(weight, bias)
        else:
            self.kernel = kernel(weight, bias, precision)
        self.weight, self.bias = nn.Parameter(torch.empty(0), requires_grad=False), None


class Linear(Product):
    """A linear layer; weight [outputs, inputs]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__((outputs, inputs), outputs)


class Pointwise(Product):
    """A convolution of kernel and stride `factor`, which joins frames; weight [outputs, inputs, factor]."""

    def __init__(self, inputs: int, outputs: int, factor: int = 1) -> None:
        super().__init__((outputs, inputs, factor), outputs)
        self.factor = factor

    def matrix(self) -> Tensor:
        return self.weight.transpose(1, 2).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, inputs] to [B, ceil(T / factor), outputs]; an odd end is filled up with zeros."""
        if self.factor > 1:
            x = functional.pad(x, (0, 0, 0, -x.shape[1] % self.factor))
            x = x.reshape(x.shape[0], -1, self.factor * x.shape[2])
        return self.product(x)


class Expand(Product):
    """A transposed convolution of kernel and stride `factor`, which splits frames; weight [inputs, outputs, factor]."""

    def __init__(self, inputs: int, outputs: int, factor: int = 1) -> None:
        super().__init__((inputs, outputs, factor), outputs)
        self.factor = factor

    def matrix(self) -> Tensor:
        return self.weight.permute(2, 1, 0).flatten(0, 1)

    def product(self, x: Tensor) -> Tensor:
        if self.kernel is not None:
            return super().product(x)
        assert self.bias is not None
        return functional.linear(x, self.matrix(), self.bias.repeat(self.factor))

    def pack(self, precision: Precision) -> None:
        assert self.bias is not None
        self.bias = nn.Parameter(self.bias.detach().repeat(self.factor))
        super().pack(precision)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, inputs] to [B, factor * T, outputs]."""
        return self.product(x).reshape(x.shape[0], self.factor * x.shape[1], -1)


class Depthwise(nn.Module):
    """A convolution of each channel with its own filter; weight [C, 1, size]. Its packed forms stay in fp32.

    Four frames are one product per channel with the filter in four places (a Toeplitz matrix): PyTorch's convolutions
    take several times as long for long filters and few frames. For many frames of fp32 they, and for long filters
    Fourier transforms, are faster. Below fp32 the products are taken for many frames too, so that chunks of a signal
    give exactly what the whole gives: where inputs are rounded behind it, a last digit can move a whole step.
    """

    few = 16  # frames up to which products are the fastest

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.empty(channels, 1, size))
        self.bias = nn.Parameter(torch.empty(channels))
        self.toeplitz: Tensor | None = None
        self.always = False

    def pack(self, precision: Precision) -> None:
        """Lay the filters out for four frames."""
        filters = self.weight.detach()[:, 0]
        shifted = [functional.pad(filters, (place, ROWS - 1 - place)) for place in range(ROWS)]
        self.toeplitz = torch.stack(shifted, -1)  # [C, size + 3, 4]
        self.always = precision != "fp32"

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, size - 1 + T] to [B, C, T]."""
        frames = x.shape[2] - self.size + 1
        if self.toeplitz is not None and (frames <= self.few or self.always):
            return torch.stack([self._by_products(stream, self.toeplitz, frames) for stream in x])
        if self.toeplitz is not None and self.size >= LONG:
            return self._by_transform(x)
        # As a flat image: the one-dimensional form takes a slow path for long filters.
        image = functional.conv2d(x.unsqueeze(2), self.weight.unsqueeze(2), self.bias, groups=len(self.weight))
        return image.squeeze(2)

    def _by_products(self, x: Tensor, toeplitz: Tensor, frames: int) -> Tensor:
        x = functional.pad(x, (0, -frames % ROWS))
        spans = [x[:, None, a : a + self.size - 1 + ROWS] for a in range(0, frames, ROWS)]
        y = torch.cat([torch.bmm(span, toeplitz)[:, 0] for span in spans], -1)
        return y[:, :frames] + self.bias[:, None]

    def _by_transform(self, x: Tensor) -> Tensor:
        points = 1 << (x.shape[2] - 1).bit_length()
        filters = torch.fft.rfft(self.weight[:, 0].flip(-1), points)
        y = torch.fft.irfft(torch.fft.rfft(x, points) * filters, points)
        return y[..., self.size - 1 : x.shape[2]] + self.bias[:, None]


def kernel(weight: Tensor, bias: Tensor | None, precision: Precision, smallest: int = SMALLEST) -> Kernel:
    """A packed product with `weight`, shape [outputs, inputs]; in fp32 where one of them is below `smallest`.

    Raises:
        Unavailable: where this PyTorch has no kernel for the precision.
    """
    if min(weight.shape) < smallest:
        precision = "fp32"
    if precision != "fp32" and "fbgemm" not in torch.backends.quantized.supported_engines:
        raise Unavailable(
            f"precision={precision} needs FBGEMM, which PyTorch has on x86-64 alone; take precision=fp32."
        )
    if precision == "int8":
        return _int8(weight, bias)
    if precision == "bf16":
        return _bf16(weight, bias)
    return _fp32(weight, bias)


def _both(weight: Tensor, bias: Tensor | None) -> Kernel:
    plain, packed = weight.contiguous(), _fp32(weight, bias)

    def run(x: Tensor) -> Tensor:
        return functional.linear(x, plain, bias) if x.shape[-2] >= MANY else packed(x)

    return run


def _fp32(weight: Tensor, bias: Tensor | None) -> Kernel:
    if not torch.backends.mkldnn.is_available():
        return lambda x: functional.linear(x, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)

    def run(x: Tensor) -> Tensor:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
        return result

    return run


def _bf16(weight: Tensor, bias: Tensor | None) -> Kernel:
    """Weights rounded to bf16, products summed in fp32.

    FBGEMM holds them as fp16, which every bf16 number from 2^-17 to 65504 fits exactly; smaller ones lose
    less than 2^-25. So it runs on CPUs without bf16 instructions too, and gives the same on all.
    """
    packed = torch.ops.quantized.linear_prepack_fp16(weight.bfloat16().float().contiguous(), bias)

    def run(x: Tensor) -> Tensor:
        result: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, packed)
        return result

    return run


def _int8(weight: Tensor, bias: Tensor | None) -> Kernel:
    """8-bit weights with a scale per output; inputs with a scale per frame, so that no frame depends on its company."""
    scale = weight.abs().amax(1).clamp_min(1e-9) / 127
    zero = torch.zeros(len(scale), dtype=torch.long)
    with (
        warnings.catch_warnings()
    ):  # from 2.13 on PyTorch announces an end of this tensor type, without a successor yet
        warnings.simplefilter("ignore", UserWarning)
        quantised = torch.quantize_per_channel(weight.contiguous(), scale.double(), zero, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(quantised, None)
    run_packed = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32

    def run(x: Tensor) -> Tensor:
        peak = x.abs().amax(-1, keepdim=True).clamp_min_(1e-9)
        y: Tensor = run_packed(x / peak, 1 / STEPS, STEPS + 1, packed)
        return y * peak if bias is None else torch.addcmul(bias, y, peak)

    return run
