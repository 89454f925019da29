"""The modulated noise reference unit (ITU-T P.810): speech with noise that follows it, `dq` dB below, as 16-bit PCM.

Each sample x becomes x (1 + g n), with Gaussian noise n of unit variance, low-passed at 7 kHz; at less than 16 kHz
sampling at 3.4 kHz, the narrow band. P.810's ratio holds at the output: g makes up for the noise that the filter takes
(10^(-dq/20) over the root of the filter's energy). It wants an offset removed, or pauses would hiss: here that is done
to what the noise is multiplied with alone, as the filter would turn the phase of the speech. Noise is drawn by the
position of a sample, so it is the same for every utterance and every `dq`. A lost frame is silence, as in
`baselines.pcm`.
"""

import numpy as np

from baselines._framed import require
from baselines.lowpass import DELAYS_PER_SECOND, LowpassEncoder
from baselines.pcm import RATES, PcmDecoder
from benchmark.seeds import generator
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Floats, Signal

NARROW, WIDE = 3_400, 7_000  # Hz: where the bands end
OFFSET = 38.0  # Hz: corner of the filter of first order that removes an offset, as in the ITU's program (G.191)
CARD = Card(
    family="anchor: modulated noise",
    rates="256 kbit/s at 16 kHz; 16 bits per sample at any rate",
    source="ITU-T P.810 (03/2023), wide band; our own code",
    code="Apache-2.0",
    caveat="An offset is removed from what modulates the noise, not from the speech as P.810 has it.",
)


class Mnru:
    """`dq` is the ratio of speech to modulated noise: about 5 is very bad, beyond 35 hard to hear."""

    def __init__(self, dq: int = 20, rate: int = 16_000) -> None:
        require("mnru: dq", dq, range(61))
        require("mnru: rate", rate, RATES)
        self.dq = dq
        self.info = CodecInfo(rate, rate, frame=rate // 50, delay=rate // DELAYS_PER_SECOND)

    def encoder(self) -> Encoder:
        """A sending session."""
        return MnruEncoder(self.info, self.dq)

    def decoder(self) -> Decoder:
        """A receiving session."""
        return PcmDecoder(self.info)


class MnruEncoder(LowpassEncoder):
    """Draws noise frame by frame."""

    def __init__(self, info: CodecInfo, dq: int) -> None:
        super().__init__(info, WIDE if info.rate_in >= 16_000 else NARROW)
        self.gain = 10 ** (-dq / 20) / np.linalg.norm(self.taps)
        self.random = generator(0, "mnru")
        self.memory = np.zeros(1)  # of the filter against an offset

    def encode_frame(self, frame: Signal) -> bytes:
        noise = self.gain * self.random.standard_normal(len(frame))
        return super().encode_frame((frame + noise * self.without_offset(frame)).astype(np.float32))

    def without_offset(self, frame: Signal) -> Floats:
        """The frame, after those before it, through (1 - z^-1) / (1 - a z^-1), whose gain far above is made 1."""
        from scipy.signal import lfilter

        pole = np.exp(-2 * np.pi * OFFSET / self.info.rate_in)
        gain = (1 + pole) / 2
        output, self.memory = lfilter([gain, -gain], [1, -pole], frame.astype(np.float64), zi=self.memory)
        return np.asarray(output)


make = Mnru
