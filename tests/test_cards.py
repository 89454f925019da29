"""Codec cards: every codec has one, `ls codecs NAME` prints it with what is measured, and the report shows it."""

import dataclasses

import pytest

from benchmark import cards, listing, plan, registry
from benchmark.cli import main
from benchmark.types import Card
from reports import cards as section
from reports import summary
from reports.html import environment
from tests.quick import make_run, suite

CARD = Card("toy", "1 kbit/s", "nobody", "Apache-2.0", "CC BY-NC 4.0", "rain", "not for sale")
KNOWN = {
    "spec": "toy:bits=2",
    "status": "ok",
    "reason": "",
    "card": dataclasses.asdict(CARD),
    "rate_in": 16_000,
    "rate_out": 24_000,
    "frame_ms": 20.0,
    "group": 4,
    "streaming": True,
    "latency_ms": 80.0,
    "token_bits": 10,
    "codebooks": 8,
    "concealments": {"own": 0.0, "mute": 0.0},
    "identity": {"weights": "random, seed 0"},
    "trained": False,
}


@pytest.mark.parametrize("name", registry.names("codec"))
def test_every_codec_of_ours_has_a_card(name):
    card = registry.card(name)
    assert card is not None
    assert all((card.family, card.rates, card.source, card.code))


def test_a_codec_of_anybody_else_may_have_none():
    assert registry.card("tests.planted:Ahead") is None
    assert registry.card("json:loads") is None
    assert cards.told(cards.facts(plan.subject("x", "tests.planted:Ahead"))) == {}


def test_the_module_of_anybody_else_is_read_and_never_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "carded_codec.py").write_text(
        "CARD = Card('toy', rates='1', source='me', code='MIT')\nraise SystemExit\n"
    )
    assert registry.card("carded_codec:make") == Card("toy", "1", "me", "MIT")
    (tmp_path / "odd_codec.py").write_text("CARD = Card(some.family)\nraise SystemExit\n")
    assert registry.card("odd_codec:make") is None


def test_what_is_told():
    assert cards.told(KNOWN) == {
        "family": "toy",
        "bitrates": "1 kbit/s",
        "licence of code": "Apache-2.0",
        "licence of weights": "CC BY-NC 4.0",
        "trained on": "rain",
        "caveat": "not for sale",
        "source": "nobody",
    }


def test_what_is_technical():
    measured = {"availability_ms": 80.4, "parameters": 249e6, "macs_per_s": 13.7e9, "peak_memory_mib": 1042.0}
    assert cards.technical(KNOWN, measured) == {
        "sample rates": "16 → 24 kHz",
        "packet": "20 ms, 4 at a time",
        "latency": "80 ms declared, 80.4 ms measured",
        "codebooks": "8 × 1024 entries (10 bits)",
        "loss strategies": "own, mute",
        "size": "249 M parameters",
        "operations": "13.7 GMAC/s",
        "memory": "1042 MiB",
        "versions": "weights random, seed 0",
    }
    assert cards.technical(KNOWN, {})["latency"] == "80 ms declared, not measured"
    assert cards.technical(KNOWN | {"streaming": False}, {})["latency"] == "the whole utterance"
    assert cards.technical({"status": "skipped"}, {}) == {}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "runs, with random weights: speed and plumbing, nothing about quality"),
        ({"trained": True}, "runs"),
        ({"status": "skipped", "reason": "no libtoy."}, "needs: no libtoy."),
        ({"status": "codec_failed", "reason": "it died"}, "broken: it died"),
    ],
)
def test_the_state_here(changes, state):
    assert cards.state(KNOWN | changes) == state


def test_the_command_measures(capsys):
    assert main(["ls", "codecs", "mulaw"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("mulaw: ITU-T G.711 mu-law")
    assert "  state here          runs\n" in said
    assert "  parameters          rate=8000 (defaults)\n" in said
    assert "  latency             20 ms declared, 20 ms measured\n" in said
    assert "MiB\n" in said


def test_the_command_says_what_is_missing(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    assert main(["ls", "codecs", "focalcodec_stream:variant=2k"]) == 0
    said = capsys.readouterr().out
    assert "needs: no weights focalcodec_stream_2k" in said
    assert "  licence of weights  Apache-2.0" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["metrics", "stoi"], "`ls metrics` takes no names; cards are of codecs"),
        (["codecs", "pcm", "tests.nothing:make"], "Python finds no module 'tests.nothing'"),
        (["codecs", "opsu"], "No codec called 'opsu'. Did you mean 'opus'?"),
        (["codecs", "pcm:rate=1"], "pcm: rate=1 is not allowed"),
    ],
)
def test_wrong_names_are_one_line(arguments, message, capsys):
    assert main(["ls", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_the_list_tells_what_runs_rates_and_family_and_what_is_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    monkeypatch.setattr(registry, "names", lambda kind: ["focalcodec_stream", "pcm"])
    needs, runs = listing.lines("codecs")
    told = (
        "focalcodec_stream  needs   0.55, 0.60 and 0.80 kbit/s (2k, 4k, 65k) | neural, one binary codebook | no weights"
    )
    assert needs.startswith(told)
    assert runs.startswith("pcm                runs    ")


def test_the_report_has_a_card_for_each_codec(tmp_path):
    wanted = suite("pcm", "mulaw", "focalcodec_stream", codecs={"a": "mulaw", "b": "mulaw:rate=16000", "c": "pcm"})
    make_run(wanted, tmp_path)
    run = summary.load(tmp_path)
    found = section.section(run)
    assert [(card["name"], [line[0] for line in card["labels"]]) for card in found] == [
        ("mulaw", ["a", "b"]),
        ("pcm", ["c"]),
    ]
    page = environment().get_template("cards.html").render(cards=found)
    assert "mulaw:rate=16000" in page
    assert registry.card("mulaw").code in page
