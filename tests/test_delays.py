"""Delays against their laws, and the order of packets against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, truncnorm

from benchmark.channels import _delays
from benchmark.channels.delay import Delay
from benchmark.channels.gamma import Gamma
from benchmark.channels.gaussian import Gaussian
from benchmark.channels.spikes import Spikes
from benchmark.seeds import generator
from benchmark.types import Point, UserError
from tests.networks import MS, delays, every, ready

MANY = 2_000_000
SPREAD = 4.0  # standard deviations a seeded estimate may lie away from its closed form
STEP = 20 * MS
SHARES = np.array([0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999])
LAWS = [Gaussian(60, 10), Gaussian(60, 30), Gaussian(60, 54), Gamma(60, 10), Gamma(60, 40), Gamma(60, 60)]
ORDERED = [
    Gaussian(60, 30, ordered=True),
    Gaussian(60, 50, ordered=True, step_ms=5),
    Gamma(60, 40, ordered=True),
    Gamma(40, 80, ordered=True, step_ms=10),
    Spikes(60, 200, 400),
    Spikes(60, 200, 50),
    Spikes(300, 500, 20, step_ms=10),
]


def test_a_constant_delay_is_the_minimum_of_the_network():
    fate = Delay(80.5).fate(every(20, 5), generator(0))
    assert (fate.base, fate.delays.tolist()) == (80_500_000, [0] * 5)
    assert Delay(0).fate(every(20, 5), generator(0)).base == 0
    assert Delay(80.5).title == "delay of 80.5 ms"


@pytest.mark.parametrize("channel", LAWS, ids=repr)
def test_a_delay_follows_its_law_over_two_million_packets(channel):
    seen = delays(channel, every(20, MANY)) / MS
    assert (seen.mean(), seen.std()) == pytest.approx((channel.mean_ms, channel.std_ms), rel=0.02)
    assert np.quantile(seen, SHARES) == pytest.approx(channel.quantile(SHARES), rel=0.02, abs=0.1)
    assert abs(np.corrcoef(seen[1:], seen[:-1])[0, 1]) < SPREAD / np.sqrt(MANY), "drawn anew for each packet"
    assert seen.min() >= 0
    assert (delays(channel, every(20, 2000)) % 1000 == 0).all(), "whole microseconds"


@settings(deadline=None)
@given(st.floats(0.002, 60_000), st.floats(1e-4, 0.9))
def test_a_normal_delay_has_the_mean_and_deviation_asked_for_behind_its_cut(mean, ratio):
    channel = Gaussian(mean, max(0.001, mean * ratio))
    cut, middle = channel.cut(), channel.quantile(np.array([0.5]))[0]
    law = truncnorm(cut, np.inf)  # in standard deviations, from the mean of the normal law
    scale = middle / (law.ppf(0.5) - cut)
    assert channel.quantile(SHARES) == pytest.approx(scale * (law.ppf(SHARES) - cut))
    assert scale * (law.mean() - cut) == pytest.approx(channel.mean_ms)
    assert scale * law.std() == pytest.approx(channel.std_ms, rel=1e-4)


@settings(deadline=None)
@given(st.floats(0.01, 60_000), st.floats(1e-3, 10))
def test_a_gamma_delay_is_that_of_scipy(mean, ratio):
    channel = Gamma(mean, min(60_000, max(0.001, mean * ratio)))
    law = gamma((channel.mean_ms / channel.std_ms) ** 2, scale=channel.std_ms**2 / channel.mean_ms)
    assert (law.mean(), law.std()) == pytest.approx((channel.mean_ms, channel.std_ms))
    assert channel.quantile(SHARES) == pytest.approx(law.ppf(SHARES), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("channel", [Gaussian(60, 30), Gaussian(10, 9), Gaussian(6e4, 0.001), Gamma(60, 600)])
def test_the_ends_of_the_draws_are_delays_too(channel):
    ends = channel.quantile(np.array([0.0, 2.0**-53, 1 - 2.0**-53]))
    assert ends[0] <= 1e-6 or channel.mean_ms == 6e4
    assert channel.mean_ms < ends[2] < 1e9
    assert _delays.whole(ends)[0] >= 0


def test_no_delay_is_negative_whatever_the_law_says():
    assert _delays.whole(np.array([-np.inf, -1.0, -0.0, 0.0004, 0.0006])).tolist() == [0, 0, 0, 0, 1000]


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        (Gaussian(30, 15), Gaussian(60, 30)),
        (Gaussian(30, 15, ordered=True), Gaussian(60, 30, ordered=True)),
        (Gamma(30, 30), Gamma(60, 60)),
        (Gamma(30, 30, ordered=True), Gamma(60, 60, ordered=True)),
        (Gamma(60, 40), Gamma(60, 40, ordered=True)),
        (Gaussian(60, 40), Gaussian(60, 40, ordered=True)),
        (Spikes(6, 200, 100), Spikes(30, 200, 100)),
        (Spikes(30, 200, 100), Spikes(30, 300, 100)),
        (Spikes(30, 200, 100), Spikes(30, 200, 150)),
        (Spikes(30, 200, 10), Spikes(30, 200, 2000)),
        (Spikes(600, 10, 500), Spikes(600, 10, 1000)),
        (Spikes(600, 100, 500), Spikes(600, 1000, 500)),
    ],
    ids=str,
)
def test_more_of_the_same_weather_only_adds_delay(smaller, larger):
    low, high = (delays(channel, every(10, 20_000)) for channel in (smaller, larger))
    assert (low <= high).all()
    assert low.sum() < high.sum()


@pytest.mark.parametrize("channel", ORDERED, ids=repr)
def test_in_order_no_packet_overtakes_another_whoever_sends_them(channel):
    streams = [ready(600, *codec) for codec in ((48_000, 480), (24_000, 320), (48_000, 960, 312), (16_000, 1280))]
    sent = np.unique(np.concatenate([*streams, streams[0] + 1, np.arange(5 * STEP, 6 * STEP, 1000)]))
    seen = delays(channel, sent)
    assert (np.diff(sent + seen) >= 0).all()
    assert (seen >= 0).all()
    assert (np.diff(sent + seen) == 0).any(), "what queued up arrives at once"


@pytest.mark.parametrize("channel", [Gaussian(60, 30), Gamma(60, 40)], ids=repr)
def test_out_of_order_packets_do_overtake_each_other(channel):
    sent = every(20, 1000)
    assert (np.diff(sent + delays(channel, sent)) < 0).any()


@pytest.mark.parametrize(("law", "ms"), [(Gaussian, 20), (Gamma, 20), (Gamma, 10)])
def test_the_order_is_the_one_that_is_defined(law, ms):
    """No sooner than what was sent at the end of any earlier step."""
    steps = 300
    drawn = delays(law(60, 40, step_ms=ms), every(ms, steps)).tolist()
    sent = np.unique(np.concatenate([every(10, steps), every(40 / 3, steps // 2), [0, 1, ms * MS, ms * MS + 1]]))
    sent = sent[sent <= steps * ms * MS]
    expected = []
    for t in sent.tolist():
        k = max(-(-t // (ms * MS)) - 1, 0)
        arrivals = [(j + 1) * ms * MS + drawn[j] for j in range(k)]
        expected.append(max([drawn[k], *(a - t for a in arrivals)]))
    assert delays(law(60, 40, ordered=True, step_ms=ms), sent).tolist() == expected


# --- spikes ---


@pytest.mark.parametrize(
    "channel", [Spikes(30, 50, 400), Spikes(120, 20, 1000), Spikes(30, 50, 400, step_ms=10)], ids=repr
)
def test_spikes_add_up_to_their_closed_form_over_two_million_packets(channel):
    """Shot noise [Campbell 1909], in steps: where nothing queues, mean and variance are those of a geometric sum."""
    seen = delays(channel, every(channel.step_ms, MANY)) / MS
    chance, height, kept = channel.per_minute * channel.step_ms / 60_000, channel.height_ms, channel.kept
    assert seen.mean() == pytest.approx(chance * height / (1 - kept), rel=0.02)
    assert seen.var() == pytest.approx(chance * (1 - chance) * height**2 / (1 - kept**2), rel=0.04)
    lag = int(channel.decay_ms / channel.step_ms)
    assert np.corrcoef(seen[lag:], seen[:-lag])[0, 1] == pytest.approx(np.exp(-1), rel=0.05)


def alone(channel, before, behind):
    """Delays around the first spike with nothing else near it, ns; packets of one step."""
    whole = delays(channel, every(channel.step_ms, 200_000))
    for start in np.flatnonzero(np.diff(whole) > 0) + 1:
        if not whole[start - before : start].any() and (np.diff(whole[start : start + behind]) <= 0).all():
            return whole[start : start + behind]
    raise AssertionError("no spike stands alone")


def test_a_spike_decays_geometrically_where_that_is_slower_than_time():
    seen = alone(Spikes(6, 200, 300), 500, 100) / MS
    assert seen == pytest.approx(200 * np.exp(-np.arange(100) * 20 / 300), abs=0.001)


def test_a_spike_that_decays_faster_than_time_is_a_queue_that_empties():
    seen = alone(Spikes(6, 200, 50), 500, 30) / MS
    drawn = 200 * np.exp(-np.arange(30) * 20 / 50)
    assert seen == pytest.approx(np.maximum(drawn, 200 - 20 * np.arange(30)), abs=0.001)
    assert seen[1] == pytest.approx(180)
    assert seen[9] == pytest.approx(20)


@pytest.mark.parametrize("channel", [Spikes(60, 100, 400), Spikes(60, 200, 20)], ids=repr)
def test_what_happened_before_the_signal_is_felt_at_its_start(channel):
    first = np.mean([delays(channel, every(20, 1), seed)[0] for seed in range(4000)])
    later = delays(channel, every(20, MANY // 4))
    assert first == pytest.approx(later.mean(), abs=SPREAD * later.std() / np.sqrt(4000))


def test_how_far_back_it_looks_changes_nothing_of_what_came_just_before():
    for seed in range(100):
        low, high = (delays(Spikes(60, 100, decay), every(20, 20), seed) for decay in (100, 110))
        assert (low <= high).all()


@pytest.mark.parametrize("channel", [Spikes(0, 200, 100), Spikes(60, 0, 100)], ids=repr)
def test_no_spikes_are_no_delay(channel):
    assert not delays(channel, every(20, 1000)).any()


def test_as_many_spikes_as_steps_are_a_constant():
    seen = delays(Spikes(3000, 10, 100), every(20, 1000))
    assert seen == pytest.approx(np.full(1000, 10 * MS / (1 - np.exp(-0.2))), abs=1000)


# --- names and limits ---


@pytest.mark.parametrize(
    ("channel", "title", "point"),
    [
        (Delay(80), "delay of 80 ms", Point("delay", "ms", 80)),
        (Gaussian(60, 20), "normal delay 60 ± 20 ms", Point("normal delay of 60 ms", "ms standard deviation", 20)),
        (
            Gamma(60, 20, ordered=True, step_ms=10),
            "gamma delay 60 ± 20 ms, in order, steps of 10 ms",
            Point("gamma delay of 60 ms, in order, steps of 10 ms", "ms standard deviation", 20),
        ),
        (
            Spikes(6, 200, 100, step_ms=10),
            "6 delay spikes a minute of 200 ms, decay 100 ms, steps of 10 ms",
            Point("spikes of 200 ms, decay 100 ms, steps of 10 ms", "a minute", 6),
        ),
    ],
    ids=repr,
)
def test_what_delays_are_called(channel, title, point):
    assert (channel.title, channel.point) == (title, point)
    assert (channel.loss, channel.burst_ratio) == (None, None), "delays are no points on curves over loss"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Delay(-1), r"delay: ms=-1 must be a number of at least 0 \(no delay\)"),
        (lambda: Delay(1e12), r"delay: ms=1000000000000.0 must be .* at most 1e\+09"),
        (lambda: Delay(10**400), "delay: ms=1000.* must be a number"),
        (lambda: Delay("long"), "delay: ms=long must be a number"),
        (lambda: Gaussian(0, 1), "gaussian: mean_ms=0 must be a number"),
        (lambda: Gaussian(10, 0), "gaussian: std_ms=0 must be a number"),
        (lambda: Gaussian(10, 9.5), "gaussian: std_ms=9.5 must be at most 0.9 of mean_ms=10: a normal delay cannot"),
        (lambda: Gaussian(10, 5, ordered=1), "gaussian: ordered=1 must be true or false"),
        (lambda: Gaussian(10, 5, step_ms=0.5), "gaussian: step_ms=0.5 must be a number of at least 1"),
        (lambda: Gamma(float("nan"), 1), "gamma: mean_ms=nan must be a number"),
        (lambda: Gamma(1e6, 1), "gamma: mean_ms=1000000.0 must be a number .* at most 60000"),
        (lambda: Gamma(1, 11), "gamma: std_ms=11 must be at most 10 times mean_ms=1: beyond"),
        (lambda: Gamma(1, 1, ordered="no"), "gamma: ordered=no must be true or false"),
        (lambda: Spikes(-1, 1, 1), "spikes: per_minute=-1 must be a number"),
        (lambda: Spikes(3001, 1, 1), "spikes: per_minute=3001 must be a number .* at most 3000"),
        (lambda: Spikes(1, -1, 1), "spikes: height_ms=-1 must be"),
        (lambda: Spikes(1, 1, 0), "spikes: decay_ms=0 must be"),
        (lambda: Spikes(1, 1, 1, step_ms=0), "spikes: step_ms=0 must be"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(make, message):
    with pytest.raises(UserError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
