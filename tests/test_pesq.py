"""PESQ gives the package's values, and reasons where the package crashes or has none."""

import numpy as np
import pytest

from benchmark import align, audio, weights
from benchmark.metrics import pesq as module
from benchmark.metrics.pesq import make, most_utterances
from benchmark.types import NotMeasured, Signal
from tests.signals import speech_like

pesq = make()


def bursts(count: int, rate: int, pause: float = 0.3) -> Signal:
    """Bursts of noise of 0.3 s, which the ITU code counts as one utterance each."""
    noise = np.random.default_rng(4).standard_normal((count, round((0.3 + pause) * rate))) * 0.1
    noise[:, round(0.3 * rate) :] *= 1e-3
    return noise.reshape(-1).astype(np.float32)


def noisy(speech: Signal) -> Signal:
    return speech + (0.002 * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)


# The largest values of the two mappings from the raw score of 4.5 [P.862.2, P.862.1].
@pytest.mark.parametrize(("name", "rate", "best"), [("pesq_wb", 16_000, 4.6439), ("pesq_nb", 8_000, 4.5486)])
def test_identical_signals_score_best(name: str, rate: int, best: float) -> None:
    speech = speech_like(3, rate)
    assert pesq(speech, speech, rate) == {name: pytest.approx(best, abs=1e-4)}
    assert pesq(speech, np.float32(-0.1) * speech, rate) == {name: pytest.approx(best, abs=1e-4)}
    assert module.VALUES[name].rate == rate


@pytest.mark.parametrize(("name", "rate", "golden"), [("pesq_wb", 16_000, 2.9184), ("pesq_nb", 8_000, 3.6348)])
def test_is_the_package(name: str, rate: int, golden: float) -> None:
    from pesq import pesq as package

    speech = speech_like(3, rate)
    value = pesq(speech, noisy(speech), rate)[name]
    assert value == package(rate, speech, noisy(speech), name[-2:])
    assert value == pytest.approx(golden, abs=1e-3)


@pytest.fixture
def published() -> tuple[Signal, Signal]:
    """The example of github.com/ludlows/PESQ, at 16 kHz."""
    folder = weights.data_root() / "golden" / "pesq"
    if not (folder / "speech.wav").is_file():
        pytest.skip(f"there is no {folder / 'speech.wav'}; it is audio/speech.wav of github.com/ludlows/PESQ")
    reference, degraded = (audio.read(folder / f"{stem}.wav").signal for stem in ("speech", "speech_bab_0dB"))
    return reference, degraded


def test_is_what_the_package_publishes(published: tuple[Signal, Signal]) -> None:
    """Its narrow-band value is of signals at 16 kHz; ours is defined at 8 kHz, where the band is all there is."""
    from pesq import pesq as package

    assert pesq(*published, 16_000)["pesq_wb"] == pytest.approx(1.0832337, abs=1e-5)
    assert package(16_000, *published, "nb") == pytest.approx(1.6072081, abs=1e-5)
    narrow = (align.resample(signal, 16_000, 8_000) for signal in published)
    assert pesq(*narrow, 8_000)["pesq_nb"] == pytest.approx(1.6654434, abs=1e-3)


def test_is_pure() -> None:
    speech = speech_like(2)
    reference, degraded = speech.copy(), noisy(speech)
    kept = degraded.copy()
    assert pesq(reference, degraded, 16_000) == pesq(reference, degraded, 16_000)
    np.testing.assert_array_equal(reference, speech)
    np.testing.assert_array_equal(degraded, kept)


def test_says_why_there_is_no_value() -> None:
    speech = speech_like(2)
    for reference, degraded, status, message in [
        (speech[:3999], speech[:3999], "too_short", "0.250 s; PESQ needs 0.25 s"),
        (0 * speech, speech, "no_speech", "silent"),
        (speech, 0 * speech, "metric_failed", "PESQ has no value for a silent output"),
        (speech, 0 * speech + 1e-30, "metric_failed", "ValueError"),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            pesq(reference, degraded, 16_000)
        assert refusal.value.status == status


def test_malformed() -> None:
    speech = speech_like(1)
    with pytest.raises(ValueError, match="24000 Hz; PESQ is defined at 16000"):
        pesq(speech, speech, 24_000)
    with pytest.raises(ValueError, match=r"pesq: .* align them first"):
        pesq(speech, speech[1:], 16_000)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_counts_utterances(rate: int) -> None:
    assert most_utterances(bursts(40, rate), rate) == 40
    assert most_utterances(bursts(60, rate), rate) == 60
    # A pause below 200 ms does not divide; near the peak, the bursts' own ups and downs do.
    assert most_utterances(bursts(60, rate, pause=0.15), rate) < 30


def test_hum_does_not_hide_pauses() -> None:
    """The ITU code filters it out and would overrun its tables."""
    signal = bursts(60, 16_000)
    hum = 3 * np.sin(2 * np.pi * 50 * np.arange(len(signal)) / 16_000)
    assert most_utterances((signal + hum).astype(np.float32), 16_000) == 60


def test_too_many_utterances_are_refused_before_the_call() -> None:
    signal = bursts(60, 8_000)
    with pytest.raises(NotMeasured, match="more than the 49 utterances PESQ has room for; cut it") as refusal:
        pesq(signal, signal, 8_000)
    assert refusal.value.status == "not_applicable"


def test_speech_of_35_s_is_scored() -> None:
    speech = speech_like(35, 8_000)
    assert pesq(speech, speech, 8_000)["pesq_nb"] == pytest.approx(4.5486, abs=1e-4)


def test_most_utterances_possible_below_19_s() -> None:
    """Where nothing is counted, the shortest utterances and pauses there are do not exceed the tables."""
    step = 16_000 // module.STEPS_PER_S
    period = (module.LEAST_ACTIVE + module.LONGEST_JOINED + 1) * step
    signal = np.zeros((50, period), np.float32)
    signal[:, : module.LEAST_ACTIVE * step] = 0.1
    assert signal.size / 16_000 > 19


def test_versions_name_the_library() -> None:
    assert module.versions() == {"pesq": "0.0.4"}
