"""LibriSpeech (Panayotov et al., ICASSP 2015; OpenSLR 12): ``LibriSpeech/<part>/<speaker>/<chapter>/<id>.flac``."""

from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, lines, row

GENDERS = {"F": "female", "M": "male"}


def rows(folder: Path) -> Iterator[Row]:
    """The splits are the publisher's parts: of ``train-clean-100`` the first word. No speaker is in two of them."""
    genders = _genders(folder / "LibriSpeech" / "SPEAKERS.TXT")
    for transcripts in sorted(folder.glob("LibriSpeech/*/*/*/*.trans.txt")):
        speaker, part = transcripts.parts[-3], transcripts.parts[-4]
        for line in lines(transcripts):
            name, _, transcript = line.strip().partition(" ")
            yield row(
                folder,
                transcripts.with_name(f"{name}.flac"),
                name=name,
                split=part.partition("-")[0],
                speaker=speaker,
                gender=genders.get(speaker, ""),
                transcript=transcript,
                language="en",
            )


def _genders(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    fields = [[cell.strip() for cell in line.split("|")] for line in lines(path) if not line.startswith(";")]
    return {cells[0]: GENDERS.get(cells[1], "") for cells in fields if len(cells) > 1}
