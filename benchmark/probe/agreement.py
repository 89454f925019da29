"""How far two encodings, or two outputs, of the same input agree. Pure."""

from collections.abc import Sequence
from itertools import zip_longest
from math import log10
from typing import NamedTuple

import numpy as np

from benchmark.bits import unpack
from benchmark.types import Frame, NotMeasured, Signal


class Agreement(NamedTuple):
    """Shares (0 to 1) of equal frames and bits; the largest difference of the outputs, of the wanted one's peak."""

    frames_equal: float
    bits_equal: float
    output_difference: float


def shares(found: Sequence[Frame], wanted: Sequence[Frame]) -> tuple[float, float]:
    """The shares of frames with equal payloads, and of equal payload bits; padding bits do not count.

    A frame or a bit that only one side has is unequal.
    """
    equal = sum(a.payload == b.payload for a, b in zip(found, wanted, strict=False))
    pairs = list(zip(found, wanted, strict=False))
    rest = [*found[len(pairs) :], *wanted[len(pairs) :]]
    total = sum(max(a.bits, b.bits) for a, b in pairs) + sum(frame.bits for frame in rest)
    unequal = sum(_unequal_bits(a, b) for a, b in pairs) + sum(frame.bits for frame in rest)
    return equal / max(len(found), len(wanted), 1), 1 - unequal / max(total, 1)


def tokens_equal(found: Sequence[Frame], wanted: Sequence[Frame], bits: int) -> float:
    """The share of equal tokens of `bits` bits in frames that are rows of them; what only one side has is unequal."""
    rows = [[_tokens(frame, bits) for frame in frames] for frames in (found, wanted)]
    equal = sum(a == b for pair in zip(*rows, strict=False) for a, b in zip(*pair, strict=False))
    total = sum(max(map(len, pair)) for pair in zip_longest(*rows, fillvalue=[]))
    return float(equal / max(total, 1))


def _tokens(frame: Frame, bits: int) -> list[int]:
    return unpack(frame.payload, bits, [frame.bits // bits]).tolist() if frame.payload else []


def _unequal_bits(one: Frame, other: Frame) -> int:
    common = min(len(one.payload), len(other.payload))
    a, b = (int.from_bytes(frame.payload[:common], "big") for frame in (one, other))
    return min((a ^ b).bit_count() + abs(one.bits - other.bits), max(one.bits, other.bits))


def difference(found: Signal, wanted: Signal) -> float:
    """The largest difference of two outputs, shape (n,), as a share of the peak of `wanted`.

    Raises:
        NotMeasured: ``codec_failed`` when their lengths differ.
    """
    if len(found) != len(wanted):
        raise NotMeasured("codec_failed", f"{len(found)} samples came out in place of {len(wanted)}")
    largest = float(np.abs(found - wanted).max(initial=0))
    return largest / max(float(np.abs(wanted).max(initial=0)), 1e-9)


def signal_to_difference_db(found: Signal, wanted: Signal) -> float | None:
    """Energy of `wanted` over that of its difference from `found`, dB; None where there is no difference."""
    unequal = float(np.square(found - wanted, dtype=np.float64).sum())
    if unequal == 0:
        return None
    energy = float(np.square(wanted, dtype=np.float64).sum())
    return 10 * log10(max(energy, 1e-30) / unequal)
