"""The delay is planted and found; resampling keeps exact lengths; nothing is padded."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmark import align
from benchmark.types import Floats, NotMeasured, Signal
from tests.signals import speech_like

RATE = 16_000
DELAY = 800  # samples, 50 ms

# Codec2's decoder draws from a generator of the whole process: in one of its own it always gives the same.
CODEC2 = """
import sys, numpy as np, pycodec2
signal = np.frombuffer(sys.stdin.buffer.read(), np.int16)
codec = pycodec2.Codec2(int(sys.argv[1]))
frames = signal[: len(signal) // codec.samples_per_frame() * codec.samples_per_frame()]
for frame in frames.reshape(-1, codec.samples_per_frame()):
    sys.stdout.buffer.write(codec.decode(codec.encode(frame)).tobytes())
"""


def delayed(signal: Signal, samples: int) -> Signal:
    return signal[-samples:] if samples < 0 else np.concatenate([np.zeros(samples, np.float32), signal])


def noise_like(signal: Signal, seed: int = 9) -> Signal:
    noise: Floats = np.random.default_rng(seed).standard_normal(len(signal)) * signal.std()
    return noise.astype(np.float32)


def check(found: align.Delay, samples: int, correlation: float, tolerance: float = 1e-3) -> None:
    assert (found.samples, found.method) == (samples, "waveform")
    assert found.correlation == pytest.approx(correlation, abs=tolerance)


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(4, RATE, seed=1)


@pytest.mark.parametrize("samples", [DELAY, 0, -DELAY, 1, -1, 37, 8000, -8000])
def test_finds_planted_delay(speech: Signal, samples: int) -> None:
    found = align.estimate_delay(speech, delayed(speech, samples), RATE)
    check(found, samples, 1)


@pytest.mark.parametrize("rate", [8_000, 24_000, 48_000])
def test_finds_50_ms_at_other_rates(rate: int) -> None:
    speech = speech_like(2, rate)
    assert align.estimate_delay(speech, delayed(speech, rate // 20), rate).samples == rate // 20


def test_gain_polarity_and_offset_do_not_matter(speech: Signal) -> None:
    found = align.estimate_delay(speech, 0.3 - 0.01 * delayed(speech, DELAY), RATE)
    check(found, DELAY, -1)


def test_finds_delay_in_noise_at_0_db(speech: Signal) -> None:
    late = delayed(speech, DELAY)
    found = align.estimate_delay(speech, late + noise_like(late), RATE)
    check(found, DELAY, np.sqrt(0.5), tolerance=0.03)


@pytest.mark.parametrize("length", [RATE, 2 * RATE, 5 * RATE])
def test_lengths_may_differ(speech: Signal, length: int) -> None:
    late = np.resize(delayed(speech, DELAY), 5 * RATE)[:length]
    assert align.estimate_delay(speech, late, RATE).samples == DELAY
    assert align.estimate_delay(late, speech, RATE).samples == -DELAY


@pytest.mark.parametrize("samples", [DELAY, -DELAY])
def test_a_few_overlapping_samples_prove_nothing(speech: Signal, samples: int) -> None:
    """0.2 s of speech, searched for delays of up to 0.5 s, at most of which the signals hardly meet."""
    short = speech[4_000:7_200]
    check(align.estimate_delay(short, delayed(short, samples), RATE), samples, 1, tolerance=0.01)
    assert align.estimate_delay(short, noise_like(short), RATE).method == "none"


def test_delay_beyond_the_limit_is_not_found(speech: Signal) -> None:
    assert align.estimate_delay(speech, delayed(speech, DELAY), RATE, limit_s=0.04).samples != DELAY


@pytest.mark.parametrize("lag", [0, 32, DELAY])
def test_pulse_train_does_not_jump_a_period(lag: int) -> None:
    pulses = np.zeros(2 * RATE, np.float32)
    pulses[:: RATE // 100] = 1
    assert align.estimate_delay(pulses, delayed(pulses, lag), RATE).samples == lag


def test_of_equal_peaks_the_nearest_to_zero_wins() -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(2 * RATE) / RATE).astype(np.float32)
    assert align.estimate_delay(tone, np.roll(tone, 32), RATE).samples == 32


def test_envelope_finds_what_has_no_common_waveform(speech: Signal) -> None:
    """Noise under the speech's envelope: the waveforms are unrelated."""
    envelope = np.convolve(np.abs(speech), np.hanning(320), "same")
    found = align.estimate_delay(speech, delayed((envelope * noise_like(speech)).astype(np.float32), DELAY), RATE)
    assert found.method == "envelope"
    assert found.samples == pytest.approx(DELAY, abs=48)  # 3 ms


@pytest.mark.parametrize("mode", [3200, 1300])
def test_vocoder(mode: int) -> None:
    """On read speech the median is 19 to 20 ms, which is also the shift at which STOI is largest."""
    pytest.importorskip("pycodec2")
    speech = speech_like(4, 8_000, seed=2)
    coded = subprocess.run(
        [sys.executable, "-c", CODEC2, str(mode)],
        input=(speech * 32767).astype(np.int16).tobytes(),
        capture_output=True,
        check=True,
    )
    decoded = (np.frombuffer(coded.stdout, np.int16) / 32768).astype(np.float32)
    found = align.estimate_delay(speech, decoded, 8_000)
    assert found.method == "envelope"
    assert found.samples / 8 == pytest.approx(19.5, abs=3)


def test_unknown_delays_are_none(speech: Signal) -> None:
    silence = np.zeros_like(speech)
    other = speech_like(4, RATE, seed=5)
    for reference, degraded in [
        (speech, silence),
        (silence, speech),
        (silence, silence),
        (speech, silence + np.float32(0.1)),
        (speech, speech[:0]),
        (speech, other),
        (speech, noise_like(speech)),
    ]:
        found = align.estimate_delay(reference, degraded, RATE)
        assert (found.samples, found.method) == (0, "none")


@pytest.mark.parametrize("lag", [DELAY, 0, -DELAY])
def test_align_removes_the_shift_and_cuts(speech: Signal, lag: int) -> None:
    reference, degraded = align.align(speech, delayed(speech, lag), lag)
    assert len(reference) == len(degraded) == len(speech) - max(-lag, 0)
    np.testing.assert_array_equal(reference, degraded)


@pytest.mark.parametrize("lag", [100, -100])
def test_align_beyond_the_end_leaves_nothing(lag: int) -> None:
    short = np.ones(50, np.float32)
    reference, degraded = align.align(short, short, lag)
    assert len(reference) == len(degraded) == 0


def test_resample_at_the_same_rate_is_the_signal(speech: Signal) -> None:
    assert align.resample(speech, RATE, RATE) is speech


@example(samples=120, from_rate=24_000, to_rate=44_100)  # soxr gives 220, this 221, for 220.5
@settings(max_examples=60, deadline=None)
@given(
    samples=st.integers(0, 3000),
    from_rate=st.sampled_from([8_000, 11_025, 16_000, 24_000, 44_100, 48_000]),
    to_rate=st.sampled_from([8_000, 10_000, 16_000, 22_050, 24_000, 48_000]),
)
def test_resampled_length_is_exact(samples: int, from_rate: int, to_rate: int) -> None:
    signal = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    resampled = align.resample(signal, from_rate, to_rate)
    assert resampled.dtype == np.float32
    assert resampled.shape == (int(samples * to_rate / from_rate + 0.5),)


def test_resample_is_soxr(speech: Signal) -> None:
    import soxr

    expected = soxr.resample(speech, RATE, 24_000, quality="HQ")
    np.testing.assert_allclose(align.resample(speech, RATE, 24_000), expected, atol=1e-6)
    assert align.resampler() == f"soxr-HQ {soxr.__version__}"


def test_resample_keeps_a_tone() -> None:
    """1 kHz at 24 kHz becomes 1 kHz at 16 kHz, without delay and of the same amplitude."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(24_000) / 24_000).astype(np.float32)
    expected = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    inner = slice(500, -500)
    np.testing.assert_allclose(align.resample(tone, 24_000, 16_000)[inner], expected[inner], atol=1e-4)


def test_scoring_rate_never_up_samples_a_reference() -> None:
    assert [align.scoring_rate(rate) for rate in (8_000, 16_000, 24_000, 48_000)] == [8_000, *[16_000] * 3]


def test_at_rate_up_samples_the_degraded_only(speech: Signal) -> None:
    narrow = align.resample(speech, RATE, 8_000)
    reference, degraded = align.at_rate(speech, RATE, narrow, 8_000, 16_000)
    assert reference is speech
    assert degraded.shape == speech.shape
    with pytest.raises(NotMeasured, match="sampled at 8000 Hz; this value needs 16000 Hz") as refusal:
        align.at_rate(narrow, 8_000, speech, RATE, 16_000)
    assert refusal.value.status == "not_applicable"


def test_check_pair_says_what_is_wrong(speech: Signal) -> None:
    broken = speech.copy()
    broken[7] = np.nan
    for first, second, message in [
        (speech, speech[1:], r"m: the reference has shape \(64000,\), the degraded signal \(63999,\); align"),
        (speech[:, None], speech[:, None], "mono"),
        (speech, broken, "the degraded signal holds NaN"),
        (broken, speech, "the reference holds NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            align.check_pair("m", first, second)
    with pytest.raises(NotMeasured, match="the reference is silent") as refusal:
        align.check_pair("m", 0 * speech, speech)
    assert refusal.value.status == "no_speech"
    with pytest.raises(NotMeasured, match="empty") as refusal:
        align.check_pair("m", speech[:0], speech[:0])
    assert refusal.value.status == "too_short"


def test_importing_it_is_light() -> None:
    heavy = "import sys, benchmark.align; sys.exit(any(m in sys.modules for m in ('scipy', 'soxr')))"
    assert subprocess.run([sys.executable, "-c", heavy]).returncode == 0
