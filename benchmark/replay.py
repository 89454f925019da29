"""One row of a run again: the same stages, each printed, and the audio written."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmark import audio, calibrate, examples, learning, pipeline, suite, table
from benchmark.bench import Bench
from benchmark.downstream import TOKENS
from benchmark.listen import Ears
from benchmark.plan import OWN, Trial, Work, plan, works
from benchmark.playout import spans
from benchmark.progress import Quiet
from benchmark.store import Store
from benchmark.types import LOST, SECOND, NotMeasured, Signal, UserError

SHORTEST_KEY = 6  # characters of a key


def replay(folder: Path, key: str, output: Path, data_root: Path) -> Iterator[str]:
    """Run the trial behind a row anew; lines that tell what each stage did. Only the delay is taken from the store.

    Raises:
        UserError: when no row or several trials have the key, or the run cannot be repeated here.
    """
    row = _row(folder, key)
    with tempfile.TemporaryDirectory() as cache:
        work, bench = _work(folder, row, Path(cache), data_root)
        try:
            trial = next((t for t in pipeline.trials_of(work) if _is(t, row)), None)
            if trial is None:
                raise UserError(f"{folder} was run with other conditions than its run.json now says; run it again.")
            yield from _stages(work, trial, row["reference"], output, bench)
        except NotMeasured as error:
            yield f"stopped   {error.status}: {error.reason}"
        finally:
            bench.close()


def _row(folder: Path, key: str) -> dict[str, str]:
    if len(key) < SHORTEST_KEY:
        raise UserError(f"The key {key!r} is too short; give {SHORTEST_KEY} characters or more.")
    results = table.read(folder)
    rows = results[results["key"].str.startswith(key) & (results["kind"] == "value")]
    if len(rows) and (rows["utterance"] == "").all():
        raise UserError(f"The row {key!r} is of all utterances together; there is no trial to run again.")
    if any(str(scorer).partition(":")[0].endswith(TOKENS) for scorer in rows["scorer"]):
        raise UserError(
            f"The row {key!r} is of a probe, which hears no audio: it answers from the tokens as they came."
        )
    trials = rows.drop_duplicates(["codec", *examples.SCENE, "concealment", "seed", "utterance"])
    if not len(trials):
        raise UserError(f"{folder} has no row with a key that starts with {key!r}; the report and the table show keys.")
    if len(trials) > 1:
        raise UserError(f"{len(trials)} trials have keys that start with {key!r}; give more characters.")
    return {str(column): value for column, value in trials.iloc[0].items()}


def _work(folder: Path, row: dict[str, str], cache: Path, data_root: Path) -> tuple[Work, Bench]:
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if "suite" not in record:
        raise UserError(f"{folder} holds scores of files; there is no codec or channel to run again.")
    loaded = suite.load(str(folder / "run.json"))
    if row["codec"] != suite.ANCHOR:
        stated = {label: text for label, text in loaded.emodel.items() if label == row["codec"]}
        loaded = replace(loaded, codecs={row["codec"]: row["codec_spec"]}, emodel=stated)
    planned = plan(loaded, data_root)
    bench = Bench(loaded.limits)
    prepare = partial(calibrate.prepare, cache=Path(record["cache"]), bench=bench)
    planned = replace(planned, before=tuple(prepare(subject) for subject in planned.before))
    todo = works(loaded, planned, cache)
    place = (row["codec"], row["dataset"], row["utterance"])
    work = next((w for w in todo if (w.subject.label, w.dataset, w.utterance.id) == place), None)
    if work is None:
        text = f"The data of {folder} no longer hold the utterance {row['utterance']!r}"
        raise UserError(f"{text}; restore its manifest.")
    asked = [one for one in planned.tasks if work.task and one.label == work.dataset]
    learning.learn(asked, Path(record["cache"]), loaded.limits, 1, None, Quiet())
    for one in asked:
        if (lesson := Store(Path(record["cache"])).description(one.scorer.lesson)) is not None:
            Store(cache).save_description(one.scorer.lesson, lesson)
    return replace(work, subject=prepare(work.subject)), bench


def _is(trial: Trial, row: dict[str, str]) -> bool:
    place = (*(c.text for c in trial.scene), trial.concealment, trial.seed)
    return place == (*(row[name] for name in examples.SCENE), row["concealment"], int(row["seed"]))


def _stages(work: Work, trial: Trial, reference: str, output: Path, bench: Bench) -> Iterator[str]:
    room, network, protection, buffer = (c.title for c in trial.scene)
    titles = [network if room == "clean" else f"{room}, {network}", buffer, protection]
    heard = "" if trial.concealment == OWN else f"losses: {trial.concealment}"
    facts = ", ".join(filter(None, [*titles, heard, f"seed {trial.seed}"]))
    yield f"trial     {work.subject.label} ({work.subject.spec}), {facts}"
    played = examples.play(work, trial, bench)
    speech, sent = played.reference, played.sent
    seconds = len(speech.signal) / speech.rate
    yield f"input     {work.utterance.id}: {seconds:.2f} s at {speech.rate} Hz, {_level(speech.signal)}"
    if trial.scene.acoustics.text != "clean":
        known = "".join(f", {name} {value:.4g}" for name, value in played.heard.facts.items())
        yield f"heard     {trial.scene.acoustics.title}: {_level(played.heard.signal)}{known}"
    frames = sent.frames
    bits = sum(f.bits for f in frames)
    yield f"encode    {len(frames)} frames, {bits} bits, {bits / (len(frames) * frames[0].duration / SECOND):.0f} bit/s"
    lost = int((sent.fate.delays == LOST).sum())
    yield f"channel   {len(sent.stream.packets)} packets, {lost} lost, {int(sent.playout.late.sum())} frames late"
    missing = spans(frames, sent.missing)
    yield "holes     " + (", ".join(f"{start:.3f}-{end:.3f} s" for start, end in missing) or "none")
    info = work.subject.info
    assert info is not None
    delay_ms = 1000 * work.subject.delay / info.rate_out
    samples = f"{len(played.degraded)} samples at {info.rate_out} Hz"
    yield f"decode    {samples}, {_level(played.degraded)}, {delay_ms:.2f} ms removed"
    name = f"{work.utterance.id.replace('/', '_')}-{trial.key[:12]}"
    output.mkdir(parents=True, exist_ok=True)
    audio.write(output / f"{name}-reference.flac", speech.signal, speech.rate)
    audio.write(output / f"{name}-degraded.flac", played.degraded, info.rate_out)
    yield f"written   {output / name}-reference.flac, -degraded.flac"
    if trial.scene.acoustics.text != "clean":
        audio.write(output / f"{name}-heard.flac", played.heard.signal, speech.rate)
    against = played.heard.signal if reference == pipeline.INPUT else played.heard.clean
    if trial.scene.acoustics.text != "clean":
        yield "against   " + ("what was heard" if reference == pipeline.INPUT else "the speech")
    bench.load((against, speech.rate), (played.degraded, info.rate_out))
    ears = Ears(bench, Store(work.cache))
    for scorer in work.scorers:
        pair = audio.Audio(played.degraded, info.rate_out), audio.Audio(against, speech.rate)
        of = work.utterance, work.companions
        values = bench.measure(scorer) if scorer.needs is None else ears.ask(scorer, *pair, *of)
        ears.answer()
        for value in values:
            yield f"score     {value.name:14}" + (f"{value.value:.6g}" if value.value is not None else value.reason)


def _level(signal: Signal) -> str:
    power = float(np.square(signal, dtype=np.float64).mean())
    return f"{10 * np.log10(power):.1f} dBFS" if power else "silent"
