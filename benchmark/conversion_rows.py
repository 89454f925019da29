"""Rows on voice conversion: pairs of speakers drawn from data, converted by each codec, judged by listeners.

How a voice is converted is in `benchmark.conversion`; the papers (arXiv 2502.04465, section 4) draw pairs from VCTK and
take the longest utterance of the target speaker as reference, as is done here. They compare with the target speaker's
own reading of the same sentence; here the words are compared with the source's and the voice with another utterance of
the target speaker, so that any data with speakers will do.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from benchmark import align, audio, manifest, registry
from benchmark.audio import Audio
from benchmark.bench import Bench
from benchmark.codec import cut
from benchmark.companions import Companions
from benchmark.conversion import NEIGHBOURS
from benchmark.execute import execute
from benchmark.fingerprint import module_fingerprint
from benchmark.inputs import Inputs
from benchmark.listen import Ears, unmeasured, used
from benchmark.pipeline import CLEAN, frames_of, key_of_frames, trials_of
from benchmark.plan import Settings, Subject, Work, facts, still, strategies
from benchmark.progress import Progress
from benchmark.scenes import Scene, condition
from benchmark.scorers import Scorer, scorers
from benchmark.store import Store, digest
from benchmark.suite import ANCHOR, Limits
from benchmark.table import Row
from benchmark.types import Heard, Measured, NotMeasured, Spec, Unavailable, UserError, Utterance, ValueInfo

DATASET = "voice_conversion"
SCORER = f"{DATASET}:k={NEIGHBOURS}"  # and, behind a plus, the metric with its parameters
VOICES: Mapping[
    str, tuple[str, Literal["higher", "lower"], str]
] = {  # of a metric of voices: what its values mean here, and which way is better
    "spk_same_": ("vc_sim_", "higher", "cosine with another, uncoded utterance of the target speaker"),
    "spk_sim_": ("vc_sim_source_", "lower", "cosine with the source, whose voice should be gone"),
}
OTHER_WORDS = "the target speaker says something else than the source"
UNUSED = "spk_other_"  # somebody who has no part in it


class Pair(NamedTuple):
    """Who speaks, the target speaker's longest utterance, and another one of theirs where there is one."""

    source: Utterance
    reference: Utterance
    other: Utterance


@dataclass(frozen=True, slots=True)
class Asked:
    """What is converted, from which manifest, and who judges it."""

    pairs: tuple[Pair, ...]
    scorers: tuple[Scorer, ...]
    source: str = ""

    @property
    def values(self) -> dict[str, ValueInfo]:
        """What a reader must know of each value."""
        return {new: info for scorer in self.scorers for new, info in _renamed(scorer).values()}

    @property
    def record(self) -> list[dict[str, str]]:
        """Who was paired with whom, in plain types."""
        roles = ({role: u.id for role, u in pair._asdict().items()} for pair in self.pairs)
        return [{**ids, "target": pair.reference.speaker} for ids, pair in zip(roles, self.pairs, strict=True)]


def ask(
    data: str, split: str | None, pairs: int | None, metrics: Sequence[str], data_root: Path, device: str = "cpu"
) -> Asked:
    """Resolve a suite's wishes: `pairs` sources, by the order in which `manifest.select` takes utterances; "": none.

    Raises:
        UserError: for data without two speakers, or a metric that hears no single signal.
    """
    if not data:
        return Asked((), ())
    given = manifest.select(manifest.load(data, data_root), split, None)
    spoken = manifest.verify(replace(given, utterances=tuple(u for u in given.utterances if u.speaker)))
    if len({u.speaker for u in spoken.utterances}) < 2:
        raise UserError(f"conversion: {given.source} names fewer than 2 speakers; voices are converted between them.")
    sources = manifest.select(spoken, None, pairs).utterances
    return Asked(tuple(drawn(sources, spoken.utterances)), _listeners(metrics, device), str(given.source))


def drawn(sources: Sequence[Utterance], known: Sequence[Utterance]) -> list[Pair]:
    """A target for each of `sources`, by the SHA-256 of ids and speakers, from two speakers or more.

    Of the others, those with several utterances are preferred, so that the reference is not what is compared with.
    """
    of_speaker: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in known:
        of_speaker[utterance.speaker].append(utterance)
    longest = {speaker: max(own, key=lambda u: (_seconds(u.path), u.id)) for speaker, own in of_speaker.items()}
    pairs = []
    for source in sources:
        others = [speaker for speaker in of_speaker if speaker != source.speaker]
        ample = [speaker for speaker in others if len(of_speaker[speaker]) > 1]
        reference = longest[_draw(ample or others, source)]
        rest = {u.id: u for u in of_speaker[reference.speaker] if u.id != reference.id}
        pairs.append(Pair(source, reference, rest[_draw(rest, source)] if rest else reference))
    return pairs


def _draw(names: Iterable[str], source: Utterance) -> str:
    return min(names, key=lambda name: sha256(f"{source.id}\0{name}".encode()).hexdigest())


def rows(
    subjects: Sequence[Subject],
    common: Settings,
    cache: Path,
    asked: Asked,
    limits: Limits,
    progress: Progress,
    workers: int = 1,
    scheduler: str | None = None,
) -> list[Row]:
    """A row per codec, pair and value, from the store in `cache` where it has them.

    The anchor, which is always among them, is speech that nobody converted: the reference itself, beside the target
    speaker's other utterance (the best a conversion can do) and beside the source (what two people score).
    """
    unconverted = Subject(ANCHOR, Spec("pcm"))
    jobs = [_job(subject, pair, asked, common, cache) for subject in [*subjects, unconverted] for pair in asked.pairs]
    found: list[Row] = []
    with progress.track("voice conversion", len(jobs)) as advance:
        for some in execute(_rows, jobs, limits, workers, scheduler):
            found += some
            advance()
    return found


class _Job(NamedTuple):
    """One pair through one codec; the work's utterance is the source."""

    work: Work
    pair: Pair
    scorers: tuple[Scorer, ...]


def _job(subject: Subject, pair: Pair, asked: Asked, common: Settings, cache: Path) -> _Job:
    quiet = Scene(condition("acoustics", CLEAN), *still())
    heard = Companions(same=pair.other)
    return _Job(Work(subject, pair.source, DATASET, (quiet,), (), common, cache, companions=heard), pair, asked.scorers)


def _rows(job: _Job, bench: Bench) -> list[Row]:
    store = Store(job.work.cache)
    place = digest("scores", DATASET, key_of_frames(job.work), job.work.utterance.id)
    known, keys = store.scores(place), {scorer.identity: _key(job, scorer) for scorer in job.scorers}
    missing = [scorer for scorer in job.scorers if keys[scorer.identity] not in known]
    if missing:
        fresh = {keys[identity]: values for identity, values in _computed(job, missing, bench, store).items()}
        known = store.scores(place) | known | fresh
        store.save_scores(place, known)
    return [
        _row(job, scorer, value, keys[scorer.identity])
        for scorer in job.scorers
        for value in known[keys[scorer.identity]]
        if value.name in _renamed(scorer)
    ]


def _key(job: _Job, scorer: Scorer) -> str:
    work, other = job.work, job.pair.other
    speech = [key_of_frames(work), key_of_frames(replace(work, utterance=job.pair.reference))]
    heard = [used(scorer, work.utterance.labels), other.sha256, used(scorer, other.labels)]
    code = module_fingerprint("benchmark.conversion")
    return digest("converted", work.subject.label == ANCHOR, speech, work.subject.delay, code, scorer.identity, heard)


def _computed(job: _Job, missing: Sequence[Scorer], bench: Bench, store: Store) -> dict[str, list[Measured]]:
    """The values of each scorer, by its identity; nothing is converted for those that cannot run here."""
    found = {scorer.identity: values for scorer in missing if (values := _refusal(job, scorer, bench))}
    ready = [scorer for scorer in missing if scorer.identity not in found]
    if not ready:
        return found
    try:
        source = audio.read(job.work.utterance.path)
        output = _converted(job, source, bench, store)
    except NotMeasured as error:
        return found | {scorer.identity: unmeasured(scorer, error) for scorer in ready}
    ears = Ears(bench, store)
    for scorer in ready:
        found[scorer.identity] = ears.ask(scorer, output, source, job.work.utterance, job.work.companions)
    ears.answer()
    return found


def _refusal(job: _Job, scorer: Scorer, bench: Bench) -> list[Measured]:
    """Its values, without a number, where it cannot judge this at all; else nothing."""
    if job.work.subject.label == ANCHOR and scorer.needs == ("reference",):
        return unmeasured(scorer, NotMeasured("not_applicable", OTHER_WORDS))
    if job.work.subject.status != "ok":
        return unmeasured(scorer, NotMeasured(job.work.subject.status, job.work.subject.reason))
    try:
        bench.listen(scorer, [], [])
    except (NotMeasured, Unavailable, UserError) as error:
        return unmeasured(scorer, error)
    return []


def _converted(job: _Job, source: Audio, bench: Bench, store: Store) -> Audio:
    """The source in the target's voice, as long as it was.

    Raises:
        NotMeasured: as the codec cannot, or an input is no usable audio.
    """
    work, reference = job.work, audio.read(job.pair.reference.path)
    if work.subject.label == ANCHOR:
        return reference
    info = facts(work)
    if info.token_bits is None:
        raise NotMeasured("not_applicable", "it sends no tokens, whose features could be those of another voice")
    sent = _payloads(work, source, bench, store)
    others = _payloads(replace(work, utterance=job.pair.reference), reference, bench, store)
    voice = align.resample(reference.signal, reference.rate, info.rate_in)
    raw = bench.convert(work.subject.spec, sent, others, voice)
    samples = len(source.signal) * info.rate_out // source.rate
    agrees = bool(work.subject.measured.get("agrees"))
    return Audio(cut(raw, samples, work.subject.delay, info.delay, agrees), info.rate_out)


def _payloads(work: Work, speech: Audio, bench: Bench, store: Store) -> list[bytes]:
    """Of the frames of speech as it is, from the store or from the codec."""
    trial = next(trials_of(work))._replace(frames_key=key_of_frames(work))
    encoded = frames_of(Inputs(work, speech, bench), Heard(speech.signal, speech.signal), trial, store)
    return [frame.payload for frame in encoded.frames]


def _listeners(metrics: Sequence[str], device: str) -> tuple[Scorer, ...]:
    """Who judges; of a metric of voices all values are asked, as one hearing gives them.

    Raises:
        UserError: for a metric that compares waveforms, or an unknown one.
    """
    known = registry.values()
    asked = scorers([known[m][0] if m in known and m.startswith("spk_") else m for m in metrics], device)
    for scorer in asked:
        if scorer.needs is None:
            text = f"conversion.metrics: {scorer.spec.name} compares waveforms, and another voice has another one"
            raise UserError(f"{text}; give listeners, such as speaker_resemblyzer, dwer or utmos.")
    return asked


def _renamed(scorer: Scorer) -> dict[str, tuple[str, ValueInfo]]:
    """What its values are called here, and mean."""
    found: dict[str, tuple[str, ValueInfo]] = {}
    for name, info in scorer.values.items():
        found |= {} if name.startswith(UNUSED) else {name: (f"vc_{name}", info)}
        for old, (new, better, source) in VOICES.items():
            if name.startswith(old):
                told = f"{source}; {info.source.partition('; ')[2]}"
                found[name] = (new + name.removeprefix(old), replace(info, better=better, source=told))
    return found


def _seconds(path: Path) -> float:
    """How long a file is; 0 where it is no audio, which its rows will say."""
    import soundfile

    try:
        found = soundfile.info(path)
    except (soundfile.SoundFileError, OSError, TypeError):
        return 0.0
    return float(found.frames / found.samplerate)


def _row(job: _Job, scorer: Scorer, measured: Measured, key: str) -> Row:
    work, (name, info) = job.work, _renamed(scorer)[measured.name]
    return Row(
        codec=work.subject.label,
        codec_spec=str(work.subject.spec),
        channel=CLEAN,
        acoustics=CLEAN,
        playout="",
        protection="none",
        concealment=strategies(work.subject.info, work.settings.concealment)[0],
        header="",
        mode=work.settings.mode,
        seed=work.settings.seeds[0],
        dataset=DATASET,
        utterance=work.utterance.id,
        speaker=work.utterance.speaker,
        reference="",
        scorer=f"{SCORER} + {scorer.spec}",
        name=name,
        kind="value",
        value=measured.value,
        numerator=measured.numerator,
        denominator=measured.denominator,
        unit=info.unit,
        status=measured.status,
        reason=measured.reason,
        key=key,
    )
