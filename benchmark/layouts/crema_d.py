"""CREMA-D (Cao et al., IEEE Trans. Affective Computing 5(4), 2014): ``<actor>_<text>_<emotion>_<level>.wav``."""

import csv
from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, files, lines, row, unknown

# The publisher has no split. This is the speaker-independent one of TensorFlow Datasets (63, 9 and 19 actors), as
# others use it: `numpy.random.RandomState(0).shuffle` of the sorted actors, cut at 0.7 and 0.8.
VALID = ("1015", "1020", "1021", "1030", "1050", "1070", "1079", "1089", "1090")
TEST = (
    *("1010", "1013", "1022", "1026", "1037", "1038", "1040", "1045", "1047", "1048"),
    *("1059", "1065", "1066", "1068", "1071", "1073", "1084", "1086", "1088"),
)
ACTORS = range(1001, 1092)
WITHOUT_SPEECH = "1076_MTI_SAD_XX"  # a known fault of the data set
EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "X": "", "XX": ""}
TEXTS = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}


def rows(folder: Path) -> Iterator[Row]:
    """The label is the emotion that the actor was to show; how strongly, where that was asked, is `intensity`."""
    genders = {entry["ActorID"]: entry["Sex"].lower() for entry in _demographics(folder / "VideoDemographics.csv")}
    for path in files(folder, "AudioWAV/*.wav"):
        if path.stem == WITHOUT_SPEECH:
            continue
        actor, text, emotion, level = (path.stem.split("_") + [""] * 4)[:4]
        known = actor.isdigit() and int(actor) in ACTORS
        if not (known and text in TEXTS and emotion in EMOTIONS and level in LEVELS):
            raise unknown(path, "<actor>_<text>_<emotion>_<level>.wav, such as 1001_DFA_ANG_XX.wav")
        yield row(
            folder,
            path,
            name=path.stem,
            split="test" if actor in TEST else "valid" if actor in VALID else "train",
            speaker=actor,
            gender=genders.get(actor, ""),
            label=EMOTIONS[emotion],
            transcript=TEXTS[text],
            language="en",
            intensity=LEVELS[level],
        )


def _demographics(path: Path) -> list[Row]:
    return list(csv.DictReader(lines(path))) if path.is_file() else []
