"""Random numbers by purpose, pinned: results of last year can be computed again."""

import numpy as np
import pytest

from benchmark.seeds import generator


def draw(*arguments):
    return generator(*arguments).integers(0, 1_000_000, 3).tolist()


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ((0,), [710119, 951921, 52316]),
        ((0, "channel", "84-121123-0000"), [816694, 670224, 926911]),
        ((1, "channel", "84-121123-0000"), [621420, 466397, 147770]),
        ((0, "channel", "ä"), [678097, 864074, 412196]),
    ],
)
def test_the_numbers_are_the_same_for_ever(arguments, numbers):
    assert draw(*arguments) == numbers


def test_the_same_purpose_gives_the_same_numbers():
    assert draw(3, "channel", "a") == draw(3, "channel", "a")


@pytest.mark.parametrize(
    "other", [(0, "channel", "b"), (1, "channel", "a"), (0, "a", "channel"), (0, "channela"), (0, "channel")]
)
def test_another_purpose_or_seed_gives_others(other):
    assert draw(0, "channel", "a") != draw(*other)


def test_nothing_global_is_read_or_changed():
    first = draw(0, "x")
    np.random.seed(7)  # noqa: NPY002 (the global state is what is looked at)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert draw(0, "x") == first
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
