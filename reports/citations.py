"""Whom a paper cites for what a run used, from `data_manifests/citations.yaml`; as BibTeX, or as a list to read."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from benchmark.manifest import shipped
from benchmark.registry import parse
from benchmark.types import UserError
from reports.escape import code_point, latex, one_line

UNPRINTED = ("type", "source")  # of an entry


class Found(NamedTuple):
    """Keys of entries; or the reason why there is none; neither of what nobody here knows."""

    keys: tuple[str, ...] = ()
    reason: str = ""


@cache
def _file() -> Mapping[str, Mapping[str, Any]]:
    import yaml

    read: Mapping[str, Mapping[str, Any]] = yaml.safe_load((shipped() / "citations.yaml").read_text(encoding="utf-8"))
    return read


def entries() -> Mapping[str, Mapping[str, Any]]:
    """All BibTeX entries by key."""
    return _file()["entries"]


def uses(kind: str) -> Mapping[str, Any]:
    """What the suite ships of a kind (metrics, codecs, data, ...): keys of entries, or a reason why there is none."""
    found: Mapping[str, Any] = _file()["uses"][kind]
    return found


def cited(kind: str, text: str) -> Found:
    """Whom to cite for a component, by its spec: `asr:model=whisper,size=base`."""
    try:
        spec = parse(text)
    except UserError:  # what a run of another version calls it
        return Found()
    keys: list[str] = []
    reasons = []
    for name, cites in uses(kind).items():
        if _names(name, spec.name, spec.params):
            if isinstance(cites, str):
                reasons.append(cites)
            else:
                keys += cites
    return Found(tuple(dict.fromkeys(keys)), "" if keys else "; ".join(reasons))


def _names(use: str, name: str, params: Mapping[str, Any]) -> bool:
    """Whether `use` is this component: its name; with a parameter, that it has; with a value, that this is in it."""
    base, _, wanted = use.partition(":")
    if base != name or not wanted:
        return base == name
    key, _, value = wanted.partition("=")
    return bool(params.get(key)) and value in str(params[key])


def of_data(name: str, manifest: str) -> Found:
    """Whom to cite for speech, by its own name, or by a folder or file on the way to its manifest."""
    known = uses("data")
    words = [name, *(part.rpartition(".")[0] or part for part in reversed(manifest.replace("\\", "/").split("/")))]
    for word in words:
        if word in known:
            cites = known[word]
            return Found((), cites) if isinstance(cites, str) else Found(tuple(cites))
    return Found()


def bibtex(keys: Iterable[str], without: Iterable[str] = ()) -> str:
    """The entries, and a remark on what was used and has none."""
    made = [_entry(key, entries()[key]) for key in keys]
    missing = [_remark(name) for name in without]
    return "\n".join([*(f"% No entry for {name}" for name in missing), *made])


def _remark(text: str) -> str:
    """Text outside of entries, where BibTeX would take an at sign for the beginning of one."""
    return one_line(text).replace("@", code_point("@"))


def _entry(key: str, fields: Mapping[str, Any]) -> str:
    printed = {name: str(value) for name, value in fields.items() if name not in UNPRINTED}
    if "eprint" in printed:
        printed["archivePrefix"] = "arXiv"
    if "title" in printed:
        printed["title"] = "{" + printed["title"] + "}"  # as it is written
    lines = [f"  {name} = {{{_ascii(value)}}}," for name, value in printed.items()]
    return "\n".join([f"@{fields['type']}{{{key},", *lines, "}", ""])


def _ascii(text: str) -> str:
    """Letters beyond ASCII as LaTeX sets them; BibTeX sorts by bytes."""
    return "".join(c if c.isascii() else "{" + latex(c) + "}" for c in text)


def readable(key: str) -> str:
    """An entry as `Holm: A Simple Sequentially Rejective ... Scandinavian Journal of Statistics, 1979.`."""
    plain = str.maketrans({"{": "", "}": ""})
    fields = {name: str(value).translate(plain).replace("--", "–") for name, value in entries()[key].items()}
    authors = ", ".join(name.partition(",")[0].strip() for name in fields["author"].split(" and "))
    authors = authors.replace(", others", " et al.")
    where = [fields.get(n, "") for n in ("journal", "booktitle", "institution", "howpublished", "number")]
    if fields.get("journal"):
        where = [fields["journal"]]
    arxiv = f"arXiv {fields['eprint']}" if "eprint" in fields else ""
    ends = ", ".join(filter(None, [*where, arxiv, fields.get("url", ""), fields.get("year", "")]))
    return f"{authors}: {fields['title']}{'' if fields['title'].endswith('?') else '.'} {ends}."
