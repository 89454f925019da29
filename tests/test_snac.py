"""`baselines.snac`: the package's own tokens and samples, its noise made the same each time, its checkpoints read."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines import snac
from baselines.snac import Snac
from benchmark.bits import unpack
from benchmark.check import check_codec
from benchmark.codec import decode, encode
from benchmark.types import Unavailable, UserError
from tests.signals import check_sessions, slots_of, speech_like

RATE, FRAME = 24_000, 2_048


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small products gain nothing from threads, and tests beside this one lose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def codec() -> Snac:
    try:
        return snac.make(weights="tiny")
    except Unavailable as error:
        pytest.skip(str(error))


def test_sessions(codec: Snac) -> None:
    check_sessions(codec, speech_like(0.9, RATE))


@pytest.mark.parametrize("samples", [1, FRAME, FRAME + 1, 20_000])
def test_tokens_and_samples_are_the_packages(codec: Snac, samples: int) -> None:
    signal, due = speech_like(1, RATE)[:samples], -(-samples // FRAME)
    frames = encode(codec, signal)
    assert len(frames) == due
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        scales = codec.model.encode(torch.from_numpy(signal)[None, None])
        torch.manual_seed(snac.NOISE)
        expected = codec.model.decode(scales)[0, 0].numpy()
    assert [scale.shape[1] for scale in scales] == [due, 2 * due, 4 * due]
    tokens = np.concatenate([unpack(frame.payload, 12, (1, 7)) for frame in frames])
    for columns, scale in zip((slice(0, 1), slice(1, 3), slice(3, 7)), scales, strict=True):
        np.testing.assert_array_equal(tokens[:, columns].ravel(), scale[0].numpy())
    output = decode(codec, slots_of(frames))
    assert len(output) == due * FRAME
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-6)


def test_facts(codec: Snac) -> None:
    info = codec.info
    assert (info.rate_in, info.rate_out, info.frame, info.delay) == (RATE, RATE, FRAME, 0)
    assert (info.frame_bits, info.token_bits, info.codebooks) == (84, 12, 7)
    assert codec.layout.frame_bits * RATE / FRAME == pytest.approx(984.375)
    assert not info.streaming
    assert not info.trained


def test_the_published_size(codec: Snac) -> None:
    """19.8 M, as the model's page says."""
    kind = type(codec.model)
    with torch.device("meta"):
        assert sum(each.numel() for each in kind(**snac.PUBLISHED).parameters()) == 19_842_914


def test_the_noise_is_there_and_always_the_same(codec: Snac) -> None:
    frames, before = encode(codec, speech_like(0.4, RATE)), torch.get_rng_state()
    first = decode(codec, slots_of(frames))
    np.testing.assert_array_equal(decode(codec, slots_of(frames)), first)
    assert torch.equal(before, torch.get_rng_state()), "the generator of the process is not ours"
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(snac.NOISE + 1)
        scales = codec.model.encode(torch.from_numpy(speech_like(0.4, RATE))[None, None])
        assert np.abs(codec.model.decode(scales)[0, 0].numpy() - first).max() > 1e-3


def saved(codec: Snac, folder: Path, **changed: object) -> Path:
    (folder / "config.json").write_text(json.dumps({**snac.SMALL, **changed}), encoding="utf-8")
    torch.save(codec.model.state_dict(), folder / "pytorch_model.bin")
    return folder


def test_a_folder_gives_what_it_holds(codec: Snac, tmp_path: Path) -> None:
    read, signal = snac.make(weights=str(saved(codec, tmp_path)), seed=5), speech_like(0.4, RATE)
    assert read.info.trained
    assert set(read.info.identity) == {"snac", "torch", "weights", "config"}
    assert encode(read, signal) == encode(codec, signal)


def test_refuses(codec: Snac, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(codec, tmp_path, sampling_rate=32_000)
    with pytest.raises(UserError, match=r"holds another model than snac_24khz: .* \[32000, 512, .* not \[24000, 512,"):
        snac.make(weights=str(tmp_path))
    saved(codec, tmp_path, encoder_dim=8)
    with pytest.raises(UserError, match=r"holds no SNAC \(RuntimeError: .*size mismatch"):
        snac.make(weights=str(tmp_path))
    with pytest.raises(UserError, match=r"^snac: weights=3 is not allowed; give a folder, random, tiny, or nothing\.$"):
        snac.make(weights=3)  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(UserError, match=r"^snac: seed=-1 is not allowed"):
        snac.make(seed=-1)
    monkeypatch.setitem(sys.modules, "snac", None)
    with pytest.raises(Unavailable, match=r"pip install 'focalbench\[snac\]'"):
        snac.make(weights="tiny")


@pytest.mark.slow
def test_it_keeps_its_promises(codec: Snac) -> None:
    assert [verdict for verdict in check_codec("snac:weights=tiny") if verdict.problem] == []
