"""FocalCodec and FocalCodec-Stream, scaled down: structure, streaming, causality, golden values."""

import hashlib
from math import prod, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from baselines.focalcodec import config, model, sessions
from baselines.focalcodec.config import PRECISIONS
from baselines.focalcodec.quantizer import Quantizer
from baselines.focalcodec.stream import BLOCK, History
from baselines.focalcodec.voice import nearest
from benchmark.seeds import generator
from tests.signals import speech_like

ALL = {**config.STREAMING, **config.FULL_CONTEXT}
CHUNK = 1280  # samples
SECONDS = 9.3  # longer than every memory of the small model, and no whole number of chunks


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Small products gain nothing from threads, and tests beside this one lose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def signal():
    return torch.from_numpy(speech_like(SECONDS))[None]


@pytest.fixture(scope="module")
def codec():
    return model.load(config.small(config.STREAMING["65k"]), None)


@pytest.mark.parametrize(
    ("name", "tensors", "parameters", "macs"),
    [
        ("2k", 332, 249_036_441, 13.742e9),
        ("4k", 332, 249_038_490, 13.742e9),
        ("65k", 332, 249_046_686, 13.743e9),
        ("50", 328, 142_126_257, 9.635e9),
        ("25", 328, 144_223_409, 8.780e9),
        ("12.5", 328, 145_271_985, 8.678e9),
    ],
)
def test_the_published_sizes(name, tensors, parameters, macs):
    """As counted from the public checkpoints: 249.0 M and 142.1, 144.2, 145.3 M; 9 G for FocalCodec at 50 Hz."""
    shapes = model.skeleton(ALL[name]).shapes()
    assert (len(shapes), sum(map(prod, shapes.values()))) == (tensors, parameters)
    assert sessions.macs_per_second(ALL[name]) == pytest.approx(macs, rel=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_rates_and_lengths(name, signal):
    codec = model.load(config.small(ALL[name]), None)
    tokens = codec.sig_to_toks(signal)
    samples = codec.toks_to_sig(tokens)
    frames = -(-signal.shape[1] // 320) if codec.config.causal else (signal.shape[1] - 80) // 320
    assert tokens.shape == (1, -(-frames // {"25": 2, "12.5": 4}.get(name, 1)))
    assert samples.shape == (1, tokens.shape[1] * codec.config.hop_out)
    assert samples.shape[1] / codec.config.rate_out == pytest.approx(SECONDS, abs=0.09)
    assert int(tokens.max()) < codec.config.quantizer.codebook_size
    assert len(tokens.unique()) > 30


@pytest.mark.parametrize(
    ("name", "tokens", "samples"),
    [
        ("2k", "2fd9e83ddb31334f", [0.333673686, 0.407018662]),
        ("4k", "88a424bffd2f6125", [0.328312702, 0.418401688]),
        ("65k", "28e0c0a682330678", [0.324625717, 0.184405491]),
        ("50", "5b01ebb491c572f0", [0.014299149, 0.014732311]),
        ("25", "92ffa41730a8eea7", [0.013505617, -0.013664450]),
        ("12.5", "0cefc628c5f25a24", [0.013106548, -0.004550528]),
    ],
)
def test_golden_values(name, tokens, samples):
    """Made by this code, when the full-size models were equal to the public implementation, token by token."""
    codec = model.load(config.small(ALL[name]), None)
    noise = generator(0, "golden").standard_normal((1, 16_000), dtype=np.float32) * np.float32(0.1)
    found = codec.sig_to_toks(torch.from_numpy(noise))  # no latent is nearer to zero than 4e-4
    output = codec.toks_to_sig(found)[0].double()
    assert hashlib.sha256(found.numpy().astype("<i8").tobytes()).hexdigest()[:16] == tokens
    assert [float(output.square().mean().sqrt()), float(output[7000])] == pytest.approx(samples, rel=1e-4)


@pytest.mark.parametrize("packets", [1, 2, 7])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_chunked_is_whole(packets, precision, signal):
    codec = model.load(config.small(config.STREAMING["4k"], 256), None, precision)
    signal = signal[:, : 41 * CHUNK + 555]  # longer than a block and a window
    whole = codec.sig_to_lats(signal)
    samples = codec.codes_to_sig(whole)
    state, latents, parts = codec.start(), [], []
    for chunk in signal.split(packets * CHUNK, 1):
        latents.append(codec.sig_to_lats(chunk, state))
        parts.append(codec.codes_to_sig(latents[-1], state))
    torch.testing.assert_close(torch.cat(latents, 1), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.cat(parts, 1), samples, rtol=0, atol=1e-5)


def test_chunks_of_part_of_a_group_are_another_signal(codec, signal):
    state = codec.start()
    codec.sig_to_toks(signal[:, :640], state)
    with pytest.raises(ValueError, match="ended"):
        codec.sig_to_toks(signal[:, 640:1280], state)


def test_a_batch_is_its_streams(codec, signal):
    streams = torch.cat([signal, signal.flip(1), 0.1 * signal])
    state = codec.start(3)
    tokens = torch.cat([codec.sig_to_toks(chunk, state) for chunk in streams.split(3 * CHUNK, 1)], 1)
    samples = codec.toks_to_sig(tokens)
    for one in range(3):
        alone = codec.sig_to_toks(streams[one : one + 1])
        assert (alone[0] != tokens[one]).float().mean() < 0.01  # a latent at 0 may fall on either side
        torch.testing.assert_close(codec.toks_to_sig(tokens[one : one + 1])[0], samples[one], rtol=0, atol=1e-5)


def test_streams_do_not_meet(codec, signal):
    first, second = signal[:, :48_000], signal[:, 48_000:96_000]
    states = codec.start(), codec.start()
    found = ([], [])
    for chunks in zip(first.split(CHUNK, 1), second.split(CHUNK, 1), strict=True):
        for chunk, state, into in zip(chunks, states, found, strict=True):
            tokens = codec.sig_to_toks(chunk, state)
            into.append(codec.toks_to_sig(tokens, state))
    for chunks, parts in zip((first, second), found, strict=True):
        state = codec.start()
        alone = [codec.toks_to_sig(codec.sig_to_toks(c, state), state) for c in chunks.split(CHUNK, 1)]
        assert torch.equal(torch.cat(parts, 1), torch.cat(alone, 1))


def test_a_state_is_cloned_whole_and_stays_as_large(codec, signal):
    state = codec.start()
    size = state.bytes
    for chunk in signal.split(CHUNK, 1)[:40]:
        codec.toks_to_sig(codec.sig_to_toks(chunk, state), state)
    assert state.bytes == size > 100_000
    branch = state.clone()
    ahead = codec.sig_to_lats(signal[:, :CHUNK], state)
    codec.sig_to_lats(signal[:, CHUNK : 2 * CHUNK], state)
    assert torch.equal(codec.sig_to_lats(signal[:, :CHUNK], branch), ahead)


def test_the_state_of_the_published_model_is_of_constant_known_size():
    with torch.device("meta"):
        size = model.skeleton(config.STREAMING["65k"]).start().bytes
    frames = 511 + BLOCK
    attention, focal, position = 6 * 2 * frames * 1024, 6 * (13 + 17 + frames) * 1024, (127 + BLOCK) * 1024
    front, decoder = 9 + 4 * 2 * 512 + 2 * 512, 9 * 6 * 1024
    assert size == 4 * (attention + focal + position + front + decoder)


@pytest.mark.parametrize(("where", "changed"), [(0, True), (960, True), (961, False), (1279, False)])
def test_a_chunk_depends_on_its_first_961_samples(codec, signal, where, changed):
    """Frame n needs samples up to 320 n alone, and a chunk ends with frame 3: 60 ms of look-ahead inside 80 ms."""
    signal = signal[:, : 12 * CHUNK]
    other = signal.clone()
    other[:, 10 * CHUNK + where :] = torch.from_numpy(generator(0, "other").standard_normal(2 * CHUNK - where)) * 0.3
    first, second = codec.sig_to_lats(signal)[0], codec.sig_to_lats(other)[0]
    assert torch.equal(first[:40], second[:40])
    assert torch.equal(first[40:44], second[40:44]) is not changed
    assert not torch.equal(first[44:], second[44:])


def test_decoding_looks_no_further_than_its_group(codec):
    tokens = torch.arange(40)[None] * 1601 % 65536
    other = tokens.clone()
    other[:, 23] += 1  # the last of the sixth group
    first, second = codec.toks_to_sig(tokens)[0], codec.toks_to_sig(other)[0]
    assert torch.equal(first[: 20 * 480], second[: 20 * 480])
    assert not torch.equal(first[20 * 480 : 21 * 480], second[20 * 480 : 21 * 480])  # the refiner reaches back


def test_attention_in_blocks_is_attention_over_all(codec):
    """Against a dense mask written out from the definition; longer than a block and than the window."""
    transformer = codec.encoder.encoder
    count, group, window = 2 * BLOCK + 7, 4, codec.config.encoder.window_size
    attention = transformer.layers[0].attention
    x = torch.from_numpy(generator(0, "x").standard_normal((1, count, 32), dtype=np.float32))
    query, key, value = attention.qkv_proj(x).view(1, count, 3, 4, 8).permute(2, 0, 3, 1, 4)
    at = torch.arange(count)
    ends = ((at // group + 1) * group).clamp(max=count)[:, None]
    seen = (at[None] < ends) & (at[None] >= ends - window)
    bias = transformer.relative_embedding(transformer.bucket(at[None] - at[:, None])).permute(2, 0, 1)
    scores = query @ key.transpose(2, 3) / sqrt(8) + attention.gate(x) * bias
    expected = scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value
    found = attention(x, transformer.blocks(count, 0))
    torch.testing.assert_close(found, attention.out_proj(expected.transpose(1, 2).flatten(2)), rtol=0, atol=1e-5)


def test_distances_are_exact_when_near_and_logarithmic_when_far():
    transformer = model.skeleton(config.STREAMING["65k"]).encoder.encoder
    distances = torch.tensor([0, -1, -79, -80, -81, -300, -799, -800, -5000, 1, 3, 79])
    far = [80 + int(80 * np.log(d / 80) / np.log(10)) for d in (80, 81, 300, 799)]
    assert transformer.bucket(distances).tolist() == [0, 1, 79, *far, 159, 159, 161, 163, 239]


@given(st.lists(st.integers(1, BLOCK), min_size=1, max_size=12), st.integers(1, 40), st.booleans())
@settings(deadline=None)
def test_a_history_is_the_end_of_everything(sizes, keep, replicate):
    history = History((1, 0, 2), 1, keep, replicate)
    everything = torch.arange(2 * sum(sizes), dtype=torch.float32).view(1, -1, 2) + 1
    before = everything[:, :1].expand(1, keep if replicate else 0, 2)
    everything = torch.cat([before, everything], 1)
    position = before.shape[1]
    for size in sizes:
        seen = history.extend(everything[:, position : position + size])
        position += size
        assert torch.equal(seen, everything[:, max(0, position - size - keep) : position])


@given(st.integers(1, 20), st.data())
def test_tokens_and_codes_are_inverse_and_a_bit_is_a_coordinate(bits, data):
    quantizer = Quantizer(bits)
    tokens = torch.tensor(data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=9)))
    codes = quantizer.codes(tokens)
    assert quantizer.tokens(codes).tolist() == tokens.tolist()
    torch.testing.assert_close(codes.norm(dim=-1), torch.ones(len(tokens)))
    place = data.draw(st.integers(0, bits - 1))
    flipped = quantizer.codes(tokens ^ (1 << (bits - 1 - place)))
    assert (flipped != codes).nonzero()[:, 1].tolist() == [place] * len(tokens)
    assert torch.equal(flipped[:, place], -codes[:, place])


def test_zero_counts_as_a_cleared_bit():
    assert Quantizer(3).tokens(torch.tensor([[0.0, 1e-9, -1.0]])).tolist() == [2]
    assert Quantizer(2).codebook().tolist() == pytest.approx(
        np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) / sqrt(2), abs=1e-7
    )


def test_a_voice_is_the_mean_of_its_nearest_frames():
    generator_ = generator(0, "voice")
    features = torch.from_numpy(generator_.standard_normal((2, 5, 8)))
    others = torch.from_numpy(generator_.standard_normal((30, 8)))
    found = nearest(features, others, 4)
    for index in np.ndindex(2, 5):
        similarity = functional.cosine_similarity(features[index][None], others)
        best = sorted(range(30), key=lambda i: -similarity[i])[:4]
        torch.testing.assert_close(found[index], others[best].mean(0))
    with pytest.raises(ValueError, match=r"31.*30 frames"):
        nearest(features, others, 31)


def test_a_voice_can_be_changed_on_the_way_to_samples(codec, signal):
    tokens = codec.sig_to_toks(signal[:, :16_000])
    features = codec.toks_to_qfeats(tokens)
    same = codec.toks_to_sig(tokens, matching_set=features[0], neighbours=1)  # its own nearest neighbour
    torch.testing.assert_close(same, codec.toks_to_sig(tokens), rtol=0, atol=1e-5)
    other = codec.toks_to_sig(tokens, matching_set=codec.sig_to_qfeats(signal[:, 32_000:64_000])[0])
    assert not torch.allclose(other, same, atol=1e-3)


def test_whole_and_streaming_training_paths_agree(codec, signal):
    """The differentiable path pads and masks; the streaming one remembers. Both are the same function."""
    with torch.no_grad():
        features = codec.encoder(signal)
        latents = codec.compressor(features)
        quantised = codec.decompressor(codec.toks_to_codes(codec.sig_to_toks(signal)))
        samples = codec.decoder(quantised)
    torch.testing.assert_close(codec.sig_to_feats(signal), features, rtol=0, atol=1e-4)
    torch.testing.assert_close(codec.sig_to_lats(signal), functional.normalize(latents, dim=-1), rtol=0, atol=1e-4)
    torch.testing.assert_close(codec.toks_to_sig(codec.sig_to_toks(signal)), samples, rtol=0, atol=1e-4)


def test_every_parameter_learns(signal):
    codec = model.FocalCodec(config.small(config.STREAMING["2k"]))
    with torch.no_grad():
        for name, tensor in model.checkpoint.random(codec.shapes(), 0).items():
            codec.get_parameter(name).copy_(tensor)
    latents = codec.compressor(codec.encoder(signal[:, :16_000]))
    codec.decoder(codec.decompressor(latents)).square().mean().backward()
    assert [name for name, p in codec.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_nothing_to_do_is_an_error(codec):
    with pytest.raises(ValueError, match="length 0"):
        codec.sig_to_toks(torch.zeros(1, 0))
    full = model.load(config.small(config.FULL_CONTEXT["50"]), None)
    with pytest.raises(ValueError, match="cannot stream"):
        full.start()
    assert full.toks_to_sig(full.sig_to_toks(torch.zeros(1, 7))).shape == (1, 320)  # shorter than a frame: filled up
