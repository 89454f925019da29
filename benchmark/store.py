"""Content-addressed results: the same key holds the same value, computed once, written atomically, shared by runs."""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

from benchmark.codec import frame_of
from benchmark.hosts import Encoded
from benchmark.types import CodecInfo, Measured

SCHEMA = 1  # bump when a stage changes its meaning; older entries are then simply never found
SETTLED = ("ok", "not_applicable", "too_short", "no_speech")  # what another try, or another machine, would not change

USED = 3600  # seconds within which an entry is not marked as used again


def digest(*parts: Any) -> str:
    """SHA-256 over the canonical JSON of `parts`: stable across processes, machines and Python versions."""
    text = json.dumps([SCHEMA, *parts], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """A folder of entries, each file being a line with the SHA-256 of the rest, then the rest.

    ``frames/`` holds what encoders made, ``scores/`` the values per encoded utterance, ``delays/`` those of codecs,
    ``descriptions/`` what listeners said of speech that was never coded, what they learned and what probes answered,
    ``probes/`` networks under training.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def scores(self, key: str) -> dict[str, list[Measured]]:
        """All values known for one encoded utterance, by score key; empty when there are none."""
        data = self._read("scores", key, ".json")
        entries = json.loads(data) if data is not None else {}
        return {k: [Measured(*value) for value in values] for k, values in entries.items()}

    def save_scores(self, key: str, scores: Mapping[str, Sequence[Measured]]) -> None:
        """Write what is settled; failures and skips are tried again by the next run."""
        kept = {k: values for k, values in scores.items() if all(v.status in SETTLED for v in values)}
        entries = {k: [astuple(v) for v in values] for k, values in kept.items()}
        self._write("scores", key, ".json", json.dumps(entries, separators=(",", ":")).encode())

    def frames(self, key: str, info: CodecInfo) -> Encoded | None:
        """The frames of one encoded utterance, if they are there."""
        data = self._read("frames", key, ".bin")
        if data is None:
            return None
        head, _, body = data.partition(b"\n")
        facts = json.loads(head)
        payloads, position = [], 0
        for size in facts["sizes"]:
            payloads.append(body[position : position + size])
            position += size
        return Encoded([frame_of(info, i, p) for i, p in enumerate(payloads)], facts["with_fec"])

    def save_frames(self, key: str, encoded: Encoded) -> None:
        """Write an utterance's frames: a line of JSON, then the payloads end to end."""
        facts = {"sizes": [len(f.payload) for f in encoded.frames], "with_fec": encoded.with_fec}
        body = b"".join(f.payload for f in encoded.frames)
        self._write("frames", key, ".bin", json.dumps(facts, separators=(",", ":")).encode() + b"\n" + body)

    def description(self, key: str) -> bytes | None:
        """What a listener said of speech that was never coded, if it is known."""
        return self._read("descriptions", key, ".json")

    def holds(self, key: str) -> bool:
        """Whether there is such a description."""
        return self._path("descriptions", key, ".json").is_file()

    def save_description(self, key: str, description: bytes) -> None:
        """Write what a listener said."""
        self._write("descriptions", key, ".json", description)

    def probe(self, key: str) -> bytes | None:
        """The last checkpoint of a network that is taught, if there is one."""
        return self._read("probes", key, ".pt")

    def save_probe(self, key: str, checkpoint: bytes) -> None:
        """Write a checkpoint, in place of the last."""
        self._write("probes", key, ".pt", checkpoint)

    def delay(self, key: str) -> dict[str, Any] | None:
        """A codec's measured delay, if it is known."""
        data = self._read("delays", key, ".json")
        return None if data is None else json.loads(data)

    def save_delay(self, key: str, delay: Mapping[str, Any]) -> None:
        """Write a codec's measured delay."""
        self._write("delays", key, ".json", json.dumps(delay).encode())

    def _path(self, kind: str, key: str, suffix: str) -> Path:
        return self.root / kind / key[:2] / (key + suffix)

    def _read(self, kind: str, key: str, suffix: str) -> bytes | None:
        """An entry, or None: a damaged one (a disk that was full, a power cut) counts as missing."""
        path = self._path(kind, key, suffix)
        try:
            checksum, _, data = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if checksum.decode(errors="replace") != hashlib.sha256(data).hexdigest():
            return None
        _mark_used(path)
        return data

    def _write(self, kind: str, key: str, suffix: str, data: bytes) -> None:
        path = self._path(kind, key, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, hashlib.sha256(data).hexdigest().encode() + b"\n" + data)


def _mark_used(path: Path) -> None:
    """That an entry was used tells its time stamp, to the hour: what is pruned first was not used for longest."""
    with suppress(OSError):  # pruned meanwhile, or a store that is only read from
        if time.time() - path.stat().st_mtime > USED:
            os.utime(path)


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` beside `path`, then rename: readers see the old file or the new one, never half of one."""
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    partial.write_bytes(data)
    partial.replace(path)
