"""What a token codec plays for tokens that never came: nine strategies behind one interface.

Most have a place in Perkins, Hodson and Hardman, "A survey of packet loss recovery techniques for streaming
audio", IEEE Network 12(5), 1998 (doi:10.1109/65.730750); the learned one is the simplest of the kind for which
NESC, FD-PLC and others use networks: the next token's conditional mean.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.seeds import generator
from benchmark.types import Booleans, Floats, Signal, UserError

Codes: TypeAlias = npt.NDArray[np.float32]  # [n, dim]: a vector per token
Code: TypeAlias = npt.NDArray[np.float32]  # [dim]

HOLD, SILENT = 0.060, 0.120  # s into a hole: full level until, silent from; longer repetition buzzes
RETURN = 0.010  # s from silence back to full level: short against a token, long enough for no click
ENOUGH = 50  # pairs of tokens, 1 s of 20 ms tokens: a lag-one correlation's standard error is then at most 0.14
SEED = 0  # of the random tokens


class Setting(NamedTuple):
    """What a strategy has to know of the codec.

    Attributes:
        rate: of the output, Hz.
        hop: output samples per token.
        silence: the codes of encoded silence, [group, dim].
        draw: the code of a uniformly random token.
    """

    rate: int
    hop: int
    silence: Codes
    draw: Callable[[np.random.Generator], Code]


class Part(NamedTuple):
    """Tokens that are decoded together, and all that is known of them at that instant.

    Attributes:
        first: number in the stream of the first of them.
        codes: of those received, [n, dim]; the other rows mean nothing.
        lost: which are missing, [n].
        following: the first token behind them that is buffered already: how many missing ones come before it,
            and its code. None: there is none, or the strategy does not wait for it.
    """

    first: int
    codes: Codes
    lost: Booleans
    following: tuple[int, Code] | None = None


class Filled(NamedTuple):
    """What to play for a part.

    Attributes:
        codes: of every token, [n, dim].
        gain: per output sample, [n * hop]; None: 1 throughout.
        advance: False: the decoder is not to see this part at all; its output is silence.
    """

    codes: Codes
    gain: Signal | None
    advance: bool = True


class Strategy(ABC):
    """One receiving session's concealment; knows only what came before, and `Part.following`.

    Received tokens pass unchanged. What is missing before the first received token is encoded silence.
    """

    waits = 0  # frames the playout buffer has to wait longer, so that `Part.following` shows something

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.last: Code | None = None  # received last

    def fill(self, part: Part) -> Filled:
        """Codes and gain for `part`; parts are given in the order of the stream, without a gap."""
        codes = part.codes.copy()
        edges = np.flatnonzero(np.diff(part.lost)) + 1
        for start, end in pairwise([0, *edges.tolist(), len(codes)]):
            if not part.lost[start]:
                self.hear(codes[start:end])
            elif self.last is None:
                codes[start:end] = self.silence(part.first + start, end - start)
            else:
                codes[start:end] = self.guess(part, self.last, start, end)
        return Filled(codes, self.gain(part.lost))

    def hear(self, codes: Codes) -> None:
        """Take note of received tokens, [n, dim]."""
        self.last = codes[-1]

    @abstractmethod
    def guess(self, part: Part, last: Code, start: int, end: int) -> Codes:
        """Codes for the missing tokens `start` to `end` of `part`, [end - start, dim]; `last` was received last."""

    def gain(self, lost: Booleans) -> Signal | None:
        """The gain of each output sample, [n * hop]; None: 1 throughout."""
        return None

    def silence(self, first: int, count: int) -> Codes:
        """Codes of encoded silence for tokens `first` to `first + count` of the stream."""
        return self.setting.silence[np.arange(first, first + count) % len(self.setting.silence)]


class Repeat(Strategy):
    """The last received token again: frame repetition, as in GSM 06.11; buzzes where a hole is long."""

    def guess(self, part: Part, last: Code, start: int, end: int) -> Codes:
        return np.tile(last, (end - start, 1))


class RepeatFade(Repeat):
    """Repeats, and fades: full level for 60 ms of a hole, then linearly to silence at 120 ms.

    The pattern of G.711 Appendix I (which holds for 10 ms, and is silent at 60 ms) and of Lyra (80 ms, then 40 ms of
    fading), between the two. When tokens come again the gain rises by 1 per 10 ms from where it was,
    so it never jumps, also not when the next hole begins before it is 1.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.hold, self.silent, self.rise = (t * setting.rate for t in (HOLD, SILENT, RETURN))
        self.clock = 0.0  # samples along the fade; 0: full level

    def gain(self, lost: Booleans) -> Signal | None:
        if not self.clock and not lost.any():
            return None
        return np.concatenate([self.falling() if gone else self.rising() for gone in lost])

    def falling(self) -> Signal:
        """The gain over one missing token, [hop]."""
        gain = self.level(self.clock + np.arange(self.setting.hop, dtype=np.float64))
        self.clock += self.setting.hop
        return gain.astype(np.float32)

    def rising(self) -> Signal:
        """The gain over one received token, [hop]."""
        gain = np.minimum(1, self.level(np.full(1, self.clock)) + np.arange(self.setting.hop + 1) / self.rise)
        level = float(gain[-1])
        self.clock = 0.0 if level == 1 else self.silent - level * (self.silent - self.hold)
        return gain[:-1].astype(np.float32)

    def level(self, clock: Floats) -> Floats:
        """The fade: gain at so many samples into a hole, any shape."""
        return np.clip((self.silent - clock) / (self.silent - self.hold), 0, 1)


class Mute(Repeat):
    """Silence for exactly the samples of the missing tokens: the zero-fill baseline of the PLC Challenge.

    The decoder goes on with the last received token; only its output is muted. The lower bound.
    """

    def gain(self, lost: Booleans) -> Signal | None:
        return np.repeat(~lost, self.setting.hop).astype(np.float32) if lost.any() else None


class ZeroLatent(Strategy):
    """The zero vector: centroid of a binary spherical codebook (arXiv 2406.07548), so "nothing is known".

    No token has this code; the decoder never saw it in training.
    """

    def guess(self, part: Part, last: Code, start: int, end: int) -> Codes:
        return np.zeros((end - start, len(last)), np.float32)


class Interpolate(Strategy):
    """On the straight line from the code played last to the next that is buffered; none: repeats.

    Interpolation of codec state in the survey above. To see behind a hole costs one frame of waiting.
    """

    waits = 1

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.played = setting.silence[-1]  # the last code of the part before

    def fill(self, part: Part) -> Filled:
        filled = super().fill(part)
        self.played = filled.codes[-1]
        return filled

    def guess(self, part: Part, last: Code, start: int, end: int) -> Codes:
        origin = last if start else self.played  # which is on the way already where a hole goes on
        count = end - start
        if end < len(part.codes):
            target, missing = part.codes[end], count
        elif part.following is not None:
            target, missing = part.following[1], count + part.following[0]
        else:
            return np.tile(origin, (count, 1))
        fraction = np.arange(1, count + 1, dtype=np.float32)[:, None] / np.float32(missing + 1)
        return np.asarray(origin + fraction * (target - origin), np.float32)


class Freeze(Repeat):
    """Silence, and the decoder does not move on: its state waits for the next token that comes.

    What an application does that simply does not call its decoder. Only a whole part can be left out: one that
    is lost in part repeats the last token for what is missing.
    """

    def fill(self, part: Part) -> Filled:
        return Filled(part.codes, None, advance=False) if part.lost.all() else super().fill(part)


class Silence(Strategy):
    """Tokens of encoded silence, in turn: comfort noise in the codec's own words."""

    def guess(self, part: Part, last: Code, start: int, end: int) -> Codes:
        return self.silence(part.first + start, end - start)


class Random(Strategy):
    """A uniformly random token, the same for the same place in the stream: an anchor that should come last."""

    def guess(self, part: Part, last: Code, start: int, end: int) -> Codes:
        numbers = range(part.first + start, part.first + end)
        return np.stack([self.setting.draw(generator(SEED, "conceal", "random", str(n))) for n in numbers])


class Markov(Strategy):
    """The expected code under a first-order chain that is learned, coordinate by coordinate, while listening.

    k tokens into a hole after x it plays m + (x - m) rho^k, with m the mean and rho the regression of a token on
    the one before it, over all pairs of neighbours received so far in this session. For a coordinate of two values
    this is exactly the two-state Markov chain's conditional mean (Cox and Miller, The Theory of Stochastic
    Processes, 1965, section 3.2), for a real one the forecast of AR(1) (Box and Jenkins). So the hole
    fades from the last token to the mean. Until `ENOUGH` pairs have come, it repeats (rho = 1).
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.sums = np.zeros((4, setting.silence.shape[1]))  # of x, of its successor y, of x x, of x y
        self.pairs = 0
        self.age = 0  # tokens missing since the last received one

    def hear(self, codes: Codes) -> None:
        chain = codes.astype(np.float64)
        if self.last is not None and not self.age:
            chain = np.concatenate([self.last[None].astype(np.float64), chain])
        x, y = chain[:-1], chain[1:]
        self.sums += [x.sum(axis=0), y.sum(axis=0), (x * x).sum(axis=0), (x * y).sum(axis=0)]
        self.pairs += len(x)
        self.age = 0
        super().hear(codes)

    def guess(self, part: Part, last: Code, start: int, end: int) -> Codes:
        mean, rho = self.chain()
        ages = self.age + np.arange(1, end - start + 1)[:, None]
        self.age += end - start
        return np.asarray(mean + (last - mean) * rho**ages, np.float32)

    def chain(self) -> tuple[Floats, Floats]:
        """Mean and lag-one regression of each coordinate, [dim] each; the latter within [-1, 1], so it never grows."""
        if self.pairs < ENOUGH:
            return np.zeros(self.sums.shape[1]), np.ones(self.sums.shape[1])
        x, y, xx, xy = self.sums / self.pairs
        variance = xx - x * x
        slope = np.divide(xy - x * y, variance, out=np.zeros_like(x), where=variance > 0)
        return (x + y) / 2, np.clip(slope, -1, 1)


# By name; the first is the default.
STRATEGIES: dict[str, type[Strategy]] = {
    "repeat_fade": RepeatFade,
    "repeat": Repeat,
    "mute": Mute,
    "zero_latent": ZeroLatent,
    "interpolate": Interpolate,
    "freeze": Freeze,
    "silence": Silence,
    "random": Random,
    "markov": Markov,
}


def make(name: str, setting: Setting) -> Strategy:
    """A fresh session of the strategy `name`; ``""`` is the default.

    Raises:
        UserError: for an unknown name.
    """
    if name and name not in STRATEGIES:
        raise UserError(f"No concealment called {name!r}; choose from {', '.join(STRATEGIES)}.")
    return STRATEGIES[name or next(iter(STRATEGIES))](setting)
