"""benchmark.stats: hand-worked cases, the textbook t interval, coverage of a planted truth."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as textbook

from benchmark.stats import Estimate, paired, pooled, widened


def test_a_ratio_is_sum_over_sum_and_not_a_mean_of_ratios() -> None:
    estimate = pooled([1, 30], [10, 100], ["a", "b"])
    assert estimate.value == pytest.approx(31 / 110)


def test_ratio_interval_by_hand() -> None:
    # value 6/12 = 0.5; residuals n - 0.5 d: 0, -1, 1 in clusters a, a, b: sums -1 and 1
    # se = sqrt(2/1 * (1 + 1)) / 12 = 1/6; t(1 df) = 12.7062
    estimate = pooled([1, 1, 4], [2, 4, 6], ["a", "a", "b"])
    assert (estimate.value, estimate.n, estimate.clusters) == (0.5, 3, 2)
    assert estimate.half == pytest.approx(12.7062 / 6, rel=1e-5)
    assert estimate.low == pytest.approx(0.5 - 12.7062 / 6, rel=1e-5)


def test_one_observation_per_cluster_is_the_plain_t_interval() -> None:
    values = np.random.default_rng(1).normal(3, 1, 17)
    low, high = textbook.t.interval(0.95, 16, values.mean(), values.std(ddof=1) / math.sqrt(17))
    estimate = pooled(values, 1.0, np.arange(17))
    assert (estimate.low, estimate.high) == (pytest.approx(low), pytest.approx(high))


def test_it_is_the_sandwich_of_a_regression_on_a_constant() -> None:
    generator = np.random.default_rng(2)
    clusters = generator.integers(0, 12, 80)
    values = generator.normal(size=80) + clusters
    design = np.ones((80, 1))
    bread = np.linalg.inv(design.T @ design)
    residuals = values - values.mean()
    scores = np.array([design[clusters == c].T @ residuals[clusters == c] for c in range(12)])
    variance = 12 / 11 * (bread @ (scores.T @ scores) @ bread).item()
    half = pooled(values, 1.0, clusters).half
    assert half == pytest.approx(textbook.t.ppf(0.975, 11) * math.sqrt(variance))


@pytest.mark.parametrize("speakers", [5, 12, 30])
def test_the_interval_covers_a_planted_truth(speakers: int) -> None:
    generator = np.random.default_rng(speakers)
    clusters = np.repeat(np.arange(speakers), 8)
    hits = naive = 0
    for _ in range(600):
        values = 2.0 + generator.normal(0, 1, speakers)[clusters] + generator.normal(0, 1, clusters.size)
        estimate = pooled(values, 1.0, clusters)
        assert estimate.low is not None
        assert estimate.high is not None
        hits += estimate.low <= 2.0 <= estimate.high
        half = 1.96 * values.std(ddof=1) / math.sqrt(values.size)
        naive += abs(values.mean() - 2.0) <= half
    assert 0.93 <= hits / 600 <= 0.97
    assert naive / 600 < 0.75  # what ignoring the speakers would claim to be 95 %


def test_a_clustered_ratio_covers_its_truth() -> None:
    generator = np.random.default_rng(7)
    clusters = np.repeat(np.arange(20), 5)
    hits = 0
    for _ in range(500):
        words = generator.integers(5, 30, clusters.size)
        rate = np.clip(0.2 + generator.normal(0, 0.05, 20), 0.01, 0.9)[clusters]
        estimate = pooled(generator.binomial(words, rate), words, clusters)
        assert estimate.low is not None
        assert estimate.high is not None
        hits += estimate.low <= 0.2 <= estimate.high
    assert 0.92 <= hits / 500 <= 0.975


def test_one_cluster_gives_a_value_and_no_interval() -> None:
    estimate = pooled([1.0, 3.0], 1.0, ["only", "only"])
    assert estimate == Estimate(2.0, None, None, 2, 1)
    assert estimate.half is None
    assert estimate.few


def test_nothing_to_pool_is_no_value() -> None:
    assert pooled([], [], []).value is None
    assert pooled([0.0], [0.0], ["a"]).value is None


def test_few_says_when_an_interval_is_descriptive() -> None:
    assert pooled(np.arange(9.0), 1.0, np.arange(9)).few
    assert not pooled(np.arange(10.0), 1.0, np.arange(10)).few


def test_paired_cancels_what_two_codecs_share() -> None:
    generator = np.random.default_rng(3)
    clusters = np.repeat(np.arange(12), 4)
    difficulty = generator.normal(0, 5, clusters.size)
    estimate = paired(difficulty + 0.5, difficulty, clusters)
    assert estimate.value == pytest.approx(0.5)
    assert estimate.half == pytest.approx(0.0, abs=1e-9)


def test_paired_refuses_what_is_not_aligned() -> None:
    with pytest.raises(ValueError, match="align them first"):
        paired([1.0, 2.0], [1.0], ["a", "b"])


def test_seeds_widen_an_interval_as_far_as_they_differ() -> None:
    speakers, seeds = Estimate(0.5, 0.47, 0.53, 90, 10), Estimate(0.5, 0.46, 0.54, 90, 3)
    both = widened(speakers, seeds)
    assert (both.low, both.high) == pytest.approx((0.45, 0.55))
    assert (both.value, both.n, both.clusters) == (0.5, 90, 10)
    assert widened(speakers, replace(seeds, low=None, high=None)) == speakers
    assert widened(replace(speakers, low=None, high=None), seeds).half is None


def test_intervals_of_trainings_hold_for_other_seeds() -> None:
    """A share that differs by seed: the interval of speakers alone covers it too seldom."""
    generator = np.random.default_rng(0)
    alone, both, runs = 0, 0, 300
    for _ in range(runs):
        share = 0.7 + 0.05 * generator.standard_normal(5)
        hits = generator.random((5, 40, 5)) < share[:, None, None]
        speakers = np.broadcast_to(np.arange(40)[:, None], hits.shape).ravel()
        seeds = np.broadcast_to(np.arange(5)[:, None, None], hits.shape).ravel()
        of_speakers = pooled(hits.ravel(), 1.0, speakers)
        wide = widened(of_speakers, pooled(hits.ravel(), 1.0, seeds))
        alone += covers(of_speakers, 0.7)
        both += covers(wide, 0.7)
    assert alone / runs < 0.85
    assert 0.93 <= both / runs <= 0.99


def covers(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high
