"""What the first bits of an Opus packet tell without a decoder (RFC 6716, sections 3 and 4.2): its mode, and LBRR.

LBRR is the low-bitrate copy of the frame before the packet. Deep redundancy (DRED) lies in the padding, in a form
that changes with libopus's version: that is for libopus to read (`baselines._opus_networks`).
"""

SILK_FRAME = 20  # ms
WIDEBAND, CELT = 8, 16  # the first configurations of wideband SILK, and of CELT, which has no LBRR


def configuration(payload: bytes) -> int:
    """Mode, bandwidth and frame length, 0 to 31; the payload is not empty."""
    return payload[0] >> 3


def carries_lbrr(payload: bytes) -> bool:
    """Whether an Opus packet holds LBRR for the frame before it; False for a packet that ends too early.

    A SILK or hybrid frame begins with one voice-activity bit per 20 ms and then the LBRR bit, per channel,
    each of probability 1/2: the range coder leaves such bits plain at the top of the first byte
    (RFC 6716, sections 4.1, 4.2.3 and 4.2.4).
    """
    if not payload or (number := configuration(payload)) >= CELT:
        return False
    milliseconds = (10, 20, 40, 60)[number % 4] if number < 12 else (10, 20)[number % 2]
    flags = max(milliseconds // SILK_FRAME, 1) + 1  # per channel
    try:
        first = _first_frame(payload)[0]
    except IndexError:  # nothing in it, or it ends before the first frame begins
        return False
    channels = 2 if payload[0] & 4 else 1
    return any(first >> (8 - flags * channel) & 1 for channel in range(1, channels + 1))


def _first_frame(payload: bytes) -> bytes:
    """The first frame in any of the four packet layouts (RFC 6716, section 3.2), perhaps with the rest."""
    layout = payload[0] & 3
    if layout < 2:  # one frame, or two of equal size
        return payload[1:]
    if layout == 2:  # two frames, the size of the first one before it
        size, at = _length(payload, 1)
        return payload[at : at + size]
    variable, padded, count = payload[1] & 0x80, payload[1] & 0x40, payload[1] & 0x3F
    at, padding = 2, 0
    while padded:  # a byte of 255 stands for 254 and another byte
        padded, padding, at = payload[at] == 255, padding + min(payload[at], 254), at + 1
    end = len(payload) - padding
    if variable and count > 1:  # the sizes of all frames but the last
        first, at = _length(payload, at)
        for _ in range(count - 2):
            _, at = _length(payload, at)
        end = at + first
    return payload[at:end]


def _length(payload: bytes, at: int) -> tuple[int, int]:
    """A frame length of one or two bytes at `at`, and where it ends."""
    if payload[at] < 252:
        return payload[at], at + 1
    return payload[at] + 4 * payload[at + 1], at + 2
