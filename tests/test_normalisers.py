"""Texts are compared as Whisper's own normalisers leave them."""

import subprocess
import sys

import pytest

from benchmark import normalisers
from benchmark.normalisers import normalise
from benchmark.types import Unavailable

TEXTS = [
    "Mr. Brown doesn't have twenty-two colours, um, [laughs] does he?",
    "NINETY NINE PER CENT OF $3.50 -- that's ½ of it…",
    "Ein kleines Mädchen, süß (leise) gesagt: „Århus“!",
    "Les élèves l'ont vu — à 20 h 30.",
    "Жили-были, ёж и ещё ①",
    "今天天气很好。",
    "",
    "  \t\n ",
    "﻿\u200bzero\u00a0width",
]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the package leaves its table to the collector
def test_english_and_basic_are_the_package_s():
    from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer

    english, basic = EnglishTextNormalizer(), BasicTextNormalizer()
    for text in TEXTS:
        assert normalise(text, "de", "english") == " ".join(english(text).split())
        assert normalise(text, "en", "basic") == " ".join(basic(text).split())


def test_auto_goes_by_the_language():
    assert normalise("Colours: twenty-two!", "en") == "colors 22"
    assert normalise("Colours: twenty-two!", "de") == "colours twenty two"
    assert normalise("Straße, ÜBER alles", "de") == "straße über alles"


def test_none_only_divides():
    assert normalise("  Mr.\u00a0Brown,\n um ", "en", "none") == "Mr. Brown, um"


def test_fillers_and_brackets_leave_nothing():
    assert normalise("Um, [music] hmm (applause)", "en") == ""
    assert normalise("¿…?", "es") == ""


@pytest.mark.parametrize("name", normalisers.NAMES)
@pytest.mark.parametrize("text", TEXTS)
def test_once_normalised_it_stays_unless_it_is_english(name: str, text: str):
    once = normalise(text, "fr", name)
    assert once == once.strip()
    assert "  " not in once
    if name != "english":  # whose second pass may find what the first one brought together
        assert normalise(once, "fr", name) == once


def test_it_takes_no_torch():
    code = "import sys; from benchmark.normalisers import normalise as n; print(n('Two', 'en'), 'torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["2", "False"]


def test_without_the_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="pip install openai-whisper"):
        normalisers._package()
