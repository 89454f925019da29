"""The parts of the examination: each a function of the subject that returns what it found, with units in its names."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from benchmark import transient
from benchmark.codec import frame_of
from benchmark.probe.agreement import Agreement, difference, shares, signal_to_difference_db, tokens_equal
from benchmark.probe.availability import SILENT, availability, content_delay
from benchmark.probe.causality import causality
from benchmark.probe.lookahead import look_ahead
from benchmark.probe.sessions import Live, Memory, Times
from benchmark.probe.subject import Failed, Probed, Subject, attempt, slots, so_much
from benchmark.types import NotMeasured, Spec, Unavailable

CHUNKINGS = (1, 2, 7)  # frames pushed at a time
TIMED, BUDGET = 50, 60.0  # the fewest chunks to time, unless that takes so many seconds
FILLED, COUNTED = 11.0, 1.0  # s of a call before operations are counted, and in which they are
WHOLE = 10.0  # s of an utterance in which they are, where nothing comes out before its end
PLACES = 5  # of single lost frames
MIB = 2**20


class Buffering(NamedTuple):
    """Input that has to be pushed before the first payload comes out."""

    buffering_samples: int
    buffering_ms: float


class Chunking(NamedTuple):
    """How far frames and output in chunks agree with those of everything at once.

    Shares from 0 to 1, and largest differences as shares of the peak; `decoder_difference` is that of the decoder
    alone, given the same frames.
    """

    frames_equal: float
    bits_equal: float
    output_difference: float
    decoder_difference: float


class Timing(NamedTuple):
    """Time per chunk (a group of frames) to encode, to decode, and both; `keeps_up`: p95 of both is below its length.

    `first_audio_ms` is from the first sample's capture, the capture included, to the first output.
    """

    threads: int
    chunks: int
    chunk_duration_ms: float
    encode_ms_p50: float
    encode_ms_p95: float
    encode_ms_p99: float
    decode_ms_p50: float
    decode_ms_p95: float
    decode_ms_p99: float
    chunk_ms_p50: float
    chunk_ms_p95: float
    chunk_ms_p99: float
    real_time_factor: float
    keeps_up: bool
    first_audio_ms: float


class Operations(NamedTuple):
    """Multiply-accumulates of encoder and decoder, counted by torch in `seconds` of speech; see `probe.operations`."""

    macs_per_second: float
    seconds: float


class Footprint(NamedTuple):
    """Anonymous memory of the codec's process: before loading, after it, and at the peak of loading and running."""

    memory_before_mib: float
    memory_loaded_mib: float
    memory_peak_mib: float


class Loss(NamedTuple):
    """What a single lost frame leaves behind it, median over places (`benchmark.transient`).

    `recovery_ms` is None where in half of the places the output does not recover before its end.
    """

    waits_frames: int
    recovery_ms: float | None
    decay_50_ms: float
    decay_90_ms: float
    recovered_places: int
    places: int


class Against(NamedTuple):
    """How far another configuration agrees; its output is what is wanted. Where nothing differs, dB are None.

    `tokens_equal` is None for codecs whose payloads are no rows of tokens.
    `own`: each decodes its own frames; `same`: both decode those of the other.
    """

    against: str
    frames_equal: float
    bits_equal: float
    tokens_equal: float | None
    own_frames_difference: float
    own_frames_db: float | None
    same_frames_difference: float
    same_frames_db: float | None


def buffering(subject: Subject) -> Buffering:
    """How much has to be pushed before anything comes out."""
    if (samples := subject.buffered) is None:
        raise NotMeasured("not_applicable", SILENT)
    return Buffering(samples, subject.milliseconds(samples))


def streaming(subject: Subject) -> Mapping[str, Chunking | Failed]:
    """Frames and output of some frames at a time against all at once."""
    return {str(count): attempt(_chunked, subject, count) for count in CHUNKINGS}


def _chunked(subject: Subject, count: int) -> Chunking:
    frames = subject.probed.encode(subject.speech, count * subject.info.frame)
    output = subject.probed.decode(slots(frames), count)
    same = output
    if frames != subject.frames:
        same = subject.probed.decode(slots(subject.frames), count)
    agreed = shares(frames, subject.frames)
    return Chunking(*agreed, difference(output, subject.output), difference(same, subject.output))


def determinism(subject: Subject) -> Mapping[str, Agreement | Failed]:
    """The same again: in a second session, in two that take turns, and in a second process."""
    return {
        "second_session": attempt(_again, subject, subject.probed),
        "interleaved_sessions": attempt(_interleaved, subject),
        "second_process": attempt(_elsewhere, subject),
    }


def _again(subject: Subject, probed: Probed) -> Agreement:
    frames = probed.encode(subject.speech)
    output = probed.decode(slots(subject.frames))
    return Agreement(*shares(frames, subject.frames), difference(output, subject.output))


def _elsewhere(subject: Subject) -> Agreement:
    other = Probed(subject.spec, subject.limits)
    try:
        return _again(subject, other)
    finally:
        other.close()


def _interleaved(subject: Subject) -> Agreement:
    """The worse of two calls that take turns, frame by frame, each against the same call on its own."""
    step, second = subject.info.frame, so_much(subject.voices[::-1], len(subject.speech))
    both: tuple[Live, Live] = subject.probed("interleaved", subject.speech, second, step)
    alone: list[Live] = [subject.probed("live", signal, step) for signal in (subject.speech, second)]
    agreed = [_agreement(subject, found, wanted) for found, wanted in zip(both, alone, strict=True)]
    return Agreement(
        min(a.frames_equal for a in agreed),
        min(a.bits_equal for a in agreed),
        max(a.output_difference for a in agreed),
    )


def _agreement(subject: Subject, found: Live, wanted: Live) -> Agreement:
    sent = [[frame_of(subject.info, i, p) for i, p in enumerate(live.payloads)] for live in (found, wanted)]
    return Agreement(*shares(*sent), difference(found.output, wanted.output))


def timing(subject: Subject) -> Timing:
    """Time per chunk, in a process of its own."""
    if subject.buffered is None:
        raise NotMeasured("not_applicable", f"{SILENT}: there are no chunks to time")
    step = subject.period
    count = max(TIMED, len(subject.speech) // step)
    signal = so_much(subject.voices, (count + 2) * step)
    times: Times = subject.fresh("timed", signal, step, count, BUDGET)
    if times.first is None:
        raise NotMeasured("not_applicable", "no output comes out before the input ends: there are no chunks to time")
    sums = [one + other for one, other in zip(times.encode, times.decode, strict=True)]
    encode, decode, chunk = (_percentiles(seconds) for seconds in (times.encode, times.decode, sums))
    duration = subject.milliseconds(step)
    real_time, keeps_up = chunk[0] / duration, chunk[1] < duration
    first = 1000 * times.first
    return Timing(subject.threads, len(sums), duration, *encode, *decode, *chunk, real_time, keeps_up, first)


def _percentiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """The 50th, 95th and 99th, in ms."""
    middle, high, highest = (1000 * float(value) for value in np.percentile(seconds, (50, 95, 99)))
    return middle, high, highest


def cost(subject: Subject) -> Mapping[str, float]:
    """What the codec says of its size and its operations."""
    said: Mapping[str, float] = subject.probed("cost")
    return said


def operations(subject: Subject) -> Operations:
    """Multiply-accumulates: of a stream once its memories are full, or else of a whole utterance."""
    rate, step = subject.info.rate_in, subject.period
    if not subject.info.streaming or subject.buffered is None:
        signal = so_much(subject.voices, round(WHOLE * rate))
        return Operations(subject.probed("operations", signal, len(signal), 0, None) / WHOLE, WHOLE)
    skipped, counted = (-(-round(seconds * rate) // step) for seconds in (FILLED, COUNTED))
    signal = so_much(subject.voices, (skipped + counted) * step)
    seconds = counted * step / rate
    return Operations(subject.probed("operations", signal, step, skipped, counted) / seconds, seconds)


def memory(subject: Subject) -> Footprint:
    """Of a process that loads the codec and runs one call; to be asked of it before anything else."""
    found: Memory = subject.fresh("memory", subject.speech, subject.info.frame)
    return Footprint(found.before / MIB, found.loaded / MIB, found.peak / MIB)


def loss(subject: Subject) -> Mapping[str, Loss | Failed]:
    """What each of the codec's loss strategies (``own``: it has but one way) leaves behind a single lost frame."""
    strategies = dict(subject.info.concealments) or {"": 0}
    return {name or "own": attempt(_holes, subject, name, wait) for name, wait in strategies.items()}


def _holes(subject: Subject, strategy: str, wait: int) -> Loss:
    info, wanted = subject.info, subject.output
    recoveries: list[float] = []
    decays: list[tuple[float, float]] = []
    for place in _places(subject):
        subject.say(f"loss, {strategy or 'own concealment'}, frame {place}")
        output = subject.probed.decode(slots(subject.frames, place, wait), None, strategy)
        difference(output, wanted)  # which raises where their lengths differ
        hole = place * info.frame / info.rate_in, (place + 1) * info.frame / info.rate_in
        recovery = transient.recovery(wanted, output, info.rate_out, [hole])[0]
        recoveries.append(inf if recovery is None else recovery)
        decays.append(transient.decay(wanted, output, info.rate_out, hole))
    middle, half, most = (1000 * median(seconds) for seconds in (recoveries, *zip(*decays, strict=True)))
    recovered = sum(seconds < inf for seconds in recoveries)
    return Loss(wait, None if middle == inf else middle, half, most, recovered, len(recoveries))


def _places(subject: Subject) -> list[int]:
    """The loudest frame of each of several stretches, with half of the speech left to recover in."""
    size = subject.info.frame
    count = min(len(subject.frames), len(subject.speech) // size)
    energy = np.square(subject.speech[: count * size].reshape(count, size)).sum(axis=1)
    stretches = np.array_split(np.arange(count // 10, count // 2), PLACES)
    if not stretches[-1].size:
        raise NotMeasured("too_short", f"{count} frames of speech are too few to lose {PLACES} of them one by one")
    return [int(stretch[energy[stretch].argmax()]) for stretch in stretches]


def compare(subject: Subject, other: Spec) -> Against:
    """Frames and outputs of another configuration of the codec, or of another codec of the same format."""
    probed = Probed(other, subject.limits)
    try:
        info = probed("describe")
        same = ("rate_in", "rate_out", "frame")
        if wrong := [name for name in same if getattr(info, name) != getattr(subject.info, name)]:
            pairs = ", ".join(f"{n} {getattr(subject.info, n)} and {getattr(info, n)}" for n in wrong)
            raise NotMeasured("not_applicable", f"{other} cannot be compared: {pairs}")
        frames = probed.encode(subject.speech)
        wanted = probed.decode(slots(frames))
    except Unavailable as error:
        raise NotMeasured("skipped", f"{other}: {error}") from error
    finally:
        probed.close()
    bits = subject.info.token_bits
    own, same_frames = subject.output, subject.probed.decode(slots(frames))
    return Against(
        str(other),
        *shares(subject.frames, frames),
        None if bits is None or info.token_bits != bits else tokens_equal(subject.frames, frames, bits),
        difference(own, wanted),
        signal_to_difference_db(own, wanted),
        difference(same_frames, wanted),
        signal_to_difference_db(same_frames, wanted),
    )


PARTS: Mapping[str, Callable[[Subject], Any]] = {
    "lookahead": look_ahead,
    "causality": causality,
    "buffering": buffering,
    "content_delay": content_delay,
    "availability": availability,
    "streaming": streaming,
    "determinism": determinism,
    "cost": cost,
    "operations": operations,
    "memory": memory,  # before `timing`, in whose process it looks
    "timing": timing,
    "loss": loss,
}
