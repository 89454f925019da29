"""Google Speech Commands v0.02 (Warden 2018, arXiv 1804.03209): ``<word>/<speaker>_nohash_<take>.wav``, 35 words."""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, files, lines, row, unknown
from benchmark.types import UserError

LISTS = {"valid": "validation_list.txt", "test": "testing_list.txt"}  # what is on neither is for training
NAME = re.compile(r"([0-9a-f]+)_nohash_\d+")


def rows(folder: Path) -> Iterator[Row]:
    """The splits are the publisher's lists, which a hash of the speaker has made: no speaker is in two of them."""
    listed = {line.strip(): split for split, name in LISTS.items() for line in lines(folder / name)}
    found = {
        path.relative_to(folder).as_posix(): path
        for path in files(folder, "*/*.wav")
        if not path.parent.name.startswith("_")  # background noise
    }
    if absent := sorted(set(listed) - set(found)):
        raise UserError(f"{folder / absent[0]} is missing, but {LISTS[listed[absent[0]]]} lists it.")
    for key, path in found.items():
        if not (matched := NAME.fullmatch(path.stem)):
            raise unknown(path, "<speaker>_nohash_<take>.wav")
        yield row(
            folder,
            path,
            name=key.removesuffix(".wav"),
            split=listed.get(key, "train"),
            speaker=matched[1],
            label=path.parent.name,
            transcript=path.parent.name,
            language="en",
        )
