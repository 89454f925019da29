"""Frame erasures of ITU-T G.191's Error Insertion Device against the closed forms of its two models."""

from itertools import pairwise

import numpy as np
import pytest

from benchmark.channels.eid import Eid
from benchmark.patterns import eid
from benchmark.seeds import generator
from benchmark.types import LOST, UserError

MS = 1_000_000  # ns
MANY = 2_000_000  # slots


def every(ms, packets):
    return np.arange(1, packets + 1) * ms * MS


def lost(channel, sent, seed=0):
    return channel.fate(sent, generator(seed, "channel")).delays == LOST


def runs(seen):
    """Lengths of the bursts."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    return edges[1::2] - edges[::2]


@pytest.mark.parametrize("gamma", [0, 0.5, 0.9])
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_rate_and_runs_follow_the_two_state_model(rate, gamma):
    seen = lost(Eid(rate, gamma), every(20, MANY))
    leave = (1 - gamma) * (1 - 2 * rate)  # of the bad state, in which one half is erased
    again = 0.5 * (1 - leave)
    assert seen.mean() == pytest.approx(rate, rel=0.02)
    assert runs(seen).mean() == pytest.approx(1 / (1 - again), rel=0.02)
    assert (seen[2:] & seen[:-2]).mean() == pytest.approx(rate**2 + gamma**2 * rate * (0.5 - rate), rel=0.03)


@pytest.mark.parametrize("gamma", [0, 0.9])
@pytest.mark.parametrize("slot", [1, 2, 4])
def test_the_first_slots_are_lost_as_often_as_any(gamma, slot):
    seeds = 4000
    seen = np.mean([lost(Eid(0.2, gamma), every(20, slot), seed)[-1] for seed in range(seeds)])
    assert seen == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / seeds))


@pytest.mark.parametrize("gamma", [0, 0.3, 0.9])
def test_what_is_lost_at_a_lower_rate_is_lost_at_a_higher_one(gamma):
    levels = [lost(Eid(rate, gamma), every(20, 5000)) for rate in (0, 0.02, 0.1, 0.3, 0.5)]
    for lower, higher in pairwise(levels):
        assert (lower <= higher).all()
        assert lower.sum() < higher.sum()


@pytest.mark.parametrize(
    "channel", [Eid(0.3, 0.5), Eid(0.3, mode="bfer", stl_seed=1), Eid(0.3, 0.5, stl_seed=1)], ids=repr
)
def test_packets_of_any_length_meet_the_same_weather_at_shared_instants(channel):
    tens = lost(channel, every(10, 4000))
    assert (tens[::2] == tens[1::2]).all()  # one slot
    assert (lost(channel, every(40, 1000)) == tens[3::4]).all()
    assert (lost(channel, every(20, 7)) == tens[1:14:2]).all()
    assert len(channel.fate(every(20, 0), generator(0)).delays) == 0


def test_a_slot_of_another_length_stretches_the_pattern():
    short, long = (lost(Eid(0.3, 0.5, slot_ms=ms), every(20, 1000)) for ms in (20, 60))
    assert (long == np.repeat(short, 3)[:1000]).all()


@pytest.mark.parametrize(
    ("gamma", "pattern"), [(0, "01011100110000100000100100001100"), (0.8, "00011100000000000000100100011110")]
)
def test_the_weather_is_the_same_for_ever(gamma, pattern):
    assert "".join("01"[int(x)] for x in lost(Eid(0.3, gamma), every(20, 32))) == pattern


@pytest.mark.parametrize(("mode", "erased"), [("fer", 101), ("bfer", 58)])
def test_a_seed_replays_what_gen_patt_itself_writes(mode, erased):
    channel = Eid(0.01, mode=mode, stl_seed=eid.SEED)
    assert lost(channel, every(20, 10_000)).sum() == erased  # as the 32-bit program counts
    assert (lost(channel, every(20, 10_000), 1) == lost(channel, every(20, 10_000), 2)).all()


def test_the_titles_and_the_curve_name_the_model():
    assert Eid(0.05, 0.5).title == "5 % loss, G.191 gamma 0.5"
    assert Eid(0.05, mode="bfer", stl_seed=1).title == "5 % loss, G.191 Bellcore bursts, seed 1"
    assert Eid(0.05, 0.5, slot_ms=10).point == ("G.191 gamma 0.5, slots of 10 ms", "% loss", 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0.6}, r"eid: rate=0.6 must be a number of at least 0 \(no errors\) and at most 0.5"),
        ({"rate": 5}, "rate=5 must be a number"),
        ({"rate": -0.1}, "rate=-0.1 must be a number of at least 0"),
        ({"rate": "much"}, "rate=much must be a number"),
        ({"rate": 0.4, "mode": "bfer"}, "rate=0.4 must be .* at most 0.3"),
        (
            {"rate": 0.03, "mode": "bfer"},
            "eid: mode=bfer needs an stl_seed to replay; to draw, write bellcore:loss=0.03",
        ),
        ({"rate": 0.1, "mode": "ber"}, "eid: mode=ber must be fer or bfer; for errors of bits write bit_errors"),
        ({"rate": 0.1, "gamma": 1}, "eid: gamma=1 must be .* at most 0.9999"),
        ({"rate": 0.1, "gamma": -0.5}, "gamma=-0.5 must be a number of at least 0"),
        ({"rate": 0.1, "gamma": 0.5, "mode": "bfer"}, "gamma=0.5 must be 0 in mode=bfer"),
        ({"rate": 0.1, "slot_ms": 0}, "slot_ms=0 must be a number of at least 1"),
        ({"rate": 0.1, "stl_seed": 0.5}, "stl_seed=0.5 must be a whole number of 32 bits; write stl_seed=314159265"),
        ({"rate": 0.1, "stl_seed": 2**32}, "stl_seed=4294967296 must be"),
        ({"rate": 0.1, "stl_seed": True}, "stl_seed=True must be"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(options, message):
    with pytest.raises(UserError, match=message):
        Eid(**options)
