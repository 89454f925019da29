"""Makes a torchaudio built for CUDA importable beside a torch built for the CPU.

speechbrain needs torchaudio, and a package index may hold only its CUDA build: there, ``import torchaudio``
ends with ``OSError: libc10_cuda.so``, and with it the import of speechbrain and of most of transformers. What
they use of torchaudio is Python; so its compiled extension is replaced by one that says "not available".
"""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

EXTENSION = "torchaudio._extension"


def allow_cpu_torchaudio() -> None:
    """Register the stand-in where it is needed; call this before every import of speechbrain or transformers.

    Imports neither torch nor torchaudio, and does nothing when torchaudio is absent, already imported or
    able to load. It costs milliseconds once, then nothing; each process needs its own call.
    """
    if EXTENSION in sys.modules or not _needs_missing_cuda():
        return
    extension = ModuleType(EXTENSION, "A stand-in: this torchaudio needs CUDA libraries that torch lacks here.")
    names: dict[str, Any] = {
        "_IS_TORCHAUDIO_EXT_AVAILABLE": False,
        "_load_lib": lambda lib: False,
        "fail_if_no_align": _unavailable,
    }
    vars(extension).update(names)
    sys.modules[EXTENSION] = extension


def forget_placeholders() -> None:
    """Remove from `sys.modules` what speechbrain leaves there for modules it has not loaded.

    They fail whoever looks through all modules, such as `inspect`. Call this after every import of speechbrain.
    """
    for name, module in sys.modules.copy().items():  # a copy in one step: other threads may be importing
        if type(module).__module__ == "speechbrain.utils.importutils":
            del sys.modules[name]


def _needs_missing_cuda() -> bool:
    torch, torchaudio = _folder("torch"), _folder("torchaudio")
    if torch is None or torchaudio is None or any((torch / "lib").glob("libc10_cuda*")):
        return False
    libraries = (torchaudio / "lib").glob("_torchaudio*")
    return any(b"libc10_cuda" in library.read_bytes() for library in libraries)


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _unavailable(function: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"{function.__name__} needs torchaudio's compiled extension, which cannot load here.")

    return refuse
