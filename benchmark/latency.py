"""What the latency of a codec is made of: measured by the probe, codec by codec; and the way from mouth to ear.

Durations are of media time unless their kind is ``timing``: these hold computing, are taken in a phase of their own,
one codec and one thread at a time, and are never stored.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmark.fingerprint import module_fingerprint
from benchmark.plan import Subject as Planned
from benchmark.plan import strategies
from benchmark.probe import parts
from benchmark.probe.availability import availability, content_delay
from benchmark.probe.declared import OFFLINE, latency
from benchmark.probe.lookahead import Lookahead, look_ahead
from benchmark.probe.subject import Failed, Probed, Subject, attempt, so_much, voices
from benchmark.progress import Progress
from benchmark.store import digest
from benchmark.suite import Limits
from benchmark.table import Row
from benchmark.types import SECOND, CodecInfo, NotMeasured, Unavailable, ValueInfo

SCORER = DATASET = "probe"
SECONDS = 1.0  # of speech that is timed, and runs where memory is looked at
COARSE_MS = 0.5  # of the look-ahead: to the sample it may take ten times as long
PERCENTILES = ("p50", "p95", "p99")

VALUES: Mapping[str, ValueInfo] = {
    "declared_latency_ms": ValueInfo(
        "ms", "lower", "group of frames, look-ahead and delay, as the codec declares them"
    ),
    "availability_ms": ValueInfo(
        "ms", "lower", "from when something is said until it is there to be played, at most; no network, no computing"
    ),
    "content_delay_ms": ValueInfo("ms", "lower", "by how much the output's content trails the input's, measured"),
    "lookahead_reach_ms": ValueInfo(
        "ms", "lower", f"how far ahead of itself the output depends on the input, to {COARSE_MS:g} ms below it"
    ),
    "buffering_ms": ValueInfo("ms", "lower", "how much is captured before the first payload comes out"),
    "first_audio_ms": ValueInfo("ms", "lower", "from the first sample's capture to the first output, with computing"),
    **{
        f"{side}_packet_ms_{name}": ValueInfo("ms", "lower", f"time to {side} one group of frames, {name}, one thread")
        for side in ("encode", "decode")
        for name in PERCENTILES
    },
    "peak_memory_mib": ValueInfo("MiB", "lower", "anonymous memory of a process that loads the codec and runs a call"),
}
COMPUTING = ("first_audio_ms", "encode_packet_ms", "decode_packet_ms", "peak_memory_mib")  # how these names begin


class Budget(NamedTuple):
    """What the time from mouth to ear is spent on, ms, without computing; `packets_ms` is what a protection adds."""

    capture_ms: float
    codec_ms: float
    packets_ms: float
    playout_ms: float
    network_ms: float

    @property
    def mouth_to_ear_ms(self) -> float:
        """All of it."""
        return sum(self)


def budget(info: CodecInfo, delay: int, hold: int, wait: float, base: int = 0, capture_ms: float = 0.0) -> Budget:
    """Where the time of one transmission goes.

    Args:
        info: of the codec.
        delay: that was measured of it, samples at its output rate.
        hold: `benchmark.playout.hold`, ns: from the start of a group until all that carries it has been sent.
        wait: mean of what the playout buffer waits beyond that, the loss strategy's share included, ns.
        base: what every packet takes at least, ns.
        capture_ms: of the sound card, ms.

    Raises:
        NotMeasured: ``not_applicable`` for a codec that is not streaming.
        ValueError: for a `hold` in which no packet could have been sent.
    """
    if not info.streaming:
        raise NotMeasured("not_applicable", "the encoder sees the whole utterance before it sends")
    group = (info.frame * info.group + info.lookahead) * SECOND // info.rate_in
    if hold < group:
        raise ValueError(f"hold={hold} ns is less than the {group} ns of a group of frames and its look-ahead")
    codec = group / 1e6 + 1000 * delay / info.rate_out
    return Budget(capture_ms, codec, (hold - group) / 1e6, wait / 1e6, base / 1e6)


def rows(subjects: Sequence[Planned], limits: Limits, progress: Progress) -> list[Row]:
    """A row per codec and value of `VALUES`; where there is no value, the reason.

    Raises:
        UserError: for a codec that refuses its parameters.
    """
    found: list[Row] = []
    with progress.track("probe", len(subjects)) as advance:
        for planned in subjects:
            values = examined(planned, limits)
            found += [_row(planned, name, values[name]) for name in VALUES]
            advance()
    return found


def examined(planned: Planned, limits: Limits) -> dict[str, float | Failed]:
    """Every value of one codec, or why there is none."""
    if planned.status != "ok" or planned.info is None:
        return dict.fromkeys(VALUES, Failed(planned.status, planned.reason))
    info, probed = planned.info, Probed(planned.spec, limits)
    try:
        clips = voices(info.rate_in, SECONDS)
        speech = so_much(clips, round(SECONDS * info.rate_in))
        subject = Subject(planned.spec, info, limits, 1, probed, clips, speech, _silent, planned.measured)
        found = _parts(subject)
    finally:
        probed.close()
    declared: float | Failed = latency(info) if info.streaming else OFFLINE
    return {"declared_latency_ms": declared} | {name: _value(found[part], f) for name, (part, f) in FIELDS.items()}


def _silent(text: str) -> None:
    """Takes what a part says of its progress: the bar counts codecs."""


def _parts(subject: Subject) -> dict[str, Any]:
    """What each part of the examination finds, with one process of the codec at a time."""
    found = {name: _part(measure, subject) for name, measure in LIVE.items()}
    found["content_delay"] = _part(content_delay, subject)
    subject.probed.close()
    try:
        found["memory"] = _part(parts.memory, subject)  # before anything else in that process
        found["timing"] = _part(parts.timing, subject)
    finally:
        subject.fresh.close()
    return found


def _part(measure: Callable[[Subject], Any], subject: Subject) -> Any:
    if not subject.info.streaming and measure not in (content_delay, parts.memory):
        return OFFLINE
    try:
        return attempt(measure, subject)
    except Unavailable as error:  # it was here when the run began
        return Failed("skipped", str(error))


def _reach(subject: Subject) -> Lookahead:
    found = look_ahead(subject, COARSE_MS * subject.info.rate_in / 1000)
    if found.at_least:
        text = f"it reaches through all of the {found.lookahead_ms:.4g} ms that were tried"
        raise NotMeasured("not_applicable", text)
    return found


LIVE: Mapping[str, Callable[[Subject], Any]] = {
    "availability": availability,
    "buffering": parts.buffering,
    "lookahead": _reach,
}
FIELDS: Mapping[str, tuple[str, str]] = {  # value: part, and its field there
    "availability_ms": ("availability", "availability_ms"),
    "content_delay_ms": ("content_delay", "content_delay_ms"),
    "lookahead_reach_ms": ("lookahead", "lookahead_ms"),
    "buffering_ms": ("buffering", "buffering_ms"),
    "first_audio_ms": ("timing", "first_audio_ms"),
    **{f"{s}_packet_ms_{p}": ("timing", f"{s}_ms_{p}") for s in ("encode", "decode") for p in PERCENTILES},
    "peak_memory_mib": ("memory", "memory_peak_mib"),
}


def _value(part: Any, field: str) -> float | Failed:
    return part if isinstance(part, Failed) else float(getattr(part, field))


def _row(planned: Planned, name: str, value: float | Failed) -> Row:
    failed = value if isinstance(value, Failed) else Failed("ok", "")
    return Row(
        codec=planned.label,
        codec_spec=str(planned.spec),
        channel="clean",
        acoustics="clean",
        playout="",
        protection="none",
        concealment=strategies(planned.info, ("default",))[0],
        header="",
        mode="streaming",
        seed=0,
        dataset=DATASET,
        utterance="",
        speaker="",
        reference="",
        scorer=SCORER,
        name=name,
        kind="timing" if name.startswith(COMPUTING) else "value",
        value=None if isinstance(value, Failed) else value,
        numerator=None,
        denominator=None,
        unit=VALUES[name].unit,
        status=failed.status,
        reason=failed.reason,
        key=digest(SCORER, planned.identity, module_fingerprint("benchmark.latency")),
    )
