"""Error rates are jiwer's and a plain Levenshtein's; what cannot be counted says why."""

import inspect
import shlex
from collections.abc import Sequence
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soundfile

from benchmark import normalisers
from benchmark.metrics import asr as module
from benchmark.metrics.asr import Asr, make
from benchmark.recognisers import Recogniser, foreign
from benchmark.registry import parse
from benchmark.seeds import generator
from benchmark.types import Known, NotMeasured, Ratio, Result, Signal, Spec, Unavailable, UserError
from tests.signals import speech_like

RATE = 16_000
DEMO = Path(__file__).parents[1] / "data_manifests" / "demo"
WORDS = {name for name in module.VALUES if "cer" not in name}


class Parrot:
    """A recogniser that says how long a signal is, in English and French, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def transcribe(self, signals: Sequence[Signal], languages: Sequence[str]) -> list[str | NotMeasured]:
        self.asked.append(list(languages))
        return [
            f"{len(signal)} samples" if language in ("en", "fr") else foreign("the parrot", language, "two languages")
            for signal, language in zip(signals, languages, strict=True)
        ]


def listener(recogniser: Recogniser | None = None, language: str = "en", normaliser: str = "auto") -> Asr:
    return Asr(recogniser or Parrot(), language, normaliser)


def compared(output: str, heard: str | NotMeasured, transcript: str = "", language: str = "en") -> dict[str, Result]:
    return listener().compare(output, Known(reference=heard, labels={"transcript": transcript, "language": language}))


def levenshtein(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    row = list(range(len(hypothesis) + 1))
    for i, one in enumerate(reference, 1):
        above, row = row, [i]
        for j, other in enumerate(hypothesis, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (one != other)))
    return row[-1]


def sentences(seed: int, count: int) -> list[str]:
    random, known = np.random.default_rng(seed), ["tree", "house", "ring", "träne", "été", "ёж"]
    return [" ".join(random.choice(known, random.integers(1, 9))) for _ in range(count)]


def reason(value: Result) -> tuple[str, str]:
    assert isinstance(value, NotMeasured)
    return value.status, value.reason


def test_identical_texts_have_no_errors():
    values = compared("The tree, it fell.", "the tree it fell", "THE TREE IT FELL")
    assert values.keys() == module.VALUES.keys()
    assert values == {name: Ratio(0, 16 if "cer" in name else 4) for name in values}


@pytest.mark.parametrize(
    ("output", "insertions", "deletions", "substitutions"),
    [
        ("one bird sang in the old tree today", 2, 0, 0),
        ("bird in old tree", 0, 2, 0),
        ("one bird sang on the red tree", 1, 0, 2),
        ("", 0, 6, 0),
        ("cat", 0, 5, 1),
        ("bird in the old tree " * 3, 9, 0, 1),
    ],
)
def test_planted_edits_are_found(output: str, insertions: int, deletions: int, substitutions: int):
    values = listener(normaliser="none").compare(
        output, Known(reference="bird sang in the old tree", labels={"transcript": "bird sang in the old tree"})
    )
    for prefix in ("", "d"):
        assert values[f"{prefix}wer_insertions"] == Ratio(insertions, 6)
        assert values[f"{prefix}wer_deletions"] == Ratio(deletions, 6)
        assert values[f"{prefix}wer_substitutions"] == Ratio(substitutions, 6)
        assert values[f"{prefix}wer"] == Ratio(insertions + deletions + substitutions, 6)


def test_each_value_has_its_own_reference():
    values = compared("a red bird sang", "a dead bird sang there", "the dead bird sang")
    assert values["wer"] == Ratio(2, 4)
    assert values["dwer"] == Ratio(2, 5)
    assert values["wer_delta"] == Ratio(0, 4), "two edits of the transcript, as in the reference audio"
    better = compared("the dead bird sang", "a dead bird", "the dead bird sang")
    assert better["wer_delta"] == Ratio(-2, 4), "an output can be understood better than the reference audio"


@pytest.mark.parametrize("seed", range(3))
def test_is_jiwer_and_a_plain_levenshtein_and_pools_as_jiwer_does(seed: int):
    references, hypotheses = sentences(seed, 40), sentences(seed + 100, 40)
    pairs = list(zip(references, hypotheses, strict=True))
    values = [compared(output, reference, reference, "fr") for reference, output in pairs]
    for (reference, output), value in zip(pairs, values, strict=True):
        assert (
            value["wer"]
            == value["dwer"]
            == Ratio(levenshtein(reference.split(), output.split()), len(reference.split()))
        )
        assert value["cer"] == value["dcer"] == Ratio(levenshtein(reference, output), len(reference))
    pooled = {name: np.sum([value[name] for value in values], axis=0) for name in values[0]}
    counted = jiwer.process_words(references, hypotheses)
    assert np.divide(*pooled["wer"]) == counted.wer
    assert np.divide(*pooled["cer"]) == jiwer.cer(references, hypotheses)
    for kind in module.KINDS:
        assert pooled[f"wer_{kind}"][0] == getattr(counted, kind)


def test_case_punctuation_numbers_and_accents():
    assert compared("it's 22 COLOURS", "x", "It is twenty-two colors.")["wer"] == Ratio(0, 4)
    assert compared("garcon ÉTÉ", "x", "garçon, été", "fr")["wer"] == Ratio(1, 2)
    assert compared("garc\u0327on", "x", "garçon", "fr")["cer"] == Ratio(0, 6), "two ways to write one letter"


def test_without_a_transcript_only_the_relative_values_are_left():
    for labels in ({}, {"transcript": " "}):
        values = listener().compare("a bird", Known(reference="the bird", labels=labels))
        assert values["dwer"] == Ratio(1, 2)
        assert values["dcer"] == Ratio(3, 8)
        for name in ("wer", "cer", "wer_delta", "wer_deletions"):
            assert reason(values[name]) == ("not_applicable", "the data have no transcript")


def test_a_text_of_which_nothing_is_left_has_no_rate():
    values = compared("a bird", "Um, [music]", "Hmm (sighs)")
    nothing = "nothing is left of the transcript 'Hmm (sighs)' once it is normalised"
    assert reason(values["wer"]) == reason(values["wer_delta"]) == ("not_applicable", nothing)
    deaf = "the recogniser hears no words in the reference audio"
    assert reason(values["dwer"]) == reason(values["dcer"]) == ("not_applicable", deaf)


def test_a_deaf_reference_still_has_a_difference():
    assert compared("a bird", "", "a bird")["wer_delta"] == Ratio(-2, 2)


def test_a_reference_without_description_hands_its_reason_on():
    why = NotMeasured("too_short", "0.0100 s")
    values = compared("a bird", why, "a bird")
    assert values["wer"] == Ratio(0, 2)
    for name in ("dwer", "dcer", "dwer_insertions", "wer_delta"):
        assert values[name] is why


def test_languages_without_spaces_have_no_words():
    values = compared("今天天气好", "今天天气很好", "今天天气很好。", "zh-CN")
    assert values["cer"] == values["dcer"] == Ratio(1, 6)
    for name in WORDS:
        assert reason(values[name]) == (
            "not_applicable",
            "'zh' is written without spaces between words; see cer and dcer",
        )


def test_a_bad_signal_takes_no_other_with_it():
    speech = speech_like(1)
    broken = speech.copy()
    broken[100] = np.nan
    signals = [speech, broken, np.zeros(0, np.float32), speech[:399], 0 * speech, speech[:400], speech[:, None]]
    parrot = Parrot()
    said = listener(parrot).describe(signals, RATE, [{}] * len(signals))
    assert [said[i] for i in (0, 4, 5)] == ["16000 samples", "", "400 samples"]
    assert reason(said[1]) == ("metric_failed", "asr: the signal holds NaN or infinity.")
    assert reason(said[2]) == ("too_short", "the signal is empty")
    assert reason(said[3]) == ("too_short", "0.0249 s; a recogniser needs 0.025 s")
    assert reason(said[6])[0] == "metric_failed"
    assert parrot.asked == [["en", "en"]], "silence is nobody's to interpret"


def test_silence_alone_and_nothing_at_all_only_load_the_model():
    parrot = Parrot()
    assert listener(parrot).describe([np.zeros(RATE, np.float32)], RATE, [{}]) == [""]
    assert listener(parrot).describe([], RATE, []) == []
    assert parrot.asked == [[], []]


def test_the_language_is_the_label_s_or_else_the_parameter_s():
    parrot, speech = Parrot(), speech_like(0.1)
    labels = [{}, {"language": "EN_gb"}, {"language": "fr-CA"}, {"language": "de"}, {"language": ""}]
    said = listener(parrot, "fr").describe([speech] * 5, RATE, labels)
    assert parrot.asked == [["fr", "en", "fr", "de", "fr"]]
    assert reason(said[3]) == ("not_applicable", "the parrot knows two languages; this utterance is in 'de'")
    counted = listener(language="fr").compare("twenty two", Known(reference="22", labels={}))
    assert counted["dwer"] == Ratio(2, 1), "no English numbers in French"


def test_another_rate_is_refused():
    with pytest.raises(ValueError, match="asr: 8000 Hz; recognisers listen at 16000 Hz"):
        listener().describe([speech_like(1, 8_000)], 8_000, [{}])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "wisper"}, "no recogniser 'wisper'. Did you mean 'whisper'?"),
        ({"model": 3}, "no recogniser 3. Known: ctc, pocketsphinx, whisper."),
        ({"normaliser": "french"}, "no normaliser 'french'; it is one of auto, english, basic, none."),
        ({"language": False}, "language=False is no language; write its code in quotes, such as language='no'"),
        ({"language": " "}, "language=' ' is no language"),
        ({"weights": "small"}, "pocketsphinx takes no weights \\('small'\\)"),
        ({"model": "whisper", "weights": "smal"}, "Whisper has no size 'smal'; weights= is one of tiny.en, tiny, base"),
        ({"model": "whisper", "device": "tpu"}, "no device 'tpu' for a recogniser; it is cpu or cuda."),
    ],
)
def test_a_wrong_parameter_is_one_line(parameters: dict[str, str], message: str):
    with pytest.raises(UserError, match=message) as refusal:
        make(**parameters)
    assert "\n" not in str(refusal.value)


def test_the_advice_about_quotes_works_on_a_shell_s_line():
    with pytest.raises(UserError) as refusal:
        make(**parse("asr:language=no").params)  # as YAML reads it
    advised = str(refusal.value).rpartition(" ")[2].rstrip(".")
    (word,) = shlex.split(advised)
    assert parse(word) == Spec("asr", {"language": "no"})
    assert isinstance(make(**parse(word).params), Asr)


@pytest.mark.parametrize(("model", "source"), [("whisper", "whisper_small"), ("ctc", "wav2vec2_base_960h")])
@pytest.mark.parametrize("signals", [[], [np.zeros(RATE, np.float32)], [speech_like(0.1)]])
def test_without_weights_the_reason_holds_the_command(
    model: str, source: str, signals: list[Signal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    metric = make(model)  # which looks for nothing
    with pytest.raises(Unavailable, match=f"run `focalbench fetch {source}`"):
        metric.describe(signals, RATE, [{}] * len(signals))
    assert module.versions(model)["weights"] == "absent"


def test_what_the_module_says_of_itself():
    assert module.NEEDS == ("reference",)
    assert module.LABELS == ("transcript", "language")
    for info in module.VALUES.values():
        assert info.rate == RATE
        assert info.better == "lower"
        assert info.validity is not None
        assert (info.validity.loss, info.validity.noise, info.validity.generative) == ("care",) * 3
        assert "changes words where nothing is audible" in info.validity.why
    assert module.VALUES["wer"].validity != module.VALUES["dwer"].validity
    assert [module.uses_device(model) for model in ("pocketsphinx", "whisper", "ctc")] == [False, True, True]
    assert module.uses_device() is module.uses_device(inspect.signature(make).parameters["model"].default)
    assert module.versions().keys() == {"jiwer", "openai-whisper", "pocketsphinx"}
    assert module.versions("nobody").keys() == {"jiwer", "openai-whisper"}
    assert {"zh", "ja", "th"} <= normalisers.UNSPACED


@pytest.fixture(scope="module")
def speech() -> Signal:
    signal, _ = soundfile.read(DEMO / "kal16_6.flac", dtype="float32")
    return signal


@pytest.mark.slow
def test_golden_transcripts_of_the_default(speech: Signal):
    pytest.importorskip("pocketsphinx")
    noisy = speech + 0.003 * generator(0, "noise").standard_normal(len(speech)).astype(np.float32)
    late = np.concatenate([np.zeros(RATE // 20, np.float32), speech])
    metric = make()
    clean, *same, damaged = metric.describe([speech, -0.1 * speech, late, noisy], RATE, [{}] * 4)
    said = "Please turn off the light before you leave the building."
    assert clean == said.lower().rstrip(".")
    assert same == [clean] * 2, "neither polarity, nor 20 dB, nor a delay of 50 ms change it"
    assert damaged == "please turn off the wife before you leave the building"
    values = metric.compare(damaged, Known(reference=clean, labels={"transcript": said}))
    assert values["wer"] == values["dwer"] == values["wer_delta"] == values["wer_substitutions"] == Ratio(1, 10)
