"""Losses as text: `_is_lost.txt` of the Packet Loss Concealment Challenge, and what `opus_demo -lossfile` reads.

Both hold a 0 (received) or a 1 (lost) for every packet: the first one a line, the second with any white space between.
"""

import numpy as np

from benchmark.types import Booleans, UserError


def decode(blob: bytes, where: str, *, one_a_line: bool) -> Booleans:
    """True where a packet was lost, shape (packets,).

    Args:
        blob: the file's contents; a byte order mark and empty lines are passed over.
        where: what errors call the file.
        one_a_line: refuse lines of several entries.

    Raises:
        UserError: for anything but 0 and 1, and where there is nothing.
    """
    try:
        text = blob.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where} cannot be read as text: {error}; say which format it has, as in format=bit."
        ) from error
    entries = [line.strip() for line in text.splitlines() if line.strip()] if one_a_line else text.split()
    if not set(entries) <= {"0", "1"}:
        number, entry = next((i, e) for i, e in enumerate(entries, 1) if e not in ("0", "1"))
        raise UserError(f"{where}, entry {number}: {entry[:20]!r} is neither 0 (received) nor 1 (lost); correct it.")
    if not entries:
        raise UserError(f"{where} holds no packets; give a file with a 0 or a 1 for each.")
    return np.array([entry == "1" for entry in entries])


def encode(lost: Booleans, *, one_a_line: bool) -> bytes:
    """The inverse of `decode`."""
    return (("\n" if one_a_line else " ").join("01"[int(x)] for x in lost) + "\n").encode()
