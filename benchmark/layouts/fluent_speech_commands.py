"""Fluent Speech Commands (Lugosch et al., Interspeech 2019): ``data/<split>_data.csv`` and ``wavs/speakers/``."""

import csv
from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, lines, row
from benchmark.types import UserError

SPLITS = ("train", "valid", "test")
SLOTS = ("action", "object", "location")
COLUMNS = ("path", "speakerId", "transcription", *SLOTS)


def rows(folder: Path) -> Iterator[Row]:
    """The splits are the publisher's: no speaker is in two. The label joins the slots, as ``activate|lights|none``."""
    archive = folder / "fluent_speech_commands_dataset"
    base = archive if archive.is_dir() else folder
    for split in SPLITS:
        table = base / "data" / f"{split}_data.csv"
        entries = list(csv.DictReader(lines(table)))
        if absent := [column for column in COLUMNS if entries and column not in entries[0]]:
            raise UserError(f"{table} has no column {absent[0]!r}; those of the data set are {', '.join(COLUMNS)}.")
        for entry in entries:
            path = base / entry["path"]
            yield row(
                folder,
                path,
                name=path.stem,
                split=split,
                speaker=entry["speakerId"],
                label="|".join(entry[slot] for slot in SLOTS),
                transcript=entry["transcription"],
                language="en",
                **{slot: entry[slot] for slot in SLOTS},
            )
