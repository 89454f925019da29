"""A folder pair in which nearly every file is a trap, scored as a user would: none changes another file's score, none
yields an invented number, and each says what is wrong with it.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmark import align, manifest, registry, table
from benchmark.score import Options, score
from benchmark.types import Signal
from tests.quick import Silent, shared
from tests.signals import speech_like

RATE = 16_000
Sound: TypeAlias = "tuple[Signal, int] | bytes | None"  # a signal at a rate in Hz, what stands in a file, or no file

# What is scored together: names of values, or all of a metric; and the package that it needs.
PANELS: dict[str, tuple[str, ...]] = {
    "pairs": ("pesq_wb", "pesq_nb", "stoi", "estoi", "si_sdr", "mel_distance", "stft_distance", "level_db"),
    "pesq": ("pesq_wb", "pesq_nb"),
    "world": ("mcd", "mcd_frame", "f0_rmse", "f0_corr", "vuv_error"),
    "asr": ("asr",),
    "dnsmos": ("dnsmos",),
    "plcmos": ("plcmos",),
    "resemblyzer": ("speaker_resemblyzer",),
    "visqol": ("visqol",),
}
NEEDS = {"world": "pyworld", "asr": "pocketsphinx", "dnsmos": "onnxruntime", "plcmos": "onnxruntime"}
NEEDS["visqol"] = "visqol"
SLOW = PANELS.keys() - {"pairs", "pesq"}
LONG = {"utterances", "two_minutes"}  # traps that are none but to PESQ
FEW = {"inverted", "rate_24k", "narrow_reference", "shorter", "silent_output", "silent_reference", "nan_output"}
FEW |= {"missing", "fifty_ms", "tenth_of_a_second"}  # what the slow ones get
MORE = {"late", "quiet", "rate_8k", "longer"}  # and those of them that are less slow
# Demo clips that are scored beside the traps; two are one speaker's. Traps have no speaker.
GOOD = {"good0": "slt_5", "good1": "slt_3", "good2": "kal16_6"}

# The traps that no value can be had in, and what they are called.
HOPELESS = {
    "missing": ("input_failed", "no file of this name"),
    "text": ("input_failed", "cannot be read as audio"),
    "empty": ("input_failed", "holds no samples"),
    "nan_output": ("input_failed", "NaN"),
    "nan_reference": ("input_failed", "NaN"),
    "fifty_ms": ("too_short", "50 ms"),
    "silent_reference": ("no_speech", "silent"),
    "both_silent": ("no_speech", "silent"),
}
# What some values refuse, by prefixes of their names, in traps where others have one. Of a silent output it is true
# that nothing is understood, that every word was deleted, and that voiced speech has become unvoiced.
HEARD = ("wer", "cer", "dwer", "dcer")
BRIEF = ("pesq", "stoi", "estoi", "mcd", "f0_", "vuv", "dnsmos", "plcmos", "spk_", "visqol")
MUTE = ("pesq", "si_sdr", "mel_", "stft_", "level", "mcd", "f0_", "dnsmos", "plcmos", "spk_", "visqol")
REFUSED: dict[str, dict[str, tuple[str, ...]]] = {
    "silent_output": {"metric_failed": MUTE},
    "tenth_of_a_second": {"too_short": BRIEF, "not_applicable": ("dwer", "dcer")},  # no word is heard in it
    "utterances": {"not_applicable": ("pesq",)},
    "two_minutes": {"not_applicable": ("pesq",)},
    "narrow_reference": {"not_applicable": ("pesq_wb", "mcd", "visqol", "dnsmos", "plcmos", "spk_", *HEARD)},
    "shorter": {"not_applicable": ("wer", "cer")},  # the data have an empty transcript
}
# What does not matter, as it is found and removed, or not heard; and by how much it may. The outputs are those of
# `good0`.
HARMLESS = ("late", "inverted", "quiet")
MARGINS = {"pesq_wb": 0.02, "pesq_nb": 0.02, "stoi": 0.001, "estoi": 0.002, "si_sdr": 0.05}
MARGINS |= {"visqol": 0.001, "plcmos": 0.001, "spk_sim_resemblyzer": 0.001}
LEVEL = ("plcmos", "spk_sim_resemblyzer")  # to which a gain is no damage, but not nothing
MARGINS |= {"mel_distance": 0.05, "stft_distance": 0.05, "mcd": 0.05, "f0_rmse": 0.1, "f0_corr": 0.001}


class Panel(NamedTuple):
    """Results of good files and traps, and of the good files alone."""

    found: pd.DataFrame
    alone: pd.DataFrame

    @property
    def traps(self) -> list[str]:
        return [name for name in self.found["utterance"].unique() if name not in GOOD]


def coarse(signal: Signal) -> Signal:
    """8 bits."""
    return (np.round(signal * 128) / 128).astype(np.float32)


def with_nan(signal: Signal) -> Signal:
    return np.where(np.arange(len(signal)) == 7, np.float32(np.nan), signal)


def bursts(count: int, active: float, pause: float) -> Signal:
    """Pieces of speech of `active` seconds, as many as PESQ has no room for, with pauses of `pause` seconds."""
    piece = speech_like(active, seed=3)
    return np.tile(np.concatenate([piece, np.zeros(round(pause * RATE), np.float32)]), count)


def clip(name: str) -> Signal:
    signal: Signal = soundfile.read(manifest.shipped() / "demo" / f"{GOOD[name]}.flac", dtype="float32")[0]
    return signal


def files() -> Iterator[tuple[str, Sound, Sound]]:
    """Name, reference, output."""
    for name in GOOD:
        yield name, (clip(name), RATE), (coarse(clip(name)), RATE)
    speech = clip("good0")
    narrow, output, silence = align.resample(speech, RATE, 8_000), coarse(speech), np.zeros_like(speech)
    yield "late", (speech, RATE), (np.concatenate([silence[: RATE // 20], output]), RATE)
    yield "inverted", (speech, RATE), (-output, RATE)
    yield "quiet", (speech, RATE), (0.1 * output, RATE)
    yield "rate_24k", (speech, RATE), (align.resample(output, RATE, 24_000), 24_000)
    yield "rate_8k", (speech, RATE), (align.resample(output, RATE, 8_000), 8_000)
    yield "narrow_reference", (narrow, 8_000), (coarse(narrow), 8_000)
    yield "shorter", (speech, RATE), (output[: -RATE // 2], RATE)
    yield "longer", (speech, RATE), (np.concatenate([output, silence]), RATE)
    yield "silent_output", (speech, RATE), (silence, RATE)
    yield "silent_reference", (silence, RATE), (output, RATE)
    yield "both_silent", (silence, RATE), (silence, RATE)
    yield "nan_output", (speech, RATE), (with_nan(output), RATE)
    yield "nan_reference", (with_nan(speech), RATE), (output, RATE)
    yield "missing", (speech, RATE), None
    yield "text", (speech, RATE), b"no audio"
    yield "empty", (speech, RATE), (silence[:0], RATE)
    yield "fifty_ms", (speech[RATE : RATE + 800], RATE), (output[RATE : RATE + 800], RATE)
    yield "tenth_of_a_second", (speech[RATE : RATE + 1600], RATE), (output[RATE : RATE + 1600], RATE)
    yield "utterances", (bursts(65, 0.4, 0.25), RATE), (coarse(bursts(65, 0.4, 0.25)), RATE)
    yield "two_minutes", (bursts(50, 2.2, 0.4), RATE), (coarse(bursts(50, 2.2, 0.4)), RATE)


def put(path: Path, sound: Sound) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(sound, bytes):
        path.write_bytes(sound)
    elif sound is not None:
        soundfile.write(path, *sound, subtype="FLOAT")


def scored(folder: Path, metrics: tuple[str, ...], names: Collection[str]) -> None:
    """Score folders of the files with these names, with a manifest that says who speaks, and what."""
    said = {u.id: u.labels["transcript"] for u in manifest.load("demo", Path()).utterances}
    rows = ["id,path,speaker,transcript,language"]
    for name, reference, output in files():
        if name in names:
            put(folder / "ref" / f"{name}.wav", reference)
            put(folder / "deg" / f"{name}.wav", output)
            speaker = GOOD.get(name, "").partition("_")[0]
            transcript = "" if name == "shorter" else said[GOOD.get(name, GOOD["good0"])]
            rows.append(f'{name},ref/{name}.wav,{speaker},"{transcript}",en')
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    options = Options(folder / "out", metrics, data=str(folder / "manifest.csv"))
    score(folder / "ref", folder / "deg", options, Silent())


def traps_of(panel: str) -> set[str]:
    """Which traps a panel gets."""
    if panel == "pesq":
        return LONG
    if panel in ("pairs", "visqol"):
        return {trap for trap, *_ in files()} - LONG - GOOD.keys()
    if panel == "asr":  # the slowest; what is no damage to others may change its words
        return FEW - {"inverted", "rate_24k"} | MORE
    return FEW | MORE if panel in ("plcmos", "resemblyzer") else FEW


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in PANELS],
)
def panel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """Scored once for all tests."""
    name: str = request.param
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])

    def build(folder: Path) -> None:
        scored(folder / "all", PANELS[name], {*GOOD, *traps_of(name)})
        scored(folder / "alone", PANELS[name], GOOD)

    folder = shared(tmp_path_factory, f"traps-{name}", build)
    return Panel(*(table.read(folder / part / "out") for part in ("all", "alone")))


def of_file(results: pd.DataFrame, name: str) -> dict[str, Any]:
    """By name of value, its row; the delay is no score."""
    rows = results[(results["utterance"] == name) & (results["name"] != "delay_ms")]
    assert rows["name"].is_unique
    return {str(row.name): row for row in rows.itertuples(index=False)}


def expected(name: str, value: str) -> str:
    """The status of a value; of the good files, only the last has no other of its speaker."""
    if name in GOOD:
        return "not_applicable" if (name, value[:9]) == ("good2", "spk_same_") else "ok"
    if name in HOPELESS:
        return HOPELESS[name][0]
    refused = (status for status, prefixes in REFUSED.get(name, {}).items() if value.startswith(prefixes))
    return next(refused, "not_applicable" if value.startswith(("spk_same", "spk_other")) else "ok")  # nobody speaks


def test_a_good_file_scores_to_the_bit_as_it_does_without_the_traps(panel: Panel) -> None:
    for name in GOOD:
        found, alone = of_file(panel.found, name), of_file(panel.alone, name)
        assert {v: row.status for v, row in alone.items()} == {v: expected(name, v) for v in alone}, name
        for value, row in alone.items():
            assert found[value].value == pytest.approx(row.value, rel=0, abs=0, nan_ok=True), f"{name}, {value}"


def test_a_trap_has_a_number_only_where_there_is_an_honest_one(panel: Panel) -> None:
    values = set(of_file(panel.alone, "good0"))
    assert panel.traps
    for name in panel.traps:
        found = {value: row.status for value, row in of_file(panel.found, name).items()}
        assert found == {value: expected(name, value) for value in values}, name


def test_what_has_no_number_has_a_reason(panel: Panel) -> None:
    for row in panel.found.itertuples(index=False):
        where = f"{row.utterance}, {row.name}: {row.value}, {row.status}, {row.reason!r}"
        assert np.isfinite(row.value) == (row.status == "ok"), where
        assert (row.reason == "") if row.status == "ok" else (len(row.reason) > 10), where
        if row.name != "delay_ms":
            assert HOPELESS.get(row.utterance, ("", ""))[1] in row.reason, where


def test_a_delay_a_polarity_and_a_gain_are_no_damage(panel: Panel) -> None:
    good = of_file(panel.alone, "good0")
    for name in set(HARMLESS) & set(panel.traps):
        for value, row in of_file(panel.found, name).items():
            if value in MARGINS and not (name == "quiet" and value in LEVEL):
                assert row.value == pytest.approx(good[value].value, abs=MARGINS[value]), f"{name}, {value}"


def test_the_delay_is_found_where_there_is_one(panel: Panel) -> None:
    delays = panel.found[panel.found["name"] == "delay_ms"].set_index("utterance")["value"]
    found = {n: delays[n] for n in (*GOOD, "late", "inverted", "quiet", "rate_24k", "longer") if n in delays}
    assert found == {name: 50 if name == "late" else 0 for name in found}


def test_without_weights_every_row_says_how_to_fetch_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path / "empty"))
    sources = {
        **{"utmos": "utmos22_strong", "nisqa": "nisqa_v2"},
        **{"speaker_ecapa": "ecapa_voxceleb", "speaker_wavlm": "wavlm_base_sv"},
        **{"asr:model=whisper": "whisper_small", "asr:model=ctc": "wav2vec2_base_960h"},
    }
    names = {*GOOD, "late", "silent_output"}
    scored(tmp_path, tuple(sources), names)
    results = table.read(tmp_path / "out")
    results = results[results["name"] != "delay_ms"]
    assert set(results["utterance"]) == names
    for metric, source in sources.items():
        rows = results[results["scorer"].str.contains(metric.rpartition(":")[2], regex=False)]
        assert len(rows) == len(names) * len(registry.values_of(metric.partition(":")[0])), metric
        assert set(rows["status"]) == {"skipped"}, metric
        assert rows["value"].isna().all(), metric
        assert rows["reason"].str.contains(f"run `focalbench fetch {source}`", regex=False).all(), metric
