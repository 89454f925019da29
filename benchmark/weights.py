"""Where checkpoints lie: in a folder that is given, or in one found by its name under the data root."""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from benchmark.types import Unavailable, UserError

VARIABLE = "FOCALBENCH_DATA"  # the environment's name of the data root; `--data-root` sets it for all of a command
CHECKPOINT = ("config.json", "model.safetensors")


def data_root() -> Path:
    """The folder of fetched data and weights, absolute: FOCALBENCH_DATA, else the user's cache."""
    if given := os.environ.get(VARIABLE):
        return Path(given).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("focalbench")


def folder(name: str, files: Sequence[str] = CHECKPOINT, given: str | None = None) -> Path:
    """The folder that holds the checkpoint `name`.

    Looked for are, under the data root and under its folder ``models``, `name` and the name its publisher gave it on a
    model hub, with and without the owner.

    Args:
        name: as the command `focalbench fetch` knows it, or of one's own.
        files: what the folder has to hold.
        given: a folder to take instead, from the current folder or else from the data root.

    Raises:
        Unavailable: when there is none; the text says how to get it.
        UserError: when `given` is no folder, or lacks some of `files`.
    """
    root = data_root()
    if given is not None:
        return _given(given, files, root)
    names = [name, *_published_names(name)]
    places = [base / each for base in (root, root / "models") for each in names]
    found = next((place for place in places if not _lacking(place, files)), None)
    if found is not None:
        return found
    begun = next((f" ({place} lacks {_and(_lacking(place, files))})" for place in places if place.is_dir()), "")
    fetch = f"run `focalbench fetch {name}` where there is a network, or " if len(names) > 1 else ""
    raise Unavailable(f"no weights {name} under {root}{begun}: {fetch}put {_and(files)} into {root / name}.")


def _given(given: str, files: Sequence[str], root: Path) -> Path:
    places = list(dict.fromkeys([Path(given).absolute(), root / given]))
    held = [place for place in places if os.path.isdir(place)]  # noqa: PTH112 (Path.is_dir raises for an overlong name)
    if not held:
        looked = " nor ".join(map(str, places))
        raise UserError(f"No weights at {given!r}: no folder is at {looked}; it has to hold {_and(files)}.")
    found = next((place for place in held if not _lacking(place, files)), None)
    if found is None:
        raise UserError(f"{held[0]} lacks {_and(_lacking(held[0], files))}; a folder of weights holds {_and(files)}.")
    return found


def _published_names(name: str) -> list[str]:
    """What a model hub calls it, without and with its owner; nothing for weights that cannot be fetched."""
    # By name: how weights are brought must not enter the fingerprint of each codec that has some.
    source = importlib.import_module("benchmark.fetch").known().get(name)
    return [PurePosixPath(source.repository).name, source.repository] if source and source.repository else []


def _lacking(place: Path, files: Sequence[str]) -> list[str]:
    return [file for file in files if not (place / file).is_file()]


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
