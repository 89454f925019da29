"""Versions of what decides a value: installed packages, and files of weights."""

from functools import cache
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ABSENT = "absent"


def installed(*packages: str) -> dict[str, str]:
    """The version of each package; `ABSENT` where it is not installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ABSENT
    return found


def checksum(path: Path) -> str:
    """SHA-256 of a file of weights; `ABSENT` where there is none. A file that does not change is read once."""
    try:
        facts = path.stat()
    except OSError:
        return ABSENT
    return _checksum(path.absolute(), facts.st_size, facts.st_mtime_ns)


@cache
def _checksum(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
