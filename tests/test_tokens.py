"""`benchmark.tokens`: exact bits, whole groups, and one output whatever the pushes; with a real toy codec."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.bits import Indices, unpack
from benchmark.codec import decode, encode
from benchmark.conceal import STRATEGIES, Codes
from benchmark.tokens import TokenCodec, TokenDecoder, TokenEncoder, TokenLayout, token_info
from benchmark.types import CodecInfo, NotMeasured, Signal, Slot, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like
from tests.toytokens import HOP_OUT, LEAK, Toy

SIZES = [1, 2, 4, 8]  # tokens per frame, for groups of 4
SPEECH = speech_like(1.03)


class Echo(TokenCodec):
    """Sends the tokens it is given, at flush; plays each token's number for HOP samples, and notes every push."""

    HOP = 3

    def __init__(self, tokens: Indices, bits: int = 5, group: int = 4, per_frame: int = 1, short: int = 0) -> None:
        layout = TokenLayout(1_000, 1_000, self.HOP, self.HOP, bits, tokens.shape[1], group, per_frame)
        self.layout, self.info = layout, token_info(layout, {})
        self.tokens, self.short = tokens, short
        self.pushed: list[list[float]] = []

    def token_encoder(self) -> TokenEncoder:
        return _EchoEncoder(self)

    def token_decoder(self) -> TokenDecoder:
        return _EchoDecoder(self)

    def codes(self, tokens: Indices) -> Codes:
        return tokens.astype(np.float32)

    def silence(self) -> Indices:
        return np.repeat(np.arange(self.layout.group)[:, None], self.layout.codebooks, axis=1)


class _EchoEncoder:
    def __init__(self, echo: Echo) -> None:
        self.echo = echo

    def push(self, signal: Signal) -> Indices:
        return self.echo.tokens[:0]

    def flush(self) -> Indices:
        return self.echo.tokens


class _EchoDecoder:
    def __init__(self, echo: Echo) -> None:
        self.echo = echo

    def push(self, codes: Codes) -> Signal:
        self.echo.pushed.append(codes[:, 0].tolist())
        return np.repeat(codes[:, 0], Echo.HOP)[self.echo.short :]


def numbered(count: int, codebooks: int = 1) -> Indices:
    """Tokens 10, 11, 12, ...: none of them is one of Echo's silence."""
    return np.repeat(10 + np.arange(count)[:, None], codebooks, axis=1)


def echoed(count: int, **layout: int) -> tuple[Echo, list[Slot]]:
    """An Echo of `count` numbered tokens, and the slots it sends."""
    echo = Echo(numbered(count), **layout)
    return echo, slots_of(encode(echo, np.zeros(count * Echo.HOP, np.float32)))


def played(echo: Echo, slots: list[Slot], concealment: str = "", chunk: int | None = None) -> list[float]:
    """The number that each token was played as; all samples of a token have to be the same."""
    output = decode(echo, slots, chunk, concealment).reshape(-1, Echo.HOP)
    assert (output == output[:, :1]).all()
    return output[:, 0].tolist()  # type: ignore[no-any-return]  # numpy's tolist is Any


def without(slots: list[Slot], *lost: int) -> list[Slot]:
    """The same slots, these lost."""
    return [Slot(s.index, None if s.index in lost else s.payload, s.ahead) for s in slots]


@pytest.mark.parametrize("per_frame", SIZES)
@pytest.mark.parametrize("bits", [11, 16])
def test_sessions(per_frame: int, bits: int) -> None:
    codec = Toy(per_frame, bits=bits)
    check_sessions(codec, SPEECH)
    check_receivers(codec, slots_of(encode(codec, SPEECH), {3}), slots_of(encode(codec, -SPEECH)))


@pytest.mark.parametrize("codec", [Toy(3, group=1), Toy(2, codebooks=3, bits=5), Toy(1, group=6), Toy(12, group=6)])
def test_other_layouts(codec: Toy) -> None:
    check_sessions(codec, SPEECH)


@pytest.mark.parametrize("bits", [11, 12, 16])
@pytest.mark.parametrize("per_frame", SIZES)
def test_bits_are_exact(bits: int, per_frame: int) -> None:
    chunks = 6
    frames = encode(Toy(per_frame, bits=bits), SPEECH[: chunks * 4 * 320])
    assert sum(frame.bits for frame in frames) == chunks * {11: 44, 12: 48, 16: 64}[bits]
    assert {len(frame.payload) for frame in frames} == {-(-per_frame * bits // 8)}


def test_what_a_layout_says_of_the_codec() -> None:
    layout = TokenLayout(16_000, 24_000, 320, 480, 11, codebooks=2, group=4, per_frame=2)
    assert token_info(layout, {"weights": "abc"}, delay=7, streaming=False) == CodecInfo(
        rate_in=16_000,
        rate_out=24_000,
        frame=640,
        token_bits=11,
        delay=7,
        lookahead=0,
        streaming=False,
        frame_bits=44,
        identity={"weights": "abc"},
        group=2,
        concealments={name: int(name == "interpolate") for name in STRATEGIES},
        codebooks=2,
    )
    assert token_info(layout, {}).streaming
    assert next(iter(token_info(layout, {}).concealments)) == "repeat_fade"
    groups = {per_frame: Toy(per_frame).info.group for per_frame in SIZES}
    assert groups == {1: 4, 2: 2, 4: 1, 8: 1}


@pytest.mark.parametrize("per_frame", [0, -4, 3, 6, 2.0, True, "4", None])
def test_a_frame_holds_part_of_a_group_or_whole_ones(per_frame: Any) -> None:
    with pytest.raises(UserError, match=rf"{per_frame!r} tokens in a frame are .* choose 1, 2 or a multiple of 4\."):
        Toy(per_frame)


def test_layouts_that_cannot_be() -> None:
    with pytest.raises(UserError, match=r"^0 tokens in a frame are .* choose a whole number from 1\."):
        Toy(0, group=1)
    with pytest.raises(ValueError, match="320 at 16000 Hz in, 320 at 24000 Hz out"):
        TokenLayout(16_000, 24_000, 320, 320, 11)


@given(data=st.data(), bits=st.integers(1, 20), codebooks=st.integers(1, 3), per_frame=st.sampled_from(SIZES))
def test_what_is_sent_is_what_is_decoded(data: st.DataObject, bits: int, codebooks: int, per_frame: int) -> None:
    groups, index = data.draw(st.integers(0, 5)), st.integers(0, 2**bits - 1)
    shape = (4 * groups, codebooks)
    tokens = np.array(data.draw(st.lists(index, min_size=shape[0] * codebooks, max_size=shape[0] * codebooks)))
    tokens = tokens.astype(np.int64).reshape(shape)
    echo = Echo(tokens, bits=max(bits, 2), per_frame=per_frame)  # its silence needs two
    payloads = echo.encoder().flush()
    count = len(payloads) * per_frame
    assert count == -(-len(tokens) // per_frame) * per_frame
    sent = [unpack(payload, echo.layout.bits, (per_frame, codebooks)) for payload in payloads]
    np.testing.assert_array_equal(np.concatenate([np.zeros((0, codebooks)), *sent])[: len(tokens)], tokens)
    slots = [Slot(i, payload) for i, payload in enumerate(payloads)]
    np.testing.assert_array_equal(played(echo, slots)[: len(tokens)], tokens[:, 0])


@pytest.mark.parametrize("codec", [Toy(1), Toy(4), Toy(8, bits=16), Toy(2, bits=5, codebooks=3)])
def test_a_flipped_bit_flips_one_bit_of_one_token(codec: Toy) -> None:
    payload = encode(codec, SPEECH)[3].payload
    layout = codec.layout
    shape = (layout.per_frame, layout.codebooks)
    tokens = unpack(payload, layout.bits, shape)
    for bit in range(8 * len(payload)):
        flipped = bytearray(payload)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        changed = tokens ^ unpack(bytes(flipped), layout.bits, shape)
        due = [0] * (layout.per_frame * layout.codebooks)
        if bit < layout.frame_bits:  # what follows is padding
            due[bit // layout.bits] = 1 << layout.bits - 1 - bit % layout.bits
        assert changed.ravel().tolist() == due
        codes = np.abs(codec.codes(tokens ^ changed) - codec.codes(tokens))
        assert codes.sum() == (2 if any(due) else 0)


def test_the_last_frame_is_filled_with_silence() -> None:
    _, slots = echoed(12, per_frame=8)
    echo = Echo(numbered(12), per_frame=8)
    assert len(slots) == 2
    assert played(echo, slots) == [*range(10, 22), 0, 1, 2, 3]


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(sorted(STRATEGIES)), per_frame=st.sampled_from(SIZES), ahead=st.integers(0, 5), data=st.data()
)
def test_pushes_do_not_matter(name: str, per_frame: int, ahead: int, data: st.DataObject) -> None:
    codec = Toy(per_frame)
    frames = encode(codec, SPEECH)
    marks = data.draw(st.text(".x-", min_size=len(frames), max_size=len(frames)))
    payloads = [{".": f.payload, "x": None, "-": b""}[mark] for f, mark in zip(frames, marks, strict=True)]
    slots = [Slot(i, payload, tuple(payloads[i + 1 : i + 1 + ahead])) for i, payload in enumerate(payloads)]
    whole = decode(codec, slots, concealment=name)
    assert len(whole) == len(frames) * per_frame * HOP_OUT
    assert whole.dtype == np.float32
    for chunk in (1, 3, 7):
        np.testing.assert_array_equal(decode(codec, slots, chunk, name), whole, err_msg=f"{chunk} at once")


@pytest.mark.parametrize("per_frame", SIZES)
def test_without_losses_all_strategies_are_one(per_frame: int) -> None:
    codec = Toy(per_frame)
    slots = slots_of(encode(codec, SPEECH))
    tokens = np.concatenate([unpack(s.payload or b"", 11, (per_frame, 1)) for s in slots])
    straight = codec.token_decoder().push(codec.codes(tokens))
    for name in ("", *STRATEGIES):
        np.testing.assert_array_equal(decode(codec, slots, concealment=name), straight, err_msg=name)


@pytest.mark.parametrize("per_frame", [1, 2, 4])
@pytest.mark.parametrize(
    ("name", "due"),
    [
        ("repeat", [13] * 8),
        ("mute", [0] * 8),
        ("zero_latent", [0] * 8),
        ("interpolate", [14, 15, 16, 17, 18, 19, 20, 21]),
        ("freeze", [0] * 8),
        ("silence", [0, 1, 2, 3, 0, 1, 2, 3]),
        ("markov", [13] * 8),
    ],
)
def test_a_hole_sounds_the_same_however_tokens_are_framed(name: str, due: list[int], per_frame: int) -> None:
    echo, slots = echoed(16, per_frame=per_frame)
    payloads = [None if 4 <= s.index * per_frame < 12 else s.payload for s in slots]
    slots = [Slot(i, payload, tuple(payloads[i + 1 : i + 9])) for i, payload in enumerate(payloads)]
    assert played(echo, slots, name) == [10, 11, 12, 13, *due, 22, 23, 24, 25]


def test_holes_inside_groups() -> None:
    echo, slots = echoed(12)
    lost = without(slots, 2, 5, 6)
    assert played(echo, lost, "repeat") == [10, 11, 11, 13, 14, 14, 14, *range(17, 22)]
    assert played(echo, lost, "freeze") == played(echo, lost, "repeat")
    assert played(echo, lost, "mute") == [10, 11, 0, 13, 14, 0, 0, *range(17, 22)]
    assert played(echo, lost, "interpolate") == list(range(10, 22))


def test_random_tokens_can_be_any() -> None:
    echo, slots = echoed(16, bits=5)
    found = played(echo, without(slots, *range(1, 16)), "random")[1:]
    assert found == played(echo, without(slots, *range(1, 16)), "random", 3)[1:]
    assert len(set(found)) > 8
    assert 0 <= min(found) <= max(found) < 32


def test_before_anything_came_there_is_silence() -> None:
    echo, slots = echoed(12)
    assert played(echo, without(slots, *range(6)), "repeat")[:7] == [0, 1, 2, 3, 0, 1, 16]


@pytest.mark.parametrize("per_frame", SIZES)
def test_nothing_sent_is_silence_and_no_loss(per_frame: int) -> None:
    echo, slots = echoed(16, per_frame=per_frame)
    quiet = [Slot(s.index, s.payload if s.index else b"", s.ahead) for s in slots]
    assert played(echo, quiet, "mute") == [*[0, 1, 2, 3, 0, 1, 2, 3][:per_frame], *range(10 + per_frame, 26)]
    if per_frame == 1:
        quiet[4], quiet[5] = Slot(4, None), Slot(5, b"")
        assert played(echo, quiet, "interpolate")[4:6] == [(13 + 1) / 2, 1]


def test_what_lies_ahead_is_looked_at_from_the_end_of_the_group() -> None:
    echo, slots = echoed(12)
    lost = without(slots, 6, 7, 8)
    seen = tuple(s.payload for s in slots)
    lost[7] = Slot(7, None, (None, seen[9]))
    assert played(echo, lost, "interpolate")[5:10] == [15, 16, 17, 18, 19]
    lost[7] = Slot(7, None, (None, b""))  # nothing sent in frame 9 is silence token 1
    assert played(echo, lost, "interpolate")[6:8] == [11.5, 8]
    lost[6], lost[7] = Slot(6, None, (None, None, seen[9])), Slot(7, None)
    assert played(echo, lost, "interpolate")[6:8] == [15, 15]


def test_all_that_is_ready_goes_to_the_model_at_once() -> None:
    for name in STRATEGIES:
        echo, slots = echoed(16)
        lost = without(slots, 5, 8, 9, 10, 11)
        played(echo, lost, name)
        assert [len(pushed) for pushed in echo.pushed] == [12 if name == "freeze" else 16]
    echo, slots = echoed(8)
    decoder = echo.decoder()
    assert [len(decoder.push(slots[n : n + 3])) for n in (0, 3, 6)] == [0, 4 * Echo.HOP, 4 * Echo.HOP]
    assert not len(decoder.flush())
    assert [len(pushed) for pushed in echo.pushed] == [4, 4]


def test_freezing_hides_the_hole_from_the_model() -> None:
    codec = Toy(4)
    slots = slots_of(encode(codec, SPEECH))
    held = decode(codec, without(slots, 5, 6), concealment="freeze")
    shorter = decode(codec, [s for s in slots if s.index not in (5, 6)])
    hole = slice(5 * 4 * HOP_OUT, 7 * 4 * HOP_OUT)
    assert not held[hole].any()
    np.testing.assert_array_equal(np.delete(held, hole), shorter)


def test_a_stream_that_ends_inside_a_group() -> None:
    echo, slots = echoed(12)
    assert played(echo, slots[:6], "repeat") == [*range(10, 16)]
    assert echo.pushed[-1] == [14, 15, 15, 15]
    for chunk in (1, 2, 5):
        assert played(echo, slots[:6], "repeat", chunk) == [*range(10, 16)]
    echo, slots = echoed(8, per_frame=2)
    assert played(echo, slots[:1], "mute") == [10, 11]


@pytest.mark.parametrize(("per_frame", "due"), [(1, 2), (4, 6), (8, 11)])
def test_refuses_payloads_of_another_size(per_frame: int, due: int) -> None:
    for size in (due - 1, due + 1):
        with pytest.raises(NotMeasured, match=f"frame 3 has {size} bytes, {due} were due") as caught:
            decode(Toy(per_frame), [Slot(i, bytes(size if i == 3 else due)) for i in range(4)])
        assert caught.value.status == "codec_failed"


def test_refuses_a_model_that_plays_too_little() -> None:
    _, slots = echoed(8)
    with pytest.raises(NotMeasured, match="23 samples for frames 0 to 7, 24 were due") as caught:
        decode(Echo(numbered(8), short=1), slots)
    assert caught.value.status == "codec_failed"


def test_refuses_an_unknown_concealment() -> None:
    with pytest.raises(UserError, match="No concealment called 'hope'; choose from repeat_fade, repeat"):
        Toy().decoder("hope")


def test_nothing_in_nothing_out() -> None:
    assert encode(Toy(), np.zeros(0, np.float32)) == []
    assert not len(decode(Toy(), []))
    assert len(encode(Toy(), np.zeros(1, np.float32))) == 4


def test_the_memory_of_the_toy_halves_with_every_token() -> None:
    codec = Toy(4)
    tokens = codec.token_encoder().push(SPEECH[: 12 * 1280])
    sessions = codec.token_decoder(), codec.token_decoder()
    codes, wrong = codec.codes(tokens), codec.codes(tokens)
    wrong[0] = 0
    apart = []
    for n in range(0, 24, 4):
        for session, pushed in zip(sessions, (codes, wrong), strict=True):
            session.push(pushed[n : n + 4])
        apart.append(np.abs(sessions[0].memory - sessions[1].memory).max())  # type: ignore[attr-defined]
    np.testing.assert_allclose(apart[1:], np.array(apart[:-1]) * LEAK**4, rtol=1e-6)
