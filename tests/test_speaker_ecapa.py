"""ECAPA-TDNN with small random weights in SpeechBrain's own format: loading, equality, batches, and what is refused."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.compat import allow_cpu_torchaudio
from benchmark.metrics import speaker_ecapa as module
from benchmark.metrics.speaker_ecapa import make
from benchmark.speakers import Voices, cosine
from benchmark.types import Known, Listener, NotMeasured, Signal, Unavailable, UserError
from benchmark.versions import ABSENT
from tests.signals import speech_like

RATE = 16_000
GOLDEN = 0.961535
RECIPE = """
n_mels: 80
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [32, 32, 32, 32, 96]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 128
    lin_neurons: 24
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: 24
    out_neurons: 5
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
    paths:
        embedding_model: {folder}/embedding_model.ckpt
"""


@pytest.fixture(scope="module")
def tensors() -> "OrderedDict[str, Any]":
    """Random weights, the statistics of normalisation among them, as a trained model of 32 channels would have."""
    allow_cpu_torchaudio()
    import torch
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    random = torch.Generator().manual_seed(3)
    network = ECAPA_TDNN(80, channels=[32, 32, 32, 32, 96], lin_neurons=24, **module.SHAPE)
    made = OrderedDict()
    for name, tensor in network.state_dict().items():
        drawn = torch.rand(tensor.shape, generator=random) if tensor.is_floating_point() else tensor
        made[name] = drawn + 0.5 if "norm" in name else 0.3 * (drawn - 0.5) if tensor.is_floating_point() else drawn
    return made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data root."""
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    return tmp_path


def put(root: Path, tensors: Any) -> Path:
    import torch

    folder = root / "spkrec-ecapa-voxceleb"
    folder.mkdir(exist_ok=True)
    torch.save(tensors, folder / "embedding_model.ckpt")
    return folder


@pytest.fixture
def listener(root: Path, tensors: Any) -> Listener:
    put(root, tensors)
    return make()


def describe(listener: Listener, *signals: Signal) -> list[Any]:
    return list(listener.describe(signals, RATE, [{}] * len(signals)))


def test_identical_signals_score_1_and_others_less(listener: Listener) -> None:
    one, two, three = (speech_like(2, seed=seed) for seed in (1, 2, 3))
    said = describe(listener, one, one.copy(), two, three)
    assert said[0].shape == (24,)
    assert said[0].dtype == np.float32
    values = listener.compare(said[0], Known(*said[1:]))
    assert list(values) == list(module.VALUES)
    assert values["spk_sim_ecapa"] == pytest.approx(1, abs=1e-6)
    for name in ("spk_same_ecapa", "spk_other_ecapa"):
        assert isinstance(values[name], float)
        assert values[name] < 0.9999


def test_is_speechbrain_from_its_recipe(root: Path, listener: Listener) -> None:
    from speechbrain.inference.classifiers import EncoderClassifier

    folder = root / "spkrec-ecapa-voxceleb"
    (folder / "hyperparams.yaml").write_text(RECIPE.replace("{folder}", str(folder)), encoding="utf-8")
    reference = EncoderClassifier.from_hparams(str(folder), savedir=str(root / "saved"), run_opts={"device": "cpu"})
    import torch

    for seconds, seed in ((1, 4), (2.5, 5)):
        signal = speech_like(seconds, seed=seed)
        due = reference.encode_batch(torch.from_numpy(signal)[None])[0, 0].numpy()
        (said,) = describe(listener, signal)
        np.testing.assert_allclose(said, due, rtol=1e-5, atol=1e-6)


def test_golden_value(listener: Listener) -> None:
    """Of these random weights, whose draws torch's generator fixes."""
    speech = speech_like(2)
    noisy = speech + (0.03 * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)
    said = describe(listener, noisy, speech)
    assert listener.compare(said[0], Known(said[1]))["spk_sim_ecapa"] == pytest.approx(GOLDEN, abs=1e-4)


def test_batches_change_nothing_and_lengths_may_differ(listener: Listener) -> None:
    """As a GPU gets them; on the CPU each goes alone, and its company changes nothing, to the last bit."""
    batched = Voices("ecapa", lambda: module._load("cpu"), together=True)
    signals = [speech_like(seconds, seed=seed) for seed, seconds in enumerate((2, 1.3, 2, 2, 1.7))]
    together, with_others = describe(batched, *signals), describe(listener, *signals)
    for signal, embedding, beside in zip(signals, together, with_others, strict=True):
        (alone,) = describe(listener, signal)
        np.testing.assert_array_equal(beside, alone)
        np.testing.assert_allclose(embedding, alone, rtol=0, atol=1e-5 * np.abs(alone).max())
        assert cosine(embedding, alone) == pytest.approx(1, abs=1e-6)
        assert cosine(embedding, together[0]) == pytest.approx(cosine(alone, with_others[0]), abs=1e-6)


def test_gain_polarity_and_delay(listener: Listener) -> None:
    speech = speech_like(2)
    late = np.concatenate([np.zeros(800, np.float32), speech])[: len(speech)]
    said = describe(listener, speech, np.float32(0.3) * speech, -speech, late)
    assert cosine(said[0], said[1]) == pytest.approx(1, abs=1e-6)
    assert cosine(said[0], said[2]) == pytest.approx(1, abs=1e-6)
    assert 0.9 < cosine(said[0], said[3]) < 1 - 1e-6


def test_bad_signals_have_their_reasons(listener: Listener) -> None:
    speech = speech_like(2)
    holed = speech.copy()
    holed[5] = np.inf
    said = describe(listener, holed, 0 * speech, speech[:1_600], speech[:0], speech)
    found = [r.status for r in said if isinstance(r, NotMeasured)]
    assert found == ["metric_failed", "no_speech", "too_short", "too_short"]
    np.testing.assert_array_equal(said[4], describe(listener, speech)[0])


def test_nothing_is_written_into_the_data_root(root: Path, listener: Listener) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    describe(listener, speech_like(1))
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


def test_the_published_size_fits(root: Path) -> None:
    allow_cpu_torchaudio()
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    published = ECAPA_TDNN(80, channels=[1024, 1024, 1024, 1024, 3072], lin_neurons=192, **module.SHAPE)
    folder = put(root, published.state_dict())
    assert (folder / module.FILE).stat().st_size == pytest.approx(83.3e6, rel=0.01), "as large as what is published"
    (said,) = describe(make(), speech_like(1))
    assert said.shape == (192,)
    (folder / module.FILE).unlink()


def test_without_weights_it_says_how_to_get_them(root: Path) -> None:
    with pytest.raises(Unavailable, match="run `focalbench fetch ecapa_voxceleb`"):
        describe(make(), speech_like(1))
    assert module.versions()["weights"] == ABSENT


def test_without_speechbrain_it_says_how_to_get_it(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "speechbrain.lobes.features", None)
    with pytest.raises(Unavailable, match="spk_sim_ecapa needs speechbrain"):
        describe(listener, speech_like(1))


def test_another_model_is_refused(root: Path, tensors: Any) -> None:
    put(root, {name: tensor for name, tensor in tensors.items() if not name.startswith("asp.")})
    with pytest.raises(UserError, match=r"embedding_model.ckpt lacks \d+ \(asp"):
        describe(make(), speech_like(1))
    put(root, {"weight": tensors["fc.conv.weight"]})
    with pytest.raises(UserError, match="it is another checkpoint"):
        describe(make(), speech_like(1))


def test_code_in_the_file_is_not_run(root: Path) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (root / "ran",))

    (root / "spkrec-ecapa-voxceleb").mkdir()
    torch.save({"a": Evil()}, root / "spkrec-ecapa-voxceleb" / module.FILE)
    with pytest.raises(UserError, match="refused"):
        describe(make(), speech_like(1))
    assert not (root / "ran").exists()


def test_versions_change_with_the_weights(root: Path, tensors: Any) -> None:
    put(root, tensors)
    first = module.versions()
    assert first.keys() == {"speechbrain", "torchaudio", "torch", "weights"}
    put(root, {**tensors, "fc.conv.bias": tensors["fc.conv.bias"] + 1})
    assert module.versions()["weights"] not in (first["weights"], ABSENT)
