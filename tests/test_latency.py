"""`benchmark.latency`: what the probe's rows say of planted codecs, and where the time from mouth to ear goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import latency, registry, table
from benchmark.codec import frame_of
from benchmark.latency import Budget, budget
from benchmark.packetise import packetise
from benchmark.plan import Subject
from benchmark.probe.subject import Failed
from benchmark.progress import Quiet
from benchmark.suite import Limits
from benchmark.table import Row
from benchmark.types import CodecInfo, NotMeasured, Spec

LIMITS = Limits(seconds=60)
MS = 1_000_000  # ns
TIMING = {name for name in latency.VALUES if "packet" in name} | {"first_audio_ms", "peak_memory_mib"}


def planned(text: str, **changes: Any) -> Subject:
    """A codec of `tests.planted`, as a run has it once its delay is measured."""
    spec = registry.parse(f"tests.planted:{text}")
    info: CodecInfo = registry.make("codec", spec).info
    delay = {"measured_ms": 1000 * info.delay / info.rate_out, "method": "waveform", "correlation": 1.0, "clips": 8}
    return Subject(**{"label": "it", "spec": spec, "info": info, "identity": "1", "measured": delay} | changes)


def probed(subject: Subject) -> dict[str, Row]:
    return {row.name: row for row in latency.rows([subject], LIMITS, Quiet())}


def test_a_planted_codec() -> None:
    found = probed(planned("Ahead:frame=320,reach=640,late=16"))
    assert list(found) == list(latency.VALUES)
    values = {name: row.value for name, row in found.items() if name not in TIMING}
    assert values == {
        "declared_latency_ms": 61,
        "availability_ms": 61,
        "content_delay_ms": 1,
        "lookahead_reach_ms": 40,
        "buffering_ms": 60,
    }
    assert {name for name, row in found.items() if row.kind == "timing"} == TIMING
    assert {(row.status, row.reason) for row in found.values()} == {("ok", "")}
    assert found["encode_packet_ms_p50"].value is not None
    assert 0 < found["encode_packet_ms_p50"].value <= (found["encode_packet_ms_p99"].value or 0)
    assert (found["first_audio_ms"].value or 0) > 60, "20 ms of a frame, 40 ms of look-ahead, and computing"
    assert 1 < (found["peak_memory_mib"].value or 0) < 1000


def test_a_row_says_what_it_is_of() -> None:
    row = probed(planned("Wounded"))["availability_ms"]
    assert row == Row(
        codec="it",
        codec_spec="tests.planted:Wounded",
        channel="clean",
        acoustics="clean",
        playout="",
        protection="none",
        concealment="quick",
        header="",
        mode="streaming",
        seed=0,
        dataset="probe",
        utterance="",
        speaker="",
        reference="",
        scorer="probe",
        name="availability_ms",
        kind="value",
        value=20.0,
        numerator=None,
        denominator=None,
        unit="ms",
        status="ok",
        reason="",
        key=row.key,
    )
    assert len(row.key) == 64
    assert row.key != probed(planned("Wounded", identity="2"))["availability_ms"].key
    assert len(table.frame([row])) == 1


def test_a_slow_codec_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    skipped = Failed("skipped", "it would take half a minute")
    monkeypatch.setattr(latency, "LIVE", {**latency.LIVE, "lookahead": lambda subject: skipped})
    found = probed(planned("Slow:encode=0.008,decode=0.004"))
    assert found["encode_packet_ms_p50"].value == pytest.approx(8, abs=2)
    assert found["decode_packet_ms_p50"].value == pytest.approx(4, abs=2)
    assert found["availability_ms"].value == 20, "computing is no part of it"


def test_an_offline_codec_has_no_latency() -> None:
    found = probed(planned("Whole"))
    measured = {name for name, row in found.items() if row.status == "ok"}
    assert measured == {"content_delay_ms", "peak_memory_mib"}
    others = [row for name, row in found.items() if name not in measured]
    assert {row.status for row in others} == {"not_applicable"}
    assert {row.reason for row in others} == {
        "it declares that its encoder sees the whole utterance before it emits anything"
    }


def test_a_codec_that_only_says_that_it_streams() -> None:
    found = probed(planned("Whole:streaming=true"))
    assert found["declared_latency_ms"].value == 20
    assert found["availability_ms"].reason == "no payload comes out before the input ends"
    assert found["lookahead_reach_ms"].reason == "it reaches through all of the 1040 ms that were tried"
    assert found["first_audio_ms"].status == "not_applicable"


def test_a_part_that_fails_is_a_row_and_the_others_go_on() -> None:
    found = probed(planned("Leaky"))
    assert (found["lookahead_reach_ms"].status, found["lookahead_reach_ms"].value) == ("codec_failed", None)
    assert "the same input gives another output" in found["lookahead_reach_ms"].reason
    assert found["availability_ms"].value == 20


def test_a_delay_that_could_not_be_measured() -> None:
    found = probed(planned("Ahead:frame=320,reach=0,late=160", measured={"measured_ms": None, "method": "none"}))
    assert found["content_delay_ms"].status == "not_applicable"
    assert found["availability_ms"].value == 30, "the declared one counts"


def test_codecs_that_cannot_run_are_rows_too() -> None:
    skipped = planned("Ahead", status="skipped", reason="no weights")
    lacking = planned("Ahead", spec=Spec("tests.misbehaving:Trouble", {"what": "lack", "where": "construct"}))
    found = latency.rows([skipped, lacking], LIMITS, Quiet())
    assert [row.name for row in found] == [*latency.VALUES, *latency.VALUES]
    assert {row.reason for row in found[: len(latency.VALUES)]} == {"no weights"}
    gone = [row for row in found[len(latency.VALUES) :] if row.status != "ok"]
    assert {row.status for row in gone} == {"skipped"}
    assert "libplanned" in gone[-1].reason


def test_progress_counts_codecs() -> None:
    said: list[object] = []

    class Counted(Quiet):
        @contextmanager
        def track(self, title: str, total: int) -> Iterator[Any]:
            said.extend([title, total])
            yield lambda: said.append("+")

    unknown = planned("Ahead", status="codec_failed", reason="it fell over")
    latency.rows([unknown, unknown], LIMITS, Counted())
    assert said == ["probe", 2, "+", "+"]


# --- from mouth to ear ----------------------------------------------------------------------------------------


def test_a_budget_adds_up() -> None:
    info = CodecInfo(16_000, 24_000, frame=320, group=2, lookahead=80, delay=24)
    found = budget(info, delay=36, hold=85 * MS, wait=60.5e6, base=30 * MS, capture_ms=10)
    assert found == Budget(capture_ms=10, codec_ms=45 + 1.5, packets_ms=40, playout_ms=60.5, network_ms=30)
    assert found.mouth_to_ear_ms == sum(found) == 187


@pytest.mark.parametrize(
    ("protection", "packets_ms"),
    [("none", 0), ("bundle:frames=3", 40), ("redundancy:copies=2", 40), ("interleave:depth=2", 60)],
)
def test_what_a_protection_costs(protection: str, packets_ms: float) -> None:
    info = CodecInfo(16_000, 16_000, frame=320)
    frames = [frame_of(info, index, b"12345678") for index in range(60)]
    made = registry.make("protection", registry.parse(protection))
    stream = packetise(frames, made, info.group, "ipv4_udp_rtp")
    found = budget(info, 0, stream.hold, 0)
    assert (found.codec_ms, found.packets_ms) == (20, packets_ms)
    assert found.mouth_to_ear_ms == stream.hold / MS


@given(
    st.integers(8_000, 48_000),
    st.integers(1, 3_000),
    st.integers(1, 4),
    st.integers(0, 2_000),
    st.integers(1, 50),
)
def test_a_group_that_is_sent_at_once_costs_nothing_more(
    rate: int, frame: int, group: int, ahead: int, count: int
) -> None:
    """Whatever the rates round to: all is a whole number of nanoseconds."""
    info = CodecInfo(rate, rate, frame=frame, group=group, lookahead=ahead)
    frames = [frame_of(info, index, b"1") for index in range(count)]
    found = budget(info, 0, max(f.ready - frames[i // group * group].start for i, f in enumerate(frames)), 0)
    assert 0 <= found.packets_ms <= 1e-6
    assert found.codec_ms == pytest.approx(1000 * (frame * group + ahead) / rate, abs=1e-6)


def test_what_has_no_budget() -> None:
    with pytest.raises(NotMeasured, match="sees the whole utterance") as error:
        budget(CodecInfo(16_000, 16_000, 320, streaming=False), 0, 20 * MS, 0)
    assert error.value.status == "not_applicable"
    with pytest.raises(ValueError, match="hold=19999999 ns is less than the 20000000 ns"):
        budget(CodecInfo(16_000, 16_000, 320), 0, 20 * MS - 1, 0)


def test_values_say_what_they_are() -> None:
    assert all(info.unit and info.source for info in latency.VALUES.values())
    assert {n for n in latency.VALUES if n.startswith(latency.COMPUTING)} == TIMING
