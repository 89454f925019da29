"""The section of codec cards: what each codec is, who may use it, what it took here; those that did not run too."""

from typing import Any

from benchmark import cards
from benchmark.registry import parse
from reports import costs
from reports.summary import Run

MEASURED = ("availability_ms", "parameters", "macs_per_s", "peak_memory_mib")
COLUMNS = {
    "sample rates": "Rates",
    "packet": "Packet",
    "latency": "Algorithmic latency",
    "codebooks": "Codebooks",
    "size": "Size",
    "operations": "Operations",
    "memory": "Peak memory",
    "versions": "Versions",
}


def section(run: Run) -> list[dict[str, Any]]:
    """A card per codec, in the order of the run: its name, what its module tells, and a line for each label of it."""
    groups: dict[str, list[str]] = {}
    for label, known in run.facts["codecs"].items():
        groups.setdefault(parse(known["spec"]).name, []).append(label)
    return [_card(run, name, labels) for name, labels in groups.items()]


def _card(run: Run, name: str, labels: list[str]) -> dict[str, Any]:
    lines = {label: _line(run, label) for label in labels}
    shown = [head for head in COLUMNS if any(head in line for line in lines.values())]
    return {
        "name": name,
        "told": cards.told(run.facts["codecs"][labels[0]]),
        "heads": [COLUMNS[head] for head in shown],
        "labels": [
            (label, run.facts["codecs"][label]["spec"], line["state"], [line.get(head, "–") for head in shown])
            for label, line in lines.items()
        ],
    }


def _line(run: Run, label: str) -> dict[str, str]:
    known = run.facts["codecs"][label]
    measured = {name: run.probes.get((label, name), costs.measured(run, label, name)) for name in MEASURED}
    return {"state": cards.state(known), **cards.technical(known, measured)}
