"""`benchmark.conceal`: each strategy does what it says, sample by sample and code by code."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.conceal import ENOUGH, SEED, STRATEGIES, Codes, Filled, Part, Setting, Strategy, make
from benchmark.seeds import generator
from benchmark.types import Floats, Signal, UserError

GROUP, DIM, RATE, HOP = 4, 3, 1_000, 20  # a sample is 1 ms, a token 20 ms
SILENCE = -np.arange(1, GROUP * DIM + 1, dtype=np.float32).reshape(GROUP, DIM)


def draw(random: np.random.Generator) -> Codes:
    return random.integers(0, 2, DIM).astype(np.float32)


def strategy(name: str, rate: int = RATE, hop: int = HOP) -> Strategy:
    return make(name, Setting(rate, hop, SILENCE, draw))


def numbered(count: int) -> Codes:
    """Codes that tell which token they are: n, n + 0.1, n + 0.2 for token number n."""
    return (np.arange(1, count + 1)[:, None] + np.arange(DIM) / 10).astype(np.float32)


def play(
    name: str, codes: Codes, pattern: str, size: int = GROUP, buffered: bool = False, hop: int = HOP
) -> list[Filled]:
    """Give `codes` to a strategy in parts of `size`; x in `pattern` is lost; `buffered` shows all that follows."""
    lost = np.array([mark == "x" for mark in pattern])
    assert len(lost) == len(codes)
    session, filled = strategy(name, hop=hop), []
    for start in range(0, len(codes), size):
        behind: list[int] = np.flatnonzero(~lost[start + size :]).tolist() if buffered else []
        following = (behind[0], codes[start + size + behind[0]]) if behind else None
        place = slice(start, start + size)
        given = np.where(lost[place, None], np.float32(np.nan), codes[place])  # what is lost is not looked at
        filled.append(session.fill(Part(start, given, lost[place], following)))
    return filled


def codes_of(filled: Sequence[Filled]) -> Codes:
    return np.concatenate([one.codes for one in filled])


def gains_of(filled: Sequence[Filled], hop: int = HOP) -> Signal:
    ones = [np.ones(len(one.codes) * hop, np.float32) for one in filled]
    return np.concatenate([b if a.gain is None else a.gain for a, b in zip(filled, ones, strict=True)])


def test_the_names_and_the_default() -> None:
    assert list(STRATEGIES) == [
        *("repeat_fade", "repeat", "mute", "zero_latent", "interpolate"),
        *("freeze", "silence", "random", "markov"),
    ]
    assert {name: one.waits for name, one in STRATEGIES.items() if one.waits} == {"interpolate": 1}
    assert type(strategy("")) is STRATEGIES["repeat_fade"]
    with pytest.raises(UserError, match=r"No concealment called 'fade'; choose from repeat_fade, repeat, .*, markov\."):
        strategy("fade")


@pytest.mark.parametrize("name", STRATEGIES)
def test_without_losses_nothing_is_touched(name: str) -> None:
    codes = numbered(12)
    filled = play(name, codes, "." * 12)
    np.testing.assert_array_equal(codes_of(filled), codes)
    assert all(one.gain is None and one.advance for one in filled)


@given(name=st.sampled_from(sorted(STRATEGIES)), data=st.data(), size=st.sampled_from([1, 2, 4, 8]))
def test_what_was_received_is_played_as_it_came(name: str, data: st.DataObject, size: int) -> None:
    pattern = data.draw(st.text(".x", min_size=24, max_size=24))
    codes = numbered(24)
    filled = play(name, codes, pattern, size, buffered=True)
    here = np.array([mark == "." for mark in pattern])
    np.testing.assert_array_equal(codes_of(filled)[here], codes[here])
    moving = np.repeat([one.advance for one in filled], size)
    assert np.isfinite(codes_of(filled)[moving]).all()
    assert [len(one.codes) for one in filled] == [size] * (24 // size)


@pytest.mark.parametrize("name", STRATEGIES)
def test_before_the_first_token_there_is_silence(name: str) -> None:
    filled = play(name, numbered(8), "xxxxxx..", buffered=True)
    np.testing.assert_array_equal(codes_of(filled)[4:6], SILENCE[:2])
    if name == "freeze":
        assert [one.advance for one in filled] == [False, True]
    else:
        np.testing.assert_array_equal(codes_of(filled)[:4], SILENCE)
        smaller = play(name, numbered(8), "xxxxxx..", size=2, buffered=True)
        np.testing.assert_array_equal(codes_of(smaller), codes_of(filled))


def test_a_part_is_left_as_it_is() -> None:
    part = Part(0, numbered(4), np.array([False, True, True, False]))
    strategy("zero_latent").fill(part)
    np.testing.assert_array_equal(part.codes, numbered(4))


@pytest.mark.parametrize("name", ["repeat", "repeat_fade", "mute"])
def test_repetition(name: str) -> None:
    codes = numbered(12)
    filled = play(name, codes, ".x..xxxxxx.x")
    played_again = [0, 0, 2, 3, 3, 3, 3, 3, 3, 3, 10, 10]
    np.testing.assert_array_equal(codes_of(filled), codes[played_again])
    assert all(one.advance for one in filled)


def test_repeat_stays_loud_and_mute_is_zero_for_exactly_the_lost_tokens() -> None:
    pattern = ".x..xxxxxx.x"
    assert all(one.gain is None for one in play("repeat", numbered(12), pattern))
    due = np.repeat([0.0 if mark == "x" else 1.0 for mark in pattern], HOP)
    np.testing.assert_array_equal(gains_of(play("mute", numbered(12), pattern)), due)


def test_the_fade() -> None:
    gains = gains_of(play("repeat_fade", numbered(16), "....xxxxxxxx...."))
    np.testing.assert_array_equal(gains[:80], 1)
    hole = gains[80:240]
    np.testing.assert_array_equal(hole[:61], 1)  # full until 60 ms
    np.testing.assert_allclose(hole[60:120], 1 - np.arange(60) / 60, atol=1e-6)
    np.testing.assert_array_equal(hole[120:], 0)  # silent from 120 ms
    np.testing.assert_allclose(gains[240:251], np.arange(11) / 10, atol=1e-6)  # back within 10 ms
    np.testing.assert_array_equal(gains[250:], 1)


def test_a_fade_that_is_cut_short_comes_back_from_where_it_was() -> None:
    gains = gains_of(play("repeat_fade", numbered(8), "xxxx...."))  # 80 ms: one third down
    np.testing.assert_allclose(gains[80:90], np.minimum(1, 2 / 3 + np.arange(10) / 10), atol=1e-6)
    np.testing.assert_array_equal(gains[84:], 1)
    assert play("repeat_fade", numbered(8), "xxx.....")[0].gain is not None  # 60 ms: not yet down
    np.testing.assert_array_equal(gains_of(play("repeat_fade", numbered(8), "xxx.....")), 1)
    assert play("repeat_fade", numbered(8), "xxxx....")[1].gain is not None
    assert play("repeat_fade", numbered(12), "xxxx........")[2].gain is None


def test_a_hole_during_the_return_fades_on_from_there() -> None:
    gains = gains_of(play("repeat_fade", numbered(40), "x" * 24 + "." + "x" * 15, hop=5), hop=5)
    np.testing.assert_allclose(gains[120:126], np.arange(6) / 10, atol=1e-6)  # 5 ms of return
    np.testing.assert_allclose(gains[125:155], 0.5 - np.arange(30) / 60, atol=1e-6)
    np.testing.assert_array_equal(gains[155:], 0)


@given(pattern=st.text(".x", min_size=40, max_size=40), hop=st.sampled_from([3, 20, 45]))
def test_the_fade_never_jumps(pattern: str, hop: int) -> None:
    gains = gains_of(play("repeat_fade", numbered(40), pattern, hop=hop), hop)
    assert np.abs(np.diff(gains)).max() <= 1 / 10 + 1e-6
    assert gains.min() >= 0
    assert gains.max() <= 1


def test_zero_latent() -> None:
    filled = play("zero_latent", numbered(8), "..x..xxx")
    np.testing.assert_array_equal(codes_of(filled)[[2, 5, 6, 7]], 0)


def test_interpolation_inside_a_part_needs_nothing_ahead() -> None:
    codes = numbered(8)
    codes[3] *= 10
    filled = play("interpolate", codes, ".xx..x..")
    thirds = [(2 * codes[0] + codes[3]) / 3, (codes[0] + 2 * codes[3]) / 3]
    np.testing.assert_allclose(codes_of(filled)[1:3], thirds, rtol=1e-6)
    np.testing.assert_allclose(codes_of(filled)[5], (codes[4] + codes[6]) / 2)


def test_interpolation_over_parts_stays_on_one_line() -> None:
    codes = numbered(12)
    filled = play("interpolate", codes, "..xxxxxxxx..", buffered=True)
    np.testing.assert_allclose(codes_of(filled), codes, rtol=1e-6)  # they lie on a line themselves


def test_interpolation_repeats_until_it_sees_the_end() -> None:
    codes = numbered(12)
    session = strategy("interpolate")
    session.fill(Part(0, codes[:4], np.zeros(4, bool)))
    lost = np.ones(4, bool)
    np.testing.assert_array_equal(session.fill(Part(4, codes[4:8], lost)).codes, codes[[3] * 4])
    seen = session.fill(Part(8, codes[8:], lost, (5, np.full(DIM, 40, np.float32)))).codes
    np.testing.assert_allclose(seen, codes[3] + np.arange(1, 5)[:, None] / 10 * (40 - codes[3]), rtol=1e-6)


def test_freeze_leaves_out_whole_parts_only() -> None:
    codes = numbered(16)
    filled = play("freeze", codes, "....xxxxx.xx....")
    assert [one.advance for one in filled] == [True, False, True, True]
    np.testing.assert_array_equal(codes_of(filled[2:]), codes[[3, 9, 9, 9, 12, 13, 14, 15]])


def test_silence_goes_on_in_turn() -> None:
    filled = play("silence", numbered(12), ".xx..xxxxxx.")
    np.testing.assert_array_equal(codes_of(filled)[[1, 2, 5, 6, 7, 8, 9, 10]], SILENCE[[1, 2, 1, 2, 3, 0, 1, 2]])


def test_random_tokens_belong_to_their_place() -> None:
    many = 400
    codes = codes_of(play("random", numbered(many), "." + "x" * (many - 1)))
    again = codes_of(play("random", numbered(many), "." + "x.xx" * 99 + "xxx", size=1))
    odd = again != numbered(many)
    np.testing.assert_array_equal(again[odd], codes[odd])
    np.testing.assert_array_equal(codes[7], draw(generator(SEED, "conceal", "random", "7")))
    assert abs(codes[1:].mean() - 0.5) < 4 * 0.5 / np.sqrt(codes[1:].size)


def two_states(count: int, leave: float, enter: float, seed: int = 0) -> Floats:
    """A stationary chain of two states, -1 and 1, that leaves 1 with `leave` and -1 with `enter`."""
    random = np.random.default_rng(seed)
    state, states = random.random() < enter / (enter + leave), []
    for chance in random.random(count):
        states.append(state)
        state = not chance < leave if state else chance < enter
    return 2.0 * np.array(states) - 1


@pytest.mark.parametrize(("leave", "enter"), [(0.1, 0.1), (0.3, 0.1), (0.8, 0.6), (0.5, 0.5)])
def test_markov_gives_the_conditional_mean_of_a_two_state_chain(leave: float, enter: float) -> None:
    count, ahead = 20_000, 12
    chain = two_states(count, leave, enter)
    codes = np.repeat(chain[:, None], DIM, axis=1).astype(np.float32)
    guessed = codes_of(play("markov", np.concatenate([codes, codes[:ahead]]), "." * count + "x" * ahead))[count:, 0]
    mean, rho = (enter - leave) / (enter + leave), 1 - enter - leave
    power = np.linalg.matrix_power
    transitions = np.array([[1 - enter, enter], [leave, 1 - leave]])
    row = int(chain[-1] > 0)
    due = [power(transitions, k)[row] @ [-1, 1] for k in range(1, ahead + 1)]
    np.testing.assert_allclose(due, mean + (chain[-1] - mean) * rho ** np.arange(1, ahead + 1), atol=1e-12)
    # Standard errors: of the mean sqrt(var (1 + rho) / (1 - rho) / n), of rho about sqrt((1 - rho^2) / n).
    spread = np.sqrt((1 - mean**2) * (1 + rho) / (1 - rho) / count) + 2 * np.sqrt((1 - rho**2) / count)
    np.testing.assert_allclose(guessed, due, atol=4 * spread)


def test_markov_equals_the_regression_of_what_was_received() -> None:
    random = np.random.default_rng(3)
    codes = np.cumsum(random.standard_normal((120, DIM)), axis=0).astype(np.float32)
    pattern = "".join(".x"[int(chance < 0.1)] for chance in random.random(110)) + "...xxxxxxx"
    session_codes = codes_of(play("markov", codes, pattern))
    pairs = [n for n in range(112) if pattern[n : n + 2] == ".."]  # over a hole, tokens are no neighbours
    x, y = codes[pairs].astype(np.float64), codes[[n + 1 for n in pairs]].astype(np.float64)
    assert len(pairs) >= ENOUGH
    mean = (x.mean(axis=0) + y.mean(axis=0)) / 2
    rho = np.array([np.polyfit(x[:, d], y[:, d], 1)[0] for d in range(DIM)])
    due = mean + (codes[112] - mean) * rho ** np.arange(1, 8)[:, None]
    np.testing.assert_allclose(session_codes[113:], due, rtol=1e-4, atol=1e-4)


def test_markov_repeats_until_it_has_heard_enough() -> None:
    for pairs in (ENOUGH - 1, ENOUGH):
        codes = np.tile(two_states(pairs + 1, 0.5, 0.5)[:, None], DIM).astype(np.float32)
        tail = codes_of(play("markov", np.concatenate([codes, codes[:4]]), "." * len(codes) + "xxxx", size=1))[-4:]
        assert (tail == codes[-1]).all() == (pairs < ENOUGH)


def test_markov_never_grows_and_keeps_what_never_changes() -> None:
    codes = np.ones((200, DIM), np.float32)
    codes[:100, 0] = 1.1 ** np.arange(100)  # no chain with a mean
    codes[:100, 1] = np.arange(100) % 2  # rho = -1
    played = codes_of(play("markov", codes, "." * 100 + "x" * 100))[100:]
    assert np.abs(played[:, 0]).max() <= np.abs(codes[:, 0]).max()
    np.testing.assert_allclose(played[:, 1], np.arange(100) % 2, atol=1e-5)
    np.testing.assert_allclose(played[:, 2], 1, atol=1e-6)
