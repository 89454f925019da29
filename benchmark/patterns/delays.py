"""Delays as a table: CSV with the columns ``send_ms`` and ``delay_ms`` (above the minimum; empty: never arrived)."""

import csv
import math

import numpy as np

from benchmark.types import LOST, Nanoseconds, UserError

LARGEST = 1e9  # ms, eleven days; what lies beyond is no time


def decode(blob: bytes, where: str) -> tuple[int, Nanoseconds]:
    """Duration of a slot and delay of each packet, ns; `LOST` where the field is empty. Errors call the file `where`.

    Raises:
        UserError: for what is no such table, and for times that are none or do not rise in equal steps.
    """
    try:
        rows = list(csv.DictReader(blob.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{where} is no table in CSV: {error}; save it as CSV in UTF-8.") from error
    if len(rows) < 2 or not {"send_ms", "delay_ms"} <= rows[0].keys():
        raise UserError(f"{where} needs the columns send_ms and delay_ms, and at least two packets.")
    sent = [_number(where, i, row["send_ms"]) for i, row in enumerate(rows, 1)]
    slot = round((sent[-1] - sent[0]) / (len(sent) - 1) * 1e6)
    if slot <= 0 or any(abs(s - sent[0] - i * slot / 1e6) > 0.01 for i, s in enumerate(sent)):
        raise UserError(f"{where}: send_ms must rise in equal steps.")
    delays = [_delay(where, i, row["delay_ms"]) for i, row in enumerate(rows, 1)]
    return slot, np.array(delays, np.int64)


def encode(slot: int, delays: Nanoseconds) -> bytes:
    """The inverse of `decode`; the first packet is sent at the end of its slot, whose duration is `slot` ns.

    Raises:
        UserError: for a single packet, which has no step, and for times that `decode` would refuse.
    """
    if len(delays) < 2:
        raise UserError("format=csv: one packet does not say how far apart packets are; ask for two or more.")
    longest = max(slot * len(delays), int(delays[delays != LOST].max(initial=0)))
    if longest > LARGEST * 1e6:
        raise UserError(f"format=csv: {longest / 1e6:g} ms is beyond {LARGEST:g} ms; ask for fewer packets.")
    rows = (f"{_text(slot * i)},{'' if delay == LOST else _text(delay)}" for i, delay in enumerate(delays.tolist(), 1))
    return "\n".join(["send_ms,delay_ms", *rows, ""]).encode()


def _text(nanoseconds: int) -> str:
    whole, part = divmod(nanoseconds, 1_000_000)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".")


def _delay(where: str, row: int, text: str) -> int:
    if not (text or "").strip():
        return int(LOST)
    if (delay := _number(where, row, text)) < 0:
        raise UserError(f"{where}, row {row}: delay_ms={text} is negative; write the delay above the smallest.")
    return round(delay * 1e6)


def _number(where: str, row: int, text: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not abs(value) <= LARGEST:
        raise UserError(f"{where}, row {row}: {text!r} is not a number of milliseconds up to {LARGEST:g}.")
    return value
