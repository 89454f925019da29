"""NISQA: the published format, values of the published code, and why there are none. Weights are small and random.

Where the published weights lie under the data root, their values are those of the published code too.
"""

import pickle
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from scipy.signal import butter, sosfilt

from benchmark import weights
from benchmark.align import resample
from benchmark.metrics import nisqa
from benchmark.nets.nisqa import load, spectrogram
from benchmark.seeds import generator
from benchmark.types import Known, NotMeasured, Signal, Unavailable, UserError
from tests.signals import speech_like

RATE = 48_000
DEMO = Path(__file__).parents[1] / "data_manifests" / "demo"
try:
    PUBLISHED = weights.folder(nisqa.CHECKPOINT, (nisqa.FILE,))
except Unavailable:
    PUBLISHED = None
needs_weights = pytest.mark.skipif(PUBLISHED is None, reason="run `focalbench fetch nisqa_v2`")

# What the published checkpoint says of itself, as far as it decides values, and the same for a small one.
ARGS: dict[str, Any] = {
    "model": "NISQA_DIM",
    "ms_sr": None,
    "ms_fmax": 20_000,
    "ms_n_fft": 4096,
    "ms_hop_length": 0.01,
    "ms_win_length": 0.02,
    "ms_n_mels": 48,
    "ms_seg_length": 15,
    "ms_seg_hop_length": 4,
    "ms_max_segments": 1300,
    "cnn_model": "adapt",
    "cnn_c_out_1": 16,
    "cnn_c_out_2": 32,
    "cnn_c_out_3": 64,
    "cnn_kernel_size": (3, 3),
    "cnn_fc_out_h": None,
    "cnn_pool_1": [24, 7],
    "cnn_pool_2": [12, 5],
    "cnn_pool_3": [6, 3],
    "td": "self_att",
    "td_sa_d_model": 64,
    "td_sa_nhead": 1,
    "td_sa_pos_enc": False,
    "td_sa_num_layers": 2,
    "td_sa_h": 64,
    "td_2": "skip",
    "pool": "att",
    "pool_att_h": 128,
    "name": "NISQAv2",
}
SMALL = ARGS | {
    "cnn_c_out_1": 6,
    "cnn_c_out_2": 5,
    "cnn_c_out_3": 4,
    "td_sa_d_model": 8,
    "td_sa_nhead": 2,
    "td_sa_h": 6,
    "pool_att_h": 5,
}


def shapes(args: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors of the published format."""
    first, second, third = args["cnn_c_out_1"], args["cnn_c_out_2"], args["cnn_c_out_3"]
    size, inner, attention = args["td_sa_d_model"], args["td_sa_h"], args["pool_att_h"]
    found: dict[str, tuple[int, ...]] = {}
    for layer, (into, out) in enumerate([(1, first), (first, second), (second, third), *[(third, third)] * 3], start=1):
        found |= {f"cnn.model.conv{layer}.weight": (out, into, 3, 3), f"cnn.model.conv{layer}.bias": (out,)}
        found |= {f"cnn.model.bn{layer}.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")}
        found[f"cnn.model.bn{layer}.num_batches_tracked"] = ()
    related = {"norm1.weight": (size,), "norm1.bias": (size,)}
    related |= {"linear.weight": (size, third * args["cnn_pool_3"][0]), "linear.bias": (size,)}
    for layer in range(args["td_sa_num_layers"]):
        parts = {"self_attn.in_proj_weight": (3 * size, size), "self_attn.in_proj_bias": (3 * size,)}
        parts |= {"self_attn.out_proj.weight": (size, size), "self_attn.out_proj.bias": (size,)}
        parts |= {"linear1.weight": (inner, size), "linear1.bias": (inner,)}
        parts |= {"linear2.weight": (size, inner), "linear2.bias": (size,)}
        parts |= {f"{norm}.{part}": (size,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
        related |= {f"layers.{layer}.{name}": shape for name, shape in parts.items()}
    found |= {f"time_dependency.model.{name}": shape for name, shape in related.items()}
    pool = {"linear1.weight": (attention, size), "linear1.bias": (attention,)}
    pool |= {"linear2.weight": (1, attention), "linear2.bias": (1,), "linear3.weight": (1, size), "linear3.bias": (1,)}
    return found | {f"pool_layers.{i}.model.{name}": shape for i in range(5) for name, shape in pool.items()}


def tensors(args: dict[str, Any] = SMALL) -> dict[str, torch.Tensor]:
    """Seeded random weights, with which signals keep their size."""
    return {name: tensor(name, shape) for name, shape in shapes(args).items()}


def tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    values = generator(0, "nisqa", name).standard_normal(shape)
    if name.endswith("bn1.running_var"):
        values = 900 + 100 * values  # the spectrogram is in dB
    elif len(shape) > 1:
        values *= 2 / prod(shape[1:]) ** 0.5
    else:
        values = 0.1 * values + (".bn" in name or ".norm" in name) * (not name.endswith("running_mean"))
    return torch.from_numpy(values).float()


def written(root: Path, held: Any) -> Path:
    folder = root / nisqa.CHECKPOINT
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(held, folder / nisqa.FILE)
    return folder / nisqa.FILE


def checkpoint(args: dict[str, Any] = SMALL, **changes: torch.Tensor | None) -> dict[str, Any]:
    held = {name: tensor for name, tensor in (tensors(args) | changes).items() if tensor is not None}
    return {"args": args, "model_state_dict": held}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with a small random checkpoint in the published format."""
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path))
    written(tmp_path, checkpoint())
    return tmp_path


def values(*signals: Signal, listener: Any = None) -> list[Any]:
    listener = listener or nisqa.make()
    said = listener.describe(signals, RATE, [{}] * len(signals))
    return [one if isinstance(one, NotMeasured) else listener.compare(one, Known()) for one in said]


def speech(seconds: float = 2.0, seed: int = 0) -> Signal:
    return speech_like(seconds, RATE, seed)


# --- values -----------------------------------------------------------------------------------------------


def test_is_the_published_code(root: Path) -> None:
    """From github.com/gabrielmittag/NISQA (commit fe84f0f, on librosa 0.11): `NISQA_DIM` with these tensors."""
    (value,) = values(speech())
    golden = [1.056103, -1.763413, 5.169275, 0.958815, 1.830073]
    assert list(value) == list(nisqa.VALUES)
    np.testing.assert_allclose(list(value.values()), golden, atol=1e-5)


def test_the_spectrogram_is_that_of_the_published_code(root: Path) -> None:
    """From `get_librosa_melspec` (commit fe84f0f, on librosa 0.11), at both ends too, which are reflected."""
    bands = spectrogram(speech(0.5)[6000:], RATE, load(root / nisqa.CHECKPOINT / nisqa.FILE).settings)
    golden = [
        [-3.6720, -13.9888, -63.7574],
        [-8.4706, -2.3314, -63.1672],
        [-67.2743, -56.1958, -63.1259],
        [-68.5448, -65.2749, -67.4594],
    ]
    assert bands.shape == (48, 38)
    np.testing.assert_allclose(bands[np.ix_([0, 10, 30, 47], [0, 20, -1])], golden, atol=1e-3)


def test_the_format_has_the_published_tensors() -> None:
    assert len(shapes(ARGS)) == 100
    assert sum(map(prod, shapes(ARGS).values())) == 253_072


def test_planted_scores_come_out_under_their_names(root: Path) -> None:
    """The published order: overall, noisiness, discontinuity, coloration, loudness."""
    planted: dict[str, torch.Tensor] = {}
    for i, score in enumerate([4.5, 1.5, 2.5, 3.5, 0.5]):
        planted[f"pool_layers.{i}.model.linear3.weight"] = torch.zeros(1, 8)
        planted[f"pool_layers.{i}.model.linear3.bias"] = torch.tensor([score])
    written(root, checkpoint(**planted))
    names = ("mos", "noisiness", "discontinuity", "coloration", "loudness")
    expected = dict(zip([f"nisqa_{name}" for name in names], [4.5, 1.5, 2.5, 3.5, 0.5], strict=True))
    assert values(speech()) == [expected]


def test_hears_the_output_alone(root: Path) -> None:
    """There is no best value for identical signals: what is known of the reference changes nothing."""
    assert nisqa.NEEDS == ()
    listener = nisqa.make()
    (said,) = listener.describe([speech()], RATE, [{}])
    assert listener.compare(said, Known(reference=said)) == listener.compare(said, Known(reference=None))


def test_level_counts_and_polarity_does_not(root: Path) -> None:
    plain, inverted, quiet, late = values(
        speech(), -speech(), np.float32(0.1) * speech(), np.concatenate([np.zeros(RATE // 20, np.float32), speech()])
    )
    assert inverted == plain
    assert quiet["nisqa_mos"] != pytest.approx(plain["nisqa_mos"], abs=1e-3)
    assert late["nisqa_mos"] != plain["nisqa_mos"]
    assert late["nisqa_mos"] == pytest.approx(plain["nisqa_mos"], abs=0.2)


def test_signals_of_mixed_lengths_are_heard_as_each_alone(root: Path) -> None:
    signals = [speech(2), speech(0.7, 1), np.zeros(RATE, np.float32), speech(2, 2), speech(0.1)]
    together, alone = values(*signals), [values(one)[0] for one in signals]
    assert [str(one) for one in together] == [str(one) for one in alone]
    assert together[0] == values(signals[0])[0], "deterministic"
    assert [isinstance(one, NotMeasured) for one in together] == [False, False, True, False, True]


def test_hears_more_than_the_scoring_rate(root: Path) -> None:
    """What is cut off above 8 kHz changes the values, so the rate is stated."""
    assert {info.rate for info in nisqa.VALUES.values()} == {RATE}
    noise = (0.1 * np.random.default_rng(3).standard_normal(RATE)).astype(np.float32)
    band = resample(resample(noise, RATE, 16_000), 16_000, RATE)
    full, narrow = values(noise, band)
    assert full["nisqa_coloration"] != pytest.approx(narrow["nisqa_coloration"], abs=1e-2)


# --- no value ---------------------------------------------------------------------------------------------


def test_says_why_there_is_no_value(root: Path) -> None:
    nan = speech()
    nan[100] = np.nan
    for signal, status, words in [
        (nan, "metric_failed", "nisqa: the signal holds NaN"),
        (np.stack([speech(), speech()]), "metric_failed", "mono"),
        (speech()[:0], "too_short", "empty"),
        (speech(0.1), "too_short", "0.100 s; NISQA needs 0.14 s"),
        (speech()[:6719], "too_short", "0.140 s"),
        (0 * speech(), "no_speech", "silent"),
        (np.float32(1e-9) * speech(), "no_speech", "below NISQA's floor of -80 dB"),
    ]:
        refused, heard = values(signal, speech())
        assert (refused.status, words in refused.reason) == (status, True), refused
        assert isinstance(heard["nisqa_mos"], float), "a bad signal takes no other with it"


def test_one_segment_is_enough_and_1300_are_the_most(root: Path) -> None:
    (shortest,) = values(speech()[:6720])
    assert np.isfinite(list(shortest.values())).all()
    listener = nisqa.make()
    assert listener.network.count(6720, RATE) == 1
    assert len(listener.network.segments(speech(), RATE)) == listener.network.count(2 * RATE, RATE) == 47
    longest = (1299 * 4 + 15 + 3) * 480 - 1  # samples: one more begins another hop of segments
    assert [listener.network.count(n, RATE) for n in (longest, longest + 1)] == [1300, 1301]
    loud = np.ones(longest + 1, np.float32)
    (refused,) = values(loud, listener=listener)
    assert (refused.status, refused.reason) == (
        "not_applicable",
        "52.1 s are 1301 segments; NISQA takes at most 1300; cut it",
    )


def test_another_rate_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="16000 Hz; signals are due at 48000 Hz"):
        nisqa.make().describe([speech()], 16_000, [{}])


def test_without_weights_it_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path))
    listener = nisqa.make()
    with pytest.raises(Unavailable, match="run `focalbench fetch nisqa_v2`"):
        listener.describe([speech()], RATE, [{}])
    assert nisqa.versions()["weights"] == "absent"


def test_without_librosa_it_says_how_to_get_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(Unavailable, match=r"nisqa needs librosa: pip install 'focalbench\[mos\]'"):
        nisqa.make().describe([], RATE, [])


def test_devices(root: Path) -> None:
    with pytest.raises(UserError, match=r"nisqa: device='tpu' is not allowed; choose from cpu, cuda\."):
        nisqa.make(device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(Unavailable, match="no CUDA device"):
            nisqa.make(device="cuda").describe([speech()], RATE, [{}])


def test_versions_follow_the_weights(root: Path) -> None:
    first = nisqa.versions()
    assert first.keys() == {"librosa", "torch", "weights"}
    assert len(first["weights"]) == 64
    written(root, checkpoint(**{"pool_layers.0.model.linear3.bias": torch.tensor([2.0])}))
    assert nisqa.versions()["weights"] != first["weights"]


# --- checkpoints ------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("this must never run",))


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (checkpoint(**{"cnn.model.conv1.bias": None}), "lacks 1 (cnn.conv1.bias) of 100 tensors"),
        (checkpoint(extra=torch.ones(1)), "has 1 (extra), which the network does not know"),
        (checkpoint(**{"cnn.model.conv1.bias": torch.ones(3)}), "has the shape [3], the network needs [6]"),
        (checkpoint(**{"cnn.model.conv1.bias": torch.full((6,), torch.nan)}), "not all finite"),
        (checkpoint(SMALL | {"model": "NISQA"}), "model is 'NISQA', not 'NISQA_DIM'"),
        (checkpoint(SMALL | {"ms_sr": 16_000}), "ms_sr is 16000, not None"),
        (checkpoint() | {"args": SMALL | {"td_sa_h": None}}, "does not state td_sa_h; NISQA v2 (nisqa.tar) is needed"),
        ({"args": SMALL}, "holds no tensors by name"),
        ({"args": {"td": "self_att"}, "model_state_dict": tensors()}, "does not state ms_fmax, ms_n_fft"),
        (tensors(), "does not say what network it is of"),
        ([1], "does not say what network it is of"),
        ({"args": SMALL, "model_state_dict": Evil()}, "holds more than plain tensors; refused"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_named(
    root: Path, held: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(root, held)
    with pytest.raises(UserError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "never run" not in capsys.readouterr().out


def test_a_damaged_file_is_named(root: Path) -> None:
    path = root / nisqa.CHECKPOINT / nisqa.FILE
    for content in (b"", path.read_bytes()[:-500], pickle.dumps({"args": Evil()})):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is damaged, or a pickle that holds more"):
            load(path)


# --- the published weights --------------------------------------------------------------------------------


def demo(name: str) -> Signal:
    signal, rate = sf.read(DEMO / f"{name}.flac", dtype="float32")
    return resample(signal, rate, RATE)


@needs_weights
@pytest.mark.parametrize(
    ("name", "golden"),
    [  # of the published code (commit fe84f0f) with the published weights, on the demo corpus at 48 kHz
        ("awb_1", [3.43473, 3.74824, 3.91548, 2.83752, 3.68773]),
        ("kal16_2", [1.93839, 3.47036, 1.65727, 2.56401, 3.21149]),
        ("rms_3", [4.46479, 4.30628, 4.36845, 3.97350, 4.22385]),
    ],
)
def test_the_published_weights_give_the_published_codes_values(name: str, golden: list[float]) -> None:
    (value,) = values(demo(name))
    np.testing.assert_allclose(list(value.values()), golden, atol=1e-3)  # another libsoxr or librosa may round


@needs_weights
def test_the_published_tensors_are_those_of_the_format() -> None:
    assert PUBLISHED is not None
    held = torch.load(PUBLISHED / nisqa.FILE, map_location="cpu", weights_only=True)
    assert {name: tuple(t.shape) for name, t in held["model_state_dict"].items()} == shapes(ARGS)
    assert {name: held["args"][name] for name in ARGS} == ARGS


def damaged(signal: Signal) -> Iterator[tuple[str, Signal]]:
    """What each dimension is there to hear."""
    noise = np.random.default_rng(1).standard_normal(len(signal)) * signal.std() * 10 ** (-10 / 20)
    yield "nisqa_noisiness", signal + noise.astype(np.float32)
    holes = signal.copy()
    for start in range(0, len(holes), RATE // 4):
        holes[start : start + RATE // 25] = 0
    yield "nisqa_discontinuity", holes
    yield "nisqa_coloration", sosfilt(butter(6, 1500, fs=RATE, output="sos"), signal).astype(np.float32)
    yield "nisqa_loudness", np.float32(0.03) * signal


@needs_weights
def test_each_dimension_hears_what_it_is_named_after() -> None:
    plain, *found = values(demo("rms_3"), *(signal for _, signal in damaged(demo("rms_3"))))
    for (name, _), worse in zip(damaged(demo("rms_3")), found, strict=True):
        drops = {other: plain[other] - worse[other] for other in list(nisqa.VALUES)[1:]}
        assert drops[name] > 1.5, (name, drops)
        assert drops[name] == max(drops.values()), (name, drops)
        assert worse["nisqa_mos"] < plain["nisqa_mos"] - 1.5
