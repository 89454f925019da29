"""benchmark.rates: planted rates are found again with honest intervals, and the package's own curves reproduced."""

import numpy as np
import pytest

from benchmark.rates import EqualRate, bd_rate, equal_rate, pareto
from benchmark.types import Floats, UserError

RATES = np.array([6.0, 9, 12, 16, 24, 32]) * 1e3
ANCHOR = [9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851]  # of the package's own test
TESTED = [9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987]


def quality(rate: Floats | float) -> Floats | float:
    """A smooth curve from 1 to 4.5."""
    return 1 + 3.5 / (1 + (np.asarray(rate) / 1e4) ** -2.5)


def made(rate: float, seed: int = 0, speakers: int = 12, spread: float = 0.1, lower: bool = False) -> EqualRate:
    """Six rates against a target that is as good as `rate`; voices differ in all of them alike, and in the target."""
    generator = np.random.default_rng(seed)
    who = np.repeat(np.arange(speakers), 4)
    voice, own = (generator.normal(0, s, speakers)[who] for s in (0.3, spread))
    family = np.stack([quality(r) + voice + generator.normal(0, spread, who.size) for r in RATES])
    target = quality(rate) + voice + own + generator.normal(0, spread, who.size)
    sign = -1.0 if lower else 1.0
    return equal_rate(RATES, (sign * family, np.ones_like(family)), (sign * target, np.ones(who.size)), who, not lower)


@pytest.mark.parametrize("lower", [False, True])
def test_a_planted_rate_is_found(lower: bool) -> None:
    found = made(9800, lower=lower)
    assert found.rate == pytest.approx(9800, rel=0.08)
    assert found.low is not None
    assert found.high is not None
    assert found.low < (found.rate or 0) < found.high
    assert (found.least, found.most, found.side, found.n, found.clusters) == (6000, 32000, "", 48, 12)


def test_the_interval_holds_the_planted_rate() -> None:
    hits, sets = 0, 120
    for seed in range(sets):
        found = made(11_000, seed)
        hits += (found.low or 0) <= 11_000 <= (found.high or 1e9)
    assert 0.89 <= hits / sets <= 0.99


def test_without_noise_the_curve_itself_is_inverted() -> None:
    """A straight line over the logarithm of the rate is met exactly."""
    family = np.log(RATES)[:, None] * np.ones(8)
    found = equal_rate(
        RATES[::-1], (family[::-1], np.ones((6, 8))), (np.full(8, np.log(1e4)), np.ones(8)), np.arange(8)
    )
    assert (found.rate, found.low, found.high) == (pytest.approx(1e4), pytest.approx(1e4), pytest.approx(1e4))


def test_none_in_range_says_on_which_side() -> None:
    above, below = made(90_000), made(2_000)
    assert (above.rate, above.side, above.low, above.high) == (None, "more", 32000, None)
    assert (below.rate, below.side, below.low, below.high) == (None, "less", None, 6000)


def test_a_level_that_stays_below_the_target_is_more_than_all_of_it() -> None:
    family = np.array([1.0, 3.0, 2.9])[:, None] + np.random.default_rng(2).normal(0, 0.01, 12)
    found = equal_rate(RATES[:3], (family, np.ones((3, 12))), (np.full(12, 4.0), np.ones(12)), np.arange(12))
    assert (found.rate, found.side, found.low, found.high) == (None, "more", 12000, None)


def test_an_interval_may_run_out_of_the_range() -> None:
    above, below = made(31_000, spread=0.3), made(6_200, spread=0.3)
    assert above.low is not None
    assert above.low < 31_000
    assert above.high is None
    assert below.low is None
    assert below.high is not None
    assert below.high > 6_200


def test_a_member_needs_its_own_rate() -> None:
    generator = np.random.default_rng(1)
    family = np.stack([quality(r) + generator.normal(0, 0.1, 40) for r in RATES])
    for place in (0, 2, 5):
        found = equal_rate(RATES, (family, np.ones_like(family)), (family[place], np.ones(40)), np.arange(40) // 4)
        assert found.rate == pytest.approx(RATES[place], rel=1e-3)
        assert found.side == ""


def test_quality_that_falls_is_flat() -> None:
    """24 kbit/s below 16: isotonic regression makes them one level, so nothing is read off a slope that goes down."""
    family = np.array([1.0, 2.0, 3.0, 3.4, 3.2, 4.0])[:, None] * np.ones(5)
    found = equal_rate(RATES, (family, np.ones((6, 5))), (np.full(5, 3.29), np.ones(5)), np.arange(5))
    assert 12_000 < (found.rate or 0) < 16_000


def test_ratios_are_pooled_from_their_parts() -> None:
    words = np.tile([2.0, 40.0], 6)
    family = np.stack([np.where(words > 2, 0.1 * level * words, words) for level in (5, 3, 1)])
    target = np.where(words > 2, 0.3 * words, words)
    found = equal_rate(RATES[:3], (family, np.tile(words, (3, 1))), (target, words), np.arange(12) // 2, higher=False)
    assert found.rate == pytest.approx(9000, rel=1e-3)


def test_one_speaker_gives_a_rate_and_no_interval() -> None:
    found = made(9800, speakers=1)
    assert found.rate is not None
    assert (found.low, found.high, found.clusters) == (None, None, 1)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="1 rates"):
        equal_rate([6000], (np.ones((1, 3)), np.ones((1, 3))), (np.ones(3), np.ones(3)), [1, 2, 3])


@pytest.mark.parametrize(("method", "wanted"), [("cubic", -4.4204627), ("pchip", -4.4174853), ("akima", -4.4252452)])
def test_the_packages_own_curves(method: str, wanted: float) -> None:
    found = bd_rate(ANCHOR, TESTED, method)
    assert found.percent == pytest.approx(wanted, abs=1e-6)
    assert (found.low, found.high) == (34.987, 40.037)


def test_sanity_of_the_delta() -> None:
    there, back = bd_rate(ANCHOR, TESTED).percent, bd_rate(TESTED, ANCHOR).percent
    assert there is not None
    assert back is not None
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)
    assert bd_rate(ANCHOR, ANCHOR).percent == 0
    doubled = [2 * rate for rate in ANCHOR[0]], ANCHOR[1]
    assert bd_rate(ANCHOR, doubled).percent == pytest.approx(100)
    errors = ANCHOR[0], [-q for q in ANCHOR[1]]
    turned = bd_rate(errors, (TESTED[0], [-q for q in TESTED[1]]), higher=False)
    assert turned.percent == pytest.approx(there)
    assert (turned.low, turned.high) == (-40.037, -34.987)


def test_curves_of_which_there_is_no_delta_say_why() -> None:
    high = ANCHOR[0], [q + 10 for q in ANCHOR[1]]
    assert bd_rate(ANCHOR, high).reason == "the curves share no quality"
    assert bd_rate(ANCHOR, ([1, 2, 3], [35, 36, 37]), "cubic").reason == "cubic needs 4 rates of either"
    assert bd_rate(ANCHOR, ([1, 2, 3, 4], [35, 37, 36, 38])).reason == "quality does not rise with every rate"


def test_what_only_the_caller_can_mend() -> None:
    with pytest.raises(UserError, match="akima, cubic, pchip"):
        bd_rate(ANCHOR, TESTED, "spline")
    with pytest.raises(UserError, match="above zero"):
        bd_rate(([0.0, 1], [1, 2]), TESTED)
    with pytest.raises(UserError, match="2 rates and 3 qualities"):
        bd_rate(([1, 2], [1, 2, 3]), TESTED)


def test_the_front_holds_what_nothing_beats() -> None:
    rates, gains = [[1], [2], [3], [2], [1]], [[1], [3], [2], [3], [np.nan]]
    assert pareto(rates, gains).tolist() == [True, True, False, True, False]
    waits = [[1, 20], [2, 80], [3, 10], [2, 40], [1, 1]]
    assert pareto(waits, gains).tolist() == [True, False, True, True, False]
