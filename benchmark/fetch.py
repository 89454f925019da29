"""Brings data sets from their public home: resumable, checked by SHA-256, unpacked safely, given a manifest.

A source is described by ``data_manifests/sources/NAME.yaml``. Nothing else in the suite downloads anything.
"""

import csv
import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import yaml

from benchmark.manifest import file_digest, shipped
from benchmark.registry import nearest
from benchmark.types import UserError

CHUNK = 1 << 20  # bytes read at once
TIMEOUT = 60.0  # seconds without a single byte
MARKER = ".fetched"  # holds the checksum of what the folder was made from
DOWNLOADS = "downloads"  # folder of the data root for archives, also for those brought by hand

Progress: TypeAlias = Callable[[int, int | None], None]  # bytes done, bytes in all where known


@dataclass(frozen=True, slots=True)
class Source:
    """A data set somebody publishes.

    Attributes:
        archive: ``tar.gz``, or ``none`` for a single file.
        provides: the folder of the data root it becomes.
        layout: how to make a manifest of it, see `LAYOUTS`; empty: it needs none.
        bytes: size of the download, where known.
    """

    name: str
    title: str
    url: str
    sha256: str
    archive: str
    licence: str
    citation: str
    provides: str
    layout: str = ""
    bytes: int | None = None


def known() -> dict[str, Source]:
    """All sources that come with the project, by name."""
    files = sorted((shipped() / "sources").glob("*.yaml"))
    sources = [Source(**yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files]
    return {source.name: source for source in sources}


def fetch(name: str, root: Path, progress: Progress = lambda done, total: None) -> Path:
    """Put the data set `name` under `root` and return its folder; nothing to do when it is there already.

    Raises:
        UserError: for an unknown name, a network failure, a wrong checksum or an archive that is not safe.
    """
    sources = known()
    if name not in sources:
        raise UserError(f"No data set called {name!r}. {nearest(name, sources)}")
    return bring(sources[name], root, progress)


def bring(source: Source, root: Path, progress: Progress) -> Path:
    """As `fetch`, for a source that need not be a shipped one."""
    folder, archive = root / source.provides, root / DOWNLOADS / PurePosixPath(source.url).name
    marker = folder / MARKER
    if marker.is_file() and marker.read_text(encoding="utf-8").strip() == source.sha256:
        return folder
    if folder.exists() and not marker.is_file():
        raise UserError(f"{folder} exists, but `focalbench fetch` did not make it; move it away first.")
    by_hand = archive.is_file()
    try:
        if not by_hand:
            archive.parent.mkdir(parents=True, exist_ok=True)
            _download(source, archive, progress)
        elif (digest := file_digest(archive)) != source.sha256:
            raise UserError(f"{archive} has SHA-256 {digest}, {source.name} needs {source.sha256}; delete it.")
        _unpack(source, archive, folder)
    except OSError as error:
        raise UserError(f"{source.name}: cannot be put under {root}: {error}.") from error
    if not by_hand:
        archive.unlink()
    return folder


def _download(source: Source, archive: Path, progress: Progress) -> None:
    partial = archive.with_name(archive.name + ".partial")
    try:
        _receive(source.url, partial, progress)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"{source.url} cannot be fetched: {reason}. Try again (it goes on where it stopped), "
            f"or download it by other means to {archive} and run the command again."
        ) from error
    if (digest := file_digest(partial)) != source.sha256:
        partial.unlink()
        raise UserError(f"{source.url} came with SHA-256 {digest}, not {source.sha256}; it was thrown away.")
    partial.replace(archive)


def _receive(url: str, partial: Path, progress: Progress) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "focalbench"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if not (done and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            raise
        error.close()
        return  # nothing is left to get; the checksum will tell whether it is the right thing
    with response:
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


def _unpack(source: Source, archive: Path, folder: Path) -> None:
    """Build the whole folder beside its place, then move it there: it is never half there."""
    work = folder.with_name(folder.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if source.archive == "none":
        shutil.copyfile(archive, work / archive.name)
    else:
        _extract(archive, work)
    if source.layout:
        _write_manifest(source, work)
    (work / MARKER).write_text(source.sha256 + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)


def _extract(archive: Path, work: Path) -> None:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and newer; what it forbids is refused below too
                tar.extraction_filter = tarfile.data_filter
            for member in tar:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
                    raise UserError(f"{archive} is not safe to unpack: it holds {member.name!r}.")
                tar.extract(member, work)
    except (tarfile.TarError, EOFError) as error:
        raise UserError(f"{archive} cannot be unpacked: {error}.") from error


def _write_manifest(source: Source, folder: Path) -> None:
    rows = list(LAYOUTS[source.layout](folder))
    if not rows:
        raise UserError(f"{source.name}: the archive holds nothing in the layout {source.layout!r}.")
    common = {"source": source.name, "source_path": source.url, "licence": source.licence}
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], *common], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **common} for row in rows)


def _librispeech(folder: Path) -> Iterator[dict[str, str]]:
    """LibriSpeech/<part>/<speaker>/<chapter>/<id>.flac, with the chapter's transcripts in one file."""
    genders = _librispeech_genders(folder / "LibriSpeech" / "SPEAKERS.TXT")
    for transcripts in sorted(folder.glob("LibriSpeech/*/*/*/*.trans.txt")):
        speaker, part = transcripts.parts[-3], transcripts.parts[-4]
        for line in transcripts.read_text(encoding="utf-8").splitlines():
            name, _, transcript = line.partition(" ")
            path = transcripts.with_name(f"{name}.flac")
            yield {
                "id": name,
                "path": path.relative_to(folder).as_posix(),
                "speaker": speaker,
                "gender": genders.get(speaker, ""),
                "split": part.partition("-")[0],
                "transcript": transcript,
                "language": "en",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }


def _librispeech_genders(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    fields = [[cell.strip() for cell in line.split("|")] for line in lines if not line.startswith(";")]
    words = {"F": "female", "M": "male"}
    return {cells[0]: words.get(cells[1], "") for cells in fields if len(cells) > 1}


LAYOUTS: dict[str, Callable[[Path], Iterator[dict[str, str]]]] = {"librispeech": _librispeech}
