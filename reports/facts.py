"""Facts of a run in tables: the codecs, what the network and the buffers did, what was done to speech before."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from reports.conditions import Condition, capital
from reports.summary import Run, number
from reports.words import kbps, latency, milliseconds, percent

Text: TypeAlias = Callable[[float], str]


def _scientific(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e−").replace("e-", "e−")


RATES = ("net_bps", "payload_bps", "wire_bps", "redundancy_bps")
NETWORK: tuple[tuple[str, str, Text], ...] = (
    ("Lost", "loss_rate", percent),
    ("Late", "late_rate", percent),
    ("Frames missing", "residual_loss", percent),
    ("Frames played in part", "coarse_share", percent),
    ("Mean burst", "burst_ms", milliseconds),
    ("Longest burst, per file", "longest_burst_ms", milliseconds),
    ("RFC 3611: lost in bursts", "rfc3611_burst_density", percent),
    ("length of these", "rfc3611_burst_ms", milliseconds),
    ("lost in gaps", "rfc3611_gap_density", percent),
    ("length of these", "rfc3611_gap_ms", milliseconds),
    ("Playout wait", "playout_ms", milliseconds),
    ("Network at least", "network_ms", milliseconds),
    ("Bit errors", "bit_error_rate", _scientific),
)
ACOUSTICS: tuple[tuple[str, str, Text], ...] = (
    ("SNR, as mixed", "snr_db", lambda value: f"{number(value, 1)} dB"),
    ("Scaled by", "input_gain_db", lambda value: f"{number(value, 1)} dB"),
    ("Samples clipped", "clipped_share", lambda value: percent(value, 2)),
)


def codec_facts(run: Run, codec: str) -> dict[str, Any]:
    """A line of the table of codecs."""
    facts = run.about(codec)
    delay = facts.get("delay") or {}
    speed = [_timed(run, codec, name) for name in ("encode_rtf", "decode_rtf")]
    correlation = delay.get("correlation")
    return {
        "label": codec,
        "spec": facts.get("spec", ""),
        "rates": " → ".join(f"{r / 1000:g}" for r in (facts.get("rate_in"), facts.get("rate_out")) if r) or "–",
        "bitrates": [kbps(run.overall(codec, name)) for name in RATES],
        "frame": milliseconds(facts.get("frame_ms")) + (f" ×{facts['group']}" if facts.get("group", 1) > 1 else ""),
        "lookahead": milliseconds(facts.get("lookahead_ms")),
        "algorithmic": algorithmic(facts),
        "latency": latency(run, codec)[0],
        "declared": milliseconds(delay.get("declared_ms")),
        "measured": milliseconds(delay.get("measured_ms")),
        "method": delay.get("method") or "–",
        "correlation": "" if correlation is None else f"r = {number(correlation, 2)}",
        "agrees": delay.get("agrees"),
        "fec": percent(run.overall(codec, "fec_share").estimate.value, 0),
        "speed": [number(v, 3) for v in speed] if any(v is not None for v in speed) else None,
    }


def algorithmic(facts: Mapping[str, Any]) -> str:
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


def _timed(run: Run, codec: str, name: str) -> float | None:
    """A real-time factor, which is measured once per codec, whatever its packets and losses."""
    same = [c for c in run.codecs if run.origin(c) == run.origin(codec)]
    return next((v for c in same if (v := run.overall(c, name).estimate.value) is not None), None)


# --- Network and acoustics ---


def network(run: Run) -> tuple[list[str], list[dict[str, Any]]]:
    """What networks and buffers did: column heads, and a line per channel and playout buffer.

    Acoustics do not touch the network: of conditions that differ in these alone, the first stands for all.
    """
    columns = [(head, name, text) for head, name, text in NETWORK if name in run.metrics]
    first: dict[str, Condition] = {}
    for condition in sorted(run.conditions, key=lambda c: not c.quiet):
        first.setdefault(condition.network, condition)
    lines = [
        {
            "title": title,
            "spec": "\n".join(dict.fromkeys([c.channel.text, *([c.playout.text] if c.title != c.place else [])])),
            "asked": percent(c.loss),
            "ratio": "–" if c.burst_ratio is None else f"×{c.burst_ratio:g}",
            "values": [_range(_over_codecs(run, c, name), text) for _, name, text in columns],
            "hit": _hit(run, c),
        }
        for title, c in first.items()
    ]
    return [head for head, _, _ in columns], lines


def _hit(run: Run, condition: Condition) -> str:
    bursts = [run.cell(c, condition.name, "burst_ms") for c in run.codecs]
    return f"{sum(c.estimate.n for c in bursts)}/{sum(c.asked for c in bursts)}"


def acoustics(run: Run) -> tuple[list[str], list[dict[str, Any]]]:
    """What was done to speech before it was coded, and the facts of it: column heads, and a line per acoustics."""
    columns = [(head, name, text) for head, name, text in ACOUSTICS if name in run.metrics]
    first: dict[str, Condition] = {}
    for condition in run.conditions:
        if not condition.quiet:
            first.setdefault(condition.acoustics.text, condition)
    lines = [
        {
            "title": capital(c.acoustics.title),
            "spec": c.acoustics.text,
            "values": [_range(_over_codecs(run, c, name), text) for _, name, text in columns],
        }
        for c in first.values()
    ]
    return [head for head, _, _ in columns], lines


def _over_codecs(run: Run, condition: Condition, name: str) -> list[float]:
    values = (run.cell(codec, condition.name, name).estimate.value for codec in run.codecs)
    return [v for v in values if v is not None]


def _range(values: Sequence[float], text: Text) -> str:
    """One number where all codecs met the same, else the span over codecs, whose packets differ in length."""
    if not values:
        return "–"
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} – {high}"
