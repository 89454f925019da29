"""Libri2Mix (Cosentino et al. 2020, arXiv 2005.11262): ``Libri2Mix/wav16k/min/<part>/{mix_clean,s1,s2}/<id>.wav``."""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, files, row, unknown
from benchmark.types import UserError

PARTS = {"train": "train-100", "dev": "dev", "test": "test"}
SOURCES = {"source_1": "s1", "source_2": "s2"}
NAME = re.compile(r"(\d+)-\d+-\d+_(\d+)-\d+-\d+")  # the two utterances of LibriSpeech


def rows(folder: Path) -> Iterator[Row]:
    """`path` is the mixture without noise, `source_1` and `source_2` what is in it, `speaker_2` who says the latter."""
    base = folder / "Libri2Mix" / "wav16k" / "min"
    for split, part in PARTS.items():
        for path in files(base, f"{part}/mix_clean/*.wav"):
            if not (matched := NAME.fullmatch(path.stem)):
                raise unknown(path, "<utterance>_<utterance>.wav, such as 61-70968-0000_1089-134686-0000.wav")
            sources = {column: base / part / source / path.name for column, source in SOURCES.items()}
            if absent := next((source for source in sources.values() if not source.is_file()), None):
                raise UserError(f"{absent} is missing, a source of a mixture; the data set is not complete.")
            yield {
                **row(folder, path, name=path.stem, split=split, speaker=matched[1], language="en"),
                "speaker_2": matched[2],
                **{column: source.relative_to(folder).as_posix() for column, source in sources.items()},
            }
