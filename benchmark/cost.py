"""What running a codec takes: its values, and those that are measured of the codec alone, in processes of their own.

Packets, memory and operations are measured as `focalbench probe` does (`benchmark.probe`); nothing of it is stored.
"""

from collections.abc import Callable, Mapping
from typing import Any

from benchmark.plan import Subject as Planned
from benchmark.probe import parts
from benchmark.probe.declared import OFFLINE
from benchmark.probe.subject import Failed, Probed, Subject, attempt, so_much, voices
from benchmark.suite import Limits
from benchmark.types import Unavailable, ValueInfo

SECONDS = 1.0  # of speech that runs where packets are timed and memory is looked at
FASTER = "below 1 is faster than real time; one thread, pooled over utterances"
PACKET = "one group of frames, streaming, one thread"

VALUES: Mapping[str, ValueInfo] = {
    "encode_rtf": ValueInfo("s/s", "lower", f"encoding time over duration; {FASTER}"),
    "decode_rtf": ValueInfo("s/s", "lower", f"decoding time over duration; {FASTER}"),
    "encode_packet_ms": ValueInfo("ms", "lower", f"time to encode {PACKET}: median"),
    "encode_packet_ms_p95": ValueInfo("ms", "lower", f"time to encode {PACKET}: 95th percentile"),
    "decode_packet_ms": ValueInfo("ms", "lower", f"time to decode {PACKET}: median"),
    "decode_packet_ms_p95": ValueInfo("ms", "lower", f"time to decode {PACKET}: 95th percentile"),
    "parameters": ValueInfo("count", "lower", "numbers that were learned, as the codec says"),
    "macs_per_s": ValueInfo(
        "MAC/s",
        "lower",
        "multiply-accumulates of encoder and decoder per second of speech: half the FLOPs of torch.utils.flop_counter",
    ),
    "peak_memory_mib": ValueInfo("MiB", "lower", "anonymous memory of a process that loads the codec and runs a call"),
}
MEASURES: Mapping[str, Callable[[Subject], Any]] = {  # memory before the timing, in whose process it is
    "memory": parts.memory,
    "timing": parts.timing,
    "cost": parts.cost,
    "operations": parts.operations,
}
FIELDS: Mapping[str, tuple[str, str]] = {  # value: what measures it, and its field there
    "encode_packet_ms": ("timing", "encode_ms_p50"),
    "encode_packet_ms_p95": ("timing", "encode_ms_p95"),
    "decode_packet_ms": ("timing", "decode_ms_p50"),
    "decode_packet_ms_p95": ("timing", "decode_ms_p95"),
    "parameters": ("cost", "parameters"),
    "macs_per_s": ("operations", "macs_per_second"),
    "peak_memory_mib": ("memory", "memory_peak_mib"),
}


def examined(planned: Planned, limits: Limits) -> dict[str, float | Failed]:
    """The values of `FIELDS` of one codec, or why there is none; of one that does not run, why there are no `VALUES`.

    Raises:
        UserError: for a codec that refuses its parameters.
    """
    if planned.status != "ok" or planned.info is None:
        return dict.fromkeys(VALUES, Failed(planned.status, planned.reason))
    info, probed = planned.info, Probed(planned.spec, limits)
    clips = voices(info.rate_in, SECONDS)
    speech = so_much(clips, round(SECONDS * info.rate_in))
    subject = Subject(planned.spec, info, limits, 1, probed, clips, speech, _silent, planned.measured)
    try:
        found = {name: _part(measure, subject) for name, measure in MEASURES.items()}
    finally:
        subject.fresh.close()
        probed.close()
    return {name: _value(found[part], field) for name, (part, field) in FIELDS.items()}


def _silent(text: str) -> None:
    """Takes what a part says of its progress: the bar counts codecs."""


def _part(measure: Callable[[Subject], Any], subject: Subject) -> Any:
    if measure is parts.timing and not subject.info.streaming:
        return OFFLINE
    try:
        return attempt(measure, subject)
    except Unavailable as error:  # it was here when the run began
        return Failed("skipped", str(error))


def _value(part: Any, field: str) -> float | Failed:
    if isinstance(part, Failed):
        return part
    if isinstance(part, Mapping) and field not in part:  # what a codec says of itself
        return Failed("not_applicable", f"the codec does not say (its cost() has no {field})")
    return float(part[field] if isinstance(part, Mapping) else getattr(part, field))
