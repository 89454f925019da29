"""What the report plays: examples by utterance, equally loud, with spectrograms and marks where frames were lost.

A spectrogram is |STFT|^2 in dB (Hann window of 20 ms, so that bins are 50 Hz apart and 8 kHz take 160 rows),
on one scale for a reference and all that is decoded from it. A difference is the output's less the reference's at the
same moment, both cut off below the scale, in blocks of 100 Hz. Sounds stay FLAC: what is judged is not coded again.
"""

import base64
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmark.types import Floats, Signal, UserError
from reports.conditions import PLACE
from reports.loudness import UNCHANGED, Gain, gains
from reports.summary import AXES, Run, decimals, number, pretty
from reports.words import amid

COLUMNS, ROWS = 600, 160  # pixels
WINDOW = 50  # windows a second: 20 ms, 50 Hz
RANGE = 70.0  # dB shown below the loudest point of the reference
SHADES = 48  # of the picture; fewer make a smaller file
DIFFERENT, TINTS = 24.0, 41  # dB that have the last tint of either colour; tints of both, the middle one is none
EMBEDDED = 9_000_000  # bytes of audio in one report; base64 makes 12 MB of it
PICTURED = 6_000_000  # bytes of pictures; base64 makes 8 MB of it
SLIVER = 1.5  # pixels: the narrowest mark that is seen


@dataclass(frozen=True, slots=True)
class Clip:
    """One player: its sound, its pictures and its marks.

    Attributes:
        source: a data URI; empty when `same` names the player that holds it, or when `missing` says why not.
        identity: the HTML id of the player.
        same: the id of an earlier player with the same sound.
        missing: why there is nothing to play; empty when there is.
        picture: a PNG as a data URI; empty where there was no room left.
        difference: the same of what is not as in the reference; empty for that itself.
        gain: what makes it as loud as the others of its group.
        seconds: duration.
        lost: SVG path over COLUMNS x 1 of the spans lost; `late` likewise.
    """

    source: str = ""
    identity: str = ""
    same: str = ""
    missing: str = ""
    picture: str = ""
    difference: str = ""
    gain: Gain = UNCHANGED
    seconds: float = 0.0
    lost: str = ""
    late: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A codec on one utterance under one condition: decoded without and with loss, from what it `heard`.

    None was heard but the reference itself.
    """

    codec: str
    condition: str
    key: str
    heard: Clip | None
    clean: Clip
    lossless: bool
    degraded: Clip
    marked: str
    values: tuple[tuple[str, str, str], ...]  # metric, loss-free, under loss


class Source(NamedTuple):
    """A button of a player: in which row it stands, what it says, what it plays, and of which example."""

    row: str
    label: str
    codec: str
    clip: Clip
    example: int


@dataclass(slots=True)
class Group:
    """One utterance, played once, and what the codecs made of it; for `left_out` groups behind it was no room."""

    utterance: str
    speaker: str
    transcript: str
    why: str
    reference: Clip
    examples: list[Example] = field(default_factory=list)
    left_out: int = 0

    @property
    def sources(self) -> list[Source]:
        """What can be switched between, in the order of the keys: the reference, then condition by condition.

        What sounds the same without loss, or before the codec, stands there once.
        """
        numbered = list(enumerate(self.examples))
        found = [Source("Not coded", "Reference", "", self.reference, 0)]
        for condition in dict.fromkeys(example.condition for example in self.examples):
            of = [(at, e) for at, e in numbered if e.condition == condition]
            found += [Source(condition, e.codec, e.codec, e.degraded, at) for at, e in of]
        known = {_sound(e.degraded) for e in self.examples if e.lossless}
        clean = [Source("Without loss", e.codec, e.codec, e.clean, at) for at, e in numbered]
        heard = [Source("Before the codec", e.codec, e.codec, e.heard or Clip(), at) for at, e in numbered]
        found += [source for row in (clean, heard) for source in _distinct(row) if _sound(source.clip) not in known]
        return [source for source in found if source.clip.identity and not source.clip.missing]

    @property
    def rows(self) -> dict[str, list[tuple[int, Source]]]:
        """The `sources` by row, numbered from 1."""
        rows: dict[str, list[tuple[int, Source]]] = {}
        for number_, source in enumerate(self.sources, start=1):
            rows.setdefault(source.row, []).append((number_, source))
        return rows


def _sound(clip: Clip) -> str:
    """The identity of the player that holds a clip's sound."""
    return clip.same or clip.identity


def _distinct(row: Iterable[Source]) -> list[Source]:
    """The first source of each sound: without loss, protection makes no difference."""
    return list({_sound(source.clip): source for source in reversed(list(row))}.values())[::-1]


@dataclass
class _Shelf:
    """Each distinct file is embedded once, as long as there is room; `signals` and `gains` are of one group."""

    folder: Path
    room: int
    wall: int
    players: dict[str, str] = field(default_factory=dict)
    signals: dict[str, tuple[Signal, int]] = field(default_factory=dict)
    gains: dict[str, Gain] = field(default_factory=dict)
    count: int = 0
    full: bool = False

    def open(self, names: Iterable[str]) -> None:
        """Read a group's files, the reference first; those that are there get their gains."""
        self.signals = {name: self._read(name) for name in names if (self.folder / name).is_file()}
        self.gains = dict(zip(self.signals, gains(list(self.signals.values())), strict=True))

    def clip(
        self,
        name: str,
        reference: str = "",
        lost: Iterable[Sequence[float]] = (),
        late: Iterable[Sequence[float]] = (),
    ) -> Clip:
        """The player of the file `name`, its picture on the scale of `reference` (default: itself)."""
        if name not in self.signals:
            return Clip(missing=f"{name} is not in the run folder.")
        signal, rate = self.signals[name]
        seconds = len(signal) / rate
        self.count += 1
        source, same, missing = self._source(name)
        shown, differs = self._pictures(name, reference)
        return Clip(
            source=source,
            identity=f"clip{self.count}",
            same=same,
            missing=missing,
            picture=shown,
            difference=differs,
            gain=self.gains[name],
            seconds=seconds,
            lost=marks(lost, seconds),
            late=marks(late, seconds),
        )

    def _source(self, name: str) -> tuple[str, str, str]:
        data = (self.folder / name).read_bytes()
        content = hashlib.sha256(data).hexdigest()  # a transparent codec's output may be the reference itself
        if content in self.players:
            return "", self.players[content], ""
        if len(data) > self.room:
            self.full = True
            return "", "", f"Left out to keep this page small; it is {name} in the run folder."
        self.room -= len(data)
        self.players[content] = f"clip{self.count}"
        return _uri("audio/flac", data), "", ""

    def _pictures(self, name: str, reference: str) -> tuple[str, str]:
        """Of a sound, and of what is not as in its reference; empty when the wall is full."""
        if self.full or self.wall <= 0:
            return "", ""
        original = self.signals.get(reference or name)
        top = loudest(*original) if original else 0.0
        shown = picture(*self.signals[name], top)
        differs = difference(self.signals[name], original, top) if reference and original else ""
        self.wall -= (len(shown) + len(differs)) * 3 // 4
        return shown, differs

    def _read(self, name: str) -> tuple[Signal, int]:
        """Samples and rate of a file; stereo would be its first channel."""
        import soundfile

        samples, rate = soundfile.read(self.folder / name, dtype="float32", always_2d=True)
        return samples[:, 0], rate


def groups(run: Run) -> list[Group]:
    """The examples of `audio/index.json` by utterance, chosen ones first; empty when none were saved.

    Once there is no room for a sound, no further group is opened.

    Raises:
        UserError: when the index cannot be read.
    """
    shelf, found = _Shelf(run.folder, EMBEDDED, PICTURED), list[Group]()
    together: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in sorted(index(run.folder), key=lambda e: str(e["why"]) != "chosen"):
        together.setdefault((entry["why"], entry["utterance"]), []).append(entry)
    for entries in together.values():
        if shelf.full:
            found[-1].left_out += 1
        else:
            found.append(_group(run, shelf, entries))
    return found


def index(folder: Path) -> list[dict[str, Any]]:
    """What `audio/index.json` of a run folder says of each example; empty when none were saved.

    Raises:
        UserError: when it cannot be read.
    """
    path = folder / "audio" / "index.json"
    if not path.is_file():
        return []
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    return entries


def _group(run: Run, shelf: _Shelf, entries: Sequence[Mapping[str, Any]]) -> Group:
    first = entries[0]
    kinds = ("degraded", "clean", "heard")
    shelf.open([first["reference"], *(entry[kind] for entry in entries for kind in kinds if entry.get(kind))])
    reference = shelf.clip(first["reference"])
    group = Group(first["utterance"], first["speaker"], first["transcript"], first["why"], reference)
    group.examples = [_example(run, shelf, entry) for entry in entries]
    return group


def _example(run: Run, shelf: _Shelf, entry: Mapping[str, Any]) -> Example:
    lost, late, reference = entry["lost"], entry["late"], entry["reference"]
    lossless = entry["channel"] == "clean"  # then there is nothing to compare it with
    return Example(
        codec=codec_of(run, entry),
        condition=condition_of(run, entry),
        key=entry["key"][:12],
        heard=shelf.clip(entry["heard"], reference) if entry.get("heard") else None,
        clean=Clip() if lossless else shelf.clip(entry["clean"], reference),
        lossless=lossless,
        degraded=shelf.clip(entry["degraded"], reference, lost, late),
        marked=_in_words(lost, late),
        values=tuple(_values(entry["clean_values"], entry["values"])),
    )


def codec_of(run: Run, entry: Mapping[str, Any]) -> str:
    """What the report calls an example's codec; indices of older versions know neither protection nor concealment."""
    place = tuple(entry.get(column, "") for column in AXES)
    return run.labels.get(place, str(entry["codec"]))


def condition_of(run: Run, entry: Mapping[str, Any]) -> str:
    """The title of an example's condition; indices of older versions know the channel alone."""
    known = [c for c in run.conditions if all(getattr(c, axis).text == entry.get(axis, "") for axis in PLACE)]
    known += [c for c in run.conditions if c.channel.text == entry["channel"]]
    return amid(known[0].title) if known else str(entry["channel"])


def _values(clean: Mapping[str, float | None], degraded: Mapping[str, float | None]) -> Iterable[tuple[str, str, str]]:
    for metric in dict.fromkeys([*clean, *degraded]):
        pair = clean.get(metric), degraded.get(metric)
        digits = decimals(pair)
        yield pretty(metric), number(pair[0], digits), number(pair[1], digits)


def _in_words(lost: Sequence[Sequence[float]], late: Sequence[Sequence[float]]) -> str:
    parts = []
    for spans, what in ((lost, "lost"), (late, "late")):
        if spans:
            milliseconds = 1000 * sum(end - start for start, end in spans)
            parts.append(f"{milliseconds:.0f} ms {what} in {len(spans)} place{'s' if len(spans) > 1 else ''}")
    return ", ".join(parts) or "nothing lost here"


def marks(spans: Iterable[Sequence[float]], seconds: float) -> str:
    """Spans in seconds as one SVG path of bars, COLUMNS wide and 1 high."""
    scale = COLUMNS / max(seconds, 1e-9)
    bars = ((start * scale, max((end - start) * scale, SLIVER)) for start, end in spans)
    return "".join(f"M{x:.1f} 0h{width:.1f}v1h{-width:.1f}z" for x, width in bars)


def spectrogram(signal: Signal, rate: int) -> Floats:
    """Power in dB, shape (ROWS, COLUMNS), 8 kHz first; what `rate` cannot carry is -inf."""
    length = max(rate // WINDOW, 2)
    padded = np.pad(signal.astype(np.float64), (length // 2, length))
    starts = np.linspace(0, max(len(signal) - 1, 0), COLUMNS).astype(np.int64)
    frames = padded[starts[:, None] + np.arange(length)] * np.hanning(length)
    power = np.abs(np.fft.rfft(frames, axis=1)[:, 1 : ROWS + 1]) ** 2 / length**2
    levels = np.full((ROWS, COLUMNS), -np.inf)
    with np.errstate(divide="ignore"):
        levels[ROWS - power.shape[1] :] = 10 * np.log10(power.T[::-1])
    return levels


def loudest(signal: Signal, rate: int) -> float:
    """The loudest point of a spectrogram, dB; 0 in silence."""
    level = float(spectrogram(signal, rate).max())
    return level if np.isfinite(level) else 0.0


def picture(signal: Signal, rate: int, top: float) -> str:
    """The log-spectrogram as a PNG data URI; `top` dB is the brightest shade."""
    share = np.clip((spectrogram(signal, rate) - top) / RANGE + 1, 0, 1)
    return _png((share * (SHADES - 1)).round().astype(np.uint8), "viridis", SHADES)


def differences(degraded: tuple[Signal, int], reference: tuple[Signal, int], top: float) -> Floats:
    """Output less reference in dB, shape (ROWS / 2, COLUMNS / 2), 8 kHz first, over the duration of the output.

    Args:
        degraded: samples, shape (n,), and their rate in Hz.
        reference: likewise; cut or continued by silence to the output's length.
        top: dB; what is more than `RANGE` below counts as `RANGE` below, in both.
    """
    (output, rate), (original, original_rate) = degraded, reference
    fitted = np.zeros(round(len(output) * original_rate / rate), np.float32)
    kept = min(len(fitted), len(original))
    fitted[:kept] = original[:kept]
    pair = ((output, rate), (fitted, original_rate))
    shown, against = (np.maximum(spectrogram(*sound), top - RANGE) for sound in pair)
    blocks = (shown - against).reshape(ROWS // 2, 2, COLUMNS // 2, 2)  # finer, they are of another phase, not sound
    means: Floats = blocks.mean(axis=(1, 3))
    return means


def difference(degraded: tuple[Signal, int], reference: tuple[Signal, int], top: float) -> str:
    """The `differences` as a PNG data URI: red where the output is louder, blue where it is softer."""
    share = np.clip(differences(degraded, reference, top) / (2 * DIFFERENT) + 0.5, 0, 1)
    return _png((share * (TINTS - 1)).round().astype(np.uint8), "RdBu_r", TINTS)


def _png(shades: npt.NDArray[np.uint8], palette: str, count: int) -> str:
    from matplotlib import colormaps
    from PIL import Image

    colours: npt.NDArray[np.uint8] = colormaps[palette](np.linspace(0, 1, count), bytes=True)
    image = Image.fromarray(shades)
    image.putpalette([int(v) for v in colours[:, :3].ravel()])
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True, bits=6)
    return _uri("image/png", out.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
