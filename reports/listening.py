"""A blind listening test of the sounds of a run: one HTML page that works offline, and its key.

MUSHRA follows Recommendation ITU-R BS.1534-3 (10/2015): reference, hidden reference, low-passes at 3.5 and 7 kHz as
anchors, one trial for an utterance under a condition. ABX has two sounds and one of them again. All sounds of a trial
have one rate, one length and one active speech level (`reports.loudness`), so that none of these gives a sound away.
"""

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmark.acoustics.band import Band
from benchmark.align import resample
from benchmark.audio import read
from benchmark.listening import SCHEMA, Kind
from benchmark.registry import nearest
from benchmark.seeds import generator
from benchmark.store import write_atomically
from benchmark.types import Heard, NotMeasured, Signal, UserError
from reports.audio import codec_of, condition_of, index
from reports.html import environment
from reports.loudness import applied, gains
from reports.summary import Run, load

REFERENCE = "reference"  # what the sounds that were never coded are called
ANCHORS = (3500.0, 7000.0)  # Hz; those that cut anything off
MOST = 12  # sounds in a trial, which BS.1534 advises not to exceed
LARGE = 200_000_000  # bytes of a page; browsers struggle with more
PAGE, LOCKED = "listening.html", ".key.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page is made of.

    Attributes:
        kind: ``mushra`` or ``abx``.
        utterances: at most as many under each condition.
        conditions: titles; empty for all that were saved.
        codecs: labels; empty for all that were saved.
        against: of ABX: the other sound of every pair.
        trials: of ABX: for each pair and condition.
        seed: decides which utterances, and all opaque names.
    """

    kind: Kind = "mushra"
    utterances: int = 8
    conditions: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    against: str = REFERENCE
    trials: int = 10
    seed: int = 0


class Made(NamedTuple):
    """What was written, and how much of it there is."""

    page: Path
    key: Path
    trials: int
    sounds: int
    seconds: float
    size: int


class Scene(NamedTuple):
    """What one utterance became under one condition: files by codec, the reference as `REFERENCE`."""

    utterance: str
    condition: str
    files: Mapping[str, Path]


class Sound(NamedTuple):
    """A sound of a trial, and what the key says of it."""

    signal: Signal
    rate: int
    role: str
    name: str


def write(folder: Path, output: Path | None, wanted: Wanted) -> Made:
    """Make the page of a run folder, and beside it NAME.key.json, which alone says what is what.

    Raises:
        UserError: when the run kept too little audio, or something was asked for that it does not have.
    """
    page = output or folder / PAGE
    scenes = chosen(saved(load(folder), folder), wanted)
    made = _choices(scenes, wanted) if wanted.kind == "abx" else _ratings(scenes, wanted)
    trials, hidden = zip(*made, strict=True)
    key = {"kind": wanted.kind, "seed": wanted.seed, "run": str(folder), "trials": hidden}
    sounds = [sound for trial in trials for sound in trial["sounds"].values()]
    digest = hashlib.sha256(json.dumps([key, sounds]).encode()).hexdigest()[:12]
    order = generator(wanted.seed, "listening", "order").permutation(len(trials))
    told = {"page": digest, "kind": wanted.kind, "trials": [trials[at] for at in order]}
    text = environment().get_template("listening.html").render(test=_embedded(told), kind=wanted.kind, looks={})
    if len(text) > LARGE:
        raise UserError(f"The page would have {len(text) / 1e6:.0f} MB; ask for fewer utterances or conditions.")
    locked = page.with_name(page.stem + LOCKED)
    _save(locked, json.dumps({"schema": SCHEMA, "page": digest, **key}, indent=1, ensure_ascii=False))
    _save(page, text)
    seconds = sum(trial["seconds"] for trial in trials)
    return Made(page, locked, len(trials), len(sounds), seconds, len(text))


def _embedded(told: Mapping[str, Any]) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(told).replace("<", "\\u003c")


def _save(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


# --- What there is ---


def saved(run: Run, folder: Path) -> list[Scene]:
    """All that was kept of a run, by utterance, condition and seed.

    Raises:
        UserError: when nothing was.
    """
    found: dict[tuple[str, str, int], dict[str, Path]] = {}
    for entry in index(folder):
        free = {**entry, "channel": "clean"}
        for kind, said in (("clean", free), ("degraded", entry)):
            place = (entry["utterance"], condition_of(run, said), entry["seed"])
            files = found.setdefault(place, {REFERENCE: folder / entry["reference"]})
            files[codec_of(run, entry)] = folder / entry[kind]
    if not found:
        raise UserError(f"{folder} kept no audio; run again with --save-audio all (or report, for one utterance).")
    return [Scene(utterance, condition, files) for (utterance, condition, _), files in found.items()]


def chosen(scenes: Sequence[Scene], wanted: Wanted) -> list[Scene]:
    """Those that were asked for and have all the codecs, `utterances` of each condition, in an order by the seed.

    Raises:
        UserError: when there are none, or a condition or codec is not among them.
    """
    conditions = list(dict.fromkeys(scene.condition for scene in scenes))
    for title in wanted.conditions:
        if title not in conditions:
            raise UserError(f"No audio was kept of condition {title!r}. {nearest(title, conditions)}")
    kept = [scene for scene in scenes if scene.condition in (wanted.conditions or conditions)]
    names = _codecs(kept, wanted)
    whole = [s._replace(files={name: s.files[name] for name in names}) for s in kept if s.files.keys() >= set(names)]
    if not whole:
        text = f"No utterance was kept for all of {', '.join(names[1:])}"
        raise UserError(f"{text}; run again with --save-audio all, or name fewer with --codec.")
    utterances = sorted({scene.utterance for scene in whole})
    places = generator(wanted.seed, "listening", "utterances").permutation(len(utterances))
    rank = dict(zip(utterances, places.tolist(), strict=True))
    whole.sort(key=lambda scene: (conditions.index(scene.condition), rank[scene.utterance]))
    return [scene for title in conditions for scene in _of(whole, title)[: wanted.utterances]]


def _codecs(scenes: Sequence[Scene], wanted: Wanted) -> list[str]:
    """What each scene has to have, the reference first: what was asked for, else what the fullest one has."""
    known = list(dict.fromkeys(name for scene in scenes for name in scene.files))
    for label in (*wanted.codecs, wanted.against):
        if label not in known:
            raise UserError(f"No audio was kept of codec {label!r}. {nearest(label, known)}")
    fullest = max((scene.files for scene in scenes), key=len)
    names = list(dict.fromkeys([REFERENCE, wanted.against, *(wanted.codecs or fullest)]))
    if not set(names) - {REFERENCE, wanted.against}:
        raise UserError(f"There is no codec to compare with {wanted.against}; name one with --codec.")
    return names


def _of(scenes: Sequence[Scene], condition: str) -> list[Scene]:
    return [scene for scene in scenes if scene.condition == condition]


# --- Trials ---


Trial = tuple[dict[str, Any], dict[str, Any]]  # what the page is told, what the key says


def _ratings(scenes: Sequence[Scene], wanted: Wanted) -> Iterator[Trial]:
    for number, scene in enumerate(scenes):
        sounds = [_sound(scene, name) for name in scene.files]
        sounds += list(anchors(sounds[0]))
        if len(sounds) > MOST:
            text = f"{len(sounds)} sounds in a trial, of {MOST} at most that BS.1534 advises; choose by --codec"
            raise UserError(f"{text}: {', '.join(name for name in scene.files if name != REFERENCE)}.")
        names = _names(wanted, number, len(sounds) + 2)
        alike = equal(sounds)
        clips = [encoded(*sound) for sound in alike]
        items = {name: {"role": sound.role, "name": sound.name} for name, sound in zip(names[2:], sounds, strict=True)}
        page = {
            "id": names[0],
            "open": names[1],
            "items": sorted(names[2:]),  # by their random names
            "sounds": {names[1]: clips[0], **dict(sorted(zip(names[2:], clips, strict=True)))},
            "seconds": len(alike[0][0]) / alike[0][1],
        }
        yield page, {"id": names[0], "utterance": scene.utterance, "condition": scene.condition, "items": items}


def _choices(scenes: Sequence[Scene], wanted: Wanted) -> Iterator[Trial]:
    number = 0
    for condition in dict.fromkeys(scene.condition for scene in scenes):
        there = _of(scenes, condition)
        for name in (name for name in there[0].files if name not in (wanted.against, REFERENCE)):
            for turn in range(wanted.trials):
                scene = there[turn % len(there)]
                yield _choice(scene, wanted, name, number)
                number += 1


def _choice(scene: Scene, wanted: Wanted, name: str, number: int) -> Trial:
    pair = [_sound(scene, wanted.against), _sound(scene, name)]
    names = _names(wanted, number, 4)
    alike = equal(pair)
    clips = dict(sorted(zip(names[2:], (encoded(*sound) for sound in alike), strict=True)))
    item = {"role": "pair", "name": name, "against": wanted.against}
    page = {"id": names[0], "items": [names[1]], "sounds": clips, "seconds": len(alike[0][0]) / alike[0][1]}
    hidden = {"id": names[0], "utterance": scene.utterance, "condition": scene.condition, "items": {names[1]: item}}
    return page, hidden


def _names(wanted: Wanted, trial: int, count: int) -> list[str]:
    """Opaque names; of 48 random bits, so that no two are the same."""
    random = generator(wanted.seed, "listening", "names", str(trial))
    return [random.bytes(6).hex() for _ in range(count)]


def _sound(scene: Scene, name: str) -> Sound:
    try:
        signal, rate, _ = read(scene.files[name])
    except NotMeasured as error:
        raise UserError(f"{scene.files[name]} cannot be used: {error.reason}.") from error
    return Sound(signal, rate, REFERENCE if name == REFERENCE else "codec", name)


def anchors(reference: Sound) -> Iterator[Sound]:
    """The reference through the low-passes that take something away from it."""
    for corner in ANCHORS:
        band = Band(kind="low_pass", cutoff=corner)
        heard = Heard(reference.signal, reference.signal)
        try:
            passed = band.apply(heard, reference.rate, generator(0, "listening", "anchor")).signal
        except NotMeasured:
            continue  # sampled at too low a rate to have anything there
        yield Sound(passed, reference.rate, "anchor", band.title)


def equal(sounds: Sequence[Sound]) -> list[tuple[Signal, int]]:
    """The sounds at their highest rate, as long and as loud as the first."""
    rate = max(sound.rate for sound in sounds)
    signals = [resample(sound.signal, sound.rate, rate) for sound in sounds]
    long = [np.pad(signal, (0, max(0, len(signals[0]) - len(signal))))[: len(signals[0])] for signal in signals]
    loud = gains([(signal, rate) for signal in long])
    return [(applied(signal, gain), rate) for signal, gain in zip(long, loud, strict=True)]


def encoded(signal: Signal, rate: int) -> str:
    """A 16-bit FLAC file in base64."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.clip(signal, -1, 1), rate, subtype="PCM_16", format="FLAC")
    return base64.b64encode(out.getvalue()).decode()
