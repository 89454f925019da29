"""Runs the parts of the examination one after the other; what fails gives its reason, and the rest still runs."""

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, NamedTuple

from benchmark import registry
from benchmark.probe.declared import declared
from benchmark.probe.parts import PARTS, compare
from benchmark.probe.subject import Failed, Probed, Say, Subject, attempt, so_much, voices
from benchmark.suite import Limits
from benchmark.types import CodecInfo, Spec

SECONDS = 1.5  # of speech, unless said otherwise
EVERY = 5.0  # s between two words of progress


class Facts(NamedTuple):
    """What the codec says of itself."""

    rate_in_hz: int
    rate_out_hz: int
    frame_samples: int
    frame_ms: float
    frame_bits: int | None
    group_frames: int
    delay_samples: int
    delay_ms: float
    declared_lookahead_samples: int
    streaming: bool
    concealments: Mapping[str, int]
    identity: Mapping[str, str]


class Examination(NamedTuple):
    """All that was found about one codec; a part that was not asked for is not there."""

    spec: str
    facts: Facts | Failed
    parts: Mapping[str, Any]

    def failures(self) -> Iterator[str]:
        """The parts, and the lines of parts, in which the codec failed; what follows from these is left out."""
        measured = {name: part for name, part in self.parts.items() if name != "declared"}
        for name, part in {"facts": self.facts, **measured}.items():
            lines = {f"{name}.{key}": line for key, line in part.items()} if isinstance(part, dict) else {name: part}
            yield from (n for n, line in lines.items() if isinstance(line, Failed) and line.status == "codec_failed")

    def disagreements(self) -> Iterator[str]:
        """What the codec declares, and is otherwise."""
        claims = self.parts.get("declared", {})
        yield from (f"{name}: {claim.remark}" for name, claim in claims.items() if not getattr(claim, "agrees", True))

    def plain(self) -> dict[str, Any]:
        """For JSON: dictionaries, numbers and text, units in the names; what is not finite is None."""
        return {"spec": self.spec, "facts": _plain(self.facts)} | {n: _plain(p) for n, p in self.parts.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def examine(
    text: str,
    threads: int = 1,
    seconds: float = SECONDS,
    against: str | None = None,
    say: Say = lambda text: None,
    limits: Limits | None = None,
) -> Examination:
    """Examine the codec `text` (a spec).

    Args:
        text: the spec.
        threads: that the codec may use while it is timed; all else has one, as in a run.
        seconds: of speech for each part, but for the search of the look-ahead, which takes what it needs.
        against: the spec of a configuration to compare with. By default, for a codec whose parameter ``precision``
            is other than fp32, the same one with fp32.
        say: told what is under way.
        limits: of each call.

    Raises:
        UserError: for an unknown codec or parameter.
        Unavailable: when the codec lacks something here.
    """
    limits = limits or Limits()
    spec = registry.parse(text)
    other = _other(spec, against)
    for each in filter(None, (spec, other)):
        registry.locate("codec", each.name)
    probed = Probed(spec, limits)
    try:
        say("loading the codec")
        info = attempt(probed, "describe")
        if isinstance(info, Failed):
            return Examination(str(spec), info, {})
        clips = voices(info.rate_in, seconds)
        speech = so_much(clips, round(seconds * info.rate_in))
        subject = Subject(spec, info, limits, threads, probed, clips, speech, say)
        return Examination(str(spec), facts(info), _parts(subject, other))
    finally:
        probed.close()


def _other(spec: Spec, against: str | None) -> Spec | None:
    """The configuration to compare with, if any."""
    if against is not None:
        return registry.parse(against)
    if spec.params.get("precision", "fp32") == "fp32":
        return None
    return replace(spec, params={**spec.params, "precision": "fp32"})


def _parts(subject: Subject, other: Spec | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if other is not None:  # at once: that spec may be wrong
        subject.say("against")
        found["against"] = attempt(compare, subject, other)
    try:
        for name, measure in PARTS.items():
            subject.say(name)
            found[name] = attempt(measure, subject)
    finally:
        subject.fresh.close()
    return found | {"declared": declared(subject.info, found)}


def facts(info: CodecInfo) -> Facts:
    """The codec's facts, with their units."""
    return Facts(
        rate_in_hz=info.rate_in,
        rate_out_hz=info.rate_out,
        frame_samples=info.frame,
        frame_ms=1000 * info.frame / info.rate_in,
        frame_bits=info.frame_bits,
        group_frames=info.group,
        delay_samples=info.delay,
        delay_ms=1000 * info.delay / info.rate_out,
        declared_lookahead_samples=info.lookahead,
        streaming=info.streaming,
        concealments=dict(info.concealments),
        identity=dict(info.identity),
    )


def now_and_then() -> Say:
    """Says on the error stream what is under way, once it takes some seconds, and not too often."""
    start = last = time.monotonic()

    def say(text: str) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= EVERY:
            last = now
            sys.stderr.write(f"probe: {text}, {now - start:.0f} s\n")
            sys.stderr.flush()

    return say
