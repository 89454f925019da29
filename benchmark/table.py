"""The schema of `results.parquet`, one row per value, and its writer and reader: in one place."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmark.types import Status

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

SCHEMA = 1  # bump when a column changes its meaning; tables of different schemas are never compared


class Row(NamedTuple):
    """One value of one scorer on one trial. Its identity is (scorer, name); `key` hashes all that led to it.

    Attributes:
        codec: the label under which codecs are paired between runs; `codec_spec` says what it is.
        channel: canonical spec of the network condition; `acoustics`, `playout`, `protection`,
            `concealment` and `header` likewise.
        reference: what the degraded signal was compared with: clean, input or loss_free.
        kind: ``value`` or ``timing``; "equal tables" speak of values.
        value: the value; None unless `status` is ``ok``.
        numerator: with `denominator`, the parts of a ratio, which is pooled as sum over sum.
        reason: why there is no value; empty when there is one.
    """

    codec: str
    codec_spec: str
    channel: str
    acoustics: str
    playout: str
    protection: str
    concealment: str
    header: str
    mode: str
    seed: int
    dataset: str
    utterance: str
    speaker: str
    reference: str
    scorer: str
    name: str
    kind: str
    value: float | None
    numerator: float | None
    denominator: float | None
    unit: str
    status: Status
    reason: str
    key: str


COLUMNS = Row._fields
NUMBERS = ("value", "numerator", "denominator")
ORDER = ("codec", "channel", "seed", "utterance", "scorer", "name", "dataset", "reference", "kind", "key")


def frame(rows: Iterable[Row]) -> "pd.DataFrame":
    """The rows as a table in a fixed order, so that equal results are equal files."""
    import pandas as pd

    table = pd.DataFrame.from_records(list(rows), columns=list(COLUMNS))
    return ordered(table.astype({c: "float64" for c in NUMBERS} | {"seed": "int64"}))


def ordered(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table in the order that every table has."""
    return table.sort_values(list(ORDER), kind="stable", ignore_index=True)


def contents(table: "pd.DataFrame") -> str:
    """SHA-256 over all cells: equal tables, equal digests."""
    import pandas as pd

    return hashlib.sha256(pd.util.hash_pandas_object(table).to_numpy().tobytes()).hexdigest()


def write(table: "pd.DataFrame", path: Path) -> None:
    """Write `table` to `path` as Parquet, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = pa.Table.from_pandas(table, preserve_index=False)
    data = data.replace_schema_metadata({**(data.schema.metadata or {}), b"focalbench.schema": str(SCHEMA).encode()})
    partial = path.with_name(path.name + ".partial")
    pq.write_table(data, partial, compression="zstd")
    partial.replace(path)


def read(path: Path) -> "pd.DataFrame":
    """Read a table; `path` is the Parquet file or its run folder.

    Raises:
        UserError: when there is none, or it was written under another schema.
    """
    import pyarrow.parquet as pq

    from benchmark.types import UserError

    file = path / "results.parquet" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"No results at {file}. `focalbench run SUITE --out {path}` makes them.")
    try:
        data = pq.read_table(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as Parquet: {error}") from error
    schema = (data.schema.metadata or {}).get(b"focalbench.schema", b"none").decode()
    if schema != str(SCHEMA):
        raise UserError(f"{file} has schema {schema}, this version reads {SCHEMA}. Run the suite again.")
    table: pd.DataFrame = data.to_pandas()
    return table
