"""Protections and loss strategies in a run: which rows there are, what they say, and what is shared."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import replay, suite, table
from benchmark.bench import Bench
from benchmark.estimate import estimate
from benchmark.plan import OWN, plan, strategies
from benchmark.progress import Quiet
from benchmark.run import Options
from benchmark.types import CodecInfo, Slot, UserError
from tests.quick import forbid_encoding, make_run, one, quickly, shared, values
from tests.quick import suite as quick_suite

CHUNK = "tests.toytokens:Toy:bits=16,per_frame=4"  # 8 bytes every 80 ms
TOKENS = "tests.toytokens:Toy:bits=16"  # the same, in four payloads of 2 bytes, made together
LOSSY = "bernoulli:loss=0.3"
COPY = "redundancy:copies=1"
LINK = ("net_bps", "payload_bps", "wire_bps", "redundancy_bps", "loss_rate")
TRIAL = ["codec", "channel", "protection", "concealment", "utterance"]


def axes_suite(**changes: Any) -> suite.Suite:
    keys = {
        "codecs": {"chunk": CHUNK, "tokens": TOKENS, "linear": "pcm:rate=8000"},
        "channels": ["clean", LOSSY],
        "protection": ["none", COPY],
        "concealment": ["mute", "interpolate"],
        "metrics": ["mel_distance"],
        "save_audio": "report",
    }
    return quick_suite(**(keys | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, timed; nobody changes it."""
    return shared(tmp_path_factory, "axes", lambda folder: make_run(axes_suite(), folder, timing=True) and None)


@pytest.fixture(scope="module")
def results(finished: Path) -> pd.DataFrame:
    found = values(table.read(finished))
    return found[found["utterance"] != ""]  # what the tokens of all of them say is tested elsewhere


# --- which rows there are ---


def test_every_codec_runs_under_every_protection_with_the_strategies_it_has(results: pd.DataFrame) -> None:
    trials = {tuple(place) for place in results[["codec", "protection", "concealment"]].drop_duplicates().to_numpy()}
    heard = {"chunk": ["mute", "interpolate"], "tokens": ["mute", "interpolate"], "linear": [OWN]}
    assert trials == {(codec, p, name) for codec, names in heard.items() for p in ("none", COPY) for name in names}
    counts = results.groupby(TRIAL).size()
    assert set(counts["linear", "clean"]) == {20}
    assert set(counts["linear", LOSSY]) == {26}, "and bursts and gaps, and the mel distance in holes and in the worst"
    assert set(counts["chunk", "clean"]) == {21}, "and recovery_ms"
    own = results["name"].isin(["recovery_ms", "window_mel_distance"]).sum()
    assert len(set(results["key"])) == len(counts) + len(counts) + own


INFO = CodecInfo(16_000, 16_000, 320, concealments={"fade": 0, "mute": 0, "wait": 1})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["default"], ("fade",)),
        (["all"], ("fade", "mute", "wait")),
        (["wait", "mute"], ("wait", "mute")),
        (["wait", "all"], ("wait", "fade", "mute")),
        (["default", "fade"], ("fade",)),
        (["mute", "of another codec"], ("mute",)),
        (["of another codec"], ("fade",)),
    ],
)
def test_the_strategies_of_a_codec(asked: list[str], expected: tuple[str, ...]) -> None:
    assert strategies(INFO, asked) == expected
    assert strategies(replace(INFO, concealments={}), asked) == strategies(None, asked) == (OWN,)


def test_a_strategy_that_no_codec_knows_is_refused(tmp_path: Path) -> None:
    asked = axes_suite(concealment=["interpolat"])
    with pytest.raises(UserError, match=r"no codec of this run has a loss strategy 'interpolat'\. Did you mean 'inter"):
        make_run(asked, tmp_path)
    with pytest.raises(UserError, match="loss strategy 'interpolat'"):
        estimate(asked, Options(tmp_path), Quiet())
    results, _ = make_run(quick_suite("pcm", concealment=["interpolat"]), tmp_path)
    assert set(results["concealment"]) == {OWN}, "where none has any, there is nothing to choose"


@pytest.mark.parametrize(
    ("text", "message"),
    [("redundancy:copis=1", "no parameter 'copis'"), ("bundle:frames=0", "frames=0 must be"), ("x", "No protection")],
)
def test_a_wrong_protection_is_refused_before_any_work(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        plan(axes_suite(protection=[text]), tmp_path)


def test_the_dropout_suite_takes_the_first_strategy_and_all_of_them_when_told() -> None:
    first, *others = INFO.concealments
    assert strategies(INFO, suite.load("dropout").concealment) == (first,)
    assert strategies(INFO, suite.load("dropout", [("concealment", "all")]).concealment) == (first, *others)


# --- what they say ---


def test_link_rows_of_copies_against_arithmetic(results: pd.DataFrame) -> None:
    """Packets of 8 bytes every 80 ms; all but the first carry 8 more, under 4 + 1 bytes of RFC 2198."""
    place = {"codec": "chunk", "channel": "clean", "concealment": "mute"}
    plain, safe = ({n: one(results, n, protection=p, **place) for n in LINK} for p in ("none", COPY))
    seconds = plain["net_bps"]["denominator"]
    packets = round(seconds / 0.080)
    assert plain["loss_rate"]["denominator"] == safe["loss_rate"]["denominator"] == packets
    assert plain["net_bps"]["value"] == safe["net_bps"]["value"] == plain["payload_bps"]["value"]
    assert plain["net_bps"]["value"] == pytest.approx(800)
    assert plain["wire_bps"]["value"] == pytest.approx(4_800)
    assert plain["redundancy_bps"]["value"] == 0
    assert safe["payload_bps"]["numerator"] == 8 * (8 * packets + 8 * (packets - 1))
    assert safe["wire_bps"]["numerator"] == 8 * (48 * packets + 13 * (packets - 1))
    assert safe["redundancy_bps"]["numerator"] == 8 * 13 * (packets - 1)
    assert safe["redundancy_bps"]["denominator"] == seconds


@pytest.mark.parametrize(
    ("codec", "protection", "concealment", "latency"),
    [
        ("linear", "none", OWN, 20 + 60),
        ("linear", COPY, OWN, 20 + 20 + 60),
        ("chunk", "none", "mute", 80 + 60),
        ("chunk", "none", "interpolate", 80 + 60 + 80),  # one frame more
        ("chunk", COPY, "mute", 80 + 80 + 60),
        ("tokens", "none", "mute", 80 + 60 + 60),  # the last of four leaves 60 ms after the first
        ("tokens", "none", "interpolate", 80 + 60 + 60 + 20),
        ("tokens", COPY, "mute", 80 + 60 + 20 + 60),
    ],
)
def test_latency_is_all_that_is_waited_for(
    results: pd.DataFrame, codec: str, protection: str, concealment: str, latency: float
) -> None:
    for channel in ("clean", LOSSY):
        place = {"codec": codec, "channel": channel, "protection": protection, "concealment": concealment}
        removed = one(results, "delay_ms", **place)["value"]
        assert one(results, "latency_ms", **place)["value"] == pytest.approx(latency + removed, abs=1e-9)


def test_strategies_are_heard_where_something_is_lost(results: pd.DataFrame) -> None:
    rows = results[(results["name"] == "mel_distance") & (results["codec"] != "linear")]
    heard = rows.groupby(["codec", "channel", "protection"])["value"].nunique()
    assert set(heard[:, LOSSY]) == {2}
    assert set(heard[:, "clean"]) == {1}


def test_redundancy_within_frames_is_counted_by_frames_however_they_travel(tmp_path: Path) -> None:
    asked = quick_suite("tests.misbehaving:FecTeller", protection=["none", "bundle:frames=3"])
    results, _ = make_run(asked, tmp_path)
    assert set(results[results["name"] == "fec_share"]["value"]) == {1.0}


def test_an_offline_codec_has_no_latency(tmp_path: Path) -> None:
    results, _ = make_run(quick_suite("tests.misbehaving:Whole"), tmp_path)
    row = one(results, "latency_ms")
    assert (row["status"], row["reason"]) == (
        "not_applicable",
        "the encoder sees the whole utterance before it sends",
    )


def test_copies_leave_fewer_frames_missing_in_the_same_weather(results: pd.DataFrame) -> None:
    for codec, name in (("linear", OWN), ("chunk", "mute"), ("tokens", "mute")):
        place = {"codec": codec, "channel": LOSSY, "concealment": name}
        (lost, again), (plain, safe) = (
            [one(results, value, protection=p, **place) for p in ("none", COPY)]
            for value in ("loss_rate", "residual_loss")
        )
        assert lost["numerator"] == again["numerator"] == plain["numerator"] > 0, "a frame a packet"
        assert safe["numerator"] < plain["numerator"]
        assert one(results, "residual_loss", protection=COPY, **{**place, "channel": "clean"})["value"] == 0


def test_a_protection_that_cannot_carry_the_frames_costs_its_own_rows(tmp_path: Path) -> None:
    asked = quick_suite("pcm", protection=["none", "redundancy:bundle=2"], save_audio="all", metrics=["mel_distance"])
    results, _ = make_run(asked, tmp_path)
    rows = results[results["protection"] != "none"]
    assert set(rows["name"]) == {"net_bps", "mel_distance"}
    assert set(rows["status"]) == {"not_applicable"}
    assert rows["reason"].str.contains("a block of 1280 bytes is too long for RFC 2198").all()
    assert set(results[results["protection"] == "none"]["status"]) == {"ok", "not_applicable"}
    assert len(json.loads((tmp_path / "audio" / "index.json").read_text())) == 1


# --- how long a loss is heard ---


def test_recovery_is_followed_behind_each_hole(results: pd.DataFrame) -> None:
    """The toy's memory halves with each token, so that a hole is heard for a few tokens, whatever stands in it."""
    rows = results[results["name"] == "recovery_ms"]
    assert set(rows["codec"]) == {"chunk", "tokens"}
    assert set(rows["scorer"]) == {"link"}
    assert set(rows["reference"]) == {"loss_free"}
    clean, lossy = (rows[rows["channel"] == channel] for channel in ("clean", LOSSY))
    assert set(clean["status"]) == {"not_applicable"}
    assert set(clean["reason"]) == {"nothing was lost"}
    known = lossy[lossy["status"] == "ok"]
    assert len(known) > 1
    assert (known["value"] == known["numerator"] / known["denominator"]).all()
    assert known["value"].between(0, 400).all()
    assert (known["denominator"] >= 1).all()


def test_a_codec_without_memory_recovers_at_once(tmp_path: Path) -> None:
    results, _ = make_run(quick_suite("tests.misbehaving:Choosy", channels=[LOSSY]), tmp_path)
    row = one(results, "recovery_ms")
    assert row["value"] == 0
    assert row["denominator"] > 5


def test_where_no_hole_can_be_followed_there_is_no_value(tmp_path: Path) -> None:
    asked = quick_suite("tests.misbehaving:Choosy", channels=["bernoulli:loss=1"])
    row = one(make_run(asked, tmp_path)[0], "recovery_ms")
    assert row["status"] == "not_applicable"
    assert "the next one or the end comes before" in row["reason"]


# --- what is shared ---


def test_one_encoding_serves_all_and_one_decoding_where_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = axes_suite(codecs={"chunk": CHUNK}, save_audio="none", concealment=["all"])
    make_run(asked, tmp_path, cache=tmp_path / "warm")  # which also measures the delay
    encoded, decoded = Counter[str](), Counter[tuple[bool, str]]()
    encode, decode = Bench.encode, Bench.decode

    def count_encode(self: Bench, *arguments: Any) -> Any:
        encoded["all"] += 1
        return encode(self, *arguments)

    def count_decode(self: Bench, spec: Any, slots: list[Slot], chunk: int | None, name: str = "") -> Any:
        decoded[any(slot.payload is None for slot in slots), name] += 1
        return decode(self, spec, slots, chunk, name)

    (tmp_path / "cold").mkdir()
    (tmp_path / "warm" / "delays").rename(tmp_path / "cold" / "delays")
    monkeypatch.setattr(Bench, "encode", count_encode)
    monkeypatch.setattr(Bench, "decode", count_decode)
    results, _ = make_run(asked, tmp_path / "again", cache=tmp_path / "cold")
    names = set(results["concealment"])
    assert len(names) == 9
    assert encoded["all"] == 1
    assert {name: count for (lost, name), count in decoded.items() if lost} == dict.fromkeys(names, 2)
    whole = {name: count for (lost, name), count in decoded.items() if not lost}
    assert sum(whole.values()) == 2, "one for all clean trials, one to measure recoveries against"
    clean = results[(results["channel"] == "clean") & (results["name"] == "mel_distance")]
    assert len(clean) == 2 * 9
    assert clean["value"].nunique() == 1


def test_another_protection_or_strategy_never_encodes_again(
    finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forbid_encoding(monkeypatch)
    changes = {"protection": ["none", "interleave:depth=2"], "concealment": ["mute", "freeze"]}
    results, record = make_run(axes_suite(**changes, save_audio="none"), tmp_path, cache=finished / "cache")
    assert set(results["protection"]) == {"none", "interleave:depth=2"}
    assert record["effort"]["cached"] == 2 * (2 * 3 + 2) + 3, "mute without protection is known"
    lossy = results[(results["name"] == "mel_distance") & (results["channel"] == LOSSY)]
    heard = lossy[lossy["codec"] == "chunk"].groupby("protection")["value"].nunique()
    assert set(heard) == {2}, "what two strategies see is the same, what they play is not"


def test_two_workers_give_the_same(finished: Path, tmp_path: Path) -> None:
    results, _ = make_run(axes_suite(save_audio="none"), tmp_path, workers=2)
    pd.testing.assert_frame_equal(_sorted(values(results)), _sorted(values(table.read(finished))))


def _sorted(results: pd.DataFrame) -> pd.DataFrame:
    return results.sort_values([*TRIAL, "name"], ignore_index=True)


# --- what is told and heard ---


def test_provenance_names_protections_strategies_and_groups(finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    assert [(p["protection"], p["title"]) for p in record["protections"]] == [("none", ""), (COPY, "1 copy")]
    assert all(len(p["identity"]) == 64 for p in record["protections"])
    assert record["concealment"] == ["mute", "interpolate"]
    assert record["codecs"]["tokens"]["group"] == 4
    assert record["codecs"]["tokens"]["concealments"]["interpolate"] == 20.0
    assert record["codecs"]["linear"]["concealments"] == {}
    assert suite.as_dict(suite.load(str(finished / "run.json"))) == suite.as_dict(axes_suite())


def test_timing_is_of_the_first_protection_and_strategy(finished: Path) -> None:
    results = table.read(finished)
    timed = results[results["kind"] == "timing"]
    assert set(timed["protection"]) == {"none"}
    assert {tuple(place) for place in timed[["codec", "concealment"]].to_numpy()} == {
        ("chunk", "mute"),
        ("tokens", "mute"),
        ("linear", OWN),
    }


def test_the_chosen_example_is_heard_with_every_protection_and_strategy(finished: Path) -> None:
    results = table.read(finished)
    entries = json.loads((finished / "audio" / "index.json").read_text())
    chosen = [e for e in entries if e["why"] == "chosen"]
    assert len(chosen) == 2 * (2 + 2 + 1)
    assert len({e["degraded"] for e in chosen}) == len(chosen)
    for entry in entries:
        place = {name: entry[name] for name in ("codec", "protection", "concealment", "utterance")}
        lossy = one(values(results), "mel_distance", channel=entry["channel"], **place)
        assert entry["values"]["mel_distance"] == lossy["value"]
        assert entry["clean_values"]["mel_distance"] == one(results, "mel_distance", channel="clean", **place)["value"]


def test_the_worst_example_is_the_one_that_scored_lowest_of_all(tmp_path: Path) -> None:
    changes = {"codecs": {"chunk": CHUNK}, "metrics": ["stoi"], "protection": [COPY, "none"]}
    results, _ = make_run(axes_suite(**changes, concealment=["interpolate", "random"]), tmp_path)
    entries = json.loads((tmp_path / "audio" / "index.json").read_text())
    worst = next(e for e in entries if e["why"] == "worst")
    scored = results[(results["name"] == "stoi") & (results["channel"] == LOSSY)]
    lowest = scored.loc[scored["value"].idxmin()]
    assert (worst["protection"], worst["concealment"]) == (lowest["protection"], lowest["concealment"])
    assert worst["values"]["stoi"] == lowest["value"]


def test_the_same_row_is_replayed(finished: Path, tmp_path: Path) -> None:
    results = table.read(finished)
    place = {"codec": "tokens", "channel": LOSSY, "protection": COPY, "concealment": "interpolate"}
    row = one(results, "mel_distance", **place)
    with quickly():
        said = list(replay.replay(finished, row["key"], tmp_path, tmp_path))
    assert said[0].endswith("1 copy, losses: interpolate, seed 0")
    score = next(line for line in said if line.startswith("score"))
    assert float(score.split()[-1]) == pytest.approx(row["value"], rel=1e-5)


def test_a_dry_run_counts_strategies_and_protections(tmp_path: Path) -> None:
    said = estimate(axes_suite(), Options(tmp_path), Quiet())
    assert "3 codecs x 4 conditions x 1 utterances" in said
    assert f"trials  {(2 + 2 + 1) * 4}," in said


def test_the_packets_of_a_strategy_that_waits_are_the_same(tmp_path: Path) -> None:
    """It hears later, and so more of what is late: that is what it pays latency for."""
    trace = tmp_path / "late.csv"
    trace.write_text("send_ms,delay_ms\n" + "".join(f"{80 * i},{130 if i % 4 == 1 else 0}\n" for i in range(40)))
    asked = axes_suite(
        codecs={"chunk": CHUNK}, channels=[f"trace:path={trace}"], protection=["none"], save_audio="none"
    )
    results, _ = make_run(asked, tmp_path / "run")
    late = {name: one(results, "late_rate", concealment=name)["value"] for name in ("mute", "interpolate")}
    assert late["mute"] > 0.2
    assert late["interpolate"] == 0
