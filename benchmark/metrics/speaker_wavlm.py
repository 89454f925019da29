"""Speaker similarity by WavLM with x-vectors [Chen et al. 2022, arXiv 2110.13900], as FocalCodec's papers report it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmark import weights
from benchmark.compat import allow_cpu_torchaudio
from benchmark.nets.listening import check_device, need_device, weights_version
from benchmark.speakers import NEEDS, RATE, Batch, Embed, Voices, values
from benchmark.types import Description, Listener, Unavailable, UserError
from benchmark.versions import installed

__all__ = ["NEEDS", "VALUES", "make", "versions"]

CHECKPOINT = "wavlm_base_sv"
FILES = ("config.json", "preprocessor_config.json", "pytorch_model.bin")
VALUES = values("wavlm", "WavLM, arXiv 2110.13900; weights microsoft/wavlm-base-sv", generative="yes")
UNUSED = ("classifier.", "objective.")  # what training compares embeddings with


def versions() -> dict[str, str]:
    """The libraries that run the model, and the checksums of its files."""
    return installed("transformers", "torch") | {file: weights_version(CHECKPOINT, file) for file in FILES}


def make(device: str = "cpu") -> Listener:
    """Cosine of x-vectors of WavLM-base, 512 dimensions.

    The FocalCodec protocol pads what is shorter than 4880 samples; below 1 s there is no value here, so nothing is
    padded. The scale is not ECAPA's: where that says 0.6 to 0.8, this says 0.97. Equal lengths in one batch, as on a
    GPU, change no cosine by more than 1e-6.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    chosen = check_device("spk_sim_wavlm", device)
    return Voices("wavlm", lambda: _load(chosen), together=chosen == "cuda")


def _load(device: str) -> Embed:
    place = weights.folder(CHECKPOINT, FILES)
    need_device("spk_sim_wavlm", device)
    allow_cpu_torchaudio()
    try:
        import torch
        from transformers import Wav2Vec2FeatureExtractor
    except ImportError as error:
        raise Unavailable(f"spk_sim_wavlm needs transformers ({error}): pip install 'focalbench[hf]'") from error
    model = _network(place).to(device)
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(place, local_files_only=True)

    def embed(batch: Batch) -> list[Description]:
        heard = extractor(list(batch), sampling_rate=RATE, return_tensors="pt").input_values.to(device)
        with torch.inference_mode():
            return list(model(heard).embeddings.cpu().numpy())

    return embed


def _network(place: Path) -> Any:
    """The model, for use, not for training.

    Raises:
        UserError: when the files are damaged, or lack some of it: transformers would draw that at random.
    """
    from transformers import WavLMForXVector

    try:
        with _quietly():
            loaded: Any = WavLMForXVector.from_pretrained(place, local_files_only=True, output_loading_info=True)
    except Exception as error:  # whatever a damaged file may raise
        raise UserError(f"{place} holds no model that transformers can load ({type(error).__name__}).") from error
    model, found = loaded
    if lacking := sorted(name for name in found["missing_keys"] if not name.startswith(UNUSED)):
        raise UserError(f"{place} holds no WavLM for speaker verification: it lacks {', '.join(lacking[:3])}.")
    return model.eval()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' progress bar and report, which would land in the middle of ours."""
    logging: Any = import_module("transformers.utils.logging")
    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
