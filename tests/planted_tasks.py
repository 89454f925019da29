"""Run folders whose downstream tasks were answered as planned: which class was found, how many words were wrong."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.table import Row, frame, write
from benchmark.types import NotMeasured, Status
from tests.runs import CODECS, VALUES, _base, _facts, _linked, _room, conditions

UNCODED, WORDS = "uncoded", 10
CLEAN = "clean"
Answer = int | NotMeasured  # the class found, or words that are wrong of `WORDS`; or why there is none
Answers = Callable[[str, str, "Item", int], Answer]  # codec, channel, utterance, training seed


class Item(NamedTuple):
    """A test utterance: its number, its speaker, and the number of its class."""

    number: int
    speaker: str
    truth: int


@dataclass
class Planted:
    """A task: `decoded` answers on decoded audio, `tokens` from tokens (for those codecs that have any)."""

    name: str
    title: str
    metric: str
    items: Sequence[Item]
    classes: Sequence[str] = ()
    decoded: Answers | None = None
    tokens: Answers | None = None
    label: str = ""
    apart: str = "speakers"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its label."""
        return self.label or self.name


def items(speakers: int, each: int, classes: int) -> list[Item]:
    """Utterances of all classes in turn."""
    return [
        Item(speaker * each + i, f"sp{speaker:02d}", (speaker * each + i) % max(1, classes))
        for speaker in range(speakers)
        for i in range(each)
    ]


def make_tasks_run(
    folder: Path,
    tasks: Sequence[Planted],
    codecs: Sequence[str] = ("opus-24k", "opus-6k"),
    channels: Sequence[int] = (0, 3),
    token_codecs: Sequence[str] = (),
    seeds: Sequence[int] = (0, 1, 2),
    ordinary: Sequence[Row] = (),
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write a run folder: of tasks only, or with `ordinary` rows too; `channels` are indices into `conditions()`."""
    folder.mkdir(parents=True, exist_ok=True)
    known = [{"point": None, **conditions()[i]} for i in channels]
    rows = list(ordinary)
    for task in tasks:
        for codec in (*codecs, UNCODED):
            for channel in known if codec != UNCODED else known[:1]:
                rows += _decoded(task, codec, channel["channel"])
        for codec in codecs if task.tokens else ():
            rows += _from_tokens(task, codec, [c["channel"] for c in known], seeds, codec in token_codecs)
    write(frame(rows), folder / "results.parquet")
    speech = {**_facts({codec: codec for codec in codecs}, known, 10, 2), "acoustics": [_room(CLEAN, CLEAN, None)]}
    if not ordinary:
        speech |= {"name": "tasks", "title": "What a machine still understands", "data": [], "scorers": {}}
    del speech["playout"]
    probes = {"recipe": "small", "input": "tokens", "damage": "test", "seeds": list(seeds), "facts": {"epochs": 30}}
    speech |= {"tasks": {task.key: _told(task) for task in tasks}} | ({"probes": probes} if token_codecs else {})
    speech["values"] = {**VALUES, **{k: v for task in tasks for k, v in _values(task).items()}}
    (folder / "run.json").write_text(json.dumps({**speech, **(facts or {})}), encoding="utf-8")
    return folder


def _identity(task: Planted, item: Item) -> str:
    return f"{task.name}-{item.number:04d}"


def _decoded(task: Planted, codec: str, channel: str) -> Iterator[Row]:
    if task.decoded is None:
        return
    for item in task.items:
        base = _base(codec, item.speaker, _identity(task, item))._replace(channel=channel, dataset=task.key)
        if codec != UNCODED:
            yield from _linked(base, codec)
        scored = base._replace(scorer=f"{task.name}:model=mfcc")
        yield from _values_of(task, scored, task.decoded(codec, channel, item, 0), item, "")


def _from_tokens(
    task: Planted, codec: str, channels: Sequence[str], seeds: Sequence[int], has_tokens: bool
) -> Iterator[Row]:
    assert task.tokens is not None
    scorer = f"{task.name}_tokens:damage=test,input=tokens,recipe=small"
    if not has_tokens:
        missing = NotMeasured("not_applicable", "its payload is no row of indices")
        base = _base(codec)._replace(
            dataset=task.key, scorer=scorer, reference="", channel="", acoustics="", playout=""
        )
        yield from _values_of(task, base, missing, Item(0, "", 0), "_tokens")
        return
    for channel in channels:
        for seed in seeds:
            for item in task.items:
                base = _base(codec, item.speaker, _identity(task, item))
                base = base._replace(channel=channel, dataset=task.key, scorer=scorer, reference="", seed=seed)
                yield from _values_of(task, base, task.tokens(codec, channel, item, seed), item, "_tokens")


def _values_of(task: Planted, base: Row, answer: Answer, item: Item, suffix: str) -> Iterator[Row]:
    name = task.name + suffix
    if isinstance(answer, NotMeasured):
        for value in _kinds(task):
            yield base._replace(name=f"{name}_{value}", status=answer.status, reason=answer.reason)
        return
    if not task.classes:
        for kind, count in (("wer", WORDS), ("cer", 5 * WORDS)):
            yield base._replace(
                name=f"{name}_{kind}", value=answer / WORDS, numerator=answer * count / WORDS, denominator=float(count)
            )
        return
    hit, many = float(answer == item.truth), Counter(other.truth for other in task.items)[item.truth]
    for kind, above, below in (
        ("accuracy", hit, 1.0),
        ("error", 1 - hit, 1.0),
        ("recall", hit / many, 1 / many),
    ):
        yield base._replace(name=f"{name}_{kind}", value=above / below, numerator=above, denominator=below)
    yield base._replace(name=f"{name}_class", value=float(answer))


def _kinds(task: Planted) -> tuple[str, ...]:
    return ("accuracy", "error", "recall", "class") if task.classes else ("wer", "cer")


def _values(task: Planted) -> dict[str, Any]:
    better = {"accuracy": "higher", "recall": "higher", "class": "neither"}
    return {
        f"{task.name}{way}_{kind}": {"unit": "", "better": better.get(kind, "lower"), "source": "planted"}
        for way in ("", "_tokens")
        for kind in _kinds(task)
    }


def _told(task: Planted) -> dict[str, Any]:
    speakers = len({item.speaker for item in task.items})
    told: dict[str, Any] = {
        "task": f"{task.name}:model=mfcc",
        "name": task.name,
        "title": task.title,
        "protocol": f"{task.name}-1",
        "kind": "classes" if task.classes else "text",
        "metric": task.metric,
        "source": "planted, 2026",
        "data": f"{task.name}s",
        "column": "label" if task.classes else "transcript",
        "apart": task.apart,
        "train": {"utterances": 3 * len(task.items), "speakers": 2 * speakers} if task.classes else {},
        "valid": {"utterances": 0, "speakers": 0},
        "test": {"utterances": len(task.items), "speakers": speakers},
    }
    if task.classes:
        truth = {_identity(task, item): task.classes[item.truth] for item in task.items}
        often = max(Counter(truth.values()).values()) / len(truth)
        told |= {"classes": list(task.classes), "chance": 1 / len(task.classes), "majority": often, "truth": truth}
    return {**told, **task.facts}


def failed(status: Status, reason: str) -> NotMeasured:
    """An answer that there is none."""
    return NotMeasured(status, reason)


assert UNCODED not in CODECS
