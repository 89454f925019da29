"""What running a codec takes here, in a phase of its own: one codec, one call, one thread at a time, nothing stored.

The scorer of these rows names the machine, as what two machines take does not compare.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmark import align, audio, cost
from benchmark.bench import Bench
from benchmark.codec import push_size
from benchmark.cost import VALUES
from benchmark.fingerprint import module_fingerprint
from benchmark.pipeline import Ask, row_of, strategy
from benchmark.plan import Trial, Work, facts, strategies
from benchmark.probe.subject import Failed
from benchmark.progress import Progress
from benchmark.provenance import environment
from benchmark.scenes import CLEAN, Scene
from benchmark.store import digest
from benchmark.suite import ANCHOR, Limits
from benchmark.table import Row
from benchmark.types import Measured, NotMeasured, Slot

UTTERANCES = 3  # per codec; the pooled ratio is over a few seconds of speech, after one call that warms up
OF_UTTERANCES = ("encode_rtf", "decode_rtf")
DATASET = "timing"  # of what is measured of a codec alone, on shipped speech


def rows(todo: Sequence[Work], limits: Limits, progress: Progress) -> list[Row]:
    """A row per codec and value of `benchmark.cost.VALUES`, those of utterances for each; or why there is no value.

    Raises:
        UserError: for a codec that refuses its parameters.
    """
    tested = [work for work in todo if work.subject.label != ANCHOR]
    firsts = list({work.subject.label: work for work in reversed(tested)}.values())[::-1]
    chosen = list(_first_of_each_codec(tested))
    who = scorer(environment())
    with progress.track("timing", len(chosen) + len(firsts)) as advance:
        return [*_of_utterances(chosen, who, limits, advance), *_of_codecs(firsts, who, limits, advance)]


def scorer(machine: Mapping[str, Any]) -> str:
    """Who measures: `machine` (see `benchmark.provenance.environment`), with one thread, and torch if it is here."""
    cpu = re.sub(r"\((r|tm|c)\)", "", str(machine["cpu"]), flags=re.IGNORECASE)
    named = {
        "cpu": " ".join(re.sub(r"[(),=]", " ", cpu).split()),
        "threads": 1,
        "torch": machine["packages"].get("torch"),
    }
    return f"timing({','.join(f'{name}={value}' for name, value in named.items() if value)})"


def _first_of_each_codec(todo: Iterable[Work]) -> Iterator[Work]:
    count: dict[str, int] = {}
    for work in todo:
        label = work.subject.label
        if work.subject.status == "ok" and count.get(label, 0) < UTTERANCES:
            count[label] = count.get(label, 0) + 1
            yield work


def _of_utterances(chosen: Sequence[Work], who: str, limits: Limits, advance: Callable[[], None]) -> Iterator[Row]:
    bench, warm = Bench(limits), ""
    try:
        for work in chosen:
            if warm != work.subject.label:
                _measure(work, bench)
                warm = work.subject.label
            key = digest("timing", work.subject.identity, work.utterance.sha256)
            for measured in _measure(work, bench):
                yield _row(work, who, key, measured)
            advance()
    finally:
        bench.close()


def _measure(work: Work, bench: Bench) -> list[Measured]:
    """Encoding and decoding time over the utterance's duration."""
    info, spec = facts(work), work.subject.spec
    encode_chunk, decode_chunk = push_size(info, work.settings.mode)
    try:
        clip = audio.read(work.utterance.path)
        encoded, encoding = bench.encode(spec, align.resample(clip.signal, clip.rate, info.rate_in), encode_chunk)
        slots = [Slot(f.index, f.payload) for f in encoded.frames]
        _, decoding = bench.decode(spec, slots, decode_chunk, strategy(_heard(work)))
    except NotMeasured as error:
        return [Measured(name, None, error.status, error.reason) for name in OF_UTTERANCES]
    seconds = len(clip.signal) / clip.rate
    return [Measured.ratio("encode_rtf", encoding, seconds), Measured.ratio("decode_rtf", decoding, seconds)]


def _of_codecs(firsts: Sequence[Work], who: str, limits: Limits, advance: Callable[[], None]) -> Iterator[Row]:
    """What belongs to no utterance; of codecs that do not run, everything."""
    fingerprint = module_fingerprint("benchmark.cost")
    for work in firsts:
        key = digest("cost", work.subject.identity, fingerprint)
        for name, value in cost.examined(work.subject, limits).items():
            measured = Measured(name, None, *value) if isinstance(value, Failed) else Measured(name, value)
            yield _row(work, who, key, measured)._replace(dataset=DATASET, utterance="", speaker="")
        advance()


def _heard(work: Work) -> str:
    """The first loss strategy of the run; without losses all are the same."""
    return strategies(work.subject.info, work.settings.concealment)[0]


def _quietest(work: Work) -> Scene:
    """The scene under which the rows stand: one without losses, if the run has any, as nothing was lost."""
    return next((scene for scene in work.scenes if scene.channel.text == CLEAN.text), work.scenes[0])


def _row(work: Work, who: str, key: str, measured: Measured) -> Row:
    trial = Trial(_quietest(work), work.settings.seeds[0], _heard(work), "", "")
    row = row_of(work, trial, Ask(None, "", key), measured)._replace(unit=VALUES[measured.name].unit)
    return row._replace(scorer=who, kind="timing")
