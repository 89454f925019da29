"""`tasks._probes.network`: tokens' vectors are the codec's at first, and no utterance depends on its neighbours."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.lessons import Brief, Tokens
from tasks._probes.network import Batch, Probe, Recurrent, Vectors, statistics
from tasks._probes.recipe import RECIPES, SMALL
from tasks._probes.training import batch_of

TABLE = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
LENGTHS = [7, 1, 12, 4]


def brief(**changes: Any) -> Brief:
    return replace(Brief("classes", ("a", "b"), 3, 5, 50.0, TABLE, "small", "tokens", 0), **changes)


def utterances(seed: int = 0) -> list[Tokens]:
    generator = np.random.default_rng(seed)
    return [Tokens(generator.integers(0, 5, (n, 3)), generator.random(n) < 0.2) for n in LENGTHS]


def own(tokens: Tokens) -> np.ndarray:
    """The codec's vectors of tokens, where none are lost."""
    return np.sum([TABLE[book, tokens.indices[:, book]] for book in range(3)], axis=0)


def test_vectors_begin_as_the_codecs_own():
    tokens = Tokens(utterances()[2].indices, np.zeros(12, np.bool_))
    vectors = Vectors(brief(), 64)
    np.testing.assert_array_equal(vectors.table.detach().numpy().reshape(3, 5, 4), TABLE)
    np.testing.assert_allclose(vectors(batch_of([tokens], 3))[0].detach(), own(tokens), atol=1e-6)


def test_vectors_of_tokens_are_learned_and_those_of_features_are_not():
    batch = batch_of(utterances(), 3)
    learned, given = Vectors(brief(), 64), Vectors(brief(input="features"), 64)
    for vectors in (learned, given):
        vectors(batch).square().sum().backward()
    assert {name for name, each in learned.named_parameters() if each.grad is not None} == {"table", "pooling", "lost"}
    assert set(dict(given.named_parameters())) == {"lost", "linear.weight", "linear.bias"}
    assert "table" not in given.state_dict(), "a checkpoint need not hold what the codec tells"


def test_one_codebook_is_not_pooled_and_a_codec_without_vectors_begins_with_random_ones():
    assert Vectors(brief(codebooks=1, table=TABLE[:1]), 64).pooling is None
    random = Vectors(brief(table=None, codebooks=16), 64)
    batch = batch_of([Tokens(np.random.default_rng(0).integers(0, 5, (500, 16)), np.zeros(500, np.bool_))], 16)
    assert random(batch).shape == (1, 500, 64)
    assert random(batch).std().item() == pytest.approx(1, abs=0.2), "the sum of many is as large as one"


@pytest.mark.parametrize("source", ["tokens", "features"])
def test_a_lost_token_is_the_mean_one_whatever_its_indices(source):
    vectors = Vectors(brief(input=source), 64)
    tokens = Tokens(np.array([[1, 2, 3], [-7, 99, 0]]), np.array([False, True]))
    arrived = torch.from_numpy(utterances()[2].indices)
    vectors.standardise(arrived)
    mean = vectors.linear(torch.zeros(4))
    torch.testing.assert_close(vectors(batch_of([tokens], 3))[0, 1], mean)
    whole = Tokens(utterances()[2].indices, np.zeros(12, np.bool_))
    torch.testing.assert_close(vectors(batch_of([whole], 3))[0].mean(dim=0), mean, atol=1e-5, rtol=0)


def test_standard_vectors_have_mean_0_and_deviation_1_element_by_element():
    table = TABLE * [1, 1000, 1e-3, 0] + [0, 5, 5, 5]
    vectors = Vectors(brief(table=table.astype(np.float32)), 64)
    indices = torch.from_numpy(np.random.default_rng(0).integers(0, 5, (50, 3)))
    vectors.standardise(indices)
    standard = vectors(Batch(indices[None], torch.zeros(1, 50, dtype=torch.bool), torch.tensor([50])))[0].detach()
    np.testing.assert_allclose(standard.mean(dim=0), 0, atol=1e-3)
    np.testing.assert_allclose(standard.std(dim=0, correction=0), [1, 1, 1, 0], atol=1e-2)


def test_both_directions_are_those_of_torch():
    torch.manual_seed(0)
    ours = Recurrent(4, replace(SMALL, hidden=8, dropout=0.0))
    theirs = nn.LSTM(4, 8, 2, batch_first=True, bidirectional=True)
    for layer in range(2):
        for direction, suffix in ((ours.forwards[layer], ""), (ours.backwards[layer], "_reverse")):
            for name, tensor in direction.named_parameters():
                getattr(theirs, name.replace("l0", f"l{layer}") + suffix).data.copy_(tensor.data)
    vectors, lengths = torch.randn(len(LENGTHS), max(LENGTHS), 4), torch.tensor(LENGTHS)
    packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    expected = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
    found = ours(vectors, lengths)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(found[row, :length], expected[row, :length], atol=1e-6, rtol=0)


def test_statistics_are_those_of_what_is_there():
    hidden = torch.randn(len(LENGTHS), max(LENGTHS), 6)
    found = statistics(hidden, torch.tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        there = hidden[row, :length].numpy()
        np.testing.assert_allclose(found[row, :6], there.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(found[row, 6:], there.std(axis=0), atol=4e-3)


@pytest.mark.parametrize("recipe", ["shallow", "small"])
@pytest.mark.parametrize("places", [0, 1, 3])
@pytest.mark.parametrize("source", ["tokens", "features"])
def test_what_is_said_of_an_utterance_does_not_depend_on_its_neighbours(recipe, places, source):
    torch.manual_seed(0)
    network = Probe(brief(input=source), RECIPES[recipe], 5, places).eval()
    batch = batch_of(utterances(), 3)
    beyond = torch.arange(max(LENGTHS)) >= batch.lengths[:, None]
    noisy = batch._replace(
        indices=torch.where(beyond[..., None], torch.randint(0, 5, batch.indices.shape), batch.indices),
        lost=torch.where(beyond, torch.rand(beyond.shape) < 0.5, batch.lost),
    )
    with torch.no_grad():
        together = network(noisy)
        for row, tokens in enumerate(utterances()):
            alone = network(batch_of([tokens], 3))[0]
            part = together[row, : LENGTHS[row] * places] if places else together[row]
            assert part.shape == alone.shape
            torch.testing.assert_close(part, alone, atol=1e-5, rtol=0)


def test_an_utterance_without_tokens_is_one_that_is_lost():
    nothing = Tokens(np.zeros((0, 3), np.int64), np.zeros(0, np.bool_))
    lost = Tokens(np.zeros((1, 3), np.int64), np.ones(1, np.bool_))
    for one, other in zip(batch_of([nothing], 3), batch_of([lost], 3), strict=True):
        torch.testing.assert_close(one, other)
