"""A process that speaks the protocol of docs/external.md: started at the first call, watched, and ended with its group.

It has a group of processes of its own, so that what it starts itself ends with it; a forked watcher in that group
ends it when this process is no more, however that ended. No thread: what it says is read while an answer is awaited.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from baselines.external.worker import LENGTHS, message
from benchmark.types import NotMeasured, Unavailable

LARGEST_HEADER = 16 << 20  # bytes
LARGEST_BODY = 64 << 20  # bytes: ten minutes of samples at 24 kHz
KEPT = 4096  # bytes of what it wrote to its standard error last
QUOTED = 200  # characters of that in a reason
CHUNK = 1 << 16  # bytes written or read at once
PARTING = 5.0  # s a process may take to end once it has closed its output
# Becomes the command, after a fork of it began to wait until the other end of the lifeline is closed.
GUARD = """
import os, signal, sys
lifeline = int(sys.argv[1])
if os.fork() == 0:
    os.closerange(0, 3)
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)
os.close(lifeline)
os.execvp(sys.argv[2], sys.argv[2:])
"""
HOST_ONLY = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")  # of our environment, which is not that of the codec


class _Wrong(Exception):
    """What the process did in place of answering."""


class Process:
    """Calls to a command.

    Args:
        title: of the codec, for messages.
        command: its words.
        seconds: for one answer, the first one including the start.
    """

    def __init__(self, title: str, command: Sequence[str], seconds: float) -> None:
        self.title, self.command, self.seconds = title, list(command), seconds
        self.generation = 0  # counts ended processes, with each of which its sessions ended
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._number = 0
        self._said = b""

    def call(self, do: str, body: bytes = b"", **details: Any) -> tuple[Mapping[str, Any], bytes]:
        """The answer to a request, as a header and a body.

        Raises:
            NotMeasured: ``codec_failed`` when it gives no proper answer, after which it is gone, or says what failed.
            Unavailable: when it lacks something.
        """
        deadline = time.monotonic() + self.seconds
        self._number += 1
        try:
            process = self._process or self._start()
            request = message({"number": self._number, "do": do, **details}, body)
            header, content = self._exchange(process, request, deadline)
            if header.get("number") != self._number:
                raise _Wrong(f"it answered request {header.get('number')!r:.40}, asked was {self._number}")
        except _Wrong as error:
            self.close()
            raise self.failure(f"{do}: {error}") from None
        if "error" in header:
            text = str(header["error"])[:500]
            if header.get("unavailable"):
                raise Unavailable(f"{self.title}: {text}")
            raise NotMeasured("codec_failed", f"{self.title}: {do}: {text}")
        return header, content

    def failure(self, text: str) -> NotMeasured:
        """What went wrong, with its last words."""
        lines = [line.strip() for line in self._said.decode(errors="replace").splitlines() if line.strip()]
        last = "".join(c if c.isprintable() else "?" for c in lines[-1][:QUOTED]) if lines else ""
        return NotMeasured("codec_failed", f"{self.title}: {text}" + (f"; its last words: {last}" if last else ""))

    def _start(self) -> subprocess.Popen[bytes]:
        if shutil.which(self.command[0]) is None:
            raise Unavailable(f"{self.title}: there is no program {self.command[0]!r} here to run the codec.")
        self._said = b""
        watched, self._lifeline = os.pipe()
        environment = {name: value for name, value in os.environ.items() if name not in HOST_ONLY}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", GUARD, str(watched), *self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=[watched],
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._lifeline)
            raise _Wrong(f"no process could be started: {error}") from error
        finally:
            os.close(watched)
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        return self._process

    def _exchange(
        self, process: subprocess.Popen[bytes], request: bytes, deadline: float
    ) -> tuple[dict[str, Any], bytes]:
        """Write the request and read the answer, both as far as they go, and what is said meanwhile."""
        unsent, answer = memoryview(request), bytearray()
        with selectors.DefaultSelector() as pipes:
            for pipe, event in ((process.stdin, 2), (process.stdout, 1), (process.stderr, 1)):
                assert pipe is not None
                pipes.register(pipe, event)
            while (found := _complete(answer)) is None:
                for key, _ in pipes.select(max(deadline - time.monotonic(), 0)):
                    if key.fileobj is process.stdin:
                        unsent = unsent[self._written(process, unsent) :]
                    elif key.fileobj is process.stdout:
                        answer += os.read(key.fd, CHUNK) or self._ended(process)
                    elif not self._listened(key.fd):
                        pipes.unregister(key.fileobj)
                    if key.fileobj is process.stdin and not unsent:
                        pipes.unregister(key.fileobj)
                if time.monotonic() > deadline:
                    text = f" (it wrote {bytes(answer[:40])!r} and no more)" if answer else ""
                    raise _Wrong(f"it gave no answer within {self.seconds:g} s{text}")
        if unsent:
            raise _Wrong("it answered before it had read what was asked")
        return found

    def _written(self, process: subprocess.Popen[bytes], unsent: memoryview) -> int:
        assert process.stdin is not None
        try:
            return os.write(process.stdin.fileno(), unsent[:CHUNK])
        except BrokenPipeError:
            self._ended(process)
            raise

    def _listened(self, descriptor: int) -> bool:
        """Keep the end of what it says; False once it says no more."""
        data = os.read(descriptor, CHUNK)
        self._said = (self._said + data)[-KEPT:]
        return bool(data)

    def _ended(self, process: subprocess.Popen[bytes]) -> bytes:
        """Tell how it ended, after its last words.

        Raises:
            _Wrong: always.
        """
        assert process.stderr is not None
        try:
            code = process.wait(PARTING)
        except subprocess.TimeoutExpired:
            raise _Wrong("it closed its standard output, or its input") from None
        os.set_blocking(process.stderr.fileno(), False)
        with contextlib.suppress(BlockingIOError):  # what it started may hold the other end, and go on
            for _ in range(CHUNK):
                if not self._listened(process.stderr.fileno()):
                    break
        if code < 0:
            named = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
            raise _Wrong(f"its process was killed by {named}")
        raise _Wrong(f"its process ended with exit code {code}")

    def close(self) -> None:
        """End it and all that it started; the next call starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        os.close(self._lifeline)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
        self.generation += 1


def _complete(answer: bytearray) -> tuple[dict[str, Any], bytes] | None:
    """The message that has come, or None while there is more to come.

    Raises:
        _Wrong: when it can be none.
    """
    if len(answer) < LENGTHS.size:
        return None
    header, body = LENGTHS.unpack_from(answer)
    if header > LARGEST_HEADER or body > LARGEST_BODY:
        began = f"it wrote {bytes(answer[:40])!r}, which begins no answer, or one of {header + body} bytes"
        raise _Wrong(f"{began} (only messages may go to its standard output)")
    end = LENGTHS.size + header + body
    if len(answer) > end:
        raise _Wrong(f"it wrote {bytes(answer[end : end + 40])!r} behind its answer")
    if len(answer) < end:
        return None
    text = bytes(answer[LENGTHS.size : LENGTHS.size + header])
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _Wrong(f"the header of its answer is no JSON object: {text[:40]!r}")
    return found, bytes(answer[LENGTHS.size + header :])
