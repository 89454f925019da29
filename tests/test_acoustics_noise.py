"""Noise mixed into speech: the asked ratio is measured, whatever is drawn, and what is drawn is what was asked for."""

import csv

import numpy as np
import pytest

from benchmark.acoustics._recordings import _voice, babble, candidates, stretch
from benchmark.acoustics.noise import Noise
from benchmark.audio import write
from benchmark.level import active_level, rms_level
from benchmark.registry import make, parse
from benchmark.seeds import generator
from benchmark.types import Heard, NotMeasured, UserError
from tests.signals import speech_like

RATE = 16_000
SPEECH = speech_like(4, RATE, 3)
TALKERS = 8
TONES = {f"speaker{i}": 400 + 300 * i for i in range(TALKERS)}  # Hz: each speaker's voice is a tone
LABELS = {"tram": 700, "rain": 1500}  # Hz


def paused(signal, rate=RATE):
    signal = signal.copy()
    signal[np.arange(len(signal)) / rate % 2 > 1.2] *= 0.003
    return signal


def tone(frequency, seconds, rate=RATE):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def mixed(noise, signal=SPEECH, clean=None, seed=0, facts=None, rate=RATE):
    heard = Heard(signal, signal if clean is None else clean, facts or {})
    return noise.apply(heard, rate, generator(seed, "acoustics", "noise"))


def manifest(folder, rows):
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["id", "path", "speaker", "split", "label"])
        table.writeheader()
        table.writerows(rows)
    return str(folder / "manifest.csv")


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """Speakers who hum: two files each, of other levels, 0.8 s of every 1.6 s, and one that is all silence."""
    folder, rows = tmp_path_factory.mktemp("voices"), []
    for number, (speaker, frequency) in enumerate(TONES.items()):
        for take in range(2):
            hum = 10 ** (-(number + 5 * take) / 20) * 0.5 * tone(frequency, 3.2)
            hum[np.arange(len(hum)) / RATE % 1.6 > 0.8] = 0
            name = f"{speaker}_{take}"
            write(folder / f"{name}.flac", hum, RATE)
            split = "test" if number < 3 else "train"
            rows.append({"id": name, "path": f"{name}.flac", "speaker": speaker, "split": split, "label": ""})
    return manifest(folder, rows)


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noises")
    rows = []
    for label, frequency in LABELS.items():
        write(folder / f"{label}.flac", 0.2 * tone(frequency, 10) + 0.3, RATE)
        rows.append({"id": label, "path": f"{label}.flac", "speaker": "", "split": "test", "label": label})
    write(folder / "silent.flac", np.zeros(RATE, np.float32) + 0.1, RATE)
    rows.append({"id": "silent", "path": "silent.flac", "speaker": "", "split": "off", "label": "nothing"})
    return manifest(folder, rows)


@pytest.mark.parametrize("kind", ["white", "pink", "speech_shaped", "babble", "recorded"])
@pytest.mark.parametrize("snr", [15.0, 0.0, -5.0])
def test_the_asked_ratio_is_in_the_mixture(kind, snr, voices, noises):
    path = {"babble": voices, "recorded": noises}.get(kind)
    speech = paused(0.4 * SPEECH)
    heard = mixed(Noise(kind, snr, path=path, split=None if kind == "babble" else path and "test"), speech)
    added = heard.signal.astype(np.float64) - heard.clean
    assert active_level(heard.clean, RATE).level_db - rms_level(added, RATE) == pytest.approx(snr, abs=0.05)
    assert heard.facts["snr_db"] == pytest.approx(snr, abs=0.05)


def test_pauses_count_for_one_definition_and_not_for_the_other():
    speech = paused(SPEECH)
    level = active_level(speech, RATE)
    assert level.level_db - level.rms_db > 1
    noise = {kind: mixed(Noise(snr=15, level=kind), speech).signal - speech for kind in ("asl", "rms")}
    assert level.level_db - rms_level(noise["asl"], RATE) == pytest.approx(15, abs=0.05)
    assert level.rms_db - rms_level(noise["rms"], RATE) == pytest.approx(15, abs=0.05)
    assert mixed(Noise(snr=15, level="rms"), speech).facts["snr_db"] == pytest.approx(15, abs=0.05)


def test_noise_above_eight_kilohertz_does_not_count():
    speech = speech_like(2, 48_000, 1)
    heard = mixed(Noise(snr=10), speech, rate=48_000)
    added = heard.signal - heard.clean
    power = 10 * np.log10(np.square(added.astype(np.float64)).mean())
    assert active_level(speech, 48_000).level_db - power == pytest.approx(
        10 - 10 * np.log10(3), abs=0.3
    )  # 0.2 dB for the filter's edge


def test_what_would_exceed_full_scale_is_softer_as_a_whole():
    loud = SPEECH / np.abs(SPEECH).max() * np.float32(0.99)
    heard = mixed(Noise(snr=0), loud)
    gain = heard.facts["input_gain_db"]
    assert gain < -1
    assert np.abs(heard.signal).max() == pytest.approx(1 - 2**-15, abs=1e-7)
    assert heard.clean == pytest.approx(loud * 10 ** (gain / 20), abs=1e-6)
    assert heard.facts["snr_db"] == pytest.approx(0, abs=0.1)  # the thresholds of P.56 do not move with the gain
    assert mixed(Noise(snr=0), loud, facts={"input_gain_db": -2.0}).facts["input_gain_db"] == pytest.approx(gain - 2)


def test_what_fits_keeps_its_level():
    soft = 0.1 * SPEECH
    heard = mixed(Noise(snr=20), soft)
    assert heard.clean is soft
    assert heard.facts["input_gain_db"] == 0


def test_the_speech_that_is_heard_counts_and_not_what_it_was():
    heard = mixed(Noise(snr=10), 0.5 * SPEECH, clean=0.01 * SPEECH, facts={"rt60_s": 0.4})
    added = heard.signal - 0.5 * SPEECH
    assert active_level(0.5 * SPEECH, RATE).level_db - rms_level(added, RATE) == pytest.approx(10, abs=0.05)
    assert (heard.clean == np.float32(0.01) * SPEECH).all()
    assert heard.facts["rt60_s"] == 0.4
    assert heard.facts["snr_db"] == pytest.approx(10, abs=0.05)


@pytest.mark.parametrize("kind", ["white", "pink", "speech_shaped", "babble", "recorded"])
def test_the_same_draw_is_the_same_noise_at_every_level(kind, voices, noises):
    path = {"babble": voices, "recorded": noises}.get(kind)
    split = "test" if kind == "recorded" else None
    soft = 0.1 * SPEECH
    near, far = (mixed(Noise(kind, snr, path=path, split=split), soft).signal - soft for snr in (0.0, 20.0))
    assert far == pytest.approx(0.1 * near, abs=1e-6)
    again = mixed(Noise(kind, 0.0, path=path, split=split), soft).signal - soft
    other = mixed(Noise(kind, 0.0, path=path, split=split), soft, seed=1).signal - soft
    assert (near == again).all()
    assert np.abs(near - other).max() > 0.01


def peaks(noise):
    """Which speakers' tones are in `noise`, and their levels in dB."""
    power = np.square(np.abs(np.fft.rfft(noise * np.hanning(len(noise)))))
    frequencies = np.fft.rfftfreq(len(noise), 1 / RATE)
    levels = {who: 10 * np.log10(power[np.abs(frequencies - f) < 40].sum()) for who, f in TONES.items()}
    return {who: level for who, level in levels.items() if level > max(levels.values()) - 20}


@pytest.mark.parametrize("talkers", [1, 3, 6, TALKERS])
def test_babble_is_of_so_many_different_speakers_and_all_are_equally_loud(voices, talkers):
    files = candidates(voices, None, None)
    for seed in range(4):
        found = peaks(babble(files, talkers, 5 * RATE, RATE, generator(seed)))
        assert len(found) == talkers
        assert np.ptp(list(found.values())) < 1.5, found
    drawn = {tuple(peaks(babble(files, 3, RATE, RATE, generator(seed)))) for seed in range(6)}
    assert len(drawn) > 3


def test_babble_has_no_pauses(voices):
    files = candidates(voices, None, None)
    for file in files:
        voice = _voice(file.path, RATE)
        assert 0.55 < len(voice) / (3.2 * RATE) < 0.75  # half, and a hang-over of 0.2 s and the decay twice
        assert active_level(voice.astype(np.float32) / 8, RATE).activity > 0.95


def test_babble_says_whose_voices_may_be_in_it(voices):
    assert Noise("babble", path=voices).speakers == set(TONES)
    noise = Noise("babble", path=voices, split="test", talkers=2)
    assert noise.speakers == {"speaker0", "speaker1", "speaker2"}
    assert len(noise.files) == 6
    assert all(file.is_file() for file in noise.files)
    assert Noise().speakers == frozenset()


def test_nobody_to_babble_is_told(tmp_path):
    write(tmp_path / "a.flac", np.zeros(RATE, np.float32), RATE)
    path = manifest(tmp_path, [{"id": "a", "path": "a.flac", "speaker": "anna", "split": "", "label": ""}])
    with pytest.raises(NotMeasured, match="nobody speaks in the recordings of anna"):
        mixed(Noise("babble", path=path, talkers=1))


def test_recorded_noise_is_what_was_asked_for_without_its_offset(noises, tmp_path):
    for label, frequency in LABELS.items():
        noise = Noise("recorded", 5, path=noises, label=label)
        added = mixed(noise, 0.1 * SPEECH).signal - 0.1 * SPEECH
        assert np.abs(np.fft.rfft(added)).argmax() * RATE / len(added) == pytest.approx(frequency, abs=1)
        assert abs(added.mean()) < 1e-4
        assert len(noise.files) == 1
    assert len(Noise("recorded", path=noises, split="test").files) == 2
    one = tmp_path / "hum.wav"
    write(tmp_path / "hum.flac", 0.2 * tone(300, 1, 8000), 8000)
    (tmp_path / "hum.flac").rename(one)
    added = mixed(Noise("recorded", 5, path=str(one)), 0.1 * SPEECH).signal - 0.1 * SPEECH
    assert np.abs(np.fft.rfft(added)).argmax() * RATE / len(added) == pytest.approx(300, abs=1)


def test_a_silent_recording_has_no_ratio(noises):
    with pytest.raises(NotMeasured, match="silent where it was drawn") as error:
        mixed(Noise("recorded", path=noises, label="nothing"))
    assert error.value.status == "not_applicable"


def test_a_short_recording_goes_round_without_a_seam():
    hum, rate = 0.5 * tone(3.7, 1, 8000).astype(np.float64), 8000
    for seed in range(5):
        long = stretch(hum, 5 * rate, rate, generator(seed))
        assert len(long) == 5 * rate
        assert np.abs(np.diff(long)).max() < 5 * np.abs(np.diff(hum)).max()


def test_where_a_recording_begins_anew_its_power_stays():
    rate, fade = 8000, 400
    energy = 0.0
    for part in (slice(0, fade), slice(rate - fade, rate)):
        noise = np.zeros(rate)
        noise[part] = 1
        energy += np.square(stretch(noise, 2 * (rate - fade), rate, generator(0))).sum() / 2
    assert energy == pytest.approx(fade)


def test_a_long_recording_is_taken_from_anywhere():
    ramp = np.arange(1000.0)
    starts = {int(stretch(ramp, 900, RATE, generator(seed))[0]) for seed in range(300)}
    assert starts <= set(range(101))
    assert {min(starts) < 5, max(starts) > 95, len(starts) > 80} == {True}
    assert (stretch(ramp, 1000, RATE, generator(0)) == ramp).all()


def test_titles_and_curves_tell_apart_what_is_not_the_same(voices, noises):
    assert Noise().title == "white noise, 10 dB SNR"
    assert Noise("speech_shaped", -2.5).point == ("speech-shaped noise", "dB SNR", -2.5)
    curves = [
        *(
            Noise("babble", path=voices),
            Noise("babble", path=voices, talkers=2),
            Noise("pink"),
            Noise("pink", level="rms"),
        ),
        *(Noise("recorded", path=noises, label=label) for label in LABELS),
    ]
    assert len({noise.point.curve for noise in curves}) == len(curves)
    assert Noise("babble", path=voices).title == "babble noise (6 talkers), 10 dB SNR"


def test_wrong_choices_are_refused(voices, noises, tmp_path):
    wrong = {
        f"kind=babble,path={voices},talkers=9": "whole number from 1 to 8, the speakers there are",
        f"kind=babble,path={voices},talkers=2.5": "talkers=2.5 must be a whole number",
        f"kind=babble,path={voices},talkers=0": "talkers=0 must be",
        f"kind=babble,path={voices},split=tset": "Did you mean 'test'?",
        f"kind=babble,path={noises}": " has no speaker",
        f"kind=recorded,path={noises},label=trom": "Did you mean 'tram'?",
        f"kind=recorded,path={tmp_path / 'no.csv'}": "No data at",
        f"kind=recorded,path={tmp_path / 'no.wav'},label=tram": "no.wav is one file",
    }
    for text, says in wrong.items():
        with pytest.raises(UserError) as error:
            make("acoustics", parse(f"noise:{text}"))
        assert says in str(error.value)
        assert "\n" not in str(error.value)
    broken = manifest(tmp_path, [{"id": "gone", "path": "gone.flac", "speaker": "a", "split": "", "label": ""}])
    with pytest.raises(UserError, match=r"the audio of 'gone' is missing"):
        Noise("recorded", path=broken)
