"""Frames into packets: how many a packet carries, when it is sent, and the headers it pays for on the wire."""

from collections.abc import Sequence

from benchmark.types import Frame, Packet

HEADERS = {  # bytes per packet, fixed headers without options: IPv4 20, IPv6 40, UDP 8, RTP 12
    "none": 0,
    "ipv4_udp_rtp": 40,
    "ipv6_udp_rtp": 60,
}


def packetise(frames: Sequence[Frame], header: str, bundle: int = 1) -> list[Packet]:
    """Put `bundle` consecutive frames into each packet, sent when the last one's input has been captured.

    A packet of empty frames only (discontinuous transmission) is not sent, and keeps its sequence number.
    """
    packets = []
    for seq, first in enumerate(range(0, len(frames), bundle)):
        group = tuple(frames[first : first + bundle])
        if any(frame.payload for frame in group):
            sent = group[-1].start + group[-1].duration
            packets.append(Packet(seq, sent, group, header_bytes=HEADERS[header]))
    return packets
