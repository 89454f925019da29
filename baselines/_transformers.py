"""Codec models of Hugging Face transformers (https://github.com/huggingface/transformers): from a folder, or random.

Always float32 and ready to run: no dropout, no gradients, weight normalisation folded into plain weights (torch would
compute it anew at each use).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baselines._framed import require
from benchmark import weights as checkpoints
from benchmark.compat import allow_cpu_torchaudio
from benchmark.types import Unavailable, UserError
from benchmark.versions import checksum, installed

RANDOM, TINY = "random", "tiny"  # in place of a folder: random weights, in the published widths or in tiny ones
CODEBOOK_SCALE = 0.1  # of random codebooks; far above that of the latents, one code would be nearest to all of them


@dataclass(frozen=True)
class Checkpoint:
    """A published model.

    Attributes:
        name: as `focalbench fetch` knows it, and as the codec is called.
        model: its class in transformers.
        settings: its published configuration, as far as the library's defaults are others.
        tiny: what is smaller still in a tiny one, for tests.
        shared: attributes of the configuration which every checkpoint of this name has to share: what the adapter
            relies on.
    """

    name: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """A model, and what it is: versions of the libraries, checksums of its weights and its configuration."""

    model: Any
    identity: Mapping[str, str]

    def cost(self) -> dict[str, float]:
        """Its parameters; codebooks, which are no parameters to torch, are not among them."""
        return {"parameters": float(sum(each.numel() for each in self.model.parameters()))}


def load(checkpoint: Checkpoint, weights: str | None = None, seed: int = 0) -> Loaded:
    """The model, in every process the same.

    Args:
        checkpoint: which.
        weights: a folder of transformers' format (``config.json``, ``model.safetensors``), ``random``, ``tiny``
            (random, too), or None for the published one.
        seed: of random weights.

    Raises:
        Unavailable: without transformers, or when the published weights are not here.
        UserError: when the weights that are given cannot be used.
    """
    if weights is not None and not isinstance(weights, str):
        allowed = "give a folder, random, tiny (random weights in a small model), or nothing"
        raise UserError(f"{checkpoint.name}: weights={weights!r} is not allowed; {allowed}.")
    require(f"{checkpoint.name}: seed", seed, range(2**32))
    kind = _class(checkpoint)
    if weights in (RANDOM, TINY):
        model = _random(kind, _configuration(kind, checkpoint, weights == TINY), seed)
        small = "tiny configuration, " if weights == TINY else ""
        origin = {"weights": f"{RANDOM}, {small}seed {seed}"}
    else:
        folder = checkpoints.folder(checkpoint.name, given=weights)
        model = _fold(_read(kind, checkpoint, folder))
        config, file = checkpoints.CHECKPOINT
        origin = {"weights": f"sha256 {checksum(folder / file)}", "config": f"sha256 {checksum(folder / config)}"}
    return Loaded(model.eval().requires_grad_(False), {**installed("transformers", "torch"), **origin})


def _class(checkpoint: Checkpoint) -> Any:
    allow_cpu_torchaudio()
    try:
        import transformers

        return getattr(transformers, checkpoint.model)
    except (ImportError, AttributeError) as error:  # absent; too old to have it
        text = f"{checkpoint.name} needs transformers with {checkpoint.model} ({error})"
        raise Unavailable(f"{text}: pip install -U 'focalbench[hf]'.") from error


def _configuration(kind: Any, checkpoint: Checkpoint, tiny: bool = False) -> Any:
    return kind.config_class(**{**checkpoint.settings, **(checkpoint.tiny if tiny else {})})


def _random(kind: Any, config: Any, seed: int) -> Any:
    """A model whose output depends on its input: what the library itself draws lets next to nothing through.

    Its initialisation does not reach weights that are normalised, and leaves codebooks empty.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _fold(kind(config).float())
        for module in model.modules():
            if isinstance(module, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
                repeated = module.stride[0] if isinstance(module, torch.nn.ConvTranspose1d) else 1
                inputs = module.in_channels // module.groups * module.kernel_size[0] / repeated
                torch.nn.init.normal_(module.weight, 0, inputs**-0.5)  # as loud as its input
        for buffer in model.buffers():
            if buffer.ndim == 2 and buffer.is_floating_point() and not buffer.any():
                buffer.normal_(0, CODEBOOK_SCALE)
    return model


def _read(kind: Any, checkpoint: Checkpoint, folder: Path) -> Any:
    import torch

    settings = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True, "local_files_only": True}
    try:
        with _quiet():
            model, found = kind.from_pretrained(folder, **settings)
    except Exception as error:  # whatever a damaged file may raise
        text = f"{folder} holds no {checkpoint.model} of transformers ({type(error).__name__}: {_line(error)})"
        raise UserError(f"{text}.") from error
    wrong = sorted(found["missing_keys"]) + sorted(str(key) for key in found["mismatched_keys"])
    if wrong:  # transformers makes them up
        raise UserError(f"{folder} holds no whole {checkpoint.model}: it lacks {', '.join(wrong[:3])}.")
    published = _configuration(kind, checkpoint)
    for name in checkpoint.shared:
        given, due = getattr(model.config, name), getattr(published, name)
        if given != due:
            raise UserError(f"{folder} holds another model than {checkpoint.name}: {name} is {given}, not {due}.")
    return model


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _fold(model: Any) -> Any:
    """`model`, with plain weights in the place of normalised ones."""
    from torch.nn.utils import parametrize

    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Weights are loaded without a bar, and without a report: what is missing, we say ourselves."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
