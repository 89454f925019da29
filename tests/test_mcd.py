"""Mel-cepstral distortion finds planted envelopes and planted delays, and hears neither gain nor silence."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.signal import fftconvolve
from scipy.spatial.distance import cdist

from benchmark.metrics.mcd import ALL_PASS, SCALE, VALUES, make, mel_cepstra, versions
from benchmark.types import Floats, NotMeasured, Signal
from benchmark.warp import warp
from tests.signals import speech_like

pytest.importorskip("pyworld")
RATE = 16_000
mcd = make()


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(3, RATE)


def noisy(speech: Signal, level: float) -> Signal:
    return speech + (level * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)


def late(speech: Signal, seconds: float) -> Signal:
    return np.concatenate([speech[: round(seconds * RATE)] * 0, speech])[: len(speech)]


@pytest.mark.parametrize("gain", [1, -1, 0.1, 1.9])
def test_identical_up_to_a_gain_is_0(speech: Signal, gain: float) -> None:
    values = mcd(speech, np.float32(gain) * speech, RATE)
    assert values == {"mcd": pytest.approx(0, abs=1e-4), "mcd_frame": pytest.approx(0, abs=1e-4)}
    assert values.keys() == VALUES.keys()


@pytest.mark.parametrize("order", [1, 3, 8])
def test_finds_a_planted_coefficient(speech: Signal, order: int) -> None:
    """A filter whose log response is 0.1 cos(order * mel frequency) moves one coefficient by 0.1."""
    omega = np.linspace(0, np.pi, 257)
    warped = omega + 2 * np.arctan(ALL_PASS * np.sin(omega) / (1 - ALL_PASS * np.cos(omega)))
    response = np.fft.fftshift(np.fft.irfft(np.exp(0.1 * np.cos(order * warped))))
    filtered = fftconvolve(speech, response, mode="same").astype(np.float32)
    shift = len(response) // 2 - (len(response) - 1) // 2  # `same` centres on the sample before
    filtered = np.roll(filtered, -shift)
    assert mcd(speech, filtered, RATE)["mcd_frame"] == pytest.approx(0.1 * SCALE, rel=0.05)


def test_golden_value(speech: Signal) -> None:
    values = mcd(speech, noisy(speech, 0.01), RATE)
    assert values == {"mcd": pytest.approx(9.69804, abs=1e-3), "mcd_frame": pytest.approx(9.83834, abs=1e-3)}


def test_mel_cepstra_are_those_of_sptk() -> None:
    """From pysptk 1.0.1, sp2mc(power, order=24, alpha=0.42), for c0, c1, c2, c12 and c24."""
    k = np.arange(513)
    power = np.array([np.exp(2 * np.sin(k / 40 + phase) + np.cos(k / 7)) for phase in (0.0, 1.0)])
    expected = [
        [0.18385812, 0.51642098, 0.10177357, 0.18865444, -0.02802072],
        [0.12896746, 0.46489208, 0.57439428, 0.17531271, -0.03587165],
    ]
    np.testing.assert_allclose(mel_cepstra(power)[:, [0, 1, 2, 12, 24]], expected, atol=1e-8)


def test_only_the_warped_one_forgives_a_delay(speech: Signal) -> None:
    """5 ms late costs 3 dB in step, 50 ms about 10; along the path next to nothing."""
    for seconds, least in ((0.005, 2), (0.05, 8)):
        values = mcd(speech, late(speech, seconds), RATE)
        assert values["mcd_frame"] > least
        assert values["mcd"] < 0.5
    assert mcd(speech, late(speech, 0.8), RATE)["mcd"] > 2, "beyond the band"


def test_what_is_lost_is_not_warped_away(speech: Signal) -> None:
    """One half of the speech replaced by silence: half the frames are as far off as a flat spectrum is."""
    holed = speech.copy()
    holed[len(holed) // 2 :] = 0
    values = mcd(speech, holed, RATE)
    assert values["mcd"] > 4
    assert values["mcd_frame"] > 4


def test_silence_around_changes_nothing(speech: Signal) -> None:
    """Frames of speech count, whatever else is in the file; analysis at the seams differs a little."""
    padded = [np.pad(signal, 8000) for signal in (speech, noisy(speech, 0.01))]
    plain = mcd(speech, noisy(speech, 0.01), RATE)
    assert mcd(*padded, RATE) == {name: pytest.approx(value, abs=0.3) for name, value in plain.items()}


def test_noise_in_pauses_only_does_not_count(speech: Signal) -> None:
    padded, hiss = np.pad(speech, 16_000), noisy(np.zeros(len(speech) + 32_000, np.float32), 1e-3)
    hiss[14_400:-14_400] = 0
    assert mcd(padded, padded + hiss, RATE)["mcd_frame"] < 0.05


def test_what_a_resampler_leaves_above_the_band_does_not_decide(speech: Signal) -> None:
    """Nothing at all above 4 kHz, or -100 dB there, is the same."""
    spectrum = np.fft.rfft(speech)
    spectrum[len(spectrum) // 2 :] = 0
    narrow = np.fft.irfft(spectrum).astype(np.float32)
    expected = mcd(speech, narrow, RATE)
    assert mcd(speech, noisy(narrow, 1e-6), RATE) == {name: pytest.approx(v, abs=0.05) for name, v in expected.items()}


def test_more_noise_is_farther_and_values_stay(speech: Signal) -> None:
    degraded = noisy(speech, 0.001)
    kept = degraded.copy()
    near, far = mcd(speech, degraded, RATE), mcd(speech, noisy(speech, 0.1), RATE)
    assert near["mcd"] < far["mcd"]
    assert near["mcd_frame"] < far["mcd_frame"]
    assert mcd(speech, degraded, RATE) == near
    np.testing.assert_array_equal(degraded, kept)


def test_values_by_name(speech: Signal) -> None:
    both = mcd(speech, noisy(speech, 0.01), RATE)
    for name in VALUES:
        assert mcd(speech, noisy(speech, 0.01), RATE, [name]) == {name: both[name]}


def plain_warp(first: Floats, second: Floats, band: int) -> float:
    """The least sum of distances, cell by cell."""
    distances = cdist(first, second)
    sums = np.full((len(first) + 1, len(second) + 1), np.inf)
    sums[0, 0] = 0
    for i in range(len(first)):
        for j in range(len(second)):
            if abs(i - j) <= band:
                sums[i + 1, j + 1] = distances[i, j] + min(sums[i, j], sums[i, j + 1], sums[i + 1, j])
    return float(sums[-1, -1])


@pytest.mark.parametrize(("count", "band"), [(1, 3), (2, 1), (30, 5), (31, 0), (40, 4), (40, 100)])
def test_the_path_is_the_cheapest_within_the_band(count: int, band: int) -> None:
    random = np.random.default_rng(count + band)
    first, second = random.standard_normal((2, count, 3))
    rows, columns = warp(first, second, band)
    assert cdist(first, second)[rows, columns].sum() == pytest.approx(plain_warp(first, second, band))
    steps = np.diff([rows, columns])
    assert ((steps >= 0) & (steps <= 1)).all()
    assert (steps.max(axis=0, initial=0) == 1).all()
    assert (np.abs(rows - columns) <= band).all()
    assert (rows[0], columns[0], rows[-1], columns[-1]) == (0, 0, count - 1, count - 1)


def test_says_why_there_is_no_value(speech: Signal) -> None:
    for reference, degraded, status, message in [
        (speech[:1600], speech[:1600], "too_short", "0.100 s; WORLD needs 0.25 s"),
        (speech[:0], speech[:0], "too_short", "empty"),
        (0 * speech, speech, "no_speech", "the reference is silent"),
        (speech, 0 * speech, "metric_failed", "the output is silent"),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            mcd(reference, degraded, RATE)
        assert refusal.value.status == status


def test_malformed(speech: Signal) -> None:
    for reference, degraded, rate, message in [
        (speech, speech[1:], RATE, r"mcd: .* align them first"),
        (speech, np.full_like(speech, np.nan), RATE, "mcd: the degraded signal holds NaN"),
        (speech, speech, 8_000, "mcd: 8000 Hz; its all-pass constant belongs to 16000 Hz"),
    ]:
        with pytest.raises(ValueError, match=message):
            mcd(reference, degraded, rate)


def test_100_s_need_no_matrix_of_all_pairs() -> None:
    """Of 20001 by 20001 frames it would take 3 GB."""
    rows, columns = warp(*np.zeros((2, 20_001, 2)), 100)
    assert len(rows) == 20_001
    assert (rows == columns).all(), "of equal ways the one by both"


def test_versions_name_the_library() -> None:
    assert versions() == {"pyworld": "0.3.5"}


def test_is_quiet_without_a_filter_for_warnings() -> None:
    """pyworld's import warns, once per process; in a run nobody sees it."""
    code = "import numpy as np; from benchmark import world; world.pitch(np.ones(8000, np.float32), 16000)"
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
