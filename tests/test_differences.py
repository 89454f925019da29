"""benchmark.differences: planted effects are covered, equal data differ by nothing, Holm is that of statsmodels."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import stdtr, stdtrit

from benchmark.differences import Difference, Parts, difference, holm
from benchmark.stats import paired
from benchmark.types import Floats

Made = tuple[Parts, Parts, float]  # two sides and the true difference


class Coverage(NamedTuple):
    """Shares of data sets: those whose intervals hold the truth, and what utterances alone would have claimed."""

    both: float
    lower: float
    upper: float
    naive: float


def normal(generator: np.random.Generator, speakers: int, who: Floats) -> Made:
    effects = 0.1 + generator.normal(0, 0.1, speakers)
    first = generator.normal(3, 0.5, who.size)
    return (first, 1.0), (first + effects[who] + generator.normal(0, 0.2, who.size), 1.0), 0.1


def skewed(generator: np.random.Generator, speakers: int, who: Floats) -> Made:
    effects = 0.1 * generator.exponential(1, speakers)
    first = generator.normal(3, 0.5, who.size)
    return (first, 1.0), (first + effects[who] + generator.normal(0, 0.2, who.size), 1.0), 0.1


def word_errors(generator: np.random.Generator, speakers: int, who: Floats) -> Made:
    words = generator.integers(5, 30, who.size)
    rates = generator.gamma(2, 0.03, speakers)
    worse = np.minimum(rates * (1 + generator.gamma(4, 0.125, speakers)), 1)
    return (generator.binomial(words, rates[who]), words), (generator.binomial(words, worse[who]), words), 0.03


def coverage(make: Callable[..., Made], speakers: int, sets: int) -> Coverage:
    """Over data sets of speakers with 3 to 39 utterances each."""
    generator = np.random.default_rng(speakers)
    hits = np.zeros(4)
    for _ in range(sets):
        who = np.repeat(np.arange(speakers), generator.integers(3, 40, speakers))
        first, second, truth = make(generator, speakers, who)
        low, high, lower, upper = ends(found := difference(first, second, who))
        off, alone = abs((found.value or 0) - truth), (found.error or 0) / np.sqrt(found.design_effect or 1)
        hits += [low <= truth <= high, lower <= truth, truth <= upper, off <= 1.96 * alone]
    return Coverage(*(hits / sets))


def ends(found: Difference) -> tuple[float, float, float, float]:
    assert found.low is not None
    assert found.high is not None
    assert found.lower is not None
    assert found.upper is not None
    return found.low, found.high, found.lower, found.upper


@pytest.mark.parametrize("make", [normal, skewed, word_errors])
@pytest.mark.parametrize("speakers", [10, 40])
def test_intervals_hold_a_planted_truth(make: Callable[..., Made], speakers: int) -> None:
    found = coverage(make, speakers, 250)
    assert 0.88 <= found.both <= 0.98
    assert found.naive < 0.8, "ignoring the speakers would claim to be 95 %"


@pytest.mark.slow
@pytest.mark.parametrize(("speakers", "least"), [(10, 0.91), (14, 0.91), (40, 0.93)])
@pytest.mark.parametrize("make", [normal, skewed, word_errors])
def test_intervals_hold_as_often_as_they_say(make: Callable[..., Made], speakers: int, least: float) -> None:
    assert least <= coverage(make, speakers, 2000).both <= 0.97


def test_one_sided_bounds_err_as_often_as_they_say() -> None:
    found = coverage(normal, 20, 400)
    assert 0.92 <= found.lower <= 0.98
    assert 0.92 <= found.upper <= 0.98


@pytest.mark.parametrize("below", [1.0, np.arange(1.0, 61.0)])
def test_what_is_equal_differs_by_exactly_nothing(below: Floats | float) -> None:
    values = np.random.default_rng(1).normal(3, 1, 60)
    found = difference((values, below), (values, below), np.arange(60) // 5)
    assert (found.value, found.low, found.high, found.lower, found.upper) == (0, 0, 0, 0, 0)
    assert (found.p_below, found.p_above, found.error, found.detectable) == (1, 1, 0, 0)
    assert found.design_effect is None


def test_a_constant_shift_is_certain() -> None:
    values = np.random.default_rng(2).normal(3, 1, 60)
    found = difference((values, 1.0), (values - 0.1, 1.0), np.arange(60) // 5)
    assert found.value == pytest.approx(-0.1)
    assert found.low == found.high == found.value
    assert (found.p_below, found.p_above) == (0, 1)


@pytest.mark.parametrize("count", [8, 40])
def test_what_no_draw_reaches_is_students_and_survives_a_family_of_thousands(count):
    spread = np.linspace(-1, 1, count)
    found = difference((np.zeros(count), 1.0), (-5 + spread, 1.0), np.arange(count))
    assert found.value is not None
    assert found.error
    assert found.p_below == pytest.approx(float(stdtr(count - 1, found.value / found.error)), rel=1e-6)
    assert found.p_below < 1e-6
    assert found.p_above == pytest.approx(1.0)
    assert holm([found.p_below, *[0.5] * 1999])[0] < 0.05


def test_sides_and_signs() -> None:
    found = difference(([1, 2, 3, 4], 1.0), ([2, 2, 5, 4], 1.0), [*"aabb"])
    assert (found.first, found.second, found.value, found.n, found.clusters) == (2.5, 3.25, 0.75, 4, 2)
    turned = difference(([2, 2, 5, 4], 1.0), ([1, 2, 3, 4], 1.0), [*"aabb"])
    assert turned.value == -0.75
    assert (turned.low, turned.upper) == (pytest.approx(-(found.high or 0)), pytest.approx(-(found.lower or 0)))
    assert turned.p_below == pytest.approx(found.p_above, abs=2e-4)


def test_a_ratio_is_of_sums_and_not_a_mean_of_ratios() -> None:
    found = difference(([1, 0, 3], [1, 10, 3]), ([2, 1, 3], [1, 10, 3]), [*"abc"])
    assert (found.first, found.second) == (pytest.approx(4 / 14), pytest.approx(6 / 14))
    assert found.value == pytest.approx(2 / 14)


def test_ratios_over_denominators_of_their_own() -> None:
    """The error is that of the linearised difference, by hand."""
    a, b, c, d = (np.random.default_rng(n).uniform(1, 5, 12) for n in range(4))
    found = difference((a, b), (c, d), np.arange(12))
    ratios = a.sum() / b.sum(), c.sum() / d.sum()
    influence = (c - ratios[1] * d) / d.sum() - (a - ratios[0] * b) / b.sum()
    assert found.value == pytest.approx(ratios[1] - ratios[0])
    assert found.error == pytest.approx(np.sqrt(12 / 11 * np.sum(influence**2)))
    assert found.design_effect == pytest.approx(1)


def test_few_clusters_have_students_interval() -> None:
    generator = np.random.default_rng(3)
    who = np.repeat(np.arange(6), 4)
    first, second = generator.normal(0, 1, 24), generator.normal(0.2, 1, 24)
    found, wanted = difference((first, 1.0), (second, 1.0), who), paired(second, first, who)
    assert found.few
    assert (found.low, found.high) == (pytest.approx(wanted.low, rel=1e-3), pytest.approx(wanted.high, rel=1e-3))


def test_where_three_speakers_changed_it_is_three_that_speak() -> None:
    first = np.zeros(40)
    second = np.where(np.arange(40) < 3, 1.0, 0.0)
    found = difference((first, 10.0), (second, 10.0), np.arange(40))
    assert found.clusters == 40
    assert found.low is not None
    half = stdtrit(3, 0.975) * (found.error or 0)
    assert found.low == pytest.approx((found.value or 0) - half, rel=1e-3)
    assert found.p_above is not None
    assert 0.05 < found.p_above < 0.15  # a sign test of three has 1 / 8


def test_rows_and_names_have_no_order() -> None:
    generator = np.random.default_rng(4)
    who, first = np.repeat(np.arange(15), 4), generator.normal(3, 1, 60)
    second, words = first + generator.normal(0.1, 0.2, 60), generator.integers(3, 9, 60)
    shuffled, names = generator.permutation(60), np.array([f"speaker {7 * n % 15:02d}" for n in range(15)])
    found = difference((first, words), (second, words + 1), who)
    again = difference(
        (first[shuffled], words[shuffled]), (second[shuffled], words[shuffled] + 1), names[who[shuffled]]
    )
    assert found == again


def test_nothing_one_cluster_and_what_is_not_aligned() -> None:
    assert difference(([], 1.0), ([], 1.0), []) == Difference()
    assert difference(([0.0], [0.0]), ([1.0], [1.0]), ["a"]) == Difference(second=1.0, n=1, clusters=1)
    alone = difference(([1.0, 2.0], 1.0), ([2.0, 4.0], 1.0), ["a", "a"])
    assert alone == Difference(first=1.5, second=3.0, value=1.5, n=2, clusters=1)
    with pytest.raises(ValueError, match="align them"):
        difference(([1.0, 2.0], 1.0), ([1.0], 1.0), ["a", "b"])


def test_the_design_effect_of_speakers() -> None:
    """1 + (m - 1) rho, Kish: 20 utterances of a speaker, half of the variance the speaker's, make 10.5."""
    generator = np.random.default_rng(5)
    who = np.repeat(np.arange(400), 20)
    second = generator.normal(0, 1, 400)[who] + generator.normal(0, 1, who.size)
    found = difference((np.zeros(who.size), 1.0), (second, 1.0), who)
    assert found.design_effect == pytest.approx(10.5, rel=0.15)


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    generator = np.random.default_rng(6)
    spread, found = 1 / np.sqrt(50), 0
    for _ in range(200):
        values = generator.normal(2.8 * spread, 1, 50)
        low = difference((np.zeros(50), 1.0), (values, 1.0), np.arange(50)).low
        found += low is not None and low > 0
    assert 0.7 < found / 200 < 0.88
    assert difference((np.zeros(50), 1.0), (values, 1.0), np.arange(50)).detectable == pytest.approx(
        2.8 * values.std() / 7, rel=0.01
    )


@pytest.mark.parametrize(("crossed", "named"), [(False, False), (True, False), (True, True)])
def test_seeds_of_losses_are_in_the_clusters_and_those_all_share_are_named(crossed: bool, named: bool) -> None:
    """20 speakers, 4 utterances, 5 seeds; what a seed adds is drawn for each utterance, or one for all."""
    generator, hits, sets = np.random.default_rng(7), 0, 250
    who, seeds = (axis.ravel() for axis in np.meshgrid(np.repeat(np.arange(20), 4), np.arange(5)))
    for _ in range(sets):
        lost = generator.normal(0, 0.2, 5)[seeds] if crossed else generator.normal(0, 0.2, who.size)
        second = 0.1 + generator.normal(0, 0.1, 20)[who] + lost + generator.normal(0, 0.05, who.size)
        found = difference((np.zeros(who.size), 1.0), (second, 1.0), who, seeds if named else None)
        low, high, _, _ = ends(found)
        hits += low <= 0.1 <= high
    if crossed and not named:
        assert hits / sets < 0.6, "one draw for all is no part of what speakers differ by"
    else:
        assert 0.92 <= hits / sets <= 0.99


def test_one_seed_says_nothing_of_others() -> None:
    values, who = np.random.default_rng(8).normal(0, 1, (2, 30)), np.arange(30) // 2
    alone = difference((values[0], 1.0), (values[1], 1.0), who)
    assert difference((values[0], 1.0), (values[1], 1.0), who, np.zeros(30)) == alone


def test_holm_is_that_of_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    for count in (1, 2, 7, 120):
        p = np.round(np.random.default_rng(count).uniform(0, 0.2, count) ** 2, 3)  # with ties
        assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1].tolist())


def test_holm_of_nothing() -> None:
    assert holm([]) == []
