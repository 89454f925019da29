"""What lives in supervised children: one codec, the metrics of one pair of signals, or the listeners."""

import importlib
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import signature
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmark import align, audio, child, codec, registry
from benchmark.token_vectors import vectors
from benchmark.types import (
    CodecInfo,
    Description,
    Frame,
    Known,
    Learner,
    Listener,
    Measured,
    NotMeasured,
    Ratio,
    Result,
    Signal,
    Slot,
    Spec,
)


class Encoded(NamedTuple):
    """The frames of one utterance, and how many carry in-band redundancy (None: the codec has none)."""

    frames: list[Frame]
    with_fec: int | None


class Opened(NamedTuple):
    """How late the second of two files was found (or said) to be, and the same in seconds."""

    delay: align.Delay
    seconds: float


class CodecHost:
    """A codec behind calls that can be sent to another process."""

    def __init__(self, spec: Spec) -> None:
        self.codec: Any = registry.make("codec", spec)
        self.run: Callable[..., Any] = _in_fork if getattr(self.codec, "fork_per_call", False) else _here

    def describe(self) -> CodecInfo:
        """The codec's facts, checked for their types.

        Raises:
            NotMeasured: ``codec_failed`` when they make no sense.
        """
        info = self.codec.info
        if not isinstance(info, CodecInfo):
            raise NotMeasured("codec_failed", f"codec.info is a {type(info).__name__}, not a CodecInfo")
        if wrong := list(_wrong_facts(info)):
            raise NotMeasured("codec_failed", f"codec.info has {', '.join(wrong)}")
        positive = {name: getattr(info, name) for name in ("rate_in", "rate_out", "frame", "group", "codebooks")}
        positive |= {} if info.token_bits is None else {"token_bits": info.token_bits}
        if min(positive.values()) <= 0 or not 4000 <= info.rate_in <= 192_000:
            text = ", ".join(f"{name}={value}" for name, value in positive.items())
            raise NotMeasured("codec_failed", f"codec.info makes no sense: {text}")
        return info

    def encode(self, signal: Signal, chunk: int | None) -> Encoded:
        """See `benchmark.codec.encode`."""
        return self.run(self._encode, signal, chunk)  # type: ignore[no-any-return]  # through a fork it is Any

    def _encode(self, signal: Signal, chunk: int | None) -> Encoded:
        frames = codec.encode(self.codec, signal, chunk)
        carries: Callable[[bytes], bool] | None = getattr(self.codec, "carries_fec", None)
        return Encoded(frames, None if carries is None else sum(bool(carries(f.payload)) for f in frames if f.payload))

    def decode(self, parts: Sequence[tuple[Any, ...]], chunk: int | None, concealment: str = "") -> Signal:
        """See `benchmark.codec.decode`; the slots come in parts, which cross the pipe three times as fast."""
        slots = [Slot(*part) for part in parts]
        return self.run(codec.decode, self.codec, slots, chunk, concealment)  # type: ignore[no-any-return]  # as above

    def convert(self, source: Sequence[bytes], reference: Sequence[bytes], voice: Signal) -> Signal:
        """See `benchmark.conversion.convert`."""
        # By name: how voices are converted must not enter the identity of every codec.
        way = importlib.import_module("benchmark.conversion").convert
        return self.run(way, self.codec, source, reference, voice)  # type: ignore[no-any-return]  # as above

    def vectors(self) -> npt.NDArray[np.float32] | None:
        """See `benchmark.token_material.vectors`."""
        return vectors(self.codec, self.codec.info)


def _wrong_facts(info: CodecInfo) -> Iterator[str]:
    """The facts of a type that would fail later, far from its cause."""
    for name in (
        "rate_in",
        "rate_out",
        "frame",
        "delay",
        "lookahead",
        "frame_bits",
        "group",
        "token_bits",
        "codebooks",
    ):
        value = getattr(info, name)
        if type(value) is not int and not (name in ("frame_bits", "token_bits") and value is None):
            yield f"{name}={value!r}, which is not an int"
    for name in ("streaming", "carries_speech"):
        if type(getattr(info, name)) is not bool:
            yield f"{name}={getattr(info, name)!r}, which is not a bool"
    layers = info.layers if isinstance(info.layers, tuple) else (None,)
    if not all(type(bits) is int and bits > 0 for bits in layers) or list(layers) != sorted(set(layers)):
        yield f"layers={info.layers!r}, which are not whole numbers of bits, the least first"
    elif layers and (info.frame_bits is None or layers[-1] >= info.frame_bits):
        yield f"layers={info.layers!r}, which are not less than its frame_bits={info.frame_bits}"
    texts = [*info.identity, *info.identity.values()] if isinstance(info.identity, Mapping) else [None]
    if not all(isinstance(text, str) for text in texts):
        yield f"identity={info.identity!r}, which is not text by text"
    waits = info.concealments.items() if isinstance(info.concealments, Mapping) else [(None, None)]
    if not all(isinstance(name, str) and type(frames) is int and frames >= 0 for name, frames in waits):
        yield f"concealments={info.concealments!r}, which is not a whole number of frames by name"
    elif taken := [name for name in ("", "default", "all", "codec") if name in info.concealments]:
        yield f"concealments with the name {taken[0]!r}, which a suite uses for something else"


def _here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _in_fork(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a fork, so that what a library keeps for the whole process starts anew each time."""
    reader, writer = os.pipe()
    parent = os.getpid()
    if (pid := os.fork()) == 0:
        try:
            if not child.die_with(parent):  # a time limit ends the parent, and must end this too
                return None
            try:
                answer: Any = (None, function(*arguments))
            except BaseException as caught:
                answer = (caught if isinstance(caught, NotMeasured) else RuntimeError(repr(caught)), None)
            with open(writer, "wb") as pipe:  # noqa: PTH123 (a descriptor, not a path)
                pickle.dump(answer, pipe, protocol=5)
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:  # noqa: PTH123 (as above)
        data = pipe.read()
    _, status = os.waitpid(pid, 0)
    if not data:
        cause = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit code {status >> 8}"
        raise NotMeasured("codec_failed", f"its process was ended by {cause}")
    error, value = pickle.loads(data)
    if error is not None:
        raise error
    return value


class Made:
    """Metrics, each built once per process: models take long to load."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __call__(self, module: str, attribute: str, params: Mapping[str, Any]) -> Any:
        """The metric of these parameters."""
        key = repr((module, attribute, sorted(params.items())))
        if key not in self._made:
            self._made[key] = getattr(importlib.import_module(module), attribute)(**params)
        return self._made[key]


class ScoreHost:
    """The metrics, on one reference and one degraded signal at a time."""

    def __init__(self) -> None:
        self.reference: tuple[Signal, int] | None = None
        self.degraded: tuple[Signal, int] | None = None
        self.made = Made()
        self._at: dict[int, tuple[Signal, Signal]] = {}

    def load(self, reference: tuple[Signal, int] | None, degraded: tuple[Signal, int]) -> None:
        """Take a pair of (signal, rate), aligned; a reference of None keeps the one that is there."""
        self.reference = reference or self.reference
        self.degraded = degraded
        self._at = {}

    def open(self, reference: Path, degraded: Path, delay: float | None) -> Opened:
        """Take a pair of files, both at the scoring rate, aligned by `delay` seconds or (None) by what is found.

        Raises:
            NotMeasured: as a file is no usable audio, or nothing is common to both.
        """
        first, second = audio.read(reference), audio.read(degraded)
        rate = align.scoring_rate(first.rate)
        pair = align.at_rate(first.signal, first.rate, second.signal, second.rate, rate)
        if delay is None:
            found = align.estimate_delay(*pair, rate)
        else:
            found = align.Delay(round(delay * rate), 1.0, "waveform")
        pair = align.align(*pair, found.samples)
        if not len(pair[0]):
            raise NotMeasured("too_short", "nothing is left of the two files once their delay is removed")
        self.load((pair[0], rate), (pair[1], rate))
        return Opened(found, found.samples / rate)

    def pair(self) -> tuple[tuple[Signal, int], tuple[Signal, int]]:
        """The pair that was taken, reference first."""
        assert self.reference is not None
        assert self.degraded is not None
        return self.reference, self.degraded

    def measure(
        self, module: str, attribute: str, params: Mapping[str, Any], rate: int | None, names: Sequence[str]
    ) -> dict[str, Result]:
        """The named values of one metric, all defined at `rate`. A metric that takes `names` is told which are asked.

        Raises:
            NotMeasured: as the metric says, or when the reference would have to be up-sampled.
        """
        assert self.reference is not None
        assert self.degraded is not None
        at = rate or align.scoring_rate(self.reference[1])
        if at not in self._at:
            self._at[at] = align.align(*align.at_rate(*self.reference, *self.degraded, at), 0)
        metric = self.made(module, attribute, params)
        first, second = (signal.copy() for signal in self._at[at])  # what a metric does to its input is its own affair
        asked = {"names": tuple(names)} if "names" in signature(metric).parameters else {}
        return dict(metric(first, second, at, **asked))


class ListenHost:
    """The listeners."""

    def __init__(self) -> None:
        self.made = Made()

    def describe(
        self,
        module: str,
        attribute: str,
        params: Mapping[str, Any],
        rate: int | None,
        heard: Sequence[tuple[Signal, int]],
        labels: Sequence[Mapping[str, str]],
    ) -> list[Description | NotMeasured]:
        """What a listener says of signals, each with its own rate; a degraded one may be up-sampled.

        Raises:
            Unavailable, UserError: as the listener does.
        """
        at = rate or align.SCORING_RATE
        signals = [align.resample(signal, from_rate, at) for signal, from_rate in heard]
        listener: Listener = self.made(module, attribute, params)
        said = list(listener.describe(signals, at, labels))
        if len(said) != len(signals):
            raise RuntimeError(f"the metric said {len(said)} things of {len(signals)} signals")
        return said

    def learn(
        self,
        module: str,
        attribute: str,
        params: Mapping[str, Any],
        described: Sequence[Description],
        classes: Sequence[str],
        seed: int,
    ) -> Description:
        """What a listener makes of training speech that it described, and of its classes."""
        learner: Learner = self.made(module, attribute, params)
        return learner.learn(described, classes, seed)

    def compare(
        self, module: str, attribute: str, params: Mapping[str, Any], pairs: Sequence[tuple[Description, Known]]
    ) -> list[dict[str, Result] | NotMeasured]:
        """The values of each output from what was said of it and of others."""
        listener: Listener = self.made(module, attribute, params)
        return [_compared(listener, degraded, known) for degraded, known in pairs]


def _compared(listener: Listener, degraded: Description, known: Known) -> dict[str, Result] | NotMeasured:
    try:
        return dict(listener.compare(degraded, known))
    except NotMeasured as error:
        return NotMeasured(error.status, error.reason)  # without the frames that the caught one keeps


def measured(names: Sequence[str], values: Mapping[str, Result]) -> list[Measured]:
    """The asked values, each finite or failed: a metric that leaves one out or returns NaN has failed."""
    return [_measured(name, values.get(name)) for name in names]


def _measured(name: str, value: Result | None) -> Measured:
    if isinstance(value, NotMeasured):
        return Measured(name, None, value.status, value.reason)
    if value is None:
        return Measured(name, None, "metric_failed", f"the metric returned no value {name!r}")
    try:
        above, below = map(float, value if isinstance(value, Ratio) else (value, 1.0))
    except (TypeError, ValueError):
        return Measured(name, None, "metric_failed", f"the metric returned {value!r:.100}, which is no number")
    if not (abs(above) < inf and abs(below) < inf):
        return Measured(name, None, "metric_failed", f"the metric returned {value}")
    if not isinstance(value, Ratio):
        return Measured(name, above)
    if not below:
        return Measured(name, None, "not_applicable", "it is a ratio over nothing")
    return Measured.ratio(name, above, below)
