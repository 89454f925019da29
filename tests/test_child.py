"""`benchmark.child` and `benchmark.hosts`: what a supervised child answers, and how it ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.child import Child, ChildFailed
from benchmark.hosts import CodecHost
from benchmark.types import CodecInfo, NotMeasured, Spec, Unavailable, UserError
from tests.signals import speech_like

HOST = "tests.misbehaving:Host"
ROOT = Path(__file__).parent.parent


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child(HOST, 40)
    yield made
    made.close()


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true value of `condition`, polled."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
    return value


def alive(pid: int) -> bool:
    """A zombie, which nobody may reap in a container, is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_call_has_a_value_and_its_seconds(child: Child) -> None:
    assert child.call("add", 2).value == 42
    assert child.call("add", 1).value == 43, "the object lives on between calls"
    reply = child.call("sleep", 0.2)
    assert reply.value is None
    assert 0.2 <= reply.seconds < 2


def test_large_arrays_pass_both_ways(child: Child) -> None:
    array = np.random.default_rng(0).standard_normal(3_000_000)  # 24 MB, many times a socket's buffer
    np.testing.assert_array_equal(child.call("echo", array).value, array)


@pytest.mark.parametrize(
    "error",
    [NotMeasured("no_speech", "silent"), UserError("mend it"), Unavailable("needs weights")],
    ids=lambda error: type(error).__name__,
)
def test_our_own_exceptions_come_through_as_themselves(child: Child, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        child.call("throw", error)
    assert caught.value.args == error.args
    assert child.call("add", 2).value == 42, "the child lives on"


def test_a_subclass_of_them_comes_through_whatever_its_constructor_takes(child: Child) -> None:
    with pytest.raises(NotMeasured, match="sentence 17") as caught:
        child.call("act", "odd")
    assert (caught.value.status, caught.value.reason) == ("codec_failed", "sentence 17")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("act", "raise"), "RuntimeError: planned failure"),
        (("throw", KeyError("missing")), "KeyError: 'missing'"),
        (("no_such_method",), "AttributeError: .*no_such_method"),
    ],
)
def test_other_exceptions_become_one_of_ours(child: Child, call: tuple[Any, ...], words: str) -> None:
    child.call("add", 2)
    with pytest.raises(ChildFailed, match=words):
        child.call(*call)
    assert child.call("add", 1).value == 43, "the child lives on, its state too"
    assert child.generation == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("act", "kill"), "its process was killed by SIGKILL"),
        (("act", "segfault"), "its process was killed by SIGSEGV"),
        (("act", "leave"), "its process ended with exit code 7: last words"),
        (("exit",), "its process ended with exit code 1: leaving in peace"),
        (("unpicklable",), "pickle"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_a_death_is_named_and_survived(child: Child, call: tuple[str, ...], words: str) -> None:
    child.call("add", 2)
    with pytest.raises(ChildFailed, match=words):
        child.call(*call)
    assert child.call("add", 2).value == 42, "a new child has a new object, without the state of the old one"


def test_who_keeps_state_in_the_child_sees_that_it_is_gone(child: Child) -> None:
    child.call("add", 2)
    before = child.generation
    with pytest.raises(ChildFailed):
        child.call("act", "kill")
    assert child.generation > before


def test_the_time_limit(child: Child) -> None:
    limited = Child(HOST, seconds=4.0)
    pid = limited.call("process").value
    start = time.monotonic()
    with pytest.raises(ChildFailed, match=r"took longer than 4 s, the limit \(limits.seconds\)"):
        limited.call("act", "hang")
    assert 4 <= time.monotonic() - start < 12
    until(lambda: not alive(pid))
    assert limited.call("process").value != pid
    limited.close()


def test_the_memory_limit() -> None:
    limited = Child(HOST, memory_mb=500)
    with pytest.raises(ChildFailed, match=r"MemoryError.*limits\.memory_mb"):
        limited.call("act", "eat")
    assert limited.call("add", 1).value == 1
    limited.close()


def test_what_it_prints_disturbs_nobody(child: Child, capfd: pytest.CaptureFixture[str]) -> None:
    assert child.call("act", "flood").value == "done"
    assert child.call("add", 2).value == 42
    assert capfd.readouterr() == ("", "")


def test_it_has_one_thread_for_arithmetic(child: Child) -> None:
    assert child.call("threads").value == "1"


@pytest.mark.parametrize(
    ("host", "error", "words"),
    [
        ("tests.misbehaving:Nothing", ChildFailed, "AttributeError.*Nothing"),
        ("no_such_module:Host", ChildFailed, "ModuleNotFoundError.*no_such_module"),
        ("tests.misbehaving:lacks", Unavailable, "pip install planned"),
        ("tests.misbehaving:hang", ChildFailed, "took longer than 1 s"),
        ("tests.misbehaving:leave", ChildFailed, "exit code 7: last words"),
    ],
)
def test_an_object_that_cannot_be_built(host: str, error: type[Exception], words: str) -> None:
    broken = Child(host, seconds=1.0 if host.endswith("hang") else 30.0)
    for _ in range(2):
        with pytest.raises(error, match=words):
            broken.call("add", 1)
    broken.close()


def test_no_process_to_be_had(monkeypatch: pytest.MonkeyPatch, child: Child) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ChildFailed, match=r"no process could be started: .*/no/such/python"):
        child.call("add", 2)
    monkeypatch.undo()
    assert child.call("add", 2).value == 42


def test_closing_ends_it(child: Child) -> None:
    pid = child.call("process").value
    child.close()
    assert not alive(pid)
    child.close()  # again: nothing happens


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_children_leave_no_descriptors_behind() -> None:
    before = descriptors()
    for method in ("leave", "kill", "hang"):
        short = Child(HOST, seconds=1.5)
        with pytest.raises(ChildFailed):
            short.call("act", method)
        short.close()
    assert descriptors() == before


def test_it_ends_with_its_parent() -> None:
    script = (
        "import sys\nfrom benchmark.child import Child\nchild = Child(sys.argv[1])\n"
        "print(child.call('process').value, flush=True)\nchild.call('act', 'hang')\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, HOST], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.send_signal(signal.SIGKILL)
        until(lambda: not alive(pid))


def codec_child(name: str, seconds: float = 60.0, **params: Any) -> Child:
    spec = Spec(f"tests.misbehaving:{name}", params)
    return Child("benchmark.hosts:CodecHost", spec, seconds=seconds)


def test_a_fork_per_call_keeps_nothing() -> None:
    """libcodec2 keeps its noise generator for the whole process; a fork starts it anew each time."""
    pytest.importorskip("pycodec2")
    host = CodecHost(Spec("codec2", {"mode": 3200}))
    frames = host.encode(speech_like(1.0, 8_000), None).frames
    slots = [(f.index, f.payload, ()) for f in frames]
    first, second = host.decode(slots, None), host.decode(slots, None)
    np.testing.assert_array_equal(first, second)


def test_a_fork_that_dies_is_named() -> None:
    host = CodecHost(Spec("tests.misbehaving:HangInFork", {"path": "unused"}))
    for act, words in (("kill", "ended by SIGKILL"), ("leave", "exit code 7"), ("raise", "planned failure")):
        with pytest.raises((NotMeasured, RuntimeError), match=words):
            host.run(_act, act)


def _act(name: str) -> None:
    from tests.misbehaving import ACTS

    ACTS[name]()


def test_a_fork_ends_with_its_child(tmp_path: Path) -> None:
    """Otherwise each time limit would leave a process behind that works for ever."""
    path = tmp_path / "pid"
    child = codec_child("HangInFork", seconds=5.0, path=str(path))
    with pytest.raises(ChildFailed, match="took longer"):
        child.call("encode", speech_like(0.2), None)
    pid = int(path.read_text())
    until(lambda: not alive(pid))
    child.close()


FACTS = ("rate_in", "frame", "delay", "lookahead", "frame_bits", "streaming", "identity", "group", "concealments")


@pytest.mark.parametrize("fact", FACTS)
def test_facts_of_the_wrong_type_are_refused(fact: str) -> None:
    host = CodecHost(Spec("tests.misbehaving:OddInfo", {"fact": fact}))
    with pytest.raises(NotMeasured, match=fact) as caught:
        host.describe()
    assert caught.value.status == "codec_failed"


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"group": 0}, "makes no sense: .*group=0"),
        ({"concealments": {"all": 0}}, "concealments with the name 'all', which a suite uses for something else"),
        ({"concealments": {"mute": -1}}, "not a whole number of frames by name"),
        ({"concealments": ["mute"]}, "not a whole number of frames by name"),
    ],
)
def test_facts_that_cannot_be_are_refused(facts: dict[str, Any], complaint: str) -> None:
    host = CodecHost(Spec("pcm"))
    host.codec.info = replace(host.codec.info, **facts)
    with pytest.raises(NotMeasured, match=complaint):
        host.describe()


def test_a_loss_strategy_reaches_the_decoder() -> None:
    host = CodecHost(Spec("tests.misbehaving:Choosy"))
    heard = {name: host.decode([(0, None)], None, name).max() for name in ("", "mute", "hum")}
    assert heard == {"": 0.0, "mute": 0.0, "hum": np.float32(0.1)}


def test_facts_of_the_right_type_pass() -> None:
    assert isinstance(CodecHost(Spec("pcm")).describe(), CodecInfo)


def test_redundancy_is_counted_in_plain_numbers() -> None:
    encoded = CodecHost(Spec("tests.misbehaving:FecTeller")).encode(speech_like(0.2), None)
    assert encoded.with_fec == len(encoded.frames)
    assert type(encoded.with_fec) is int
