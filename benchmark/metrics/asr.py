"""Word and character error rates of what a recogniser hears [Morris et al., Interspeech 2004], counted by jiwer.

`wer` and `cer` compare what it hears in the output with the data's own transcript; `dwer` and `dcer` with what it
hears in the reference audio [arXiv 1911.07953], so that its own mistakes do not count; `wer_delta` is by how much
the output's word error rate exceeds that of the reference audio, both against the transcript. Each keeps its parts,
edits and words (or characters; the spaces between words are some), and is pooled as sum over sum. More words
than were said can be heard: a value may exceed 1.

How far a rate can be trusted is up to the recogniser. The default is weak: on 12 utterances of LibriSpeech
pocketsphinx gets 28 % of 330 words wrong. White noise at -80 dBFS, which nobody hears, changes 3.1 % of the words that
it hears there, of one short utterance 3 of 8; a gain of 0.3 changes 1.2 %; most utterances change by none. So
compare rates pooled over many files, with that of the reference audio beside them, and believe no single one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmark import normalisers
from benchmark.align import check_signal
from benchmark.recognisers import RATE, Recogniser, ctc, pocketsphinx, primary, whisper
from benchmark.registry import nearest
from benchmark.types import Known, Listener, NotMeasured, Ratio, Result, Signal, UserError, Validity, ValueInfo
from benchmark.versions import installed

NEEDS = ("reference",)
LABELS = ("transcript", "language")
RECOGNISERS = {"pocketsphinx": pocketsphinx, "whisper": whisper, "ctc": ctc}
SHORTEST = RATE // 40  # samples: one frame of 25 ms, as all recognisers have

WHY = (
    "it counts the words that do not arrive, or arrive wrong, however they sound; a weak recogniser, such as "
    "pocketsphinx, changes words where nothing is audible, a strong one guesses lost words and may make some up: "
    "compare rates pooled over many files, with that of the reference audio beside them"
)
LABELLED = Validity(loss="care", noise="care", generative="care", why=WHY)
RELATIVE = Validity(loss="care", noise="care", generative="care", why=f"{WHY}; it mishears the reference too")


def _info(source: str, validity: Validity) -> ValueInfo:
    return ValueInfo("", "lower", source, RATE, validity)


TRANSCRIPT = "Morris et al., Interspeech 2004"
HEARD = "arXiv 1911.07953"
KINDS = ("insertions", "deletions", "substitutions")
VALUES = {
    "wer": _info(TRANSCRIPT, LABELLED),
    "cer": _info(TRANSCRIPT, LABELLED),
    "dwer": _info(HEARD, RELATIVE),
    "dcer": _info(HEARD, RELATIVE),
    "wer_delta": _info(TRANSCRIPT, LABELLED),
    **{f"wer_{kind}": _info(TRANSCRIPT, LABELLED) for kind in KINDS},
    **{f"dwer_{kind}": _info(HEARD, RELATIVE) for kind in KINDS},
}


def versions(model: str = "pocketsphinx", weights: str | None = None) -> dict[str, str]:
    """The recogniser's libraries and weights, and what counts the edits; openai-whisper holds the normalisers."""
    known = RECOGNISERS[model].versions(weights) if model in RECOGNISERS else {}
    return {**installed("jiwer", "openai-whisper"), **known}


def uses_device(model: str = "pocketsphinx") -> bool:
    """Whether a recogniser can run on a GPU."""
    return model != "pocketsphinx"


class Edits(NamedTuple):
    """What makes one text out of another, of `length` words or characters."""

    insertions: int
    deletions: int
    substitutions: int
    length: int

    @property
    def total(self) -> int:
        """Of all kinds."""
        return self.insertions + self.deletions + self.substitutions


def words(reference: str, hypothesis: str) -> Edits:
    """The fewest edits by words; both texts normalised."""
    from jiwer import process_words

    found = process_words(reference, hypothesis)
    return Edits(found.insertions, found.deletions, found.substitutions, len(reference.split()))


def characters(reference: str, hypothesis: str) -> Edits:
    """The fewest edits by characters, spaces included; both texts normalised."""
    from jiwer import process_characters

    found = process_characters(reference, hypothesis)
    return Edits(found.insertions, found.deletions, found.substitutions, len(reference))


@dataclass(frozen=True)
class Asr:
    """What a recogniser hears: a text, empty where it hears nothing.

    Attributes:
        language: of utterances that do not say theirs.
        normaliser: one of `normalisers.NAMES`.
    """

    recogniser: Recogniser
    language: str
    normaliser: str

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> list[str | NotMeasured]:
        """The transcripts; of digital silence "", whatever a recogniser might imagine in it. Of none, loads the model.

        Raises:
            Unavailable: when weights, a library or the device are not here.
        """
        if rate != RATE:
            raise ValueError(f"asr: {rate} Hz; recognisers listen at {RATE} Hz.")
        said = [_unheard(signal) for signal in signals]
        asked = [i for i, text in enumerate(said) if text == "" and signals[i].any()]
        languages = [self._language(labels[i]) for i in asked]
        texts = self.recogniser.transcribe([signals[i] for i in asked], languages)
        for i, text in zip(asked, texts, strict=True):
            said[i] = text
        return said

    def compare(self, degraded: str, known: Known) -> dict[str, Result]:
        """Every value, or why there is none: data without transcripts still have `dwer` and `dcer`."""
        language = self._language(known.labels)
        output, truth = self._normal(degraded, language), self._truth(known.labels, language)
        heard: str | NotMeasured = (
            known.reference
            if isinstance(known.reference, NotMeasured)
            else self._normal(str(known.reference), language)
        )
        deaf = NotMeasured("not_applicable", "the recogniser hears no words in the reference audio")
        values = {**_rates("", truth, output), **_rates("d", heard or deaf, output)}
        values["wer_delta"] = _excess(truth, heard, output)
        if language in normalisers.UNSPACED:
            reason = f"{language!r} is written without spaces between words; see cer and dcer"
            values |= dict.fromkeys(VALUES.keys() - {"cer", "dcer"}, NotMeasured("not_applicable", reason))
        return values

    def _truth(self, labels: Mapping[str, str], language: str) -> str | NotMeasured:
        transcript = labels.get("transcript", "").strip()
        if not transcript:
            return NotMeasured("not_applicable", "the data have no transcript")
        reason = f"nothing is left of the transcript {transcript[:40]!r} once it is normalised"
        return self._normal(transcript, language) or NotMeasured("not_applicable", reason)

    def _language(self, labels: Mapping[str, str]) -> str:
        return primary(labels.get("language") or self.language)

    def _normal(self, text: str, language: str) -> str:
        return normalisers.normalise(text, language, self.normaliser)


def _unheard(signal: Signal) -> str | NotMeasured:
    """Why a signal is not listened to; "" where it is, and for silence."""
    try:
        check_signal("asr", signal)
    except ValueError as error:
        return NotMeasured("metric_failed", str(error))
    except NotMeasured as error:
        return "" if error.status == "no_speech" else error
    if len(signal) < SHORTEST:
        return NotMeasured("too_short", f"{len(signal) / RATE:.4f} s; a recogniser needs {SHORTEST / RATE} s")
    return ""


def _rates(prefix: str, reference: str | NotMeasured, output: str) -> dict[str, Result]:
    if isinstance(reference, NotMeasured):
        return dict.fromkeys([f"{prefix}wer", f"{prefix}cer", *(f"{prefix}wer_{kind}" for kind in KINDS)], reference)
    by_words, by_characters = words(reference, output), characters(reference, output)
    return {
        f"{prefix}wer": Ratio(by_words.total, by_words.length),
        f"{prefix}cer": Ratio(by_characters.total, by_characters.length),
        **{f"{prefix}wer_{kind}": Ratio(getattr(by_words, kind), by_words.length) for kind in KINDS},
    }


def _excess(truth: str | NotMeasured, heard: str | NotMeasured, output: str) -> Result:
    """By how many edits of the transcript the output is farther from it than the reference audio."""
    if isinstance(truth, NotMeasured):
        return truth
    if isinstance(heard, NotMeasured):
        return heard
    of_output, of_reference = words(truth, output), words(truth, heard)
    return Ratio(of_output.total - of_reference.total, of_output.length)


def make(
    model: str = "pocketsphinx",
    weights: str | None = None,
    language: str = "en",
    normaliser: str = "auto",
    device: str = "cpu",
) -> Listener:
    """Error rates by one recogniser.

    Args:
        model: ``pocketsphinx`` (English; its model is in its package), ``whisper`` or ``ctc``.
        weights: of whisper a size, by default ``small``; of ctc a folder, by default ``wav2vec2_base_960h``.
        language: what is spoken where the data do not say it; of ctc also the language of its model.
        normaliser: ``english``, ``basic``, ``none``, or ``auto``: by the language.
        device: ``cpu`` or ``cuda``; pocketsphinx has no use for the latter.

    Raises:
        UserError: for a value that is none of these.
    """
    if model not in RECOGNISERS:
        raise UserError(f"asr: there is no recogniser {model!r}. {nearest(str(model), RECOGNISERS)}")
    if normaliser not in normalisers.NAMES:
        raise UserError(f"asr: there is no normaliser {normaliser!r}; it is one of {', '.join(normalisers.NAMES)}.")
    if not (isinstance(language, str) and language.strip()):  # YAML reads `no`, which is Norwegian, as false
        raise UserError(
            f"asr: language={language!r} is no language; write its code in quotes, such as language='no', and on a "
            "shell's line all of it in others: \"asr:language='no'\"."
        )
    return Asr(RECOGNISERS[model].make(weights, primary(language), device), language, normaliser)
