"""Shared libraries of the system through ctypes: found, their functions checked and typed, named by their checksum."""

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.manifest import file_digest
from benchmark.types import Unavailable, UserError

Signatures = Mapping[str, tuple[Any, Sequence[Any]]]  # function: what it returns, and its arguments, as ctypes has them

POINTER, INT, INT16, INT32 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int16, ctypes.c_int32


def _nowhere() -> Iterator[str]:
    yield from ()


@dataclass(frozen=True)
class Library:
    """A library by the names the loader knows it under.

    Attributes:
        title: of the codec, for messages.
        name: as in ``lib<name>``, for the tools that look for it, and for the variable that names another one:
            FOCALBENCH_LIB<NAME>.
        sonames: file names, the best first.
        package: of Debian, which has it.
        signatures: of the functions that are used; a library without one of them is not taken.
        elsewhere: further places, asked last.
        otherwise: other ways to get it, in words.
    """

    title: str
    name: str
    sonames: tuple[str, ...]
    package: str
    signatures: Signatures
    elsewhere: Callable[[], Iterator[str]] = _nowhere
    otherwise: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that names the file."""
        return f"FOCALBENCH_LIB{self.name.upper().replace('-', '_')}"

    def __hash__(self) -> int:
        return hash((self.name, self.sonames))

    def load(self) -> ctypes.CDLL:
        """The library that the variable names, else the system's.

        Raises:
            UserError: when the variable names something else.
            Unavailable: when there is none; the text says how to get it.
        """
        return _load(self, os.environ.get(self.variable, ""))

    def identity(self) -> dict[str, str]:
        """Its file and checksum: many have no version to ask for."""
        name = self.load()._name
        file = Path(os.path.realpath(name)) if os.sep in name else _mapped(name)
        checksum = f", sha256 {file_digest(file)[:16]}" if file.is_file() else ""
        return {f"lib{self.name}": file.name + checksum}


@cache
def _load(library: Library, named: str) -> ctypes.CDLL:
    if named:
        try:
            return _typed(ctypes.CDLL(named), library)
        except (OSError, AttributeError) as error:
            advice = f"Give the path of {library.sonames[0]}, or unset it."
            raise UserError(f"{library.variable}={named!r} is not lib{library.name}: {error}. {advice}") from error
    for candidate in _candidates(library):
        try:
            return _typed(ctypes.CDLL(candidate), library)
        except (OSError, AttributeError):
            continue
    ways = f"`apt-get install {library.package}`, {library.otherwise}or {library.variable}=PATH"
    raise Unavailable(f"{library.title} needs lib{library.name}: {ways}.")


def _candidates(library: Library) -> Iterator[str]:
    """Cheapest first: names the loader knows, then what the system's tools find (tens of ms), then further places."""
    yield from library.sonames
    from ctypes.util import find_library

    if found := find_library(library.name):
        yield found
    yield from library.elsewhere()


def _typed(native: ctypes.CDLL, library: Library) -> ctypes.CDLL:
    for name, (result, arguments) in library.signatures.items():
        function = getattr(native, name)
        function.restype, function.argtypes = result, list(arguments)
    return native


def _mapped(name: str) -> Path:
    """The file that a library was loaded from (Linux); its name alone where that cannot be told."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    files = {Path(line.split(maxsplit=5)[5]) for line in lines if os.sep in line}
    stem = name.partition(".so")[0]
    return min((file for file in files if file.name.partition(".so")[0] == stem), default=Path(name))
