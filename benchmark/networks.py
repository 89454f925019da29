"""Networks one behind the other: delays add up, what one loses is lost, what one damages stays damaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.types import LOST, Channel, Fate, Nanoseconds

FAR = 1 << 30  # beyond the numbers of the generators that a part may spawn from its own


@dataclass(frozen=True)
class Networks:
    """A chain of channels."""

    parts: tuple[Channel, ...]
    loss = None
    burst_ratio = None

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return " + ".join(part.title for part in self.parts)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """The sum. The first part draws as it does alone."""
        fates = [part.fate(sent, g) for part, g in zip(self.parts, self._generators(generator), strict=True)]
        lost = np.any([fate.delays == LOST for fate in fates], axis=0)
        delays = np.sum([np.where(lost, 0, fate.delays) for fate in fates], axis=0)
        wraps, base = sum(fate.wraps for fate in fates), sum(fate.base for fate in fates)
        return Fate(np.where(lost, LOST, delays), wraps, base)

    def corrupt(self, payloads: Sequence[bytes], bits: Sequence[int], generator: np.random.Generator) -> list[bytes]:
        """What the parts do to payloads, in turn."""
        changed = list(payloads)
        for part, own in zip(self.parts, self._generators(generator), strict=True):
            if hasattr(part, "corrupt"):
                changed = part.corrupt(changed, bits, own)
        return changed

    def _generators(self, generator: np.random.Generator) -> list[np.random.Generator]:
        seed: Any = generator.bit_generator.seed_seq
        own = [np.random.SeedSequence(seed.entropy, spawn_key=(FAR + i,)) for i in range(1, len(self.parts))]
        return [generator, *(np.random.Generator(np.random.PCG64(s)) for s in own)]
