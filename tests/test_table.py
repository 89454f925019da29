"""The table of results: written, read, refused, and equal for equal values."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark import table
from benchmark.types import UserError

ROW = table.Row(
    codec="opus", codec_spec="opus:bitrate=12000", channel="clean", acoustics="", playout="fixed:buffer_ms=60",
    protection="none", concealment="native", header="ipv4_udp_rtp", mode="streaming", seed=0, dataset="demo",
    utterance="u1", speaker="s1", reference="clean", scorer="stoi", name="stoi", kind="value", value=0.9,
    numerator=None, denominator=None, unit="", status="ok", reason="", key="ab12",
)  # fmt: skip
ROWS = [
    ROW,
    ROW._replace(utterance="u2", value=0.8),
    ROW._replace(codec="pcm", value=None, status="codec_failed", reason='it said "no", and\nö'),
    ROW._replace(name="loss_rate", value=0.5, numerator=1.0, denominator=2.0),
    ROW._replace(channel="gilbert:loss=0.1", seed=1),
]


def test_rows_come_back_as_they_were(tmp_path):
    made = table.frame(ROWS)
    table.write(made, tmp_path / "results.parquet")
    read = table.read(tmp_path)
    pd.testing.assert_frame_equal(read, made)
    assert tuple(read.columns) == table.COLUMNS
    failed = read[read.codec == "pcm"].iloc[0]
    assert (failed.status, failed.reason) == ("codec_failed", 'it said "no", and\nö')
    assert pd.isna(failed.value)
    assert table.contents(read) == table.contents(made)
    assert [p.name for p in tmp_path.iterdir()] == ["results.parquet"]


def test_a_table_without_rows_or_values_comes_back_too(tmp_path):
    for rows in ([], [ROWS[2]]):
        made = table.frame(rows)
        table.write(made, tmp_path / "results.parquet")
        assert table.contents(table.read(tmp_path)) == table.contents(made)


TIES = [
    ROW._replace(dataset="other"),
    ROW._replace(reference="input"),
    ROW._replace(kind="timing"),
    ROW._replace(key="cd"),
]


def test_the_order_of_the_rows_does_not_matter():
    rows = ROWS + TIES
    made = table.frame(rows)
    assert table.contents(table.frame(reversed(rows))) == table.contents(made)
    assert table.contents(table.frame(rows[3:] + rows[:3])) == table.contents(made)


@pytest.mark.parametrize("change", [{"value": 0.9000001}, {"reason": "x"}, {"seed": 7}, {"numerator": 1.0}], ids=str)
def test_every_cell_counts(change):
    assert table.contents(table.frame([ROW._replace(**change)])) != table.contents(table.frame([ROW]))


def test_a_table_of_another_schema_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "results.parquet"
    monkeypatch.setattr(table, "SCHEMA", table.SCHEMA + 1)
    table.write(table.frame(ROWS), file)
    monkeypatch.undo()
    with pytest.raises(UserError, match=f"has schema {table.SCHEMA + 1}, this version reads {table.SCHEMA}"):
        table.read(file)
    pq.write_table(pa.table({"a": [1]}), file)
    with pytest.raises(UserError, match="has schema none"):
        table.read(file)


@pytest.mark.parametrize("content", [b"", b"not Parquet", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_what_is_not_parquet_is_refused(tmp_path, content):
    (tmp_path / "results.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"results\.parquet cannot be read as Parquet"):
        table.read(tmp_path)


def test_a_missing_table_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match=r"No results at .*results\.parquet\. `focalbench run SUITE --out"):
        table.read(tmp_path)
