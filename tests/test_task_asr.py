"""The task's error rates are the metric's, of the same texts, and nothing but the transcript counts."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmark import registry
from benchmark.metrics import asr as metric
from benchmark.types import Known, NotMeasured, Ratio, Result, Spec, UserError
from tasks import asr
from tests.test_asr import Parrot, listener, reason, sentences

DEMO = Path(__file__).parents[1] / "data_manifests" / "demo"


def compared(output: str, labels: dict[str, str]) -> dict[str, Result]:
    return asr.Transcripts(listener()).compare(output, Known(labels=labels))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_values_are_the_metric_s(language: str):
    for transcript, output in zip(sentences(0, 40), sentences(1, 40), strict=True):
        labels = {"transcript": transcript, "language": language}
        expected = listener().compare(output, Known(reference=transcript, labels=labels))
        assert compared(output, labels) == {"asr_wer": expected["wer"], "asr_cer": expected["cer"]}


def test_planted_errors():
    labels = {"transcript": "It's a RED bird.", "language": "en"}
    assert compared("it is a bird", labels) == {"asr_wer": Ratio(1, 5), "asr_cer": Ratio(4, 16)}
    assert compared("", labels) == {"asr_wer": Ratio(5, 5), "asr_cer": Ratio(16, 16)}, "who says nothing errs in all"
    assert compared("It is a red bird", labels)["asr_wer"] == Ratio(0, 5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "the data have no transcript"),
        ({"transcript": " "}, "the data have no transcript"),
        ({"transcript": "[music]"}, "nothing is left of the transcript '[music]' once it is normalised"),
    ],
)
def test_without_words_to_compare_with_there_is_no_rate(labels: dict[str, str], message: str):
    assert {reason(value) for value in compared("a bird", labels).values()} == {("not_applicable", message)}


def test_a_language_without_spaces_has_only_characters():
    values = compared("今天天气好", {"transcript": "今天天气很好", "language": "zh"})
    assert reason(values["asr_wer"])[0] == "not_applicable"
    assert values["asr_cer"] == Ratio(1, 6)


def test_silence_is_heard_as_no_words_and_nothing_as_too_short():
    task = asr.Transcripts(listener(Parrot()))
    silent, empty, german = task.describe(
        [np.zeros(16_000, np.float32), np.zeros(0, np.float32), np.ones(800, np.float32)],
        16_000,
        [{}, {}, {"language": "de"}],
    )
    assert silent == ""
    assert isinstance(empty, NotMeasured)
    assert empty.status == "too_short"
    assert isinstance(german, NotMeasured)
    assert german.status == "not_applicable"


def test_hears_what_the_metric_hears():
    pytest.importorskip("pocketsphinx")
    signal, _ = soundfile.read(DEMO / "slt_1.flac", dtype="float32", frames=16_000)
    texts = registry.make("task", Spec("asr")).describe([signal], 16_000, [{}])
    assert texts == metric.make().describe([signal], 16_000, [{}]) != [""]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "wisper"}, "no recogniser 'wisper'. Did you mean 'whisper'?"),
        ({"normaliser": "french"}, "no normaliser 'french'"),
        ({"weights": "small"}, "pocketsphinx takes no weights"),
        ({"model": "ctc", "device": "tpu"}, "no device 'tpu'"),
    ],
)
def test_a_wrong_parameter_is_one_line(parameters: dict[str, str], message: str):
    with pytest.raises(UserError, match=message) as refusal:
        asr.make(**parameters)
    assert "\n" not in str(refusal.value)


def test_what_the_module_says_of_itself():
    assert inspect.signature(asr.make) == inspect.signature(metric.make)
    assert asr.versions is metric.versions
    assert asr.uses_device is metric.uses_device
    assert (asr.NEEDS, asr.LABELS) == ((), ("transcript", "language"))
    assert (asr.TASK.needs, asr.TASK.kind, asr.TASK.metric) == ("transcript", "text", "asr_wer")
    assert asr.VALUES["asr_wer"] == metric.VALUES["wer"]
    assert asr.VALUES["asr_cer"] == metric.VALUES["cer"]
    assert len(asr.VALUES) == 2
