"""Virtual speech quality objective listener, version 3, in speech mode [Chinen et al. 2020, arXiv:2004.09584]."""

import math
from typing import Any

import numpy as np

from benchmark.align import check_pair
from benchmark.types import Metric, NotMeasured, Signal, Unavailable, Validity, ValueInfo
from benchmark.versions import installed

RATE = 16_000  # Hz, of speech mode
SHORTEST_S = 1.0  # the package finds no patch to compare in less than 0.7 s
VALIDITY = Validity(
    loss="no",
    noise="care",
    generative="care",
    why="Gaps hardly cost: cut 20 ms in every 100 ms out of speech, and 4 of 5 points are left.",
)
VALUES = {
    "visqol": ValueInfo(
        "MOS-LQO", "higher", "Chinen et al. 2020, arXiv:2004.09584; exponential mapping", RATE, VALIDITY
    )
}


def versions() -> dict[str, str]:
    """The package; numba, which it uses where it is installed, makes it faster and changes nothing."""
    return installed("visqol-python")


class Visqol:
    """The package's scorer, which is loaded when it is first used."""

    def __init__(self) -> None:
        self.scorer: Any = None

    def __call__(self, reference: Signal, degraded: Signal, rate: int) -> dict[str, float]:
        """Predicted listening quality, 1 to 5: the similarity of two gammatone spectrograms, patch by patch.

        By the package visqol-python, a port of Google's program, with the mapping that the program has at
        ``--use_lattice_model=false``: a function of the mean similarity alone, on which identical signals reach 5.
        The program's default is another, a network, on which they reach 4.5; the two do not compare. On Google's
        pair for conformance the package gives 3.3756, the program 3.3745. Gain and polarity do not matter, nor does
        a constant delay. 8 to 10 s with half a second of silence around are advised; nothing is added here. Where
        numba is installed, the first use on a machine compiles for about 20 s.

        Args:
            reference: shape (n,), float32.
            degraded: shape (n,), aligned.
            rate: 16000 Hz.

        Returns:
            `visqol`.

        Raises:
            ValueError: for another rate, signals of unequal shapes or with NaN.
            NotMeasured: no_speech for a silent reference, of which the package says 5; too_short below 1 s;
                metric_failed for a silent output, or where the package fails.
            Unavailable: without the package.
        """
        if rate != RATE:
            raise ValueError(f"visqol: {rate} Hz; its speech mode is defined at {RATE} Hz.")
        check_pair("visqol", reference, degraded)
        if len(reference) < SHORTEST_S * rate:
            raise NotMeasured("too_short", f"{len(reference) / rate:.3f} s; ViSQOL needs {SHORTEST_S} s")
        if not degraded.any():
            raise NotMeasured("metric_failed", "ViSQOL has no value for a silent output")
        self.scorer = self.scorer or _load()
        return {"visqol": _score(self.scorer, reference, degraded)}


def _score(scorer: Any, reference: Signal, degraded: Signal) -> float:
    try:
        with np.errstate(all="ignore"):
            found = scorer.measure_from_arrays(reference.astype(np.float64), degraded.astype(np.float64), RATE)
    except Exception as error:  # the package raises whatever it stumbles on
        raise NotMeasured("metric_failed", f"ViSQOL: {type(error).__name__}: {error}") from error
    if not (math.isfinite(found.moslqo) and math.isfinite(found.vnsim)):
        raise NotMeasured("metric_failed", "ViSQOL returned no finite number")
    return float(found.moslqo)


def _load() -> Any:
    try:
        from visqol import VisqolApi
    except ImportError as error:
        raise Unavailable("ViSQOL needs visqol-python: pip install 'focalbench[mos]'") from error
    scorer = VisqolApi()
    scorer.create(mode="speech", use_lattice_model=False)  # said, as it would depend on what else is installed
    return scorer


def make() -> Metric:
    """No parameters."""
    return Visqol()
