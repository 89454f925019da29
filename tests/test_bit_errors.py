"""Bit errors: their rate and bursts, that they stay within a payload's own bits, and replayed patterns."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.bits import pack, unpack
from benchmark.channels.bit_errors import BitErrors
from benchmark.patterns import eid, softbits
from benchmark.seeds import generator
from benchmark.types import UserError

MANY = 2_000_000  # bits


def wrong(channel, sizes, seed=0, fill=0):
    """Which of the first bits of each payload are wrong, one after the other, highest bit of a byte first."""
    payloads = [bytes([fill]) * -(-n // 8) for n in sizes]
    changed = channel.corrupt(payloads, sizes, generator(seed, "bits"))
    flips = [
        np.unpackbits(np.frombuffer(a, np.uint8) ^ np.frombuffer(b, np.uint8))
        for a, b in zip(payloads, changed, strict=True)
    ]
    for n, flip in zip(sizes, flips, strict=True):
        assert not flip[n:].any(), "padding was touched"
    return np.concatenate([flip[:n] for n, flip in zip(sizes, flips, strict=True)]).astype(bool)


def pattern_file(folder, errors, style="g192", of="bits"):
    path = folder / "errors.dat"
    path.write_bytes(softbits.encode(softbits.Pattern(np.asarray(errors, bool), of), style))
    return str(path)


@pytest.mark.parametrize("gamma", [0, 0.9])
@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_rate_and_bursts_follow_the_closed_forms(rate, gamma):
    seen = wrong(BitErrors(rate, gamma), [100] * (MANY // 100))
    assert seen.mean() == pytest.approx(rate, rel=0.02)
    assert (seen[1:] & seen[:-1]).mean() == pytest.approx(rate**2 + gamma * rate * (0.5 - rate), rel=0.1)


def test_a_small_rate_is_met():
    assert wrong(BitErrors(0.001), [MANY]).mean() == pytest.approx(0.001, rel=0.07)  # 3 standard deviations


@pytest.mark.parametrize("gamma", [0, 0.5, 0.95])
def test_what_is_wrong_at_a_lower_rate_is_wrong_at_a_higher_one(gamma):
    levels = [wrong(BitErrors(rate, gamma), [13, 50, 0, 800] * 20) for rate in (0, 0.01, 0.1, 0.5)]
    for lower, higher in pairwise(levels):
        assert (lower <= higher).all()
        assert lower.sum() < higher.sum()


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(0, 255))
def test_padding_lengths_and_empty_payloads_stay(sizes, fill):
    payloads = [bytes([fill]) * -(-n // 8) for n in sizes]
    changed = BitErrors(0.5).corrupt(payloads, sizes, generator(0))
    assert [len(p) for p in changed] == [len(p) for p in payloads]
    if any(sizes):
        wrong(BitErrors(0.5), sizes, fill=fill)


def test_only_the_counted_bits_are_wrong_and_the_highest_bit_is_the_first(tmp_path):
    channel = BitErrors(path=pattern_file(tmp_path, [1, 0, 0, 0, 1]))
    assert channel.corrupt([b"\x00\x00", b"\xff"], [5, 3], generator(0)) == [b"\x88\x00", b"\x7f"]


def test_the_first_wrong_bit_is_the_highest_of_the_first_token(tmp_path):
    channel = BitErrors(path=pattern_file(tmp_path, [1] + 25 * [0] + [1] + 12 * [0]))
    (changed,) = channel.corrupt([pack(np.array([0, 0, 0]), 13)], [39], generator(0))
    assert unpack(changed, 13, (3,)).tolist() == [1 << 12, 0, 1 << 12]


def test_the_draw_is_of_the_bits_alone():
    channel, sizes = BitErrors(0.1, 0.5), [24, 0, 31, 8]
    assert (wrong(channel, sizes, fill=0) == wrong(channel, sizes, fill=0xA5)).all()
    assert (wrong(channel, sizes) == wrong(channel, [sum(sizes)])).all()
    assert (wrong(channel, [1000]) == wrong(channel, [2000])[:1000]).all()
    assert (wrong(channel, [1000]) != wrong(channel, [1000], seed=1)).any()


def test_the_weather_is_the_same_for_ever():
    seen = wrong(BitErrors(0.3, 0.5), [32])
    assert "".join("01"[int(x)] for x in seen) == "00100000011001010011110000000000"


@pytest.mark.parametrize("style", ["g192", "byte", "bit"])
def test_a_pattern_is_replayed_over_and_over(tmp_path, style):
    errors = np.tile([0, 0, 1, 0, 1, 0, 0, 0], 2)
    channel = BitErrors(path=pattern_file(tmp_path, errors, style), format="bit" if style == "bit" else "auto")
    assert (wrong(channel, [3, 40, 7]) == np.resize(errors, 50)).all()
    assert channel.title == "bit errors errors"
    assert channel.point is None


def test_a_seed_replays_what_gen_patt_itself_writes():
    seen = wrong(BitErrors(0.05, 0.1, stl_seed=eid.SEED), [5000, 5000])
    assert seen.sum() == 512  # as the 32-bit program counts
    assert (seen == wrong(BitErrors(0.05, 0.1, stl_seed=eid.SEED), [10_000], seed=1)).all()


def test_nothing_is_lost_or_late():
    fate = BitErrors(0.1).fate(np.arange(5), generator(0))
    assert fate.delays.tolist() == 5 * [0]
    assert (fate.wraps, fate.base) == (0, 0)
    assert BitErrors(0.1).corrupt([], [], generator(0)) == []


def test_titles_and_curves_say_the_rate():
    assert BitErrors(0.001).title == "bit error rate 0.001, independent"
    assert BitErrors(0.001, 0.5).title == "bit error rate 0.001, gamma 0.5"
    assert BitErrors(0.001, stl_seed=7).title == "bit error rate 0.001, independent, seed 7"
    assert BitErrors(0.001, 0.5).point == ("bit errors, gamma 0.5", "bit error rate", 0.001)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "bit_errors: give either a rate or the path of a pattern, as in bit_errors:rate=0.001"),
        ({"rate": 0.1, "path": "x"}, "either a rate or the path"),
        ({"rate": 0.6}, "bit_errors: rate=0.6 must be .* at most 0.5"),
        ({"rate": "x"}, "rate=x must be a number"),
        ({"rate": 0.1, "gamma": 1}, "bit_errors: gamma=1 must be .* at most 0.9999"),
        ({"rate": 0.1, "stl_seed": -1}, "bit_errors: stl_seed=-1 must be a whole number"),
        ({"rate": 0.1, "format": "byte"}, "format=byte is that of a pattern; give its path too"),
        ({"path": "x", "gamma": 0.5}, "replayed as it is; give no gamma"),
        ({"path": "x", "stl_seed": 1}, "replayed as it is"),
        ({"path": "x", "format": "plc"}, "bit_errors: format=plc must be one of auto, g192, byte, bit"),
        ({"path": "/none/x"}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(options, message):
    with pytest.raises(UserError, match=message):
        BitErrors(**options)


@pytest.mark.parametrize("of", ["frames", "text"])
def test_a_pattern_of_losses_is_sent_where_it_belongs(tmp_path, of):
    path = tmp_path / "errors.dat"
    if of == "text":
        path.write_text("0 1 0")
    else:
        pattern_file(tmp_path, [0, 1], of=of)
    with pytest.raises(UserError, match=r"is a pattern of losses, not of bit errors; write trace:path=.*errors.dat"):
        BitErrors(path=str(path))
