"""How much a store holds, and how to make it smaller: what is damaged, what was not used for long, what no run needs.

A store may be pruned while runs use it: an entry that is gone is computed again, and no folder is ever removed. Links
are neither followed nor removed, and nothing is touched that the store did not write.
"""

import hashlib
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from benchmark.pipeline import key_of_frames
from benchmark.plan import Work
from benchmark.store import digest, write_atomically
from benchmark.types import UserError

State: TypeAlias = Literal["whole", "damaged", "partial"]
Why: TypeAlias = Literal["damaged", "partial", "old", "unneeded", "large"]
SUFFIXES = {"frames": ".bin", "scores": ".json", "delays": ".json", "descriptions": ".json", "probes": ".pt"}  # by kind
NAMED = ("frames", "scores")  # kinds whose entries a run can name; the others are small, or shared by all runs
ENTRIES = "entries.txt"  # in a run folder: the keys, as far as `SHORT` letters, of what the run asks of the store
SHORT = 16
WRITING = 3600  # seconds after which an unfinished file is nobody's any more
DAY = 86400  # seconds
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Entry(NamedTuple):
    """A file of the store: `used` is when it was last read or written, seconds since 1970."""

    path: Path
    kind: str
    key: str
    bytes: int
    used: float
    state: State


@dataclass(frozen=True, slots=True)
class Size:
    """What a store, or a part of it, holds."""

    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Sizes:
    """A store by kind of entry, what of it is damaged or was never finished, and what else lies in its folder."""

    folder: str
    kinds: dict[str, Size]
    damaged: Size
    partial: Size
    foreign: Size

    @property
    def bytes(self) -> int:
        """All that the store wrote."""
        return sum(size.bytes for size in (*self.kinds.values(), self.damaged, self.partial))

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "bytes": self.bytes}


@dataclass(frozen=True)
class Pruned:
    """What was removed (or, in a dry run, would be), by reason, and what is left."""

    folder: str
    removed: dict[Why, Size]
    left: Size
    dry_run: bool

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def store_of(folder: Path) -> Path:
    """The store at `folder`, which may be that of a run folder.

    Raises:
        UserError: when there is none.
    """
    for place in (folder, folder / "cache"):
        if any((place / kind).is_dir() and not (place / kind).is_symlink() for kind in SUFFIXES):
            return place
    if (folder / "run.json").is_file():
        raise UserError(f"{folder} is a run folder without a store of its own; name the one that --cache gave it.")
    raise UserError(f"{folder} is no store: it has none of the folders {', '.join(SUFFIXES)}.")


def entries(root: Path) -> Iterator[Entry]:
    """Every entry of a store, damaged and unfinished ones too; each is read whole."""
    for kind, path, facts in _files(root):
        name, suffix = path.name, SUFFIXES[kind]
        if partial := re.fullmatch(r"[0-9a-f]{64}\.\w+\.[0-9a-f]{32}\.partial", name):
            yield Entry(path, kind, name[:64], facts.st_size, facts.st_mtime, "partial")
        if not partial and re.fullmatch(rf"[0-9a-f]{{64}}{re.escape(suffix)}", name) and name[:2] == path.parent.name:
            state = _state(path)
            if state is not None:
                yield Entry(path, kind, name[:64], facts.st_size, facts.st_mtime, state)


def _files(root: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """The plain files two folders deep, as the store lays them; never through a link."""
    for kind in SUFFIXES:
        for folder in _inside(root / kind, stat.S_ISDIR):
            for path in _inside(folder, stat.S_ISREG):
                try:
                    yield kind, path, path.lstat()
                except FileNotFoundError:
                    continue  # a run, or another pruning, was faster


def _inside(folder: Path, wanted: Any) -> list[Path]:
    if folder.is_symlink():
        return []
    try:
        return sorted(Path(e.path) for e in os.scandir(folder) if wanted(e.stat(follow_symlinks=False).st_mode))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _state(path: Path) -> State | None:
    """Whether an entry is what its first line says; None when it is gone."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            stated = file.readline(66).rstrip(b"\n")
            while block := file.read(1 << 20):
                found.update(block)
    except FileNotFoundError:
        return None
    return "whole" if stated == found.hexdigest().encode() else "damaged"


def size(folder: Path) -> Sizes:
    """How much the store at `folder`, or of the run folder `folder`, holds.

    Raises:
        UserError: when there is no store.
    """
    root = store_of(folder)
    known = list(entries(root))
    whole = [entry for entry in known if entry.state == "whole"]
    kinds = {kind: _sum(entry for entry in whole if entry.kind == kind) for kind in SUFFIXES}
    damaged, partial = (_sum(entry for entry in known if entry.state == state) for state in ("damaged", "partial"))
    return Sizes(str(root), kinds, damaged, partial, _foreign(root, {entry.path for entry in known}))


def _sum(some: Iterable[Entry]) -> Size:
    counted = Counter[str]()
    for entry in some:
        counted += Counter(entries=1, bytes=entry.bytes)
    return Size(counted["entries"], counted["bytes"])


def _foreign(root: Path, known: set[Path]) -> Size:
    """Files beside the store's own, and links, which count as they are."""
    others = [p for p in root.rglob("*") if p not in known and (p.is_symlink() or p.is_file())]
    return Size(len(others), sum(path.lstat().st_size for path in others))


def prune(
    folder: Path,
    older_than: float | None = None,
    max_size: int | None = None,
    keep: Sequence[Path] = (),
    dry_run: bool = False,
) -> Pruned:
    """Remove entries: damaged ones and what was never finished in any case; and, where asked, others.

    Args:
        folder: of the store, or of a run that has one.
        older_than: days; what was not used for longer goes.
        max_size: bytes; of what is left, the least recently used go until the store is no larger.
        keep: run folders; what these ask of the store stays. Without `older_than` and `max_size`, all other frames and
            scores go.
        dry_run: say what would go, and remove nothing.

    Raises:
        UserError: when there is no store, or a run does not tell what it asks of it.
    """
    root, now = store_of(folder), time.time()
    kept = {key for run in keep for key in _asked(run)}
    known = sorted(entries(root), key=lambda entry: (entry.used, entry.path))
    doomed: dict[Path, Why] = {}
    for entry in known:
        needed = entry.key[:SHORT] in kept
        if entry.state == "partial":
            doomed |= {entry.path: "partial"} if now - entry.used > WRITING else {}
        elif entry.state == "damaged":
            doomed[entry.path] = "damaged"
        elif older_than is not None and now - entry.used > older_than * DAY and not needed:
            doomed[entry.path] = "old"
        elif keep and older_than is max_size is None and entry.kind in NAMED and not needed:
            doomed[entry.path] = "unneeded"
    if max_size is not None:
        rest = [entry for entry in known if entry.path not in doomed]
        over = sum(entry.bytes for entry in rest) - max_size
        for entry in rest:
            if over > 0 and entry.state == "whole" and entry.key[:SHORT] not in kept:
                doomed[entry.path] = "large"
                over -= entry.bytes
    return _removed(root, known, doomed, dry_run)


def _removed(root: Path, known: Sequence[Entry], doomed: dict[Path, Why], dry_run: bool) -> Pruned:
    if not dry_run:
        for path in doomed:
            path.unlink(missing_ok=True)
    reasons = dict.fromkeys(doomed.values())
    removed = {why: _sum(entry for entry in known if doomed.get(entry.path) == why) for why in reasons}
    return Pruned(str(root), removed, _sum(entry for entry in known if entry.path not in doomed), dry_run)


def note(todo: Iterable[Work], out: Path) -> None:
    """Write into the run folder `out` what the run asks of the store."""
    keys = set()
    for work in todo:
        if work.subject.status == "ok":
            keys |= {key_of_frames(work), digest("scores", key_of_frames(work), work.utterance.id)}
            rooms = dict.fromkeys(scene.acoustics for scene in work.scenes)
            keys |= {key_of_frames(work, room, seed) for room in rooms for seed in work.settings.seeds}
    text = "".join(f"{key[:SHORT]}\n" for key in sorted(keys)).encode()
    if (
        not (out / ENTRIES).is_file() or (out / ENTRIES).read_bytes() != text
    ):  # a run that changes nothing writes nothing
        write_atomically(out / ENTRIES, text)


def _asked(run: Path) -> set[str]:
    try:
        return set((run / ENTRIES).read_text("ascii").split())
    except OSError as error:
        text = f"{run} does not tell what it asks of the store ({ENTRIES}: {error.strerror})"
        raise UserError(f"{text}: run it again, which computes nothing twice, or leave it out of --keep.") from error


def bytes_of(text: str) -> int:
    """``10GB``, ``500M`` or ``1000`` in bytes; prefixes are powers of 1000.

    Raises:
        UserError: when it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise UserError(f"--max-size {text!r} is no size; write it as 500MB or 10GB.")
    prefix = found[2].lower() if found[2] in ("k", "K") else found[2].upper()
    return round(float(found[1]) * UNITS[prefix])


def spoken(count: int) -> str:
    """Bytes as people write them: ``1.5 GB``."""
    for prefix, unit in reversed(UNITS.items()):
        if count >= unit > 1:
            return f"{count / unit:.3g} {prefix}B"
    return f"{count} B"
