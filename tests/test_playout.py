"""The playout buffer: packets in, slots out, as tables; and what holds for every network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.packetise import packetise
from benchmark.playout import AHEAD, hold, late_packets, play, spans
from benchmark.protection.bundle import Bundle
from benchmark.types import LOST, Frame, Packet

MS = 1_000_000  # ns
NEVER = LOST / MS


def frames_of(payloads, ms=20):
    return [Frame(i, p, 8 * len(p), i * ms * MS, ms * MS, (i + 1) * ms * MS) for i, p in enumerate(payloads)]


def played(payloads, delays_ms, buffer_ms=60, bundle=1):
    """Play frames of 20 ms whose packets are late by `delays_ms` (None: lost)."""
    frames = frames_of(payloads)
    stream = packetise(frames, Bundle(bundle), 1, "none")
    return play(frames, stream.packets, nanoseconds(delays_ms), stream.hold, round(buffer_ms * MS))


def nanoseconds(delays_ms):
    return np.array([LOST if d is None else round(d * MS) for d in delays_ms], np.int64)


def payloads_of(playout):
    return [slot.payload for slot in playout.slots]


@pytest.mark.parametrize(
    ("delays", "expected", "lost", "late"),
    [
        ([0, 0, 0, 0], [b"a", b"b", b"c", b"d"], "0000", "0000"),
        ([0, None, 0, 0], [b"a", None, b"c", b"d"], "0100", "0000"),
        ([None, None, None, None], [None] * 4, "1111", "0000"),
        ([0, 60, 0, 0], [b"a", b"b", b"c", b"d"], "0000", "0000"),
        ([0, 60.000001, 0, 0], [b"a", None, b"c", b"d"], "0000", "0100"),
        ([1000, 0, None, 61], [None, b"b", None, None], "0010", "1001"),
        ([60, 40, 20, 0], [b"a", b"b", b"c", b"d"], "0000", "0000"),
    ],
    ids=["all", "one lost", "none", "just in time", "one ns late", "late and lost", "all at once"],
)
def test_a_late_packet_is_a_lost_one_told_apart(delays, expected, lost, late):
    result = played([b"a", b"b", b"c", b"d"], delays)
    assert payloads_of(result) == expected
    assert result.lost.tolist() == [c == "1" for c in lost]
    assert result.late.tolist() == [c == "1" for c in late]


@pytest.mark.parametrize(
    ("delays", "buffer", "expected"),
    [
        # frame 0 is due at 20 ms + buffer; frame k arrives at 20 (k + 1) ms + its delay
        ([0, 0, 0, 0], 0, [(), (), (), ()]),
        ([0, 0, 0, 0], 20, [(b"b",), (b"c",), (b"d",), ()]),
        ([0, 0, 0, 0], 19.999999, [(), (), (), ()]),
        ([0, 0, 0, 0], 60, [(b"b", b"c", b"d"), (b"c", b"d"), (b"d",), ()]),
        ([0, 0, 5, 0], 40, [(b"b",), (b"c", b"d"), (b"d",), ()]),
        ([None, 30, 0, 0], 40, [(None, b"c"), (b"c", b"d"), (b"d",), ()]),
        ([0, None, 0, 0], 60, [(None, b"c", b"d"), (b"c", b"d"), (b"d",), ()]),
    ],
)
def test_ahead_shows_exactly_what_is_there_when_the_frame_is_due(delays, buffer, expected):
    result = played([b"a", b"b", b"c", b"d"], delays, buffer)
    assert [slot.ahead for slot in result.slots] == expected


def test_ahead_reaches_only_so_far():
    result = played([bytes([i]) for i in range(40)], [0] * 40, buffer_ms=600)
    assert [len(slot.ahead) for slot in result.slots[:3]] == [AHEAD] * 3


@pytest.mark.parametrize("delays", [[0, 0], [None, None], [500, 500]])
def test_nothing_to_send_is_never_a_loss(delays):
    result = played([b"a", b"", b"", b"d"], delays)
    assert payloads_of(result)[1:3] == [b"", b""]
    assert not (result.lost | result.late)[1:3].any()


def test_a_bundle_lives_and_dies_as_one():
    result = played([b"a", b"b", b"c", b"d", b"e"], [0, None, 0], bundle=2)
    assert payloads_of(result) == [b"a", b"b", None, None, b"e"]
    assert result.slots[0].ahead == (b"b", None, None, b"e")  # the second bundle would have come at 80 ms


def test_silence_in_a_lost_bundle_is_no_loss():
    result = played([b"a", b"", b"c", b"d"], [None, 0], bundle=2)
    assert payloads_of(result) == [None, b"", b"c", b"d"]
    assert result.lost.tolist() == [True, False, False, False]


def test_every_packet_needs_its_delay():
    with pytest.raises(ValueError, match="zip"):
        played([b"a", b"b"], [0])


def test_no_frames_no_slots():
    assert played([], []).slots == []


# --- groups, copies, and what is waited for ---


def four_at_a_time(count):
    """Frames of 20 ms, made four at a time."""
    payloads = [bytes([97 + i]) for i in range(count)]
    return [Frame(i, p, 8, 20 * i * MS, 20 * MS, 80 * (i // 4 + 1) * MS) for i, p in enumerate(payloads)]


def test_the_frames_of_a_group_are_due_together_when_the_last_of_them_can_be_there():
    frames = four_at_a_time(8)
    packets = [Packet(i, (80 + 20 * i) * MS, (frame,)) for i, frame in enumerate(frames)]
    assert hold(frames, packets) == 140 * MS
    result = play(frames, packets, nanoseconds([0] * 8), 140 * MS, 10 * MS)
    assert result.due == [150 * MS] * 4 + [230 * MS] * 4
    assert [slot.ahead for slot in result.slots[:4]] == [(b"b", b"c", b"d"), (b"c", b"d"), (b"d",), ()]


def test_a_receiver_waits_for_the_last_copy_also_where_nothing_had_to_be_sent():
    a, b, c = frames = frames_of([b"a", b"", b""])
    planned = [Packet(0, 20 * MS, (a,)), Packet(1, 40 * MS, (b,)), Packet(2, 60 * MS, (c,), (a,))]
    assert hold(frames, planned) == 60 * MS
    assert hold(frames, planned[:2]) == 20 * MS
    assert hold([], []) == 0


@pytest.mark.parametrize(
    ("delays", "expected", "lost", "late", "count"),
    [
        ([None, 0, 0], [b"a", b"b", b"c"], "000", "000", 0),  # the copy comes 20 ms later, and is waited for
        ([None, 60, 0], [b"a", b"b", b"c"], "000", "000", 0),  # just in time
        ([None, 61, 0], [None, b"b", b"c"], "000", "100", 0),  # the copy is late, what the packet is for is not
        ([81, 0, 0], [b"a", b"b", b"c"], "000", "000", 1),  # late for its frame, but there is the copy
        ([None, None, 0], [None, b"b", b"c"], "100", "000", 0),
        ([0, 0, None], [b"a", b"b", None], "001", "000", 0),  # nothing carries a copy of the last
        ([0, 0, 99], [b"a", b"b", None], "000", "001", 1),
    ],
)
def test_a_copy_is_as_good_as_the_frame_if_it_is_in_time(delays, expected, lost, late, count):
    a, b, c = frames = frames_of([b"a", b"b", b"c"])
    packets = [Packet(0, 20 * MS, (a,)), Packet(1, 40 * MS, (b,), (a,)), Packet(2, 60 * MS, (c,), (b,))]
    result = play(frames, packets, nanoseconds(delays), hold(frames, packets), 60 * MS)
    assert payloads_of(result) == expected
    assert [result.lost.tolist(), result.late.tolist()] == [[x == "1" for x in text] for text in (lost, late)]
    assert late_packets(packets, nanoseconds(delays), result.due) == count


def test_a_packet_of_copies_alone_is_late_when_they_are():
    a, b = frames_of([b"a", b""])
    packets = [Packet(0, 20 * MS, (a,)), Packet(1, 40 * MS, (b,), (a,))]
    counts = [late_packets(packets, nanoseconds([None, ms]), [100 * MS, 120 * MS]) for ms in (60, 61)]
    assert counts == [0, 1]


def test_a_bundle_is_late_when_its_first_frame_is():
    a, b = frames_of([b"a", b"b"])
    packets = [Packet(0, 40 * MS, (a, b))]
    result = play([a, b], packets, nanoseconds([70]), 40 * MS, 60 * MS)
    assert payloads_of(result) == [None, b"b"]  # of which the second one plays 20 ms later
    assert late_packets(packets, nanoseconds([70]), result.due) == 1


def test_spans_are_runs_of_missing_frames():
    frames = frames_of([b"x"] * 5)
    assert spans(frames, np.array([1, 1, 0, 0, 1], bool)) == [[0.0, 0.04], [0.08, 0.1]]
    assert spans(frames, np.zeros(5, bool)) == []


networks = st.lists(
    st.tuples(
        st.sampled_from([b"", b"x", b"yz"]),
        st.none() | st.integers(0, 200).map(lambda ms: ms / 2),
    ),
    max_size=30,
)


@given(networks, st.integers(1, 4), st.integers(0, 200), st.integers(0, 200))
def test_a_larger_buffer_never_plays_less_and_every_frame_has_its_slot(network, bundle, one, other):
    frames = frames_of([payload for payload, _ in network])
    packets, held = packetise(frames, Bundle(bundle), 1, "none")
    delays = nanoseconds(network[p.seq][1] for p in packets)
    small, large = (play(frames, packets, delays, held, ms * MS) for ms in sorted((one, other)))
    for result in (small, large):
        assert [slot.index for slot in result.slots] == list(range(len(frames)))
        assert all(s.payload in (None, f.payload) for s, f in zip(result.slots, frames, strict=True))
        assert [s.payload is None for s in result.slots] == (result.lost | result.late).tolist()
        assert not (result.lost & result.late).any()
    for before, after in zip(small.slots, large.slots, strict=True):
        assert before.payload is None or after.payload == before.payload
        here = [payload for payload in before.ahead if payload is not None]
        assert len(here) <= sum(payload is not None for payload in after.ahead)
    assert (small.lost == large.lost).all()
