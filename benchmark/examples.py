"""Audio a reader should hear: one common example, and the worst of each codec; decoded again from the stored frames."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmark import audio, pipeline
from benchmark.bench import Bench
from benchmark.inputs import Inputs
from benchmark.link import LINK
from benchmark.plan import Trial, Work
from benchmark.playout import spans
from benchmark.progress import Progress
from benchmark.scenes import CLEAN, Scene
from benchmark.store import Store, digest, write_atomically
from benchmark.suite import ANCHOR, Suite
from benchmark.transmission import Transmission
from benchmark.types import Heard, NotMeasured, Signal

if TYPE_CHECKING:
    import pandas as pd

SCENE = ("acoustics", "channel", "protection", "playout")  # the columns of a scene
JUDGES = ("pesq_wb", "pesq_nb", "estoi", "stoi")  # the worst example is the lowest of the first one asked for


class Example(NamedTuple):
    """A trial worth hearing, and why."""

    work: Work
    trial: Trial
    why: str


class Played(NamedTuple):
    """A trial decoded again: the speech, what the codec heard, what the channel did, and what came out.

    The first two are at the file's rate, the last at the codec's.
    """

    reference: audio.Audio
    heard: Heard
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
    inputs = Inputs(work, reference, bench)
    heard = inputs.heard(trial.scene.acoustics, trial.seed)
    encoded = pipeline.frames_of(inputs, heard, trial, Store(work.cache))
    stream = pipeline.stream_of(work, encoded, trial.scene.protection)
    sent = pipeline.transmitted(inputs, heard, encoded, stream, trial)
    degraded = pipeline.decode(work, reference, sent.playout.slots, trial.concealment, bench)
    return Played(reference, heard, sent, degraded)


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
    usable = [work for work in todo if work.subject.status == "ok" and work.subject.label != ANCHOR]
    usable = [work for work in usable if not work.task] or usable
    if not usable:
        return []
    lossy = [scene for scene in usable[0].scenes if not _plain(scene)]
    shown = _middling(lossy) if lossy else usable[0].scenes[0]
    first = [work for work in usable if work.utterance.id == usable[0].utterance.id]
    protected = [scene for scene in usable[0].scenes if scene._replace(protection=shown.protection) == shown]
    seed = usable[0].settings.seeds[0]
    found = [Example(w, t, "chosen") for w in first for scene in protected for t in _trials(w, scene, seed)]
    return found + _worst(usable, lossy or list(usable[0].scenes), results)


def _plain(scene: Scene) -> bool:
    return scene.channel.loss == 0 and scene.acoustics.text == "clean"


def _middling(lossy: Sequence[Scene]) -> Scene:
    """The highest known loss up to 10 %, the burstier of two; else the one in the middle of the list."""
    known = [(c.channel.loss, c.channel.burst_ratio or 0, -i) for i, c in enumerate(lossy) if c.channel.loss]
    known = [place for place in known if place[0] <= 0.1]
    return lossy[-max(known)[2]] if known else lossy[len(lossy) // 2]


def _worst(usable: Sequence[Work], scenes: Sequence[Scene], results: "pd.DataFrame") -> list[Example]:
    judge = next((name for name in JUDGES if (results["name"] == name).any()), None)
    if judge is None:
        return []
    by_text = {tuple(c.text for c in scene): scene for scene in scenes}
    rows = results[(results["name"] == judge) & (results["status"] == "ok") & (results["reference"] == "clean")]
    works = {(w.subject.label, w.utterance.id): w for w in usable}
    found: dict[str, Example] = {}
    for _, row in rows.sort_values("value", kind="stable").iterrows():
        scene = by_text.get(tuple(row[list(SCENE)]))
        work = works.get((row["codec"], row["utterance"]))
        if row["codec"] not in found and scene is not None and work is not None:
            same = _trials(work, scene, int(row["seed"]))
            found[row["codec"]] = Example(work, next(t for t in same if t.concealment == row["concealment"]), "worst")
    return list(found.values())


def _everything(todo: Iterable[Work]) -> Iterable[Example]:
    for work in todo:
        if work.subject.status == "ok" and work.subject.label != ANCHOR:
            for trial in pipeline.trials_of(work):
                yield Example(work, trial, "all")


def _trials(work: Work, scene: Scene, seed: int) -> list[Trial]:
    """Those of a scene, with all loss strategies."""
    return [t for t in pipeline.trials_of(work) if t.scene == scene and t.seed == seed]


def _place(work: Work, trial: Trial) -> tuple[str, ...]:
    """The columns of a table that tell a trial from others."""
    subject, utterance = work.subject.label, work.utterance.id
    return subject, utterance, *(c.text for c in trial.scene), trial.concealment, str(trial.seed)


def _scores(results: "pd.DataFrame", trials: Iterable[Trial]) -> dict[tuple[str, ...], dict[str, float]]:
    """Values of the metrics against the speech by `_place`, for the channels of `trials` and the clean one."""
    channels = {t.scene.channel.text for t in trials} | {"clean"}
    facts = results["scorer"].isin([LINK, "probe", "tokens"]) | (results["kind"] != "value")
    scored = (results["status"] == "ok") & ~facts & results["reference"].isin(["clean", ""])
    rows = results[scored & results["channel"].isin(channels)]
    found: dict[tuple[str, ...], dict[str, float]] = {}
    columns = ["codec", "utterance", *SCENE, "concealment", "seed", "name", "value"]
    for *place, name, value in rows[columns].itertuples(index=False):
        found.setdefault(tuple(map(str, place)), {})[name] = float(value)
    return found


def _save(example: Example, folder: Path, scores: Any, bench: Bench) -> dict[str, Any] | None:
    work, trial = example.work, example.trial
    try:
        played = play(work, trial, bench)
        clean = trial._replace(scene=trial.scene._replace(channel=CLEAN), key="")
        loss_free = play(work, clean, bench)
    except NotMeasured:
        return None  # its rows say why
    info = work.subject.info
    assert info is not None
    name = digest(work.subject.identity, work.utterance.sha256)[:12]
    files = {
        "reference": f"reference-{work.utterance.sha256[:12]}.flac",
        "clean": f"{name}-{trial.frames_key[:12]}-clean.flac",
        "degraded": f"{name}-{trial.key[:12]}.flac",
    }
    if trial.scene.acoustics.text != "clean":
        files["heard"] = f"{name}-{trial.frames_key[:12]}-heard.flac"
        audio.write(folder / files["heard"], played.heard.signal, played.reference.rate)
    audio.write(folder / files["reference"], played.reference.signal, played.reference.rate)
    audio.write(folder / files["clean"], loss_free.degraded, info.rate_out)
    audio.write(folder / files["degraded"], played.degraded, info.rate_out)
    frames, playout = played.sent.frames, played.sent.playout
    return {
        "utterance": work.utterance.id,
        "speaker": work.utterance.speaker,
        "transcript": work.utterance.labels.get("transcript", ""),
        "why": example.why,
        "codec": work.subject.label,
        **dict(zip(SCENE, (c.text for c in trial.scene), strict=True)),
        "concealment": trial.concealment,
        "seed": trial.seed,
        **{kind: f"audio/{file}" for kind, file in files.items()},
        "lost": spans(frames, playout.lost),
        "late": spans(frames, playout.late),
        "values": scores.get(_place(work, trial), {}),
        "clean_values": scores.get(_place(work, clean), {}),
        "key": pipeline.asks_of(work, trial)[0].key,
    }
