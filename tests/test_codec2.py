"""`baselines.codec2`: rates to the bit, the measured delay, and a fade over what is lost.

libcodec2's decoder draws from a random generator of the whole process: each decoding here has its own fork.
"""

import multiprocessing
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from baselines import codec2
from benchmark.codec import decode, encode, trim
from benchmark.types import Floats, NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_sessions, slots_of, speech_like

pytest.importorskip("pycodec2")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork")
RATES = {3200: (160, 64), 2400: (160, 48), 1600: (320, 64), 1400: (320, 56), 1300: (320, 52)} | {
    1200: (320, 48),
    700: (320, 28),
}


def in_fork(call: Callable[[], Any]) -> Any:
    """The result of `call` in a fork of this process."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def work() -> None:
        try:
            theirs.send((call(), None))
        except NotMeasured as error:
            theirs.send((None, error.reason))
        except BaseException:
            theirs.send((None, traceback.format_exc()))

    child = context.Process(target=work)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: numpy's threads, which wait
        child.start()
    result, failure = ours.recv()
    child.join()
    assert failure is None, failure
    return result


def envelope(signal: Signal) -> Floats:
    """Level in dB, one value per ms."""
    power = np.convolve(signal.astype(np.float64) ** 2, np.hanning(162)[1:-1], "same")[::8]
    return np.asarray(10 * np.log10(power + 1e-7 * power.max()))


@pytest.mark.parametrize("mode", RATES)
def test_sessions(mode: int) -> None:
    check_sessions(codec2.make(mode=mode), speech_like(0.61, 8_000), in_fork)


@pytest.mark.parametrize("mode", RATES)
def test_rates_are_exact(mode: int) -> None:
    codec = codec2.make(mode=mode)
    frames = encode(codec, speech_like(1, 8_000))
    frame, bits = RATES[mode]
    assert (codec.info.frame, codec.info.frame_bits) == (frame, bits)
    assert {(f.bits, len(f.payload)) for f in frames} == {(bits, -(-bits // 8))}
    assert bits * 8_000 / frame == mode
    assert codec.fork_per_call


@pytest.mark.parametrize("mode", RATES)
def test_declared_delay(mode: int) -> None:
    codec, lags = codec2.make(mode=mode), []
    for seed in range(5):
        signal = speech_like(4, 8_000, seed)
        raw = in_fork(lambda signal=signal: decode(codec, slots_of(encode(codec, signal))))
        sent, heard = envelope(signal), envelope(raw[: len(signal)])
        fits = [np.corrcoef(sent[: len(sent) - lag], heard[lag:])[0, 1] for lag in range(60)]
        lags.append(int(np.argmax(fits)))
    assert abs(np.median(lags) - codec.info.delay / 8) <= 3, lags


def test_speech_resembles_itself() -> None:
    signal = speech_like(4, 8_000, seed=2)
    codec = codec2.make()
    output = trim(in_fork(lambda: decode(codec, slots_of(encode(codec, signal)))), codec.info.delay, len(signal))
    assert np.corrcoef(envelope(signal), envelope(output))[0, 1] > 0.9


@pytest.mark.parametrize("mode", [3200, 700])
def test_losses_hold_fade_and_come_back(mode: int) -> None:
    codec = codec2.make(mode=mode)
    frame, frames = codec.info.frame, encode(codec, speech_like(2, 8_000, seed=5))[:40]
    first, end = 20 * frame, 30 * frame  # of the loss
    output = in_fork(lambda: decode(codec, slots_of(frames, range(20, 30))))
    repeated = [Slot(i, frames[19 if 20 <= i < 30 else i].payload) for i in range(len(frames))]
    steady = in_fork(lambda: decode(codec, repeated))
    gain = np.ones(len(output))
    gain[first : first + 640] = np.interp(np.arange(1, 641), [frame, 640], [1, 0])  # held for a frame, 0 at 80 ms
    gain[first + 640 : end] = 0
    gain[end : end + 40] = np.arange(1, 41) / 40  # back over 5 ms
    np.testing.assert_allclose(output, steady * gain, atol=1e-6)
    assert steady[first:end].any()


def test_nothing_before_the_first_frame_and_nothing_when_nothing_is_sent() -> None:
    codec = codec2.make()
    slots = slots_of(encode(codec, speech_like(0.5, 8_000)), {0, 1, 2})
    slots[9], slots[10] = Slot(9, b""), Slot(10, None)
    output = in_fork(lambda: decode(codec, slots))
    assert not output[: 3 * 160].any()
    assert output[3 * 160 : 9 * 160].any()
    assert not output[9 * 160 : 11 * 160].any()


def test_the_first_frame_is_not_faded_in() -> None:
    codec = codec2.make()
    frames = encode(codec, 0.3 * speech_like(0.5, 8_000) + 0.3)
    native = codec.native(3200)
    plain = in_fork(lambda: native.decode(frames[0].payload))
    ours = in_fork(lambda: codec.decoder().push([Slot(0, frames[0].payload)]))
    np.testing.assert_array_equal(ours * 32_768, plain)


def test_700c_by_its_name() -> None:
    assert codec2.make(mode="700C").info == codec2.make(mode=700).info


def test_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    for mode in (450, "3200", True, None, 3200.0):
        with pytest.raises(UserError, match=rf"codec2: mode={mode!r} .*3200, 2400, 1600"):
            codec2.make(mode=mode)  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(NotMeasured, match="frame 0 has 3 bytes, 8 were due"):
        decode(codec2.make(), [Slot(0, b"abc")])
    monkeypatch.setitem(sys.modules, "pycodec2", None)
    with pytest.raises(Unavailable, match="pip install pycodec2"):
        codec2.make()
