"""`benchmark.dropout`: planted areas and break points are found, and intervals hold them as often as they say."""

from math import inf, nan
from time import perf_counter
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmark.dropout import (
    DRAWS,
    LEAST,
    MARGINS,
    Tolerance,
    area,
    break_point,
    non_increasing,
    percentiles,
    tolerance,
)
from benchmark.types import Floats

LEVELS = (0.0, 0.01, 0.05, 0.1, 0.2)
AT = np.array(LEVELS)
Better = Literal["higher", "lower"]


def measure(
    curves: Floats,
    speakers: list[str] | None = None,
    better: Better = "higher",
    margin: float | None = 0.5,
    denominator: Floats | None = None,
) -> Tolerance:
    """One utterance per row; a speaker for each unless told."""
    below = np.ones_like(curves) if denominator is None else denominator
    who = [f"{i:03d}" for i in range(len(curves))] if speakers is None else speakers
    return tolerance(LEVELS[: curves.shape[1]], curves, below, who, better, margin)


def value(found: float | None) -> float:
    assert found is not None
    return found


# --- Area ---


def test_the_area_under_a_straight_line_is_its_middle() -> None:
    assert area(4 - 10 * AT, AT) == pytest.approx(3.0)
    assert area(np.full(5, 2.5), AT) == pytest.approx(2.5)


def test_the_area_weighs_uneven_levels_by_their_distance() -> None:
    # 0.005 of (4 + 3), 0.02 of (3 + 2), 0.025 of (2 + 2), 0.05 of (2 + 1), over 0.2
    assert area(np.array([4.0, 3, 2, 2, 1]), AT) == pytest.approx((0.035 + 0.1 + 0.1 + 0.15) / 0.2)
    assert area(np.array([[4.0, 4], [2, 0]]), np.array([0, 0.3])) == pytest.approx([4, 1])


# --- Monotone curves ---


def pooled(curve: Floats) -> Floats:
    """Pooling adjacent violators, block by block, as it was published."""
    blocks: list[list[float]] = []
    for point in curve:
        blocks.append([float(point), 1])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            mean, count = blocks.pop()
            total = blocks[-1][1] + count
            blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + mean * count) / total, total]
    return np.concatenate([np.full(int(count), mean) for mean, count in blocks])


@settings(deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 8)), elements=st.floats(-5, 5)))
def test_it_is_the_pooling_of_adjacent_violators(curves: Floats) -> None:
    smooth = non_increasing(curves)
    np.testing.assert_allclose(smooth, [pooled(curve) for curve in curves], atol=1e-12)
    assert (np.diff(smooth, axis=-1) <= 1e-12).all()


def test_a_falling_curve_stays_as_it_is() -> None:
    np.testing.assert_allclose(non_increasing(np.array([4.0, 3, 2.5, 1])), [4, 3, 2.5, 1])
    np.testing.assert_allclose(non_increasing(np.array([4.0, 2, 3, 1])), [4, 2.5, 2.5, 1])
    np.testing.assert_allclose(non_increasing(np.array([1.0, 2, 3])), [2, 2, 2])


# --- Break point ---


@pytest.mark.parametrize(
    ("curve", "due"),
    [
        ([4, 3.9, 3.7, 3.3, 2.0], 0.075),  # 3.5 lies half way between 3.7 at 5 % and 3.3 at 10 %
        ([4, 3.9, 3.5, 3.3, 2.0], 0.05),  # at a level
        ([4, 3.0, 2.0, 1.5, 1.0], 0.005),  # before the first level
        ([4, 3.9, 3.8, 3.7, 3.5], inf),  # at the last level and still within
        ([4, 3.9, 3.8, 3.7, 3.49], 0.2 - 0.1 * 0.01 / 0.21),
        ([4, 4.2, 4.1, 4.0, 3.0], 0.15),  # rises first; the value without loss is taken as it was
        ([4, 3.2, 3.6, 3.3, 2.0], 0.01 * 0.5 / 0.6),  # falls, returns to 3.6, is pooled to 3.4 from 1 to 5 %
        ([1.2, 1.2, 1.1, 1.1, 1.0], inf),  # little to lose
    ],
)
def test_planted_break_points_are_found(curve: list[float], due: float) -> None:
    for better, sign in (("higher", 1), ("lower", -1)):
        found = break_point(sign * np.array(curve), AT, better, 0.5)  # type: ignore[arg-type]
        assert found == pytest.approx(due)


def test_many_curves_break_where_each_breaks_alone() -> None:
    curves = 4 - np.random.default_rng(0).exponential(0.3, (50, 5)).cumsum(axis=1)
    together = break_point(curves, AT, "higher", 0.5)
    assert together.tolist() == [float(break_point(curve, AT, "higher", 0.5)) for curve in curves]


def test_a_wider_margin_never_breaks_earlier() -> None:
    curve = np.array([4.0, 3.9, 3.0, 3.2, 1.0])
    breaks = [float(break_point(curve, AT, "higher", margin)) for margin in np.arange(0, 4, 0.05)]
    assert breaks == sorted(breaks)
    assert breaks[0] >= 0
    assert breaks[-1] == inf


# --- Together, with intervals ---


def test_equal_utterances_leave_no_doubt() -> None:
    found = measure(np.tile([4, 3.9, 3.7, 3.3, 2.0], (8, 1)))
    for estimate, due in ((found.clean, 4), (found.area, area(np.array([4, 3.9, 3.7, 3.3, 2.0]), AT))):
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((due, due, due))
    assert (found.break_point.value, found.break_point.low) == pytest.approx((0.075, 0.075))
    assert (found.clean.n, found.clean.clusters, found.asked, found.by) == (8, 8, 8, "speaker")
    assert found.levels == LEVELS


def test_lower_is_better_by_its_sign() -> None:
    curves = np.random.default_rng(3).normal(4 - 8 * AT, 0.2, (12, 5))
    high, low = measure(curves), measure(-curves, better="lower")
    assert value(low.area.value) == pytest.approx(-value(high.area.value))
    assert (low.area.low, low.area.high) == pytest.approx((-value(high.area.high), -value(high.area.low)), abs=2e-3)
    assert (low.break_point.value, low.break_point.low) == pytest.approx((high.break_point.value, high.break_point.low))


def test_an_interval_may_reach_beyond_the_last_level() -> None:
    spread = np.linspace(-0.6, 0.6, 9)[:, None] * AT / 0.2
    found = measure(4 - 2.6 * AT + spread)
    assert found.break_point.value == pytest.approx(0.5 / 2.6)
    assert value(found.break_point.low) < 0.19
    assert found.break_point.high == inf


def test_a_ratio_is_pooled_as_sum_over_sum_in_every_draw() -> None:
    words = np.array([[10.0], [90]]) * np.ones((2, 5))
    errors = words * [[0.5], [0.1]] + words * 0.01 * np.arange(5)
    found = measure(errors, better="lower", margin=0.025, denominator=words)
    assert found.clean.value == pytest.approx(0.14)
    assert (found.clean.low, found.clean.high) == pytest.approx((0.1, 0.5))
    assert found.break_point.value == pytest.approx(0.075)  # a hundredth more at each level


def test_speakers_are_drawn_with_all_they_said() -> None:
    """What differs between speakers alone is as uncertain with ten utterances of each as with one."""
    voices = np.random.default_rng(5).normal(3, 0.4, (10, 1)) - 4 * AT
    names = [f"{i}" for i in range(10)]
    once, often = measure(voices, names), measure(np.repeat(voices, 10, axis=0), list(np.repeat(names, 10)))
    assert (often.clean.n, often.clean.clusters) == (100, 10)
    assert (often.area.low, often.area.high) == pytest.approx((once.area.low, once.area.high))
    alone = measure(np.repeat(voices, 10, axis=0))
    assert value(alone.area.half) < 0.5 * value(often.area.half)


def test_the_levels_are_drawn_together() -> None:
    """A voice that is worse everywhere moves the whole curve, and does not blur where it breaks."""
    voices = np.random.default_rng(5).normal(3, 0.5, (20, 1)) - 4 * AT
    found = measure(voices)
    assert value(found.clean.half) > 0.15
    assert (found.break_point.low, found.break_point.high) == pytest.approx((0.125, 0.125))


def test_with_few_speakers_utterances_are_drawn_and_it_says_so() -> None:
    curves = np.random.default_rng(7).normal(4 - 8 * AT, 0.2, (12, 5))
    few = measure(curves, [f"{i % (LEAST - 1)}" for i in range(12)])
    assert (few.by, few.clean.clusters, few.clean.n) == ("utterance", LEAST - 1, 12)
    alone = measure(curves)
    assert (few.area.low, few.area.high) == pytest.approx((alone.area.low, alone.area.high))
    assert measure(curves, [f"{i % LEAST}" for i in range(12)]).by == "speaker"


def test_one_utterance_has_values_and_no_intervals() -> None:
    found = measure(np.array([[4, 3.9, 3.7, 3.3, 2.0]]))
    assert found.break_point.value == pytest.approx(0.075)
    assert found.break_point.low is found.area.high is found.clean.low is None


def test_what_has_no_value_at_some_level_is_left_out_at_all() -> None:
    curves = np.tile(4 - 8 * AT, (8, 1))
    curves[0], curves[1, 4], below = 1.0, nan, np.ones_like(curves)
    below[0, 2] = nan
    found = measure(curves, denominator=below)
    assert (found.clean.n, found.asked) == (6, 8)
    assert found.clean.value == pytest.approx(4)


def test_where_everything_is_lost_there_is_nothing_to_tell() -> None:
    curves = np.tile(4 - 8 * AT, (8, 1))
    curves[:, 4] = nan
    found = measure(curves)
    assert found.clean.value is found.area.value is found.break_point.value is None
    assert (found.clean.n, found.asked) == (0, 8)
    assert measure(np.zeros((0, 5))).area.value is None
    assert measure(np.ones((6, 5)), denominator=np.zeros((6, 5))).area.value is None


def test_draws_of_nothing_but_empty_utterances_are_left_out() -> None:
    words = np.zeros((6, 5))
    words[0] = 20
    found = measure(words / 10, better="lower", denominator=words)
    assert (found.clean.low, found.clean.high) == pytest.approx((0.1, 0.1))


def test_without_a_margin_there_is_no_break_point() -> None:
    found = measure(np.tile(4 - 8 * AT, (8, 1)), margin=None)
    assert found.break_point.value is None
    assert found.area.value == pytest.approx(3.2)


def test_equal_calls_give_equal_intervals_and_codecs_share_the_draws() -> None:
    curves = np.random.default_rng(7).normal(4 - 8 * AT, 0.2, (12, 5))
    assert measure(curves) == measure(curves)
    moved = measure(curves - 1)
    assert value(moved.area.low) == pytest.approx(value(measure(curves).area.low) - 1)


@pytest.mark.parametrize("levels", [(0.0,), (0.1, 0.2), (0.0, 0.2, 0.1), (0.0, 0.1, 0.1)])
def test_refuses_levels_that_do_not_ascend_from_0(levels: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="loss rates have to ascend from 0, got"):
        tolerance(levels, np.ones((3, len(levels))), np.ones((3, len(levels))), "abc", "higher", 0.5)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """300 made-up corpora of 20 voices, 3 utterances each, whose mean curve is known.

    95 % are asked. Percentiles of 20 clusters are known to hold some 2 points fewer, and 300 trials are known to
    +-2.5 points (two standard errors): 90 to 98 % it has to be.
    """
    random, truth = np.random.default_rng(11), 4 - 6 * AT
    due, speakers = (truth[0], area(truth, AT), 0.5 / 6), list(np.repeat(np.arange(20).astype(str), 3))
    held = np.zeros(3)
    for _ in range(300):
        voices = np.repeat(random.normal(0, 0.3, (20, 1)) + random.normal(0, 1.5, (20, 1)) * AT, 3, axis=0)
        found = measure(truth + voices + random.normal(0, 0.1, (60, 5)), speakers)
        estimates = (found.clean, found.area, found.break_point)
        held += [value(e.low) <= right <= value(e.high) for e, right in zip(estimates, due, strict=True)]
    assert ((held >= 0.90 * 300) & (held <= 0.98 * 300)).all(), held / 300


def test_percentiles_are_order_statistics() -> None:
    drawn = np.array([*range(1, 1951), *[inf] * 50], dtype=np.float64)
    np.random.default_rng(0).shuffle(drawn)
    low, high = percentiles(drawn)
    assert low in (50, 51)
    assert high == 1950
    assert percentiles(np.append(drawn, inf))[1] == inf
    assert percentiles(np.empty(0)) == (None, None)


def test_a_table_of_20_codecs_and_6_metrics_takes_a_moment() -> None:
    curves = np.random.default_rng(7).normal(4 - 8 * AT, 0.2, (240, 5))
    names = [f"{i % 40}" for i in range(240)]
    start = perf_counter()
    for _ in range(10):
        measure(curves, names)
    assert (perf_counter() - start) * 12 < 10, "seconds for 120 of them; a few are usual"
    assert DRAWS == 2000


def test_every_margin_is_positive_and_says_why() -> None:
    assert MARGINS["pesq_wb"].amount == 0.5
    for name in ("pesq_nb", "stoi", "estoi", "si_sdr", "mel_distance", "plcmos", "wer", "dwer"):
        amount, _, why = MARGINS[name]
        assert amount > 0
        assert why
