"""ViSQOL gives the package's values, forgives what it should, and refuses what the package makes numbers of."""

import subprocess
import sys

import numpy as np
import pytest

from benchmark.metrics.visqol import VALUES, make, versions
from benchmark.types import NotMeasured, Signal, Unavailable
from tests.signals import speech_like

pytest.importorskip("visqol")
RATE = 16_000
visqol = make()


@pytest.fixture(scope="module")
def speech() -> Signal:
    return speech_like(2, RATE)


def noisy(speech: Signal, level: float = 0.01) -> Signal:
    return speech + (level * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)


def score(reference: Signal, degraded: Signal) -> float:
    return float(visqol(reference, degraded, RATE)["visqol"])


def test_identical_is_5(speech: Signal) -> None:
    assert visqol(speech, speech, RATE) == {"visqol": 5.0}
    assert VALUES["visqol"].rate == RATE


def test_is_the_package_with_the_exponential_mapping(speech: Signal) -> None:
    from visqol import VisqolApi

    package = VisqolApi()
    package.create(mode="speech", use_lattice_model=False)
    found = package.measure_from_arrays(speech.astype(np.float64), noisy(speech).astype(np.float64), RATE)
    assert score(speech, noisy(speech)) == found.moslqo
    mapped = 1.245063 * (-262.847869 + np.exp(0.0154302525 * (found.vnsim + 361.063949)))  # Google's constants
    assert found.moslqo == pytest.approx(mapped, abs=1e-9)


def test_golden_value() -> None:
    speech = speech_like(3, RATE)
    assert score(speech, noisy(speech)) == pytest.approx(2.874265, abs=1e-4)


def test_gain_polarity_and_delay_do_not_matter(speech: Signal) -> None:
    expected = score(speech, noisy(speech))
    for gain in (0.1, -1, 0.01):
        assert score(speech, np.float32(gain) * noisy(speech)) == pytest.approx(expected, abs=1e-3)
    late = np.concatenate([np.zeros(800, np.float32), noisy(speech)[:-800]])
    assert score(speech, late) == pytest.approx(expected, abs=0.05)


def test_more_noise_is_worse(speech: Signal) -> None:
    scores = [score(speech, noisy(speech, level)) for level in (1e-4, 1e-3, 1e-2, 1e-1)]
    assert scores == sorted(scores, reverse=True)
    assert 1 <= scores[-1] < 2 < 4 < scores[0] < 5


def test_hardly_hears_gaps(speech: Signal) -> None:
    """Why it is not to be trusted under loss: 20 ms in every 100 ms are gone."""
    gaps = np.where(np.arange(len(speech)) // 320 % 5, speech, np.float32(0))
    assert score(speech, gaps) > 3.5


def test_is_pure(speech: Signal) -> None:
    reference, degraded = speech.copy(), noisy(speech)
    kept, again = degraded.copy(), make()
    assert visqol(reference, degraded, RATE) == again(reference, degraded, RATE) == visqol(reference, degraded, RATE)
    np.testing.assert_array_equal(reference, speech)
    np.testing.assert_array_equal(degraded, kept)


def test_says_why_there_is_no_value(speech: Signal) -> None:
    for reference, degraded, status, message in [
        (speech[:1600], speech[:1600], "too_short", "0.100 s; ViSQOL needs 1.0 s"),
        (speech[:0], speech[:0], "too_short", "empty"),
        (0 * speech, speech, "no_speech", "the reference is silent"),
        (speech, 0 * speech, "metric_failed", "ViSQOL has no value for a silent output"),
    ]:
        with pytest.raises(NotMeasured, match=message) as refusal:
            visqol(reference, degraded, RATE)
        assert refusal.value.status == status


class Broken:
    """A scorer that fails, or finds no number."""

    def __init__(self, found: object) -> None:
        self.found = found

    def measure_from_arrays(self, reference: Signal, degraded: Signal, rate: int) -> object:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def test_a_failure_of_the_package_is_a_reason(speech: Signal) -> None:
    from types import SimpleNamespace

    for found, message in [
        (IndexError("list index out of range"), "ViSQOL: IndexError: list index out of range"),
        (SimpleNamespace(moslqo=float("nan"), vnsim=0.5), "no finite number"),
        (SimpleNamespace(moslqo=5.0, vnsim=float("nan")), "no finite number"),
    ]:
        broken = make()
        vars(broken)["scorer"] = Broken(found)
        with pytest.raises(NotMeasured, match=message) as refusal:
            broken(speech, speech, RATE)
        assert refusal.value.status == "metric_failed"


def test_malformed(speech: Signal) -> None:
    for reference, degraded, rate, message in [
        (speech, speech, 24_000, "visqol: 24000 Hz; its speech mode is defined at 16000 Hz"),
        (speech, speech[1:], RATE, r"visqol: .* align them first"),
        (speech, np.full_like(speech, np.nan), RATE, "visqol: the degraded signal holds NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            visqol(reference, degraded, rate)


def test_says_how_to_get_the_library(speech: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "visqol", None)
    with pytest.raises(Unavailable, match=r"pip install 'focalbench\[mos\]'"):
        make()(speech, speech, RATE)


def test_versions_name_the_library() -> None:
    assert versions() == {"visqol-python": "3.8.0"}


@pytest.mark.slow
def test_is_quiet_and_numba_changes_nothing(speech: Signal) -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from tests.test_visqol import noisy, score, speech_like\n"
        "speech = speech_like(2, 16_000)\n"
        "assert 'numba' in sys.modules and not sys.modules['numba']\n"
        "sys.stdout.write(repr(score(speech, noisy(speech))))"
    )
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(score(speech, noisy(speech)), abs=1e-9)
    assert done.stderr == ""
