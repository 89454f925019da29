"""Score a folder of degraded files against a folder of references: no codec, no channel, one constant shift a file."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from benchmark import lines, manifest, provenance, registry, table
from benchmark.audio import Audio
from benchmark.bench import Bench, guarded
from benchmark.companions import NOBODY, Companions, companions
from benchmark.execute import execute
from benchmark.hosts import Opened
from benchmark.listen import Ears, unmeasured
from benchmark.manifest import AUDIO, file_digest
from benchmark.plan import Plan
from benchmark.progress import Progress, Quiet
from benchmark.run import make_writable, write_record
from benchmark.scorers import Scorer, scorers
from benchmark.store import Store, digest, write_atomically
from benchmark.suite import Data, Limits, Suite
from benchmark.table import Row
from benchmark.types import Measured, NotMeasured, UserError, Utterance

if TYPE_CHECKING:
    import pandas as pd

Align = Literal["file", "folder", "none"]
Device = Literal["cpu", "cuda"]
CHUNK = 4  # files that a worker takes at a time where listeners hear several at once
CHANNEL = "files"  # stands in the column `channel`: what happened to the files is not known here


@dataclass(frozen=True, slots=True)
class Pair:
    """A reference and the file of its name; `delay` is in seconds, None: to be found for this file."""

    utterance: Utterance
    degraded: Path | None
    delay: float | None
    companions: Companions = NOBODY

    @property
    def reference(self) -> Path:
        """The file that the other is compared with."""
        return self.utterance.path


@dataclass(frozen=True, slots=True)
class Options:
    """What is scored, and how.

    Attributes:
        out: the run folder.
        metrics: names of values or metrics; None: all there are.
        alignment: ``file``: one shift per file, found within +-500 ms; ``folder``: their median for all; ``none``.
        data: a manifest that gives transcripts, languages and speakers to the references, by id or by file name.
        data_root: where the manifest is looked up last.
        cache: where what was said of references is kept, to be shared by runs; by default in the run folder.
        device: of models, ``cpu`` or ``cuda``.
        workers: files scored at a time.
        command: what the user typed, for the record.
    """

    out: Path
    metrics: Sequence[str] | None = None
    alignment: Align = "file"
    data: str | None = None
    data_root: Path = Path()
    cache: Path | None = None
    device: Device = "cpu"
    workers: int = 1
    command: str = ""


def score(reference: Path, degraded: Path, options: Options, progress: Progress | None = None) -> "pd.DataFrame":
    """Score every file of `reference` against its namesake (whatever the suffix) in `degraded`; write `options.out`.

    A file without a namesake, or that is no audio, has rows that say so.

    Raises:
        UserError: when a folder is missing or holds no audio, or a metric is unknown.
    """
    progress, out = progress or Quiet(), options.out
    started, clock = provenance.now(), time.perf_counter()
    asked = scorers(list(registry.values()) if options.metrics is None else options.metrics, options.device)
    pairs = _pairs(reference, degraded, None if options.alignment == "file" else 0.0, progress)
    pairs = _labelled(pairs, options, asked, progress)
    cache = options.cache or out / "cache"
    make_writable(out, cache)
    if options.alignment == "folder":
        pairs = _one_delay(pairs, options.workers)
    rows: list[Row] = []
    with progress.track("files", len(pairs)) as advance:
        scoring = _Scoring(asked, degraded.name, reference.name, cache.resolve())
        for found in execute(scoring, _chunks(pairs, asked, options.workers), Limits(), options.workers):
            for of_pair in found:
                rows += of_pair
                advance()
    results = table.frame(rows)
    table.write(results, out / "results.parquet")
    write_atomically(out / "results.csv", results.to_csv(index=False).encode())
    lines.write(results, out / "scores.jsonl")
    record = _record(asked, reference, degraded, pairs, options)
    wall = round(time.perf_counter() - clock, 3)
    record |= {"started": started, "finished": provenance.now(), "wall_seconds": wall, "command": options.command}
    write_record(out, record)
    return results


def _labelled(pairs: Sequence[Pair], options: Options, asked: Sequence[Scorer], progress: Progress) -> list[Pair]:
    """With what a manifest says of the references, and with other voices where a metric compares them.

    Raises:
        UserError: when the manifest is missing, or names none of the references.
    """
    if options.data is not None:
        found = _named(pairs, manifest.load(options.data, options.data_root).utterances)
        if not found:
            first = pairs[0].utterance.id
            text = f"{options.data} names none of the references, by id or file name (the first is {first!r})"
            raise UserError(f"{text}; names that several files share do not count.")
        if lacking := len(pairs) - len(found):
            text = (
                f"{lacking} of {len(pairs)} references are not named by {options.data}, or not by a name of their own"
            )
            progress.warn(f"{text}: they have neither transcript nor speaker")
        pairs = [replace(p, utterance=found.get(p.utterance.id, p.utterance)) for p in pairs]
    if not any({"same", "other"} & set(scorer.needs or ()) for scorer in asked):
        return list(pairs)
    utterances = [p.utterance for p in pairs]
    chosen = companions(utterances, utterances)
    return [replace(p, companions=chosen[p.utterance.id]) for p in pairs]


def _named(pairs: Sequence[Pair], known: Sequence[Utterance]) -> dict[str, Utterance]:
    """The references that a manifest names, with its labels: by id, else by the end of a path, if no other has it."""
    ids = {u.id: u for u in known}
    ends: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in known:
        parts = utterance.path.with_suffix("").parts
        for start in range(len(parts)):
            ends["/".join(parts[start:])].append(utterance)
    stems = Counter(p.reference.stem for p in pairs)
    found = {}
    for pair in pairs:
        own = pair.utterance
        names = [own.id] if stems[own.path.stem] > 1 else [own.id, own.path.stem]
        unique = next((ids.get(n) or ends[n][0] for n in names if n in ids or len(ends.get(n, ())) == 1), None)
        if unique is not None:
            found[own.id] = replace(own, speaker=unique.speaker, labels=unique.labels)
    return found


def _chunks(pairs: Sequence[Pair], asked: Sequence[Scorer], workers: int) -> list[Sequence[Pair]]:
    """What a worker takes at a time: more than one where listeners hear several at once, and all have some to do."""
    listened = any(scorer.needs is not None for scorer in asked)
    size = min(CHUNK, -(-len(pairs) // workers)) if listened else 1
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def _pairs(reference: Path, degraded: Path, delay: float | None, progress: Progress) -> list[Pair]:
    references, outputs = _files(reference), _files(degraded)
    for extra in sorted(outputs.keys() - references.keys()):
        progress.warn(f"{outputs[extra]} has no reference; it is not scored")
    if not references.keys() & outputs.keys():
        raise UserError(f"No file of {reference} has a namesake in {degraded}; names must match up to the suffix.")
    hashed = {name: Utterance(name, path, sha256=_digest(path)) for name, path in references.items()}
    return [Pair(utterance, outputs.get(name), delay) for name, utterance in sorted(hashed.items())]


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except UserError:
        return ""  # its rows will say that it cannot be read


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
    paired = [replace(p, delay=None) for p in pairs]
    found = [d for d in execute(_delay, paired, Limits(), workers) if d is not None]
    common = median(found) if found else 0.0
    return [replace(p, delay=common) for p in pairs]


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
    """Scores some pairs into rows, pair by pair."""

    scorers: tuple[Scorer, ...]
    label: str
    dataset: str
    cache: Path

    def __call__(self, pairs: Sequence[Pair], bench: Bench) -> list[list[Row]]:
        ears = Ears(bench, Store(self.cache))
        found = [self._values(pair, bench, ears) for pair in pairs]
        ears.answer()
        return [
            [self._row(pair, scorer, value) for scorer, values in of_pair for value in values]
            for pair, of_pair in zip(pairs, found, strict=True)
        ]

    def _values(self, pair: Pair, bench: Bench, ears: Ears) -> list[tuple[Scorer | None, list[Measured]]]:
        """By scorer, the values of one pair, first its delay; a listener's lists are filled later."""
        listeners = [scorer for scorer in self.scorers if scorer.needs is not None]
        aligned: list[tuple[Audio, Audio]] = []
        opened: list[Opened] = []

        def align_pair() -> list[Measured]:
            if pair.degraded is None:
                raise NotMeasured("input_failed", "the degraded folder has no file of this name")
            found = bench.open(pair.reference, pair.degraded, pair.delay)
            aligned.extend([bench.pair()] if listeners else [])  # now: a metric may end the process that holds it
            opened.append(found)
            return [_delay_fact(found)]

        delay = guarded(align_pair, ["delay_ms"])
        if not opened:
            error = NotMeasured(delay[0].status, delay[0].reason)
            return [(None, delay), *((scorer, unmeasured(scorer, error)) for scorer in self.scorers)]
        found: list[tuple[Scorer | None, list[Measured]]] = [(None, delay)]
        found += [(scorer, bench.measure(scorer)) for scorer in self.scorers if scorer.needs is None]
        of = pair.utterance, pair.companions
        for reference, degraded in aligned:
            found += [(scorer, ears.ask(scorer, degraded, reference, *of)) for scorer in listeners]
        return found

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
            utterance=pair.utterance.id,
            speaker=pair.utterance.speaker,
            reference="" if scorer is None or scorer.needs == () else "clean",
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
    asked: Sequence[Scorer], reference: Path, degraded: Path, pairs: Sequence[Pair], options: Options
) -> dict[str, Any]:
    """The provenance of a folder pair, in the form of a run's."""
    names = tuple(name for scorer in asked for name in scorer.names)
    suite = Suite(name="score", data=Data(manifest=()), metrics=names, device=options.device)
    data = {
        "name": reference.name,
        "manifest": str(reference.resolve()),
        "utterances": len(pairs),
        "speakers": len({p.utterance.speaker for p in pairs} - {""}),
        "sha256": digest("data", [[p.utterance.id, p.utterance.sha256] for p in pairs]),
    }
    condition = {"channel": CHANNEL, "title": "files as they are", "family": CHANNEL, "loss": None, "burst_ratio": None}
    codec = {"spec": str(degraded.resolve()), "status": "ok", "reason": ""}
    record = provenance.describe(suite, Plan((), (), tuple(asked), ()), ())
    del record["suite"]
    return record | {
        "data": [data],
        "conditions": [condition],
        "codecs": {degraded.name: codec},
        "alignment": f"{options.alignment}: one constant shift, at most +-500 ms",
        "warnings": [],
    }


def summary(results: "pd.DataFrame") -> str:
    """A line per value: its mean, or sum over sum, and how many files have it; behind them why others have none."""
    lines, lacking = [], defaultdict(list)
    several = results.drop_duplicates(["name", "scorer"])["name"].value_counts().to_dict()
    for (name, scorer), rows in results.groupby(["name", "scorer"], sort=False):
        ok, shown = rows[rows["status"] == "ok"], f"{name} ({scorer})" if several[str(name)] > 1 else str(name)
        if not len(ok):
            lacking[rows["status"].iloc[0], rows["reason"].value_counts().index[0]].append(shown)
            continue
        split = ok["denominator"].notna().all()
        mean = ok["numerator"].sum() / ok["denominator"].sum() if split else ok["value"].mean()
        lines.append(f"{shown:22} {mean:10.4f} {ok['unit'].iloc[0]:8} {len(ok)} of {len(rows)} files\n")
    lines += [f"no value ({status}): {', '.join(names)}: {reason}\n" for (status, reason), names in lacking.items()]
    return "".join(lines)
