"""VCTK 0.92 (Yamagishi et al. 2019): ``wav48_silence_trimmed/<speaker>/<speaker>_<sentence>_mic1.flac``."""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, files, lines, row, unknown

PARALLEL = 24  # so many sentences every speaker reads: the first ones
NAME = re.compile(r"([ps]\d+)_(\d{3})_mic1")
GENDERS = {"F": "female", "M": "male"}


def rows(folder: Path) -> Iterator[Row]:
    """The first microphone of each utterance. The publisher has no split: all is for testing.

    `sentence` numbers the utterances that all speakers share, as voice conversion pairs them; it is empty for others.
    """
    genders = _genders(folder / "speaker-info.txt")
    for path in files(folder, "wav48_silence_trimmed/*/*_mic1.flac"):
        if not (matched := NAME.fullmatch(path.stem)):
            raise unknown(path, "<speaker>_<sentence>_mic1.flac, such as p225_001_mic1.flac")
        speaker, number = matched.groups()
        text = folder / "txt" / speaker / f"{speaker}_{number}.txt"
        yield row(
            folder,
            path,
            name=f"{speaker}_{number}",
            split="test",
            speaker=speaker,
            gender=genders.get(speaker, ""),
            transcript=" ".join(" ".join(lines(text)).split()) if text.is_file() else "",  # p315 has no texts
            language="en",
            sentence=number if int(number) <= PARALLEL else "",
        )


def _genders(path: Path) -> dict[str, str]:
    fields = [line.split() for line in lines(path)] if path.is_file() else []
    return {cells[0]: GENDERS.get(cells[2], "") for cells in fields if len(cells) > 2}
