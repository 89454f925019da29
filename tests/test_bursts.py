"""Runs of lost packets, and bursts and gaps of RFC 3611, against sequences by hand and the definitions word by word."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.bursts import GMIN, burst_gap, runs

GAP = "." * GMIN


def pattern(text):
    """`.` is received, anything else lost."""
    return np.array([c != "." for c in text], bool)


def parts(found):
    return [tuple(part) for part in found]


@pytest.mark.parametrize(
    ("text", "histogram", "mean"),
    [
        ("", (0,), None),
        ("....", (0,), None),
        ("x", (0, 1), 1),
        ("xxx", (0, 0, 0, 1), 3),
        ("x.xx.xx.", (0, 1, 2), 5 / 3),
        ("..xxx.x", (0, 1, 0, 1), 2),
    ],
)
def test_runs_are_of_lost_packets_alone(text, histogram, mean):
    found = runs(pattern(text))
    assert found.histogram == histogram
    assert found.mean.value == mean
    assert found.longest == len(histogram) - 1


def test_the_example_of_rfc_3611():
    """4.7.2: packets of 10 ms; a burst of 120 ms with a density of 0.33, gaps of 230 ms and what follows, 0.04."""
    text = "....x..................x...x.x....x..................x........."
    found = burst_gap(pattern(text), 10)
    assert parts(found) == [(4, 12), (2, 51), (120, 1), (510, 2)]
    assert found.burst_density.value == pytest.approx(0.33, abs=0.005)
    assert found.gap_density.value == pytest.approx(0.04, abs=0.005)
    assert (found.burst_ms.value, found.gap_ms.value) == (120, 255)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(0, 0), (0, 0), (0, 0), (0, 0)]),
        ("...", [(0, 0), (0, 3), (0, 0), (60, 1)]),
        ("xxx", [(3, 3), (0, 0), (60, 1), (0, 0)]),
        ("x", [(0, 0), (1, 1), (0, 0), (20, 1)]),
        ("..x.", [(0, 0), (1, 4), (0, 0), (80, 1)]),
        ("xx.", [(2, 2), (0, 1), (40, 1), (20, 1)]),
        (".xx", [(2, 2), (0, 1), (40, 1), (20, 1)]),
        (f"x{GAP}x", [(0, 0), (2, 18), (0, 0), (360, 1)]),  # exactly Gmin received in between: both stand alone
        (f"x{GAP[1:]}x", [(2, 17), (0, 0), (340, 1), (0, 0)]),  # one less: a burst
        (f"xx{GAP}xx", [(4, 4), (0, 16), (80, 2), (320, 1)]),
        (f"xx{GAP[1:]}xx", [(4, 19), (0, 0), (380, 1), (0, 0)]),
        (f"xx{GAP}x", [(2, 2), (1, 17), (40, 1), (340, 1)]),
        (f".x.x{GAP}x{GAP}x..x..", [(4, 7), (1, 36), (140, 2), (720, 3)]),
    ],
)
def test_bursts_and_gaps_by_hand(text, expected):
    assert parts(burst_gap(pattern(text), 20)) == expected


def test_another_gmin_moves_the_boundary():
    assert parts(burst_gap(pattern("x..x"), 20, gmin=2))[0] == (0, 0)
    assert parts(burst_gap(pattern("x..x"), 20, gmin=3))[0] == (2, 4)


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=60), st.integers(1, 6))
def test_every_packet_is_in_a_burst_as_the_definition_says(lost, gmin):
    """A packet is in a burst where some stretch of two losses or more, never gmin received in a row, covers it."""
    text = "".join(".x"[x] for x in lost)
    inside = [False] * len(lost)
    for a in range(len(text)):
        for b in range(a + 1, len(text)):
            if text[a] == text[b] == "x" and "." * gmin not in text[a:b]:
                inside[a : b + 1] = [True] * (b + 1 - a)
    # Two bursts never touch, as gmin received packets lie between them: neighbours of one kind are one stretch.
    stretches = "".join("gb"[x] for x in inside).replace("bg", "b g").replace("gb", "g b").split()
    bursts, gaps = (sum(s[0] == kind for s in stretches) for kind in "bg")
    in_bursts, lost_inside = sum(inside), sum(a and b for a, b in zip(lost, inside, strict=True))
    found = burst_gap(np.array(lost, bool), 20, gmin)
    assert parts(found) == [
        (lost_inside, in_bursts),
        (sum(lost) - lost_inside, len(lost) - in_bursts),
        (20 * in_bursts, bursts),
        (20 * (len(lost) - in_bursts), gaps),
    ]


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=60))
def test_runs_are_what_lies_between_received_packets(lost):
    lengths = [len(run) for run in "".join(".x"[x] for x in lost).split(".") if run]
    found = runs(np.array(lost, bool))
    assert found.histogram == tuple(lengths.count(n) for n in range(max(lengths, default=0) + 1))
    assert tuple(found.mean) == (sum(lost), len(lengths))
