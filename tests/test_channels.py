"""Network conditions against the closed forms of two-state loss, and traces against their files."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmark.channels.bernoulli import Bernoulli
from benchmark.channels.clean import Clean
from benchmark.channels.gilbert import Gilbert
from benchmark.channels.trace import Trace
from benchmark.seeds import generator
from benchmark.types import LOST, UserError

MS = 1_000_000  # ns
PACKETS = 200_000
SPREAD = 4.0  # standard deviations a seeded estimate may lie away from its closed form


def every(ms, packets=PACKETS):
    """Send instants of packets of `ms`, rounded down to ns as the encoder's frames are."""
    return np.arange(1, packets + 1) * round(ms * 3) * MS // 3


def lost(channel, sent, seed=0):
    return channel.fate(sent, generator(seed, "channel")).delays == LOST


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
    seen = lost(channel, every(20))
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


@pytest.mark.parametrize("ratio", [1.5, 2, 4])
def test_the_burst_ratio_is_the_one_of_g107_and_the_same_at_every_loss(ratio):
    for loss in (0.05, 0.2):
        rate, two, _ = closed_forms(Gilbert(loss, burst_ratio=ratio))
        assert rate / (rate - two) * (1 - rate) == pytest.approx(ratio)


def check_conditional(channel, interval):
    """Where the bad state is the loss, each lost packet is followed by another one independently of all else."""
    loss, two, _ = closed_forms(channel, interval)
    seen = lost(channel, every(interval))
    chance = two / loss
    off = SPREAD * np.sqrt(chance * (1 - chance) / (PACKETS * loss))
    assert (seen[1:] & seen[:-1]).sum() / seen[:-1].sum() == pytest.approx(chance, abs=off)


@pytest.mark.parametrize("channel", LOSSY[:6], ids=repr)
def test_a_lost_packet_is_followed_by_another_as_often_as_the_chain_says(channel):
    check_conditional(channel, 20)


@pytest.mark.parametrize("interval", [10, 40, 80])
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


@pytest.mark.parametrize("channel", [Bernoulli(0.2), Gilbert(0.2, burst_ratio=3), Gilbert(0.2)], ids=repr)
def test_a_longer_stream_does_not_change_what_happened_before(channel):
    whole = lost(channel, every(20, 4000))
    for packets in (1, 2, 255, 1000):
        assert (lost(channel, every(20, packets)) == whole[:packets]).all()


def test_a_length_of_bursts_is_another_way_to_write_their_ratio():
    by_length, by_ratio = Gilbert(0.2, burst_length=2.5), Gilbert(0.2, burst_ratio=2.5 * 0.8)
    assert by_length.ratio == pytest.approx(by_ratio.ratio)
    assert by_length.title == by_ratio.title
    assert (lost(by_length, every(20, 2000)) == lost(by_ratio, every(20, 2000))).all()


def test_a_slot_of_another_length_stretches_the_bursts():
    short, long = (lost(Gilbert(0.2, burst_ratio=3, slot_ms=ms), every(20)) for ms in (20, 80))
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
        (lambda: Gilbert(0.1, burst_length=1), "burst_length=1 is below 1.111, that of random loss at this rate"),
        (lambda: Gilbert(0.1, burst_length="long"), "burst_length=long must be a number"),
        (lambda: Gilbert(0.1, burst_ratio=2, burst_length=2), "not both"),
        (lambda: Gilbert(0.1, slot_ms=0), "slot_ms=0 must be a number of at least 0.001"),
        (lambda: Gilbert(0.1, slot_ms=float("nan")), "slot_ms=nan must be a number"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_the_least_burst_length_the_message_names_is_accepted():
    assert Gilbert(0.1, burst_length=1 / 0.9).ratio == 1


def text_trace(folder: Path, entries: str) -> str:
    path = folder / "call_is_lost.txt"
    path.write_text("\n".join(entries) + "\n", encoding="utf-8")
    return str(path)


def csv_trace(folder: Path, delays, step=20.0) -> str:
    path = folder / "call.csv"
    rows = [f"{i},{100 + step * i},{delay}" for i, delay in enumerate(delays)]
    path.write_text("\n".join(["seq,send_ms,delay_ms", *rows, ""]), encoding="utf-8")
    return str(path)


def test_entry_0_of_a_text_trace_decides_the_packet_of_the_first_slot(tmp_path):
    channel = Trace(text_trace(tmp_path, "1000110000"))
    assert lost(channel, every(20, 10)).tolist() == [c == "1" for c in "1000110000"]
    assert lost(channel, every(10, 6)).tolist() == [True, True, False, False, False, False]
    assert lost(channel, np.array([1, 20 * MS, 20 * MS + 1])).tolist() == [True, True, False]


def test_a_longer_packet_is_decided_at_its_send_instant(tmp_path):
    channel = Trace(text_trace(tmp_path, "1000110000"))
    assert lost(channel, every(40, 5)).tolist() == [False, False, True, False, False]


def test_another_slot_length_stretches_a_text_trace(tmp_path):
    assert lost(Trace(text_trace(tmp_path, "01"), slot_ms=30), every(10, 6)).tolist() == 3 * [False] + 3 * [True]


@pytest.mark.parametrize(("packets", "wraps"), [(1, 0), (4, 0), (5, 1), (8, 1), (9, 2)])
def test_a_trace_begins_anew_and_says_how_often(tmp_path, packets, wraps):
    fate = Trace(text_trace(tmp_path, "0100")).fate(every(20, packets), generator(0))
    assert (fate.delays == LOST).tolist() == [c == "1" for c in ("0100" * 3)[:packets]]
    assert fate.wraps == wraps


def test_a_delay_trace_keeps_its_delays_to_the_nanosecond(tmp_path):
    channel = Trace(csv_trace(tmp_path, ["0", "12.345678", "", " "]))
    assert channel.fate(every(20, 4), generator(0)).delays.tolist() == [0, 12_345_678, LOST, LOST]
    slower = Trace(csv_trace(tmp_path, ["0", "1"], step=60))
    assert slower.fate(every(20, 6), generator(0)).delays.tolist() == 3 * [0] + 3 * [MS]


def test_a_random_start_belongs_to_the_utterance_and_reaches_every_entry(tmp_path):
    entries = "1000000"
    channel = Trace(text_trace(tmp_path, entries), start="random")
    patterns = [tuple(lost(channel, every(20, 7), seed)) for seed in range(100)]
    assert patterns == [tuple(lost(channel, every(20, 7), seed)) for seed in range(100)]
    assert len(set(patterns)) == len(entries)
    assert all(sum(pattern) == 1 for pattern in patterns)


def test_a_trace_from_windows_is_read_as_any_other(tmp_path):
    path = tmp_path / "call.CSV"
    path.write_bytes(b"\xef\xbb\xbfsend_ms,delay_ms\r\n0,1\r\n20,\r\n")
    assert Trace(str(path)).delays.tolist() == [MS, LOST]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "0\n1\nlost\n", "entry 3: 'lost' is neither 0"),
        ("a.txt", "\n\n", "holds no packets"),
        ("a.txt", b"\xff\xfe", "cannot be read"),
        ("a.csv", "", "needs the columns send_ms and delay_ms"),
        ("a.csv", "send_ms,delay\n0,1\n20,1\n", "needs the columns send_ms and delay_ms"),
        ("a.csv", "send_ms,delay_ms\n0,1\n", "at least two packets"),
        ("a.csv", "send_ms,delay_ms\n0,1\n20,-3\n", "row 2: delay_ms=-3 is negative"),
        ("a.csv", "send_ms,delay_ms\n0,1\n20,nan\n", "row 2: 'nan' is not a number"),
        ("a.csv", "send_ms,delay_ms\n0,1\n20,1e300\n", "row 2: '1e300' is not a number of milliseconds up to"),
        ("a.csv", "send_ms,delay_ms\n0,1\nsoon,1\n", "row 2: 'soon' is not a number"),
        ("a.csv", "send_ms,delay_ms\n0,1\n20,1\n50,1\n", "equal steps"),
        ("a.csv", "send_ms,delay_ms\n20,1\n0,1\n", "equal steps"),
        ("a.csv", 'send_ms,delay_ms\n0,"' + "1" * 200_000, "no table in CSV"),
    ],
)
def test_a_bad_trace_is_one_clear_error(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=message) as caught:
        Trace(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "middle"}, "start='middle' is not known; write first or random"),
        ({"slot_ms": -1}, "slot_ms=-1 must be a number of at least"),
        ({"slot_ms": float("inf")}, "slot_ms=inf"),
        ({"slot_ms": 1e-9}, "slot_ms=1e-09"),
    ],
)
def test_bad_options_of_a_trace_are_refused(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        Trace(text_trace(tmp_path, "01"), **options)


def test_a_missing_trace_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            Trace(str(path))


def test_the_shipped_traces_are_readable():
    from benchmark.manifest import shipped

    files = [p for p in (shipped() / "traces").iterdir() if p.suffix in (".txt", ".csv")]
    assert files
    for path in files:
        share = lost(Trace(str(path)), every(20, 1000)).mean()
        assert 0 <= share < 0.5
