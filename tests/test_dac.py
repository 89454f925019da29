"""`baselines.dac`: the library's own tokens and samples, whole tokens whatever the length, and fewer codebooks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines import dac
from baselines._whole import fitted
from benchmark.bits import unpack
from benchmark.check import check_codec
from benchmark.codec import decode, encode
from benchmark.types import UserError
from tests.signals import check_sessions, slots_of, speech_like

transformers = pytest.importorskip("transformers")
RATES = {16_000: (12, 6_000), 24_000: (32, 24_000)}  # Hz: codebooks, bit/s


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small products gain nothing from threads, and tests beside this one lose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def codecs() -> dict[int, dac.Dac]:
    return {rate: dac.make(rate, weights="tiny") for rate in RATES}


def sent(codec: Any, signal: Any) -> Any:
    """The tokens in the payloads, [n, codebooks]."""
    shape = (1, codec.layout.codebooks)
    return np.concatenate([unpack(f.payload, codec.layout.bits, shape) for f in encode(codec, signal)])


def test_sessions() -> None:
    check_sessions(dac.make(codebooks=3, weights="tiny"), speech_like(0.15))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("samples", [1, 319, 320, 6_400, 6_401])
def test_tokens_and_samples_are_the_librarys(codecs: dict[int, dac.Dac], rate: int, samples: int) -> None:
    codec, signal = codecs[rate], speech_like(0.5, rate)[:samples]
    frames = encode(codec, signal)
    tokens = -(-samples // 320)
    assert len(frames) == tokens
    padded = np.pad(signal, (0, tokens * 320 - samples))
    with torch.no_grad():
        codes = codec.model.encode(torch.from_numpy(padded)[None, None]).audio_codes
        expected = codec.model.decode(audio_codes=codes).audio_values[0].numpy()
    np.testing.assert_array_equal(sent(codec, signal), codes[0].T.numpy())
    output = decode(codec, slots_of(frames))
    assert len(output) == tokens * 320
    assert len(expected) == len(output) - 8
    np.testing.assert_allclose(output[:-8], expected, rtol=0, atol=1e-4)
    assert not output[-8:].any()


@pytest.mark.parametrize("rate", RATES)
def test_rates_are_exact(codecs: dict[int, dac.Dac], rate: int) -> None:
    info, (codebooks, bitrate) = codecs[rate].info, RATES[rate]
    assert (info.codebooks, info.token_bits, info.frame_bits) == (codebooks, 10, 10 * codebooks)
    assert 10 * codebooks * rate / info.frame == bitrate
    assert (info.rate_in, info.rate_out, info.streaming, info.trained) == (rate, rate, False, False)
    assert info.layers == tuple(range(10, 10 * codebooks, 10))
    few = dac.make(rate, codebooks=2, weights="tiny").info
    assert (few.codebooks, few.frame_bits, few.layers) == (2, 20, (10,))


def test_fewer_codebooks_are_the_first_ones(codecs: dict[int, dac.Dac]) -> None:
    codec, few, signal = codecs[16_000], dac.make(codebooks=2, weights="tiny"), speech_like(0.4)
    tokens = sent(few, signal)
    np.testing.assert_array_equal(tokens, sent(codec, signal)[:, :2])
    np.testing.assert_array_equal(few.codes(tokens), codec.codes(tokens))
    with torch.no_grad():
        expected = codec.model.quantizer.from_codes(torch.from_numpy(tokens).T[None])[0][0].T.numpy()
        coarse = codec.model.decode(audio_codes=torch.from_numpy(tokens).T[None]).audio_values[0].numpy()
    np.testing.assert_allclose(codec.codes(tokens), expected, rtol=0, atol=1e-6)
    output = decode(few, slots_of(encode(few, signal)))
    np.testing.assert_allclose(output[:-8], coarse, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("rate", "tensors", "size"), [(16_000, 238, 74_141_697), (24_000, 338, 74_653_857)])
def test_the_published_sizes(rate: int, tensors: int, size: int) -> None:
    """For 24 kHz, four bytes each and a header of names make the 298,652,268 bytes that are published."""
    published = dac.CHECKPOINTS[rate]
    with torch.device("meta"):
        shapes = transformers.DacModel(transformers.DacConfig(**published.settings)).state_dict()
    assert (len(shapes), sum(tensor.numel() for tensor in shapes.values())) == (tensors, size)
    assert 0 <= 298_652_268 - 4 * 74_653_857 < 50_000


def test_a_folder_gives_what_it_holds(codecs: dict[int, dac.Dac], tmp_path: Path) -> None:
    codec, signal = codecs[16_000], speech_like(0.2)
    codec.model.save_pretrained(tmp_path)
    read = dac.make(weights=str(tmp_path))
    assert read.info.trained
    assert encode(read, signal) == encode(codec, signal)
    with pytest.raises(UserError, match=r"holds another model than dac_24khz: sampling_rate is 16000, not 24000\.$"):
        dac.make(24_000, weights=str(tmp_path))


def test_too_few_samples_are_filled_up_and_too_many_cut() -> None:
    signal = np.ones(3, np.float32)
    assert [fitted(signal, n).tolist() for n in (2, 3, 5)] == [[1, 1], [1, 1, 1], [1, 1, 1, 0, 0]]


def test_refuses() -> None:
    for rate in (8_000, 44_100, 16_000.0, "16000"):
        with pytest.raises(UserError, match=rf"dac: rate={rate!r} is not allowed; choose from 16000, 24000\."):
            dac.make(rate)  # type: ignore[arg-type]  # what a user may write
    for codebooks in (0, 13, True, 2.0):
        with pytest.raises(UserError, match=rf"dac: codebooks={codebooks!r} .* whole numbers from 1 to 12\."):
            dac.make(codebooks=codebooks)  # type: ignore[arg-type]  # as well
    with pytest.raises(UserError, match=r"whole numbers from 1 to 32\."):
        dac.make(24_000, codebooks=33)


@pytest.mark.slow
def test_it_keeps_its_promises() -> None:
    assert [verdict for verdict in check_codec("dac:codebooks=2,weights=tiny") if verdict.problem] == []
