"""SLURP (Bastianelli et al., EMNLP 2020): ``slurp_real`` and ``slurp_synth``, texts in a ``.jsonl`` a split."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.layouts._rows import Row, lines, read, row
from benchmark.types import UserError

SPLITS = {"train": "slurp_real", "train_synthetic": "slurp_synth", "devel": "slurp_real", "test": "slurp_real"}
GENDERS = {"F": "female", "M": "male"}  # how a speaker's name begins; UNK otherwise


def rows(folder: Path) -> Iterator[Row]:
    """The splits are the publisher's; they keep sentences apart, not speakers. The label is one of 18 scenarios."""
    speakers = _speakers(folder / "metadata.json")
    for split, audio in SPLITS.items():
        path = folder / f"{split}.jsonl"
        for number, line in enumerate(lines(path), 1):
            entry = _parsed(line, f"{path}, entry {number}")
            try:
                yield from _recordings(folder, audio, split, entry, speakers)
            except (KeyError, TypeError) as error:
                raise UserError(f"{path}, entry {number} is not one of SLURP's: it lacks {error}.") from error


def _recordings(folder: Path, audio: str, split: str, entry: Any, speakers: dict[str, str]) -> Iterator[Row]:
    for recording in entry["recordings"]:
        path = folder / audio / recording["file"]
        speaker = speakers.get(path.name, "")
        yield row(
            folder,
            path,
            name=path.stem,
            split=split,
            speaker=speaker,
            gender=GENDERS.get(speaker[:1], ""),
            label=entry["scenario"],
            transcript=entry["sentence"],
            language="en",
            action=entry["action"],
            intent=entry["intent"],
            microphone="headset" if path.stem.endswith("-headset") else "",
        )


def _speakers(path: Path) -> dict[str, str]:
    """The speaker of each recording."""
    entries = _parsed(read(path).decode("utf-8", "replace"), str(path))
    return {
        name: str(recording.get("usrid", ""))
        for entry in entries.values()
        for name, recording in entry.get("recordings", {}).items()
    }


def _parsed(text: str, what: str) -> Any:
    try:
        entry = json.loads(text)
    except ValueError as error:
        raise UserError(f"{what} is not JSON: {error}.") from error
    if not isinstance(entry, dict):
        raise UserError(f"{what} is no object of JSON.")
    return entry
