"""FocalCodec behind the sessions of a token codec: arrays in, arrays out."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from baselines.focalcodec import model
from baselines.focalcodec.config import SAMPLE_RATE, Config
from baselines.focalcodec.model import RECEIVING, SENDING, FocalCodec
from baselines.focalcodec.stream import BLOCK
from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.types import Signal

FILLED = 5  # blocks after which every memory of a stream is full


class StreamingEncoder:
    """Encodes every group of frames (80 ms) as soon as it is complete."""

    def __init__(self, codec: FocalCodec) -> None:
        self.codec = codec
        self.state = codec.start(1, SENDING)
        self.chunk = codec.config.group * codec.config.hop_in
        self.rest = np.empty(0, np.float32)

    def push(self, signal: Signal) -> Indices:
        self.rest = np.concatenate([self.rest, signal])
        whole = len(self.rest) // self.chunk * self.chunk
        ready, self.rest = self.rest[:whole], self.rest[whole:]
        if not whole:
            return np.empty((0, 1), np.int64)
        return self.codec.sig_to_toks(torch.from_numpy(ready)[None], self.state).numpy().reshape(-1, 1)

    def flush(self) -> Indices:
        return self.push(np.zeros(-len(self.rest) % self.chunk, np.float32))


class StreamingDecoder:
    """Decodes groups of codes as they come."""

    def __init__(self, codec: FocalCodec) -> None:
        self.codec = codec
        self.state = codec.start(1, RECEIVING)

    def push(self, codes: Codes) -> Signal:
        return self.codec.codes_to_sig(torch.from_numpy(codes)[None], self.state).numpy()[0]


class WholeEncoder:
    """Encodes the whole utterance at its end."""

    def __init__(self, codec: FocalCodec) -> None:
        self.codec = codec
        self.parts: list[Signal] = []

    def push(self, signal: Signal) -> Indices:
        self.parts.append(np.array(signal, np.float32))  # the caller may use its buffer again
        return np.empty((0, 1), np.int64)

    def flush(self) -> Indices:
        signal = np.concatenate([np.empty(0, np.float32), *self.parts])
        if not len(signal):
            return np.empty((0, 1), np.int64)
        tokens = -(-len(signal) // self.codec.config.hop_in)
        padded = np.pad(signal, (0, needed(self.codec.config, tokens) - len(signal)))
        return self.codec.sig_to_toks(torch.from_numpy(padded)[None]).numpy().reshape(-1, 1)


def needed(config: Config, tokens: int) -> int:
    """Input samples from which a full-context model makes `tokens` tokens: its front end pads nothing."""
    span, step = 1, 1
    for size, stride in zip(config.encoder.kernel_sizes, config.encoder.strides, strict=True):
        span, step = span + (size - 1) * step, step * stride
    return (tokens * config.hop_in // config.encoder.hop - 1) * config.encoder.hop + span


class WholeDecoder:
    """Decodes the whole utterance at once."""

    def __init__(self, codec: FocalCodec) -> None:
        self.codec = codec

    def push(self, codes: Codes) -> Signal:
        return self.codec.codes_to_sig(torch.from_numpy(codes)[None]).numpy()[0]


class Loaded:
    """A codec and what is asked of it besides sessions."""

    def __init__(self, codec: FocalCodec) -> None:
        self.codec = codec

    def codes(self, tokens: Indices) -> Codes:
        """[n, 1] to [n, bits]."""
        return self.codec.toks_to_codes(torch.from_numpy(tokens[:, 0])).numpy()

    def convert(self, tokens: Indices, voice: Signal, neighbours: int) -> Signal:
        """What is said in `tokens` [n, 1], in the voice of other speech, by its features as the encoder has them."""
        features = self.codec.sig_to_feats(torch.from_numpy(voice)[None])[0]
        codes = torch.from_numpy(self.codes(tokens))[None]
        return self.codec.codes_to_sig(codes, None, features, neighbours).numpy()[0]

    @cached_property
    def silence(self) -> Indices:
        """The second group of encoded silence, [group, 1]."""
        config = self.codec.config
        size = 2 * config.group
        samples = size * config.hop_in if config.causal else needed(config, size)
        return self.codec.sig_to_toks(torch.zeros(1, samples)).numpy()[0, -config.group :, None]

    @cached_property
    def cost(self) -> dict[str, float]:
        """Parameters, multiply-accumulates per second of audio, and bytes of a stream's state."""
        config = self.codec.config
        found = {"parameters": float(parameters(config)), "macs_per_second": macs_per_second(config)}
        if config.causal:
            found["state_bytes"] = float(self.codec.start().bytes)
        return found


def parameters(config: Config) -> int:
    """Numbers in a checkpoint."""
    return sum(tensor.numel() for tensor in model.skeleton(config).state_dict().values())


def macs_per_second(config: Config) -> float:
    """Multiply-accumulates per second of audio, by PyTorch's counter; of a stream in its steady state if causal."""
    codec = model.skeleton(config)
    seconds = config.group * config.hop_in / SAMPLE_RATE if config.causal else 10.0
    with torch.device("meta"), torch.no_grad():
        state = codec.start() if config.causal else None
        for _ in range(FILLED if config.causal else 0):
            _both_ways(codec, torch.empty(1, BLOCK * config.encoder.hop), state)
        with FlopCounterMode(display=False) as counter:
            _both_ways(codec, torch.empty(1, int(seconds * SAMPLE_RATE)), state)
    return counter.get_total_flops() / 2 / seconds


def _both_ways(codec: FocalCodec, signal: Tensor, state: model.State | None) -> None:
    codec.codes_to_sig(codec.sig_to_lats(signal, state), state)
