"""The report: one HTML file that opens offline, with everything it shows inside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.stats import FEW
from benchmark.types import UserError
from reports import (
    audio,
    buffers,
    cards,
    costs,
    download,
    dropout,
    equal_quality,
    facts,
    heat,
    latency,
    provenance,
    published,
    recognition,
    speakers,
    spread,
    tasks,
    tokens,
)
from reports.drawing import looks
from reports.findings import findings
from reports.scores import columns, glance, heads, scores
from reports.summary import Run, load
from reports.words import milliseconds, sentences

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd
    from jinja2 import Environment


TOLD = 3  # skipped codecs whose reasons stand on top; those of more stand on their cards


@dataclass(frozen=True, slots=True)
class Notice:
    """To know before reading numbers; `grave` when numbers are missing or doubtful because of it."""

    title: str
    text: str
    grave: bool


def write(run: Path, output: Path | None = None) -> Path:
    """Render the run folder `run` to `output` (default: `report.html` in it), atomically; returns the path.

    Raises:
        UserError: when the folder is no finished run, or the output cannot be written.
    """
    target = output or run / "report.html"
    page = render(run)
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise UserError(f"The report cannot be written to {target}: {error.strerror}.") from error
    return target


def render(run: Path) -> str:
    """The report of the run folder `run` as HTML.

    Raises:
        UserError: when the folder is no finished run.
    """
    return environment().get_template("report.html").render(_context(load(run)))


def environment() -> "Environment":
    """How every part of the page is rendered: what is unknown is an error, and all text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _context(run: Run) -> dict[str, Any]:
    look = looks(run)
    scored = scores(run, look)
    delays = latency.section(run, look)
    alone = only_tasks(run)
    first = tasks.glance(run, look) if alone else glance(run, scored[0].plots) if scored else []
    played = audio.groups(run)
    judge = next((metric for metric in run.scores if metric in run.shown), None)
    return {
        **_head(run),
        "sentences": [*(tasks.sentences(run) if alone else ()), *findings(run, judge)],
        "further": list(sentences(run)),
        "glance": [*first, *latency.glance(delays)],
        "few": FEW,
        "looks": look,
        "alone": alone,
        "series": run.series,
        "tasks": tasks.section(run, look),
        "scores": scored,
        "curves": any(score.plots for score in scored),
        "loose": run.loose,
        "columns": heads(run, columns(run)),
        "downloads": download.section(run),
        "dropout": dropout.section(run, look),
        "heat": heat.section(run),
        "spread": spread.section(run, look, played),
        "equal_quality": equal_quality.section(run),
        "latency": delays,
        "costs": costs.section(run),
        "recognition": recognition.section(run),
        "speakers": speakers.section(run),
        "tokens": tokens.section(run),
        "buffers": buffers.section(run, look),
        "groups": played,
        "codecs": [facts.codec_facts(run, codec) for codec in run.codecs],
        "cards": [] if run.loose else cards.section(run),
        "published": None if run.loose else published.section(run),
        "network": facts.network(run),
        "acoustics": facts.acoustics(run),
        "failures": provenance.failures(run, usual=False),
        "usual": provenance.failures(run, usual=True),
        "definitions": list(provenance.definitions(run)),
        "provenance": list(provenance.provenance(run)),
        "suite": provenance.suite_text(run.facts.get("suite") or {}),
        "replay": str(run.folder),
    }


def only_tasks(run: Run) -> bool:
    """Whether nothing was scored but downstream tasks."""
    return bool(run.tasks) and not run.scores


# --- What was run ---


def _head(run: Run) -> dict[str, Any]:
    """What stands on top of the page."""
    return {
        "title": run.facts.get("title") or run.facts.get("name") or run.folder.name,
        "name": run.facts.get("name", run.folder.name),
        "when": _when(run.facts),
        "where": _where(run.facts),
        "tiles": list(_tiles(run)),
        "notices": list(_notices(run)),
    }


def _when(facts: Mapping[str, Any]) -> str:
    try:
        moment = datetime.fromisoformat(str(facts.get("started")))
    except ValueError:
        return str(facts.get("started") or "")
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def _where(facts: Mapping[str, Any]) -> str:
    """On which data and machine, and how long it took."""
    machine, seconds = facts.get("environment") or {}, facts.get("wall_seconds")
    took = "" if seconds is None else f"took {seconds / 60:.1f} min" if seconds >= 60 else f"took {seconds:.0f} s"
    if took and (cached := (facts.get("effort") or {}).get("cached")):
        took += f", {cached:,} scores being there from an earlier run"
    cores = f"{machine['cores']} cores" if machine.get("cores") else ""
    names = [str(d.get("name", "")) for d in facts["data"]]
    data = ", ".join(names or dict.fromkeys(str(task.get("data", "")) for task in facts["tasks"].values()))
    return " · ".join(filter(None, (data, str(machine.get("cpu") or ""), cores, took)))


def _tiles(run: Run) -> Iterator[tuple[str, str]]:
    data, heard = run.facts["data"], _heard(run)
    seconds = sum(d.get("seconds") or 0 for d in data)
    counts = [
        (len(run.facts["codecs"]) or len(run.codecs), "codec"),
        (len(run.conditions), "condition"),
        (sum(d.get("utterances") or 0 for d in data) or heard["utterance"].nunique(), "utterance"),
        (sum(d.get("speakers") or 0 for d in data) or heard["speaker"].nunique(), "speaker"),
        (len(run.facts.get("seeds") or [0]), "seed"),
    ]
    if only_tasks(run):
        counts.insert(2, (len(run.facts["tasks"]), "task"))
    for count, word in counts[2:4] if run.loose else counts:
        yield f"{count:,}", word + ("" if count == 1 else "s")
    if seconds:
        yield (
            (f"{seconds / 60:.1f}", "minutes of speech") if seconds >= 60 else (f"{seconds:.0f}", "seconds of speech")
        )


def _heard(run: Run) -> "pd.DataFrame":
    """The rows whose speech is counted: of the tasks, where there is no other."""
    import pandas as pd

    if not only_tasks(run):
        return run.rows
    rows = pd.concat([answers.rows for answers in run.tasks.values()])
    return rows[rows["utterance"].ne("")]  # codecs without tokens have a line, and no speech


def _notices(run: Run) -> Iterator[Notice]:
    skipped = [label for label, codec in run.facts["codecs"].items() if codec.get("status") == "skipped"]
    if len(skipped) > TOLD:
        text = f"{', '.join(skipped)}. Their cards say what each needs."
        yield Notice(f"{len(skipped)} codecs were skipped", text, grave=False)
    for label, codec in run.facts["codecs"].items():
        reason = codec.get("reason") or "no reason given"
        if label in skipped and len(skipped) <= TOLD:
            yield Notice(f"{label} was skipped", reason, grave=False)
        elif codec.get("status") == "codec_failed":
            yield Notice(f"{label} failed", reason, grave=True)
        delay = codec.get("delay") or {}
        if delay.get("agrees") is False and codec.get("trained", True) and codec.get("carries_speech", True):
            yield Notice(f"{label}: its delay is not what it declares", _disagreement(delay), grave=True)
    for claim in latency.late_ones(run):
        text = f"Declared {milliseconds(claim.declared)} of latency, measured {milliseconds(claim.measured)}."
        yield Notice(f"{claim.codec}: it takes longer than it declares", text, grave=True)
    for warning in run.facts["warnings"]:
        if any(str(warning).startswith(f"{label} did not run") for label in skipped):
            continue  # as is told above
        yield Notice("Note", str(warning), grave=False)


def _disagreement(delay: Mapping[str, Any]) -> str:
    measured, declared = delay.get("measured_ms"), delay.get("declared_ms")
    if measured is None:
        return f"Declared {milliseconds(declared)}, and none could be measured; the declared one was removed."
    return (
        f"Measured {milliseconds(measured)} (by {delay.get('method')}), declared {milliseconds(declared)}. "
        "The measured delay was removed before scoring."
    )
