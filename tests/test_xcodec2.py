"""`baselines.xcodec2`: the library's own tokens and samples, whole tokens whatever the length, sixteen bits each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines import xcodec2
from baselines.xcodec2 import Xcodec2
from benchmark.bits import unpack
from benchmark.check import check_codec
from benchmark.codec import decode, encode
from benchmark.types import Signal, Slot, UserError
from tests.signals import check_sessions, slots_of, speech_like

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small products gain nothing from threads, and tests beside this one lose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def codec() -> Xcodec2:
    return xcodec2.make(weights="tiny")


def sent(codec: Xcodec2, signal: Signal) -> list[int]:
    return [int(unpack(frame.payload, 16, (1, 1))[0, 0]) for frame in encode(codec, signal)]


def test_sessions(codec: Xcodec2) -> None:
    check_sessions(codec, speech_like(0.15))


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 6_400, 6_401])
def test_tokens_and_samples_are_the_librarys(codec: Xcodec2, samples: int) -> None:
    """But for the token that the library appends where a signal ends with a token."""
    signal, due = speech_like(0.5)[:samples], -(-samples // 320)
    inputs = codec.features(audio=signal, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        codes = codec.model.encode(**inputs).audio_codes
        expected = codec.model.decode(audio_codes=codes[..., :due]).audio_values[0, 0].numpy()
    assert codes.shape[-1] == samples // 320 + 1
    assert sent(codec, signal) == codes[0, 0, :due].tolist()
    output = decode(codec, slots_of(encode(codec, signal)))
    assert len(output) == due * 320
    np.testing.assert_array_equal(output, expected)


def test_facts(codec: Xcodec2) -> None:
    info = codec.info
    assert (info.rate_in, info.rate_out, info.frame, info.delay) == (16_000, 16_000, 320, 0)
    assert (info.frame_bits, info.token_bits, info.codebooks, info.layers) == (16, 16, 1, ())
    assert codec.layout.frame_bits * info.rate_in / info.frame == 800
    assert not info.streaming
    assert not info.trained


def test_every_token_has_eight_levels_of_its_own(codec: Xcodec2) -> None:
    codes = codec.codes(np.arange(65_536)[:, None])
    assert codes.shape == (65_536, 8)
    assert len(np.unique(codes, axis=0)) == 65_536
    assert np.unique(codes).tolist() == [-1, -0.5, 0, 0.5]
    assert codes[1].tolist() == [-0.5, *[-1] * 7], "the first level is the lowest digit"


def test_nothing_is_played_before_the_end(codec: Xcodec2) -> None:
    frames = encode(codec, speech_like(0.2))
    decoder = codec.decoder()
    assert not len(decoder.push([Slot(frame.index, frame.payload) for frame in frames]))
    assert len(decoder.flush()) == len(frames) * 320
    assert not len(codec.encoder().push(speech_like(0.2)))
    assert codec.encoder().flush() == []


def test_silence_is_one_token_from_within_silence(codec: Xcodec2) -> None:
    quiet = codec.encode(np.zeros(16_000, np.float32))
    assert codec.silence().tolist() == [[quiet[25, 0]]]


def test_the_published_size() -> None:
    """Four bytes each and the header of the tensors' names make the 2,517,231,448 bytes that are published."""
    with torch.device("meta"):
        shapes = transformers.Xcodec2Model(transformers.Xcodec2Config()).state_dict()
    parameters = sum(tensor.numel() for tensor in shapes.values())
    assert (len(shapes), parameters) == (811, 629_281_706)
    assert 0 <= 2_517_231_448 - 4 * parameters < 200_000


def test_a_folder_gives_what_it_holds(codec: Xcodec2, tmp_path: Path) -> None:
    codec.model.save_pretrained(tmp_path)
    read, signal = xcodec2.make(weights=str(tmp_path)), speech_like(0.2)
    assert read.info.trained
    assert encode(read, signal) == encode(codec, signal)
    with pytest.raises(UserError, match=r"^xcodec2: weights=3 is not allowed"):
        xcodec2.make(weights=3)  # type: ignore[arg-type]  # what a user may write


def test_it_leaves_the_generator_of_the_process_alone() -> None:
    before = torch.get_rng_state()
    codec = xcodec2.make(weights="tiny", seed=1)
    decode(codec, slots_of(encode(codec, speech_like(0.1))))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
def test_it_keeps_its_promises() -> None:
    assert [verdict for verdict in check_codec("xcodec2:weights=tiny") if verdict.problem] == []
