"""Codecs of torch whose multiply-accumulates are known beforehand; torch is imported when they first code."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from baselines._framed import FramedDecoder, FramedEncoder
from baselines.pcm import Pcm
from benchmark.codec import OfflineCodec
from benchmark.types import CodecInfo, Decoder, Encoder, Signal, Slot

RATE = 16_000
FRAME = 320
NARROW = 32  # numbers of a payload


class Matrices(Pcm):
    """A frame of 20 ms times a matrix, 320 by 32, to encode; the transposed one to decode."""

    def __init__(self, says: bool = True) -> None:
        super().__init__()
        if says:
            self.cost = lambda: {"parameters": FRAME * NARROW}

    def encoder(self) -> Encoder:
        return _Narrowing(self.info)

    def decoder(self) -> Decoder:
        return _Widening(self.info)


class Forked(Matrices):
    """The same, each call in a fork."""

    fork_per_call = True


class Remembering(Matrices):
    """Its encoder also multiplies each frame with up to `memory` frames before it, which takes a while to fill."""

    def __init__(self, memory: int = 500) -> None:
        super().__init__()
        self.memory = memory

    def encoder(self) -> Encoder:
        return _Attentive(self.info, self.memory)


class Whole(OfflineCodec):
    """Each frame of an utterance times each: with n frames, 320 n^2; decodes nothing."""

    def __init__(self) -> None:
        self.info = CodecInfo(RATE, RATE, FRAME, streaming=False)

    def encode(self, signal: Signal) -> list[bytes]:
        padded = np.concatenate([signal, np.zeros(-len(signal) % FRAME, np.float32)]).reshape(-1, FRAME)
        frames = _tensor(padded)
        return [bytes(4) for _ in frames @ frames.T]

    def decode(self, payloads: Sequence[bytes | None]) -> Signal:
        return np.zeros(len(payloads) * FRAME, np.float32)


class _Narrowing(FramedEncoder):
    def encode_frame(self, frame: Signal) -> bytes:
        payload: bytes = (_tensor(frame[None]) @ _matrix()).numpy().tobytes()
        return payload


class _Widening(FramedDecoder):
    def decode_slot(self, slot: Slot) -> Signal:
        known = np.frombuffer(slot.payload or bytes(4 * NARROW), np.float32)[None]
        output: Signal = (_tensor(known.copy()) @ _matrix().T).numpy()[0]
        return output


class _Attentive(_Narrowing):
    def __init__(self, info: CodecInfo, memory: int) -> None:
        super().__init__(info)
        self.frames, self.memory = np.zeros((0, FRAME), np.float32), memory

    def encode_frame(self, frame: Signal) -> bytes:
        if len(self.frames):
            _tensor(self.frames) @ _tensor(frame[:, None].copy())
        self.frames = np.concatenate([self.frames, frame[None]])[-self.memory :]
        return super().encode_frame(frame)


def _tensor(values: Signal) -> Any:
    import torch

    return torch.from_numpy(values)


def _matrix() -> Any:
    return _tensor(np.full((FRAME, NARROW), 0.01, np.float32))
