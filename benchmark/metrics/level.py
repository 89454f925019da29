"""How much louder speech is than in the reference, by active speech level [ITU-T P.56 (12/2011)]."""

from benchmark.align import check_pair
from benchmark.level import SILENCE, active_level
from benchmark.types import Metric, NotMeasured, Signal, Validity, ValueInfo

VALIDITY = Validity(
    loss="care",
    noise="care",
    generative="care",
    why="A fact beside the quality; noise in pauses counts as speech, and speech that is lost does not count.",
)
VALUES = {
    "level_db": ValueInfo(
        "dB", "neither", "ITU-T P.56 (12/2011), method B: degraded minus reference", validity=VALIDITY
    )
}


def level_difference(reference: Signal, degraded: Signal, rate: int) -> dict[str, float]:
    """Active speech level of the output minus that of the reference: 0 for a codec that keeps the level.

    The gain that other metrics forgive shows here. Polarity does not matter, a constant delay by what it cuts off.

    Args:
        reference: shape (n,), float32.
        degraded: shape (n,).
        rate: Hz.

    Returns:
        `level_db`, dB, positive for an output that is louder.

    Raises:
        ValueError: for signals of unequal shapes or with NaN.
        NotMeasured: no_speech where P.56 finds none in the reference (silence, a click, noise below -75 dBov);
            metric_failed where it finds none in the output.
    """
    check_pair("level", reference, degraded)
    clean, output = (active_level(signal, rate).level_db for signal in (reference, degraded))
    if clean == SILENCE:
        raise NotMeasured("no_speech", "P.56 finds no speech in the reference")
    if output == SILENCE:
        raise NotMeasured("metric_failed", "P.56 finds no speech in the output: it has no level")
    return {"level_db": output - clean}


def make() -> Metric:
    """No parameters."""
    return level_difference
