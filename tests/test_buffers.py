"""Playout buffers: fixed ones against the law of the delays, adaptive ones by hand, by their laws, and in time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmark import registry
from benchmark.buffers._arrivals import arrivals
from benchmark.buffers.fixed import Fixed
from benchmark.buffers.quantile import Quantile, _Histogram
from benchmark.buffers.talkspurt import Talkspurt
from benchmark.codec import frame_of
from benchmark.packetise import packetise
from benchmark.playout import earliest, play
from benchmark.protection.none import Unprotected
from benchmark.types import LOST, CodecInfo, Point, UserError

MS = 1_000_000  # ns
BUFFERS = [Fixed(), Talkspurt(), Quantile(), Quantile(resample_ms=0)]
COUNT = 20_000


def in_ns(delays_ms):
    return np.array([LOST if d is None else round(d * MS) for d in delays_ms], np.int64)


def instants(count, ms=20):
    """When packets of `ms` are sent, which is when their frames could be played if nothing delayed them."""
    return np.arange(1, count + 1, dtype=np.int64) * ms * MS


def flags(text):
    return np.array([c == "s" for c in text], bool)


def waits_ms(buffer, delays_ms, talking):
    """What frames of 20 ms, each in a packet, wait; `talking` has a letter a frame, s for speech."""
    times = instants(len(talking))
    return (buffer.waits(times, in_ns(delays_ms), times, flags(talking)) / MS).tolist()


def late_share(buffer, delays, talking):
    times = instants(len(delays))
    return np.mean(delays > buffer.waits(times, delays, times, talking))


def conversation(count, speech=50, pause=25):
    """Talkspurts of a second, and half a second between them."""
    return np.arange(count) % (speech + pause) >= pause


def gamma_delays(count, mean_ms=30.0, shape=2.0, seed=0):
    drawn = np.random.default_rng(seed).gamma(shape, mean_ms / shape, count)
    return np.rint(drawn * MS).astype(np.int64)


# --- what holds for all ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fixed:buffer_ms=-1", "fixed: buffer_ms=-1 must be a number from 0 to 10000."),
        ("fixed:buffer_ms=10001", "fixed: buffer_ms=10001 must be"),
        ("fixed:buffer_ms=true", "fixed: buffer_ms=True must be"),
        ("fixed:depth=60", "has no parameter 'depth'"),
        ("talkspurt:alpha=1.1", "talkspurt: alpha=1.1 must be a number from 0 to 1."),
        ("talkspurt:beta=0", "talkspurt: beta=0 must be a number from 0.1 to 100."),
        ("talkspurt:start_ms=-1", "talkspurt: start_ms=-1 must be"),
        ("quantile:share=1", "quantile: share=1 must be a number from 0 to 0.9999."),
        ("quantile:forget=2", "quantile: forget=2 must be"),
        ("quantile:bucket_ms=0", "quantile: bucket_ms=0 must be a number from 1 to 1000."),
        ("quantile:start_ms=many", "quantile: start_ms=many must be"),
        ("quantile:resample_ms=-5", "quantile: resample_ms=-5 must be"),
    ],
)
def test_a_mistake_is_named(text, message):
    with pytest.raises(UserError) as caught:
        registry.make("playout", registry.parse(text))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "title", "point"),
    [
        ("fixed", "60 ms buffer", Point("fixed buffer", "ms", 60.0)),
        ("fixed:buffer_ms=12.5", "12.5 ms buffer", Point("fixed buffer", "ms", 12.5)),
        ("talkspurt", "talkspurt buffer", None),
        ("talkspurt:beta=2", "talkspurt buffer, beta 2", None),
        ("quantile:share=0.95,forget=0.983,bucket_ms=20,start_ms=80", "95 % quantile buffer", None),
    ],
)
def test_the_report_has_a_name_for_it(text, title, point):
    buffer = registry.make("playout", registry.parse(text))
    assert (buffer.title, buffer.point) == (title, point)


delays_of_packets = arrays(np.int64, 60, elements=st.integers(0, 400 * MS) | st.just(int(LOST)))
speech = arrays(np.bool_, 60)


@st.composite
def streams(draw):
    """When packets are sent and frames could be played, of codecs that make one frame or four at a time."""
    group, hold = draw(st.sampled_from([1, 4])), draw(st.integers(20, 200))
    start = np.arange(60, dtype=np.int64) // group * group * 20 * MS
    sent = start + group * 20 * MS + draw(st.booleans()) * (np.arange(60) % group) * 20 * MS
    return sent, start + hold * MS


@given(st.sampled_from(BUFFERS), streams(), delays_of_packets, speech)
def test_waits_are_never_negative_and_frames_stay_in_order(buffer, stream, delays, talking):
    waits = buffer.waits(stream[0], delays, stream[1], talking)
    assert (waits.dtype, waits.shape) == (np.int64, (60,))
    assert (waits >= 0).all()
    assert (np.diff(stream[1] + waits) >= 0).all()
    assert (waits == buffer.waits(stream[0], delays, stream[1], talking)).all()


@given(st.sampled_from(BUFFERS), streams(), delays_of_packets, delays_of_packets, speech, st.integers(0, 1500))
def test_what_has_not_arrived_decides_nothing(buffer, stream, delays, others, talking, now_ms):
    """What is played until some instant is the same whatever comes behind it, and so are decisions made until then."""
    sent, first = stream
    now = now_ms * MS
    arrived = sent + np.where(delays == LOST, 2**60, delays) <= now
    changed = np.where(arrived, delays, np.where(sent + np.where(others == LOST, 2**60, others) > now, others, LOST))
    one, other = (first + buffer.waits(sent, d, first, talking) for d in (delays, changed))
    assert ((one == other) | ((one > now) & (other > now))).all()
    decided = (first <= now) & (talking if isinstance(buffer, Talkspurt) else True)  # which can still cut a pause short
    assert (one[decided] == other[decided]).all()


@given(st.sampled_from(BUFFERS), streams(), speech)
def test_without_delays_nothing_is_late(buffer, stream, talking):
    sent = np.minimum(*stream)
    assert (stream[1] + buffer.waits(sent, np.zeros(60, np.int64), stream[1], talking) >= sent).all()


@pytest.mark.parametrize("buffer", BUFFERS, ids=repr)
def test_streams_of_nothing(buffer):
    none = np.zeros(0, np.int64)
    assert buffer.waits(none, none, none, np.zeros(0, bool)).tolist() == []
    silent = waits_ms(buffer, [5.0] * 40, "." * 40)
    lost = waits_ms(buffer, [None] * 40, "s" * 40)
    assert len(silent) == len(lost) == 40
    assert len(set(lost)) == 1
    assert (buffer.waits(none, none, instants(3), flags("sss")) > 0).all(), "all was lost, or not worth sending"


@given(delays_of_packets, st.integers(0, 300), st.integers(0, 300))
def test_a_larger_fixed_buffer_never_plays_less_and_each_frame_once(delays, one, other):
    frames = [frame_of(CodecInfo(16_000, 16_000, frame=320), i, bytes([i + 1])) for i in range(60)]
    packets, held = packetise(frames, Unprotected(), 1, "none")
    first = earliest(frames, held)
    sent, talking = np.array([p.sent for p in packets]), np.ones(60, bool)
    played = []
    for buffer_ms in sorted((one, other)):
        waits = Fixed(buffer_ms).waits(sent, delays, first, talking)
        there = [slot.payload for slot in play(frames, packets, delays, first + waits).slots]
        assert [p for p in there if p is not None] == sorted(set(filter(None, there)))
        played.append({p for p in there if p is not None})
    assert played[0] <= played[1]


def test_arrivals_are_in_the_order_of_arrival_without_what_was_lost():
    seen = arrivals(instants(5), in_ns([50, None, 0, 0, 0]))
    assert (seen.instants // MS).tolist() == [60, 70, 80, 100]
    assert (seen.sent // MS).tolist() == [60, 20, 80, 100]
    assert (seen.delays // MS).tolist() == [0, 50, 0, 0]
    assert seen.until(in_ns([59, 60, 80, 200])).tolist() == [0, 1, 3, 4]


# --- fixed ---


@pytest.mark.parametrize("buffer_ms", [20, 60, 100])
def test_of_a_fixed_buffer_the_tail_of_the_delays_is_late(buffer_ms):
    """Gamma delays of shape 2 and scale s: P(delay > b) = (1 + b / s) exp(-b / s). Four standard deviations."""
    tail = (1 + buffer_ms / 15) * np.exp(-buffer_ms / 15)
    late = late_share(Fixed(buffer_ms), gamma_delays(10 * COUNT), conversation(10 * COUNT))
    assert late == pytest.approx(tail, abs=4 * np.sqrt(tail * (1 - tail) / (10 * COUNT)))


def test_a_fixed_buffer_listens_to_nothing():
    assert waits_ms(Fixed(12.5), [None, 400, 0, 0], "s.s.") == [12.5] * 4


# --- a delay per talkspurt ---


def test_a_talkspurt_waits_for_the_mean_and_four_deviations_of_what_had_arrived():
    """By hand, from 80 ms = 0 + 4 * 20 ms, then two packets that took 10 ms: means of two and of three values."""
    assert waits_ms(Talkspurt(), [10] * 3, "s..") == [80] * 3  # nothing had arrived
    assert waits_ms(Talkspurt(), [10] * 3, ".s.")[1] == pytest.approx(5 + 4 * 12.5)
    assert waits_ms(Talkspurt(), [10] * 4, "..s.")[2] == pytest.approx(20 / 3 + 4 * (12.5 + (10 / 3 - 12.5) / 3))


@pytest.mark.parametrize(("alpha", "beta", "start"), [(0.998002, 4, 80), (0.9, 2, 30)])
def test_the_means_forget_as_told(alpha, beta, start):
    """Against the recursion of the paper, run to the talkspurt; the first values are plain means."""
    delays = gamma_delays(1500)
    mean, deviation = 0.0, start * MS / beta
    times = instants(1500)
    for count, delay in enumerate(delays[np.argsort(times + delays, kind="stable")][:-20], 2):
        keep = min(alpha, 1 - 1 / count)
        mean = keep * mean + (1 - keep) * delay
        deviation = keep * deviation + (1 - keep) * abs(mean - delay)
    arrived = np.sort(times + delays)[-21]  # the instant at which all but 20 have arrived
    moments = np.concatenate([times[times < arrived], [arrived]])
    talking = np.arange(len(moments)) == len(moments) - 1
    waits = Talkspurt(alpha, beta, start).waits(times, delays, moments, talking)
    assert waits[-1] == pytest.approx(mean + beta * deviation, abs=1)


def test_within_a_talkspurt_and_behind_it_nothing_changes():
    delays = [*[100.0, 0.0] * 20, *[0.0] * 60]
    talking = "." * 40 + "s" * 20 + "." * 10 + "s" * 30
    waits = waits_ms(Talkspurt(), delays, talking)
    assert len(set(waits[40:66])) == 1
    assert len(set(waits[70:])) == 1
    assert waits[70] < waits[40]


def test_a_shorter_delay_cuts_the_pause_before_short():
    """Frame 5 is due at 120 ms and 55 ms; frames 2 to 4 were due 80 ms after 60, 80 and 100 ms."""
    talking, delays = "ss...s", [10, None, None, None, None, None]
    waits = waits_ms(Talkspurt(), delays, talking)
    assert waits == [80, 80, 80, 80, 75, 55]
    assert [20 * (i + 1) + wait for i, wait in enumerate(waits)] == [100, 120, 140, 160, 175, 175]
    assert waits_ms(Talkspurt(), [0.0] * 40, "." * 39 + "s")[39] == pytest.approx(80 / 41), "a long pause gives all"


def test_a_talkspurt_never_runs_into_the_one_before():
    """Of two packets that came at once, a third of 80 ms is left; frame 29 is due with frame 27, none before."""
    waits = waits_ms(Talkspurt(), [None] * 28 + [0, 0], "s" * 28 + ".s")
    assert waits[:28] == [80] * 28
    assert [20 * (i + 1) + wait for i, wait in enumerate(waits)][27:] == [640, 640, 640]
    assert waits_ms(Talkspurt(), [None] * 28 + [0, 0], "." * 28 + ".s")[29] == pytest.approx(80 / 3)


# --- a quantile ---


def test_the_quantile_moves_in_pauses_by_a_frame_per_frame_and_not_in_speech():
    """All arrive at once: the smallest target is one bucket, 20 ms."""
    none = [0.0] * 12
    assert waits_ms(Quantile(resample_ms=0), none, "." * 12) == [80, 60, 40, *[20] * 9]
    assert waits_ms(Quantile(resample_ms=0), none, "..sss..s....") == [80, 60, 60, 60, 60, 40, 20, 20, 20, 20, 20, 20]
    assert waits_ms(Quantile(resample_ms=0, start_ms=5), none, "." * 12) == [5, *[20] * 11]
    assert waits_ms(Quantile(resample_ms=0), none, "s" * 12) == [80] * 12


def test_a_packet_counts_from_its_arrival_on():
    """Packet 10, sent at 220 ms, comes at 270 ms: frame 12, at 260 ms, knows nothing of it; frame 13 does."""
    waits = waits_ms(Quantile(share=0.9999, resample_ms=0), [0.0] * 10 + [50.0] + [0.0] * 10, "." * 21)
    assert waits[10:16] == [20, 20, 20, 40, 60, 60]


def test_the_target_is_the_upper_end_of_the_bucket_above_the_smallest_delay():
    assert waits_ms(Quantile(resample_ms=0), [7.0, 66.0] * 200, "." * 400)[-1] == 7 + 60  # 59 ms are in the third
    assert waits_ms(Quantile(resample_ms=0, bucket_ms=1), [7.0, 66.0] * 200, "." * 400)[-1] == 7 + 60
    assert waits_ms(Quantile(resample_ms=0, bucket_ms=50), [7.0, 66.0] * 200, "." * 400)[-1] == 7 + 100
    assert waits_ms(Quantile(resample_ms=0, share=0.4), [7.0, 66.0] * 200, "." * 400)[-1] == 7 + 20


def test_the_smallest_delay_is_that_of_two_seconds():
    delays = [0.0] * 100 + [300.0] * 300
    waits = waits_ms(Quantile(resample_ms=0, forget=0.5), delays, "." * 400)
    assert waits[180] == 320, "300 ms above the smallest delay, in the sixteenth bucket"
    assert waits[-1] == 320, "in the first bucket above a smallest delay of 300 ms"
    assert max(waits[200:225]) == 320 + 4 * 20, "both, for the four packets that half of the histogram takes to 0.05"


def test_of_every_half_second_the_largest_delay_is_counted():
    """A packet in 25 takes 70 ms: of packets that is no twentieth, of half seconds it is each."""
    delays = [70.0 if i % 25 == 5 else 0.0 for i in range(500)]
    assert waits_ms(Quantile(), delays, "." * 500)[-1] == 80
    assert waits_ms(Quantile(resample_ms=0), delays, "." * 500)[-1] == 20
    assert waits_ms(Quantile(), delays, "." * 500)[:20] == [80] * 20, "nothing is counted yet"


@pytest.mark.parametrize("forget", [0.5, 0.983])
def test_the_histogram_keeps_its_share_and_starts_fast(forget):
    """Weights by their product form: value k of n has (1 - f_k) times all later f, f_k = min(forget, 1 - 2 / k)."""
    values = np.random.default_rng(1).integers(0, 40, 150)
    histogram = _Histogram(50 * MS, forget)
    for count in range(1, 151):
        histogram.add(int(values[count - 1]) * 50 * MS)
        keep = np.clip(1 - 2 / np.arange(1, count + 1), 0, forget)
        weights = (1 - keep) * np.append(np.cumprod(keep[::-1])[::-1][1:], 1)
        assert weights.sum() == pytest.approx(1)
        for share in (0.05, 0.5, 0.95):
            upper = next(v for v in range(40) if weights[values[:count] <= v].sum() >= share - 1e-9)
            assert histogram.quantile(share) == (upper + 1) * 50 * MS


def test_what_took_more_than_two_seconds_is_not_counted():
    histogram = _Histogram(20 * MS, 0.983)
    histogram.add(2000 * MS)
    assert (histogram.count, histogram.quantile(0.95)) == (0, 0)
    histogram.add(1999 * MS)
    assert histogram.quantile(0.95) == 2000 * MS
    assert waits_ms(Quantile(resample_ms=0), [0.0] + [2000.0] * 30, "s" * 31)[-1] == 80


@pytest.mark.parametrize("share", [0.8, 0.9, 0.95])
def test_of_packets_as_many_are_late_as_the_quantile_leaves(share):
    """Gamma delays, buckets of 1 ms, a wait per talkspurt: 267 of them.

    A histogram that keeps 0.995 is worth 400 packets, (1 + f) / (1 - f): each time it is off by a fifth of a twentieth,
    of either sign, which over 20 000 / 400 independent ones is 3 %. Half a bucket too deep is 2 % more.
    """
    late = late_share(Quantile(share, 0.995, 1, 80, 0), gamma_delays(COUNT), conversation(COUNT))
    assert late == pytest.approx(1 - share, rel=0.08)


def test_of_half_seconds_as_many_have_a_late_packet_as_the_quantile_leaves():
    """The same for intervals of 25 packets: 800 of them, with a histogram worth 117, which is off by two fifths."""
    delays = gamma_delays(COUNT)
    times = instants(COUNT)
    waits = Quantile(bucket_ms=1).waits(times, delays, times, conversation(COUNT))
    late = (delays > waits).reshape(-1, 25).any(axis=1)
    assert late.mean() == pytest.approx(0.05, abs=0.025)
    assert (delays > waits).mean() < 0.005


@pytest.mark.parametrize("buffer", [Talkspurt(), Quantile(), Quantile(resample_ms=0)], ids=repr)
def test_a_step_of_the_delay_is_followed(buffer):
    """100 ms more from the 20th second on: all late at first; ten seconds later hardly any."""
    delays = gamma_delays(2000, mean_ms=10)
    delays[1000:] += 100 * MS
    talking, times = conversation(2000), instants(2000)
    waits = buffer.waits(times, delays, times, talking)
    late = delays > waits
    assert late[1000:1015].mean() > 0.9
    assert late[1500:].mean() < 0.08
    assert waits[1500:].mean() - waits[500:1000].mean() > 70 * MS


def test_a_talkspurt_that_begins_within_a_group_begins_with_it():
    """Four frames are decoded together: they have one instant."""
    sent = instants(200, 80)
    earliest_ns = np.repeat(sent, 4)
    delays = gamma_delays(200)
    talking = conversation(800, speech=54, pause=25)
    due = earliest_ns + Talkspurt().waits(sent, delays, earliest_ns, talking)
    assert np.all(due.reshape(-1, 4) == due[::4, None])
    assert len(np.unique(due[::4] - earliest_ns[::4])) > 3, "it moves"
