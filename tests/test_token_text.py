"""`tasks._probes.text` and the goals: what a network's numbers mean as a class and as a text, and what that costs."""

from itertools import product

import numpy as np
import pytest
import torch

from benchmark.lessons import Brief, Example, Tokens
from benchmark.types import NotMeasured
from tasks._probes.goals import Classes, Text, goal_of
from tasks._probes.recipe import RECIPES
from tasks._probes.text import BLANK, Characters, Pieces, alphabet, collapse, places

TEXTS = ["the cat sat on the mat", "a dog did", "naïve café"]


def example(tokens: int, target: int | str) -> Example:
    return Example(Tokens(np.zeros((tokens, 1), np.int64), np.zeros(tokens, np.bool_)), target)


def brief(rate: float) -> Brief:
    return Brief("text", (), 1, 4, rate, None, "small", "tokens", 0)


@pytest.mark.parametrize("letters", [Characters(TEXTS), Pieces(TEXTS, 1000), Pieces(TEXTS, 30), Pieces(TEXTS, 1)])
def test_a_text_survives_the_way_to_numbers_and_back(letters):
    for text in (*TEXTS, "", "the dog"):
        numbers = letters.encode(text)
        assert letters.decode(numbers) == text
        assert all(BLANK < number < letters.size for number in numbers), "0 is the blank"


@pytest.mark.parametrize("letters", [Characters(TEXTS), Pieces(TEXTS, 1000)])
def test_what_an_alphabet_does_not_hold_is_left_out(letters):
    assert letters.decode(letters.encode("the xat")) == "the at"


def test_pieces_are_as_many_as_asked_but_no_more_than_the_texts_give():
    assert Pieces(TEXTS, 30).size == 30
    assert 30 < Pieces(TEXTS, 1000).size < 100
    assert len(Pieces(TEXTS, 1000).encode(TEXTS[0])) < len(Pieces(TEXTS, 30).encode(TEXTS[0])) < len(TEXTS[0])


def test_words_are_divided_by_one_space_whatever_is_said():
    letters = Characters(["a b"])
    assert letters.decode([1, 1, *letters.encode("a"), 1, 1, *letters.encode("b"), 1]) == "a b"


def test_an_alphabet_is_of_characters_or_of_pieces():
    assert isinstance(alphabet(TEXTS, 0), Characters)
    assert isinstance(alphabet(TEXTS, 40), Pieces)
    with pytest.raises(NotMeasured, match="all texts to train with are empty"):
        alphabet(["", " "], 40)


def test_a_path_collapses_as_ctc_has_it():
    assert collapse([0, 3, 3, 0, 3, 1, 1, 0, 0]) == [3, 3, 1]
    assert collapse([0, 0]) == []


def test_the_fewest_places_are_those_that_a_path_can_have():
    for numbers in product((1, 2), repeat=3):
        shortest = min(n for n in range(3, 7) for path in product((0, 1, 2), repeat=n) if collapse(path) == [*numbers])
        assert places(numbers) == shortest


def test_the_loss_of_a_text_is_that_of_all_paths_that_say_it():
    goal = Text(Characters(["ab"]), 1)
    said = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0))
    chances = said.softmax(dim=2)[0].numpy()
    total = sum(
        np.prod([chances[place, number] for place, number in enumerate(path)])
        for path in product(range(3), repeat=4)
        if goal.alphabet.decode(collapse(path)) == "aba"
    )
    assert goal.losses(said, torch.tensor([4]), ["aba"]).item() == pytest.approx(-np.log(total) / 3, rel=1e-5)


def test_places_beyond_an_utterance_say_nothing():
    goal = Text(Characters(["ab"]), 2)
    said = torch.randn(1, 8, 3, generator=torch.Generator().manual_seed(0))
    longer = torch.cat([said, 9 * said[:, :4]], dim=1)
    losses = [goal.losses(each, torch.tensor([4]), ["ab"]).item() for each in (said, longer)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("rate", "expected"), [(50, 1), (40, 1), (25, 2), (12.5, 4)])
def test_tokens_that_are_slower_than_letters_say_several_each(rate, expected):
    assert goal_of(brief(rate), RECIPES["small"], [example(3, "ab")]).places == expected


def test_a_text_of_more_letters_than_places_cannot_be_said():
    goal = goal_of(brief(25), RECIPES["small"], [example(3, "ab")])  # two places per token
    assert goal.can_be_said(example(2, "abab"))
    assert not goal.can_be_said(example(2, "ababa"))
    assert not goal.can_be_said(example(2, "abba")), "a blank has to divide the two"


def test_scores_are_shares_of_right_answers_and_of_right_words():
    assert Classes(3).score([0, 1, 1, 2], [0, 1, 2, 2]) == 0.75
    goal = Text(Characters(["ab"]), 1)
    assert goal.score(["a b", "b b"], ["a b", "a b"]) == 0.75
    assert goal.score(["a a b", "b"], ["a", ""]) == 1 - 3, "two words too many, and one where nothing was said"
    assert goal.score([""], [""]) == 1


def test_the_best_of_each_place_is_the_answer():
    said = torch.tensor([[0.0, 9, 0], [0, 8, 0], [3, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert Text(Characters(["ab"]), 1).answer(said) == "aab"
    assert Classes(3).answer(torch.tensor([0.1, 0.7, 0.2])) == 1
