"""Speech recognition: error rates of what a recogniser hears in decoded speech [Morris et al., Interspeech 2004].

The recogniser, and what counts as an error, are those of the metric `benchmark.metrics.asr`, with the same parameters;
its warnings hold here too. A task compares with the transcript alone: what it costs to be coded at all is the
difference to the rate of uncoded speech, which every task has beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.metrics import asr
from benchmark.metrics.asr import uses_device as uses_device
from benchmark.metrics.asr import versions as versions
from benchmark.types import Description, Known, Listener, NotMeasured, Result, Signal, Task

NEEDS = ()
LABELS = asr.LABELS
TASK = Task(
    title="Speech recognition",
    needs="transcript",
    kind="text",
    metric="asr_wer",
    apart="speakers",
    protocol="asr-decoded-1",
    source="LibriSpeech, Panayotov et al., ICASSP 2015; the protocol of arXiv 2502.04465 with another recogniser",
)
FROM = {"asr_wer": "wer", "asr_cer": "cer"}  # what the metric calls them
VALUES = {name: asr.VALUES[value] for name, value in FROM.items()}
ALONE = NotMeasured("not_applicable", "the task compares with the transcript alone")


@dataclass(frozen=True)
class Transcripts:
    """What a recogniser hears, and how far that is from what was said."""

    ears: Listener

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> Sequence[Description | NotMeasured]:
        """The texts; see `benchmark.metrics.asr.Asr.describe`."""
        return self.ears.describe(signals, rate, labels)

    def compare(self, degraded: str, known: Known) -> dict[str, Result]:
        """Both rates, or why there is none."""
        values = self.ears.compare(degraded, known._replace(reference=ALONE))
        return {name: values[value] for name, value in FROM.items()}


def make(
    model: str = "pocketsphinx",
    weights: str | None = None,
    language: str = "en",
    normaliser: str = "auto",
    device: str = "cpu",
) -> Listener:
    """Error rates by one recogniser; the parameters are those of the metric, `benchmark.metrics.asr.make`.

    Raises:
        UserError: for a value that it does not take.
    """
    return Transcripts(asr.make(model, weights, language, normaliser, device))
