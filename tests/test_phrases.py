"""The language model of given sentences: counted by hand, summing to one, read by the recogniser as it is meant."""

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmark.recognisers import _phrases
from benchmark.recognisers._phrases import BEGIN, END, Bigrams, arpa, bigrams, make, read
from benchmark.types import NotMeasured, Signal, Unavailable, UserError
from tests.signals import speech_like

DEMO = Path(__file__).parents[1] / "data_manifests" / "demo"
TOY = [["yes", "please"], ["yes"], ["no"]]
CORPORA: list[list[list[str]]] = [
    TOY,
    [["a"]],
    [["a", "a"]],  # behind `a` comes everything there is
    [["a", "b", "a", "c", "b"], ["c"], ["b", "b"], ["a", "b", "a", "c", "b"]],
]


def probability(model: Bigrams, first: str, second: str) -> float:
    if (first, second) in model.pairs:
        return model.pairs[first, second]
    return model.back_off[first] * model.words[second] if first in model.back_off else model.words[second]


def written(text: str) -> Bigrams:
    """What stands in the text format, without a look at how it was written."""
    words, pairs, back_off = {}, {}, {}
    for fields in (line.split() for line in text.split("\\1-grams:")[1].split("\\2-grams:")[0].split("\n")):
        if fields:
            words[fields[1]] = 10 ** float(fields[0])
            back_off |= {fields[1]: 10 ** float(fields[2])} if len(fields) > 2 else {}
    for fields in (line.split() for line in text.split("\\2-grams:")[1].split("\\end\\")[0].split("\n")):
        if fields:
            pairs[fields[1], fields[2]] = 10 ** float(fields[0])
    return Bigrams(words, pairs, back_off)


def test_a_toy_corpus_by_hand():
    model = bigrams(TOY)
    assert model.words == pytest.approx({"yes": 3 / 11, "please": 2 / 11, "no": 2 / 11, END: 4 / 11})
    assert model.pairs == pytest.approx(
        {
            (BEGIN, "yes"): 2 / 5,
            (BEGIN, "no"): 1 / 5,
            ("yes", "please"): 1 / 4,
            ("yes", END): 1 / 4,
            ("please", END): 1 / 2,
            ("no", END): 1 / 2,
        }
    )
    assert model.back_off == pytest.approx({BEGIN: 11 / 15, "yes": 11 / 10, "please": 11 / 14, "no": 11 / 14})


@pytest.mark.parametrize("corpus", CORPORA)
def test_something_always_follows(corpus: list[list[str]]):
    model = bigrams(corpus)
    assert sum(model.words.values()) == pytest.approx(1)
    for first in (BEGIN, *(model.words.keys() - {END})):
        assert sum(probability(model, first, second) for second in model.words) == pytest.approx(1), first
    assert min(probability(model, BEGIN, second) for second in model.words) > 0


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_text_holds_the_model(corpus: list[list[str]]):
    model = bigrams(corpus)
    text = arpa(model)
    read_back = written(text)
    assert read_back.words.pop(BEGIN) < 1e-90, "no sentence begins twice"
    assert read_back.words == pytest.approx(dict(model.words), rel=1e-5)
    assert read_back.pairs == pytest.approx(dict(model.pairs), rel=1e-5)
    assert read_back.back_off == pytest.approx(dict(model.back_off), rel=1e-5)
    assert f"ngram 1={len(model.words) + 1}\nngram 2={len(model.pairs)}\n" in text


def test_pocketsphinx_reads_these_probabilities():
    pocketsphinx = pytest.importorskip("pocketsphinx")
    decoder: Any = make_of(TOY)._decoder
    assert decoder.current_search() == _phrases.NAME
    loaded = decoder.get_lm(_phrases.NAME)
    assert isinstance(loaded, pocketsphinx.NGramModel)
    model = bigrams(TOY)
    for first in (BEGIN, "yes", "please", "no"):
        for second in model.words:
            found = decoder.get_logmath().exp(loaded.prob([second, first]))  # the history comes last there
            assert found == pytest.approx(probability(model, first, second), rel=1e-3)


def make_of(sentences: list[list[str]]) -> Any:
    return _phrases.Phrases(sentences)


def test_sentences_are_words_without_case_and_punctuation(tmp_path: Path):
    path = tmp_path / "phrases.txt"
    path.write_text(
        "\ufeffI'd like a \u201cLatte\u201d, please!\r\n\n  -- \nit\u2019s an air-conditioned 'room'\n",
        encoding="utf-8",
    )
    assert read(path) == [["i'd", "like", "a", "latte", "please"], ["it's", "an", "air", "conditioned", "room"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no words; write one sentence of the domain in each line"),
        (b" \n--\n", "holds no words"),
        (b"\xff\xfe\x00", "cannot be read as text in UTF-8"),
        (b"a latte\nfor zzyzx and 2\n", r"dictionary lacks: '2', 'zzyzx'; write them otherwise \(numbers in words\)"),
        (b"q1 q2 q3 q4 q5 q6 q7", "lacks: 'q1', 'q2', 'q3', 'q4', 'q5' and 2 more; write"),
    ],
)
def test_a_bad_file_is_one_line(content: bytes, message: str, tmp_path: Path):
    pytest.importorskip("pocketsphinx")
    path = tmp_path / "phrases.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as refusal:
        make(path, "cpu")
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_and_a_device_that_is_none(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read as text"):
        make(tmp_path, "cpu")
    with pytest.raises(UserError, match="no device 'tpu'"):
        make(tmp_path, "tpu")


def test_without_its_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    path = tmp_path / "phrases.txt"
    path.write_text("a latte")
    recogniser = make(path, "cpu")
    with pytest.raises(Unavailable, match=r"pip install 'focalbench\[asr\]'"):
        recogniser.transcribe([], [])


@pytest.fixture(scope="module")
def spoken() -> dict[str, str]:
    """The demo corpus: file and words."""
    with (DEMO / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["path"]: " ".join(_phrases.WORD.findall(row["transcript"].lower())) for row in rows}


@pytest.fixture(scope="module")
def phrases(spoken: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phrases") / "demo.txt"
    path.write_text("\n".join(spoken.values()), encoding="utf-8")
    return path


def heard(recogniser: Any, *signals: Signal) -> list[str]:
    return [str(text) for text in recogniser.transcribe(signals, ["en"] * len(signals))]


def speech(name: str) -> Signal:
    return soundfile.read(DEMO / name, dtype="float32")[0]


def test_it_hears_its_sentences_without_an_error_and_forgets_them(spoken: dict[str, str], phrases: Path):
    pytest.importorskip("pocketsphinx")
    one, other = "slt_1.flac", "kal16_4.flac"
    noise = 0.1 * np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    fresh: Any = make(phrases, "cpu")
    used: Any = make(phrases, "cpu")
    assert heard(fresh, speech(one), speech(other)) == [spoken[one], spoken[other]]
    assert heard(used, noise, speech(other))[1:] == [spoken[other]]
    assert used._decoder.hyp().score == fresh._decoder.hyp().score, "how sure it is of the words"
    assert heard(used, speech(one)) == [spoken[one]]


def test_it_hears_no_other_words(spoken: dict[str, str], tmp_path: Path):
    pytest.importorskip("pocketsphinx")
    path = tmp_path / "phrases.txt"
    path.write_text("The young doctor works.\nA light latte\n")
    (text,) = heard(make(path, "cpu"), speech("slt_1.flac"))
    assert text.startswith("the young doctor works")
    assert set(text.split()) <= {"the", "young", "doctor", "works", "a", "light", "latte"}


def test_it_knows_english_alone(phrases: Path):
    pytest.importorskip("pocketsphinx")
    (answer,) = make(phrases, "cpu").transcribe([speech_like(0.1)], ["de"])
    assert isinstance(answer, NotMeasured)
    assert answer.status == "not_applicable"


@pytest.mark.slow
def test_it_hears_the_whole_demo_corpus_without_an_error(spoken: dict[str, str], phrases: Path):
    pytest.importorskip("pocketsphinx")
    assert heard(make(phrases, "cpu"), *map(speech, spoken)) == list(spoken.values())
