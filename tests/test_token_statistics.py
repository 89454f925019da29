"""`benchmark.token_statistics`: planted frequencies and planted flips are found exactly; what has no value says why."""

from collections.abc import Sequence
from math import log, log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.bits import Indices, pack
from benchmark.codec import encode, frame_of
from benchmark.token_statistics import (
    ERRORS,
    OF_EACH,
    VALUES,
    Codebook,
    info_of,
    statistics,
    stream,
    token_errors,
)
from benchmark.types import CodecInfo, Frame, Measured, NotMeasured
from tests.signals import speech_like
from tests.toytokens import Toy

RATE, HOP = 16_000, 320


def info(bits: int = 4, codebooks: int = 1, per_frame: int = 1, **changes: Any) -> CodecInfo:
    frame_bits = bits * codebooks * per_frame
    facts = {"frame": per_frame * HOP, "frame_bits": frame_bits, "token_bits": bits, "codebooks": codebooks}
    return CodecInfo(RATE, RATE, **(facts | changes))


def sent(tokens: Indices, about: CodecInfo, silent: Sequence[int] = ()) -> list[Frame]:
    """Frames of tokens [n, codebooks]; nothing is sent in the `silent` ones."""
    assert about.token_bits is not None
    frames = tokens.reshape(-1, (about.frame_bits or 0) // about.token_bits)
    return [frame_of(about, i, b"" if i in silent else pack(f, about.token_bits)) for i, f in enumerate(frames)]


def values(tokens: Indices, about: CodecInfo, seconds: float = 1.0) -> dict[str, Measured]:
    return {value.name: value for value in statistics([stream(sent(tokens, about), about)], about, seconds)}


def numbers(tokens: Indices, about: CodecInfo) -> dict[str, float | None]:
    return {name: value.value for name, value in values(tokens, about).items()}


def column(codes: Sequence[int] | Indices) -> Indices:
    return np.asarray(codes, np.int64).reshape(-1, 1)


# --- Tokens of payloads ---


@pytest.mark.parametrize(
    ("bits", "codebooks", "per_frame"), [(11, 1, 1), (5, 3, 2), (16, 1, 4), (13, 2, 8), (20, 1, 1)]
)
def test_the_tokens_of_payloads_are_those_that_were_packed(bits: int, codebooks: int, per_frame: int) -> None:
    about = info(bits, codebooks, per_frame)
    tokens = np.random.default_rng(0).integers(0, 1 << bits, (6 * per_frame, codebooks))
    found = stream(sent(tokens, about, silent=[1, 5]), about)
    assert found.tokens.shape == (6, per_frame, codebooks)
    assert found.sent.tolist() == [True, False, True, True, True, False]
    kept = tokens.reshape(6, per_frame, codebooks)[found.sent]
    assert (found.tokens[found.sent] == kept).all()
    assert not found.tokens[~found.sent].any()


def test_the_tokens_of_a_real_codec_are_those_of_its_encoder() -> None:
    toy, speech = Toy(per_frame=2, bits=5, codebooks=2), speech_like(1.0)
    model = toy.token_encoder()
    made = np.concatenate([model.push(speech), model.flush()])
    assert toy.info.codebooks == 2
    assert (stream(encode(toy, speech), toy.info).tokens.reshape(-1, 2) == made[: 2 * (len(made) // 2)]).all()


def test_payloads_that_hold_no_whole_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="sends no tokens"):
        stream([], CodecInfo(RATE, RATE, HOP))
    odd = info(4, frame_bits=None)
    sized = [frame_of(odd, i, bytes(n)) for i, n in enumerate((1, 2))]
    with pytest.raises(NotMeasured, match="frames have 8 to 16 bits") as caught:
        stream(sized, odd)
    assert caught.value.status == "not_applicable"
    for about, text in ((info(5, frame_bits=8), "8 bits of a frame"), (info(4, 3, frame_bits=8), "of 3 × 4 bits")):
        with pytest.raises(NotMeasured, match=text) as caught:
            stream([frame_of(about, 0, bytes(1))], about)
        assert caught.value.status == "codec_failed"
    with pytest.raises(NotMeasured, match="frame 0: unpack: 4 bits need 1 bytes, got 3"):
        stream([frame_of(info(4), 0, bytes(3))], info(4))


# --- Planted frequencies ---


def test_every_code_equally_often() -> None:
    found = numbers(column(np.arange(16).repeat(10)), info(4))
    assert found == {
        "token_count": 160,
        "token_silence": 0,
        "token_usage": 1,
        "token_entropy": pytest.approx(4),
        "token_entropy_all": pytest.approx(1),
        "token_entropy_used": pytest.approx(1),
        "token_perplexity": pytest.approx(16),
        "token_nominal_bps": 640,
        "token_entropy_bps": pytest.approx(640),
    }
    assert list(found) == list(VALUES)


def test_two_codes_used_equally_are_all_of_those_used_and_a_quarter_of_all() -> None:
    found = numbers(column([3, 9] * 5000), info(4))
    assert found["token_usage"] == 2 / 16
    assert found["token_entropy"] == pytest.approx(1)
    assert found["token_entropy_all"] == pytest.approx(1 / 4)
    assert found["token_entropy_used"] == pytest.approx(1)
    assert found["token_perplexity"] == pytest.approx(2, abs=2e-4)


def test_zipf() -> None:
    counts = [840 // rank for rank in range(1, 9)]  # exactly 1/rank: 840 is divided by 1 to 8
    harmonic = sum(1 / rank for rank in range(1, 9))
    entropy = log2(harmonic) + sum(log2(rank) / rank for rank in range(1, 9)) / harmonic
    found = numbers(column(np.repeat(np.arange(8), counts)), info(10))
    assert found["token_entropy"] == pytest.approx(entropy, rel=1e-12)
    assert found["token_entropy_all"] == pytest.approx(entropy / 10)
    assert found["token_entropy_used"] == pytest.approx(entropy / 3)
    assert found["token_usage"] == 8 / 1024


def test_halves_of_halves() -> None:
    assert Codebook(np.array([4, 2, 1, 1]), 16).entropy == pytest.approx(1.75)


@given(st.lists(st.integers(0, 15), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_order_does_not_matter_and_bounds_hold(codes: list[int]) -> None:
    found, sorted_ = numbers(column(codes), info(4)), numbers(column(sorted(codes)), info(4))
    assert found == sorted_
    used = len(set(codes))
    assert -1e-12 <= (found["token_entropy"] or 0) <= log2(used) + 1e-12
    assert 1 <= (found["token_perplexity"] or 0) <= 16


# --- The correction ---


def test_the_correction_is_millers() -> None:
    book = Codebook(np.array([3, 1]), 16)
    assert book.entropy == pytest.approx(0.811278, abs=1e-6)
    assert book.corrected - book.entropy == pytest.approx(1 / (2 * 4 * log(2)), rel=1e-12)
    assert Codebook(np.array([7]), 16).corrected == 0, "one code leaves nothing to correct"
    assert Codebook(np.full(16, 1), 16).corrected == 4, "there is no more than log2 of all codes"


@pytest.mark.parametrize("count", [500, 1000, 4000])
def test_the_correction_takes_away_most_of_the_error_of_an_undersampled_uniform(count: int) -> None:
    random = np.random.default_rng(1)
    books = [Codebook(np.unique(random.integers(0, 1024, count), return_counts=True)[1], 1024) for _ in range(50)]
    plain, better = (np.mean([10 - getattr(book, name) for book in books]) for name in ("entropy", "corrected"))
    assert plain > 0.15, "undersampled"
    assert 0 <= better < {500: 0.65, 1000: 0.5, 4000: 0.1}[count] * plain


def test_the_coded_rate_is_the_corrected_one() -> None:
    found = values(column([0, 0, 0, 1]), info(4), seconds=0.08)
    rate = found["token_entropy_bps"]
    assert rate.value == pytest.approx(50 * (0.811278 + 0.180337), rel=1e-5)
    assert (rate.denominator, found["token_nominal_bps"].value) == (0.08, pytest.approx(200))


# --- What else there is ---


def test_frames_without_tokens_are_counted_and_take_their_time() -> None:
    about, tokens = info(4, per_frame=2), column([1, 2, 3, 4, 5, 6, 7, 8])
    (one,) = [stream(sent(tokens, about, silent=[0, 3]), about)]
    found = {value.name: value for value in statistics([one, one], about, 0.32)}
    assert found["token_count"].value == 8
    assert (found["token_silence"].numerator, found["token_silence"].denominator) == (4, 8)
    assert found["token_usage"].numerator == 4
    assert found["token_nominal_bps"].value == pytest.approx(8 * 4 / 0.32)


def test_nothing_sent_has_no_statistics() -> None:
    about = info(4)
    for silent in (sent(column([1, 2]), about, silent=[0, 1]), []):
        with pytest.raises(NotMeasured, match="no tokens were sent") as caught:
            statistics([stream(silent, about)], about, 1.0)
        assert caught.value.status == "not_applicable"


def test_a_single_code_has_no_share_of_the_codes_used() -> None:
    found = values(column([5] * 9), info(4))
    assert (found["token_entropy"].value, found["token_perplexity"].value) == (0, 1)
    assert found["token_entropy_used"].status == "not_applicable"
    assert "a single code" in found["token_entropy_used"].reason
    assert found["token_usage"].value == 1 / 16


def test_several_codebooks_are_told_apart_and_together() -> None:
    tokens = np.stack([np.tile([0, 1], 4000), np.tile([0, 1, 2, 3], 2000)], axis=1)
    found = values(tokens, info(3, codebooks=2), seconds=160.0)
    number = {name: value.value for name, value in found.items()}
    assert list(number) == [*VALUES, *(f"{name}_{book}" for book in (1, 2) for name in OF_EACH)]
    assert (number["token_usage_1"], number["token_usage_2"]) == (2 / 8, 4 / 8)
    assert number["token_usage"] == pytest.approx(3 / 8)
    assert (found["token_usage"].numerator, found["token_usage"].denominator) == (3, 8)
    assert (number["token_entropy_1"], number["token_entropy_2"]) == (pytest.approx(1), pytest.approx(2))
    assert number["token_entropy"] == pytest.approx(1.5), "the mean"
    assert number["token_entropy_all"] == pytest.approx(0.5)
    assert number["token_entropy_used"] == pytest.approx(1)
    assert number["token_perplexity"] == pytest.approx(2**1.5, rel=1e-3)
    assert number["token_perplexity_2"] == pytest.approx(4, rel=1e-3)
    assert number["token_nominal_bps"] == 300
    assert number["token_entropy_bps"] == pytest.approx(150, rel=1e-3), "the sum"
    assert number["token_count"] == 8000
    assert {info_of(name).unit for name in ("token_usage_2", "token_usage")} == {"share"}


def test_codes_that_are_too_many_for_a_table() -> None:
    tokens = column([0, (1 << 62) - 1, 5, 5])
    assert numbers(tokens, info(62))["token_entropy"] == pytest.approx(1.5)


# --- Planted flips ---


def errors(clean: list[Frame], heard: list[Frame], about: CodecInfo, shift_ms: float = 0.0) -> dict[str, Measured]:
    found = token_errors(clean, heard, about, shift_ms)
    assert [value.name for value in found] == list(ERRORS)
    return {value.name: value for value in found}


def parts(found: dict[str, Measured]) -> list[tuple[float | None, float | None]]:
    return [(value.numerator, value.denominator) for value in found.values()]


@pytest.mark.parametrize(("bits", "codebooks", "per_frame"), [(11, 1, 1), (5, 2, 4), (16, 1, 4)])
def test_planted_flips_are_found(bits: int, codebooks: int, per_frame: int) -> None:
    about, random = info(bits, codebooks, per_frame), np.random.default_rng(2)
    tokens = random.integers(0, 1 << bits, (200, codebooks))
    clean, flipped = sent(tokens, about), tokens.copy()
    assert parts(errors(clean, clean, about)) == [(0, 200 * codebooks), (0, 200 * codebooks * bits)]
    flipped[::5, 0] ^= 0b101  # two bits in every fifth
    assert parts(errors(clean, sent(flipped, about), about)) == [(40, 200 * codebooks), (80, 200 * codebooks * bits)]
    inverted = errors(clean, sent(tokens ^ (1 << bits) - 1, about), about)
    assert [value.value for value in inverted.values()] == [1, 1]


def test_unrelated_tokens_differ_in_half_of_their_bits() -> None:
    about, random = info(16), np.random.default_rng(3)
    first, second = (sent(random.integers(0, 1 << 16, (5000, 1)), about) for _ in range(2))
    found = errors(first, second, about)
    assert found["token_bit_error"].value == pytest.approx(0.5, abs=0.01)
    assert (found["token_error"].value or 0) > 0.999


@pytest.mark.parametrize(("milliseconds", "late"), [(0.0625, 0), (9.9, 0), (10.1, 1), (319 / 16, 1), (40, 2), (95, 5)])
@pytest.mark.parametrize("per_frame", [1, 4])
def test_a_shift_is_made_up_for_to_the_nearest_token(milliseconds: float, late: int, per_frame: int) -> None:
    about = info(16, per_frame=per_frame)
    tokens = np.random.default_rng(4).permutation(1 << 16)[:40].reshape(-1, 1)
    heard = np.concatenate([np.full((late, 1), 7), tokens])[:40]
    found = errors(sent(tokens, about), sent(heard, about), about, milliseconds)
    assert parts(found) == [(0, 40 - late), (0, 16 * (40 - late))]
    if late:
        assert errors(sent(tokens, about), sent(heard, about), about)["token_error"].value == 1


def test_tokens_that_do_not_depend_on_the_place_of_frames_have_no_errors() -> None:
    about = info(4)
    steady = sent(column([9] * 30), about)
    for samples in (1, 20, 80, 160, 319):
        assert errors(steady, steady, about, samples / 16)["token_error"].value == 0


def test_what_one_side_did_not_send_is_not_compared() -> None:
    about = info(4)
    clean, heard = sent(column([1, 2, 3, 4]), about, silent=[0]), sent(column([9, 2, 9, 9]), about, silent=[3])
    assert parts(errors(clean, heard, about)) == [(1, 2), (2, 8)]  # 3 and 9 differ in two bits
    apart = errors(sent(column([1, 2]), about, silent=[0]), sent(column([1, 2]), about, silent=[1]), about)
    assert {(value.status, value.reason) for value in apart.values()} == {
        ("not_applicable", "no token was sent of both that could be compared")
    }


def test_streams_that_do_not_belong_together_have_no_errors() -> None:
    about, clean = info(4), sent(column([1, 2, 3]), info(4))
    cases = [
        (clean[:2], "3 frames of 1 tokens of clean speech, 2 frames of 1 tokens here", "not_applicable"),
        (sent(column([1, 2, 3]), about, silent=[0, 1, 2]), "no tokens were sent", "not_applicable"),
        ([frame_of(about, i, bytes(2)) for i in range(3)], "frame 0: unpack", "codec_failed"),
    ]
    for heard, text, status in cases:
        found = errors(clean, heard, about)
        assert {(value.value, value.status) for value in found.values()} == {(None, status)}
        assert all(text in value.reason for value in found.values())
    late = errors(clean, clean, about, 1000)
    assert {value.status for value in late.values()} == {"not_applicable"}
    with pytest.raises(ValueError, match="sends no tokens"):
        token_errors(clean, clean, CodecInfo(RATE, RATE, HOP))
