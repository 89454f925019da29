"""Frames into packets: what is planned, what of it is sent, and under how many header bytes."""

import pytest

from benchmark.packetise import HEADERS, packetise
from benchmark.protection.bundle import Bundle
from benchmark.protection.parity import Parity
from benchmark.types import Frame

MS = 1_000_000  # ns


def frames_of(payloads, ms=20):
    return [Frame(i, p, 8 * len(p), i * ms * MS, ms * MS, (i + 1) * ms * MS) for i, p in enumerate(payloads)]


@pytest.mark.parametrize(
    ("payloads", "bundle", "expected"),
    [
        ([b"a", b"b", b"c"], 1, [(0, 20, "a"), (1, 40, "b"), (2, 60, "c")]),
        ([b"a", b"b", b"c", b"d"], 2, [(0, 40, "ab"), (1, 80, "cd")]),
        ([b"a", b"b", b"c"], 2, [(0, 40, "ab"), (1, 60, "c")]),
        ([b"a", b"b"], 5, [(0, 40, "ab")]),
        ([b"a", b"", b"c"], 1, [(0, 20, "a"), (2, 60, "c")]),
        ([b"a", b"", b"", b""], 2, [(0, 40, "a")]),
        ([b"", b"b"], 2, [(0, 40, "b")]),
        ([], 1, []),
    ],
)
def test_frames_travel_together_and_leave_when_the_last_is_captured(payloads, bundle, expected):
    packets = packetise(frames_of(payloads), Bundle(bundle), 1, "none").packets
    seen = [(p.seq, p.sent // MS, b"".join(f.payload for f in p.frames).decode()) for p in packets]
    assert seen == expected


def test_no_frame_of_a_sent_packet_is_left_out():
    frames = frames_of([b"a", b"", b"c", b"d", b""])
    packets = packetise(frames, Bundle(2), 1, "none").packets
    assert [f for p in packets for f in p.frames] == frames[:4]


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("none", 0),
        ("ipv4_udp_rtp", 20 + 8 + 12),
        ("ipv6_udp_rtp", 40 + 8 + 12),
        ("ipv4_udp_srtp", 20 + 8 + 12 + 10),  # the tag of HMAC-SHA1-80
        ("ipv6_udp_srtp", 40 + 8 + 12 + 10),
        ("rohc", 1 + 2),  # UO-0, and the checksum of UDP
        ("rohc_srtp", 1 + 2 + 10),
    ],
)
def test_headers_are_paid_per_packet_and_apart_from_the_payload(header, size):
    assert HEADERS[header] == size
    packets = packetise(frames_of([b"ab", b"cde"]), Bundle(2), 1, header).packets
    assert [(p.header_bytes, p.payload_bytes) for p in packets] == [(size, 5)]


def test_a_receiver_is_told_to_wait_for_what_was_planned():
    assert packetise(frames_of([b"a", b"b", b"c"]), Bundle(2), 1, "none").hold == 40 * MS
    assert packetise(frames_of([b"", b"", b""]), Bundle(2), 1, "none") == ([], 40 * MS)


def test_a_receiver_waits_for_parity_also_of_what_was_not_sent():
    stream = packetise(frames_of([b"", b"", b"", b""]), Parity(2), 1, "ipv4_udp_rtp")
    assert stream == ([], 50 * MS)
