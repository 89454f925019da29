"""For each utterance another one of its speaker, and one of another speaker: what a voice is compared with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple

from benchmark.types import Utterance


class Companions(NamedTuple):
    """Two further utterances, never coded; None where the data have none, or do not name their speakers."""

    same: Utterance | None = None
    other: Utterance | None = None


NOBODY = Companions()


def companions(tested: Iterable[Utterance], known: Iterable[Utterance]) -> dict[str, Companions]:
    """By id of each tested utterance, two of the `known` ones, in an order fixed by the SHA-256 of ids.

    The same speaker's next utterance, and one of another speaker: another for each utterance of a speaker, as far as
    there are speakers. So every utterance makes one trial of either kind, as in VoxCeleb1's list [Nagrani et al. 2017].
    """
    of_speaker: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in sorted(known, key=lambda u: _rank(u.id)):
        if utterance.speaker:
            of_speaker[utterance.speaker].append(utterance)
    speakers = sorted(of_speaker, key=_rank)
    return {u.id: _of(u, of_speaker, speakers) for u in tested}


def _of(utterance: Utterance, of_speaker: Mapping[str, list[Utterance]], speakers: list[str]) -> Companions:
    own = of_speaker.get(utterance.speaker, [])
    place = next((i for i, u in enumerate(own) if u.id == utterance.id), None)
    if place is None:
        return NOBODY
    same = own[(place + 1) % len(own)] if len(own) > 1 else None
    others = [speaker for speaker in speakers if speaker != utterance.speaker]
    if not others:
        return Companions(same)
    first = speakers.index(utterance.speaker)  # so that neighbours in the list meet different voices
    voice = of_speaker[others[(first + place) % len(others)]]
    return Companions(same, voice[place % len(voice)])


def _rank(text: str) -> str:
    return sha256(text.encode()).hexdigest()
