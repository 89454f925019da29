"""Brings data sets and weights from their public home: resumable, checked by SHA-256, unpacked safely.

A source is described by ``data_manifests/sources/NAME.yaml``: an archive, which also gets a manifest, or several
files. Nothing else in the suite downloads anything.
"""

import contextlib
import csv
import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from benchmark.download import File, Progress, Received, download
from benchmark.manifest import file_digest, shipped
from benchmark.registry import nearest
from benchmark.types import UserError

MARKER = ".fetched"  # says what the folder was made from: the archive's checksum, or `Received` of each file
DOWNLOADS = "downloads"  # folder of the data root for what is under way, also for archives brought by hand
CHECKED = {
    "ours": "our checksum was checked",
    "publisher": "no checksum of our own: the publisher's was checked",
    "nobody": "no checksum, neither of our own nor the publisher's, was checked",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A data set or a checkpoint that somebody publishes: one archive at `url`, or several `files`.

    Attributes:
        provides: the folder of the data root it becomes.
        url: of the archive, whose checksum is `sha256`.
        archive: ``tar.gz``, or ``none`` for a single file.
        files: in place of `url`; the folder holds them under the last parts of their addresses.
        layout: how to make a manifest of it, see `LAYOUTS`; empty: it needs none.
        repository: its name on a model hub, ``owner/name``.
        bytes: size of the download, where known.
    """

    name: str
    title: str
    licence: str
    citation: str
    provides: str
    url: str = ""
    sha256: str = ""
    archive: str = "none"
    files: tuple[File, ...] = ()
    layout: str = ""
    repository: str = ""
    bytes: int | None = None


def known() -> dict[str, Source]:
    """All sources that come with the project, by name."""
    files = sorted((shipped() / "sources").glob("*.yaml"))
    sources = [_source(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files]
    return {source.name: source for source in sources}


def _source(entry: dict[str, Any]) -> Source:
    return Source(**{**entry, "files": tuple(File(**file) for file in entry.get("files", ()))})


def fetch(name: str, root: Path, progress: Progress = lambda done, total: None) -> Path:
    """Put the source `name` under `root` and return its folder; nothing to do when it is there already.

    Raises:
        UserError: for an unknown name, a network failure, a wrong checksum or an archive that is not safe.
    """
    sources = known()
    if name not in sources:
        raise UserError(f"There is nothing called {name!r} to fetch. {nearest(name, sources)}")
    return bring(sources[name], root, progress)


def bring(source: Source, root: Path, progress: Progress) -> Path:
    """As `fetch`, for a source that need not be a shipped one."""
    folder = root / source.provides
    if folder.exists() and not (folder / MARKER).is_file():
        raise UserError(f"{folder} exists, but `focalbench fetch` did not make it; move it away first.")
    try:
        if source.files and not _has_files(source, folder):
            _bring_files(source, root / DOWNLOADS / source.name, folder, progress)
        elif not source.files and _text(folder / MARKER).strip() != source.sha256:
            _bring_archive(source, root / DOWNLOADS / PurePosixPath(source.url).name, folder, progress)
    except OSError as error:
        raise UserError(f"{source.name}: cannot be put under {root}: {error}.") from error
    return folder


def received(folder: Path) -> Mapping[str, Received]:
    """What came for each file of a fetched folder, by its name; empty where an archive came."""
    try:
        return {name: Received(**entry) for name, entry in json.loads(_text(folder / MARKER)).items()}
    except (ValueError, TypeError, AttributeError):  # the marker of an archive, or one that was tampered with
        return {}


def record(folder: Path) -> Iterator[str]:
    """A line for each file of a fetched folder: what came, and what it was checked against."""
    for name, one in received(folder).items():
        revision = f", revision {one.revision}" if one.revision else ""
        yield f"  {name}: {one.bytes} bytes, SHA-256 {one.sha256}{revision} ({CHECKED[one.checked]}; recorded)"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _has_files(source: Source, folder: Path) -> bool:
    held = received(folder)
    return all(
        file.name in held
        and held[file.name].url == file.url
        and (file.sha256 or held[file.name].sha256) == held[file.name].sha256
        and (folder / file.name).is_file()
        for file in source.files
    )


def _bring_files(source: Source, parts: Path, folder: Path, progress: Progress) -> None:
    parts.mkdir(parents=True, exist_ok=True)
    otherwise = f"put {' and '.join(file.name for file in source.files)} into {folder} by other means"
    partials = {file: parts / f"{file.name}.partial" for file in source.files}
    came = {file.name: download(file, partial, progress, otherwise) for file, partial in partials.items()}
    if len(revisions := sorted({one.revision for one in came.values() if one.revision})) > 1:
        raise UserError(f"{source.name} was changed while it was fetched ({', '.join(revisions)}); fetch it again.")
    with _building(folder) as work:
        for file, partial in partials.items():
            shutil.move(partial, work / file.name)
        entries = {name: asdict(one) for name, one in came.items()}
        (work / MARKER).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    with contextlib.suppress(OSError):  # somebody keeps something there
        parts.rmdir()


def _bring_archive(source: Source, archive: Path, folder: Path, progress: Progress) -> None:
    if by_hand := archive.is_file():
        if (digest := file_digest(archive)) != source.sha256:
            raise UserError(f"{archive} has SHA-256 {digest}, {source.name} needs {source.sha256}; delete it.")
    else:
        archive.parent.mkdir(parents=True, exist_ok=True)
        partial = archive.with_name(archive.name + ".partial")
        otherwise = f"download it by other means to {archive} and run the command again"
        download(File(source.url, source.sha256), partial, progress, otherwise)
        partial.replace(archive)
    with _building(folder) as work:
        if source.archive == "none":
            shutil.copyfile(archive, work / archive.name)
        else:
            _extract(archive, work)
        if source.layout:
            _write_manifest(source, work)
        (work / MARKER).write_text(source.sha256 + "\n", encoding="utf-8")
    if not by_hand:
        archive.unlink()


@contextlib.contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """Build the whole folder beside its place, then move it there: it is never half there."""
    work = folder.with_name(folder.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    yield work
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
