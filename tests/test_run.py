"""`benchmark.run` end to end: rows, resuming, misbehaving codecs, bad inputs, delays, weather, audio."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from pandas.testing import assert_frame_equal

from benchmark import audio, pipeline, suite, table
from benchmark import run as run_module
from benchmark.bench import Bench, guarded
from benchmark.codec import frame_of
from benchmark.cost import VALUES as COST
from benchmark.hosts import Encoded
from benchmark.inputs import Inputs
from benchmark.plan import OWN, Settings, Subject, Trial, Work
from benchmark.scenes import scenes
from benchmark.suite import Suite
from benchmark.types import LOST, CodecInfo, Heard, NotMeasured, Spec, Unavailable, UserError, Utterance, ValueInfo
from tests import misbehaving
from tests.quick import ROOT, forbid_encoding, make_run, one, shared, values, write_speech
from tests.quick import suite as quick_suite
from tests.signals import speech_like
from tests.test_child import alive, until

LINK = {"net_bps", "payload_bps", "wire_bps", "redundancy_bps", "loss_rate", "late_rate", "residual_loss"}
LINK |= {"burst_ms", "longest_burst_ms", "delay_ms", "latency_ms", "mouth_to_ear_ms", "delay_impairment"}
LINK |= {"packet_rate", "capture_ms", "codec_ms", "packet_ms", "playout_ms", "network_ms"}
LOSSY = {f"rfc3611_{what}" for what in ("burst_density", "gap_density", "burst_ms", "gap_ms")}
LOSSY |= {"window_mel_distance", "worst_window_mel_distance"}
CHANNELS = ["clean", "bernoulli:loss=0.2"]
HERE = "tests.misbehaving:"


def main_suite(**changes: Any) -> Suite:
    keys = {"channels": CHANNELS, "metrics": ["si_sdr", "mel_distance"], "data.limit": 3, "save_audio": "report"}
    return quick_suite("pcm", "pcm:rate=8000", **(keys | changes))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; nobody changes it."""
    return shared(tmp_path_factory, "once", lambda folder: make_run(main_suite(), folder) and None)


@pytest.fixture
def again(once: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(once, tmp_path / "again"))


def stamps(folder: Path, pattern: str = "*") -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob(pattern) if p.is_file()}


def test_every_asked_value_has_exactly_one_row(once: Path) -> None:
    results = table.read(once)
    places = results.groupby(["codec", "channel", "utterance"])["name"].apply(sorted)
    assert len(places) == 2 * 2 * 3
    for (_, channel, _), names in places.items():
        assert names == sorted({"si_sdr", "mel_distance"} | LINK | (LOSSY if channel != "clean" else set()))
    assert set(results["status"]) == {"ok", "not_applicable"}
    odd = results[results["status"] != "ok"]
    assert set(odd["name"]) - LOSSY == {"si_sdr", "burst_ms", "longest_burst_ms"}, "PCM is transparent, clean is clean"
    assert set(odd[odd["name"].isin(LOSSY)]["name"]) <= {"rfc3611_gap_density", "rfc3611_gap_ms"}, "one burst is all"
    assert odd["value"].isna().all()
    assert (odd["reason"] != "").all()
    assert (results[results["status"] == "ok"]["reason"] == "").all()
    assert results["key"].str.fullmatch("[0-9a-f]{64}").all()


def test_values_are_plausible(once: Path) -> None:
    results = table.read(once)
    distance = results[results["name"] == "mel_distance"].set_index(["codec", "channel", "utterance"])["value"]
    assert (distance["pcm", "clean"] == 0).all()
    assert (distance["pcm:rate=8000", "clean"] > 1).all()
    assert (distance["pcm", CHANNELS[1]] > distance["pcm", "clean"]).all()
    loss = results[(results["name"] == "loss_rate") & (results["channel"] == CHANNELS[1])]
    weather = loss.pivot_table(index="utterance", columns="codec", values="value")
    assert (weather["pcm"] == weather["pcm:rate=8000"]).all(), "the same weather for both"
    assert 0.1 < loss["numerator"].sum() / loss["denominator"].sum() < 0.3


def test_bitrates_of_pcm(once: Path) -> None:
    row = table.read(once)
    row = row[(row["codec"] == "pcm") & (row["channel"] == "clean")].groupby("name")["value"].first()
    assert row["net_bps"] == row["payload_bps"] == 256_000
    assert row["wire_bps"] == 256_000 + 40 * 8 * 50


def test_two_workers_give_the_same(once: Path, tmp_path: Path) -> None:
    results, record = make_run(main_suite(), tmp_path / "two", workers=2)
    assert record["effort"]["computed"] > 0
    assert_frame_equal(values(results), values(table.read(once)))


def test_a_second_run_computes_nothing_and_leaves_the_report(again: Path) -> None:
    before = {k: v for k, v in stamps(again).items() if k != "run.json"}  # which says that nothing was computed
    _, record = make_run(main_suite(), again, workers=2)
    assert (record["effort"]["computed"], record["effort"]["cached"]) == (0, 2 * 3 * (2 * 3 + 1))
    assert record["effort"]["codec_seconds"] == record["effort"]["metric_seconds"] == 0
    assert {k: v for k, v in stamps(again).items() if k != "run.json"} == before


def test_another_metric_never_encodes_again(again: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stamps(again / "cache" / "frames")
    forbid_encoding(monkeypatch)
    results, record = make_run(main_suite(metrics=["si_sdr", "mel_distance", "estoi"]), again)
    assert record["effort"]["computed"] == 2 * 3 * 2
    assert set(results["name"]) == {"si_sdr", "mel_distance", "estoi"} | LINK | LOSSY
    assert stamps(again / "cache" / "frames") == before


def test_another_channel_never_encodes_again(again: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_encoding(monkeypatch)
    _, record = make_run(main_suite(channels=[*CHANNELS, "bernoulli:loss=0.5"]), again)
    assert record["effort"]["computed"] == 2 * 3 * 4


def test_the_guard_against_encoding_notices(again: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_encoding(monkeypatch)
    with pytest.raises(AssertionError, match="pcm was asked to encode"):
        make_run(main_suite(**{"data.limit": 4}), again)


def test_a_store_shared_by_two_run_folders(once: Path, again: Path, tmp_path: Path) -> None:
    results, record = make_run(main_suite(), tmp_path / "other", cache=again / "cache")
    assert record["effort"]["computed"] == 0
    assert not (tmp_path / "other" / "cache").exists()
    assert_frame_equal(values(results), values(table.read(once)))


def test_run_json_can_be_run_again(once: Path, tmp_path: Path) -> None:
    repeated = suite.load(str(once / "run.json"))
    assert suite.as_dict(repeated) == suite.as_dict(main_suite())
    results, _ = make_run(repeated, tmp_path / "repeated")
    assert_frame_equal(values(results), values(table.read(once)))


def test_the_same_content_under_another_seed_has_other_weather(once: Path, again: Path) -> None:
    results, _ = make_run(main_suite(seeds=[1]), again)
    fates = [r[r["name"] == "loss_rate"]["value"].tolist() for r in (results, table.read(once))]
    assert fates[0] != fates[1]


KILLED = (
    "import sys; from pathlib import Path; from tests.quick import make_run; from tests.test_run import slow_suite;"
    "make_run(slow_suite(sys.argv[1]), Path(sys.argv[2]))"
)


def slow_suite(data: str) -> Suite:
    changes = {"data.manifest": data, "data.limit": None, "channels": CHANNELS}
    return quick_suite(f"{HERE}Slow:seconds=0.15", "pcm", **changes)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path) -> None:
    wanted = slow_suite(str(write_speech(tmp_path / "data", 5)))
    command = [sys.executable, "-c", KILLED, str(tmp_path / "data"), str(tmp_path / "killed")]
    scores = tmp_path / "killed" / "cache" / "scores"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        until(lambda: process.poll() is not None or len(list(scores.rglob("*.json"))) >= 2, 60)
        process.send_signal(signal.SIGKILL)
    kept = len(list(scores.rglob("*.json")))
    assert 2 <= kept < 10, "it was not killed in the middle"
    assert not (tmp_path / "killed" / "results.parquet").exists()
    continued, record = make_run(wanted, tmp_path / "killed")
    each = 2 * 2 + 1  # scores per work: two channels, the link and one metric; and what is in the holes of one
    assert record["effort"]["cached"] == kept * each
    assert record["effort"]["computed"] == (10 - kept) * each
    whole, _ = make_run(wanted, tmp_path / "whole")
    assert_frame_equal(values(continued), values(whole))


# --- codecs that misbehave -------------------------------------------------------------------------------

BROKEN = {  # spec: words of the reason in its rows
    "Trouble:what=raise": "encode: RuntimeError: planned failure",
    "Trouble:what=raise,where=construct": "RuntimeError: planned failure",
    "Trouble:what=raise,where=decode": "decode: RuntimeError: planned failure",
    "Trouble:what=odd,where=decode": "sentence 17",
    "Trouble:what=hang": r"took longer than 6 s, the limit \(limits.seconds\)",
    "Trouble:what=kill": "killed by SIGKILL",
    "Trouble:what=segfault,where=decode": "killed by SIGSEGV",
    "Trouble:what=leave": "exit code 7: last words",
    "Trouble:what=eat": "MemoryError",
    "Nan": "NaN or infinity, first at sample 965",
    "TooFew": "samples after its delay of 0, .* were due",
    "IntPayloads": "the encoder returned int where bytes were due",
    "EmptyText": "the encoder returned str where bytes were due",
    "DropsLastFrame": "frames cover .* of .* input samples",
    "OddInfo:fact=delay": "delay=0.5, which is not an int",
    "OddInfo:fact=frame": "frame=np.int64",
}
CALM = ("Trouble:what=flood", "Trouble:what=flood,where=decode", "FecTeller", "Dtx")


def broken_run(folder: Path) -> None:
    codecs = [HERE + name for name in (*BROKEN, *CALM, "Trouble:what=lack,where=construct")]
    limits = {"limits.seconds": 6.0, "limits.memory_mb": 2000}
    data = {"data.manifest": str(write_speech(folder / "data", 1, 1.01))}
    results, _ = make_run(quick_suite("pcm", *codecs, "lowpass", **data, **limits), folder, workers=2)
    assert len(results["codec"].unique()) == len(codecs) + 2


@pytest.fixture(scope="module")
def misbehaved(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return table.read(shared(tmp_path_factory, "broken", broken_run))


@pytest.mark.parametrize("codec", BROKEN)
def test_a_broken_codec_costs_its_own_rows(misbehaved: pd.DataFrame, codec: str) -> None:
    rows = misbehaved[misbehaved["codec"] == codec]
    scores = rows[rows["scorer"] != "link"]
    assert list(scores["name"]) == ["si_sdr"]
    assert set(scores["status"]) == {"codec_failed"}
    assert scores["reason"].str.contains(BROKEN[codec]).all(), scores["reason"].iloc[0]
    assert scores["value"].isna().all()
    assert len(rows) >= 2, "the link has a row too"


@pytest.mark.parametrize("codec", ["pcm", "lowpass", *CALM])
def test_the_others_do_not_notice(misbehaved: pd.DataFrame, codec: str) -> None:
    rows = misbehaved[misbehaved["codec"] == codec]
    assert set(rows["name"]) - {"fec_share"} == {"si_sdr"} | LINK
    assert set(rows["status"]) <= {"ok", "not_applicable"}


def test_what_is_lacking_is_skipped(misbehaved: pd.DataFrame) -> None:
    rows = misbehaved[misbehaved["codec"] == "Trouble:what=lack,where=construct"]
    assert set(rows["status"]) == {"skipped"}
    assert set(rows["reason"]) == {"needs the library libplanned: pip install planned"}


def test_failed_rows_are_tried_again(tmp_path: Path) -> None:
    cure = tmp_path / "cured"
    changes = {"data.manifest": str(write_speech(tmp_path / "data", 1)), "channels": CHANNELS}
    wanted = replace(
        quick_suite("lowpass", **changes), codecs={"lowpass": "lowpass", "flaky": f"{HERE}Flaky:path={cure}"}
    )
    first, _ = make_run(wanted, tmp_path / "run")
    failed = one(first, "si_sdr", codec="flaky", channel=CHANNELS[1])
    assert (failed["status"], failed["reason"]) == ("codec_failed", "decode: RuntimeError: planned failure")
    cure.touch()
    second, record = make_run(wanted, tmp_path / "run")
    assert set(second["status"]) <= {"ok", "not_applicable"}
    assert (record["effort"]["computed"], record["effort"]["cached"]) == (2, 8), "only what had failed, its holes too"
    changed = values(first)["status"] != values(second)["status"]
    again = values(second)[changed].set_index("name")["key"]
    assert set(again.index) == {"si_sdr", "window_mel_distance", "worst_window_mel_distance"}
    assert again["si_sdr"] == failed["key"]


def test_a_metric_that_misbehaves_costs_its_own_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misbehaving, "VALUES", {"odd": ValueInfo("", "higher", "nowhere")}, raising=False)
    data = {"data.manifest": str(write_speech(tmp_path / "data", 1))}
    both = quick_suite("mulaw", metrics=[f"{HERE}make_odd_metric", "si_sdr"], **data)
    results, _ = make_run(both, tmp_path / "both")
    odd = one(results, "odd")
    assert (odd["status"], odd["reason"]) == ("metric_failed", "the metric returned 'high', which is no number")
    assert one(results, "si_sdr")["status"] == "ok"


# --- inputs ----------------------------------------------------------------------------------------------


def write_odd_data(folder: Path) -> Path:
    folder.mkdir(parents=True)
    speech = speech_like(1.0)
    (folder / "text.wav").write_text("this is no audio")
    (folder / "zero.wav").touch()
    soundfile.write(folder / "empty.wav", speech[:0], 16_000)
    soundfile.write(folder / "short.wav", speech[:160], 16_000)
    soundfile.write(folder / "nan.wav", np.where(np.arange(16_000) == 99, np.nan, speech), 16_000, subtype="FLOAT")
    soundfile.write(folder / "slow.wav", speech_like(1.0, 300), 300)
    soundfile.write(folder / "silent.wav", 0 * speech, 16_000)
    soundfile.write(folder / "narrow.wav", speech_like(1.0, 8_000), 8_000)
    soundfile.write(folder / "cd.wav", speech_like(1.0, 44_100), 44_100)
    soundfile.write(folder / "stereo.wav", np.stack([speech, speech_like(1.0, seed=1)], axis=1), 16_000)
    soundfile.write(folder / "fine.wav", speech, 16_000)
    return folder


BAD = {
    "text": ("input_failed", "text.wav cannot be read as audio"),
    "zero": ("input_failed", "zero.wav cannot be read as audio"),
    "empty": ("input_failed", "empty.wav holds no samples"),
    "short": ("too_short", "short.wav lasts 10 ms, at least 100 are needed"),
    "nan": ("input_failed", "nan.wav holds NaN or infinity"),
    "slow": ("input_failed", "slow.wav has a sample rate of 300 Hz, outside 4000 to 192000"),
}


def odd_data_run(folder: Path) -> None:
    data = {"data.manifest": str(write_odd_data(folder / "data")), "data.limit": None, "channels": CHANNELS}
    make_run(quick_suite("mulaw:rate=16000", f"{HERE}Dtx", **data, save_audio="all"), folder)


@pytest.fixture(scope="module")
def odd_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "odd_data", odd_data_run)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_rows_and_one_warning(odd_data: Path, name: str) -> None:
    status, reason = BAD[name]
    rows = table.read(odd_data)
    rows = rows[rows["utterance"] == name]
    assert len(rows[rows["name"] == "si_sdr"]) == 2 * 2
    assert set(rows["status"]) == {status}
    assert rows["reason"].str.startswith(reason).all()
    warnings = [w for w in json.loads((odd_data / "run.json").read_text())["warnings"] if w.startswith(f"{name}: ")]
    assert len(warnings) == 1
    assert reason in warnings[0]
    assert status in warnings[0]


@pytest.mark.parametrize("name", ["narrow", "cd", "stereo", "fine"])
def test_other_rates_and_stereo_are_handled(odd_data: Path, name: str) -> None:
    rows = table.read(odd_data)
    rows = rows[(rows["utterance"] == name) & (rows["codec"] == "mulaw:rate=16000") & (rows["channel"] == "clean")]
    assert one(rows, "si_sdr")["value"] > 20
    assert one(rows, "net_bps")["value"] == 128_000


def test_a_silent_utterance(odd_data: Path) -> None:
    rows = table.read(odd_data)
    rows = rows[rows["utterance"] == "silent"]
    assert set(rows[rows["name"] == "si_sdr"]["status"]) == {"no_speech"}
    dtx = rows[rows["codec"] == "Dtx"]
    assert set(dtx[dtx["name"] == "net_bps"]["value"]) == {0.0}
    assert set(dtx[dtx["name"] == "loss_rate"]["reason"]) == {"nothing was sent"}


def test_what_is_not_sent_is_neither_lost_nor_paid_for(odd_data: Path) -> None:
    rows = table.read(odd_data)
    rows = rows[(rows["utterance"] == "fine") & (rows["channel"] == CHANNELS[1])]
    mulaw, dtx = (rows[rows["codec"] == codec] for codec in ("mulaw:rate=16000", "Dtx"))
    assert one(mulaw, "loss_rate")["denominator"] == 50
    sent = one(dtx, "loss_rate")["denominator"]
    assert 10 < sent < 50
    assert one(dtx, "net_bps")["numerator"] == sent * 5120
    assert one(dtx, "net_bps")["denominator"] == 1.0


def test_all_audio_is_saved_where_it_is_wanted(odd_data: Path) -> None:
    index = json.loads((odd_data / "audio" / "index.json").read_text())
    assert len(index) == 2 * 2 * 5, "codecs x channels x usable utterances"
    for entry in index:
        assert audio.read(odd_data / entry["degraded"]).signal.size
        assert audio.read(odd_data / entry["clean"]).signal.size


@pytest.mark.parametrize(("save", "count"), [("none", None), ("report", 2)])
def test_how_much_audio_is_saved(again: Path, save: str, count: int | None) -> None:
    shutil.rmtree(again / "audio")
    (again / "run.json").unlink()
    make_run(main_suite(save_audio=save), again)
    if count is None:
        assert not (again / "audio").exists()
        return
    index = json.loads((again / "audio" / "index.json").read_text())
    assert [(e["codec"], e["why"]) for e in index] == [
        ("pcm", "chosen"),
        ("pcm:rate=8000", "chosen"),
    ]
    results = table.read(again)
    for entry in index:
        rows = results[(results["codec"] == entry["codec"]) & (results["utterance"] == entry["utterance"])]
        rows = rows[rows["channel"] == entry["channel"]]
        assert entry["values"]["mel_distance"] == one(rows, "mel_distance")["value"]
        signal = audio.read(again / entry["degraded"])
        assert all(start < end <= len(signal.signal) / signal.rate + 0.02 for start, end in entry["lost"])
        assert entry["lost"]


# --- facts -----------------------------------------------------------------------------------------------


def test_the_measured_delay_is_removed(tmp_path: Path) -> None:
    codecs = [f"{HERE}Late", f"{HERE}Late:ms=7", f"{HERE}Late:ms=7,says=7"]
    results, record = make_run(quick_suite(*codecs, metrics=["si_sdr", "mel_distance"]), tmp_path)
    for name in ("si_sdr", "mel_distance"):
        undelayed, late, honest = (one(results, name, codec=c.removeprefix(HERE))["value"] for c in codecs)
        assert late == honest
        assert late == pytest.approx(undelayed, rel=1e-3)
    delays = [one(results, "delay_ms", codec=c.removeprefix(HERE))["value"] for c in codecs]
    assert delays == [0, 7, 7]
    assert record["warnings"] == [
        "Late:ms=7: its measured delay is 7.00 ms, it declares 0.00 ms; the measured one is removed"
    ]


def test_random_weights_are_told() -> None:
    info = CodecInfo(16_000, 16_000, frame=320, identity={"weights": "random, seed 0"})
    agrees = {"agrees": True, "measured_ms": 0.0}
    subjects = [
        Subject(label, Spec("pcm"), i, measured=agrees) for label, i in (("a", info), ("b", replace(info, identity={})))
    ]
    [warning] = run_module._codec_warnings(subjects)
    assert warning == "a has random weights: its scores show that it runs, and nothing about its quality"


@pytest.mark.parametrize(
    ("returned", "agrees", "length"),
    [(1_024, True, 1_000), (1_010, True, 986), (1_000, True, 976), (999, True, None), (1_023, False, None)],
)
def test_no_samples_are_owed_for_a_delay_that_only_an_envelope_sees(
    returned: int, agrees: bool, length: int | None
) -> None:
    """1000 are due; 24 of delay were measured and none declared."""

    class Returning:
        def decode(self, *arguments: Any) -> tuple[Any, float]:
            return np.zeros(returned, np.float32), 0.0

    info = CodecInfo(16_000, 16_000, frame=320)
    subject = Subject("", Spec("pcm"), info, delay=24, measured={"agrees": agrees})
    settings = Settings("streaming", "none", (0,), ("default",), 10.0)
    work = Work(subject, Utterance("a", Path("a")), "", (), (), settings, Path())
    reference = audio.Audio(np.zeros(1_000, np.float32), 16_000)
    bench: Any = Returning()
    if length is not None:
        assert len(pipeline.decode(work, reference, [], OWN, bench)) == length
        return
    with pytest.raises(NotMeasured, match="samples after its delay of 24"):
        pipeline.decode(work, reference, [], OWN, bench)


def test_without_a_clean_condition_the_loss_free_output_is_heard_all_the_same(tmp_path: Path) -> None:
    make_run(quick_suite("mulaw", channels=["bernoulli:loss=0.3"], save_audio="report"), tmp_path)
    for entry in json.loads((tmp_path / "audio" / "index.json").read_text()):
        clean, degraded = (soundfile.read(tmp_path / entry[kind])[0] for kind in ("clean", "degraded"))
        assert entry["lost"]
        assert len(clean) == len(degraded)
        assert not np.array_equal(clean, degraded)


def test_codecs_of_other_frames_meet_the_same_weather() -> None:
    made = Suite(channels=("gilbert:burst_ratio=2,loss=0.3",))
    trial = Trial(scenes(made, [])[0], 0, OWN, "", "")
    settings = Settings("streaming", "none", (0,), ("default",), 10.0)
    work = Work(Subject("", Spec("pcm")), Utterance("a", Path("a")), "", (), (), settings, Path())
    speech: Any = audio.Audio(np.zeros(0, np.float32), 16_000)
    heard = Heard(speech.signal, speech.signal)
    lost: dict[int, dict[int, bool]] = {}
    for ms in (10, 20, 40):
        info = CodecInfo(16_000, 16_000, frame=16 * ms)
        frames = [frame_of(info, i, b"x") for i in range(8_000 // ms)]
        encoded = Encoded(frames, None)
        of_codec = replace(work, subject=replace(work.subject, info=info))
        stream = pipeline.stream_of(of_codec, encoded, trial.scene.protection)
        sent = pipeline.transmitted(Inputs(of_codec, speech, None), heard, encoded, stream, trial)
        lost[ms] = {p.sent: bool(d == LOST) for p, d in zip(stream.packets, sent.fate.delays, strict=True)}
    assert 0.15 < np.mean(list(lost[10].values())) < 0.45
    for ms in (20, 40):
        assert all(lost[10][instant] == fate for instant, fate in lost[ms].items())


def test_link_rows_against_arithmetic(tmp_path: Path) -> None:
    """Codec2 700C has 28 bits a frame of 40 ms, which travel in 4 bytes, under 40 bytes of headers."""
    pytest.importorskip("pycodec2")
    results, _ = make_run(quick_suite("codec2:mode=700", channels=CHANNELS), tmp_path)
    clean = results[results["channel"] == "clean"]
    assert one(clean, "net_bps")["value"] == pytest.approx(700)
    assert one(clean, "payload_bps")["value"] == pytest.approx(800)
    assert one(clean, "wire_bps")["value"] == pytest.approx(800 + 8_000)
    assert one(clean, "packet_rate")["value"] == pytest.approx(25)
    lossy = results[results["channel"] == CHANNELS[1]]
    lost, bursts = one(lossy, "loss_rate"), one(lossy, "burst_ms")
    assert bursts["numerator"] == 40 * lost["numerator"]
    assert lost["denominator"] == one(lossy, "net_bps")["numerator"] / 28


@pytest.mark.parametrize("by_suite", [False, True])
def test_timing_is_of_another_kind(tmp_path: Path, by_suite: bool) -> None:
    results, _ = make_run(quick_suite("pcm", timing=by_suite), tmp_path, timing=not by_suite)
    timing = results[results["kind"] == "timing"]
    assert set(timing["name"]) == set(COST)
    rtf = timing[timing["name"].isin(["encode_rtf", "decode_rtf"])]
    assert ((rtf["value"] > 0) & (rtf["value"] < 1)).all()
    assert set(rtf["unit"]) == {"s/s"}


def test_late_packets_are_lost_to_the_decoder(tmp_path: Path) -> None:
    trace = tmp_path / "jitter.csv"
    rows = [f"{20 * i},{100 if i % 5 == 2 else 0}" for i in range(20)]
    trace.write_text("\n".join(["send_ms,delay_ms", *rows]))
    results, _ = make_run(quick_suite("pcm", channels=[f"trace:path={trace}"]), tmp_path / "run")
    assert one(results, "late_rate")["value"] == pytest.approx(0.2, abs=0.01)
    assert one(results, "loss_rate")["value"] == 0
    assert one(results, "burst_ms")["value"] == 20
    assert one(results, "trace_wraps")["value"] >= 1


def test_it_is_found_out_early_that_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"Nothing can be written to .*file/run: Not a directory"):
        make_run(quick_suite("pcm"), tmp_path / "file" / "run")


def test_a_run_leaves_no_children(tmp_path: Path) -> None:
    def children() -> set[str]:
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    before = children()
    make_run(quick_suite("pcm", f"{HERE}Trouble:what=kill"), tmp_path, workers=2)
    assert children() <= before


INTERRUPTED = (
    "import signal, sys; from pathlib import Path; from tests.quick import make_run, suite;"
    "signal.signal(signal.SIGINT, signal.default_int_handler);"  # which a shell's background job would ignore
    "codecs = 'lowpass', f'tests.misbehaving:HangInFork:path={sys.argv[1]}/pid';"
    "make_run(suite(*codecs), Path(sys.argv[1]), clips=3, workers=2)"
)


def test_an_interrupt_does_not_wait_for_a_hanging_codec(tmp_path: Path) -> None:
    command, pid = [sys.executable, "-c", INTERRUPTED, str(tmp_path)], tmp_path / "pid"
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
        until(lambda: process.poll() is not None or (pid.exists() and pid.read_text()), 60)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, errors = process.communicate(timeout=60)
    assert time.monotonic() - start < 20, "the limit of a call is 300 s"
    assert errors.decode().rstrip().endswith("KeyboardInterrupt")
    until(lambda: not alive(int(pid.read_text())))


def test_the_worst_example_is_the_one_that_scored_lowest(tmp_path: Path) -> None:
    data = {"data.manifest": str(write_speech(tmp_path / "data", 3)), "data.limit": None}
    wanted = quick_suite("lowpass", channels=CHANNELS, metrics=["stoi"], save_audio="report", **data)
    results, _ = make_run(wanted, tmp_path / "run")
    index = json.loads((tmp_path / "run" / "audio" / "index.json").read_text())
    assert [e["why"] for e in index] == ["chosen", "worst"]
    lossy = results[(results["name"] == "stoi") & (results["channel"] == CHANNELS[1])]
    assert index[1]["values"]["stoi"] == lossy["value"].min()


def test_what_a_metric_lacks_on_a_worker_is_skipped() -> None:
    def lacking() -> Any:
        raise Unavailable("needs weights; fetch them")

    def refusing() -> Any:
        raise UserError("no such model")

    assert [(m.status, m.reason) for m in guarded(lacking, ["a", "b"])] == [
        ("skipped", "needs weights; fetch them")
    ] * 2
    assert [m.status for m in guarded(refusing, ["a"])] == ["metric_failed"]


def test_a_codec_that_a_worker_lacks_is_skipped_there(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(suite.Limits())

    def lacking(child: Any, method: str, *arguments: Any) -> Any:
        raise Unavailable("lacks libopus0")

    monkeypatch.setattr(bench, "_call", lacking)
    with pytest.raises(Unavailable):
        bench.describe(Spec("pcm"))
    with pytest.raises(NotMeasured, match="lacks libopus0") as caught:
        bench.encode(Spec("pcm"), np.zeros(160, np.float32), None)
    assert caught.value.status == "skipped"
    bench.close()


def test_packets_that_go_for_copies_alone_are_redundancy(tmp_path: Path) -> None:
    """Every second frame is empty: with a copy each, twice as many packets go, and twice as many bytes."""
    results, _ = make_run(quick_suite(f"{HERE}Dtx", protection=["none", "redundancy:copies=1,headers=none"]), tmp_path)
    rates = results.pivot_table(index="name", columns="protection", values="value")
    plain, copied = rates["none"], rates["redundancy:copies=1,headers=none"]
    assert copied["redundancy_bps"] == pytest.approx(copied["wire_bps"] - plain["wire_bps"])
    assert copied["wire_bps"] > plain["wire_bps"]
