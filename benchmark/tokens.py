"""Codecs that send tokens (codebook indices): the model gives and takes tokens, and all the rest is here.

Packing is exact, most significant bit first; groups of tokens that a model takes together (FocalCodec-Stream:
four, arXiv 2509.16195) are waited for; missing tokens are concealed by `benchmark.conceal`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from benchmark import conceal
from benchmark.bits import Indices, pack, unpack
from benchmark.conceal import Code, Codes, Filled, Part, Setting
from benchmark.types import Booleans, CodecInfo, Decoder, Encoder, NotMeasured, Signal, Slot, UserError


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """The shape of a token stream.

    Attributes:
        rate_in: sample rate of the encoder's input, Hz.
        rate_out: sample rate of the decoder's output, Hz.
        hop_in: input samples per token.
        hop_out: output samples per token.
        bits: per token and codebook.
        codebooks: indices per token.
        group: tokens the model takes together.
        per_frame: tokens per payload: a divisor or a multiple of the group.
        residual: whether the codebooks refine one another, so that the first few of a token are a coarser one;
            then `TokenCodec.codes` takes fewer than all of them.

    Raises:
        UserError: when `per_frame` is neither.
        ValueError: when a token does not last as long at the input as at the output, or where residual tokens share
            a payload, whose beginning would then not be a coarser picture of all of it.
    """

    rate_in: int
    rate_out: int
    hop_in: int
    hop_out: int
    bits: int
    codebooks: int = 1
    group: int = 1
    per_frame: int = 1
    residual: bool = False

    def __post_init__(self) -> None:
        given, group = self.per_frame, self.group
        if type(given) is not int or given < 1 or (group % given and given % group):
            divisors = ", ".join(str(n) for n in range(1, group) if not group % n)
            allowed = f"{divisors} or a multiple of {group}" if divisors else "a whole number from 1"
            raise UserError(f"{given!r} tokens in a frame are not allowed; choose {allowed}.")
        if self.hop_in * self.rate_out != self.hop_out * self.rate_in:
            times = f"{self.hop_in} at {self.rate_in} Hz in, {self.hop_out} at {self.rate_out} Hz out"
            raise ValueError(f"a token has to last equally long on both sides: {times}")
        if self.residual and given > 1:
            raise ValueError(f"{given} residual tokens in a payload: its beginning would be the first of them alone")

    @property
    def frames(self) -> int:
        """Frames that are encoded, and decoded, together."""
        return max(1, self.group // self.per_frame)

    @property
    def frame_bits(self) -> int:
        """Bits of a frame, before padding to a whole byte."""
        return self.per_frame * self.codebooks * self.bits

    @property
    def layers(self) -> tuple[int, ...]:
        """Bits of the beginnings of a payload that decode alone, the least first; see `CodecInfo`.

        Where several numbers of codebooks need as many bytes, the largest of them: the bytes tell which it is.
        """
        sizes = [self.bits * count for count in range(1, self.codebooks + 1)] if self.residual else []
        return tuple(bits for bits, more in pairwise(sizes) if -(-bits // 8) < -(-more // 8))


def token_info(layout: TokenLayout, identity: Mapping[str, str], delay: int = 0, streaming: bool = True) -> CodecInfo:
    """The facts of a token codec, as far as they follow from its layout.

    Args:
        layout: of its tokens.
        identity: versions and checksums of whatever changes the output.
        delay: by how much the raw output trails the input, samples at `rate_out`.
        streaming: False when the encoder sees the whole utterance before it emits anything.
    """
    return CodecInfo(
        rate_in=layout.rate_in,
        rate_out=layout.rate_out,
        frame=layout.per_frame * layout.hop_in,
        delay=delay,
        streaming=streaming,
        frame_bits=layout.frame_bits,
        identity=identity,
        group=layout.frames,
        token_bits=layout.bits,
        concealments={name: strategy.waits for name, strategy in conceal.STRATEGIES.items()},
        codebooks=layout.codebooks,
        layers=layout.layers,
    )


class TokenEncoder(Protocol):
    """One sending session of a model: signal in, the tokens [n, codebooks] that are complete out (n may be 0).

    `flush` gives the rest, the input zero-padded to a whole group; nothing where nothing was pushed.
    """

    def push(self, signal: Signal) -> Indices: ...
    def flush(self) -> Indices: ...


class TokenDecoder(Protocol):
    """One receiving session of a model: codes [n, dim] in, n a multiple of the group; n * hop_out samples out."""

    def push(self, codes: Codes) -> Signal: ...


class TokenCodec(ABC):
    """For models that speak in tokens: write these four, get the codec."""

    layout: TokenLayout
    info: CodecInfo  # from `token_info`

    @abstractmethod
    def token_encoder(self) -> TokenEncoder:
        """A fresh sending session."""

    @abstractmethod
    def token_decoder(self) -> TokenDecoder:
        """A fresh receiving session."""

    @abstractmethod
    def codes(self, tokens: Indices) -> Codes:
        """The vector of each token: [n, codebooks] to [n, dim]; of each alone, whatever its neighbours.

        Where the layout is residual, [n, k] for any k up to `codebooks`: the coarser picture of the first k.
        """

    @abstractmethod
    def silence(self) -> Indices:
        """A group of tokens of encoded silence, [group, codebooks]; every receiving session asks, so keep it."""

    def encoder(self) -> Encoder:
        """A sending session."""
        return _Sender(self)

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session; `concealment` is one of `info.concealments`, ``""`` the first of them.

        Raises:
            UserError: for an unknown concealment.
        """
        return _Receiver(self, concealment)


def _silence_at(silence: Indices, first: int, count: int) -> Indices:
    """Tokens of silence for places `first` to `first + count` of a stream."""
    return silence[np.arange(first, first + count) % len(silence)]


class _Sender:
    """Packs `per_frame` tokens into each payload; silence fills the last one up."""

    def __init__(self, codec: TokenCodec) -> None:
        self.codec, self.model = codec, codec.token_encoder()
        self.rest = np.empty((0, codec.layout.codebooks), np.int64)
        self.sent = 0  # tokens

    def push(self, signal: Signal) -> list[bytes]:
        return self.send(self.model.push(signal))

    def flush(self) -> list[bytes]:
        payloads = self.send(self.model.flush())
        missing = -len(self.rest) % self.codec.layout.per_frame
        if missing:
            payloads += self.send(_silence_at(self.codec.silence(), self.sent + len(self.rest), missing))
        return payloads

    def send(self, tokens: Indices) -> list[bytes]:
        """The payloads that `tokens` complete."""
        layout = self.codec.layout
        tokens = np.concatenate([self.rest, tokens])
        whole = len(tokens) // layout.per_frame * layout.per_frame
        self.rest, self.sent = tokens[whole:], self.sent + whole
        frames = tokens[:whole].reshape(-1, layout.per_frame, layout.codebooks)
        return [pack(frame, layout.bits) for frame in frames]


class _Receiver:
    """Decodes whole groups of frames as soon as their slots are there; conceals what is lost.

    What a group sounds like depends on its own slots, on those before it, and on what the last of its slots shows
    ahead: never on what else is pushed with it. So all groups of a push go to the model at once.
    """

    def __init__(self, codec: TokenCodec, concealment: str) -> None:
        self.codec, self.layout, self.model = codec, codec.layout, codec.token_decoder()
        self.quiet = codec.silence()
        self.parts_of = {-(-bits // 8): bits // self.layout.bits for bits in self.layout.layers}  # bytes: codebooks
        setting = Setting(self.layout.rate_out, self.layout.hop_out, codec.codes(self.quiet), self.draw)
        self.strategy = conceal.make(concealment, setting)
        self.waiting: list[Slot] = []

    def push(self, slots: Sequence[Slot]) -> Signal:
        self.waiting += slots
        whole = len(self.waiting) // self.layout.frames * self.layout.frames
        ready, self.waiting = self.waiting[:whole], self.waiting[whole:]
        return self.decode(ready)

    def flush(self) -> Signal:
        """What is left of a stream that was cut inside a group: the frames whose slots came, the others lost."""
        cut = len(self.waiting)
        if not cut:
            return self.decode([])
        missing = range(self.waiting[-1].index + 1, self.waiting[0].index + self.layout.frames)
        return self.push([Slot(index, None) for index in missing])[: cut * self.layout.per_frame * self.layout.hop_out]

    def decode(self, slots: list[Slot]) -> Signal:
        """The output of whole groups of frames."""
        if not slots:
            return np.empty(0, np.float32)
        filled = [self.strategy.fill(part) for part in self.parts(slots)]
        given = [f.codes for f in filled if f.advance]
        samples = sum(map(len, given)) * self.layout.hop_out
        played = self.model.push(np.concatenate(given)) if given else np.empty(0, np.float32)
        if len(played) != samples:
            text = f"the model returned {len(played)} samples for frames {slots[0].index} to {slots[-1].index}"
            raise NotMeasured("codec_failed", f"{text}, {samples} were due")
        return _assemble(filled, played, self.layout.hop_out)

    def parts(self, slots: list[Slot]) -> list[Part]:
        """The groups of tokens in `slots`, with what is known of each."""
        codes, lost = self.received(slots)
        size = self.layout.frames * self.layout.per_frame
        result = []
        for number, last in enumerate(slots[self.layout.frames - 1 :: self.layout.frames]):
            place = slice(number * size, (number + 1) * size)
            following = self.following(last) if self.strategy.waits and last.payload is None else None
            first = (last.index + 1) * self.layout.per_frame - size
            result.append(Part(first, codes[place], lost[place], following))
        return result

    def received(self, slots: list[Slot]) -> tuple[Codes, Booleans]:
        """Codes [n, dim] of the tokens of `slots`, and which of them are lost [n]."""
        lost = np.repeat([slot.payload is None for slot in slots], self.layout.per_frame)
        codes = np.zeros((len(lost), self.strategy.setting.silence.shape[1]), np.float32)
        tokens = [self.tokens(slot.index, slot.payload) for slot in slots if slot.payload is not None]
        known = np.repeat([token.shape[1] for token in tokens], self.layout.per_frame)  # codebooks of each token
        for count in np.unique(known).tolist():
            of_these = np.concatenate([token for token in tokens if token.shape[1] == count])
            codes[np.flatnonzero(~lost)[known == count]] = self.codec.codes(of_these)
        return codes, lost

    def tokens(self, frame: int, payload: bytes) -> Indices:
        """The tokens of a payload, [per_frame, codebooks], of a part fewer; silence where nothing was sent."""
        layout = self.layout
        if not payload:
            return _silence_at(self.quiet, frame * layout.per_frame, layout.per_frame)
        if codebooks := self.parts_of.get(len(payload)):
            return unpack(payload, layout.bits, (1, codebooks))
        due = -(-layout.frame_bits // 8)
        if len(payload) != due:
            raise NotMeasured("codec_failed", f"the payload of frame {frame} has {len(payload)} bytes, {due} were due")
        return unpack(payload, layout.bits, (layout.per_frame, layout.codebooks))

    def following(self, slot: Slot) -> tuple[int, Code] | None:
        """The first token that is buffered behind `slot`: how many tokens come before it, and its code."""
        for missing, payload in enumerate(slot.ahead):
            if payload is not None:
                token = self.tokens(slot.index + 1 + missing, payload)[:1]
                return missing * self.layout.per_frame, self.codec.codes(token)[0]
        return None

    def draw(self, generator: np.random.Generator) -> Code:
        """The code of a random token."""
        tokens = generator.integers(0, 1 << self.layout.bits, (1, self.layout.codebooks))
        code: Code = self.codec.codes(tokens)[0]
        return code


def _assemble(filled: list[Filled], played: Signal, hop: int) -> Signal:
    """The output: the model's, `played`, with silence where it was not to see a part, times the gains."""
    parts, start = [], 0
    for one in filled:
        samples = len(one.codes) * hop
        if not one.advance:
            parts.append(np.zeros(samples, np.float32))
            continue
        part = played[start : start + samples]
        parts.append(part if one.gain is None else part * one.gain)
        start += samples
    return np.concatenate(parts)
