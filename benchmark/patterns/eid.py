"""The error models of the Error Insertion Device of ITU-T G.191, from uniform numbers, and its own such numbers.

In the Gilbert-Elliott model (`gen-patt -ber`, `-fer`) nothing is wrong in the good state and one half is in the bad
one. In the Bellcore model (`-bfer`, see `benchmark.channels.bellcore`) bursts have ten frames at most.
"""

import numpy as np

from benchmark.channels.bellcore import GOES_ON, MEAN_BURST
from benchmark.types import Booleans, Floats

BAD = 0.5  # share of errors in the bad state
SEED = 314159265  # with which the published checksums of `gen-patt` were made


def gilbert(draws: Floats, rate: float, gamma: float, bad: bool = False) -> Booleans:
    """True where a bit is wrong or a frame erased, shape (n,).

    At one `gamma` and the same `draws`, what is wrong at a lower rate is wrong at a higher one too.

    Args:
        draws: in [0, 1), shape (n, 2): for the state, and for an error in it.
        rate: share of errors, in [0, 0.5].
        gamma: correlation of the state from one entry to the next, in [0, 1).
        bad: the state before the first entry.
    """
    to_good, to_bad = (1 - gamma) * (1 - 2 * rate), 1 - (1 - gamma) * 2 * rate
    decided = (draws[:, 0] < to_good) | (draws[:, 0] >= to_bad)  # between them the state stays what it was
    last = np.maximum.accumulate(np.where(decided, np.arange(len(draws)), -1))
    state = np.where(last < 0, bad, draws[last, 0] >= to_bad)
    return np.asarray(state & (draws[:, 1] < BAD))


def bellcore(draws: Floats, enter: float) -> Booleans:
    """True where a frame is erased, shape (n,), behind a good one.

    Args:
        draws: in [0, 1), shape (n,).
        enter: the probability that a good frame is followed by an erased one; see `entering`.
    """
    chances, burst, erased = (enter, *GOES_ON, 0.0), 0, np.zeros(len(draws), bool)
    for i, draw in enumerate(draws.tolist()):
        burst = burst + 1 if draw + chances[burst] >= 1 else 0
        erased[i] = burst > 0
    return erased


def entering(rate: float) -> float:
    """The probability that begins a burst of the Bellcore model, such that the share `rate` is erased."""
    return float((1 / (1 - rate) - 1) / MEAN_BURST)


def sequence(seed: int, count: int) -> Floats:
    """The first `count` numbers in [0, 1) of the device's own generator, x <- 69069 x + 1 mod 2**32, from `seed`."""
    power = np.cumprod(np.full(count, 69069, np.uint32), dtype=np.uint32)
    carry = np.cumsum(np.concatenate([np.ones(1, np.uint32), power[:-1]]), dtype=np.uint32)
    return np.asarray((power * np.uint32(seed) + carry[:count]) / 2.0**32)
