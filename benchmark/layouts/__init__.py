"""Manifests of published data sets: how each lays out its files, and which splits it, or the field, has published."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from benchmark.layouts import (
    crema_d,
    emodb,
    fluent_speech_commands,
    iemocap,
    libri2mix,
    librispeech,
    minimls,
    slurp,
    speech_commands,
    vctk,
    voicebank_demand,
)
from benchmark.layouts._rows import Row

LAYOUTS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "crema_d": crema_d.rows,
    "emodb": emodb.rows,
    "fluent_speech_commands": fluent_speech_commands.rows,
    "iemocap": iemocap.rows,
    "libri2mix": libri2mix.rows,
    "librispeech": librispeech.rows,
    "minimls": minimls.rows,
    "slurp": slurp.rows,
    "speech_commands": speech_commands.rows,
    "vctk": vctk.rows,
    "voicebank_demand": voicebank_demand.rows,
}


def shared(rows: Iterable[Row], shares: Mapping[str, float]) -> Iterator[Row]:
    """Split the utterances of every speaker anew, in the order of their ids: for speaker identification.

    Args:
        rows: of one or more manifests.
        shares: what each split gets of a speaker, rounded down; the last one gets what is left.
    """
    speakers: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["id"]):
        speakers.setdefault(row["speaker"], []).append(row)
    *first, last = shares
    for spoken in speakers.values():
        ends = {split: int(shares[split] * len(spoken)) for split in first}
        splits = [split for split, count in ends.items() for _ in range(count)]
        splits += [last] * (len(spoken) - len(splits))
        yield from ({**row, "split": split} for row, split in zip(spoken, splits, strict=True))
