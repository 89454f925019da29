"""The codecs that run in environments of their own: each has a template, and each template fits its library's calls.

The libraries are not here: small stand-ins take their place, which send the mean of each frame in the first codebook,
and give and take tensors of the shapes that the libraries do.
"""

import ast
import importlib
import importlib.util
import inspect
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from baselines.external import TEMPLATES, WORKER, External, worker
from baselines.external.named import Environment
from benchmark import registry
from benchmark.types import Card, Unavailable, UserError
from tests.signals import speech_like

NAMES = sorted(path.stem for path in TEMPLATES.glob("[a-z]*.py") if path.stem != "example")
BITRATES = {  # bit/s by default, and with parameters
    "audiodec": (1600, {"codebooks": 8}, 6400),
    "bigcodec": (1040, {}, 1040),
    "hilcodec": (1500, {"codebooks": 8}, 6000),
    "nanocodec": (1787.5, {"rate": 0.6}, 600),
    "past": (1000, {"codebooks": 8, "model": "PAST"}, 4000),
    "semanticodec": (650, {"token_rate": 100}, 1300),
    "speechtokenizer": (1000, {"codebooks": 1}, 500),
    "stablecodec": (700, {"bitrate": 400}, 400),
    "wavlm6_km": (450, {}, 450),
    "wavtokenizer": (480, {"rate": 75}, 900),
    "zipcodec": (800, {}, 800),
}


TICK = 1e-6  # full scale, that a stand-in's output rises by with each frame


def module_of(name: str) -> Any:
    return importlib.import_module(f"baselines.{name}")


def path_of(name: str) -> Path:
    return TEMPLATES / f"{name}.py"


def means(signal: Any, hop: int, codebooks: int, size: int) -> torch.Tensor:
    """Indices [n, codebooks], of which the first is the mean of a frame and the others are 0."""
    level = torch.as_tensor(signal).reshape(-1)[: signal.shape[-1] // hop * hop].reshape(-1, hop).mean(1)
    first = ((level.clamp(-1, 1) + 1) / 2 * (min(size, 256) - 1)).round().long()
    return torch.nn.functional.pad(first[:, None], (0, codebooks - 1))


def held(first: Any, hop: int, size: int) -> torch.Tensor:
    """The inverse of the first codebook: samples [n * hop]."""
    levels = torch.as_tensor(first).reshape(-1) / (min(size, 256) - 1) * 2 - 1
    return levels.float().repeat_interleave(hop)


class Model:
    """What all models are."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.told = (arguments, more)

    def eval(self) -> "Model":
        return self

    def to(self, device: Any) -> "Model":
        return self

    def parameters(self) -> list[torch.Tensor]:
        return [torch.zeros(3)]

    def load_state_dict(self, states: Any) -> None:
        pass


class SpeechTokenizer(Model):
    sample_rate, downsample_rate = 16_000, np.prod([8, 5, 4, 2])

    @classmethod
    def load_from_checkpoint(cls, configuration: str, file: str) -> "SpeechTokenizer":
        return cls()

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[:2] == (1, 1)
        return means(x, 320, 8, 1024).T[:, None]

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        assert codes.ndim == 3
        return held(codes[0], 320, 1024)[None, None]


class BigEncoder(Model):
    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[:2] == (1, 1)
        return means(x, 200, 1, 8192).T[None]  # "features" [1, 1, n]


class BigDecoder(Model):
    def __call__(self, x: torch.Tensor, vq: bool) -> Any:
        assert x.shape[:2] == (1, 1)
        return (x, x, None) if vq else held(x, 200, 8192)[None, None]

    def vq2emb(self, tokens: torch.Tensor) -> torch.Tensor:
        assert tokens.ndim == 3
        assert tokens.shape[2] == 1
        return tokens


class WavTokenizer(Model):
    hop = 600

    @classmethod
    def from_pretrained0802(cls, configuration: str, file: str) -> "WavTokenizer":
        cls.hop = 600 if "frame40" in configuration else 320
        return cls()

    def encode_infer(self, x: torch.Tensor, bandwidth_id: torch.Tensor) -> Any:
        assert x.ndim == 2
        return None, means(x, self.hop, 1, 4096).T[:, None]

    def codes_to_features(self, codes: torch.Tensor) -> torch.Tensor:
        assert codes.shape[0] == 1
        return codes[:, None]

    def decode(self, features: torch.Tensor, bandwidth_id: torch.Tensor) -> torch.Tensor:
        return held(features, self.hop, 4096)[None]


class StableCodec(Model):
    sample_rate = 16_000

    def set_posthoc_bottleneck(self, name: str) -> None:
        self.codebooks, self.size = (int(n) for n in re.findall(r"\d+", name)[:2])

    def encode(self, x: torch.Tensor, posthoc_bottleneck: bool) -> Any:
        assert x.shape[:2] == (1, 1)
        return None, list(means(x, 640, self.codebooks, self.size)[None, :, None].unbind(-1))

    def decode(self, tokens: list[torch.Tensor], posthoc_bottleneck: bool) -> torch.Tensor:
        assert len(tokens) == self.codebooks
        assert {t.ndim for t in tokens} == {3}
        return held(tokens[0], 640, self.size)[None, None]


class AudioDec(Model):
    """Streams: each half counts its frames, in the second codebook and in the output, so that shared state is seen."""

    class Half(Model):
        encoder = projector = quantizer = Model()
        frames = 0

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape == (1, 1, 300)
            self.frames += 1
            return x

        def quantize(self, z: torch.Tensor) -> torch.Tensor:
            indices = means(z, 300, 8, 1024).T
            indices[1] = self.frames
            return indices + 1024 * torch.arange(8)[:, None]

        def lookup(self, indices: torch.Tensor) -> torch.Tensor:
            assert indices.ndim == 2
            assert (indices // 1024 == torch.arange(len(indices))[:, None]).all()
            return indices[:1]

        def decode(self, zq: torch.Tensor) -> torch.Tensor:
            self.frames += 1
            return held(zq, 300, 1024)[None, None] + TICK * self.frames

    def load_transmitter(self, file: str) -> None:
        self.tx_encoder = self.Half()

    def load_receiver(self, file: str, other: str) -> None:
        self.rx_encoder, self.decoder = self.Half(), self.Half()


class InferenceSession:
    """Networks of HILCodec: their state counts frames, in the second codebook and in the output."""

    def __init__(self, file: str, options: Any, providers: list[str]) -> None:
        self.part = Path(file).stem.rpartition("_")[2]

    def run(self, names: None, fed: dict[str, Any]) -> list[Any]:
        if self.part == "enc":
            assert fed["wav_in"].shape == (1, 1, 320)
            mean = means(fed["wav_in"], 320, 1, 1024).numpy()[0, 0]
            return [np.array([[[mean, fed["e_in0"][0]]]], np.float32), fed["e_in0"] + 1]
        if self.part == "dec":
            output = held(fed["q"][..., 0], 320, 1024).numpy()[None, None]
            return [output + TICK * fed["d_in0"], fed["d_in0"] + 1]
        one = np.arange(2) == int(self.part[-1])  # the dimension that this codebook holds
        if self.part.startswith("vq"):
            return [fed["x"] * one, (fed["x"] * one).sum(-1).astype(np.int64)]
        assert fed["idx"].dtype == np.int64
        return [(fed["idx"][..., None] * one).astype(np.float32)]


class PastModel(Model):
    sample_rate = 16_000

    @classmethod
    def from_pretrained(cls, file: str, device: str) -> "PastModel":
        return cls()

    def encode(self, x: torch.Tensor) -> Any:
        return means(x, 320, 8, 1024).T[None], None

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        assert codes.ndim == 3
        return held(codes[:, 0], 320, 1024)[None, None]


class AudioCodecModel(Model):
    sample_rate, samples_per_frame = 22_050, 1764

    @classmethod
    def restore_from(cls, file: str, map_location: str) -> "AudioCodecModel":
        model = cls()
        model.num_codebooks, model.codebook_size = (4, 4032) if "0.6kbps" in file else (13, 2016)
        return model

    audio_encoder = vector_quantizer = audio_decoder = Model()
    num_codebooks, codebook_size = 0, 0

    def encode(self, *, audio: torch.Tensor, audio_len: torch.Tensor) -> Any:
        assert audio.shape == (1, int(audio_len[0]))
        return means(audio, 1764, self.num_codebooks, self.codebook_size).T[None], audio_len // 1764

    def decode(self, *, tokens: torch.Tensor, tokens_len: torch.Tensor) -> Any:
        assert tokens.shape == (1, self.num_codebooks, int(tokens_len[0]))
        return held(tokens[:, 0], 1764, self.codebook_size)[None], tokens_len * 1764


class SemantiCodec(Model):
    device = "cpu"

    def __init__(self, token_rate: int, semantic_vocab_size: int, **more: Any) -> None:
        self.hop = 32_000 // token_rate

    def encode(self, file: str) -> torch.Tensor:
        import soundfile

        signal, rate = soundfile.read(file, dtype="float32")
        assert rate == 16_000
        return means(np.pad(signal, (0, self.hop)), self.hop, 2, 8192)[None]  # a token too many, as the library has

    def decode(self, tokens: torch.Tensor) -> np.ndarray[Any, Any]:
        assert tokens.shape[::2] == (1, 2)
        return held(tokens[..., 0], self.hop, 8192).numpy()[None, None]


class WavLM(Model):
    def sig_to_feats(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 40:-40]  # WavLM makes (T - 400) / 320 + 1 tokens of T samples

    def feats_to_toks(self, features: torch.Tensor) -> torch.Tensor:
        return means(features, 320, 1, 512)[None]

    def toks_to_qfeats(self, tokens: torch.Tensor) -> torch.Tensor:
        assert tokens.shape[::2] == (1, 1)
        return tokens

    def qfeats_to_feats(self, features: torch.Tensor) -> torch.Tensor:
        return features

    def feats_to_sig(self, features: torch.Tensor) -> torch.Tensor:
        return held(features, 320, 512)[None, None]


class ZipCodec(Model):
    sample_rate_input, chunk_size = 16_000, 2560

    @classmethod
    def from_pretrained(cls, name: str) -> "ZipCodec":
        assert Path(f"{name}.json").exists()
        return cls()

    def init_endpoint_state(self, name: str, batch: int, device: Any, dtype: Any) -> Any:
        return (torch.zeros(1),)

    def wav_to_toks_step(self, x: torch.Tensor, state: Any) -> Any:
        assert x.shape == (1, 2560)
        indices = means(x, 2560, 64, 4)[None]
        indices[..., 1] = state[0] % 4
        return indices, (state[0] + 1,)

    def toks_to_wav_step(self, tokens: torch.Tensor, state: Any) -> Any:
        assert tokens.shape == (1, 1, 64)
        return held(tokens[..., 0], 2560, 4)[None] + TICK * state[0], (state[0] + 1,)


STANDS_IN: dict[str, dict[str, dict[str, Any]]] = {
    "audiodec": {"utils": {}, "utils.audiodec": {"AudioDec": AudioDec, "assign_model": lambda m: (24_000, "a", "b")}},
    "bigcodec": {
        "vq": {},
        "vq.codec_decoder": {"CodecDecoder": BigDecoder},
        "vq.codec_encoder": {"CodecEncoder": BigEncoder},
    },
    "hilcodec": {"onnxruntime": {"InferenceSession": InferenceSession, "SessionOptions": SimpleNamespace}},
    "nanocodec": {
        **{name: {} for name in ("nemo", "nemo.collections", "nemo.collections.tts")},
        "nemo.collections.tts.models": {"AudioCodecModel": AudioCodecModel},
    },
    "past": {"past": {}, "past.models": {}, "past.models.past_model": {"PastModel": PastModel}},
    "semanticodec": {"semanticodec": {"SemantiCodec": SemantiCodec}},
    "speechtokenizer": {"speechtokenizer": {"SpeechTokenizer": SpeechTokenizer}},
    "stablecodec": {"stable_codec": {"StableCodec": StableCodec}},
    "wavlm6_km": {"hubconf": {"discrete_wavlm_large": WavLM}},
    "wavtokenizer": {"decoder": {}, "decoder.pretrained": {"WavTokenizer": WavTokenizer}},
    "zipcodec": {"zipcodec": {"ZipCodec": ZipCodec}},
}
FILES = {
    "audiodec": ("source/a", "source/b"),
    "hilcodec": tuple(
        f"source/onnx/hil_speech_{part}"
        for part in ("enc.onnx", "dec.onnx", *(f"{kind}{i}.onnx" for kind in ("vq", "deq") for i in range(8)))
    ),
    "nanocodec": tuple(f"weights/nemo-nano-codec-22khz-{rate}kbps-12.5fps.nemo" for rate in ("1.78", "0.6")),
    "past": ("weights/PAST_streamable.th", "weights/PAST.th"),
    "semanticodec": ("weights/semanticodec_tokenrate_50/encoder.ckpt",),
    "wavlm6_km": ("weights/a/snapshots/b/quantizer_6.safetensors",),
    "wavtokenizer": (
        *(
            f"source/configs/wavtokenizer_smalldata_frame{rate}_3s_nq1_code4096_dim512_kmeans200_attn.yaml"
            for rate in (40, 75)
        ),
        *(f"weights/wavtokenizer_large_{name}.ckpt" for name in ("unify_600_24k", "speech_320_v2")),
    ),
}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What a template changes in the process that it has for its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(torch, "load", lambda *a, **k: {"CodecEnc": {}, "generator": {}})
    for name in ("CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setitem(sys.modules, "worker", worker)
    monkeypatch.setattr(worker, "versions", lambda *packages: {})
    with torch.enable_grad():  # which it turns off
        yield monkeypatch
    torch.set_grad_enabled(True)


def loaded(name: str, folder: Path, patch: pytest.MonkeyPatch, **parameters: Any) -> worker.Tokens:
    """What a template makes of a stand-in."""
    for module, contents in STANDS_IN[name].items():
        stand_in = ModuleType(module)
        stand_in.__dict__.update(contents)
        patch.setitem(sys.modules, module, stand_in)
    for file in FILES.get(name, module_of(name).ENVIRONMENT.files):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"weights")
    if name == "hilcodec":
        for side, letter in (("enc", "e"), ("dec", "d")):
            np.savez(folder / f"source/onnx/hil_speech_cache_{side}.npz", **{f"{letter}_in0": np.zeros(1)})
    spec = importlib.util.spec_from_file_location(f"template_{name}", path_of(name))
    assert spec is not None
    assert spec.loader is not None
    template = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(template)
    codec: worker.Tokens = template.make(folder=str(folder), **parameters)
    return codec


def test_each_codec_has_a_template_and_each_template_a_codec() -> None:
    named = [n for n in registry.names("codec") if isinstance(getattr(module_of(n), "ENVIRONMENT", None), Environment)]
    assert named == NAMES == sorted(BITRATES) == sorted(STANDS_IN)
    assert [module_of(name).ENVIRONMENT.name for name in NAMES] == NAMES


@pytest.mark.parametrize("name", [*NAMES, "example"])
def test_a_template_is_for_python_3_8_and_imports_nothing_of_ours(name: str) -> None:
    tree = ast.parse(path_of(name).read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {module.partition(".")[0] for module in imported} & {"benchmark", "baselines"}
    compile(tree, str(path_of(name)), "exec")


@pytest.mark.parametrize("name", NAMES)
def test_a_template_says_what_it_was_written_against(name: str) -> None:
    told = ast.get_docstring(ast.parse(path_of(name).read_text(encoding="utf-8"))) or ""
    environment = module_of(name).ENVIRONMENT
    (revision,) = re.findall(r"Written against [\w./-]+ at ([0-9a-f]{12})\b", told)
    pinned = environment.revision or environment.install.partition("@")[2]
    assert not pinned or pinned.startswith(revision)
    assert len(pinned) in (0, 40)
    assert re.search(r"(It was not run here|Here that code ran with random weights only)\.$", " ".join(told.split()))


@pytest.mark.parametrize("name", NAMES)
def test_its_card_is_whole_and_agrees_with_its_template(name: str) -> None:
    card = registry.card(name)
    assert isinstance(card, Card)
    assert all((card.family, card.rates, card.source, card.code, card.weights))
    (paper,) = re.findall(r"arXiv (\d{4}\.\d{5})", card.source)
    for text in (path_of(name).read_text(encoding="utf-8"), module_of(name).__doc__):
        assert f"(arXiv {paper})" in text
    repository = re.findall(r"Written against (\S+) at", path_of(name).read_text(encoding="utf-8"))[0]
    assert f"github.com/{repository}" in card.source


@pytest.mark.parametrize("name", NAMES)
def test_its_parameters_are_those_of_its_template(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (make,) = (
        node
        for node in ast.parse(path_of(name).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "make"
    )
    taken = [argument.arg for argument in make.args.args]
    assert taken[0] == "folder"
    ours = inspect.signature(module_of(name).make).parameters
    assert set(ours) == {*taken[1:], "python", "command", "seconds"}
    for default, argument in zip(reversed(make.args.defaults), reversed(taken), strict=False):
        assert ast.literal_eval(default) == ours[argument].default, argument
    codec = module_of(name).make(command="some program")
    assert codec.process.command[:2] == ["some", "program"]
    told = worker.parsed(codec.process.command[2:])
    assert told == {parameter: ours[parameter].default for parameter in taken[1:]}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_told_in_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path / "the data"))
    with pytest.raises(Unavailable) as caught:
        module_of(name).make()
    text, environment = str(caught.value), module_of(name).ENVIRONMENT
    assert "\n" not in text
    folder = str(tmp_path / "the data" / "environments" / name)
    for part in (f"python3 -m venv '{folder}'".replace("python3", environment.interpreter), f"cd '{folder}'"):
        assert part in text
    for part in (
        "lacks bin/python",
        "bin/pip install numpy ",
        environment.install,
        environment.weights,
        *environment.files,
    ):
        assert part in text
    if environment.source:
        assert f"git clone {environment.source} source && git -C source checkout {environment.revision}" in text


def test_it_runs_with_the_interpreter_of_its_folder_or_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    folder = tmp_path / "environments" / "bigcodec"
    make = module_of("bigcodec").make
    for file in ("source/vq/code.py", "weights/bigcodec.pt"):
        (folder / file).parent.mkdir(parents=True)
        (folder / file).touch()
    with pytest.raises(Unavailable, match="which lacks bin/python: `"):
        make()
    rest = [str(WORKER), str(path_of("bigcodec")), f"folder={folder}", "device=cpu"]
    codec: External = make(python=sys.executable)
    assert codec.process.command == [sys.executable, *rest]
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    assert make().process.command == [str(folder / "bin" / "python"), *rest]
    assert make(command=f"docker run {shlex.quote('an image')}").process.command == [
        *("docker", "run", "an image"),
        "device=cpu",
    ]
    with pytest.raises(UserError, match="bigcodec: python='no-such-python' is no program"):
        make(python="no-such-python")


def test_the_template_of_a_broken_environment_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    weights = tmp_path / "environments" / "zipcodec" / "weights"
    weights.mkdir(parents=True)
    for ending in ("json", "safetensors"):
        (weights / f"zipcodec.{ending}").touch()
    with pytest.raises(Unavailable, match="zipcodec: No module named 'zipcodec'"):
        _ = module_of("zipcodec").make(python=sys.executable).info


@pytest.mark.parametrize(
    ("name", "parameters", "value"),
    [
        ("speechtokenizer", {"codebooks": 9}, "codebooks=9"),
        ("audiodec", {"codebooks": 0}, "codebooks=0"),
        ("audiodec", {"model": "music"}, "model='music'"),
        ("hilcodec", {"codebooks": True}, "codebooks=True"),
        ("hilcodec", {"model": "x"}, "model='x'"),
        ("past", {"codebooks": 9}, "codebooks=9"),
        ("past", {"model": "future"}, "model='future'"),
        ("nanocodec", {"rate": 1.8}, "rate=1.8"),
        ("semanticodec", {"token_rate": 75}, "token_rate=75"),
        ("semanticodec", {"steps": 0}, "steps=0"),
        ("stablecodec", {"bitrate": 800}, "bitrate=800"),
        ("wavtokenizer", {"rate": 50}, "rate=50"),
        ("bigcodec", {"seconds": 0, "command": "x"}, "seconds=0"),
    ],
)
def test_bad_parameters_are_refused(name: str, parameters: dict[str, Any], value: str) -> None:
    with pytest.raises(UserError, match=rf"^{name}: {re.escape(value)} is not allowed"):
        module_of(name).make(**parameters)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_fits_the_calls_of_its_library(name: str, tmp_path: Path, elsewhere: pytest.MonkeyPatch) -> None:
    device = {"device": "cpu"} if name == "stablecodec" else {}
    codec = loaded(name, tmp_path, elsewhere, **device)
    told = codec.describe()
    assert told["frame_bits"] * told["rate_in"] / told["frame"] == pytest.approx(BITRATES[name][0])
    assert re.fullmatch("[0-9a-f]{16}", told["identity"]["weights"])
    signal = 0.3 * speech_like(1.3, told["rate_in"]) + np.float32(0.2)
    sender, receiver = codec.encoder(), codec.decoder("")
    payloads = sender.push(signal[:7001]) + sender.push(signal[7001:]) + sender.flush()
    frames = -(-len(signal) // codec.hop)
    assert len(payloads) == frames
    assert {len(payload) for payload in payloads} == {-(-told["frame_bits"] // 8)}
    output = np.concatenate([receiver.push([(i, p, []) for i, p in enumerate(payloads)]), receiver.flush()])
    padded = np.pad(signal, (0, frames * codec.hop - len(signal)))
    step = 2 / (min(codec.size, 256) - 1)
    wanted = np.repeat(padded.reshape(-1, codec.hop).mean(1), codec.hop)
    assert len(output) == len(wanted)
    assert np.abs(output - wanted).max() <= step / 2 + 1e-3
    assert told["cost"] == ({} if name == "hilcodec" else {"parameters": told["cost"]["parameters"]})


@pytest.mark.parametrize("name", [name for name, (_, more, _) in BITRATES.items() if more])
def test_a_template_takes_other_parameters(name: str, tmp_path: Path, elsewhere: pytest.MonkeyPatch) -> None:
    more = {**BITRATES[name][1], **({"device": "cpu"} if name == "stablecodec" else {})}
    if name == "semanticodec":
        file = tmp_path / "weights" / "semanticodec_tokenrate_100" / "encoder.ckpt"
        file.parent.mkdir(parents=True)
        file.touch()
    codec = loaded(name, tmp_path, elsewhere, **more)
    assert codec.codebooks * codec.bits * codec.rate / codec.hop == pytest.approx(BITRATES[name][2])
    sender, receiver = codec.encoder(), codec.decoder("mute")
    sent = sender.push(np.zeros(3 * codec.hop, np.float32)) + sender.flush()
    assert len(sent) == 3
    assert len(receiver.push([(0, sent[0], []), (1, None, []), (2, b"", [])])) + len(receiver.flush()) == 3 * codec.hop


@pytest.mark.parametrize("name", ["audiodec", "hilcodec", "zipcodec"])
def test_sessions_of_a_streaming_template_do_not_touch(
    name: str, tmp_path: Path, elsewhere: pytest.MonkeyPatch
) -> None:
    codec = loaded(name, tmp_path, elsewhere)
    assert codec.streaming
    signals = [np.full((3, codec.hop), level, np.float32) for level in (0.5, -0.5)]
    alone = [[codec.encoder().push(signal.reshape(-1)), codec.decoder("")] for signal in signals]
    heard = [receiver.push([(i, p, []) for i, p in enumerate(sent)]) for sent, receiver in alone]
    senders, receivers = [codec.encoder(), codec.encoder()], [codec.decoder(""), codec.decoder("")]
    for index in range(3):
        for which in (0, 1):
            (payload,) = senders[which].push(signals[which][index])
            assert payload == alone[which][0][index]
            output = receivers[which].push([(index, payload, [])])
            np.testing.assert_array_equal(output, heard[which].reshape(3, -1)[index])
    assert len({payload for sent, _ in alone for payload in sent}) == 6, "the senders remember nothing"
    assert len({float(sample) for output in heard for sample in output}) == 6, "the receivers remember nothing"


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_are_not_there_are_told(name: str, tmp_path: Path, elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setitem(FILES, name, ())
    (tmp_path / "source" / "onnx").mkdir(parents=True)
    with pytest.raises(worker.Unavailable, match=r"there is no file .*(weights|source)|no weights are there"):
        loaded(name, tmp_path, elsewhere)
