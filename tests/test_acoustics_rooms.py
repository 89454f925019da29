"""Rooms: no delay, the asked time of decay, the distance that was asked, and the same digits everywhere."""

import hashlib
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile

from benchmark.acoustics import room
from benchmark.acoustics._response import decay_time
from benchmark.acoustics.noise import Noise
from benchmark.acoustics.reverb import Reverb
from benchmark.acoustics.room import Room
from benchmark.registry import make, parse
from benchmark.seeds import generator
from benchmark.types import Heard, NotMeasured, Unavailable, UserError
from tests.signals import speech_like

RATE = 16_000
SPEECH = 0.2 * speech_like(2, RATE, 3)
needs_library = pytest.mark.skipif(find_spec("pyroomacoustics") is None, reason="pyroomacoustics is not installed")
CLICK = np.zeros(RATE, np.float32)
CLICK[3000] = 0.1


def after(component, signal=SPEECH, rate=RATE):
    return component.apply(Heard(signal, signal), rate, generator(0))


def response(folder, echoes, rate=RATE, seconds=0.3):
    """A file of echoes: instants in samples to amplitudes."""
    signal = np.zeros(round(seconds * rate), np.float32)
    for place, amplitude in echoes.items():
        signal[place] = amplitude
    soundfile.write(folder / "hall.wav", signal, rate, subtype="FLOAT")
    return str(folder / "hall.wav")


def test_the_direct_sound_stays_where_it_was_and_as_loud(tmp_path):
    heard = after(Reverb(response(tmp_path, {500: 0.4, 580: -0.2, 1300: 0.1})))
    expected = SPEECH.astype(np.float64)
    expected[80:] -= 0.5 * SPEECH[:-80]
    expected[800:] += 0.25 * SPEECH[:-800]
    assert heard.signal == pytest.approx(expected, abs=1e-6)
    assert heard.clean is SPEECH
    assert heard.facts["input_gain_db"] == 0


def test_what_comes_before_the_direct_sound_counts_for_two_and_a_half_milliseconds(tmp_path):
    heard = after(Reverb(response(tmp_path, {400: 0.1, 461: 0.1, 500: -0.4})))
    gain = 1 / np.hypot(0.4, 0.1)
    expected = -0.4 * gain * SPEECH.astype(np.float64)
    expected[:-39] += 0.1 * gain * SPEECH[39:]
    assert heard.signal == pytest.approx(expected, abs=1e-6)


def test_a_response_of_another_rate_is_resampled(tmp_path):
    heard = after(Reverb(response(tmp_path, {4800: 0.5, 9600: 0.3}, 48_000)), CLICK)
    assert np.abs(heard.signal).argmax() == 3000
    assert np.abs(heard.signal[3800:5000]).argmax() == 800
    assert np.linalg.norm(heard.signal[4500:4700]) / np.linalg.norm(heard.signal[2900:3100]) == pytest.approx(
        0.6, abs=0.01
    )


def test_too_much_reverberation_makes_all_softer(tmp_path):
    path = response(tmp_path, {100: 0.5, 150: 0.49, 200: 0.49, 250: 0.49})
    heard = after(Reverb(path), 9 * SPEECH)
    gain = 10 ** (heard.facts["input_gain_db"] / 20)
    assert gain < 0.9
    assert np.abs(heard.signal).max() == pytest.approx(1 - 2**-15, abs=1e-7)
    assert heard.clean == pytest.approx(9 * gain * SPEECH, abs=1e-6)


def test_what_is_no_response_is_refused(tmp_path):
    soundfile.write(tmp_path / "two.wav", np.ones((RATE, 2)), RATE)
    soundfile.write(tmp_path / "none.wav", np.zeros(RATE), RATE)
    (tmp_path / "text.wav").write_text("no sound")
    for name, says in {"two": "2 channels", "none": "is silent", "text": "cannot be read as audio"}.items():
        with pytest.raises(UserError, match=says):
            make("acoustics", parse(f"reverb:path={tmp_path / name}.wav"))


def test_files_title_and_length_of_a_measured_room(tmp_path):
    path = response(tmp_path, {10: 1.0})
    component = Reverb(path)
    assert [str(file) for file in component.files] == [path]
    assert (component.title, component.point) == ("room hall", None)
    for signal, rate in ((SPEECH[:1601], RATE), (SPEECH[:1601], 8000), (SPEECH, 48_000)):
        heard = after(component, signal, rate)
        assert (heard.signal.shape, heard.signal.dtype) == (signal.shape, np.float32)
    with pytest.raises(NotMeasured, match="at least 100 ms are needed"):
        after(component, SPEECH[:100])


@pytest.mark.parametrize("seconds", [0.2, 0.7])
def test_the_time_of_a_planted_decay_is_found(seconds):
    time = np.arange(2 * RATE) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    assert decay_time(noise, RATE) == pytest.approx(seconds, rel=0.05)


@needs_library
@pytest.mark.parametrize(("rt60", "size"), [(0.3, "6x5x3"), (0.5, "6x5x3"), (0.3, "4x3x2.5"), (0.5, "10x8x4")])
def test_a_room_falls_silent_in_the_asked_time(rt60, size):
    assert after(Room(rt60, size)).facts["rt60_s"] == pytest.approx(rt60, rel=0.25)


@needs_library
def test_sabine_is_turned_round():
    asked = Room(0.5, "6x5x3")
    assert asked.absorption == pytest.approx(0.161 * 90 / (126 * 0.5), rel=2e-3)
    import pyroomacoustics

    absorption, order = pyroomacoustics.inverse_sabine(0.5, (6, 5, 3))
    assert (asked.absorption, asked.order) == (pytest.approx(absorption), order)


@needs_library
@pytest.mark.parametrize("rate", [8000, RATE, 48_000])
@pytest.mark.parametrize("distance", [0.5, 1.5, 2.93])
def test_a_room_does_not_delay(distance, rate):
    heard = after(Room(0.25, distance=distance), CLICK, rate)
    assert np.abs(heard.signal).argmax() == 3000
    early, before = heard.signal[2999:3002], heard.signal[: 3000 - round(0.0026 * rate)]
    assert np.linalg.norm(early) > 0.06
    assert not np.abs(before).max() > 1e-6


@needs_library
def test_talker_and_listener_are_as_far_apart_as_asked_and_off_the_walls():
    for distance in (0.1, 1.5, 6.0):
        size = Room(0.5, distance=distance).size
        talker, listener = room._places(size, distance)
        assert np.linalg.norm(talker - listener) == pytest.approx(distance)
        for place in (talker, listener):
            assert (place >= 0.299).all()
            assert (size - place >= 0.299).all()


@needs_library
def test_from_farther_away_the_room_is_louder():
    ratios = []
    for distance in (0.5, 1.5, 4.0):
        wet = after(Room(0.3, distance=distance), CLICK).signal.astype(np.float64)
        ratios.append(np.square(wet[2960:3041]).sum() / np.square(wet[3041:]).sum())
    assert ratios[0] > 4 * ratios[1] > 8 * ratios[2]


@needs_library
def test_noise_in_a_room_is_measured_against_the_speech_heard_there():
    wet = after(Room(0.3))
    heard = Noise(snr=12).apply(wet, RATE, generator(0))
    assert heard.facts["snr_db"] == pytest.approx(12, abs=0.1)
    assert heard.facts["rt60_s"] == wet.facts["rt60_s"]
    assert heard.clean is wet.clean


CODE = """
import hashlib, sys
from benchmark.acoustics.room import Room, _response
room = Room(0.3)
found, _ = _response(room.size, room.distance, room.absorption, room.order, 16000)
print(hashlib.sha256(found.tobytes()).hexdigest())
"""


@needs_library
def test_another_process_with_other_threads_gets_the_same_digits():
    import pyroomacoustics

    asked = Room(0.3)
    constants = pyroomacoustics.constants
    before = constants.get("num_threads")
    constants.set("num_threads", 3)
    found, _ = room._simulated.__wrapped__(asked.size, asked.distance, asked.absorption, asked.order, RATE)
    assert constants.get("num_threads") == 3, "what others set is put back"
    constants.set("num_threads", before)
    environment = {**os.environ, "PRA_NUM_THREADS": "5", "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(found.tobytes()).hexdigest()


WRONG = {
    "rt60=0": "rt60=0 must be a number from 0.05 to 10",
    "rt60=-1": "rt60=-1 must be",
    "rt60=0.1": "falls silent in 0.12 s even where its walls reflect nothing",
    "rt60=5": "reflections of order 666 in 6x5x3 m; at most 160",
    "size=6x5": "write 6x5x3",
    "size=6x5xhigh": "write 6x5x3",
    "size=6x5x0": "size=0.0 must be a number from 1 to 100",
    "distance=7.5": "the room of 6x5x3 m has place for 6.25 m",
    "distance=0": "distance=0 must be",
}


@pytest.mark.parametrize(("text", "says"), WRONG.items(), ids=WRONG)
def test_impossible_rooms_are_refused_in_one_line(text, says):
    with pytest.raises(UserError) as error:
        make("acoustics", parse(f"room:{text}"))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(room.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"pip install pyroomacoustics"):
        Room()


@needs_library
def test_another_room_is_another_curve():
    assert Room(0.4).point == ("room", "s T60", 0.4)
    assert Room(0.4).title == "room, T60 0.4 s"
    assert Room(0.4, "8x6x3").point.curve == "room of 8x6x3 m, 1.5 m away"
    assert Room(0.4, distance=3).title == "room of 6x5x3 m, 3 m away, T60 0.4 s"


def test_right_beside_the_talker_no_decay_is_stated() -> None:
    heard = Heard(*2 * (np.random.default_rng(0).standard_normal(RATE).astype(np.float32) / 10,))
    close = Room(rt60=0.12, distance=0.3).apply(heard, RATE, np.random.default_rng(0))
    assert "rt60_s" not in close.facts
    assert np.isfinite(close.signal).all()
