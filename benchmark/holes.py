"""What is heard in the holes that losses leave, and right behind them, as rows."""

from collections.abc import Sequence

from benchmark import align
from benchmark.audio import Audio
from benchmark.transient import recovery
from benchmark.types import Measured, NotMeasured, Signal
from benchmark.windows import window_mel_distance

WINDOWS = ("window_mel_distance", "worst_window_mel_distance")
RECOVERY = ("recovery_ms",)


def in_windows(clean: Audio, degraded: Audio, holes: Sequence[tuple[float, float]]) -> list[Measured]:
    """The mel distance in the holes and right behind them, and in the worst one.

    Raises:
        NotMeasured: where nothing was lost, or the distance has no value.
    """
    _check(holes)
    rate = align.scoring_rate(clean.rate)
    pair = align.at_rate(clean.signal, clean.rate, degraded.signal, degraded.rate, rate)
    inside = window_mel_distance(*align.align(*pair, 0), rate, holes)
    if inside is None:
        raise NotMeasured("not_applicable", "no window of 64 ms lies in what was lost")
    mean, worst = WINDOWS
    return [Measured.ratio(mean, inside.total, inside.frames), Measured(worst, inside.worst)]


def recovered(whole: Signal, degraded: Audio, holes: Sequence[tuple[float, float]]) -> list[Measured]:
    """How long the output goes on being other than the `whole` one behind each hole, over the holes it is known of.

    Raises:
        NotMeasured: where nothing was lost, or it is known of no hole.
    """
    _check(holes)
    times = recovery(whole, degraded.signal, degraded.rate, holes)
    known = [1000 * seconds for seconds in times if seconds is not None]
    if not known:
        text = "behind every hole, the next one or the end comes before the output is right again"
        raise NotMeasured("not_applicable", text)
    return [Measured.ratio(*RECOVERY, sum(known), len(known))]


def _check(holes: Sequence[tuple[float, float]]) -> None:
    if not holes:
        raise NotMeasured("not_applicable", "nothing was lost")
