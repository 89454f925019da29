"""What the report plays: examples by utterance, with log-spectrograms and marks where frames were lost.

A spectrogram is |STFT|^2 in dB (Hann window of 20 ms, so that bins are 50 Hz apart and 8 kHz take 160 rows),
on one scale for a reference and all that is decoded from it.
"""

import base64
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.types import Floats, Signal, UserError
from reports.conditions import PLACE
from reports.summary import AXES, Run, decimals, number, pretty
from reports.words import amid

COLUMNS, ROWS = 600, 160  # pixels
WINDOW = 50  # windows a second: 20 ms, 50 Hz
RANGE = 70.0  # dB shown below the loudest point of the reference
SHADES = 48  # of the picture; fewer make a smaller file
EMBEDDED = 9_000_000  # bytes of audio in one report; base64 makes 12 MB of it
SLIVER = 1.5  # pixels: the narrowest mark that is seen


@dataclass(frozen=True, slots=True)
class Clip:
    """One player: its sound, its picture and its marks.

    Attributes:
        source: a data URI; empty when `same` names the player that holds it, or when `missing` says why not.
        identity: the HTML id of the player.
        same: the id of an earlier player with the same sound.
        missing: why there is nothing to play; empty when there is.
        picture: a PNG as a data URI.
        seconds: duration.
        lost: SVG path over COLUMNS x 1 of the spans lost; `late` likewise.
    """

    source: str = ""
    identity: str = ""
    same: str = ""
    missing: str = ""
    picture: str = ""
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


@dataclass(slots=True)
class Group:
    """One utterance, played once, and what the codecs made of it."""

    utterance: str
    speaker: str
    transcript: str
    why: str
    reference: Clip
    examples: list[Example] = field(default_factory=list)


@dataclass
class _Shelf:
    """Each distinct file is embedded once, as long as there is room."""

    folder: Path
    room: int
    players: dict[str, str] = field(default_factory=dict)
    signals: dict[str, tuple[Signal, int]] = field(default_factory=dict)
    count: int = 0

    def clip(
        self,
        name: str,
        top: float,
        lost: Iterable[Sequence[float]] = (),
        late: Iterable[Sequence[float]] = (),
    ) -> Clip:
        """The player of the file `name`, its picture scaled to `top` dB."""
        file = self.folder / name
        if not file.is_file():
            return Clip(missing=f"{name} is not in the run folder.")
        signal, rate = self.signal(name)
        seconds = len(signal) / rate
        self.count += 1
        source, same, missing = self._source(name, file)
        return Clip(
            source=source,
            identity=f"clip{self.count}",
            same=same,
            missing=missing,
            picture=picture(signal, rate, top),
            seconds=seconds,
            lost=marks(lost, seconds),
            late=marks(late, seconds),
        )

    def _source(self, name: str, file: Path) -> tuple[str, str, str]:
        data = file.read_bytes()
        content = hashlib.sha256(data).hexdigest()  # a transparent codec's output may be the reference itself
        if content in self.players:
            return "", self.players[content], ""
        if len(data) > self.room:
            return "", "", f"Left out to keep this page small; it is {name} in the run folder."
        self.room -= len(data)
        self.players[content] = f"clip{self.count}"
        return _uri("audio/flac", data), "", ""

    def signal(self, name: str) -> tuple[Signal, int]:
        """Samples and rate of a file; stereo would be its first channel."""
        import soundfile

        if name not in self.signals:
            samples, rate = soundfile.read(self.folder / name, dtype="float32", always_2d=True)
            self.signals[name] = samples[:, 0], rate
        return self.signals[name]


def groups(run: Run) -> list[Group]:
    """The examples of `audio/index.json` by utterance, chosen ones first; empty when none were saved.

    Raises:
        UserError: when the index cannot be read.
    """
    path = run.folder / "audio" / "index.json"
    if not path.is_file():
        return []
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    shelf, found = _Shelf(run.folder, EMBEDDED), dict[tuple[str, str], Group]()
    for entry in sorted(entries, key=lambda e: e["why"] != "chosen"):
        top = _top(shelf, entry["reference"])
        place = (entry["why"], entry["utterance"])
        if place not in found:
            reference = shelf.clip(entry["reference"], top)
            found[place] = Group(entry["utterance"], entry["speaker"], entry["transcript"], entry["why"], reference)
        found[place].examples.append(_example(run, shelf, entry, top))
    return list(found.values())


def _example(run: Run, shelf: _Shelf, entry: Mapping[str, Any], top: float) -> Example:
    lost, late = entry["lost"], entry["late"]
    place = tuple(entry.get(column, "") for column in AXES)
    return Example(
        codec=run.labels.get(place, entry["codec"]),  # runs of older versions have neither of the other two
        condition=_condition(run, entry),
        key=entry["key"][:12],
        heard=shelf.clip(entry["heard"], top) if entry.get("heard") else None,
        clean=shelf.clip(entry["clean"], top),
        lossless=entry["channel"] == "clean",  # then there is nothing to compare it with
        degraded=shelf.clip(entry["degraded"], top, lost, late),
        marked=_in_words(lost, late),
        values=tuple(_values(entry["clean_values"], entry["values"])),
    )


def _condition(run: Run, entry: Mapping[str, Any]) -> str:
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


def _top(shelf: _Shelf, name: str) -> float:
    """The loudest point of a reference, dB; 0 without one."""
    if not (shelf.folder / name).is_file():
        return 0.0
    loudest = float(spectrogram(*shelf.signal(name)).max())
    return loudest if np.isfinite(loudest) else 0.0


def picture(signal: Signal, rate: int, top: float) -> str:
    """The log-spectrogram as a PNG data URI; `top` dB is the brightest shade."""
    from PIL import Image

    share = np.clip((spectrogram(signal, rate) - top) / RANGE + 1, 0, 1)
    image = Image.fromarray((share * (SHADES - 1)).round().astype(np.uint8))
    image.putpalette(_shades())
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True, bits=6)
    return _uri("image/png", out.getvalue())


def _shades() -> list[int]:
    from matplotlib import colormaps

    colours: npt.NDArray[np.uint8] = colormaps["viridis"](np.linspace(0, 1, SHADES), bytes=True)
    return [int(v) for v in colours[:, :3].ravel()]


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
