"""What a codec gets to hear of an utterance: the acoustics in turn, codings before the one under test among them."""

from dataclasses import dataclass, field

import numpy as np

from benchmark import align, audio, seeds
from benchmark.acoustics.tandem import SELF, Tandem
from benchmark.bench import Bench
from benchmark.codec import trim
from benchmark.plan import Subject, Work
from benchmark.scenes import Condition
from benchmark.types import Acoustics, Heard, NotMeasured, Signal, Slot


@dataclass
class Inputs:
    """The inputs of one work; a coding that several conditions share is done once."""

    work: Work
    speech: audio.Audio
    bench: Bench
    coded: dict[tuple[object, ...], Signal] = field(default_factory=dict)

    def heard(self, acoustics: Condition, seed: int) -> Heard:
        """The signal and the speech in it, at the file's rate.

        The noise is drawn by seed, utterance and kind, never by codec or level: same room for all.

        Raises:
            NotMeasured: where the speech has none of what is asked (a level, a length), or a codec before failed.
        """
        heard = Heard(self.speech.signal, self.speech.signal)
        done: list[str] = []
        for spec, part in zip(acoustics.specs, acoustics.acoustics(), strict=True):
            if isinstance(part, Tandem):
                heard = heard._replace(signal=self._codings(part, heard.signal, (seed, *done)))
            else:
                again = sum(text.partition(":")[0] == spec.name for text in done)
                generator = seeds.generator(seed, "acoustics", spec.name, str(again), self.work.utterance.id)
                heard = self._applied(part, heard, generator)
            done.append(str(spec))
        return heard

    def _applied(self, part: Acoustics, heard: Heard, generator: np.random.Generator) -> Heard:
        made = part.apply(heard, self.speech.rate, generator)
        return made._replace(facts={**heard.facts, **made.facts})

    def _codings(self, tandem: Tandem, signal: Signal, before: tuple[object, ...]) -> Signal:
        """The signal after all generations but the last, which is the coding under test."""
        subject = self.work.subject if tandem.codec == SELF else self.work.before[tandem.spec]
        if subject.status != "ok":
            raise NotMeasured(subject.status, f"{subject.label}, which codes before: {subject.reason}")
        for generation in range(1, tandem.generations):
            key = (before, tandem.codec, generation)
            if key not in self.coded:
                self.coded[key] = self._coding(subject, signal)
            signal = self.coded[key]
        return signal

    def _coding(self, subject: Subject, signal: Signal) -> Signal:
        """One pass without losses, its delay removed, back at the file's rate and as long as before."""
        info, rate = subject.info, self.speech.rate
        assert info is not None
        encoded, _ = self.bench.encode(subject.spec, align.resample(signal, rate, info.rate_in), None)
        raw, _ = self.bench.decode(subject.spec, [Slot(f.index, f.payload) for f in encoded.frames], None)
        decoded = trim(raw, subject.delay, min(len(signal) * info.rate_out // rate, len(raw) - subject.delay))
        back = align.resample(decoded, info.rate_out, rate)[: len(signal)]
        return np.concatenate([back, np.zeros(len(signal) - len(back), np.float32)])  # a sample or two by rounding
