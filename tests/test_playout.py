"""Playing out: packets in, slots out, as tables; and what holds for every network."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.packetise import packetise
from benchmark.playout import AHEAD, earliest, hold, late_packets, play, spans
from benchmark.protection.bundle import Bundle
from benchmark.protection.parity import Parity
from benchmark.protection.redundancy import Redundancy
from benchmark.types import LOST, Frame, Packet

MS = 1_000_000  # ns


def frames_of(payloads, ms=20):
    return [Frame(i, p, 8 * len(p), i * ms * MS, ms * MS, (i + 1) * ms * MS) for i, p in enumerate(payloads)]


def played(payloads, delays_ms, buffer_ms=60, bundle=1):
    """Play frames of 20 ms whose packets are late by `delays_ms` (None: lost)."""
    frames = frames_of(payloads)
    stream = packetise(frames, Bundle(bundle), 1, "none")
    return after(frames, stream.packets, delays_ms, stream.hold, buffer_ms)


def after(frames, packets, delays_ms, held, buffer_ms):
    """Play `buffer_ms` after the earliest instant at which the frames of a group can be there."""
    return play(frames, packets, nanoseconds(delays_ms), earliest(frames, held) + round(buffer_ms * MS))


def nanoseconds(delays_ms):
    return np.array([LOST if d is None else round(d * MS) for d in delays_ms], np.int64)


def bits(flags):
    return "".join("1" if flag else "0" for flag in flags)


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
    result = after(frames, packets, [0] * 8, 140 * MS, 10)
    assert result.due == [150 * MS] * 4 + [230 * MS] * 4
    assert [slot.ahead for slot in result.slots[:4]] == [(b"b", b"c", b"d"), (b"c", b"d"), (b"d",), ()]


def test_a_receiver_waits_for_the_last_copy_also_where_nothing_had_to_be_sent():
    a, b, c = frames = frames_of([b"a", b"", b""])
    planned = [Packet(0, 20 * MS, (a,)), Packet(1, 40 * MS, (b,)), Packet(2, 60 * MS, (c,), (a,))]
    assert hold(frames, planned) == 60 * MS
    assert hold(frames, planned[:2]) == 20 * MS
    assert hold([], []) == 0


@pytest.mark.parametrize(
    ("delays", "expected", "lost", "late", "packet_late"),
    [
        ([None, 0, 0], [b"a", b"b", b"c"], "000", "000", "000"),  # the copy comes 20 ms later, and is waited for
        ([None, 60, 0], [b"a", b"b", b"c"], "000", "000", "000"),  # just in time
        ([None, 61, 0], [None, b"b", b"c"], "000", "100", "000"),  # the copy is late, what the packet is for is not
        ([81, 0, 0], [b"a", b"b", b"c"], "000", "000", "100"),  # late for its frame, but there is the copy
        ([None, None, 0], [None, b"b", b"c"], "100", "000", "000"),
        ([0, 0, None], [b"a", b"b", None], "001", "000", "000"),  # nothing carries a copy of the last
        ([0, 0, 99], [b"a", b"b", None], "000", "001", "001"),
    ],
)
def test_a_copy_is_as_good_as_the_frame_if_it_is_in_time(delays, expected, lost, late, packet_late):
    a, b, c = frames = frames_of([b"a", b"b", b"c"])
    packets = [Packet(0, 20 * MS, (a,)), Packet(1, 40 * MS, (b,), (a,)), Packet(2, 60 * MS, (c,), (b,))]
    result = after(frames, packets, delays, hold(frames, packets), 60)
    assert payloads_of(result) == expected
    assert [bits(result.lost), bits(result.late)] == [lost, late]
    assert bits(late_packets(packets, nanoseconds(delays), result.due)) == packet_late


def test_a_packet_of_copies_alone_is_late_when_they_are():
    a, b = frames_of([b"a", b""])
    packets = [Packet(0, 20 * MS, (a,)), Packet(1, 40 * MS, (b,), (a,))]
    late = [bits(late_packets(packets, nanoseconds([None, ms]), [100 * MS, 120 * MS])) for ms in (60, 61)]
    assert late == ["00", "01"]


def test_a_bundle_is_late_when_its_first_frame_is():
    a, b = frames_of([b"a", b"b"])
    packets = [Packet(0, 40 * MS, (a, b))]
    result = after([a, b], packets, [70], 40 * MS, 60)
    assert payloads_of(result) == [None, b"b"]  # of which the second one plays 20 ms later
    assert late_packets(packets, nanoseconds([70]), result.due).tolist() == [True]


def test_every_frame_can_have_a_wait_of_its_own():
    frames = frames_of([b"a", b"b", b"c"])
    packets = [Packet(i, frame.ready, (frame,)) for i, frame in enumerate(frames)]
    waits = np.array([10, 30, 25]) * MS
    result = play(frames, packets, nanoseconds([11, 30, 24]), earliest(frames, 20 * MS) + waits)
    assert payloads_of(result) == [None, b"b", b"c"]
    assert result.due == [30 * MS, 70 * MS, 85 * MS]
    assert bits(late_packets(packets, nanoseconds([11, 30, 24]), result.due)) == "100"


def test_earliest_is_when_all_of_a_group_can_be_there():
    assert earliest(four_at_a_time(6), 140 * MS).tolist() == [140 * MS] * 4 + [220 * MS] * 2
    assert earliest([], 20 * MS).tolist() == []


# --- bit errors: payloads that arrive, but not as they were sent ---


@pytest.mark.parametrize(
    ("delays", "played"),
    [
        ([0, 0, 0], [b"A", b"b", b"c"]),  # the frame itself came first
        ([30, 0, 0], [b"1", b"b", b"c"]),  # its copy did
        ([20, 0, 0], [b"A", b"b", b"c"]),  # both at once: the earlier packet
        ([None, 0, 0], [b"1", b"b", b"c"]),
    ],
)
def test_played_is_what_arrived_first(delays, played):
    a, b, c = frames = frames_of([b"a", b"b", b"c"])
    damaged, copy = replace(a, payload=b"A"), replace(a, payload=b"1")
    packets = [Packet(0, 20 * MS, (damaged,)), Packet(1, 40 * MS, (b,), (copy,)), Packet(2, 60 * MS, (c,))]
    result = after(frames, packets, delays, 40 * MS, 60)
    assert payloads_of(result) == played


def test_of_one_packet_the_frame_itself_goes_before_its_copy():
    (a,) = frames = frames_of([b"a"])
    packets = [Packet(0, 20 * MS, (replace(a, payload=b"A"),), (replace(a, payload=b"1"),))]
    assert payloads_of(after(frames, packets, [0], 20 * MS, 0)) == [b"A"]


def test_what_is_ahead_is_as_it_arrived():
    a, b = frames = frames_of([b"a", b"b"])
    packets = [Packet(0, 20 * MS, (a,)), Packet(1, 40 * MS, (replace(b, payload=b"B"),))]
    assert after(frames, packets, [0, 0], 20 * MS, 20).slots[0].ahead == (b"B",)


# --- parity: one of a block may be missing ---


@pytest.mark.parametrize(
    ("delays", "played", "lost", "late", "packet_late"),
    [  # sent at 20, 40, 60 ms, parity at 70 ms; due 70 ms after they begin, and 30 ms more
        ([0, 0, 0, 0], "abc", "000", "000", "0000"),
        ([None, 0, 0, 0], "abc", "000", "000", "0000"),
        ([0, None, 0, 0], "abc", "000", "000", "0000"),
        ([0, 0, None, 0], "abc", "000", "000", "0000"),
        ([None, 0, 0, None], "-bc", "100", "000", "0000"),
        ([None, None, 0, 0], "--c", "110", "000", "0000"),
        ([None, 0, 0, 30], "abc", "000", "000", "0000"),  # just in time
        ([None, 0, 0, 31], "-bc", "000", "100", "0001"),
        ([None, 0, 40, 0], "abc", "000", "000", "0000"),  # the last of the others, just in time
        ([None, 0, 41, 0], "-bc", "000", "100", "0000"),
        ([200, 0, 0, 0], "abc", "000", "000", "1000"),  # too late, and made before it came
        ([0, 0, None, 60], "abc", "000", "000", "0001"),  # late for a and b, just in time for c
    ],
)
def test_parity_brings_one_back_as_soon_as_all_others_are_there(delays, played, lost, late, packet_late):
    frames = frames_of([b"a", b"b", b"c"])
    stream = packetise(frames, Parity(3), 1, "none")
    assert stream.hold == 70 * MS
    result = after(frames, stream.packets, delays, stream.hold, 30)
    assert b"".join(p or b"-" for p in payloads_of(result)).decode() == played
    assert [bits(result.lost), bits(result.late)] == [lost, late]
    assert bits(late_packets(stream.packets, nanoseconds(delays), result.due)) == packet_late


def test_what_parity_brings_back_is_ahead_too():
    frames = frames_of([b"a", b"b", b"c"])
    stream = packetise(frames, Parity(3), 1, "none")
    result = after(frames, stream.packets, [0, None, 0, 0], stream.hold, 0)
    assert [slot.ahead for slot in result.slots] == [(b"b", b"c"), (b"c",), ()]


def test_parity_of_one_packet_is_its_copy():
    frames = frames_of([b"a", b"b"])
    stream = packetise(frames, Parity(1), 1, "none")
    assert payloads_of(after(frames, stream.packets, [None, 0, None, None], stream.hold, 0)) == [b"a", None]


def test_packets_that_were_not_sent_are_known():
    frames = frames_of([b"a", b"", b"c", b"", b"", b""])
    stream = packetise(frames, Parity(3), 1, "none")
    assert [p.seq for p in stream.packets] == [0, 2, 3]
    result = after(frames, stream.packets, [0, None, 0], stream.hold, 0)
    assert payloads_of(result) == [b"a", b"", b"c", b"", b"", b""]


def test_a_bundle_comes_back_whole_and_as_it_was_sent():
    a, b, c, d = frames = frames_of([b"a", b"b", b"c", b"d"])
    damaged = Packet(0, 40 * MS, (replace(a, payload=b"A"), b))
    packets = [damaged, Packet(1, 80 * MS, (c, d)), Packet(2, 100 * MS, (), (), 0, (0, 1), 2)]
    assert payloads_of(after(frames, packets, [0, None, 0], 100 * MS, 0)) == [b"A", b"b", b"c", b"d"]
    assert payloads_of(after(frames, packets, [None, 0, 0], 100 * MS, 0)) == [b"a", b"b", b"c", b"d"]
    assert hold(frames, packets) == 100 * MS


def test_spans_are_runs_of_missing_frames():
    frames = frames_of([b"x"] * 5)
    assert spans(frames, np.array([1, 1, 0, 0, 1], bool)) == [[0.0, 0.04], [0.08, 0.1]]
    assert spans(frames, np.zeros(5, bool)) == []


protections = st.one_of(
    st.builds(Bundle, st.integers(1, 4)),
    st.builds(Redundancy, st.integers(1, 2), st.integers(1, 3)),
    st.builds(Parity, st.integers(1, 4), st.integers(1, 2)),
)
sent = st.lists(st.sampled_from([b"", b"x", b"yz"]), max_size=30)
some_delays = st.lists(st.none() | st.integers(0, 200).map(lambda ms: ms / 2), min_size=60, max_size=60)
waited = st.integers(0, 200)


@given(sent, some_delays, protections, waited, waited)
def test_a_larger_buffer_never_plays_less_and_every_frame_has_its_slot(payloads, delays, protection, one, other):
    frames = frames_of(payloads)
    packets, held = packetise(frames, protection, 1, "none")
    small, large = (after(frames, packets, delays[: len(packets)], held, ms) for ms in sorted((one, other)))
    for result in (small, large):
        assert [slot.index for slot in result.slots] == list(range(len(frames)))
        assert all(s.payload in (None, f.payload) for s, f in zip(result.slots, frames, strict=True))
        assert [s.payload is None for s in result.slots] == (result.lost | result.late).tolist()
        assert not (result.lost & result.late).any()
    for less, more in zip(small.slots, large.slots, strict=True):
        assert less.payload is None or more.payload == less.payload
        here = [payload for payload in less.ahead if payload is not None]
        assert len(here) <= sum(payload is not None for payload in more.ahead)
    assert (small.lost == large.lost).all()


@given(sent, some_delays, st.integers(1, 4), st.integers(1, 3), waited)
def test_parity_is_what_solving_for_the_missing_packet_gives(payloads, delays, block, bundle, wait):
    """Against a receiver that collects packets and, at each instant, xors what it has."""
    frames = frames_of(payloads)
    packets, held = packetise(frames, Parity(block, bundle), 1, "none")
    result = after(frames, packets, delays[: len(packets)], held, wait)
    for slot, due in zip(result.slots, result.due, strict=True):
        there = {p.seq for p, d in zip(packets, delays, strict=False) if d is not None and p.sent + d * MS <= due}
        for p in packets:
            if p.seq in there and len(absent := {q.seq for q in packets if q.seq in p.covers} - there) == 1:
                there |= absent
        carrier = next((p.seq for p in packets if frames[slot.index] in p.frames), None)
        assert slot.payload == (payloads[slot.index] if carrier in there or not payloads[slot.index] else None)
