"""The delay of a codec configuration: measured once, loss-free, over the shipped corpus; then removed everywhere.

One constant per configuration, never per file: a delay estimated per file would hide what loss does to time.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmark import align, audio, manifest
from benchmark.bench import Bench
from benchmark.plan import Subject, codec_identity, harness
from benchmark.store import Store, digest
from benchmark.types import CodecInfo, NotMeasured, Signal, Slot, Spec, Unavailable

CORPUS = "demo"
TOLERANCE_MS = {"waveform": 1.0, "envelope": 2.0}  # between the declared and the measured delay
PATIENCE = 3  # clips a codec may fail on before it is taken for broken


def clips() -> list[tuple[str, Path]]:
    """The calibration set: SHA-256 and path of each clip."""
    corpus = manifest.load(CORPUS, Path.cwd())
    return [(u.sha256, manifest.find(str(u.path), corpus.folders, "the clip")) for u in corpus.utterances]


def prepare(subject: Subject, cache: Path, bench: Bench) -> Subject:
    """`subject` with its facts and its measured delay, or with the status and reason why it cannot run.

    Raises:
        UserError: when the codec refuses its parameters.
    """
    try:
        info = bench.describe(subject.spec)
        identity = codec_identity(subject, info)
        measured = _delay(subject.spec, info, identity, Store(cache), bench)
    except Unavailable as error:
        return replace(subject, status="skipped", reason=str(error), identity=digest(str(subject.spec)))
    except NotMeasured as error:
        return replace(subject, status=error.status, reason=error.reason, identity=digest(str(subject.spec)))
    delay = info.delay if measured["measured_ms"] is None else measured["samples"]
    return replace(subject, info=info, identity=identity, delay=delay, measured=measured)


def _delay(spec: Spec, info: CodecInfo, identity: str, store: Store, bench: Bench) -> dict[str, Any]:
    corpus = clips()
    key = digest("delay", identity, harness(), [sha256 for sha256, _ in corpus])
    if (known := store.delay(key)) is not None:
        return known
    measured = measure(spec, info, [path for _, path in corpus], bench)
    store.save_delay(key, measured)
    return measured


def measure(spec: Spec, info: CodecInfo, paths: Sequence[Path], bench: Bench) -> dict[str, Any]:
    """Median delay over `paths`: by waveform where most clips correlate, else by envelope, else none.

    Raises:
        NotMeasured: ``codec_failed`` when the codec fails on several clips.
    """
    estimates, failures = [], 0
    for path in paths:
        try:
            reference, raw = loss_free(spec, info, audio.read(path), bench)
        except NotMeasured:
            failures += 1
            if failures >= min(PATIENCE, len(paths)):
                raise
            continue
        estimates.append(align.estimate_delay(reference, raw, info.rate_out))
    declared = 1000 * info.delay / info.rate_out
    found = {"measured_ms": None, "declared_ms": declared, "method": "none", "correlation": 0.0, "agrees": False}
    for method, tolerance in TOLERANCE_MS.items():
        accepted = [e for e in estimates if e.method == method]
        if 2 * len(accepted) > len(estimates):
            samples = round(median(e.samples for e in accepted))
            milliseconds = 1000 * samples / info.rate_out
            found |= {"measured_ms": milliseconds, "samples": samples, "method": method, "clips": len(accepted)}
            found |= {"correlation": median(abs(e.correlation) for e in accepted)}
            found |= {"agrees": abs(milliseconds - declared) <= tolerance}
            break
    return found


def loss_free(spec: Spec, info: CodecInfo, clip: audio.Audio, bench: Bench) -> tuple[Signal, Signal]:
    """The clip at the output rate, and what the codec makes of it on a perfect network, delay included."""
    encoded, _ = bench.encode(spec, align.resample(clip.signal, clip.rate, info.rate_in), None)
    raw, _ = bench.decode(spec, [Slot(f.index, f.payload) for f in encoded.frames], None)
    return align.resample(clip.signal, clip.rate, info.rate_out), raw
