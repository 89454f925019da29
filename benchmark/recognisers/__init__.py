"""Speech recognisers behind one interface: signals at 16 kHz in, text out.

One per module, each with ``make(weights, language, device)`` and ``versions(weights)``; a wrong parameter is a
`UserError` there. Weights and libraries are looked for, and loaded, when a recogniser is first asked; once.
"""

from collections.abc import Sequence
from typing import Protocol

from benchmark.types import NotMeasured, Signal, Unavailable, UserError

RATE = 16_000  # Hz: of all of them
DEVICES = ("cpu", "cuda")


class Recogniser(Protocol):
    """What it says of a signal depends on nothing it heard before or beside it."""

    def transcribe(self, signals: Sequence[Signal], languages: Sequence[str]) -> list[str | NotMeasured]:
        """The text of each signal, or why there is none; of no signals, it loads the model.

        Args:
            signals: each of shape (n,), at `RATE`, at least 25 ms long, of any length.
            languages: of each, as `primary` writes it.

        Raises:
            Unavailable: when weights, a library or the device are not here.
            UserError: when the weights are no model of this kind.
        """
        ...


def primary(language: str) -> str:
    """The language of a tag, without region and script: ``en`` of ``en-GB`` and of ``EN_us`` [BCP 47]."""
    return language.strip().lower().replace("_", "-").partition("-")[0]


def foreign(recogniser: str, language: str, known: str) -> NotMeasured:
    """Why a recogniser has nothing to say of an utterance in this language."""
    return NotMeasured("not_applicable", f"{recogniser} knows {known}; this utterance is in {language!r}")


def check_device(device: str) -> None:
    """Raise UserError for a device that is none."""
    if device not in DEVICES:
        raise UserError(f"There is no device {device!r} for a recogniser; it is {' or '.join(DEVICES)}.")


def check_present(device: str) -> None:
    """Raise Unavailable for a GPU that is not here; imports torch."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise Unavailable("no GPU that torch can use is here; take device=cpu.")
