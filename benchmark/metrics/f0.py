"""Errors of pitch: root mean square, correlation, and frames with the wrong voicing, by the vocoder WORLD.

The pitch tracker is WORLD's (`benchmark.world`), every 5 ms; the errors are those of codec papers.
"""

import numpy as np

from benchmark import world
from benchmark.align import check_pair
from benchmark.types import Floats, Metric, NotMeasured, Ratio, Result, Signal, Validity, ValueInfo

SOURCE = "VERSA [Shi et al. 2025, arXiv:2412.17667], mcd_f0; over frames voiced in both, as documented"
VOICING = "Nakatani et al. 2008, doi:10.1016/j.specom.2007.11.005, voicing decision error"
VALIDITY = Validity(
    loss="care",
    noise="no",
    generative="care",
    why="It hears the melody and nothing else, and noise misleads the tracker in the reference and in the output.",
)
VALUES = {
    "f0_rmse": ValueInfo("Hz", "lower", SOURCE, validity=VALIDITY),
    "f0_corr": ValueInfo("", "higher", SOURCE, validity=VALIDITY),
    "vuv_error": ValueInfo("", "lower", VOICING, validity=VALIDITY),
}
LEAST_VOICED = 20  # frames, 100 ms: what fewer say of a melody is chance


def versions() -> dict[str, str]:
    """The library that finds the pitch."""
    return world.versions()


def pitch_errors(reference: Signal, degraded: Signal, rate: int) -> dict[str, Result]:
    """How far the melody is off, in the frames that both voice; and how many frames only one of them voices.

    A frame is compared with the frame of the same instant. Gain and polarity do not matter. The trap: a tracker
    that jumps by an octave in 1 frame of 100 makes an RMSE of 10 Hz out of a perfect copy of a voice at 100 Hz; an
    RMSE above 20 Hz is more often such jumps than a wrong melody. It is in Hz, as in papers, and so weighs high
    voices more; VERSA's, where it does not warp, takes unvoiced frames in as 0 Hz, and voicing errors with them.
    It is one figure of a file, not to be pooled by frames: as in papers, a set has the mean of its files.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,), aligned to within 5 ms.
        rate: Hz.

    Returns:
        `f0_rmse` in Hz and `f0_corr`, Pearson's, at most 1, over frames voiced in both; `vuv_error`, the share of
        all frames that one of the two voices and the other does not, which a silent output has too.

    Raises:
        ValueError: for signals of unequal shapes or with NaN.
        NotMeasured: no_speech for a silent reference; too_short below 0.25 s.
        Unavailable: without pyworld.
    """
    check_pair("f0", reference, degraded)
    world.check_length(reference, rate)
    clean, output = world.pitch(reference, rate), world.pitch(degraded, rate)
    wrong = Ratio(float(np.count_nonzero((clean > 0) != (output > 0))), float(len(clean)))
    return {**_melody(clean, output), "vuv_error": wrong}


def _melody(clean: Floats, output: Floats) -> dict[str, Result]:
    both = (clean > 0) & (output > 0)
    if np.count_nonzero(clean) < LEAST_VOICED:
        refusal = NotMeasured("not_applicable", "the reference holds less than 100 ms of voiced speech")
        return {"f0_rmse": refusal, "f0_corr": refusal}
    if np.count_nonzero(both) < LEAST_VOICED:
        refusal = NotMeasured("metric_failed", "of the reference's voiced speech the output voices less than 100 ms")
        return {"f0_rmse": refusal, "f0_corr": refusal}
    clean, output = clean[both], output[both]
    return {"f0_rmse": float(np.sqrt(np.mean(np.square(output - clean)))), "f0_corr": _correlation(clean, output)}


def _correlation(clean: Floats, output: Floats) -> Result:
    if not (np.ptp(clean) and np.ptp(output)):
        return NotMeasured("not_applicable", "a pitch that never moves has no correlation")
    return float(np.corrcoef(clean, output)[0, 1])


def make() -> Metric:
    """No parameters."""
    return pitch_errors
