"""What token models share that hear the whole utterance before they send, and have all of it before they play."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenCodec, TokenDecoder, TokenEncoder
from benchmark.types import Decoder, Signal, Slot

QUIET = 1.0  # s of digital silence whose middle token stands for silence


class Whole(TokenCodec):
    """For models that see everything at once: write `encode`, `decode` and `codes`, get the codec."""

    @abstractmethod
    def encode(self, signal: Signal) -> Indices:
        """The tokens [ceil(n / hop_in), codebooks] of a whole signal [n], n > 0."""

    @abstractmethod
    def decode(self, codes: Codes) -> Signal:
        """The signal [n * hop_out] of all codes [n, dim], n > 0."""

    def token_encoder(self) -> TokenEncoder:
        return _WholeEncoder(self)

    def token_decoder(self) -> TokenDecoder:
        return _WholeDecoder(self)

    def decoder(self, concealment: str = "") -> Decoder:
        """A session that plays nothing before the end."""
        return AtTheEnd(super().decoder(concealment))

    def silence(self) -> Indices:
        return self._silence

    @cached_property
    def _silence(self) -> Indices:
        tokens = self.encode(np.zeros(round(QUIET * self.layout.rate_in), np.float32))
        return tokens[len(tokens) // 2, None]


class _WholeEncoder:
    def __init__(self, codec: Whole) -> None:
        self.codec = codec
        self.parts: list[Signal] = []

    def push(self, signal: Signal) -> Indices:
        self.parts.append(np.array(signal, np.float32))  # the caller may use its buffer again
        return np.empty((0, self.codec.layout.codebooks), np.int64)

    def flush(self) -> Indices:
        signal = np.concatenate([np.empty(0, np.float32), *self.parts])
        return self.codec.encode(signal) if len(signal) else self.push(signal)


class _WholeDecoder:
    def __init__(self, codec: Whole) -> None:
        self.codec = codec

    def push(self, codes: Codes) -> Signal:
        return self.codec.decode(codes)


class AtTheEnd:
    """Gives all slots to the session behind it at once."""

    def __init__(self, inner: Decoder) -> None:
        self.inner = inner
        self.slots: list[Slot] = []

    def push(self, slots: Sequence[Slot]) -> Signal:
        self.slots += slots
        return np.empty(0, np.float32)

    def flush(self) -> Signal:
        return np.concatenate([self.inner.push(self.slots), self.inner.flush()])


def fitted(signal: Signal, samples: int) -> Signal:
    """The first `samples` of `signal` [n]; zeros where it is too short."""
    return np.pad(signal[:samples], (0, max(samples - len(signal), 0)))
