"""A whole run: plan, calibrate, execute, time, write the table, the provenance, the audio and the report."""

import importlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark import (
    cache,
    calibrate,
    conversion_rows,
    examples,
    latency,
    learning,
    pipeline,
    provenance,
    table,
    timing,
    token_probes,
    token_rows,
    token_teaching,
)
from benchmark.bench import Bench
from benchmark.execute import check_scheduler, execute
from benchmark.link import LINK
from benchmark.plan import Plan, Subject, Work, plan, settings, works
from benchmark.progress import Progress, Quiet
from benchmark.store import digest, write_atomically
from benchmark.suite import Suite
from benchmark.table import Row
from benchmark.types import UserError

if TYPE_CHECKING:  # pandas costs 0.4 s, and planning errors should not wait for it
    import pandas as pd


PASSING = ("started", "finished", "wall_seconds", "command", "effort", "cache")  # what two equal runs may differ in


@dataclass(frozen=True, slots=True)
class Options:
    """Where and how a suite runs; none of it changes a value.

    Attributes:
        out: the run folder.
        cache: the store; by default in the run folder, elsewhere to share it between runs.
        data_root: where manifests' files and traces are looked up last.
        workers: parallel workers on this machine.
        scheduler: address of a Dask scheduler, in place of `workers`.
        timing: measure afterwards what each codec costs, one at a time, as a suite may ask too.
        command: what the user typed, for the record.
    """

    out: Path
    cache: Path | None = None
    data_root: Path = Path()
    workers: int = 1
    scheduler: str | None = None
    timing: bool = False
    command: str = ""

    @property
    def store(self) -> Path:
        """The folder of the store."""
        return self.cache or self.out / "cache"


def run(suite: Suite, options: Options, progress: Progress | None = None) -> "pd.DataFrame":
    """Run `suite`; the table of results, which `options.out` then holds with its provenance and its report.

    Whatever the store has is not computed again: an interrupted run goes on where it stopped.

    Raises:
        UserError: before any work, for whatever the user has to mend.
    """
    progress = progress or Quiet()
    started, clock = provenance.now(), time.perf_counter()
    planned = plan(suite, options.data_root)
    voices = conversion_rows.ask(**asdict(suite.conversion), data_root=options.data_root, device=suite.device)
    if "tokens" in suite.protocols:
        token_teaching.recipe(suite.probes)
    make_writable(options.out, options.store)
    if options.scheduler is not None:
        firsts = [d.utterances[0].path for d in planned.datasets] + [one.sides.test[0].path for one in planned.tasks]
        check_scheduler(options.scheduler, options.store.resolve(), firsts)
    planned = prepare(suite, planned, options, progress)
    subjects = planned.subjects
    store = options.store.resolve()
    todo = works(suite, planned, store)
    if "decoded" in suite.protocols:
        learning.learn(planned.tasks, store, suite.limits, options.workers, options.scheduler, progress)
    rows, effort = _execute(suite, todo, options, progress)
    rows += token_rows.rows(todo)
    where = token_teaching.Where(suite, planned, store, options.workers, options.scheduler, progress)
    if "tokens" in suite.protocols:
        rows += token_probes.rows(where)
    if voices.pairs:
        common, spread = settings(suite), (options.workers, options.scheduler)
        rows += conversion_rows.rows(subjects, common, store, voices, suite.limits, progress, *spread)
    if options.timing or suite.timing:
        rows += timing.rows(todo, suite.limits, progress)
    if suite.probe:
        rows += latency.rows(subjects, suite.limits, progress)
    results = table.frame(rows)
    record = provenance.describe(suite, planned, subjects)
    if "tokens" in suite.protocols:
        record["probes"] = token_probes.facts(suite.probes)
    _add_seconds(record, results)
    record["conversion"] = voices.record
    record["suite"]["conversion"]["data"] = voices.source  # so that it runs from any folder
    record["values"] |= provenance.values([voices.values])
    record |= {
        "started": started,
        "finished": provenance.now(),
        "wall_seconds": round(time.perf_counter() - clock, 3),
        "command": options.command,
        "warnings": [*_codec_warnings([*subjects, *planned.before]), *_input_warnings(rows), *where.warnings],
        "effort": effort,
        "cache": str(options.store.resolve()),
    }
    for text in record["warnings"]:
        progress.warn(text)
    cache.note(todo, options.out)
    _finish(suite, todo, results, record, options, progress)
    return results


def make_writable(*folders: Path) -> None:
    """Create the folders.

    Raises:
        UserError: when nothing can be written there.
    """
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UserError(f"Nothing can be written to {folder}: {error.strerror}. Give another --out.") from error


def prepare(suite: Suite, planned: Plan, options: Options, progress: Progress) -> Plan:
    """The plan with every codec described and its delay measured: those under test, those before them, the anchor.

    Raises:
        UserError: when a codec refuses its parameters.
    """
    step = partial(calibrate.prepare, cache=options.store)
    groups = (planned.subjects, planned.before, (planned.anchor,) if planned.anchor is not None else ())
    every = {str(subject.spec): subject for group in groups for subject in group}
    found: dict[str, Subject] = {}
    with progress.track("codecs", len(every)) as advance:
        for subject in execute(_call(step), list(every.values()), suite.limits, options.workers):
            found[str(subject.spec)] = subject
            advance()
    subjects, before, anchor = ([replace(found[str(s.spec)], label=s.label) for s in group] for group in groups)
    return replace(planned, subjects=tuple(subjects), before=tuple(before), anchor=next(iter(anchor), None))


def _call(step: Callable[..., Subject]) -> Callable[[Subject, Bench], Subject]:
    return lambda subject, bench: step(subject, bench=bench)


def _execute(
    suite: Suite, todo: Sequence[Work], options: Options, progress: Progress
) -> tuple[list[Row], dict[str, float]]:
    rows: list[Row] = []
    effort = {"codec_seconds": 0.0, "metric_seconds": 0.0, "start_seconds": 0.0, "computed": 0, "cached": 0}
    clock = time.perf_counter()
    with progress.track("trials", len(todo)) as advance:
        for outcome in execute(pipeline.run, todo, suite.limits, options.workers, options.scheduler):
            rows += outcome.rows
            for key in effort:
                effort[key] += getattr(outcome, key)
            advance()
    wall = time.perf_counter() - clock
    busy = effort["codec_seconds"] + effort["metric_seconds"] + effort["start_seconds"]
    effort |= {"wall_seconds": wall}
    if options.scheduler is None:  # how many workers a cluster had is not known here
        effort |= {"workers": options.workers, "harness_share": 1 - busy / (options.workers * wall)}
    return rows, effort


def _add_seconds(record: dict[str, Any], results: "pd.DataFrame") -> None:
    """Seconds of speech per data set, as the first codec that ran covered them."""
    rates = results[(results["name"] == "net_bps") & (results["status"] == "ok")]
    rates = rates.drop_duplicates(["dataset", "utterance"])
    seconds = rates.groupby("dataset")["denominator"].sum()
    for dataset in record["data"]:
        dataset["seconds"] = round(float(seconds.get(dataset["name"], 0.0)), 3)


def _codec_warnings(subjects: Iterable[Subject]) -> Iterator[str]:
    for subject in subjects:
        if subject.info is not None and not subject.info.trained:
            yield f"{subject.label} has random weights: its scores show that it runs, and nothing about its quality"
        if subject.status != "ok":
            yield f"{subject.label} did not run ({subject.status}): {subject.reason}"
        elif subject.info is not None and not (subject.info.carries_speech and subject.info.trained):
            continue  # there is no delay to be measured
        elif subject.measured["measured_ms"] is None:
            yield f"{subject.label}: its delay cannot be measured; the declared one is removed, scores may suffer"
        elif not subject.measured["agrees"]:
            delays = f"{subject.measured['measured_ms']:.2f} ms, it declares {subject.measured['declared_ms']:.2f} ms"
            yield f"{subject.label}: its measured delay is {delays}; the measured one is removed"


def _input_warnings(rows: Iterable[Row]) -> Iterator[str]:
    """One line per utterance whose input cannot be used."""
    bad = {r.utterance: r for r in rows if r.status in ("input_failed", "too_short") and r.scorer == LINK}
    for utterance in sorted(bad):
        yield f"{utterance}: {bad[utterance].reason} ({bad[utterance].status})"


def _finish(
    suite: Suite,
    todo: Sequence[Work],
    results: "pd.DataFrame",
    record: dict[str, Any],
    options: Options,
    progress: Progress,
) -> None:
    """Write the run folder; audio and report only when what they show has changed."""
    out = options.out
    shown = {k: v for k, v in record.items() if k not in PASSING}
    record["contents"] = digest(table.contents(results), shown)
    old = _old_record(out)
    if old.get("contents") != record["contents"] or not (out / "report.html").is_file():
        table.write(results, out / "results.parquet")
        write_record(out, {**record, "contents": "unfinished"})
        if suite.save_audio != "none":
            examples.save(todo, results, out, suite, progress)
        _report(out)
    write_record(out, record)


def _old_record(out: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record


def write_record(out: Path, record: dict[str, Any]) -> None:
    """Write `run.json`."""
    write_atomically(out / "run.json", json.dumps(record, indent=1, ensure_ascii=False).encode())


def _report(out: Path) -> Path:
    page: Path = importlib.import_module("reports.html").write(out, None)  # by name: the harness imports no report
    return page
