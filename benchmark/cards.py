"""Codec cards: what a codec is, as its module and its facts tell, and what it was measured to take."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from benchmark import cost, plan, registry
from benchmark.bench import Bench
from benchmark.plan import Subject
from benchmark.probe.availability import availability
from benchmark.probe.declared import latency
from benchmark.probe.subject import Failed, Probed, attempt, so_much, voices
from benchmark.probe.subject import Subject as Examined
from benchmark.suite import Limits
from benchmark.types import CodecInfo, NotMeasured, Unavailable

SECONDS = 1.0  # of speech, for all else
PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def facts(subject: Subject) -> dict[str, Any]:
    """What is known of a codec without running it: as `run.json` keeps it."""
    found: dict[str, Any] = {"spec": str(subject.spec), "status": subject.status, "reason": subject.reason}
    card = registry.card(subject.spec.name)
    found |= {"fingerprint": subject.fingerprint, "card": None if card is None else asdict(card)}
    if (info := subject.info) is None:
        return found
    return found | {
        "rate_in": info.rate_in,
        "rate_out": info.rate_out,
        "frame_ms": 1000 * info.frame / info.rate_in,
        "lookahead_ms": 1000 * info.lookahead / info.rate_in,
        "group": info.group,
        "streaming": info.streaming,
        "latency_ms": latency(info) if info.streaming else None,
        "token_bits": info.token_bits,
        "codebooks": info.codebooks,
        "concealments": {name: 1000 * n * info.frame / info.rate_in for name, n in info.concealments.items()},
        "delay": {k: v for k, v in subject.measured.items() if k != "samples"},
        "identity": dict(info.identity),
        "trained": info.trained,
        "carries_speech": info.carries_speech,
    }


def told(known: Mapping[str, Any]) -> dict[str, str]:
    """What the module of a codec says of it, by head; what it leaves open is left out. `known` is of `facts`."""
    card = known.get("card") or {}
    lines = {
        "family": card.get("family"),
        "bitrates": card.get("rates"),
        "licence of code": card.get("code"),
        "licence of weights": card.get("weights"),
        "trained on": card.get("training"),
        "caveat": card.get("caveat"),
        "source": card.get("source"),
    }
    return {head: text for head, text in lines.items() if text}


def technical(known: Mapping[str, Any], measured: Mapping[str, float | None]) -> dict[str, str]:
    """What a codec is like with its parameters, by head; what does not apply or was not measured is left out.

    Args:
        known: of `facts`.
        measured: ``availability_ms``, ``parameters``, ``macs_per_s`` and ``peak_memory_mib``, as far as they are known.
    """
    bits, count = known.get("token_bits"), known.get("codebooks")
    group = f", {known['group']} at a time" if known.get("group", 1) > 1 else ""
    lines = {
        "sample rates": known.get("rate_in") and f"{known['rate_in'] / 1000:g} → {known['rate_out'] / 1000:g} kHz",
        "packet": known.get("frame_ms") and f"{known['frame_ms']:.4g} ms{group}",
        "latency": _latency(known, measured.get("availability_ms")),
        "codebooks": bits and f"{count} × {2**bits} entries ({bits} bits)",
        "loss strategies": ", ".join(known.get("concealments") or ()),
        "size": _large(measured.get("parameters"), "parameters"),
        "operations": _large(measured.get("macs_per_s"), "MAC/s"),
        "memory": _large(measured.get("peak_memory_mib"), "MiB"),
        "versions": ", ".join(f"{name} {value}" for name, value in (known.get("identity") or {}).items()),
    }
    return {head: text for head, text in lines.items() if text}


def _latency(known: Mapping[str, Any], reached: float | None) -> str:
    if known.get("streaming") is False:
        return "the whole utterance"
    if known.get("latency_ms") is None:
        return ""
    return f"{known['latency_ms']:.4g} ms declared, " + (f"{reached:.4g} ms measured" if reached else "not measured")


def state(known: Mapping[str, Any]) -> str:
    """Whether the codec of these `facts` ran, and what it needs if it did not."""
    if known["status"] != "ok":
        return f"needs: {known['reason']}" if known["status"] == "skipped" else f"broken: {known['reason']}"
    trained = known.get("trained", True)
    return "runs" if trained else "runs, with random weights: speed and plumbing, nothing about quality"


def _large(value: float | None, unit: str) -> str:
    """`249 M parameters`, `1.4 GMAC/s`."""
    if value is None:
        return ""
    for factor, letter in PREFIXES:
        if value >= factor and unit != "MiB":
            return f"{value / factor:.3g} {letter}{' ' if unit == 'parameters' else ''}{unit}"
    return f"{value:.4g} {unit}"


def card(text: str, limits: Limits | None = None) -> dict[str, str]:
    """The card of the codec `text` (a spec), its latency and cost measured now: some seconds, minutes of large ones.

    Raises:
        UserError: for an unknown codec or parameter.
    """
    limits = limits or Limits()
    subject = plan.subject(text, text)
    bench = Bench(limits)
    try:
        subject = replace(subject, info=bench.describe(subject.spec))
    except Unavailable as error:
        subject = replace(subject, status="skipped", reason=str(error))
    except NotMeasured as error:
        subject = replace(subject, status=error.status, reason=error.reason)
    finally:
        bench.close()
    known = facts(subject)
    return {"state here": state(known), **technical(known, _measure(subject, limits)), **told(known)}


def _measure(subject: Subject, limits: Limits) -> dict[str, float | None]:
    if subject.info is None:
        return {}
    costs = cost.examined(replace(subject, measured={"measured_ms": None}), limits)
    found = {name: None if isinstance(value, Failed) else value for name, value in costs.items()}
    return found | {"availability_ms": _availability(subject, subject.info, limits)}


def _availability(subject: Subject, info: CodecInfo, limits: Limits) -> float | None:
    """The latency of a live call, ms, with the delay of some clips; None where it cannot be measured."""
    if not info.streaming:
        return None
    probed = Probed(subject.spec, limits)
    try:
        clips = voices(info.rate_in, SECONDS)
        speech = so_much(clips, round(SECONDS * info.rate_in))
        found = attempt(availability, Examined(subject.spec, info, limits, 1, probed, clips, speech, lambda text: None))
    finally:
        probed.close()
    return None if isinstance(found, Failed) else float(found.availability_ms)
