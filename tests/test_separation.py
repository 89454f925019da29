"""Enhancement and separation: which files belong together, which output is whose, and what is said to be missing."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from benchmark import manifest, registry
from benchmark.types import Spec, Task, Unavailable, UserError
from tasks import enhancement, separation
from tasks.separation import Matched, matched


def dataset(folder: Path, header: str, *lines: str) -> manifest.Dataset:
    for line in lines:
        for name in line.split(","):
            if name.endswith(".wav"):
                (folder / name).write_bytes(name.encode())
    (folder / "manifest.csv").write_text("\n".join([header, *lines]) + "\n")
    return manifest.verify(manifest.load(str(folder / "manifest.csv"), folder))


def test_noisy_speech_finds_its_clean(tmp_path: Path) -> None:
    data = dataset(tmp_path, "id,path,clean", "a,a_noisy.wav,a_clean.wav", "b,b_noisy.wav,b_clean.wav")
    found = enhancement.noisy_and_clean(data)
    assert [(pair.heard.id, pair.heard.path.name, [p.name for p in pair.wanted]) for pair in found] == [
        ("a", "a_noisy.wav", ["a_clean.wav"]),
        ("b", "b_noisy.wav", ["b_clean.wav"]),
    ]
    assert all(path.is_absolute() and path.is_file() for pair in found for path in pair.wanted)


def test_a_mixture_finds_its_sources_in_order(tmp_path: Path) -> None:
    (found,) = separation.mixtures(dataset(tmp_path, "id,path,source_2,source_1", "m,mix.wav,two.wav,one.wav"))
    assert [path.name for path in found.wanted] == ["one.wav", "two.wav"]


def test_what_is_missing_is_one_clear_line(tmp_path: Path) -> None:
    without = dataset(tmp_path, "id,path", "a,a.wav")
    with pytest.raises(
        UserError, match=r"enhancement: .*manifest\.csv has no column 'clean', or nothing in it; put"
    ) as e:
        enhancement.noisy_and_clean(without)
    assert "\n" not in str(e.value)
    some = dataset(tmp_path, "id,path,source_1,source_2", "a,a.wav,x.wav,y.wav", "b,b.wav,x.wav,", "c,c.wav,x.wav,")
    with pytest.raises(UserError, match=r"separation: 'b' and 1 more of .* has nothing in the column 'source_2'\."):
        separation.mixtures(some)
    gone = dataset(tmp_path, "id,path,clean", "a,a.wav,b.wav")
    (tmp_path / "b.wav").unlink()
    with pytest.raises(UserError, match=r"the clean of 'a' is missing: 'b\.wav' is none of"):
        enhancement.noisy_and_clean(gone)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_best_assignment_is_found(order: tuple[int, ...]) -> None:
    """A tenth of the tokens is wrong, and the sources stand in another order."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 8, (3, 40, 2))
    outputs = np.empty_like(truth)
    outputs[list(order)] = truth
    outputs.reshape(3, 80)[:, :8] += 8
    assert matched(outputs, truth) == Matched(order, pytest.approx(0.1))


def test_no_greedy_choice_is_made() -> None:
    """The first source is nearest to output 0, but all of them together are best the other way round."""
    truth = np.array([[[0], [0], [0], [0]], [[0], [0], [1], [1]]])
    outputs = np.array([[[0], [0], [0], [1]], [[0], [1], [0], [0]]])
    first = [float((outputs[i] != truth[0]).mean()) for i in (0, 1)]
    second = [float((outputs[i] != truth[1]).mean()) for i in (0, 1)]
    assert (first, second) == ([0.25, 0.25], [0.25, 0.75])
    assert matched(outputs, truth) == Matched((1, 0), 0.25)


def test_equals_and_shapes() -> None:
    same = np.zeros((2, 5, 1), np.int64)
    assert matched(same, same) == Matched((0, 1), 0.0)
    with pytest.raises(ValueError, match="outputs of shape"):
        matched(same[:, :4], same)


@pytest.mark.parametrize("name", ["enhancement", "separation"])
def test_what_is_not_here_is_said_in_one_line(name: str) -> None:
    with pytest.raises(Unavailable, match=f"^{name}: no model is trained on tokens of .* in this version") as caught:
        registry.make("task", Spec(name))
    assert "\n" not in str(caught.value)
    module = {"enhancement": enhancement, "separation": separation}[name]
    assert isinstance(module.TASK, Task)
    assert module.TASK.metric in module.VALUES
    assert set(module.PUBLISHED) <= set(registry.values())
