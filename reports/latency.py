"""The section on latency: what codecs declare and what was measured, and the way of a word from mouth to ear."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.calibrate import TOLERANCE_MS
from reports import bars
from reports.bars import Claim, Way
from reports.conditions import Condition, capital
from reports.drawing import Look
from reports.summary import Run, number

PARTS = {
    "capture_ms": "capture",
    "codec_ms": "codec",
    "packet_ms": "packets",
    "playout_ms": "playout buffer",
    "network_ms": "network",
}
COMPUTING = ("encode_packet_ms_p95", "decode_packet_ms_p95")
SHOWN = 6  # budgets that are open to see; the others unfold
SIGNIFICANT = 0.5  # ms by which budgets have to differ to be drawn apart
PROBED = {
    "declared_latency_ms": "Declared",
    "availability_ms": "Measured",
    "content_delay_ms": "of it content delay",
    "lookahead_reach_ms": "Depends on input ahead",
    "buffering_ms": "First packet after",
    "first_audio_ms": "First audio after",
    **{
        f"{side}_packet_ms_{name}": f"{words}, {name}"
        for side, words in (("encode", "Encoding a packet"), ("decode", "Decoding a packet"))
        for name in ("p50", "p95", "p99")
    },
    "peak_memory_mib": "Peak memory",
}


def section(run: Run, look: Mapping[str, Look]) -> dict[str, Any] | None:
    """What the page shows of latency; None where nothing of it was measured."""
    found = [claim for codec in _owners(run) if (claim := _claim(run, codec))]
    budgets = _budgets(run)
    if not found and not budgets:
        return None
    longest = bars.reach([way for ways in budgets.values() for way in ways])
    return {
        "claims": _markup(bars.claims(found, look)),
        "probes": _probe_table(run),
        "ways": [(t, _markup(bars.ways(t, ways, longest, list(PARTS.values())))) for t, ways in budgets.items()],
        "shown": SHOWN,
        "parts": list(PARTS.values()),
        "timed": any(way.computing for ways in budgets.values() for way in ways),
        "far": longest > bars.BEARABLE,
    }


def glance(section: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """What to see first of it, in a run that has examined its codecs."""
    if section is None or section["claims"] is None:
        return []
    return [("Latency, declared (hatched) and measured", section["claims"])]


def _markup(svg: str | None) -> Any:
    from markupsafe import Markup

    return Markup(svg) if svg else None  # drawing escapes what it writes


def _owners(run: Run) -> list[str]:
    """One label for each codec, whatever its packets and loss strategies."""
    return list({run.origin(codec): codec for codec in reversed(run.codecs)}.values())[::-1]


def _claim(run: Run, codec: str) -> Claim | None:
    probe = {name: value for (label, name), value in run.probes.items() if label == run.origin(codec)}
    declared, measured = probe.get("declared_latency_ms"), probe.get("availability_ms")
    if declared is None and measured is None:
        return None
    method = str((run.about(codec).get("delay") or {}).get("method"))
    tolerance = TOLERANCE_MS.get(method, TOLERANCE_MS["waveform"])
    content = min(max(probe.get("content_delay_ms", 0.0), 0.0), measured or 0.0)
    return Claim(run.origin(codec), declared, measured, content, probe.get("lookahead_reach_ms"), tolerance)


def late_ones(run: Run) -> list[Claim]:
    """The codecs that take longer than they declare."""
    return [claim for codec in _owners(run) if (claim := _claim(run, codec)) and claim.longer]


def _probe_table(run: Run) -> dict[str, Any] | None:
    """What was found of each codec alone: the latencies by name, and whatever else was probed after them."""
    names = list(dict.fromkeys(name for _, name in run.probes))
    names.sort(key=lambda name: list(PROBED).index(name) if name in PROBED else len(PROBED))
    if not names:
        return None
    heads = [PROBED.get(name) or name.replace("_", " ") for name in names]
    lines = []
    for codec in _owners(run):
        values = [run.probes.get((run.origin(codec), name)) for name in names]
        lines.append((codec, [_with_unit(v, run.unit(n)) for v, n in zip(values, names, strict=True)]))
    return {"heads": heads, "lines": lines}


def _with_unit(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{number(value, 1)} {unit}".strip()


def _budgets(run: Run) -> dict[str, list[Way]]:
    """Budgets by the condition they are of; conditions in which no codec waits any longer share one."""
    kinds: list[tuple[list[Condition], list[Way]]] = []
    for condition in run.conditions:
        ways = [way for codec in run.codecs if (way := _way(run, codec, condition))]
        home = next((members for members, known in kinds if _alike(known, ways)), None)
        if home is not None:
            home.append(condition)
        elif ways:
            kinds.append(([condition], ways))
    return {_name(members, run.conditions): ways for members, ways in kinds}


def _way(run: Run, codec: str, condition: Condition) -> Way | None:
    values = {name: run.cell(codec, condition.name, name).estimate.value for name in PARTS}
    if values["codec_ms"] is None:
        return None
    computing = sum(run.probes.get((run.origin(codec), name), 0.0) for name in COMPUTING)
    impairment = run.cell(codec, condition.name, "delay_impairment").estimate.value
    return Way(codec, [value or 0.0 for value in values.values()], computing, impairment)


def _alike(a: list[Way], b: list[Way]) -> bool:
    if [way.codec for way in a] != [way.codec for way in b]:
        return False
    pairs = ((x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p.parts, q.parts, strict=True))
    return all(abs(x - y) < SIGNIFICANT for x, y in pairs)


def _name(members: Sequence[Condition], known: Sequence[Condition]) -> str:
    """What conditions have in common and no other has, else their titles."""
    if len(members) == len(known) > 1:
        return f"All {len(known)} conditions"
    for axis in ("playout", "channel"):
        parts = {getattr(c, axis) for c in members}
        if len(parts) == 1 < len(members) and len(members) == sum(getattr(c, axis) in parts for c in known):
            return capital(parts.pop().title)
    names = [c.title for c in members]
    return "; ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
