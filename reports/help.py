"""What metrics hear, in plain words: the entries of `help.yaml`, whose head says where they are from."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

PARTS = ("hears", "scale", "matters", "cannot")  # of an entry, in the order of the page


def about(name: str) -> Mapping[str, str]:
    """The entry of a value by its plain name, exact names first; empty for what is not ours."""
    entries = _entries()
    exact = next((e for names, e in entries if name in names), None)
    found = exact or next((e for names, e in entries if any(fnmatchcase(name, known) for known in names)), None)
    return found or {}


@cache
def _entries() -> tuple[tuple[frozenset[str], Mapping[str, str]], ...]:
    import yaml

    entries = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return tuple((frozenset(entry["names"]), {part: str(entry[part]) for part in PARTS}) for entry in entries)
