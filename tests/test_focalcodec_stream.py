"""The adapters: packets of exact size, sessions, weights that are random, given, or not there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines import focalcodec, focalcodec_stream
from baselines.focalcodec import checkpoint, config, model
from baselines.focalcodec.voice import nearest
from benchmark import codec, weights
from benchmark.check import check_codec
from benchmark.suite import Limits
from benchmark.types import Slot, Unavailable, UserError
from tests.signals import speech_like

SMALL_ENCODER = config.small(config.STREAMING["65k"]).encoder
NAMES = {"2k": 11, "4k": 12, "65k": 16}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small checkpoint of every kind, in the published format."""
    root = tmp_path_factory.mktemp("weights")
    published = {f"focalcodec_stream_{k}": v for k, v in config.STREAMING.items()}
    published |= {f"focalcodec_{k.replace('.', '_')}hz": v for k, v in config.FULL_CONTEXT.items()}
    for name, settings in published.items():
        small = config.small(settings)
        model.write(small, dict(checkpoint.random(model.skeleton(small).shapes(), 0)), root / name)
    return root


@pytest.fixture
def at_root(folders, monkeypatch):
    monkeypatch.setenv(weights.VARIABLE, str(folders))
    return folders


@pytest.fixture(scope="module")
def signal():
    return speech_like(2.13)


@pytest.mark.parametrize(("variant", "size"), [("2k", 6), ("4k", 6), ("65k", 8)])
def test_a_packet_of_80_ms(at_root, signal, variant, size):
    made = focalcodec_stream.make(variant)
    frames = codec.encode(made, signal)
    assert (made.info.rate_in, made.info.rate_out, made.info.frame, made.info.group) == (16_000, 24_000, 1280, 1)
    assert {len(f.payload) for f in frames} == {size}
    assert len(frames) == -(-len(signal) // 1280)  # zero-padded at the end
    assert sum(f.bits for f in frames) == len(frames) * 4 * NAMES[variant]  # 44, 48, 64 bits
    kilobits = sum(f.bits for f in frames) / (len(frames) * 0.08) / 1000
    assert kilobits == pytest.approx({"2k": 0.55, "4k": 0.6, "65k": 0.8}[variant])
    output = codec.decode(made, [Slot(f.index, f.payload) for f in frames])
    assert len(codec.trim(output, made.info.delay, len(signal) * 3 // 2)) == len(signal) * 3 // 2


@pytest.mark.parametrize(("tokens", "size", "group"), [(1, 2, 4), (2, 4, 2), (4, 8, 1), (8, 16, 1)])
def test_fewer_and_more_tokens_a_frame_carry_the_same_tokens(at_root, signal, tokens, size, group):
    made = focalcodec_stream.make("65k", tokens=tokens)
    frames = codec.encode(made, signal)
    assert (made.info.frame, made.info.group) == (320 * tokens, group)
    assert {len(f.payload) for f in frames} == {size}
    usual = b"".join(f.payload for f in codec.encode(focalcodec_stream.make("65k"), signal))
    assert b"".join(f.payload for f in frames).startswith(usual)  # 16 bits a token: the same bytes
    whole = codec.decode(made, [Slot(f.index, f.payload) for f in frames])
    again = codec.decode(made, [Slot(f.index, f.payload) for f in frames], 1)
    np.testing.assert_allclose(whole, again, atol=1e-5)


@pytest.mark.parametrize(("rate", "tokens"), [(50, 4), (25, 2), (12.5, 1)])
def test_full_context(at_root, signal, rate, tokens):
    made = focalcodec.make(rate)
    assert (made.info.rate_out, made.info.frame, made.info.frame_bits) == (16_000, 1280, 13 * tokens)
    assert not made.info.streaming
    encoder = made.encoder()
    assert encoder.push(signal) == []
    payloads = encoder.flush()
    assert len(payloads) == -(-len(signal) // 1280)
    decoder = made.decoder("repeat")
    assert len(decoder.push([Slot(i, p) for i, p in enumerate(payloads)])) == 0
    assert len(decoder.flush()) == len(payloads) * 1280
    assert codec.encode(made, signal[:0]) == []
    assert len(codec.encode(made, signal[:7])) == 1


def test_chunks_and_losses_of_a_stream(at_root, signal):
    made = focalcodec_stream.make("4k")
    frames = codec.encode(made, signal)
    assert [f.payload for f in codec.encode(made, signal, 1000)] == [f.payload for f in frames]
    lost = [Slot(f.index, None if f.index % 5 == 3 else f.payload) for f in frames]
    clean = codec.decode(made, [Slot(f.index, f.payload) for f in frames])
    heard = {}
    for name in made.info.concealments:
        heard[name] = codec.decode(made, lost, None, name)
        np.testing.assert_allclose(codec.decode(made, lost, 1, name), heard[name], atol=1e-4)
        assert len(heard[name]) == len(clean)
        np.testing.assert_array_equal(heard[name][: 3 * 1920], clean[: 3 * 1920])
        assert not np.allclose(heard[name][3 * 1920 : 4 * 1920], clean[3 * 1920 : 4 * 1920], atol=1e-3)
    assert not heard["mute"][3 * 1920 : 4 * 1920].any()
    assert len({h.tobytes() for h in heard.values()}) >= len(heard) - 1  # nothing is ahead here: interpolate repeats


def test_where_weights_come_from(at_root):
    by_name = focalcodec_stream.make("65k")
    given = focalcodec_stream.make("65k", weights=str(at_root / "focalcodec_stream_65k"))
    below = focalcodec_stream.make("65k", weights="focalcodec_stream_65k")
    assert by_name.info.identity == given.info.identity == below.info.identity
    assert by_name.info.identity["weights"].startswith("sha256 ")
    assert by_name.info.identity["precision"] == "fp32"
    with pytest.raises(UserError, match="another variant: codebook_size is 2048, not 4096"):
        focalcodec_stream.make("4k", weights="focalcodec_stream_2k")
    with pytest.raises(UserError, match="another variant"):
        focalcodec.make(25, weights="focalcodec_50hz")


def test_the_configuration_belongs_to_the_identity(at_root, tmp_path):
    changed = replace(config.small(config.STREAMING["65k"]), encoder=replace(SMALL_ENCODER, window_size=8))
    model.write(changed, dict(checkpoint.random(model.skeleton(changed).shapes(), 0)), tmp_path)
    usual, other = (focalcodec_stream.make("65k", weights=w).info.identity for w in (None, str(tmp_path)))
    assert usual["weights"] == other["weights"]
    assert usual["config"] != other["config"]


def test_without_weights_it_is_skipped_and_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path))
    for make, name in ((focalcodec_stream.make, "focalcodec_stream_65k"), (focalcodec.make, "focalcodec_50hz")):
        with pytest.raises(Unavailable, match=f"`focalbench fetch {name}`"):
            make()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"variant": "8k"}, r"variant='8k' is not allowed; choose from '2k', '4k', '65k'"),
        ({"precision": "fp16"}, "precision='fp16' is not allowed"),
        ({"tokens": 3}, "3 tokens in a frame are not allowed; choose 1, 2 or a multiple of 4"),
        ({"seed": "x"}, "seed='x' is not allowed; give a whole number"),
        ({"weights": 7}, "weights=7 is not allowed; give a folder, random, or nothing"),
        ({"weights": "nowhere"}, "No weights at 'nowhere'"),
    ],
)
def test_bad_parameters(at_root, arguments, words):
    with pytest.raises(UserError, match=words):
        focalcodec_stream.make(**arguments)
    with pytest.raises(UserError, match=r"rate=49 is not allowed; choose from 50, 25, 12.5"):
        focalcodec.make(49)


@pytest.mark.slow
def test_random_weights_at_full_size_are_marked():
    made = focalcodec_stream.make(weights="random", precision="int8")
    assert made.info.identity["weights"] == "random, seed 0"
    assert made.cost()["parameters"] == 249_046_686
    assert len(codec.encode(made, np.zeros(2 * 1280, np.float32))) == 2


@pytest.mark.parametrize(
    "spec", ["focalcodec_stream:variant=4k", "focalcodec_stream:variant=2k,tokens=1", "focalcodec"]
)
def test_its_sessions_keep_every_promise(at_root, spec):
    """But the delay: an untrained model's output resembles nothing, so none can be measured."""
    broken = [v for v in check_codec(spec, Limits(seconds=120)) if v.problem]
    assert [v.problem for v in broken if "no delay can be measured" not in v.problem] == []


@pytest.mark.parametrize("name", ["focalcodec_stream", "focalcodec"])
def test_a_voice_is_converted_among_the_features_before_the_decoder(at_root, signal, name):
    made = {"focalcodec_stream": focalcodec_stream, "focalcodec": focalcodec}[name].make()
    encoder = made.token_encoder()
    tokens = np.concatenate([encoder.push(signal), encoder.flush()])
    voice = speech_like(1.7, seed=3)
    found = made.convert(tokens, voice, 4)
    inner = made.loaded.codec
    features = inner.sig_to_feats(torch.from_numpy(voice)[None])[0]
    wanted = inner.feats_to_sig(nearest(inner.toks_to_qfeats(torch.from_numpy(tokens.T)), features, 4))[0].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert len(found) == len(tokens) * made.layout.hop_out
    assert not np.allclose(found, made.token_decoder().push(made.codes(tokens)), atol=1e-3)
