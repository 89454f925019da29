"""Short-time objective intelligibility: STOI [Taal et al. 2011] and ESTOI [Jensen and Taal 2016].

The computation is pystoi's, and equal to it within 1e-12: its resampling and its band matrix are called, while
the framing and the correlations, which it does twice and in loops, are done here once for both values (together
they were half of all time spent on metrics).
"""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmark.align import check_pair
from benchmark.types import Floats, Metric, NotMeasured, Signal, Validity, ValueInfo

RATE = 10_000  # Hz, at which both are defined
FRAME = 256  # samples, 25.6 ms
HOP = FRAME // 2
FFT = 512
SEGMENT = 30  # frames, 384 ms
RANGE = 40  # dB below the loudest frame of the reference; what lies lower is no speech
CLIP = 1 + 10 ** (15 / 20)  # STOI bounds the signal-to-distortion ratio of a band at -15 dB
TINY = float(np.finfo(np.float64).eps)
VALIDITY = Validity(
    loss="no",
    noise="yes",
    generative="care",
    why="Made for words in noise; under loss it hardly agrees with listeners (PCC 0.21), and 5 ms of delay cost 0.04.",
)
VALUES = {
    "stoi": ValueInfo("", "higher", "Taal et al. 2011, doi:10.1109/TASL.2011.2114881", validity=VALIDITY),
    "estoi": ValueInfo("", "higher", "Jensen and Taal 2016, doi:10.1109/TASLP.2016.2585878", validity=VALIDITY),
}


def versions() -> dict[str, str]:
    """The library whose resampling and bands decide the values."""
    return {"pystoi": version("pystoi")}


def intelligibility(
    reference: Signal, degraded: Signal, rate: int, names: Sequence[str] = ("stoi", "estoi")
) -> dict[str, float]:
    """Mean correlation of one-third-octave envelopes over 384 ms segments of the reference's active frames.

    A silent segment of the output counts as correlation 0 (STOI) or that of tiny noise, near 0 (ESTOI). An
    output silent throughout is the end of that scale and keeps its value of about 0: were it dropped, a codec
    that lets nothing through would look better than one that lets a few frames through.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,), aligned to within 1 ms: 5 ms cost 0.04 of STOI and 0.08 of ESTOI.
        rate: Hz.
        names: which of the two to compute.

    Returns:
        `stoi` and `estoi`, at most 1, as far as they are asked.

    Raises:
        ValueError: for signals of unequal shapes or with NaN.
        NotMeasured: no_speech for a silent reference; too_short for fewer than 30 active frames.
    """
    from pystoi.utils import resample_oct

    check_pair("stoi", reference, degraded)
    clean, output = reference.astype(np.float64), degraded.astype(np.float64)
    if rate != RATE:
        clean, output = resample_oct(clean, RATE, rate), resample_oct(output, RATE, rate)
    if len(clean) <= FRAME + SEGMENT * HOP:
        raise NotMeasured("too_short", f"{len(reference) / rate:.3f} s; STOI needs more than 0.41 s")
    clean, output = _active(clean, output)
    if (len(clean) - FRAME - 1) // HOP + 1 < SEGMENT:
        raise NotMeasured("too_short", "fewer than 30 frames of active speech in the reference")
    segments = _segments(clean), _segments(output)
    computed = {"stoi": _stoi, "estoi": _estoi}
    return {name: computed[name](*segments) for name in names}


def _frames(signal: Floats) -> Floats:
    """Half-overlapping Hann windows, shape (frames, 256); like pystoi's, without the last one that would fit."""
    window = np.hanning(FRAME + 2)[1:-1]
    count = len(range(0, len(signal) - FRAME, HOP))
    framed: Floats = window * sliding_window_view(signal, FRAME)[::HOP][:count]
    return framed


def _active(clean: Floats, output: Floats) -> tuple[Floats, Floats]:
    """Both signals without the frames in which the reference is more than 40 dB below its loudest."""
    frames = _frames(clean)
    energies = 20 * np.log10(np.linalg.norm(frames, axis=1) + TINY)
    speech = energies.max() - RANGE - energies < 0
    return _overlap_add(frames[speech]), _overlap_add(_frames(output)[speech])


def _overlap_add(frames: Floats) -> Floats:
    halves = np.zeros((len(frames) + 1, HOP))
    halves[:-1] += frames[:, :HOP]
    halves[1:] += frames[:, HOP:]
    return halves.reshape(-1)


def _segments(signal: Floats) -> Floats:
    """Envelopes of 15 bands in all runs of 30 frames, shape (segments, 15, 30)."""
    from pystoi.stoi import OBM

    spectra = np.fft.rfft(_frames(signal), n=FFT).T
    bands = np.sqrt(np.matmul(OBM, np.square(np.abs(spectra))))
    return sliding_window_view(bands, SEGMENT, axis=1).transpose(1, 0, 2)


def _stoi(clean: Floats, output: Floats) -> float:
    """Each band's envelope, scaled and clipped against the reference's, correlated with it [2011, eq. 3 to 6]."""
    gain = _norm(clean) / (_norm(output) + TINY)
    clipped = np.minimum(output * gain, clean * CLIP)
    return float(np.mean(np.sum(_unit(clipped) * _unit(clean), axis=2)))


def _unit(envelopes: Floats) -> Floats:
    centred = envelopes - envelopes.mean(axis=2, keepdims=True)
    unit: Floats = centred / (_norm(centred) + TINY)
    return unit


def _norm(envelopes: Floats) -> Floats:
    norm: Floats = np.sqrt(np.square(envelopes).sum(axis=2, keepdims=True))
    return norm


def _estoi(clean: Floats, output: Floats) -> float:
    """Spectra of each segment, normalised in time and then over bands, correlated [2016, eq. 4 to 8].

    As in pystoi, noise of 1e-16 keeps silence from dividing zero by zero. Where the output is silent that noise
    is all there is and its correlation counts, so it comes from a generator of fixed seed.
    """
    noise = np.random.Generator(np.random.PCG64(0))
    product = _normalised(clean, noise) * _normalised(output, noise)
    return float(np.sum(product / SEGMENT) / len(clean))


def _normalised(segments: Floats, noise: np.random.Generator) -> Floats:
    for axis in (2, 1):
        segments = segments + TINY * noise.standard_normal(segments.shape)
        segments -= segments.mean(axis=axis, keepdims=True)
        segments /= np.sqrt(np.square(segments).sum(axis=axis, keepdims=True))
    return segments


def make() -> Metric:
    """No parameters."""
    return intelligibility
