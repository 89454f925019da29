"""Full scale: what goes beyond is either made softer as a whole, or clipped as a converter would."""

import numpy as np

from benchmark.types import Floats, Heard, Signal

PEAK = 1 - 2**-15  # the largest sample of 16 bits


def fitted(before: Heard, signal: Floats) -> Heard:
    """`signal`, shape (n,), and the speech in it; both equally softer where it would exceed full scale.

    The gain is the fact ``input_gain_db``, those of earlier conditions included.
    """
    gain = PEAK / max(float(np.abs(signal).max()), PEAK)
    total = before.facts.get("input_gain_db", 0.0) + 20 * float(np.log10(gain))
    clean = before.clean if gain == 1 else scaled(before.clean, gain)
    return Heard(scaled(signal, gain), clean, {**before.facts, "input_gain_db": total})


def scaled(signal: Signal | Floats, gain: float) -> Signal:
    """`signal` times `gain`."""
    return (gain * signal.astype(np.float64)).astype(np.float32)


def clipped(before: Heard, signal: Floats, limit: float = 1.0) -> Heard:
    """`signal`, shape (n,), held within +-`limit`; how much of it lies there is the fact ``clipped_share``."""
    share = float(np.mean(np.abs(signal) >= limit))
    held = np.clip(signal, -limit, limit).astype(np.float32)
    return Heard(held, before.clean, {**before.facts, "clipped_share": share})
