"""`benchmark.emodel` against the published figures, and what it refuses to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import emodel
from benchmark.types import NotMeasured, UserError

WIDEBAND_MOS = {"6.6k": 3.51, "8.85k": 4.02, "12.65k": 4.34, "14.25k": 4.39, "15.85k": 4.43, "18.25k": 4.46}
WIDEBAND_MOS |= {"19.85k": 4.48, "23.05k": 4.49, "23.85k": 4.42}


@pytest.mark.parametrize(
    ("delay", "impairment", "mos"),
    [
        (100, 0, 4.41),
        (150, 0.16, 4.41),
        (177.3, 1.17, 4.39),
        (200, 3.04, 4.34),
        (250, 8.92, 4.18),
        (300, 14.76, 3.96),
        (400, 24.07, 3.56),
        (500, 30.64, 3.23),
    ],
)
def test_delay(delay: float, impairment: float, mos: float) -> None:
    found = emodel.delay_impairment(delay)
    assert found == pytest.approx(impairment, abs=0.005)
    assert emodel.opinion(emodel.rating(delay=found)) == pytest.approx(mos, abs=0.005)


@given(st.floats(0, 5000), st.floats(0, 5000))
def test_more_delay_is_never_better(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= emodel.delay_impairment(low) <= emodel.delay_impairment(high) + 1e-9
    assert emodel.delay_impairment(min(low, 100)) == 0


@pytest.mark.parametrize(
    ("codec", "burst_ratio", "impairment"),
    [
        ("G.729A with VAD", 1, 19.0),
        ("G.711 without concealment", 1, 30.16),
        ("G.711 without concealment", 2, 35.85),
        ("G.711 with Appendix I", 1, 7.01),
        ("G.711 with Appendix I", 2, 7.28),
    ],
)
def test_two_percent_lost(codec: str, burst_ratio: float, impairment: float) -> None:
    known = emodel.published(codec)
    found = emodel.equipment_impairment(known.ie, known.bpl, 0.02, burst_ratio)
    assert found == pytest.approx(impairment, abs=0.005)


def test_loss_and_delay_together() -> None:
    known = emodel.published("G.729A with VAD")
    equipment = emodel.equipment_impairment(known.ie, known.bpl, 0.02)
    found = emodel.rating(emodel.delay_impairment(150), equipment)
    assert found == pytest.approx(74.04, abs=0.005)
    assert emodel.opinion(found) == pytest.approx(3.78, abs=0.005)


def test_nothing_impairs() -> None:
    assert emodel.rating() == 93.2
    assert emodel.opinion(93.2) == pytest.approx(4.41, abs=0.005)
    assert emodel.rating(advantage=5) == 98.2
    assert emodel.equipment_impairment(10, None, 0) == 10, "without losses nothing of them has to be known"


@pytest.mark.parametrize("mode", WIDEBAND_MOS)
def test_wide_band_has_its_own_scale(mode: str) -> None:
    known = emodel.published(f"AMR-WB {mode}", "wideband")
    rating = emodel.rating(equipment=known.ie, band="wideband")
    assert emodel.opinion(rating, "wideband") == pytest.approx(WIDEBAND_MOS[mode], abs=0.006)


@given(st.floats(-50, 150), st.floats(-50, 150))
def test_a_better_rating_is_never_a_worse_opinion(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 1 <= emodel.opinion(low) <= emodel.opinion(high) + 1e-9 <= 4.5 + 1e-9
    assert emodel.opinion(3) == 1, "the cubic says 0.99"


def test_bands_never_mix() -> None:
    with pytest.raises(UserError, match=r"'AMR-WB 6.6k' is not published for narrowband, and the scales never mix"):
        emodel.published("AMR-WB 6.6k")
    with pytest.raises(UserError, match=r"'G.729A' is not published for wideband"):
        emodel.published("G.729A", "wideband")
    assert not emodel.PUBLISHED.keys() & emodel.PUBLISHED_WIDEBAND.keys()


@pytest.mark.parametrize("name", ["Opus", "Codec2", "FocalCodec-Stream", "Lyra", "AMR 4.75k"])
def test_no_value_is_made_up(name: str) -> None:
    with pytest.raises(UserError, match="nothing is published for"):
        emodel.published(name)
    assert all("ITU-T G.113" in known.source for known in emodel.PUBLISHED.values())


def test_what_loss_does_is_not_said_where_nobody_published_it() -> None:
    known = emodel.published("G.726 32k")
    with pytest.raises(NotMeasured, match=r"no robustness to losses \(Bpl\)") as error:
        emodel.equipment_impairment(known.ie, known.bpl, 0.01)
    assert error.value.status == "not_applicable"


def test_long_bursts_are_beyond_the_formula() -> None:
    assert emodel.equipment_impairment(0, 4.3, 0.019, 4) == pytest.approx(95 * 1.9 / (1.9 / 4 + 4.3))
    assert emodel.equipment_impairment(0, 4.3, 0.2, 2) == pytest.approx(95 * 20 / (10 + 4.3))
    with pytest.raises(NotMeasured, match=r"burst ratio 2.1 at 0.02 lost: G.107 holds up to 2, or below 0.02") as error:
        emodel.equipment_impairment(0, 4.3, 0.02, 2.1)
    assert error.value.status == "not_applicable"


@pytest.mark.parametrize(
    "arguments", [(-1, 4.3, 0.1), (96, 4.3, 0.1), (0, 0, 0.1), (0, 4.3, 2.0), (0, 4.3, -0.1), (0, 4.3, 0.1, 0)]
)
def test_malformed_input(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        emodel.equipment_impairment(*arguments)
    for delay in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="0 or more"):
            emodel.delay_impairment(delay)
