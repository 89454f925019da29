"""The codec under examination: in a supervised child, with speech at its rate, and what several parts need of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmark import align, audio, calibrate
from benchmark.bench import Bench
from benchmark.child import Child, ChildFailed
from benchmark.suite import Limits
from benchmark.types import CodecInfo, Frame, NotMeasured, Signal, Slot, Spec, Status

SPEAKERS = 4  # in the shipped corpus, whose clips come speaker by speaker
FEWEST = 3  # clips, for parts that need different ones
CLIPS = 8  # of the shipped corpus, for the content delay

Say = Callable[[str], None]


class Failed(NamedTuple):
    """Why something was not measured."""

    status: Status
    reason: str


def attempt(measure: Callable[..., Any], *arguments: Any) -> Any:
    """What `measure` returns, or why it measured nothing."""
    try:
        return measure(*arguments)
    except NotMeasured as error:
        return Failed(error.status, error.reason)


class Probed:
    """A codec in a supervised child."""

    def __init__(self, spec: Spec, limits: Limits, threads: int = 1) -> None:
        self.child = Child(
            "benchmark.probe.sessions:ProbeHost",
            spec,
            seconds=limits.seconds,
            memory_mb=limits.memory_mb,
            threads=threads,
        )

    def __call__(self, method: str, *arguments: Any) -> Any:
        """Call a method of `benchmark.probe.sessions.ProbeHost`.

        Raises:
            NotMeasured: as the method raised it; ``codec_failed`` when it failed otherwise.
            Unavailable, UserError: when the codec cannot be made.
        """
        try:
            return self.child.call(method, *arguments).value
        except ChildFailed as error:
            raise NotMeasured("codec_failed", f"{method}: {error}") from error

    def encode(self, signal: Signal, chunk: int | None = None) -> list[Frame]:
        """See `benchmark.codec.encode`."""
        frames: list[Frame] = self("encode", signal, chunk).frames
        return frames

    def decode(self, slots: Sequence[Slot], chunk: int | None = None, concealment: str = "") -> Signal:
        """See `benchmark.codec.decode`."""
        output: Signal = self("decode", [(s.index, s.payload, s.ahead) for s in slots], chunk, concealment)
        return output

    def close(self) -> None:
        """End the child."""
        self.child.close()


@dataclass
class Subject:
    """The codec under examination, and speech at its input rate.

    Attributes:
        spec: of the codec.
        info: its facts.
        limits: of each call.
        threads: that `fresh` may use.
        probed: the codec in a process with one thread, as in a run.
        voices: clips of different speakers, in turn.
        speech: what most parts encode.
        say: told what is under way.
        measured: what `benchmark.calibrate.measure` found of its delay, where that is known already.
    """

    spec: Spec
    info: CodecInfo
    limits: Limits
    threads: int
    probed: Probed
    voices: list[Signal]
    speech: Signal
    say: Say
    measured: Mapping[str, Any] | None = None

    @cached_property
    def frames(self) -> list[Frame]:
        """Of the speech, pushed all at once."""
        return self.probed.encode(self.speech)

    @cached_property
    def output(self) -> Signal:
        """Of these frames, pushed all at once; raw."""
        return self.probed.decode(slots(self.frames))

    @cached_property
    def fresh(self) -> Probed:
        """The codec in a process that has done nothing else."""
        return Probed(self.spec, self.limits, self.threads)

    @cached_property
    def buffered(self) -> int | None:
        """Samples pushed before the first payload comes out; None: all of them."""
        samples: int | None = self.probed("buffering", self.speech)
        return samples

    @cached_property
    def delay(self) -> Mapping[str, Any]:
        """Its delay, as `benchmark.calibrate.measure` finds it on some clips of the shipped corpus.

        Raises:
            NotMeasured: as the codec failed.
        """
        if self.measured is not None:
            return self.measured
        bench = Bench(self.limits)
        try:
            return calibrate.measure(self.spec, self.info, calibration(CLIPS), bench)
        finally:
            bench.close()

    @property
    def period(self) -> int:
        """Samples after which the codec does the same again: one group of frames."""
        return self.info.frame * self.info.group

    def milliseconds(self, samples: float) -> float:
        """Of input."""
        return 1000 * samples / self.info.rate_in


def slots(frames: Sequence[Frame], lost: int = -1, ahead: int = 0) -> list[Slot]:
    """A slot per frame, one of them lost, each showing the next `ahead` payloads."""
    payloads = [None if frame.index == lost else frame.payload for frame in frames]
    return [Slot(i, payload, tuple(payloads[i + 1 : i + 1 + ahead])) for i, payload in enumerate(payloads)]


def calibration(count: int) -> list[Path]:
    """So many clips of the shipped corpus, spread over its speakers: an envelope's delay depends on the voice."""
    clips = calibrate.clips()
    return [path for _, path in clips[:: max(len(clips) // count, 1)]][:count]


def voices(rate: int, seconds: float) -> list[Signal]:
    """Clips of the shipped corpus at `rate`, speaker by speaker in turn, `seconds` of them or all."""
    clips = [path for _, path in calibrate.clips()]
    each = max(len(clips) // SPEAKERS, 1)
    found: list[Signal] = []
    for path in (path for first in range(each) for path in clips[first::each]):
        if len(found) >= FEWEST and sum(map(len, found)) >= seconds * rate:
            break
        clip = audio.read(path)
        found.append(align.resample(clip.signal, clip.rate, rate))
    return found


def loudest(signal: Signal, length: int) -> Signal:
    """The `length` samples of `signal`, shape (n,), that hold the most energy, to a tenth of `length`; all of fewer."""
    starts = range(0, max(len(signal) - length, 0) + 1, max(length // 10, 1))
    power = np.cumsum(np.concatenate([[0.0], np.square(signal, dtype=np.float64)]))
    start = max(starts, key=lambda s: power[min(s + length, len(signal))] - power[s])
    return signal[start : start + length]


def so_much(clips: Sequence[Signal], samples: int) -> Signal:
    """`samples` of speech: the loudest of the first clip; or, where that is too short, one clip after the other."""
    if samples <= len(clips[0]):
        return loudest(clips[0], samples)
    return np.resize(np.concatenate(clips), samples)  # begins again where all of them are too short
