"""From names of values and metrics to scorers, whose identity holds all that decides a value."""

import pytest

from benchmark.scorers import GROUPS, scorers
from benchmark.types import UserError

LOUDNESS = "tests.listeners:Loudness"


def test_values_of_one_metric_and_rate_are_one_call() -> None:
    found = scorers(["stoi", "pesq_wb", "estoi", "pesq_nb", "stoi"])
    assert [(str(s.spec), s.rate, s.names) for s in found] == [
        ("stoi", None, ("estoi", "stoi")),
        ("pesq", 16_000, ("pesq_wb",)),
        ("pesq", 8_000, ("pesq_nb",)),
    ]
    assert all(s.needs is None for s in found)


def test_a_metric_means_all_of_its_values() -> None:
    assert [s.names for s in scorers(["pesq"])] == [("pesq_wb",), ("pesq_nb",)]


def test_cheap_is_a_group() -> None:
    assert {name for s in scorers(["cheap", "stoi"]) for name in s.names} == set(GROUPS["cheap"])


def test_every_parameter_is_in_the_identity() -> None:
    (plain,), (given,), (scaled,) = (scorers([f"{LOUDNESS}{tail}"]) for tail in ("", ":scale=1.0", ":scale=3"))
    assert str(plain.spec) == f"{LOUDNESS}:scale=1.0,trouble=none,trouble_samples=0"
    assert plain.identity == given.identity != scaled.identity
    assert scaled.versions == {"loudness": "scaled by 3"}
    assert plain.needs == ("reference", "same", "other")
    assert plain.labels == ("transcript",)


def test_the_device_is_said_where_it_is_used_and_not_the_usual_one() -> None:
    (cpu,), (cuda,) = (scorers([LOUDNESS], device) for device in ("cpu", "cuda"))
    assert "device" not in str(cpu.spec)
    assert cuda.spec.params["device"] == "cuda"
    assert cuda.identity != cpu.identity
    assert scorers(["stoi"], "cuda") == scorers(["stoi"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("si_sdx", r"No metric, and no value of one, called 'si_sdx'\. Did you mean 'si_sdr'\?"),
        ("stoi:window=3", "metric 'stoi' has no parameter 'window'. It takes none."),
        ("tests.listeners:Nothing", "tests.listeners has no 'Nothing'"),
    ],
)
def test_wrong_names(name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        scorers([name])
