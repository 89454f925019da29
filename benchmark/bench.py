"""A worker's bench: a codec or two and one set of metrics at hand, each in its supervised child."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from benchmark.child import Child, ChildFailed, Reply
from benchmark.hosts import Encoded, Opened, measured
from benchmark.suite import Limits
from benchmark.types import (
    CodecInfo,
    Measured,
    NotMeasured,
    Signal,
    Slot,
    Spec,
    Status,
    Unavailable,
    UserError,
)

Pair: TypeAlias = tuple[str, tuple[Any, ...]]  # the ScoreHost's method that takes the pair, and its arguments


class Bench:
    """Keeps the last `keep` codecs and the metrics warm; the `..._seconds` add up what they cost, and their start."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.keep = 1
        self.codec_seconds = self.metric_seconds = self.start_seconds = 0.0
        self._codecs: dict[str, Child] = {}
        self._metrics = self._child("benchmark.hosts:ScoreHost")
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

    def _call(self, child: Child, method: str, *arguments: Any) -> Reply:
        if self._closed:
            raise RuntimeError("the bench is closed: the run was interrupted")
        reply = child.call(method, *arguments)
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

    def measure(
        self, module: str, attribute: str, spec: Spec, rate: int | None, names: Sequence[str]
    ) -> list[Measured]:
        """The named values of the pair, each with a status; never raises for what a metric does."""

        def call() -> list[Measured]:
            if self._holds[0] != self._metrics.generation or self._holds[1] is not self._pair:
                self.metric_seconds += self._call(self._metrics, *self._message()).seconds
                self._holds = (self._metrics.generation, self._pair)
            reply = self._call(self._metrics, "measure", module, attribute, dict(spec.params), rate, tuple(names))
            self.metric_seconds += reply.seconds
            return measured(names, reply.value)

        return guarded(call, names)

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
        self._metrics.close()
        for codec in list(self._codecs.values()):  # a list: the other thread goes on until it meets `_closed`
            codec.close()


def guarded(call: Callable[[], list[Measured]], names: Sequence[str]) -> list[Measured]:
    """The values of `call`, or the reason why there are none, once per name."""
    try:
        return call()
    except NotMeasured as error:
        return [Measured(name, None, error.status, error.reason) for name in names]
    except Unavailable as error:
        return [Measured(name, None, "skipped", str(error)) for name in names]
    except (ChildFailed, UserError) as error:
        return [Measured(name, None, "metric_failed", str(error)) for name in names]
