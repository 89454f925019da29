"""Gaussian noise of three spectra: white, pink (1/f), and that of speech [Byrne et al. 1994, JASA 96(4), 2108-2120].

Noise is coloured in the frequency domain, by a gain per bin, so its spectrum follows the law without a filter's ripple.
"""

from collections.abc import Callable

import numpy as np

from benchmark.types import Floats

LOWEST = 20.0  # Hz; pink noise has equal power in each octave down to nothing, and below this nobody hears it
# Centres in Hz and levels in dB of third-octave bands of speech, men and women, mean of 12 languages (their table II).
SPEECH = {
    **{63: 38.6, 80: 43.5, 100: 54.4, 125: 57.7, 160: 56.8, 200: 60.2, 250: 60.3, 315: 59.0, 400: 62.1, 500: 62.1},
    **{630: 60.5, 800: 56.8, 1000: 53.7, 1250: 53.0, 1600: 52.0, 2000: 48.7, 2500: 48.1, 3150: 46.8, 4000: 45.6},
    **{5000: 44.5, 6300: 44.3, 8000: 43.7, 10000: 43.4, 12500: 41.3, 16000: 40.7},
}
BANDS = 1000 * 10 ** (np.arange(-12.5, 13) / 10)  # Hz, their edges: exact, where the centres' names are rounded


def white(samples: int, rate: int, generator: np.random.Generator) -> Floats:
    """Equal power in every Hz."""
    return generator.standard_normal(samples)


def pink(samples: int, rate: int, generator: np.random.Generator) -> Floats:
    """Equal power in every octave above 20 Hz: 3 dB less per octave in every Hz."""
    return _coloured(samples, rate, generator, lambda f: np.where(f < LOWEST, 0, 1 / np.maximum(f, LOWEST)))


def speech_shaped(samples: int, rate: int, generator: np.random.Generator) -> Floats:
    """The long-term spectrum of speech, from 56 Hz to 18 kHz, flat within each third of an octave."""
    return _coloured(samples, rate, generator, _speech)


def _speech(frequencies: Floats) -> Floats:
    """Power per Hz."""
    density = 10 ** (np.array(list(SPEECH.values())) / 10) / np.diff(BANDS)
    within = np.concatenate([[0.0], density, [0.0]])
    power: Floats = within[np.searchsorted(BANDS, frequencies, side="right")]
    return power


def _coloured(samples: int, rate: int, generator: np.random.Generator, power: Callable[[Floats], Floats]) -> Floats:
    from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

    size = next_fast_len(max(samples, rate), real=True)  # a second at least, so that there are bins in every band
    bins = rfft(generator.standard_normal(size)) * np.sqrt(power(rfftfreq(size, 1 / rate)))
    noise: Floats = irfft(bins, size)[:samples]
    return noise


COLOURS: dict[str, Callable[[int, int, np.random.Generator], Floats]] = {
    "white": white,
    "pink": pink,
    "speech_shaped": speech_shaped,
}
