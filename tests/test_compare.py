"""Comparisons: what is paired, what is refused, what is said of planted differences."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmark import cli
from benchmark.commands.compare import pairs
from benchmark.compare import ALL, compare, plain
from benchmark.pairing import pair
from benchmark.places import ALONE
from benchmark.types import UserError
from tests.sides import KNOWN, but, facts, folder, row, side


def noisy(shift: float, seed: int = 1):
    rng = np.random.default_rng(seed)
    drawn = rng.normal(0, 0.05, (40, 10))
    return lambda s, u: 3.0 + 0.1 * s + 0.01 * u + shift + (drawn[s, u] if shift else 0.0)


def only(comparison, **wanted):
    found = [r for r in comparison.rows if all(getattr(r, k) == v for k, v in wanted.items())]
    assert len(found) == 1, [(r.condition, r.name) for r in found]
    return found[0]


def test_a_run_against_itself_differs_by_exactly_nothing():
    planted = side()
    found = compare(planted, planted)
    assert {r.difference.value for r in found.rows} == {0.0}
    assert {(r.difference.low, r.difference.high, r.p, r.adjusted) for r in found.rows} == {(0.0, 0.0, 1.0, 1.0)}
    assert (found.fields, found.notes) == ((), ())
    assert {r.condition for r in found.rows} == {"10 % loss", "clean", ALL}


def test_a_planted_difference_is_found_with_its_interval_and_direction():
    found = only(compare(side(), side(noisy(-0.1))), condition="clean")
    assert found.difference.value == pytest.approx(-0.1, abs=0.03)
    assert found.difference.low < -0.1 < found.difference.high < 0
    assert found.gain == found.difference.value
    assert found.adjusted < 0.01
    assert (found.difference.n, found.difference.clusters, found.asked) == (36, 12, 36)


def test_population_counts_speakers_and_corpus_counts_utterances():
    few = side(speakers=4)
    assert not only(compare(few, few, "population"), condition="clean").enough
    corpus = only(compare(few, few, "corpus"), condition="clean")
    assert (corpus.enough, corpus.difference.clusters) == (True, 12)
    assert not only(compare(side(speakers=3, each=1), side(speakers=3, each=1), "corpus"), condition="clean").enough


def test_what_one_side_lacks_is_counted_and_left_out_of_the_pairs():
    def broken(rows):
        rows.loc[rows["utterance"].eq("u1_0") & rows["channel"].eq("clean"), ["status", "value"]] = [
            "codec_failed",
            None,
        ]
        return rows[~(rows["utterance"].eq("u2_0") & rows["channel"].eq("clean"))]

    found = only(compare(side(), but(side(), broken)), condition="clean")
    assert found.missing == {"codec_failed": 1, "absent": 1}
    assert (found.difference.n, found.asked) == (34, 36)


def test_what_failed_on_both_sides_is_missing_on_neither():
    def broken(rows):
        rows.loc[rows["utterance"].eq("u1_0"), ["status", "value"]] = ["metric_failed", None]
        return rows

    assert only(compare(but(side(), broken), but(side(), broken)), condition="clean").missing == {}


def test_ratios_are_pooled_from_their_parts():
    def errors(extra):
        return tuple(
            row(
                scorer="asr",
                name="wer",
                utterance=f"w{i}",
                speaker=f"s{i}",
                value=0.0,
                numerator=i + extra,
                denominator=10 * (i + 1),
            )
            for i in range(12)
        )

    found = only(compare(side(more=errors(0)), side(more=errors(1))), name="wer", condition="clean")
    assert found.difference.first == sum(range(12)) / sum(10 * (i + 1) for i in range(12))
    assert found.difference.value == pytest.approx(12 / sum(10 * (i + 1) for i in range(12)))
    assert found.gain == -found.difference.value


def test_codecs_pair_by_label_or_as_the_only_ones():
    assert pair(["A", "B"], ["B", "C"]) == (("B", "B"),)
    assert pair(["A"], ["B"]) == (("A", "B"),)
    with pytest.raises(UserError, match=r"First: A, B; second: C\. .*--pair"):
        pair(["A", "B"], ["C"])
    found = compare(side(), side(codecs=("B",), value=noisy(0.0)))
    assert found.rows[0].codec == "A → B"
    assert found.notes == ("Compared by pair: A with B.",)


def test_a_codec_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(UserError, match=r"No codec 'X' in planted\. It has: A\."):
        compare(side(), side(), pairs=[("A", "X")])


def test_two_codecs_of_one_run_are_compared():
    both = side(codecs=("A", "B"))
    found = compare(both, both, pairs=[("A", "B")])
    assert {r.codec for r in found.rows} == {"A → B"}
    assert found.notes == ("Compared by pair: A with B.",)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"data": [{"name": "demo", "sha256": "e" * 64}]}, "data.demo"),
        ({"data": [{"name": "other", "sha256": "d" * 64}]}, "data"),
        ({"seeds": [1]}, "seeds"),
        ({"resampler": "sinc"}, "resampler"),
        ({"conditions": [{"channel": "clean", "title": "clean", "identity": "other"}]}, "conditions.clean"),
        (
            {"scorers": {"pesq@16000": {"versions": {"pesq": "0.0.5"}, "fingerprint": "p"}}},
            "scorers.pesq@16000.versions",
        ),
    ],
)
def test_what_must_match_is_refused_by_name_unless_waived(changed, name):
    with pytest.raises(UserError, match=f"not comparable: {name} is ") as refused:
        compare(side(), side(changed=changed))
    assert "\n" not in str(refused.value)
    found = compare(side(), side(changed=changed), waive=[name])
    assert [(f.name, f.kind, f.waived) for f in found.fields] == [(name, "must_match", True)]


def test_a_waiver_of_a_part_waives_all_below_it_and_one_of_nothing_is_refused():
    scorers = {"scorers": {"pesq@16000": {"versions": {"pesq": "0.0.5"}, "fingerprint": "q"}}}
    assert len(compare(side(), side(changed=scorers), waive=["scorers"]).fields) == 2
    with pytest.raises(UserError, match="--waive seed: no such field differs; those that do: none"):
        compare(side(), side(), waive=["seed"])


def test_the_codec_and_the_machine_may_differ_and_are_told():
    changed = facts("A")
    changed["codecs"]["A"]["identity"] = {"lib": "2"}
    changed["environment"] = {**changed["environment"], "cpu": "Xeon"}
    found = compare(side(), side(changed={k: changed[k] for k in ("codecs", "environment")}))
    assert [(f.kind, f.name, f.first, f.second) for f in found.fields] == [
        ("under_test", "A.identity", '{"lib": "1"}', '{"lib": "2"}'),
        ("environment", "cpu", "EPYC", "Xeon"),
    ]


def test_timings_are_compared_on_equal_machines_only():
    timed = tuple(
        row(scorer="probe", name="encode_ms", kind="timing", channel="", utterance="", value=v) for v in (1.0,)
    )
    assert only(compare(side(more=timed), side(more=timed)), kind="timing").condition == ALONE
    other = {"environment": {"cpu": "Xeon"}}
    found = compare(side(more=timed), side(more=timed, changed=other))
    assert {r.kind for r in found.rows} == {"value"}
    assert found.notes == ("Timings are not compared, as cpu differs.",)


def test_conditions_of_one_side_alone_are_named():
    found = compare(side(), side(channels=("clean",)))
    assert found.notes == ("Conditions of planted that planted has not: 10 % loss.",)
    assert {r.condition for r in found.rows if r.difference.n} == {"clean", ALL}


def test_the_plain_form_is_json():
    told = json.loads(json.dumps(plain(compare(side(), side(noisy(-0.1)))), allow_nan=False))
    assert told["inference"] == "population"
    assert {"codec", "condition", "channel", "value", "low", "high", "p_below", "adjusted"} <= set(told["rows"][0])


def test_two_rows_for_one_value_are_refused():
    twice = but(side(), lambda rows: pd.concat([rows, rows.iloc[:1]]))
    with pytest.raises(UserError, match="planted has two rows for pesq_wb of A on 'u0_0'"):
        compare(side(), twice)


def test_a_ratio_is_compared_by_value_where_one_side_has_no_parts():
    def rated(**parts):
        return side(
            more=tuple(row(name="wer", utterance=f"w{i}", speaker=f"s{i}", value=i / 10, **parts) for i in range(12))
        )

    found = only(compare(rated(), rated(numerator=1.0, denominator=4.0)), name="wer", condition="clean")
    assert found.difference.value == 0.0


def test_unknown_speakers_are_told():
    nobody = but(side(), lambda rows: rows.assign(speaker=""))
    assert compare(nobody, nobody).notes == (
        "Nobody knows the speakers of 36 utterances; each counts as a speaker of its own.",
    )
    assert compare(nobody, nobody, "corpus").notes == ()


def test_directions_and_units_of_values_must_match():
    values = {"values": {**KNOWN, "pesq_wb": {"unit": "dB", "better": "lower"}}}
    with pytest.raises(UserError, match=r"values\.pesq_wb\.better is higher on the first side, lower on the second"):
        compare(side(), side(changed=values))


def test_how_networks_were_taught_must_match_where_both_were():
    first, second = side(changed={"probes": {"recipe": "small"}}), side(changed={"probes": {"recipe": "paper"}})
    with pytest.raises(UserError, match="not comparable: probes is"):
        compare(first, second)
    assert compare(first, side(changed={"probes": None})).fields == ()


def test_timings_that_are_left_out_count_in_no_family():
    timed = tuple(
        row(scorer="cost", name="pesq_wb", kind="timing", utterance=f"u{s}_0", speaker=f"s{s}") for s in range(12)
    )
    other = {"environment": {"cpu": "Xeon"}}
    alone = only(compare(side(), side(noisy(-0.02), changed=other)), condition="clean")
    beside = only(compare(side(more=timed), side(noisy(-0.02), changed=other, more=timed)), condition="clean")
    assert alone.adjusted == beside.adjusted


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], None),
        (["A=B"], [("A", "B")]),
        (["opus:rate=1=opus:rate=2"], [("opus:rate=1", "opus:rate=2")]),
    ],
)
def test_pairs_may_hold_equals_signs(texts, found):
    assert pairs(texts, ["A", "opus:rate=1"], ["B", "opus:rate=2"]) == found


@pytest.mark.parametrize("text", ["A", "=B", "A="])
def test_what_is_no_pair_is_refused(text):
    with pytest.raises(UserError, match="write FIRST=SECOND, two labels"):
        pairs([text], ["A"], ["B"])


def test_the_command_compares_several_runs_with_a_waiver_that_one_needs(tmp_path, capsys):
    runs = [
        str(folder(tmp_path / name, planted))
        for name, planted in (("a", side()), ("b", side()), ("c", side(changed={"resampler": "sinc"})))
    ]
    assert cli.main(["compare", *runs]) == 2
    assert "resampler" in capsys.readouterr().err
    assert cli.main(["compare", *runs, "--waive", "resampler", "--json", "-o", str(tmp_path / "page.html")]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert (tmp_path / "page.html").is_file()
    assert cli.main(["compare", *runs, "--waive", "resampler", "--waive", "seeds"]) == 2


def test_the_command_compares_two_codecs_of_a_run(tmp_path, capsys):
    run = str(folder(tmp_path / "a", side(codecs=("A", "B"))))
    assert cli.main(["compare", run, "--codec", "A", "--codec", "B"]) == 0
    assert "A → B, all conditions, PESQ-WB: 3.560 → 3.560 (0 [0, 0] MOS-LQO)" in capsys.readouterr().out
    assert cli.main(["compare", run]) == 2
    assert "name the two codecs to compare" in capsys.readouterr().err


def test_a_fault_of_ours_is_no_verdict(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmark.compare.compare", None)
    run = str(folder(tmp_path / "a", side()))
    assert cli.main(["gate", "--baseline", run, run]) == 70
    assert "TypeError" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [{"environment": []}, {"data": {}}, {"scorers": 3}, {"values": {"pesq_wb": 1}}])
def test_a_damaged_record_is_one_line(tmp_path, capsys, damage):
    run = folder(tmp_path / "a", side())
    whole = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**whole, **damage}))
    assert cli.main(["compare", str(run), str(run)]) == 2
    said = capsys.readouterr().err
    assert f"is damaged: {next(iter(damage))!r} is not what a run writes there" in said
    assert said.count("\n") == 1
