"""The comparison with another implementation: it says equal of equals, and finds a planted difference."""

import sys

import pytest
import soundfile
import torch

from baselines.focalcodec import compare, config
from tests.signals import speech_like

OTHER = '''
import json, pathlib, tempfile
from baselines.focalcodec import checkpoint, config, model

class FocalCodec:
    """Another implementation, which happens to be ours; its tokens are off by FLIP."""

    def __init__(self, **parts):
        path = pathlib.Path(tempfile.mkdtemp()) / "config.json"
        path.write_text(json.dumps(parts))
        self.config = config.read(path)

    def eval(self):
        return self

    def load_state_dict(self, tensors):
        weights = checkpoint.Weights({name: tuple(t.shape) for name, t in tensors.items()}, tensors.__getitem__)
        self.codec = model.load(self.config, weights)
        self.sig_to_lats, self.toks_to_sig = self.codec.sig_to_lats, self.codec.toks_to_sig

    def lats_to_toks(self, latents):
        tokens = self.codec.lats_to_toks(latents).clone()
        tokens[0, 7] ^= FLIP
        return tokens
'''


@pytest.fixture
def clip(tmp_path):
    soundfile.write(tmp_path / "clip.wav", speech_like(1.5), 16_000)
    return tmp_path / "clip.wav"


@pytest.fixture(autouse=True)
def _tidy(monkeypatch):
    """The command leaves the other implementation importable, and sets the threads."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "focalcodec", raising=False)
    yield
    sys.modules.pop("focalcodec", None)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("flip", [0, 1])
def test_equality(tmp_path, clip, capsys, flip):
    (tmp_path / "focalcodec").mkdir()
    (tmp_path / "focalcodec" / "__init__.py").write_text(OTHER.replace("FLIP", str(flip)))
    command = ["equal", "--reference", str(tmp_path), "--audio", str(clip), "--small", "--models", "2k", "50"]
    compare.main([*command, "--threads", "1"])
    said = capsys.readouterr().out
    assert said.startswith("1.50 s of speech\n2k tokens 75 (distinct ")
    assert said.count(f"differ {flip}, of which not within 0.0001 of zero {flip}; latents differ by 0.0e+00") == 2
    assert said.count("7 packets a call: 0 tokens differ") == 1


def test_speed_is_a_table(monkeypatch, capsys):
    monkeypatch.setitem(config.STREAMING, "65k", config.small(config.STREAMING["65k"]))
    compare.main(["speed", "--seconds", "1", "--threads", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["fp32", "bf16", "int8"]
    assert lines[1].split()[4] == lines[1].split()[6] == "1.00"
    assert all(0 < float(line.split()[1]) < 1000 for line in lines[1:4])
