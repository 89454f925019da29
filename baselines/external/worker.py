"""The codec's side of the protocol in docs/external.md: this file, numpy, Python 3.8 or newer; nothing of focalbench.

It runs in the environment of a codec that cannot live in ours: ``python worker.py my_codec.py codebooks=2``, where
`my_codec.py` has ``make(**parameters)`` that returns a `Tokens`, or whatever else has ``describe()``, ``encoder()``
and ``decoder(concealment)`` as `Tokens` has them. Whatever is printed goes to standard error.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import queue
import random
import struct
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence  # noqa: UP035 (Python 3.8 evaluates the aliases below)

import numpy as np

PROTOCOL = 1
LENGTHS = struct.Struct(">II")  # bytes of a message's header, and of its body
CONCEALMENTS = ("repeat", "mute", "silence")
LULL = 16  # frames of silence, in whose midst a frame of silence is found


class Unavailable(Exception):
    """Something is missing here (weights, a package); the text says how to get it."""


def message(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A message: two lengths, a JSON header, raw bytes."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def versions(*packages: str) -> dict[str, str]:
    """The installed version of each package, for `Tokens.identity`."""
    return {name: importlib.metadata.version(name) for name in packages}


def checksum(*files: Any) -> str:
    """The beginning of the SHA-256 over some files, for `Tokens.identity`.

    Raises:
        Unavailable: when one is not there, or none is named.
    """
    if not files:
        raise Unavailable("no weights are there")
    digest = hashlib.sha256()
    for file in map(Path, files):
        if not file.is_file():
            raise Unavailable(f"there is no file {file}")
        with file.open("rb") as opened:
            for block in iter(lambda: opened.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()[:16]


def samples_of(output: Any) -> np.ndarray[Any, Any]:
    """A tensor or an array of any shape as samples, float32 [n]."""
    output = output.detach().cpu() if hasattr(output, "detach") else output
    return np.asarray(output, dtype="<f4").reshape(-1)


class Tokens:
    """A codec that speaks in indices of codebooks: they are packed, and what is lost is concealed.

    What is lost becomes the last token again (``repeat``), the same with its output silenced (``mute``), or the token
    of silence (``silence``).

    Args:
        rate: sample rate at the input, Hz.
        hop: input samples per token.
        codebooks: indices per token.
        size: entries of a codebook.
        encode: whole signals [n * hop] to indices [n or more, codebooks]; or, where `streaming`, ``encode()`` is a
            fresh function of one frame [hop] to [codebooks].
        decode: indices [n, codebooks] to n * hop samples or more, at the output's rate; or, where `streaming`,
            ``decode()`` is a fresh function of [codebooks] to one frame.
        identity: versions and checksums of whatever changes the output.
        rate_out: sample rate at the output, Hz; None: as at the input.
        delay: samples at the output by which it trails the input.
        streaming: whether it works frame by frame.
        parameters: learned numbers; None: not told.
    """

    def __init__(
        self,
        rate: int,
        hop: int,
        codebooks: int,
        size: int,
        encode: Callable[..., Any],
        decode: Callable[..., Any],
        identity: Mapping[str, str],
        rate_out: int | None = None,
        delay: int = 0,
        streaming: bool = False,
        parameters: int | None = None,
    ) -> None:
        self.rate, self.rate_out = int(rate), int(rate_out or rate)
        self.hop, self.hop_out = int(hop), int(hop) * self.rate_out // self.rate
        self.codebooks, self.size, self.bits = int(codebooks), int(size), max(int(size - 1).bit_length(), 1)
        self.encode, self.decode, self.streaming = encode, decode, streaming
        self.identity, self.delay, self.parameters = identity, delay, parameters
        self._silence: np.ndarray[Any, Any] | None = None

    def describe(self) -> dict[str, Any]:
        """The facts, as `benchmark.types.CodecInfo` names them, and the cost."""
        return {
            "rate_in": self.rate,
            "rate_out": self.rate_out,
            "frame": self.hop,
            "delay": self.delay,
            "streaming": self.streaming,
            "frame_bits": self.codebooks * self.bits,
            "token_bits": self.bits,
            "codebooks": self.codebooks,
            "concealments": dict.fromkeys(CONCEALMENTS, 0),
            "identity": dict(self.identity),
            "cost": {} if self.parameters is None else {"parameters": int(self.parameters)},
        }

    def encoder(self) -> _Sender:
        """A fresh sending session."""
        return _Sender(self)

    def decoder(self, concealment: str) -> _Receiver:
        """A fresh receiving session under one of `CONCEALMENTS`; ``""`` is the first."""
        return _Receiver(self, concealment or CONCEALMENTS[0])

    def indices(self, tokens: Any, count: int) -> np.ndarray[Any, Any]:
        """The first `count` of what an encoder made, int64 [count, codebooks].

        Raises:
            ValueError: for too few, too many codebooks, or an index outside its codebook.
        """
        tokens = tokens.detach().cpu() if hasattr(tokens, "detach") else tokens
        found = np.asarray(tokens, np.int64)
        if found.ndim != 2 or found.shape[1] != self.codebooks or len(found) < count:
            raise ValueError(f"encoded to indices {found.shape}; ({count}, {self.codebooks}) were due")
        if found.size and not 0 <= found.min() <= found.max() < self.size:
            raise ValueError(f"encoded to indices {found.min()} to {found.max()} of codebooks of {self.size}")
        return found[:count]

    def pack(self, indices: np.ndarray[Any, Any]) -> bytes:
        """Indices [codebooks] as bits, most significant first, padded to whole bytes."""
        planes = indices.reshape(-1, 1) >> np.arange(self.bits - 1, -1, -1) & 1
        return np.packbits(planes.astype(np.uint8)).tobytes()

    def unpack(self, index: int, payload: bytes) -> np.ndarray[Any, Any]:
        """The inverse; an index that bit errors moved out of its codebook becomes the last one there."""
        count = self.codebooks * self.bits
        if len(payload) != -(-count // 8):
            raise ValueError(f"the payload of frame {index} has {len(payload)} bytes, {-(-count // 8)} were due")
        planes = np.unpackbits(np.frombuffer(payload, np.uint8))[:count].reshape(-1, self.bits).astype(np.int64)
        return np.minimum(planes @ (1 << np.arange(self.bits - 1, -1, -1)), self.size - 1)

    def silence(self) -> np.ndarray[Any, Any]:
        """The token of encoded silence, [codebooks]."""
        if self._silence is None:
            quiet = np.zeros(LULL * self.hop, np.float32)
            sender = self.encoder()
            payloads = sender.push(quiet) + sender.flush()
            self._silence = self.unpack(LULL // 2, payloads[LULL // 2])
        return self._silence


class _Sender:
    """Signal in, payloads out: frame by frame, or all at the end."""

    def __init__(self, codec: Tokens) -> None:
        self.codec, self.rest, self.begun = codec, np.empty(0, np.float32), False
        self.step = codec.encode() if codec.streaming else None

    def push(self, signal: np.ndarray[Any, Any]) -> list[bytes]:
        self.begun = self.begun or len(signal) > 0
        self.rest = np.concatenate([self.rest, signal])
        if self.step is None:
            return []
        whole = len(self.rest) // self.codec.hop * self.codec.hop
        frames, self.rest = self.rest[:whole].reshape(-1, self.codec.hop), self.rest[whole:]
        return [self.codec.pack(self.codec.indices([self.step(frame)], 1)) for frame in frames]

    def flush(self) -> list[bytes]:
        """The rest, and as much silence as the delay needs for the output to cover the input."""
        if not self.begun:
            return []
        codec = self.codec
        late = max(-(-codec.delay * codec.rate // codec.rate_out), 0)
        silence = np.zeros(late + -(len(self.rest) + late) % codec.hop, np.float32)
        if self.step is not None:
            return self.push(silence)
        signal = np.concatenate([self.rest, silence])
        _seed()
        return [codec.pack(one) for one in codec.indices(codec.encode(signal), len(signal) // codec.hop)]


class _Receiver:
    """Slots in, samples out: frame by frame, or all at the end."""

    def __init__(self, codec: Tokens, concealment: str) -> None:
        self.codec, self.concealment = codec, concealment
        self.last: np.ndarray[Any, Any] | None = None
        self.tokens: list[np.ndarray[Any, Any]] = []
        self.lost: list[bool] = []
        self.step = codec.decode() if codec.streaming else None

    def push(self, slots: Sequence[tuple[int, bytes | None, list[bytes | None]]]) -> np.ndarray[Any, Any]:
        for index, payload, _ in slots:
            self.tokens.append(self.token(index, payload))
            self.lost.append(payload is None)
        return self.played() if self.step is not None else np.empty(0, np.float32)

    def flush(self) -> np.ndarray[Any, Any]:
        return self.played()

    def token(self, index: int, payload: bytes | None) -> np.ndarray[Any, Any]:
        """What to decode for a slot: what came, what is known, or silence."""
        if payload:
            self.last = self.codec.unpack(index, payload)
            return self.last
        known = payload is None and self.concealment != "silence"
        return self.last if known and self.last is not None else self.codec.silence()

    def played(self) -> np.ndarray[Any, Any]:
        """The output of all tokens that wait."""
        tokens, lost, hop = self.tokens, np.array(self.lost, bool), self.codec.hop_out
        self.tokens, self.lost = [], []
        if not tokens:
            return np.empty(0, np.float32)
        if self.step is not None:
            output = np.concatenate([self.cut(self.step(one), hop) for one in tokens])
        else:
            _seed()
            output = self.cut(self.codec.decode(np.stack(tokens)), len(tokens) * hop)
        return np.where(np.repeat(lost, hop) & (self.concealment == "mute"), np.float32(0), output)

    def cut(self, output: Any, due: int) -> np.ndarray[Any, Any]:
        """The `due` samples at the beginning of what a decoder made."""
        samples = samples_of(output)
        if len(samples) < due:
            raise ValueError(f"decoded to {len(samples)} samples, {due} were due")
        return samples[:due]


def _seed() -> None:
    """Start all random generators anew: a decoder that draws is to give the same for the same."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (the generator that codecs use)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


class Server:
    """A codec, made at the first request, and its sessions by number."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self.codec: Any = None
        self.sessions: dict[int, Any] = {}

    def answer(self, request: Mapping[str, Any], body: bytes) -> bytes:
        """The answer to any request, if only what went wrong."""
        number = request.get("number")
        try:
            header, content = self.act(request, body)
        except (Unavailable, ImportError) as error:
            return message({"number": number, "error": str(error), "unavailable": True})
        except Exception as error:
            traceback.print_exc()
            return message({"number": number, "error": f"{type(error).__name__}: {error}"})
        return message({**header, "number": number}, content)

    def act(self, request: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Do what is asked."""
        if self.codec is None:
            self.codec = self.make()
        what = request["do"]
        if what == "describe":
            return {"protocol": PROTOCOL, "info": self.codec.describe()}, b""
        if what == "open":
            receiving = request["side"] == "decoder"
            session = self.codec.decoder(request["concealment"]) if receiving else self.codec.encoder()
            self.sessions[request["session"]] = session
            return {}, b""
        if what == "close":
            for number in request["sessions"]:
                self.sessions.pop(number, None)
            return {}, b""
        if request["session"] not in self.sessions:
            raise ValueError(f"session {request['session']} is not open")
        if what == "flush":
            return _shipped(self.sessions.pop(request["session"]).flush())
        session = self.sessions[request["session"]]
        slots = request.get("slots")
        return _shipped(session.push(np.frombuffer(body, "<f4") if slots is None else list(_slots(slots, body))))


def _shipped(output: Any) -> tuple[dict[str, Any], bytes]:
    """Payloads or samples as a header and a body."""
    if isinstance(output, list):
        return {"sizes": [len(payload) for payload in output]}, b"".join(output)
    return {}, samples_of(output).tobytes()


def _slots(described: Sequence[Any], body: bytes) -> Iterator[tuple[int, bytes | None, list[bytes | None]]]:
    """Slots (index, payload or None, the payloads that follow it) from their sizes and one body."""
    at = 0
    for index, *sizes in described:
        payloads: list[bytes | None] = []
        for size in sizes:
            payloads.append(None if size is None else body[at : at + size])
            at += size or 0
        yield index, payloads[0], payloads[1:]


def _requests(stream: Any, waiting: queue.Queue[tuple[dict[str, Any], bytes]]) -> None:
    """Read requests for ever; when there is nobody to answer any more, end, whatever else is going on here."""
    try:
        while True:
            header, body = LENGTHS.unpack(_exactly(stream, LENGTHS.size))
            waiting.put((json.loads(_exactly(stream, header)), _exactly(stream, body)))
    except EOFError:
        os._exit(0)


def _exactly(stream: Any, size: int) -> bytes:
    data: bytes = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def serve(make: Callable[[], Any]) -> None:
    """Answer requests from standard input, for the codec that `make` returns, until it closes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    waiting: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()
    threading.Thread(target=_requests, args=(sys.stdin.buffer, waiting), daemon=True).start()
    server = Server(make)
    while True:
        answers.write(server.answer(*waiting.get()))
        answers.flush()


def parsed(words: Sequence[str]) -> dict[str, Any]:
    """Parameters from ``name=value``: numbers, true, false and null as JSON has them, all else as text."""
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def codec_of(script: str, parameters: Mapping[str, Any]) -> Any:
    """What ``make(**parameters)`` of a file returns; its own checksum and Python's version join the identity."""
    spec = importlib.util.spec_from_file_location("codec_of_its_own", script)
    if spec is None or spec.loader is None:
        raise Unavailable(f"there is no Python file {script}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    codec = module.make(**parameters)
    ours = {"python": platform.python_version(), "numpy": np.__version__, "script": checksum(__file__, script)}
    if isinstance(codec, Tokens):
        codec.identity = {**ours, **codec.identity}
    else:
        told = codec.describe()
        codec.describe = lambda: {**told, "identity": {**ours, **told.get("identity", {})}}
    return codec


if __name__ == "__main__":
    sys.modules["worker"] = sys.modules["__main__"]  # for `from worker import Tokens` of the script
    del sys.path[0]  # this folder: what lies beside this file must not hide the codec's modules
    serve(lambda: codec_of(sys.argv[1], parsed(sys.argv[2:])))
