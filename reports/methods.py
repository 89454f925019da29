"""How a run was made, as a paragraph for a paper: what stands in `run.json`, and whom to cite for it.

Nothing that was used is left out: what has no reference is named at the end.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from benchmark.registry import nearest
from benchmark.stats import FEW
from benchmark.types import UserError
from reports.citations import Found, bibtex, cited, of_data, readable, uses
from reports.escape import latex, markdown, one_line
from reports.measured_on import counted, suite
from reports.ranking import ALPHA
from reports.summary import Run, load, pretty

Cites: TypeAlias = tuple[str, ...]  # keys of entries
Piece: TypeAlias = str | Cites
FORMATS = ("text", "latex", "markdown")
DIGITS = 12  # of a checksum, which are enough to recognise it by
AXES = (  # what is said, the list in run.json, the key of a component there, and its kind in citations.yaml
    ("Networks: ", "conditions", "channel", "channels"),
    ("Acoustics: ", "acoustics", "acoustics", "acoustics"),
    ("Protection: ", "protections", "protection", "protections"),
    ("Playout: ", "playouts", "playout", "playouts"),
)
PLAIN = ("none", "clean", "", "files")  # components that do nothing


class Methods(NamedTuple):
    """Sentences, each in pieces of text and citations; what has a reason to have no reference; and what has none."""

    sentences: tuple[tuple[Piece, ...], ...]
    reasons: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]

    @property
    def keys(self) -> list[str]:
        """Every entry that is cited, in the order of the text."""
        pieces = (piece for sentence in self.sentences for piece in sentence if not isinstance(piece, str))
        return list(dict.fromkeys(key for cites in pieces for key in cites))


class Part(NamedTuple):
    """Something that was used: what is said of it, and whom it is by."""

    name: str
    said: str
    found: Found


def methods(run: Run) -> Methods:
    """What a run's provenance says, in words."""
    facts = run.facts
    named = [*_codecs(facts), *_data(facts), *_metrics(facts)]
    sentences = [
        (f"Measurements were made with {suite(run)}.",),
        *_listed("Codecs: ", _codecs(facts)),
        *_listed("Speech: ", _data(facts)),
        *(sentence for head, *axis in AXES for sentence in _listed(head, _conditions(facts, *axis))),
        *_listed("Downstream tasks: ", _tasks(facts)),
        *_listed("Scores: ", _metrics(facts)),
        *_signals(facts),
        *_statistics(run),
        *_machine(facts),
    ]
    reasons = {part.name: part.found.reason for part in named if part.found.reason}
    unknown = [part.name for part in named if not part.found.keys and not part.found.reason]
    return Methods(tuple(sentences), tuple(reasons.items()), tuple(dict.fromkeys([*unknown, *_strangers(facts)])))


def _listed(head: str, parts: Sequence[Part]) -> Iterator[tuple[Piece, ...]]:
    """`Codecs: A (opus:bitrate=6000) [rfc6716], B.`, where there are any."""
    if not parts:
        return
    pieces: list[Piece] = [head]
    for place, part in enumerate(parts):
        pieces += [part.said, *([part.found.keys] if part.found.keys else [])]
        pieces.append("." if place == len(parts) - 1 else "; ")
    yield tuple(pieces)


def _codecs(facts: Mapping[str, Any]) -> list[Part]:
    found = []
    for label, codec in facts["codecs"].items():
        spec = str(codec.get("spec") or label)
        details = [spec if spec != label else "", *_versions(codec.get("identity") or {})]
        if codec.get("status", "ok") != "ok":
            details.append(f"did not run: {codec.get('reason') or codec['status']}")
        found.append(Part(str(label), _bracketed(str(label), details), cited("codecs", spec)))
    return found


def _versions(versions: Mapping[str, Any]) -> list[str]:
    """`libopus 1.3.1`; a version that begins with its own name stands alone; of checksums, the beginning."""
    told = []
    for name, version in versions.items():
        text = str(version)
        text = text[:DIGITS] if len(text) >= 40 and set(text) <= set("0123456789abcdef") else text
        told.append(text if text.startswith(str(name)) else f"{name} {text}")
    return told


def _bracketed(text: str, details: Iterable[str]) -> str:
    inside = ", ".join(filter(None, details))
    return f"{text} ({inside})" if inside else text


def _data(facts: Mapping[str, Any]) -> list[Part]:
    found = []
    for data in facts["data"]:
        name = str(data.get("name", ""))
        count = counted(int(data.get("utterances", 0)), "utterance")
        voices = counted(int(data["speakers"]), "speaker") if data.get("speakers") else "speakers unknown"
        seconds = f"{data['seconds']:.0f} s" if data.get("seconds") else ""
        said = _bracketed(name, [count, voices, seconds])
        found.append(Part(name, said, of_data(name, str(data.get("manifest", "")))))
    return found


def _conditions(facts: Mapping[str, Any], listed: str, column: str, kind: str) -> list[Part]:
    """Conditions by title, without those that do nothing; citations stand behind the last of a family."""
    texts = {str(entry.get(column, "")): str(entry.get("title") or entry.get(column, "")) for entry in facts[listed]}
    texts = {text: title for text, title in texts.items() if text not in PLAIN}
    parts = []
    for text, title in texts.items():
        chain = [cited(kind, link.strip()) for link in text.split(" + ")]
        parts.append(Part(text, title, Found(tuple(dict.fromkeys(key for found in chain for key in found.keys)))))
    later: set[str] = set()
    for place in range(len(parts) - 1, -1, -1):
        keys = tuple(key for key in parts[place].found.keys if key not in later)
        later |= set(keys)
        parts[place] = parts[place]._replace(found=Found(keys))
    return parts


def _strangers(facts: Mapping[str, Any]) -> Iterator[str]:
    """Components of conditions that are not ours."""
    for _, listed, column, kind in AXES:
        texts = [str(entry.get(column, "")) for entry in facts[listed]]
        links = dict.fromkeys(link.strip() for text in texts if text not in PLAIN for link in text.split(" + "))
        yield from (link for link in links if cited(kind, link) == Found())


def _tasks(facts: Mapping[str, Any]) -> list[Part]:
    found = []
    for label, task in facts["tasks"].items():
        data = of_data(str(task.get("data", "")), str(task.get("manifest", "")))
        by = cited("tasks", str(task.get("name", label)))
        test = task.get("test", {})
        count = counted(int(test.get("utterances", 0)), "test utterance")
        said = _bracketed(str(task.get("title", label)), [str(task.get("data", "")), count])
        found.append(Part(str(label), said, Found(tuple(dict.fromkeys([*by.keys, *data.keys])))))
    return found


def _metrics(facts: Mapping[str, Any]) -> list[Part]:
    tasks = {str(task.get("task", "")) for task in facts["tasks"].values()}
    found = []
    for name, scorer in facts["scorers"].items():
        spec = str(name).rpartition("@")[0] or str(name)
        if spec not in tasks:
            told = ", ".join(pretty(value) for value in scorer.get("values", ())) or spec
            parameters = spec if ":" in spec else ""
            said = _bracketed(told, [parameters, *_versions(scorer.get("versions") or {})])
            found.append(Part(spec, said, cited("metrics", spec)))
    return found


def _signals(facts: Mapping[str, Any]) -> Iterator[tuple[Piece, ...]]:
    """How signals were brought together, and packets counted."""
    if facts.get("header"):
        mode = f"; codecs ran in {facts['mode']} mode" if facts.get("mode") else ""
        yield (f"Bitrates were counted from payloads, on the wire with {facts['header']} headers{mode}.",)
    told = [
        f"signals were resampled by {facts['resampler']}" if facts.get("resampler") else "",
        f"alignment: {facts['alignment']}" if facts.get("alignment") else "",
    ]
    if text := "; ".join(filter(None, told)):
        yield (text[0].upper() + text[1:] + ".",)


def _statistics(run: Run) -> Iterator[tuple[Piece, ...]]:
    known = uses("statistics")
    clusters = max((cell.estimate.clusters for cell in run.cells.values()), default=0)
    seeds = ", ".join(map(str, run.facts.get("seeds", ()))) or "none"
    yield (
        "Values are pooled over utterances and seeds, ratios as sums over sums; 95 % intervals rest on a variance "
        "that is robust to speakers as clusters",
        tuple(known["intervals"]),
        f" and Student's t ({counted(clusters, 'speaker')}). Seeds: {seeds}.",
    )
    if clusters < FEW:
        yield (f"With fewer than {FEW} speakers they are descriptive, and no differences were tested.",)
        return
    yield (
        "Differences between codecs are paired by utterance and tested by a studentised bootstrap over speakers, "
        f"two-sided at {ALPHA:g}, with Holm's correction over each table",
        tuple(known["families"]),
        ".",
    )


def _machine(facts: Mapping[str, Any]) -> Iterator[tuple[Piece, ...]]:
    made = facts.get("environment", {})
    packages = ", ".join(f"{name} {version}" for name, version in made.get("packages", {}).items())
    told = ", ".join(filter(None, [str(made.get("cpu") or ""), f"Python {made.get('python', '')}", packages]))
    if made:
        yield (f"Computed on {told}.",)


# --- In print ---


def render(folder: Path, format: str = "text") -> tuple[str, str]:
    """The paragraph, and the BibTeX entries that it cites.

    Raises:
        UserError: for an unknown format, or a folder without a run.
    """
    if format not in FORMATS:
        raise UserError(f"No format {format!r}. {nearest(format, FORMATS)}")
    found = methods(load(folder))
    without = [f"{name}: {reason}" for name, reason in found.reasons] + [f"{name}: not known" for name in found.unknown]
    return PRINTERS[format](found), bibtex(found.keys, without)


def _joined(found: Methods, escape: Callable[[str], str], cite: Callable[[Cites], str]) -> str:
    sentences = [*found.sentences, *_last(found)]
    return " ".join(
        "".join(escape(piece) if isinstance(piece, str) else cite(piece) for piece in sentence)
        for sentence in sentences
    )


def _last(found: Methods) -> Iterator[tuple[Piece, ...]]:
    """What has no reference."""
    if found.reasons:
        yield ("Without reference: " + "; ".join(f"{name} ({reason})" for name, reason in found.reasons) + ".",)
    if found.unknown:
        yield (f"No reference is on file for {', '.join(found.unknown)}: cite their authors.",)


def _text(found: Methods) -> str:
    paragraph = _joined(found, one_line, lambda keys: f" [{', '.join(keys)}]")
    return paragraph + "\n" + "".join(f"\n[{key}] {readable(key)}" for key in found.keys) + "\n"


def _markdown(found: Methods) -> str:
    paragraph = _joined(found, markdown, lambda keys: " [" + "; ".join(f"@{key}" for key in keys) + "]")
    return paragraph + "\n" + "".join(f"\n- @{key}: {markdown(readable(key))}" for key in found.keys) + "\n"


def _latex(found: Methods) -> str:
    paragraph = _joined(found, _breakable, lambda keys: rf"~\cite{{{','.join(keys)}}}")
    return f"% The entries: focalbench methods RUN --bibtex FILE\n{paragraph}\n"


def _breakable(text: str) -> str:
    """Text whose long names of components and versions may go on in another line."""
    return r"\allowbreak{}".join(latex(part) for part in re.split(r"(?<=[:,=_/+-])(?=\S)", text))


PRINTERS: Mapping[str, Callable[[Methods], str]] = {"text": _text, "latex": _latex, "markdown": _markdown}
