"""`run --timing`: rows of what each codec takes on this machine, which they name; nothing of it is stored."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import cost, timing
from benchmark.cost import VALUES
from benchmark.probe.subject import Failed
from benchmark.provenance import environment
from benchmark.timing import scorer
from benchmark.types import NotMeasured
from tests.quick import make_run, one, suite

CODECS = ("pcm", "mulaw", "tests.misbehaving:Trouble:what=lack,where=construct")
CODECS += ("tests.misbehaving:Trouble:what=raise,where=decode",)
LACKING, FAILING = (codec.removeprefix("tests.misbehaving:") for codec in CODECS[2:])


def timed(results: pd.DataFrame) -> pd.DataFrame:
    return results[results["name"].isin(list(VALUES))]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    channels = ["bernoulli:loss=0.5", "clean"]
    wanted = suite(*CODECS, channels=channels, acoustics=["clean", "dc:offset=0.1"], anchor="pcm")
    return make_run(wanted, tmp_path_factory.mktemp("run"), timing=True)[0]


def test_every_codec_has_every_value_or_a_reason(results: pd.DataFrame) -> None:
    for codec in ("pcm", "mulaw", LACKING, FAILING):
        found = timed(results[results["codec"] == codec])
        assert sorted(found["name"]) == sorted(VALUES), codec
        assert set(found["unit"]) == {info.unit for info in VALUES.values()}
        assert (found["value"].notna() == found["status"].eq("ok")).all()
        assert (found["reason"].ne("") == found["status"].ne("ok")).all()
    assert "uncoded" in set(results["codec"]), "the anchor is no codec, and takes nothing"
    assert set(timed(results)["codec"]) == {"pcm", "mulaw", LACKING, FAILING}


def test_they_stand_under_the_scene_without_losses(results: pd.DataFrame) -> None:
    assert set(timed(results)["channel"]) == {"clean"}


def test_rows_name_the_machine(results: pd.DataFrame) -> None:
    assert set(timed(results)["scorer"]) == {scorer(environment())}
    assert set(timed(results)["kind"]) == {"timing"}


def test_a_codec_that_is_well(results: pd.DataFrame) -> None:
    for name in VALUES.keys() - {"parameters", "macs_per_s"}:
        assert one(results, name, codec="pcm")["value"] > 0, name
    assert 0 < one(results, "encode_rtf", codec="pcm")["value"] < 1
    for name in ("parameters", "macs_per_s"):
        assert one(results, name, codec="pcm")["status"] == "not_applicable"


def test_of_an_utterance_or_of_the_codec_alone(results: pd.DataFrame) -> None:
    rows = timed(results[results["codec"] == "pcm"]).set_index("name")
    spoken = rows["utterance"] != ""
    assert set(rows.index[spoken]) == set(timing.OF_UTTERANCES) == VALUES.keys() - cost.FIELDS.keys()
    assert set(rows.loc[~spoken, "dataset"]) == {timing.DATASET}
    assert set(rows.loc[~spoken, "speaker"]) == {""}


def test_a_codec_that_is_not_here_and_one_that_fails(results: pd.DataFrame) -> None:
    lacking = timed(results[results["codec"] == LACKING])
    assert set(lacking["status"]) == {"skipped"}
    assert lacking["reason"].str.contains("libplanned").all()
    failing = timed(results[results["codec"] == FAILING]).set_index("name")
    assert set(failing["status"]) == {"codec_failed"}


def test_nothing_comes_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(1, 9))
    examined: list[Any] = []

    def fresh(planned: Any, limits: Any) -> dict[str, float | Failed]:
        examined.append(planned.label)
        return {"encode_packet_ms": float(next(seconds))}

    monkeypatch.setattr(cost, "examined", fresh)
    first, _ = make_run(suite("pcm"), tmp_path, timing=True)
    stored = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*.json")}
    second, record = make_run(suite("pcm"), tmp_path, timing=True)
    assert examined == ["pcm", "pcm"]
    assert [one(found, "encode_packet_ms")["value"] for found in (first, second)] == [1, 2]
    assert record["effort"]["computed"] == 0, "all else does"
    assert {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*.json")} == stored


def test_a_codec_that_fails_on_an_utterance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall_over(*_: Any) -> Any:
        raise NotMeasured("codec_failed", "decode: it fell over")

    monkeypatch.setattr(cost, "examined", lambda planned, limits: {"parameters": 3.0})
    monkeypatch.setattr(timing, "Bench", type("Fragile", (timing.Bench,), {"decode": fall_over}))
    results, _ = make_run(suite("pcm"), tmp_path, timing=True)
    for name in timing.OF_UTTERANCES:
        assert (one(results, name)["status"], one(results, name)["reason"]) == ("codec_failed", "decode: it fell over")
    assert one(results, "parameters")["value"] == 3


def test_a_machine_in_one_canonical_text() -> None:
    made = scorer(
        {"cpu": "Intel(R) Xeon(R)  CPU @ 2.20GHz (x86, 64=bit)", "packages": {"numpy": "2", "torch": "2.13.0"}}
    )
    assert made == "timing(cpu=Intel Xeon CPU @ 2.20GHz x86 64 bit,threads=1,torch=2.13.0)"
    assert scorer({"cpu": "AMD EPYC 7B13", "packages": {}}) == "timing(cpu=AMD EPYC 7B13,threads=1)"
