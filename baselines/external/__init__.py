"""A codec that lives in an environment or container of its own, behind standard input and output (docs/external.md).

Longer than an adapter should be, as nothing that comes back is trusted: facts, payloads and samples are all checked.
"""

import shlex
import sys
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from baselines._framed import require
from baselines.external.process import Process
from baselines.external.worker import PROTOCOL
from benchmark.types import Card, CodecInfo, Decoder, Encoder, Signal, Slot, UserError

CARD = Card(
    family="any",
    rates="as the codec says; the example: 96 kbit/s",
    source="docs/external.md; the example is ours",
    code="as the codec's; the example: Apache-2.0",
    caveat="without a command it is an example, 6-bit mu-law tokens, which shows the protocol and no codec",
)
HERE = Path(__file__).parent
WORKER, TEMPLATES = HERE / "worker.py", HERE / "templates"
SECONDS = range(1, 3601)
FACTS = {field.name for field in fields(CodecInfo)}


class External:
    """A codec behind a command; its process starts when it is first needed, and again after it died.

    Args:
        command: the program and its arguments, as a shell would read them; "": an example.
        seconds: for one answer, the first one including the start and the loading of a model.
        title: for messages.
    """

    def __init__(self, command: str = "", seconds: int = 120, title: str = "external") -> None:
        require(f"{title}: seconds", seconds, SECONDS)
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UserError(f"{title}: command={command!r} cannot be read as a shell would: {error}.") from error
        example = [sys.executable, str(WORKER), str(TEMPLATES / "example.py")]
        self.process = Process(title, words or example, seconds)
        self.numbers = count()
        self.dropped: list[int] = []  # sessions that nobody holds any more, for the process to forget
        weakref.finalize(self, self.process.close)

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """What it says of itself.

        Raises:
            NotMeasured: ``codec_failed`` when that is nothing, or of another protocol.
            Unavailable: when it lacks something.
        """
        header, _ = self.process.call("describe")
        info, protocol = header.get("info"), header.get("protocol")
        if protocol != PROTOCOL or not isinstance(info, dict):
            raise self.process.failure(
                f"describe: it speaks protocol {protocol!r:.40}, not {PROTOCOL}, or says no info"
            )
        return info

    @cached_property
    def info(self) -> CodecInfo:
        """The facts."""
        told = {name: value for name, value in self.description.items() if name != "cost"}
        if unknown := told.keys() - FACTS:
            raise self.process.failure(f"describe: it states {min(unknown)!r}, which is no fact of a codec")
        if isinstance(told.get("layers"), list):
            told["layers"] = tuple(told["layers"])
        try:
            info = CodecInfo(**told)
        except TypeError as error:
            raise self.process.failure(f"describe: {str(error).partition(' ')[2]}") from error
        if not info.identity:  # results would outlive a change of the codec
            raise self.process.failure("describe: it states no identity: versions, and checksums of weights")
        return info

    def cost(self) -> dict[str, Any]:
        """What it says of its parameters, operations and state."""
        told = self.description.get("cost", {})
        return dict(told) if isinstance(told, dict) else {"parameters": told}

    def encoder(self) -> Encoder:
        """A sending session."""
        return ExternalEncoder(self, "encoder", "")

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session; `concealment` is one of `info.concealments`, ``""`` its first, or its only way."""
        require(f"{self.process.title}: concealment", concealment, ("", *self.info.concealments))
        return ExternalDecoder(self, "decoder", concealment)


class _Session:
    """A session by its number in the process; one that outlives the process is over."""

    def __init__(self, codec: External, side: str, concealment: str) -> None:
        self.codec, self.process, self.number = codec, codec.process, next(codec.numbers)
        self.info = codec.info
        if codec.dropped:
            numbers, codec.dropped[:] = codec.dropped[:], []
            self.process.call("close", sessions=numbers)
        self.process.call("open", session=self.number, side=side, concealment=concealment)
        self.generation = self.process.generation
        weakref.finalize(self, codec.dropped.append, self.number)

    def ask(self, do: str, body: bytes = b"", **details: Any) -> tuple[Mapping[str, Any], bytes]:
        """See `Process.call`."""
        if self.process.generation != self.generation:
            raise self.process.failure(f"{do}: its process ended within this session")
        return self.process.call(do, body, session=self.number, **details)


class ExternalEncoder(_Session):
    """A sending session over there."""

    def push(self, signal: Signal) -> list[bytes]:
        return self.payloads(*self.ask("push", np.asarray(signal, "<f4").tobytes()))

    def flush(self) -> list[bytes]:
        return self.payloads(*self.ask("flush"))

    def payloads(self, header: Mapping[str, Any], body: bytes) -> list[bytes]:
        """The payloads of an answer, by their sizes."""
        sizes = header.get("sizes")
        proper = isinstance(sizes, list) and all(type(size) is int and size >= 0 for size in sizes)
        if not proper or sum(sizes) != len(body):  # type: ignore[arg-type]  # `proper` says that it is a list
            raise self.process.failure(f"the encoder returned {len(body)} bytes as payloads of sizes {sizes!r:.60}")
        ends = np.cumsum([0, *sizes]).tolist()  # type: ignore[misc]  # as above
        return [body[start:end] for start, end in pairwise(ends)]


class ExternalDecoder(_Session):
    """A receiving session over there, whose samples are counted."""

    slots = samples = 0

    def push(self, slots: Sequence[Slot]) -> Signal:
        rows = [(slot.payload, *slot.ahead) for slot in slots]
        described = [
            [slot.index, *(None if one is None else len(one) for one in row)]
            for slot, row in zip(slots, rows, strict=True)
        ]
        self.slots += len(slots)
        body = b"".join(one for row in rows for one in row if one is not None)
        return self.signal(*self.ask("push", body, slots=described))

    def flush(self) -> Signal:
        signal = self.signal(*self.ask("flush"))
        due = self.slots * self.info.frame * self.info.rate_out // self.info.rate_in
        if self.samples < due:
            text = f"the decoder returned {self.samples} samples for {self.slots} frames, {due} were due"
            raise self.process.failure(text)
        return signal

    def signal(self, header: Mapping[str, Any], body: bytes) -> Signal:
        """The samples of an answer."""
        if len(body) % 4:
            raise self.process.failure(f"the decoder returned {len(body)} bytes, which are no whole samples of 4 bytes")
        signal = np.frombuffer(body, "<f4").astype(np.float32)
        if not np.isfinite(signal).all():
            bad = self.samples + int(np.argmin(np.isfinite(signal)))
            raise self.process.failure(f"the decoder returned NaN or infinity, first at sample {bad}")
        self.samples += len(signal)
        return signal


def make(command: str = "", seconds: int = 120) -> External:
    """The codec behind `command`, each of whose answers may take so many seconds."""
    return External(command, seconds)
