"""The low-pass anchor of MUSHRA (ITU-R BS.1534-3, section 5.1): the signal up to 3.5 kHz as 16-bit PCM.

BS.1534 asks for at most 0.1 dB of ripple up to 3.5 kHz, 25 dB of attenuation at 4 kHz and 50 dB at 4.5 kHz.
A lost frame is silence, as in `baselines.pcm`.
"""

import numpy as np

from baselines._framed import require
from baselines.pcm import RATES, PcmDecoder, PcmEncoder
from benchmark.types import CodecInfo, Decoder, Encoder, Floats, Signal

PASS, STOP = 3_500, 4_000  # Hz
KAISER = 5.65  # window shape for 60 dB: 0.1102 (60 - 8.7), Kaiser 1974
DELAYS_PER_SECOND = 250  # the filter reaches 1/250 s = 4 ms to either side; 60 dB from PASS to STOP need 3.65


def design(rate: int) -> Floats:
    """The linear-phase FIR, shape (2 * (rate // 250) + 1,), of gain 1 at 0 Hz."""
    half = rate // DELAYS_PER_SECOND
    cutoff = (PASS + STOP) / rate  # the middle of the transition, in half-cycles per sample
    taps = np.sinc(cutoff * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, KAISER)
    return np.asarray(taps / taps.sum())


class Lowpass:
    """PCM of the low-passed signal; the filter sits in the encoder and delays by 4 ms."""

    def __init__(self, rate: int = 16_000) -> None:
        require("lowpass: rate", rate, RATES)
        self.info = CodecInfo(rate, rate, frame=rate // 50, delay=rate // DELAYS_PER_SECOND)

    def encoder(self) -> Encoder:
        """A sending session."""
        return LowpassEncoder(self.info)

    def decoder(self) -> Decoder:
        """A receiving session."""
        return PcmDecoder(self.info)


class LowpassEncoder(PcmEncoder):
    """Filters frame by frame, always in blocks of one frame, so that chunking cannot change the rounding."""

    def __init__(self, info: CodecInfo) -> None:
        super().__init__(info)
        self.taps = design(info.rate_in)
        self.past = np.zeros(len(self.taps) - 1, np.float32)

    def encode_frame(self, frame: Signal) -> bytes:
        known = np.concatenate([self.past, frame])
        self.past = known[len(frame) :]
        return super().encode_frame(np.convolve(known, self.taps, "valid").astype(np.float32))


make = Lowpass
