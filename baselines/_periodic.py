"""Concealment for codecs of the waveform: the last pitch period again and again, after ITU-T G.711 Appendix I.

It follows the idea of the Appendix (repeat the last pitch period, cross-fade, fade out), but is not the ITU code and
differs from it: it adds no delay (the Appendix holds back 3.75 ms to cross-fade into a loss; here the step at that join
decays over 4 ms instead), and it repeats one pitch period throughout. It holds for 10 ms, fades to silence at 60 ms,
and cross-fades back over 4 ms when a frame arrives.
"""

import numpy as np

from benchmark.types import Floats, Signal

HOLD, SILENT = 0.010, 0.060  # s into a loss: full level until, silent from
PERIODS = 0.005, 0.015  # s: pitch from 200 down to 66 Hz
WINDOW = 0.020  # s of signal that the pitch search compares
JOIN = 0.004  # s of cross-fade


class PeriodicConcealment:
    """What a receiver at `rate` Hz played last, and how that goes on where frames are lost.

    Attributes:
        past: the last 35 ms that were played, shape (round(.035 rate),), zeros at first.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.shortest, self.longest = (round(p * rate) for p in PERIODS)
        self.window, self.join = round(WINDOW * rate), round(JOIN * rate)
        self.past = np.zeros(self.window + self.longest, np.float32)
        self.missing = 0  # samples concealed since the last good frame
        self.cycle: Floats = np.zeros(1)
        self.step = 0.0

    def received(self, output: Signal) -> Signal:
        """What to play for a frame that is here, of at least 4 ms; behind a loss its beginning fades in."""
        if self.missing:
            rising = (np.arange(self.join, dtype=np.float32) + 1) / (self.join + 1)
            start = output[: self.join] * rising + (1 - rising) * self.ahead(self.join)
            output = np.concatenate([start, output[self.join :]])
        self.missing = 0
        return self._played(output)

    def lost(self, samples: int) -> Signal:
        """What to play for a lost frame of `samples`."""
        output = self.ahead(samples)
        self.missing += samples
        return self._played(output)

    def ahead(self, samples: int) -> Signal:
        """The next `samples` if nothing arrives; nothing is played by that."""
        if not self.missing:
            self.cycle = self._last_period()
            self.step = float(self.past[-1] - self.cycle[-1])
        now = np.arange(self.missing, self.missing + samples)
        start, end = (t * self.rate for t in (HOLD, SILENT))
        step = self.step * np.clip(1 - (now + 1) / (self.join + 1), 0, 1)
        gain = np.clip((end - now) / (end - start), 0, 1)
        return np.asarray((self.cycle[now % len(self.cycle)] + step) * gain, np.float32)

    def _played(self, output: Signal) -> Signal:
        self.past = np.concatenate([self.past, output])[-len(self.past) :]
        return output

    def _last_period(self) -> Floats:
        """The last pitch period played, its end cross-faded into what led up to its start: a smooth loop."""
        past = self.past.astype(np.float64)
        recent = past[-self.window :]
        lagged = np.lib.stride_tricks.sliding_window_view(past, self.window)[::-1]  # row k: k samples before
        energy = np.sqrt((lagged**2).sum(axis=1)) + 1e-9
        period = self.shortest + int(np.argmax((lagged @ recent / energy)[self.shortest : self.longest + 1]))
        cycle, before = past[-period:].copy(), past[-2 * period : -period]
        join = min(self.join, period // 4)
        rising = (np.arange(join) + 1) / (join + 1)
        cycle[period - join :] += rising * (before[period - join :] - cycle[period - join :])
        return cycle
