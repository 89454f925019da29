"""`baselines._causal`: a stream through each layer, and through whole networks, against the library's whole signal."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines import encodec, mimi
from baselines._transformers import Checkpoint, load

transformers = pytest.importorskip("transformers")
from baselines._causal import Chain, Stream, Transposed, stream  # noqa: E402 (after the skip: it is a network)

BLOCKS = ([1] * 12, [5, 1, 2, 4], [12])  # tokens at a time


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small products gain nothing from threads, and tests beside this one lose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)


def tiny(checkpoint: Checkpoint, **settings: Any) -> Any:
    """A small random model, with other settings than the published ones."""
    return load(replace(checkpoint, tiny={**checkpoint.tiny, **settings}), "tiny").model


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, np.float32))


def in_blocks(run: Stream, x: Tensor, blocks: list[int], hop: int = 1) -> Tensor:
    """What a stream makes of `x`, pushed in these blocks."""
    return torch.cat([run(block) for block in x.split([hop * count for count in blocks], -1)], -1)


def same(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=0, atol=2e-6 * float(wanted.abs().max()))


@pytest.mark.parametrize("blocks", BLOCKS, ids=str)
@pytest.mark.parametrize("lstm", [1, 2])
def test_encodec_streams_as_it_runs_whole_where_padding_needs_no_future(blocks: list[int], lstm: int) -> None:
    for pad_mode in ("constant", "replicate"):
        model = tiny(encodec.CHECKPOINT, pad_mode=pad_mode, num_lstm_layers=lstm)
        signal, latents = noise(1, 1, 12 * encodec.HOP), noise(1, 16, 12)
        same(in_blocks(stream(model.encoder), signal, blocks, encodec.HOP), model.encoder(signal))
        same(in_blocks(stream(model.decoder), latents, blocks), model.decoder(latents))


def test_where_the_library_mirrors_the_future_a_stream_soon_agrees() -> None:
    """The library pads with what follows, a stream repeats its first frame; that of an LSTM is no steady start."""
    model, hop = tiny(encodec.CHECKPOINT), encodec.HOP
    assert model.config.pad_mode == "reflect"
    reach = model.config.last_kernel_size - 1  # frames: only the layer behind the LSTM differs after a steady start
    steady, sudden = noise(1, 1, 40 * hop), noise(1, 1, 40 * hop)
    steady[..., : 20 * hop] = 0.3
    found, wanted = in_blocks(stream(model.encoder), steady, [1] * 40, hop), model.encoder(steady)
    same(found[..., reach:], wanted[..., reach:])
    assert (found - wanted)[..., :reach].abs().amax((0, 1)).min() > 1e-3
    difference = (in_blocks(stream(model.encoder), sudden, [1] * 40, hop) - model.encoder(sudden)).abs().amax((0, 1))
    assert difference[:reach].min() > 1e-3
    assert difference[30:].max() < 1e-5  # an LSTM forgets


def mimi_encoder(model: Any) -> Chain:
    return Chain([model.encoder.encoder_seanet, model.encoder.encoder_transformer, model.encoder.downsample])


def mimi_decoder(model: Any) -> Chain:
    return Chain([model.decoder.upsample, model.decoder.decoder_transformer, model.decoder.decoder_seanet])


@pytest.mark.parametrize("blocks", BLOCKS, ids=str)
@pytest.mark.parametrize("window", [3, 16, 250])
def test_mimi_streams_as_it_runs_whole(blocks: list[int], window: int) -> None:
    """Also where its 24 positions are more than attention sees."""
    model = tiny(mimi.CHECKPOINT, sliding_window=window, layer_scale_initial_scale=1.0)
    signal, latents = noise(1, 1, 12 * mimi.HOP), noise(1, 32, 12)
    same(in_blocks(mimi_encoder(model), signal, blocks, mimi.HOP), model.encoder(signal).latents)
    same(in_blocks(mimi_decoder(model), latents, blocks), model.decoder(latents).audio_values)


def test_the_librarys_own_stream_of_mimis_decoder_is_another_signal() -> None:
    """Why ours is there: it keeps keys and values, but begins each convolution with zeros."""
    model, latents = tiny(mimi.CHECKPOINT), noise(1, 32, 8)
    cache, parts = transformers.DynamicCache(config=model.decoder.config), []
    for latent in latents.split(1, -1):
        parts.append(model.decoder(latent, past_key_values=cache, use_cache=True).audio_values)
    wanted = model.decoder(latents).audio_values
    assert (torch.cat(parts, -1) - wanted).abs().max() > 0.1 * wanted.abs().max()


def test_streams_do_not_touch() -> None:
    model, hop = tiny(encodec.CHECKPOINT), encodec.HOP
    signals = noise(1, 1, 6 * hop), noise(1, 1, 6 * hop, seed=1)
    alone = [in_blocks(stream(model.encoder), signal, [1] * 6, hop) for signal in signals]
    runs = [stream(model.encoder) for _ in signals]
    pairs = zip(*(signal.split(hop, -1) for signal in signals), strict=True)
    parts = [[run(block) for run, block in zip(runs, blocks, strict=True)] for blocks in pairs]
    for number in (0, 1):
        assert torch.equal(torch.cat([part[number] for part in parts], -1), alone[number])


@pytest.mark.parametrize(("width", "stride"), [(4, 2), (5, 2), (9, 2), (2, 2), (3, 1)])
@pytest.mark.parametrize(("groups", "bias"), [(1, True), (1, False), (6, True), (6, False)])
def test_a_transposed_convolution_adds_what_overlaps(width: int, stride: int, groups: int, bias: bool) -> None:
    conv = nn.ConvTranspose1d(6, 12, width, stride, groups=groups, bias=bias)
    x = noise(1, 6, 12)
    for blocks in BLOCKS:
        run = Transposed(SimpleNamespace(causal=True, trim_right_ratio=1.0, conv=conv))
        same(in_blocks(run, x, blocks), conv(x)[..., : 12 * stride])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"use_causal_conv": False}, "EncodecConv1d cannot stream: its causal is False, not True"),
        ({"norm_type": "time_group_norm"}, "its norm_type is 'time_group_norm', not 'weight_norm'"),
        ({"pad_mode": "circular"}, "a stream cannot begin with padding 'circular'"),
    ],
)
def test_what_looks_ahead_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        stream(tiny(encodec.CHECKPOINT, **settings).encoder)


def test_a_decoder_that_trims_its_start_is_refused() -> None:
    with pytest.raises(ValueError, match=r"its trim_right_ratio is 0.5, not 1.0"):
        stream(tiny(encodec.CHECKPOINT, trim_right_ratio=0.5).decoder)


def test_a_layer_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no stream is known through BatchNorm1d"):
        stream(nn.BatchNorm1d(3))
