"""The other voices of an utterance: one of its own speaker, one of another, and always the same ones."""

from collections import Counter
from pathlib import Path

from benchmark.companions import NOBODY, companions
from benchmark.types import Utterance


def people(**counts: int) -> list[Utterance]:
    return [Utterance(f"{who}{n}", Path(f"{who}{n}"), who) for who, count in counts.items() for n in range(count)]


def test_same_speaker_and_another() -> None:
    every = people(ann=5, bob=3, cid=4, dan=1)
    found = companions(every, every)
    for utterance in every:
        same, other = found[utterance.id]
        assert other is not None
        assert other.speaker != utterance.speaker
        if utterance.speaker == "dan":
            assert same is None
            continue
        assert same is not None
        assert same.speaker == utterance.speaker
        assert same.id != utterance.id
    partners = Counter(found[u.id].same.id for u in every if u.speaker == "ann")  # type: ignore[union-attr]  # has one
    assert set(partners.values()) == {1}, "each is asked once"
    assert len({found[u.id].other.speaker for u in every if u.speaker == "ann"}) == 3  # type: ignore[union-attr]


def test_a_choice_does_not_depend_on_what_is_tested_or_on_the_order() -> None:
    every = people(ann=5, bob=3, cid=4)
    assert companions(every[:4], every) == {u.id: companions(every, every[::-1])[u.id] for u in every[:4]}


def test_without_speakers_there_is_nobody() -> None:
    every = [Utterance(str(n), Path(str(n))) for n in range(3)]
    assert companions(every, every) == {u.id: NOBODY for u in every}
    alone = people(ann=2)
    assert [c.other for c in companions(alone, alone).values()] == [None, None]
