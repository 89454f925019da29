"""`benchmark.acoustics.shift`: the same speech, later by what was asked, in the signal and in the speech in it."""

import numpy as np
import pytest

from benchmark.acoustics.shift import RATE, Shift
from benchmark.registry import make, parse
from benchmark.scenes import condition
from benchmark.seeds import generator
from benchmark.types import Heard, NotMeasured, Signal, UserError
from tests.signals import speech_like

SPEECH = speech_like(1.0, RATE, 3)


def after(samples: int, signal: Signal = SPEECH, rate: int = RATE, clean: Signal | None = None) -> Heard:
    return Shift(samples).apply(Heard(signal, signal if clean is None else clean), rate, generator(0, "acoustics"))


@pytest.mark.parametrize("samples", [1, 20, 80, 160, 319, 320, 15_999])
def test_speech_comes_later_behind_silence(samples: int) -> None:
    heard = after(samples, clean=-SPEECH)
    assert heard.signal.dtype == heard.clean.dtype == np.float32
    assert len(heard.signal) == len(heard.clean) == len(SPEECH)
    assert not heard.signal[:samples].any()
    assert (heard.signal[samples:] == SPEECH[:-samples]).all()
    assert (heard.clean == -heard.signal).all()
    assert heard.facts == {"shift_ms": 1000 * samples / RATE}


@pytest.mark.parametrize(("rate", "samples", "own"), [(48_000, 1, 3), (8000, 320, 160), (24_000, 1, 2), (44_100, 1, 3)])
def test_files_of_other_rates_are_shifted_by_their_nearest_sample(rate: int, samples: int, own: int) -> None:
    signal = np.arange(1, 1001, dtype=np.float32) / 1000
    heard = after(samples, signal, rate)
    assert int(np.argmax(heard.signal > 0)) == own
    assert heard.facts["shift_ms"] == pytest.approx(1000 * own / rate)


def test_two_shifts_add_up() -> None:
    once = after(20)
    again = Shift(300).apply(once, RATE, generator(0, "acoustics"))
    assert (again.signal == after(320).signal).all()
    assert again.facts == {"shift_ms": 20.0}


def test_other_facts_stay() -> None:
    heard = Shift(16).apply(Heard(SPEECH, SPEECH, {"snr_db": 3.0}), RATE, generator(0, "acoustics"))
    assert heard.facts == {"snr_db": 3.0, "shift_ms": 1.0}


def test_it_is_a_point_on_a_curve_over_shifts() -> None:
    made = make("acoustics", parse("shift:samples=319"))
    assert made.point == ("time shift", "samples at 16 kHz", 319)
    assert (made.title, Shift().title) == ("319 samples later", "1 sample later")
    assert condition("acoustics", "shift:samples=20").point == ("time shift", "samples at 16 kHz", 20)


@pytest.mark.parametrize("samples", [0, -1, 1.0, True, "20", 160_001])
def test_what_is_no_shift_is_refused(samples: object) -> None:
    with pytest.raises(UserError, match=f"shift: samples={samples} must be a whole number from 1 to 160000"):
        Shift(samples)  # type: ignore[arg-type]


def test_what_cannot_be_shifted_says_why() -> None:
    with pytest.raises(NotMeasured, match="less than half a sample at the file's 7999 Hz") as caught:
        after(1, rate=7999)
    assert caught.value.status == "not_applicable"
    with pytest.raises(NotMeasured, match="1000 ms of speech, of which a shift by 16000 leaves nothing") as caught:
        after(16_000)
    assert caught.value.status == "too_short"
