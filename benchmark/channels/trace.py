"""Replay of a recorded network: a loss trace (one line per packet, 1 = lost) or a delay trace (CSV).

The text form is that of the Packet Loss Concealment Challenge (``_is_lost.txt``, one line per 20 ms). The
CSV form has columns ``send_ms`` and ``delay_ms`` (above the minimum; empty: never arrived). Entry 0 decides
the packet that covers media [0, slot); longer packets are decided at their send instant.
"""

import csv
import math
from pathlib import Path

import numpy as np

from benchmark.channels._checks import number
from benchmark.types import LOST, Fate, Nanoseconds, UserError

LARGEST = 1e9  # ms, eleven days; what lies beyond is no time
FILES = ("path",)  # parameters that name files: looked up and hashed before any work


class Trace:
    """Replays `path`, over and over when it is shorter than the stream (`Fate.wraps` says how often).

    Args:
        path: the trace.
        slot_ms: duration of one entry of a text trace; a CSV brings its own.
        start: ``first``, or ``random``: from an entry drawn for each utterance, so that short utterances see all of it.
    """

    loss = None
    burst_ratio = None

    def __init__(self, path: str, slot_ms: float = 20.0, start: str = "first") -> None:
        if start not in ("first", "random"):
            raise UserError(f"trace: start={start!r} is not known; write first or random.")
        number("trace", "slot_ms", slot_ms, 0.001, "a microsecond")
        self.path, self.start = Path(path), start
        table = self.path.suffix.lower() == ".csv"
        self.slot, self.delays = _read_csv(self.path) if table else _read_text(self.path, slot_ms)

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"trace {self.path.stem}"

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """The recorded delay of the entry that covers the send instant."""
        first = int(generator.integers(len(self.delays))) if self.start == "random" else 0
        entry = np.maximum(np.asarray(sent) - 1, 0) // self.slot + first
        return Fate(self.delays[entry % len(self.delays)], int(entry.max(initial=0)) // len(self.delays))


def _read_text(path: Path, slot_ms: float) -> tuple[int, Nanoseconds]:
    lines = [line.strip() for line in _lines(path) if line.strip()]
    for entry, line in enumerate(lines, 1):
        if line not in ("0", "1"):
            raise UserError(f"{path}, entry {entry}: {line[:20]!r} is neither 0 (received) nor 1 (lost).")
    if not lines:
        raise UserError(f"{path} holds no packets.")
    return round(slot_ms * 1e6), np.array([LOST if line == "1" else 0 for line in lines], np.int64)


def _read_csv(path: Path) -> tuple[int, Nanoseconds]:
    try:
        rows = list(csv.DictReader(_lines(path)))
    except csv.Error as error:
        raise UserError(f"{path} is no table in CSV: {error}.") from error
    if len(rows) < 2 or not {"send_ms", "delay_ms"} <= rows[0].keys():
        raise UserError(f"{path} needs the columns send_ms and delay_ms, and at least two packets.")
    sent = [_number(path, i, row["send_ms"]) for i, row in enumerate(rows, 1)]
    slot = round((sent[-1] - sent[0]) / (len(sent) - 1) * 1e6)
    if slot <= 0 or any(abs(s - sent[0] - i * slot / 1e6) > 0.01 for i, s in enumerate(sent)):
        raise UserError(f"{path}: send_ms must rise in equal steps.")
    delays = [_delay(path, i, row["delay_ms"]) for i, row in enumerate(rows, 1)]
    return slot, np.array(delays, np.int64)


def _delay(path: Path, row: int, text: str) -> int:
    if not (text or "").strip():
        return int(LOST)
    if (delay := _number(path, row, text)) < 0:
        raise UserError(f"{path}, row {row}: delay_ms={text} is negative.")
    return round(delay * 1e6)


def _number(path: Path, row: int, text: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not abs(value) <= LARGEST:
        raise UserError(f"{path}, row {row}: {text!r} is not a number of milliseconds up to {LARGEST:g}.")
    return value


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The trace {path} cannot be read: {error}.") from error


make = Trace
