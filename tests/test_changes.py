"""Change points: planted steps are found where they are, and flat series have none."""

import numpy as np
import pytest

from benchmark.changes import FEWEST, change_points, noise_of


def flat(count: int, level: float = 3.0, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    return level + noise * np.random.default_rng(seed).standard_normal(count)


def points(values: object, alike: list[bool] | None = None) -> list[int]:
    known = [True] * (len(values) - 1) if alike is None else alike  # type: ignore[arg-type]  # a sequence
    return change_points(list(values), known).points  # type: ignore[call-overload]


def test_a_series_that_repeats_exactly_has_every_change_of_it():
    assert points([1.5] * 20) == []
    assert points([1.5] * 5 + [1.6] * 5 + [1.5] * 5) == [5, 10]
    assert points([1.5] * 19 + [1.4]) == [19], "the last run alone"


def test_what_differs_by_rounding_alone_is_the_same():
    assert points([1.5, 1.5 + 1e-12, 1.5, 1.5 - 1e-12, 1.5]) == []


@pytest.mark.parametrize("count", [FEWEST, 30, 60])
def test_flat_noise_rarely_changes(count: int):
    simulated = 400
    alarms = sum(bool(points(flat(count, seed=seed))) for seed in range(simulated))
    assert alarms <= 0.03 * simulated, "1 % is what the penalty is made for"


@pytest.mark.parametrize("place", [6, 15, 24])
def test_a_step_of_six_times_the_noise_is_found_where_it_is(place: int):
    hits = 0
    for seed in range(40):
        values = flat(30, seed=seed)
        values[place:] -= 0.3
        hits += points(values) == [place]
    assert hits >= 36


def test_the_last_run_is_judged_too():
    values = flat(30)
    values[-1] += 0.6
    assert points(values) == [29]


def test_few_noisy_runs_say_nothing():
    assert points([3.0, 3.1, 2.9, 3.05, 9.0]) == []


def test_noise_is_measured_where_nothing_else_changed():
    values = np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0])
    assert noise_of(values, [True, False] * 3 + [True]) == 0.0
    assert points(values, [True, False] * 3 + [True]) == [2, 4, 6], "a codec under development repeats exactly"
    assert noise_of(values[::2], [False] * 3) > 0
    assert noise_of(values[::2][:3], [False] * 2) == 0, "too little is known"


def test_noise_is_its_standard_deviation():
    assert noise_of(flat(4000), [True] * 3999) == pytest.approx(0.05, rel=0.05)


def test_the_interval_of_a_step_holds_what_was_planted_in_95_of_100():
    halves = []
    for seed in range(300):
        values = flat(20, seed=seed)
        values[12:] -= 1.0
        levels = change_points(list(values), [True] * 19)
        if levels.points == [12]:
            halves.append(abs(values[12:].mean() - values[:12].mean() + 1.0) <= levels.half_width(12, 8))
    assert len(halves) >= 285
    assert 0.91 <= sum(halves) / len(halves) <= 0.985
