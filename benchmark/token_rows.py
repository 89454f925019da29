"""Rows on the token streams of a run: a row per token codec, data set and value, of all its utterances together."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmark.fingerprint import module_fingerprint
from benchmark.pipeline import CLEAN, key_of_frames
from benchmark.plan import Work, facts, strategies
from benchmark.scenes import Scene
from benchmark.store import Store, digest
from benchmark.table import Row
from benchmark.token_statistics import SCORER, Stream, info_of, statistics, stream
from benchmark.token_statistics import VALUES as STATISTICS
from benchmark.types import SECOND, Measured, NotMeasured, ValueInfo

COVERAGE = "token_coverage"
VALUES: Mapping[str, ValueInfo] = {
    **STATISTICS,
    COVERAGE: ValueInfo("share", "higher", "utterances whose tokens are counted, of all of the data set"),
}


class Found(NamedTuple):
    """The tokens of an utterance, seconds that its frames last, and the key of its frames."""

    stream: Stream
    seconds: float
    key: str


def rows(todo: Sequence[Work]) -> list[Row]:
    """All values of all token codecs among the works of a run whose trials are done; what has no value says why.

    The tokens are those of speech as it is; in a run that has none, those of its first scene and seed.
    """
    groups: dict[tuple[str, str], list[Work]] = {}
    for work in todo:
        if not work.task and work.subject.info is not None and work.subject.info.token_bits is not None:
            groups.setdefault((work.subject.label, work.dataset), []).append(work)
    return [row for works in groups.values() for row in _rows(works)]


def _rows(works: Sequence[Work]) -> list[Row]:
    """Of one codec and one data set."""
    tried = [_found(work) for work in works]
    found = [one for one in tried if not isinstance(one, NotMeasured)]
    failed = next((one for one in tried if isinstance(one, NotMeasured)), None)
    try:
        if failed is not None and not found:
            raise failed
        values = statistics([one.stream for one in found], facts(works[0]), sum(one.seconds for one in found))
        values.append(Measured.ratio(COVERAGE, len(found), len(works)))
    except NotMeasured as error:
        values = [Measured(name, None, error.status, error.reason) for name in VALUES]
    key = digest(SCORER, [one.key for one in found], module_fingerprint("benchmark.token_statistics"))
    return [_row(works[0], value, key) for value in values]


def _found(work: Work) -> Found | NotMeasured:
    """The tokens of an utterance, or why there are none."""
    if work.subject.status != "ok":
        return NotMeasured(work.subject.status, work.subject.reason)
    key = key_of_frames(work, _scene(work).acoustics, work.settings.seeds[0])
    encoded = Store(work.cache).frames(key, facts(work))
    if encoded is None:
        return NotMeasured("not_applicable", "no utterance of this data set was encoded; why, is in the rows of each")
    seconds = sum(frame.duration for frame in encoded.frames) / SECOND
    try:
        return Found(stream(encoded.frames, facts(work)), seconds, key)
    except NotMeasured as error:
        return error


def _scene(work: Work) -> Scene:
    """The first in which speech is as it is, or the first."""
    return next((scene for scene in work.scenes if scene.acoustics.text == CLEAN), work.scenes[0])


def _row(work: Work, measured: Measured, key: str) -> Row:
    scene, settings = _scene(work), work.settings
    return Row(
        codec=work.subject.label,
        codec_spec=str(work.subject.spec),
        channel="clean",
        acoustics=scene.acoustics.text,
        playout="",
        protection=scene.protection.text,
        concealment=strategies(work.subject.info, settings.concealment)[0],
        header="",
        mode=settings.mode,
        seed=settings.seeds[0],
        dataset=work.dataset,
        utterance="",
        speaker="",
        reference="",
        scorer=SCORER,
        name=measured.name,
        kind="value",
        value=measured.value,
        numerator=measured.numerator,
        denominator=measured.denominator,
        unit=(VALUES.get(measured.name) or info_of(measured.name)).unit,
        status=measured.status,
        reason=measured.reason,
        key=key,
    )
