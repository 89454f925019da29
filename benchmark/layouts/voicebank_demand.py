"""VoiceBank-DEMAND (Valentini-Botinhao 2017): ``{clean,noisy}_{trainset_28spk,testset}_wav/<speaker>_<number>.wav``."""

from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, files, row
from benchmark.types import UserError

SETS = {"train": "trainset_28spk", "test": "testset"}
VALID = ("p226", "p287")  # of the 28 training speakers, as the codec papers hold them out; the publisher does not


def rows(folder: Path) -> Iterator[Row]:
    """`path` is the noisy signal, `clean` what was said. No speaker is in two splits."""
    for split, part in SETS.items():
        clean = folder / f"clean_{part}_wav"
        for path in files(folder, f"noisy_{part}_wav/*.wav"):
            speaker = path.stem.partition("_")[0]
            yield {
                **row(
                    folder,
                    path,
                    name=path.stem,
                    split="valid" if split == "train" and speaker in VALID else split,
                    speaker=speaker,
                    transcript=_text(folder / f"{part}_txt" / f"{path.stem}.txt"),
                    language="en",
                ),
                "clean": _beside(folder, clean / path.name),
            }


def _text(path: Path) -> str:
    return " ".join(path.read_text(encoding="utf-8", errors="replace").split()) if path.is_file() else ""


def _beside(folder: Path, path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path} is missing, the clean signal of a noisy one; the data set is not complete.")
    return path.relative_to(folder).as_posix()
