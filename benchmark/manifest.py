"""Data manifests into utterances: CSV, JSONL, a Kaldi folder or a folder of audio; every file found and hashed."""

import csv
import hashlib
import importlib.util
import io
import json
import os
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from benchmark.registry import nearest
from benchmark.types import UserError, Utterance

AUDIO = (".flac", ".wav", ".ogg", ".opus", ".mp3")
CORE = ("id", "path", "speaker", "sha256")  # every other column becomes a label


@dataclass(frozen=True, slots=True)
class Dataset:
    """Utterances of one source; `folders` are where a relative path of it may lie, in the order tried."""

    name: str
    source: Path
    utterances: tuple[Utterance, ...]
    folders: tuple[Path, ...]


def shipped() -> Path:
    """The folder of manifests, traces and the demo corpus that comes with the project."""
    spec = importlib.util.find_spec("data_manifests")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("The folder data_manifests is not installed; install focalbench again.")
    return Path(next(iter(spec.submodule_search_locations)))


def load(source: str, data_root: Path) -> Dataset:
    """Read a manifest: a path, or the name of a shipped or fetched data set. Files are not opened yet.

    A bare name is a data set first: a folder that happens to be called `demo` must be written ``./demo``. Data sets lie
    under the data root, or under its folder ``data``.

    Raises:
        UserError: when it is missing, is in no known form, or names an utterance twice.
    """
    roots = (shipped(), data_root, data_root / "data")
    sets = [root / source / "manifest.csv" for root in roots if Path(source).name == source]
    places = (*sets, Path(source))
    path = next((p.resolve() for p in places if source and os.path.exists(p)), None)  # noqa: PTH110 (never raises)
    if path is None:
        raise UserError(
            f"No data at {source!r}: neither a file, a folder, a shipped corpus (demo) nor one fetched to {data_root}."
        )
    rows, name, base = _read(path)
    folders = (base, base.parent, data_root)
    utterances = [_utterance(row, number, path) for number, row in enumerate(rows, 1)]
    if not utterances:
        raise UserError(f"{path} holds no utterances.")
    _refuse_duplicates(utterances, path)
    return Dataset(name, path, tuple(utterances), folders)


def _read(path: Path) -> tuple[list[dict[str, str]], str, Path]:
    if path.is_dir():
        reader = _kaldi if (path / "wav.scp").is_file() else _folder
        return reader(path), path.name, path
    readers: dict[str, Callable[[Path], list[dict[str, str]]]] = {".csv": _csv, ".jsonl": _jsonl}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path} is no manifest: .csv, .jsonl, a Kaldi folder (wav.scp) or a folder of audio are.")
    return readers[path.suffix.lower()](path), path.parent.name, path.parent


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: {error}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _lines(path: Path) -> list[tuple[int, str]]:
    """Numbered lines that are not blank; only a newline ends one, as a transcript may hold other separators."""
    return [(number, line.strip()) for number, line in enumerate(_text(path).split("\n"), 1) if line.strip()]


def _csv(path: Path) -> list[dict[str, str]]:
    try:
        rows: list[dict[str | None, Any]] = list(csv.DictReader(io.StringIO(_text(path), newline="")))
    except csv.Error as error:
        raise UserError(f"{path} is no table in CSV: {error}.") from error
    if rows and "path" not in rows[0]:
        raise UserError(f"{path} has no column 'path'. {nearest('path', [c for c in rows[0] if c])}")
    if (number := next((i for i, row in enumerate(rows, 1) if None in row), None)) is not None:
        raise UserError(f"{path}, entry {number} has more fields than there are columns; quote texts with commas.")
    return [{str(k): v or "" for k, v in row.items()} for row in rows]


def _jsonl(path: Path) -> list[dict[str, str]]:
    rows = []
    for number, line in _lines(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number} is not JSON: {error}.") from error
        if not isinstance(record, dict):
            raise UserError(f"{path}, line {number} is not an object with a key 'path' or 'audio_filepath'.")
        row = {str(k): str(v) for k, v in record.items() if isinstance(v, str | int | float)}
        row.setdefault("path", row.pop("audio_filepath", ""))
        row.setdefault("transcript", row.pop("text", ""))
        rows.append(row)
    return rows


def _kaldi(folder: Path) -> list[dict[str, str]]:
    if (folder / "segments").exists():
        raise UserError(f"{folder} is a Kaldi folder with `segments`, which are not read; write them as files first.")
    speakers, texts = (_kaldi_table(folder / name) for name in ("utt2spk", "text"))
    rows = []
    for key, value in _kaldi_table(folder / "wav.scp").items():
        if value.endswith("|"):
            raise UserError(f"{folder / 'wav.scp'}: {key} is a pipe, which is never run; write it as a file first.")
        rows.append({"id": key, "path": value, "speaker": speakers.get(key, ""), "transcript": texts.get(key, "")})
    return rows


def _kaldi_table(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    table: dict[str, str] = {}
    for number, line in _lines(path):
        key, *value = line.split(maxsplit=1)
        if key in table:
            raise UserError(f"{path}, line {number}: the id {key!r} stands twice; ids must be unique.")
        table[key] = value[0] if value else ""
    return table


def _folder(folder: Path) -> list[dict[str, str]]:
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO and p.is_file())
    if not files:
        raise UserError(f"{folder} holds no audio ({', '.join(AUDIO)}) and no wav.scp.")
    return [{"id": p.relative_to(folder).with_suffix("").as_posix(), "path": str(p)} for p in files]


def _utterance(row: Mapping[str, str], number: int, source: Path) -> Utterance:
    if not row.get("path", "").strip():
        raise UserError(f"{source}, entry {number} has no path.")
    path = Path(row["path"])
    labels = {k: v for k, v in row.items() if k not in CORE}
    identity = row.get("id") or path.as_posix().removesuffix(path.suffix)
    return Utterance(identity, path, row.get("speaker", ""), row.get("sha256", "").strip().lower(), labels)


def _refuse_duplicates(utterances: Iterable[Utterance], source: Path) -> None:
    seen: set[str] = set()
    for utterance in utterances:
        if utterance.id in seen:
            raise UserError(f"{source}: the id {utterance.id!r} stands twice; ids must be unique.")
        seen.add(utterance.id)


def select(dataset: Dataset, split: str | None, limit: int | None) -> Dataset:
    """Keep one split, then `limit` utterances: round-robin over speakers, in the order of the ids' SHA-256.

    The order is fixed, so a larger limit keeps what a smaller one had.

    Raises:
        UserError: when the split does not exist.
    """
    chosen: Sequence[Utterance] = dataset.utterances
    if split is not None:
        splits = {u.labels.get("split", "") for u in chosen}
        if splits == {""}:
            raise UserError(
                f"{dataset.source} has no column 'split', so {split!r} cannot be chosen; leave data.split out."
            )
        if split not in splits:
            raise UserError(f"{dataset.source} has no split {split!r}. {nearest(split, splits)}")
        chosen = [u for u in chosen if u.labels.get("split", "") == split]
    return replace(dataset, utterances=tuple(_round_robin(chosen)[:limit]))


def shard(dataset: Dataset, part: int, parts: int) -> Dataset:
    """Every so many-th utterance, from the `part`-th on, so that each of the `parts` has about all speakers.

    Raises:
        UserError: when there is none left.
    """
    if not (chosen := dataset.utterances[part - 1 :: parts]):
        count = len(dataset.utterances)
        raise UserError(f"data.shard: {dataset.source} has {count} utterances here, none for part {part} of {parts}.")
    return replace(dataset, utterances=chosen)


def _round_robin(utterances: Iterable[Utterance]) -> list[Utterance]:
    by_speaker: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in sorted(utterances, key=lambda u: hashlib.sha256(u.id.encode()).digest()):
        by_speaker[utterance.speaker].append(utterance)
    ranked = [(rank, order, u) for order, us in enumerate(by_speaker.values()) for rank, u in enumerate(us)]
    return [u for _, _, u in sorted(ranked, key=lambda item: item[:2])]


def divided(dataset: Dataset, column: str | None) -> list[Dataset]:
    """A data set for each value of a column, which its name ends with: ``multilingual de``; None: all of it as it is.

    Raises:
        UserError: when there is no such column, or it is empty somewhere.
    """
    if column is None:
        return [dataset]
    parts: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in dataset.utterances:
        parts[utterance.speaker if column == "speaker" else utterance.labels.get(column, "")].append(utterance)
    if "" in parts:
        text = f"data.by: {len(parts[''])} of {len(dataset.utterances)} utterances of {dataset.source}"
        known = nearest(column, ["speaker", *dataset.utterances[0].labels])
        raise UserError(f"{text} have nothing in the column {column!r}. {known}")
    return [
        replace(dataset, name=f"{dataset.name} {value}", utterances=tuple(some))
        for value, some in sorted(parts.items())
    ]


def verify(dataset: Dataset) -> Dataset:
    """Find every file, hash it, and compare with the checksum given by the column or a ``SHA256SUMS``.

    Raises:
        UserError: for a file that is nowhere (with the places looked at) or has another checksum.
    """
    sums = _checksums(dataset.folders, {u.path.name for u in dataset.utterances})
    found = []
    for utterance in dataset.utterances:
        path = find(str(utterance.path), dataset.folders, f"{dataset.source}: the audio of {utterance.id!r}")
        digest = file_digest(path)
        wanted = utterance.sha256 or sums.get(path, digest)
        if digest != wanted:
            raise UserError(f"{path} has SHA-256 {digest}, the manifest says {wanted}. Fetch the file again.")
        found.append(replace(utterance, path=path, sha256=digest))
    return replace(dataset, utterances=tuple(found))


def find(path: str, folders: Sequence[Path], what: str) -> Path:
    """The file `path`: as it stands when absolute, else under the first of `folders` that has it.

    Raises:
        UserError: listing where it looked.
    """
    places = [Path(path)] if Path(path).is_absolute() else [folder / path for folder in folders]
    for place in places:
        if os.path.isfile(place):  # noqa: PTH113 (Path.is_file raises for an overlong name)
            return place.resolve()
    looked = ", ".join(dict.fromkeys(str(p) for p in places))
    raise UserError(f"{what} is missing: {path!r} is none of {looked}.")


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex.

    Raises:
        UserError: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _checksums(folders: Sequence[Path], names: Container[str]) -> dict[Path, str]:
    """What the ``SHA256SUMS`` of the first two folders say of files with these names."""
    sums: dict[Path, str] = {}
    for folder in reversed(folders[:2]):
        if (file := folder / "SHA256SUMS").is_file():
            for _, line in _lines(file):
                digest, _, name = line.partition(" ")
                name = name.strip().lstrip("*")  # which marks a file read in binary mode
                if PurePosixPath(name).name in names:
                    sums[(folder / name).resolve()] = digest.lower()
    return sums
