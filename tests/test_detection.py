"""Equal error rates: by hand, equal to scikit-learn's curve and SpeechBrain's EER; intervals that know the speakers."""

import numpy as np
import numpy.typing as npt
import pytest

from benchmark.detection import _errors, _rates, detection
from benchmark.seeds import generator
from benchmark.stats import NOTHING


def equal_error_rate(same: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """The rate alone, of any number of trials of either kind."""
    accepted, refused = np.asarray(same, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return float(_rates(_errors([accepted], [refused]), np.ones((1, 1)))[0])


def fixed() -> np.random.Generator:
    return generator(0, "test")


@pytest.mark.parametrize(
    ("same", "other", "rate"),
    [
        ([0.6, 0.7, 0.8, 0.9], [0.1, 0.2, 0.3], 0.0),
        ([0.1, 0.2], [0.8, 0.9], 1.0),
        ([0.5, 0.5, 0.5], [0.5, 0.5], 0.5),  # who always says the same is at chance
        ([0.2, 0.6, 0.7, 0.8], [0.1, 0.3, 0.4, 0.65], 0.25),  # at 0.5, one of four each
        ([0.0, 1.0], [0.5], 0.5),  # at 0.5 half are missed and all taken, above it half and none
        ([3.0], [2.0], 0.0),
        ([2.0], [2.0], 0.5),
        ([1, 2, 3], [2], 0.5),  # a straight line from (0 taken, 2/3 missed) to (1, 1/3) crosses at a half
    ],
)
def test_by_hand(same: list[float], other: list[float], rate: float) -> None:
    assert equal_error_rate(same, other) == pytest.approx(rate, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_is_where_scikit_learns_curve_crosses(seed: int) -> None:
    from scipy.optimize import brentq
    from sklearn.metrics import roc_curve

    random = np.random.default_rng(seed)
    same, other = random.normal(1, 1, 5 + 7 * seed), random.normal(0, 1.5, 60 - 2 * seed)
    if seed % 2:  # with ties
        same, other = same.round(1), other.round(1)
    truth = np.r_[np.ones(len(same)), np.zeros(len(other))]
    taken, kept, _ = roc_curve(truth, np.r_[same, other], drop_intermediate=False)
    crossing = brentq(lambda x: 1 - x - np.interp(x, taken, kept), 0, 1)
    assert equal_error_rate(same, other) == pytest.approx(crossing, abs=1e-9)


def test_is_speechbrains_up_to_half_a_step() -> None:
    from benchmark.compat import allow_cpu_torchaudio

    allow_cpu_torchaudio()
    import torch
    from speechbrain.utils.metric_stats import EER

    for seed in range(10):
        random = np.random.default_rng(seed)
        same, other = random.normal(1, 1, 40), random.normal(0, 1, 50)
        theirs, _ = EER(torch.tensor(same), torch.tensor(other))
        assert equal_error_rate(same, other) == pytest.approx(theirs, abs=0.5 / 40)


def test_known_normals() -> None:
    from scipy.stats import norm

    random = np.random.default_rng(0)
    rate = equal_error_rate(random.normal(2, 1, 100_000), random.normal(0, 1, 100_000))
    assert rate == pytest.approx(norm.cdf(-1), abs=0.002)


def test_scale_and_order_do_not_matter() -> None:
    random = np.random.default_rng(3)
    same, other, people = random.normal(1, 1, 60), random.normal(0, 1, 60), np.repeat(np.arange(12), 5)
    first = detection(same, other, people, fixed())
    assert equal_error_rate(5 * same - 2, 5 * other - 2) == pytest.approx(equal_error_rate(same, other))
    mixed = random.permutation(60)
    second = detection(same[mixed], other[mixed], people[mixed], fixed())
    assert (first.low, first.high, first.value) == (second.low, second.high, second.value)
    assert (first.n, first.clusters, first.few) == (60, 12, False)
    assert first.value == equal_error_rate(same, other)


def test_few_speakers_have_no_interval() -> None:
    scores = np.linspace(0, 1, 10)
    nine = detection(scores[:9], scores[:9] - 0.2, np.arange(9), fixed())
    assert (nine.few, nine.low, nine.high, nine.clusters) == (True, None, None, 9)
    ten = detection(scores, scores - 0.2, np.arange(10), fixed())
    assert ten.low is not None
    assert not ten.few
    scores = scores[:9]
    alone = detection(scores, scores - 0.2, np.zeros(9), fixed())
    assert (alone.low, alone.high, alone.n, alone.clusters) == (None, None, 9, 1)
    assert alone.value == equal_error_rate(scores, scores - 0.2)
    assert detection([], [], [], fixed()) == NOTHING


def test_the_interval_covers_a_planted_truth_and_ignoring_speakers_does_not() -> None:
    from scipy.stats import norm

    random = np.random.default_rng(5)
    truth, speakers, each = norm.cdf(-2 / np.sqrt(2) / 2), 20, 6
    hits = naive = 0
    for draw in range(100):
        people = np.repeat(np.arange(speakers), each)
        voice = random.normal(0, np.sqrt(0.9), (2, speakers))[:, people]
        same, other = np.array([[2.0], [0.0]]) * np.sqrt(0.5) + voice + random.normal(0, np.sqrt(0.1), voice.shape)
        found = detection(same, other, people, generator(draw, "test"))
        apart = detection(same, other, np.arange(len(people)), generator(draw, "test"))
        assert found.low is not None
        assert found.high is not None
        assert apart.low is not None
        assert apart.high is not None
        hits += found.low <= truth <= found.high
        naive += apart.low <= truth <= apart.high
    assert hits > 88
    assert naive < 75


def test_the_same_generator_gives_the_same_interval() -> None:
    random = np.random.default_rng(7)
    trials = random.normal(1, 1, 30), random.normal(0, 1, 30), np.repeat(np.arange(10), 3)
    assert detection(*trials, fixed()) == detection(*trials, fixed())


@pytest.mark.parametrize(("shift", "rate"), [(5.0, 0.0), (-5.0, 1.0)])
def test_a_rate_that_no_draw_changes_has_no_interval(shift: float, rate: float) -> None:
    random = np.random.default_rng(11)
    same, other, people = random.uniform(0, 1, 60) + shift, random.uniform(0, 1, 60), np.repeat(np.arange(12), 5)
    found = detection(same, other, people, fixed())
    assert (found.value, found.low, found.high, found.clusters) == (rate, None, None, 12)
    constant = detection(np.ones(60), np.ones(60), people, fixed())
    assert (constant.value, constant.low) == (0.5, None), "who always says the same is at chance, whoever is drawn"
    other[0] = same.max() + 1 if shift > 0 else same.min() - 1
    assert detection(same, other, people, fixed()).low is not None, "one wrong, or right, is enough"


@pytest.mark.parametrize(
    ("same", "other"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([1.0], [np.inf]), ([1.0, -np.inf], [1.0])]
)
def test_what_is_no_score_is_refused(same: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="finite scores of both kinds"):
        equal_error_rate(same, other)


def test_unpaired_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="one of each"):
        detection([1.0, 2.0], [1.0], ["a", "a"], fixed())
