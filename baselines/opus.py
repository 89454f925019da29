"""Opus (RFC 6716) by the libopus found here: rate, frame length, in-band FEC, DTX; mono.

Concealment and FEC are libopus's own. A lost frame is recovered from the next packet when that one is already
buffered and carries LBRR (a low-bitrate copy of the frame before it), else concealed by libopus.
"""

from collections.abc import Mapping

import numpy as np

from baselines._framed import FramedDecoder, FramedEncoder, require
from benchmark.types import CodecInfo, Decoder, Encoder, NotMeasured, Signal, Slot

APPLICATIONS = {"voip": 2048, "audio": 2049, "lowdelay": 2051}
BITRATES = range(6_000, 128_001)  # bit/s; 60 ms of SILK, of at most 1275 bytes, would silently end at 170 000
FEC_EXPECTED_LOSS = 10  # percent; with 0, libopus never writes LBRR, whatever fec says
NOTHING_SENT = 2  # bytes: RFC 6716 packets up to this size carry no audio, and DTX need not send them
SILK_FRAME = 20  # ms


def carries_fec(payload: bytes) -> bool:
    """Whether an Opus packet holds LBRR for the frame before it; False for a packet that ends too early.

    A SILK or hybrid frame begins with one voice-activity bit per 20 ms and then the LBRR bit, per channel,
    each of probability 1/2: the range coder leaves such bits plain at the top of the first byte
    (RFC 6716, sections 4.1, 4.2.3 and 4.2.4).
    """
    if not payload or (configuration := payload[0] >> 3) >= 16:  # 16 to 31: CELT, which has no LBRR
        return False
    milliseconds = (10, 20, 40, 60)[configuration % 4] if configuration < 12 else (10, 20)[configuration % 2]
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


class Opus:
    """A mono Opus stream of one fixed frame length.

    Args:
        bitrate: target, bit/s; what it becomes is counted from the bytes.
        frame_ms: 10, 20, 40 or 60 ms.
        rate: 8000, 12000, 16000, 24000 or 48000 Hz, in and out.
        vbr: constrained variable bitrate; False: constant.
        complexity: 0 (fast) to 10.
        fec: in-band FEC. Whether a packet really carries it depends on bitrate and expected loss:
            see `carries_fec`.
        expected_loss: percent, the encoder's hint; None: 10 with `fec`, else 0.
        dtx: send nothing in pauses; such frames are ``b""``, and the decoder plays comfort noise for them.
        application: voip, audio or lowdelay (2.5 ms of delay instead of 6.5, never any FEC).
    """

    def __init__(
        self,
        bitrate: int = 24_000,
        frame_ms: int = 20,
        rate: int = 16_000,
        vbr: bool = True,
        complexity: int = 10,
        fec: bool = False,
        expected_loss: int | None = None,
        dtx: bool = False,
        application: str = "voip",
    ) -> None:
        if expected_loss is None:
            expected_loss = FEC_EXPECTED_LOSS if fec is True else 0
        require("opus: bitrate", bitrate, BITRATES)
        require("opus: frame_ms", frame_ms, (10, 20, 40, 60))
        require("opus: rate", rate, (8_000, 12_000, 16_000, 24_000, 48_000))
        require("opus: complexity", complexity, range(11))
        require("opus: expected_loss", expected_loss, range(101))
        require("opus: application", application, tuple(APPLICATIONS))
        for name, switch in {"vbr": vbr, "fec": fec, "dtx": dtx}.items():
            require(f"opus: {name}", switch, (True, False))
        self.application, self.dtx = APPLICATIONS[application], dtx
        self.settings = {
            "bitrate": bitrate,
            "vbr": int(vbr),
            "complexity": complexity,
            "fec": int(fec),
            "expected_loss": expected_loss,
            "dtx": int(dtx),
        }
        from baselines._libopus import NativeEncoder, version

        delay = NativeEncoder(rate, self.application, self.settings).lookahead()
        identity = {"libopus": version(), "expected_loss": str(expected_loss)}
        self.info = CodecInfo(rate, rate, frame=rate * frame_ms // 1000, delay=delay, identity=identity)

    carries_fec = staticmethod(carries_fec)

    def encoder(self) -> Encoder:
        """A sending session."""
        return OpusEncoder(self.info, self.application, self.settings)

    def decoder(self) -> Decoder:
        """A receiving session."""
        return OpusDecoder(self.info)


class OpusEncoder(FramedEncoder):
    """One libopus encoder."""

    def __init__(self, info: CodecInfo, application: int, settings: Mapping[str, int]) -> None:
        from baselines._libopus import NativeEncoder

        super().__init__(info)
        self.native = NativeEncoder(info.rate_in, application, settings)
        self.unsent = NOTHING_SENT if settings["dtx"] else 0

    def encode_frame(self, frame: Signal) -> bytes:
        packet = self.native.encode(frame)
        return packet if len(packet) > self.unsent else b""


class OpusDecoder(FramedDecoder):
    """One libopus decoder; None, and what is no packet, is recovered or concealed, ``b""`` continues comfort noise."""

    def __init__(self, info: CodecInfo) -> None:
        from baselines._libopus import NativeDecoder

        super().__init__(info)
        self.native = NativeDecoder(info.rate_out)

    def decode_slot(self, slot: Slot) -> Signal:
        following = slot.ahead[0] if slot.ahead else None
        recover = slot.payload is None and following and carries_fec(following)
        try:
            output = self.native.decode(following if recover else slot.payload or None, self.info.frame, bool(recover))
        except NotMeasured:  # bits that changed on the way: what makes no packet is as good as lost
            output = self.native.decode(None, self.info.frame)
        return np.clip(output, -1, 1)  # libopus decodes to float beyond full scale


make = Opus
