"""What counts as the same text: Whisper's normalisers [Radford et al. 2022, arXiv 2212.04356, appendix C].

The English one lower-cases, spells contractions, numbers and British words one way, and leaves out fillers and
what is in brackets. The basic one lower-cases and leaves out brackets, punctuation, symbols and combining marks
(which are vowels in Indic scripts: there, count with ``none`` too).
"""

import importlib.util
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

from benchmark.types import Unavailable

NAMES = ("auto", "english", "basic", "none")
PACKAGE = "benchmark_whisper_normalisers"
# Written without spaces between words, as far as Whisper knows them: nothing there is a word error rate.
UNSPACED = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})


def normalise(text: str, language: str, name: str = "auto") -> str:
    """The text as it is compared, its parts divided by one space.

    Args:
        text: a transcript.
        language: two letters, or three: ``en``.
        name: one of `NAMES`; ``auto``: ``english`` for English, ``basic`` for all others.
    """
    if name == "auto":
        name = "english" if language == "en" else "basic"
    return " ".join((text if name == "none" else _normaliser(name)(text)).split())


@cache
def _normaliser(name: str) -> Callable[[str], str]:
    package = _package()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the file of its table open
        found: Callable[[str], str] = (
            package.EnglishTextNormalizer if name == "english" else package.BasicTextNormalizer
        )()
    return found


def _package() -> ModuleType:
    """The package's folder of normalisers, under a name of ours: to import it by its own takes torch, and seconds."""
    whole = importlib.util.find_spec("whisper")
    folder = Path(whole.origin).parent / "normalizers" if whole and whole.origin else Path()
    spec = importlib.util.spec_from_file_location(PACKAGE, folder / "__init__.py")
    if whole is None or spec is None or spec.loader is None:
        raise Unavailable("text can only be normalised with openai-whisper: pip install openai-whisper")
    sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)  # its parts import each other
    spec.loader.exec_module(package)
    return package
