"""Score a folder of degraded files against a folder of references: no codec, no channel, one constant shift a file."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from benchmark import provenance, table
from benchmark.bench import Bench, guarded
from benchmark.execute import execute
from benchmark.hosts import Opened
from benchmark.manifest import AUDIO, file_digest
from benchmark.plan import Plan, Scorer, scorers
from benchmark.progress import Progress, Quiet
from benchmark.run import make_writable, write_record
from benchmark.store import digest
from benchmark.suite import Data, Limits, Suite
from benchmark.table import Row
from benchmark.types import Measured, NotMeasured, UserError

if TYPE_CHECKING:
    import pandas as pd

Align = Literal["file", "folder", "none"]
METRICS = ("pesq_wb", "pesq_nb", "stoi", "estoi", "si_sdr", "mel_distance")
CHANNEL = "files"  # stands in the column `channel`: what happened to the files is not known here


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files of one name; `delay` is in seconds, None: to be found for this file."""

    id: str
    reference: Path
    degraded: Path | None
    delay: float | None


def score(
    reference: Path,
    degraded: Path,
    out: Path,
    metrics: Sequence[str] = METRICS,
    alignment: Align = "file",
    workers: int = 1,
    progress: Progress | None = None,
    command: str = "",
) -> "pd.DataFrame":
    """Score every file of `reference` against its namesake (whatever the suffix) in `degraded`; write `out`.

    A file without a namesake, or that is no audio, has rows that say so.

    Args:
        reference: the folder of references.
        degraded: the folder of what is judged.
        out: the run folder.
        metrics: names of values.
        alignment: ``file``: one shift per file, found within +-500 ms; ``folder``: their median for all; ``none``.
        workers: files scored at a time.
        progress: where to say what is done.
        command: what the user typed, for the record.

    Raises:
        UserError: when a folder is missing or holds no audio, or a metric is unknown.
    """
    progress = progress or Quiet()
    started, clock = provenance.now(), time.perf_counter()
    asked = scorers(Suite(metrics=tuple(metrics)))
    pairs = _pairs(reference, degraded, None if alignment == "file" else 0.0, progress)
    make_writable(out)
    if alignment == "folder":
        pairs = _one_delay(pairs, workers)
    rows: list[Row] = []
    with progress.track("files", len(pairs)) as advance:
        for found in execute(_Scoring(asked, degraded.name, reference.name), pairs, Limits(), workers):
            rows += found
            advance()
    results = table.frame(rows)
    table.write(results, out / "results.parquet")
    record = _record(asked, reference, degraded, pairs, alignment)
    wall = round(time.perf_counter() - clock, 3)
    record |= {"started": started, "finished": provenance.now(), "wall_seconds": wall, "command": command}
    write_record(out, record)
    return results


def _pairs(reference: Path, degraded: Path, delay: float | None, progress: Progress) -> list[Pair]:
    references, outputs = _files(reference), _files(degraded)
    for extra in sorted(outputs.keys() - references.keys()):
        progress.warn(f"{outputs[extra]} has no reference; it is not scored")
    if not references.keys() & outputs.keys():
        raise UserError(f"No file of {reference} has a namesake in {degraded}; names must match up to the suffix.")
    return [Pair(name, path, outputs.get(name), delay) for name, path in sorted(references.items())]


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give two folders of audio files with the same names.")
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO and p.is_file()):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise UserError(f"{found[name]} and {path} have one name up to the suffix; which is meant is unclear.")
        found[name] = path
    if not found:
        raise UserError(f"{folder} holds no audio ({', '.join(AUDIO)}).")
    return found


def _one_delay(pairs: Sequence[Pair], workers: int) -> list[Pair]:
    """The same pairs with the median of their delays, which is what one codec configuration has."""
    paired = [Pair(p.id, p.reference, p.degraded, None) for p in pairs]
    found = [d for d in execute(_delay, paired, Limits(), workers) if d is not None]
    common = median(found) if found else 0.0
    return [Pair(p.id, p.reference, p.degraded, common) for p in pairs]


def _delay(pair: Pair, bench: Bench) -> float | None:
    if pair.degraded is None:
        return None
    try:
        found = bench.open(pair.reference, pair.degraded, None)
    except NotMeasured:
        return None
    return None if found.delay.method == "none" else found.seconds


def _delay_fact(opened: Opened) -> Measured:
    if opened.delay.method == "none":
        text = f"no delay within +-500 ms is sure (best correlation {opened.delay.correlation:.2f}); scored as it is"
        return Measured("delay_ms", None, "metric_failed", text)
    return Measured("delay_ms", 1000 * opened.seconds)


@dataclass(frozen=True, slots=True)
class _Scoring:
    """Scores one pair into rows."""

    scorers: tuple[Scorer, ...]
    label: str
    dataset: str

    def __call__(self, pair: Pair, bench: Bench) -> list[Row]:
        opened: list[Opened] = []

        def align_pair() -> list[Measured]:
            if pair.degraded is None:
                raise NotMeasured("input_failed", "the degraded folder has no file of this name")
            opened.append(bench.open(pair.reference, pair.degraded, pair.delay))
            return [_delay_fact(opened[0])]

        rows = [self._row(pair, None, measured) for measured in guarded(align_pair, ["delay_ms"])]
        if not opened:
            failed = rows[0]
            unmeasured = [(s, Measured(n, None, failed.status, failed.reason)) for s in self.scorers for n in s.names]
            return rows + [self._row(pair, scorer, measured) for scorer, measured in unmeasured]
        for scorer in self.scorers:
            values = bench.measure(scorer.module, scorer.attribute, scorer.spec, scorer.rate, scorer.names)
            rows += [self._row(pair, scorer, measured) for measured in values]
        return rows

    def _row(self, pair: Pair, scorer: Scorer | None, measured: Measured) -> Row:
        return Row(
            codec=self.label,
            codec_spec=CHANNEL,
            channel=CHANNEL,
            acoustics=CHANNEL,
            playout="none",
            protection="none",
            concealment="none",
            header="none",
            mode="offline",
            seed=0,
            dataset=self.dataset,
            utterance=pair.id,
            speaker="",
            reference="" if scorer is None else "clean",
            scorer="align" if scorer is None else str(scorer.spec),
            name=measured.name,
            kind="value",
            value=measured.value,
            numerator=measured.numerator,
            denominator=measured.denominator,
            unit="ms" if scorer is None else scorer.values[measured.name].unit,
            status=measured.status,
            reason=measured.reason,
            key=digest("pair", str(pair.reference), str(pair.degraded), pair.delay, scorer and scorer.identity),
        )


def _record(
    asked: Sequence[Scorer], reference: Path, degraded: Path, pairs: Sequence[Pair], alignment: Align
) -> dict[str, Any]:
    """The provenance of a folder pair, in the form of a run's."""
    suite = Suite(
        name="score", data=Data(manifest=()), metrics=tuple(name for scorer in asked for name in scorer.names)
    )
    data = {
        "name": reference.name,
        "manifest": str(reference.resolve()),
        "utterances": len(pairs),
        "speakers": 0,
        "sha256": digest("data", [[p.id, file_digest(p.reference)] for p in pairs]),
    }
    condition = {"channel": CHANNEL, "title": "files as they are", "family": CHANNEL, "loss": None, "burst_ratio": None}
    codec = {"spec": str(degraded.resolve()), "status": "ok", "reason": ""}
    record = provenance.describe(suite, Plan((), (), tuple(asked), ()), ())
    del record["suite"]
    return record | {
        "data": [data],
        "conditions": [condition],
        "codecs": {degraded.name: codec},
        "alignment": f"{alignment}: one constant shift, at most +-500 ms",
        "warnings": [],
    }


def summary(results: "pd.DataFrame") -> str:
    """A line per value: its mean, and how many files have it of how many were asked."""
    lines = []
    for name, rows in results.groupby("name", sort=False):
        ok = rows[rows["status"] == "ok"]
        mean = f"{ok['value'].mean():10.4f} {ok['unit'].iloc[0]}" if len(ok) else "         -"
        lines.append(f"{name:14} {mean:20} {len(ok)} of {len(rows)} files\n")
    return "".join(lines)
