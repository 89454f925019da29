"""PLCMOS v2: what listeners would say of concealed packet loss [Diener et al. 2023, arXiv:2305.15127].

The model is that of the package speechmos, and of the authors' repository github.com/microsoft/PLC-Challenge. Its
raters are drawn as the latter draws them, so the values are those it publishes; the package draws anew for each file,
from numpy's global generator, which scatters a value by 0.012 MOS.
"""

import numpy as np

from benchmark import onnx
from benchmark.onnx import RATE, Rater
from benchmark.types import Signal, Validity, ValueInfo

NEEDS: tuple[str, ...] = ()
MODEL = "plcmos_models/plcmos_v2.onnx"
VALIDITY = Validity(
    loss="yes",
    noise="no",
    generative="care",
    why="trained on concealed packet loss, where its correlation with listeners by system is 0.97 "
    "[Diener et al. 2023]; unproven for anything else, so compare it with the same codec's value without loss",
)
SOURCE = "Diener et al. 2023, arXiv:2305.15127; model v2"
VALUES = {"plcmos": ValueInfo(unit="MOS", better="higher", source=SOURCE, rate=RATE, validity=VALIDITY)}

RATERS = 15
SEED = 23  # the authors' script draws its raters with it, for each file alike
WINDOW = 512  # samples
HOP = WINDOW // 2
FLOOR = 1e-12  # of the lowest power that is not zero: what digital silence becomes


def versions() -> dict[str, str]:
    """The runtime and the model; of the package nothing else is used."""
    return onnx.versions(MODEL)


class Plcmos(Rater):
    """The mean over 15 virtual raters, each a random point in the space of raters that the model has learned.

    Level matters, and nothing is normalised; polarity does not. A signal beyond full scale is clipped, as a sound
    card would (the package refuses it). 50 ms of digital silence before the speech change about 0.15. Of 0.1 s it says
    3.6 to 3.8, whatever the speech.
    """

    name = "plcmos"
    files = (MODEL,)

    def predict(self, signal: Signal) -> dict[str, float]:
        """One value, about 1 to 5."""
        (model,) = self.sessions
        heard = log_spectrum(signal)[None, None]
        said = [model.run(None, {"degraded_audio": heard, "rater_embed": rater[None]})[0] for rater in raters()]
        return {"plcmos": float(np.mean(said, dtype=np.float64))}


def raters() -> Signal:
    """The virtual raters, shape (RATERS, 64)."""
    legacy = np.random.RandomState(SEED)  # numpy's newer generators would draw others
    return legacy.normal(size=(RATERS, 64)).astype(np.float32)


def log_spectrum(signal: Signal) -> Signal:
    """The natural log of power, over 20, with silence before and after; shape (1 + ceil(n / HOP), 1 + WINDOW // 2)."""
    missing = -len(signal) % HOP
    padded = np.pad(signal.astype(np.float64), (HOP, HOP + missing))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    hamming = np.hamming(WINDOW + 1)[:-1]  # periodic
    power = np.square(np.abs(np.fft.rfft(frames * hamming)))
    silence = power == 0
    power[silence] = FLOOR * power[~silence].min()
    heard: Signal = (np.log(power) / 20).astype(np.float32)
    return heard


def make(device: str = "cpu") -> Plcmos:
    """On the CPU, or on a GPU (``cuda``)."""
    return Plcmos(device)
