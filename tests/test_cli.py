"""The command: exit codes, one clear line for wrong use, and every verb once."""

import csv
import io
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from benchmark import cli, table
from tests.quick import Silent, one, quickly, shared, write_speech
from tests.quick import make_run as quick_run
from tests.quick import suite as quick_suite
from tests.signals import speech_like

COMMAND = str(Path(sys.executable).with_name("focalbench"))
CHEAP = ["--set", "metrics=si_sdr", "--set", "channels=clean", "--save-audio", "none", "--workers", "1"]
LOSSY = "bernoulli:loss=0.2"
MISBEHAVING = "tests.misbehaving:"

MY_CODEC = '''"""8-bit PCM, 20 ms frames: a codec of one's own."""

import numpy as np

from benchmark.codec import OfflineCodec
from benchmark.types import CodecInfo


class MyCodec(OfflineCodec):
    """Rounds to 8 bits; what is lost is silence."""

    info = CodecInfo(rate_in=16_000, rate_out=16_000, frame=320, streaming=False)

    def encode(self, signal):
        padded = np.concatenate([signal, np.zeros(-len(signal) % 320, np.float32)])
        return [np.round(127 * f).astype(np.int8).tobytes() for f in padded.reshape(-1, 320)]

    def decode(self, payloads):
        silence = np.zeros(320, np.float32)
        parts = [np.frombuffer(p, np.int8).astype(np.float32) / 127 if p else silence for p in payloads]
        return np.concatenate([silence[:0], *parts])
'''


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens in an empty folder, which leaves `sys.path` again."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FOCALBENCH_DATA", raising=False)


def focalbench(*arguments: str) -> int:
    with quickly():
        return cli.main(arguments)


def run(*arguments: str) -> int:
    """A run of one clip, as cheap as can be."""
    return focalbench("run", "demo", "--limit", "1", "--out", "out", *CHEAP, *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two codecs, two channels, two clips."""

    def build(folder: Path) -> None:
        codecs = ("pcm", "mulaw", f"{MISBEHAVING}Late:ms=7")
        changes = {"channels": ["clean", LOSSY], "data.limit": 2, "metrics": ["si_sdr", "mel_distance"]}
        quick_run(quick_suite(*codecs, **changes), folder)

    return shared(tmp_path_factory, "finished", build)


# --- wrong use -------------------------------------------------------------------------------------------


def manifest(name: str, *rows: str, header: str = "id,path,sha256") -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path.with_name("speech.wav"), speech_like(0.5), 16_000)
    path.write_text("\n".join([header, *rows]) + "\n")
    return name


def duplicate_id() -> list[str]:
    return ["--data", manifest("data.csv", "a,speech.wav,", "a,speech.wav,")]


def missing_file() -> list[str]:
    return ["--data", manifest("data.csv", "a,gone.wav,")]


def wrong_sum() -> list[str]:
    return ["--data", manifest("data.csv", f"a,speech.wav,{'0' * 64}")]


def wrong_sums_file() -> list[str]:
    found = manifest("data.csv", "a,speech.wav,")
    Path("SHA256SUMS").write_text(f"{'1' * 64}  speech.wav\n")
    return ["--data", found]


def no_path_column() -> list[str]:
    return ["--data", manifest("data.csv", "a,speech.wav,", header="id,paht,sha256")]


def file_in_the_place_of_out() -> list[str]:
    Path("taken").touch()
    return ["--out", "taken"]


def file_in_the_place_of_the_cache() -> list[str]:
    Path("taken").touch()
    return ["--cache", "taken/cache"]


WRONG = {
    "an unknown codec": (["--codec", "opsu"], "No codec called 'opsu'. Did you mean 'opus'?"),
    "an unknown module": (["--codec", "nowhere:Codec"], "Python finds no module 'nowhere' from the current folder"),
    "an unknown class": (["--codec", "tests.misbehaving:Nan2"], "has no 'Nan2'. Did you mean 'Nan'?"),
    "an unknown parameter": (["--codec", "opus:bitrat=12000"], "no parameter 'bitrat'. Did you mean 'bitrate'?"),
    "a bad parameter value": (["--codec", "opus:bitrate=5"], "bitrate=5 is not allowed"),
    "a parameter without a value": (["--codec", "opus:bitrate=6000,fec"], "'fec' is not a parameter"),
    "a label twice": (["--codec", "a=pcm", "--codec", "a=mulaw"], "the label 'a' stands twice"),
    "an unknown metric": (
        ["--set", "metrics=[pesq_wd]"],
        "No metric, and no value of one, called 'pesq_wd'. Did you mean",
    ),
    "an unknown channel": (["--set", "channels=[gilber]"], "No channel called 'gilber'. Did you mean 'gilbert'?"),
    "a channel's parameter": (["--set", "channels=['gilbert:los=0.1']"], "no parameter 'los'. Did you mean 'loss'?"),
    "a channel's value": (["--set", "channels=['bernoulli:loss=2']"], "loss=2"),
    "a missing trace": (["--set", "channels=['trace:path=gone.txt']"], "'gone.txt' is none of"),
    "an unknown key": (["--set", "metrisc=[stoi]"], "Unknown key 'metrisc'. Did you mean 'metrics'?"),
    "an unknown key inside": (["--set", "data.splitt=test"], "Unknown key 'data.splitt'. Did you mean"),
    "--set without a value": (["--set", "metrics"], "write KEY=VALUE, for example data.split=test"),
    "--set that is no YAML": (["--set", "metrics=[stoi"], "'[stoi' is not YAML"),
    "a value of the wrong kind": (["--set", "limits.seconds=soon"], "limits.seconds: 'soon' is not a number"),
    "a limit of nothing": (["--set", "limits.seconds=0"], "limits.seconds: 0.0 must be above 0"),
    "nothing to run": (["--set", "channels=[]"], "channels is empty: nothing to run"),
    "an unknown split": (["--set", "data.split=tset"], "has no split 'tset'. Did you mean 'test'?"),
    "a missing manifest": (["--data", "gone.csv"], "No data at 'gone.csv': neither a file, a folder"),
    "a duplicate id": (duplicate_id, "the id 'a' stands twice; ids must be unique"),
    "an id in two manifests": (["--data", "demo", "--data", "demo"], "stands in two manifests"),
    "a missing file": (missing_file, "the audio of 'a' is missing: 'gone.wav' is none of"),
    "a wrong checksum": (wrong_sum, f"the manifest says {'0' * 64}"),
    "a wrong checksum beside it": (wrong_sums_file, f"the manifest says {'1' * 64}"),
    "no column of paths": (no_path_column, "has no column 'path'. Did you mean 'paht'?"),
    "an unwritable output": (file_in_the_place_of_out, "Nothing can be written to taken: File exists"),
    "an unwritable cache": (file_in_the_place_of_the_cache, "Nothing can be written to taken/cache: Not a directory"),
}


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("focalbench: ")
    return lines[0]


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_one_line_and_two(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = WRONG[case]
    assert run(*(arguments() if callable(arguments) else arguments)) == 2
    assert words in only_line(capsys)
    assert not Path("out/results.parquet").exists()


BOMB = "a: &a [1, 2]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "aliases (*name) are not allowed in a suite; write the value out"),
        ("[" * 20_000, "is not a suite in YAML"),
        ("codecs: {", "is not a suite in YAML: "),
        ("just words", "its top level must be keys"),
        (
            "channels: [{gilbert: {loss: [" + "0.1, " * 200 + "], burst_ratio: [" + "1, " * 200 + "]}}]",
            "gilbert expands to 40000 conditions",
        ),
        ("x: " + "y" * 5_000_000, "bytes, which no suite is"),
        ("codcs: [pcm]", "Unknown key 'codcs'. Did you mean 'codecs'?"),
        ("name: x", "codecs is empty: nothing to run"),
        ("codecs: [5]", "codecs: 5 is not a component; write NAME:key=value"),
        ("codecs: {a: !!python/object/apply:os.system [true]}", "is not a suite in YAML"),
        (b"\xff\xfe\x00", "is not a suite in YAML"),
    ],
    ids=["bomb", "deep", "broken", "words", "grid", "large", "key", "empty", "number", "object", "bytes"],
)
def test_a_bad_suite_file(text: str | bytes, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("suite.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    start = time.process_time()
    assert focalbench("run", "suite.yaml", "--out", "out") == 2
    assert time.process_time() - start < 5
    assert words in only_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "dmeo"], "No suite called 'dmeo', and no such file. Did you mean 'demo'?"),
        (["report", "."], "results.parquet"),
        (["table", "."], "results.parquet"),
        (["replay", ".", "0123456789"], "No results at results.parquet"),
        (["report", "gone"], "gone"),
        (["score", "gone", "gone"], "gone is not a folder"),
        (["fetch", "librispeec_test_clean"], "Did you mean 'librispeech_test_clean'?"),
        (["check", "codec", "opsu"], "No codec called 'opsu'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_of_the_verbs(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert focalbench(*arguments) == 2
    assert words in only_line(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["rnu"],
        [],
        ["run", "demo", "--limit", "0"],
        ["run", "demo", "--workers", "many"],
        ["run", "demo", "--lim", "1"],
        ["check", "metric", "stoi"],
        ["ls", "everything"],
        ["table", ".", "--format", "word"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_arguments_that_cannot_be_parsed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        focalbench(*arguments)
    assert caught.value.code == 2
    assert "focalbench" in capsys.readouterr().err


# --- exit codes ------------------------------------------------------------------------------------------


def test_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--codec", "lowpass") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines() == [
        "20 rows in out/results.parquet (2 scores computed, 0 from the store)",
        "report: out/report.html",
    ]
    assert set(table.read(Path("out"))["codec"]) == {"lowpass"}


def test_programs_are_told_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--codec", "lowpass", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["codecs"], told["results"]) == (20, {"lowpass": "ok"}, "out/results.parquet")
    assert sum(told["statuses"].values()) == 20
    assert focalbench("ls", "channels", "--json") == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"name": "clean", "parameters": "-"}.items() <= next(e for e in entries if e["name"] == "clean").items()
    assert focalbench("ls", "codecs", "pcm", "--json") == 2
    assert "`ls codecs --json` lists all codecs" in capsys.readouterr().err


def test_a_codec_of_which_nothing_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--codec", "mulaw", "--codec", f"broken={MISBEHAVING}Nan") == 3
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("warning: broken did not run (codec_failed): ")
    assert said[-1] == "focalbench: nothing was measured for broken; the report says why."


def test_strict(capsys: pytest.CaptureFixture[str]) -> None:
    write_speech(Path("data"), 1)
    Path("data/bad.wav").write_text("no audio")
    arguments = ("--codec", "lowpass", "--data", "data", "--limit", "2")
    assert run(*arguments) == 0
    assert run(*arguments, "--strict") == 3
    assert "focalbench: --strict: 2 input_failed of 22 rows." in capsys.readouterr().err


def test_a_transparent_codec_is_measured_where_a_value_exists() -> None:
    """PCM's SI-SDR is infinite, which is no failure; but where nothing else was asked, nothing was measured."""
    assert run("--codec", "pcm", "--set", "metrics=[si_sdr, mel_distance]", "--strict") == 0


def test_score(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("ref", "deg"):
        write_speech(Path(folder), 2)
    options = ("--metrics", "mel_distance", "--workers", "1", "--out", "scores")
    assert focalbench("score", "ref", "deg", *options) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split() for line in said[:2]] == [
        ["delay_ms", "0.0000", "ms", "2", "of", "2", "files"],
        ["mel_distance", "0.0000", "dB", "2", "of", "2", "files"],
    ]
    for path in Path("deg").iterdir():
        path.write_text("no audio")
    assert focalbench("score", "ref", "deg", *options) == 3


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert focalbench("check", "codec", "pcm") == 0
    assert "pcm keeps its promises" in capsys.readouterr().out
    assert focalbench("check", "codec", f"{MISBEHAVING}MisstatedBits") == 1
    said = capsys.readouterr().out
    assert "broken  Its declared bits a frame fit its payloads: frame 0 has 640 bytes; 100 bits need 13" in said
    assert said.endswith("1 promises broken\n")
    assert focalbench("check", "codec", f"{MISBEHAVING}MisstatedBits", "--json") == 1
    problems = [verdict["problem"] for verdict in json.loads(capsys.readouterr().out)]
    assert [p for p in problems if p] == ["frame 0 has 640 bytes; 100 bits need 13"]


# --- the other verbs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("codecs", ["opus", "runs", "6 to 128 kbit/s"]),
        ("metrics", ["pesq_wb", "better: higher", "ITU-T P.862"]),
        ("channels", ["gilbert", "burst_ratio=None", "Gilbert-Elliott"]),
        ("protections", ["redundancy", "copies=1", "RFC 2198"]),
        ("suites", ["dropout", "conditions", "codecs"]),
        ("data", ["demo", "shipped", "24 utterances", "librispeech_test_clean"]),
    ],
)
def test_ls(kind: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert focalbench("ls", kind) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in words), said
    assert "broken" not in said


@pytest.mark.parametrize(("format", "words"), [("markdown", "| "), ("latex", r"\toprule"), ("csv", "codec,condition")])
def test_table(finished: Path, format: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert focalbench("table", str(finished), "--format", format, "--metrics", "mel_distance") == 0
    said = capsys.readouterr().out
    assert words in said
    assert "mulaw" in said
    if format == "csv":
        lines = list(csv.DictReader(io.StringIO(said)))
        assert {(row["codec"], row["metric"]) for row in lines} >= {("mulaw", "mel_distance")}


def test_report(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert focalbench("report", str(finished), "-o", "page.html") == 0
    assert capsys.readouterr().out == "report: page.html\n"
    assert "mulaw" in Path("page.html").read_text()


@pytest.mark.parametrize("codec", ["mulaw", "Late:ms=7"])
def test_replay_gives_the_row_again(finished: Path, codec: str, capsys: pytest.CaptureFixture[str]) -> None:
    results = table.read(finished)
    utterance = results["utterance"].iloc[0]
    row = one(results, "si_sdr", codec=codec, channel=LOSSY, utterance=utterance)
    assert focalbench("replay", str(finished), row["key"][:16], "-o", "again") == 0
    said = capsys.readouterr().out
    stages = [line.split()[0] for line in said.splitlines()]
    assert stages == ["trial", "input", "encode", "channel", "holes", "decode", "written", "score", "score"]
    found = dict(re.findall(r"^score +(\S+) +(\S+)$", said, re.MULTILINE))
    assert float(found["si_sdr"]) == pytest.approx(row["value"], rel=1e-5)
    lost = one(results, "loss_rate", codec=codec, channel=LOSSY, utterance=utterance)
    assert f"{int(lost['denominator'])} packets, {int(lost['numerator'])} lost" in said
    files = sorted(path.name.rpartition("-")[2] for path in Path("again").glob("*.flac"))
    assert files == ["degraded.flac", "reference.flac"]


def test_timing_alone_is_no_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    write_speech(Path("data"), 1)
    absent = "metrics=['tests.listeners:Loudness:trouble=absent']"
    assert run("--codec", "pcm", "--data", "data", "--timing", "--set", absent) == 3
    assert "nothing was measured for pcm" in capsys.readouterr().err


def test_weights_that_are_not_here_cost_their_own_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(Path("nothing").absolute()))
    for folder in ("ref", "deg"):
        write_speech(Path(folder), 1)
    assert focalbench("score", "ref", "deg", "--out", "out", "--metrics", "asr:model=whisper,weights=tiny,stoi") == 0
    said = capsys.readouterr().out
    assert "run `focalbench fetch whisper_tiny`" in said
    assert "stoi                       1.0000          1 of 1 files" in said


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ("", "--metrics names no metric"),
        ("dwer:model=ctc", "'dwer' is a value of the metric 'asr', which takes the parameters: asr:key=value"),
        ("PESQ_WB", "Did you mean 'pesq_wb'?"),
        ("asr:model=whisper,weights=nope", "nope"),
    ],
)
def test_wrong_metrics_are_told_before_any_work(metrics: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("ref", "deg"):
        write_speech(Path(folder), 1)
    assert focalbench("score", "ref", "deg", "--out", "out", "--metrics", metrics) == 2
    assert words in only_line(capsys)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("abc", "The key 'abc' is too short; give 6 characters or more"),
        ("nothing", "has no row with a key that starts with 'nothing'"),
    ],
)
def test_a_bad_replay_key(finished: Path, key: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert focalbench("replay", str(finished), key) == 2
    assert words in only_line(capsys)


def test_replay_of_scored_files_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmark.score import Options, score

    for folder in ("ref", "deg"):
        write_speech(Path(folder), 1)
    results = score(Path("ref"), Path("deg"), Options(Path("out"), ("mel_distance",)), Silent())
    assert focalbench("replay", "out", results["key"].iloc[0]) == 2
    assert "out holds scores of files; there is no codec or channel to run again" in only_line(capsys)


def test_a_dry_run_says_what_it_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    write_speech(Path("data"), 3, 2.0)
    codecs = ("--codec", "mulaw", "--codec", f"{MISBEHAVING}Trouble:what=lack,where=construct")
    codecs += ("--codec", f"bad={MISBEHAVING}OddInfo:fact=delay")
    assert run(*codecs, "--data", "data", "--limit", "3", "--set", f"channels=[clean, '{LOSSY}']", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "3 codecs x 2 conditions x 3 utterances" in said
    assert "trials  18," in said
    assert "0.1 minutes of speech" in said
    assert "lack,where=construct: needs the library libplanned: pip install planned" in said
    assert "skipped bad: codec.info has delay=0.5, which is not an int" in said
    assert list(Path("out").iterdir()) == []


def test_a_dry_run_finds_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--codec", "opus:bitrate=5", "--dry-run") == 2
    assert "bitrate=5 is not allowed" in only_line(capsys)


def test_the_data_root_is_given_or_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cli.data_root(Path("given")) == Path("given")
    assert cli.data_root(None).name == "focalbench"
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    assert cli._parser().parse_args(["run", "demo"]).data_root == tmp_path


# --- as processes ----------------------------------------------------------------------------------------


def test_help_is_quick() -> None:
    """By the processor's time: what else this machine does is not the command's affair."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(5):
        assert b"replay" in subprocess.run([COMMAND, "--help"], capture_output=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 5 < 0.3


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom benchmark.cli import main\ntry:\n    main(['run', '--help'])\nexcept SystemExit:\n"
        "    print('LOADED', *(m for m in ('numpy', 'yaml', 'rich', 'pandas', 'scipy') if m in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]


def test_version() -> None:
    assert subprocess.run([COMMAND, "--version"], capture_output=True, check=True).stdout.strip()


def test_a_reader_that_has_seen_enough() -> None:
    """As `focalbench ls metrics | head -1` has."""
    command = [COMMAND, "ls", "metrics"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_codec_of_ones_own_in_the_current_folder(tmp_path: Path) -> None:
    """Whatever else lies there: a user's own `tasks` or `benchmark` never comes before ours."""
    assert len(MY_CODEC.splitlines()) < 30
    (tmp_path / "my_codec.py").write_text(MY_CODEC)
    for name in ("tasks", "benchmark", "reports", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('this is not focalbench')\n")
    one_clip = ["run", "demo", "--limit", "1", "--out", "out", "--workers", "2"]
    keys = ["--set", "metrics=[si_sdr]", "--set", f"channels=[clean, '{LOSSY}']", "--codec", "mine=my_codec:MyCodec"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    ran = subprocess.run([COMMAND, *one_clip, *keys], capture_output=True, text=True, env=environment, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    clean = table.read(tmp_path / "out")
    assert one(clean[clean["channel"] == "clean"], "net_bps")["value"] == pytest.approx(128_000)
    assert "mine" in (tmp_path / "out" / "report.html").read_text()
    checked = subprocess.run(
        [COMMAND, "check", "codec", "my_codec:MyCodec"], capture_output=True, text=True, check=False
    )
    assert checked.stdout.splitlines()[-1] == "my_codec:MyCodec keeps its promises"
    assert checked.returncode == 0


def test_a_codec_of_ones_own_that_breaks_a_promise(tmp_path: Path) -> None:
    (tmp_path / "my_codec.py").write_text(MY_CODEC.replace("frame=320,", "frame=320, delay=80,"))
    command = [COMMAND, "check", "codec", "my_codec:MyCodec"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "it declares 5.00 ms, the waveform says 0.00 ms; write delay=0 into its CodecInfo" in checked.stdout
