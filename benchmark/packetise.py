"""Frames into packets: what a protection plans, what of that is sent, and how long a receiver holds it back."""

from collections.abc import Sequence
from typing import NamedTuple

from benchmark.playout import hold
from benchmark.types import Frame, Packet, Protection

TAG = 10  # bytes of SRTP's authentication tag, HMAC-SHA1-80, RFC 3711; its encryption adds none
ROHC = 3  # bytes of a compressed header as it is when all goes well: UO-0 of RFC 3095 with CRC, and UDP's checksum
HEADERS = {  # bytes per packet, fixed headers without options: IPv4 20, IPv6 40, UDP 8, RTP 12
    "none": 0,
    "ipv4_udp_rtp": 40,
    "ipv6_udp_rtp": 60,
    "ipv4_udp_srtp": 40 + TAG,
    "ipv6_udp_srtp": 60 + TAG,
    "rohc": ROHC,
    "rohc_srtp": ROHC + TAG,
}


class Stream(NamedTuple):
    """The packets that are sent, in order; `hold` is `benchmark.playout.hold` of all that were planned, ns."""

    packets: list[Packet]
    hold: int


def packetise(frames: Sequence[Frame], protection: Protection, group: int, header: str) -> Stream:
    """Plan the packets; one that would carry nothing (discontinuous transmission) is not sent, and keeps its number.

    Raises:
        NotMeasured: ``not_applicable`` where the protection's format cannot carry these frames.
    """
    planned = protection.packets(frames, group, HEADERS[header])
    return Stream([packet for packet in planned if packet.payload_bytes], hold(frames, planned))
