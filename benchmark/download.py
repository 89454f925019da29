"""One file over HTTP: resumed where it stopped, checked by our SHA-256 of it, else by the one its publisher names.

Model hubs name the SHA-256 of a large file (``X-Linked-Etag``) and the commit (``X-Repo-Commit``) in the answer that
sends on to where the bytes lie. The ``ETag`` of the bytes may be 64 digits of hex too, but is another number.
"""

import http
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from benchmark.manifest import file_digest
from benchmark.types import UserError

CHUNK = 1 << 20  # bytes read at once
TIMEOUT = 60.0  # seconds without a single byte
QUOTED_SHA256 = re.compile(r'(?:W/)?"?([0-9a-fA-F]{64})"?')

Progress: TypeAlias = Callable[[int, int | None], None]  # bytes done, bytes in all where known


@dataclass(frozen=True, slots=True)
class File:
    """A file somebody publishes.

    Attributes:
        sha256: what it must have; None: what its publisher names.
        unchecked: it is taken also where the publisher names none, as for small files of model hubs.
    """

    url: str
    sha256: str | None = None
    unchecked: bool = False

    @property
    def name(self) -> str:
        """The last part of the address."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True, slots=True)
class Received:
    """What came.

    Attributes:
        checked: by whose SHA-256 it was checked: ``ours``, ``publisher`` or ``nobody``.
        revision: the publisher's commit; empty where the server names none.
    """

    url: str
    sha256: str
    bytes: int
    checked: str
    revision: str


class _Unvouched(Exception):
    """Nobody says what the SHA-256 of the file is."""


class _Answers(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and keeps the headers of every answer."""

    def __init__(self) -> None:
        self.headers: list[Message] = []

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        self.headers.append(headers)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def first(self, name: str) -> str:
        """The header of the first answer that has it, else nothing."""
        return next((headers[name].strip() for headers in self.headers if name in headers), "")

    @property
    def promised(self) -> str | None:
        """The SHA-256 that the publisher names."""
        found = QUOTED_SHA256.fullmatch(self.first("X-Linked-Etag"))
        return found[1].lower() if found else None


def download(file: File, partial: Path, progress: Progress, otherwise: str) -> Received:
    """Bring a file to `partial`, which may hold its beginning from an earlier try.

    What is there is kept when the connection breaks, and thrown away when it is wrong.

    Args:
        file: what is wanted.
        partial: where it goes.
        progress: told after every chunk.
        otherwise: what the user can do instead, for the errors.

    Raises:
        UserError: when it cannot be had, or is not what it should be.
    """
    try:
        answers = _receive(file, partial, progress)
    except _Unvouched as error:
        raise UserError(f"{file.url} is refused: {error}. You can {otherwise}.") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise UserError(f"{file.url} cannot be fetched: {_why(error)}{otherwise}.") from error
    wanted, digest = file.sha256 or answers.promised, file_digest(partial)
    if wanted and digest != wanted:
        partial.unlink()
        whose = "" if file.sha256 else ", as its publisher says"
        raise UserError(f"{file.url} came with SHA-256 {digest}, not {wanted}{whose}; it was thrown away.")
    checked = "ours" if file.sha256 else "publisher" if wanted else "nobody"
    return Received(file.url, digest, partial.stat().st_size, checked, answers.first("X-Repo-Commit"))


def _why(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"the server answers {error.code} {error.reason}. You can "
    reason = getattr(error, "reason", None) or error
    return f"{reason}. Try again (it goes on where it stopped), or "


def _receive(file: File, partial: Path, progress: Progress) -> _Answers:
    done = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(file.url, headers={"User-Agent": "focalbench"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    answers = _Answers()
    try:
        response = urllib.request.build_opener(answers).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if not (done and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            raise
        response = error  # nothing is left to get; the checksum will tell whether it is the right thing
    with response:
        answers.headers.append(response.headers)
        if not (file.sha256 or answers.promised):
            if not file.unchecked:
                raise _Unvouched("neither this project nor its publisher names its SHA-256")
            if done:  # nothing would tell whether the old part belongs to the new one: from the beginning
                partial.unlink()
                return _receive(file, partial, progress)
        if response.status != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            _save(response, done, partial, progress)
    return answers


def _save(response: Any, done: int, partial: Path, progress: Progress) -> None:
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        done = 0  # this server does not resume: from the beginning
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else None
    with partial.open("ab" if done else "wb") as file:
        while chunk := response.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done, total)
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes")
