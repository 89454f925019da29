"""A side of a comparison: the rows and the provenance of a run, read from its folder or from a baseline file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark import baseline
from benchmark.table import SCHEMA, read
from benchmark.types import UserError

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

TABLES = ("codecs", "scorers", "values", "tasks", "environment")  # of facts, by name
LISTS = ("data", "conditions", "acoustics", "protections", "playouts")  # of entries
ANCHOR = "uncoded"  # what the codecs were given: the same on both sides, and nobody's codec


@dataclass(frozen=True)
class Side:
    """What is compared.

    Attributes:
        name: how it is told to the reader.
        facts: of `run.json`; a baseline file holds those that comparisons need.
        rows: of `results.parquet`, as far as they speak of codecs.
        rounded: whether its values carry six digits, as those of a baseline file do.
    """

    name: str
    facts: Mapping[str, Any]
    rows: "pd.DataFrame"
    rounded: bool = False

    @property
    def codecs(self) -> list[str]:
        """The labels, as the run lists them; those of rows alone behind them."""
        return list(dict.fromkeys([*self.facts["codecs"], *self.rows["codec"].unique()]))


def load(path: Path) -> Side:
    """Read a run folder or a baseline file.

    Raises:
        UserError: when it is neither, or of another schema.
    """
    if path.is_file():
        facts, rows = baseline.read(path)
        return Side(str(path), checked(facts, path), rows, rounded=True)
    facts, rows = facts_of(path), read(path)
    return Side(str(path), facts, rows[rows["codec"].ne(ANCHOR)].reset_index(drop=True))


def facts_of(folder: Path) -> dict[str, Any]:
    """The `run.json` of a run folder.

    Raises:
        UserError: when there is none, it cannot be read, or is of another schema.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise UserError(f"No run.json in {folder}: this is neither the folder of a finished run nor a baseline file.")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no JSON that can be read: {error}.") from error
    return checked(facts, path)


def checked(facts: Any, path: Path) -> dict[str, Any]:
    """The facts of a run, those that comparisons read being of the kind they have to be.

    Raises:
        UserError: when one is not, or the schema is another.
    """
    found = facts.get("schema") if isinstance(facts, dict) else None
    if found != SCHEMA:
        raise UserError(f"{path} has schema {found}, this version reads {SCHEMA}. Run the suite again.")
    whole = dict(facts)
    for kind, names in ((dict, TABLES), (list, LISTS)):
        for name in names:
            whole[name] = kind() if whole.get(name) is None else whole[name]
            entries = whole[name].values() if isinstance(whole[name], dict) else whole[name]
            if not isinstance(whole[name], kind) or (
                name != "environment" and not all(isinstance(e, dict) for e in entries)
            ):
                raise UserError(f"{path} is damaged: {name!r} is not what a run writes there. Run the suite again.")
    return whole
