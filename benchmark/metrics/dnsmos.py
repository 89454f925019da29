"""DNSMOS: what listeners would say of speech in noise [Reddy et al. 2021, arXiv:2010.15258; P.835: arXiv:2110.01763].

The models are those of the package speechmos. The values are its too, but for two things: every window is scored,
where the package skips those that start at 7 to 23 s, as does the script it comes from; and a signal beyond full
scale is clipped, as a sound card would, not refused.
"""

from functools import cache

import numpy as np

from benchmark import onnx
from benchmark.align import Indices
from benchmark.onnx import RATE, Rater
from benchmark.types import Floats, Signal, Validity, ValueInfo

NEEDS: tuple[str, ...] = ()
P835 = "dnsmos_models/sig_bak_ovr.onnx"
P808 = "dnsmos_models/model_v8.onnx"
WINDOW = 144_160  # samples, 9.01 s: what the models hear at once

# From what the model says to the scale of the listening test, highest power first; in the package's source.
SCALES = {
    "dnsmos_sig": (-0.08397278, 1.22083953, 0.0052439),
    "dnsmos_bak": (-0.13166888, 1.60915514, -0.39604546),
    "dnsmos_ovrl": (-0.06766283, 1.11546468, 0.04602535),
}

MEL_BANDS = 120
FFT = 321  # samples
HOP = 160  # samples
RANGE = 80  # dB below the loudest
FLOOR = 1e-10  # of power

SOURCES = {
    "dnsmos_ovrl": "ITU-T P.835 overall; Reddy et al. 2022, arXiv:2110.01763",
    "dnsmos_sig": "ITU-T P.835 speech; Reddy et al. 2022, arXiv:2110.01763",
    "dnsmos_bak": "ITU-T P.835 background; Reddy et al. 2022, arXiv:2110.01763",
    "dnsmos_p808": "ITU-T P.808; Reddy et al. 2021, arXiv:2010.15258",
}
VALIDITY = Validity(
    loss="care",
    noise="yes",
    generative="care",
    why="trained on noisy speech and what noise suppressors leave of it; under packet loss its correlation with "
    "listeners by system is 0.85, by rank 0.68 [Diener et al. 2023]; it hears neither a wrong word nor a wrong voice",
)
VALUES = {
    name: ValueInfo(unit="MOS", better="higher", source=source, rate=RATE, validity=VALIDITY)
    for name, source in SOURCES.items()
}


def versions() -> dict[str, str]:
    """The runtime and the models; of the package nothing else is used."""
    return onnx.versions(P835, P808)


class Dnsmos(Rater):
    """Means over windows of 9.01 s, one a second; a shorter signal is doubled until it fills one, as published.

    The last 1 to 2 s of a longer signal are in no window, which is published too. A doubled signal has 1 to 9 windows
    (4.6 s: 1; 2 s: 7, of which 2 differ), each half a second of one core; of equal ones, one is computed. Doubling
    adds seams and takes pauses away: excerpts of 1 s score 0.3 to 0.8 below the sentence they are from, so only like
    lengths compare.

    The P.835 values depend on level, which listeners hear, so nothing is normalised; the P.808 value does not.
    Polarity does not matter. 50 ms of silence before the speech, which move the windows, change about 0.1.
    """

    name = "dnsmos"
    files = (P835, P808)

    def predict(self, signal: Signal) -> dict[str, float]:
        """Each value on its scale, about 1 to 5."""
        starts, counts = windows(len(signal))
        clip = np.resize(signal, max(len(signal), int(starts[-1]) + WINDOW))  # repeated, as far as windows reach
        said = np.array([self._window(clip[start : start + WINDOW]) for start in starts])
        means = np.average(said, axis=0, weights=counts)
        return dict(zip((*SCALES, "dnsmos_p808"), map(float, means), strict=True))

    def _window(self, heard: Signal) -> list[float]:
        p835, p808 = self.sessions
        ((raw,),) = p835.run(None, {"input_1": heard[None]})
        (((rating,),),) = p808.run(None, {"input_1": mel_spectrum(heard[:-HOP])[None]})
        pairs = zip(SCALES.values(), raw, strict=True)
        return [*(float(np.polyval(scale, np.float64(one))) for scale, one in pairs), float(rating)]


def windows(length: int) -> tuple[Indices, Indices]:
    """Where windows of a signal of so many samples start, modulo its length, and how many start there."""
    filled = length
    while filled < WINDOW:
        filled *= 2
    count = max(1, filled // RATE - WINDOW // RATE)
    starts, counts = np.unique(RATE * np.arange(count) % length, return_counts=True)
    return starts, counts


def mel_spectrum(heard: Signal) -> Signal:
    """What the P.808 model hears, shape (ceil(n / HOP), MEL_BANDS): dB below the loudest, 1 at 0 dB, -1 at -80 dB.

    Equal to librosa 0.11's to the last bit of float32 but one, and without it: other versions pad the ends otherwise.
    """
    padded = np.pad(heard.astype(np.float64), FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    hann = np.hanning(FFT + 1)[:-1]  # periodic
    power = np.square(np.abs(np.fft.rfft(frames * hann))) @ mel_filters()
    level = 10 * np.log10(np.maximum(power, FLOOR))
    level -= level.max()
    scaled: Signal = ((np.maximum(level, -RANGE) + 40) / 40).astype(np.float32)
    return scaled


@cache
def mel_filters() -> Floats:
    """Triangles of equal area on Slaney's mel scale, linear to 1 kHz and logarithmic above, shape (bins, MEL_BANDS)."""
    mel = np.linspace(0, 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4), MEL_BANDS + 2)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))
    frequencies = np.fft.rfftfreq(FFT, 1 / RATE)[:, None]
    rising = (frequencies - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequencies) / np.diff(edges)[1:]
    triangles: Floats = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return triangles.astype(np.float32).astype(np.float64)  # the model learned from filters of that precision


def make(device: str = "cpu") -> Dnsmos:
    """On the CPU, or on a GPU (``cuda``)."""
    return Dnsmos(device)
