"""Every value that can be had without a download, of one demo clip spoilt in one way: none moves unnoticed."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmark import manifest, registry, table
from benchmark.score import Options, score
from benchmark.types import Signal
from tests.quick import Silent, one, shared

CLIP = "rms_2"
RATE = 16_000
ABSENT = ("utmos", "nisqa", "speaker_ecapa", "speaker_wavlm")  # metrics whose weights have to be fetched
ALONE = ("spk_same", "spk_other")  # which need more clips than one
LIBRARIES = {"pyworld": ("mcd", "f0"), "pocketsphinx": ("asr",), "onnxruntime": ("dnsmos", "plcmos")}
LIBRARIES["visqol"] = ("visqol",)

# Made once, with what `constraints.txt` lists: the column `value` of the table that `build` leaves.
GOLDEN: dict[str, float] = {
    "pesq_wb": 1.31873631,
    "pesq_nb": 1.9619472,
    "stoi": 0.962464746,
    "estoi": 0.892456619,
    "si_sdr": 22.1815318,
    "mel_distance": 13.7376854,
    "stft_distance": 16.1054526,
    "level_db": -3.07463861,
    "mcd": 7.57879849,
    "mcd_frame": 7.80141856,
    "f0_rmse": 4.69008868,
    "f0_corr": 0.929096092,
    "vuv_error": 126 / 924,
    "visqol": 3.80773217,
    "dnsmos_ovrl": 2.85788424,
    "dnsmos_sig": 3.52145942,
    "dnsmos_bak": 3.28441432,
    "dnsmos_p808": 2.65106821,
    "plcmos": 2.24025024,
    "spk_sim_resemblyzer": 0.925034879,
    "cer": 16 / 58,
    "dcer": 16 / 58,
    "dwer": 4 / 11,
    "dwer_deletions": 2 / 11,
    "dwer_insertions": 0 / 11,
    "dwer_substitutions": 2 / 11,
    "wer": 4 / 11,
    "wer_deletions": 2 / 11,
    "wer_delta": 4 / 11,
    "wer_insertions": 0 / 11,
    "wer_substitutions": 2 / 11,
}
# How far a value may be from its golden one, as a part of that or of 1, whichever is more. Networks, and what weighs
# one pitch or interval against another, may round otherwise on another processor; what counts words may not.
EXACT = dict.fromkeys(("asr",), 0.0)
ROUGH = dict.fromkeys(("pesq", "dnsmos", "plcmos", "speaker_resemblyzer", "mcd", "f0"), 1e-4)
OTHERS = 1e-6


def golden_values() -> set[str]:
    """The names of all values of ours that one clip without fetched weights can have."""
    known = registry.values().items()
    return {name for name, (metric, _) in known if metric not in ABSENT and not name.startswith(ALONE)}


def spoilt(speech: Signal) -> Signal:
    """8 bits, white noise, and a gain of 0.7."""
    noise = np.random.default_rng(0).standard_normal(len(speech)).astype(np.float32)
    out: Signal = np.float32(0.7) * (np.round(128 * speech) / 128 + np.float32(0.003) * noise)
    return out


def build(folder: Path) -> None:
    """A pair of folders, scored."""
    clip = manifest.shipped() / "demo" / f"{CLIP}.flac"
    speech = soundfile.read(clip, dtype="float32")[0]
    for name, signal in (("ref", speech), ("deg", spoilt(speech))):
        (folder / name).mkdir(parents=True)
        soundfile.write(folder / name / f"{CLIP}.wav", signal, RATE, subtype="FLOAT")
    options = Options(folder / "out", tuple(sorted(golden_values())), data="demo")
    score(folder / "ref", folder / "deg", options, Silent())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """All rows, computed once for all tests."""
    return table.read(shared(tmp_path_factory, "goldens", build) / "out")


def test_no_value_lacks_a_golden_one() -> None:
    assert golden_values() == set(GOLDEN)


@pytest.mark.slow
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_value(name: str, found: pd.DataFrame) -> None:
    metric = registry.values()[name][0]
    for library, metrics in LIBRARIES.items():
        if metric in metrics and find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    row = one(found, name)
    assert row.status == "ok", row.reason
    margin = (EXACT | ROUGH).get(metric, OTHERS)
    assert row.value == pytest.approx(GOLDEN[name], rel=margin, abs=margin)
