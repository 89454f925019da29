"""`benchmark.token_rows`: one row per token codec, data set and value, from the frames that a run has stored."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark import align, audio, table
from benchmark.bits import pack
from benchmark.codec import encode, frame_of
from benchmark.hosts import Encoded
from benchmark.pipeline import key_of_frames
from benchmark.plan import Subject, Work, plan, works
from benchmark.registry import make, parse
from benchmark.store import Store
from benchmark.table import Row
from benchmark.token_rows import VALUES, rows
from benchmark.token_statistics import statistics, stream
from benchmark.types import Frame
from tests import quick

TOY, BOOKS = "tests.toytokens:Toy", "tests.toytokens:Toy:bits=5,codebooks=2,per_frame=4"


def todo(cache: Path, *codecs: str, count: int = 2, **keys: Any) -> list[Work]:
    """The works of a run whose codecs are described; nothing is encoded yet."""
    planned = plan(quick.suite(*codecs, **{"data.limit": count} | keys), Path())
    subjects = tuple(_described(subject) for subject in planned.subjects)
    suite = quick.suite(*codecs, **{"data.limit": count} | keys)
    return works(suite, replace(planned, subjects=subjects, anchor=None), cache)


def _described(subject: Subject) -> Subject:
    return replace(subject, info=make("codec", subject.spec).info, identity=str(subject.spec))


def frames_of(work: Work) -> list[Frame]:
    codec, speech = make("codec", parse(work.subject.label)), audio.read(work.utterance.path)
    return encode(codec, align.resample(speech.signal, speech.rate, codec.info.rate_in))


def save(work: Work, frames: list[Frame]) -> None:
    Store(work.cache).save_frames(key_of_frames(work), Encoded(frames, None))


def encoded(works: Iterable[Work]) -> None:
    """Store what a run stores."""
    for work in works:
        save(work, frames_of(work))


def named(found: Iterable[Row]) -> dict[str, Row]:
    return {row.name: row for row in found}


def test_the_rows_are_those_of_all_utterances_together(tmp_path: Path) -> None:
    every = todo(tmp_path, TOY, "pcm")
    encoded(every)
    found = rows(every)
    assert {row.codec for row in found} == {TOY}, "pcm sends no tokens"
    assert [row.name for row in found] == list(VALUES)
    ours = [work for work in every if work.subject.label == TOY]
    frames = [frames_of(work) for work in ours]
    info = ours[0].subject.info
    assert info is not None
    seconds = sum(map(len, frames)) * 0.02
    wanted = {v.name: v for v in statistics([stream(one, info) for one in frames], info, seconds)}
    for name, value in wanted.items():
        row = named(found)[name]
        assert (row.value, row.numerator) == (pytest.approx(value.value), pytest.approx(value.numerator))
    assert named(found)["token_nominal_bps"].value == pytest.approx(550), "11 bits, 50 times a second"
    assert named(found)["token_coverage"].value == 1
    alone = rows(ours[:1])
    assert named(alone)["token_count"].value == len(frames[0]) < (named(found)["token_count"].value or 0)


def test_a_row_says_what_it_is_of(tmp_path: Path) -> None:
    every = todo(tmp_path, BOOKS, channels=["gilbert:loss=0.1"], concealment=["silence"])
    encoded(every)
    found = named(rows(every))
    assert found["token_usage_2"] == Row(
        codec=BOOKS,
        codec_spec="tests.toytokens:Toy:bits=5,codebooks=2,per_frame=4",
        channel="clean",
        acoustics="clean",
        playout="",
        protection="none",
        concealment="silence",
        header="",
        mode="streaming",
        seed=0,
        dataset=every[0].dataset,
        utterance="",
        speaker="",
        reference="",
        scorer="tokens",
        name="token_usage_2",
        kind="value",
        value=found["token_usage_2"].value,
        numerator=found["token_usage_2"].numerator,
        denominator=32.0,
        unit="share",
        status="ok",
        reason="",
        key=found["token_usage_2"].key,
    )
    assert len(found["token_usage"].key) == 64
    assert {row.key for row in found.values()} == {found["token_usage"].key}
    assert rows(every[:1])[0].key != found["token_usage"].key, "of other utterances"
    assert len(table.frame(found.values())) == len(VALUES) + 2 * 3


def test_data_sets_and_codecs_are_kept_apart(tmp_path: Path) -> None:
    every = todo(tmp_path, TOY, BOOKS)
    every += [replace(work, dataset="other") for work in every[:1]]
    encoded(every)
    counts = {(row.codec, row.dataset): row.value for row in rows(every) if row.name == "token_count"}
    assert list(counts) == [(TOY, every[0].dataset), (BOOKS, every[0].dataset), (TOY, "other")]
    assert (counts[TOY, "other"] or 0) < (counts[TOY, every[0].dataset] or 0)


def test_an_utterance_that_was_not_encoded_is_missing_and_told(tmp_path: Path) -> None:
    every = todo(tmp_path, TOY, count=3)
    encoded(every[1:])
    found = named(rows(every))
    assert (found["token_coverage"].numerator, found["token_coverage"].denominator) == (2, 3)
    assert found["token_count"].value == named(rows(every[1:]))["token_count"].value


def test_an_utterance_of_nonsense_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    every = todo(tmp_path, TOY)
    encoded(every[1:])
    info = every[0].subject.info
    assert info is not None
    save(every[0], [frame_of(info, i, bytes(5)) for i in range(3)])
    assert named(rows(every))["token_coverage"].value == 0.5
    alone = rows(every[:1])
    assert {(row.status, row.reason) for row in alone} == {
        ("codec_failed", "frame 0: unpack: 11 bits need 2 bytes, got 5")
    }


def test_codecs_that_did_not_run_say_so(tmp_path: Path) -> None:
    every = todo(tmp_path, TOY)
    found = rows(every)
    assert [row.name for row in found] == list(VALUES)
    assert {(row.value, row.status) for row in found} == {(None, "not_applicable")}
    assert {row.reason for row in found} == {"no utterance of this data set was encoded; why, is in the rows of each"}
    failed = replace(every[0].subject, status="skipped", reason="its weights are not here")
    found = rows([replace(work, subject=failed) for work in every])
    assert {(row.value, row.status, row.reason) for row in found} == {(None, "skipped", "its weights are not here")}
    unknown = replace(failed, info=None)
    assert rows([replace(work, subject=unknown) for work in every]) == [], "who knows whether it sends tokens"


def test_nothing_sent_at_all_is_no_statistics(tmp_path: Path) -> None:
    every = todo(tmp_path, TOY, count=1)
    info = every[0].subject.info
    assert info is not None
    save(every[0], [frame_of(info, i, b"") for i in range(3)])
    assert {(row.status, row.reason) for row in rows(every)} == {("not_applicable", "no tokens were sent")}


def test_where_no_scene_is_quiet_the_first_is_taken(tmp_path: Path) -> None:
    rooms = ["level:dbov=-40", "dc:offset=0.1"]
    (work,) = todo(tmp_path, TOY, count=1, acoustics=rooms, seeds=[3, 4])
    info = work.subject.info
    assert info is not None
    for number, scene in enumerate(work.scenes):
        planted = [frame_of(info, i, pack(np.array([number]), 11)) for i in range(number + 5)]
        Store(tmp_path).save_frames(key_of_frames(work, scene.acoustics, 3), Encoded(planted, None))
    (count,) = (row for row in rows([work]) if row.name == "token_count")
    assert (count.value, count.acoustics, count.seed) == (5, "level:dbov=-40", 3)
    loud, quiet = todo(tmp_path, TOY, count=1, acoustics=[rooms[0], "clean"])[0], frames_of(work)
    save(loud, quiet)
    (count,) = (row for row in rows([loud]) if row.name == "token_count")
    assert (count.value, count.acoustics) == (len(quiet), "clean"), "speech as it is, wherever it stands"
