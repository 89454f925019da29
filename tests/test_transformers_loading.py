"""`baselines._transformers`: the same model everywhere, from a folder or random; what is not the model is refused."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines import encodec, mimi
from baselines._transformers import Checkpoint, load
from benchmark.types import Unavailable, UserError

transformers = pytest.importorskip("transformers")
from safetensors.torch import load_file, save_file  # noqa: E402 (transformers brings it)

ENCODEC, MIMI = encodec.CHECKPOINT, mimi.CHECKPOINT
DIGEST = """
import hashlib
from baselines import encodec
from baselines._transformers import load
tensors = load(encodec.CHECKPOINT, "tiny", 3).model.state_dict().values()
print(hashlib.sha256(b"".join(t.numpy().tobytes() for t in tensors)).hexdigest())
"""


def saved(folder: Path, checkpoint: Checkpoint, **settings: Any) -> Any:
    """A small model of the library's own making, saved into `folder` as its publisher would."""
    kind = getattr(transformers, checkpoint.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = kind(kind.config_class(**{**checkpoint.tiny, **settings})).eval()
        for name, buffer in model.named_buffers():
            if name.endswith(("embed", "embed_sum")):
                buffer.normal_()
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    transformers.utils.logging.enable_progress_bar()
    return model


def change(folder: Path, **tensors: torch.Tensor | None) -> None:
    """Replace tensors of a checkpoint; None: take it away. Dots of names are written ``__``."""
    file = folder / "model.safetensors"
    held = load_file(file)
    for name, tensor in tensors.items():
        held.pop(name.replace("__", "."))
        if tensor is not None:
            held[name.replace("__", ".")] = tensor
    save_file(held, file, {"format": "pt"})


def equal(one: Any, other: Any) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("checkpoint", [ENCODEC, MIMI], ids=lambda c: c.name)
def test_random_weights_depend_on_the_seed_alone(checkpoint: Checkpoint) -> None:
    before = torch.random.get_rng_state()
    one = load(checkpoint, "tiny")
    assert torch.equal(torch.random.get_rng_state(), before), "the generator of the whole process was used"
    torch.rand(1)
    again, other = load(checkpoint, "tiny"), load(checkpoint, "tiny", 1)
    assert equal(one.model, again.model)
    assert not equal(one.model, other.model)
    assert one.identity["weights"] == "random, tiny configuration, seed 0"
    assert other.identity["weights"] == "random, tiny configuration, seed 1"
    assert one.identity["transformers"] == transformers.__version__
    assert one.identity["torch"] == torch.__version__


@pytest.mark.slow
def test_another_process_draws_the_same_weights() -> None:
    tensors = [t.numpy().tobytes() for t in load(ENCODEC, "tiny", 3).model.state_dict().values()]
    import hashlib

    run = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == hashlib.sha256(b"".join(tensors)).hexdigest()


def test_random_weights_let_the_input_through() -> None:
    """The library's own initialisation leaves codebooks empty, so that every token is 0."""
    model = load(ENCODEC, "tiny").model
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 3200), np.float32))
    with torch.inference_mode():
        tokens = model.encode(noise, bandwidth=24.0).audio_codes[0, 0]
    assert min(len(row.unique()) for row in tokens) > 1
    assert len(tokens.unique()) > 100


@pytest.mark.parametrize("checkpoint", [ENCODEC, MIMI], ids=lambda c: c.name)
def test_a_folder_is_read_as_the_library_reads_it(
    checkpoint: Checkpoint, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = saved(tmp_path, checkpoint)
    loaded = load(checkpoint, str(tmp_path))
    assert not any("parametrizations" in name for name in loaded.model.state_dict()), "normalised at each use"
    assert not loaded.model.training
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 3840), np.float32))
    with torch.inference_mode():
        codes, wanted = loaded.model.encode(noise).audio_codes, model.encode(noise).audio_codes
    assert torch.equal(codes, wanted)
    assert loaded.identity["weights"].startswith("sha256 ")
    assert loaded.identity["config"].startswith("sha256 ")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_a_checkpoint_with_the_old_names_of_normalised_weights_is_read(tmp_path: Path) -> None:
    """The published one is of 2023: weight_g and weight_v."""
    saved(tmp_path / "new", ENCODEC)
    (tmp_path / "old").mkdir()
    (tmp_path / "old/config.json").write_bytes((tmp_path / "new/config.json").read_bytes())
    held = load_file(tmp_path / "new/model.safetensors")
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, old in names.items():
        held = {name.replace(new, old): tensor for name, tensor in held.items()}
    assert sum(name.endswith("weight_g") for name in held) > 10
    save_file(held, tmp_path / "old/model.safetensors", {"format": "pt"})
    one, other = (load(ENCODEC, str(tmp_path / name)) for name in ("new", "old"))
    assert equal(one.model, other.model)
    assert one.identity["weights"] != other.identity["weights"]


def test_parameters_are_counted() -> None:
    loaded = load(ENCODEC, "tiny")
    weights = [tensor for name, tensor in loaded.model.state_dict().items() if "quantizer" not in name]
    assert loaded.cost() == {"parameters": sum(tensor.numel() for tensor in weights)}


def test_a_missing_tensor_is_not_made_up(tmp_path: Path) -> None:
    saved(tmp_path, ENCODEC)
    change(tmp_path, decoder__layers__0__conv__bias=None)
    with pytest.raises(UserError, match=r"holds no whole EncodecModel: it lacks decoder.layers.0.conv.bias"):
        load(ENCODEC, str(tmp_path))


def test_a_missing_codebook_is_not_made_up(tmp_path: Path) -> None:
    saved(tmp_path, ENCODEC)
    change(tmp_path, quantizer__layers__3__codebook__embed=None)
    with pytest.raises(UserError, match=r"it lacks quantizer.layers.3.codebook.embed"):
        load(ENCODEC, str(tmp_path))


def test_a_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, ENCODEC)
    change(tmp_path, decoder__layers__0__conv__bias=torch.zeros(3))
    with pytest.raises(UserError, match="EncodecModel"):
        load(ENCODEC, str(tmp_path))


def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path) -> None:
    saved(tmp_path, ENCODEC)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="holds no EncodecModel of transformers") as caught:
        load(ENCODEC, str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_pickled_checkpoint_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, ENCODEC)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"lacks model\.safetensors"):
        load(ENCODEC, str(tmp_path))


def test_another_model_of_the_same_kind_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, ENCODEC, normalize=True)
    with pytest.raises(UserError, match="another model than encodec_24khz: normalize is True, not False"):
        load(ENCODEC, str(tmp_path))


@pytest.mark.parametrize("weights", [3, True, 0.5])
def test_weights_that_are_no_text_are_refused(weights: Any) -> None:
    with pytest.raises(UserError, match=rf"encodec_24khz: weights={weights!r} is not allowed; give a folder, random"):
        load(ENCODEC, weights)


@pytest.mark.parametrize("seed", [-1, 2**32, True, 1.0, "1"])
def test_a_bad_seed_is_refused(seed: Any) -> None:
    with pytest.raises(UserError, match=r"encodec_24khz: seed=.* is not allowed; choose from whole numbers from 0"):
        load(ENCODEC, "tiny", seed)


def test_without_weights_it_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    for checkpoint in (ENCODEC, MIMI):
        with pytest.raises(Unavailable, match=f"focalbench fetch {checkpoint.name}"):
            load(checkpoint)


def test_without_transformers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(Unavailable, match=r"needs transformers with EncodecModel .*pip install -U 'focalbench\[hf\]'"):
        load(ENCODEC, "tiny")


def test_a_transformers_that_does_not_know_the_model_is_told_so() -> None:
    with pytest.raises(Unavailable, match="needs transformers with FutureModel"):
        load(replace(ENCODEC, model="FutureModel"), "tiny")
