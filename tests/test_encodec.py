"""`baselines.encodec`: the library's tokens, token by token; exact rates; the first few codebooks alone."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines import encodec
from baselines._residual import added
from benchmark.bits import Indices, unpack
from benchmark.check import check_codec
from benchmark.codec import decode, encode
from benchmark.types import NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

pytest.importorskip("transformers")
RATE, HOP = 24_000, 320
CODEBOOKS = {1_500: 2, 3_000: 4, 6_000: 8, 12_000: 16, 24_000: 32}  # by bit/s


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small products gain nothing from threads, and tests beside this one lose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def codec() -> encodec.Encodec:
    return encodec.make(weights="tiny")


def sent(codec: encodec.Encodec, signal: Signal, chunk: int | None = None) -> Indices:
    """The tokens in the payloads, [n, codebooks]."""
    shape = (1, codec.layout.codebooks)
    return np.concatenate([unpack(f.payload, 10, shape) for f in encode(codec, signal, chunk)])


def librarys(codec: encodec.Encodec, signal: Signal) -> tuple[Indices, Signal]:
    """The tokens of the whole signal, and what they decode to."""
    bandwidth = codec.layout.codebooks * 0.75
    with torch.inference_mode():
        found = codec.model.encode(torch.from_numpy(signal)[None, None], bandwidth=bandwidth)
        output = codec.model.decode(found.audio_codes, found.audio_scales).audio_values
    return found.audio_codes[0, 0].T.numpy(), output[0, 0].numpy()


def test_sessions(codec: encodec.Encodec) -> None:
    check_sessions(codec, speech_like(0.15, RATE))


def test_receivers_do_not_touch(codec: encodec.Encodec) -> None:
    one, other = (slots_of(encode(codec, speech_like(0.2, RATE, seed))) for seed in (1, 2))
    check_receivers(codec, one, other)


@pytest.mark.parametrize("bitrate", CODEBOOKS)
def test_rates_are_exact(bitrate: int) -> None:
    codec, codebooks = encodec.make(bitrate, weights="tiny"), CODEBOOKS[bitrate]
    info = codec.info
    assert (info.codebooks, info.token_bits, info.frame_bits) == (codebooks, 10, 10 * codebooks)
    assert 10 * codebooks * RATE / info.frame == bitrate
    assert (info.rate_in, info.rate_out, info.frame, info.delay, info.lookahead) == (RATE, RATE, HOP, 0, 0)
    assert info.layers == tuple(range(10, 10 * codebooks, 10))
    assert info.streaming
    assert not info.trained
    frames = encode(codec, speech_like(0.1, RATE))
    assert [(len(f.payload), f.bits) for f in frames] == [(-(-10 * codebooks // 8), 10 * codebooks)] * 8


@pytest.mark.parametrize("bitrate", CODEBOOKS)
def test_tokens_and_samples_are_the_librarys(bitrate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a padding that needs no future, and whole tokens; the library pads the last one within each layer."""
    small = {**encodec.CHECKPOINT.tiny, "pad_mode": "constant"}
    monkeypatch.setattr(encodec, "CHECKPOINT", replace(encodec.CHECKPOINT, tiny=small))
    codec, signal = encodec.make(bitrate, weights="tiny"), speech_like(0.5, RATE)[: 37 * HOP]
    tokens, samples = librarys(codec, signal)
    assert len(np.unique(tokens)) > 10
    np.testing.assert_array_equal(sent(codec, signal), tokens)
    output = decode(codec, slots_of(encode(codec, signal)))
    np.testing.assert_allclose(output, samples, rtol=0, atol=2e-6 * float(np.abs(samples).max()))


def test_the_published_padding_changes_tokens_of_the_start_only(codec: encodec.Encodec) -> None:
    signal = speech_like(1, RATE)
    assert codec.model.config.pad_mode == "reflect"
    tokens, samples = librarys(codec, signal)
    same = (sent(codec, signal) == tokens).all(1)
    assert not same[:6].all()
    assert same[40:].all()
    output = codec.token_decoder().push(codec.codes(tokens))
    difference = np.abs(output - samples) / np.abs(samples).max()
    assert difference[:2400].max() > 1e-2
    assert difference[12_000:].max() < 1e-4


def test_the_level_counts(codec: encodec.Encodec) -> None:
    """The model at 24 kHz is the one that is not normalised; the one at 48 kHz would send the same for both."""
    signal = speech_like(0.2, RATE)
    assert codec.model.config.normalize is False
    assert (sent(codec, signal) != sent(codec, signal * np.float32(0.1))).any()


@pytest.mark.parametrize("codebooks", [1, 2, 3, 8])
def test_the_first_codebooks_are_a_coarser_picture(codec: encodec.Encodec, codebooks: int) -> None:
    tokens = sent(codec, speech_like(0.2, RATE))[:, :codebooks]
    with torch.inference_mode():
        wanted = codec.model.quantizer.decode(torch.from_numpy(tokens.T)[:, None])[0].T.numpy()
    codes = codec.codes(tokens)
    np.testing.assert_array_equal(codes, wanted)
    np.testing.assert_array_equal(codes[3:4], codec.codes(tokens[3:4]))
    assert len(codec.token_decoder().push(codes)) == len(tokens) * HOP


def test_fewer_codebooks_are_the_first_ones(codec: encodec.Encodec) -> None:
    signal = speech_like(0.2, RATE)
    few = encodec.make(1_500, weights="tiny")
    np.testing.assert_array_equal(sent(few, signal), sent(codec, signal)[:, :2])


def test_the_beginning_of_a_payload_decodes(codec: encodec.Encodec) -> None:
    """Two codebooks are 20 bits, in 3 bytes."""
    frames = encode(codec, speech_like(0.2, RATE))
    output = decode(codec, [Slot(f.index, f.payload[:3]) for f in frames])
    coarse = np.concatenate([unpack(f.payload[:3], 10, (1, 2)) for f in frames])
    np.testing.assert_array_equal(output, codec.token_decoder().push(codec.codes(coarse)))


def test_vectors_are_added() -> None:
    tables = [np.array([[0, 0], [1, 2]], np.float32), np.array([[0, 0], [10, 20]], np.float32)]
    tokens = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    np.testing.assert_array_equal(added(tables, tokens), [[0, 0], [1, 2], [10, 20], [11, 22]])
    np.testing.assert_array_equal(added(tables, tokens[:, :1]), [[0, 0], [1, 2], [0, 0], [1, 2]])


def test_the_nearest_vector_is_sent_not_the_loudest(codec: encodec.Encodec) -> None:
    """Latents that are a sum of one vector of each codebook, in which the first outweighs the rest."""
    planted = np.arange(8) * 111 + 5
    vector = codec.tables[0][planted[0]]
    tokens = codec.quantised(torch.from_numpy(vector)[None, :, None])
    assert int(tokens[0]) == planted[0]
    rest = vector - codec.tables[0][planted[0]]
    assert int(tokens[1]) == np.square(codec.tables[1] - rest).sum(1).argmin()


def test_silence_is_a_token_of_encoded_silence(codec: encodec.Encodec) -> None:
    quiet = codec.silence()
    assert quiet.shape == (1, 8)
    np.testing.assert_array_equal(quiet[0], sent(codec, np.zeros(RATE, np.float32))[37])
    assert codec.silence() is quiet


def test_nothing_in_nothing_out(codec: encodec.Encodec) -> None:
    assert encode(codec, np.empty(0, np.float32)) == []
    assert len(decode(codec, [])) == 0


def test_the_last_token_is_filled_up_with_zeros(codec: encodec.Encodec) -> None:
    signal = speech_like(0.1, RATE)[: 3 * HOP + 1]
    padded = np.pad(signal, (0, HOP - 1))
    np.testing.assert_array_equal(sent(codec, signal), sent(codec, padded))


def test_a_malformed_payload_is_named(codec: encodec.Encodec) -> None:
    with pytest.raises(NotMeasured, match="the payload of frame 3 has 11 bytes, 10 were due"):
        codec.decoder().push([Slot(3, bytes(11))])


@pytest.mark.parametrize("bitrate", [0, 2_000, 6_000.0, "6000", True])
def test_other_rates_are_refused(bitrate: int) -> None:
    with pytest.raises(UserError, match=r"encodec: bitrate=.* is not allowed; choose from 1500, 3000, 6000"):
        encodec.make(bitrate, weights="tiny")


def test_by_default_it_is_the_published_model(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    with pytest.raises(Unavailable, match="focalbench fetch encodec_24khz"):
        encodec.make()


@pytest.mark.slow
def test_promises() -> None:
    assert not [v for v in check_codec("encodec:weights=tiny,bitrate=1500") if v.problem]


@pytest.mark.slow
def test_the_published_size() -> None:
    codec, signal = encodec.make(24_000, weights="random"), speech_like(1, RATE)
    assert codec.cost() == {"parameters": 14_846_817}  # 14.85 million, less the norms that are folded in
    tokens, _ = librarys(codec, signal)
    same = (sent(codec, signal, 1_000) == tokens).all(1)
    assert same[30:].all()
