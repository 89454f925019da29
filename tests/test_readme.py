"""What the README shows works as it stands there: the codec in 30 lines, and every command line."""

import re
import shlex
from pathlib import Path

import pytest

from benchmark.check import check_codec
from benchmark.cli import _parser
from benchmark.suite import load

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)


def blocks(language):
    return [text for kind, text in BLOCKS if kind == language]


def commands():
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("focalbench ")]


def test_the_codec_in_30_lines_keeps_its_promises(tmp_path, monkeypatch):
    code = next(text for text in blocks("python") if "class MyCodec" in text)
    assert len(code.splitlines()) <= 30
    (tmp_path / "my_codec.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    broken = {verdict.promise: verdict.problem for verdict in check_codec("my_codec:MyCodec") if verdict.problem}
    assert not broken


def test_the_run_from_python_works(tmp_path, monkeypatch, capsys):
    code = next(text for text in blocks("python") if "run(suite" in text)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "runs/python/report.html").is_file()
    assert "mulaw" in capsys.readouterr().out


@pytest.mark.parametrize("line", commands())
def test_the_commands_are_understood(line):
    words = shlex.split(line.split(">>")[0], comments=True)
    options = _parser().parse_args(words[1:])
    assert callable(options.run)


def test_the_suite_is_a_suite(tmp_path):
    (text,) = blocks("yaml")
    (tmp_path / "suite.yaml").write_text(text)
    assert load(str(tmp_path / "suite.yaml")).name == "our_call"
