"""Whole runs with a token codec: statistics once per data set, token errors in every room, and both in the report."""

from pathlib import Path

import pytest

from reports.html import render
from reports.summary import load
from tests.quick import make_run, one, suite

TOY = "tests.toytokens:Toy"
ROOMS = ["clean", "noise:kind=white,snr=20", "noise:kind=white,snr=0", "shift:samples=1", "shift:samples=80"]


def test_a_run_tells_of_tokens(tmp_path: Path) -> None:
    wanted = suite(TOY, "pcm", acoustics=[*ROOMS, "tandem:generations=2"])
    results, record = make_run(wanted, tmp_path, clips=4)
    tokens = results[results["scorer"] == "tokens"]
    assert set(tokens["codec"]) == {TOY}
    assert set(tokens["utterance"]) == {""}
    assert one(results, "token_nominal_bps").value == pytest.approx(550)
    assert record["values"]["token_usage"]["better"] == "higher"
    errors = results[results["name"].isin(["token_error", "token_bit_error"])]
    assert set(errors["codec"]) == {TOY}
    assert set(errors["acoustics"]) == {*ROOMS, "tandem:generations=2"} - {"clean"}
    assert set(errors["status"]) == {"ok"}
    assert set(errors["reference"]) == {"clean"}
    share = {r.acoustics: r.value for r in errors.itertuples() if r.name == "token_error"}
    assert share[ROOMS[1]] < share[ROOMS[2]]
    assert 0 < share[ROOMS[3]] < share[ROOMS[4]]
    again, _ = make_run(wanted, tmp_path / "again", clips=4, cache=tmp_path / "cache")
    assert again[again["scorer"] == "tokens"].equals(tokens), "from the store"
    run = load(tmp_path)
    assert {"token_error", "token_bit_error"} <= set(run.shown)
    assert not {m for m in run.metrics if m in ("token_usage", "token_count")}, "of no condition"
    assert all(c.playout.text for c in run.conditions)
    page = render(tmp_path)
    assert 'id="tokens"' in page
    assert 'href="#tokens"' in page
    assert "Token error over dB SNR" in page
