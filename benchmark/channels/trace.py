"""Replay of a recorded network: which packets were lost (text, or an ITU-T error pattern), or delays (CSV).

Text is that of the Packet Loss Concealment Challenge (``_is_lost.txt``, one line per 20 ms) or of `opus_demo`; patterns
are those of ITU-T G.191. See `benchmark.patterns.files` for all formats. Entry 0 decides the packet that covers media
[0, slot); longer packets are decided at their send instant.
"""

from pathlib import Path

import numpy as np

from benchmark.channels._checks import number
from benchmark.channels._slots import note
from benchmark.patterns.files import FORMATS, check_format, read_losses
from benchmark.types import Fate, Nanoseconds, UserError

FILES = ("path",)  # parameters that name files: looked up and hashed before any work


class Trace:
    """Replays `path`, over and over when it is shorter than the stream (`Fate.wraps` says how often).

    Args:
        path: the trace.
        slot_ms: duration of one entry; a CSV brings its own.
        start: ``first``, or ``random``: from an entry drawn for each utterance, so that short utterances see all of it.
        format: ``auto``, ``plc``, ``opus``, ``g192``, ``byte``, ``bit`` or ``csv``.
    """

    loss = None
    burst_ratio = None

    def __init__(self, path: str, slot_ms: float = 20.0, start: str = "first", format: str = "auto") -> None:
        if start not in ("first", "random"):
            raise UserError(f"trace: start={start!r} is not known; write first or random.")
        number("trace", "slot_ms", slot_ms, 0.001, "a microsecond")
        check_format("trace", format, ("auto", *FORMATS))
        self.path, self.start = Path(path), start
        self.slot, self.delays = read_losses(self.path, round(slot_ms * 1e6), format)

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"trace {self.path.stem}" + (", from anywhere" if self.start == "random" else "") + note(self.slot / 1e6)

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """The recorded delay of the entry that covers the send instant."""
        first = int(generator.integers(len(self.delays))) if self.start == "random" else 0
        entry = np.maximum(np.asarray(sent) - 1, 0) // self.slot + first
        return Fate(self.delays[entry % len(self.delays)], int(entry.max(initial=0)) // len(self.delays))


make = Trace
