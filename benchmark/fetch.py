"""Brings data sets and weights from their public home: resumable, checked by checksum, unpacked safely.

A source is described by ``data_manifests/sources/NAME.yaml``: an archive, several files, steps for what the user has to
bring, or the names of other sources that it joins. Data sets get a manifest. Nothing else in the suite downloads
anything.
"""

import contextlib
import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from benchmark.download import File, Progress, Received, download
from benchmark.layouts import LAYOUTS, shared
from benchmark.manifest import file_digest, shipped
from benchmark.registry import nearest
from benchmark.types import UserError
from benchmark.unpack import unpack

MARKER = ".fetched"  # says what the folder was made from: the archive's checksum, `Received` of each file, or `OTHERS`
OTHERS = "what the user or other sources have brought\n"
MANIFEST = "manifest.csv"
PARTIAL = ".partial"  # at the end of the name of what is under way
DOWNLOADS = "downloads"  # folder of the data root for what is under way, also for archives brought by hand
CHECKED = {
    "ours": "our checksum was checked",
    "publisher": "no checksum of our own: the publisher's was checked",
    "nobody": "no checksum, neither of our own nor the publisher's, was checked",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A data set or a checkpoint that somebody publishes: an archive at `url`, `files`, `steps`, or `parts`.

    Attributes:
        provides: the folder of the data root it becomes.
        url: of the archive, whose checksum is `sha256`.
        archive: ``tar.gz``, ``zip``, or ``none`` for a single file.
        files: in place of `url`; the folder holds them under the last parts of their addresses, and unpacked where
            those end like `archive`.
        md5: what the publisher says of `files` of which nobody names a SHA-256, by name.
        steps: in place of `url`, where a program may not or cannot bring it: what the user does; ``{folder}`` stands
            for the folder that it becomes.
        parts: in place of `url`: sources whose manifests are joined.
        shares: of `parts`, the splits of every speaker made anew, see `layouts.shared`.
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
    md5: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    layout: str = ""
    repository: str = ""
    bytes: int | None = None


def known() -> dict[str, Source]:
    """All sources that come with the project, by name."""
    files = sorted((shipped() / "sources").glob("*.yaml"))
    sources = [_source(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files]
    return {source.name: source for source in sources}


def _source(entry: dict[str, Any]) -> Source:
    lists = {key: tuple(entry.get(key, ())) for key in ("steps", "parts")}
    return Source(**{**entry, **lists, "files": tuple(File(**file) for file in entry.get("files", ()))})


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
    try:
        if source.steps:
            _take(source, folder)
            return folder
        if folder.exists() and not (folder / MARKER).is_file():
            raise UserError(f"{folder} exists, but `focalbench fetch` did not make it; move it away first.")
        if source.parts:
            _join(source, root, progress)
        elif source.files and not _has_files(source, folder):
            _bring_files(source, root / DOWNLOADS / source.name, folder, progress)
        elif source.url and _text(folder / MARKER).strip() != source.sha256:
            _bring_archive(source, root / DOWNLOADS / PurePosixPath(source.url).name, folder, progress)
    except OSError as error:
        raise UserError(f"{source.name}: cannot be put under {root}: {error}.") from error
    return folder


def _take(source: Source, folder: Path) -> None:
    """Make the manifest of what the user has put into the folder; it is made anew each time."""
    numbered = (f"({number}) {step}" for number, step in enumerate(source.steps, 1))
    steps = " ".join(numbered).replace("{folder}", str(folder))
    if not folder.is_dir():
        raise UserError(f"{source.name} has to be brought by hand: {steps} Then run `focalbench fetch {source.name}`.")
    if (folder / MANIFEST).exists() and not (folder / MARKER).is_file():
        raise UserError(f"{folder / MANIFEST} exists, but `focalbench fetch` did not make it; move it away first.")
    (folder / MARKER).write_text(OTHERS, encoding="utf-8")
    try:
        _write_manifest(source, folder)
    except UserError as error:
        raise UserError(f"{error} {source.name} has to be brought by hand: {steps}") from error


def _join(source: Source, root: Path, progress: Progress) -> None:
    """One manifest of several sources, which stay where they are; paths in it are from the data root."""
    sources = known()
    rows = []
    for folder in [bring(sources[part], root, progress) for part in source.parts]:
        with (folder / MANIFEST).open(encoding="utf-8", newline="") as file:
            rows += [{**row, "path": f"{folder.name}/{row['path']}"} for row in csv.DictReader(file)]
    with _building(root / source.provides) as work:
        _write(shared(rows, source.shares) if source.shares else rows, work / MANIFEST)
        (work / MARKER).write_text(OTHERS, encoding="utf-8")


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
        and (_is_archive(source, file) or (folder / file.name).is_file())
        for file in source.files
    )


def _is_archive(source: Source, file: File) -> bool:
    return source.archive != "none" and file.name.endswith(f".{source.archive}")


def _bring_files(source: Source, parts: Path, folder: Path, progress: Progress) -> None:
    parts.mkdir(parents=True, exist_ok=True)
    names = " and ".join(file.name for file in source.files)
    otherwise = f"put {names} into {folder} by other means"
    if source.layout:
        otherwise = f"put {names} into {parts} by other means and run the command again"
    came = {file: _receive(source, file, parts, progress, otherwise) for file in source.files}
    if len(revisions := sorted({one.revision for _, one in came.values() if one.revision})) > 1:
        raise UserError(f"{source.name} was changed while it was fetched ({', '.join(revisions)}); fetch it again.")
    downloaded = [path for path, _ in came.values() if path.suffix == PARTIAL]
    with _building(folder) as work:
        for file, (path, _) in came.items():
            if _is_archive(source, file):
                unpack(path, source.archive, work)
            else:
                (shutil.move if path in downloaded else shutil.copyfile)(path, work / file.name)
        if source.layout:
            _write_manifest(source, work)
        entries = {file.name: asdict(one) for file, (_, one) in came.items()}
        (work / MARKER).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    for path in downloaded:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody keeps something there
        parts.rmdir()


def _receive(source: Source, file: File, parts: Path, progress: Progress, otherwise: str) -> tuple[Path, Received]:
    """A file that was put into `parts` by hand, else as `download`; and held against its MD5, where that is known."""
    partial, by_hand, md5 = parts / f"{file.name}{PARTIAL}", parts / file.name, source.md5.get(file.name)
    path = by_hand if by_hand.is_file() else partial
    if path == by_hand or (md5 and path.is_file() and _md5(path) == md5):
        checked = "ours" if file.sha256 else "nobody"
        came = Received(file.url, file_digest(path), path.stat().st_size, checked, "")
    else:
        came = download(file, path, progress, otherwise)
    if file.sha256 and came.sha256 != file.sha256:
        raise UserError(f"{path} has SHA-256 {came.sha256}, {source.name} needs {file.sha256}; delete it.")
    if md5 and (found := _md5(path)) != md5:
        raise UserError(f"{path} has MD5 {found}, its publisher says {md5}; delete it and fetch {source.name} again.")
    return path, replace(came, checked="publisher") if md5 else came


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


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
            unpack(archive, source.archive, work)
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


def _write_manifest(source: Source, folder: Path) -> None:
    rows = list(LAYOUTS[source.layout](folder))
    if not rows:
        raise UserError(f"{folder} holds nothing in the layout {source.layout!r} of {source.name}.")
    origin = " ".join([source.url] if source.url else [file.url for file in source.files])
    common = {"source": source.name, "source_path": origin, "licence": source.licence}
    _write(({**row, **common} for row in rows), folder / MANIFEST)


def _write(rows: Iterable[dict[str, str]], path: Path) -> None:
    """Write a manifest whole, or not at all."""
    table = list(rows)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in table for key in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    partial.replace(path)
