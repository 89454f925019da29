"""The facts of the link in a run: what they add up to, and that they are those of what was planted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark import emodel, table
from benchmark.plan import plan
from benchmark.suite import with_codecs
from benchmark.types import UserError
from tests.quick import make_run, one, shared, values
from tests.quick import suite as quick_suite

HOLES = "holes:every_ms=1000,length_ms=100,start_ms=200"
LATE = "gamma:mean_ms=60,std_ms=40"
BITS = "bit_errors:rate=0.01"
FAR = "delay:ms=150"
BUFFERS = ["fixed:buffer_ms=60", "fixed:buffer_ms=100", "talkspurt", "quantile"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    asked = quick_suite(
        "pcm",
        channels=["clean", HOLES, LATE, BITS, FAR, f"{HOLES} + {LATE}"],
        playout=BUFFERS,
        protection=["none", "parity:packets=2"],
        metrics=["mel_distance"],
        axes="one_at_a_time",
        emodel={"pcm": "G.711 with Appendix I"},
    )
    return values(table.read(shared(tmp_path_factory, "link", lambda folder: make_run(asked, folder) and None)))


def value(results: pd.DataFrame, name: str, channel: str = "clean", **place: str) -> float:
    first = {"playout": BUFFERS[0], "protection": "none"}
    return float(one(results, name, channel=channel, **(first | place))["value"])


def test_a_hole_of_five_packets_is_what_the_rows_say(results: pd.DataFrame) -> None:
    assert value(results, "longest_burst_ms", HOLES) == 100
    assert value(results, "burst_ms", HOLES) == 100
    assert value(results, "rfc3611_burst_density", HOLES) == 1.0
    assert value(results, "rfc3611_burst_ms", HOLES) == pytest.approx(100, rel=0.01)
    assert value(results, "rfc3611_gap_density", HOLES) == 0.0
    lost = one(results, "loss_rate", channel=HOLES, playout=BUFFERS[0])
    seconds = one(results, "net_bps", channel=HOLES, playout=BUFFERS[0])["denominator"]
    assert lost["numerator"] == 5 * np.floor(seconds + 0.7)
    inside, whole = value(results, "window_mel_distance", HOLES), value(results, "mel_distance", HOLES)
    assert value(results, "worst_window_mel_distance", HOLES) >= inside > 3 * whole


def test_a_perfect_network_has_no_rows_of_bursts_and_gaps(results: pd.DataFrame) -> None:
    names = set(results[results["channel"] == "clean"]["name"])
    assert not {name for name in names if name.startswith(("rfc3611", "window", "worst"))}
    assert one(results, "longest_burst_ms", channel="clean", playout=BUFFERS[0], protection="none")["status"] != "ok"


def test_lost_and_late_add_up_in_a_chain(results: pd.DataFrame) -> None:
    both = f"{HOLES} + {LATE}"
    assert value(results, "loss_rate", both) == value(results, "loss_rate", HOLES)
    assert 0 < value(results, "late_rate", both) < 0.6
    assert value(results, "residual_loss", both) == pytest.approx(
        value(results, "loss_rate", both) + value(results, "late_rate", both)
    )


def test_bit_errors_have_their_rate_and_lose_nothing(results: pd.DataFrame) -> None:
    row = one(results, "bit_error_rate", channel=BITS)
    assert row["value"] == pytest.approx(0.01, abs=4 * np.sqrt(0.01 / row["denominator"]))
    assert value(results, "residual_loss", BITS) == 0
    assert value(results, "mel_distance", BITS) > 10 + value(results, "mel_distance")


def test_the_way_from_mouth_to_ear(results: pd.DataFrame) -> None:
    """20 ms of frame, 10 of capture, 60 of buffer."""
    parts = ("capture_ms", "codec_ms", "packet_ms", "playout_ms", "network_ms")
    for channel in ("clean", FAR):
        assert value(results, "mouth_to_ear_ms", channel) == pytest.approx(
            sum(value(results, p, channel) for p in parts)
        )
    assert (value(results, "capture_ms"), value(results, "playout_ms")) == (10, 60)
    assert value(results, "network_ms", FAR) == 150
    codec = value(results, "codec_ms")
    assert codec == pytest.approx(20 + value(results, "delay_ms"))
    assert value(results, "latency_ms", FAR) == value(results, "latency_ms") == pytest.approx(codec + 60)
    far = value(results, "mouth_to_ear_ms", FAR)
    assert value(results, "delay_impairment", FAR) == emodel.delay_impairment(far) > 0
    assert value(results, "delay_impairment") == 0


def test_what_is_published_is_rated_and_nothing_else(results: pd.DataFrame, tmp_path: Path) -> None:
    assert value(results, "r_factor") == pytest.approx(93.2)
    assert value(results, "r_factor", FAR) == pytest.approx(93.2 - value(results, "delay_impairment", FAR))
    bursty = one(results, "r_factor", channel=HOLES, playout=BUFFERS[0])
    assert bursty["status"] == "not_applicable", "runs of five at 10 % are beyond what G.107 was validated for"
    assert "burst ratio" in bursty["reason"]
    unrated, _ = make_run(quick_suite("mulaw"), tmp_path)
    assert "r_factor" not in set(unrated["name"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Opus", "nothing is published for 'Opus'"),
        ("ie=5", "'ie=5' must be ie=0 to 95, bpl above 0"),
        ("ie=-1,bpl=5", "must be ie=0 to 95"),
        ("ie=5,bpl=0", "bpl above 0"),
        ("ie=5,bpl=5,band=fullband", "band=narrowband or wideband"),
        ("ie=5,bpl=5,ppl=3", "must be ie=0"),
        ("ie=true,bpl=5", "must be ie=0"),
    ],
)
def test_what_is_stated_for_the_e_model_is_checked(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        quick_suite("mulaw", emodel={"mulaw": text})


def test_what_may_be_stated_for_the_e_model() -> None:
    assert emodel.read("ie=5,bpl=10") == (emodel.Equipment(5, 10, "the suite"), "narrowband")
    assert emodel.read("ie=5,bpl=10,band=wideband")[1] == "wideband"
    assert emodel.read("AMR-WB 12.65k")[1] == "wideband"
    assert emodel.read("GSM-EFR") == (emodel.PUBLISHED["GSM-EFR"], "narrowband")
    with pytest.raises(UserError, match="no codec has the label 'mulav'"):
        plan(quick_suite("mulaw", emodel={"mulav": "GSM-EFR"}), Path())
    asked = quick_suite("mulaw", emodel={"mulaw": "GSM-EFR", "Opus": "GSM-EFR"})
    assert with_codecs(asked, ["Opus=opus"]).emodel == {"Opus": "GSM-EFR"}


def test_parity_costs_a_third_more_packets_and_a_packets_wait(results: pd.DataFrame) -> None:
    plain, safe = (value(results, "packet_ms", protection=p) for p in ("none", "parity:packets=2"))
    assert (plain, safe) == (0, 30), "the first of two waits for the second, and for parity halfway to the next"
    sent = value(results, "redundancy_bps", protection="parity:packets=2")
    payload, wire = value(results, "net_bps"), value(results, "wire_bps")
    assert sent > payload / 2 + (wire - payload) / 2, "its own headers too"
    assert value(results, "wire_bps", protection="parity:packets=2") == pytest.approx(wire + sent)


def test_a_deeper_or_a_listening_buffer_plays_more(tmp_path: Path) -> None:
    asked = quick_suite("mulaw", channels=[LATE], playout=BUFFERS, **{"data.limit": 2})
    results, _ = make_run(asked, tmp_path)
    late = results[results["name"] == "late_rate"].groupby("playout")["value"].mean()
    wait = results[results["name"] == "playout_ms"].groupby("playout")["value"].mean()
    assert late[BUFFERS[1]] < late[BUFFERS[0]]
    assert wait[BUFFERS[1]] == 100
    for buffer in BUFFERS[2:]:
        assert late[buffer] < late[BUFFERS[0]]
        assert wait[buffer] > 60
    assert results[results["playout"] == "talkspurt"]["value"].notna().any()
