"""What happens to speech before the codec: planted levels, spectra, corners and shares are found in what comes out."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.acoustics.band import Band
from benchmark.acoustics.clean import Clean
from benchmark.acoustics.clipping import Clipping
from benchmark.acoustics.dc import Offset
from benchmark.acoustics.level import Level
from benchmark.acoustics.noise import Noise
from benchmark.acoustics.silence import Silence
from benchmark.level import active_level
from benchmark.registry import make, names, parse
from benchmark.seeds import generator
from benchmark.types import Heard, NotMeasured, UserError
from tests.signals import speech_like

RATE = 16_000
SPEECH = speech_like(4, RATE, 3)
PLAIN = [
    *(Clean(), Level(-30), Clipping(0.02), Clipping(dbov=-12), Offset(0.1), Silence(), Silence(20, 50)),
    *(Band(), Band("narrow"), Band("low_pass", 1500), Noise(), Noise("pink", 0), Noise("speech_shaped", 5, "rms")),
]


def after(component, signal=SPEECH, rate=RATE, seed=0):
    return component.apply(Heard(signal, signal), rate, generator(seed, "acoustics"))


def decibels(ratio):
    return 20 * np.log10(ratio)


@pytest.mark.parametrize("dbov", [-36, -26, -20.5])
def test_speech_gets_the_asked_level(dbov):
    speech = SPEECH * np.where(np.arange(len(SPEECH)) % RATE < RATE // 2, 1, np.float32(0.02))
    heard = after(Level(dbov), speech)
    assert active_level(heard.signal, RATE).level_db == pytest.approx(dbov, abs=0.002)
    assert heard.clean is speech
    assert np.corrcoef(heard.signal, speech)[0, 1] == pytest.approx(1, abs=1e-6)


def test_what_goes_beyond_full_scale_is_clipped_and_told():
    heard = after(Level(-5))
    assert np.abs(heard.signal).max() == 1
    assert heard.facts["clipped_share"] == np.mean(np.abs(heard.signal) == 1) > 0.001
    assert after(Level(-26)).facts["clipped_share"] == 0


@pytest.mark.parametrize("share", [0.001, 0.01, 0.2, 1.0])
def test_the_asked_share_of_samples_is_at_the_limit(share):
    heard = after(Clipping(share))
    limit = np.abs(heard.signal).max()
    assert np.mean(np.abs(heard.signal) == limit) == pytest.approx(share, abs=2 / len(SPEECH))
    assert heard.facts["clipped_share"] == pytest.approx(share, abs=2 / len(SPEECH))
    below = np.abs(SPEECH) < limit
    assert (heard.signal[below] == SPEECH[below]).all()
    assert heard.clean is SPEECH


def test_no_share_and_a_limit_above_the_peak_leave_all_as_it_is():
    assert (after(Clipping(0.0)).signal == SPEECH).all()
    assert (after(Clipping(dbov=0)).signal == SPEECH).all()
    assert np.abs(after(Clipping(dbov=-20)).signal).max() == pytest.approx(0.1)
    assert Clipping(dbov=-20).point == ("clipping limit", "dBov", -20)
    assert Clipping(0.01).point == ("clipping", "% of samples", 1)


def test_more_silence_than_would_be_left_cannot_be_clipped():
    mostly = SPEECH.copy()
    mostly[: 3 * len(mostly) // 4] = 0
    with pytest.raises(NotMeasured, match="digital silence"):
        after(Clipping(0.5), mostly)


def test_an_offset_is_added_and_clipped_at_full_scale():
    heard = after(Offset(0.05))
    assert heard.signal.mean() - SPEECH.mean() == pytest.approx(0.05, abs=1e-6)
    assert heard.facts["clipped_share"] == 0
    high = after(Offset(0.8))
    assert high.signal.max() == 1
    assert high.facts["clipped_share"] == np.mean(SPEECH.astype(np.float64) + 0.8 >= 1) > 0


def tone_gain(component, frequency, rate):
    """Gain at a frequency, dB, in the middle of a tone."""
    tone = (0.3 * np.sin(2 * np.pi * frequency * np.arange(rate) / rate)).astype(np.float32)
    middle = slice(rate // 4, 3 * rate // 4)
    return decibels(np.linalg.norm(after(component, tone, rate).signal[middle]) / np.linalg.norm(tone[middle]) + 1e-9)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_the_telephone_passes_300_to_3400_hertz(rate):
    for frequency in (400, 1000, 2500, 3300):
        assert tone_gain(Band(), frequency, rate) == pytest.approx(0, abs=0.1)
    for corner in (300, 3400):
        assert tone_gain(Band(), corner, rate) == pytest.approx(-6, abs=0.2)
    for frequency in (50, 120, 200, 3500, 3800):
        assert tone_gain(Band(), frequency, rate) < -60


def test_sampling_at_eight_kilohertz_takes_what_lies_above_four():
    for frequency, gain in ((100, 0), (1000, 0), (3400, 0)):
        assert tone_gain(Band("narrow"), frequency, RATE) == pytest.approx(gain, abs=0.1)
    for frequency in (4300, 6000, 7900):
        assert tone_gain(Band("narrow"), frequency, RATE) < -60
    same = after(Band("narrow"), SPEECH, 8000)
    assert (same.signal == SPEECH).all()


def test_a_low_pass_has_its_corner_where_it_was_asked():
    component = Band("low_pass", 4000)
    assert [round(tone_gain(component, f, 48_000)) for f in (100, 3900, 4000)] == [0, 0, -6]
    assert tone_gain(component, 4100, 48_000) < -60
    assert component.point == ("low-pass", "Hz", 4000)
    assert Band().point is None


@pytest.mark.parametrize("component", [Band(), Band("narrow"), Band("low_pass", 3000)], ids=repr)
def test_no_band_delays(component):
    click = np.zeros(RATE, np.float32)
    click[5000] = 0.5
    heard = after(component, click).signal
    assert np.abs(heard).argmax() == 5000
    assert heard[4500:5000] == pytest.approx(heard[5500:5000:-1], abs=1e-6)


def test_a_band_the_rate_has_not_is_not_applicable():
    for component, rate in ((Band("low_pass", 7950), RATE), (Band(), 6000), (Band("narrow"), 6000)):
        with pytest.raises(NotMeasured) as error:
            after(component, SPEECH, rate)
        assert error.value.status == "not_applicable"


def test_silence_is_zeros_where_it_was_asked_and_nothing_elsewhere():
    assert not after(Silence()).signal.any()
    heard = after(Silence(500, 250))
    changed = np.flatnonzero(heard.signal != SPEECH)
    assert not heard.signal[8000:12_000].any()
    assert changed[0] >= 8000
    assert changed[-1] < 12_000
    assert (after(Silence(3900, 500)).signal[:62_400] == SPEECH[:62_400]).all()
    assert heard.clean is SPEECH
    with pytest.raises(NotMeasured, match="more than 4000 ms"):
        after(Silence(4000))


def test_the_quiet_room_changes_nothing():
    heard = Heard(SPEECH, SPEECH)
    assert Clean().apply(heard, RATE, generator(0)) is heard


@pytest.mark.parametrize("component", [Level(), Noise(), Noise(level="rms")], ids=lambda c: c.title)
def test_silence_has_no_level(component):
    with pytest.raises(NotMeasured) as error:
        after(component, np.zeros(RATE, np.float32))
    assert error.value.status == "no_speech"


def tried(*given):
    try:
        return after(*given)
    except NotMeasured as error:
        return error


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, len(PLAIN) - 1),
    st.integers(0, 12_000),
    st.sampled_from([8000, 16_000, 22_050, 48_000]),
    st.floats(-80, 6),
    st.integers(0, 3),
)
def test_all_that_comes_out_is_as_long_and_finite(which, samples, rate, level, seed):
    component = PLAIN[which]
    noise = np.random.default_rng(seed).standard_normal(samples)
    signal = (10 ** (level / 20) * noise).astype(np.float32)
    heard = tried(component, signal, rate, seed)
    if isinstance(heard, NotMeasured):
        assert heard.status in ("too_short", "no_speech"), heard
        assert heard.status == "no_speech" or (" ms are needed" in heard.reason and samples < rate / 10)
        return
    for part in (heard.signal, heard.clean):
        assert (part.shape, part.dtype) == (signal.shape, np.float32)
        assert np.isfinite(part).all()
    assert np.isfinite(list(heard.facts.values())).all()


@pytest.mark.parametrize("component", PLAIN[1:5] + PLAIN[7:], ids=lambda c: c.title)
def test_too_short_says_what_is_needed(component):
    with pytest.raises(NotMeasured, match="99 ms of speech; at least 100 ms are needed") as error:
        after(component, SPEECH[:1590])
    assert error.value.status == "too_short"
    after(component, SPEECH[8000:9600])


WRONG = {
    "level:dbov=1": "level: dbov=1 must be a number from -70 to 0",
    "level:dbov=loud": "level: dbov=loud must be a number",
    "clipping": "give one of share= ",
    "clipping:share=0.1,dbov=-3": "give one of share= ",
    "clipping:share=2": "share=2 must be a number from 0 to 1",
    "clipping:dbov=3": "dbov=3 must be a number from -100 to 0",
    "dc:offset=1.5": "offset=1.5 must be",
    "dc:offset=true": "offset=True must be a number",
    "band:kind=telefone": "Did you mean 'telephone'?",
    "band:kind=low_pass": "needs cutoff= in Hz",
    "band:cutoff=3000": "low_pass, and only that",
    "band:kind=low_pass,cutoff=10": "cutoff=10 must be a number from 200",
    "silence:start_ms=-1": "start_ms=-1 must be",
    "silence:length_ms=x": "length_ms=x must be",
    "noise:kind=brown": "kind=brown must be one of white, pink",
    "noise:snr=200": "snr=200 must be a number from -100 to 100",
    "noise:snr=null": "snr=None must be a number",
    "noise:level=peak": "level=peak must be one of asl, rms",
    "noise:path=x.wav": "path=x.wav means nothing to kind=white",
    "noise:kind=pink,talkers=3": "talkers=3 means nothing to kind=pink",
    "noise:kind=babble": "kind=babble needs path=",
    "noise:kind=recorded,talkers=2,path=x.csv": "talkers=2 means nothing to kind=recorded",
}


@pytest.mark.parametrize(("text", "says"), WRONG.items(), ids=WRONG)
def test_wrong_parameters_are_refused_in_one_line(text, says):
    with pytest.raises(UserError) as error:
        make("acoustics", parse(text))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_all_are_found_by_name():
    ours = {"band", "clean", "clipping", "dc", "level", "noise", "reverb", "room", "silence"}
    assert ours <= set(names("acoustics"))
    for component in PLAIN:
        assert component.title
        assert tuple(component.files) == ()
        assert component.point is None or len(component.point) == 3


def spectrum(kind, rate=48_000, seconds=30):
    """Power of noise per bin, and the bins' frequencies."""
    from benchmark.acoustics._coloured import COLOURS

    noise = COLOURS[kind](seconds * rate, rate, generator(1, kind))
    return np.square(np.abs(np.fft.rfft(noise))), np.fft.rfftfreq(len(noise), 1 / rate)


def third_octaves(kind):
    """Level of noise in dB in each third of an octave from 63 Hz to 16 kHz."""
    power, frequencies = spectrum(kind)
    edges = 1000 * 10 ** (np.arange(-12.5, 13) / 10)
    return np.array([10 * np.log10(power[(frequencies >= a) & (frequencies < b)].sum()) for a, b in pairwise(edges)])


def test_white_noise_has_a_decibel_more_in_each_band_and_pink_noise_as_much():
    white, pink = third_octaves("white"), third_octaves("pink")
    assert np.diff(white).mean() == pytest.approx(1, abs=0.02)
    assert white - white.mean() == pytest.approx(np.arange(25) - 12.0, abs=1)
    assert pink - pink.mean() == pytest.approx(np.zeros(25), abs=1)


def test_speech_shaped_noise_has_the_published_spectrum():
    # Byrne et al. 1994, 63 Hz to 16 kHz
    law = [38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0, 52.0]
    law += [48.7, 48.1, 46.8, 45.6, 44.5, 44.3, 43.7, 43.4, 41.3, 40.7]
    found = third_octaves("speech_shaped")
    assert found - found.mean() == pytest.approx(np.array(law) - np.mean(law), abs=1)
    assert 10 * np.log10(np.sum(10 ** (np.array(law) / 10))) == pytest.approx(70, abs=0.1)  # as they publish it
    power, frequencies = spectrum("speech_shaped")
    assert power[frequencies < 56].sum() < 1e-9 * power.sum()


def test_pink_noise_wastes_nothing_on_what_nobody_hears():
    power, frequencies = spectrum("pink")
    assert power[frequencies < 20].sum() < 1e-9 * power.sum()


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_noise_is_of_any_rate(rate):
    for kind in ("white", "pink", "speech_shaped"):
        heard = after(Noise(kind, 12), speech_like(1, rate, 2), rate)
        assert heard.facts["snr_db"] == pytest.approx(12, abs=0.05)
