"""Scale-invariant signal-to-distortion ratio [Le Roux et al. 2019, arXiv:1811.02508]."""

import numpy as np

from benchmark.align import check_pair
from benchmark.types import Metric, NotMeasured, Signal, Validity, ValueInfo

VALIDITY = Validity(
    loss="no",
    noise="care",
    generative="no",
    why="It follows the waveform: speech rebuilt with another phase scores -20 dB, however good it sounds.",
)
VALUES = {
    "si_sdr": ValueInfo(unit="dB", better="higher", source="Le Roux et al. 2019, arXiv:1811.02508", validity=VALIDITY)
}

# Above this the rest is float32 rounding, not distortion: 138.5 dB, beyond what 24-bit PCM does to speech.
CEILING = -20 * np.log10(np.finfo(np.float32).eps)


def si_sdr(reference: Signal, degraded: Signal, rate: int) -> dict[str, float]:
    """Energy of the part of `degraded` along `reference` over that of the rest; means are kept, as published.

    Sensitive to phase: a codec that does not keep the waveform scores -20 dB or less, good as it may sound.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,), aligned to the sample.
        rate: Hz; the value does not depend on it.

    Returns:
        `si_sdr` in dB.

    Raises:
        ValueError: for signals of unequal shapes or with NaN.
        NotMeasured: no_speech for a silent reference; metric_failed for a silent or orthogonal output;
            not_applicable for an output equal to the reference up to a gain, whose ratio is infinite.
    """
    check_pair("si_sdr", reference, degraded)
    if not degraded.any():
        raise NotMeasured("metric_failed", "the output is silent: the ratio is undefined")
    clean, output = reference.astype(np.float64), degraded.astype(np.float64)
    target = (clean @ output) / (clean @ clean) * clean
    noise = output - target
    if not target @ target:
        raise NotMeasured("metric_failed", "the output holds nothing of the reference")
    with np.errstate(divide="ignore"):  # equal signals: infinite, and refused below
        ratio = 10 * np.log10(target @ target / (noise @ noise))
    if ratio > CEILING:
        reason = "the output equals the reference up to a gain: the ratio is infinite"
        raise NotMeasured("not_applicable", reason)
    return {"si_sdr": float(ratio)}


def make() -> Metric:
    """No parameters."""
    return si_sdr
