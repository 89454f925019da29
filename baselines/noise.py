"""The floor: speech-shaped noise of constant level in which nothing of the input is left.

What a metric says of it is the least it can say of a signal that is as loud as speech and has its long-term spectrum.
A payload is one byte: the level, as comfort noise has it (RFC 3389, section 3). It never changes, but it is sent, as
with nothing to send there would be neither packets to lose nor a rate. A lost frame, and one that was not sent, is
silence. Ten seconds of noise go round and round, the same for every utterance.
"""

from functools import cache

import numpy as np

from baselines._framed import FramedDecoder, FramedEncoder, check_size, require
from baselines.pcm import RATES
from benchmark.acoustics._coloured import speech_shaped
from benchmark.seeds import generator
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Signal, Slot

LOOP = 10  # s
LEVEL = 0x7F  # the bits of the payload that tell it
CARD = Card(
    family="anchor: nothing of the speech",
    rates="400 bit/s",
    source="the long-term spectrum of speech by Byrne et al. 1994, JASA 96(4), 2108-2120; our own code",
    code="Apache-2.0",
    caveat="It holds nothing of the speech, so its delay cannot be measured.",
)


class Noise:
    """`level` is its root mean square in dBov, full scale being 1; -26 is a usual active level of speech."""

    def __init__(self, level: int = -26, rate: int = 16_000) -> None:
        require("noise: level", level, range(-60, -8))
        require("noise: rate", rate, RATES)
        self.level = level
        self.info = CodecInfo(rate, rate, frame=rate // 50, frame_bits=8, carries_speech=False)

    def encoder(self) -> Encoder:
        """A sending session."""
        return NoiseEncoder(self.info, self.level)

    def decoder(self) -> Decoder:
        """A receiving session."""
        return NoiseDecoder(self.info)


class NoiseEncoder(FramedEncoder):
    """Says how loud the noise has to be, whatever the input."""

    def __init__(self, info: CodecInfo, level: int) -> None:
        super().__init__(info)
        self.payload = bytes([-level])

    def encode_frame(self, frame: Signal) -> bytes:
        return self.payload


class NoiseDecoder(FramedDecoder):
    """Plays it; it goes on unheard while frames are lost."""

    def __init__(self, info: CodecInfo) -> None:
        super().__init__(info)
        self.played = 0  # samples

    def decode_slot(self, slot: Slot) -> Signal:
        now = np.arange(self.played, self.played + self.info.frame)
        self.played += self.info.frame
        if not slot.payload:
            return np.zeros(self.info.frame, np.float32)
        check_size("noise", slot, 1)
        gain = 10 ** (-(slot.payload[0] & LEVEL) / 20)
        return np.asarray(np.clip(gain * _loop(self.info.rate_out).take(now, mode="wrap"), -1, 1), np.float32)


@cache
def _loop(rate: int) -> Signal:
    """Noise of level 0 dBov, whose end goes on at its beginning, shape (10 * rate,)."""
    noise = speech_shaped(LOOP * rate, rate, generator(0, "noise floor"))
    return np.asarray(noise / np.sqrt((noise**2).mean()), np.float32)


make = Noise
