"""Opus (RFC 6716) by the libopus found here: rate, frame length, in-band FEC, DTX, networks of libopus 1.5; mono.

Concealment and FEC are libopus's own: `baselines._opus_receiver` says what it makes of a lost frame. Networks (deep
PLC, LACE, NoLACE, DRED) are used where they are asked for, and `identity` says which ones the library was built with.
Over 100 lines, half of them parameters: what they mean, and what is allowed.
"""

from collections.abc import Mapping

from baselines._framed import CONCEALMENTS, FramedEncoder, concealing, require
from baselines._libopus import LIBRARY, NativeEncoder, version
from baselines._opus_networks import DRED_UNIT, Redundancy, found, require_networks
from baselines._opus_packet import carries_lbrr
from baselines._opus_receiver import OpusDecoder
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Signal

CARD = Card(
    family="linear prediction (SILK) and transform (CELT), and both; with networks: neural concealment and redundancy",
    rates="6 to 128 kbit/s of the 6 to 510 it has",
    source="RFC 6716; J.-M. Valin, K. Vos and others, xiph.org; DRED: arXiv:2212.04453; NoLACE: arXiv:2309.14521",
    code="BSD-3-Clause (libopus), royalty-free patents",
    weights="BSD-3-Clause (in libopus, where it was built with them)",
    caveat="The bitstream of DRED is experimental: one version of libopus may not read that of another.",
)
APPLICATIONS = {"voip": 2048, "audio": 2049, "lowdelay": 2051}
BITRATES = range(6_000, 128_001)  # bit/s; 60 ms of SILK, of at most 1275 bytes, would silently end at 170 000
FEC_EXPECTED_LOSS = 10  # percent; with 0, libopus never writes LBRR or DRED, whatever is asked
NOTHING_SENT = 2  # bytes: RFC 6716 packets up to this size carry no audio, and DTX need not send them


class Opus:
    """A mono Opus stream of one fixed frame length.

    Args:
        bitrate: target, bit/s, DRED included; what it becomes is counted from the bytes.
        frame_ms: 10, 20, 40 or 60 ms.
        rate: 8000, 12000, 16000, 24000 or 48000 Hz, in and out; with networks from 16000 on.
        vbr: constrained variable bitrate; False: constant.
        complexity: of the encoder, 0 (fast) to 10.
        fec: in-band FEC. Whether a packet really carries it depends on bitrate and expected loss:
            see `carries_fec`.
        expected_loss: percent, the encoder's hint; None: 10 with `fec` or DRED, else 0.
        dtx: send nothing in pauses; such frames are ``b""``, and the decoder plays comfort noise for them.
        application: voip, audio or lowdelay (2.5 ms of delay instead of 6.5, never any FEC).
        decoder_complexity: 0: no networks; 5: deep PLC; 6: and LACE, which enhances SILK in frames of 20 ms or more;
            7: and NoLACE in its place. They run in wideband alone, which libopus codes from 9 kbit/s on.
        dred_ms: how far back DRED reaches, ms in steps of 10; 0: none. It takes the place of other bits, and has
            some from 12 kbit/s on (20 with `fec`).
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
        decoder_complexity: int = 0,
        dred_ms: int = 0,
    ) -> None:
        if expected_loss is None:
            expected_loss = FEC_EXPECTED_LOSS if fec is True or dred_ms else 0
        require("opus: bitrate", bitrate, BITRATES)
        require("opus: frame_ms", frame_ms, (10, 20, 40, 60))
        require("opus: rate", rate, (8_000, 12_000, 16_000, 24_000, 48_000))
        require("opus: complexity", complexity, range(11))
        require("opus: expected_loss", expected_loss, range(101))
        require("opus: application", application, tuple(APPLICATIONS))
        for name, switch in {"vbr": vbr, "fec": fec, "dtx": dtx}.items():
            require(f"opus: {name}", switch, (True, False))
        require_networks(decoder_complexity, dred_ms, rate, frame_ms)
        self.application, self.decoder_complexity = APPLICATIONS[application], decoder_complexity
        self.redundancy = Redundancy(rate) if dred_ms else None
        self.settings = {
            "bitrate": bitrate,
            "vbr": int(vbr),
            "complexity": complexity,
            "fec": int(fec),
            "expected_loss": expected_loss,
            "dtx": int(dtx),
        } | ({"dred": dred_ms // DRED_UNIT} if dred_ms else {})
        self.info = CodecInfo(
            rate,
            rate,
            frame=rate * frame_ms // 1000,
            delay=NativeEncoder(rate, self.application, self.settings).lookahead(),
            identity={
                "libopus": version(),
                "library": LIBRARY.identity()["libopus"],
                "features": ", ".join(found()) or "none",
                "expected_loss": str(expected_loss),
            },
            concealments=CONCEALMENTS,
        )

    def carries_fec(self, payload: bytes) -> bool:
        """Whether a packet holds LBRR or DRED of what was before it."""
        if carries_lbrr(payload):
            return True
        return self.redundancy is not None and len(self.redundancy.read(payload, 0)) > 0

    def encoder(self) -> Encoder:
        """A sending session."""
        return OpusEncoder(self.info, self.application, self.settings)

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session."""
        return concealing(OpusDecoder(self.info, self.decoder_complexity, self.redundancy is not None), concealment)


class OpusEncoder(FramedEncoder):
    """One libopus encoder."""

    def __init__(self, info: CodecInfo, application: int, settings: Mapping[str, int]) -> None:
        super().__init__(info)
        self.native = NativeEncoder(info.rate_in, application, settings)
        self.unsent = NOTHING_SENT if settings["dtx"] else 0

    def encode_frame(self, frame: Signal) -> bytes:
        packet = self.native.encode(frame)
        return packet if len(packet) > self.unsent else b""


make = Opus
