"""IEMOCAP (Busso et al., Language Resources and Evaluation 42, 2008): ``Session<1-5>/{sentences/wav,dialog}``.

Four classes as the codec papers have them: angry, happy, neutral, sad; "excited" is not merged into "happy".
"""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, files, lines, row
from benchmark.types import UserError

SESSIONS = range(1, 6)
TESTED = 5  # the session whose woman is for validation and whose man is for testing
EMOTIONS = {"ang": "anger", "hap": "happiness", "neu": "neutral", "sad": "sadness"}
# [6.2901 - 8.2357]<tab>Ses01F_impro01_F000<tab>neu<tab>[2.5000, 2.5000, 2.5000]
EVALUATION = re.compile(r"\[[\d. -]+\]\s+((Ses0\d)[FM]_\w+_([FM])\w+)\s+(\w{3})\s+\[.*\]")
# Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
SPOKEN = re.compile(r"(\w+)\s+\[[\d.-]+\]:\s*(.*)")


def rows(folder: Path) -> Iterator[Row]:
    """Sessions 1 to 4 are for training, the woman of Session 5 for validation, its man for testing."""
    release = folder / "IEMOCAP_full_release"
    base = release if release.is_dir() else folder
    if absent := [n for n in SESSIONS if not (base / f"Session{n}").is_dir()]:
        raise UserError(f"{base} has no folder Session{absent[0]}; IEMOCAP has Session1 to Session5 there.")
    for number in SESSIONS:
        yield from _session(folder, base / f"Session{number}", number)


def _session(folder: Path, session: Path, number: int) -> Iterator[Row]:
    spoken = _spoken(session / "dialog" / "transcriptions")
    for evaluation in files(session, "dialog/EmoEvaluation/*.txt"):
        for line in lines(evaluation):
            matched = EVALUATION.match(line)
            if not matched or matched[4] not in EMOTIONS:
                continue
            # Who speaks is said by the last part: the letter of the first one says who wears the markers.
            name, group, sex, emotion = matched.groups()
            yield row(
                folder,
                session / "sentences" / "wav" / name.rpartition("_")[0] / f"{name}.wav",
                name=name,
                split="train" if number != TESTED else "valid" if sex == "F" else "test",
                speaker=f"{group}{sex}",
                gender="female" if sex == "F" else "male",
                label=EMOTIONS[emotion],
                transcript=spoken.get(name, ""),
                language="en",
            )


def _spoken(folder: Path) -> dict[str, str]:
    told = (SPOKEN.match(line) for path in sorted(folder.glob("Ses*.txt")) for line in lines(path))
    return {matched[1]: matched[2].strip() for matched in told if matched}
