"""Bit errors: payloads arrive in time, but with bits inverted [ITU-T G.191, Error Insertion Device].

Errors are independent, or in bursts (`gamma`, the Gilbert-Elliott model of `benchmark.channels.eid`), or those of a
recorded pattern. The bits of all payloads are taken in turn, the highest bit of a byte first, as `benchmark.bits` packs
them; the padding behind a payload's last bit is never touched.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmark.channels.eid import check_model, gilbert
from benchmark.patterns.files import BIT_FORMATS, check_format, read_bit_errors
from benchmark.types import Booleans, Fate, Nanoseconds, Point, UserError

FILES = ("path",)  # parameters that name files: looked up and hashed before any work


class BitErrors:
    """Inverts the share `rate` of bits, or those that a pattern says, which begins anew where it ends.

    At one `gamma`, what is wrong at a lower rate is wrong at a higher one too.

    Args:
        rate: in [0, 0.5].
        gamma: correlation of the state from bit to bit, in [0, 1).
        path: a pattern of bit errors, instead of a rate.
        format: of the pattern: ``auto``, ``g192``, ``byte`` or ``bit``.
        stl_seed: the pattern that the STL's `gen-patt -ber` itself writes from this seed, for every utterance the same.
    """

    loss = None
    burst_ratio = None

    def __init__(
        self,
        rate: float | None = None,
        gamma: float = 0.0,
        path: str | None = None,
        format: str = "auto",
        stl_seed: int | None = None,
    ) -> None:
        if (rate is None) == (path is None):
            raise UserError("bit_errors: give either a rate or the path of a pattern, as in bit_errors:rate=0.001.")
        check_format("bit_errors", format, ("auto", *BIT_FORMATS))
        check_model("bit_errors", rate or 0, gamma, stl_seed, 0.5)
        if path is not None and (gamma or stl_seed is not None):
            raise UserError("bit_errors: a pattern is replayed as it is; give no gamma and no stl_seed with its path.")
        if path is None and format != "auto":
            raise UserError(f"bit_errors: format={format} is that of a pattern; give its path too, or no format.")
        self.rate, self.gamma, self.stl_seed = rate, gamma, stl_seed
        self.path = None if path is None else Path(path)
        self.pattern = None if self.path is None else read_bit_errors(self.path, format)

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        if self.path is not None:
            return f"bit errors {self.path.stem}"
        return f"bit error rate {self.rate:g}, {self._model}"

    @property
    def point(self) -> Point | None:
        """Where it lies on a curve over the rate; None for a recorded pattern."""
        if self.rate is None:
            return None
        return Point(f"bit errors, {self._model}", "bit error rate", float(self.rate))

    @property
    def _model(self) -> str:
        seed = "" if self.stl_seed is None else f", seed {self.stl_seed}"
        return (f"gamma {self.gamma:g}" if self.gamma else "independent") + seed

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """No delay and no loss."""
        return Fate(np.zeros(len(sent), np.int64))

    def corrupt(self, payloads: Sequence[bytes], bits: Sequence[int], generator: np.random.Generator) -> list[bytes]:
        """The payloads as they arrive; of payload i the first ``bits[i]`` bits can be wrong."""
        errors, at, changed = self._errors(sum(bits), generator), 0, []
        for payload, count in zip(payloads, bits, strict=True):
            mask = np.zeros(8 * len(payload), np.uint8)
            mask[:count] = errors[at : at + count]
            changed.append((np.frombuffer(payload, np.uint8) ^ np.packbits(mask)).tobytes())
            at += count
        return changed

    def _errors(self, count: int, generator: np.random.Generator) -> Booleans:
        if self.pattern is not None:
            return np.resize(self.pattern, count)
        return gilbert(count, self.rate or 0, self.gamma, self.stl_seed, generator)


make = BitErrors
