"""`baselines.external`: a codec in a process of its own, and whatever such a process may do in place of its work."""

import ast
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines import external
from baselines.external import TEMPLATES, WORKER, worker
from baselines.external.process import QUOTED, Process
from benchmark import bits
from benchmark.check import check_codec
from benchmark.codec import decode, encode
from benchmark.suite import Limits
from benchmark.types import NotMeasured, Slot, Unavailable, UserError
from tests.quick import make_run, suite
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

TROUBLE = """
import os, subprocess, sys, time
import numpy as np
from worker import Tokens, Unavailable

def make(what="", where=1, note=""):
    frames = [0]

    def act():
        frames[0] += 1
        if frames[0] < where:
            return
        print("about to", what, file=sys.stderr)
        if what == "raise":
            raise RuntimeError("planned failure")
        if what == "kill":
            os.kill(os.getpid(), 9)
        if what == "exit":
            os._exit(3)
        if what == "hang":
            time.sleep(1000)
        if what == "babble":
            while True:
                os.write(2, b"and so on and on\\n" * 1000)
        if what == "print":
            print("chatter " * 1000)
        if what == "children":
            with open(note, "w") as file:
                file.write(f"{os.getpid()} {subprocess.Popen(['sleep', '1000']).pid}")

    def compress(frame):
        act()
        return np.round(np.clip(frame, -1, 1) * 100) + 100

    def expand(levels):
        if what == "few":
            return np.zeros(7)
        return (levels - 100) / 100 + (np.nan if what == "nan" else 0)

    if what == "lacking":
        raise Unavailable("put the weights into a folder")
    if what == "import":
        import no_such_package
    return Tokens(16000, 160, 160, 201, lambda: compress, lambda: expand, {"it": "1"}, streaming=True, parameters=7)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("worker") / "trouble.py"
    path.write_text(TROUBLE)
    return path


@pytest.fixture
def made(script: Path) -> Callable[..., external.External]:
    """A codec that does `what`, from its frame number `where` on."""

    def make(what: str = "", seconds: int = 20, **more: Any) -> external.External:
        words = [f"{name}={value}" for name, value in {"what": what, **more}.items()]
        return external.make(shlex.join([sys.executable, str(WORKER), str(script), *words]), seconds)

    return make


def inline(code: str, seconds: int = 20) -> external.External:
    """A codec whose process is a few lines of Python."""
    return external.make(shlex.join([sys.executable, "-c", "import json, os, struct, sys, time\n" + code]), seconds)


def is_gone(pid: int) -> bool:
    """Whether a process ended, within 5 s."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


SPEECH = speech_like(0.61)


def test_the_example_keeps_its_sessions_apart() -> None:
    codec = external.make()
    check_sessions(codec, SPEECH[:2500])
    frames = encode(codec, SPEECH)
    check_receivers(codec, slots_of(frames, {3, 4}), slots_of(encode(codec, -SPEECH[::-1]), {5}))


def test_the_example_is_mu_law_at_its_exact_rate() -> None:
    codec = external.make()
    frames = encode(codec, SPEECH)
    assert codec.info.frame_bits == 160 * 6
    assert {(f.bits, len(f.payload)) for f in frames} == {(960, 120)}
    share = np.sign(SPEECH) * np.log1p(255 * np.abs(SPEECH)) / np.log1p(255)
    levels = np.round(share * 31) / 31
    wanted = np.sign(levels) * np.expm1(np.abs(levels) * np.log1p(255)) / 255
    np.testing.assert_allclose(decode(codec, slots_of(frames))[: len(SPEECH)], wanted, atol=1e-6)


def test_lost_frames_are_repeated_muted_or_silent_and_nothing_sent_is_silent() -> None:
    codec = external.make()
    frames = encode(codec, SPEECH)
    slots = slots_of(frames, {20})
    slots[30] = Slot(30, b"")
    clean = decode(codec, slots_of(frames)).reshape(-1, 160)
    for name in ("repeat", "mute", "silence"):
        heard = decode(codec, slots, concealment=name).reshape(-1, 160)
        np.testing.assert_array_equal(heard[20], clean[19] if name == "repeat" else 0, err_msg=name)
        assert not heard[30].any()
        kept = [i for i in range(len(frames)) if i not in (20, 30)]
        np.testing.assert_array_equal(heard[kept], clean[kept])
    with pytest.raises(UserError, match=r"concealment='hum' .*'repeat', 'mute', 'silence'"):
        codec.decoder("hum")


def test_the_process_starts_late_and_ends_with_the_codec() -> None:
    codec = external.make()
    assert codec.process._process is None
    assert codec.info.identity["script"]
    process = codec.process._process
    assert process is not None
    assert process.poll() is None
    del codec
    assert is_gone(process.pid)


def test_sessions_that_nobody_holds_are_forgotten() -> None:
    codec = external.make()
    for _ in range(3):
        codec.encoder().push(SPEECH)
    codec.encoder().flush()
    with pytest.raises(NotMeasured, match="push: ValueError: session 1 is not open"):
        codec.process.call("push", session=1)


def test_its_cost_is_what_it_says(made: Callable[..., external.External]) -> None:
    assert made().cost() == {"parameters": 7}


@pytest.mark.slow
def test_the_conformance_tests_pass() -> None:
    assert [v for v in check_codec("external", Limits(seconds=60)) if v.problem] == []


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("raise", "push: RuntimeError: planned failure"),
        ("kill", "push: its process was killed by SIGKILL; its last words: about to kill"),
        ("exit", "push: its process ended with exit code 3; its last words: about to exit"),
        ("hang", "push: it gave no answer within 1 s; its last words: about to hang"),
        ("babble", "push: it gave no answer within 1 s; its last words: "),
    ],
)
def test_what_goes_wrong_midway_is_told(what: str, reason: str, made: Callable[..., external.External]) -> None:
    codec = made(what, where=100)
    one_, other = codec.encoder(), codec.encoder()
    assert len(one_.push(SPEECH[: 99 * 160 // 2])) == 49
    codec.process.seconds, began = 1, time.monotonic()
    with pytest.raises(NotMeasured) as caught:
        one_.push(SPEECH)
    assert time.monotonic() - began < 7
    assert caught.value.reason.startswith(f"external: {reason}")  # a flood is cut anywhere
    codec.process.seconds = 20
    if what != "raise":
        with pytest.raises(NotMeasured, match="push: its process ended within this session"):
            other.push(SPEECH)
        assert len(codec.encoder().push(SPEECH[:800])) == 5, "it is started anew"


def test_nan_and_too_few_samples_are_told(made: Callable[..., external.External]) -> None:
    for what, reason in {
        "nan": "external: the decoder returned NaN or infinity, first at sample 0",
        "few": "external: push: ValueError: decoded to 7 samples, 160 were due; its last words: ",
    }.items():
        codec = made(what)
        slots = slots_of(encode(codec, SPEECH[:640]))
        with pytest.raises(NotMeasured) as caught:
            decode(codec, slots)
        assert caught.value.reason.startswith(reason.partition(";")[0])


def test_what_is_printed_is_no_answer(made: Callable[..., external.External]) -> None:
    assert len(encode(made("print"), SPEECH)) == 61


def test_what_is_lacking_is_skipped(made: Callable[..., external.External]) -> None:
    with pytest.raises(Unavailable, match="external: put the weights into a folder"):
        _ = made("lacking").info
    with pytest.raises(Unavailable, match="external: No module named 'no_such_package'"):
        _ = made("import").info
    with pytest.raises(Unavailable, match="there is no program 'no-such-program' here"):
        _ = external.make("no-such-program --it").info


ANSWER = """
def answer(header, body=b"", more=b""):
    text = json.dumps(header).encode()
    os.write(1, struct.pack(">II", len(text), len(body)) + text + body + more)
"""
ODD = """
while True:
    header, body = struct.unpack(">II", sys.stdin.buffer.read(8))
    asked = json.loads(sys.stdin.buffer.read(header))
    sys.stdin.buffer.read(body)
    number = {"number": asked["number"]}
    if asked["do"] == "describe":
        info = {"rate_in": 16000, "rate_out": 16000, "frame": 160, "identity": {"test": "1"}}
        answer({**number, "protocol": 1, "info": info})
    elif asked["do"] == "open":
        answer(number)
    elif asked["do"] == "flush":
        answer(number, bytes(8))
    elif "slots" in asked:
        answer(number, b"abc")
    else:
        answer({**number, "sizes": [1, True]}, b"ab")
"""
NO_ANSWER = {
    "pass": "describe: its process ended with exit code 0",
    "sys.exit('no luck')": "describe: its process ended with exit code 1; its last words: no luck",
    "sys.stderr.write('x' * 9000); sys.exit(2)": f"exit code 2; its last words: {'x' * QUOTED}",
    "sys.stderr.write('\\x1b[31mred\\n\\n'); sys.exit(2)": "exit code 2; its last words: ?[31mred",
    "while True: print('loading a model')": "describe: it wrote b'loading a model",
    "while True: sys.stderr.write('again\\n')": "no answer within 1 s; its last words: again",
    "print('ok', flush=True); time.sleep(99)": "no answer within 1 s (it wrote b'ok\\n' and no more)",
    "time.sleep(99)": "describe: it gave no answer within 1 s",
    "os.close(1); time.sleep(99)": "it closed its standard output",
    "os.write(1, b'\\xff' * 8); time.sleep(99)": "or one of 8589934590 bytes",
    "os.write(1, struct.pack('>II', 3, 0) + b'{{}')": "the header of its answer is no JSON object: b'{{}'",
    "answer([1, 2])": "describe: the header of its answer is no JSON object: b'[1, 2]'",
    "answer({'number': 9})": "describe: it answered request 9, asked was 1",
    "answer({'number': 1}, b'', b'more')": "describe: it wrote b'more' behind its answer",
    "answer({'number': 1})": "describe: it speaks protocol None, not 1, or says no info",
    "answer({'number': 1, 'protocol': 2, 'info': {}})": "describe: it speaks protocol 2, not 1",
    "answer({'number': 1, 'protocol': 1, 'info': {'rate_in': 8000, 'rate_out': 8000, 'frame': 80}})": (
        "describe: it states no identity: versions, and checksums of weights"
    ),
    "answer({'number': 1, 'protocol': 1, 'info': {}})": "describe: missing 3 required positional arguments",
    "answer({'number': 1, 'protocol': 1, 'info': {'hop': 1}})": "it states 'hop', which is no fact of a codec",
    "answer({'number': 1, 'error': 'x' * 9999})": f"describe: {'x' * 500}",
}


@pytest.mark.parametrize("code", NO_ANSWER)
def test_what_is_no_answer_is_told(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baselines.external.process.PARTING", 0.1 if "close" in code else 20)
    lasts = "sleep" in code or "again" in code
    codec = inline(ANSWER + code + ("\nsys.stdin.read()" if "answer" in code else ""), 1 if lasts else 20)
    with pytest.raises(NotMeasured) as caught:
        _ = codec.info
    assert caught.value.status == "codec_failed"
    assert NO_ANSWER[code] in caught.value.reason
    assert caught.value.reason.startswith("external: describe: ")
    assert len(caught.value.reason) < 800


def test_sizes_that_do_not_fit_and_torn_samples_are_told() -> None:
    codec = inline(ANSWER + ODD)
    with pytest.raises(NotMeasured, match=r"the encoder returned 2 bytes as payloads of sizes \[1, True\]"):
        codec.encoder().push(SPEECH)
    with pytest.raises(NotMeasured, match="the decoder returned 3 bytes, which are no whole samples"):
        codec.decoder().push([Slot(0, b"")])
    late = codec.decoder()
    late.slots = 3  # type: ignore[attr-defined]  # as if it had returned nothing for them
    with pytest.raises(NotMeasured, match="the decoder returned 2 samples for 3 frames, 480 were due"):
        late.flush()


def test_a_long_request_and_a_long_answer_pass_each_other() -> None:
    codec = external.make()
    signal = np.tile(SPEECH, 60)  # the pipes hold far less
    payloads = codec.encoder().push(signal)
    output = codec.decoder().push([Slot(i, p, (p, None)) for i, p in enumerate(payloads)])
    assert len(output) == 160 * len(payloads) == len(signal) // 160 * 160


def test_its_group_ends_with_it(made: Callable[..., external.External], tmp_path: Path) -> None:
    note = tmp_path / "pids"
    codec = made("children", note=note)
    codec.encoder().push(SPEECH[:160])
    pids = [int(pid) for pid in note.read_text().split()]
    codec.process.close()
    assert all(map(is_gone, pids))


def test_its_group_ends_when_we_are_killed(script: Path, tmp_path: Path) -> None:
    note = tmp_path / "pids"
    command = shlex.join([sys.executable, str(WORKER), str(script), "what=children", f"note={note}"])
    code = "import sys, time, numpy as np\nfrom baselines import external\n"
    code += "codec = external.make(sys.argv[1])\ncodec.encoder().push(np.zeros(160, np.float32))\n"
    code += "print('ready', flush=True)\ntime.sleep(99)"
    root = Path(__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", code, command], cwd=root, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        pids = [int(pid) for pid in note.read_text().split()]
        parent.send_signal(signal.SIGKILL)
    assert all(map(is_gone, pids))


def test_the_worker_ends_when_nobody_asks_any_more(script: Path) -> None:
    command = [sys.executable, str(WORKER), str(script), "what=hang"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        opened = {"do": "open", "session": 0, "side": "encoder", "concealment": ""}
        process.stdin.write(worker.message(opened) + worker.message({"do": "push", "session": 0}, bytes(640)))
        process.stdin.flush()
        assert process.stderr.readline() == b"about to hang\n"
        process.stdin.close()
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_our_environment_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("THEIRS", "kept")
    process = Process("it", [sys.executable, "-c", "import os, sys; sys.exit(str(sorted(os.environ)))"], 20)
    with pytest.raises(NotMeasured):
        process.call("describe")
    monkeypatch.undo()
    names = process._said.decode()
    assert "THEIRS" in names
    assert "PYTHONPATH" not in names


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(UserError, match=r"external: seconds=0 .* from 1 to 3600"):
        external.make(seconds=0)
    with pytest.raises(UserError, match="cannot be read as a shell would: No closing quotation"):
        external.make("python 'worker.py")


@pytest.mark.slow
def test_in_a_run_it_costs_its_own_rows_only(script: Path, tmp_path: Path) -> None:
    command = f"external:command={sys.executable} {WORKER} {script}"
    wanted = suite("mulaw", command, f"{command} what=exit where=30", metrics=["stoi"])
    table, _ = make_run(wanted, tmp_path / "out")
    scored = table[table["name"] == "stoi"].set_index("codec")
    assert sorted(scored["status"]) == ["codec_failed", "ok", "ok"]
    failed = scored[scored["status"] == "codec_failed"].iloc[0]
    assert "push: its process ended with exit code 3; its last words: about to exit" in failed["reason"]


@given(st.integers(2, 70_000), st.integers(1, 9), st.randoms(use_true_random=False))
def test_tokens_are_packed_as_ours_are(size: int, codebooks: int, random: Any) -> None:
    codec = worker.Tokens(16_000, 320, codebooks, size, list, list, {})
    indices = np.array([random.randrange(size) for _ in range(codebooks)])
    payload = codec.pack(indices)
    assert payload == bits.pack(indices, codec.bits)
    np.testing.assert_array_equal(codec.unpack(0, payload), indices)
    assert codec.unpack(0, b"\xff" * len(payload)).max() == size - 1
    assert codec.bits == max((size - 1).bit_length(), 1)


def whole(**more: Any) -> worker.Tokens:
    """A codec of whole utterances that sends the mean of each frame; it draws, and says what it saw."""

    def encode(signal: Any) -> Any:
        noise = np.random.randint(0, 2)  # noqa: NPY002 (what a codec would do)
        return np.round(signal.reshape(-1, 100).mean(1, keepdims=True) * 100).astype(int) + 100 + noise

    return worker.Tokens(
        8_000, 100, 1, 256, encode, lambda tokens: np.repeat((tokens[:, 0] - 100) / 100, 200), {}, 16_000, **more
    )


def test_a_codec_of_whole_utterances_is_coded_at_the_end_and_the_same_each_time() -> None:
    codec, signal = whole(), np.linspace(0, 1, 330, dtype=np.float32)
    results = []
    for chunk in (330, 7):
        sender = codec.encoder()
        sent = [p for start in range(0, 330, chunk) for p in sender.push(signal[start : start + chunk])]
        assert sent == []
        results.append(sender.flush())
    assert results[0] == results[1]
    assert len(results[0]) == 4
    receiver = codec.decoder("mute")
    assert not len(receiver.push([(0, results[0][0], []), (1, None, []), (2, b"", []), (3, results[0][3], [])]))
    output = receiver.flush().reshape(4, 200)
    assert not output[1].any()
    assert (output[2] == (codec.silence()[0] - 100) / 100).all()
    assert output[3].all()
    assert codec.encoder().flush() == []


def test_the_delay_is_covered_by_silence() -> None:
    sender = whole(delay=401).encoder()  # at 16 kHz: 201 samples of input
    sender.push(np.zeros(100, np.float32))
    assert len(sender.flush()) == 4


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (np.zeros((2, 1), int), r"encoded to indices \(2, 1\); \(4, 1\) were due"),
        (np.zeros((4, 2), int), r"encoded to indices \(4, 2\); \(4, 1\) were due"),
        (np.full((4, 1), 256), "encoded to indices 256 to 256 of codebooks of 256"),
    ],
)
def test_indices_that_make_no_sense_are_refused(encoded: Any, reason: str) -> None:
    codec = whole()
    codec.encode = lambda signal: encoded
    sender = codec.encoder()
    sender.push(np.ones(400, np.float32))
    with pytest.raises(ValueError, match=reason):
        sender.flush()


def test_a_payload_of_another_size_is_refused(made: Callable[..., external.External]) -> None:
    with pytest.raises(NotMeasured, match="push: ValueError: the payload of frame 5 has 3 bytes, 160 were due"):
        made().decoder().push([Slot(5, b"abc")])


def test_parameters_are_numbers_truths_and_text() -> None:
    words = ["a=1", "b=0.5", "c=true", "d=null", "e=/some/path", "f=x=y", "g="]
    assert worker.parsed(words) == {"a": 1, "b": 0.5, "c": True, "d": None, "e": "/some/path", "f": "x=y", "g": ""}


def test_a_checksum_is_of_files_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    assert worker.checksum(file) == "ba7816bf8f01cfea"
    with pytest.raises(worker.Unavailable, match="there is no file"):
        worker.checksum(tmp_path / "others")
    with pytest.raises(worker.Unavailable, match="no weights are there"):
        worker.checksum()


def test_the_worker_needs_numpy_and_python_3_8_alone() -> None:
    tree = ast.parse(WORKER.read_text(encoding="utf-8"), feature_version=(3, 8))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in named} - set(sys.stdlib_module_names) == {"numpy"}
    words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not words & {"removeprefix", "removesuffix", "pairwise", "bit_count"}, "younger than Python 3.8"


def test_what_the_docs_say_of_the_protocol() -> None:
    text = (Path(__file__).parents[1] / "docs" / "external.md").read_text(encoding="utf-8")
    source = WORKER.read_text(encoding="utf-8")
    for word in ("describe", "open", "push", "flush", "close", "session", "side", "slots", "sizes", "unavailable"):
        assert f"`{word}`" in text or f'"{word}"' in text, word
        assert f'"{word}"' in source or word == "push"
    assert worker.message({"a": 1}, b"xy") == b"\0\0\0\x08\0\0\0\x02" + json.dumps({"a": 1}).encode() + b"xy"
    for path in TEMPLATES.glob("[a-z]*.py"):
        assert path.stem in text
    assert os.access(WORKER, os.R_OK)


def test_the_file_of_a_codec_that_describes_itself_is_part_of_its_identity(tmp_path: Path) -> None:
    text = """
class Codec:
    gain = 1
    def describe(self):
        return {"rate_in": 8000, "rate_out": 8000, "frame": 80, "identity": {"weights": "none"}}

def make():
    return Codec()
"""
    found = []
    for number, code in enumerate((text, text, text.replace("gain = 1", "gain = 2"))):
        script = tmp_path / f"codec_{number}.py"
        script.write_text(code)
        found.append(external.make(shlex.join([sys.executable, str(WORKER), str(script)])).info.identity)
    assert found[0] == found[1] != found[2]
    assert {"weights", "python", "numpy", "script"} == set(found[0])
