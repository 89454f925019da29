"""Speech enhancement on tokens (arXiv 2502.04465, section 4): from those of noisy speech to those of clean speech.

What is here needs no training: what the papers train and measure, and which noisy and clean files belong together.
"""

from benchmark.manifest import Dataset
from benchmark.types import Listener, Task, Unavailable, ValueInfo
from tasks._pairs import Pair, pairs

COLUMNS = ("clean",)
TASK = Task(
    title="Speech enhancement",
    needs=", ".join(COLUMNS),
    kind="speech",
    metric="enhancement_token_error",
    apart="speakers",
    protocol="enhancement-tokens-1",
    source="arXiv 2502.04465 on VoiceBank-DEMAND (doi 10.7488/ds/2117), 28 speakers, p226 and p287 for validation",
)
# What the papers train, and what they score its decoded speech with.
MODEL = "Conformer: 6 layers of 512, 4 heads, 2048 in between; a linear head per codebook; cross-entropy"
PUBLISHED = ("dnsmos_p808", "dwer", "spk_sim_wavlm")
VALUES = {TASK.metric: ValueInfo("share", "lower", f"tokens that differ from the clean speech's; {TASK.source}")}
NEEDS: tuple[str, ...] = ()
LABELS = COLUMNS


def noisy_and_clean(dataset: Dataset) -> list[Pair]:
    """Noisy utterances, each with the file of its clean speech. Raises UserError where one is missing."""
    return pairs(dataset, COLUMNS, "enhancement")


def make() -> Listener:
    """Nothing that can listen yet.

    Raises:
        Unavailable: always, with what there is instead.
    """
    raise Unavailable(
        "enhancement: no model is trained on tokens of noisy speech in this version. What a codec does to noisy speech "
        "is measured by any suite with `acoustics: noise`, against the clean speech and against the input."
    )
