"""How late a listener hears what was said: content delay, and availability latency, in media time without computing.

The instant a sample of output is there is the number of input samples that had to be pushed for it. The availability
latency is the largest difference, over all output samples, between that instant and the one at which the sample's
content was said: its place in the output less the content delay. A packet's filling is in it, whatever its size, and
so is every decoder that holds something back.
"""

from typing import NamedTuple

from benchmark.probe.subject import Subject, so_much
from benchmark.types import NotMeasured

PERIODS = 4  # groups of frames, or first packets, that are pushed
SILENT = "no payload comes out before the input ends"


class ContentDelay(NamedTuple):
    """By how much the raw output trails the input: median over `clips` clips, of which `method` was accepted."""

    content_delay_ms: float
    method: str
    correlation: float
    clips: int


class Availability(NamedTuple):
    """How late output is: `waiting_ms` until it is there, and the content delay it has then, together.

    `packet_ms`: how long after the start of its group a payload comes out, at the latest. `delay_is`: how the content
    delay was measured (waveform or envelope), or, where it could not be, that it is what the codec declares.
    """

    packet_samples: int
    packet_ms: float
    waiting_ms: float
    content_delay_ms: float
    delay_is: str
    availability_ms: float


def content_delay(subject: Subject) -> ContentDelay:
    """The lag of the output's content, by waveform where that correlates, else by envelope."""
    found = subject.delay
    if found.get("measured_ms") is None:
        raise NotMeasured("not_applicable", "neither waveforms nor envelopes of input and output correlate")
    return ContentDelay(found["measured_ms"], found["method"], found["correlation"], found["clips"])


def availability(subject: Subject) -> Availability:
    """The availability latency, from a call that is pushed sample by sample."""
    info = subject.info
    if subject.buffered is None:
        raise NotMeasured("not_applicable", SILENT)
    found = subject.probed("releases", so_much(subject.voices, PERIODS * max(subject.period, subject.buffered)))
    if not found.outputs:
        raise NotMeasured("not_applicable", "no output comes out before the input ends")
    packet = max(pushed - index // info.group * subject.period for index, pushed in enumerate(found.payloads))
    waiting = subject.milliseconds(
        max(pushed - first * info.rate_in / info.rate_out for pushed, first in found.outputs)
    )
    measured = subject.delay.get("measured_ms")
    delay = 1000 * info.delay / info.rate_out if measured is None else measured
    return Availability(
        packet_samples=packet,
        packet_ms=subject.milliseconds(packet),
        waiting_ms=waiting,
        content_delay_ms=delay,
        delay_is="declared" if measured is None else subject.delay["method"],
        availability_ms=waiting + delay,
    )
