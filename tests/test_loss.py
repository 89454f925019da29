"""Loss against its closed forms: independent, of two states, of four, Bellcore's bursts, and holes in fixed places."""

import re
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.bursts import runs
from benchmark.channels import bellcore, markov
from benchmark.channels.bernoulli import Bernoulli
from benchmark.channels.clean import Clean
from benchmark.channels.gilbert import Gilbert
from benchmark.channels.holes import Holes
from benchmark.channels.markov import Transitions, intuitive
from benchmark.seeds import generator
from benchmark.types import Point, UserError
from tests.networks import every, lost

PACKETS = 200_000
MANY = 2_000_000
SPREAD = 4.0  # standard deviations a seeded estimate may lie away from its closed form


def closed_forms(channel, interval_ms=20.0):
    """Loss rate, P(two in a row), and the correlation of the state from packet to packet."""
    if isinstance(channel, Bernoulli):
        return channel.loss, channel.loss**2, 0.0
    gamma = (1 - 1 / channel.ratio) ** (interval_ms / channel.slot_ms)
    good, bad, pi = channel.loss_good, channel.loss_bad, channel.bad
    loss = (1 - pi) * good + pi * bad
    return loss, loss**2 + gamma * pi * (1 - pi) * (bad - good) ** 2, gamma


def deviation(share, gamma, packets=PACKETS):
    """A bound on the standard deviation of a share counted over correlated packets: correlations fall as gamma**k."""
    return np.sqrt(share * (1 - share) * (1 + 2 / (1 - gamma)) / packets)


LOSSY = [
    Bernoulli(0.05),
    Bernoulli(0.3),
    Gilbert(0.1),
    Gilbert(0.05, burst_ratio=2),
    Gilbert(0.2, burst_ratio=4),
    Gilbert(0.1, burst_length=3),
    Gilbert(0.12, burst_ratio=3, loss_good=0.02, loss_bad=0.7),
    Gilbert(0.3, burst_ratio=2, loss_bad=0.5),
]


@pytest.mark.parametrize("channel", LOSSY, ids=repr)
def test_rates_and_bursts_follow_the_closed_forms(channel):
    loss, two, gamma = closed_forms(channel)
    seen = lost(channel, every(20, PACKETS))
    pi, swing = getattr(channel, "bad", 0), getattr(channel, "loss_bad", 0) - getattr(channel, "loss_good", 0)
    variance = loss * (1 - loss) + 2 * swing**2 * pi * (1 - pi) * gamma / (1 - gamma)
    rate_off = SPREAD * np.sqrt(variance / PACKETS)
    assert seen.mean() == pytest.approx(loss, abs=rate_off)
    assert (seen[1:] & seen[:-1]).mean() == pytest.approx(two, abs=SPREAD * deviation(two, gamma))

    bursts = np.count_nonzero(seen[1:] & ~seen[:-1]) + seen[0]
    burst = loss / (loss - two)
    burst_off = burst * (rate_off / loss + SPREAD * deviation(loss - two, gamma) / (loss - two))
    assert seen.sum() / bursts == pytest.approx(burst, abs=burst_off)
    ratio = seen.sum() / bursts * (1 - seen.mean())
    assert ratio == pytest.approx(burst * (1 - loss), abs=burst_off * (1 - loss) + burst * rate_off)


PUBLISHED = [  # p, r, loss when good, when bad: loss rate, mean run lost, mean run received, P(lost | lost before)
    ((0.05, 0.3, 0, 1), (0.1429, 3.333, 20, 0.70)),
    ((0.02, 0.2, 0.01, 0.6), (0.0636, 1.713, 25.21, 0.416)),
    ((0.01, 0.49, 0, 1), (0.0200, 2.041, 100, 0.51)),
    ((0.1, 0.5, 0, 0.5), (0.0833, 1.333, 14.67, 0.25)),
]


@pytest.mark.parametrize(("chain", "figures"), PUBLISHED, ids=str)
def test_a_chain_over_packets_is_met_in_continuous_time_over_two_million_of_them(chain, figures):
    p, r, good, bad = chain
    law, step, fails = np.array([r, p]) / (p + r), np.array([[1 - p, p], [r, 1 - r]]), np.diag([good, bad])
    loss, two = (law @ fails).sum(), (law @ fails @ step @ fails).sum()
    expected = loss, loss / (loss - two), (1 - loss) / (loss - two), two / loss
    assert expected == pytest.approx(figures, rel=2e-3)
    seen = lost(Gilbert(loss, burst_ratio=1 / (p + r), loss_good=good, loss_bad=bad), every(20, MANY))
    clp = (seen[1:] & seen[:-1]).sum() / seen[:-1].sum()
    assert (seen.mean(), runs(seen).mean.value, runs(~seen).mean.value, clp) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("loss", [0.05, 0.3])
def test_random_loss_over_two_million_packets(loss):
    seen = lost(Bernoulli(loss), every(20, MANY))
    measured = seen.mean(), runs(seen).mean.value, runs(~seen).mean.value
    assert measured == pytest.approx((loss, 1 / (1 - loss), 1 / loss), rel=0.02)


@pytest.mark.parametrize("ratio", [1.5, 2, 4])
def test_the_burst_ratio_is_the_one_of_g107_and_the_same_at_every_loss(ratio):
    for loss in (0.05, 0.2):
        rate, two, _ = closed_forms(Gilbert(loss, burst_ratio=ratio))
        assert rate / (rate - two) * (1 - rate) == pytest.approx(ratio)


def check_conditional(channel, interval):
    """Where the bad state is the loss, each lost packet is followed by another one independently of all else."""
    loss, two, _ = closed_forms(channel, interval)
    seen = lost(channel, every(interval, PACKETS))
    chance = two / loss
    off = SPREAD * np.sqrt(chance * (1 - chance) / (PACKETS * loss))
    assert (seen[1:] & seen[:-1]).sum() / seen[:-1].sum() == pytest.approx(chance, abs=off)


@pytest.mark.parametrize("channel", LOSSY[:6], ids=repr)
def test_a_lost_packet_is_followed_by_another_as_often_as_the_chain_says(channel):
    check_conditional(channel, 20)


@pytest.mark.parametrize("interval", [10, 40 / 3, 20, 40, 80])
def test_the_law_is_one_of_time_not_of_packets(interval):
    channel = Gilbert(0.2, burst_ratio=4)
    loss, two, _ = closed_forms(channel, interval)
    assert two / loss == pytest.approx(0.2 + 0.8 * 0.75 ** (interval / 20))
    check_conditional(channel, interval)


@pytest.mark.parametrize("channel", [Bernoulli(0.3), Gilbert(0.3, burst_ratio=4)], ids=repr)
def test_the_very_first_packet_is_lost_as_often_as_any(channel):
    seeds = 3000
    first = np.mean([lost(channel, every(20, 1), seed)[0] for seed in range(seeds)])
    assert first == pytest.approx(0.3, abs=SPREAD * np.sqrt(0.3 * 0.7 / seeds))


@pytest.mark.parametrize(
    "make",
    [
        Bernoulli,
        lambda loss: Gilbert(loss, burst_ratio=1),
        lambda loss: Gilbert(loss, burst_ratio=3),
        lambda loss: Gilbert(loss, burst_ratio=2, loss_good=0.01, loss_bad=0.8),
    ],
    ids=["bernoulli", "gilbert 1", "gilbert 3", "gilbert with two rates"],
)
def test_what_is_lost_at_a_lower_rate_is_lost_at_a_higher_one(make):
    levels = [lost(make(loss), every(20, 3000)) for loss in (0.02, 0.05, 0.1, 0.3)]
    for lower, higher in pairwise(levels):
        assert (lower <= higher).all()
        assert lower.sum() < higher.sum()


@pytest.mark.parametrize("channel", [Bernoulli(0.2), Gilbert(0.2, burst_ratio=3), Gilbert(0.2)], ids=repr)
@pytest.mark.parametrize("interval", [20, 40, 80, 40 / 3])
def test_packets_of_any_length_meet_the_same_weather_at_shared_instants(channel, interval):
    common, step = (40, 3) if interval == 40 / 3 else (interval, 1)
    theirs = lost(channel, every(interval, 1200))[step - 1 :: step]
    tens = lost(channel, every(10, 1200 * 8))[common // 10 - 1 :: common // 10]
    assert 0 < theirs.mean() < 0.5
    assert (theirs == tens[: len(theirs)]).all()


@pytest.mark.parametrize(
    ("channel", "pattern"),
    [
        (Bernoulli(0.3), "01100001000100011010010000111000"),
        (Gilbert(0.3), "10100010010100110001010000000000"),
        (Gilbert(0.3, burst_ratio=2), "00000000000010000000000010000011"),
        (Gilbert(0.3, burst_ratio=2, loss_good=0.1, loss_bad=0.8), "00000000000010000000000010000111"),
    ],
    ids=repr,
)
def test_the_weather_is_the_same_for_ever(channel, pattern):
    assert "".join("01"[int(x)] for x in lost(channel, every(20, 32))) == pattern


def test_a_length_of_bursts_is_another_way_to_write_their_ratio():
    by_length, by_ratio = Gilbert(0.2, burst_length=2.5), Gilbert(0.2, burst_ratio=2.5 * 0.8)
    assert by_length.ratio == pytest.approx(by_ratio.ratio)
    assert by_length.title == by_ratio.title == "20 % loss, burst ratio 2"
    assert by_length.burst_ratio == by_ratio.burst_ratio == 2, "which curves are drawn by"
    assert Gilbert(0.2).burst_ratio == 1
    assert (lost(by_length, every(20, 2000)) == lost(by_ratio, every(20, 2000))).all()


def test_titles_tell_apart_what_differs():
    assert Gilbert(0.1, burst_ratio=2, slot_ms=80).title == "10 % loss, burst ratio 2, slots of 80 ms"
    two = Gilbert(0.1, burst_ratio=2, loss_good=0.01, loss_bad=0.6)
    assert two.title == "10 % loss, burst ratio 2 of a bad state with 60 % loss, 1 % else"


def test_a_slot_of_another_length_stretches_the_bursts():
    short, long = (lost(Gilbert(0.2, burst_ratio=3, slot_ms=ms), every(20, PACKETS)) for ms in (20, 80))
    _, two, gamma = closed_forms(Gilbert(0.2, burst_ratio=3, slot_ms=80))
    assert (long[1:] & long[:-1]).mean() == pytest.approx(two, abs=SPREAD * deviation(two, gamma))
    assert (long[1:] & long[:-1]).sum() > 1.15 * (short[1:] & short[:-1]).sum()


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (Clean(), 0),
        (Bernoulli(0), 0),
        (Bernoulli(1), 1),
        (Gilbert(0, burst_ratio=2), 0),
        (Gilbert(1, burst_ratio=2), 1),
    ],
    ids=repr,
)
def test_the_ends_of_the_scale_are_exact(channel, expected):
    assert (lost(channel, every(20, 500)) == expected).all()
    assert len(channel.fate(every(20, 0), generator(0)).delays) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bernoulli(5), "loss=5 is not a probability; write 0.05 for 5 %"),
        (lambda: Bernoulli(float("nan")), "loss=nan is not a probability"),
        (lambda: Bernoulli(True), "loss=True is not a probability"),
        (lambda: Bernoulli("much"), "loss=much is not a probability"),
        (lambda: Gilbert(-0.1), "loss=-0.1 is not a probability"),
        (lambda: Gilbert(0.1, loss_bad=0.05), "loss=0.1 cannot be reached between loss_good=0.0 and loss_bad=0.05"),
        (lambda: Gilbert(0.1, loss_good=0.2), "cannot be reached between loss_good=0.2"),
        (lambda: Gilbert(0.1, loss_good=0.1, loss_bad=0.1), "which must differ"),
        (lambda: Gilbert(0.1, burst_ratio=0.5), r"burst_ratio=0.5 must be a number of at least 1 \(random loss\)"),
        (lambda: Gilbert(0.1, burst_ratio=float("inf")), "burst_ratio=inf must be a number"),
        (lambda: Gilbert(0.1, burst_length=1), "must be at least 1.1112, that of random loss at this rate"),
        (
            lambda: Gilbert(0.1, burst_length=1),
            "losses would keep away from each other, as they do for Lyra and WebRTC",
        ),
        (lambda: Gilbert(0.1, burst_length="long"), "burst_length=long must be a number"),
        (lambda: Gilbert(0.1, burst_ratio=2, burst_length=2), "not both"),
        (lambda: Gilbert(0.1, slot_ms=0), "slot_ms=0 must be a number of at least 0.001"),
        (lambda: Gilbert(0.1, slot_ms=float("nan")), "slot_ms=nan must be a number"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(make, message):
    with pytest.raises(UserError, match=message):
        make()


@settings(deadline=None)
@given(st.floats(0.001, 0.95))
def test_the_least_burst_length_the_message_names_is_accepted(loss):
    with pytest.raises(UserError) as caught:
        Gilbert(loss, burst_length=1)
    least = float(re.search(r"give ([\d.]+) or more", str(caught.value))[1])
    assert Gilbert(loss, burst_length=least).ratio == pytest.approx(1, rel=2e-4)


# --- four states ---

FOUR = [
    Transitions(p13=0.03, p31=0.2, p32=0.3, p23=0.5, p14=0.02),
    Transitions(p13=0.01, p31=0.05, p32=0.9, p23=0.25),
    Transitions(p13=0.05, p31=0.3),
    Transitions(p13=0.0, p31=0.5, p14=0.1),
    intuitive(loss=0.1, burst_length=8, density=0.6, isolated=0.2, good_run=2),
]


def matrix(t):
    """From state (row) to state, with Clark's numbers less one."""
    received, burst = 1 - t.p13 - t.p14, 1 - t.p31 - t.p32
    return np.array([[received, 0, t.p13, t.p14], [0, 1 - t.p23, t.p23, 0], [t.p31, t.p32, burst, 0], [1, 0, 0, 0]])


PROBABILITY = st.floats(0.01, 0.5)


@settings(deadline=None)
@given(st.builds(Transitions, PROBABILITY, PROBABILITY, PROBABILITY, PROBABILITY, PROBABILITY))
def test_the_closed_forms_are_those_of_the_chain(t):
    law, step = np.array(t.law), matrix(t)
    assert law @ step == pytest.approx(law)
    assert law.sum() == pytest.approx(1)
    assert t.loss == pytest.approx(law[2:].sum())
    assert t.density == pytest.approx(law[2] / law[1:3].sum())
    assert t.burst_length == pytest.approx(law[1:3].sum() / (law[0] * t.p13))  # time in bursts, over bursts
    assert t.mean_run == pytest.approx(law[2:].sum() / (law[:2] @ step[:2, 2:]).sum())


@settings(deadline=None)
@given(st.floats(0.001, 0.3), st.floats(0, 8), st.floats(0.05, 1), st.floats(0, 1), st.floats(1, 5))
def test_the_intuitive_properties_are_found_again(loss, longer, denser, isolated, good_run):
    lowest = 1 / (1 + good_run)
    density = lowest + denser * (1 - lowest)
    burst_length = longer + 1 / (density - (1 - density) / good_run) + 1e-9
    loss = min(loss, 0.999 / ((1 - isolated) * (1 / (density * burst_length) + 1 / density) + 2 * isolated))
    t = intuitive(loss, burst_length, density, isolated, good_run)
    assert all(-1e-12 <= p <= 1 + 1e-12 for p in t)
    assert (matrix(t) >= -1e-9).all()
    assert (t.loss, t.burst_length, t.density) == pytest.approx((loss, burst_length, density))
    assert t.isolated == pytest.approx(isolated, abs=1e-9)
    assert 1 / t.p23 == pytest.approx(good_run)


@pytest.mark.parametrize("t", FOUR, ids=str)
def test_four_states_follow_their_chain_over_two_million_slots(t):
    seen = lost(markov.Markov(t), every(20, MANY))
    assert seen.mean() == pytest.approx(t.loss, rel=0.02)
    assert runs(seen).mean.value == pytest.approx(t.mean_run, rel=0.02)
    assert runs(~seen).mean.value == pytest.approx(t.mean_run * (1 - t.loss) / t.loss, rel=0.02)
    words = sum(seen[i : MANY - 3 + i].astype(int) << i for i in range(4))
    counts = np.bincount(words, minlength=16)
    keep = {False: np.diag([1, 1, 0, 0]), True: np.diag([0, 0, 1, 1])}
    for word in product((False, True), repeat=4):
        weight = np.array(t.law)
        for slot, state in enumerate(word):
            weight = (weight @ matrix(t) if slot else weight) @ keep[state]
        expected = weight.sum() * len(words)
        found = counts[sum(state << i for i, state in enumerate(word))]
        assert found == pytest.approx(expected, abs=10 * np.sqrt(expected)), word


def test_two_of_the_four_states_are_gilberts():
    seen = lost(markov.make(p13=0.05, p31=0.3), every(20, MANY))
    other = Gilbert(1 / 7, burst_ratio=1 / 0.35)
    loss, two, _ = closed_forms(other)
    assert (seen.mean(), (seen[1:] & seen[:-1]).mean()) == pytest.approx((loss, two), rel=0.02)


def test_isolated_losses_are_never_two_in_a_row():
    t = intuitive(loss=0.4, burst_length=1, isolated=1)
    seen = lost(markov.Markov(t), every(20, PACKETS))
    assert seen.mean() == pytest.approx(0.4, rel=0.02)
    assert runs(seen).longest == 1


@pytest.mark.parametrize(
    "channel", [markov.Markov(FOUR[0]), markov.make(loss=0.3, burst_length=5), bellcore.make(0.2)], ids=repr
)
def test_slots_start_from_their_stationary_law(channel):
    seeds, n = 3000, 5
    expected = channel.rate if isinstance(channel, bellcore.Bellcore) else channel.transitions.loss
    seen = np.mean([lost(channel, every(20, n), seed) for seed in range(seeds)], axis=0)
    assert seen == pytest.approx(np.full(n, expected), abs=SPREAD * np.sqrt(expected / seeds))


def test_a_slot_decides_packets_of_any_length():
    sent = every(20, 300)
    slow = lost(markov.make(p13=0.2, p31=0.3, slot_ms=80), sent)
    assert (slow.reshape(-1, 4) == slow[3::4, None]).all()
    assert (slow[3::4] == lost(markov.make(p13=0.2, p31=0.3), every(20, 75))).all()


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "nothing is no full set; give loss and burst_length"),
        ({"loss": 0.1}, "loss is no full set"),
        ({"p13": 0.1, "p23": 0.2}, "p13, p23 is no full set"),
        ({"loss": 0.1, "burst_length": 2, "p13": 0.1, "p31": 0.1}, "loss, burst_length, p13, p31 is no full set"),
        ({"loss": 1.1, "burst_length": 2}, "loss=1.1 is not a probability"),
        ({"loss": 0.1, "burst_length": 0.5}, r"burst_length=0.5 must be a number of at least 1 \(one slot\)"),
        ({"loss": 0.1, "burst_length": 2, "good_run": 0.5}, "good_run=0.5 must be a number of at least 1"),
        ({"loss": 0.1, "burst_length": 2, "density": 0.5}, r"density=0.5 must be above 1/\(1 \+ good_run\)"),
        ({"loss": 0.1, "burst_length": 1, "density": 0.75}, "burst_length=1 must be at least 2.0: a burst begins and"),
        ({"loss": 0.1, "burst_length": 1.2, "density": 0.8}, "burst_length=1.2 must be at least 1.6667"),
        ({"loss": 0.6, "burst_length": 1}, "loss=0.6 must be at most 0.5 with these bursts: at least one slot is"),
        ({"loss": 0.6, "burst_length": 4, "isolated": 1}, "loss=0.6 must be at most 0.5"),
        ({"p13": 0.6, "p31": 0.1, "p14": 0.6}, "p13=0.6 and p14=0.6 leave state 1 together"),
        ({"p13": 0.6, "p31": 0.5, "p32": 0.6}, "p31=0.5 and p32=0.6 leave state 3 together"),
        ({"p13": 0.6, "p31": 0}, "p31=0 and p23=1.0 must be above 0"),
        ({"p13": 0.6, "p31": 0.1, "p32": 0.1, "p23": 0}, "p31=0.1 and p23=0 must be above 0"),
        ({"p13": -0.6, "p31": 0.1}, "p13=-0.6 is not a probability"),
        ({"p13": 0.6, "p31": 0.1, "slot_ms": 0.5}, r"slot_ms=0.5 must be a number of at least 1 \(a millisecond\)"),
    ],
)
def test_four_states_that_cannot_be_are_refused_with_the_reason(given_, message):
    with pytest.raises(UserError, match=message) as caught:
        markov.make(**given_)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.floats(0.51, 1), st.floats(0, 1))
def test_the_limits_that_messages_name_are_accepted(density, isolated):
    with pytest.raises(UserError) as caught:
        markov.make(loss=1, burst_length=100, density=density, isolated=isolated)
    most = float(re.search(r"at most ([\d.]+) with", str(caught.value))[1])
    made = markov.make(loss=most, burst_length=100, density=density, isolated=isolated)
    assert made.transitions.loss == pytest.approx(most)
    if density < 0.99:
        with pytest.raises(UserError) as caught:
            markov.make(loss=0.1, burst_length=1, density=density)
        least = float(re.search(r"at least ([\d.]+):", str(caught.value))[1])
        assert markov.make(loss=0.1, burst_length=least, density=density)


def test_what_four_states_are_called():
    channel = markov.make(loss=0.1, burst_length=6, density=0.75, isolated=0.2, slot_ms=10)
    shape = "bursts of 6 with 75 % lost, 20 % of losses isolated, slots of 10 ms"
    assert channel.title == f"10 % loss, {shape}"
    assert channel.point == Point(f"4-state Markov, {shape}", "% lost", pytest.approx(10))
    assert (channel.loss, channel.burst_ratio) == (None, None)


# --- Bellcore ---


@pytest.mark.parametrize("loss", [0.05, 0.1, 0.3])
def test_bellcore_bursts_have_one_law_at_every_rate(loss):
    seen = lost(bellcore.make(loss), every(20, MANY))
    goes_on = [0.85, 0.825, 0.8, 0.775, 0.75, 0.725, 0.7, 0.6, 0.45, 0]  # ITU-T G.191
    law = [np.prod(goes_on[:n]) * (1 - goes_on[n]) for n in range(10)]  # of a burst of n + 1 slots
    mean = sum((n + 1) * p for n, p in enumerate(law))
    assert mean == pytest.approx(4.418, abs=1e-3)
    found = runs(seen)
    assert seen.mean() == pytest.approx(loss, rel=0.02)
    assert found.mean.value == pytest.approx(mean, rel=0.02)
    assert runs(~seen).mean.value == pytest.approx(mean * (1 - loss) / loss, rel=0.02)
    assert found.longest == 10
    bursts = found.mean.denominator
    for count, share in zip(found.histogram[1:], law, strict=True):
        assert count == pytest.approx(bursts * share, abs=SPREAD * np.sqrt(bursts * share))


def test_a_bellcore_burst_begins_as_often_as_in_g191():
    """Its default for 1 % is 0.0023."""
    assert bellcore.make(0.01).chain.limits[0][0] == pytest.approx(0.0023, abs=5e-5)


def test_what_bellcore_is_called_and_refuses():
    channel = bellcore.make(0.015, slot_ms=10)
    assert channel.title == "1.5 % loss, Bellcore bursts, slots of 10 ms"
    assert channel.point == Point("Bellcore bursts, slots of 10 ms", "% lost", 1.5)
    for loss in (0.004, 0.31, "5 %"):
        with pytest.raises(UserError, match=r"bellcore: loss=.* must be a number of at least 0.005 .* at most 0.3"):
            bellcore.make(loss)
    with pytest.raises(UserError, match="bellcore: slot_ms=0 must be"):
        bellcore.make(0.1, slot_ms=0)


# --- holes ---


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 60), st.lists(st.integers(0, 400), max_size=20))
def test_a_hole_is_open_at_its_start_and_closed_at_its_end(length, longer, start, sent):
    """In units of a microsecond; instants one nanosecond to either side of each limit, too."""
    every_ = length + longer
    instants = np.array([max(0, 1000 * t + d) for t in sent for d in (-1, 0, 1)], np.int64)
    holes = [(1000 * (start + k * every_), 1000 * (start + k * every_ + length)) for k in range(500)]
    expected = [any(a < t <= b for a, b in holes) for t in instants.tolist()]
    assert lost(Holes(length / 1000, every_ / 1000, start / 1000), instants).tolist() == expected


def test_holes_of_60_ms_swallow_three_packets_of_20_ms_and_six_of_10_ms():
    channel = Holes(60, 200, 100)
    for ms, expected in ((20, 3), (10, 6), (60, 1)):
        assert runs(lost(channel, every(ms, 600 // ms))).histogram[-1] >= 2
        assert runs(lost(channel, every(ms, 600 // ms))).longest == expected
    assert lost(channel, every(20, 10)).tolist() == 5 * [False] + 3 * [True] + 2 * [False]


def test_what_holes_are_called_and_refuse():
    assert Holes(20, 1000).title == "holes of 20 ms every 1000 ms"
    assert Holes(20, 1000, 500).title == "holes of 20 ms every 1000 ms from 500 ms on"
    assert Holes(20, 1000).point == Point("holes every 1000 ms", "ms lost in a row", 20)
    for given_, message in (
        ((20, 20), "length_ms=20 must be below every_ms=20, or nothing arrives"),
        ((0, 20), "length_ms=0 must be a number"),
        ((20, float("inf")), "every_ms=inf must be a number"),
        ((20, 40, -1), "start_ms=-1 must be a number of at least 0"),
    ):
        with pytest.raises(UserError, match=f"holes: {message}"):
            Holes(*given_)
