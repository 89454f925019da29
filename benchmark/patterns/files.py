"""Which format a pattern of losses or bit errors is in, and its entries: read, or written.

``plc``: one line a packet; ``opus``: white space between; ``g192``, ``byte`` and ``bit``: ITU-T G.191; ``csv``: delays.
Nothing is guessed: ``auto`` takes what the contents (or the suffix .csv) leave no doubt about, so never compact bits,
which any bytes could be.
"""

from pathlib import Path

import numpy as np

from benchmark.patterns import delays as tables
from benchmark.patterns import softbits, text
from benchmark.types import LOST, Booleans, Nanoseconds, UserError

BIT_FORMATS = ("g192", "byte", "bit")  # for errors of bits
FORMATS = ("plc", "opus", *BIT_FORMATS, "csv")


def check_format(component: str, name: str, known: tuple[str, ...]) -> None:
    """Raise UserError unless `name` is one of the formats that a `component` has."""
    if name not in known:
        raise UserError(f"{component}: format={name} must be one of {', '.join(known)}; write one of these.")


def read_losses(path: Path, slot: int, form: str = "auto") -> tuple[int, Nanoseconds]:
    """The pattern of packets in a file: the duration of an entry, and delays (0, or `LOST` = never came), all ns.

    Args:
        path: the file.
        slot: duration of an entry, ns, where the format does not say.
        form: one of `FORMATS`, or ``auto``.

    Raises:
        UserError: for what cannot be read, is not in this format, or is a pattern of bit errors.
    """
    blob = _bytes(path)
    form = detect(blob, path) if form == "auto" else form
    if form == "csv":
        return tables.decode(blob, str(path))
    if form in BIT_FORMATS:
        pattern = softbits.decode(blob, str(path), form)
        if pattern.of == "bits":
            raise UserError(f"{path} is a pattern of bit errors, not of losses; write bit_errors:path={path}.")
        lost = pattern.errors
    else:
        lost = text.decode(blob, str(path), one_a_line=form == "plc")
    return slot, np.where(lost, LOST, 0)


def read_bit_errors(path: Path, form: str = "auto") -> Booleans:
    """The pattern of bits in a file, True where one is wrong; `form` is one of `BIT_FORMATS`, or ``auto``.

    Raises:
        UserError: for what cannot be read, is not in this format, or is a pattern of losses.
    """
    blob = _bytes(path)
    form = detect(blob, path) if form == "auto" else form
    pattern = softbits.decode(blob, str(path), form) if form in BIT_FORMATS else None
    if pattern is None or pattern.of == "frames":
        raise UserError(f"{path} is a pattern of losses, not of bit errors; write trace:path={path}.")
    return pattern.errors


def encode_losses(slot: int, delays: Nanoseconds, form: str) -> bytes:
    """The contents of a file that `read_losses` reads back.

    Raises:
        UserError: where the format has no place for this.
    """
    if not len(delays):
        raise UserError(f"format={form}: there are no packets to write; ask for one or more.")
    if form == "csv":
        return tables.encode(slot, delays)
    lost = delays == LOST
    if delays[~lost].any():
        raise UserError(f"format={form} holds losses only, and packets are delayed here; write format=csv.")
    if form in BIT_FORMATS:
        return softbits.encode(softbits.Pattern(lost, "frames"), form)
    return text.encode(lost, one_a_line=form == "plc")


def encode_bit_errors(errors: Booleans, form: str) -> bytes:
    """The contents of a file that `read_bit_errors` reads back.

    Raises:
        UserError: where the format has no place for this.
    """
    if form not in BIT_FORMATS:
        raise UserError(f"format={form} has no place for bit errors; write one of {', '.join(BIT_FORMATS)}.")
    if not len(errors):
        raise UserError(f"format={form}: there are no bits to write; ask for one or more.")
    return softbits.encode(softbits.Pattern(errors, "bits"), form)


def detect(blob: bytes, path: Path) -> str:
    """The one of `FORMATS` that a file is in, by its contents; ``opus`` for all text.

    Raises:
        UserError: where it could be several, or is none.
    """
    if path.suffix.lower() == ".csv" or b"delay_ms" in blob.partition(b"\n")[0]:
        return "csv"
    if path.suffix.lower() == ".bit":
        raise UserError(
            f"{path}: the name says compact bits, which nothing confirms; write format=bit, or which it is."
        )
    start, plain = set(blob[:2]), set(blob.removeprefix(b"\xef\xbb\xbf"))
    if not blob.strip(b" \t\r\n"):
        if plain == {0x20}:
            raise UserError(
                f"{path}: nothing but 0x20 is text without packets, or all erased; write format=byte for it."
            )
        return "opus"
    if plain <= set(b"01 \t\r\n"):
        return "opus"
    if start <= {0x20, 0x21} or start <= {0x7F, 0x81}:
        return "byte"
    words = {word for pair in softbits.WORDS.values() for word in pair} | softbits.SWAPPED
    if int.from_bytes(blob[:2], "little") in words:
        return "g192"
    if all(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in plain):
        return "opus"  # its reader says which entry is wrong
    raise UserError(f"{path} is neither text of 0 and 1 nor a G.192 pattern; for compact bits write format=bit.")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"The trace {path} cannot be read: {error}.") from error
