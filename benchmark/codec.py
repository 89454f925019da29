"""The only two loops that drive a codec, and the base class for codecs that see the whole utterance."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from benchmark.types import (
    SECOND,
    Codec,
    CodecInfo,
    Decoder,
    Encoder,
    Frame,
    Mode,
    NotMeasured,
    Signal,
    Slot,
)

SLOTS_PER_PUSH = 16  # slots a streaming decoder gets at once; carries no information, as each slot brings its `ahead`


def encode(codec: Codec, signal: Signal, chunk: int | None = None) -> list[Frame]:
    """Encode `signal`, shape (n,) at `rate_in`, pushing `chunk` samples at a time (default: all at once).

    Raises:
        NotMeasured: ``codec_failed`` when a payload is not bytes or the frames do not cover the input.
    """
    info, encoder = codec.info, codec.encoder()
    step = chunk or max(len(signal), 1)
    payloads: list[bytes] = []
    for start in range(0, len(signal), step):
        payloads += encoder.push(signal[start : start + step])
    payloads += encoder.flush()
    for payload in payloads:
        if not isinstance(payload, bytes):
            raise NotMeasured("codec_failed", f"the encoder returned {type(payload).__name__} where bytes were due")
        if info.frame_bits is not None and 0 < 8 * len(payload) < info.frame_bits:
            text = f"a payload of {len(payload)} bytes is too short for the {info.frame_bits} bits that it declares"
            raise NotMeasured("codec_failed", text)
    if len(payloads) * info.frame < len(signal):
        covered = len(payloads) * info.frame
        raise NotMeasured("codec_failed", f"{len(payloads)} frames cover {covered} of {len(signal)} input samples")
    return [frame_of(info, index, payload) for index, payload in enumerate(payloads)]


def frame_of(info: CodecInfo, index: int, payload: bytes) -> Frame:
    """Frame number `index` of a codec, with its exact bits and its place on the time axis, ns."""
    last = (index // info.group + 1) * info.group * info.frame + info.lookahead  # sample its group waits for
    samples = (index * info.frame, (index + 1) * info.frame, last)
    start, end, ready = (n * SECOND // info.rate_in for n in samples)
    bits = 8 * len(payload) if info.frame_bits is None or not payload else info.frame_bits
    return Frame(index, payload, bits, start, end - start, ready, info.layers if payload else ())


def decode(codec: Codec, slots: Sequence[Slot], chunk: int | None = None, concealment: str = "") -> Signal:
    """Decode `slots`, `chunk` at a time (default: all at once); the raw output, delay included, shape (m,).

    Args:
        codec: makes the decoder.
        slots: one per frame.
        chunk: slots pushed at a time.
        concealment: one of the codec's loss strategies; "": its default, or the only way it has.

    Raises:
        NotMeasured: ``codec_failed`` when the output is not a finite one-dimensional float signal.
    """
    # Codec.decoder takes nothing where a codec has no strategies, hence no argument in the protocol.
    decoder: Decoder = codec.decoder(concealment) if concealment else codec.decoder()  # type: ignore[call-arg]
    step = chunk or max(len(slots), 1)
    parts = [decoder.push(slots[start : start + step]) for start in range(0, len(slots), step)]
    parts.append(decoder.flush())
    for part in parts:
        if not isinstance(part, np.ndarray) or part.ndim != 1 or part.dtype.kind != "f":
            shown = f"{part.dtype}{list(part.shape)}" if isinstance(part, np.ndarray) else type(part).__name__
            raise NotMeasured("codec_failed", f"the decoder returned {shown} where a float32 signal [n] was due")
    output = np.concatenate(parts).astype(np.float32)
    if not np.isfinite(output).all():
        bad = int(np.argmin(np.isfinite(output)))
        raise NotMeasured("codec_failed", f"the decoder returned NaN or infinity, first at sample {bad}")
    return output


def trim(raw: Signal, delay: int, samples: int) -> Signal:
    """Remove `delay` samples from the front of `raw` (negative: put silence there), keep exactly `samples`.

    Raises:
        NotMeasured: ``codec_failed`` when too few samples are left; nothing is padded at the end.
    """
    output = raw[delay:] if delay >= 0 else np.concatenate([np.zeros(-delay, np.float32), raw])
    if len(output) < samples:
        text = f"the decoder returned {len(output)} samples after its delay of {delay}, {samples} were due"
        raise NotMeasured("codec_failed", text)
    return output[:samples]


def cut(raw: Signal, samples: int, delay: int, declared: int, agrees: bool) -> Signal:
    """`samples` of a decoder's `raw` output behind the measured `delay`, both at its rate.

    By what a delay was measured longer than `declared`, though it `agrees` with it (by less than the 2 ms an envelope
    can be wrong), the signal may end earlier: a codec owes samples for the delay that it declares.

    Raises:
        NotMeasured: ``codec_failed`` when too few samples are there.
    """
    beyond = max(delay - declared, 0) if agrees else 0
    return trim(raw, delay, max(min(samples, len(raw) - delay), samples - beyond))


def push_size(info: CodecInfo, mode: Mode) -> tuple[int | None, int | None]:
    """Samples per encoder push and slots per decoder push in `mode`; None: everything at once."""
    return (info.frame, SLOTS_PER_PUSH) if mode == "streaming" else (None, None)


class OfflineCodec(ABC):
    """For codecs that see the whole utterance: write `encode` and `decode`, get the sessions."""

    info: CodecInfo

    @abstractmethod
    def encode(self, signal: Signal) -> list[bytes]:
        """One payload per frame of `info.frame` samples, the last one padded."""

    @abstractmethod
    def decode(self, payloads: Sequence[bytes | None]) -> Signal:
        """The signal; a payload of None was lost and has to be concealed."""

    def encoder(self) -> Encoder:
        """A session that encodes everything at `flush`."""
        return _WholeEncoder(self)

    def decoder(self) -> Decoder:
        """A session that decodes everything at `flush`."""
        return _WholeDecoder(self)


class _WholeEncoder:
    def __init__(self, codec: OfflineCodec) -> None:
        self.codec = codec
        self.parts = [np.empty(0, np.float32)]

    def push(self, signal: Signal) -> list[bytes]:
        self.parts.append(signal)
        return []

    def flush(self) -> list[bytes]:
        return self.codec.encode(np.concatenate(self.parts))


class _WholeDecoder:
    def __init__(self, codec: OfflineCodec) -> None:
        self.codec = codec
        self.payloads: list[bytes | None] = []

    def push(self, slots: Sequence[Slot]) -> Signal:
        self.payloads += [slot.payload for slot in slots]
        return np.empty(0, np.float32)

    def flush(self) -> Signal:
        return self.codec.decode(self.payloads)
