"""One utterance through one codec: acoustics, encode, packetise, transmit, play out, decode, score; all stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np

from benchmark import align, audio, holes, seeds
from benchmark.acoustics.tandem import SELF, Tandem
from benchmark.audio import Audio
from benchmark.bench import Bench
from benchmark.codec import cut, push_size
from benchmark.fingerprint import module_fingerprint
from benchmark.hosts import Encoded
from benchmark.inputs import Inputs
from benchmark.link import LINK, LINK_VALUES, link_facts
from benchmark.listen import Ears, used
from benchmark.packetise import Stream, packetise
from benchmark.plan import OWN, Trial, Work, facts, strategies
from benchmark.playout import spans
from benchmark.scenes import Condition
from benchmark.scorers import Scorer
from benchmark.store import Store, digest
from benchmark.suite import ANCHOR
from benchmark.table import Row
from benchmark.token_statistics import ERRORS, token_errors
from benchmark.transmission import Transmission, talking, transmit
from benchmark.types import SECOND, Heard, Measured, NotMeasured, Signal, Slot, Spec


def _own(module: str, names: tuple[str, ...]) -> Scorer:
    """What is computed here, from signals, holes and frames; each its own entry of the store."""
    identity = digest(names[0], module_fingerprint(module))
    return Scorer(Spec(LINK), module, "", None, names, identity, {}, "", {name: LINK_VALUES[name] for name in names})


RECOVERY, WINDOWS = _own("benchmark.holes", holes.RECOVERY), _own("benchmark.holes", holes.WINDOWS)
TOKENS = _own("benchmark.token_statistics", tuple(ERRORS))
CLEAN, INPUT, LOSS_FREE, NO_REFERENCE = "clean", "input", "loss_free", ""


@dataclass
class Outcome:
    """The rows of one work, what it cost, and how many scores were computed or found."""

    rows: list[Row] = field(default_factory=list)
    codec_seconds: float = 0.0
    metric_seconds: float = 0.0
    start_seconds: float = 0.0
    computed: int = 0
    cached: int = 0


class Ask(NamedTuple):
    """A score that is wanted of a trial: by whom (None: the link's own facts), against what, and its key."""

    scorer: Scorer | None
    reference: str
    key: str


def run(work: Work, bench: Bench) -> Outcome:
    """Every row of one work: from the store where it has them, computed and stored where not."""
    bench.keep = 1 + len(work.before)
    outcome, before = Outcome(), (bench.codec_seconds, bench.metric_seconds, bench.start_seconds)
    store = Store(work.cache)
    scores_key = digest("scores", key_of_frames(work), work.utterance.id)
    known = store.scores(scores_key)
    trials = list(trials_of(work))
    asks = [asks_of(work, trial) for trial in trials]
    wanted = {ask.key for of_trial in asks for ask in of_trial}
    outcome.cached = len(wanted & known.keys())
    if missing := wanted - known.keys():
        fresh = _compute(work, trials, missing, store, bench)
        outcome.computed = len(fresh)
        known = store.scores(scores_key) | known | fresh  # again: another label may stand for the same codec
        store.save_scores(scores_key, known)
    for trial, of_trial in zip(trials, asks, strict=True):
        outcome.rows += [row_of(work, trial, ask, value) for ask in of_trial for value in known[ask.key]]
    outcome.codec_seconds = bench.codec_seconds - before[0]
    outcome.metric_seconds = bench.metric_seconds - before[1]
    outcome.start_seconds = bench.start_seconds - before[2]
    return outcome


def key_of_frames(work: Work, room: Condition | None = None, seed: int = 0) -> str:
    """What decides an utterance's frames; `room` is what was done to it before, if anything."""
    of_codec = (work.utterance.sha256, work.subject.identity, work.settings.mode)
    if room is None or room.text == CLEAN:
        return digest("frames", *of_codec)
    tandems = [part.spec for part in room.acoustics() if isinstance(part, Tandem) and part.codec != SELF]
    before = [(work.before[spec].identity, work.before[spec].delay) for spec in tandems]
    code = module_fingerprint("benchmark.inputs")
    heard = (room.identity, before, work.subject.delay, seed, work.utterance.id, code)
    return digest("frames", *of_codec, *heard)


def trials_of(work: Work) -> Iterator[Trial]:
    """Every scene under every seed, with every strategy asked.

    The channel is drawn by utterance, never by codec or protection: same weather for all.
    """
    heard = strategies(work.subject.info, work.settings.concealment)
    for seed, scene, name in product(work.settings.seeds, work.scenes, heard):
        frames_key = key_of_frames(work, scene.acoustics, seed)
        identities = [scene.channel.identity, scene.protection.identity, scene.playout.identity]
        known = (*identities, name, work.utterance.id, seed, work.subject.delay)
        yield Trial(scene, seed, name, frames_key, digest("decoded", frames_key, *known))


def asks_of(work: Work, trial: Trial) -> list[Ask]:
    """Every score of a trial. Where the codec heard more than speech, each is against the speech and the input.

    Of the anchor only what the room did to the speech is asked.
    """
    asks = [_ask(work, trial, s, CLEAN if _refers(s) else NO_REFERENCE) for s in work.scorers]
    if work.subject.label == ANCHOR:
        return asks
    if trial.scene.acoustics.text != CLEAN:
        asks += [_ask(work, trial, s, INPUT) for s in work.scorers if _refers(s)]
    stated = (work.settings.header, work.settings.capture_ms, work.settings.emodel.get(work.subject.label))
    own = [Ask(None, "", digest("link", trial.key, *stated, module_fingerprint("benchmark.link")))]
    if work.task:
        return own + asks
    if trial.scene.channel.text != "clean":
        own.append(Ask(WINDOWS, CLEAN, digest("score", trial.key, WINDOWS.identity)))
    if trial.concealment != OWN:
        own.append(Ask(RECOVERY, LOSS_FREE, digest("score", trial.key, RECOVERY.identity)))
    if trial.scene.acoustics.text != CLEAN and work.subject.info is not None and work.subject.info.token_bits:
        own.append(Ask(TOKENS, CLEAN, digest("score", trial.key, key_of_frames(work), TOKENS.identity)))
    return own + asks


def _refers(scorer: Scorer) -> bool:
    """Whether it compares an output with its own reference."""
    return scorer.needs is None or "reference" in scorer.needs


def _ask(work: Work, trial: Trial, scorer: Scorer, reference: str) -> Ask:
    """A scorer's ask; labels and other voices that it uses are in the key."""
    voices = {"same": work.companions.same, "other": work.companions.other}
    heard = {need: voice and (voice.sha256, used(scorer, voice.labels)) for need, voice in voices.items()}
    known = used(scorer, work.utterance.labels), {need: heard[need] for need in heard if need in (scorer.needs or ())}
    return Ask(scorer, reference, digest("score", trial.key, scorer.identity, reference, *known))


def _compute(
    work: Work, trials: Sequence[Trial], missing: set[str], store: Store, bench: Bench
) -> dict[str, list[Measured]]:
    """The missing scores; a failure of the input or of the codec stands in every one that it prevents."""
    todo = [(trial, [ask for ask in asks_of(work, trial) if ask.key in missing]) for trial in trials]
    try:
        if work.subject.status != "ok":
            raise NotMeasured(work.subject.status, work.subject.reason)
        inputs = Inputs(work, audio.read(work.utterance.path), bench)
    except NotMeasured as error:
        return {ask.key: _unmeasured(ask.scorer, error) for _, asks in todo for ask in asks}
    ears = Ears(bench, store)
    rooms: dict[str, _Room | NotMeasured] = {}
    found: dict[str, list[Measured]] = {}
    for trial, asks in todo:
        if not asks:
            continue
        if trial.frames_key not in rooms:
            rooms = {trial.frames_key: _room(inputs, trial, store, ears)}  # one at a time: signals are large
        room = rooms[trial.frames_key]
        if isinstance(room, NotMeasured):
            found |= {ask.key: _unmeasured(ask.scorer, room) for ask in asks}
        else:
            found |= room.values(trial, asks)
    ears.answer()
    return found


def _room(inputs: Inputs, trial: Trial, store: Store, ears: Ears) -> "_Room | NotMeasured":
    """What the codec made of the utterance in one room, or why it did not."""
    try:
        heard = inputs.heard(trial.scene.acoustics, trial.seed)
        return _Room(inputs, heard, frames_of(inputs, heard, trial, store), store, ears)
    except NotMeasured as error:
        return error


def _unmeasured(scorer: Scorer | None, error: NotMeasured) -> list[Measured]:
    names = ("net_bps",) if scorer is None else scorer.names
    return [Measured(name, None, error.status, error.reason) for name in names]


@dataclass
class _Room:
    """One room under way, and what its trials share: packets per protection, scores of equal signals, the whole."""

    inputs: Inputs
    heard: Heard
    encoded: Encoded
    store: Store
    ears: Ears
    streams: dict[str, Stream] = field(default_factory=dict)
    scores: dict[tuple[str, bytes], dict[tuple[str, str], list[Measured]]] = field(default_factory=dict)
    whole: Signal | None = None

    def values(self, trial: Trial, asks: Sequence[Ask]) -> dict[str, list[Measured]]:
        """What one trial gives for each key."""
        try:
            sent = transmitted(self.inputs, self.heard, self.encoded, self._stream(trial.scene.protection), trial)
        except NotMeasured as error:  # the protection cannot carry these frames
            return {ask.key: _unmeasured(ask.scorer, error) for ask in asks}
        whole = not sent.missing.any() and not sent.flipped and not sent.coarse
        complete = trial.concealment != OWN and whole  # all strategies give one
        same = self.scores.setdefault(("", b"") if complete else (trial.concealment, _pattern(sent)), {})
        new = [ask for ask in asks if ask.scorer is not None and (ask.scorer.identity, ask.reference) not in same]
        if new:
            same |= self._score(trial, sent, new)
        own: list[Measured] = []
        if any(ask.scorer is None for ask in asks):
            own = link_facts(sent, self.encoded.with_fec, trial, self.inputs.work, self.heard)
        return {a.key: own if a.scorer is None else same[a.scorer.identity, a.reference] for a in asks}

    def _stream(self, protection: Condition) -> Stream:
        if protection.text not in self.streams:
            self.streams[protection.text] = stream_of(self.inputs.work, self.encoded, protection)
        return self.streams[protection.text]

    def _score(self, trial: Trial, sent: Transmission, asks: Sequence[Ask]) -> dict[tuple[str, str], list[Measured]]:
        scorers = [(ask.scorer, ask.reference) for ask in asks if ask.scorer is not None]
        found = {(s.identity, reference): self._token_errors(trial) for s, reference in scorers if s is TOKENS}
        scorers = [pair for pair in scorers if pair[0] is not TOKENS]  # which needs no output
        if not scorers:
            return found
        try:
            degraded = self._decoded(sent.playout.slots, trial.concealment)
        except NotMeasured as error:
            return found | {(s.identity, reference): _unmeasured(s, error) for s, reference in scorers}
        output, rate = Audio(degraded, facts(self.inputs.work).rate_out), self.inputs.speech.rate
        for reference, signal in (
            (NO_REFERENCE, clean := self.heard.clean),
            (CLEAN, clean),
            (INPUT, self.heard.signal),
        ):
            self.inputs.bench.load((signal, rate), (degraded, output.rate))
            for s in [s for s, against in scorers if against == reference and s is not WINDOWS]:
                found[s.identity, reference] = self._values(s, output, Audio(signal, rate))
        for s, reference in scorers:
            if s in (RECOVERY, WINDOWS):
                found[s.identity, reference] = self._in_holes(s, sent, output)
        return found

    def _values(self, scorer: Scorer, output: Audio, reference: Audio) -> list[Measured]:
        """Of the pair on the bench; a listener's come later, in the same list."""
        if scorer.needs is None:
            return self.inputs.bench.measure(scorer)
        work = self.inputs.work
        return self.ears.ask(scorer, output, reference, work.utterance, work.companions)

    def _decoded(self, slots: Sequence[Slot], concealment: str) -> Signal:
        return decode(self.inputs.work, self.inputs.speech, slots, concealment, self.inputs.bench)

    def _token_errors(self, trial: Trial) -> list[Measured]:
        """How many tokens are other than those of the clean speech."""
        work, speech = self.inputs.work, self.inputs.speech.signal
        try:
            clean = trial._replace(frames_key=key_of_frames(work))
            spoken = frames_of(self.inputs, Heard(speech, speech), clean, self.store).frames
        except NotMeasured as error:
            return _unmeasured(TOKENS, error)
        return token_errors(spoken, self.encoded.frames, facts(work), self.heard.facts.get("shift_ms", 0.0))

    def _in_holes(self, scorer: Scorer, sent: Transmission, degraded: Audio) -> list[Measured]:
        """What is heard in the holes and behind them."""
        where = [(start, end) for start, end in spans(self.encoded.frames, sent.missing)]
        try:
            if scorer is WINDOWS:
                return holes.in_windows(Audio(self.heard.clean, self.inputs.speech.rate), degraded, where)
            if sent.flipped or sent.coarse:
                what = "bit errors change" if sent.flipped else "frames that are played in part change"
                raise NotMeasured("not_applicable", f"{what} the output outside the holes too")
            if where and self.whole is None:
                self.whole = self._decoded([Slot(f.index, f.payload) for f in self.encoded.frames], OWN)
            return holes.recovered(degraded.signal if self.whole is None else self.whole, degraded, where)
        except NotMeasured as error:
            return _unmeasured(scorer, error)


def transmitted(inputs: Inputs, heard: Heard, encoded: Encoded, stream: Stream, trial: Trial) -> Transmission:
    """The packets sent through the network of a trial. Its weather depends on seed and utterance alone.

    Raises:
        NotMeasured: ``not_applicable`` for parity over packets with bit errors.
    """
    work, scene, frames = inputs.work, trial.scene, encoded.frames
    info = facts(work)
    still = scene.playout.family == "fixed"  # which does not listen
    speech = np.ones(len(frames), bool) if still else talking(frames, heard.signal, inputs.speech.rate)
    more = info.concealments.get(trial.concealment, 0) * info.frame * SECOND // info.rate_in
    draws = [seeds.generator(trial.seed, purpose, work.utterance.id) for purpose in ("channel", "bits")]
    return transmit(frames, stream, scene.channel.channel(), scene.playout.buffer(), speech, more, *draws)


def frames_of(inputs: Inputs, heard: Heard, trial: Trial, store: Store) -> Encoded:
    """The frames of what was heard, from the store or from the codec.

    Raises:
        NotMeasured: as the codec failed.
    """
    work = inputs.work
    info = facts(work)
    if (stored := store.frames(trial.frames_key, info)) is not None:
        return stored
    signal = align.resample(heard.signal, inputs.speech.rate, info.rate_in)
    encoded, _ = inputs.bench.encode(work.subject.spec, signal, push_size(info, work.settings.mode)[0])
    store.save_frames(trial.frames_key, encoded)
    return encoded


def stream_of(work: Work, encoded: Encoded, protection: Condition) -> Stream:
    """The packets of the frames under one protection.

    Raises:
        NotMeasured: ``not_applicable`` where it cannot carry them.
    """
    return packetise(encoded.frames, protection.protection(), facts(work).group, work.settings.header)


def decode(work: Work, reference: audio.Audio, slots: Sequence[Slot], concealment: str, bench: Bench) -> Signal:
    """The decoded signal at the codec's output rate, its measured delay removed, as long as the reference.

    Raises:
        NotMeasured: as the codec failed.
    """
    info, delay = facts(work), work.subject.delay
    raw, _ = bench.decode(work.subject.spec, slots, push_size(info, work.settings.mode)[1], strategy(concealment))
    samples = len(reference.signal) * info.rate_out // reference.rate
    return cut(raw, samples, delay, info.delay, bool(work.subject.measured.get("agrees")))


def strategy(concealment: str) -> str:
    """What a codec's decoder is asked for: "" where it has no strategies to choose from."""
    return "" if concealment == OWN else concealment


def _pattern(sent: Transmission) -> bytes:
    """What the decoder can see of a transmission: equal patterns decode to equal signals."""
    slots = sent.playout.slots
    seen = b"".join(bytes([s.payload is None, len(s.ahead), *(a is None for a in s.ahead)]) for s in slots)
    if not sent.flipped and not sent.layered:
        return seen
    return seen + digest([[None if p is None else p.hex() for p in (s.payload, *s.ahead)] for s in slots]).encode()


def row_of(work: Work, trial: Trial, ask: Ask, measured: Measured) -> Row:
    """One value as a row of the table."""
    settings, scene, scorer = work.settings, trial.scene, ask.scorer
    return Row(
        codec=work.subject.label,
        codec_spec=str(work.subject.spec),
        channel=scene.channel.text,
        acoustics=scene.acoustics.text,
        playout=scene.playout.text,
        protection=scene.protection.text,
        concealment=trial.concealment,
        header=settings.header,
        mode=settings.mode,
        seed=trial.seed,
        dataset=work.dataset,
        utterance=work.utterance.id,
        speaker=work.utterance.speaker,
        reference=ask.reference,
        scorer=LINK if scorer is None else str(scorer.spec),
        name=measured.name,
        kind="value",
        value=measured.value,
        numerator=measured.numerator,
        denominator=measured.denominator,
        unit=_unit(scorer, measured.name),
        status=measured.status,
        reason=measured.reason,
        key=ask.key,
    )


def _unit(scorer: Scorer | None, name: str) -> str:
    """Of a fact that a room of the user's own states, nothing is known but its name."""
    if scorer is not None:
        return scorer.values[name].unit
    return LINK_VALUES[name].unit if name in LINK_VALUES else ""
