"""Checkpoints of FocalCodec: strict loading, the first release's names, what is refused."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from baselines.focalcodec import checkpoint, config, model
from benchmark.types import UserError

SMALL = config.small(config.STREAMING["4k"])
FULL = config.small(config.FULL_CONTEXT["25"])


def tensors(settings=SMALL, seed=0):
    return dict(checkpoint.random(model.skeleton(settings).shapes(), seed))


def written(folder, settings=SMALL, change=lambda found: None):
    found = tensors(settings)
    change(found)
    model.write(settings, found, folder)
    return folder


def edited(folder, **changes):
    path = folder / "config.json"
    raw = json.loads(path.read_text())
    for key, value in changes.items():
        raw[key] = raw[key] | value if isinstance(value, dict) else value
    path.write_text(json.dumps(raw))
    return folder


def refused(folder, expected=None):
    with pytest.raises(UserError) as caught:
        model.open_folder(folder, expected=expected)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("settings", [SMALL, FULL])
def test_what_is_written_is_read(tmp_path, settings):
    read = model.open_folder(written(tmp_path, settings), expected=settings)
    signal = torch.linspace(-1, 1, 8000).sin()[None]
    direct = model.load(settings, None)
    assert read.config == settings
    assert torch.equal(read.sig_to_lats(signal), direct.sig_to_lats(signal))
    assert not torch.equal(model.load(settings, None, seed=1).sig_to_lats(signal), direct.sig_to_lats(signal))


def test_a_trained_model_is_saved_as_published(tmp_path):
    codec = model.FocalCodec(SMALL)
    with torch.no_grad():
        for name, tensor in tensors().items():
            codec.get_parameter(name).copy_(tensor)
    model.save(codec, tmp_path)
    names = set(checkpoint.read(tmp_path / "model.safetensors"))
    assert names == set(model.skeleton(SMALL).shapes())
    assert "encoder.encoder.layers.1.attention.qkv_proj.weight" in names
    assert "compressor.layers.0.focal_block.modulation.layers.2.0.weight" in names
    raw = json.loads((tmp_path / "config.json").read_text())
    assert (raw["encoder_name"], raw["decoder_name"]) == ("WavLM", "WaveNeXt")
    assert raw["quantizer_config"] == {"codebook_size": 4096}


def test_the_published_configurations_are_read_as_they_stand(tmp_path):
    """The hub's config.json of the 12.5 Hz model, whose decoder has arguments of the first release."""
    focal = {"input_dim": 1024, "output_dim": 13, "hidden_dims": [1024, 512, 256], "downscale_factors": [2, 2, 1]}
    focal |= {"focal_window": 7, "focal_level": 2, "focal_factor": 2, "dropout": 0.0, "layerscale_init": 0.0001}
    back = {**focal, "input_dim": 13, "output_dim": 1024, "hidden_dims": [256, 512, 1024]}
    back["upscale_factors"] = back.pop("downscale_factors")[::-1]
    decoder = {"input_channels": 1024, "num_layers": 8, "dim": 512, "ffn_dim": 1536, "kernel_size": 7, "padding": 3}
    raw = {
        "encoder_name": "WavLM",
        "encoder_config": {"hidden_dims": [512] * 7, "num_layers": 6, "dropout": 0.0},
        "compressor_config": focal,
        "quantizer_config": {"codebook_size": 8192},
        "decompressor_config": back,
        "decoder_name": "Vocos",
        "decoder_config": {**decoder, "layerscale_init": None, "n_fft": 1024, "hop_length": 320},
    }
    (tmp_path / "config.json").write_text(json.dumps(raw))
    assert config.read(tmp_path / "config.json") == config.FULL_CONTEXT["12.5"]


@pytest.mark.parametrize("settings", list({**config.STREAMING, **config.FULL_CONTEXT}.values()))
def test_every_configuration_reads_itself_back(tmp_path, settings):
    (tmp_path / "config.json").write_text(config.as_json(settings))
    assert config.read(tmp_path / "config.json") == settings


def test_the_first_release(tmp_path):
    """Separate projections, other names in the focal parts (same order when sorted), buffers nobody needs."""
    new, old = tensors(FULL), {}
    for name, tensor in new.items():
        if ".qkv_proj." in name:
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                old[name.replace("qkv_proj", f"{part}_proj")] = piece.contiguous()
        else:
            old[name.replace(".focal_block.", ".focal_modulation_block.")] = tensor
    old["quantizer.mask"] = torch.tensor([4, 2, 1])
    old["encoder.encoder.norm.weight"] = torch.ones(32)
    model.write(FULL, old, tmp_path)
    read = model.open_folder(tmp_path)
    signal = torch.linspace(-1, 1, 8000).sin()[None]
    assert torch.equal(read.sig_to_lats(signal), model.load(FULL, None).sig_to_lats(signal))
    old["surprise"] = torch.ones(1)
    model.write(FULL, old, tmp_path)
    assert "has 1 (surprise), which this configuration does not know" in refused(tmp_path)


def test_every_tensor_is_used(tmp_path):
    used = []
    full = tensors()
    model.load(SMALL, checkpoint.Weights(model.skeleton(SMALL).shapes(), lambda n: used.append(n) or full[n]))
    assert sorted(used) == sorted(full)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("decoder.head.proj.bias"), r"lacks 1 (decoder.head.proj.bias) of"),
        (lambda t: t.update(extra=torch.ones(2)), "has 1 (extra), which"),
        (
            lambda t: t.update({"compressor.out_proj.weight": torch.ones(11, 32)}),
            "compressor.out_proj.weight has the shape [11, 32], this configuration needs [12, 32]",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_named(tmp_path, change, words):
    assert words in refused(written(tmp_path, change=change))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_numbers_that_are_not_finite(tmp_path, value):
    folder = written(tmp_path, change=lambda t: t["encoder.norm.weight"][3].fill_(value))
    assert "encoder.norm.weight holds numbers that are not finite" in refused(folder)


def test_a_safetensors_file_may_begin_like_a_pickle(tmp_path):
    """Its first byte is the low one of its header's length."""
    path = written(tmp_path) / "model.safetensors"
    for size in range(128):
        save_file(tensors(), path, {"format": "pt", "note": "x" * size})
        if path.read_bytes().startswith(b"\x80"):
            break
    assert path.read_bytes().startswith(b"\x80")
    assert model.open_folder(tmp_path).config == SMALL


def test_a_packed_codec_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="packed"):
        model.save(model.load(SMALL, None), tmp_path)


def test_another_variant(tmp_path):
    text = refused(written(tmp_path), expected=config.small(config.STREAMING["65k"]))
    assert "another variant: codebook_size is 4096, not 65536" in text
    assert "causal is True, not False" in refused(tmp_path, expected=FULL)


def test_a_damaged_file(tmp_path):
    path = written(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    assert "damaged" in refused(tmp_path)
    path.write_bytes(b"")
    assert "damaged" in refused(tmp_path)
    path.unlink()
    assert "has no model.safetensors" in refused(tmp_path)


class Evil:
    def __reduce__(self):
        return (print, ("this must never run",))


def test_a_pickle_is_refused_unless_it_holds_plain_tensors(tmp_path, capsys):
    path = written(tmp_path) / "model.safetensors"
    torch.save(tensors(), path)
    signal = torch.linspace(-1, 1, 8000).sin()[None]
    plain = model.open_folder(tmp_path)
    assert torch.equal(plain.sig_to_lats(signal), model.load(SMALL, None).sig_to_lats(signal))
    path.rename(tmp_path / "model.pt")  # where the first release had no safetensors
    assert model.open_folder(tmp_path).config == SMALL
    torch.save({"weight": Evil()}, path)
    assert "holds more than plain tensors; refused" in refused(tmp_path)
    path.write_bytes(pickle.dumps({"weight": Evil()}))
    assert "refused" in refused(tmp_path)
    torch.save([torch.ones(1)], path)
    assert "without tensors by name; refused" in refused(tmp_path)
    torch.save({1: torch.ones(1)}, path)
    assert "without tensors by name; refused" in refused(tmp_path)
    torch.save({**tensors(), "encoder.norm.weight": torch.ones(16).to_sparse()}, path)
    assert "encoder.norm.weight is no dense tensor" in refused(tmp_path)
    assert "never run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder_name": "HuBERT"}, "encoder_name: unknown module 'HuBERT'. Known: WavLM."),
        ({"decoder_name": "WaveNext"}, "Did you mean 'WaveNeXt'?"),
        ({"decoder": "Vocos"}, "unknown key 'decoder'"),
        ({"encoder_config": {"layers": 6}}, "WavLM has no argument 'layers'. Did you mean 'num_layers'?"),
        ({"encoder_config": [6]}, "encoder_config must be a group of arguments"),
        ({"encoder_config": {"dim": "1024"}}, "dim='1024' must be int"),
        ({"encoder_config": {"dim": True}}, "dim=True must be int"),
        ({"encoder_config": {"strides": 5}}, "strides=5 must be a list of whole numbers"),
        ({"encoder_config": {"dim": -1}}, "dim=-1 must be 1 or more"),
        ({"quantizer_config": {"codebook_size": 1000}}, "codebook_size=1000 is no power of two"),
        ({"quantizer_config": {"codebook_size": 64}}, "is not the quantizer's number of bits"),
        ({"quantizer_config": {"codebook_size": 1}}, "codebook_size=1 is no power of two"),
        ({"encoder_name": [1]}, "unknown module [1]"),
        ({"encoder_config": {"num_heads": 0}}, "num_heads=0 must be 1 or more"),
        ({"encoder_config": {"num_heads": 5}}, "is no multiple of num_heads"),
        ({"encoder_config": {"max_distance": 8}}, "max_distance above a quarter of it"),
        ({"encoder_config": {"strides": [5, 2]}}, "hidden_dims, kernel_sizes and strides are not equally many"),
        ({"compressor_config": {"hidden_dims": [32]}}, "downscale_factors are not equally many"),
        ({"decoder_config": {"input_channels": 32}}, "gives input_dim twice"),
        ({"decoder_config": {"causal": False}}, "some parts are causal and some are not"),
    ],
)
def test_a_configuration_that_makes_no_sense(tmp_path, changes, words):
    folder = edited(written(tmp_path), **changes)
    assert words in refused(folder)


@pytest.mark.parametrize("text", ["{", "[]", "\0", "[" * 100_000])
def test_a_configuration_that_is_none(tmp_path, text):
    (written(tmp_path) / "config.json").write_text(text)
    assert "config.json" in refused(tmp_path)
