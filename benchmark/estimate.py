"""What a run would be: trials, hours and disk, from one utterance measured here and now."""

import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean

from benchmark import pipeline
from benchmark.bench import Bench
from benchmark.plan import Plan, plan, works
from benchmark.run import Options, make_writable
from benchmark.suite import Data, Suite
from benchmark.types import NotMeasured, Unavailable

ROW_BYTES = 330  # of a score in the store and in the table, measured on runs of the shipped suites
AUDIO_BYTES = 20_000  # of FLAC per second of speech at 16 kHz, as on read speech


def estimate(suite: Suite, options: Options) -> str:
    """A text of a few lines. One shipped utterance goes through every codec, uncached, to see what it costs here.

    Raises:
        UserError: for whatever the user has to mend before the run itself.
    """
    planned = plan(suite, options.data_root)
    make_writable(options.out)
    utterances = [u for dataset in planned.datasets for u in dataset.utterances]
    seconds = [_seconds(u.path) for u in utterances]
    conditions = len(planned.conditions) * len(suite.seeds)
    trials = len(planned.subjects) * len(utterances) * conditions
    costs, skipped = _costs(suite, planned, options)
    hours = sum(costs) * sum(seconds) * conditions / options.workers / 3600
    values = 8 + sum(len(s.names) for s in planned.scorers)
    played = 0 if suite.save_audio == "none" else 4 * len(costs) * mean(seconds or [0])
    played = sum(seconds) * len(costs) * (conditions + 1) if suite.save_audio == "all" else played
    disk = trials * values * ROW_BYTES + played * AUDIO_BYTES
    lines = [
        f"{suite.name}: {len(planned.subjects)} codecs x {conditions} conditions x {len(utterances)} utterances",
        f"trials  {trials}, {trials * values} rows, {sum(seconds) / 60:.1f} minutes of speech",
        f"time    about {_duration(hours)} with {options.workers} workers (one utterance measured; nothing cached)",
        f"disk    about {disk / 1e6:.0f} MB in {options.out}",
        *(f"skipped {text}" for text in skipped),
    ]
    return "".join(f"{line}\n" for line in lines)


def _seconds(path: Path) -> float:
    import soundfile

    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError):
        return 0.0  # the run will say what is wrong with it


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"


def _costs(suite: Suite, planned: Plan, options: Options) -> tuple[list[float], list[str]]:
    """Seconds of work per second of speech and condition, for each codec that runs; and why others do not."""
    sample = replace(suite, data=Data(limit=1), seeds=suite.seeds[:1])  # of the shipped corpus
    planned = replace(planned, datasets=plan(sample, options.data_root).datasets)
    costs, skipped, bench = [], [], Bench(suite.limits)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for work in works(sample, planned, Path(folder)):
                try:
                    info = bench.describe(work.subject.spec)
                except Unavailable as error:
                    skipped.append(f"{work.subject.label}: {error}")
                    continue
                except NotMeasured as error:
                    skipped.append(f"{work.subject.label}: {error.reason}")
                    continue
                subject = replace(work.subject, info=info, delay=info.delay, identity=str(work.subject.spec))
                outcome = pipeline.run(replace(work, subject=subject), bench)
                spent = outcome.codec_seconds + outcome.metric_seconds
                costs.append(spent / len(work.conditions) / _seconds(work.utterance.path))
    finally:
        bench.close()
    return costs, skipped
