"""Whose voice an output has, by a model's embeddings: compared with its own reference, its speaker and somebody else.

The cosine of embeddings is how speaker verification scores a pair [Dehak et al. 2011, doi:10.1109/TASL.2010.2064307].
Papers on FocalCodec print it times 100; here it is between -1 and 1.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.align import check_signal
from benchmark.types import (
    Description,
    Known,
    NotMeasured,
    Result,
    Signal,
    Trust,
    Validity,
    ValueInfo,
)

RATE = 16_000  # Hz, of all three models
LEAST_S = 1.0  # of speech: what is shorter says little about a voice
BATCH_S = 64  # of signals that go through a model at once, where they do
NEEDS = ("reference", "same", "other")
WHO = {
    "sim": "the reference",
    "same": "the other utterance of this speaker",
    "other": "the utterance of another speaker",
}
MISSING = {
    "sim": "there is no reference",
    "same": "the data name no speaker of this utterance, or have only this one of theirs",
    "other": "the data name no speakers, or only one",
}

Batch: TypeAlias = npt.NDArray[np.float32]  # signals of one length, shape (batch, n)
Embed: TypeAlias = Callable[[Batch], Sequence[Description | NotMeasured]]


def values(model: str, source: str, generative: Trust) -> dict[str, ValueInfo]:
    """What a reader must know of `spk_sim_MODEL`, `spk_same_MODEL` and `spk_other_MODEL`."""
    validity = Validity(
        loss="care",
        noise="care",
        generative=generative,
        why="it says whose voice it is, not how good it sounds, and means something only beside the same speaker's "
        "and another speaker's speech under the same model",
    )
    return {
        f"spk_sim_{model}": ValueInfo("", "higher", f"cosine with the reference; {source}", RATE, validity),
        f"spk_same_{model}": ValueInfo(
            "", "higher", f"cosine with another, uncoded utterance of the speaker; {source}", RATE, validity
        ),
        f"spk_other_{model}": ValueInfo(
            "", "neither", f"cosine with an uncoded utterance of another speaker; {source}", RATE, validity
        ),
    }


class Voices:
    """A listener; what it says of a signal is the model's embedding, float32, shape (dimensions,).

    Nothing is ever padded. On a GPU, signals of equal length go through the model together. On the CPU that saves
    nothing, and changes last digits with the company that a signal has, so there each goes alone.

    Attributes:
        model: its name in the names of the values.
        together: whether signals of equal length share a batch.
    """

    def __init__(self, model: str, load: Callable[[], Embed], together: bool = False) -> None:
        self.model = model
        self.together = together
        self._load = load
        self._embed: Embed | None = None

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> list[Description | NotMeasured]:
        """An embedding of each signal at 16 kHz that holds 1 s of speech or more; of none, it loads the model.

        Raises:
            Unavailable: when the weights, a library or the device are not here.
            UserError: when the file of weights is not that of this model.
        """
        name = f"spk_sim_{self.model}"
        if rate != RATE:
            raise ValueError(f"{name}: {rate} Hz; the model hears {RATE} Hz.")
        if self._embed is None:
            self._embed = self._load()
        found: list[Description | NotMeasured] = [_refusal(name, signal) for signal in signals]
        usable = [i for i, refusal in enumerate(found) if refusal is None]
        lengths = [len(signal) for signal in signals]
        for members in _batches(usable, lengths) if self.together else ([i] for i in usable):
            said = self._embed(np.stack([signals[i] for i in members]).astype(np.float32, copy=False))
            for i, embedding in zip(members, said, strict=True):
                found[i] = _checked(embedding)
        return found

    def compare(self, degraded: Description, known: Known) -> Mapping[str, Result]:
        """The cosines, each at most 1; not measured where there is nobody to compare with."""
        others = {"sim": known.reference, "same": known.same, "other": known.other}
        return {f"spk_{kind}_{self.model}": _against(degraded, said, kind) for kind, said in others.items()}


def enough(seconds: float, of: str = "of signal") -> None:
    """Raises NotMeasured where there are fewer seconds than a voice can be told from."""
    if seconds < LEAST_S:
        raise NotMeasured("too_short", f"{seconds:.2f} s {of}; a voice is told from {LEAST_S:g} s or more")


def cosine(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> float:
    """Of the angle between two embeddings, in [-1, 1]."""
    one, two = first.astype(np.float64), second.astype(np.float64)
    return float(np.clip(one @ two / np.sqrt((one @ one) * (two @ two)), -1.0, 1.0))


def _refusal(name: str, signal: Signal) -> NotMeasured | None:
    try:
        check_signal(name, signal)
        enough(len(signal) / RATE)
    except NotMeasured as error:
        return NotMeasured(error.status, error.reason)  # without the frames that the caught one keeps
    except ValueError as error:
        return NotMeasured("metric_failed", str(error))
    return None


def _batches(usable: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """The usable ones by length, and no more at once than a memory holds."""
    alike: dict[int, list[int]] = defaultdict(list)
    for i in usable:
        alike[lengths[i]].append(i)
    for length, members in alike.items():
        most = max(1, BATCH_S * RATE // length)
        yield from (members[start : start + most] for start in range(0, len(members), most))


def _checked(embedding: Description | NotMeasured) -> Description | NotMeasured:
    if not isinstance(embedding, NotMeasured) and not (np.isfinite(embedding).all() and embedding.any()):
        return NotMeasured("metric_failed", "the model's embedding is zero or not finite")
    return embedding


def _against(degraded: Description, said: Description | NotMeasured | None, kind: str) -> Result:
    if said is None:
        return NotMeasured("not_applicable", MISSING[kind])
    if isinstance(said, NotMeasured):
        return NotMeasured(said.status, f"{WHO[kind]}: {said.reason}")
    return cosine(degraded, said)
