"""SpeechBrain's published classifiers [Ravanelli et al. 2021, arXiv 2106.04624]: their networks and their classes.

Networks are built here, from SpeechBrain's classes and the shapes of the tensors, not by the checkpoints'
``hyperparams.yaml``, which may run code and download. Their pooling adds noise to what it pools; here that is always
the same noise, so that a signal has one class.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark import weights
from benchmark.compat import allow_cpu_torchaudio, forget_placeholders
from benchmark.nets.listening import need_device, one_by_one, weights_version
from benchmark.types import Description, Known, NotMeasured, Result, Signal, Unavailable, UserError
from benchmark.versions import installed
from tasks import _classes
from tasks._features import SHORTEST, refuse

if TYPE_CHECKING:
    from torch import Tensor, nn

COMMANDS, COMMANDS_FILES = "google_speech_command_xvector", ("embedding_model.ckpt", "classifier.ckpt")
IEMOCAP, IEMOCAP_FILES = "emotion_wav2vec2_iemocap", ("wav2vec2.ckpt", "model.ckpt")
LABELS_FILE = "label_encoder.txt"
BANDS = 24  # of the commands' features
COMMANDS_SHORTEST = 480  # samples: four frames, more than its convolutions mirror at either end
KERNELS = {"tdnn_kernel_sizes": [5, 3, 3, 1, 1], "tdnn_dilations": [1, 2, 3, 1, 1]}  # as published
HEAD = 64  # dimensions of an attention head of wav2vec 2.0
CONVOLUTIONS = 7
UNUSED = "masked_spec_embed"  # only in training
OLD_NAMES = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}

Scores: TypeAlias = npt.NDArray[np.float32]  # of each class, the higher the likelier
Classify: TypeAlias = Callable[[Signal], Scores]


def versions(checkpoint: str, files: Sequence[str]) -> dict[str, str]:
    """The libraries that run a published classifier, and the checksums of its files."""
    libraries = installed("speechbrain", "torchaudio", "torch", *(["transformers"] if checkpoint == IEMOCAP else []))
    return libraries | {file: weights_version(checkpoint, file) for file in (*files, LABELS_FILE)}


@dataclass
class Published:
    """A listener; what it says of a signal is the class of a published classifier, by its name in our data.

    Attributes:
        name: of the task.
        load: gives the classifier and the names of its classes, by index; called when it is first asked.
        names: what our data call its classes, where that is something else.
        shortest: samples that it can hear.
    """

    name: str
    load: Callable[[], tuple[Classify, Sequence[str]]]
    names: Mapping[str, str] = field(default_factory=dict)
    shortest: int = SHORTEST
    _loaded: tuple[Classify, Sequence[str]] | None = field(default=None, repr=False)

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> list[Description | NotMeasured]:
        """The class of each signal at 16 kHz, and all classes that it knows; each signal is heard alone.

        Raises:
            Unavailable: when the weights, a library or the device are not here.
            UserError: when a file is not of that model.
        """
        if rate != _classes.RATE:
            raise ValueError(f"{self.name}: {rate} Hz; the model hears {_classes.RATE} Hz.")
        if self._loaded is None:
            self._loaded = self.load()
        classify, published = self._loaded
        ours = [self.names.get(one, one) for one in published]

        def hear(signal: Signal) -> Description:
            refuse(signal, self.shortest)
            return {"class": ours[int(np.argmax(classify(signal)))], "classes": sorted(ours)}

        return one_by_one(hear, signals)

    def compare(self, degraded: Description, known: Known) -> Mapping[str, Result]:
        """Whether the class was found; not measured for a class that it does not know."""
        classes = degraded["classes"]
        return _classes.results(
            self.name, classes.index(degraded["class"]), known._replace(learned={"classes": classes})
        )


def commands(device: str) -> tuple[Classify, list[str]]:
    """The x-vector network for 12 classes of Speech Commands [Snyder et al., ICASSP 2018], and these classes."""
    place = weights.folder(COMMANDS, (*COMMANDS_FILES, LABELS_FILE))
    need_device("keyword", device)
    allow_cpu_torchaudio()
    try:
        import torch
        from speechbrain.lobes.features import Fbank
        from speechbrain.processing.features import InputNormalization
    except ImportError as error:
        raise Unavailable(f"keyword needs speechbrain ({error}): pip install speechbrain") from error
    embedding, classifier, classes = _xvector(place)
    embedding, classifier = embedding.to(device), classifier.to(device)
    bands = Fbank(n_mels=BANDS).to(device).eval()
    centred = InputNormalization(norm_type="sentence", std_norm=False).to(device).eval()
    forget_placeholders()

    def classify(signal: Signal) -> Scores:
        whole = torch.ones(1, device=device)
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(0)
            features = centred(bands(torch.as_tensor(signal, dtype=torch.float32, device=device)[None]), whole)
            scores: Scores = classifier(embedding(features, whole))[0, 0].cpu().numpy()
        return scores

    return classify, _labels(place / LABELS_FILE, classes)


def _xvector(place: Path) -> "tuple[nn.Module, nn.Module, int]":
    """The network up to its embedding, what makes classes of that, and how many classes there are."""
    from speechbrain.lobes.models.Xvector import Classifier, Xvector

    from benchmark.nets import checkpoint

    path, on_top = (place / file for file in COMMANDS_FILES)
    tensors, last = (checkpoint.tensors_of(file, checkpoint.read(file)) for file in (path, on_top))
    convolutions = [f"blocks.{3 * i}.conv.weight" for i in range(5)]
    channels = [checkpoint.shape_of(path, tensors, name, 3)[0] for name in convolutions]
    wide = checkpoint.shape_of(path, tensors, "blocks.16.w.weight", 2)[0]
    hidden = checkpoint.shape_of(on_top, last, "DNN.block_0.linear.w.weight", 2)[0]
    classes = checkpoint.shape_of(on_top, last, "out.w.weight", 2)[0]
    embedding = Xvector(in_channels=BANDS, tdnn_channels=channels, lin_neurons=wide, **KERNELS)
    classifier = Classifier([None, None, wide], lin_neurons=hidden, out_neurons=classes)
    return checkpoint.fill(embedding, path, tensors), checkpoint.fill(classifier, on_top, last), classes


def emotions(device: str) -> tuple[Classify, list[str]]:
    """Wav2vec 2.0 fine-tuned on IEMOCAP [Wang et al. 2021, arXiv 2111.02735], and its four classes."""
    place = weights.folder(IEMOCAP, (*IEMOCAP_FILES, LABELS_FILE))
    need_device("emotion", device)
    allow_cpu_torchaudio()
    try:
        import torch
        from speechbrain.nnet.pooling import StatisticsPooling
        from transformers import Wav2Vec2Model  # noqa: F401 (said here that it is not there)
    except ImportError as error:
        text = f"emotion needs speechbrain and transformers ({error}): pip install speechbrain 'focalbench[hf]'"
        raise Unavailable(text) from error
    model, output, classes = _wav2vec2(place)
    model, output = model.to(device), output.to(device)
    pool = StatisticsPooling(return_std=False)
    forget_placeholders()

    def classify(signal: Signal) -> Scores:
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(0)
            heard = _normal(torch.as_tensor(signal, dtype=torch.float32, device=device)[None])
            scores: Scores = output(pool(_normal(model(heard).last_hidden_state)))[0, 0].cpu().numpy()
        return scores

    return classify, _labels(place / LABELS_FILE, classes)


def _normal(values: "Tensor") -> "Tensor":
    """Of mean 0 and variance 1 over all of a signal, or all of its frames, as in SpeechBrain's recipe."""
    from torch.nn.functional import layer_norm

    return layer_norm(values, values.shape[1:])


def _wav2vec2(place: Path) -> "tuple[nn.Module, nn.Module, int]":
    """The network, what makes classes of its frames' mean, and how many classes there are."""
    from speechbrain.nnet.linear import Linear
    from torch import nn
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    from benchmark.nets import checkpoint

    path, on_top = (place / file for file in IEMOCAP_FILES)
    held, last = (checkpoint.tensors_of(file, checkpoint.read(file)) for file in (path, on_top))
    tensors = {_renamed(name): tensor for name, tensor in held.items() if not name.endswith(UNUSED)}
    config = Wav2Vec2Config(**_sizes(path, tensors), mask_time_prob=0.0, mask_feature_prob=0.0)
    model = checkpoint.fill(Wav2Vec2Model(config), path, tensors)
    classes, wide = checkpoint.shape_of(on_top, last, "0.w.weight", 2)
    output = nn.Sequential(Linear(input_size=wide, n_neurons=classes, bias=False))
    return model, checkpoint.fill(output, on_top, last), classes


def _renamed(name: str) -> str:
    """As transformers calls it now; SpeechBrain holds the model as ``model``, older torch named norms otherwise."""
    base, _, last = name.removeprefix("model.").rpartition(".")
    return f"{base}.{OLD_NAMES.get(last, last)}"


def _sizes(path: Path, tensors: "Mapping[str, Tensor]") -> dict[str, Any]:
    """What of the network's configuration a checkpoint decides; the rest is wav2vec 2.0 base, the default."""
    from benchmark.nets.checkpoint import shape_of

    position = "encoder.pos_conv_embed.conv.parametrizations.weight.original1"
    wide, grouped, kernel = shape_of(path, tensors, position, 3)
    convolutions = [f"feature_extractor.conv_layers.{i}.conv.weight" for i in range(CONVOLUTIONS)]
    feed_forward = "encoder.layers.0.feed_forward.intermediate_dense.weight"
    return {
        "hidden_size": wide,
        "num_attention_heads": max(1, wide // HEAD),
        "num_hidden_layers": len({name.split(".")[2] for name in tensors if name.startswith("encoder.layers.")}),
        "intermediate_size": shape_of(path, tensors, feed_forward, 2)[0],
        "conv_dim": [shape_of(path, tensors, name, 3)[0] for name in convolutions],
        "num_conv_pos_embeddings": kernel,
        "num_conv_pos_embedding_groups": wide // max(1, grouped),
    }


def _labels(path: Path, count: int) -> list[str]:
    """The names of the classes, by index, of a file that SpeechBrain's encoder of labels wrote.

    Raises:
        UserError: when it is no such file, or names another number of classes than the network has.
    """
    try:
        lines = path.read_text(encoding="utf-8").partition("\n====")[0].splitlines()
        pairs = [line.rsplit(" => ", 1) for line in lines if line.strip()]
        found = {int(index): str(ast.literal_eval(name)) for name, index in pairs}
    except (ValueError, SyntaxError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no list of labels as SpeechBrain writes it ('name' => 0 in each line).") from error
    if sorted(found) != list(range(count)):
        raise UserError(f"{path} names {len(found)} classes; the network beside it has {count}. Fetch both again.")
    return [found[i] for i in range(count)]
