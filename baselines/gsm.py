"""GSM full rate (ETSI GSM 06.10, RPE-LTP: 3GPP TS 46.010) by libgsm: 260 bits per 20 ms, 13 kbit/s; 8 kHz.

libgsm has neither concealment nor DTX. What is used here is ours, after the example solution of GSM 06.11 (3GPP TS
46.011, section 6), on the parameters of a frame, before they are decoded: the first lost frame repeats the last good
one; each further one has all four block amplitudes (xmaxcr, 0 to 63) lowered by 4 and its grid positions drawn at
random; where they have come to 0, after 320 ms at most, the silence frame of its table 1 follows. That frame is also
decoded before the first good one, and where nothing was sent.

A payload is the 260 bits, and 4 of padding at its end: the signature of libgsm's and RFC 3551's 33 bytes, 4 bits at
their beginning, is no speech, and is left away.

Over 100 lines for that concealment.
"""

import weakref

import numpy as np
import numpy.typing as npt

from baselines._framed import (
    CONCEALMENTS,
    FramedDecoder,
    FramedEncoder,
    check_size,
    concealing,
    from_int16,
    to_int16,
)
from baselines._libraries import INT, POINTER, Library
from benchmark.seeds import generator
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Signal, Slot

CARD = Card(
    family="RPE-LTP: linear prediction, long-term prediction, decimated pulses",
    rates="13 kbit/s",
    source="ETSI GSM 06.10, 3GPP TS 46.010; libgsm by J. Degener and C. Bormann, TU Berlin",
    code="TU Berlin's permissive licence (libgsm)",
    caveat="Its concealment is ours, after the example solution of GSM 06.11.",
)
LIBRARY = Library(
    "GSM full rate",
    "gsm",
    ("libgsm.so.1",),
    "libgsm1",
    {
        "gsm_create": (POINTER, []),
        "gsm_destroy": (None, [POINTER]),
        "gsm_encode": (None, [POINTER] * 3),
        "gsm_decode": (INT, [POINTER] * 3),
        "gsm_explode": (INT, [POINTER] * 3),
        "gsm_implode": (None, [POINTER] * 3),
    },
)
RATE, FRAME = 8_000, 160
BITS, SIZE, SIGNATURE = 260, 33, 0xD
Parameters = npt.NDArray[np.int16]  # shape (76,): 8 log area ratios, and 17 of each of 4 subframes, in coded form
GRID, AMPLITUDE = 2, 3  # of the 17; before them lag and gain, after them 13 pulses
STEP = 4  # of the amplitude, per lost frame
SILENCE: Parameters = np.array(
    [42, 39, 21, 10, 9, 4, 3, 2, *4 * [40, 0, 1, 0, 3, 4, 3, 4, 4, 3, 3, 3, 3, 4, 4, 3, 3]], np.int16
)


def muted(parameters: Parameters, random: np.random.Generator) -> Parameters:
    """What follows `parameters` where yet another frame is lost."""
    following = parameters.copy()
    subframes = following[8:].reshape(4, 17)  # a view
    if not subframes[:, AMPLITUDE].any():
        return SILENCE
    subframes[:, AMPLITUDE] = np.maximum(subframes[:, AMPLITUDE] - STEP, 0)
    subframes[:, GRID] = random.integers(0, 4, 4)
    return following


class Gsm:
    """The one rate there is."""

    def __init__(self) -> None:
        self.info = CodecInfo(
            RATE, RATE, FRAME, frame_bits=BITS, identity=LIBRARY.identity(), concealments=CONCEALMENTS
        )

    def encoder(self) -> Encoder:
        """A sending session."""
        return GsmEncoder(self.info)

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session."""
        return concealing(GsmDecoder(self.info), concealment)


class GsmState:
    """One state of libgsm, which is freed with this object, and its way with frames of 33 bytes."""

    def __init__(self) -> None:
        self.library = LIBRARY.load()
        self.state = self.library.gsm_create()
        weakref.finalize(self, self.library.gsm_destroy, self.state)

    def encode(self, samples: npt.NDArray[np.int16]) -> bytes:
        """The payload of `samples`, shape (160,)."""
        frame = np.empty(SIZE, np.uint8)
        self.library.gsm_encode(self.state, samples.ctypes.data, frame.ctypes.data)
        bits = int.from_bytes(frame.tobytes(), "big") & (1 << BITS) - 1
        return (bits << 4).to_bytes(SIZE, "big")

    def parameters(self, payload: bytes) -> Parameters:
        """Those of a payload."""
        bits = int.from_bytes(payload, "big") >> 4 | SIGNATURE << BITS
        found = np.empty(len(SILENCE), np.int16)
        self.library.gsm_explode(self.state, bits.to_bytes(SIZE, "big"), found.ctypes.data)
        return found

    def decode(self, parameters: Parameters) -> npt.NDArray[np.int16]:
        """What they sound like after what was decoded before, shape (160,)."""
        frame, samples = np.empty(SIZE, np.uint8), np.empty(FRAME, np.int16)
        self.library.gsm_implode(self.state, parameters.ctypes.data, frame.ctypes.data)
        self.library.gsm_decode(self.state, frame.ctypes.data, samples.ctypes.data)
        return samples


class GsmEncoder(FramedEncoder):
    """One libgsm state."""

    def __init__(self, info: CodecInfo) -> None:
        super().__init__(info)
        self.native = GsmState()

    def encode_frame(self, frame: Signal) -> bytes:
        return self.native.encode(to_int16(frame))


class GsmDecoder(FramedDecoder):
    """One libgsm state, and the parameters it decoded last."""

    def __init__(self, info: CodecInfo) -> None:
        super().__init__(info)
        self.native, self.random = GsmState(), generator(0, "gsm", "grid positions")
        self.parameters, self.lost = SILENCE, False

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload:
            check_size("gsm", slot, SIZE)
            self.parameters = self.native.parameters(slot.payload)
        elif slot.payload is not None:
            self.parameters = SILENCE
        elif self.lost:
            self.parameters = muted(self.parameters, self.random)
        self.lost = slot.payload is None
        return from_int16(self.native.decode(self.parameters))


make = Gsm
