"""Audio a reader should hear: one common example, and the worst of each codec; decoded again from the stored frames."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmark import audio, pipeline
from benchmark.bench import Bench
from benchmark.pipeline import Transmission, Trial
from benchmark.plan import CLEAN, Condition, Work
from benchmark.playout import spans
from benchmark.progress import Progress
from benchmark.store import Store, digest, write_atomically
from benchmark.suite import Suite
from benchmark.types import NotMeasured, Signal

if TYPE_CHECKING:
    import pandas as pd

JUDGES = ("pesq_wb", "pesq_nb", "estoi", "stoi")  # the worst example is the lowest of the first one asked for


class Example(NamedTuple):
    """A trial worth hearing, and why."""

    work: Work
    trial: Trial
    why: str


class Played(NamedTuple):
    """A trial decoded again: what the channel did, and the signal at the codec's output rate."""

    reference: audio.Audio
    sent: Transmission
    degraded: Signal


def play(work: Work, trial: Trial, bench: Bench) -> Played:
    """Decode one trial from its stored (or anew encoded) frames.

    Raises:
        NotMeasured: as the input or the codec failed, or the scheme cannot carry the frames.
    """
    if work.subject.status != "ok":
        raise NotMeasured(work.subject.status, work.subject.reason)
    reference = audio.read(work.utterance.path)
    encoded = pipeline.frames_of(work, reference, Store(work.cache), pipeline.key_of_frames(work), bench)
    sent = pipeline.transmit(encoded, pipeline.stream_of(work, encoded, trial.scheme), trial, work)
    return Played(reference, sent, pipeline.decode(work, reference, sent.playout.slots, trial.concealment, bench))


def save(todo: Sequence[Work], results: "pd.DataFrame", out: Path, suite: Suite, progress: Progress) -> None:
    """Write `out`/audio: the examples' FLAC files and `index.json`, which says what each is."""
    folder = out / "audio"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    chosen = list(_everything(todo) if suite.save_audio == "all" else choose(todo, results))
    chosen.sort(key=lambda example: list(suite.codecs).index(example.work.subject.label))
    scores = _scores(results, [example.trial for example in chosen])
    index, bench = [], Bench(suite.limits)
    try:
        with progress.track("audio", len(chosen)) as advance:
            for example in chosen:
                entry = _save(example, folder, scores, bench)
                index += [] if entry is None else [entry]
                advance()
    finally:
        bench.close()
    write_atomically(folder / "index.json", json.dumps(index, indent=1, ensure_ascii=False).encode())


def choose(todo: Sequence[Work], results: "pd.DataFrame") -> list[Example]:
    """The first utterance under a middling loss, the same for every codec; and each codec's worst lossy trial.

    Of the first, every protection and loss strategy is heard.
    """
    usable = [work for work in todo if work.subject.status == "ok"]
    if not usable:
        return []
    lossy = [c for c in usable[0].conditions if c.loss != 0]
    shown = _middling(lossy) if lossy else usable[0].conditions[0]
    first = [work for work in usable if work.utterance.id == usable[0].utterance.id]
    found = [Example(w, t, "chosen") for w in first for t in _trials(w, shown, w.settings.seeds[0])]
    return found + _worst(usable, lossy or list(usable[0].conditions), results)


def _middling(lossy: Sequence[Condition]) -> Condition:
    """The highest known loss up to 10 %, the burstier of two; a trace where no loss is known beforehand."""
    known = [c for c in lossy if c.loss is not None and c.loss <= 0.1]
    return max(known, key=lambda c: (c.loss or 0, c.burst_ratio or 0)) if known else lossy[0]


def _worst(usable: Sequence[Work], conditions: Sequence[Condition], results: "pd.DataFrame") -> list[Example]:
    judge = next((name for name in JUDGES if (results["name"] == name).any()), None)
    if judge is None:
        return []
    by_text = {c.text: c for c in conditions}
    rows = results[(results["name"] == judge) & (results["status"] == "ok") & results["channel"].isin(by_text)]
    works = {(w.subject.label, w.utterance.id): w for w in usable}
    found = []
    for _, row in rows.sort_values("value", kind="stable").drop_duplicates("codec").iterrows():
        work = works[row["codec"], row["utterance"]]
        same = _trials(work, by_text[row["channel"]], int(row["seed"]))
        wanted = (row["protection"], row["concealment"])
        trial = next(t for t in same if (t.scheme.text, t.concealment) == wanted)
        found.append(Example(work, trial, "worst"))
    return found


def _everything(todo: Iterable[Work]) -> Iterable[Example]:
    for work in todo:
        if work.subject.status == "ok":
            for trial in pipeline.trials_of(work, pipeline.key_of_frames(work)):
                yield Example(work, trial, "all")


def _trials(work: Work, condition: Condition, seed: int) -> list[Trial]:
    trials = pipeline.trials_of(work, pipeline.key_of_frames(work))
    return [t for t in trials if t.condition == condition and t.seed == seed]


def _place(work: Work, trial: Trial) -> tuple[str, ...]:
    """The columns of a table that tell a trial from others."""
    subject, utterance = work.subject.label, work.utterance.id
    return subject, utterance, trial.condition.text, trial.scheme.text, trial.concealment, str(trial.seed)


def _scores(results: "pd.DataFrame", trials: Iterable[Trial]) -> dict[tuple[str, ...], dict[str, float]]:
    """Values of the metrics by `_place`, for the channels of `trials` and the clean one."""
    channels = {t.condition.text for t in trials} | {"clean"}
    rows = results[
        (results["status"] == "ok") & (results["scorer"] != pipeline.LINK) & results["channel"].isin(channels)
    ]
    found: dict[tuple[str, ...], dict[str, float]] = {}
    columns = ["codec", "utterance", "channel", "protection", "concealment", "seed", "name", "value"]
    for *place, name, value in rows[columns].itertuples(index=False):
        found.setdefault(tuple(map(str, place)), {})[name] = float(value)
    return found


def _save(example: Example, folder: Path, scores: Any, bench: Bench) -> dict[str, Any] | None:
    work, trial = example.work, example.trial
    try:
        played = play(work, trial, bench)
        clean = trial._replace(condition=CLEAN, key="")
        loss_free = play(work, clean, bench)
    except NotMeasured:
        return None  # its rows say why
    info = work.subject.info
    assert info is not None
    name = digest(work.subject.identity, work.utterance.sha256)[:12]
    files = {
        "reference": f"reference-{work.utterance.sha256[:12]}.flac",
        "clean": f"{name}-clean.flac",
        "degraded": f"{name}-{trial.key[:12]}.flac",
    }
    audio.write(folder / files["reference"], played.reference.signal, played.reference.rate)
    audio.write(folder / files["clean"], loss_free.degraded, info.rate_out)
    audio.write(folder / files["degraded"], played.degraded, info.rate_out)
    frames, playout = played.sent.encoded.frames, played.sent.playout
    return {
        "utterance": work.utterance.id,
        "speaker": work.utterance.speaker,
        "transcript": work.utterance.labels.get("transcript", ""),
        "why": example.why,
        "codec": work.subject.label,
        "channel": trial.condition.text,
        "protection": trial.scheme.text,
        "concealment": trial.concealment,
        "seed": trial.seed,
        **{kind: f"audio/{file}" for kind, file in files.items()},
        "lost": spans(frames, playout.lost),
        "late": spans(frames, playout.late),
        "values": scores.get(_place(work, trial), {}),
        "clean_values": scores.get(_place(work, clean), {}),
        "key": pipeline.score_keys(work, trial)[0][1],
    }
