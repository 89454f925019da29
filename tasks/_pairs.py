"""Which files of a manifest belong together: what is heard, in the column `path`, and what is wanted of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark import manifest
from benchmark.manifest import Dataset
from benchmark.types import UserError, Utterance


class Pair(NamedTuple):
    """An utterance, and the files of the signals that are wanted of it."""

    heard: Utterance
    wanted: tuple[Path, ...]


def pairs(dataset: Dataset, columns: Sequence[str], what: str) -> list[Pair]:
    """Every utterance with the files that these columns name, found where `path` is.

    Args:
        dataset: as `manifest.verify` returns it.
        columns: which hold paths.
        what: the task, for messages.

    Raises:
        UserError: where a column or a file is missing.
    """
    for column in columns:
        lacking = [u.id for u in dataset.utterances if not u.labels.get(column, "").strip()]
        if len(lacking) == len(dataset.utterances):
            has = f"has no column {column!r}, or nothing in it"
            raise UserError(f"{what}: {dataset.source} {has}; put there the path of what is wanted of each utterance.")
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise UserError(f"{what}: {lacking[0]!r}{more} of {dataset.source} has nothing in the column {column!r}.")
    return [Pair(u, tuple(_file(dataset, u, column) for column in columns)) for u in dataset.utterances]


def _file(dataset: Dataset, utterance: Utterance, column: str) -> Path:
    what = f"{dataset.source}: the {column} of {utterance.id!r}"
    return manifest.find(utterance.labels[column].strip(), dataset.folders, what)
