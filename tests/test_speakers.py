"""What the three models of voices share: who is refused and why, batches, cosines, and what stands in their place."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmark import fetch, registry, speakers
from benchmark.metrics import speaker_ecapa, speaker_resemblyzer, speaker_wavlm
from benchmark.speakers import RATE, Batch, Voices, cosine, enough
from benchmark.types import Description, Known, NotMeasured, Signal, UserError
from tests.signals import speech_like

MODULES = {"resemblyzer": speaker_resemblyzer, "ecapa": speaker_ecapa, "wavlm": speaker_wavlm}


def by_hand(batches: list[tuple[int, ...]], together: bool = False) -> Voices:
    """A model whose embedding of a signal is its first four samples; it notes the shapes that it gets."""

    def load() -> speakers.Embed:
        def embed(batch: Batch) -> list[Description]:
            batches.append(batch.shape)
            return list(batch[:, :4])

        return embed

    return Voices("hand", load, together)


def signal(seconds: float, *first: float) -> Signal:
    made = np.full(round(seconds * RATE), 0.5, np.float32)
    made[: len(first)] = first
    return made


def describe(voices: Voices, *signals: Signal) -> Sequence[Description | NotMeasured]:
    return voices.describe(signals, RATE, [{}] * len(signals))


def test_cosines_by_hand() -> None:
    voices = by_hand([])
    said = describe(voices, signal(1, 1, 0, 0, 0), signal(1, 3, 0, 0, 0), signal(2, 1, 1, 0, 0), signal(1, -1, 0, 0, 0))
    values = voices.compare(said[0], Known(said[1], said[2], said[3]))
    assert values == {
        "spk_sim_hand": 1.0,
        "spk_same_hand": pytest.approx(np.sqrt(0.5)),
        "spk_other_hand": -1.0,
    }


def test_a_cosine_is_never_above_1() -> None:
    random = np.random.default_rng(0)
    for size in (192, 256, 512):
        one = random.standard_normal((200, size)).astype(np.float32)
        found = [cosine(embedding, 3 * embedding) for embedding in one]
        assert max(found) <= 1
        assert min(found) > 1 - 1e-12


def test_whom_there_is_nobody_to_compare_with_has_a_reason() -> None:
    voices = by_hand([])
    (said,) = describe(voices, signal(1, 1))
    values = voices.compare(said, Known(said, None, None))
    assert values["spk_sim_hand"] == 1.0
    for name, text in (("same", "only this one of theirs"), ("other", "no speakers, or only one")):
        refusal = values[f"spk_{name}_hand"]
        assert isinstance(refusal, NotMeasured)
        assert refusal.status == "not_applicable"
        assert refusal.reason.startswith("the data name no speaker")
        assert text in refusal.reason


def test_what_is_wrong_with_the_others_is_handed_on() -> None:
    voices = by_hand([])
    (said,) = describe(voices, signal(1, 1))
    known = Known(NotMeasured("no_speech", "a"), NotMeasured("too_short", "b"), NotMeasured("input_failed", "c"))
    values = voices.compare(said, known)
    found = [(v.status, v.reason) for v in values.values() if isinstance(v, NotMeasured)]
    assert found == [
        ("no_speech", "the reference: a"),
        ("too_short", "the other utterance of this speaker: b"),
        ("input_failed", "the utterance of another speaker: c"),
    ]


def test_a_bad_signal_takes_no_other_with_it() -> None:
    fine = signal(1, 1, 2, 3, 4)
    holed = fine.copy()
    holed[7] = np.nan
    bad = [holed, np.zeros(0, np.float32), 0 * fine, fine[: RATE - 1], np.stack([fine, fine])]
    said = describe(by_hand([]), fine, *bad, 2 * fine)
    np.testing.assert_array_equal(said[0], fine[:4])
    np.testing.assert_array_equal(said[-1], 2 * fine[:4])
    assert [(r.status, r.reason) for r in said[1:-1] if isinstance(r, NotMeasured)] == [
        ("metric_failed", "spk_sim_hand: the signal holds NaN or infinity."),
        ("too_short", "the signal is empty"),
        ("no_speech", "the signal is silent"),
        ("too_short", "1.00 s of signal; a voice is told from 1 s or more"),
        ("metric_failed", "spk_sim_hand: the signal has shape (2, 16000); it has to be mono, shape (n,)."),
    ]


def test_only_equal_lengths_share_a_batch_and_nothing_is_padded() -> None:
    batches: list[tuple[int, ...]] = []
    signals = [signal(seconds, i) for i, seconds in enumerate((1, 2, 1, 30, 1.5, 30, 30), start=1)]
    said = describe(by_hand(batches, together=True), *signals)
    assert [one[0] for one in said] == [1, 2, 3, 4, 5, 6, 7]
    assert sorted(batches) == sorted([(2, RATE), (1, 2 * RATE), (2, 30 * RATE), (1, 30 * RATE), (1, 24_000)])


def test_on_the_cpu_each_goes_alone() -> None:
    batches: list[tuple[int, ...]] = []
    said = describe(by_hand(batches), signal(1, 1), signal(2, 2), 0 * signal(1), signal(1, 3))
    assert [one[0] for one in said if not isinstance(one, NotMeasured)] == [1, 2, 3]
    assert batches == [(1, RATE), (1, 2 * RATE), (1, RATE)]


@pytest.mark.parametrize(
    ("model", "device", "together"),
    [("ecapa", "cpu", 0), ("wavlm", "cpu", 0), ("ecapa", "cuda", 1), ("wavlm", "cuda", 1)],
)
def test_batches_are_for_gpus(model: str, device: str, together: int) -> None:
    assert MODULES[model].make(device).together == bool(together)


def test_describing_nothing_loads_the_model() -> None:
    loaded = []

    def load() -> speakers.Embed:
        loaded.append(1)
        return lambda batch: list(batch)

    voices = Voices("hand", load)
    assert voices.describe([], RATE, []) == voices.describe([], RATE, []) == []
    assert loaded == [1]


def test_an_embedding_that_is_none_is_no_value() -> None:
    zero = signal(1, 0, 0, 0, 0)
    (said,) = describe(by_hand([]), zero)
    assert isinstance(said, NotMeasured)
    assert (said.status, said.reason) == ("metric_failed", "the model's embedding is zero or not finite")


def test_another_rate_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="8000 Hz; the model hears 16000 Hz"):
        by_hand([]).describe([signal(1)], 8_000, [{}])


def test_enough_is_a_second() -> None:
    enough(1.0)
    with pytest.raises(NotMeasured, match=r"0\.99 s of speech; a voice is told from 1 s or more"):
        enough(0.99, "of speech")


@pytest.mark.parametrize("model", MODULES)
def test_each_model_names_its_values_and_needs(model: str) -> None:
    module = MODULES[model]
    assert list(module.VALUES) == [f"spk_{kind}_{model}" for kind in ("sim", "same", "other")]
    assert module.NEEDS == ("reference", "same", "other")
    assert [info.better for info in module.VALUES.values()] == ["higher", "higher", "neither"]
    for name, info in module.VALUES.items():
        assert info.rate == RATE
        assert info.validity is not None
        assert registry.values()[name][0] == f"speaker_{model}"
    assert isinstance(module.make(), Voices)


@pytest.mark.parametrize("model", MODULES)
def test_an_unknown_device_is_refused_at_once(model: str) -> None:
    with pytest.raises(UserError, match=rf"spk_sim_{model}: device='tpu' is not allowed; choose from cpu, cuda"):
        MODULES[model].make(device="tpu")


def test_the_weights_can_be_fetched() -> None:
    sources = fetch.known()
    ecapa, wavlm = sources[speaker_ecapa.CHECKPOINT], sources[speaker_wavlm.CHECKPOINT]
    assert [file.name for file in ecapa.files] == [speaker_ecapa.FILE]
    assert [file.name for file in wavlm.files] == list(speaker_wavlm.FILES)
    assert [file.unchecked for file in (*ecapa.files, *wavlm.files)] == [False, True, True, False]


def test_speech_of_a_second_is_enough_signal() -> None:
    assert describe(by_hand([]), speech_like(1.0))[0].shape == (4,)
