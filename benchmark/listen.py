"""What listeners say of one work's signals: of outputs in batches; of speech that was never coded once per run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmark import audio
from benchmark.align import SCORING_RATE, resampler
from benchmark.audio import Audio
from benchmark.bench import Bench, status_of
from benchmark.companions import Companions
from benchmark.descriptions import dumps, loads
from benchmark.scorers import LEARNED, Scorer
from benchmark.store import SETTLED, Store, digest
from benchmark.types import Description, Known, Measured, NotMeasured, Status, Unavailable, UserError, Utterance

BATCH = 16  # outputs that wait, and are in memory, before they are listened to


class Question(NamedTuple):
    """An output, what it is to be compared with, and where its values go."""

    degraded: Audio
    reference: Audio
    utterance: Utterance
    companions: Companions
    values: list[Measured]


@dataclass
class Ears:
    """The listeners of one work, asked in batches; what they said of its uncoded speech is remembered."""

    bench: Bench
    store: Store
    waiting: dict[str, list[Question]] = field(default_factory=lambda: defaultdict(list))
    said: dict[str, Description | NotMeasured] = field(default_factory=dict)
    files: dict[Path, Audio | NotMeasured] = field(default_factory=dict)
    scorers: dict[str, Scorer] = field(default_factory=dict)

    def ask(
        self, scorer: Scorer, degraded: Audio, reference: Audio, utterance: Utterance, companions: Companions
    ) -> list[Measured]:
        """The values of an output, in a list that is filled when `answer` returns, or before."""
        if (error := unusable(scorer, reference)) is not None:
            return unmeasured(scorer, error)
        question = Question(degraded, reference, utterance, companions, [])
        self.scorers[scorer.identity] = scorer
        self.waiting[scorer.identity].append(question)
        if len(self.waiting[scorer.identity]) >= BATCH:
            self._answer(scorer, self.waiting.pop(scorer.identity))
        return question.values

    def answer(self) -> None:
        """Fill what was asked and has no values yet."""
        while self.waiting:
            identity, questions = self.waiting.popitem()
            self._answer(self.scorers[identity], questions)

    def _answer(self, scorer: Scorer, questions: Sequence[Question]) -> None:
        try:
            known = [self._known(scorer, question) for question in questions]
            said = self.bench.listen(scorer, [q.degraded for q in questions], [k.labels for k in known])
        except (Unavailable, UserError) as error:  # it cannot be had here, or refuses its parameters
            for question in questions:
                question.values.extend(unmeasured(scorer, error))
            return
        heard = [i for i, one in enumerate(said) if not isinstance(one, NotMeasured)]
        compared = self.bench.compare(scorer, [(said[i], known[i]) for i in heard])
        for i, values in zip(heard, compared, strict=True):
            questions[i].values.extend(values)
        for question, one, of in zip(questions, said, known, strict=True):
            if isinstance(one, NotMeasured):
                question.values.extend(unmeasured(scorer, _of_output(one, of.reference)))

    def _known(self, scorer: Scorer, question: Question) -> Known:
        needs, labels = scorer.needs or (), question.utterance.labels
        return Known(
            reference=self.uncoded(scorer, question.reference, labels) if "reference" in needs else None,
            same=self._voice(scorer, question.companions.same) if "same" in needs else None,
            other=self._voice(scorer, question.companions.other) if "other" in needs else None,
            labels=used(scorer, labels),
            learned=self._learned(scorer) if LEARNED in needs else None,
        )

    def _learned(self, scorer: Scorer) -> Description:
        """What a listener learned before the run's first trial; None where it could not, as it will say itself."""
        return _lesson(self.store.root, scorer.lesson) if self.store.holds(scorer.lesson) else None

    def _voice(self, scorer: Scorer, utterance: Utterance | None) -> Description | NotMeasured | None:
        if utterance is None:
            return None
        if utterance.path not in self.files:
            self.files[utterance.path] = _read(utterance.path)
        speech = self.files[utterance.path]
        if isinstance(speech, NotMeasured):
            return speech
        return unusable(scorer, speech) or self.uncoded(scorer, speech, utterance.labels)

    def uncoded(self, scorer: Scorer, speech: Audio, labels: Mapping[str, str]) -> Description | NotMeasured:
        """What the listener says of speech that was never coded: asked once, then kept; failures in this work alone."""
        told = used(scorer, labels)
        content = sha256(np.ascontiguousarray(speech.signal).tobytes()).hexdigest()
        key = digest("described", scorer.hearing, resampler(), content, speech.rate, told)
        if key in self.said:
            return self.said[key]
        if (kept := self.store.description(key)) is None:
            (said,) = self.bench.listen(scorer, [speech], [told])
            try:
                kept = dumps(said)
            except (TypeError, ValueError) as error:
                kept = dumps(NotMeasured("metric_failed", str(error)))
            if not isinstance(loads(kept), NotMeasured) or loads(kept).status in SETTLED:
                self.store.save_description(key, kept)
        self.said[key] = loads(kept)  # not `said`: the same whether it was asked now or before
        return self.said[key]


@lru_cache(maxsize=8)  # one is used by every work of its task, and may be large; its key is its content's
def _lesson(root: Path, key: str) -> Description:
    kept = Store(root).description(key)
    return None if kept is None else loads(kept)


def used(scorer: Scorer, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that a listener uses, as far as there are any."""
    return {name: labels[name] for name in scorer.labels if labels.get(name)}


def _read(path: Path) -> Audio | NotMeasured:
    try:
        return audio.read(path)
    except NotMeasured as error:
        return NotMeasured(error.status, error.reason)


def unusable(scorer: Scorer, speech: Audio) -> NotMeasured | None:
    """Why a listener has nothing to say of speech that was never coded, nor of any output of it.

    Speech is never up-sampled to be compared; models for 16 kHz do not know speech of 8 kHz, compared or not.
    """
    if not speech.signal.any():
        return NotMeasured("no_speech", "the reference is silent")
    needed = scorer.rate or SCORING_RATE
    if not scorer.needs:  # NISQA, for 48 kHz, knows narrower bands
        needed = min(needed, SCORING_RATE)
    if speech.rate < needed:
        text = f"the reference is sampled at {speech.rate} Hz; this value needs {needed} Hz"
        return NotMeasured("not_applicable", text)
    return None


def _of_output(error: NotMeasured, reference: Description | NotMeasured | None) -> NotMeasured:
    """Why an output could not be described. That it holds no speech is its fault, unless the reference has none."""
    if isinstance(reference, NotMeasured):
        return reference
    if error.status == "metric_failed":
        return error
    status: Status = "metric_failed" if error.status == "no_speech" else error.status
    return NotMeasured(status, f"the output: {error.reason}")


def unmeasured(scorer: Scorer, error: NotMeasured | Unavailable | UserError) -> list[Measured]:
    """Each of the scorer's values, without a number."""
    status, reason = status_of(error)
    return [Measured(name, None, status, reason) for name in scorer.names]
