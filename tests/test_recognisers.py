"""Recognisers: what one says of a signal does not depend on what else it hears, and is what its package says.

Whisper and wav2vec 2.0 are tested for real with small random networks in their own formats: what those say is
gibberish, but repeatable.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmark import fetch
from benchmark.compat import allow_cpu_torchaudio
from benchmark.metrics import asr
from benchmark.recognisers import Recogniser, check_present, ctc, pocketsphinx, primary, whisper
from benchmark.types import Known, NotMeasured, Signal, Unavailable, UserError
from benchmark.versions import checksum
from tests.signals import speech_like

# Whisper's own functions leave the file of their vocabulary to the collector; whichever test comes first meets it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

DEMO = Path(__file__).parents[1] / "data_manifests" / "demo"
LENGTHS = (2, 0.1, 7, 31, 0.025, 12)  # s


def said(recogniser: Recogniser, *signals: Signal, language: str = "en") -> list[str]:
    return [str(text) for text in recogniser.transcribe(signals, [language] * len(signals))]


@pytest.fixture(scope="module")
def mixed() -> list[Signal]:
    return [speech_like(seconds, seed=i) for i, seconds in enumerate(LENGTHS)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with small random networks."""
    root = tmp_path_factory.mktemp("data")
    _save_whisper(root / "whisper_tiny" / "tiny.pt", vocabulary=51_865)
    _save_whisper(root / "whisper_tiny_en" / "tiny.en.pt", vocabulary=51_864)
    _save_ctc(root / "wav2vec2_base_960h")
    return root


@pytest.fixture(autouse=True)
def data_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(root))


def _save_whisper(path: Path, vocabulary: int) -> None:
    import torch
    from whisper.model import ModelDimensions, Whisper

    sizes = {"n_audio_ctx": 1500, "n_audio_state": 16, "n_audio_head": 2, "n_audio_layer": 1}
    sizes |= {"n_text_ctx": 24, "n_text_state": 16, "n_text_head": 2, "n_text_layer": 1}
    sizes |= {"n_mels": 80, "n_vocab": vocabulary}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Whisper(ModelDimensions(**sizes))
        torch.nn.init.normal_(model.decoder.positional_embedding)  # as made, it holds whatever was in memory
    cross = model.decoder.blocks[0].cross_attn
    with torch.no_grad():  # so that what is heard decides what is said
        for layer in (model.encoder.conv1, model.encoder.conv2, cross.out, cross.query):
            layer.weight.mul_(10)
        model.decoder.token_embedding.weight[vocabulary - 1501 :] = 0  # no times among the words
    path.parent.mkdir()
    torch.save({"dims": sizes, "model_state_dict": model.state_dict()}, path)


def _save_ctc(folder: Path) -> None:
    import torch

    allow_cpu_torchaudio()
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    vocabulary = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINSHRDLU'"]
    shape: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape |= {"intermediate_size": 32, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16}
    config = Wav2Vec2Config(vocab_size=len(vocabulary), num_conv_pos_embedding_groups=2, **shape)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Wav2Vec2ForCTC(config)
        torch.nn.init.normal_(model.lm_head.weight)
    model.save_pretrained(folder)
    tokens = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    features = {"do_normalize": True, "feature_size": 1, "sampling_rate": 16_000, "padding_value": 0.0}
    files = {"vocab": {token: i for i, token in enumerate(vocabulary)}, "tokenizer_config": tokens}
    for name, content in {**files, "preprocessor_config": {**features, "return_attention_mask": False}}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


# --- what all have in common ----------------------------------------------------------------------------


@pytest.mark.parametrize(("tag", "language"), [("en", "en"), ("EN_us", "en"), (" zh-Hant-TW ", "zh"), ("yue", "yue")])
def test_a_language_is_the_first_part_of_its_tag(tag: str, language: str):
    assert primary(tag) == language


def test_no_gpu_no_cuda(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    check_present("cpu")
    with pytest.raises(Unavailable, match="take device=cpu"):
        check_present("cuda")
    for recogniser in (whisper.make("tiny", "en", "cuda"), ctc.make(None, "en", "cuda")):
        with pytest.raises(Unavailable, match="no GPU"):
            recogniser.transcribe([speech_like(0.1)], ["en"])


@pytest.mark.parametrize(("model", "held"), [("pocketsphinx", "_decoder"), ("whisper", "_model"), ("ctc", "_loaded")])
def test_asked_nothing_a_recogniser_loads_its_model_once(model: str, held: str):
    pytest.importorskip("pocketsphinx")
    recogniser = asr.RECOGNISERS[model].make("tiny" if model == "whisper" else None, "en", "cpu")
    assert held not in vars(recogniser), "before it is used, nothing is loaded"
    assert recogniser.transcribe([], []) == []
    loaded = vars(recogniser)[held]
    assert recogniser.transcribe([], []) == []
    assert vars(recogniser)[held] is loaded


@pytest.mark.parametrize(
    ("model", "library", "command"),
    [
        ("pocketsphinx", "pocketsphinx", r"'focalbench\[asr\]'"),
        ("whisper", "whisper", "openai-whisper"),
        ("ctc", "transformers", r"'focalbench\[hf\]'"),
    ],
)
def test_without_its_library_a_recogniser_says_how_to_get_it(
    model: str, library: str, command: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, library, None)
    recogniser = asr.RECOGNISERS[model].make("tiny" if model == "whisper" else None, "en", "cpu")
    for signals in ([], [speech_like(0.1)]):
        with pytest.raises(Unavailable, match=rf"{model} needs .*{library}.*: pip install {command}"):
            recogniser.transcribe(signals, ["en"] * len(signals))


# --- pocketsphinx ---------------------------------------------------------------------------------------


def test_pocketsphinx_forgets_what_it_heard():
    pytest.importorskip("pocketsphinx")
    speech, _ = soundfile.read(DEMO / "slt_1.flac", dtype="float32", frames=24_000)
    noise = 0.1 * np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    fresh: Any = pocketsphinx.make(None, "en", "cpu")
    used: Any = pocketsphinx.make(None, "en", "cpu")
    assert said(used, noise, speech)[1:] == said(fresh, speech) != [""]
    # Words change rarely; how sure it is of them always did.
    assert used._decoder.hyp().score == fresh._decoder.hyp().score


def test_pocketsphinx_hears_nothing_in_short_noise_and_clips_what_is_too_loud():
    pytest.importorskip("pocketsphinx")
    recogniser = pocketsphinx.make(None, "en", "cpu")
    noise = np.random.default_rng(0).standard_normal(1_600).astype(np.float32)
    assert said(recogniser, noise[:400], noise[:401], 1e-9 * noise, 100 * noise) == [""] * 4


def test_pocketsphinx_knows_english_and_takes_no_weights():
    pytest.importorskip("pocketsphinx")
    (answer,) = pocketsphinx.make(None, "de", "cuda").transcribe([speech_like(0.1)], ["de"])
    assert isinstance(answer, NotMeasured)
    assert (answer.status, answer.reason) == (
        "not_applicable",
        "pocketsphinx knows English only; this utterance is in 'de'",
    )
    with pytest.raises(UserError, match="its model is in its package"):
        pocketsphinx.make("small", "en", "cpu")


def test_pocketsphinx_takes_the_model_of_its_package(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pocketsphinx")
    monkeypatch.setenv("POCKETSPHINX_PATH", "/nowhere")
    assert said(pocketsphinx.make(None, "en", "cpu"), speech_like(0.05)) == [""]


def test_pocketsphinx_without_its_model(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pocketsphinx")
    monkeypatch.setitem(pocketsphinx.MODEL, "lm", "gone.lm.bin")
    with pytest.raises(Unavailable, match=r"lacks .*gone.lm.bin: pip install --force-reinstall 'focalbench\[asr\]'"):
        pocketsphinx.make(None, "en", "cpu").transcribe([], [])


# --- whisper --------------------------------------------------------------------------------------------


def transcribed(recogniser: Any, signal: Signal, language: str = "en") -> str:
    """What the package itself says, with the settings that the module states."""
    from whisper import transcribe

    settings = {"temperature": 0.0, "without_timestamps": True, "condition_on_previous_text": False, "fp16": False}
    return transcribe(recogniser._model, np.array(signal), language=language, **settings)["text"].strip()


@pytest.mark.parametrize("size", ["tiny", "tiny.en"])
def test_whisper_batched_is_one_by_one_is_the_package(size: str, mixed: list[Signal]):
    recogniser = whisper.make(size, "en", "cpu")
    texts = said(recogniser, *mixed)
    assert len(set(texts)) > 2, "the network is deaf"
    assert all(texts)
    assert said(recogniser, *mixed[::-1])[::-1] == texts
    for signal, text in zip(mixed, texts, strict=True):
        assert said(recogniser, signal) == [text]
        assert transcribed(recogniser, signal) == text
    assert said(whisper.make(size, "en", "cpu"), *mixed) == texts, "another process says the same"


def test_whisper_keeps_log_probabilities_in_a_batch(mixed: list[Signal]):
    import torch
    from whisper import DecodingOptions, decode

    recogniser: Any = whisper.make("tiny", "en", "cpu")
    windows = [next(whisper._windows(signal, 80)) for signal in mixed]
    options = DecodingOptions(language="en", without_timestamps=True, fp16=False)
    together = decode(recogniser._model, torch.stack(windows), options)
    alone = [decode(recogniser._model, window, options) for window in windows]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert [one.avg_logprob for one in together] == pytest.approx([one.avg_logprob for one in alone], abs=1e-5)


def test_whisper_hears_130_s_in_five_windows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(whisper, "BATCH", 2)
    recogniser: Any = whisper.make("tiny", "en", "cpu")
    signal = np.concatenate([speech_like(10), np.zeros(16_000, np.float32), np.tile(speech_like(7, seed=1), 17)])
    assert [part.shape for part in whisper._windows(signal, 80)] == [(80, 3000)] * 5
    (text,) = said(recogniser, signal)
    assert text == transcribed(recogniser, signal)
    assert len(text.split()) > len(said(recogniser, signal[:480_000])[0].split())


def test_whisper_says_nothing_where_it_finds_no_speech(monkeypatch: pytest.MonkeyPatch):
    recogniser = whisper.make("tiny", "en", "cpu")
    for likely, unsure, silent in [(0.0, 0.0, True), (0.0, -1e9, False), (1.0, 0.0, False)]:
        monkeypatch.setattr(whisper, "NO_SPEECH", likely)
        monkeypatch.setattr(whisper, "UNSURE", unsure)
        assert (said(recogniser, speech_like(2)) == [""]) is silent


def test_whisper_is_told_the_language(mixed: list[Signal]):
    recogniser: Any = whisper.make("tiny", "en", "cpu")
    signals = [mixed[0]] * 4
    english, german, none, again = recogniser.transcribe(signals, ["en", "de", "tlh", "en"])
    assert english == again == transcribed(recogniser, mixed[0])
    assert german == transcribed(recogniser, mixed[0], "de")
    assert none.status == "not_applicable"
    assert none.reason == "Whisper tiny knows 99 languages; this utterance is in 'tlh'"
    (foreign,) = whisper.make("tiny.en", "en", "cpu").transcribe(signals[:1], ["de"])
    assert isinstance(foreign, NotMeasured)
    assert foreign.reason == "Whisper tiny.en knows English only; this utterance is in 'de'"


def test_whisper_takes_what_cannot_be_written_to(mixed: list[Signal]):
    signal = mixed[0].copy()
    signal.setflags(write=False)
    recogniser = whisper.make("tiny", "en", "cpu")
    assert said(recogniser, signal, signal[::-1][::-1]) == said(recogniser, mixed[0], mixed[0])


def test_whisper_s_sizes_and_sources_are_the_package_s():
    from whisper import _MODELS, available_models

    assert list(whisper.SIZES) == available_models()
    known = fetch.known()
    for size, url in _MODELS.items():
        source = known[whisper.source(size)]
        assert source.url == url
        assert source.sha256 == url.split("/")[-2]
    assert whisper.source("turbo") == "whisper_large_v3_turbo"


def test_whisper_s_weights_are_part_of_its_identity(root: Path):
    versions = whisper.versions("tiny")
    assert versions["weights"] == checksum(root / "whisper_tiny" / "tiny.pt")
    assert versions.keys() == {"openai-whisper", "torch", "weights"}
    assert versions != whisper.versions("tiny.en")
    assert whisper.versions("base")["weights"] == "absent"


def test_whisper_never_downloads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    assert said(whisper.make("tiny", "en", "cpu"), speech_like(0.1))
    with pytest.raises(Unavailable, match=r"run `focalbench fetch whisper_large_v3` .* put large-v3.pt into"):
        whisper.make("large", "en", "cpu").transcribe([], [])


# --- CTC ------------------------------------------------------------------------------------------------


def test_ctc_says_the_same_of_a_signal_wherever_it_stands(mixed: list[Signal]):
    recogniser: Any = ctc.make(None, "en", "cpu")
    texts = said(recogniser, *mixed)
    assert len(set(texts)) > 3, "the network is deaf"
    assert said(recogniser, *mixed[::-1])[::-1] == texts
    assert [said(ctc.make(None, "en", "cpu"), signal)[0] for signal in mixed[:3]] == texts[:3]
    processor, model = recogniser._loaded
    padded = processor([mixed[0], mixed[2]], sampling_rate=16_000, return_tensors="pt", padding=True)
    assert processor.batch_decode(model(padded.input_values).logits.argmax(-1))[0] != texts[0], "why nothing is padded"


def test_ctc_removes_repetitions_and_blanks(mixed: list[Signal]):
    import torch

    recogniser: Any = ctc.make(None, "en", "cpu")
    processor, model = recogniser._loaded
    normal = (mixed[0] - mixed[0].mean()) / np.sqrt(mixed[0].var() + 1e-7)
    with torch.inference_mode():
        best = model(torch.tensor(normal)[None]).logits[0].argmax(-1).tolist()
    names = {number: token for token, number in processor.tokenizer.get_vocab().items()}
    kept = [names[one] for one, before in zip(best, [0, *best], strict=False) if one not in (before, 0)]
    assert said(recogniser, mixed[0]) == ["".join(" " if token == "|" else token for token in kept).strip()]


def test_ctc_hears_130_s():
    assert len(said(ctc.make(None, "en", "cpu"), speech_like(10).repeat(13))[0]) > 100


def test_ctc_knows_the_language_it_is_said_to_know():
    signals = [speech_like(0.1)] * 2
    text, foreign = ctc.make(None, "fr", "cpu").transcribe(signals, ["fr", "en"])
    assert isinstance(text, str)
    assert isinstance(foreign, NotMeasured)
    assert foreign.reason == "the model wav2vec2_base_960h knows 'fr' only; this utterance is in 'en'"


def test_ctc_s_files_are_part_of_its_identity(root: Path, tmp_path: Path):
    assert ctc.versions()["vocab.json"] == checksum(root / "wav2vec2_base_960h" / "vocab.json")
    assert ctc.versions().keys() == {"transformers", "torch", *ctc.FILES}
    (root / "mine").symlink_to(root / "wav2vec2_base_960h")
    assert ctc.versions("mine") == ctc.versions(str(root / "mine")) == ctc.versions()
    assert said(ctc.make("mine", "en", "cpu"), speech_like(0.1)) == said(ctc.make(None, "en", "cpu"), speech_like(0.1))
    with pytest.raises(Unavailable, match=r"no weights other .* into"):
        ctc.make("other", "en", "cpu").transcribe([], [])


def test_ctc_s_source_brings_all_its_files():
    names = {file.name for file in fetch.known()[ctc.DEFAULT].files}
    assert names == set(ctc.FILES)


# --- damaged weights ------------------------------------------------------------------------------------


def test_a_damaged_checkpoint_is_one_line(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("whisper_tiny/tiny.pt", *(f"wav2vec2_base_960h/{file}" for file in ctc.FILES)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((root / name).read_bytes()[:5_000])
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    for recogniser, message in [
        (whisper.make("tiny", "en", "cpu"), "tiny.pt holds no Whisper model"),
        (ctc.make(None, "en", "cpu"), "wav2vec2_base_960h holds no CTC model for transformers"),
    ]:
        with pytest.raises(UserError, match=message) as refusal:
            recogniser.transcribe([speech_like(0.1)], ["en"])
        assert "\n" not in str(refusal.value)


def test_weights_are_never_made_up(root: Path, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    for file in ctc.FILES:
        (tmp_path / file).write_bytes((root / "wav2vec2_base_960h" / file).read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop("wav2vec2.masked_spec_embed")
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    assert said(ctc.make(str(tmp_path), "en", "cpu"), speech_like(0.1))
    tensors.pop("lm_head.weight")
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"it lacks lm_head\.weight"):
        said(ctc.make(str(tmp_path), "en", "cpu"), speech_like(0.1))


# --- the whole way --------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{"model": "whisper", "weights": "tiny"}, {"model": "ctc"}])
def test_a_metric_of_each(parameters: dict[str, str], mixed: list[Signal]):
    metric = asr.make(**parameters)
    reference, output = metric.describe([mixed[0], mixed[2]], 16_000, [{}, {}])
    values = metric.compare(reference, Known(reference=reference, labels={"transcript": "one two"}))
    assert values["dwer"][0] == values["dcer"][0] == values["wer_delta"][0] == 0
    assert values["wer"][1] == 1, "12 is one word"
    assert metric.compare(output, Known(reference=reference, labels={}))["dwer"][0] > 0
