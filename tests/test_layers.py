"""Layered packets: what is sent of a frame in two, what is played of it, and how residual tokens decode in part."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import codec as loops
from benchmark import registry
from benchmark.bits import divide, pack, unite, unpack
from benchmark.hosts import CodecHost
from benchmark.packetise import packetise
from benchmark.pipeline import _pattern
from benchmark.playout import AHEAD, earliest, play
from benchmark.protection.layers import Layers
from benchmark.tokens import TokenCodec, TokenLayout, token_info
from benchmark.transmission import Transmission
from benchmark.types import LOST, Fate, NotMeasured, Slot, UserError
from tests.quick import make_run, suite

MS = 1_000_000
HOP, RATE = 160, 8_000
CODEBOOKS, BITS = 5, 4


class Digits(TokenCodec):
    """The mean of `hop` samples as a hexadecimal fraction, a digit per codebook, from 0 (full scale down) to 1 (up)."""

    def __init__(self, codebooks: int = CODEBOOKS, hop: int = HOP) -> None:
        self.layout = TokenLayout(RATE, RATE, hop, hop, BITS, codebooks, residual=True)
        self.info = token_info(self.layout, {})

    def token_encoder(self):
        return DigitsEncoder(self)

    def token_decoder(self):
        return self

    def push(self, codes):
        return np.repeat(codes[:, 0] * 2 - 1, self.layout.hop_out).astype(np.float32)

    def codes(self, tokens):
        return (tokens @ 16.0 ** -np.arange(1, tokens.shape[1] + 1))[:, None].astype(np.float32)

    def silence(self):
        return np.array([[8] + [0] * (self.layout.codebooks - 1)])


class DigitsEncoder:
    def __init__(self, codec):
        self.codec, self.rest = codec, np.empty(0, np.float32)

    def push(self, signal):
        self.rest = np.concatenate([self.rest, signal])
        hop = self.codec.layout.hop_in
        whole = len(self.rest) // hop * hop
        ready, self.rest = self.rest[:whole], self.rest[whole:]
        number = (ready.reshape(-1, hop).mean(axis=1).astype(np.float64) + 1) / 2 * 16.0**self.codec.layout.codebooks
        number = np.clip(np.floor(number), 0, 16**self.codec.layout.codebooks - 1).astype(np.int64)
        return number[:, None] // 16 ** np.arange(self.codec.layout.codebooks - 1, -1, -1) % 16

    def flush(self):
        return self.push(np.zeros(-len(self.rest) % self.codec.layout.hop_in, np.float32))


def make(codebooks: int = CODEBOOKS, hop: int = HOP) -> Digits:
    return Digits(codebooks, hop)


LEVELS = np.array([-0.9, -0.3, 0.123, 0.77, 0.5001, -0.0625, 0.3], np.float32)
SPEECH = np.repeat(LEVELS, HOP)


def sent(base=1, pacing="burst"):
    codec = make()
    frames = loops.encode(codec, SPEECH)
    return codec, frames, packetise(frames, Layers(base, pacing), 1, "none")


def played(frames, stream, lost=(), delay=None):
    delays = np.zeros(len(stream.packets), np.int64)
    delays[list(lost)] = LOST
    for packet, late in (delay or {}).items():
        delays[packet] = late * MS
    return play(frames, stream.packets, delays, earliest(frames, stream.hold))


@given(st.integers(0, 2**23 - 1), st.integers(1, 22))
def test_two_parts_make_the_whole(number, first):
    payload = pack(np.array([number]), 23)
    coarse, rest = divide(payload, 23, first)
    assert (len(coarse), len(rest)) == (-(-first // 8), -(-(23 - first) // 8))
    assert unpack(coarse, first, (1,)) == [number >> 23 - first]
    assert unite(coarse, rest, 23, first) == payload


@pytest.mark.parametrize(("bits", "codebooks", "layers"), [(10, 4, (10, 20, 30)), (4, 5, (8, 16)), (4, 4, (8,))])
def test_layers_are_told_apart_by_their_bytes(bits, codebooks, layers):
    layout = TokenLayout(RATE, RATE, HOP, HOP, bits, codebooks, residual=True)
    assert layout.layers == layers
    assert token_info(layout, {}).layers == layers
    assert TokenLayout(RATE, RATE, HOP, HOP, bits, codebooks).layers == ()


def test_residual_tokens_do_not_share_a_payload():
    with pytest.raises(ValueError, match="2 residual tokens in a payload"):
        TokenLayout(RATE, RATE, HOP, HOP, 4, 2, per_frame=2, residual=True)


@pytest.mark.parametrize(("base", "sizes"), [(1, [(8, 1), (12, 2)]), (2, [(16, 2), (4, 1)])])
def test_a_frame_goes_in_two_packets_with_its_exact_bits(base, sizes):
    _, frames, stream = sent(base)
    assert [[(f.bits, len(f.payload)) for f in p.frames] for p in stream.packets] == [[size] for size in sizes] * len(
        frames
    )
    assert [p.seq for p in stream.packets] == list(range(2 * len(frames)))


def test_the_rest_leaves_half_a_frame_later_unless_in_a_burst():
    assert {p.sent % (20 * MS) for p in sent(pacing="even")[2].packets[::2]} == {0}
    assert {p.sent % (20 * MS) for p in sent(pacing="even")[2].packets[1::2]} == {10 * MS}
    assert {p.sent % (20 * MS) for p in sent(pacing="burst")[2].packets} == {0}


def test_what_a_lost_rest_leaves_is_the_coarse_picture():
    codec, frames, stream = sent()
    slots = played(frames, stream, lost=[5, 8]).slots  # the rest of frame 2, the coarse part of frame 4
    assert [s.payload for s in slots] == [
        *(f.payload for f in frames[:2]),
        frames[2].payload[:1],
        frames[3].payload,
        None,
        *(f.payload for f in frames[5:]),
    ]
    output = loops.decode(codec, slots, concealment="repeat").reshape(-1, HOP)[:, 0]
    error = np.abs(output - LEVELS)
    assert error[[0, 1, 3, 5, 6]].max() < 2 * 16.0**-CODEBOOKS + 1e-6
    assert 2 * 16.0**-3 < error[2] <= 2 * 16.0**-2
    assert output[4] == output[3]


def test_a_late_rest_is_not_waited_for():
    _, frames, stream = sent()
    got = played(frames, stream, delay={3: 1})
    assert len(got.slots[1].payload) == 1
    assert not got.lost.any()
    assert not got.late.any()


def test_what_is_ahead_is_as_fine_as_what_is_there():
    _, frames, stream = sent()
    slots = play(frames, stream.packets, np.zeros(14, np.int64), earliest(frames, stream.hold) + 40 * MS).slots
    assert slots[0].ahead == tuple(f.payload for f in frames[1:3])
    delays = np.zeros(14, np.int64)
    delays[3] = 30 * MS
    slots = play(frames, stream.packets, delays, earliest(frames, stream.hold) + 40 * MS).slots
    assert slots[0].ahead == (frames[1].payload[:1], frames[2].payload)
    assert len(slots[0].ahead) <= AHEAD


@given(st.lists(st.booleans(), min_size=14, max_size=14), st.integers(1, 3))
def test_pushes_do_not_matter_to_parts(gone, chunk):
    codec, frames, stream = sent()
    slots = played(frames, stream, lost=np.flatnonzero(gone)).slots
    whole = loops.decode(codec, slots)
    assert np.array_equal(whole, loops.decode(codec, slots, chunk))


def test_the_facts_count_them(tmp_path):
    wanted = suite(
        "tests.test_layers:make", "pcm", channels=["gilbert:burst_ratio=1,loss=0.2"], protection=["layers:base=1"]
    )
    results, _ = make_run(wanted, tmp_path)
    rows = results[results["codec_spec"].str.startswith("tests.")]
    coarse = rows[rows["name"] == "coarse_share"].iloc[0]
    assert coarse["denominator"] > 100
    assert 0.08 < coarse["value"] < 0.25  # 0.8 * 0.2 is the law
    assert set(results.loc[results["codec"].str.startswith("pcm"), "status"]) == {"not_applicable"}


def test_what_is_played_in_part_is_scored_as_it_sounds(tmp_path):
    """Beside a clean trial and without one; nothing may be taken from a transmission that was whole."""
    codec, lossy = "tests.test_layers:make:hop=8", "gilbert:burst_ratio=1,loss=0.002"
    keys = {"protection": ["layers:base=1"], "metrics": ["mel_distance"]}
    alone, _ = make_run(suite(codec, channels=[lossy], **keys), tmp_path / "alone")
    both, _ = make_run(suite(codec, channels=["clean", lossy], **keys), tmp_path / "both")

    def of(results, name, channel=lossy):
        return results[(results["name"] == name) & (results["channel"] == channel)].iloc[0]

    assert of(both, "coarse_share")["value"] > 0
    assert of(both, "mel_distance")["status"] == "ok"
    assert of(both, "mel_distance")["value"] == of(alone, "mel_distance")["value"]
    assert of(both, "mel_distance")["value"] != of(both, "mel_distance", "clean")["value"]


def transmission(lost):
    """Of three frames in two packets each, some of which are lost."""
    _, frames, stream = sent()
    delays = np.zeros(len(stream.packets), np.int64)
    delays[list(lost)] = LOST
    waits = np.zeros(len(frames), np.int64)
    return Transmission(frames, stream, Fate(delays), waits, played(frames, stream, lost), 0, 0)


def test_which_parts_were_there_is_part_of_what_a_decoder_sees():
    whole, first, second, coarse = (transmission(lost) for lost in ([], [1], [3], [0]))
    assert [t.coarse for t in (whole, first, second, coarse)] == [0, 1, 1, 0]
    assert len({_pattern(t) for t in (whole, first, second, coarse)}) == 4


def test_behind_frames_played_in_part_no_recovery_is_told(tmp_path):
    channel = "gilbert:burst_ratio=1,loss=0.2"
    keys = {"channels": [channel], "protection": ["layers:base=1"], "metrics": ["mel_distance"]}
    results, _ = make_run(suite("tests.test_layers:make:hop=8", **keys), tmp_path)
    row = results[results["name"] == "recovery_ms"].iloc[0]
    assert row["status"] == "not_applicable"
    assert "played in part" in row["reason"]


def test_who_has_no_layers_is_not_sent_in_layers():
    frames = loops.encode(registry.make("codec", registry.parse("pcm")), SPEECH)
    with pytest.raises(NotMeasured, match="the codec has none: a payload is whole or nothing"):
        packetise(frames, Layers(), 1, "none")
    with pytest.raises(NotMeasured, match="base=3 asks for layers, of which the codec has 2 layers"):
        sent(3)


def test_nothing_sent_stays_nothing():
    _, frames, _ = sent()
    frames[1] = replace(frames[1], payload=b"", bits=0)
    stream = packetise(frames, Layers(), 1, "none")
    assert len(stream.packets) == 2 * len(frames) - 2
    assert played(frames, stream).slots[1] == Slot(1, b"", ())


@pytest.mark.parametrize("text", ["layers:base=0", "layers:base=x", "layers:pacing=slow"])
def test_a_mistake_is_named(text):
    with pytest.raises(UserError, match="layers: "):
        registry.make("protection", registry.parse(text))


def test_it_has_a_name():
    assert (Layers(2).title, Layers(1, "burst").title) == ("layered, base 2", "layered, base 1, burst")


def test_layers_that_cannot_be_are_told():
    class Odd:
        def __init__(self, layers):
            self.info = token_info(TokenLayout(RATE, RATE, HOP, HOP, 4, 2), {})
            object.__setattr__(self.info, "layers", layers)

    host = object.__new__(CodecHost)
    for layers in ((8,), (4, 4), (5, 4), [4], ("4",)):
        host.codec = Odd(layers)
        with pytest.raises(NotMeasured, match=r"codec\.info has layers="):
            host.describe()
