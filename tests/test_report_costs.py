"""The report's section on cost, on made-up runs whose values are planted."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import table
from benchmark.cost import VALUES as COST
from benchmark.timing import scorer
from reports import costs
from reports.costs import COLUMNS, section
from reports.drawing import looks
from reports.html import environment
from reports.summary import Run, load
from tests.runs import conditions, make_run

WHO = scorer({"cpu": "AMD EPYC 7B13", "packages": {"torch": "2.13.0"}})
VALUES = COST
OUTSIDE = "its work is done outside of torch, whose counter sees no other"
PLANTED = {
    "parameters": 249_046_686.0,
    "macs_per_s": 14_234e6,
    "encode_packet_ms": 12.345,
    "encode_packet_ms_p95": 15.0,
    "decode_packet_ms": 0.0764,
    "decode_packet_ms_p95": 120.4,
    "peak_memory_mib": 1234.4,
}
SHOWN = ["249 M", "14.2 G", "0.15", "0.00147", "12.3 ms", "15 ms", "0.0764 ms", "120 ms", "1234 MiB"]


def timed(codec: str, spec: str, values: dict[str, Any], who: str = WHO) -> list[dict[str, Any]]:
    """Rows of one codec; text in place of a value is the reason why there is none."""
    place = {"codec": codec, "codec_spec": spec, "channel": "clean", "acoustics": "", "playout": "fixed:buffer_ms=60"}
    place |= {"protection": "none", "concealment": "native", "header": "ipv4_udp_rtp", "mode": "streaming", "seed": 0}
    place |= {"dataset": "timing", "utterance": "", "speaker": "", "reference": "", "key": "1", "reason": ""}
    found = []
    for name, value in values.items():
        parts = value if isinstance(value, tuple) else (None, None)
        shown = value[0] / value[1] if isinstance(value, tuple) else value
        row = {**place, "scorer": who, "name": name, "kind": "timing"}
        row |= {
            "value": shown,
            "numerator": parts[0],
            "denominator": parts[1],
            "unit": VALUES[name].unit,
            "status": "ok",
        }
        if isinstance(value, str):
            row |= {"value": None, "status": "not_applicable", "reason": value}
        found.append(row)
    return found


def planted(folder: Path, *groups: list[dict[str, Any]], **options: Any) -> Run:
    make_run(folder, **{"codecs": ("pcm", "opus-24k"), "channels": conditions()[:2], "speakers": 2} | options)
    rows = [table.read(folder), *(pd.DataFrame(group) for group in groups if group)]
    table.write(pd.concat([frame.dropna(axis=1, how="all") for frame in rows]), folder / "results.parquet")
    return load(folder)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    first = timed("pcm", "pcm", {**PLANTED, "encode_rtf": (1.0, 4.0), "decode_rtf": (0.00147, 1.0)})
    second = timed("pcm", "pcm", {"encode_rtf": (0.5, 6.0)})  # of a longer utterance
    native = dict.fromkeys(["parameters", "macs_per_s"], OUTSIDE) | {"encode_rtf": (1.0, 64.0)}
    return planted(tmp_path, first, second, timed("opus-24k", "opus:bitrate=24000,fec=true", native))


def test_the_table(run: Run) -> None:
    found = section(run)
    assert found is not None
    assert found["machines"] == ["AMD EPYC 7B13, 1 thread, torch 2.13.0"]
    assert found["lines"][0] == ("pcm", SHOWN), "ratios are pooled: 1.5 s of computing over 10 s"
    assert found["lines"][1] == ("opus-24k", ["–", "–", "0.0156", *["–"] * 6])
    assert {name for _, name, _ in COLUMNS} == set(VALUES)


def test_gaps_have_their_reasons(run: Run) -> None:
    found = section(run)
    assert found is not None
    assert found["gaps"] == [f"opus-24k; parameters, multiply-accumulates, per second: {OUTSIDE}."]


def test_columns_have_names_of_their_own() -> None:
    heads = [head for head, _, _ in COLUMNS]
    assert len(set(heads)) == len(heads)


def test_what_a_codec_does_not_state_is_told_in_words_for_readers(tmp_path: Path) -> None:
    run = planted(tmp_path, timed("pcm", "pcm", {"parameters": "the codec does not say (it has no cost())"}))
    found = section(run)
    assert found is not None
    assert found["gaps"] == ["pcm; parameters: not stated by the codec."]


def test_what_fails_on_some_utterances_leaves_no_gap(tmp_path: Path) -> None:
    run = planted(tmp_path, timed("pcm", "pcm", {"encode_rtf": (1.0, 4.0)}), timed("pcm", "pcm", {"encode_rtf": "cut"}))
    found = section(run)
    assert found is not None
    assert (found["lines"][0][1][2], found["gaps"]) == ("0.25", [])


def test_codecs_of_one_reason_share_a_line(tmp_path: Path) -> None:
    nothing = dict.fromkeys(VALUES, "no weights")
    found = section(planted(tmp_path, *(timed(codec, codec, nothing) for codec in ("pcm", "opus-24k"))))
    assert found is not None
    assert found["gaps"] == ["pcm, opus-24k: no weights."]


def test_a_codec_is_listed_once_for_all_its_series(tmp_path: Path) -> None:
    run = planted(tmp_path, timed("pcm", "pcm", PLANTED))
    rows = table.read(tmp_path)
    more = rows[rows["name"].isin(["pesq_wb", "net_bps"])].assign(protection="redundancy:copies=1")
    table.write(pd.concat([rows, more]), tmp_path / "results.parquet")
    again = load(tmp_path)
    assert len(again.codecs) == 2 * len(run.codecs)
    found = section(again)
    assert found is not None
    assert [values[0] for _, values in found["lines"]] == ["249 M", "–"]
    assert len(found["lines"]) == 2


def test_nothing_was_timed(tmp_path: Path) -> None:
    assert section(planted(tmp_path)) is None


def test_scores_are_untouched(run: Run) -> None:
    assert not set(run.scores) & set(VALUES)
    assert run.cell("pcm", run.conditions[0].name, "pesq_wb").estimate.value is not None


def test_two_machines_are_both_named(tmp_path: Path) -> None:
    other = scorer({"cpu": "Cortex-A55", "packages": {}})
    run = planted(tmp_path, timed("pcm", "pcm", PLANTED), timed("opus-24k", "opus", PLANTED, other))
    found = section(run)
    assert found is not None
    assert found["machines"] == ["AMD EPYC 7B13, 1 thread, torch 2.13.0", "Cortex-A55, 1 thread"]
    assert [values[0] for _, values in found["lines"]] == ["249 M", "249 M"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (3, "3"), (999, "999"), (1000, "1 k"), (10_240, "10.2 k"), (1.024e6, "1.02 M"), (14.2e9, "14.2 G")],
)
def test_large_numbers(value: float, text: str) -> None:
    assert costs._large(value) == text


def page(run: Run) -> str:
    return environment().get_template("costs.html").render(costs=section(run), looks=looks(run))


def test_the_fragment(run: Run, tmp_path: Path) -> None:
    html = page(run)
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "Measured on AMD EPYC 7B13, 1 thread, torch 2.13.0: one codec at a time" in text
    assert " ".join(["pcm", *SHOWN]) in text
    assert f"opus-24k; parameters, multiply-accumulates, per second: {OUTSIDE}." in text
    assert html.count("<tr>") == 3
    assert page(planted(tmp_path / "other")).strip() == ""
