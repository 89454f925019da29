"""What others published of the codecs of a run beside what was measured, and which of it could not be checked.

The figures are those of `data_manifests/published.yaml`, and claims of a web article that contradict the paper.
"""

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import yaml

from benchmark import registry
from benchmark.manifest import shipped
from reports import field
from reports.field import Entry, Quantity
from reports.summary import Run, number

EXACT = 0.01  # of a stated fact: what is counted from bytes or shapes agrees to one percent
PRINTED = {"net_bps": 5, "latency_ms": 0.5, "parameters": 0.5e6, "macs_per_s": 0.5e9}  # half of their last digit
DATA, UTTERANCES = "librispeech_test_clean", 2620  # on which the published scores are
RECOGNISER = ("model=whisper", "weights=small")  # by which the published dWER is
SCORES: dict[str, Quantity] = {
    "net_bps": field.SCORES[0],
    "utmos": Quantity("UTMOS", "", ("utmos",), "metrics: utmos", digits=2),
    "dwer": Quantity("dWER", "%", ("dwer",), "metrics: asr", 100, 2),
    "spk_sim_wavlm": Quantity("similarity by WavLM-SV", "", ("spk_sim_wavlm",), "metrics: speaker_wavlm", digits=3),
    "mos": Quantity("MOS", "", field.SCORES[2].names, "metrics: dnsmos, nisqa or utmos", digits=2),
    "pesq_wb": Quantity("PESQ", "", ("pesq_wb",), "metrics: pesq", digits=2),
    "stoi": Quantity("STOI", "", ("stoi",), "metrics: stoi", digits=3),
}
COSTS: dict[str, Quantity] = {
    "parameters": Quantity("parameters", "million", ("parameters",), "--timing", 1e-6, 1),
    "macs_per_s": Quantity("operations", "GMAC/s", ("macs_per_s",), "--timing", 1e-9, 2),
    "gflops": Quantity("operations", "GFLOP/s", ("macs_per_s",), "--timing", 2e-9, 2),
    "memory_mb": Quantity("memory", "MB", ("peak_memory_mib",), "--timing", 1.048576, 0),
}
LATENCY, TOLERATED = "latency_ms", "tolerated_loss"
CLAIMED = ("mos", "pesq_wb", "stoi", LATENCY, "gflops", TOLERATED, "memory_mb")
HEADS = {LATENCY: "latency, ms", TOLERATED: "tolerated loss, %"}


class Line(NamedTuple):
    """One published figure: whose, of what, by whom, and what came of checking it."""

    codec: str
    quantity: str
    published: str
    source: str
    measured: str
    verdict: str


class Claim(NamedTuple):
    """One row of the article: the claimed and the measured value per quantity, and what there was to measure."""

    method: str
    pairs: tuple[tuple[str, str], ...]
    measured_on: str


class Published(NamedTuple):
    """Lines, how the sources measured, claims and their heads."""

    lines: tuple[Line, ...]
    protocols: tuple[str, ...]
    heads: tuple[str, ...]
    claims: tuple[Claim, ...]


@cache
def figures() -> Mapping[str, Any]:
    """The content of `published.yaml`."""
    read: Mapping[str, Any] = yaml.safe_load((shipped() / "published.yaml").read_text(encoding="utf-8"))
    return read


def section(run: Run) -> Published | None:
    """What is published of the codecs of this run; None where nothing is."""
    known = figures()
    codecs = {codec: _parameters(run, codec) for codec in field.owners(run)}
    used = [
        (codec, figure) for codec, own in codecs.items() for figure in known["figures"] if own and _is(figure, *own)
    ]
    claims = tuple(_claim(run, codecs, claim) for claim in known["claims"])
    claims = claims if any(claim.measured_on in codecs for claim in claims) else ()
    if not used and not claims:
        return None
    protocols = dict.fromkeys(known["sources"][figure["source"]]["protocol"] for _, figure in used)
    lines = tuple(line for codec, figure in used for line in _lines(run, codec, figure))
    said = tuple(known["protocols"][protocol] for protocol in protocols)
    return Published(lines, said, tuple(_claimed_head(run, name) for name in CLAIMED), claims)


def _claimed_head(run: Run, name: str) -> str:
    """What a column of the article is about, and by what the suite measured it, where there is a choice."""
    by = (
        field.tolerated(run)[0]
        if name == TOLERATED
        else run.named(m)
        if name == "mos" and (m := _metric(run, name))
        else ""
    )
    return (HEADS.get(name) or _headed(name)) + (f" (here by {by})" if by else "")


def _headed(name: str) -> str:
    quantity = (SCORES | COSTS)[name]
    return quantity.head + (f", {quantity.unit}" if quantity.unit else "")


def _parameters(run: Run, codec: str) -> tuple[str, dict[str, Any]] | None:
    """A codec's name and all its parameters, those that nobody gave too; None where nothing of it is published."""
    spec = registry.parse(str(run.about(codec).get("spec", "")))
    if spec.name not in {entry["codec"] for entry in (*figures()["figures"], *figures()["claims"])}:
        return None  # also codecs from elsewhere, whose modules are not to be run here
    accepted = inspect.signature(registry.factory("codec", spec.name)).parameters.values()
    return spec.name, {p.name: p.default for p in accepted} | dict(spec.params)


def _is(figure: Mapping[str, Any], name: str, params: Mapping[str, Any]) -> bool:
    return figure["codec"] == name and all(params.get(k) == v for k, v in figure["params"].items())


# --- Figures of papers ---


def _lines(run: Run, codec: str, figure: Mapping[str, Any]) -> Iterator[Line]:
    source = figures()["sources"][figure["source"]]
    cited = source["title"] + (f" ({source['remark']})" if source["remark"] else "")
    for name, value in figure["values"].items():
        found = _found(run, codec, name)
        why = _unchecked(run, codec, name, found)
        unit = HEADS[name] if name in HEADS else _headed(name)
        shown = "–" if why else found.text
        yield Line(codec, unit, _shown(name, value), cited, shown, why or _verdict(run, codec, figure, name, found))


def _found(run: Run, codec: str, name: str) -> Entry:
    """What was measured, in the unit it is shown in."""
    if name == LATENCY:
        return field.latency(run, codec)
    if name == TOLERATED:
        return field.tolerated(run)[1].get(codec, Entry("–"))
    if name in COSTS:
        return field.cost(run, codec, COSTS[name])
    quantity = SCORES[name]
    return field.entry(run, codec, field.measured_by(run, quantity.names, field.owners(run)), quantity)


def _unchecked(run: Run, codec: str, name: str, found: Entry) -> str:
    """Why a figure could not be checked; "" where it could."""
    if field.absent(run, codec):
        return "not checked: it did not run here; its card says what it needs"
    if _untrained(run, codec) and (name not in (LATENCY, "net_bps", *COSTS) or _tiny(run, codec)):
        return "not checked: its weights are random here" + (", and it is a tiny one" if _tiny(run, codec) else "")
    if found.text == "–":
        how = {LATENCY: "it is not known", TOLERATED: field.TOLERANCE.how}.get(name) or (SCORES | COSTS)[name].how
        return f"not checked: not in this run ({how})"
    return ""


def _tiny(run: Run, codec: str) -> bool:
    return "tiny" in str((run.about(codec).get("identity") or {}).get("weights", ""))


def _untrained(run: Run, codec: str) -> bool:
    return run.about(codec).get("trained") is False


def _shown(name: str, value: float) -> str:
    """A published value as it is shown beside the measured one."""
    if name == LATENCY:
        return f"{value:g}"
    quantity = (SCORES | COSTS)[name]
    return number(quantity.factor * value, quantity.digits or 0)


def _verdict(run: Run, codec: str, figure: Mapping[str, Any], name: str, found: Entry) -> str:
    """What came of checking a figure: a fact agrees or differs; a score is checked where all else is the same."""
    value = figure["values"][name]
    if name in PRINTED:
        quantity = (SCORES | COSTS).get(name)
        factor = quantity.factor if quantity else 1.0
        reached, close = found.estimate.value, factor * max(EXACT * value, PRINTED[name])
        return "agrees" if reached is not None and abs(reached - factor * value) <= close * (1 + 1e-9) else "differs"
    if other := list(_other(run, codec, figure, name)):
        return f"beside it: {', '.join(other)}"
    low, high = found.estimate.low, found.estimate.high
    if low is None or high is None:
        return "beside it: no interval"
    return "inside the interval" if low <= SCORES[name].factor * value <= high else "outside the interval"


def _other(run: Run, codec: str, figure: Mapping[str, Any], name: str) -> Iterator[str]:
    """What is not as it was when a score was published."""
    data = run.facts["data"]
    if len(data) != 1 or DATA not in str(data[0].get("name")):
        yield "other data"
    elif data[0].get("utterances") != UTTERANCES:
        yield f"{data[0].get('utterances')} of {UTTERANCES} utterances"
    if name == "dwer" and not all(part in field.scorer(run, _metric(run, name)) for part in RECOGNISER):
        yield "another recogniser"
    if settings := _settings(run, codec, figure):
        yield f"with {settings}"


def _metric(run: Run, name: str) -> str:
    return field.measured_by(run, SCORES[name].names, field.owners(run))


def _settings(run: Run, codec: str, figure: Mapping[str, Any]) -> str:
    """Parameters of the codec that neither the figure names nor are as they are by default."""
    given = registry.parse(str(run.about(codec)["spec"])).params
    accepted = inspect.signature(registry.factory("codec", figure["codec"])).parameters
    odd = {k: v for k, v in given.items() if k not in figure["params"] and v != accepted[k].default}
    return ", ".join(f"{k}={v}" for k, v in odd.items())


# --- Claims of the article ---


def _claim(run: Run, codecs: Mapping[str, tuple[str, dict[str, Any]] | None], claim: Mapping[str, Any]) -> Claim:
    """A row of the article beside the codec of the run that comes nearest."""
    near = next((codec for codec, own in codecs.items() if own and claim["codec"] and _is(claim, *own)), "")
    values, pairs = claim["values"], []
    for name in CLAIMED:
        found = _found(run, near, name) if near else Entry("–")
        claimed = f"{100 * values[name] if name == TOLERATED else values[name]:g}"
        pairs.append((claimed, "–" if near and _unchecked(run, near, name, found) else found.text))
    where = near or ("not in this run" if claim["codec"] else "the codec has no such rate")
    return Claim(f"{claim['method']}, {values['net_bps'] / 1000:g} kbit/s", tuple(pairs), where)
