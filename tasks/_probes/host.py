"""A probe in a supervised child (`benchmark.child`): taught epoch by epoch, then asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.lessons import Brief, Epoch, Example, Tokens

if TYPE_CHECKING:
    from tasks._probes.training import Training


class ProbeHost:
    """One probe at a time; with one thread, the same arguments give the same answers."""

    def __init__(self) -> None:
        self._training: Training | None = None

    def begin(
        self, brief: Brief, train: Sequence[Example], valid: Sequence[Example], checkpoint: bytes | None
    ) -> Epoch | None:
        """Forget what was, and prepare for this; with a `checkpoint`, stand where it was taken.

        Raises:
            UserError: when there is no such recipe, or features are asked of a codec that tells no vectors.
            NotMeasured: when nothing can be learned from these examples, or the checkpoint belongs to others.
        """
        from tasks._probes.training import Training

        self._training = Training(brief, train, valid)
        return None if checkpoint is None else self._training.resume(checkpoint)

    def notes(self) -> dict[str, int]:
        """How many training utterances were left out and why, and of how many outputs the network chooses."""
        return dict(self._begun().notes)

    def epoch(self) -> Epoch:
        """Train once with every example.

        Raises:
            NotMeasured: ``metric_failed`` when a loss is no finite number.
        """
        return self._begun().epoch()

    def answer(self, utterances: Sequence[Tokens]) -> list[int | str]:
        """What the best epoch's network says of each: the index of a class, or a text. After an epoch at least."""
        return self._begun().answer(utterances)

    def _begun(self) -> "Training":
        if self._training is None:
            raise RuntimeError("begin comes first")
        return self._training
