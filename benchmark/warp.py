"""Dynamic time warping within a band around the diagonal [Sakoe and Chiba 1978, 10.1109/TASSP.1978.1163055]."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.types import Floats

Indices: TypeAlias = npt.NDArray[np.int64]

STEPS = ((1, 1), (1, 0), (0, 1))  # by which a path advances in the first and the second; all weigh the same


def warp(first: Floats, second: Floats, band: int) -> tuple[Indices, Indices]:
    """The path from the first two rows to the last two along which the sum of Euclidean distances is least.

    The cells (i, j) of equal i + j depend only on those of the two diagonals before, so a diagonal is computed at
    once. Of equal ways the one that advances in both is taken.

    Args:
        first: shape (n, features).
        second: shape (n, features).
        band: rows by which the path may stray from i = j, either way.

    Returns:
        The rows of `first` and of `second` along the path, from (0, 0) to (n - 1, n - 1).
    """
    count = len(first)
    starts, choices = [], []
    sums = np.full((3, count + 2), np.inf)  # the least up to each cell of three diagonals in turn, by i + 1
    sums[1, 0] = 0.0
    for diagonal in range(2 * count - 1):
        before, last, now = (sums[(diagonal + turn) % 3] for turn in (1, 2, 0))
        start = max(0, diagonal - count + 1, (diagonal - band + 1) // 2)
        stop = 1 + min(count - 1, diagonal, (diagonal + band) // 2)
        step = first[start:stop] - second[diagonal - stop + 1 : diagonal - start + 1][::-1]
        ways = np.array([before[start:stop], last[start:stop], last[start + 1 : stop + 1]])  # in the order of `STEPS`
        starts.append(start)
        choices.append(np.argmin(ways, axis=0))
        now[start], now[stop + 1] = np.inf, np.inf  # next to the diagonal's ends; further off nobody looks
        now[start + 1 : stop + 1] = np.sqrt(np.square(step).sum(axis=1)) + ways.min(axis=0)
    return _back(count, starts, choices)


def _back(count: int, starts: list[int], choices: list[Indices]) -> tuple[Indices, Indices]:
    """Follow the choices, which are by diagonal and by place on it, from the last cell to the first."""
    i = j = count - 1
    path = [(i, j)]
    while i or j:
        first, second = STEPS[choices[i + j][i - starts[i + j]]]
        i, j = i - first, j - second
        path.append((i, j))
    rows, columns = np.array(path[::-1]).T
    return rows, columns
