"""What a run would be: trials, hours and disk, from one utterance measured here and now."""

import random
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from benchmark import calibrate, manifest, pipeline
from benchmark.bench import Bench
from benchmark.calibrate import CORPUS
from benchmark.plan import Plan, check_strategies, plan, strategies, works
from benchmark.progress import Progress
from benchmark.run import Options, make_writable
from benchmark.scorers import Scorer
from benchmark.suite import Data, Suite
from benchmark.types import NotMeasured, Unavailable, UserError

ROW_BYTES = 330  # of a score in the store and in the table, measured on runs of the shipped suites
TRIED, PATIENCE = 12, 120  # scenes of a grid that are tried out of each codec at most, and of all of them
LINK_ROWS = 24  # facts of the link that every trial has
AUDIO_BYTES = 20_000  # of FLAC per second of speech at 16 kHz, as on read speech


def estimate(suite: Suite, options: Options, progress: Progress) -> str:
    """A text of a few lines. One shipped utterance goes through every codec, uncached, to see what it costs here.

    Args:
        suite: what would be run.
        options: and how.
        progress: is told of each codec that was tried.

    Raises:
        UserError: for whatever the user has to mend before the run itself.
    """
    planned = plan(suite, options.data_root)
    make_writable(options.out)
    parts = _parts(suite, planned)
    seconds = [s for part in parts for s in part.seconds]
    conditions = len(planned.scenes) * len(suite.seeds)
    costs, heard, skipped = _costs(suite, planned, options, progress)
    variants = sum(heard) + len(skipped)  # a codec with a choice of loss strategies goes through each
    trials = variants * len(seconds) * conditions
    hours = sum(costs) * len(suite.seeds) / options.workers / 3600
    twice = mean(1 + (scene.acoustics.text != "clean") for scene in planned.scenes)  # against the input too
    each = [
        (len(p.seconds), LINK_ROWS + (1 if p.task else twice) * sum(len(s.names) for s in p.scorers)) for p in parts
    ]
    values = sum(count * rows for count, rows in each) / max(len(seconds), 1)
    schemes = len(planned.axis("protection"))
    played = 0 if suite.save_audio == "none" else (2 * sum(heard) * schemes + 2 * len(costs)) * mean(seconds or [0])
    played = sum(seconds) * sum(heard) * (conditions + 1) if suite.save_audio == "all" else played
    disk = trials * values * ROW_BYTES + played * AUDIO_BYTES
    times = len(planned.scenes) if suite.probes.damage == "both" else 1
    taught = len(planned.subjects) * len(planned.tasks) * len(suite.probes.seeds) * times
    taught *= "tokens" in suite.protocols
    lines = [
        f"{suite.name}: {len(planned.subjects)} codecs x {conditions} conditions x {len(seconds)} utterances",
        f"trials  {trials}, {round(trials * values)} rows, {sum(seconds) / 60:.1f} minutes of speech",
        f"time    about {_duration(hours)} with {options.workers} workers (one utterance measured; nothing cached)",
        f"disk    about {disk / 1e6:.0f} MB in {options.out}",
        *([f"probes  {taught} networks at most are taught, which is not in that time"] if taught else []),
        *(f"skipped {text}" for text in skipped),
    ]
    return "".join(f"{line}\n" for line in lines)


class Part(NamedTuple):
    """Speech of a run that is judged by the same scorers: that of its data, and that of each task."""

    scorers: tuple[Scorer, ...]
    seconds: list[float]
    task: bool


def _parts(suite: Suite, planned: Plan) -> list[Part]:
    data = [_seconds(u.path) for dataset in planned.datasets for u in dataset.utterances]
    tasks = planned.tasks if "decoded" in suite.protocols else ()
    of_tasks = [Part((one.scorer,), [_seconds(u.path) for u in one.sides.test], True) for one in tasks]
    return [*([Part(planned.scorers, data, False)] if data else []), *of_tasks]


def _seconds(path: Path) -> float:
    import soundfile

    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError):
        return 0.0  # the run will say what is wrong with it


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"


def _warm(planned: Plan, bench: Bench) -> None:
    """Have the models loaded: that is done once, however much speech there is."""
    for scorer in (*planned.scorers, *(one.scorer for one in planned.tasks)):
        if scorer.needs is not None:
            with suppress(NotMeasured, Unavailable, UserError):  # rows will say so
                bench.listen(scorer, [], [])


def _tried(planned: Plan) -> int:
    """Scenes that each codec is tried in: the more codecs, the fewer, as metrics cost about the same for each."""
    return min(TRIED, max(PATIENCE // len(planned.subjects), 1), len(planned.scenes))


def _costs(
    suite: Suite, planned: Plan, options: Options, progress: Progress
) -> tuple[list[float], list[int], list[str]]:
    """For each codec that runs, seconds of work per seed, and how many strategies it goes through.

    And for each that does not, why. Of a large grid some scenes, drawn at random, stand for all.
    """
    parts = _parts(suite, planned)
    sample = replace(suite, data=Data(limit=1), seeds=suite.seeds[:1])  # of the shipped corpus
    some = tuple(random.Random(0).sample(planned.scenes, _tried(planned)))
    every = len(planned.scenes) / len(some)
    shipped = manifest.load(CORPUS, options.data_root)
    datasets = (manifest.verify(manifest.select(shipped, None, 1)),)
    costs, infos, skipped, bench = [], [], [], Bench(suite.limits)
    try:
        _warm(planned, bench)
        before = tuple(calibrate.prepare(subject, options.store, bench) for subject in planned.before)
        planned = replace(planned, datasets=datasets, scenes=some, before=before, anchor=None, tasks=())
        with tempfile.TemporaryDirectory() as folder, progress.track("codecs", len(planned.subjects)) as advance:
            for number, work in enumerate(works(sample, planned, Path(folder))):
                if number:
                    advance()
                try:
                    info = bench.describe(work.subject.spec)
                except Unavailable as error:
                    skipped.append(f"{work.subject.label}: {error}")
                    continue
                except NotMeasured as error:
                    skipped.append(f"{work.subject.label}: {error.reason}")
                    continue
                subject = replace(work.subject, info=info, delay=info.delay, identity=str(work.subject.spec))
                spent = 0.0
                for i, part in enumerate(parts):
                    cache = work.cache / str(i)  # each alone, as its speech is
                    asked = replace(work, subject=subject, scorers=part.scorers, task=part.task, cache=cache)
                    outcome = pipeline.run(asked, bench)
                    seconds = outcome.codec_seconds + outcome.metric_seconds
                    spent += every * seconds * sum(part.seconds) / _seconds(work.utterance.path)
                costs.append(spent)
                infos.append(info)
    finally:
        bench.close()
    check_strategies(suite.concealment, infos)
    return costs, [len(strategies(info, suite.concealment)) for info in infos], skipped
