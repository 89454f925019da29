"""What a classification task says of an utterance: whether its class was found, and which was.

Accuracy and error rate weigh every utterance alike; unweighted average recall weighs every class alike [Schuller et
al., Interspeech 2009]. All three are ratios, pooled as sum over sum: an utterance of a class with n test utterances
counts 1 / n in the recall, so that the sum over a whole test split is the mean of the classes' recalls.
"""

from benchmark.types import Known, NotMeasured, Ratio, Result, Validity, ValueInfo

RATE = 16_000  # Hz, of all that is heard here
LABELS = ("class", "class_count")  # the truth, and how many test utterances have it
VALIDITY = Validity(
    loss="care",
    noise="care",
    generative="care",
    why="it counts what a classifier still finds out, not how good speech sounds; it means something only between "
    "chance and what the same classifier finds in uncoded speech",
)


def values(name: str, source: str) -> dict[str, ValueInfo]:
    """What a reader must know of the values of the classification task `name`."""
    return {
        f"{name}_accuracy": ValueInfo("", "higher", f"share of the utterances; {source}", RATE, VALIDITY),
        f"{name}_error": ValueInfo("", "lower", f"1 less the accuracy; {source}", RATE, VALIDITY),
        f"{name}_recall": ValueInfo(
            "", "higher", f"unweighted average recall, Schuller et al., Interspeech 2009; {source}", RATE, VALIDITY
        ),
        f"{name}_class": ValueInfo("", "neither", f"index of the class that is found; {source}", RATE, VALIDITY),
    }


def results(name: str, predicted: int, known: Known) -> dict[str, Result]:
    """Its values where the class with the index `predicted` was found.

    Args:
        name: of the task.
        predicted: an index into the classes that were learned.
        known: with the label ``class``, the label ``class_count``, and ``classes`` among what was learned.

    Raises:
        NotMeasured: ``not_applicable`` where nothing was learned of the utterance's class.
    """
    truth, classes = known.labels["class"], known.learned["classes"]
    if truth not in classes:
        raise NotMeasured("not_applicable", f"{truth!r} is none of the classes: {', '.join(classes)}")
    hit = float(classes[predicted] == truth)
    count = int(known.labels["class_count"])
    return {
        f"{name}_accuracy": Ratio(hit, 1.0),
        f"{name}_error": Ratio(1.0 - hit, 1.0),
        f"{name}_recall": Ratio(hit / count, 1.0 / count),
        f"{name}_class": float(predicted),
    }
