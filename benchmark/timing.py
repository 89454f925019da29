"""Real-time factors, measured in a phase of their own: one codec, one call, one thread at a time, nothing cached."""

from collections.abc import Iterable, Iterator, Sequence

from benchmark import align, audio
from benchmark.bench import Bench
from benchmark.codec import push_size
from benchmark.pipeline import Ask, row_of, strategy
from benchmark.plan import Trial, Work, strategies
from benchmark.progress import Progress
from benchmark.scenes import CLEAN, Scene
from benchmark.store import digest
from benchmark.suite import ANCHOR, Limits
from benchmark.table import Row
from benchmark.types import Measured, NotMeasured, Slot

UTTERANCES = 3  # per codec; the pooled ratio is over a few seconds of speech, after one call that warms up


def rows(todo: Sequence[Work], limits: Limits, progress: Progress) -> list[Row]:
    """Rows ``encode_rtf`` and ``decode_rtf`` (below 1: faster than real time) of kind ``timing``."""
    chosen = list(_first_of_each_codec(todo))
    found: list[Row] = []
    bench = Bench(limits)
    warm = ""
    try:
        with progress.track("timing", len(chosen)) as advance:
            for work in chosen:
                if warm != work.subject.label:
                    _measure(work, bench)
                    warm = work.subject.label
                found += [_row(work, measured) for measured in _measure(work, bench)]
                advance()
    finally:
        bench.close()
    return found


def _first_of_each_codec(todo: Iterable[Work]) -> Iterator[Work]:
    count: dict[str, int] = {}
    for work in todo:
        label = work.subject.label
        if work.subject.status == "ok" and label != ANCHOR and count.get(label, 0) < UTTERANCES:
            count[label] = count.get(label, 0) + 1
            yield work


def _measure(work: Work, bench: Bench) -> list[Measured]:
    """Encoding and decoding time over the utterance's duration."""
    info, spec = work.subject.info, work.subject.spec
    assert info is not None
    encode_chunk, decode_chunk = push_size(info, work.settings.mode)
    try:
        clip = audio.read(work.utterance.path)
        encoded, encoding = bench.encode(spec, align.resample(clip.signal, clip.rate, info.rate_in), encode_chunk)
        slots = [Slot(f.index, f.payload) for f in encoded.frames]
        _, decoding = bench.decode(spec, slots, decode_chunk, strategy(_heard(work)))
    except NotMeasured as error:
        return [Measured(name, None, error.status, error.reason) for name in ("encode_rtf", "decode_rtf")]
    seconds = len(clip.signal) / clip.rate
    return [Measured.ratio("encode_rtf", encoding, seconds), Measured.ratio("decode_rtf", decoding, seconds)]


def _heard(work: Work) -> str:
    """The first loss strategy of the run; without losses all are the same."""
    return strategies(work.subject.info, work.settings.concealment)[0]


def _quietest(work: Work) -> Scene:
    """The scene under which the rows stand: one without losses, if the run has any, as nothing was lost."""
    return next((scene for scene in work.scenes if scene.channel.text == CLEAN.text), work.scenes[0])


def _row(work: Work, measured: Measured) -> Row:
    trial = Trial(_quietest(work), work.settings.seeds[0], _heard(work), "", "")
    key = digest("timing", work.subject.identity, work.utterance.sha256)
    row = row_of(work, trial, Ask(None, "", key), measured)
    return row._replace(kind="timing")
