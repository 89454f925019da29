"""Comparisons: what is paired, what is refused, what is said of planted differences."""

import json

import numpy as np
import pytest

from benchmark.compare import ALL, ALONE, compare, pair, plain
from benchmark.types import UserError
from tests.sides import but, facts, row, side


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
    assert found.notes == ("Conditions of planted that planted has not: bernoulli:loss=0.1.",)
    assert {r.condition for r in found.rows if r.difference.n} == {"clean", ALL}


def test_the_plain_form_is_json():
    told = json.loads(json.dumps(plain(compare(side(), side(noisy(-0.1)))), allow_nan=False))
    assert told["inference"] == "population"
    assert {"codec", "condition", "channel", "value", "low", "high", "p_below", "adjusted"} <= set(told["rows"][0])
