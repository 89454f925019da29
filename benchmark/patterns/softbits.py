"""Error patterns of the ITU-T: words and soft bits of Recommendation G.192, their low bytes, or compact bits.

As `gen-patt` and `eid-xor` of the Software Tool Library (ITU-T G.191) write and read them, without headers. A pattern
is of frames, good (0x6B21) or erased (0x6B20), or of bits, right (0x007F) or wrong (0x0081), as 16-bit words, low byte
first. The byte format keeps the low bytes. In the compact one the lowest bit of a byte comes first, and 1 is an error;
whether frames or bits are meant it does not say.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmark.types import Booleans, UserError

WORDS = {"frames": (0x6B21, 0x6B20), "bits": (0x007F, 0x0081)}  # of what -> without error, in error
SWAPPED = {int(np.uint16(word).byteswap()) for words in WORDS.values() for word in words}


class Pattern(NamedTuple):
    """`errors` is True where a frame is erased or a bit is wrong; `of` is ``frames``, ``bits``, or "" (not said)."""

    errors: Booleans
    of: str


def decode(blob: bytes, where: str, style: str) -> Pattern:
    """Read a pattern in the `style` ``g192``, ``byte`` or ``bit``; errors call the file `where`.

    Raises:
        UserError: for an empty file, half a word, swapped bytes, and for values that do not belong, with their place.
    """
    if not blob:
        raise UserError(f"{where} is empty; give a pattern with an entry for each frame or bit.")
    if style == "bit":
        return Pattern(np.unpackbits(np.frombuffer(blob, np.uint8), bitorder="little").astype(bool), "")
    if style == "byte":
        return _known(np.frombuffer(blob, np.uint8), where, 0xFF)
    if len(blob) % 2:
        raise UserError(
            f"{where} has {len(blob)} bytes, an odd number, but words have two each: it was cut off, or is no pattern "
            "of words; for one byte per entry write format=byte."
        )
    words = np.frombuffer(blob, "<u2")
    if int(words[0]) in SWAPPED:
        raise UserError(
            f"{where} is byte-swapped: its words have the high byte first; swap it, for example with "
            "`dd conv=swab if=FILE of=SWAPPED`."
        )
    return _known(words, where, 0xFFFF)


def _known(values: npt.NDArray[Any], where: str, mask: int) -> Pattern:
    kinds = {of: (good & mask, bad & mask) for of, (good, bad) in WORDS.items()}
    of = next((of for of, pair in kinds.items() if values[0] in pair), "frames")
    good, bad = kinds[of]
    wrong = (values != good) & (values != bad)
    if wrong.any():
        at, size = int(wrong.argmax()), values.itemsize
        found = f"{where}, byte {at * size}: 0x{int(values[at]):0{2 * size}X}"
        pairs = [f"0x{g:0{2 * size}X} and 0x{b:0{2 * size}X} (of {of})" for of, (g, b) in kinds.items()]
        if any(int(values[at]) in pair for pair in kinds.values()):
            raise UserError(f"{found} mixes frames with bits; a pattern holds {pairs[0]} or {pairs[1]}.")
        raise UserError(f"{found} does not belong in a pattern of {' or '.join(pairs)}; name another format.")
    return Pattern(np.asarray(values == bad), of)


def encode(pattern: Pattern, style: str) -> bytes:
    """The inverse of `decode`; a pattern that is ``of`` "" has only the style ``bit``.

    Raises:
        UserError: where compact bits do not fill their last byte, which no reader could tell from more entries.
    """
    if style == "bit":
        if more := -len(pattern.errors) % 8:
            count = len(pattern.errors)
            raise UserError(f"format=bit: {count} is not a multiple of 8; ask for {count + more}.")
        return np.packbits(pattern.errors, bitorder="little").tobytes()
    good, bad = WORDS[pattern.of]
    words = np.where(pattern.errors, bad, good)
    return words.astype("<u2" if style == "g192" else np.uint8).tobytes()
