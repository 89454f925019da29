"""`benchmark.windows`: planted damage is found in the windows it lies in, and nowhere else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.audio import Audio
from benchmark.holes import in_windows, recovered
from benchmark.metrics.mel_distance import frame_centres, make
from benchmark.types import Floats, NotMeasured, Signal
from benchmark.windows import TAIL, Inside, merged, window_mel_distance
from tests.signals import speech_like

RATE = 16_000
NOISE = (0.1 * np.random.default_rng(1).standard_normal(4 * RATE)).astype(np.float32)
LOUD, SOFT = np.sqrt(1.5), np.sqrt(0.5)  # as long as each other: the level of the whole stays


@pytest.fixture(scope="module")
def damaged() -> Signal:
    """The noise, half as much energy again from 1 to 1.4 s, half the energy from 3 to 3.4 s."""
    gains = np.ones(len(NOISE))
    gains[RATE : round(1.4 * RATE)], gains[3 * RATE : round(3.4 * RATE)] = LOUD, SOFT
    return (gains * NOISE).astype(np.float32)


def measure(reference: Signal, degraded: Signal, *holes: tuple[float, float], rate: int = RATE) -> Inside:
    found = window_mel_distance(reference, degraded, rate, holes)
    assert found is not None
    return found


def test_planted_damage_is_found_where_it_is(damaged: Signal) -> None:
    # These windows reach 40 ms and more into what is damaged, on both sides: more than half a frame.
    loud, soft = measure(NOISE, damaged, (1.04, 1.26)), measure(NOISE, damaged, (3.04, 3.26))
    assert loud.mean == pytest.approx(20 * np.log10(LOUD), abs=0.02)
    assert soft.mean == pytest.approx(-20 * np.log10(SOFT), abs=0.02)
    assert loud.frames == soft.frames == round((0.22 + TAIL) / 0.02)
    assert measure(NOISE, damaged, (2.0, 2.5)).mean == pytest.approx(0, abs=0.02)


def test_the_worst_window_is_told_with_its_place(damaged: Signal) -> None:
    holes = (1.04, 1.26), (2.0, 2.1), (3.04, 3.26)
    found, parts = measure(NOISE, damaged, *holes), [measure(NOISE, damaged, hole) for hole in holes]
    assert found.where == pytest.approx((3.04, 3.36))
    assert found.worst == parts[2].mean
    assert found.worst > found.mean


def test_windows_pool_as_sum_over_sum(damaged: Signal) -> None:
    holes = (1.04, 1.26), (2.0, 2.1), (3.04, 3.26)
    found, parts = measure(NOISE, damaged, *holes), [measure(NOISE, damaged, hole) for hole in holes]
    assert found.frames == sum(part.frames for part in parts)
    assert found.total == pytest.approx(sum(part.total for part in parts))


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_a_window_over_everything_is_the_mel_distance(rate: int) -> None:
    speech = speech_like(3, rate)
    degraded = speech + (0.02 * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)
    found = measure(speech, degraded, (0, 3), rate=rate)
    assert found.mean == pytest.approx(make()(speech, degraded, rate)["mel_distance"], rel=1e-12)
    assert found.worst == pytest.approx(found.mean)
    assert found.frames == 1 + (len(speech) - round(0.064 * rate)) // round(0.02 * rate)


def test_a_hole_of_zeros_is_far_worse_than_the_whole() -> None:
    speech = speech_like(4, RATE)
    holed = speech.copy()
    holed[RATE : round(1.06 * RATE)] = 0
    found, whole = measure(speech, holed, (1.0, 1.06)), make()(speech, holed, RATE)["mel_distance"]
    assert found.mean > 10 * whole


def test_without_losses_there_is_no_value(damaged: Signal) -> None:
    assert window_mel_distance(NOISE, damaged, RATE, []) is None
    assert window_mel_distance(NOISE, 0 * NOISE, RATE, []) is None
    assert window_mel_distance(NOISE, damaged, RATE, [(4.0, 4.1)]) is None
    last = float(frame_centres(197, RATE)[-1])
    assert window_mel_distance(NOISE, damaged, RATE, [(last + 0.001, 5.0)]) is None
    assert measure(NOISE, damaged, (last, 5.0)).frames == 1
    mixed = measure(NOISE, damaged, (1.04, 1.26), (9.0, 9.1))
    assert mixed == measure(NOISE, damaged, (1.04, 1.26))


def test_a_window_ends_a_tail_behind_its_hole() -> None:
    centres = frame_centres(3, RATE)
    np.testing.assert_allclose(centres, [0.032, 0.052, 0.072])
    assert measure(NOISE, 2 * NOISE, (0.0, 0.001)).frames == np.sum(frame_centres(100, RATE) < 0.101) == 4


@pytest.mark.parametrize(
    ("holes", "due"),
    [
        ([(0.5, 0.6), (0.1, 0.2)], [(0.1, 0.3), (0.5, 0.7)]),
        ([(0.1, 0.2), (0.3, 0.4)], [(0.1, 0.5)]),
        ([(0.1, 0.2), (0.25, 0.4)], [(0.1, 0.5)]),
        ([(0.1, 0.9), (0.2, 0.3)], [(0.1, 1.0)]),
        ([], []),
    ],
)
def test_windows_that_touch_or_overlap_are_one(
    holes: list[tuple[float, float]], due: list[tuple[float, float]]
) -> None:
    assert [pytest.approx(window) for window in due] == list(merged(holes))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=12))
def test_windows_hold_what_the_holes_and_tails_hold(spans: list[tuple[int, int]]) -> None:
    """In units of 20 ms, seen at the middle of each unit."""
    middles: Floats = (np.arange(300) + 0.5) * 0.02
    holes = [(start * 0.02, (start + length) * 0.02) for start, length in spans]
    covered = np.zeros(300, bool)
    for start, length in spans:
        covered[start : start + length + 5] = True
    windows = list(merged(holes))
    inside = np.array([(start <= middles) & (middles < end) for start, end in windows]).reshape(len(windows), 300)
    np.testing.assert_array_equal(inside.sum(axis=0), covered)
    assert all(first[1] < second[0] for first, second in pairwise(windows))


def test_refuses_what_the_metric_refuses(damaged: Signal) -> None:
    with pytest.raises(NotMeasured, match="the output is silent"):
        window_mel_distance(NOISE, 0 * NOISE, RATE, [(0.1, 0.2)])
    with pytest.raises(ValueError, match="align them first"):
        window_mel_distance(NOISE, damaged[1:], RATE, [(0.1, 0.2)])


def test_each_file_without_losses_has_an_error_of_its_own() -> None:
    """One that is raised again and again keeps every frame it went through, and their signals."""
    speech, caught = Audio(np.ones(16_000, np.float32), 16_000), []
    for call in (lambda: in_windows(speech, speech, []), lambda: recovered(speech.signal, speech, [])):
        for _ in range(2):
            with pytest.raises(NotMeasured, match="nothing was lost") as error:
                call()
            caught.append(error.value)
    assert len({id(error) for error in caught}) == 4
