"""`baselines.mimi`: the library's tokens and samples of a whole file, token by token; exact rates; fewer codebooks."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from baselines import mimi
from benchmark.bits import Indices, unpack
from benchmark.check import check_codec
from benchmark.codec import decode, encode
from benchmark.types import NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

pytest.importorskip("transformers")
RATE, HOP = 24_000, 1_920


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small products gain nothing from threads, and tests beside this one lose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def codec() -> mimi.Mimi:
    return mimi.make(weights="tiny")


def sent(codec: mimi.Mimi, signal: Signal, chunk: int | None = None) -> Indices:
    """The tokens in the payloads, [n, codebooks]."""
    shape = (1, codec.layout.codebooks)
    return np.concatenate([unpack(f.payload, 11, shape) for f in encode(codec, signal, chunk)])


def librarys(codec: mimi.Mimi, signal: Signal) -> tuple[Indices, Signal]:
    """The tokens of the whole signal, and what they decode to."""
    with torch.inference_mode():
        whole = torch.from_numpy(signal)[None, None]
        tokens = codec.model.encode(whole, num_quantizers=codec.layout.codebooks).audio_codes
        output = codec.model.decode(tokens).audio_values
    return tokens[0].T.numpy(), output[0, 0].numpy()


def test_sessions(codec: mimi.Mimi) -> None:
    check_sessions(codec, speech_like(0.9, RATE))


def test_receivers_do_not_touch(codec: mimi.Mimi) -> None:
    one, other = (slots_of(encode(codec, speech_like(0.4, RATE, seed))) for seed in (1, 2))
    check_receivers(codec, one, other)


@pytest.mark.parametrize("codebooks", [1, 2, 8])
def test_rates_are_exact(codebooks: int) -> None:
    codec = mimi.make(codebooks, weights="tiny")
    info = codec.info
    assert (info.codebooks, info.token_bits, info.frame_bits) == (codebooks, 11, 11 * codebooks)
    assert 11 * codebooks * RATE / info.frame == 137.5 * codebooks
    assert (info.rate_in, info.rate_out, info.frame, info.delay, info.lookahead) == (RATE, RATE, HOP, 0, 0)
    assert info.layers == tuple(range(11, 11 * codebooks, 11))
    assert info.streaming
    assert not info.trained
    frames = encode(codec, speech_like(0.3, RATE))
    assert [(len(f.payload), f.bits) for f in frames] == [(-(-11 * codebooks // 8), 11 * codebooks)] * 4


@pytest.mark.parametrize("codebooks", [1, 3, 8])
def test_tokens_and_samples_are_the_librarys(codebooks: int) -> None:
    """Also beyond the window of attention: 16 positions in this model, 40 in this signal."""
    codec, signal = mimi.make(codebooks, weights="tiny"), speech_like(2, RATE)[: 20 * HOP]
    assert codec.model.config.sliding_window == 16
    tokens, samples = librarys(codec, signal)
    assert len(np.unique(tokens[:, -1])) > 1
    np.testing.assert_array_equal(sent(codec, signal, 1_000), tokens)
    output = decode(codec, slots_of(encode(codec, signal)))
    np.testing.assert_allclose(output, samples, rtol=0, atol=2e-6 * float(np.abs(samples).max()))


@pytest.mark.parametrize("codebooks", [1, 2, 5, 8])
def test_the_first_codebooks_are_a_coarser_picture(codec: mimi.Mimi, codebooks: int) -> None:
    """The semantic codebook and the acoustic ones are projected each on their own."""
    tokens = sent(codec, speech_like(0.9, RATE))[:, :codebooks]
    with torch.inference_mode():
        wanted = codec.model.quantizer.decode(torch.from_numpy(tokens.T)[None])[0].T.numpy()
    codes = codec.codes(tokens)
    np.testing.assert_allclose(codes, wanted, rtol=0, atol=1e-6 * float(np.abs(wanted).max()))
    np.testing.assert_array_equal(codes[3:4], codec.codes(tokens[3:4]))
    assert len(codec.token_decoder().push(codes)) == len(tokens) * HOP


def test_fewer_codebooks_are_the_first_ones(codec: mimi.Mimi) -> None:
    signal = speech_like(0.5, RATE)
    np.testing.assert_array_equal(sent(mimi.make(3, weights="tiny"), signal), sent(codec, signal)[:, :3])


def test_silence_is_a_token_of_encoded_silence(codec: mimi.Mimi) -> None:
    quiet = codec.silence()
    assert quiet.shape == (1, 8)
    np.testing.assert_array_equal(quiet[0], sent(codec, np.zeros(RATE, np.float32))[6])
    assert codec.silence() is quiet


def test_nothing_in_nothing_out(codec: mimi.Mimi) -> None:
    assert encode(codec, np.empty(0, np.float32)) == []
    assert len(decode(codec, [])) == 0


def test_a_malformed_payload_is_named(codec: mimi.Mimi) -> None:
    with pytest.raises(NotMeasured, match="the payload of frame 3 has 12 bytes, 11 were due"):
        codec.decoder().push([Slot(3, bytes(12))])


@pytest.mark.parametrize("codebooks", [0, 9, 8.0, "8", True])
def test_other_numbers_of_codebooks_are_refused(codebooks: int) -> None:
    with pytest.raises(UserError, match=r"mimi: codebooks=.* is not allowed; choose from whole numbers from 1 to 8"):
        mimi.make(codebooks, weights="tiny")


def test_by_default_it_is_the_published_model(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    with pytest.raises(Unavailable, match="focalbench fetch mimi"):
        mimi.make()


@pytest.mark.slow
def test_promises() -> None:
    assert not [v for v in check_codec("mimi:weights=tiny") if v.problem]


@pytest.mark.slow
def test_the_published_size() -> None:
    codec, signal = mimi.make(weights="random"), speech_like(1.6, RATE)[: 20 * HOP]
    assert codec.cost() == {"parameters": 79_308_609}
    tokens, samples = librarys(codec, signal)
    np.testing.assert_array_equal(sent(codec, signal, 1_000), tokens)
    output = decode(codec, slots_of(encode(codec, signal)))
    np.testing.assert_allclose(output, samples, rtol=0, atol=1e-5 * float(np.abs(samples).max()))
