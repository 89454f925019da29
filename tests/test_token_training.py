"""`tasks._probes`: a probe finds out what is in tokens and nothing else, and goes on where it was interrupted."""

import importlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.child import Child
from benchmark.compat import allow_cpu_torchaudio, forget_placeholders
from benchmark.lessons import Brief, Epoch, Example, Tokens
from benchmark.metrics import asr
from benchmark.types import NotMeasured, UserError
from tasks._probes import recipe
from tasks._probes.host import ProbeHost
from tasks._probes.training import NewBob

CLASSES = ("left", "right", "up", "wait")
SIZE, BOOKS = 32, 2
BRIEF = Brief("classes", CLASSES, BOOKS, SIZE, 50.0, None, "small", "tokens", 0)
WRITTEN = replace(BRIEF, kind="text", classes=(), codebooks=1, recipe="little")
Say = Callable[[np.random.Generator, int], Tokens]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As a child has; more would not be the same to the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def noise(generator: np.random.Generator, length: int, books: int = BOOKS) -> Tokens:
    return Tokens(generator.integers(0, SIZE, (length, books)), np.zeros(length, np.bool_))


def telling(generator: np.random.Generator, target: int) -> Tokens:
    """A quarter of these tokens are the class's own in the second codebook; the rest is noise of other codes."""
    tokens = noise(generator, int(generator.integers(16, 24)))
    tokens.indices[:, 1] = len(CLASSES) + tokens.indices[:, 1] % (SIZE - len(CLASSES))
    tokens.indices[generator.permutation(len(tokens.indices))[:5], 1] = target
    return tokens


def ordered(generator: np.random.Generator, target: int) -> Tokens:
    """Codes 0 and 1 are there once each; which comes first is the class."""
    tokens = noise(generator, 10)
    tokens.indices[:] = 2 + tokens.indices % (SIZE - 2)
    first, second = sorted(generator.permutation(10)[:2])
    tokens.indices[first, 0], tokens.indices[second, 0] = target, 1 - target
    return tokens


def examples(count: int, seed: int, say: Say = telling, classes: int = len(CLASSES)) -> list[Example]:
    generator = np.random.default_rng(seed)
    return [Example(say(generator, each % classes), each % classes) for each in range(count)]


WORDS = ("tea", "bee", "add", "cab", "dot", "nod")
LETTERS = " abcdenot"


def spelled(text: str) -> Tokens:
    """Two tokens for each letter."""
    indices = np.repeat([[LETTERS.index(letter)] for letter in text], 2, axis=0)
    return Tokens(indices.astype(np.int64), np.zeros(len(indices), np.bool_))


def sentences(count: int, seed: int) -> list[Example]:
    generator = np.random.default_rng(seed)
    texts = [" ".join(generator.choice(WORDS, 4)) for _ in range(count)]
    return [Example(spelled(text), text) for text in texts]


def shuffled(given: Sequence[Example], seed: int = 9) -> list[Example]:
    order = np.random.default_rng(seed).permutation(len(given))
    return [Example(example.tokens, given[place].target) for example, place in zip(given, order, strict=True)]


def taught(brief: Brief, train: Sequence[Example], valid: Sequence[Example]) -> ProbeHost:
    host = ProbeHost()
    assert host.begin(brief, train, valid, None) is None
    while not host.epoch().done:
        pass
    return host


def right(host: ProbeHost, test: Sequence[Example]) -> int:
    answers = host.answer([example.tokens for example in test])
    return sum(answer == example.target for answer, example in zip(answers, test, strict=True))


def wer(host: ProbeHost, test: Sequence[Example]) -> float:
    answers = host.answer([example.tokens for example in test])
    edits = [asr.words(str(e.target), str(answer)) for e, answer in zip(test, answers, strict=True)]
    return sum(each.total for each in edits) / sum(each.length for each in edits)


def interval(hits: int, count: int) -> tuple[float, float]:
    """Of the share of hits, 95 % [Clopper & Pearson 1934]."""
    from scipy.stats import binomtest

    found = binomtest(hits, count).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def tensors(value: Any) -> list[Any]:
    """All that a checkpoint holds, in order."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in (key, *tensors(value[key]))]
    return [leaf for each in value for leaf in tensors(each)] if isinstance(value, list | tuple) else [value]


def assert_same(one: Epoch, other: Epoch) -> None:
    assert one._replace(checkpoint=b"") == other._replace(checkpoint=b"")
    held = [
        tensors(torch.load(io.BytesIO(each.checkpoint), map_location="cpu", weights_only=True)) for each in (one, other)
    ]
    for a, b in zip(*held, strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.fixture(scope="module")
def small() -> ProbeHost:
    torch.set_num_threads(1)
    return taught(BRIEF, examples(64, 0), examples(24, 1))


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe `small` with fewer units, for what takes many utterances."""
    monkeypatch.setitem(recipe.RECIPES, "little", replace(recipe.SMALL, hidden=24, width=16))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Brief:
    """A brief for a recipe of few units and five epochs; dropout and annealing are in it."""
    tiny = replace(recipe.SMALL, hidden=4, width=4, epochs=5, dropout=0.3)
    monkeypatch.setitem(recipe.RECIPES, "tiny", tiny)
    return replace(BRIEF, recipe="tiny")


@pytest.mark.slow
def test_a_codec_whose_tokens_tell_the_class_reaches_1_in_any_network(small: ProbeHost):
    test = examples(60, 2)
    assert right(small, test) == 60
    assert right(taught(replace(BRIEF, recipe="shallow"), examples(120, 0), examples(40, 1)), test) == 60


def test_a_codec_whose_vectors_tell_the_class_reaches_1_by_its_features():
    table = np.random.default_rng(0).normal(size=(BOOKS, SIZE, 8)).astype(np.float32)
    brief = replace(BRIEF, table=table, input="features", recipe="shallow")
    assert right(taught(brief, examples(240, 0), examples(40, 1)), examples(60, 2)) >= 57


@pytest.mark.slow
def test_the_order_of_tokens_is_learned_by_a_recurrent_network_alone():
    sets = [examples(count, seed, ordered, 2) for count, seed in ((240, 0), (40, 1), (100, 2))]
    brief = replace(BRIEF, classes=("a", "b"), recipe="little")
    assert right(taught(brief, *sets[:2]), sets[2]) >= 90
    low, high = interval(right(taught(replace(brief, recipe="shallow"), *sets[:2]), sets[2]), 100)
    assert low < 0.5 < high


@pytest.mark.parametrize("name", ["shallow", "little"])
def test_labels_that_are_shuffled_give_chance(name: str):
    train, valid, test = (shuffled(examples(count, count)) for count in (120, 40, 200))
    low, high = interval(right(taught(replace(BRIEF, recipe=name), train, valid), test), 200)
    assert low < 1 / len(CLASSES) < high


def test_test_tokens_that_are_noise_give_chance(small: ProbeHost):
    low, high = interval(right(small, examples(400, 3, lambda generator, _: noise(generator, 20))), 400)
    assert low < 1 / len(CLASSES) < high


def test_tokens_that_are_all_lost_give_one_answer_and_so_chance(small: ProbeHost):
    test = [e._replace(tokens=e.tokens._replace(lost=np.ones(20, np.bool_))) for e in examples(200, 2, _twenty)]
    assert len(set(small.answer([example.tokens for example in test]))) == 1
    assert right(small, test) == 50


def _twenty(generator: np.random.Generator, target: int) -> Tokens:
    return Tokens(telling(generator, target).indices[:16].repeat(2, axis=0)[:20], np.zeros(20, np.bool_))


def test_some_lost_tokens_leave_what_the_others_tell(small: ProbeHost):
    generator = np.random.default_rng(0)
    test = [
        e._replace(tokens=e.tokens._replace(lost=generator.random(len(e.tokens.lost)) < 0.1)) for e in examples(60, 2)
    ]
    assert right(small, test) >= 55


def test_losses_in_training_give_the_lost_a_vector_of_their_own(quick: Brief):
    def held(lossy: bool) -> torch.Tensor:
        host = ProbeHost()
        given = [e._replace(tokens=e.tokens._replace(lost=e.tokens.lost | lossy)) for e in examples(20, 0)]
        host.begin(quick, [*given, *examples(20, 3)], examples(8, 1), None)
        state = torch.load(io.BytesIO(host.epoch().checkpoint), weights_only=True)
        vector = state["network"]["vectors.lost"]
        assert isinstance(vector, torch.Tensor)
        return vector

    assert held(lossy=True).abs().max() > 0
    assert held(lossy=False).abs().max() == 0


@pytest.mark.slow
def test_tokens_of_letters_are_read_without_a_mistake():
    train, valid, test = sentences(80, 0), sentences(16, 1), sentences(20, 2)
    assert wer(taught(WRITTEN, train, valid), test) == 0
    assert wer(taught(replace(WRITTEN, recipe="shallow"), train, valid), test) <= 0.5  # it cannot tell ee from e


def test_transcripts_that_are_shuffled_are_not_read():
    train, valid, test = sentences(60, 0), sentences(20, 1), sentences(20, 2)
    generator = np.random.default_rng(3)
    words = ["".join(generator.choice(list("abcdenot"), 4)) for _ in range(300)]

    def others(given: Sequence[Example]) -> list[Example]:
        return [Example(example.tokens, " ".join(generator.choice(words, 3))) for example in given]

    assert wer(taught(WRITTEN, shuffled(others(train)), shuffled(others(valid))), others(test)) >= 0.9


def test_the_same_seed_gives_the_same_to_the_last_bit_and_another_does_not(quick: Brief):
    def last(brief: Brief) -> Epoch:
        host = ProbeHost()
        host.begin(brief, examples(40, 0), examples(12, 1), None)
        return [host.epoch() for _ in range(3)][-1]

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = last(quick)
    assert torch.equal(before, torch.random.get_rng_state()), "the caller's random numbers are left alone"
    torch.manual_seed(2)
    assert_same(first, last(quick))
    assert first.loss != last(replace(quick, seed=1)).loss


@pytest.mark.parametrize("kind", ["classes", "text"])
def test_a_training_goes_on_from_any_checkpoint_as_if_it_had_not_stopped(quick: Brief, kind: str):
    brief = quick if kind == "classes" else replace(WRITTEN, recipe="tiny")
    given = examples(40, 0) if kind == "classes" else sentences(40, 0)
    valid = examples(12, 1) if kind == "classes" else sentences(12, 1)
    host = ProbeHost()
    host.begin(brief, given, valid, None)
    epochs = [host.epoch() for _ in range(5)]
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4, 5]
    assert [epoch.done for epoch in epochs] == [False, False, False, False, True]
    test = [example.tokens for example in (examples(30, 2) if kind == "classes" else sentences(10, 2))]
    for start, epoch in enumerate(epochs):
        other = ProbeHost()
        assert other.begin(brief, given, valid, epoch.checkpoint) == epoch
        for later in epochs[start + 1 :]:
            assert_same(other.epoch(), later)
        assert other.answer(test) == host.answer(test)


def test_the_best_epoch_answers_not_the_last(quick: Brief, monkeypatch: pytest.MonkeyPatch):
    host = ProbeHost()
    host.begin(quick, examples(40, 0), examples(12, 1), None)
    training: Any = host._training
    scores = iter([0.1, 0.9, 0.9, 0.9, 0.3])
    losses = iter([1.0, 0.8, 0.7, 0.7, 0.1])
    monkeypatch.setattr(training, "_validate", lambda: (next(scores), next(losses)))
    best, weights = [], []
    for _ in range(5):
        epoch = host.epoch()
        best.append(epoch.best)
        weights.append({name: tensor.clone() for name, tensor in training.network.state_dict().items()})
    assert best == [True, True, True, False, False], "equal scores are told apart by the loss"
    assert all(torch.equal(tensor, weights[2][name]) for name, tensor in training.weights.items())
    assert not torch.equal(training.weights["head.weight"], weights[4]["head.weight"])
    tokens = [example.tokens for example in examples(20, 2)]
    answers = host.answer(tokens)
    training.network.head.weight.data.neg_()  # the last epoch's network has no say
    assert host.answer(tokens) == answers
    host.begin(quick, examples(40, 0), examples(12, 1), epoch.checkpoint)
    resumed: Any = host._training
    assert all(torch.equal(tensor, weights[2][name]) for name, tensor in resumed.weights.items())
    assert host.answer(tokens) == answers


def test_a_training_that_gets_no_better_ends(quick: Brief, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(recipe.RECIPES, "tiny", replace(recipe.RECIPES["tiny"], epochs=50, patience=3))
    host = ProbeHost()
    host.begin(quick, examples(40, 0), examples(12, 1), None)
    monkeypatch.setattr(host._training, "_validate", lambda: (0.5, 1.0))
    assert [host.epoch().done for _ in range(4)] == [False, False, False, True]


def test_answers_do_not_depend_on_what_else_is_asked(small: ProbeHost):
    tokens = [example.tokens for example in examples(30, 5, lambda generator, _: noise(generator, 20))]
    assert [small.answer([each])[0] for each in reversed(tokens)][::-1] == small.answer(tokens)


def test_learning_rates_fall_as_speechbrains_do():
    allow_cpu_torchaudio()
    scheduler = importlib.import_module("speechbrain.nnet.schedulers").NewBobScheduler(1e-4, 0.9, 0.0025, 1)
    forget_placeholders()
    ours = NewBob(1e-4, None, 1)
    generator = np.random.default_rng(0)
    losses = [*(2 * 0.997 ** np.arange(10)), *(1 + 0.01 * generator.standard_normal(30)), 0.0, 0.0, 0.0, 0.5]
    for loss in losses:
        ours = ours.after(loss, recipe.PAPER)
        assert ours.rate == scheduler(loss)[1]
    assert ours.rate < 0.5e-4


def test_a_loss_that_is_no_number_ends_the_training(quick: Brief, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(recipe.RECIPES, "tiny", replace(recipe.RECIPES["tiny"], learning_rate=float("inf")))
    host = ProbeHost()
    host.begin(quick, examples(40, 0), examples(12, 1), None)
    with pytest.raises(NotMeasured, match="the probe's training loss became nan in epoch 1") as caught:
        host.epoch()
    assert caught.value.status == "metric_failed"


def test_what_cannot_be_learned_from_is_left_out_and_told(quick: Brief):
    brief = replace(WRITTEN, recipe="tiny")
    long = Example(spelled("tea" * 501), "tea")  # 60.12 s
    crowded = Example(spelled("tea"), "bee tea dot")
    host = ProbeHost()
    host.begin(brief, [*sentences(20, 0), long, crowded, crowded], [*sentences(4, 1), long, crowded], None)
    assert host.notes() == {"too_long": 1, "unsayable": 2, "outputs": len(LETTERS) + 1}
    assert np.isfinite(host.epoch().loss)
    with pytest.raises(NotMeasured, match=r"no utterance is left to train .*'unsayable': 1"):
        host.begin(brief, [crowded], sentences(4, 1), None)
    with pytest.raises(NotMeasured, match="no utterance is left to validate"):
        host.begin(brief, sentences(4, 1), [], None)


def test_what_makes_no_sense_is_refused_in_one_line(quick: Brief):
    def begin(brief: Brief, tokens: Tokens | None = None, checkpoint: bytes | None = None) -> None:
        given = [*examples(8, 0), *([Example(tokens, 0)] if tokens else [])]
        ProbeHost().begin(brief, given, examples(4, 1), checkpoint)

    table = np.zeros((BOOKS, SIZE, 3), np.float32)
    with pytest.raises(UserError, match=r"features needs the vectors of the codec's codes.*take input: tokens"):
        begin(replace(quick, input="features"))
    with pytest.raises(UserError, match=r"no recipe for probes is called 'large'; there are .*paper, shallow, small"):
        begin(replace(quick, recipe="large"))
    for wrong in (table[:1], table[0], table + np.nan):
        with pytest.raises(NotMeasured, match="the vectors of its codes have the shape"):
            begin(replace(quick, table=wrong))
    with pytest.raises(NotMeasured, match=r"tokens have the shape \(4, 1\), not \(4, 2\)"):
        begin(quick, Tokens(np.zeros((4, 1), np.int64), np.zeros(4, np.bool_)))
    for index in (-1, SIZE):
        tokens = Tokens(np.full((4, BOOKS), index), np.array([False, True, True, True]))
        with pytest.raises(NotMeasured, match=f"a token's index is {index}; the codebook has 32 codes"):
            begin(quick, tokens)
    with pytest.raises(NotMeasured, match="damaged, or belongs to another training; remove it"):
        begin(quick, checkpoint=b"PK")
    with pytest.raises(RuntimeError, match="begin comes first"):
        ProbeHost().epoch()


def test_a_checkpoint_of_another_training_is_refused(quick: Brief):
    host = ProbeHost()
    host.begin(quick, examples(8, 0), examples(4, 1), None)
    checkpoint = host.epoch().checkpoint
    with pytest.raises(NotMeasured, match="belongs to another training"):
        host.begin(replace(quick, classes=("a", "b", "c", "d", "e")), examples(8, 0), examples(4, 1), checkpoint)


def test_a_probe_lives_in_a_child_and_says_there_what_it_says_here():
    brief, given, valid = replace(BRIEF, recipe="shallow"), examples(40, 0), examples(12, 1)
    here = ProbeHost()
    here.begin(brief, given, valid, None)
    child = Child("tasks._probes.host:ProbeHost", seconds=100, memory_mb=4096)
    try:
        assert child.call("begin", brief, given, valid, None).value is None
        for _ in range(3):
            assert_same(child.call("epoch").value, here.epoch())
        tokens = [example.tokens for example in examples(20, 2)]
        assert child.call("answer", tokens).value == here.answer(tokens)
        assert child.call("notes").value == here.notes()
        with pytest.raises(UserError, match="take input: tokens"):
            child.call("begin", replace(brief, input="features"), given, valid, None)
    finally:
        child.close()


@pytest.mark.parametrize("name", sorted(recipe.RECIPES))
def test_the_facts_of_a_recipe_are_plain(name: str):
    found = recipe.facts(name)
    assert all(isinstance(value, str | int | float) for value in found.values())
    assert found["layers"] == (0 if name == "shallow" else 2)


def test_the_paper_is_as_published():
    published = {"hidden": 512, "dropout": 0.1, "learning_rate": 1e-4, "beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8}
    published |= {"weight_decay": 0.01, "anneal_below": 0.0025, "anneal_by": 0.9, "anneal_patience": 1, "clip": 0.01}
    published |= {"batch": 16, "epochs": 100, "longest_s": 60, "pieces": 1000, "layers": 2}
    found = recipe.facts("paper")
    assert {name: found[name] for name in published} == published
    assert (found["patience"], found["order"]) == (0, "ascending")
