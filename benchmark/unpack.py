"""Unpacks ``tar.gz`` and ``zip`` archives, when every member is a plain file or folder inside the archive."""

import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from benchmark.types import UserError

KINDS = ("tar.gz", "zip")
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def unpack(archive: Path, kind: str, folder: Path) -> None:
    """Unpack an archive of one of `KINDS` into `folder`.

    Raises:
        UserError: when it is broken or encrypted, or a member is a link, a device or would lie elsewhere.
    """
    try:
        (_unpack_zip if kind == "zip" else _unpack_tar)(archive, folder)
    except BROKEN as error:
        raise UserError(f"{archive} cannot be unpacked: {error}.") from error


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, "r:gz") as tar:
        if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and newer; what it forbids is refused below too
            tar.extraction_filter = tarfile.data_filter
        for member in tar:
            _check(archive, member.name, member.isfile() or member.isdir())
            tar.extract(member, folder)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)  # zero where another system than Unix made it
            _check(archive, member.filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
            file.extract(member, folder)


def _check(archive: Path, name: str, plain: bool) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not plain:
        raise UserError(f"{archive} is not safe to unpack: it holds {name!r}.")
