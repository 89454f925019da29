"""Resemblyzer: the package's own embeddings, voices told apart, and a reason where there is too little speech."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmark.metrics import speaker_resemblyzer as module
from benchmark.metrics.speaker_resemblyzer import make
from benchmark.types import Known, NotMeasured, Signal, Unavailable
from benchmark.versions import ABSENT

RATE = 16_000
DEMO = Path(__file__).parents[1] / "data_manifests" / "demo"
listener = make()
GOLDEN = (0.64670, 0.59087, 0.55638)  # of sim, same and other


def demo(name: str) -> Signal:
    signal: Signal = soundfile.read(DEMO / f"{name}.flac", dtype="float32")[0]
    return signal


@pytest.fixture(scope="module")
def speech() -> Signal:
    return demo("slt_1")


def noisy(speech: Signal, level: float = 0.02) -> Signal:
    return speech + (level * np.random.default_rng(8).standard_normal(len(speech))).astype(np.float32)


def values(reference: Signal, degraded: Signal, same: Signal, other: Signal) -> dict[str, float]:
    said = listener.describe([degraded, reference, same, other], RATE, [{}] * 4)
    return {name: float(v) for name, v in listener.compare(said[0], Known(*said[1:])).items()}  # type: ignore[arg-type]


def similarity(reference: Signal, degraded: Signal) -> float:
    return values(reference, degraded, reference, reference)["spk_sim_resemblyzer"]


def test_identical_signals_score_1(speech: Signal) -> None:
    assert similarity(speech, speech) == pytest.approx(1, abs=1e-6)


def test_is_the_package(speech: Signal) -> None:
    from resemblyzer import VoiceEncoder, preprocess_wav

    encoder = VoiceEncoder("cpu", verbose=False)
    signals = [speech, noisy(speech), np.float32(0.05) * demo("awb_2"), demo("rms_3")[: round(1.5 * RATE)]]
    said = listener.describe(signals, RATE, [{}] * len(signals))
    for signal, embedding in zip(signals, said, strict=True):
        assert embedding.dtype == np.float32
        assert embedding.shape == (256,)
        np.testing.assert_allclose(embedding, encoder.embed_utterance(preprocess_wav(signal)), atol=1e-6)


def test_golden_values(speech: Signal) -> None:
    found = values(speech, noisy(speech), demo("slt_2"), demo("rms_1"))
    assert found == {
        "spk_sim_resemblyzer": pytest.approx(GOLDEN[0], abs=1e-4),
        "spk_same_resemblyzer": pytest.approx(GOLDEN[1], abs=1e-4),
        "spk_other_resemblyzer": pytest.approx(GOLDEN[2], abs=1e-4),
    }


def test_a_voice_is_nearer_to_itself_than_to_any_other() -> None:
    people = ("slt", "rms", "awb", "kal16")
    said = listener.describe([demo(f"{who}_{i}") for who in people for i in (1, 2, 3)], RATE, [{}] * 12)
    near = np.array(said) @ np.array(said).T
    own = np.kron(np.eye(4), np.ones((3, 3))).astype(bool)
    assert near[own].min() > near[~own].max() + 0.04


def test_a_planted_voice_is_found(speech: Signal) -> None:
    found = values(speech, demo("rms_1"), demo("slt_2"), demo("rms_2"))
    assert found["spk_other_resemblyzer"] > found["spk_same_resemblyzer"] + 0.2
    assert found["spk_sim_resemblyzer"] < 0.7


def test_level_polarity_and_delay(speech: Signal) -> None:
    assert similarity(speech, -speech) == pytest.approx(1, abs=1e-3)
    assert 0.9 < similarity(speech, np.float32(0.1) * speech) < 0.9999
    late = np.concatenate([np.zeros(800, np.float32), speech])[: len(speech)]
    assert similarity(speech, late) > 0.97


def test_more_noise_is_less_of_the_voice(speech: Signal) -> None:
    found = [similarity(speech, noisy(speech, level)) for level in (0, 0.01, 0.05)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.9


def test_signals_that_pass_full_scale_are_heard_at_their_level(speech: Signal) -> None:
    assert similarity(speech, np.float32(1.6 / np.abs(speech).max()) * speech) == pytest.approx(0.6659, abs=1e-3)


def test_one_by_one_or_together_is_the_same(speech: Signal) -> None:
    signals = [speech, demo("awb_1"), speech[: 2 * RATE], noisy(speech)]
    together = listener.describe(signals, RATE, [{}] * 4)
    for signal, embedding in zip(signals, together, strict=True):
        np.testing.assert_array_equal(listener.describe([signal], RATE, [{}])[0], embedding)


def test_too_little_speech_has_a_reason(speech: Signal) -> None:
    offset = np.full(3 * RATE, 0.1, np.float32)
    mostly_silent = np.zeros(4 * RATE, np.float32)
    mostly_silent[RATE : RATE + 8_000] = speech[8_000:16_000]
    signals = [offset, mostly_silent, speech[8_000:9_600], 0 * speech, speech]
    said = listener.describe(signals, RATE, [{}] * len(signals))
    found = [(r.status, r.reason) for r in said if isinstance(r, NotMeasured)]
    assert [status for status, _ in found] == ["no_speech", "too_short", "too_short", "no_speech"]
    assert found[0][1] == "the model's voice activity detector finds no speech"
    assert "s of speech, by the model's voice activity detector; a voice is told from 1 s or more" in found[1][1]
    assert found[2][1].startswith("0.10 s of signal")
    assert not isinstance(said[-1], NotMeasured)


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, speech: Signal) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    with pytest.raises(Unavailable, match=r"needs resemblyzer .* pip install resemblyzer==0.1.4"):
        make().describe([speech], RATE, [{}])


def test_versions_name_the_package_and_its_weights() -> None:
    found = module.versions()
    assert found.keys() == {"resemblyzer", "webrtcvad", "librosa", "torch", "weights"}
    assert ABSENT not in found.values()
    assert len(found["weights"]) == 64
