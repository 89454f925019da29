"""What codecs share that run by a template in an environment of their own, which is looked for under the data root."""

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from baselines.external import TEMPLATES, WORKER, External
from benchmark.types import Scalar, Unavailable, UserError
from benchmark.weights import data_root


@dataclass(frozen=True)
class Environment:
    """How a codec's environment is made, in ``<data root>/environments/<name>``.

    Attributes:
        name: of the codec, its template and its folder.
        install: what pip installs into it.
        weights: where these are from, and what to call them.
        files: patterns of what the folder has to hold beside the interpreter.
        source: address of a git repository that is no package and is cloned into ``source``; empty: none.
        revision: of it, against which the template was written.
        interpreter: a Python that its packages have wheels for.
    """

    name: str
    install: str
    weights: str
    files: tuple[str, ...]
    source: str = ""
    revision: str = ""
    interpreter: str = "python3"

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return data_root() / "environments" / self.name

    def codec(self, python: str, command: str, seconds: int, **parameters: Scalar) -> External:
        """The codec, by its template; nothing is started yet.

        Args:
            python: an interpreter with its packages; "": that of the folder.
            command: runs the template, or another worker, elsewhere (a container); it is given the parameters.
            seconds: for one answer.
            parameters: of the template.

        Raises:
            Unavailable: when the environment is not there, or not whole; the text says how it is made.
            UserError: when `python` is no program.
        """
        words = [command] if command else [shlex.join(self.words(python))]
        told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
        words += [shlex.quote(f"{name}={value}") for name, value in told.items()]
        return External(" ".join(words), seconds, self.name)

    def words(self, python: str) -> Iterator[str]:
        """The command that runs the template here."""
        if python and shutil.which(python) is None:
            raise UserError(f"{self.name}: python={python!r} is no program; give the path of an interpreter.")
        interpreter = self.folder / "bin" / "python"
        absent = [] if python or interpreter.is_file() else ["bin/python"]
        absent += [pattern for pattern in self.files if not any(self.folder.glob(pattern))]
        if absent:
            raise Unavailable(self.recipe(absent))
        yield python or str(interpreter)
        yield from (str(WORKER), str(TEMPLATES / f"{self.name}.py"), f"folder={self.folder}")

    def recipe(self, absent: list[str]) -> str:
        """What is missing, and how all of it is made."""
        folder = shlex.quote(str(self.folder))
        steps = [f"{self.interpreter} -m venv {folder}", f"cd {folder}", f"bin/pip install numpy {self.install}"]
        if self.source:
            steps += [f"git clone {self.source} source", f"git -C source checkout {self.revision}"]
        return (
            f"{self.name} runs in an environment of its own, {folder}, which lacks {', '.join(absent)}: "
            f"`{' && '.join(steps)}`; weights: {self.weights}. Or name a command: docs/external.md."
        )
