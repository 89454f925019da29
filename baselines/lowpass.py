"""The low-pass anchors of MUSHRA (ITU-R BS.1534-3, section 5.1): the signal up to 3.5 or 7 kHz as 16-bit PCM.

Of the anchor of 3.5 kHz BS.1534 asks at most 0.1 dB of ripple up to there, 25 dB of attenuation at 4 kHz and 50 dB at
4.5 kHz. Here every cut-off is held to these distances: 60 dB from 500 Hz beyond it, so that 7 kHz, the mid anchor, fits
into 16 kHz sampling. A lost frame is silence, as in `baselines.pcm`.
"""

import numpy as np

from baselines._framed import require
from baselines.pcm import RATES, PcmDecoder, PcmEncoder
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Floats, Signal

TRANSITION = 500  # Hz from the end of the band that passes to the beginning of the one that does not
STEP = 100  # Hz between cut-offs
KAISER = 5.65  # window shape for 60 dB: 0.1102 (60 - 8.7), Kaiser 1974
DELAYS_PER_SECOND = 250  # the filter reaches 1/250 s = 4 ms to either side; 60 dB over TRANSITION need 3.65
CARD = Card(
    family="anchor: low-pass",
    rates="256 kbit/s at 16 kHz; 16 bits per sample at any rate",
    source="ITU-R BS.1534-3 (10/2015), section 5.1: 3.5 kHz is its low anchor, 7 kHz its mid anchor; our own code",
    code="Apache-2.0",
)


def design(rate: int, cutoff: int = 3_500) -> Floats:
    """The linear-phase FIR, shape (2 * (rate // 250) + 1,), of gain 1 at 0 Hz, that passes up to `cutoff` Hz."""
    half = rate // DELAYS_PER_SECOND
    middle = (2 * cutoff + TRANSITION) / rate  # of the transition, in half-cycles per sample
    taps = np.sinc(middle * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, KAISER)
    return np.asarray(taps / taps.sum())


class Lowpass:
    """PCM of the low-passed signal; the filter sits in the encoder and delays by 4 ms. `cutoff` is in Hz."""

    def __init__(self, rate: int = 16_000, cutoff: int = 3_500) -> None:
        require("lowpass: rate", rate, RATES)
        require("lowpass: cutoff", cutoff, range(TRANSITION, rate // 2 - TRANSITION + 1, STEP))
        self.cutoff = cutoff
        self.info = CodecInfo(rate, rate, frame=rate // 50, delay=rate // DELAYS_PER_SECOND)

    def encoder(self) -> Encoder:
        """A sending session."""
        return LowpassEncoder(self.info, self.cutoff)

    def decoder(self) -> Decoder:
        """A receiving session."""
        return PcmDecoder(self.info)


class LowpassEncoder(PcmEncoder):
    """Filters frame by frame, always in blocks of one frame, so that chunking cannot change the rounding."""

    def __init__(self, info: CodecInfo, cutoff: int) -> None:
        super().__init__(info)
        self.taps = design(info.rate_in, cutoff)
        self.past = np.zeros(len(self.taps) - 1, np.float32)

    def encode_frame(self, frame: Signal) -> bytes:
        known = np.concatenate([self.past, frame])
        self.past = known[len(frame) :]
        return super().encode_frame(np.convolve(known, self.taps, "valid").astype(np.float32))


make = Lowpass
