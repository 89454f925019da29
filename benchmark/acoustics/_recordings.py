"""Recordings to mix into speech: which there are, a stretch of one of them, and babble of many talkers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmark import audio
from benchmark.align import resample
from benchmark.level import active_level, active_samples
from benchmark.manifest import AUDIO, find, load, select
from benchmark.registry import nearest
from benchmark.types import Floats, NotMeasured, Signal, UserError, Utterance

FADE = 0.05  # s of cross-fade where a recording begins anew
KEPT = 32  # voices in memory: an utterance meets the same ones again at every level and before every codec


def candidates(path: str, split: str | None, label: str | None) -> tuple[Utterance, ...]:
    """One audio file, or those of a manifest with this split and label, found, in an order that the ids fix.

    Raises:
        UserError: when there are none, or a file is missing.
    """
    source = Path(path)
    if source.suffix.lower() in AUDIO:
        if split is not None or label is not None:
            raise UserError(
                f"noise: {source.name} is one file; split= and label= choose from a manifest, leave them out."
            )
        return (Utterance(source.stem, source),)
    dataset = select(load(path, source.parent), split, None)
    labels = {u.labels.get("label", "") for u in dataset.utterances}
    if label is not None and label not in labels:
        raise UserError(f"noise: {source} has no label {label!r} there. {nearest(label, labels)}")
    chosen = [u for u in dataset.utterances if label is None or u.labels.get("label", "") == label]
    return tuple(replace(u, path=find(str(u.path), dataset.folders, f"noise: the audio of {u.id!r}")) for u in chosen)


def recorded(files: Sequence[Utterance], samples: int, rate: int, generator: np.random.Generator) -> Floats:
    """A stretch of one of `files`, from a random instant on, without the recording's offset."""
    noise = _read(files[int(generator.integers(len(files)))].path, rate).astype(np.float64)
    return stretch(noise - noise.mean(), samples, rate, generator)


def babble(files: Sequence[Utterance], talkers: int, samples: int, rate: int, generator: np.random.Generator) -> Floats:
    """As many different speakers of `files` at once, equally loud, without their pauses."""
    voices = by_speaker(files)
    names = sorted(voices)
    chosen = generator.choice(len(names), talkers, replace=False)
    parts = [_talker(voices[names[index]], samples, rate, generator) for index in chosen]
    mixed: Floats = np.sum(parts, axis=0)
    return mixed


def by_speaker(files: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    """Each speaker's files."""
    voices: dict[str, list[Utterance]] = defaultdict(list)
    for file in files:
        voices[file.speaker].append(file)
    return voices


def stretch(noise: Floats, samples: int, rate: int, generator: np.random.Generator) -> Floats:
    """`samples` of `noise` from a random instant on; a shorter one goes round, its end fading into its beginning."""
    if len(noise) >= samples:
        start = int(generator.integers(len(noise) - samples + 1))
        return noise[start : start + samples]
    fade = min(round(FADE * rate), len(noise) // 2)
    loop, angle = noise[: len(noise) - fade].copy(), np.pi / 2 * (np.arange(fade) + 0.5) / fade
    loop[:fade] = np.sin(angle) * loop[:fade] + np.cos(angle) * noise[len(noise) - fade :]  # the power stays
    start = int(generator.integers(len(loop)))
    return np.resize(np.roll(loop, -start), samples)


def _talker(files: Sequence[Utterance], samples: int, rate: int, generator: np.random.Generator) -> Floats:
    """One speaker's voice from a random instant on; files are joined in random order until they are long enough."""
    parts: list[Floats] = []
    for index in generator.permutation(len(files)):
        if sum(map(len, parts)) < samples:
            parts.append(_voice(files[index].path, rate))
    joined = np.concatenate(parts)
    if not len(joined):
        raise NotMeasured("not_applicable", f"noise: nobody speaks in the recordings of {files[0].speaker}")
    return stretch(joined, samples, rate, generator)


def _voice(path: Path, rate: int) -> Floats:
    return _speech(path, path.stat().st_mtime_ns, rate)


@lru_cache(maxsize=KEPT)
def _speech(path: Path, changed: int, rate: int) -> Floats:
    """The speech in a file without pauses, at an active level of 0 dBov; empty when there is none."""
    speech = _read(path, rate)
    gain = 10 ** (-active_level(speech, rate).level_db / 20)
    return gain * speech[active_samples(speech, rate)].astype(np.float64)


def _read(path: Path, rate: int) -> Signal:
    recording = audio.read(path)
    return resample(recording.signal, recording.rate, rate)
