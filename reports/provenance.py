"""What a reader checks last: what has no value and why, what the numbers mean, and what they were made of."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reports.summary import LINK, ON_TOKENS, PROBE, TOKENS, Run, pretty
from reports.words import STATUS_WORDS

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

FAILURES = 200  # lines of that table; more say less
KEYS = (
    *("command", "seeds", "axes", "header", "playout", "capture_ms", "concealment", "resampler", "alignment"),
    *("started", "finished", "wall_seconds"),
)
LISTED = {  # of run.json: the heading, and the key that names each entry
    "acoustics": ("Acoustics", "acoustics"),
    "conditions": ("Channels", "channel"),
    "playouts": ("Playout buffers", "playout"),
    "protections": ("Protections", "protection"),
}


def failures(run: Run, usual: bool) -> dict[str, Any]:
    """Rows without a value by codec, status and reason; `usual` are the not applicable ones of link and probe."""
    every = _every_row(run)
    expected = every["status"].eq("not_applicable") & (
        every["scorer"].isin([LINK, PROBE, TOKENS]) | every["kind"].eq("timing") | every["taught"]
    )
    rows = every[every["status"].ne("ok") & (expected == usual)]
    lines = []
    for (codec, status, reason), part in rows.groupby(["codec", "status", "reason"], sort=False):
        lines.append(
            {
                "codec": codec,
                "status": STATUS_WORDS.get(str(status), str(status)),
                "reason": reason,
                "count": len(part),
                "conditions": _several(_titles(run, set(part["condition"])), len(run.conditions), "conditions"),
                "scorers": _several(list(part["scorer"].unique()), every["scorer"].nunique(), "scorers"),
                "example": part["utterance"].iloc[0],
            }
        )
    lines.sort(key=lambda line: -int(line["count"]))
    return {"lines": lines[:FAILURES], "more": max(0, len(lines) - FAILURES), "total": len(rows)}


def _every_row(run: Run) -> "pd.DataFrame":
    """Those of downstream tasks too, and which of these are from tokens."""
    import pandas as pd

    answers = [answers.rows.assign(taught=way == ON_TOKENS) for way, answers in run.tasks.items()]
    return pd.concat([run.rows.assign(taught=False), *answers], ignore_index=True)


def _titles(run: Run, names: set[str]) -> list[str]:
    return list({c.name: c.title for r in (run, *run.tasks.values()) for c in r.conditions if c.name in names}.values())


def _several(names: list[str], of: int, word: str) -> str:
    if len(names) == of > 1:
        return f"all {of} {word}"
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def definitions(run: Run) -> Iterator[dict[str, Any]]:
    """Of each value measured: name, key, unit, direction, source, and for what it can be trusted."""
    answered = {r.base(m): r.titles[m] for r in run.tasks.values() for m in r.metrics}
    for metric in dict.fromkeys([*(run.base(m) for m in run.metrics), *answered]):
        facts = run.facts["values"].get(metric, {})
        better = str(facts.get("better", ""))
        yield {
            "key": metric,
            "name": answered.get(metric) or pretty(metric),
            "unit": str(facts.get("unit", "")) or "–",
            "better": better if better in ("higher", "lower") else "–",
            "source": str(facts.get("source", "")) or "–",
            "trust": _trust(facts.get("validity")),
        }


def _trust(validity: Mapping[str, str] | None) -> tuple[list[tuple[str, str]], str]:
    """Whether a value says how good speech is: where, with a word, and why."""
    if not validity:
        return [], ""
    why = validity["why"].rstrip(".")
    places = {"loss": "under loss", "noise": "in noise", "generative": "generative codecs"}
    return [(where, validity[key]) for key, where in places.items()], f"{why[:1].upper()}{why[1:]}."


def provenance(run: Run) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Headings, and under each what it lists."""
    facts, machine = run.facts, run.facts.get("environment") or {}
    yield "This run", [(k.replace("_", " "), _flat(facts[k])) for k in KEYS if k in facts]
    for key, (heading, name) in LISTED.items():
        yield heading, [(str(e[name]), _flat({k: v for k, v in e.items() if v and k != name})) for e in facts[key]]
    yield "Work", [(k.replace("_", " "), _flat(v)) for k, v in (facts.get("effort") or {}).items()]
    yield "Machine", [(k, _flat(v)) for k, v in machine.items() if k != "packages"]
    yield "Data", [(d.get("name", ""), _flat({k: v for k, v in d.items() if k != "name"})) for d in facts["data"]]
    kept = ("spec", "group", "concealments", "identity", "fingerprint")
    anchor = facts.get("anchor")
    coded = {**facts["codecs"], **({anchor["label"]: anchor} if anchor else {}), **facts.get("before", {})}
    yield "Codecs", [(label, _flat({k: c[k] for k in kept if c.get(k)})) for label, c in coded.items()]
    lengthy = ("truth", "classes")
    yield "Tasks", [(k, _flat({n: v for n, v in t.items() if n not in lengthy})) for k, t in facts["tasks"].items()]
    yield "Networks taught on tokens", [(k, _flat(v)) for k, v in (facts.get("probes") or {}).items()]
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


def suite_text(suite: Mapping[str, Any]) -> str:
    """The suite as the YAML it can be run from again."""
    import yaml

    return yaml.safe_dump(suite, sort_keys=False, allow_unicode=True) if suite else ""
