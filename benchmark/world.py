"""Pitch and spectral envelope of speech by the vocoder WORLD [Morise et al. 2016, doi:10.1587/transinf.2015EDP7457].

Pitch is DIO's [Morise et al. 2009], refined by StoneMask; the envelope is CheapTrick's [Morise 2015]: both through
the package pyworld, with the search range of 71 to 800 Hz that WORLD begins with. The latest analyses are kept: a
reference comes back with every condition, and distortions of the envelope and of the pitch ask for the same pitch.
"""

import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from benchmark.types import Floats, NotMeasured, Signal, Unavailable
from benchmark.versions import installed

PERIOD_S = 0.005  # s between frames
SHORTEST_S = 0.25  # s; shorter, a pitch of 71 Hz has hardly time to show
KEPT = 4  # analyses: the reference and the output, of two cuts


def versions() -> dict[str, str]:
    """The library that contains WORLD."""
    return installed("pyworld")


def check_length(signal: Signal, rate: int) -> None:
    """Refuse what is too short to be analysed.

    Raises:
        NotMeasured: too_short below 0.25 s.
    """
    if len(signal) < SHORTEST_S * rate:
        raise NotMeasured("too_short", f"{len(signal) / rate:.3f} s; WORLD needs {SHORTEST_S} s")


def pitch(signal: Signal, rate: int) -> Floats:
    """Fundamental frequency every 5 ms, Hz, shape (200 n / rate + 1,); 0 where the voice does not sound.

    A gain and the polarity do not matter, and the same signal gives the same pitch.

    Args:
        signal: shape (n,).
        rate: Hz.

    Raises:
        Unavailable: without the package pyworld.
    """
    return _pitch(signal.astype(np.float32).tobytes(), rate)


def envelope(signal: Signal, rate: int) -> Floats:
    """Smooth power spectrum every 5 ms, shape (frames, bins from 0 Hz to half the rate). As `pitch`."""
    world, samples = _world(), signal.astype(np.float64)
    fundamental = pitch(signal, rate)
    power: Floats = world.cheaptrick(samples, fundamental, PERIOD_S * np.arange(len(fundamental)), rate)
    return power


@lru_cache(maxsize=KEPT)
def _pitch(samples: bytes, rate: int) -> Floats:
    world, signal = _world(), np.frombuffer(samples, np.float32).astype(np.float64)
    rough, times = world.dio(signal, rate, frame_period=1000 * PERIOD_S)
    refined: Floats = world.stonemask(signal, rough, times, rate)
    refined.flags.writeable = False
    return refined


def _world() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pyworld 0.3.5 imports pkg_resources
            import pyworld
    except ImportError as error:
        reason = "pitch and spectral envelope need pyworld: pip install 'focalbench[prosody]'"
        raise Unavailable(reason) from error
    return pyworld
