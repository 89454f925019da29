"""SpeechBrain's published classifiers with small random weights in its format: loading, equality, what is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.compat import allow_cpu_torchaudio, forget_placeholders
from benchmark.types import Known, Listener, NotMeasured, Ratio, Signal, Unavailable, UserError
from benchmark.versions import ABSENT
from tasks import _speechbrain, emotion, keyword
from tests.signals import speech_like

RATE = 16_000
WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "unknown", "silence")
MOODS = ("neu", "ang", "hap", "sad")
NAMES = ["anger", "happiness", "neutral", "sadness"]


def drawn(network: Any, seed: int, factor: float = 0.3) -> dict[str, Any]:
    """Random weights, the statistics of normalisation among them, as a trained network would have."""
    import torch

    random, made = torch.Generator().manual_seed(seed), {}
    for name, tensor in network.state_dict().items():
        values = torch.rand(tensor.shape, generator=random) if tensor.is_floating_point() else tensor
        made[name] = (
            values + 0.5 if "norm" in name else factor * (values - 0.5) if values.is_floating_point() else values
        )
    return made


def save_labels(path: Path, labels: tuple[str, ...]) -> None:
    """As SpeechBrain itself writes them."""
    allow_cpu_torchaudio()
    from speechbrain.dataio.encoder import CategoricalEncoder

    encoder = CategoricalEncoder()
    encoder.update_from_iterable(labels)
    encoder.save(path)
    forget_placeholders()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def words(root: Path) -> Path:
    """The folder of a small x-vector network, under its publisher's name."""
    allow_cpu_torchaudio()
    import torch
    from speechbrain.lobes.models.Xvector import Classifier, Xvector

    folder = root / "google_speech_command_xvector"
    folder.mkdir()
    embedding = Xvector(in_channels=24, tdnn_channels=[16, 16, 16, 16, 24], lin_neurons=20, **_speechbrain.KERNELS)
    torch.save(drawn(embedding, 1), folder / "embedding_model.ckpt")
    torch.save(drawn(Classifier([None, None, 20], lin_neurons=18, out_neurons=12), 2, 2.0), folder / "classifier.ckpt")
    save_labels(folder / "label_encoder.txt", WORDS)
    forget_placeholders()
    return folder


@pytest.fixture
def moods(root: Path) -> Path:
    """The folder of a small wav2vec 2.0, with the names of tensors that SpeechBrain gave it when it was published."""
    pytest.importorskip("transformers")
    allow_cpu_torchaudio()
    import torch
    from transformers import Wav2Vec2Model

    folder = root / "emotion-recognition-wav2vec2-IEMOCAP"
    folder.mkdir()
    old = {new: name for name, new in _speechbrain.OLD_NAMES.items()}
    tensors = {}
    for name, tensor in drawn(Wav2Vec2Model(small()), 3).items():
        for new, before in old.items():
            name = name.replace(new, before)
        tensors[f"model.{name}"] = tensor
    assert "model.encoder.pos_conv_embed.conv.weight_g" in tensors
    assert "model.masked_spec_embed" in tensors
    torch.save(tensors, folder / "wav2vec2.ckpt")
    random = torch.Generator().manual_seed(4)
    torch.save({"0.w.weight": torch.rand(4, 64, generator=random) - 0.5}, folder / "model.ckpt")
    save_labels(folder / "label_encoder.txt", MOODS)
    return folder


def small() -> Any:
    from transformers import Wav2Vec2Config

    return Wav2Vec2Config(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        intermediate_size=96,
        conv_dim=[16] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )


def describe(listener: Listener, *signals: Signal) -> list[Any]:
    return list(listener.describe(signals, RATE, [{}] * len(signals)))


def signals() -> list[Signal]:
    random = np.random.default_rng(0)
    noise = (0.1 * random.standard_normal(RATE)).astype(np.float32)
    return [*(speech_like(1 + 0.2 * seed, seed=seed) for seed in range(6)), noise, np.zeros(RATE, np.float32)]


def test_words_are_those_of_speechbrain_from_its_recipe(words: Path) -> None:
    """`EncoderClassifier` over the same files; what it adds to means is random, and less than what decides here."""
    from speechbrain.inference.classifiers import EncoderClassifier

    (words / "hyperparams.yaml").write_text(RECIPE.replace("{folder}", str(words)), encoding="utf-8")
    saved = words.parent / "saved"
    reference = EncoderClassifier.from_hparams(str(words), savedir=str(saved), run_opts={"device": "cpu"})
    forget_placeholders()
    import torch

    classify, labels = _speechbrain.commands("cpu")
    assert labels == list(WORDS)
    scores = np.stack([classify(signal) for signal in signals()])
    assert scores.std(axis=0).max() > 0.01, "scores that all are alike would show nothing"
    for signal, found, said in zip(signals(), scores, describe(published("words"), *signals()), strict=True):
        due, _, _, (word,) = reference.classify_batch(torch.from_numpy(signal)[None])
        np.testing.assert_allclose(found, due[0].numpy(), atol=2e-3)
        assert said == {"class": word, "classes": sorted(WORDS)}


def test_moods_are_those_of_the_recipe(moods: Path) -> None:
    """SpeechBrain's layers in the order of its recipe, around transformers' model with the weights as drawn."""
    import torch
    from speechbrain.nnet.linear import Linear
    from transformers import Wav2Vec2Model

    model = Wav2Vec2Model(small()).eval()
    model.load_state_dict(drawn(model, 3))
    output = torch.nn.ModuleList([Linear(input_size=64, n_neurons=4, bias=False)])
    output.load_state_dict(torch.load(moods / "model.ckpt", weights_only=True))
    ours = {"neu": "neutral", "ang": "anger", "hap": "happiness", "sad": "sadness"}
    classify, labels = _speechbrain.emotions("cpu")
    assert labels == list(MOODS)
    scores = np.stack([classify(signal) for signal in signals()])
    assert scores.std(axis=0).max() > 0.01, "scores that all are alike would show nothing"
    for signal, found, said in zip(signals(), scores, describe(published("moods"), *signals()), strict=True):
        with torch.inference_mode():
            heard = torch.nn.functional.layer_norm(torch.from_numpy(signal)[None], (len(signal),))
            frames = model(heard).last_hidden_state
            pooled = torch.nn.functional.layer_norm(frames, frames.shape[1:]).mean(dim=1)
            due = output[0](pooled)[0].numpy()
        np.testing.assert_allclose(found, due, atol=1e-3)
        assert said == {"class": ours[MOODS[int(due.argmax())]], "classes": NAMES}


@pytest.fixture(params=["words", "moods"])
def listener(request: pytest.FixtureRequest) -> Listener:
    request.getfixturevalue(request.param)
    return published(request.param)


def published(which: str) -> Listener:
    return keyword.make(model="xvector_commands") if which == "words" else emotion.make(model="wav2vec2_iemocap")


def test_one_by_one_or_together_is_the_same(listener: Listener) -> None:
    together = describe(listener, *signals())
    assert [describe(listener, signal)[0] for signal in reversed(signals())] == together[::-1]


@pytest.mark.parametrize("which", ["words", "moods"])
def test_the_noise_of_pooling_is_always_the_same(which: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(which)
    import torch

    classify, _ = (_speechbrain.commands if which == "words" else _speechbrain.emotions)("cpu")
    first = classify(speech_like(1))
    with torch.random.fork_rng():
        torch.manual_seed(99)
        before = torch.random.get_rng_state()
        np.testing.assert_array_equal(classify(speech_like(1)), first)
        assert torch.equal(torch.random.get_rng_state(), before), "nobody else's randomness is touched"


def test_bad_signals_have_their_reasons(listener: Listener) -> None:
    holed = speech_like(1)
    holed[5] = np.inf
    said = describe(listener, holed, speech_like(1)[:399], speech_like(1)[:480])
    assert [each.status for each in said[:2]] == ["metric_failed", "too_short"]
    assert not isinstance(said[2], NotMeasured)


def test_a_gain_does_not_matter(listener: Listener) -> None:
    quiet = [np.float32(0.1) * signal for signal in signals()]
    assert describe(listener, *quiet) == describe(listener, *signals())


def values(listener: Listener, said: Any, truth: str) -> Mapping[str, Any]:
    return listener.compare(said, Known(labels={"class": truth, "class_count": "4"}))


def test_what_it_says_is_compared_with_our_names(moods: Path) -> None:
    listener = published("moods")
    said = {"class": "sadness", "classes": NAMES}
    assert values(listener, said, "sadness") == {
        "emotion_accuracy": Ratio(1, 1),
        "emotion_error": Ratio(0, 1),
        "emotion_recall": Ratio(0.25, 0.25),
        "emotion_class": 3.0,
    }
    assert values(listener, said, "anger")["emotion_accuracy"] == Ratio(0, 1)


@pytest.mark.parametrize(("which", "truth"), [("words", "forward"), ("moods", "boredom")])
def test_a_class_it_does_not_know_is_not_measured(which: str, truth: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(which)
    listener = published(which)
    (said,) = describe(listener, speech_like(1))
    with pytest.raises(NotMeasured, match=f"'{truth}' is none of the classes: ") as caught:
        values(listener, said, truth)
    assert caught.value.status == "not_applicable"


def test_they_learn_nothing_and_can_use_a_gpu() -> None:
    for module, model in ((keyword, "xvector_commands"), (emotion, "wav2vec2_iemocap")):
        assert module.needs(model) == ()
        assert module.needs() == ("learned",)
        assert module.uses_device(model)
        assert not module.uses_device()


@pytest.mark.parametrize("which", ["words", "moods"])
def test_without_weights_it_says_how_to_get_them(root: Path, which: str) -> None:
    name = {"words": "google_speech_command_xvector", "moods": "emotion_wav2vec2_iemocap"}[which]
    with pytest.raises(Unavailable, match=f"run `focalbench fetch {name}`"):
        describe(published(which), speech_like(1))
    module = keyword if which == "words" else emotion
    found = module.versions("xvector_commands" if which == "words" else "wav2vec2_iemocap")
    assert [found[file] for file in found if file.endswith((".ckpt", ".txt"))] == [ABSENT] * 3


def test_versions_change_with_the_weights(words: Path) -> None:
    first = keyword.versions("xvector_commands")
    assert ABSENT not in first.values()
    (words / "label_encoder.txt").write_text("'yes' => 0\n", encoding="utf-8")
    second = keyword.versions("xvector_commands")
    assert {name for name in first if first[name] != second[name]} == {"label_encoder.txt"}


def test_labels_of_another_network_are_refused(words: Path) -> None:
    save_labels(words / "label_encoder.txt", WORDS[:11])
    with pytest.raises(UserError, match="names 11 classes; the network beside it has 12"):
        describe(published("words"), speech_like(1))
    (words / "label_encoder.txt").write_text("yes: 0\n", encoding="utf-8")
    with pytest.raises(UserError, match="is no list of labels"):
        describe(published("words"), speech_like(1))


def test_another_network_is_refused(words: Path, moods: Path) -> None:
    import torch

    held = torch.load(words / "classifier.ckpt", weights_only=True)
    torch.save(held, words / "embedding_model.ckpt")
    with pytest.raises(UserError, match=r"embedding_model.ckpt lacks 1 \(blocks.0.conv.weight\)"):
        describe(published("words"), speech_like(1))
    torch.save(held, moods / "wav2vec2.ckpt")
    with pytest.raises(UserError, match=r"wav2vec2.ckpt lacks 1 \(encoder.pos_conv_embed"):
        describe(published("moods"), speech_like(1))


def test_code_in_a_file_is_not_run(words: Path) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (words / "ran",))

    torch.save({"a": Evil()}, words / "classifier.ckpt")
    with pytest.raises(UserError, match="refused"):
        describe(published("words"), speech_like(1))
    assert not (words / "ran").exists()


RECIPE = """
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: 24
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.Xvector.Xvector
    in_channels: 24
    activation: !name:torch.nn.LeakyReLU
    tdnn_blocks: 5
    tdnn_channels: [16, 16, 16, 16, 24]
    tdnn_kernel_sizes: [5, 3, 3, 1, 1]
    tdnn_dilations: [1, 2, 3, 1, 1]
    lin_neurons: 20
classifier: !new:speechbrain.lobes.models.Xvector.Classifier
    input_shape: [null, null, 20]
    activation: !name:torch.nn.LeakyReLU
    lin_blocks: 1
    lin_neurons: 18
    out_neurons: 12
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    classifier: !ref <classifier>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
    paths:
        embedding_model: {folder}/embedding_model.ckpt
        classifier: {folder}/classifier.ckpt
        label_encoder: {folder}/label_encoder.txt
"""
