"""What one learns of a codec by driving its sessions as a call does: piece in, payloads out, output at once.

Runs in the supervised child, next to the codec.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, zip_longest
from math import inf, isfinite
from typing import NamedTuple

import numpy as np

from benchmark.hosts import CodecHost
from benchmark.probe.memory import Peak, anonymous
from benchmark.probe.operations import multiply_accumulates, require_torch
from benchmark.types import Codec, Decoder, NotMeasured, Signal, Slot, Spec

WARM_UP = 5  # pieces before the clock counts: libraries choose their kernels, caches fill


class Live(NamedTuple):
    """All payloads of a call, and its raw output, shape (m,)."""

    payloads: list[bytes]
    output: Signal


class Times(NamedTuple):
    """Seconds each piece took to encode and, its payloads, to decode; and until the first output of the call.

    `first` counts from the first sample's capture, the capture included; None: no output before the call's end.
    """

    encode: list[float]
    decode: list[float]
    first: float | None


class Releases(NamedTuple):
    """When things come out, in samples pushed: each payload, and each piece of output beside its first sample's number.

    What only the end of the call brings is not in it.
    """

    payloads: list[int]
    outputs: list[tuple[int, int]]


class Memory(NamedTuple):
    """Bytes of anonymous memory: before the codec was loaded, after it, and at the peak of loading and running."""

    before: int
    loaded: int
    peak: int


class _Receiver:
    """Numbers the payloads, which have to be bytes; an empty list is not pushed."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder, self.index = decoder, 0

    def push(self, payloads: list[bytes]) -> Signal:
        if wrong := [p for p in payloads if not isinstance(p, bytes)]:
            raise NotMeasured("codec_failed", f"the encoder returned {type(wrong[0]).__name__} where bytes were due")
        slots = [Slot(index, payload) for index, payload in enumerate(payloads, self.index)]
        self.index += len(slots)
        return self.decoder.push(slots) if slots else np.empty(0, np.float32)


def stream(codec: Codec, signal: Signal, step: int) -> Iterator[Live]:
    """What comes out at once for each `step` samples of `signal`, shape (n,) at `rate_in`, and at the call's end."""
    encoder, receiver = codec.encoder(), _Receiver(codec.decoder())
    for start in range(0, len(signal), step):
        payloads = encoder.push(signal[start : start + step])
        yield Live(payloads, _checked(receiver.push(payloads)))
    payloads = encoder.flush()
    yield Live(payloads, _checked(np.concatenate([receiver.push(payloads), receiver.decoder.flush()])))


def _checked(output: Signal) -> Signal:
    if not np.isfinite(output).all():
        raise NotMeasured("codec_failed", "the decoder returned NaN or infinity")
    return output


def whole(parts: list[Live]) -> Live:
    """The parts of one call, joined."""
    return Live([p for part in parts for p in part.payloads], np.concatenate([part.output for part in parts]))


def buffering(codec: Codec, signal: Signal) -> int | None:
    """The fewest samples after which a new encoder gives a payload; None: not before it is flushed."""

    def ready(samples: int) -> bool:
        return bool(codec.encoder().push(signal[:samples]))

    too_few, enough = 0, min(codec.info.frame, len(signal))
    while not ready(enough):
        if enough == len(signal):
            return None
        too_few, enough = enough, min(2 * enough, len(signal))
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if ready(middle) else (middle, enough)
    return enough


def releases(codec: Codec, signal: Signal) -> Releases:
    """Push `signal`, shape (n,) at `rate_in`, sample by sample, each payload to the decoder as soon as it is there."""
    encoder, receiver = codec.encoder(), _Receiver(codec.decoder())
    found, done = Releases([], []), 0
    for pushed in range(1, len(signal) + 1):
        payloads = encoder.push(signal[pushed - 1 : pushed])
        found.payloads.extend([pushed] * len(payloads))
        if len(output := _checked(receiver.push(payloads))):
            found.outputs.append((pushed, done))
            done += len(output)
    return found


def first_difference(
    codec: Codec, signal: Signal, wanted: Signal, step: int, tolerance: float, limit: float = inf
) -> int | None:
    """The first sample of the raw output that differs from `wanted` by more than `tolerance`; None: there is none.

    Args:
        codec: makes the sessions.
        signal: input, shape (n,).
        wanted: raw output of another input of the same length, shape (m,).
        step: samples pushed at a time, as for `wanted`.
        tolerance: absolute.
        limit: nothing is looked for from this sample on.
    """
    done = 0
    for _, output in stream(codec, signal, step):
        due = wanted[done : done + len(output)]
        differs = np.abs(output[: len(due)] - due) > tolerance
        if differs.any():
            first = done + int(differs.argmax())
            return first if first < limit else None
        if len(due) < len(output):
            return len(wanted)
        done += len(output)
        if done >= limit:
            return None
    return done if done < len(wanted) else None


def interleaved(codec: Codec, first: Signal, second: Signal, step: int) -> tuple[Live, Live]:
    """Two calls at once, a piece of each in turn."""
    ours: list[Live] = []
    theirs: list[Live] = []
    for one, other in zip_longest(stream(codec, first, step), stream(codec, second, step)):
        ours += [one] if one else []
        theirs += [other] if other else []
    return whole(ours), whole(theirs)


def timed(codec: Codec, signal: Signal, step: int, count: int, budget: float) -> Times:
    """Time a call of `count` pieces of `step` samples, or of as many as are begun within `budget` seconds.

    A call of `WARM_UP` pieces goes before. Of the one that is timed, `encode` and `decode` leave out what comes
    before its first output.
    """
    for _ in stream(codec, signal[: WARM_UP * step], step):
        pass
    encoder, receiver = codec.encoder(), _Receiver(codec.decoder())
    encoding, decoding, first, clock = [], [], None, 0.0
    begin = time.perf_counter()
    for piece in range(min(count, len(signal) // step)):
        start = time.perf_counter()
        if start - begin > budget:
            break
        payloads = encoder.push(signal[piece * step : (piece + 1) * step])
        between = time.perf_counter()
        output = receiver.push(payloads)
        end = time.perf_counter()
        captured = (piece + 1) * step / codec.info.rate_in
        clock = max(clock, captured) + end - start  # a slow codec begins when it is done with the piece before
        if first is None and len(output):
            first = clock
        if first is not None:
            encoding.append(between - start)
            decoding.append(end - between)
    return Times(encoding, decoding, first)


def cost(codec: Codec) -> dict[str, float]:
    """What the codec says of its cost: parameters, multiply-accumulates per second of audio, bytes of state.

    Raises:
        NotMeasured: ``not_applicable`` when it says nothing, ``codec_failed`` when that makes no sense.
    """
    say: Callable[[], Mapping[str, float]] | None = getattr(codec, "cost", None)
    if say is None:
        raise NotMeasured("not_applicable", "the codec does not say (it has no cost())")
    found = say()
    known = ("parameters", "macs_per_second", "state_bytes")
    if not isinstance(found, Mapping) or not all(name in known and _amount(n) for name, n in found.items()):
        raise NotMeasured("codec_failed", f"cost() says {found!r:.200}; due are numbers by {', '.join(known)}")
    return {name: float(found[name]) for name in known if name in found}


def operations(codec: Codec, signal: Signal, step: int, skipped: int, counted: int | None) -> float:
    """Multiply-accumulates of encoder and decoder in `counted` pieces of a call, after `skipped` ones.

    A short call goes before, in which libraries are loaded.

    Args:
        codec: makes the sessions.
        signal: input, shape (n,).
        step: samples of a piece.
        skipped: pieces after which every memory of the codec is full.
        counted: None: all that are left, and the end of the call.

    Raises:
        NotMeasured: as `benchmark.probe.operations.multiply_accumulates` does.
    """
    _run(stream(codec, signal[: codec.info.rate_in], step))
    require_torch()
    call = stream(codec, signal, step)
    _run(islice(call, skipped))
    return multiply_accumulates(lambda: _run(islice(call, counted)))


def _run(parts: Iterator[Live]) -> None:
    deque(parts, maxlen=0)


def _amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0


class ProbeHost(CodecHost):
    """A codec behind the calls of `benchmark.probe`; where it needs that, each in a fork (see `CodecHost`)."""

    def __init__(self, spec: Spec) -> None:
        self.before = anonymous()
        with Peak() as peak:
            super().__init__(spec)
        self.loading, self.loaded = peak.bytes, anonymous()

    def buffering(self, signal: Signal) -> int | None:
        """See `buffering`."""
        return self.run(buffering, self.codec, signal)  # type: ignore[no-any-return]  # through a fork it is Any

    def releases(self, signal: Signal) -> Releases:
        """See `releases`."""
        return self.run(releases, self.codec, signal)  # type: ignore[no-any-return]  # as above

    def live(self, signal: Signal, step: int) -> Live:
        """One whole call."""
        return self.run(_live, self.codec, signal, step)  # type: ignore[no-any-return]  # as above

    def first_difference(
        self, signal: Signal, wanted: Signal, step: int, tolerance: float, limit: float = inf
    ) -> int | None:
        """See `first_difference`."""
        found: int | None = self.run(first_difference, self.codec, signal, wanted, step, tolerance, limit)
        return found

    def interleaved(self, first: Signal, second: Signal, step: int) -> tuple[Live, Live]:
        """See `interleaved`."""
        return self.run(interleaved, self.codec, first, second, step)  # type: ignore[no-any-return]  # as above

    def timed(self, signal: Signal, step: int, count: int, budget: float) -> Times:
        """See `timed`."""
        return self.run(timed, self.codec, signal, step, count, budget)  # type: ignore[no-any-return]  # as above

    def cost(self) -> dict[str, float]:
        """See `cost`."""
        return cost(self.codec)

    def operations(self, signal: Signal, step: int, skipped: int, counted: int | None) -> float:
        """See `operations`."""
        return self.run(operations, self.codec, signal, step, skipped, counted)  # type: ignore[no-any-return]  # as above

    def memory(self, signal: Signal, step: int) -> Memory:
        """Run a call, and say how much memory that and the loading took.

        Raises:
            NotMeasured: ``not_applicable`` where the system does not say.
        """
        running: int | None = self.run(_peak, self.codec, signal, step)
        if self.before is None or self.loaded is None or self.loading is None or running is None:
            raise NotMeasured("not_applicable", "this system does not say (no RssAnon in /proc/self/status)")
        return Memory(self.before, self.loaded, max(self.loading, running))


def _live(codec: Codec, signal: Signal, step: int) -> Live:
    return whole(list(stream(codec, signal, step)))


def _peak(codec: Codec, signal: Signal, step: int) -> int | None:
    with Peak() as peak:
        for _ in stream(codec, signal, step):
            pass
    return peak.bytes
