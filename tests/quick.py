"""Runs that are quick to test: one calibration clip, a stub in place of the report, and data made here."""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmark import calibrate, run
from benchmark.bench import Bench
from benchmark.progress import Quiet
from benchmark.suite import Suite, load
from tests.signals import speech_like

ROOT = Path(__file__).parent.parent
PLACE = ["codec", "channel", "seed", "utterance", "scorer", "name"]


@contextmanager
def quickly(count: int = 1) -> Iterator[None]:
    """So many clips measure a codec's delay, and a line of text is the report."""
    clips = calibrate.clips()[:count]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "clips", lambda: clips)
        patch.setattr(run, "_report", lambda out: (out / "report.html").write_text("a report"))
        yield


class Silent(Quiet):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def suite(*codecs: str, **keys: Any) -> Suite:
    """A small suite; `codecs` are specs, labelled with what follows the last colon of a spec of this folder."""
    labels = {codec.removeprefix("tests.misbehaving:"): codec for codec in codecs}
    changes = {"codecs": labels, "channels": ["clean"], "metrics": ["si_sdr"], "save_audio": "none"} | keys
    return load("demo", [("name", "quick"), ("title", ""), ("data.limit", 1), *changes.items()])


def make_run(wanted: Suite, out: Path, clips: int = 1, **options: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run, quickly; the table, and `run.json`."""
    progress = Silent()
    with quickly(clips):
        results = run.run(wanted, run.Options(out=out, **options), progress)
    record = json.loads((out / "run.json").read_text())
    assert record["warnings"] == progress.warnings
    return results, record


def values(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of kind value, in the order of their places."""
    return results[results["kind"] == "value"].sort_values(PLACE, ignore_index=True)


def one(results: pd.DataFrame, name: str, **place: str) -> Any:
    """The only row of a value name at a place."""
    rows = results[results["name"] == name]
    for column, wanted in place.items():
        rows = rows[rows[column] == wanted]
    assert len(rows) == 1, f"{name} {place}: {len(rows)} rows"
    return rows.iloc[0]


def write_speech(folder: Path, count: int, seconds: float = 1.0, rate: int = 16_000) -> Path:
    """A folder of `count` speech-like files, one speaker each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        soundfile.write(folder / f"clip{number}.flac", speech_like(seconds, rate, seed=number), rate)
    return folder


def forbid_encoding(patch: pytest.MonkeyPatch) -> None:
    """From now on every call of an encoder in this process fails."""

    def refuse(self: Bench, spec: Any, *arguments: Any) -> Any:
        raise AssertionError(f"{spec} was asked to encode")

    patch.setattr(Bench, "encode", refuse)


def shared(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """A folder that `build` fills once for all pytest-xdist workers of a session."""
    base = factory.getbasetemp()
    base = base.parent if base.name.startswith("popen-") else base
    folder, done = base / name, base / f"{name}.done"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            build(folder)
            done.touch()
    return folder


def noise(seconds: float, rate: int = 16_000, level: float = 0.1) -> np.ndarray[Any, np.dtype[np.float32]]:
    """White noise."""
    return (level * np.random.default_rng(0).standard_normal(round(seconds * rate))).astype(np.float32)
