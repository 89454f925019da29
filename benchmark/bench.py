"""A worker's bench: a codec or two, the metrics of pairs and the listeners at hand, each in its supervised child."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.audio import Audio
from benchmark.child import Child, ChildFailed, Reply
from benchmark.hosts import Encoded, Opened, measured
from benchmark.scorers import Scorer
from benchmark.suite import Limits
from benchmark.types import (
    CodecInfo,
    Description,
    Known,
    Measured,
    NotMeasured,
    Result,
    Scalar,
    Signal,
    Slot,
    Spec,
    Status,
    Unavailable,
    UserError,
)

Pair: TypeAlias = tuple[str, tuple[Any, ...]]  # the ScoreHost's method that takes the pair, and its arguments

FULL = ("MemoryError", "allocate memory", "bad_alloc", "bad allocation", "out of memory")  # how a full memory is told


class Bench:
    """Keeps the last `keep` codecs and the metrics warm; the `..._seconds` add up what they cost, and their start."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.keep = 1
        self.codec_seconds = self.metric_seconds = self.start_seconds = 0.0
        self._codecs: dict[str, Child] = {}
        self._metrics = self._child("benchmark.hosts:ScoreHost")
        self._listeners = self._child("benchmark.hosts:ListenHost")  # apart: PESQ's crashes cost no loaded model
        self._probes = self._child("tasks._probes.host:ProbeHost")  # by name: the harness imports no task
        self._closed = False
        self._pair: Pair = ("", ())
        self._holds: tuple[int, Pair] = (-1, self._pair)  # which child holds what

    def describe(self, spec: Spec) -> CodecInfo:
        """The codec's facts. Raises UserError, Unavailable, or NotMeasured (``codec_failed``)."""
        info: CodecInfo = self._call_codec(spec, "describe").value
        return info

    def encode(self, spec: Spec, signal: Signal, chunk: int | None) -> tuple[Encoded, float]:
        """The frames, and the seconds it took. Raises NotMeasured (``codec_failed``)."""
        reply = self._call_codec(spec, "encode", signal, chunk)
        return reply.value, reply.seconds

    def decode(
        self, spec: Spec, slots: Sequence[Slot], chunk: int | None, concealment: str = ""
    ) -> tuple[Signal, float]:
        """The raw output, and the seconds it took. Raises NotMeasured (``codec_failed``)."""
        reply = self._call_codec(spec, "decode", [(s.index, s.payload, s.ahead) for s in slots], chunk, concealment)
        return reply.value, reply.seconds

    def convert(self, spec: Spec, source: Sequence[bytes], reference: Sequence[bytes], voice: Signal) -> Signal:
        """The payloads of `source` in the voice of `reference`, whose signal is `voice`; the raw output.

        Raises:
            NotMeasured: as `benchmark.conversion.convert` says, or ``codec_failed``.
        """
        signal: Signal = self._call_codec(spec, "convert", list(source), list(reference), voice).value
        return signal

    def vectors(self, spec: Spec) -> npt.NDArray[np.float32] | None:
        """The vector of each code of each codebook, [codebooks, size, dim], if they add up to those of tokens.

        Raises:
            NotMeasured: ``codec_failed``.
        """
        found: npt.NDArray[np.float32] | None = self._call_codec(spec, "vectors").value
        return found

    def _call_codec(self, spec: Spec, method: str, *arguments: Any) -> Reply:
        codec = self._codecs.pop(str(spec), None) or self._child("benchmark.hosts:CodecHost", spec)
        self._codecs[str(spec)] = codec  # the last one used stands last
        while len(self._codecs) > self.keep:
            self._codecs.pop(next(iter(self._codecs))).close()
        try:
            reply = self._call(codec, method, *arguments)
        except ChildFailed as error:
            raise NotMeasured("codec_failed", f"{method}: {error}") from error
        except (Unavailable, UserError) as error:  # here, on this worker: where it was described, it could run
            if method == "describe":
                raise
            status: Status = "skipped" if isinstance(error, Unavailable) else "codec_failed"
            raise NotMeasured(status, str(error)) from error
        self.codec_seconds += reply.seconds
        return reply

    def _call(self, child: Child, method: str, *arguments: Any, items: int = 1) -> Reply:
        if self._closed:
            raise RuntimeError("the bench is closed: the run was interrupted")
        reply = child.call(method, *arguments, items=items)
        self.start_seconds += reply.start_seconds
        return reply

    def load(self, reference: tuple[Signal, int], degraded: tuple[Signal, int]) -> None:
        """Put an aligned pair of (signal, rate) before the metrics; it is sent when they are first asked."""
        self._pair = ("load", (reference, degraded))

    def open(self, reference: Path, degraded: Path, delay: float | None) -> Opened:
        """Put two files before the metrics, aligned by `delay` seconds, or (None) by what is found and returned.

        Raises:
            NotMeasured: ``input_failed`` or ``too_short`` as a file is no usable audio.
        """
        self._pair = ("open", (reference, degraded, delay))
        try:
            reply = self._call(self._metrics, *self._message())
        except ChildFailed as error:
            raise NotMeasured("input_failed", str(error)) from error
        self._holds = (self._metrics.generation, self._pair)
        found: Opened = reply.value
        return found

    def pair(self) -> tuple[Audio, Audio]:
        """The files that `open` aligned, reference first, as they are scored."""
        (reference, degraded) = self._call(self._metrics, "pair").value
        return Audio(*reference), Audio(*degraded)

    def measure(self, scorer: Scorer) -> list[Measured]:
        """The scorer's values of the pair, each with a status; never raises for what a metric does."""

        def call() -> list[Measured]:
            if self._holds[0] != self._metrics.generation or self._holds[1] is not self._pair:
                self.metric_seconds += self._call(self._metrics, *self._message()).seconds
                self._holds = (self._metrics.generation, self._pair)
            reply = self._call(self._metrics, "measure", *_called(scorer), scorer.rate, scorer.names)
            self.metric_seconds += reply.seconds
            return measured(scorer.names, reply.value)

        return guarded(call, scorer.names)

    def listen(
        self, scorer: Scorer, heard: Sequence[Audio], labels: Sequence[Mapping[str, str]]
    ) -> list[Description | NotMeasured]:
        """What a listener says of each signal, or why nothing; a signal that ends it costs the others nothing.

        Raises:
            Unavailable, UserError: when it cannot run here, or refuses its parameters.
            NotMeasured: ``metric_failed`` when it fails without any signal, which only loads its model.
        """
        signals = [(one.signal, one.rate) for one in heard]
        try:
            reply = self._heard(len(heard), "describe", *_called(scorer), scorer.rate, signals, list(labels))
        except (ChildFailed, NotMeasured) as error:
            if not heard:
                raise NotMeasured(*status_of(error)) from error
            if len(heard) == 1:
                return [NotMeasured(*status_of(error))]
            return [said for pair in zip(heard, labels, strict=True) for said in self.listen(scorer, *_ones(pair))]
        self.metric_seconds += reply.seconds
        found: list[Description | NotMeasured] = reply.value
        return found

    def learn(self, scorer: Scorer, described: Sequence[Description], classes: Sequence[str], seed: int) -> Description:
        """What a listener makes of training speech that it described.

        Raises:
            NotMeasured: ``metric_failed`` where it fails.
        """
        try:
            arguments = (list(described), list(classes), seed)
            reply = self._call(self._listeners, "learn", *_called(scorer), *arguments, items=len(described))
        except ChildFailed as error:
            raise NotMeasured(*status_of(error)) from error
        self.metric_seconds += reply.seconds
        return reply.value

    def probe(self, method: str, *arguments: Any, items: int) -> Any:
        """What a method of the host of probes returns; the limit of time holds for each of so many items.

        Raises:
            NotMeasured: as the method does, ``metric_failed`` when it ends its process, ``skipped`` where it lacks
                a library.
        """
        try:
            return self._call(self._probes, method, *arguments, items=items).value
        except (ChildFailed, Unavailable) as error:
            raise NotMeasured(*status_of(error)) from error

    def _heard(self, count: int, method: str, *arguments: Any) -> Reply:
        """A call for so many signals; once more, with no other model in memory, where that was too small for all."""
        try:
            return self._call(self._listeners, method, *arguments, items=count)
        except ChildFailed as error:
            if not any(word in str(error) for word in FULL):
                raise
        self._listeners.close()
        return self._call(self._listeners, method, *arguments, items=count)

    def compare(self, scorer: Scorer, pairs: Sequence[tuple[Description, Known]]) -> list[list[Measured]]:
        """A listener's values of each output from what it said; never raises for what it does."""

        def call(some: Sequence[tuple[Description, Known]]) -> list[list[Measured]]:
            reply = self._call(self._listeners, "compare", *_called(scorer), list(some))
            self.metric_seconds += reply.seconds
            return [guarded(partial(_values, scorer, found), scorer.names) for found in reply.value]

        try:
            return call(pairs) if pairs else []
        except (ChildFailed, NotMeasured, Unavailable, UserError) as error:
            if len(pairs) == 1:
                status, reason = status_of(error)
                return [[Measured(name, None, status, reason) for name in scorer.names]]
            return [values for pair in pairs for values in self.compare(scorer, [pair])]

    def _message(self) -> tuple[Any, ...]:
        """The call that brings the pair to the child, without a reference that it has already."""
        kind, arguments = self._pair
        generation, (held_kind, held) = self._holds
        if kind == held_kind == "load" and generation == self._metrics.generation and held[0][0] is arguments[0][0]:
            return kind, None, arguments[1]
        return kind, *arguments

    def _child(self, host: str, *arguments: Any) -> Child:
        limits = self.limits
        return Child(host, *arguments, seconds=limits.seconds, memory_mb=limits.memory_mb)

    def close(self) -> None:
        """End the children, for good: a work still under way in another thread fails, and starts no new ones."""
        self._closed = True
        for child in (self._metrics, self._listeners, self._probes):
            child.close()
        for codec in list(self._codecs.values()):  # a list: the other thread goes on until it meets `_closed`
            codec.close()


def _called(scorer: Scorer) -> tuple[str, str, dict[str, Scalar]]:
    return scorer.module, scorer.attribute, dict(scorer.spec.params)


def _ones(pair: tuple[Audio, Mapping[str, str]]) -> tuple[list[Audio], list[Mapping[str, str]]]:
    return [pair[0]], [pair[1]]


def _values(scorer: Scorer, found: Mapping[str, Result] | NotMeasured) -> list[Measured]:
    if isinstance(found, NotMeasured):
        raise found
    return measured(scorer.names, found)


def guarded(call: Callable[[], list[Measured]], names: Sequence[str]) -> list[Measured]:
    """The values of `call`, or the reason why there are none, once per name."""
    try:
        return call()
    except (NotMeasured, Unavailable, ChildFailed, UserError) as error:
        status, reason = status_of(error)
        return [Measured(name, None, status, reason) for name in names]


def status_of(error: NotMeasured | Unavailable | ChildFailed | UserError) -> tuple[Status, str]:
    """The status and the reason of values that a metric did not give."""
    if isinstance(error, NotMeasured):
        return error.status, error.reason
    return ("skipped" if isinstance(error, Unavailable) else "metric_failed"), str(error)
