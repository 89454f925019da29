"""One utterance through one codec: encode, packetise, transmit, play out, decode, align, score; all stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np

from benchmark import align, audio, seeds
from benchmark.bench import Bench
from benchmark.codec import push_size, trim
from benchmark.fingerprint import module_fingerprint
from benchmark.hosts import Encoded
from benchmark.packetise import HEADERS, Stream, packetise
from benchmark.plan import OWN, Condition, Scheme, Scorer, Work, harness, strategies
from benchmark.playout import Playout, late_packets, play, spans
from benchmark.store import Store, digest
from benchmark.table import Row
from benchmark.transient import recovery
from benchmark.types import (
    LOST,
    SECOND,
    Booleans,
    CodecInfo,
    Fate,
    Measured,
    NotMeasured,
    Signal,
    Slot,
    Spec,
    ValueInfo,
)

LINK = "link"
LINK_VALUES = {
    "net_bps": ValueInfo("bit/s", "lower", "bits of all frames over the duration they cover"),
    "payload_bps": ValueInfo("bit/s", "lower", "bytes of all payloads, padding included"),
    "wire_bps": ValueInfo("bit/s", "lower", "payloads and headers of all packets"),
    "loss_rate": ValueInfo("share", "lower", "packets that never arrive, of those sent"),
    "late_rate": ValueInfo("share", "lower", "packets that arrive after they are due, of those sent"),
    "residual_loss": ValueInfo("share", "lower", "frames missing at the decoder, copies considered, of those sent"),
    "burst_ms": ValueInfo("ms", "lower", "mean length of a run of missing frames, lost or late"),
    "redundancy_bps": ValueInfo("bit/s", "lower", "copies of frames and the headers they need, on the wire"),
    "fec_share": ValueInfo("share", "neither", "frames that carry in-band redundancy, read from their bits"),
    "latency_ms": ValueInfo(
        "ms",
        "lower",
        "from the capture of a group of frames until its first sample plays: the group itself, its packets and their "
        "pacing, copies, playout buffer, wait of the loss strategy, delay of the codec; computing and network apart",
    ),
    "recovery_ms": ValueInfo(
        "ms",
        "lower",
        "from the end of a hole until the output is what it is without losses; holes with another one before that are "
        "left out",
    ),
    "delay_ms": ValueInfo("ms", "neither", "delay that was removed before scoring"),
    "trace_wraps": ValueInfo("count", "neither", "how often a replayed trace began anew"),
    "encode_rtf": ValueInfo("s/s", "lower", "encoding time over duration; below 1 is faster than real time"),
    "decode_rtf": ValueInfo("s/s", "lower", "decoding time over duration; below 1 is faster than real time"),
}
RECOVERY = Scorer(  # as its own entry of the store: unlike the other facts of the link it needs decoded signals
    Spec(LINK),
    "benchmark.transient",
    "recovery",
    None,
    ("recovery_ms",),
    digest("recovery", module_fingerprint("benchmark.transient")),
    {},
    "",
    {"recovery_ms": LINK_VALUES["recovery_ms"]},
)


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
    """One condition under one seed and scheme, heard with one loss strategy, and the key of what it decodes to."""

    condition: Condition
    seed: int
    scheme: Scheme
    concealment: str
    key: str


class Transmission(NamedTuple):
    """What one trial's network did to the frames; they play `wait` ns after their packets were due without delays."""

    encoded: Encoded
    stream: Stream
    fate: Fate
    wait: int
    playout: Playout

    @property
    def missing(self) -> Booleans:
        """Per frame, whether it is not there in time."""
        return self.playout.lost | self.playout.late


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
    """Every condition under every seed and scheme, with every strategy asked.

    The channel is drawn by utterance, never by codec or scheme: same weather for all.
    """
    buffer, delay = work.settings.buffer, work.subject.delay
    heard = strategies(work.subject.info, work.settings.concealment)
    for seed, condition, scheme, name in product(work.settings.seeds, work.conditions, work.schemes, heard):
        facts = (condition.identity, scheme.identity, name, work.utterance.id, seed, buffer, delay)
        yield Trial(condition, seed, scheme, name, digest("decoded", encode_key, *facts))


def score_keys(work: Work, trial: Trial) -> list[tuple[Scorer | None, str]]:
    """The store's key per scorer; None stands for the link's own facts."""
    keys: list[tuple[Scorer | None, str]] = [(None, digest("link", trial.key, work.settings.header, harness()))]
    chosen = work.scorers if trial.concealment == OWN else (*work.scorers, RECOVERY)
    return keys + [(scorer, digest("score", trial.key, scorer.identity)) for scorer in chosen]


def _compute(
    work: Work, trials: Sequence[Trial], missing: set[str], store: Store, encode_key: str, bench: Bench
) -> dict[str, list[Measured]]:
    """The missing scores; a failure of the input or of the codec stands in every one that it prevents."""
    todo = [(trial, [pair for pair in score_keys(work, trial) if pair[1] in missing]) for trial in trials]
    try:
        if work.subject.status != "ok":
            raise NotMeasured(work.subject.status, work.subject.reason)
        reference = audio.read(work.utterance.path)
        encoded = frames_of(work, reference, store, encode_key, bench)
    except NotMeasured as error:
        return {key: _unmeasured(scorer, error) for _, pairs in todo for scorer, key in pairs}
    session = _Session(work, reference, encoded, bench)
    found: dict[str, list[Measured]] = {}
    for trial, pairs in todo:
        if pairs:
            found |= session.values(trial, pairs)
    return found


def _unmeasured(scorer: Scorer | None, error: NotMeasured) -> list[Measured]:
    names = ("net_bps",) if scorer is None else scorer.names
    return [Measured(name, None, error.status, error.reason) for name in names]


@dataclass
class _Session:
    """One work under way, and what its trials share: packets per scheme, scores of equal signals, the whole signal."""

    work: Work
    reference: audio.Audio
    encoded: Encoded
    bench: Bench
    streams: dict[str, Stream] = field(default_factory=dict)
    scores: dict[tuple[str, bytes], dict[str, list[Measured]]] = field(default_factory=dict)
    whole: Signal | None = None

    def values(self, trial: Trial, pairs: Sequence[tuple[Scorer | None, str]]) -> dict[str, list[Measured]]:
        """What one trial gives for each (scorer, key)."""
        try:
            sent = transmit(self.encoded, self._stream(trial.scheme), trial, self.work)
        except NotMeasured as error:  # the scheme cannot carry these frames
            return {key: _unmeasured(scorer, error) for scorer, key in pairs}
        complete = trial.concealment != OWN and not sent.missing.any()  # then all strategies give one signal
        same = self.scores.setdefault(("", b"") if complete else (trial.concealment, _pattern(sent.playout)), {})
        asked = [scorer for scorer, _ in pairs if scorer is not None and scorer.identity not in same]
        if asked:
            same |= self._score(trial, sent, asked)
        return {key: link_facts(sent, self.work) if s is None else same[s.identity] for s, key in pairs}

    def _stream(self, scheme: Scheme) -> Stream:
        if scheme.text not in self.streams:
            self.streams[scheme.text] = stream_of(self.work, self.encoded, scheme)
        return self.streams[scheme.text]

    def _score(self, trial: Trial, sent: Transmission, scorers: Sequence[Scorer]) -> dict[str, list[Measured]]:
        info = facts(self.work)
        found: dict[str, list[Measured]] = {}
        try:
            degraded = decode(self.work, self.reference, sent.playout.slots, trial.concealment, self.bench)
            if any(scorer is RECOVERY for scorer in scorers):
                found[RECOVERY.identity] = self._recovery(sent, degraded)
        except NotMeasured as error:
            return {scorer.identity: _unmeasured(scorer, error) for scorer in scorers}
        self.bench.load((self.reference.signal, self.reference.rate), (degraded, info.rate_out))
        for s in scorers:
            if s is not RECOVERY:
                found[s.identity] = self.bench.measure(s.module, s.attribute, s.spec, s.rate, s.names)
        return found

    def _recovery(self, sent: Transmission, degraded: Signal) -> list[Measured]:
        """How long the output goes on being wrong behind each hole, summed over the holes it is known of."""
        holes = [(start, end) for start, end in spans(self.encoded.frames, sent.missing)]
        if not holes:
            return [Measured("recovery_ms", None, "not_applicable", "nothing was lost")]
        if self.whole is None:
            slots = [Slot(f.index, f.payload) for f in self.encoded.frames]
            self.whole = decode(self.work, self.reference, slots, OWN, self.bench)
        times = recovery(self.whole, degraded, facts(self.work).rate_out, holes)
        known = [1000 * seconds for seconds in times if seconds is not None]
        if not known:
            text = "behind every hole, the next one or the end comes before the output is right again"
            return [Measured("recovery_ms", None, "not_applicable", text)]
        return [ratio("recovery_ms", sum(known), len(known))]


def facts(work: Work) -> CodecInfo:
    """The facts of a codec that runs."""
    assert work.subject.info is not None
    return work.subject.info


def frames_of(work: Work, reference: audio.Audio, store: Store, encode_key: str, bench: Bench) -> Encoded:
    """The utterance's frames, from the store or from the codec.

    Raises:
        NotMeasured: as the codec failed.
    """
    info = facts(work)
    if (stored := store.frames(encode_key, info)) is not None:
        return stored
    signal = align.resample(reference.signal, reference.rate, info.rate_in)
    encoded, _ = bench.encode(work.subject.spec, signal, push_size(info, work.settings.mode)[0])
    store.save_frames(encode_key, encoded)
    return encoded


def stream_of(work: Work, encoded: Encoded, scheme: Scheme) -> Stream:
    """The packets of the frames under one scheme.

    Raises:
        NotMeasured: ``not_applicable`` where it cannot carry them.
    """
    return packetise(encoded.frames, scheme.protection(), facts(work).group, work.settings.header)


def transmit(encoded: Encoded, stream: Stream, trial: Trial, work: Work) -> Transmission:
    """Send the packets through one network. The weather depends on the seed and the utterance alone."""
    sent = np.array([packet.sent for packet in stream.packets], np.int64)
    generator = seeds.generator(trial.seed, "channel", work.utterance.id)
    fate = trial.condition.channel().fate(sent, generator)
    info = facts(work)
    more = info.concealments.get(trial.concealment, 0) * info.frame * SECOND // info.rate_in
    wait = work.settings.buffer + more
    return Transmission(
        encoded, stream, fate, wait, play(encoded.frames, stream.packets, fate.delays, stream.hold, wait)
    )


def decode(work: Work, reference: audio.Audio, slots: Sequence[Slot], concealment: str, bench: Bench) -> Signal:
    """The decoded signal at the codec's output rate, its measured delay removed, as long as the reference.

    By what a delay was measured longer than declared, though it agrees with it (by less than the 2 ms an envelope
    can be wrong), the signal may end earlier: a codec owes samples for the delay that it declares.

    Raises:
        NotMeasured: as the codec failed.
    """
    info, delay = facts(work), work.subject.delay
    raw, _ = bench.decode(work.subject.spec, slots, push_size(info, work.settings.mode)[1], strategy(concealment))
    samples = len(reference.signal) * info.rate_out // reference.rate
    beyond = max(delay - info.delay, 0) if work.subject.measured.get("agrees") else 0
    return trim(raw, delay, max(min(samples, len(raw) - delay), samples - beyond))


def strategy(concealment: str) -> str:
    """What a codec's decoder is asked for: "" where it has no strategies to choose from."""
    return "" if concealment == OWN else concealment


def _pattern(playout: Playout) -> bytes:
    """What the decoder can see of a transmission: equal patterns decode to equal signals."""
    seen = (bytes([s.payload is None, len(s.ahead), *(a is None for a in s.ahead)]) for s in playout.slots)
    return b"".join(seen)


def link_facts(sent: Transmission, work: Work) -> list[Measured]:
    """Bitrates, realised loss and bursts, share of in-band redundancy, and the delays: removed, and in all."""
    frames, packets = sent.encoded.frames, sent.stream.packets
    seconds = sum(f.duration for f in frames) / SECOND
    payload = sum(p.payload_bytes for p in packets)
    headers = sum(p.header_bytes for p in packets)
    copies = sum(len(f.payload) for p in packets for f in p.redundant)
    more = headers - HEADERS[work.settings.header] * len(packets)
    lost = int((sent.fate.delays == LOST).sum())
    full = sum(bool(f.payload) for f in frames)
    found = [
        ratio("net_bps", sum(f.bits for f in frames), seconds),
        ratio("payload_bps", 8 * payload, seconds),
        ratio("wire_bps", 8 * (payload + headers), seconds),
        ratio("redundancy_bps", 8 * (copies + more), seconds),
        ratio("loss_rate", lost, len(packets)),
        ratio("late_rate", late_packets(packets, sent.fate.delays, sent.playout.due), len(packets)),
        ratio("residual_loss", int(sent.missing.sum()), full),
        _bursts(sent.missing, frames[0].duration / 1e6),
        Measured("delay_ms", 1000 * work.subject.delay / facts(work).rate_out),
        _latency(sent, work),
    ]
    if sent.encoded.with_fec is not None:
        found.append(ratio("fec_share", sent.encoded.with_fec, full))
    if sent.fate.wraps:
        found.append(Measured("trace_wraps", float(sent.fate.wraps)))
    return found


def _latency(sent: Transmission, work: Work) -> Measured:
    info = facts(work)
    if not info.streaming:
        return Measured("latency_ms", None, "not_applicable", "the encoder sees the whole utterance before it sends")
    return Measured("latency_ms", (sent.stream.hold + sent.wait) / 1e6 + 1000 * work.subject.delay / info.rate_out)


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
        protection=trial.scheme.text,
        concealment=trial.concealment,
        header=settings.header,
        mode=settings.mode,
        seed=trial.seed,
        dataset=work.dataset,
        utterance=work.utterance.id,
        speaker=work.utterance.speaker,
        reference="" if scorer is None else "loss_free" if scorer is RECOVERY else "clean",
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
