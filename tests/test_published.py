"""`reports.published`: what others published stands beside what was measured, and says what came of checking it."""

import dataclasses

import pytest

from benchmark import registry
from benchmark.stats import Estimate
from benchmark.types import Spec
from reports import published
from reports.html import environment
from reports.summary import load
from tests.quick import make_run, suite

FIGURES = published.figures()
CHECKED = {"latency_ms", "tolerated_loss", *published.SCORES, *published.COSTS}


@pytest.mark.parametrize("figure", FIGURES["figures"], ids=lambda f: f"{f['source']}-{f['codec']}-{f['params']}")
def test_every_figure_is_of_a_codec_here_and_of_a_known_quantity(figure):
    registry.check_parameters("codec", Spec(figure["codec"], figure["params"]))
    assert set(figure["values"]) <= CHECKED
    assert FIGURES["sources"][figure["source"]]["protocol"] in FIGURES["protocols"]


def test_figures_are_in_our_units():
    for figure in FIGURES["figures"]:
        values = figure["values"]
        assert 0 <= values.get("dwer", 0) < 1
        assert 0 < values.get("spk_sim_wavlm", 0.5) <= 1
        assert 1 <= values.get("utmos", 3) <= 5
        assert 100 < values.get("net_bps", 1000) < 30_000


def test_the_article_is_told_in_full():
    rows = {(c["method"], c["values"]["net_bps"]): c["values"] for c in FIGURES["claims"]}
    assert len(rows) == 6
    assert rows["Opus", 8000] == {
        "net_bps": 8000,
        "mos": 4.0,
        "pesq_wb": 3.2,
        "stoi": 0.95,
        "latency_ms": 60,
        "gflops": 1.5,
        "tolerated_loss": 0.1,
        "memory_mb": 2,
    }
    assert rows["FocalCodec-Stream", 2500]["latency_ms"] == 150
    assert all(set(values) == {"net_bps", *published.CLAIMED} for values in rows.values())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("published")
    channels = ["clean", *(f"gilbert:burst_ratio=1,loss={loss}" for loss in (0.05, 0.1, 0.2))]
    codecs = {"Opus 8k": "opus:bitrate=8000", "Stream": "focalcodec_stream", "Linear": "pcm"}
    wanted = suite(codecs=codecs, channels=channels, metrics=["stoi", "pesq_wb"])
    make_run(wanted, out)
    return load(out)


def test_what_did_not_run_could_not_be_checked(run):
    lines = published.section(run).lines
    assert {line.codec for line in lines} == {"Stream"}
    assert {line.measured for line in lines} == {"–"}
    assert {line.verdict for line in lines} == {"not checked: it did not run here; its card says what it needs"}
    assert {(line.quantity, line.published) for line in lines} >= {
        ("net rate, kbit/s", "0.80"),
        ("latency, ms", "80"),
        ("dWER, %", "3.68"),
        ("similarity by WavLM-SV", "0.970"),
        ("parameters, million", "249.0"),
    }


def test_claims_stand_beside_the_nearest_codec(run):
    claims = {claim.method: claim for claim in published.section(run).claims}
    opus = claims["Opus, 8 kbit/s"]
    assert opus.measured_on == "Opus 8k"
    pairs = dict(zip(published.CLAIMED, opus.pairs, strict=True))
    assert pairs["latency_ms"][0] == "60"
    assert pairs["latency_ms"][1].startswith("26.")
    assert pairs["pesq_wb"][0] == "3.2"
    assert 1 < float(pairs["pesq_wb"][1]) < 4.6
    assert pairs["tolerated_loss"][0] == "10"
    assert pairs["memory_mb"] == ("2", "–")
    assert claims["Lyra, 1 kbit/s"].measured_on == "the codec has no such rate"
    assert claims["FocalCodec-Stream, 0.8 kbit/s"].measured_on == "Stream"
    assert all(measured == "–" for _, measured in claims["FocalCodec-Stream, 0.8 kbit/s"].pairs)


def test_the_page_shows_it(run):
    page = environment().get_template("published.html").render(published=published.section(run))
    assert "Unverified claims" in page
    assert "contradict the paper" in page
    assert "arXiv 2609.11642" in page


def test_of_codecs_nobody_published_of_nothing_is_said(tmp_path):
    make_run(suite("pcm"), tmp_path)
    assert published.section(load(tmp_path)) is None


FACTS = {"codec": "opus", "params": {"bitrate": 8000}, "values": {}}


def entry(value, low=None, high=None):
    return published.Entry(str(value), Estimate(value, low, high, 10, 10))


@pytest.mark.parametrize(
    ("name", "stated", "reached", "verdict"),
    [
        ("latency_ms", 80, 80.4, "agrees"),
        ("latency_ms", 13, 13.33, "agrees"),
        ("latency_ms", 80, 26.4, "differs"),
        ("latency_ms", 80, None, "differs"),
        ("net_bps", 162.5, 0.1625, "agrees"),
        ("net_bps", 325, 0.325, "agrees"),
        ("net_bps", 830, 0.825, "agrees"),
        ("net_bps", 550, 0.56, "differs"),
        ("parameters", 249e6, 249.047, "agrees"),
        ("parameters", 249e6, 255.0, "differs"),
    ],
)
def test_stated_facts_agree_to_what_was_printed_or_differ(run, name, stated, reached, verdict):
    figure = FACTS | {"values": {name: stated}}
    assert published._verdict(run, "Opus 8k", figure, name, entry(reached)) == verdict


def test_a_score_is_checked_only_where_all_else_is_the_same(run):
    figure = FACTS | {"values": {"dwer": 0.0368, "utmos": 3.85}}
    said = published._verdict(run, "Opus 8k", figure, "dwer", entry(3.7, 3.0, 4.0))
    assert said == "beside it: other data, another recogniser"
    data = [{"name": "librispeech_test_clean", "utterances": 40}]
    part = dataclasses.replace(run, facts={**run.facts, "data": data})
    found = entry(3.8, 3.7, 3.9)
    assert published._verdict(part, "Opus 8k", figure, "utmos", found) == "beside it: 40 of 2620 utterances"
    whole = dataclasses.replace(run, facts={**run.facts, "data": [{**data[0], "utterances": 2620}]})
    assert published._verdict(whole, "Opus 8k", figure, "utmos", found) == "inside the interval"
    assert published._verdict(whole, "Opus 8k", figure, "utmos", entry(3.8, 3.79, 3.81)) == "outside the interval"
    assert published._verdict(whole, "Opus 8k", figure, "utmos", entry(3.8)) == "beside it: no interval"
    other = FACTS | {"params": {}, "values": {"utmos": 3.85}}
    assert published._verdict(whole, "Opus 8k", other, "utmos", found) == "beside it: with bitrate=8000"


def test_resynthesis_figures_are_those_of_the_papers():
    """UTMOS, dWER in percent, similarity x 100, of LibriSpeech test-clean, copied a second time."""
    papers = {
        ("focalcodec_stream", "focalcodec_stream", "2k"): (3.88, 4.63, 96.1),
        ("focalcodec_stream", "focalcodec_stream", "4k"): (3.87, 4.39, 96.3),
        ("focalcodec_stream", "focalcodec_stream", "65k"): (3.85, 3.68, 97.0),
        ("focalcodec", "focalcodec_stream", "4k"): (3.87, 4.38, 96.3),
        ("zipcodec", "focalcodec_stream", "65k"): (3.85, 3.68, 97.0),
        ("zipcodec", "encodec", 1500): (1.58, 8.08, 93.8),
        ("zipcodec", "audiodec", 2): (1.48, 11.61, 92.1),
        ("zipcodec", "hilcodec", 2): (2.86, 6.65, 95.4),
        ("zipcodec", "mimi", 6): (3.44, 4.77, 96.6),
        ("zipcodec", "past", 2): (2.33, 4.04, 83.8),
        ("zipcodec", "zipcodec", ""): (3.89, 2.83, 98.0),
        ("zipcodec", "focalcodec", 50): (4.05, 2.18, 97.4),
        ("focalcodec", "focalcodec", 50): (4.05, 2.18, 97.4),
        ("focalcodec", "focalcodec", 25): (4.14, 3.30, 96.3),
        ("focalcodec", "focalcodec", 12.5): (4.22, 7.94, 93.9),
        ("focalcodec", "encodec", 1500): (1.58, 8.08, 93.8),
        ("focalcodec", "dac", 16000): (1.29, 20.04, 89.2),
        ("focalcodec", "wavlm6_km", ""): (3.75, 6.20, 90.0),
        ("focalcodec", "speechtokenizer", 2): (2.28, 5.14, 91.6),
        ("focalcodec", "semanticodec", 50): (2.91, 8.97, 96.0),
        ("focalcodec", "mimi", 5): (3.29, 5.73, 96.0),
        ("focalcodec", "wavtokenizer", 40): (3.78, 11.55, 95.4),
        ("focalcodec", "bigcodec", ""): (4.11, 2.55, 98.5),
        ("focalcodec", "stablecodec", 700): (4.32, 4.97, 94.7),
    }
    found = {}
    for figure in FIGURES["figures"]:
        values = figure["values"]
        if "utmos" in values:
            place = (figure["source"], figure["codec"], next(iter(figure["params"].values()), ""))
            found[place] = (values["utmos"], round(100 * values["dwer"], 2), round(100 * values["spk_sim_wavlm"], 1))
    assert found == papers


def test_every_claim_of_the_article_is_as_it_stood_there():
    table = """
        8   4.0 3.2 .95 60  1.5 10 2
        1   2.8 2.4 .82 70  .6  4  1.5
        .8  3.2 2.7 .85 120 .8  15 2.5
        1   3.4 2.9 .88 130 1.0 18 2.8
        2   3.7 3.1 .92 150 1.2 20 3.0
        2.5 3.9 3.2 .93 150 1.3 22 3.2
    """
    names = ("net_bps", *published.CLAIMED)
    for line, claim in zip(table.strip().splitlines(), FIGURES["claims"], strict=True):
        values = dict(zip(names, map(float, line.split()), strict=True))
        values |= {"net_bps": 1000 * values["net_bps"], "tolerated_loss": values["tolerated_loss"] / 100}
        assert claim["values"] == pytest.approx(values)
