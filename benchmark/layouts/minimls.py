"""MiniMLS (Zenodo 14791114, of Multilingual LibriSpeech, Pratap et al. 2020): ``mls_<language>/test``, 7 x 100."""

from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, files, lines, row
from benchmark.types import UserError

LANGUAGES = {
    "dutch": "nl",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "polish": "pl",
    "portuguese": "pt",
    "spanish": "es",
}


def rows(folder: Path) -> Iterator[Row]:
    """Everything is for testing. A speaker is a reader of LibriVox, who may read in more than one language."""
    base = folder / "MiniMLS" if (folder / "MiniMLS").is_dir() else folder
    if absent := [language for language in LANGUAGES if not (base / f"mls_{language}" / "test").is_dir()]:
        raise UserError(
            f"{base} has no folder mls_{absent[0]}/test; MiniMLS has one for each of {', '.join(LANGUAGES)}."
        )
    for language, code in LANGUAGES.items():
        test = base / f"mls_{language}" / "test"
        texts = dict(line.strip().partition("\t")[::2] for line in lines(test / "transcripts.txt"))
        for path in files(test, "audio/*/*/*.*"):
            if path.stem not in texts:
                raise UserError(f"{test / 'transcripts.txt'} has no line for {path.stem}.")
            yield row(
                folder,
                path,
                name=f"{code}_{path.stem}",
                split="test",
                speaker=path.parts[-3],
                transcript=texts[path.stem],
                language=code,
            )
