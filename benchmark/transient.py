"""How long a loss is heard: from the end of a hole until the output is again what it is without losses.

A decoder with memory plays something else for longer than its packets are missing. What it is compared with is the
same codec's output without losses, never the original.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from benchmark.types import Floats, Signal

WINDOW = 0.010  # s: half a token of 20 ms, and about one period of a low voice
AROUND = 0.050  # s to either side: the gap of a stop is judged by the vowel beside it, which masks what is wrong in it
AGREE = 1e-3  # -30 dB, 3 % of the amplitude (G.711 itself adds noise at some -38 dB); rounding is far below
FLOOR = 1e-6  # -60 dB of full scale: so in silence nothing below -90 dB, a step of 16 bits, counts as different


def recovery(
    loss_free: Signal, degraded: Signal, rate: int, holes: Sequence[tuple[float, float]]
) -> list[float | None]:
    """Seconds from the end of each hole until the outputs agree again, and stay so until the next hole.

    They agree in a window of 10 ms where the energy of their difference is at least 30 dB below that of the
    loss-free output in the window and 50 ms around it (counted as -60 dB of full scale where it is less). The
    windows begin at the hole's end.

    Args:
        loss_free: output without losses, [n].
        degraded: output with losses, [n].
        rate: of both, Hz.
        holes: start and end of each, s, in order, one ending before the next starts.

    Returns:
        Per hole a multiple of 10 ms, 0 where the outputs agree at once; None where the next hole or the end of the
        signal comes first.

    Raises:
        ValueError: when the signals differ in length, or the holes are not in order or overlap.
    """
    edges = [round(edge * rate) for edge in chain.from_iterable(holes)]
    if edges != sorted(edges):
        raise ValueError(f"holes have to be in order and apart, got {list(holes)}")
    wrong, energy = _sums(_difference(loss_free, degraded)), _sums(loss_free)
    ends, limits = edges[1::2], [*edges, len(loss_free)][2::2]
    windows = [_windows(end, min(limit, len(loss_free)), rate) for end, limit in zip(ends, limits, strict=True)]
    return [_agreeing(wrong, energy, borders, rate) for borders in windows]


def decay(loss_free: Signal, degraded: Signal, rate: int, hole: tuple[float, float]) -> tuple[float, float]:
    """Seconds after the hole by which 50 % and 90 % of the energy of the difference that follows it have passed.

    Args:
        loss_free: output without losses, [n]; to be cut where the next hole starts.
        degraded: output with losses, [n].
        rate: of both, Hz.
        hole: its start and end, s.

    Returns:
        Both 0 where the outputs are the same behind the hole.

    Raises:
        ValueError: when the signals differ in length.
    """
    passed = _sums(_difference(loss_free, degraded)[round(hole[1] * rate) :])
    half, most = (int(np.searchsorted(passed, share * passed[-1])) / rate for share in (0.5, 0.9))
    return half, most


def _difference(loss_free: Signal, degraded: Signal) -> Floats:
    if len(loss_free) != len(degraded):
        raise ValueError(f"the outputs have {len(loss_free)} and {len(degraded)} samples")
    return degraded.astype(np.float64) - loss_free


def _sums(signal: Signal | Floats) -> Floats:
    """Energy of the first k samples, for k from 0 to n, [n + 1]."""
    return np.concatenate([[0.0], np.cumsum(signal.astype(np.float64) ** 2)])


def _windows(start: int, end: int, rate: int) -> npt.NDArray[np.int64]:
    """The samples at which windows begin and end, [windows + 1]; the last one may be short."""
    return np.append(np.arange(start, end, round(WINDOW * rate)), end)


def _agreeing(wrong: Floats, energy: Floats, borders: npt.NDArray[np.int64], rate: int) -> float | None:
    """Seconds until the first window from which on all agree; both energies as from `_sums`."""
    starts, ends, around = borders[:-1], borders[1:], round(AROUND * rate)
    first, last = np.maximum(starts - around, 0), np.minimum(ends + around, len(energy) - 1)
    near = np.maximum((energy[last] - energy[first]) / (last - first), FLOOR)
    differ = np.flatnonzero((wrong[ends] - wrong[starts]) / (ends - starts) > AGREE * near)
    if not len(starts) or (len(differ) and differ[-1] == len(starts) - 1):
        return None
    return float(ends[differ[-1]] - starts[0]) / rate if len(differ) else 0.0
