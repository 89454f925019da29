"""One utterance through one codec: encode, packetise, transmit, play out, decode, align, score; all stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from benchmark import align, audio, seeds
from benchmark.bench import Bench
from benchmark.codec import push_size, trim
from benchmark.hosts import Encoded
from benchmark.packetise import packetise
from benchmark.plan import Condition, Scorer, Subject, Work, harness
from benchmark.playout import Playout, play
from benchmark.store import Store, digest
from benchmark.table import Row
from benchmark.types import LOST, SECOND, Booleans, Fate, Measured, NotMeasured, Packet, Signal, ValueInfo

LINK = "link"
LINK_VALUES = {
    "net_bps": ValueInfo("bit/s", "lower", "bits of all frames over the duration they cover"),
    "payload_bps": ValueInfo("bit/s", "lower", "bytes of all payloads, padding included"),
    "wire_bps": ValueInfo("bit/s", "lower", "payloads and headers of all packets"),
    "loss_rate": ValueInfo("share", "lower", "packets that never arrive, of those sent"),
    "late_rate": ValueInfo("share", "lower", "packets that arrive after they are due, of those sent"),
    "burst_ms": ValueInfo("ms", "lower", "mean length of a run of missing frames, lost or late"),
    "fec_share": ValueInfo("share", "neither", "packets that carry in-band redundancy, read from their bits"),
    "delay_ms": ValueInfo("ms", "neither", "delay that was removed before scoring"),
    "trace_wraps": ValueInfo("count", "neither", "how often a replayed trace began anew"),
    "encode_rtf": ValueInfo("s/s", "lower", "encoding time over duration; below 1 is faster than real time"),
    "decode_rtf": ValueInfo("s/s", "lower", "decoding time over duration; below 1 is faster than real time"),
}


@dataclass
class Outcome:
    """The rows of one work, what it cost, and how many scores were computed or found."""

    rows: list[Row] = field(default_factory=list)
    codec_seconds: float = 0.0
    metric_seconds: float = 0.0
    start_seconds: float = 0.0
    computed: int = 0
    cached: int = 0


class Trial(NamedTuple):
    """One condition under one seed, with the key of what it decodes to."""

    condition: Condition
    seed: int
    key: str


class Transmission(NamedTuple):
    """What one trial's network did to the frames."""

    encoded: Encoded
    packets: list[Packet]
    fate: Fate
    playout: Playout


def run(work: Work, bench: Bench) -> Outcome:
    """Every row of one work: from the store where it has them, computed and stored where not."""
    outcome, before = Outcome(), (bench.codec_seconds, bench.metric_seconds, bench.start_seconds)
    encode_key = key_of_frames(work)
    store = Store(work.cache)
    scores_key = digest("scores", encode_key, work.utterance.id)
    known = store.scores(scores_key)
    trials = list(trials_of(work, encode_key))
    keys = [score_keys(work, trial) for trial in trials]
    wanted = {key for of_trial in keys for _, key in of_trial}
    outcome.cached = len(wanted & known.keys())
    if missing := wanted - known.keys():
        fresh = _compute(work, trials, missing, store, encode_key, bench)
        outcome.computed = len(fresh)
        known = store.scores(scores_key) | known | fresh  # again: another label may stand for the same codec
        store.save_scores(scores_key, known)
    for trial, of_trial in zip(trials, keys, strict=True):
        outcome.rows += [row_of(work, trial, s, value, key) for s, key in of_trial for value in known[key]]
    outcome.codec_seconds = bench.codec_seconds - before[0]
    outcome.metric_seconds = bench.metric_seconds - before[1]
    outcome.start_seconds = bench.start_seconds - before[2]
    return outcome


def key_of_frames(work: Work) -> str:
    """What decides an utterance's frames."""
    return digest("frames", work.utterance.sha256, work.subject.identity, work.settings.mode)


def trials_of(work: Work, encode_key: str) -> Iterator[Trial]:
    """Every condition under every seed. The channel is drawn by utterance, never by codec: same weather for all."""
    for seed in work.settings.seeds:
        for condition in work.conditions:
            buffer, delay = work.settings.buffer, work.subject.delay
            key = digest("decoded", encode_key, condition.identity, work.utterance.id, seed, buffer, delay)
            yield Trial(condition, seed, key)


def score_keys(work: Work, trial: Trial) -> list[tuple[Scorer | None, str]]:
    """The store's key per scorer; None stands for the link's own facts."""
    keys: list[tuple[Scorer | None, str]] = [(None, digest("link", trial.key, work.settings.header, harness()))]
    return keys + [(scorer, digest("score", trial.key, scorer.identity)) for scorer in work.scorers]


def _compute(
    work: Work, trials: Sequence[Trial], missing: set[str], store: Store, encode_key: str, bench: Bench
) -> dict[str, list[Measured]]:
    """The missing scores; a failure of the input or of the codec stands in every one that it prevents."""
    try:
        if work.subject.status != "ok":
            raise NotMeasured(work.subject.status, work.subject.reason)
        reference = audio.read(work.utterance.path)
        encoded = frames_of(work, reference, store, encode_key, bench)
    except NotMeasured as error:
        return {
            key: _unmeasured(scorer, error)
            for trial in trials
            for scorer, key in score_keys(work, trial)
            if key in missing
        }
    packets = packetise(encoded.frames, work.settings.header)
    found: dict[str, list[Measured]] = {}
    by_pattern: dict[bytes, dict[str, list[Measured]]] = {}
    for trial in trials:
        todo = [(scorer, key) for scorer, key in score_keys(work, trial) if key in missing]
        if not todo:
            continue
        sent = transmit(encoded, packets, trial, work)
        same = by_pattern.setdefault(_pattern(sent.playout), {})
        asked = [scorer for scorer, _ in todo if scorer is not None and scorer.identity not in same]
        if asked:
            same |= _score(work, reference, sent, asked, bench)
        for scorer, key in todo:
            found[key] = link_facts(sent, work.subject) if scorer is None else same[scorer.identity]
    return found


def _unmeasured(scorer: Scorer | None, error: NotMeasured) -> list[Measured]:
    names = ("net_bps",) if scorer is None else scorer.names
    return [Measured(name, None, error.status, error.reason) for name in names]


def frames_of(work: Work, reference: audio.Audio, store: Store, encode_key: str, bench: Bench) -> Encoded:
    """The utterance's frames, from the store or from the codec.

    Raises:
        NotMeasured: as the codec failed.
    """
    info = work.subject.info
    assert info is not None
    if (stored := store.frames(encode_key, info)) is not None:
        return stored
    signal = align.resample(reference.signal, reference.rate, info.rate_in)
    encoded, _ = bench.encode(work.subject.spec, signal, push_size(info, work.settings.mode)[0])
    store.save_frames(encode_key, encoded)
    return encoded


def transmit(encoded: Encoded, packets: list[Packet], trial: Trial, work: Work) -> Transmission:
    """Send the packets through one network. The weather depends on the seed and the utterance alone."""
    sent = np.array([packet.sent for packet in packets], np.int64)
    generator = seeds.generator(trial.seed, "channel", work.utterance.id)
    fate = trial.condition.channel().fate(sent, generator)
    return Transmission(encoded, packets, fate, play(encoded.frames, packets, fate.delays, work.settings.buffer))


def decode(work: Work, reference: audio.Audio, playout: Playout, bench: Bench) -> Signal:
    """The decoded signal at the codec's output rate, its measured delay removed, as long as the reference.

    Raises:
        NotMeasured: as the codec failed.
    """
    info = work.subject.info
    assert info is not None
    raw, _ = bench.decode(work.subject.spec, playout.slots, push_size(info, work.settings.mode)[1])
    samples = len(reference.signal) * info.rate_out // reference.rate
    return trim(raw, work.subject.delay, samples)


def _score(
    work: Work, reference: audio.Audio, sent: Transmission, scorers: Sequence[Scorer], bench: Bench
) -> dict[str, list[Measured]]:
    info = work.subject.info
    assert info is not None
    try:
        degraded = decode(work, reference, sent.playout, bench)
    except NotMeasured as error:
        return {scorer.identity: _unmeasured(scorer, error) for scorer in scorers}
    bench.load((reference.signal, reference.rate), (degraded, info.rate_out))
    return {s.identity: bench.measure(s.module, s.attribute, s.spec, s.rate, s.names) for s in scorers}


def _pattern(playout: Playout) -> bytes:
    """What the decoder can see of a transmission: equal patterns decode to equal signals."""
    seen = (bytes([s.payload is None, len(s.ahead), *(a is None for a in s.ahead)]) for s in playout.slots)
    return b"".join(seen)


def link_facts(sent: Transmission, subject: Subject) -> list[Measured]:
    """Bitrates, realised loss and bursts, share of in-band redundancy, and the delay that was removed."""
    frames, packets = sent.encoded.frames, sent.packets
    info = subject.info
    assert info is not None
    seconds = sum(f.duration for f in frames) / SECOND
    payload = sum(p.payload_bytes for p in packets)
    wire = payload + sum(p.header_bytes for p in packets)
    lost = int((sent.fate.delays == LOST).sum())
    late = int(sum(any(sent.playout.late[f.index] for f in p.frames) for p in packets))
    facts = [
        ratio("net_bps", sum(f.bits for f in frames), seconds),
        ratio("payload_bps", 8 * payload, seconds),
        ratio("wire_bps", 8 * wire, seconds),
        ratio("loss_rate", lost, len(packets)),
        ratio("late_rate", late, len(packets)),
        _bursts(sent.playout.lost | sent.playout.late, frames[0].duration / 1e6),
        Measured("delay_ms", 1000 * subject.delay / info.rate_out),
    ]
    if sent.encoded.with_fec is not None:
        facts.append(ratio("fec_share", sent.encoded.with_fec, len(packets)))
    if sent.fate.wraps:
        facts.append(Measured("trace_wraps", float(sent.fate.wraps)))
    return facts


def ratio(name: str, numerator: float, denominator: float) -> Measured:
    """A value that keeps its parts, so that it can be pooled."""
    if denominator == 0:
        return Measured(name, None, "not_applicable", "nothing was sent")
    return Measured(name, numerator / denominator, "ok", "", float(numerator), float(denominator))


def _bursts(missing: Booleans, frame_ms: float) -> Measured:
    starts = int(missing[0]) + int((missing[1:] & ~missing[:-1]).sum())
    if not starts:
        return Measured("burst_ms", None, "not_applicable", "nothing was lost")
    return ratio("burst_ms", float(missing.sum()) * frame_ms, starts)


def row_of(work: Work, trial: Trial, scorer: Scorer | None, measured: Measured, key: str) -> Row:
    """One value as a row of the table."""
    settings = work.settings
    return Row(
        codec=work.subject.label,
        codec_spec=str(work.subject.spec),
        channel=trial.condition.text,
        acoustics="clean",
        playout=f"fixed:buffer_ms={settings.buffer / 1e6:g}",
        protection="none",
        concealment="codec",
        header=settings.header,
        mode=settings.mode,
        seed=trial.seed,
        dataset=work.dataset,
        utterance=work.utterance.id,
        speaker=work.utterance.speaker,
        reference="" if scorer is None else "clean",
        scorer=LINK if scorer is None else str(scorer.spec),
        name=measured.name,
        kind="value",
        value=measured.value,
        numerator=measured.numerator,
        denominator=measured.denominator,
        unit=LINK_VALUES[measured.name].unit if scorer is None else scorer.values[measured.name].unit,
        status=measured.status,
        reason=measured.reason,
        key=key,
    )
