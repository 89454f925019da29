"""`baselines.neucodec`: the library's own tokens and samples, 16 kHz in and 24 kHz out, no sample dropped."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from baselines import neucodec
from baselines.neucodec import NeuCodec
from benchmark.bits import unpack
from benchmark.check import check_codec
from benchmark.codec import decode, encode
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
def codec() -> NeuCodec:
    return neucodec.make(weights="tiny")


def test_sessions(codec: NeuCodec) -> None:
    check_sessions(codec, speech_like(0.15))


@pytest.mark.parametrize("samples", [1, 320, 321, 6_400, 6_401])
def test_tokens_and_samples_are_the_librarys(codec: NeuCodec, samples: int) -> None:
    """Of a signal that is filled up to whole tokens: the library drops the rest of others."""
    signal, due = speech_like(0.5)[:samples], -(-samples // 320)
    frames = encode(codec, signal)
    inputs = codec.features(audio=np.pad(signal, (0, due * 320 - samples)), sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        codes = codec.model.encode(**inputs).audio_codes
        expected = codec.model.decode(audio_codes=codes).audio_values[0, 0].numpy()
    assert [int(unpack(frame.payload, 16, (1, 1))[0, 0]) for frame in frames] == codes[0, 0].tolist()
    output = decode(codec, slots_of(frames))
    assert len(output) == due * 480
    np.testing.assert_array_equal(output, expected)


def test_facts(codec: NeuCodec) -> None:
    info = codec.info
    assert (info.rate_in, info.rate_out, info.frame, info.frame_bits) == (16_000, 24_000, 320, 16)
    assert codec.layout.frame_bits * info.rate_in / info.frame == 800
    assert not info.streaming
    assert not info.trained


def test_the_published_size() -> None:
    """As counted in the public checkpoint."""
    with torch.device("meta"):
        shapes = transformers.NeuCodecModel(transformers.NeuCodecConfig()).state_dict()
    assert (len(shapes), sum(tensor.numel() for tensor in shapes.values())) == (811, 629_937_706)


@pytest.mark.slow
def test_it_keeps_its_promises() -> None:
    assert [verdict for verdict in check_codec("neucodec:weights=tiny") if verdict.problem] == []
