"""Supervised children: another Python process that holds one object and answers calls to its methods.

Codecs and metrics crash, hang and eat memory; here that costs the call in flight and nothing else. The
two ends speak length-prefixed pickles over a socket pair (both are our own code). A child that dies or
overruns its time is replaced at the next call. It ends with its parent.
"""

import contextlib
import ctypes
import faulthandler
import importlib
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, Any

from benchmark.types import NotMeasured, Unavailable, UserError

LENGTH = struct.Struct(">Q")
THREADS = tuple(f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA"))  # which read it
BOOT = "import sys; sys.path.append(sys.argv[1]); from benchmark.child import main; main(*map(int, sys.argv[2:]))"
LARGEST_OUTPUT = 1 << 30  # bytes a child may write into any one file, its error output included


class ChildFailed(Exception):
    """The call has no result: the child raised something unforeseen, died, or took too long."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call returned, the seconds spent inside it, and those it took to start the process before it."""

    value: Any
    seconds: float
    start_seconds: float


class Child:
    """An object of class `host` ("module:Class"), built with `arguments`, in a process of its own.

    Args:
        seconds: limit of one call, the first one including the start.
        memory_mb: limit of the child's data, MiB.
        threads: for arithmetic; one, so that workers share the cores and values do not depend on their number.
    """

    def __init__(
        self, host: str, *arguments: Any, seconds: float = 300.0, memory_mb: int = 8192, threads: int = 1
    ) -> None:
        self._start = (host, arguments, memory_mb * 2**20, sys.path)
        self._seconds = seconds
        self._threads = dict.fromkeys(THREADS, str(threads))
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._errors: IO[bytes] | None = None
        self.generation = 0  # counts ended processes: who keeps state in the child sees by it that the state is gone

    def call(self, method: str, *arguments: Any, items: int = 1) -> Reply:
        """Run `method` in the child; the limit of time holds for each of so many items that it does at once.

        Raises:
            NotMeasured, Unavailable, UserError: as the method raised them.
            ChildFailed: for any other exception, death, or overrun.
        """
        begin = time.monotonic()
        limit = self._seconds * max(items, 1)
        deadline = begin + limit
        try:
            if self._socket is None:
                self._launch(deadline)
            started = time.monotonic()
            kind, value, seconds = self._exchange((method, arguments), deadline)
        except TimeoutError:
            self.close()
            raise ChildFailed(f"took longer than {limit:g} s, the limit (limits.seconds)") from None
        except (OSError, EOFError, pickle.UnpicklingError):
            raise ChildFailed(self._cause_of_death()) from None
        if kind == "raised":
            raise value
        if kind == "failed":
            raise ChildFailed(value)
        return Reply(value, seconds, started - begin)

    def _launch(self, deadline: float) -> None:
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-c", BOOT, _package_folder(), str(theirs.fileno()), str(os.getpid())]
        try:
            with theirs:
                self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
                self._process = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    env={**os.environ, **self._threads},
                    start_new_session=True,
                )
        except OSError as error:
            self.close()
            raise ChildFailed(f"no process could be started: {error}") from error
        kind, value, _ = self._exchange(self._start, deadline)
        if kind != "value":
            self.close()
            raise value if kind == "raised" else ChildFailed(value)

    def _exchange(self, message: Any, deadline: float) -> tuple[str, Any, float]:
        assert self._socket is not None
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        _send(self._socket, message)
        reply: tuple[str, Any, float] = _receive(self._socket, deadline)
        return reply

    def _cause_of_death(self) -> str:
        process, errors = self._process, self._errors
        if process is None or errors is None:
            return "it was closed while it worked"  # by another thread, at the end of a run
        try:
            code = process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # it closed its end but lives on
            code = 0
        size = os.fstat(errors.fileno()).st_size
        text = os.pread(errors.fileno(), 4096, max(size - 4096, 0)).decode(errors="replace").strip()
        self.close()
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code}" + (f": {text.splitlines()[-1][:200]}" if text else "")

    def close(self) -> None:
        """End the child, which keeps nothing of worth; it is started anew at the next call."""
        connection, process, errors = self._socket, self._process, self._errors
        self._socket = self._process = self._errors = None  # first: two threads may close at once
        if connection is not None:
            connection.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with whatever it started itself
            process.wait()
        if errors is not None:
            errors.close()
        self.generation += 1


def _package_folder() -> str:
    """Where this `benchmark` lies; the child appends it, as site-packages must never come before the library."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH120, PTH100 (sys.path is text)


def _send(connection: socket.socket, message: Any) -> None:
    data = pickle.dumps(message, protocol=5)
    connection.sendall(LENGTH.pack(len(data)) + data)


def _receive(connection: socket.socket, deadline: float | None = None) -> Any:
    (size,) = LENGTH.unpack(_exactly(connection, LENGTH.size, deadline))
    return pickle.loads(_exactly(connection, size, deadline))


def _exactly(connection: socket.socket, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        if deadline is not None:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
        count = connection.recv_into(view[filled:])
        if not count:
            raise EOFError
        filled += count
    return data


def serve(connection: socket.socket) -> None:
    """The child's life: build the object, then answer calls until the parent hangs up."""
    host: Any = None
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            message = _receive(connection)
            start = time.perf_counter()
            try:
                if host is None:
                    host, answer = _build(*message), None
                else:
                    method, arguments = message
                    answer = getattr(host, method)(*arguments)
                reply: tuple[str, Any, float] = ("value", answer, time.perf_counter() - start)
            except (NotMeasured, Unavailable, UserError) as error:
                reply = ("raised", _plain(error), 0.0)
            except MemoryError as error:
                reply = ("failed", f"MemoryError: {error} (the limit is limits.memory_mb)"[:500], 0.0)
            except Exception as error:
                reply = ("failed", f"{type(error).__name__}: {error}"[:500], 0.0)
            _send(connection, reply)


def _plain(error: NotMeasured | Unavailable | UserError) -> Exception:
    """The error as one of our own classes: a subclass may not survive the way through a pickle."""
    if isinstance(error, NotMeasured):
        return NotMeasured(error.status, error.reason)
    return (UserError if isinstance(error, UserError) else Unavailable)(str(error))


def _build(name: str, arguments: tuple[Any, ...], memory_bytes: int, path: list[str]) -> Any:
    sys.path += [entry for entry in path if entry not in sys.path]
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, resource.RLIM_INFINITY))
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)(*arguments)


def die_with(parent: int) -> bool:
    """Have this process killed when its `parent` ends (Linux); False where that has ended already."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, which a fork does not inherit
    return os.getppid() == parent


def main(descriptor: int, parent: int) -> None:
    """The child's process: die with the parent (Linux), leave no core file, write no endless output, serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    if not die_with(parent):
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_OUTPUT, resource.RLIM_INFINITY))
    faulthandler.enable()
    with socket.socket(fileno=descriptor) as connection:
        serve(connection)
