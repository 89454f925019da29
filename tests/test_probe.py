"""`focalbench probe`: planted answers are found, whatever fails says so, and the command's text and JSON hold it."""

import json
import re
import sys
from collections.abc import Mapping
from functools import partial
from math import inf, log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark import cli, registry
from benchmark.child import Child
from benchmark.codec import frame_of
from benchmark.probe import agreement, availability, causality, declared, lookahead, memory, parts, sessions
from benchmark.probe import subject as subjects
from benchmark.probe.examination import examine
from benchmark.probe.sessions import ProbeHost
from benchmark.probe.subject import Probed, Subject
from benchmark.suite import Limits
from benchmark.types import CodecInfo, NotMeasured, Spec
from tests.planted import FRAME, RATE, Ahead, Large, Slow
from tests.signals import speech_like

LIMITS = Limits(seconds=60)


class Here(Probed):
    """The codec in this process: quicker."""

    def __init__(self, host: ProbeHost) -> None:
        self.host = host

    def __call__(self, method: str, *arguments: Any) -> Any:
        return getattr(self.host, method)(*arguments)

    def close(self) -> None:
        pass


def subject(text: str, seconds: float = 1.0, module: str = "tests.planted") -> Subject:
    """A codec of `tests.planted` with synthetic speech, all of it in this process, and the delay that it declares."""
    spec = registry.parse(f"{module}:{text}")
    here = Here(ProbeHost(spec))
    info = here("describe")
    voices = [speech_like(2.0, info.rate_in, seed) for seed in range(3)]
    speech = voices[0][: round(seconds * info.rate_in)]
    delay = {"measured_ms": 1000 * info.delay / info.rate_out, "method": "waveform", "correlation": 1.0, "clips": 1}
    made = Subject(spec, info, LIMITS, 1, here, voices, speech, lambda text: None, delay)
    made.__dict__["fresh"] = here  # as if it had been asked for
    return made


# --- the search for the look-ahead --------------------------------------------------------------------------


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40), st.integers(1, 90))
def test_the_search_finds_the_largest_look_ahead_of_any_staircase(furthest: list[int], step: int) -> None:
    """Output q depends on inputs up to q + furthest[q]; a change at p is seen first where that reaches p."""
    reach = [q + ahead for q, ahead in enumerate(furthest)]

    def first_effect(position: int, earliest: float) -> float:
        return next((float(q) for q, last in enumerate(reach) if last >= position), inf)

    positions = range(0, 400, step)
    found = lookahead.search(first_effect, positions, lambda: False)
    everywhere = {p: p - first_effect(p, -inf) for p in range(positions[-1] + 1)}
    assert found.samples == max(everywhere.values()) == everywhere[found.position]
    assert found.at_most == found.samples


def test_the_search_is_sparing_where_a_codec_works_in_large_steps() -> None:
    tried = []

    def first_effect(position: int, earliest: float) -> float:
        tried.append(position)
        return float((position - 961 + 1280) // 1280 * 1280)

    found = lookahead.search(first_effect, range(2560, 5121, 160), lambda: False)
    assert (found.samples, found.position % 1280) == (960, 960)
    assert found.tried == len(tried) == len(set(tried)) < 40, "2561 positions are to be searched"


def test_a_search_given_up_says_what_it_may_have_missed() -> None:
    found = lookahead.search(lambda position, earliest: position - position % 100, range(0, 401, 50), lambda: True)
    assert (found.samples, found.at_most, found.tried) == (50, 99, 9)


def test_a_coarse_search_misses_no_more_than_it_may() -> None:
    tried = []

    def first_effect(position: int, earliest: float) -> float:
        tried.append(position)
        return position - 7.0 - (position % 40 == 13)

    found = lookahead.search(first_effect, range(0, 401, 40), lambda: False, coarse=8)
    assert found.samples == 7
    assert 8 <= found.at_most <= 15
    assert len(tried) < 120, "401 positions are to be searched"
    assert lookahead.search(first_effect, range(0, 401, 40), lambda: False).samples == 8


def test_an_effect_overlooked_at_one_position_and_seen_later_does_not_mislead() -> None:
    """At position 50, the only one tried in the first half, nothing is seen before 50; at 100 the effect is at 0."""
    found = lookahead.search(lambda p, _: 50.0 if p == 50 else 0.0 if p <= 120 else p, [0, 50, 100, 150], lambda: False)
    assert (found.samples, found.position) == (120, 120)


@pytest.mark.parametrize(("frame", "reach", "late"), [(80, 30, 0), (80, 30, 17), (60, 200, 5), (50, 0, 0), (7, 1, 0)])
def test_a_planted_look_ahead_is_found_to_the_sample(frame: int, reach: int, late: int) -> None:
    codec = subject(f"Ahead:frame={frame},reach={reach},late={late}")
    found = lookahead.look_ahead(codec)
    assert found.lookahead_samples == reach
    assert found.lookahead_ms == pytest.approx(1000 * reach / RATE)
    assert (found.at_least, found.at_most_ms) == (False, found.lookahead_ms)
    assert parts.buffering(codec) == (frame + reach, pytest.approx(1000 * (frame + reach) / RATE))


@pytest.mark.parametrize("reach", [0, 5, 240, 319])
def test_dependency_and_buffering_are_two_things(reach: int) -> None:
    codec = subject(f"Grouped:frame=160,reach={reach}")
    found = lookahead.look_ahead(codec)
    assert found.lookahead_samples == reach
    assert (found.phase_samples, found.period_samples) == (reach, 320)
    assert parts.buffering(codec).buffering_samples == 320


def test_a_look_ahead_without_end_is_at_least_all_that_was_tried() -> None:
    codec = subject("Whole")
    found = lookahead.look_ahead(codec)
    assert found.at_least
    assert found.lookahead_ms >= 1000 * lookahead.LEADS[-1]
    with pytest.raises(NotMeasured, match="no payload comes out before the input ends"):
        parts.buffering(codec)
    with pytest.raises(NotMeasured, match="no chunks to time") as error:
        parts.timing(codec)
    assert error.value.status == "not_applicable", "an offline codec has not failed"


def test_what_has_no_look_ahead_to_measure() -> None:
    with pytest.raises(NotMeasured, match="does not depend on the input"):
        lookahead.look_ahead(subject("Deaf"))
    with pytest.raises(NotMeasured, match="the same input gives another output, first at sample 0"):
        lookahead.look_ahead(subject("Leaky"))


def test_a_change_is_strong_and_nothing_changes_before_it() -> None:
    (pair,) = lookahead.pairs([speech_like(0.1)])
    for position in (0, 700, 1599):
        changed = pair.changed(position)
        np.testing.assert_array_equal(changed[:position], pair.base[:position])
        assert (np.abs(changed[position:]) == 1).all()
        assert abs(changed[position] - pair.base[position]) >= 1


# --- availability, causality, and what is declared ---------------------------------------------------------------


@given(st.integers(1, 90), st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_payloads_and_output_come_out_as_early_as_they_can(frame: int, reach: int) -> None:
    found = sessions.releases(Ahead(frame, reach), np.ones(frame + reach + 3 * frame, np.float32))
    assert found.payloads == [(i + 1) * frame + reach for i in range(4)]
    assert found.outputs == [((i + 1) * frame + reach, i * frame) for i in range(4)]


@pytest.mark.parametrize(
    ("text", "packet", "waiting", "latency"),
    [
        ("Ahead:frame=80,reach=30", 110, 110, 110),
        ("Ahead:frame=80,reach=30,late=17", 110, 110, 127),
        ("Ahead:frame=320,reach=640", 960, 960, 960),
        ("Grouped:frame=160", 320, 320, 320),
        ("Grouped:frame=160,out=8000", 320, 320, 320),
        ("Withheld:frames=2", 320, 960, 960),
    ],
)
def test_a_planted_latency_is_found_to_the_sample(text: str, packet: int, waiting: int, latency: int) -> None:
    found = availability.availability(subject(text))
    assert found.packet_samples == packet
    assert found.packet_ms == pytest.approx(packet / 16)
    assert (found.waiting_ms, found.availability_ms) == (pytest.approx(waiting / 16), pytest.approx(latency / 16))
    assert found.availability_ms == found.waiting_ms + found.content_delay_ms


def test_a_head_start_of_silence_costs_no_time() -> None:
    """Its first frame begins with 7 ms of zeros: each is out 7 ms earlier, and its content that much later."""
    found = availability.availability(subject("Late:ms=7,says=7", module="tests.misbehaving"))
    assert (found.packet_ms, found.waiting_ms, found.availability_ms) == (13, 13, 20)


def test_where_no_delay_is_measured_the_declared_one_counts() -> None:
    codec = subject("Ahead:late=160")
    codec.measured = {"measured_ms": None, "declared_ms": 10.0, "method": "none"}
    found = availability.availability(codec)
    assert (found.content_delay_ms, found.delay_is) == (10, "declared")
    with pytest.raises(NotMeasured, match="neither waveforms nor envelopes") as error:
        availability.content_delay(codec)
    assert error.value.status == "not_applicable"


def test_the_content_delay_is_measured_on_speech() -> None:
    codec = subject("Ahead:reach=1,late=35,trails=0")
    codec.measured = None
    found = availability.content_delay(codec)
    assert (found.content_delay_ms, found.method, found.clips) == (35 / 16, "waveform", 8)
    assert found.correlation > 0.9


def test_what_never_comes_out() -> None:
    for text, words in {"Whole": "no payload comes out", "Withheld:frames=99": "no output comes out"}.items():
        with pytest.raises(NotMeasured, match=f"{words} before the input ends") as error:
            availability.availability(subject(text))
        assert error.value.status == "not_applicable"


@pytest.mark.parametrize(
    ("text", "reach"),
    [("Ahead:frame=80,reach=30,late=17", 30), ("Ahead:frame=320,reach=640", 640), ("Grouped:frame=160,reach=319", 319)],
)
def test_pushed_all_at_once_a_call_reaches_as_far(text: str, reach: int) -> None:
    assert causality.causality(subject(text)).reach_samples == reach


def test_a_leak_from_what_is_pushed_together() -> None:
    codec = subject("Prophet")
    assert lookahead.look_ahead(codec).lookahead_samples <= 319, "a live call cannot know more"
    assert causality.causality(codec).reach_samples == 1919, "from the last phase that is tried back to the beginning"


def test_what_has_no_causality_to_measure() -> None:
    for text, words in {"Deaf": "does not depend on the input", "Leaky": "the same input gives another output"}.items():
        with pytest.raises(NotMeasured, match=words) as error:
            causality.causality(subject(text))
        assert error.value.status == "codec_failed"
    with pytest.raises(NotMeasured, match="sees the whole utterance") as error:
        causality.causality(subject("Whole"))
    assert error.value.status == "not_applicable"


def claims(text: str) -> Mapping[str, Any]:
    codec = subject(text)
    measure = {name: parts.PARTS[name] for name in ("causality", "content_delay", "availability", "streaming")}
    measure["lookahead"] = partial(lookahead.look_ahead, coarse=40)  # a tenth of the time
    return declared.declared(codec.info, {name: subjects.attempt(part, codec) for name, part in measure.items()})


@pytest.mark.parametrize("text", ["Ahead", "Ahead:frame=320,reach=640", "Ahead:frame=320,reach=0,late=90", "Grouped"])
def test_a_codec_that_says_what_it_does_agrees(text: str) -> None:
    found = claims(text)
    assert list(found) == list(declared.CLAIMS)
    assert all(claim.agrees and not claim.remark for claim in found.values())


def test_forty_hidden_milliseconds_are_found_by_every_measure() -> None:
    found = claims("Ahead:frame=320,reach=640,says=0")
    assert found["packets"] == (20, 60, 1, False, found["packets"].remark)
    assert found["packets"].remark == "non-causal: its packets wait for input 40 ms beyond what it declares"
    assert found["lookahead"].measured_ms == found["causality"].measured_ms == 40
    assert "depends on input 20.06 ms beyond what it declares" in found["lookahead"].remark
    assert found["availability"].remark == "its output is 40 ms later than it declares"
    assert found["content_delay"].agrees
    assert found["chunking"].agrees


def test_what_is_declared_beyond_need_is_remarked() -> None:
    found = claims("Ahead:frame=320,reach=0,says=640")
    assert all(claim.agrees for claim in found.values())
    assert found["availability"].remark == found["packets"].remark == "it declares 40 ms more than it takes"
    assert found["lookahead"].remark == ""


def test_a_codec_that_streams_only_in_name() -> None:
    found = claims("Whole:streaming=true")
    assert found["packets"][1:4] == (None, 1, False)
    assert found["packets"].remark == "non-causal: no payload comes out before the input ends"
    assert found["lookahead"].remark.startswith("non-causal: its output depends on input 1020 ms beyond")
    assert claims("Whole")["packets"] == declared.OFFLINE, "that one does not claim to stream"


def test_each_chunking_that_changes_something_is_named() -> None:
    assert claims("Chunky")["chunking"] == (False, "pushing 2 frames at a time gives other output than all at once")
    found = claims("Prophet")
    assert found["chunking"] == (False, "pushing 1 frames at a time gives other frames than all at once")
    assert found["lookahead"].agrees
    assert "non-causal: pushed all at once" in found["causality"].remark


def test_frames_and_output_each_have_to_be_the_same() -> None:
    same, other_frames, louder = (1.0, 1.0, 0.0, 0.0), (0.9, 1.0, 0.0, 0.0), (1.0, 1.0, 0.0, 2e-4)
    for row, words in {other_frames: "other frames", louder: "other output"}.items():
        part = {"1": parts.Chunking(*same), "2": parts.Chunking(*row)}
        found = declared.chunking(Ahead().info, part)
        assert found == (False, f"pushing 2 frames at a time gives {words} than all at once")


@pytest.mark.parametrize(("method", "off", "agrees"), [("waveform", 0.9, True), ("waveform", -1.1, False)])
@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_a_delay_agrees_within_what_its_method_can_tell(method: str, off: float, agrees: bool, rate: int) -> None:
    info = CodecInfo(16_000, rate, FRAME, delay=rate // 100)
    found = declared.content_delay(info, availability.ContentDelay(10 + off, method, 1.0, 8))
    assert (found.declared_ms, found.tolerance_ms, found.agrees) == (10, 1, agrees)
    assert found.remark == ("" if agrees else f"the waveform says 8.9 ms: delay={round(8.9 * rate / 1000)}")
    assert declared.content_delay(info, availability.ContentDelay(8.1, "envelope", 1.0, 8)).agrees


def test_a_part_that_failed_is_no_disagreement() -> None:
    found = claims("Leaky")
    assert found["lookahead"].status == "codec_failed"
    assert not hasattr(found["lookahead"], "agrees")


# --- sessions ------------------------------------------------------------------------------------------------


@given(st.integers(1, 90), st.integers(0, 200), st.integers(1, 900))
@settings(max_examples=60, deadline=None)
def test_buffering_is_exact(frame: int, reach: int, samples: int) -> None:
    found = sessions.buffering(Ahead(frame, reach), np.ones(samples, np.float32))
    assert found == (frame + reach if frame + reach <= samples else None)


def test_the_first_difference_up_to_a_limit() -> None:
    codec, signal = Ahead(frame=80, reach=30), speech_like(0.1)
    wanted = sessions.whole(list(sessions.stream(codec, signal, 80))).output
    changed = signal.copy()
    changed[1000] += 1
    first = partial(sessions.first_difference, codec, changed, step=80, tolerance=1e-5)
    assert first(wanted=wanted) == 970
    assert first(wanted=wanted, limit=971) == 970
    assert first(wanted=wanted, limit=970) is None
    assert first(wanted=wanted[:500]) == 500, "output that is longer differs where the other ends"
    same = partial(sessions.first_difference, codec, signal, step=80, tolerance=1e-5)
    assert same(wanted=wanted) is None
    assert same(wanted=np.append(wanted, np.float32(0))) == len(wanted), "output that is shorter, where it ends"
    assert first(wanted=wanted, tolerance=2.0) is None


@pytest.mark.parametrize(("codec", "words"), [("Nan", "NaN or infinity"), ("IntPayloads", "returned int where bytes")])
def test_sessions_that_do_not_keep_to_the_protocol(codec: str, words: str) -> None:
    made = registry.make("codec", Spec(f"tests.misbehaving:{codec}"))
    with pytest.raises(NotMeasured, match=words):
        list(sessions.stream(made, speech_like(0.2), FRAME))


def test_time_is_what_encoding_and_decoding_take() -> None:
    signal = np.zeros(20 * FRAME, np.float32)
    times = sessions.timed(Slow(0.008, 0.004), signal, FRAME, 12, inf)
    assert len(times.encode) == len(times.decode) == 12
    assert 0.008 <= np.median(times.encode) < 0.012
    assert 0.004 <= np.median(times.decode) < 0.007
    assert times.first is not None
    assert 0.020 + 0.012 <= times.first < 0.1, "20 ms to capture the frame, 12 to code it"
    few = sessions.timed(Slow(0.008, 0.004), signal, FRAME, 12, budget=0.03)
    assert 1 <= len(few.encode) <= 4, "a budget of 30 ms is for three frames of 12 ms"


def test_the_first_audio_of_a_codec_that_looks_ahead_waits_for_a_second_piece() -> None:
    times = sessions.timed(Ahead(frame=320, reach=1), np.zeros(9600, np.float32), 320, 20, inf)
    assert times.first is not None
    assert 0.040 <= times.first < 0.060
    assert len(times.encode) == 19, "what comes before the first output is not counted"


@pytest.mark.parametrize(("encode", "decode", "keeps_up"), [(0.006, 0.003, True), (0.012, 0.010, False)])
def test_planted_slowness(encode: float, decode: float, keeps_up: bool) -> None:
    found = parts.timing(subject(f"Slow:encode={encode},decode={decode}"))
    assert (found.threads, found.chunks, found.chunk_duration_ms) == (1, 50, 20)
    assert found.encode_ms_p50 == pytest.approx(1000 * encode, abs=2)
    assert found.decode_ms_p50 == pytest.approx(1000 * decode, abs=2)
    assert found.chunk_ms_p50 <= found.chunk_ms_p95 <= found.chunk_ms_p99
    assert found.real_time_factor == pytest.approx((encode + decode) / 0.02, abs=0.15)
    assert found.real_time_factor == found.chunk_ms_p50 / 20
    assert found.keeps_up is (found.chunk_ms_p95 < 20)
    assert keeps_up or not found.keeps_up


def test_a_child_may_have_more_threads() -> None:
    child = Child("tests.misbehaving:Host", threads=3)
    assert child.call("threads").value == "3"
    child.close()


# --- agreement -----------------------------------------------------------------------------------------------


def frames(payloads: list[bytes], bits: int | None = None) -> Any:
    info = CodecInfo(RATE, RATE, FRAME, frame_bits=bits)
    return [frame_of(info, index, payload) for index, payload in enumerate(payloads)]


@pytest.mark.parametrize(
    ("found", "wanted", "bits", "shares"),
    [
        ([b"\x00", b"\x0f"], [b"\x00", b"\x0f"], None, (1, 1)),
        ([b"\x00", b"\x0f"], [b"\x00", b"\x0e"], None, (1 / 2, 15 / 16)),
        ([b"\xff\xe0"], [b"\xff\xc0"], 11, (0, 10 / 11)),
        ([b"\x00\x00"], [b"\x00"], None, (0, 8 / 16)),
        ([b"\x00", b"\x01"], [b"\x00"], None, (1 / 2, 8 / 16)),
        ([b""], [b"\xff"], 8, (0, 0)),
        ([b"", b""], [b"", b""], None, (1, 1)),
        ([], [], None, (0, 1)),
    ],
)
def test_shares_of_equal_frames_and_bits(
    found: list[bytes], wanted: list[bytes], bits: int | None, shares: tuple[float, float]
) -> None:
    assert agreement.shares(frames(found, bits), frames(wanted, bits)) == shares
    assert agreement.shares(frames(wanted, bits), frames(found, bits)) == shares


@pytest.mark.parametrize(
    ("found", "wanted", "share"),
    [
        ([b"\x12\x34"], [b"\x12\x34"], 1),
        ([b"\x12\x34"], [b"\x92\x30"], 2 / 4),
        ([b"\x12\x34", b"\x12\x34"], [b"\x12\x34"], 4 / 8),
        ([b""], [b"\x12\x34"], 0),
        ([b"\x00\x00"], [b""], 0),
    ],
)
def test_shares_of_equal_tokens(found: list[bytes], wanted: list[bytes], share: float) -> None:
    assert agreement.tokens_equal(frames(found, 16), frames(wanted, 16), 4) == share
    assert agreement.tokens_equal(frames([b"\xff\xe0"], 11), frames([b"\xff\xc0"], 11), 11) == 0


def test_differences_of_outputs() -> None:
    wanted = np.array([0.5, -0.4, 0.3], np.float32)
    found = wanted + np.array([0, 0.05, 0], np.float32)
    assert agreement.difference(found, wanted) == pytest.approx(0.1)
    assert agreement.signal_to_difference_db(found, wanted) == pytest.approx(10 * log10(0.5 / 0.0025), abs=1e-4)
    assert agreement.signal_to_difference_db(wanted, wanted) is None
    with pytest.raises(NotMeasured, match="2 samples came out in place of 3"):
        agreement.difference(wanted[:2], wanted)


def test_a_codec_that_depends_on_its_chunks() -> None:
    found = parts.streaming(subject("Chunky"))  # 50 frames: seven pushes of seven, and one of one
    one, two, seven = found["1"], found["2"], found["7"]
    assert one == (1, 1, 0, 0)
    assert isinstance(two, parts.Chunking)
    assert two[:2] == (1, 1)
    assert two.output_difference == two.decoder_difference == pytest.approx(0.1, abs=1e-6)
    assert isinstance(seven, parts.Chunking)
    assert seven.frames_equal == 1 / 50
    assert seven.bits_equal == pytest.approx(1 - 49 / (50 * 16 * FRAME))
    assert 0 < seven.output_difference < 1e-3, "one step of 16 bits"
    assert seven.decoder_difference == 0, "given the same frames it plays the same"


def test_sessions_that_disturb_one_another_only_when_they_take_turns() -> None:
    codec = subject("Crossed")
    found = parts._interleaved(codec)
    assert found.frames_equal < 0.5
    assert found.output_difference > 0.01
    assert parts._again(codec, codec.probed) == (1, 1, 0)
    assert parts._interleaved(subject("Chunky")) == (1, 1, 0)


def test_a_codec_that_leaks_into_the_next_session() -> None:
    codec = subject("Leaky")
    found = parts._again(codec, codec.probed)
    assert found.frames_equal == 0
    assert 0.5 < found.bits_equal < 1


def test_other_processes_are_compared() -> None:
    codec = subject("Slow")
    found = parts.determinism(codec)
    assert found["second_process"] == (1, 1, 0)
    other = subjects.Subject(
        Spec("tests.misbehaving:ProcessDependent"),
        codec.info,
        LIMITS,
        1,
        Here(ProbeHost(Spec("tests.misbehaving:ProcessDependent"))),
        codec.voices,
        codec.speech,
        codec.say,
    )
    found = parts.determinism(other)
    assert found["second_session"] == (1, 1, 0)
    elsewhere = found["second_process"]
    assert isinstance(elsewhere, agreement.Agreement)
    assert elsewhere.frames_equal == 0


# --- memory, cost, losses, another configuration ---------------------------------------------------------------


@pytest.mark.skipif(memory.anonymous() is None, reason="only Linux says how much anonymous memory a process has")
def test_memory_while_it_loads_and_while_it_runs() -> None:
    def footprint(spec: str) -> parts.Footprint:
        made = subject("Slow")
        made.__dict__["fresh"] = Probed(Spec("tests.planted:Large", dict(registry.parse(spec).params)), LIMITS)
        try:
            return parts.memory(made)
        finally:
            made.fresh.close()

    found = footprint("Large:held=100,running=50")
    assert found.memory_loaded_mib - found.memory_before_mib == pytest.approx(100, abs=8)
    assert found.memory_peak_mib - found.memory_loaded_mib == pytest.approx(50, abs=8)
    found = footprint("Large:held=10,loading=80")
    assert found.memory_loaded_mib - found.memory_before_mib == pytest.approx(10, abs=8)
    assert found.memory_peak_mib - found.memory_loaded_mib == pytest.approx(80, abs=8)


def test_memory_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "gone")
    with pytest.raises(NotMeasured, match="this system does not say") as error:
        parts.memory(subject("Slow"))
    assert error.value.status == "not_applicable"


def test_what_a_codec_says_of_its_cost() -> None:
    assert sessions.cost(Large()) == {"parameters": 3, "state_bytes": 2.5}
    for says, words in {"text": "parameters': '3'", "more": "flops", "list": r"\[3, 4\]"}.items():
        with pytest.raises(NotMeasured, match=words) as error:
            sessions.cost(Large(says=says))
        assert error.value.status == "codec_failed"
    with pytest.raises(NotMeasured, match="does not say") as error:
        sessions.cost(Slow())
    assert error.value.status == "not_applicable"


def test_what_is_left_of_a_loss() -> None:
    found = parts.loss(subject("Wounded", seconds=2))
    quick, patient = found["quick"], found["patient"]
    assert isinstance(quick, parts.Loss)
    assert (quick.recovery_ms, quick.recovered_places, quick.places, quick.waits_frames) == (40, 5, 5, 0)
    assert 0 < quick.decay_50_ms < quick.decay_90_ms <= 40
    assert patient == (1, 0, 0, 0, 5, 5), "it was shown the next frame, as it has to wait for it"


def test_a_loss_that_is_never_recovered_from() -> None:
    codec = subject("Wounded")
    codec.info = CodecInfo(RATE, RATE, FRAME)
    codec.__dict__["output"] = codec.output + np.float32(0.1)  # as if without losses all had been otherwise
    (own,) = parts.loss(codec).values()
    assert isinstance(own, parts.Loss)
    assert (own.recovery_ms, own.recovered_places, own.places) == (None, 0, 5)


def test_places_are_where_speech_is_loud_and_leave_time_to_recover() -> None:
    codec = subject("Wounded", seconds=2)
    places = parts._places(codec)
    assert len(places) == len(set(places)) == 5
    assert 10 <= min(places) <= max(places) < 50, "of 100 frames"
    energy = np.square(codec.speech.reshape(100, FRAME)).sum(axis=1)
    assert min(energy[places]) > np.median(energy[10:50]) / 10
    with pytest.raises(NotMeasured, match="too few to lose 5"):
        parts._places(subject("Wounded", seconds=0.1))


def test_another_configuration() -> None:
    codec = subject("Precise:precision=int8")
    found = parts.compare(codec, Spec("tests.planted:Precise", {"precision": "fp32"}))
    assert found.frames_equal == 0
    assert found.bits_equal == 15 / 16
    power = float(np.square(codec.output, dtype=np.float64).mean())
    assert found.own_frames_db == pytest.approx(10 * log10(power * 32_768**2), abs=0.05), "each sample one step off"
    assert (found.same_frames_difference, found.same_frames_db) == (0, None)


def test_what_cannot_be_compared() -> None:
    codec = subject("Precise")
    with pytest.raises(NotMeasured, match="rate_in 16000 and 8000") as error:
        parts.compare(codec, Spec("tests.planted:Precise", {"rate": 8000}))
    assert error.value.status == "not_applicable"
    with pytest.raises(NotMeasured, match="libplanned") as error:
        parts.compare(codec, Spec("tests.misbehaving:Trouble", {"what": "lack", "where": "construct"}))
    assert error.value.status == "skipped"


# --- speech ---------------------------------------------------------------------------------------------------


def test_speech_is_taken_from_different_voices_where_it_is_loud() -> None:
    voices = subjects.voices(8_000, 1.0)
    assert len(voices) == 3
    one = subjects.so_much(voices, 8_000)
    assert len(one) == 8_000
    assert np.square(one).mean() >= np.square(voices[0]).mean()
    long = subjects.so_much(voices, 300_000)
    assert len(long) == 300_000
    np.testing.assert_array_equal(long[: len(voices[0])], voices[0])
    assert sum(map(len, subjects.voices(8_000, 30.0))) >= 240_000


def test_the_loudest_stretch() -> None:
    signal = np.zeros(1000, np.float32)
    signal[520:600] = 1
    assert np.square(subjects.loudest(signal, 100)).sum() == 80
    np.testing.assert_array_equal(subjects.loudest(signal[:50], 100), signal[:50])


# --- the whole, in supervised children, and the command ----------------------------------------------------------


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command; exit code, output, error output."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FOCALBENCH_DATA", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["probe", *arguments])
        return code, *capsys.readouterr()

    return run


def test_the_command_prints_a_table(probe: Any) -> None:
    code, output, errors = probe("tests.planted:Grouped", "--seconds", "0.6")
    assert (code, "focalbench:" in errors) == (0, False)
    assert re.search(r"look-ahead +240 samples +15 ms +how far ahead of itself the output depends on the input", output)
    assert re.search(r"buffering +320 samples +20 ms +how much is pushed before the first payload comes out", output)
    assert "largest for a change at sample 240 of every 320" in output
    assert len(re.findall(r"all +all +the same", output)) == 6, "three ways to chunk, three ways to do it again"
    assert re.search(r"all at once +228 samples +14.25 ms +at least, where everything is pushed at once", output)
    assert re.search(r"content delay +0 ms +by waveform, correlation 0.70, median of 8 clips", output)
    assert re.search(
        r"availability +20 ms +from speech to output: 20 ms until it is there, and 0 ms content delay", output
    )
    assert re.search(r"until a packet is out +20 ms +20 ms +agrees", output)
    assert len(re.findall(r" agrees$", output, re.MULTILINE)) == 6
    assert re.search(r"p99 +of 50 chunks of 20 ms", output)
    assert "keeps up with 20 ms at p95" in output
    assert "cost             not measured (not_applicable): the codec does not say" in output
    assert re.search(r"own +0 ms +5 of 5 +0 ms +0 ms", output)
    assert "against" not in output.replace("frames against offline", "")


def test_the_command_writes_json(probe: Any) -> None:
    code, output, _ = probe("tests.planted:Precise:precision=int8", "--json", "--threads", "2", "--seconds", "0.6")
    found = json.loads(output)
    assert code == 0
    assert found["spec"] == "tests.planted:Precise:precision=int8"
    assert found["facts"]["frame_ms"] == 20
    assert found["lookahead"]["lookahead_ms"] == 0
    assert found["buffering"] == {"buffering_samples": 320, "buffering_ms": 20}
    assert found["streaming"]["7"]["frames_equal"] == 1
    assert found["determinism"]["second_process"]["bits_equal"] == 1
    assert found["timing"]["threads"] == 2
    assert found["timing"]["chunk_ms_p95"] > 0
    assert found["loss"]["own"]["recovery_ms"] == 0
    assert found["cost"]["status"] == "not_applicable"
    assert found["against"]["against"] == "tests.planted:Precise:precision=fp32", "the default"
    assert (found["against"]["bits_equal"], found["against"]["same_frames_db"]) == (15 / 16, None)


def test_a_codec_that_fails_in_a_part_is_examined_in_the_others(probe: Any) -> None:
    code, output, errors = probe("tests.planted:Leaky", "--seconds", "0.6")
    assert code == 3
    assert errors.splitlines()[-1] == "focalbench: tests.planted:Leaky failed in lookahead, causality."
    assert re.search(r"look-ahead +not measured \(codec_failed\): the same input gives another output", output)
    assert re.search(r"buffering +320 samples", output)
    assert re.search(r"a second session +0 %", output)


def test_a_codec_that_disagrees_with_what_it_declares(probe: Any) -> None:
    code, output, errors = probe("tests.planted:Whole:streaming=true", "--seconds", "0.6")
    assert code == 1
    assert re.search(r"look-ahead, live +19.94 ms +1040 ms +DISAGREES: non-causal: its output depends on input", output)
    assert "disagrees with what it declares: packets: non-causal: no payload comes out before the input ends" in errors
    code, output, _ = probe("tests.planted:Whole:streaming=true", "--seconds", "0.6", "--json")
    found = json.loads(output)["declared"]
    assert code == 1
    assert found["availability"]["agrees"] is False
    assert found["availability"]["measured_ms"] is None
    assert found["content_delay"] == {
        "declared_ms": 0,
        "measured_ms": 0,
        "tolerance_ms": 1,
        "agrees": True,
        "remark": "",
    }


def test_each_line_says_why_it_failed() -> None:
    found = examine("tests.misbehaving:Trouble:what=raise,where=decode", seconds=0.6, limits=LIMITS)
    failed = list(found.failures())
    assert "lookahead" in failed
    assert "streaming.1" in failed
    assert "loss.own" in failed
    assert "buffering" not in failed
    assert found.plain()["determinism"]["second_process"]["reason"] == "decode: RuntimeError: planned failure"


def test_a_codec_that_hangs_ends_at_the_limit() -> None:
    found = examine("tests.misbehaving:Trouble:what=hang,where=construct", limits=Limits(seconds=2))
    assert found.plain()["facts"]["reason"] == "describe: took longer than 2 s, the limit (limits.seconds)"
    assert list(found.failures()) == ["facts"]


def test_a_codec_that_cannot_even_describe_itself(probe: Any) -> None:
    code, output, errors = probe("tests.misbehaving:OddInfo:fact=delay")
    assert code == 3
    assert re.search(r"facts +not measured \(codec_failed\): codec.info has delay=0.5", output)
    assert "failed in facts" in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["opsu"], "No codec called 'opsu'. Did you mean 'opus'?"),
        (["pcm:rate=7"], "pcm: rate=7 is not allowed"),
        (["pcm", "--against", "mulav"], "No codec called 'mulav'"),
        (["pcm", "--against", "pcm:rate=7"], "pcm: rate=7 is not allowed"),
        (["tests.misbehaving:Trouble:what=lack,where=construct"], "needs the library libplanned"),
    ],
)
def test_wrong_use_and_what_is_lacking_are_one_line(probe: Any, arguments: list[str], words: str) -> None:
    code, output, errors = probe(*arguments)
    assert (code, output) == (2, "")
    assert words in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("seconds", ["0.4", "61", "nan", "long"])
def test_a_wrong_number_of_seconds(probe: Any, seconds: str) -> None:
    with pytest.raises(SystemExit) as left:
        probe("pcm", "--seconds", seconds)
    assert left.value.code == 2


def test_progress_is_said_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmark.probe import examination

    clock = iter([0.0, 1.0, 4.9, 5.0, 9.0, 11.0])
    monkeypatch.setattr(examination.time, "monotonic", lambda: next(clock))
    say = examination.now_and_then()
    for part in "abcde":
        say(part)
    assert capsys.readouterr().err == "probe: c, 5 s\nprobe: e, 11 s\n"


@pytest.mark.parametrize(("application", "latency"), [("voip", 26.5), ("lowdelay", 22.5)])
def test_opus_as_it_is_known(application: str, latency: float) -> None:
    pytest.importorskip("av")
    found = examine(f"opus:bitrate=24000,application={application}", seconds=0.6)
    assert list(found.failures()) == list(found.disagreements()) == []
    assert found.parts["buffering"].buffering_ms == 20
    late = found.parts["availability"]
    assert late.availability_ms == pytest.approx(latency, abs=0.2)
    assert late.availability_ms == 20 + found.parts["content_delay"].content_delay_ms
    reach = found.parts["lookahead"].lookahead_ms
    assert latency - 2 < reach < latency, "the first sample of a packet depends on nearly all of it"
    assert all(row[:2] == (1, 1) for row in found.parts["streaming"].values())


def test_a_codec_with_state_of_the_whole_process() -> None:
    pytest.importorskip("pycodec2")
    found = examine("codec2", seconds=0.6)
    assert list(found.failures()) == list(found.disagreements()) == []
    again = found.parts["determinism"]
    assert again["second_session"] == again["second_process"] == (1, 1, 0)
    assert again["interleaved_sessions"].frames_equal == 1
    assert again["interleaved_sessions"].output_difference > 0, "its decoder draws phases from one generator"


@pytest.mark.parametrize("mode", [2400, 1600, 1400, 1300, 1200, 700])
def test_codec2_is_as_late_as_it_declares(mode: int) -> None:
    pytest.importorskip("pycodec2")
    spec = Spec("codec2", {"mode": mode})
    probed = Probed(spec, LIMITS)
    try:
        info = probed("describe")
        clips = subjects.voices(info.rate_in, 1.0)
        codec = Subject(spec, info, LIMITS, 1, probed, clips, clips[0], lambda text: None)
        names = ("causality", "content_delay", "availability")
        found = {name: parts.PARTS[name](codec) for name in names}
    finally:
        probed.close()
    agreed = {name: getattr(claim, "agrees", None) for name, claim in declared.declared(info, found).items()}
    assert agreed == dict.fromkeys(("packets", "causality", "content_delay", "availability"), True)
    assert found["availability"].packet_ms == (20 if mode == 2400 else 40)


@pytest.mark.slow
def test_focalcodec_stream_waits_for_80_ms(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from baselines.focalcodec import checkpoint, config, model

    small = config.small(config.STREAMING["65k"])
    model.write(small, dict(checkpoint.random(model.skeleton(small).shapes(), 0)), tmp_path)
    codec = Spec("focalcodec_stream", {"weights": str(tmp_path)})
    probed = Probed(codec, LIMITS)
    try:
        info = probed("describe")
        clips = subjects.voices(info.rate_in, 1.0)
        measured = {"measured_ms": None}  # its weights are random
        made = Subject(codec, info, LIMITS, 1, probed, clips, clips[0], lambda text: None, measured)
        found = {name: parts.PARTS[name](made) for name in ("buffering", "availability", "causality")}
    finally:
        probed.close()
    assert found["buffering"].buffering_ms == found["availability"].packet_ms == 80
    assert found["availability"].availability_ms == 80
    agreed = {name: getattr(claim, "agrees", None) for name, claim in declared.declared(info, found).items()}
    assert agreed == {"packets": True, "causality": True, "availability": True}
