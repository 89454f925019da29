"""WavLM-SV with a tiny random model in transformers' own format: loading, equality, batches, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers")

from benchmark.compat import allow_cpu_torchaudio
from benchmark.metrics import speaker_wavlm as module
from benchmark.metrics.speaker_wavlm import make
from benchmark.speakers import Voices, cosine
from benchmark.types import Known, Listener, NotMeasured, Signal, Unavailable, UserError
from benchmark.versions import ABSENT
from tests.signals import speech_like

RATE = 16_000
GOLDEN = 0.989791


@pytest.fixture(scope="module")
def model() -> Any:
    allow_cpu_torchaudio()
    import torch
    from transformers import WavLMConfig, WavLMForXVector

    config = WavLMConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        tdnn_dim=(16, 16, 16, 16, 48),
        xvector_output_dim=24,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        num_labels=5,
        use_weighted_layer_sum=True,
    )
    made = WavLMForXVector(config).eval()
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, tensor in made.named_parameters():
            if "norm" not in name:
                tensor.copy_(0.6 * (torch.rand(tensor.shape, generator=random) - 0.5))
    return made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data root."""
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    return tmp_path


def put(root: Path, model: Any, without: str = "nothing", normalised: bool = False) -> Path:
    """As its publisher has it: a pickle, in which the weights of the position's convolution have their old names."""
    import torch
    from transformers import Wav2Vec2FeatureExtractor

    folder = root / "microsoft" / "wavlm-base-sv"
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    tensors = {}
    for name, tensor in model.state_dict().items():
        for new, former in old.items():
            name = name.replace(new, former)
        if without not in name:
            tensors[name] = tensor
    torch.save(tensors, folder / "pytorch_model.bin")
    Wav2Vec2FeatureExtractor(do_normalize=normalised, return_attention_mask=True).save_pretrained(folder)
    return folder


@pytest.fixture
def listener(root: Path, model: Any) -> Listener:
    put(root, model)
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
    assert values["spk_sim_wavlm"] == pytest.approx(1, abs=1e-6)
    for name in ("spk_same_wavlm", "spk_other_wavlm"):
        assert isinstance(values[name], float)
        assert values[name] < 1 - 1e-6


def test_is_the_model_that_was_saved_as_the_focalcodec_protocol_calls_it(model: Any, listener: Listener) -> None:
    import torch

    for seconds, seed in ((1, 4), (2.5, 5)):
        signal = speech_like(seconds, seed=seed)
        with torch.no_grad():
            due = model(input_values=torch.from_numpy(signal)[None], attention_mask=None).embeddings[0].numpy()
        (said,) = describe(listener, signal)
        np.testing.assert_allclose(said, due, rtol=1e-5, atol=1e-6 * np.abs(due).max())


def test_golden_value(listener: Listener) -> None:
    """Of these random weights, whose draws torch's generator fixes."""
    speech = speech_like(2)
    noisy = speech + (0.03 * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)
    said = describe(listener, noisy, speech)
    assert listener.compare(said[0], Known(said[1]))["spk_sim_wavlm"] == pytest.approx(GOLDEN, abs=1e-4)


def test_batches_change_nothing_and_lengths_may_differ(listener: Listener) -> None:
    """As a GPU gets them; on the CPU each goes alone, and its company changes nothing, to the last bit."""
    batched = Voices("wavlm", lambda: module._load("cpu"), together=True)
    signals = [speech_like(seconds, seed=seed) for seed, seconds in enumerate((2, 1.3, 2, 2, 1.7))]
    together, with_others = describe(batched, *signals), describe(listener, *signals)
    for signal, embedding, beside in zip(signals, together, with_others, strict=True):
        (alone,) = describe(listener, signal)
        np.testing.assert_array_equal(beside, alone)
        np.testing.assert_allclose(embedding, alone, rtol=0, atol=1e-5 * np.abs(alone).max())
        assert cosine(embedding, alone) == pytest.approx(1, abs=1e-6)
        assert cosine(embedding, together[0]) == pytest.approx(cosine(alone, with_others[0]), abs=1e-6)


def test_the_folder_says_whether_the_level_matters(root: Path, model: Any, listener: Listener) -> None:
    speech = speech_like(2)
    quiet = np.float32(0.3) * speech
    kept = describe(listener, speech, quiet, -speech)
    put(root, model, normalised=True)
    normalised = describe(make(), speech, quiet)
    assert cosine(*normalised) == pytest.approx(1, abs=1e-6)
    assert not np.allclose(kept[0], normalised[0], rtol=1e-3)
    assert cosine(kept[0], kept[2]) < 1 - 1e-6, "it hears waveforms, so polarity is not nothing to it"


def test_bad_signals_have_their_reasons(listener: Listener) -> None:
    speech = speech_like(2)
    holed = speech.copy()
    holed[5] = np.inf
    said = describe(listener, holed, 0 * speech, speech[:1_600], speech[:0], speech)
    found = [r.status for r in said if isinstance(r, NotMeasured)]
    assert found == ["metric_failed", "no_speech", "too_short", "too_short"]
    np.testing.assert_array_equal(said[4], describe(listener, speech)[0])


def test_nothing_is_written_into_the_data_root_nor_on_the_terminal(
    root: Path, listener: Listener, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers.utils import logging

    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    stood = logging.get_verbosity(), logging.is_progress_bar_enabled()
    describe(listener, speech_like(1))
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == stood


def test_without_weights_it_says_how_to_get_them(root: Path) -> None:
    with pytest.raises(Unavailable, match="run `focalbench fetch wavlm_base_sv`"):
        describe(make(), speech_like(1))
    assert {module.versions()[file] for file in module.FILES} == {ABSENT}


def test_without_transformers_it_says_how_to_get_it(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(Unavailable, match=r"pip install 'focalbench\[hf\]'"):
        describe(listener, speech_like(1))


def test_a_model_that_would_be_drawn_in_part_is_refused(root: Path, model: Any) -> None:
    put(root, model, without="projector")
    with pytest.raises(UserError, match=r"it lacks projector\.bias, projector\.weight"):
        describe(make(), speech_like(1))
    put(root, model, without="classifier")  # only training needs that
    assert describe(make(), speech_like(1))[0].shape == (24,)


def test_a_damaged_file_is_refused(root: Path, model: Any) -> None:
    (put(root, model) / "pytorch_model.bin").write_bytes(b"PK damaged")
    with pytest.raises(UserError, match="wavlm-base-sv holds no model that transformers can load"):
        describe(make(), speech_like(1))


def test_code_in_the_file_is_not_run(root: Path, model: Any) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (root / "ran",))

    torch.save({"a": Evil()}, put(root, model) / "pytorch_model.bin")
    with pytest.raises(UserError, match="holds no model"):
        describe(make(), speech_like(1))
    assert not (root / "ran").exists()


def test_versions_change_with_the_weights(root: Path, model: Any) -> None:
    put(root, model)
    first = module.versions()
    assert first.keys() == {"transformers", "torch", *module.FILES}
    put(root, model, without="classifier", normalised=True)
    second = module.versions()
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"preprocessor_config.json", "pytorch_model.bin"}
