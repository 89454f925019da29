"""A token codec for tones: a token is the strongest frequency of 20 ms, so that tokens carry which tone it is."""

import numpy as np

from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenCodec, TokenDecoder, TokenEncoder, TokenLayout, token_info
from benchmark.types import Signal

RATE, HOP, BITS = 16_000, 320, 6
BAND = RATE / 2 / 2**BITS  # Hz


class Whistler(TokenCodec):
    """Says frequencies, or (`deaf`) numbers that have nothing to do with what it hears."""

    def __init__(self, deaf: bool = False) -> None:
        self.deaf = deaf
        self.layout = TokenLayout(RATE, RATE, HOP, HOP, BITS)
        self.info = token_info(self.layout, {"whistler": "1"})

    def token_encoder(self) -> TokenEncoder:
        return Listening(self.deaf)

    def token_decoder(self) -> TokenDecoder:
        return Whistling()

    def codes(self, tokens: Indices) -> Codes:
        return np.eye(2**BITS, dtype=np.float32)[tokens[:, 0]]

    def silence(self) -> Indices:
        return np.zeros((1, 1), np.int64)


class Listening:
    """One sending session."""

    def __init__(self, deaf: bool) -> None:
        self.rest = np.empty(0, np.float32)
        self.drawn = np.random.default_rng(0) if deaf else None

    def push(self, signal: Signal) -> Indices:
        signal = np.concatenate([self.rest, signal])
        whole = len(signal) // HOP * HOP
        frames, self.rest = signal[:whole].reshape(-1, HOP), signal[whole:]
        if self.drawn is not None:
            return self.drawn.integers(0, 2**BITS, (len(frames), 1))
        strongest = np.abs(np.fft.rfft(frames)).argmax(1) * (RATE / HOP)
        return np.minimum(strongest / BAND, 2**BITS - 1).astype(np.int64)[:, None]

    def flush(self) -> Indices:
        return self.push(np.zeros(-len(self.rest) % HOP, np.float32))


class Whistling:
    """One receiving session."""

    def __init__(self) -> None:
        self.time = 0

    def push(self, codes: Codes) -> Signal:
        times = (self.time + np.arange(len(codes) * HOP)) / RATE
        self.time += len(codes) * HOP
        frequencies = np.repeat(codes.argmax(1) * BAND + BAND / 2, HOP)
        return (0.3 * np.sin(2 * np.pi * frequencies * times)).astype(np.float32)
