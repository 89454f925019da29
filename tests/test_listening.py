"""What listeners said, from ratings whose means and effects are planted; and results that cannot be."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from benchmark.cli import main
from benchmark.listening import COLUMNS, TOGETHER, Item, Key, Rating, abx, chance, mushra, read, read_key, screened
from benchmark.types import UserError

CODECS = {"good": 80.0, "fair": 60.0, "bad": 30.0}
EVIL = "=cmd|' /C calc'!A0\n<b>"


def item(trial: int, name: str, role: str = "codec", condition: str = "clean") -> Item:
    return Item(f"t{trial}", f"u{trial}", condition, role, name)


def key_of(ratings: Sequence[Rating], kind: Any = "mushra") -> Key:
    return Key("page", kind, {(r.item.trial, f"{r.item.role} {r.item.name}"): r.item for r in ratings})


def said(
    listeners: int, trials: int, spread: float = 0.0, noise: float = 0.0, condition: str = "clean", lead: float = 0.0
) -> list[Rating]:
    """Ratings of CODECS and a hidden reference by listeners who differ by `spread`, with `noise` on each rating.

    Codecs but the bad one lose `lead`, by a share that is the listener's own.
    """
    random = np.random.default_rng(7)
    found = []
    for listener in range(listeners):
        own, share = spread * random.standard_normal(), 1 + 0.3 * random.standard_normal()
        for trial in range(trials):
            found.append(Rating(f"l{listener:02d}", item(trial, "reference", "reference", condition), 100.0))
            for name, mean in CODECS.items():
                less = lead * share if name != "bad" else 0.0
                value = float(np.clip(mean + own - less + noise * random.standard_normal(), 0, 100))
                found.append(Rating(f"l{listener:02d}", item(trial, name, condition=condition), value))
    return found


def test_known_ratings_have_known_means_best_first_and_their_pairs_known_differences() -> None:
    ratings = said(listeners=3, trials=4)
    found = mushra(ratings, key_of(ratings))
    assert [(mean.name, mean.estimate.value, mean.items) for mean in found.means] == [
        ("reference", 100.0, 4),
        ("good", 80.0, 4),
        ("fair", 60.0, 4),
        ("bad", 30.0, 4),
    ]
    assert {mean.estimate.n for mean in found.means} == {12}
    assert {mean.estimate.clusters for mean in found.means} == {3}
    gaps = {(c.first, c.second): c.difference.value for c in found.contrasts}
    assert gaps == {("bad", "fair"): 30.0, ("bad", "good"): 50.0, ("fair", "good"): 20.0}
    assert found.few


def test_what_listeners_differ_in_widens_means_and_not_differences() -> None:
    ratings = said(listeners=12, trials=5, spread=6.0, noise=3.0)
    found = mushra(ratings, key_of(ratings))
    mean = next(mean for mean in found.means if mean.name == "fair").estimate
    gap = next(c for c in found.contrasts if (c.first, c.second) == ("fair", "good"))
    assert mean.low is not None
    assert mean.high is not None
    assert mean.high - mean.low > 4, "six points from listener to listener are 1.7 of error for twelve"
    assert gap.difference.low is not None
    assert gap.difference.high is not None
    assert gap.difference.low < 20 < gap.difference.high
    assert gap.difference.high - gap.difference.low < 5
    assert gap.adjusted is not None
    assert gap.adjusted < 0.001
    assert not found.few


def test_holm_corrects_over_all_pairs_and_conditions() -> None:
    ratings = [*said(10, 3, noise=20.0), *(r for r in said(10, 3, noise=20.0, condition="10 % loss", lead=5.0))]
    found = mushra(ratings, key_of(ratings))
    assert [c.condition for c in found.contrasts] == ["10 % loss"] * 3 + ["clean"] * 3 + [TOGETHER] * 3
    p = sorted((c.p, c.adjusted) for c in found.contrasts if c.p is not None and c.adjusted is not None)
    assert p[0][1] == pytest.approx(9 * p[0][0])
    assert all(b >= a for a, b in p)
    together = next(mean for mean in found.means if (mean.condition, mean.name) == (TOGETHER, "good"))
    assert together.estimate.n == 60


def test_who_does_not_hear_the_hidden_reference_is_left_out_and_named() -> None:
    deaf = [Rating("deaf", item(n, "reference", "reference"), 80.0 if n < 2 else 95.0) for n in range(10)]
    lazy = [Rating("lazy", item(n, "reference", "reference"), 89.0 if n < 1 else 90.0) for n in range(10)]
    assert screened([*deaf, *lazy]) == {"deaf": 0.2}, "one in ten is below 15 %"
    codec = [
        Rating(name, item(n, "good"), value) for n in range(10) for name, value in (("deaf", 10.0), ("lazy", 70.0))
    ]
    ratings = [*deaf, *lazy, *codec]
    found = mushra(ratings, key_of(ratings))
    assert found.listeners == ("lazy",)
    assert found.means[-1].estimate.value == 70.0


def test_pairs_are_of_trials_that_both_were_rated_on() -> None:
    ratings = [r for r in said(10, 3, noise=1.0) if not (r.listener == "l00" and r.item.name == "good")]
    found = mushra(ratings, key_of(said(10, 3)))
    gap = next(c for c in found.contrasts if (c.first, c.second) == ("fair", "good"))
    assert (gap.difference.n, gap.difference.clusters) == (27, 9)
    assert found.incomplete == {"l00": (9, 12)}


def choice(listener: str, trial: int, right: bool, name: str = "good") -> Rating:
    return Rating(listener, Item(f"t{trial}", "u", "clean", "pair", name, "reference"), float(right))


def test_right_answers_are_tested_exactly_and_told_by_listener() -> None:
    ratings = [choice("anna", n, n < 9) for n in range(10)] + [choice("ben", n, n < 5) for n in range(10)]
    ratings += [choice("anna", 10 + n, n < 5, "fair") for n in range(10)]
    found = abx(ratings, key_of(ratings, "abx"))
    first, second = found.choices
    assert (first.first, first.second, first.right, first.share.n) == ("reference", "good", 14, 20)
    assert first.p == pytest.approx(float(binom.sf(13, 20, 0.5)))
    assert first.each == {"anna": (9, 10), "ben": (5, 10)}
    assert first.adjusted == pytest.approx(2 * first.p)
    assert second.p == pytest.approx(float(binom.sf(4, 10, 0.5)))
    assert (first.share.value, first.share.clusters) == (0.7, 2)
    assert second.share.low is None, "of one listener there is no interval for others"


def test_guessing_is_found_out_in_five_percent_of_tests_at_most() -> None:
    random = np.random.default_rng(0)
    rights = random.binomial(16, 0.5, 4000)
    assert 0.02 < np.mean([chance(int(right), 16) <= 0.05 for right in rights]) <= 0.05
    assert chance(0, 5) == 1.0


# --- Files ---


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A page with one trial: hidden reference, an ugly codec and another."""
    items = {
        "a1": {"role": "reference", "name": "reference"},
        "b2": {"role": "codec", "name": EVIL},
        "c3": {"role": "codec", "name": "fair"},
    }
    trials = [{"id": "t1", "utterance": "u", "condition": "clean", "items": items}]
    file = tmp_path / "page.key.json"
    file.write_text(json.dumps({"schema": 1, "page": "p1", "kind": "mushra", "seed": 0, "run": "r", "trials": trials}))
    return file


def results(folder: Path, lines: Sequence[Sequence[object]], name: str = "anna.csv") -> Path:
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *lines])
    return folder / name


def line(
    listener: str = "anna", page: str = "p1", trial: str = "t1", item: str = "a1", rating: str = "100"
) -> list[str]:
    return [listener, page, trial, item, rating, "2026-01-01T00:00:00Z"]


FINE = [line(), line(item="b2", rating="40"), line(item="c3", rating="70.5")]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (line(item="zz"), r"anna\.csv:5: item 'zz' of trial 't1' is not in the key"),
        (line(trial="zz"), r"item 'a1' of trial 'zz' is not in the key"),
        (line(rating="150"), r"rating '150'; write a number from 0 to 100"),
        (line(rating="nan"), r"rating 'nan'; write a number"),
        (line(rating="good"), r"rating 'good'; write a number"),
        (line(page="p2"), r"of page 'p2'; the key is of page 'p1'"),
        (line(), r"'anna' rates item 'a1' of 't1' twice"),
        (line(listener=" "), r"no listener is named"),
        (["anna", "p1"], r"anna\.csv:5: not 6 fields"),
        ([*line(), "more"], r"not 6 fields"),
    ],
)
def test_a_line_that_cannot_be_is_named(key: Path, tmp_path: Path, wrong: list[str], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        read([results(tmp_path, [*FINE, wrong])], read_key(key))


def test_a_listener_in_two_files_is_named_with_both(key: Path, tmp_path: Path) -> None:
    files = [results(tmp_path, FINE), results(tmp_path, FINE[:1], "again.csv")]
    with pytest.raises(UserError, match=r"again\.csv:2: listener 'anna' is in .*anna\.csv already"):
        read(files, read_key(key))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda key: key.write_text("[]"), "is no key of a listening page"),
        (lambda key: key.write_text("no"), "is no key of a listening page"),
        (lambda key: key.unlink(), "cannot be read: No such file"),
        (lambda key: key.write_text('{"schema": 2}'), "a key of schema 2; this version reads 1"),
    ],
)
def test_what_is_no_key_is_said_so(key: Path, spoil: Callable[[Path], object], complaint: str) -> None:
    spoil(key)
    with pytest.raises(UserError, match=complaint):
        read_key(key)


def test_what_is_no_result_is_said_so(key: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    for name, complaint in (("wrong", "first line is not listener,page"), ("bytes", "CSV"), ("none", "cannot be read")):
        with pytest.raises(UserError, match=complaint):
            read([tmp_path / f"{name}.csv"], read_key(key))


def test_the_command_prints_what_was_found_and_plain_json(
    key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [results(tmp_path, FINE), results(tmp_path, [line("ben", rating="20")], "ben.csv")]
    assert main(["listen", *map(str, files), "--key", str(key)]) == 0
    out = capsys.readouterr().out
    assert "1 listener: anna\n" in out
    assert "ben gave 1 of 3 answers" in out
    assert "Left out: ben, who rated the hidden reference below 90 in 100% of the trials" in out
    assert "Descriptive only: fewer than 10 listeners" in out
    assert "70.5" in out
    assert "+30.5" in out
    assert main(["listen", str(files[0]), "--key", str(key), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["descriptive_only"] is True
    assert {mean["name"]: mean["estimate"]["value"] for mean in found["means"]} == {
        "reference": 100.0,
        "fair": 70.5,
        EVIL: 40.0,
    }
    assert main(["listen", str(files[1]), "--key", str(key)]) == 3, "nobody is left"
    bad = results(tmp_path, [line(rating="150")], "bad.csv")
    assert main(["listen", str(bad), "--key", str(key)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
