"""The stand-in for torchaudio's extension, each time in a fresh process, as imports cannot be undone."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from benchmark import compat


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("speechbrain"), reason="speechbrain is not installed")
def test_speechbrain_imports_and_torchaudio_resamples() -> None:
    done = python(
        "from benchmark.compat import allow_cpu_torchaudio\n"
        "allow_cpu_torchaudio()\n"
        "import speechbrain, torch, torchaudio\n"
        "print(torchaudio.functional.resample(torch.ones(1600), 16000, 8000).shape[0])"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["800"]


def test_it_imports_neither_torch_nor_torchaudio() -> None:
    done = python(
        "import sys\n"
        "from benchmark.compat import allow_cpu_torchaudio\n"
        "allow_cpu_torchaudio()\n"
        "print([m for m in ('torch', 'torchaudio', 'numpy') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def _install(folder, torch_library, torchaudio_library):
    for package, library, content in (("torch", *torch_library), ("torchaudio", *torchaudio_library)):
        (folder / package / "lib").mkdir(parents=True)
        (folder / package / "__init__.py").touch()
        (folder / package / "lib" / library).write_bytes(content)


CPU_TORCH, CUDA_TORCH = ("libc10.so", b""), ("libc10_cuda.so", b"")
CPU_AUDIO, CUDA_AUDIO = ("_torchaudio.so", b"needs libc10.so"), ("_torchaudio.so", b"needs libc10_cuda.so")


@pytest.mark.parametrize(
    ("torch", "torchaudio", "registered"),
    [
        (CPU_TORCH, CUDA_AUDIO, True),
        (CPU_TORCH, CPU_AUDIO, False),
        (CUDA_TORCH, CUDA_AUDIO, False),
    ],
)
def test_only_a_cuda_torchaudio_beside_a_cpu_torch_gets_it(tmp_path, monkeypatch, torch, torchaudio, registered):
    _install(tmp_path, torch, torchaudio)
    monkeypatch.setattr(compat, "_folder", lambda package: tmp_path / package)
    monkeypatch.delitem(sys.modules, compat.EXTENSION, raising=False)
    compat.allow_cpu_torchaudio()
    assert (compat.EXTENSION in sys.modules) is registered
    sys.modules.pop(compat.EXTENSION, None)


def test_absent_torchaudio_is_left_alone(monkeypatch):
    monkeypatch.setattr(compat, "_folder", lambda package: None)
    monkeypatch.delitem(sys.modules, compat.EXTENSION, raising=False)
    compat.allow_cpu_torchaudio()
    assert compat.EXTENSION not in sys.modules


def test_what_needs_the_extension_says_so():
    def forced_align():
        """What torchaudio decorates."""

    with pytest.raises(RuntimeError, match="forced_align needs torchaudio's compiled extension"):
        compat._unavailable(forced_align)()


@pytest.mark.slow
def test_speechbrain_leaves_no_placeholders() -> None:
    """What looks through all modules, as hypothesis does, must not meet one that fails."""
    done = python(
        "from benchmark.compat import allow_cpu_torchaudio, forget_placeholders\n"
        "allow_cpu_torchaudio()\n"
        "import speechbrain, sys\n"
        "forget_placeholders()\n"
        "for module in list(sys.modules.values()):\n"
        "    getattr(module, 'anything', None)\n"
    )
    assert done.returncode == 0, done.stderr
