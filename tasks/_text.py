"""Classes of texts: multinomial logistic regression over words and pairs of words, few of which get a weight.

An L1 penalty leaves only what tells the classes apart [Krishnapuram et al. 2005, doi:10.1109/TPAMI.2005.127], which is
what a hundred sentences can teach; found by accelerated proximal gradient steps [Beck and Teboulle 2009,
doi:10.1137/080716542], always as many, from zero: nothing is random.
"""

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np

from benchmark.types import Floats

PENALTY = 0.3  # of a weight, where every training text costs its negative log-likelihood
STEPS = 500
LONGEST = 2  # words of an n-gram
PUNCTUATION = ".,;:!?…¿¡\"'“”„‘’«»()[]{}-"  # around a word  # noqa: RUF001 (they are meant)


class Learned(TypedDict):
    """What tells classes apart.

    Attributes:
        classes: sorted.
        grams: the n-grams with weights; sorted.
        weights: shape (grams, classes), log-likelihood ratios.
        bias: shape (classes,).
        usual: index of the most frequent class, the first of equals.
    """

    classes: list[str]
    grams: list[str]
    weights: Floats
    bias: Floats
    usual: int


def grams(text: str) -> set[str]:
    """Its words, lower-case and without the punctuation around them, and its pairs of neighbours."""
    words = [word for part in text.lower().split() if (word := part.strip(PUNCTUATION))]
    return {" ".join(words[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1)}


def learn(texts: Sequence[str], classes: Sequence[str]) -> Learned:
    """What distinguishes the texts of each class; their order is of no account."""
    names = sorted(set(classes))
    pairs = sorted(zip(texts, classes, strict=True))
    truth = np.array([names.index(one) for _, one in pairs])
    held = [grams(text) for text, _ in pairs]
    known = sorted(set().union(*held))
    weights = _fitted(_matrix(held, known), np.eye(len(names))[truth])
    used = np.flatnonzero(weights[:-1].any(axis=1))
    return {
        "classes": names,
        "grams": [known[i] for i in used],
        "weights": weights[used],
        "bias": weights[-1],
        "usual": int(np.bincount(truth).argmax()),
    }


def _matrix(held: Sequence[set[str]], known: Sequence[str]) -> Any:
    """Which text holds which n-gram, shape (texts, grams + 1), sparse; the last column is 1."""
    from scipy.sparse import csr_array

    place = {gram: i for i, gram in enumerate(known)}
    columns = [[*sorted(place[gram] for gram in one), len(known)] for one in held]
    ends = np.cumsum([0, *map(len, columns)])
    return csr_array((np.ones(ends[-1]), np.concatenate(columns), ends), shape=(len(held), len(known) + 1))


def _fitted(matrix: Any, targets: Floats) -> Floats:
    """Weights, shape (grams + 1, classes), of least cost; the last row, the bias, is free of the penalty."""
    steepest = 0.5 * matrix.sum(axis=0).max() * matrix.sum(axis=1).max()  # no curvature exceeds it
    shrinkage = np.full((matrix.shape[1], 1), PENALTY / steepest)
    shrinkage[-1] = 0.0
    weights = ahead = np.zeros((matrix.shape[1], targets.shape[1]))
    momentum = 1.0
    for _ in range(STEPS):
        scores = matrix @ ahead
        likelihoods = np.exp(scores - scores.max(axis=1, keepdims=True))
        likelihoods /= likelihoods.sum(axis=1, keepdims=True)
        moved = ahead - matrix.T @ (likelihoods - targets) / steepest
        shrunk = np.sign(moved) * np.maximum(np.abs(moved) - shrinkage, 0.0)
        following = (1.0 + (1.0 + 4.0 * momentum**2) ** 0.5) / 2.0
        ahead = shrunk + (momentum - 1.0) / following * (shrunk - weights)
        weights, momentum = shrunk, following
    return weights


def predict(text: str, learned: Learned) -> int:
    """The index of the likeliest class; of a text without words, of the most frequent one."""
    held = grams(text)
    if not held:
        return learned["usual"]
    present = [gram in held for gram in learned["grams"]]
    return int((learned["weights"][present].sum(axis=0) + learned["bias"]).argmax())
