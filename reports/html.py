"""The report: one HTML file that opens offline, with everything it shows inside it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.stats import FEW
from benchmark.types import UserError
from reports import audio, figures
from reports.figures import Look
from reports.summary import LINK, Cell, Condition, Run, load, number, precision, pretty
from reports.words import headline, interval, kbps, loss_free, percent, sentences

if TYPE_CHECKING:
    from markupsafe import Markup

RATES = ("net_bps", "payload_bps", "wire_bps", "redundancy_bps")
FAILURES = 200  # lines of that table; more say less
STATUS_WORDS = {
    "not_applicable": "not applicable",
    "too_short": "too short",
    "no_speech": "no speech",
    "input_failed": "input failed",
    "metric_failed": "metric failed",
    "codec_failed": "codec failed",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """To know before reading numbers; `grave` when numbers are missing or doubtful because of it."""

    title: str
    text: str
    grave: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A cell of a printed table: its text, what to sort it by, and the smaller lines under it."""

    text: str
    order: float | str | None = None
    interval: str = ""
    coverage: str = ""
    partial: bool = False
    heat: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """All that the page shows of one metric."""

    identity: str
    name: str
    title: str
    source: str
    groups: Sequence[tuple[str, Sequence[str]]]
    rows: Sequence[tuple[str, Sequence[Field]]]
    plots: Sequence[tuple[str, "Markup"]]


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
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(_context(load(run)))


def _context(run: Run) -> dict[str, Any]:
    look = figures.looks(run)
    scores = [_score(run, metric, f"m{i}", look) for i, metric in enumerate(run.shown)]
    return {
        "title": run.facts.get("title") or run.facts.get("name") or run.folder.name,
        "name": run.facts.get("name", run.folder.name),
        "when": _when(run.facts),
        "where": _where(run.facts),
        "tiles": list(_tiles(run)),
        "notices": list(_notices(run)),
        "sentences": list(sentences(run, next(iter(run.scores), None))),
        "glance": _glance(run, scores[0].plots) if scores else [],
        "few": FEW,
        "looks": look,
        "scores": scores,
        "groups": audio.groups(run),
        "codecs": [_codec_facts(run, codec) for codec in run.codecs],
        "network": [_network_facts(run, condition) for condition in run.conditions],
        "failures": _failures(run, usual=False),
        "usual": _failures(run, usual=True),
        "definitions": list(_definitions(run)),
        "provenance": list(_provenance(run)),
        "suite": _yaml(run.facts.get("suite") or {}),
        "replay": str(run.folder),
    }


# --- What was run ---


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
    data = ", ".join(str(d.get("name", "")) for d in facts["data"])
    return " · ".join(filter(None, (data, str(machine.get("cpu") or ""), cores, took)))


def _tiles(run: Run) -> Iterator[tuple[str, str]]:
    data = run.facts["data"]
    seconds = sum(d.get("seconds") or 0 for d in data)
    counts = [
        (len(run.facts["codecs"]) or len(run.codecs), "codec"),
        (len(run.conditions), "condition"),
        (sum(d.get("utterances") or 0 for d in data) or run.rows["utterance"].nunique(), "utterance"),
        (sum(d.get("speakers") or 0 for d in data) or run.rows["speaker"].nunique(), "speaker"),
        (len(run.facts.get("seeds") or [0]), "seed"),
    ]
    for count, word in counts:
        yield f"{count:,}", word + ("" if count == 1 else "s")
    if seconds:
        yield (
            (f"{seconds / 60:.1f}", "minutes of speech") if seconds >= 60 else (f"{seconds:.0f}", "seconds of speech")
        )


def _notices(run: Run) -> Iterator[Notice]:
    for label, facts in run.facts["codecs"].items():
        reason = facts.get("reason") or "no reason given"
        if facts.get("status") == "skipped":
            yield Notice(f"{label} was skipped", reason, grave=False)
        elif facts.get("status") == "codec_failed":
            yield Notice(f"{label} failed", reason, grave=True)
        delay = facts.get("delay") or {}
        if delay.get("agrees") is False:
            yield Notice(f"{label}: its delay is not what it declares", _disagreement(delay), grave=True)
    for warning in run.facts["warnings"]:
        yield Notice("Note", str(warning), grave=False)


def _disagreement(delay: Mapping[str, Any]) -> str:
    measured, declared = delay.get("measured_ms"), delay.get("declared_ms")
    if measured is None:
        return f"Declared {_ms(declared)}, and none could be measured; the declared one was removed."
    return (
        f"Measured {_ms(measured)} (by {delay.get('method')}), declared {_ms(declared)}. "
        "The measured delay was removed before scoring."
    )


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{number(value, 1)} ms"


def _kbps(cell: Cell) -> Field:
    bits = cell.estimate.value
    return Field(kbps(cell), None if bits is None else bits)


# --- Scores and plots ---


def _glance(run: Run, plots: Sequence[tuple[str, "Markup"]]) -> list[tuple[str, "Markup"]]:
    """The pair of plots to see first: quality over bitrate without loss, and what loss does to it."""
    shown = headline(run)
    rate = [p for p in plots if "on the wire" in p[0]] or [p for p in plots if "net" in p[0]]
    wanted = _burst_title(shown.burst_ratio) if shown and shown.swept else None
    loss = [p for p in plots if p[0] == wanted] or [p for p in plots if p not in rate and "bitrate" not in p[0]]
    return [*rate[:1], *loss[:1]]


def _burst_title(ratio: float | None) -> str:
    return "Random losses" if (ratio or 1) == 1 else f"Losses in bursts ×{ratio:g}"


def _plots(run: Run, metric: str, look: Mapping[str, Look]) -> list[tuple[str, "Markup"]]:
    from markupsafe import Markup

    made: list[tuple[str, str | None]] = []
    if at := loss_free(run) or next(iter(run.conditions), None):
        where = "without loss" if at.clean else f"at {at.title}"
        made.append((f"Bitrate on the wire, {where}", figures.rate_quality(run, metric, "wire_bps", at, look)))
        made.append((f"Net bitrate, {where}", figures.rate_quality(run, metric, "net_bps", at, look)))
    zero = [c for c in run.conditions if c.clean][:1]
    zero = [Condition(c.name, c.title, c.family, 0.0, None) for c in zero]
    for ratio in sorted({c.burst_ratio or 1.0 for c in run.conditions if c.swept}):
        swept = [c for c in run.conditions if c.swept and (c.burst_ratio or 1.0) == ratio]
        made.append((_burst_title(ratio), figures.loss_quality(run, metric, [*zero, *swept], look)))
    others = [c for c in run.conditions if not c.clean and not c.swept]
    made.append((_other_title(others), figures.forest(run, metric, others, look)))
    return [(caption, Markup(svg)) for caption, svg in made if svg]  # figures escapes what it writes


def _other_title(others: Sequence[Condition]) -> str:
    return "Recorded traces" if all("trace" in c.family for c in others) else "Other conditions"


def _columns(run: Run) -> list[tuple[str, list[tuple[str, Condition]]]]:
    """Conditions under common headings: clean, then a heading per burst ratio, then the rest."""
    columns = [("", [(c.title, c) for c in run.conditions if c.clean])]
    for ratio in sorted({c.burst_ratio or 1.0 for c in run.conditions if c.swept}):
        swept = [c for c in run.conditions if c.swept and (c.burst_ratio or 1.0) == ratio]
        columns.append((_burst_title(ratio), [(f"{100 * (c.loss or 0):g} %", c) for c in swept]))
    others = [c for c in run.conditions if not c.clean and not c.swept]
    columns.append((_other_title(others), [(c.title, c) for c in others]))
    return [(title, conditions) for title, conditions in columns if conditions]


def _score(run: Run, metric: str, identity: str, look: Mapping[str, Look]) -> Score:
    columns = _columns(run)
    conditions = [c for _, group in columns for _, c in group]
    shade, digits = _shader(run, metric), precision(run, metric)
    rows = []
    for codec in run.codecs:
        cells = [run.cell(codec, c.name, metric) for c in conditions]
        rows.append((codec, [*_costs(run, codec), *(_field(cell, digits, shade) for cell in cells)]))
    return Score(
        identity=identity,
        name=pretty(metric),
        title=figures.axis_title(run, metric),
        source=str(run.facts["values"].get(run.base(metric), {}).get("source", "")),
        groups=[(title, [head for head, _ in group]) for title, group in columns],
        rows=rows,
        plots=_plots(run, metric, look),
    )


def _costs(run: Run, codec: str) -> list[Field]:
    """What a codec costs: net and on-wire kbit/s, latency, share of frames with FEC."""
    fec = run.overall(codec, "fec_share").estimate.value
    return [
        _kbps(run.overall(codec, "net_bps")),
        _kbps(run.overall(codec, "wire_bps")),
        _latency(run, codec),
        Field("–") if fec is None else Field(percent(fec, 0), fec),
    ]


def _latency(run: Run, codec: str) -> Field:
    """From the capture of a group of frames until it plays, with all that is waited for on the way."""
    if run.about(codec).get("streaming") is False:
        return Field("whole file", 1e9)
    value = run.overall(codec, "latency_ms").estimate.value
    return Field("–") if value is None else Field(number(value, 1).removesuffix(".0"), value)


def _algorithmic(facts: Mapping[str, Any]) -> str:
    """Algorithmic latency: the group has to be filled, its look-ahead heard, and the output trails by the delay."""
    if facts.get("streaming") is False:
        return "whole file"
    frame = facts.get("frame_ms")
    if not frame:
        return "–"
    delay = facts.get("delay") or {}
    content = delay.get("declared_ms") if delay.get("measured_ms") is None else delay["measured_ms"]
    total = frame * facts.get("group", 1) + (facts.get("lookahead_ms") or 0.0) + max(content or 0.0, 0.0)
    return f"{total:.1f}".removesuffix(".0")


def _shader(run: Run, metric: str) -> Callable[[float], float]:
    """How strongly to tint a value: 0 for the worst of this metric, 1 for the best."""
    values = [c.estimate.value for key, c in run.cells.items() if key[2] == metric and c.estimate.value is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    direction = run.better(metric)
    if direction == "neither" or low == high:
        return lambda value: 0.0
    return lambda value: ((value - low) if direction == "higher" else (high - value)) / (high - low)


def _field(cell: Cell, digits: int, shade: Callable[[float], float]) -> Field:
    value = cell.estimate.value
    coverage = f"{cell.estimate.n}/{cell.asked}" if cell.asked else ""
    if value is None:
        status = max(cell.statuses, key=lambda s: cell.statuses[s], default="")
        return Field(STATUS_WORDS.get(status, status) or "–", None, "", coverage, partial=bool(cell.asked))
    partial = cell.estimate.n < cell.asked
    return Field(number(value, digits), value, interval(cell, digits), coverage, partial, round(shade(value), 2))


# --- Codecs, network, failures ---


def _codec_facts(run: Run, codec: str) -> dict[str, Any]:
    facts = run.about(codec)
    delay = facts.get("delay") or {}
    speed = [_timed(run, codec, name) for name in ("encode_rtf", "decode_rtf")]
    correlation = delay.get("correlation")
    return {
        "label": codec,
        "spec": facts.get("spec", ""),
        "rates": " → ".join(f"{r / 1000:g}" for r in (facts.get("rate_in"), facts.get("rate_out")) if r) or "–",
        "bitrates": [_kbps(run.overall(codec, name)).text for name in RATES],
        "frame": _ms(facts.get("frame_ms")) + (f" ×{facts['group']}" if facts.get("group", 1) > 1 else ""),
        "lookahead": _ms(facts.get("lookahead_ms")),
        "algorithmic": _algorithmic(facts),
        "latency": _latency(run, codec).text,
        "declared": _ms(delay.get("declared_ms")),
        "measured": _ms(delay.get("measured_ms")),
        "method": delay.get("method") or "–",
        "correlation": "" if correlation is None else f"r = {number(correlation, 2)}",
        "agrees": delay.get("agrees"),
        "fec": percent(run.overall(codec, "fec_share").estimate.value, 0),
        "speed": [number(v, 3) for v in speed] if any(v is not None for v in speed) else None,
    }


def _timed(run: Run, codec: str, name: str) -> float | None:
    """A real-time factor, which is measured once per codec, whatever its packets and losses."""
    same = [c for c in run.codecs if run.origin(c) == run.origin(codec)]
    return next((v for c in same if (v := run.overall(c, name).estimate.value) is not None), None)


def _network_facts(run: Run, condition: Condition) -> dict[str, Any]:
    lost = _over_codecs(run, condition, "loss_rate")
    bursts = [run.cell(c, condition.name, "burst_ms") for c in run.codecs]
    return {
        "title": condition.title,
        "name": condition.name,
        "asked": percent(condition.loss),
        "ratio": "–" if condition.burst_ratio is None else f"×{condition.burst_ratio:g}",
        "lost": _range(lost, percent),
        "late": _range(_over_codecs(run, condition, "late_rate"), percent),
        "missing": _range(_over_codecs(run, condition, "residual_loss"), percent),
        "burst": _range(_over_codecs(run, condition, "burst_ms"), _ms),
        "hit": f"{sum(c.estimate.n for c in bursts)}/{sum(c.asked for c in bursts)}",
    }


def _over_codecs(run: Run, condition: Condition, name: str) -> list[float]:
    values = (run.cell(codec, condition.name, name).estimate.value for codec in run.codecs)
    return [v for v in values if v is not None]


def _range(values: Sequence[float], text: Callable[[float], str]) -> str:
    """One number where all codecs met the same, else the span over codecs, whose packets differ in length."""
    if not values:
        return "–"
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} – {high}"


def _failures(run: Run, usual: bool) -> dict[str, Any]:
    """Rows without a value by codec, status and reason; `usual` are the not applicable ones of the link."""
    expected = run.rows["status"].eq("not_applicable") & run.rows["scorer"].eq(LINK)
    rows = run.rows[run.rows["status"].ne("ok") & (expected == usual)]
    lines = []
    for (codec, status, reason), part in rows.groupby(["codec", "status", "reason"], sort=False):
        lines.append(
            {
                "codec": codec,
                "status": STATUS_WORDS.get(str(status), str(status)),
                "reason": reason,
                "count": len(part),
                "conditions": _several(_titles(run, set(part["condition"])), len(run.conditions), "conditions"),
                "scorers": _several(list(part["scorer"].unique()), run.rows["scorer"].nunique(), "scorers"),
                "example": part["utterance"].iloc[0],
            }
        )
    lines.sort(key=lambda line: -int(line["count"]))
    return {"lines": lines[:FAILURES], "more": max(0, len(lines) - FAILURES), "total": len(rows)}


def _titles(run: Run, names: set[str]) -> list[str]:
    return [c.title for c in run.conditions if c.name in names]


def _several(names: list[str], of: int, word: str) -> str:
    if len(names) == of > 1:
        return f"all {of} {word}"
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# --- Definitions and provenance ---


def _definitions(run: Run) -> Iterator[dict[str, str]]:
    for metric in dict.fromkeys(run.base(m) for m in run.metrics):
        facts = run.facts["values"].get(metric, {})
        better = str(facts.get("better", ""))
        yield {
            "key": metric,
            "name": pretty(metric),
            "unit": str(facts.get("unit", "")) or "–",
            "better": better if better in ("higher", "lower") else "–",
            "source": str(facts.get("source", "")) or "–",
        }


def _provenance(run: Run) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    facts, machine = run.facts, run.facts.get("environment") or {}
    keys = (
        "command",
        "seeds",
        "header",
        "playout",
        "concealment",
        "resampler",
        "alignment",
        "started",
        "finished",
        "wall_seconds",
    )
    yield "This run", [(k.replace("_", " "), _flat(facts[k])) for k in keys if k in facts]
    yield (
        "Protections",
        [
            (p["protection"], _flat({k: v for k, v in p.items() if v and k != "protection"}))
            for p in facts["protections"]
        ],
    )
    yield "Work", [(k.replace("_", " "), _flat(v)) for k, v in (facts.get("effort") or {}).items()]
    yield "Machine", [(k, _flat(v)) for k, v in machine.items() if k != "packages"]
    yield (
        "Data",
        [(d.get("name", ""), _flat({k: v for k, v in d.items() if k != "name"})) for d in facts["data"]],
    )
    kept = ("spec", "group", "concealments", "identity", "fingerprint")
    yield (
        "Codecs",
        [(label, _flat({k: c[k] for k in kept if c.get(k)})) for label, c in facts["codecs"].items()],
    )
    yield "Scorers", [(name, _flat(s)) for name, s in facts["scorers"].items()]
    yield "Packages", [(k, _flat(v)) for k, v in (machine.get("packages") or {}).items()]


def _flat(value: Any) -> str:
    """Nested facts on few lines."""
    if isinstance(value, Mapping):
        return "\n".join(
            f"{k}: {_flat(v)}".replace("\n", "\n  ") if not isinstance(v, Mapping) else _flat(v)
            for k, v in value.items()
        )
    if isinstance(value, list | tuple):
        return ", ".join(_flat(v) for v in value)
    return f"{value:,.1f}" if isinstance(value, float) else "–" if value is None else str(value)


def _yaml(suite: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(suite, sort_keys=False, allow_unicode=True) if suite else ""
