"""What all layouts share: rows of a manifest, and one clear line for a piece that is not there."""

import hashlib
from pathlib import Path
from typing import TypeAlias

from benchmark.types import UserError

Row: TypeAlias = dict[str, str]

POINTER = b"version https://git-lfs.github.com/spec/v1"  # how a file begins that git-lfs has not brought yet


def row(folder: Path, path: Path, *, name: str, split: str, **columns: str) -> Row:
    """The row of one audio file.

    Args:
        folder: of the data set; paths in the manifest are relative to it.
        path: of the file.
        name: its id.
        split: its split; empty where the publisher has none.
        columns: further ones; those that every manifest has are empty unless given.

    Raises:
        UserError: when the file is not there, lies elsewhere, or is only git-lfs's pointer to it.
    """
    if not path.is_relative_to(folder):
        raise UserError(f"{path} is not in {folder}; paths of a data set are relative to it.")
    content = read(path)
    if content.startswith(POINTER):
        raise UserError(f"{path} is a pointer of git-lfs, not audio; run `git lfs pull` in its repository.")
    common = dict.fromkeys(("speaker", "gender", "label", "transcript", "language"), "")
    return {
        "id": name,
        "path": path.relative_to(folder).as_posix(),
        **common,
        "split": split,
        **columns,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def read(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UserError: when it is not there.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; the data set is not complete, or lies in another folder.")
    return path.read_bytes()


def lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank.

    Raises:
        UserError: when it is not there, or not text in UTF-8.
    """
    try:
        text = read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: {error}.") from error
    return [line for line in text.split("\n") if line.strip()]


def files(folder: Path, pattern: str) -> list[Path]:
    """What matches `pattern`, sorted, without what macOS leaves in archives.

    Raises:
        UserError: when nothing does.
    """
    found = sorted(path for path in folder.glob(pattern) if not path.name.startswith("._"))
    if not found:
        raise UserError(f"{folder} holds no {pattern}; the data set is not complete, or lies in another folder.")
    return found


def unknown(path: Path, scheme: str) -> UserError:
    """The error for a file whose name does not follow the data set's scheme."""
    return UserError(f"{path} is not named as {scheme}; move what is not of the data set away.")
