"""Quality where it was lost: the log-mel distance [Della Libera 2025] in windows around holes, the worst among them.

A mean over a whole file hides a loss: most of it was never touched. Here only the frames count whose middle lies
between the start of a hole and TAIL behind its end.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmark.metrics.mel_distance import frame_centres, frame_distances
from benchmark.types import Signal

# s: by then the distance between the outputs of Opus (12, 24 kbit/s) with a hole of 20 ms and without has fallen from
# 5 dB to 0.6 dB, that of memoryless codecs to nothing, and no frame of 64 ms reaches into the hole any more. A longer
# tail would mostly hear other losses: at 10 % random loss the next one starts some 200 ms later.
TAIL = 0.100


class Inside(NamedTuple):
    """The distance inside windows around losses; `total` and `frames` are parts that pool as sum over sum.

    Attributes:
        total: sum over the frames in any window, dB.
        frames: how many these are, at least 1.
        worst: mean over the frames of the worst window, dB.
        where: start and end of that window, s.
    """

    total: float
    frames: int
    worst: float
    where: tuple[float, float]

    @property
    def mean(self) -> float:
        """Mean over the frames in any window, dB."""
        return self.total / self.frames


def window_mel_distance(
    reference: Signal, degraded: Signal, rate: int, holes: Sequence[Sequence[float]], tail: float = TAIL
) -> Inside | None:
    """The mel distance of the frames around losses; over a window that holds all frames it is `mel_distance`.

    As there, the output's level is matched over the whole signals.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,), aligned to within about 10 ms.
        rate: of both, Hz.
        holes: start and end of each, s of output time, in any order; they may touch and overlap.
        tail: what belongs to a window behind its hole, s.

    Returns:
        None where nothing was lost, or no frame has its middle in a window.

    Raises:
        ValueError: for signals of unequal shapes or with NaN.
        NotMeasured: as `mel_distance`.
    """
    if not holes:
        return None
    distances = frame_distances(reference, degraded, rate)
    centres = frame_centres(len(distances), rate)
    windows = [(start, end, (start <= centres) & (centres < end)) for start, end in merged(holes, tail)]
    heard = [(float(distances[inside].mean()), start, end) for start, end, inside in windows if inside.any()]
    if not heard:
        return None
    anywhere = np.any([inside for _, _, inside in windows], axis=0)
    worst, start, end = max(heard, key=lambda window: window[0])
    return Inside(float(distances[anywhere].sum()), int(anywhere.sum()), worst, (start, end))


def merged(holes: Sequence[Sequence[float]], tail: float = TAIL) -> Iterator[tuple[float, float]]:
    """Each hole with its tail as [start, end), s, in order; windows that touch or overlap are one."""
    start = end = -np.inf
    for first, last in sorted((first, last + tail) for first, last in holes):
        if first > end:
            if end > start:
                yield start, end
            start = first
        end = max(end, last)
    if end > start:
        yield start, end
