"""ITU-T G.711 mu-law: 8 bits per sample, 64 kbit/s at 8 kHz, 20 ms frames, with a concealment of our own.

The concealment follows the idea of G.711 Appendix I (repeat the last pitch period, cross-fade, fade out), but
is not the ITU code and differs from it: it adds no delay (the Appendix holds back 3.75 ms to cross-fade into
a loss; here the step at that join decays over 4 ms instead), and it repeats one pitch period throughout.
It holds for 10 ms, fades to silence at 60 ms, and cross-fades back over 4 ms when a frame arrives.
"""

import numpy as np
import numpy.typing as npt

from baselines._framed import FramedDecoder, FramedEncoder, check_size, from_int16, require, to_int16
from baselines.pcm import RATES
from benchmark.types import CodecInfo, Decoder, Encoder, Floats, Signal, Slot

BIAS, CLIP = 33, 0x1FFF  # of the 14-bit magnitude, G.711 table 2a
HOLD, SILENT = 0.010, 0.060  # s into a loss: full level until, silent from
PERIODS = 0.005, 0.015  # s: pitch from 200 down to 66 Hz
WINDOW = 0.020  # s of signal that the pitch search compares
JOIN = 0.004  # s of cross-fade


def compress(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """16-bit samples to mu-law codes, any shape; the two lowest bits are dropped as in ITU-T G.191."""
    wide = samples.astype(np.int32)
    magnitude = np.minimum((np.where(wide < 0, ~wide, wide) >> 2) + BIAS, CLIP)
    segment = np.searchsorted(1 << np.arange(6, 13), magnitude, side="right")  # 0 to 7
    code = segment << 4 | (magnitude >> (segment + 1)) & 0xF
    return np.asarray(~code & 0x7F | np.where(wide < 0, 0, 0x80), np.uint8)


def expand(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """Mu-law codes to 16-bit samples, any shape: the middle of each quantisation interval."""
    bits = ~codes.astype(np.int32)
    segment, step = bits >> 4 & 7, bits & 0xF
    magnitude = ((2 * step + BIAS << segment) - BIAS) << 2
    return np.where(bits & 0x80, -magnitude, magnitude).astype(np.int16)


class Mulaw:
    """G.711 mu-law; at rates other than 8 kHz the same companding of more samples."""

    def __init__(self, rate: int = 8_000) -> None:
        require("mulaw: rate", rate, RATES)
        self.info = CodecInfo(rate, rate, frame=rate // 50)

    def encoder(self) -> Encoder:
        """A sending session."""
        return MulawEncoder(self.info)

    def decoder(self) -> Decoder:
        """A receiving session."""
        return MulawDecoder(self.info)


class MulawEncoder(FramedEncoder):
    """One byte per sample."""

    def encode_frame(self, frame: Signal) -> bytes:
        return compress(to_int16(frame)).tobytes()


class MulawDecoder(FramedDecoder):
    """Expands; conceals what is lost. A payload of ``b""`` is silence."""

    def __init__(self, info: CodecInfo) -> None:
        super().__init__(info)
        self.shortest, self.longest = (round(p * info.rate_out) for p in PERIODS)
        self.window, self.join = round(WINDOW * info.rate_out), round(JOIN * info.rate_out)
        self.past = np.zeros(self.window + self.longest, np.float32)  # what was played last
        self.lost = 0  # samples concealed since the last good frame
        self.cycle: Floats = np.zeros(1)
        self.step = 0.0

    def decode_slot(self, slot: Slot) -> Signal:
        if slot.payload is None:
            output = self.conceal(self.info.frame)
            self.lost += self.info.frame
        else:
            output = np.zeros(self.info.frame, np.float32)
            if slot.payload:
                check_size("mulaw", slot, self.info.frame)
                output = from_int16(expand(np.frombuffer(slot.payload, np.uint8)))
            if self.lost:
                rising = (np.arange(self.join, dtype=np.float32) + 1) / (self.join + 1)
                output[: self.join] *= rising
                output[: self.join] += (1 - rising) * self.conceal(self.join)
            self.lost = 0
        self.past = np.concatenate([self.past, output])[-len(self.past) :]
        return output

    def conceal(self, samples: int) -> Signal:
        """The next `samples` of the repeated pitch period, faded by the time since the last good frame."""
        if not self.lost:
            self.cycle = self.last_period()
            self.step = float(self.past[-1] - self.cycle[-1])
        now = np.arange(self.lost, self.lost + samples)
        start, end = (t * self.info.rate_out for t in (HOLD, SILENT))
        step = self.step * np.clip(1 - (now + 1) / (self.join + 1), 0, 1)
        gain = np.clip((end - now) / (end - start), 0, 1)
        return np.asarray((self.cycle[now % len(self.cycle)] + step) * gain, np.float32)

    def last_period(self) -> Floats:
        """The last pitch period played, its end cross-faded into what led up to its start: a smooth loop."""
        past = self.past.astype(np.float64)
        recent = past[-self.window :]
        lagged = np.lib.stride_tricks.sliding_window_view(past, self.window)[::-1]  # row k: k samples before
        energy = np.sqrt((lagged**2).sum(axis=1)) + 1e-9
        period = self.shortest + int(np.argmax((lagged @ recent / energy)[self.shortest : self.longest + 1]))
        cycle, before = past[-period:].copy(), past[-2 * period : -period]
        join = min(self.join, period // 4)
        rising = (np.arange(join) + 1) / (join + 1)
        cycle[period - join :] += rising * (before[period - join :] - cycle[period - join :])
        return cycle


make = Mulaw
