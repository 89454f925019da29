"""How far a codec's output depends on input that is still to come: perturb the input from a sample on, and look.

Two inputs are equal before sample p and strongly different from p on. Where their outputs first differ, at input
time t, the output has looked ahead by p - t; the look-ahead is the largest such difference over all p. As an output
that depends on sample p + 1 also shows a change that begins at p, t never falls as p grows: t(p) is a staircase,
p - t(p) is largest at the last p of a step, and bounds over whole intervals of p save most of the work. A change that
a quantiser hides in all pairs of inputs is not seen: what is found is a lower bound.
"""

import heapq
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from benchmark.probe.subject import Subject, so_much
from benchmark.types import NotMeasured, Signal

PHASES = 8  # positions tried in each period at first
PERIODS = 2  # how many of them are searched

PAIRS, QUIET = 3, 1 / 30  # pairs of inputs for the look-ahead; one of quiet speech, which hides less of a change
TOLERANCE = 1e-5  # of the peak, -100 dB: more than rounding to 32 bits, less than a step of 16 bits
LEADS = (0.1, 1.0)  # s of speech before the first change; the longer one where the look-ahead reaches through that
POSITIONS, PATIENCE = 1500, 150.0  # what a search for the look-ahead may take: positions, and seconds
SIGNS = np.array([-1, 1], np.float32)

Effect = Callable[[int, float], float]  # (position, earliest possible) -> input time of the first effect; inf: none


class Found(NamedTuple):
    """The largest look-ahead found, in input samples, where, and what it can be at most (the same: it is exact)."""

    samples: float
    position: int
    at_most: float
    tried: int


class Pair(NamedTuple):
    """Two inputs: `base`, and what takes its place from some sample on; both shape (n,)."""

    base: Signal
    other: Signal

    def changed(self, position: int) -> Signal:
        """`base` before `position`, and from there on `other`, whose first sample is at least 1 away from `base`'s."""
        signal = np.concatenate([self.base[:position], self.other[position:]])
        signal[position] = -1 if self.base[position] > 0 else 1
        return signal


def pairs(bases: Sequence[Signal]) -> list[Pair]:
    """Each of `bases`, shape (n,), with noise of full scale and random signs, whose onset no quantiser overlooks."""
    signs = (np.random.default_rng(seed).choice(SIGNS, len(base)) for seed, base in enumerate(bases))
    return [Pair(base, other) for base, other in zip(bases, signs, strict=True)]


def search(first_effect: Effect, positions: Sequence[int], enough: Callable[[], bool], coarse: float = 0) -> Found:
    """The largest p - t(p) for p from the first to the last of `positions`, which are tried first.

    Args:
        first_effect: t(p), never falling with p; it is told the t of an earlier position, below which it cannot be.
        positions: ascending, two or more.
        enough: whether to give up; `at_most` then says what may have been missed.
        coarse: what may be missed in any case, samples.
    """
    effects: list[float] = []
    for position in positions:
        effects.append(first_effect(position, effects[-1] if effects else -inf))
    best, where = max((p - t, p) for p, t in zip(positions, effects, strict=True))
    tried = len(positions)
    open_intervals: list[tuple[float, int, int, float]] = []

    def keep(start: int, end: int, effect: float) -> None:
        if end - start > 1:  # between them, no p exceeds end - 1 and no t is before the one of start
            heapq.heappush(open_intervals, (effect - (end - 1), start, end, effect))

    for start, end, effect in zip(positions, positions[1:], effects, strict=False):
        keep(start, end, effect)
    while open_intervals and -open_intervals[0][0] > best + coarse and not enough():
        _, start, end, effect = heapq.heappop(open_intervals)
        middle = (start + end) // 2
        found = first_effect(middle, effect)
        tried += 1
        best, where = max((best, where), (middle - found, middle))
        keep(start, middle, effect)
        keep(middle, end, found)
    return Found(best, where, max(best, -open_intervals[0][0] if open_intervals else best), tried)


class Lookahead(NamedTuple):
    """How far the output depends on input behind it, its declared delay removed; samples at the input rate.

    It was found for a change at sample `phase_samples` of every `period_samples` (a group of frames). `at_least`: it
    reached back to the beginning of what was tried; `at_most_ms` exceeds `lookahead_ms` when the search was given up.
    """

    lookahead_samples: float
    lookahead_ms: float
    at_least: bool
    at_most_ms: float
    phase_samples: int
    period_samples: int
    positions: int


def look_ahead(subject: Subject, coarse: float = 0) -> Lookahead:
    """How far the output depends on input to come; up to `coarse` samples more may be missed, which saves time."""
    for lead in LEADS:
        found, at_least = _searched(subject, max(2 * subject.period, round(lead * subject.info.rate_in)), coarse)
        if not at_least:
            break
    return Lookahead(
        lookahead_samples=found.samples,
        lookahead_ms=subject.milliseconds(found.samples),
        at_least=at_least,
        at_most_ms=subject.milliseconds(found.at_most),
        phase_samples=found.position % subject.period,
        period_samples=subject.period,
        positions=found.tried,
    )


def _searched(subject: Subject, lead: int, coarse: float) -> tuple[Found, bool]:
    """The search over positions from `lead` on, and whether what was found reaches back into the first period."""
    info, probed, begin = subject.info, subject.probed, time.monotonic()
    span = PERIODS * max(subject.period, subject.buffered or 0)
    voices = subject.voices
    bases = [so_much([*voices[i:], *voices[:i]], lead + 2 * span) for i in (i % len(voices) for i in range(PAIRS))]
    bases[1] = bases[1] * np.float32(QUIET)
    tested = pairs(bases)
    wanted = [probed("live", base, info.frame).output for base in bases]
    tolerance = TOLERANCE * float(np.abs(wanted[0]).max(initial=0))
    if (again := probed("first_difference", bases[0], wanted[0], info.frame, tolerance)) is not None:
        raise NotMeasured("codec_failed", f"the same input gives another output, first at sample {again}")
    tried = 0

    def input_time(index: float) -> float:
        return (index - info.delay) * info.rate_in / info.rate_out

    def first_effect(position: int, earliest: float) -> float:
        nonlocal tried
        tried += 1
        subject.say(f"look-ahead, position {tried}")
        first = inf
        for pair, output in zip(tested, wanted, strict=True):
            found = probed("first_difference", pair.changed(position), output, info.frame, tolerance, first)
            first = first if found is None else found
            if input_time(first) <= earliest:
                break
        return input_time(first)

    step = max(span // (PERIODS * PHASES), 1)
    found = search(
        first_effect,
        range(lead, lead + span + 1, step),
        lambda: tried >= POSITIONS or time.monotonic() - begin > PATIENCE,
        coarse,
    )
    if found.samples == -inf:
        raise NotMeasured("codec_failed", "the output does not depend on the input")
    return found, found.position - found.samples < input_time(0) + subject.period
