"""Perceptual evaluation of speech quality [ITU-T P.862, P.862.1; wide-band P.862.2], by the package pesq."""

from importlib.metadata import version

import numpy as np

from benchmark.align import check_pair
from benchmark.types import Floats, Metric, NotMeasured, Signal, Validity, ValueInfo

VALIDITY = Validity(
    loss="care",
    noise="yes",
    generative="no",
    why="It underrates generative codecs and orders systems of loss concealment badly (PCC 0.52 with listeners).",
)
VALUES = {
    "pesq_wb": ValueInfo("MOS-LQO", "higher", "ITU-T P.862.2 (2005)", rate=16_000, validity=VALIDITY),
    "pesq_nb": ValueInfo("MOS-LQO", "higher", "ITU-T P.862.1 (2003)", rate=8_000, validity=VALIDITY),
}
MODES = {16_000: "wb", 8_000: "nb"}
SHORTEST_S = 0.25  # the ITU code refuses less

# The ITU code's tables hold 50 utterances; beyond that it overwrites its own figures, at about 60 it crashes.
# An utterance is 200 ms or more of activity; a pause of more than 200 ms ends it. In its steps of 4 ms:
MOST_UTTERANCES = 49  # the 50th entry is scratch
STEPS_PER_S = 250
LEAST_ACTIVE = 46  # steps: 50 less the 2 by which the code widens activity on either side
LONGEST_JOINED = 50  # steps: a pause up to this long does not divide
LONGEST_CLICK = 4  # steps: activity up to this long does not count
THRESHOLDS = np.arange(-40.0, 0.0)  # dB below the loudest step


def versions() -> dict[str, str]:
    """The library that contains the ITU code."""
    return {"pesq": version("pesq")}


def pesq(reference: Signal, degraded: Signal, rate: int) -> dict[str, float]:
    """Predicted listening quality, at most 4.64 (wide-band) or 4.55 (narrow-band), of 0.25 s to a minute.

    Gain and polarity do not matter; PESQ aligns by itself, but a constant delay of 20 ms still costs 0.1.
    P.862 was withdrawn in 2024; for generative codecs below 1 kbps it is a regression signal, not a verdict.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,), aligned.
        rate: 16000 or 8000 Hz.

    Returns:
        `pesq_wb` at 16000 Hz, `pesq_nb` at 8000 Hz.

    Raises:
        ValueError: for another rate, signals of unequal shapes or with NaN.
        NotMeasured: too_short below 0.25 s; no_speech where the ITU code finds no utterance in the reference;
            not_applicable where it may find too many; metric_failed for a silent output or any other error.
    """
    if rate not in MODES:
        raise ValueError(f"pesq: {rate} Hz; PESQ is defined at 16000 (wide-band) and 8000 Hz (narrow-band).")
    check_pair("pesq", reference, degraded)
    if len(reference) < SHORTEST_S * rate:
        raise NotMeasured("too_short", f"{len(reference) / rate:.3f} s; PESQ needs {SHORTEST_S} s")
    if not degraded.any():
        raise NotMeasured("metric_failed", "PESQ has no value for a silent output")
    if most_utterances(reference, rate) > MOST_UTTERANCES:
        reason = f"the reference may hold more than the {MOST_UTTERANCES} utterances PESQ has room for; cut it"
        raise NotMeasured("not_applicable", reason)
    return {f"pesq_{MODES[rate]}": _score(reference, degraded, rate)}


def _score(reference: Signal, degraded: Signal, rate: int) -> float:
    from pesq import NoUtterancesError
    from pesq import pesq as itu_pesq

    try:
        score = float(itu_pesq(rate, reference, degraded, MODES[rate]))
    except NoUtterancesError as error:
        raise NotMeasured("no_speech", "PESQ finds no utterance in the reference") from error
    except Exception as error:  # the package raises whatever its wrapper stumbles on
        raise NotMeasured("metric_failed", f"PESQ: {type(error).__name__}: {error}") from error
    if not np.isfinite(score):
        raise NotMeasured("metric_failed", "PESQ returned no finite number")
    return score


def most_utterances(reference: Signal, rate: int) -> int:
    """No fewer utterances than the ITU code will find; from the reference alone, so the same for all codecs.

    Its detector compares the energy of the telephone band with one threshold, adapted to the noise. This
    counts at every threshold from -40 dB to the peak and takes the most: 1.0 to 2.3 times its own count on
    read speech, which reaches the limit after 68 to 96 s. Below 19 s there is no room for more than 49.
    """
    shortest = MOST_UTTERANCES * (LEAST_ACTIVE + LONGEST_JOINED + 1) + LEAST_ACTIVE
    steps = len(reference) * STEPS_PER_S // rate
    if steps < shortest:
        return MOST_UTTERANCES
    from scipy.signal import butter, sosfilt

    band = butter(4, (300, min(3400, 0.45 * rate)), "bandpass", fs=rate, output="sos")
    filtered = sosfilt(band, reference.astype(np.float64))[: steps * rate // STEPS_PER_S]
    energy = np.square(filtered).reshape(steps, -1).mean(axis=1)
    level = 10 * np.log10(energy / energy.max() + 1e-12)
    return max(_utterances(level, threshold) for threshold in THRESHOLDS)


def _utterances(level: Floats, threshold: float) -> int:
    """How many stretches of `level`, dB per step, count as utterances at this threshold."""
    edges = np.flatnonzero(np.diff(level > threshold, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    audible = ends - starts > LONGEST_CLICK
    if not audible.any():
        return 0
    starts, ends = starts[audible], ends[audible]
    divided = starts[1:] - ends[:-1] > LONGEST_JOINED
    return int(np.sum(ends[np.append(divided, True)] - starts[np.append(True, divided)] >= LEAST_ACTIVE))


def make() -> Metric:
    """No parameters."""
    return pesq
