"""What every codec must satisfy: our tests run it over the baselines, `focalbench check codec` over anybody's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from benchmark import align, audio, calibrate, registry
from benchmark.bench import Bench
from benchmark.codec import trim
from benchmark.probe.availability import availability
from benchmark.probe.causality import causality
from benchmark.probe.declared import declared
from benchmark.probe.subject import Failed, Probed, Subject, attempt, calibration
from benchmark.suite import Limits
from benchmark.types import CodecInfo, Frame, NotMeasured, Signal, Slot, Spec

CLIPS = 8  # of the shipped corpus, for the measured delay
SECONDS = 1.37  # of speech for the other checks: no whole number of any codec's frames


class Broken(Exception):
    """The codec broke the promise; the text says how."""


class Exempt(Exception):
    """The promise cannot be tried on this codec; the text says why."""


class Verdict(NamedTuple):
    """One promise, and how it was broken ("" when it was kept); `remark`: why it could not be tried."""

    promise: str
    problem: str
    remark: str = ""


@dataclass
class Candidate:
    """The codec under check, some speech at its input rate, and its loss-free frames and output."""

    spec: Spec
    info: CodecInfo
    bench: Bench
    speech: Signal
    frames: list[Frame]
    output: Signal

    def slots(self, lost: frozenset[int] = frozenset()) -> list[Slot]:
        """The frames as slots, some lost, each showing what follows it."""
        payloads = [None if f.index in lost else f.payload for f in self.frames]
        return [Slot(i, p, tuple(payloads[i + 1 : i + 4])) for i, p in enumerate(payloads)]

    def decode(self, lost: frozenset[int] = frozenset(), chunk: int | None = None, concealment: str = "") -> Signal:
        """The raw output with these frames lost, concealed by one of the codec's strategies ("": by its default)."""
        return self.bench.decode(self.spec, self.slots(lost), chunk, concealment)[0]

    @cached_property
    def measured(self) -> dict[str, Any]:
        """Its delay, as it is measured. Raises NotMeasured as the codec failed."""
        return calibrate.measure(self.spec, self.info, calibration(CLIPS), self.bench)

    @cached_property
    def subject(self) -> Subject:
        """The codec as `focalbench probe` has it, in a process of its own."""
        limits = self.bench.limits
        probed = Probed(self.spec, limits)
        speech = [self.speech]
        return Subject(self.spec, self.info, limits, 1, probed, speech, speech[0], lambda text: None, self.measured)

    def close(self) -> None:
        """End the process of `subject`, if there is one."""
        if "subject" in self.__dict__:
            self.subject.probed.close()

    @property
    def strategies(self) -> tuple[str, ...]:
        """Every loss strategy; "" alone for a codec that has none to choose from."""
        return tuple(self.info.concealments) or ("",)


def check_codec(text: str, limits: Limits | None = None) -> list[Verdict]:
    """Put the codec `text` (a spec) to every promise, in an order in which the first broken one explains the rest.

    Raises:
        UserError: for an unknown codec or parameter.
        Unavailable: when it lacks something here.
    """
    bench = Bench(limits or Limits())
    spec = registry.parse(text)
    registry.locate("codec", spec.name)
    try:
        return list(_verdicts(spec, bench))
    finally:
        bench.close()


def _verdicts(spec: Spec, bench: Bench) -> Iterator[Verdict]:
    promise = "it describes itself, encodes speech into bytes that cover it, and decodes them to finite samples"
    try:
        candidate = _candidate(spec, bench)
    except NotMeasured as error:
        yield Verdict(promise, error.reason)
        return
    yield Verdict(promise, "")
    try:
        for check in CHECKS:
            problem = remark = ""
            try:
                check(candidate)
            except Exempt as error:
                remark = str(error)
            except (Broken, NotMeasured) as error:
                problem = error.reason if isinstance(error, NotMeasured) else str(error)
            yield Verdict((check.__doc__ or "").rstrip("."), problem, remark)
    finally:
        candidate.close()


def _candidate(spec: Spec, bench: Bench) -> Candidate:
    info = bench.describe(spec)
    clip = audio.read(calibrate.clips()[0][1])
    speech = align.resample(clip.signal[: int(SECONDS * clip.rate)], clip.rate, info.rate_in)
    encoded, _ = bench.encode(spec, speech, None)
    output, _ = bench.decode(spec, [Slot(f.index, f.payload) for f in encoded.frames], None)
    return Candidate(spec, info, bench, speech, encoded.frames, output)


def encoder_chunks(candidate: Candidate) -> None:
    """Its frames do not depend on how the input is chunked."""
    wanted = [f.payload for f in candidate.frames]
    for chunk in (candidate.info.frame, 7, 1021):
        encoded, _ = candidate.bench.encode(candidate.spec, candidate.speech, chunk)
        found = [f.payload for f in encoded.frames]
        if found != wanted:
            pairs = enumerate(zip(found, wanted, strict=False))
            first = next((i for i, (a, b) in pairs if a != b), len(wanted))
            raise Broken(f"pushing {chunk} samples at a time changes frame {first} of {len(wanted)}")


def decoder_chunks(candidate: Candidate) -> None:
    """Its output does not depend on how many slots are pushed at once."""
    lost = frozenset(range(2, len(candidate.frames), 5))
    for name in candidate.strategies:
        wanted = candidate.decode(lost, None, name)
        for chunk in (1, 3):
            found = candidate.decode(lost, chunk, name)
            _same(found, wanted, f"pushing {chunk} slots at a time{_under(name)}")


def length(candidate: Candidate) -> None:
    """Its output, the declared delay removed, covers the whole input, and is as long whatever is lost."""
    info, count = candidate.info, len(candidate.frames)
    samples = len(candidate.speech) * info.rate_out // info.rate_in
    patterns = (frozenset[int](), frozenset({0}), frozenset({count - 1}), frozenset(range(count)))
    for name, lost in product(candidate.strategies, patterns):
        output = candidate.decode(lost, None, name)
        what = f"with {_named(lost, count)} lost{_under(name)}"
        try:
            trim(output, info.delay, samples)
        except NotMeasured as error:
            raise Broken(f"{what}, {error.reason}") from error
        if (found := len(output)) != (due := len(candidate.output)):
            raise Broken(f"{what}, it returns {found} samples in place of {due}")


def _named(lost: frozenset[int], count: int) -> str:
    if len(lost) <= 1:
        return f"frame {min(lost)}" if lost else "nothing"
    return f"all {count} frames"


def _under(name: str) -> str:
    return f", strategy {name}" if name else ""


def strategies(candidate: Candidate) -> None:
    """Where nothing is lost, every loss strategy gives the same samples."""
    for name in candidate.info.concealments:
        _same(candidate.decode(concealment=name), candidate.output, f"with nothing lost, strategy {name}")


def no_leaks(candidate: Candidate) -> None:
    """Nothing leaks from one session into the next."""
    candidate.decode(frozenset(range(1, len(candidate.frames), 2)))
    _same(candidate.decode(), candidate.output, "a second session after one with losses")
    encoded, _ = candidate.bench.encode(candidate.spec, candidate.speech, None)
    if [f.payload for f in encoded.frames] != [f.payload for f in candidate.frames]:
        raise Broken("a second encoding of the same speech gives other bytes")


def same_process(candidate: Candidate) -> None:
    """Another process gives the same bytes and the same samples."""
    other = Bench(candidate.bench.limits)
    try:
        encoded, _ = other.encode(candidate.spec, candidate.speech, None)
        if [f.payload for f in encoded.frames] != [f.payload for f in candidate.frames]:
            raise Broken("a second process encodes the same speech to other bytes")
        again, _ = other.decode(candidate.spec, [Slot(f.index, f.payload) for f in candidate.frames], None)
    finally:
        other.close()
    _same(again, candidate.output, "a second process")


def quiet_slots(candidate: Candidate) -> None:
    """It plays `b""` (nothing was sent) and a slot that shows nothing ahead."""
    slots = [Slot(f.index, b"" if f.index % 3 == 1 else f.payload) for f in candidate.frames]
    output, _ = candidate.bench.decode(candidate.spec, slots, None)
    if len(output) != len(candidate.output):
        raise Broken(
            f'with every third frame b"", it returns {len(output)} samples in place of {len(candidate.output)}'
        )


def bits(candidate: Candidate) -> None:
    """Its declared bits a frame fit its payloads."""
    if (declared := candidate.info.frame_bits) is None:
        return
    due = -(-declared // 8)
    for frame in candidate.frames:
        if frame.payload and len(frame.payload) != due:
            raise Broken(f"frame {frame.index} has {len(frame.payload)} bytes; {declared} bits need {due}")


def declared_delay(candidate: Candidate) -> None:
    """Its declared delay is what is measured, within 1 ms (2 ms where only envelopes correlate)."""
    found = candidate.measured
    if not candidate.info.carries_speech:
        if found["measured_ms"] is not None:
            raise Broken(f"it says that nothing of the input is in its output, where {found['method']}s correlate")
        raise Exempt("nothing of the input is in its output, as it says")
    if not candidate.info.trained and not found["agrees"]:
        raise Exempt("its weights are random")
    if found["measured_ms"] is None:
        raise Broken("no delay can be measured: neither waveforms nor envelopes of input and output correlate")
    if not found["agrees"]:
        text = f"it declares {found['declared_ms']:.2f} ms, the {found['method']} says {found['measured_ms']:.2f} ms"
        samples = round(found["measured_ms"] * candidate.info.rate_out / 1000)
        raise Broken(f"{text}; write delay={samples} into its CodecInfo")


def on_time(candidate: Candidate) -> None:
    """It sends and plays on time: after a group of frames, its look-ahead and its delay, as it declares them."""
    _claims(candidate, "availability", availability)


def causal(candidate: Candidate) -> None:
    """It is causal: its output depends on no later input than it declares, also where everything is pushed at once."""
    if not candidate.info.carries_speech:
        raise Exempt("nothing of the input is in its output, as it says")
    _claims(candidate, "causality", causality)


def _claims(candidate: Candidate, part: str, measure: Callable[[Subject], Any]) -> None:
    """What `focalbench probe` says of one part; a codec that hears all of the input first declares nothing there."""
    if not candidate.info.streaming:
        return
    found = attempt(measure, candidate.subject)
    for name, claim in declared(candidate.info, {part: found}).items():
        if isinstance(claim, Failed):
            raise Broken(f"{name}: {claim.reason}")
        if not claim.agrees:
            raise Broken(claim.remark)


CHECKS: tuple[Callable[[Candidate], None], ...] = (
    encoder_chunks,
    decoder_chunks,
    length,
    strategies,
    no_leaks,
    same_process,
    quiet_slots,
    bits,
    declared_delay,
    on_time,
    causal,
)


def _same(found: Signal, wanted: Signal, what: str) -> None:
    if len(found) != len(wanted):
        raise Broken(f"{what} gives {len(found)} samples in place of {len(wanted)}")
    difference = np.abs(found - wanted)
    if difference.max(initial=0) > 1e-4 * max(float(np.abs(wanted).max(initial=0)), 1e-6):
        where = f"by up to {difference.max():.2g}, most at sample {difference.argmax()}"
        raise Broken(f"{what} changes the output, {where}")
