"""`reports.published`: what others published stands beside what was measured, and says what came of checking it."""

import pytest

from benchmark import registry
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


@pytest.mark.parametrize(
    ("name", "value", "text", "verdict"),
    [
        ("latency_ms", 26.4, "26.4", "agrees"),
        ("latency_ms", 80, "26.4", "differs"),
        ("latency_ms", 80, "whole file", "differs"),
    ],
)
def test_stated_facts_agree_or_differ(run, name, value, text, verdict):
    assert published._verdict(run, name, value, published.Entry(text)) == verdict


def test_scores_are_compared_with_the_interval_and_the_data(run):
    estimate = published.Entry("3.80 ± 0.10", published.field.scaled(_estimate(0.04, 0.03, 0.05), 100))
    assert published._verdict(run, "dwer", 0.0368, estimate) == "inside the interval, on other data"
    assert published._verdict(run, "dwer", 0.08, estimate) == "outside the interval, on other data"
    bare = published.Entry("3.80", _estimate(4.0, None, None))
    assert published._verdict(run, "dwer", 0.0368, bare) == "beside it, on other data; no interval"


def _estimate(value, low, high):
    from benchmark.stats import Estimate

    return Estimate(value, low, high, 10, 10)
