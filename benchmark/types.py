"""The words the suite speaks: frames, packets, slots, rows. Imports numpy and the standard library only.

Shapes and units, everywhere: a Signal is mono float32, shape (n,), full scale [-1, 1]; rates are Hz,
sizes bytes, times seconds, except in the channel and the playout buffer, where a time is an integer
number of nanoseconds (float division misplaces losses). A payload of ``b""`` means "nothing to send"
(discontinuous transmission) and is never a loss; a payload of ``None`` means "not here in time".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Signal: TypeAlias = npt.NDArray[np.float32]
Floats: TypeAlias = npt.NDArray[np.float64]
Nanoseconds: TypeAlias = npt.NDArray[np.int64]
Booleans: TypeAlias = npt.NDArray[np.bool_]
Scalar: TypeAlias = str | int | float | bool | None
Mode: TypeAlias = Literal["streaming", "offline"]
Trust: TypeAlias = Literal["yes", "care", "no"]
Description: TypeAlias = Any  # of a listener: None, numbers, text, arrays, lists and dicts (by text) of these
Status: TypeAlias = Literal[
    "ok",
    "not_applicable",
    "too_short",
    "no_speech",
    "input_failed",
    "metric_failed",
    "codec_failed",
    "skipped",
]

SECOND = 1_000_000_000  # nanoseconds
LOST = np.iinfo(np.int64).max  # the delay, in nanoseconds, of a packet that never arrives


class UserError(Exception):
    """Something the user can mend before any work: printed on one line, exit code 2."""


class Unavailable(Exception):
    """A component lacks something here (weights, a library); the text says how to get it. Rows say ``skipped``."""


class NotMeasured(Exception):
    """A metric or a codec has no honest value for this input; becomes a row with this status."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(status, reason)
        self.status: Status = status
        self.reason = reason


class Ratio(NamedTuple):
    """A value by its parts, which are pooled as sum over sum."""

    numerator: float
    denominator: float


Result: TypeAlias = float | Ratio | NotMeasured


@dataclass(frozen=True, slots=True)
class Spec:
    """A component by name and parameters: ``Spec("opus", {"bitrate": 16000})``."""

    name: str
    params: Mapping[str, Scalar] = field(default_factory=dict)

    def __str__(self) -> str:
        """The canonical text, which `benchmark.registry.parse` reads back."""
        args = ",".join(f"{k}={_yaml(v)}" for k, v in sorted(self.params.items()))
        return f"{self.name}:{args}" if args else self.name


def _yaml(value: Scalar) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line of a data manifest; `labels` are its further columns."""

    id: str
    path: Path
    speaker: str = ""
    sha256: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """What an encoder makes of `duration` ns of input from `start`: real bytes, and how many bits of them count.

    `ready` is the instant, in ns of media time, at which it can be sent: the end of its group, and the look-ahead.
    Frames of one group share it. `layers` are those of `CodecInfo`. A frame that travels in two packets has its
    first bits in a part that is ``coarse``, and the others in the ``rest``.
    """

    index: int
    payload: bytes
    bits: int
    start: int
    duration: int
    ready: int
    layers: tuple[int, ...] = ()
    part: Literal["whole", "coarse", "rest"] = "whole"


@dataclass(frozen=True, slots=True)
class Packet:
    """What travels from the instant `sent` on, in ns of media time; `redundant` are copies of frames sent before.

    A packet that `covers` others, by their numbers, is their exclusive or, of `parity_bytes`: it stands in for any
    one of them.
    """

    seq: int
    sent: int
    frames: tuple[Frame, ...]
    redundant: tuple[Frame, ...] = ()
    header_bytes: int = 0
    covers: tuple[int, ...] = ()
    parity_bytes: int = 0

    @property
    def redundant_bytes(self) -> int:
        """Bytes of copies and of parity, without headers."""
        return sum(len(f.payload) for f in self.redundant) + self.parity_bytes

    @property
    def payload_bytes(self) -> int:
        """Bytes of all frames, redundant ones included, without headers."""
        return sum(len(f.payload) for f in self.frames) + self.redundant_bytes


@dataclass(frozen=True, slots=True)
class Slot:
    """What the playout buffer hands to the decoder when frame `index` is due.

    A payload may be the beginning of what was sent alone, one of `CodecInfo.layers` long, where the codec has any.
    `ahead` holds the payloads of the following frames as far as they are already buffered at that
    instant (None: not here yet), for decoders that recover a frame from a later packet.
    """

    index: int
    payload: bytes | None
    ahead: tuple[bytes | None, ...] = ()


@dataclass(frozen=True, slots=True)
class CodecInfo:
    """Facts a codec states about itself; `focalbench check codec` verifies them.

    Attributes:
        rate_in: sample rate of the encoder's input, Hz.
        rate_out: sample rate of the decoder's output, Hz.
        frame: input covered by one frame, samples at `rate_in`.
        delay: by how much the raw output trails the input, samples at `rate_out`; may be negative.
        lookahead: input needed beyond a frame's end before it can be sent, samples at `rate_in`.
        streaming: False when the encoder sees the whole utterance before it emits anything.
        frame_bits: exact bits of a frame before byte padding; None: 8 x payload bytes.
        identity: versions of libraries, SHA-256 of weights, precision: whatever changes the output. Where ``weights``
            begins with ``random``, the codec is untrained, and is marked wherever it appears.
        group: frames that are encoded, and decoded, together; the first of them waits for the last. Frame i is of
            group i // group.
        token_bits: bits of each of the indices that a payload is a row of; None: it is something else.
        codebooks: indices of one token, which lie side by side in a payload; 1 where a payload holds none.
        concealments: the loss strategies that `Codec.decoder` accepts, and for how many frames more each has to
            wait; the first is the default. Empty: the codec conceals in its own way. The playout buffer does the
            waiting (slots are due later, so that `Slot.ahead` shows more), never the decoder: its output has the
            same length and delay under every strategy.
        layers: bits of the beginnings of a payload that decode without the rest, as a coarser picture; the least
            first. Empty: a payload is whole or nothing.
        carries_speech: False for a floor, in whose output nothing of the input can be found, so that its delay
            cannot be measured.
    """

    rate_in: int
    rate_out: int
    frame: int
    delay: int = 0
    lookahead: int = 0
    streaming: bool = True
    frame_bits: int | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    group: int = 1
    token_bits: int | None = None
    concealments: Mapping[str, int] = field(default_factory=dict)
    codebooks: int = 1
    layers: tuple[int, ...] = ()
    carries_speech: bool = True

    @property
    def trained(self) -> bool:
        """False for a network with random weights."""
        return not self.identity.get("weights", "").startswith("random")


@dataclass(frozen=True, slots=True)
class Card:
    """What a reader should know of a codec, and no run can measure: the constant ``CARD`` of its module.

    Attributes:
        family: its kind, in a few words: ``CELP``, ``neural, residual codebooks``.
        rates: the bitrates that can be chosen, with their unit.
        source: the standard or paper, and where the code is from.
        code: licence of the code that runs here.
        weights: licence of its trained weights; empty: it has none.
        training: what these were trained on; empty: nothing, or not told.
        caveat: what restricts its use, or is disputed, in a sentence.
    """

    family: str
    rates: str
    source: str
    code: str
    weights: str = ""
    training: str = ""
    caveat: str = ""


class Encoder(Protocol):
    """One sending session: signal in, zero or more frames' payloads out, in order."""

    def push(self, signal: Signal) -> list[bytes]: ...
    def flush(self) -> list[bytes]: ...


class Decoder(Protocol):
    """One receiving session: slots in, zero or more samples out."""

    def push(self, slots: Sequence[Slot]) -> Signal: ...
    def flush(self) -> Signal: ...


class Codec(Protocol):
    """Fresh, independent sessions.

    Where `info.concealments` names loss strategies, ``decoder(name)`` takes one of them. Optional:
    ``carries_fec(payload) -> bool`` for in-band redundancy; ``fork_per_call = True`` where the library keeps
    state for the whole process; ``cost()``, which says its ``parameters``, ``macs_per_second`` and ``state_bytes`` as
    far as it knows them (what it computes in torch is counted beside that).
    """

    @property
    def info(self) -> CodecInfo: ...
    def encoder(self) -> Encoder: ...
    def decoder(self) -> Decoder: ...


class Fate(NamedTuple):
    """What the network did: a delay in ns per packet (`LOST` = never), and how often a replayed trace began anew.

    `base` is what every packet takes at least, ns; `delays` are above it.
    """

    delays: Nanoseconds
    wraps: int = 0
    base: int = 0


class Channel(Protocol):
    """The network: a function of *send time*, so every codec meets the same weather.

    `loss` and `burst_ratio` are what was asked, for curves of losses; None where it is no point on one. Optional:
    ``point`` for other curves (see `Point`), ``files`` as `Acoustics` has them, and
    ``corrupt(payloads, bits, generator) -> list[bytes]`` for what arrives, but not as it was sent.
    """

    @property
    def title(self) -> str: ...
    @property
    def loss(self) -> float | None: ...
    @property
    def burst_ratio(self) -> float | None: ...
    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate: ...


class Point(NamedTuple):
    """Where a condition lies on a curve: the curve's name, the unit of its x-axis, and x."""

    curve: str
    unit: str
    x: float


class Heard(NamedTuple):
    """What a codec gets to hear, shape (n,), the speech that is wanted of it, shape (n,), and facts.

    Where speech and noise were scaled jointly so was the speech alone; what else was done to it (a level, a room, a
    band) was not.
    """

    signal: Signal
    clean: Signal
    facts: Mapping[str, float] = MappingProxyType({})


class Acoustics(Protocol):
    """What happens to speech before it reaches the codec. `files` are the contents that decide it, for its identity.

    The same generator state gives the same noise at every level: it is drawn by utterance and kind, never by codec.
    """

    @property
    def title(self) -> str: ...
    @property
    def point(self) -> Point | None: ...
    @property
    def files(self) -> Sequence[Path]: ...
    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Of equal length, at `rate`.

        Raises:
            NotMeasured: ``no_speech``, ``too_short`` or ``not_applicable`` where this input makes no sense.
        """
        ...


class PlayoutBuffer(Protocol):
    """How long a receiver waits before it plays."""

    @property
    def title(self) -> str: ...
    @property
    def point(self) -> Point | None: ...
    def waits(self, sent: Nanoseconds, delays: Nanoseconds, earliest: Nanoseconds, talking: Booleans) -> Nanoseconds:
        """Per frame, ns to wait beyond `earliest`, such that ``earliest + waits`` never falls.

        Args:
            sent: when each packet left, ns of media time, in order.
            delays: what each took above the network's minimum, ns; `LOST` = never came.
            earliest: per frame, when it could be played if no packet were delayed, ns; never falls.
            talking: per frame, whether there is speech in it.
        """
        ...


class Protection(Protocol):
    """How frames become packets: who travels together, what is sent twice, and when."""

    @property
    def title(self) -> str:
        """A few words for a table; empty when nothing is protected."""
        ...

    def packets(self, frames: Sequence[Frame], group: int, header_bytes: int) -> list[Packet]:
        """Every planned packet, in order of sending; one without any payload keeps its number and is not sent.

        Args:
            frames: all of a stream, in order.
            group: `CodecInfo.group` of the codec that made them.
            header_bytes: what each packet pays for headers, whatever it carries.

        Raises:
            NotMeasured: ``not_applicable`` where its format cannot carry these frames.
        """
        ...


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether a value says how good speech is: where packets were lost, in noise, and from generative codecs.

    ``care``: it orders versions of one codec, or needs a second metric beside it; `why` says so in a sentence.
    """

    loss: Trust
    noise: Trust
    generative: Trust
    why: str


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """What a reader must know about one named value.

    `rate` is the sample rate the metric is defined at (None: the scoring rate, see `benchmark.align`).
    """

    unit: str
    better: Literal["higher", "lower", "neither"]
    source: str
    rate: int | None = None
    validity: Validity | None = None


class Metric(Protocol):
    """A pure function: aligned signals of equal length in, named values out.

    Where each value costs on its own, it may take a fourth argument `names`, the values that are asked. A value
    that cannot be had where others can is a `NotMeasured` in the place of its number.

    Raises:
        NotMeasured: when there is no honest value, with the status and the reason.
    """

    def __call__(self, reference: Signal, degraded: Signal, rate: int) -> Mapping[str, Result]: ...


class Known(NamedTuple):
    """What a listener may compare an output with: what it said of other signals, and the utterance's labels.

    Attributes:
        reference: what it said of the reference.
        same: of another utterance by the same speaker, never coded; None where there is none.
        other: of an utterance by another speaker, never coded; None where there is none.
        labels: of the utterance, as far as the metric's module names them in ``LABELS``.
        learned: what a `Learner` made of its training speech.
    """

    reference: "Description | NotMeasured | None" = None
    same: "Description | NotMeasured | None" = None
    other: "Description | NotMeasured | None" = None
    labels: Mapping[str, str] = {}
    learned: Description = None


class Listener(Protocol):
    """A metric that hears each signal on its own, as a model or a person does; what it says of them is compared.

    Its module says what it compares with: ``NEEDS``, of ``reference``, ``same`` and ``other``. What it says of these is
    asked once per run, and kept. Signals of equal rate but of any length come together; no value may depend on which.
    """

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> "Sequence[Description | NotMeasured]":
        """What it says of each signal, or why it says nothing; plain types and arrays."""
        ...

    def compare(self, degraded: "Description", known: Known) -> Mapping[str, Result]:
        """The named values of an output it said `degraded` of. Raises NotMeasured as a `Metric` does."""
        ...


class Learner(Listener, Protocol):
    """A listener that first learns, from uncoded speech whose classes are known; its ``NEEDS`` holds ``learned``."""

    def learn(self, described: "Sequence[Description]", classes: Sequence[str], seed: int) -> "Description":
        """What it knows then, of plain types and arrays: the same for the same arguments, on any machine.

        Args:
            described: what it said of each training utterance.
            classes: of each, such as ``anger``; at least two different ones, each at least twice.
            seed: of whatever is random in it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What a downstream task asks of speech: the constant ``TASK`` of its module in `tasks`.

    Attributes:
        title: its name in a few words, for a reader.
        needs: the column of a manifest that holds what is to be found out: ``label``, ``speaker``, ``transcript``.
        kind: whether that is one of some ``classes``, ``text``, or ``speech``, which this version only pairs.
        metric: the value of the module that papers print.
        apart: what training and test must not share; where it is utterances, they share the speakers.
        protocol: the name under which scores can be compared; it changes when they no longer can.
        source: who defined it so.
    """

    title: str
    needs: str
    kind: Literal["classes", "text", "speech"]
    metric: str
    apart: Literal["speakers", "utterances"]
    protocol: str
    source: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A value, or the reason why there is none; a ratio keeps its parts, so that it can be pooled."""

    name: str
    value: float | None
    status: Status = "ok"
    reason: str = ""
    numerator: float | None = None
    denominator: float | None = None

    @classmethod
    def ratio(cls, name: str, numerator: float, denominator: float) -> "Measured":
        """A value that keeps its parts, so that it can be pooled."""
        if denominator == 0:
            return cls(name, None, "not_applicable", "nothing was sent")
        return cls(name, numerator / denominator, "ok", "", float(numerator), float(denominator))
