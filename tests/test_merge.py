"""Merging: the parts of a run joined are the run done at once, and what cannot be joined is named."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from benchmark import replay, table
from benchmark.commands import merge as command
from benchmark.merge import _examples, _part, merge
from benchmark.run import PASSING
from benchmark.suite import Suite, load
from benchmark.types import UserError
from tests.quick import make_run, quickly, shared
from tests.quick import suite as quick_suite

CODECS = ("pcm", "lowpass:cutoff=2000")
CHANNELS = ["clean", "bernoulli:loss=0.2"]
OTHERWISE = (
    *PASSING,
    "merged",
    "warnings",
    "contents",
    "environment",
)  # what a merged run may say otherwise than one done at once


def whole(*codecs: str, **changes: Any) -> Suite:
    keys = {"channels": CHANNELS, "metrics": ["si_sdr", "mel_distance"], "data.limit": 5}
    return quick_suite(*(codecs or CODECS), **(keys | changes))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run done at once, and its parts: by codec, by shard, by channel, by seed; nobody changes them."""

    def make(folder: Path) -> None:
        asked = {
            "whole": whole(save_audio="report"),
            "pcm": whole("pcm", save_audio="report"),
            "lowpass": whole(CODECS[1], save_audio="report"),
            **{f"shard{n}": whole(**{"data.shard": f"{n}/2"}) for n in (1, 2)},
            "clean": whole("pcm", channels=CHANNELS[:1]),
            "lossy": whole("pcm", channels=CHANNELS[1:]),
            "seed4": whole("pcm", seeds=[4]),
            "seeds": whole("pcm", seeds=[0, 4]),
        }
        for name, one in asked.items():
            make_run(one, folder / name, cache=folder / "store")

    return shared(tmp_path_factory, "merge", make)


def record(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "run.json").read_text())
    del loaded["suite"]["save_audio"]  # which some of these leave out to be quick
    return {key: value for key, value in loaded.items() if key not in OTHERWISE}


@pytest.mark.parametrize(
    ("parts", "once"),
    [
        (["pcm", "lowpass"], "whole"),
        (["shard1", "shard2"], "whole"),
        (["shard2", "shard1", "pcm"], "whole"),
        (["clean", "lossy"], "pcm"),
        (["pcm", "seed4"], "seeds"),
    ],
)
def test_the_parts_joined_are_the_run_done_at_once(runs: Path, tmp_path: Path, parts: list[str], once: str) -> None:
    notes = merge([runs / part for part in parts], tmp_path / "all")
    assert notes == []
    assert_frame_equal(table.read(tmp_path / "all"), table.read(runs / once))
    merged, done = record(tmp_path / "all"), record(runs / once)
    for key in done:
        assert merged[key] == done[key], key
    assert (tmp_path / "all" / "entries.txt").read_text() == (runs / once / "entries.txt").read_text()
    if parts == ["pcm", "lowpass"]:
        heard = [sorted((e["why"], e["key"]) for e in examples(folder)) for folder in (tmp_path / "all", runs / once)]
        assert heard[0] == heard[1]


def examples(folder: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((folder / "audio" / "index.json").read_text())
    assert all((folder / entry[kind]).is_file() for entry in listed for kind in ("reference", "clean", "degraded"))
    return listed


def test_shards_have_every_utterance_once(runs: Path) -> None:
    heard = [set(table.read(runs / f"shard{n}")["utterance"]) for n in (1, 2)]
    assert [len(part) for part in heard] == [3, 2]
    assert not heard[0] & heard[1]


def example(why: str, value: float, channel: str = "lossy", codec: str = "pcm", **more: Any) -> dict[str, Any]:
    place = {"acoustics": "clean", "channel": channel, "protection": "none", "playout": "", "concealment": "codec"}
    return {"why": why, "codec": codec, "seed": 0, "utterance": "u", "values": {"stoi": value}, **place, **more}


def test_of_examples_one_is_chosen_and_the_worst_is_of_all_parts(runs: Path) -> None:
    first = [example("chosen", 0.5, "clean"), example("worst", 0.1, "clean"), example("worst", 0.9, codec="other")]
    second = [example("chosen", 0.6), example("chosen", 0.7, concealment="mute"), example("worst", 0.4)]
    third = [example("chosen", 0.2), example("worst", 0.3), example("all", 0.1), example("all", 0.1, seed=1)]
    part = _part(runs / "pcm")
    kept = [entry for _, entry in _examples([(part, entry) for entry in (*first, *second, *third)])]
    assert sorted((e["why"], e["codec"], e["values"]["stoi"]) for e in kept) == [
        *(("all", "pcm", 0.1), ("all", "pcm", 0.1)),
        *(("chosen", "pcm", 0.6), ("chosen", "pcm", 0.7)),
        *(("worst", "other", 0.9), ("worst", "pcm", 0.3)),
    ]


def test_manifests_split_by_hand_are_several_data_sets(runs: Path, tmp_path: Path) -> None:
    lines = (Path("data_manifests/demo/manifest.csv")).read_text().splitlines()
    for number in (0, 1):
        part = tmp_path / f"part{number}"
        part.mkdir()
        (part / "manifest.csv").write_text("\n".join([lines[0], *lines[1 + number : 5 : 2]]))
        make_run(
            whole("pcm", **{"data.manifest": [str(part / "manifest.csv")]}), tmp_path / str(number), data_root=demo()
        )
    merge([tmp_path / "0", tmp_path / "1"], tmp_path / "all")
    at_once = whole("pcm", **{"data.manifest": [str(tmp_path / f"part{n}" / "manifest.csv") for n in (0, 1)]})
    results, _ = make_run(at_once, tmp_path / "once", data_root=demo())
    assert_frame_equal(table.read(tmp_path / "all"), table.read(tmp_path / "once"))
    assert results["utterance"].nunique() == 4
    merged, done = record(tmp_path / "all"), record(tmp_path / "once")
    assert {key for key in done if merged[key] != done[key]} == set()


def demo() -> Path:
    return Path("data_manifests/demo").resolve()


def test_a_merged_run_is_reported_tabulated_and_replayed(runs: Path, tmp_path: Path) -> None:
    from reports.html import write
    from reports.table import render

    merge([runs / "shard1", runs / "shard2"], tmp_path / "all")
    page = write(tmp_path / "all").read_text()
    assert "lowpass" in page
    assert render(tmp_path / "all", "csv") == render(runs / "whole", "csv")
    rows = table.read(runs / "shard2")
    row = rows[(rows["name"] == "mel_distance") & (rows["channel"] == CHANNELS[1])].iloc[0]
    with quickly():
        said = "\n".join(replay.replay(tmp_path / "all", row["key"], tmp_path / "replay", Path.cwd()))
    assert f"mel_distance  {row['value']:.6g}" in said
    again = load(str(tmp_path / "all" / "run.json"))
    assert (again.data.shard, tuple(again.codecs)) == (None, CODECS)


def changed(runs: Path, tmp_path: Path, part: str, facts: dict[str, Any]) -> Path:
    """A copy of a part whose `run.json` says something else; a slash leads into it."""
    copy = tmp_path / "copy"
    shutil.copytree(runs / part, copy)
    loaded = json.loads((copy / "run.json").read_text())
    for path, value in facts.items():
        *parents, last = (int(step) if step.isdecimal() else step for step in path.split("/"))
        place = loaded
        for parent in parents:
            place = place[parent]
        place[last] = value
    (copy / "run.json").write_text(json.dumps(loaded))
    return copy


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("resampler", "another", "resampler is"),
        ("schema", 2, "schema is"),
        ("header", "none", "header is"),
        ("scorers/si_sdr@scoring rate/fingerprint", "x", "scorers.si_sdr@scoring rate.fingerprint is"),
        ("scorers/mel_distance@scoring rate/versions", {"numpy": "1"}, "scorers.mel_distance@scoring rate.versions is"),
        ("conditions/1/identity", "another trace", "conditions.bernoulli:loss=0.2 is"),
        ("suite/data/limit", 9, "suite.data.limit is"),
        ("suite/anchor", "mulaw", "suite.anchor is"),
        ("name", "another", "name is"),
    ],
)
def test_what_must_match_is_refused_by_name(runs: Path, tmp_path: Path, path: str, value: Any, named: str) -> None:
    other = changed(runs, tmp_path, "lowpass", {path: value})
    with pytest.raises(UserError, match="cannot be merged") as refused:
        merge([runs / "pcm", other], tmp_path / "all")
    assert str(refused.value).startswith(named)
    assert not (tmp_path / "all").exists()


def test_another_revision_of_a_codec_is_refused(runs: Path, tmp_path: Path) -> None:
    other = changed(runs, tmp_path, "clean", {"codecs/pcm/fingerprint": "another"})
    with pytest.raises(UserError, match=r"^codecs\.pcm\.fingerprint is"):
        merge([runs / "lossy", other], tmp_path / "all")


def test_another_file_under_one_id_is_refused(runs: Path, tmp_path: Path) -> None:
    files = json.loads((runs / "pcm" / "run.json").read_text())["files"][0]
    other = changed(runs, tmp_path, "lowpass", {"files/0": files | {next(iter(files)): "0" * 64}})
    with pytest.raises(UserError, match=r"^data\.demo: the audio of .* is another"):
        merge([runs / "pcm", other], tmp_path / "all")


def planted(runs: Path, tmp_path: Path, part: str, change: Any) -> Path:
    """A copy of a part with other rows."""
    copy = tmp_path / "copy"
    shutil.copytree(runs / part, copy)
    rows = table.read(copy)
    table.write(change(rows), copy / "results.parquet")
    return copy


def test_two_values_for_one_thing_are_refused_with_both(runs: Path, tmp_path: Path) -> None:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        place = rows.index[rows["name"].eq("mel_distance") & rows["channel"].ne("clean")][0]
        rows.loc[place, "value"] += 1e-9
        return rows

    other = planted(runs, tmp_path, "pcm", change)
    with pytest.raises(UserError, match=r"^1 values .* differ: mel_distance of pcm for .*\(it is not deterministic\)"):
        merge([runs / "pcm", other], tmp_path / "all")


def test_a_failure_gives_way_to_a_value_and_is_told(runs: Path, tmp_path: Path) -> None:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        failed = rows["name"].eq("mel_distance")
        rows.loc[failed, ["value", "status", "reason"]] = [float("nan"), "metric_failed", "it died"]
        return rows

    other = planted(runs, tmp_path, "pcm", change)
    for parts in ([other, runs / "pcm"], [runs / "pcm", other]):
        notes = merge(parts, tmp_path / "all")
        assert notes == ["10 rows that failed in one run have values in another, which were taken"]
        assert_frame_equal(table.read(tmp_path / "all"), table.read(runs / "pcm"))
    merge([other, other], tmp_path / "failed")
    assert_frame_equal(table.read(tmp_path / "failed"), table.read(other))


def test_timings_are_those_of_the_first_run(runs: Path, tmp_path: Path) -> None:
    timed = table.read(runs / "pcm").head(1).assign(kind="timing", name="encode_rtf", scorer="cost", value=0.5)
    other = planted(runs, tmp_path, "pcm", lambda rows: table.ordered(pd.concat([rows, timed])))
    slow = tmp_path / "slow"
    shutil.copytree(other, slow)
    rows = table.read(slow)
    table.write(rows.assign(value=rows["value"].mask(rows["kind"].eq("timing"), 9.0)), slow / "results.parquet")
    merge([other, slow], tmp_path / "all")
    assert_frame_equal(table.read(tmp_path / "all"), table.read(other))


def test_gaps_are_told_and_the_merged_suite_fills_them(runs: Path, tmp_path: Path) -> None:
    (note,) = merge([runs / "clean", runs / "lowpass"], tmp_path / "all")
    assert note.startswith("5 of 20 trials are in none of the runs")
    notes = merge([runs / "shard1", runs / "pcm"], tmp_path / "most")
    assert "of the data, these shards are missing: 2/2" in notes
    assert "4 of 20 trials" in notes[1]
    results, made = make_run(load(str(tmp_path / "all" / "run.json")), tmp_path / "all", cache=runs / "store")
    assert made["effort"]["computed"] == 0
    assert_frame_equal(table.read(tmp_path / "all"), table.read(runs / "whole"))
    assert len(results) == len(table.read(runs / "whole"))


def test_a_codec_that_was_skipped_elsewhere_has_the_facts_of_where_it_ran(runs: Path, tmp_path: Path) -> None:
    skipped = {"spec": CODECS[1], "status": "skipped", "reason": "no library"}
    told = f"{CODECS[1]} did not run (skipped): no library"
    other = changed(runs, tmp_path, "lowpass", {f"codecs/{CODECS[1]}": skipped, "warnings": [told]})
    rows = table.read(other).assign(value=float("nan"), status="skipped", reason="no library")
    table.write(rows, other / "results.parquet")
    merge([other, runs / "lowpass"], tmp_path / "all")
    assert record(tmp_path / "all")["codecs"] == record(runs / "lowpass")["codecs"]
    assert told not in json.loads((tmp_path / "all" / "run.json").read_text())["warnings"]


def test_what_is_no_run_of_a_suite_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No results at"):
        merge([runs / "pcm", tmp_path], tmp_path / "all")
    with pytest.raises(UserError, match="is one of the runs"):
        merge([runs / "pcm", runs / "lowpass"], runs / "pcm")
    early = changed(runs, tmp_path, "lowpass", {"contents": "unfinished"})
    with pytest.raises(UserError, match="not finished"):
        merge([runs / "pcm", early], tmp_path / "all")


def test_audio_is_copied_by_name_alone(runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "copy"
    shutil.copytree(runs / "lowpass", other)
    index = json.loads((other / "audio" / "index.json").read_text())
    name = Path(index[0]["degraded"]).name
    index[0]["degraded"] = f"../../{name}"
    (other / "audio" / "index.json").write_text(json.dumps(index))
    merge([runs / "pcm", other], tmp_path / "all")
    assert not (tmp_path / name).exists()
    assert (tmp_path / "all" / "audio" / name).is_file()


def test_the_command_writes_a_page_and_tells_notes(runs: Path, tmp_path: Path, capsys: Any) -> None:
    from benchmark.cli import main

    code = main(["merge", str(runs / "clean"), str(runs / "lowpass"), "--out", str(tmp_path / "all")])
    printed = capsys.readouterr()
    assert code == 0
    assert "5 of 20 trials" in printed.err
    assert f"2 runs in {tmp_path / 'all' / 'results.parquet'}" in printed.out
    assert (tmp_path / "all" / "report.html").is_file()
    assert command.TEXT


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/", "a/b", "-1/2", "1/2/3"])
def test_a_shard_is_a_part_of_several(text: str) -> None:
    with pytest.raises(UserError, match=r"data\.shard"):
        whole(**{"data.shard": text})


def test_a_shard_without_utterances_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none for part 7 of 7"):
        make_run(whole(**{"data.shard": "7/7"}), tmp_path)
