"""Noise at a signal-to-noise ratio: the level of speech by ITU-T P.56, that of noise by its power, up to 8 kHz."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmark.acoustics import _recordings
from benchmark.acoustics._checks import long_enough, number, one_of
from benchmark.acoustics._coloured import COLOURS
from benchmark.acoustics._scale import fitted, scaled
from benchmark.level import SILENCE, active_level, rms_level
from benchmark.types import Floats, Heard, NotMeasured, Point, Signal, UserError

FILES = ("path",)  # parameters that name files: looked up and hashed before any work
KINDS = (*COLOURS, "babble", "recorded")
TALKERS = 6  # from about here on single voices are no longer made out


class Noise:
    """Adds noise to what is heard, `snr` dB below its speech.

    Where the sum would exceed full scale both are made softer; the ratio stays, and the gain is a fact.

    Args:
        kind: ``white``, ``pink``, ``speech_shaped``, ``babble`` or ``recorded``.
        snr: in dB.
        level: of speech: ``asl``, its active level, or ``rms``, its pauses included.
        path: of babble, a manifest of speech; of recorded noise, a manifest or one audio file.
        split: which part of the manifest.
        label: which recordings of the manifest.
        talkers: of babble, how many speak at once; 6 unless said.
    """

    def __init__(
        self,
        kind: str = "white",
        snr: float = 10.0,
        level: str = "asl",
        path: str | None = None,
        split: str | None = None,
        label: str | None = None,
        talkers: int | None = None,
    ) -> None:
        one_of("noise", "kind", kind, KINDS)
        number("noise", "snr", snr, -100, 100, "dB")
        one_of("noise", "level", level, ("asl", "rms"))
        self.kind, self.snr, self.level = kind, float(snr), level
        self.talkers = TALKERS if talkers is None else talkers
        self.about = [f"{self.talkers} talkers"] * (kind == "babble") + [
            str(t) for t in (label, split) if t is not None
        ]
        chooses = {"path": path, "split": split, "label": label, "talkers": talkers}
        _refuse_useless(kind, chooses)
        names = [None if choice is None else str(choice) for choice in (split, label)]  # YAML may read numbers
        self._files = _recordings.candidates(path, *names) if path is not None else ()
        if kind == "babble":
            self._check_talkers()

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{self._curve}, {self.snr:g} dB SNR"

    @property
    def point(self) -> Point:
        """Where it lies on the curve of its kind."""
        return Point(self._curve, "dB SNR", self.snr)

    @property
    def _curve(self) -> str:
        about = ", ".join(self.about + ["RMS"] * (self.level == "rms"))
        return f"{self.kind.replace('_', '-')} noise" + f" ({about})" * bool(about)

    @property
    def files(self) -> Sequence[Path]:
        """All that may be drawn."""
        return tuple(file.path for file in self._files)

    @property
    def speakers(self) -> frozenset[str]:
        """Everybody whose voice may be in the babble."""
        return frozenset(file.speaker for file in self._files) if self.kind == "babble" else frozenset()

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Mix; the ratio as measured on the result is the fact ``snr_db``."""
        long_enough("noise", heard.signal, rate)
        speech = self._speech_level(heard.signal, rate)
        if speech == SILENCE:
            raise NotMeasured("no_speech", "noise: nobody speaks here, so that there is no signal-to-noise ratio")
        noise = self._draw(len(heard.signal), rate, generator)
        loudness = rms_level(noise.astype(np.float32), rate)
        if loudness == SILENCE:
            raise NotMeasured("not_applicable", "noise: the recording is silent where it was drawn from")
        noisy = fitted(heard, heard.signal + noise * 10 ** ((speech - self.snr - loudness) / 20))
        gain = noisy.facts["input_gain_db"] - heard.facts.get("input_gain_db", 0.0)
        alone = scaled(heard.signal, 10 ** (gain / 20))
        ratio = self._speech_level(alone, rate) - rms_level(noisy.signal - alone, rate)
        return noisy._replace(facts={**noisy.facts, "snr_db": ratio})

    def _speech_level(self, signal: Signal, rate: int) -> float:
        return rms_level(signal, rate) if self.level == "rms" else active_level(signal, rate).level_db

    def _draw(self, samples: int, rate: int, generator: np.random.Generator) -> Floats:
        if self.kind == "babble":
            return _recordings.babble(self._files, self.talkers, samples, rate, generator)
        if self.kind == "recorded":
            return _recordings.recorded(self._files, samples, rate, generator)
        return COLOURS[self.kind](samples, rate, generator)

    def _check_talkers(self) -> None:
        voices = _recordings.by_speaker(self._files)
        if "" in voices:
            text = f"{voices[''][0].id!r} has no speaker"
            raise UserError(f"noise: kind=babble needs a manifest that names the speaker of each file; {text}.")
        if type(self.talkers) is not int or not 1 <= self.talkers <= len(voices):
            text = f"must be a whole number from 1 to {len(voices)}, the speakers there are"
            raise UserError(f"noise: talkers={self.talkers} {text}.")


def _refuse_useless(kind: str, choices: Mapping[str, object]) -> None:
    useful = {"babble": {"path", "split", "label", "talkers"}, "recorded": {"path", "split", "label"}}.get(kind, set())
    if useful and choices["path"] is None:
        raise UserError(
            f"noise: kind={kind} needs path=, a manifest of recordings; kinds without: {', '.join(COLOURS)}."
        )
    for name, value in choices.items():
        if value is not None and name not in useful:
            raise UserError(f"noise: {name}={value} means nothing to kind={kind}; leave it out.")


make = Noise
