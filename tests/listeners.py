"""Listeners whose every answer is known beforehand: how loud a signal is, by what they say of it alone."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmark.types import Known, NotMeasured, Ratio, Result, Signal, Unavailable, UserError, ValueInfo

RATE = 16_000
LOG = "FOCALBENCH_TEST_LISTENER"  # a file that gets a line for each signal heard: its length in samples
NEEDS = ("reference", "same", "other")
LABELS = ("transcript",)
VALUES = {
    "loudness": ValueInfo("", "higher", "the root mean square of what is heard", RATE),
    "to_reference": ValueInfo("", "higher", "its ratio to that of the reference", RATE),
    "to_same": ValueInfo("", "higher", "its ratio to that of the same speaker's next utterance", RATE),
    "to_other": ValueInfo("", "higher", "its ratio to that of another speaker", RATE),
    "letters": ValueInfo("", "higher", "letters of the transcript over those of it without blanks", RATE),
}


def versions(scale: float = 1.0) -> dict[str, str]:
    return {"loudness": f"scaled by {scale}"}


class Loudness:
    """Says the RMS; misbehaves where it is told to, for signals of `trouble_samples`."""

    def __init__(
        self, scale: float = 1.0, trouble: str = "none", trouble_samples: int = 0, device: str = "cpu"
    ) -> None:
        self.scale, self.trouble, self.trouble_samples = scale, trouble, trouble_samples
        self.device = device

    def describe(self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]) -> list[object]:
        assert rate == RATE
        if self.trouble == "absent":
            raise Unavailable("it needs the weights planned: run `focalbench fetch planned`")
        if self.trouble == "refuse":
            raise UserError("scale=1 is not allowed")
        return [self._describe(signal) for signal in signals]

    def _describe(self, signal: Signal) -> object:
        if log := os.environ.get(LOG):
            with Path(log).open("a") as file:
                file.write(f"{len(signal)}\n")
        if not signal.any():
            return NotMeasured("no_speech", "the signal is silent")
        if len(signal) == self.trouble_samples:
            if self.trouble == "die":
                os._exit(3)
            if self.trouble == "sleep":
                time.sleep(60)
            if self.trouble == "raise":
                raise RuntimeError("planned")
            if self.trouble == "few":
                return NotMeasured("too_short", "planned")
        return {"rms": self.scale * float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)))), "all": signal[:3]}

    def compare(self, degraded: dict[str, float], known: Known) -> Mapping[str, Result]:
        if self.trouble == "compare" and known.labels.get("transcript") == "bad":
            raise RuntimeError("planned")
        found: dict[str, Result] = {"loudness": degraded["rms"], "letters": _letters(known.labels)}
        for name, said in (("reference", known.reference), ("same", known.same), ("other", known.other)):
            found[f"to_{name}"] = _ratio(degraded, said)
        return found


def _ratio(degraded: dict[str, float], said: dict[str, float] | NotMeasured | None) -> Result:
    if said is None:
        return NotMeasured("not_applicable", "there is no such utterance")
    return said if isinstance(said, NotMeasured) else Ratio(degraded["rms"], said["rms"])


def _letters(labels: Mapping[str, str]) -> Result:
    if "transcript" not in labels:
        return NotMeasured("not_applicable", "the data have no transcript")
    return Ratio(len(labels["transcript"]), len(labels["transcript"].replace(" ", "")))


class Odd(Loudness):
    """Says what cannot be kept."""

    def _describe(self, signal: Signal) -> object:
        return {"rms": 1.0, "all": {1, 2}}


class Large(Loudness):
    """Takes 400 MiB to load."""

    def describe(self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]) -> list[object]:
        if not hasattr(self, "weights"):
            self.weights = np.ones(400 * 2**20, np.uint8)
        return super().describe(signals, rate, labels)


class Slow(Loudness):
    """Takes half a second for each signal."""

    def _describe(self, signal: Signal) -> object:
        time.sleep(0.5)
        return super()._describe(signal)


make = Loudness
