"""UTMOS: the published format, values of the published code, and why there are none. Weights are small and random."""

import pickle
import re
import sys
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from benchmark import weights
from benchmark.metrics import utmos
from benchmark.nets import utmos22
from benchmark.seeds import generator
from benchmark.types import Known, NotMeasured, Signal, Unavailable, UserError
from tests.signals import speech_like

RATE = 16_000


class Width(NamedTuple):
    """The sizes of a network in the published format."""

    convolution: int = 8
    hidden: int = 128
    inner: int = 16
    layers: int = 2
    domain: int = 3
    judge: int = 5
    recurrent: int = 6
    projection: int = 7


SMALL = Width()
PUBLISHED = Width(512, 768, 3072, 12, 128, 128, 512, 2048)


def shapes(width: Width) -> dict[str, tuple[int, ...]]:
    """The tensors of the published format."""
    conv, hidden, inner = width.convolution, width.hidden, width.inner
    found: dict[str, tuple[int, ...]] = {"mask_emb": (hidden,)}
    for layer, kernel in enumerate((10, 3, 3, 3, 3, 2, 2)):
        found[f"feature_extractor.conv_layers.{layer}.0.weight"] = (conv, conv if layer else 1, kernel)
    found |= {f"feature_extractor.conv_layers.0.2.{part}": (conv,) for part in ("weight", "bias")}
    found |= {"layer_norm.weight": (conv,), "layer_norm.bias": (conv,)}
    found |= {"post_extract_proj.weight": (hidden, conv), "post_extract_proj.bias": (hidden,)}
    found |= {"encoder.pos_conv.0.weight_g": (1, 1, 128), "encoder.pos_conv.0.weight_v": (hidden, hidden // 16, 128)}
    found |= {f"encoder.{name}": (hidden,) for name in ("pos_conv.0.bias", "layer_norm.weight", "layer_norm.bias")}
    for layer in range(width.layers):
        parts: dict[str, tuple[int, ...]] = {}
        for name, out, into in (
            *((f"self_attn.{part}_proj", hidden, hidden) for part in ("q", "k", "v", "out")),
            ("fc1", inner, hidden),
            ("fc2", hidden, inner),
        ):
            parts |= {f"{name}.weight": (out, into), f"{name}.bias": (out,)}
        for norm in ("self_attn_layer_norm", "final_layer_norm"):
            parts |= {f"{norm}.weight": (hidden,), f"{norm}.bias": (hidden,)}
        found |= {f"encoder.layers.{layer}.{name}": shape for name, shape in parts.items()}
    found = {f"wav2vec2.{name}": shape for name, shape in found.items()}
    found |= {"domain_emb": (1, width.domain), "judge_emb": (1, width.judge)}
    into = hidden + width.domain + width.judge
    for direction in ("", "_reverse"):
        found[f"blstm.weight_ih_l0{direction}"] = (4 * width.recurrent, into)
        found[f"blstm.weight_hh_l0{direction}"] = (4 * width.recurrent, width.recurrent)
        found |= {f"blstm.bias_{side}_l0{direction}": (4 * width.recurrent,) for side in ("ih", "hh")}
    found |= {"projection.0.weight": (width.projection, 2 * width.recurrent), "projection.0.bias": (width.projection,)}
    return found | {"projection.2.weight": (1, width.projection), "projection.2.bias": (1,)}


def tensors(width: Width = SMALL) -> dict[str, torch.Tensor]:
    """Seeded random weights, with which signals keep their size, and differ."""
    return {name: tensor(name, shape) for name, shape in shapes(width).items()}


def tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    values = generator(0, "utmos", name).standard_normal(shape)
    if name.endswith("weight_g"):
        values = 1 + np.abs(values)
    elif len(shape) > 1 and not name.endswith("_emb"):
        values *= (4 if "blstm" in name or "feature_extractor" in name else 2) / prod(shape[1:]) ** 0.5
    elif len(shape) == 1:
        values = 0.1 * values + name.endswith((".weight", "0.2.weight"))
    return torch.from_numpy(values).float()


def written(root: Path, held: Any) -> Path:
    folder = root / utmos.CHECKPOINT
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(held, folder / utmos.FILE)
    return folder / utmos.FILE


def changed(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in (tensors() | changes).items() if tensor is not None}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with a small random checkpoint in the published format."""
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path))
    written(tmp_path, tensors())
    return tmp_path


def scores(*signals: Signal, listener: Any = None) -> list[Any]:
    listener = listener or utmos.make()
    said = listener.describe(signals, RATE, [{}] * len(signals))
    return [one if isinstance(one, NotMeasured) else listener.compare(one, Known())["utmos"] for one in said]


# --- values -----------------------------------------------------------------------------------------------


def test_is_the_published_code(root: Path) -> None:
    """From `UTMOS22Strong` of SpeechMOS v1.2.0 with these tensors and the sizes, else fixed there, of `SMALL`.

    With 1.47 s and 2.02 s, wav2vec 2.0 has an odd and an even number of frames, which the published code treats apart.
    """
    assert scores(speech_like(1.47), speech_like(2.02, seed=1)) == pytest.approx([-1.349398, 0.201746], abs=1e-5)


def test_the_format_has_the_published_tensors() -> None:
    """225 of them, 102.8 million numbers: the size of the published file is 411 MB."""
    assert len(shapes(PUBLISHED)) == 225
    assert sum(map(prod, shapes(PUBLISHED).values())) == 102_772_865


def test_a_planted_score_comes_out(root: Path) -> None:
    """The network learned (MOS - 3) / 2."""
    written(root, changed(**{"projection.2.weight": torch.zeros(1, 7), "projection.2.bias": torch.tensor([0.75])}))
    assert scores(speech_like(1), speech_like(1.3, seed=1)) == [4.5, 4.5]


def test_hears_the_output_alone(root: Path) -> None:
    """There is no best value for identical signals: what is known of the reference changes nothing."""
    assert utmos.NEEDS == ()
    listener = utmos.make()
    (said,) = listener.describe([speech_like(1)], RATE, [{}])
    assert listener.compare(said, Known(reference=said)) == listener.compare(said, Known(reference=None))


def test_a_gain_hardly_matters_polarity_and_delay_do(root: Path) -> None:
    speech = speech_like(2)
    late = np.concatenate([np.zeros(RATE // 20, np.float32), speech])
    plain, louder, inverted, delayed = scores(speech, 2 * speech, -speech, late)
    assert louder == pytest.approx(plain, abs=5e-3)
    assert abs(inverted - plain) > 1e-2
    assert abs(delayed - plain) > 1e-2


def test_signals_of_mixed_lengths_are_heard_as_each_alone(root: Path) -> None:
    speech = [speech_like(1.5), speech_like(0.6, seed=1), np.zeros(RATE, np.float32), speech_like(1.5, seed=2)]
    together, alone = scores(*speech), [scores(one)[0] for one in speech]
    assert [str(one) for one in together] == [str(one) for one in alone]
    assert [isinstance(one, NotMeasured) for one in together] == [False, False, True, False]


def test_padding_would_change_a_score(root: Path) -> None:
    """Which is why signals of different lengths never stand in one batch."""
    speech = speech_like(1.5)
    plain, padded = scores(speech, np.pad(speech, (0, RATE)))
    assert abs(plain - padded) > 1e-3


def test_the_judge_and_the_domain_are_heard(root: Path) -> None:
    (plain,) = scores(speech_like(1))
    for name in ("domain_emb", "judge_emb"):
        written(root, changed(**{name: torch.zeros_like(tensors()[name])}))
        assert abs(scores(speech_like(1))[0] - plain) > 1e-4


# --- no value ---------------------------------------------------------------------------------------------


def test_says_why_there_is_no_value(root: Path) -> None:
    nan = speech_like(1)
    nan[100] = np.nan
    for signal, status, words in [
        (nan, "metric_failed", "utmos: the signal holds NaN"),
        (np.stack([speech_like(1), speech_like(1)]), "metric_failed", "mono"),
        (speech_like(1)[:0], "too_short", "empty"),
        (speech_like(0.1), "too_short", "0.100 s; UTMOS is asked of 0.25 s or more"),
        (speech_like(1)[:3999], "too_short", "0.250 s"),
        (0 * speech_like(1), "no_speech", "silent"),
    ]:
        refused, heard = scores(signal, speech_like(1))
        assert (refused.status, words in refused.reason) == (status, True), refused
        assert isinstance(heard, float), "a bad signal takes no other with it"
    assert np.isfinite(scores(speech_like(1)[:4000]))


def test_another_rate_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="48000 Hz; UTMOS is defined at 16000 Hz"):
        utmos.make().describe([speech_like(1)], 48_000, [{}])


def test_without_weights_it_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path))
    listener = utmos.make()
    with pytest.raises(Unavailable, match="run `focalbench fetch utmos22_strong`"):
        listener.describe([speech_like(1)], RATE, [{}])
    assert utmos.versions()["weights"] == "absent"


def test_without_transformers_it_says_how_to_get_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(Unavailable, match=re.escape("pip install 'focalbench[hf]'")):
        utmos.make().describe([speech_like(1)], RATE, [{}])


def test_devices(root: Path) -> None:
    with pytest.raises(UserError, match=r"utmos: device='tpu' is not allowed; choose from cpu, cuda\."):
        utmos.make(device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(Unavailable, match="no CUDA device"):
            utmos.make(device="cuda").describe([speech_like(1)], RATE, [{}])


def test_versions_follow_the_weights(root: Path) -> None:
    first = utmos.versions()
    assert first.keys() == {"torch", "transformers", "weights"}
    assert len(first["weights"]) == 64
    written(root, changed(**{"projection.2.bias": torch.tensor([2.0])}))
    assert utmos.versions()["weights"] != first["weights"]


# --- checkpoints ------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("this must never run",))


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (changed(**{"projection.2.bias": None}), "lacks 1 (projection.2.bias) of"),
        (changed(**{"wav2vec2.encoder.layers.1.fc2.bias": None}), "lacks 1 (wav2vec2.encoder.layers.1.feed_forward"),
        (changed(extra=torch.ones(1)), "has 1 (extra), which the network does not know"),
        (changed(**{"projection.2.bias": torch.ones(3)}), "has the shape [3], the network needs [1]"),
        (changed(judge_emb=None), "lacks 1 (judge_emb); it is another checkpoint"),
        (changed(judge_emb=torch.ones(5)), "judge_emb has the shape [5], not 2 dimensions"),
        (changed(judge_emb=torch.full((1, 5), torch.inf)), "1 (judge_emb) not all finite"),
        ([torch.ones(1)], "holds no tensors by name"),
        ({"model": tensors()}, "holds no tensors by name"),
        ({"projection.2.bias": Evil()}, "holds more than plain tensors; refused"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_named(
    root: Path, held: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(root, held)
    with pytest.raises(UserError) as caught:
        utmos22.load(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "never run" not in capsys.readouterr().out


def test_a_damaged_file_is_named(root: Path) -> None:
    path = root / utmos.CHECKPOINT / utmos.FILE
    for content in (b"", path.read_bytes()[:-500], pickle.dumps({"judge_emb": Evil()})):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is damaged, or a pickle that holds more"):
            utmos22.load(path)


def test_what_wav2vec2_masked_in_training_is_of_no_use(root: Path) -> None:
    (plain,) = scores(speech_like(0.5))
    written(root, changed(**{"wav2vec2.mask_emb": None}))
    assert scores(speech_like(0.5)) == [plain]
