"""`run.json`: what was run, on what, by what. Three classes: must match, under test, environment."""

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmark import cards
from benchmark.align import resampler
from benchmark.cost import VALUES as COST_VALUES
from benchmark.downstream import Assignment
from benchmark.latency import VALUES as PROBE_VALUES
from benchmark.link import LINK_VALUES
from benchmark.manifest import shipped
from benchmark.plan import Plan, Subject
from benchmark.scenes import Condition
from benchmark.store import digest
from benchmark.suite import Suite, as_dict
from benchmark.table import SCHEMA
from benchmark.token_probes import token_values
from benchmark.token_rows import VALUES as TOKEN_VALUES
from benchmark.types import Utterance, ValueInfo

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "soundfile", "soxr", "pesq", "pystoi", "torch", "av", "pycodec2")
ALIGNMENT = "one constant delay per codec configuration, measured on the shipped corpus, removed; common length"


def now() -> str:
    """This instant, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe(suite: Suite, plan: Plan, subjects: Iterable[Subject]) -> dict[str, Any]:
    """Everything about a run that is known before its first trial ends."""
    return {
        "schema": SCHEMA,
        "name": suite.name,
        "title": suite.title,
        "suite": as_dict(_anywhere(suite, plan)),
        **_must_match(suite, plan),
        "codecs": {subject.label: cards.facts(subject) for subject in subjects},
        "anchor": None if plan.anchor is None else {"label": plan.anchor.label, **cards.facts(plan.anchor)},
        "before": {subject.label: cards.facts(subject) for subject in plan.before},
        "values": values(
            [
                *(scorer.values for scorer in (*plan.scorers, *(one.scorer for one in plan.tasks))),
                *(token_values(one) for one in plan.tasks),
                LINK_VALUES,
                PROBE_VALUES,
                TOKEN_VALUES,
                COST_VALUES,
            ]
        ),
        "environment": environment(),
    }


def values(tables: Iterable[Mapping[str, ValueInfo]]) -> dict[str, dict[str, Any]]:
    """What a reader must know of each value, in plain types."""
    return {
        name: {
            "unit": info.unit,
            "better": info.better,
            "source": info.source,
            "validity": None if info.validity is None else asdict(info.validity),
        }
        for table in tables
        for name, info in table.items()
    }


def _anywhere(suite: Suite, plan: Plan) -> Suite:
    """The suite so that it runs from any folder: shipped manifests by name, others by absolute path."""

    def place(name: str, source: Path) -> str:
        return name if shipped() in source.parents else str(source)

    whole = dict.fromkeys(dataset.source for dataset in plan.datasets)  # each may be several data sets
    manifests = tuple(place(name, source) for name, source in zip(suite.data.manifest, whole, strict=True))
    sources = {one.label: one.source for one in plan.tasks}
    tasks = {label: replace(task, data=place(task.data, sources[label])) for label, task in suite.tasks.items()}
    return replace(suite, data=replace(suite.data, manifest=manifests), tasks=tasks)


def _must_match(suite: Suite, plan: Plan) -> dict[str, Any]:
    data = [
        {
            "name": dataset.name,
            "manifest": str(dataset.source),
            "utterances": len(dataset.utterances),
            "speakers": len({u.speaker for u in dataset.utterances} - {""}),
            "sha256": digest("data", sorted([u.id, u.sha256] for u in dataset.utterances)),
        }
        for dataset in plan.datasets
    ]
    return {
        "data": data,
        "files": [{u.id: u.sha256 for u in dataset.utterances} for dataset in plan.datasets],
        "conditions": [
            {"loss": c.loss, "burst_ratio": c.burst_ratio} | _condition("channel", c) for c in plan.axis("channel")
        ],
        "acoustics": [_condition("acoustics", c) for c in plan.axis("acoustics")],
        "protections": [_condition("protection", c) for c in plan.axis("protection")],
        "playouts": [_condition("playout", c) for c in plan.axis("playout")],
        "axes": list(suite.axes),
        "concealment": list(suite.concealment),
        "scorers": {
            f"{s.spec}@{s.rate or 'scoring rate'}": {
                "versions": dict(s.versions),
                "fingerprint": s.fingerprint,
                "values": list(s.names),
            }
            for s in (*plan.scorers, *(one.scorer for one in plan.tasks))
        },
        "tasks": {one.label: _task(one, suite.protocols) for one in plan.tasks},
        "resampler": resampler(),
        "alignment": ALIGNMENT,
        "seeds": list(suite.seeds),
        "capture_ms": suite.capture_ms,
        "header": suite.header,
        "mode": suite.mode,
        "device": suite.device,
    }


def _condition(column: str, condition: Condition) -> dict[str, Any]:
    point = None if condition.point is None else condition.point._asdict()
    facts = {"title": condition.title, "family": condition.family, "point": point, "identity": condition.identity}
    return {column: condition.text, **facts}


def _task(one: Assignment, protocols: Iterable[str]) -> dict[str, Any]:
    """What was asked of whom; a protocol on tokens is another than that on decoded audio."""
    names = [one.task.protocol.replace("decoded", protocol) for protocol in protocols]
    facts = {
        "task": str(one.spec),
        "name": one.name,
        **asdict(one.task),
        "protocol": ", ".join(names),
        "data": one.source.parent.name if one.source.is_file() else one.source.name,
        "manifest": str(one.source),
        "column": one.column,
        "learns": bool(one.scorer.lesson),
        "train": _side(one, one.sides.train),
        "valid": _side(one, one.taught.valid),  # of probes; where the data name none, some of the training's
        "test": _side(one, one.sides.test),
        "lesson": _side(one, one.lesson),
    }
    if not one.classes:
        return facts
    truth = {u.id: one.truth(u) for u in one.sides.test}
    chance = {"chance": 1 / len(one.classes), "majority": one.majority}
    return {**facts, "classes": list(one.classes), **chance, "truth": truth}


def _side(one: Assignment, utterances: Sequence[Utterance]) -> dict[str, Any]:
    return {
        "utterances": len(utterances),
        "speakers": len({u.speaker for u in utterances} - {""}),
        "sha256": digest("task", sorted([u.id, u.sha256, one.truth(u)] for u in utterances)),
    }


def environment() -> dict[str, Any]:
    """The machine and the versions: shown, and compared only where timings are."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _versions(PACKAGES),
        "focalbench": _versions(["focalbench"]).get("focalbench", "source tree"),
        "git": _revision(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _versions(packages: Iterable[str]) -> Mapping[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _revision() -> str | None:
    """The revision of the checkout this code runs from, `-dirty` when it was changed; None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
