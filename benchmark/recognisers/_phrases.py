"""PocketSphinx with a language model of given sentences: bigrams that back off [Witten and Bell, doi:10.1109/18.87000].

Where only orders or commands are spoken, what is heard is far nearer to what was said than with the general model of
20 000 words, and takes a tenth of its time. Any of the sentences' words can follow any other, those that do so in
the sentences more likely; no other word can be heard, whatever is said. The sentences are knowledge of the domain: if
those of a test are among them, it is easier than one of free speech.
"""

import importlib.util
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import log10
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmark.recognisers import Recogniser, check_device
from benchmark.recognisers.pocketsphinx import MODEL, PocketSphinx
from benchmark.types import UserError

BEGIN, END = "<s>", "</s>"  # of a sentence
NEVER = -99.0  # how the format writes the logarithm of zero
NAME = "phrases"  # of the search with this model
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")  # letters and digits, apostrophes between them
SHOWN = 5  # words in an error


class Bigrams(NamedTuple):
    """Probabilities of what comes next, be it a word or a sentence's end.

    Attributes:
        words: of each, wherever it stands.
        pairs: of the second after the first, as far as the sentences hold the two.
        back_off: behind a word (or the beginning), by what a word's own probability is multiplied where the sentences
            do not hold the two.
    """

    words: Mapping[str, float]
    pairs: Mapping[tuple[str, str], float]
    back_off: Mapping[str, float]


def bigrams(sentences: Iterable[Sequence[str]]) -> Bigrams:
    """What sentences teach.

    Behind a word that N words followed, T different ones, a word that did so c times has the probability c / (N + T);
    all others share T / (N + T), by their own probabilities, of which each word has one count more than it came.
    """
    followers: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for first, second in zip((BEGIN, *sentence), (*sentence, END), strict=True):
            followers[first][second] += 1
    counts = sum(followers.values(), Counter[str]())
    words = {word: (count + 1) / (counts.total() + len(counts)) for word, count in sorted(counts.items())}
    pairs, back_off = {}, {}
    for first, seen in sorted(followers.items()):
        others = 1 - sum(words[second] for second in seen)
        new = len(seen) if len(seen) < len(words) else 0  # where every word followed, nothing is kept for others
        for second, count in sorted(seen.items()):
            pairs[first, second] = count / (seen.total() + new)
        back_off[first] = new / (seen.total() + new) / others if new else 1.0
    return Bigrams(words, pairs, back_off)


def arpa(model: Bigrams) -> str:
    """The model in the text format of Doug Paul, as recognisers read it: logarithms to the base 10."""
    logs = {BEGIN: NEVER, **{word: log10(value) for word, value in model.words.items()}}
    lines = [f"{value:.6f} {word}{_weight(model.back_off, word)}" for word, value in logs.items()]
    pairs = [f"{log10(value):.6f} {first} {second}" for (first, second), value in model.pairs.items()]
    head = f"\\data\\\nngram 1={len(lines)}\nngram 2={len(pairs)}"
    return "\n\n".join((head, "\n".join(["\\1-grams:", *lines]), "\n".join(["\\2-grams:", *pairs]), "\\end\\\n"))


def _weight(back_off: Mapping[str, float], word: str) -> str:
    return f" {log10(back_off[word]):.6f}" if word in back_off else ""


def read(path: Path) -> list[list[str]]:
    """The sentences of a text file, one a line, as words: lower-case, without punctuation.

    Raises:
        UserError: when it holds no words, or is no text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text in UTF-8: {error}.") from error
    found = [WORD.findall(line.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower()) for line in text.split("\n")]
    if not (sentences := [words for words in found if words]):
        raise UserError(f"{path} holds no words; write one sentence of the domain in each line.")
    return sentences


def _entries(wanted: Iterable[str]) -> dict[str, list[str]]:
    """The lines of the package's dictionary for each word, one a pronunciation; nothing where the package is not."""
    package = importlib.util.find_spec("pocketsphinx")
    if package is None or package.origin is None:
        return {}
    entries: dict[str, list[str]] = {word: [] for word in wanted}
    path = Path(package.origin).parent / "model" / "en-us" / MODEL["dict"]
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else ():
        word = line.partition(" ")[0].partition("(")[0]  # a further pronunciation is of `word(2)`
        if word in entries:
            entries[word].append(line)
    return entries


def make(path: Path, device: str) -> Recogniser:
    """A recogniser of what is made of the sentences' words.

    Args:
        path: of a text file, one sentence a line.
        device: as the other recognisers have it; this one always runs on the CPU.

    Raises:
        UserError: when it holds no sentences, or words that the package's dictionary lacks.
    """
    check_device(device)
    sentences = read(path)
    entries = _entries({word for sentence in sentences for word in sentence})
    if lacking := sorted(word for word, lines in entries.items() if not lines):
        words = ", ".join(map(repr, lacking[:SHOWN])) + (f" and {n} more" if (n := len(lacking) - SHOWN) > 0 else "")
        raise UserError(
            f"{path} holds words that pocketsphinx's English dictionary lacks: {words}; write them otherwise (numbers "
            "in words), or leave their sentences out."
        )
    return Phrases(sentences)


class Phrases(PocketSphinx):
    """The decoder as it comes, but for its language model, and a dictionary of no more words than that has."""

    def __init__(self, sentences: Sequence[Sequence[str]]) -> None:
        self.sentences = sentences

    @cached_property
    def _decoder(self) -> Any:
        decoder = super()._decoder
        entries = _entries({word for sentence in self.sentences for word in sentence})
        with TemporaryDirectory() as folder:
            dictionary, model = Path(folder) / "words.dict", Path(folder) / "phrases.lm"
            dictionary.write_text("".join(line for lines in entries.values() for line in lines), encoding="utf-8")
            model.write_text(arpa(bigrams(self.sentences)), encoding="utf-8")
            decoder.load_dict(str(dictionary))  # first: to look for each word of the whole one takes 12 s
            decoder.add_lm_file(NAME, str(model))
        decoder.activate_search(NAME)
        return decoder
