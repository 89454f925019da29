"""Makes the demo corpus: 24 English sentences spoken by four voices of the flite synthesiser, as 16 kHz FLAC.

Usage: ``python data_manifests/make_demo.py [--check] [FOLDER]``, with Debian's ``flite`` (or any build that
has the voices awb, kal16, rms and slt) on PATH. Writes ``<id>.flac`` and ``manifest.csv`` to FOLDER, by
default ``data_manifests/demo``. The same flite gives the same samples each time; the committed files were
made with flite 2.2. ``--check`` prints the word error rate that pocketsphinx reaches on each voice (extra
``asr``).

The corpus serves the demo suite and, being fixed, the measurement of every codec's delay.
"""

import argparse
import csv
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

RATE = 16_000
FRAME = RATE // 50  # 320 samples, 20 ms
ACTIVE_LEVEL = -26.0  # dB below full scale, root mean square over the frames that hold speech
ACTIVE_RANGE = 40.0  # dB: a frame this far below the loudest one is a pause
PAUSE = np.zeros(RATE // 10, np.float32)  # 0.1 s on both sides, so that a codec's delay cuts no speech

GENDERS = {"slt": "female", "awb": "male", "rms": "male", "kal16": "male"}
SENTENCES = {
    "slt": (
        "The young doctor works at a hospital on the other side of town.",
        "You can buy fresh fish and vegetables at the market every Friday.",
        "The pilot said that we would arrive in about twenty minutes.",
        "The teacher explained the question again, and then everybody understood.",
        "The house on the corner has been empty for many years.",
        "The president will answer questions from the press this evening.",
    ),
    "awb": (
        "The company will open a new office in the city next month.",
        "We heard that the government plans to build a new hospital.",
        "Thousands of people lost their homes because of the storm.",
        "The bank will be open from nine in the morning until four.",
        "Several students were waiting for the bus in front of the public library.",
        "The train to the north will leave from the second platform.",
    ),
    "rms": (
        "Her husband usually reads the newspaper before he goes to work.",
        "The boys found a wooden box with old photographs and coins.",
        "Everyone was surprised when the quiet boy began to sing.",
        "Nobody knew why the black horse had stopped at the garden gate.",
        "My uncle gave me a watch when I finished high school.",
        "The workers asked for higher wages and a shorter week.",
    ),
    "kal16": (
        "His sister teaches music and history at the local school.",
        "A large crowd of people gathered in front of the church.",
        "The soup needs a little more salt and a bit of pepper.",
        "The museum is closed on Monday, but it is open on Sunday afternoon.",
        "I think you should talk with your father about that problem.",
        "Please turn off the light before you leave the building.",
    ),
}
COLUMNS = (
    *("id", "path", "duration_s", "sample_rate", "speaker", "gender", "split"),
    *("label", "transcript", "language", "source", "source_path", "licence", "sha256"),
)

Signal = npt.NDArray[np.float32]


def speak(voice: str, text: str) -> Signal:
    """Let flite say `text`; the signal at 16 kHz, shape (n,), at the voice's own level."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
        signal, rate = soundfile.read(path, dtype="float32")
    if rate != RATE or signal.ndim != 1:
        raise SystemExit(f"flite's voice {voice!r} speaks at {rate} Hz here, {RATE} Hz mono is needed.")
    return np.asarray(signal, np.float32)


def level(signal: Signal) -> Signal:
    """Bring the active speech level to `ACTIVE_LEVEL`; leave the peak 1 dB below full scale at least."""
    frames = signal[: len(signal) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    power = np.mean(frames**2, axis=1)
    active = power[power > power.max() * 10 ** (-ACTIVE_RANGE / 10)]
    gain = 10 ** (ACTIVE_LEVEL / 20) / np.sqrt(active.mean())
    if gain * np.abs(signal).max() > 10 ** (-1 / 20):
        raise SystemExit("A voice is so peaky that it would clip at this level; lower ACTIVE_LEVEL.")
    return np.asarray(gain * signal, np.float32)


def make(folder: Path) -> list[dict[str, str]]:
    """Write the 24 files and return their manifest rows."""
    rows = []
    for voice, sentences in SENTENCES.items():
        for number, text in enumerate(sentences, start=1):
            name = f"{voice}_{number}"
            path = folder / f"{name}.flac"
            signal = np.concatenate([PAUSE, level(speak(voice, text)), PAUSE])
            soundfile.write(path, signal, RATE, subtype="PCM_16")
            rows.append(_row(name, path, len(signal), voice, text))
    return rows


def _row(name: str, path: Path, samples: int, voice: str, text: str) -> dict[str, str]:
    return {
        "id": name,
        "path": path.name,
        "duration_s": f"{samples / RATE:.3f}",
        "sample_rate": str(RATE),
        "speaker": voice,
        "gender": GENDERS[voice],
        "split": "test",
        "label": "",
        "transcript": text,
        "language": "en",
        "source": "flite 2.2 (Carnegie Mellon University)",
        "source_path": f"data_manifests/make_demo.py:{name}",
        "licence": "CC0-1.0 (voices: CMU flite, BSD-like)",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def check(folder: Path, rows: list[dict[str, str]]) -> None:
    """Print each voice's pooled word error rate by pocketsphinx, and what it heard wrongly."""
    import jiwer
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=RATE)
    for voice in SENTENCES:
        errors = words = 0
        for row in (r for r in rows if r["speaker"] == voice):
            pcm, _ = soundfile.read(folder / row["path"], dtype="int16")
            decoder.start_utt()
            decoder.process_raw(pcm.tobytes(), full_utt=True)
            decoder.end_utt()
            said = "".join(c for c in row["transcript"].lower() if c.isalpha() or c in " '")
            heard = decoder.hyp().hypstr if decoder.hyp() else ""
            result = jiwer.process_words(said, heard)
            errors += result.substitutions + result.deletions + result.insertions
            words += len(said.split())
            if said != heard:
                print(f"  {row['id']}: heard {heard!r}\n  {' ' * len(row['id'])}   said {said!r}")
        print(f"{voice}: {errors} errors in {words} words, WER {errors / words:.3f}")


def main() -> None:
    """Make the corpus; say in one line what is missing otherwise."""
    parser = argparse.ArgumentParser(description="Make the demo corpus with flite.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "demo")
    parser.add_argument("--check", action="store_true", help="print the word error rate of each voice")
    arguments = parser.parse_args()
    if not shutil.which("flite"):
        sys.exit("flite is not on PATH; on Debian: apt-get install flite. (The repository holds the corpus.)")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows = make(arguments.folder)
    with (arguments.folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    size = sum((arguments.folder / r["path"]).stat().st_size for r in rows)
    seconds = sum(float(r["duration_s"]) for r in rows)
    print(f"{len(rows)} utterances, {seconds:.1f} s, {size / 1e6:.2f} MB in {arguments.folder}")
    if arguments.check:
        check(arguments.folder, rows)


if __name__ == "__main__":
    main()
