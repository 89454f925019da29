"""PLCMOS is the authors', rater by rater; it draws from no generator but its own.

The authors' three examples are looked for as ``golden/plcmos/clean.wav``, ``plc_good.wav`` and ``plc_poor.wav`` under
the data root (FOCALBENCH_DATA); they are ``PLCMOS/example_wavs`` of github.com/microsoft/PLC-Challenge.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmark import audio, weights
from benchmark.metrics import plcmos as module
from benchmark.types import Known, NotMeasured, Signal
from tests.signals import speech_like

RATE = 16_000
DEMO = Path("data_manifests/demo/rms_2.flac")
plcmos = module.make()


def mos(signal: Signal) -> float:
    (said,) = plcmos.describe([signal], RATE, [{}])
    return float(plcmos.compare(said, Known())["plcmos"])


def holed(speech: Signal, every: float = 0.1) -> Signal:
    """20 ms of silence every so many seconds."""
    lost = np.arange(len(speech)) % round(every * RATE) < 0.02 * RATE
    return np.where(lost, 0, speech).astype(np.float32)


@pytest.fixture(scope="module")
def speech() -> Signal:
    return audio.read(DEMO).signal


@pytest.fixture
def generator() -> Iterator[None]:
    """numpy's global generator, which the package draws from, as it was afterwards."""
    state = np.random.get_state()  # noqa: NPY002 (the package draws from it)
    yield
    np.random.set_state(state)  # noqa: NPY002


def test_golden_values_of_the_demo_corpus(speech: Signal) -> None:
    assert mos(speech) == pytest.approx(4.18901, abs=1e-3)
    assert mos(holed(speech)) == pytest.approx(1.547793, abs=1e-3)


# As printed in PLCMOS/README.md of the authors' repository.
@pytest.mark.parametrize(("name", "published"), [("clean", 4.497762), ("plc_good", 4.123963), ("plc_poor", 2.740757)])
def test_is_what_the_authors_published(name: str, published: float) -> None:
    path = weights.data_root() / "golden" / "plcmos" / f"{name}.wav"
    if not path.is_file():
        pytest.skip(f"there is no {path}; it is PLCMOS/example_wavs/{name}.wav of github.com/microsoft/PLC-Challenge")
    assert mos(audio.read(path).signal) == pytest.approx(published, abs=1e-5)


def test_is_the_package_with_the_authors_seed(speech: Signal, generator: None) -> None:
    from speechmos import plcmos as package

    for signal in (speech[: 2 * RATE], holed(speech)[: 2 * RATE + 77]):
        np.random.seed(23)  # noqa: NPY002
        assert mos(signal) == pytest.approx(package.run(signal.astype(np.float64), RATE)["plcmos"], abs=1e-6)


def test_hears_what_the_package_hears(speech: Signal) -> None:
    from speechmos.plcmos import PLCMOS

    for signal in (speech[:16_000], speech[:16_001], holed(speech)[:17_000]):
        spectrum = module.log_spectrum(signal)
        package = PLCMOS().stft_transform(signal.astype(np.float64)).astype(np.float32)
        np.testing.assert_allclose(spectrum, package, atol=1e-6)
        assert spectrum.shape == (1 + -(-len(signal) // 256), 257)


def test_leaves_the_global_generator_alone(speech: Signal, generator: None) -> None:
    np.random.seed(77)  # noqa: NPY002
    first = mos(speech[:RATE])
    drawn = np.random.random()  # noqa: NPY002
    assert mos(speech[:RATE]) == first
    np.random.seed(77)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002


def test_another_process_with_more_threads_says_the_same(speech: Signal, tmp_path: Path) -> None:
    np.save(tmp_path / "speech.npy", speech[:RATE])
    script = (
        "import sys, numpy as np; from benchmark.metrics.plcmos import make;"
        "print(repr(make().describe([np.load(sys.argv[1])], 16000, [{}])[0]['plcmos']))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    said = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "speech.npy"], env=environment, capture_output=True, check=True
    )
    assert float(said.stdout) == mos(speech[:RATE])


def test_more_loss_is_worse(speech: Signal) -> None:
    """There is no best value: without loss it is the reference's own, which each loss costs."""
    excerpt = speech[: 3 * RATE]
    assert mos(excerpt) - 0.2 > mos(holed(excerpt, 1.0)) > mos(holed(excerpt, 0.3)) > mos(holed(excerpt, 0.1))


def test_gain_polarity_delay(speech: Signal) -> None:
    whole = mos(speech)
    assert mos(-speech) == pytest.approx(whole, abs=1e-6)
    assert mos(np.float32(0.25) * speech) < whole - 0.1  # level is heard
    assert abs(mos(np.concatenate([np.zeros(800, np.float32), speech])) - whole) < 0.2  # digital silence counts
    assert mos(8 * speech) == mos(np.clip(8 * speech, -1, 1))


def test_refuses_what_it_cannot_rate(speech: Signal) -> None:
    nan = speech.copy()
    nan[5] = np.nan
    signals = [nan, 0 * speech, speech[-RATE:][:1600], speech[:0], speech[: RATE + 5]]
    *refused, last = plcmos.describe(signals, RATE, [{}] * 5)
    assert all(isinstance(one, NotMeasured) for one in refused)
    assert [one.status for one in refused] == ["metric_failed", "no_speech", "too_short", "too_short"]
    assert last == {"plcmos": mos(speech[: RATE + 5])}


def test_speech_like_noise_and_a_click_have_a_value() -> None:
    click = np.zeros(RATE, np.float32)
    click[100] = 1
    for signal in (speech_like(1.2), np.float32(1e-30) * speech_like(1.2), click):
        assert 1 < mos(signal) < 5


def test_values_and_versions() -> None:
    assert module.VALUES["plcmos"].rate == RATE
    assert module.NEEDS == ()
    assert module.versions()[module.MODEL] == "c0ad3fc64ef9682b4749c0e96636b41c73b4b30bd123b9348feea06a96895286"
