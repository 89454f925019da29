"""Speaker similarity by SpeechBrain's ECAPA-TDNN for VoxCeleb [Desplanques et al. 2020, arXiv 2005.07143]."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import weights
from benchmark.compat import allow_cpu_torchaudio, forget_placeholders
from benchmark.nets.listening import check_device, need_device, weights_version
from benchmark.speakers import NEEDS, Batch, Embed, Voices, values
from benchmark.types import Description, Listener, Unavailable
from benchmark.versions import installed

if TYPE_CHECKING:
    from torch import nn

__all__ = ["NEEDS", "VALUES", "make", "versions"]

CHECKPOINT, FILE = "ecapa_voxceleb", "embedding_model.ckpt"
SOURCE = "ECAPA-TDNN, arXiv 2005.07143; weights speechbrain/spkrec-ecapa-voxceleb"
VALUES = values("ecapa", SOURCE, generative="yes")
BANDS = 80
SHAPE = {"kernel_sizes": [5, 3, 3, 3, 1], "dilations": [1, 2, 3, 4, 1], "attention_channels": 128}  # as published


def versions() -> dict[str, str]:
    """The libraries that run the model, and the checksum of its weights."""
    return installed("speechbrain", "torchaudio", "torch") | {"weights": weights_version(CHECKPOINT, FILE)}


def make(device: str = "cpu") -> Listener:
    """Cosine of SpeechBrain's embeddings, not normalised, as ``encode_batch`` gives them; 192 dimensions.

    The features are log-mel bands less their mean over time: a gain does not matter, unless it brings bands down to
    the floor of 1e-10, nor does polarity. Equal lengths in one batch, as on a GPU, change no cosine by more than 1e-6.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    chosen = check_device("spk_sim_ecapa", device)
    return Voices("ecapa", lambda: _load(chosen), together=chosen == "cuda")


def _load(device: str) -> Embed:
    path = weights.folder(CHECKPOINT, (FILE,)) / FILE
    need_device("spk_sim_ecapa", device)
    allow_cpu_torchaudio()
    try:
        import torch
        from speechbrain.lobes.features import Fbank
        from speechbrain.processing.features import InputNormalization
    except ImportError as error:
        raise Unavailable(f"spk_sim_ecapa needs speechbrain ({error}): pip install speechbrain") from error
    model = _network(path).to(device)
    bands = Fbank(n_mels=BANDS).to(device).eval()
    centred = InputNormalization(norm_type="sentence", std_norm=False).to(device).eval()
    forget_placeholders()

    def embed(batch: Batch) -> list[Description]:
        whole = torch.ones(len(batch), device=device)
        with torch.inference_mode():
            features = centred(bands(torch.as_tensor(batch, device=device)), whole)
            return list(model(features, whole)[:, 0].cpu().numpy())

    return embed


def _network(path: Path) -> "nn.Module":
    """The published model, built here and not by its ``hyperparams.yaml``: that may run code, and download.

    Raises:
        UserError: when the file is damaged or of another model.
    """
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    from benchmark.nets import checkpoint

    tensors = checkpoint.tensors_of(path, checkpoint.read(path))
    wide = checkpoint.shape_of(path, tensors, "blocks.0.conv.conv.weight", 3)[0]  # 1024 as published
    dimensions = checkpoint.shape_of(path, tensors, "fc.conv.weight", 3)[0]  # 192
    channels = [wide] * 4 + [3 * wide]
    network: nn.Module = ECAPA_TDNN(BANDS, lin_neurons=dimensions, channels=channels, **SHAPE)
    return checkpoint.fill(network, path, tensors)
