"""EmoDB (Burkhardt et al., Interspeech 2005): ``wav/<speaker 2><text 3><emotion 1><version 1>.wav``, in German."""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmark.layouts._rows import Row, files, row, unknown

TEST = ("12", "14", "15", "16")  # audEERING's speaker-independent split; the publisher has none
WOMEN = ("08", "09", "13", "14", "16")
EMOTIONS = {  # letters of German words: Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen.",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
NAME = re.compile(rf"(03|08|09|1[0-6])({'|'.join(TEXTS)})([{''.join(EMOTIONS)}])[a-z]")


def rows(folder: Path) -> Iterator[Row]:
    """Speakers 12, 14, 15 and 16 are for testing, the six others for training."""
    for path in files(folder, "wav/*.wav"):
        if not (matched := NAME.fullmatch(path.stem)):
            raise unknown(path, "<speaker><text><emotion><version>.wav, such as 03a01Fa.wav")
        speaker, text, emotion = matched.groups()
        yield row(
            folder,
            path,
            name=f"emodb_{path.stem}",
            split="test" if speaker in TEST else "train",
            speaker=f"emodb{speaker}",
            gender="female" if speaker in WOMEN else "male",
            label=EMOTIONS[emotion],
            transcript=TEXTS[text],
            language="de",
        )
