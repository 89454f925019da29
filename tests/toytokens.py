"""A small real token codec: DPCM of the levels of a few bands, played as bands of noise.

Its tokens are sign bits, as those of FocalCodec; its decoder has a memory that halves with each token, so that the
transient after a loss is known; and it mixes the levels within each group, on both sides.
"""

from itertools import pairwise

import numpy as np

from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenCodec, TokenDecoder, TokenEncoder, TokenLayout, token_info
from benchmark.types import Floats, Signal

RATE_IN, RATE_OUT, HOP_IN, HOP_OUT = 16_000, 24_000, 320, 480
LEAK = 0.5  # what is left of the memory after each token
MIX = 0.25  # how far a group's levels are drawn to their mean
RANGE = 80.0  # dB: the level 1 is full scale, -1 is 80 dB below
REACH = 1.5  # of the quantiser: a level less LEAK times another
CYCLE = 50  # tokens after which the noise begins anew
LOW, HIGH = 100.0, 7600.0  # Hz


class Toy(TokenCodec):
    """`bits` per token and codebook; four bits make a band (the last may have fewer)."""

    def __init__(self, per_frame: int = 1, group: int = 4, bits: int = 11, codebooks: int = 1) -> None:
        self.layout = TokenLayout(RATE_IN, RATE_OUT, HOP_IN, HOP_OUT, bits, codebooks, group, per_frame)
        self.info = token_info(self.layout, {"toy": "1"})
        self.weights = _weights(bits * codebooks)
        self.edges = np.geomspace(LOW, HIGH, len(self.weights) + 1)
        self.noise = _noise(self.edges)
        settling = np.zeros(8 * group * HOP_IN, np.float32)
        self.quiet = self.token_encoder().push(settling)[-group:]

    def token_encoder(self) -> TokenEncoder:
        return ToyEncoder(self)

    def token_decoder(self) -> TokenDecoder:
        return ToyDecoder(self)

    def codes(self, tokens: Indices) -> Codes:
        bits = tokens[..., None] >> np.arange(self.layout.bits - 1, -1, -1) & 1
        return (2 * bits - 1).reshape(len(tokens), -1).astype(np.float32)

    def silence(self) -> Indices:
        return self.quiet


class ToyEncoder:
    """Levels of the bands, unmixed, less what the decoder still remembers, in sign bits."""

    def __init__(self, toy: Toy) -> None:
        self.toy = toy
        self.rest = np.empty(0, np.float32)
        self.memory = -np.ones(len(toy.weights))

    def push(self, signal: Signal) -> Indices:
        layout = self.toy.layout
        signal = np.concatenate([self.rest, signal])
        size = layout.group * layout.hop_in
        whole = len(signal) // size * size
        self.rest = signal[whole:]
        groups = signal[:whole].reshape(-1, layout.group, layout.hop_in)
        tokens = [self.token(level) for group in groups for level in _mixed(self.levels(group), 1 / (1 - MIX))]
        return np.array(tokens, np.int64).reshape(-1, layout.codebooks)

    def flush(self) -> Indices:
        missing = -len(self.rest) % (self.toy.layout.group * self.toy.layout.hop_in)
        return self.push(np.zeros(missing, np.float32))

    def levels(self, tokens: Signal) -> Floats:
        """[n, hop_in] samples to the levels of the bands, [n, bands]."""
        power = 2 * np.abs(np.fft.rfft(tokens, axis=1)) ** 2 / HOP_IN**2
        places = np.searchsorted(np.fft.rfftfreq(HOP_IN, 1 / RATE_IN), self.toy.edges)
        bands = np.add.reduceat(power, places, axis=1)[:, :-1]
        return np.clip(1 + 10 * np.log10(bands + 1e-12) / (RANGE / 2), -1, 1)

    def token(self, level: Floats) -> Indices:
        """The token of a level, [bands] to [codebooks]; the memory is the decoder's."""
        layout, weights = self.toy.layout, self.toy.weights
        left = level - LEAK * self.memory
        bits = np.zeros(weights.shape[1], np.int64)
        for column in np.argsort(-np.abs(weights).max(axis=0), kind="stable"):  # the weightiest bit first
            bits[column] = left @ np.sign(weights[:, column]) > 0
            left = left - weights[:, column] * (2 * bits[column] - 1)
        self.memory = level - left
        return bits.reshape(layout.codebooks, layout.bits) @ (1 << np.arange(layout.bits - 1, -1, -1))


class ToyDecoder:
    """Remembers, mixes within each group, and sets the levels of the noise."""

    def __init__(self, toy: Toy) -> None:
        self.toy = toy
        self.memory = -np.ones(len(toy.weights))
        self.count = 0

    def push(self, codes: Codes) -> Signal:
        layout = self.toy.layout
        assert codes.dtype == np.float32
        assert len(codes)
        assert not len(codes) % layout.group
        levels = np.array([self.level(code) for code in codes])
        mixed = [_mixed(group, 1 - MIX) for group in levels.reshape(-1, layout.group, levels.shape[1])]
        gains = 10 ** ((np.concatenate(mixed) - 1) * RANGE / 40)
        places = np.arange(self.count, self.count + len(codes)) % CYCLE
        self.count += len(codes)
        played = [gain[:, None] * band[places] for gain, band in zip(gains.T, self.toy.noise, strict=True)]
        return np.asarray(np.sum(played, axis=0).ravel(), np.float32)

    def level(self, code: Codes) -> Floats:
        self.memory = LEAK * self.memory + (self.toy.weights * code).sum(axis=1)
        return self.memory


def _mixed(levels: Floats, share: float) -> Floats:
    """A group's levels, [group, bands], their distance from its mean times `share`."""
    mean = levels.mean(axis=0)
    return np.asarray(mean + share * (levels - mean))


def _weights(bits: int) -> Floats:
    """What a +1 of each bit adds to each band's level, [bands, bits]."""
    weights = np.zeros((-(-bits // 4), bits))
    for bit in range(bits):
        weights[bit // 4, bit] = REACH / 2 ** (1 + bit % 4)
    return weights


def _noise(edges: Floats) -> Floats:
    """White noise of unit power in each band, [bands, CYCLE, HOP_OUT]; its end meets its beginning."""
    random = np.random.default_rng(0)
    spectrum = np.fft.rfft(random.standard_normal(CYCLE * HOP_OUT))
    frequencies = np.fft.rfftfreq(CYCLE * HOP_OUT, 1 / RATE_OUT)
    inside = [(low <= frequencies) & (frequencies < high) for low, high in pairwise(edges)]
    bands = [np.fft.irfft(spectrum * one) for one in inside]
    return np.array([band / band.std() for band in bands]).reshape(len(bands), CYCLE, HOP_OUT)
