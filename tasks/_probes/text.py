"""Text as the numbers that a CTC network says [Graves et al., ICML 2006], 0 being its blank: characters, or BPE pieces.

Byte pair encoding [Sennrich et al., ACL 2016] is sentencepiece's. Both alphabets are those of the training's texts;
what these do not hold cannot be said, and is left out of a target.
"""

import io
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, Protocol

from benchmark.types import NotMeasured, Unavailable

BLANK = 0


class Alphabet(Protocol):
    """What a text is written in. `size` counts the blank."""

    @property
    def size(self) -> int: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, numbers: Sequence[int]) -> str: ...


class Characters:
    """The characters of some texts, sorted."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._characters = sorted(set("".join(texts)))
        self._numbers = {character: number for number, character in enumerate(self._characters, BLANK + 1)}
        self.size = len(self._characters) + 1

    def encode(self, text: str) -> list[int]:
        return [self._numbers[character] for character in text if character in self._numbers]

    def decode(self, numbers: Sequence[int]) -> str:
        """The text, its words divided by one space."""
        return " ".join("".join(self._characters[number - 1] for number in numbers).split())


class Pieces:
    """At most `count` pieces by byte pair encoding; the unknown one is the blank."""

    def __init__(self, texts: Sequence[str], count: int) -> None:
        self._processor = _trained([text for text in texts if text], count)
        self.size: int = self._processor.get_piece_size()

    def encode(self, text: str) -> list[int]:
        return [number for number in self._processor.encode(text) if number != BLANK]

    def decode(self, numbers: Sequence[int]) -> str:
        return " ".join(str(self._processor.decode(list(numbers))).split())


def alphabet(texts: Sequence[str], pieces: int) -> Alphabet:
    """What texts are written in: so many pieces, or characters where `pieces` is 0.

    Raises:
        NotMeasured: when there is no text at all.
    """
    if not any(text.strip() for text in texts):
        raise NotMeasured("metric_failed", "all texts to train with are empty")
    return Pieces(texts, pieces) if pieces else Characters(texts)


def collapse(path: Sequence[int]) -> list[int]:
    """What a CTC network says when it says the best of each place: repeats count once, blanks not at all."""
    return [number for number, _ in groupby(path) if number != BLANK]


def places(numbers: Sequence[int]) -> int:
    """The fewest places that CTC can say these in: equal neighbours need a blank between them."""
    return len(numbers) + sum(a == b for a, b in pairwise(numbers))


def _trained(texts: list[str], count: int) -> Any:
    try:
        import sentencepiece
    except ImportError:
        raise Unavailable("pieces of text need sentencepiece: pip install sentencepiece") from None
    letters = len(set("".join(texts)))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, model_type="bpe", vocab_size=max(count, letters + 3),
        hard_vocab_limit=False, character_coverage=1.0, normalization_rule_name="identity", unk_id=BLANK, bos_id=-1,
        eos_id=-1, num_threads=1, minloglevel=2,
    )  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
