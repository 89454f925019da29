"""What a gate says, in every form; text of users stays text in all of them."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.compare import compare
from benchmark.gate import judge, margins
from reports.differences import lines as differences
from reports.escape import markdown
from reports.junit import junit
from reports.verdicts import annotations, in_order, lines, signed
from reports.verdicts import markdown as summary
from tests.sides import but, row, side

HOSTILE = "<script>alert(1)</script> | `x` [a](javascript:1) ]]> \"' ::error:: \x00\x1b%0A\r\nline two"


def judged(name: str = "A", shift: float = -0.1):
    first = side(codecs=(name,))
    second = side(lambda s, u: 3.0 + 0.1 * s + 0.01 * u + shift + 0.001 * ((s + u) % 3), codecs=(name,))
    comparison = compare(first, second, "corpus")
    return judge(comparison, margins()), comparison


def test_junit_counts_cases_and_failures_per_codec():
    root = ElementTree.fromstring(junit(judged()[0], "nightly", {}))
    assert (root.get("name"), root.get("tests"), root.get("failures"), root.get("skipped")) == (
        "nightly",
        "3",
        "3",
        "0",
    )
    (suite,) = root
    assert {case.get("classname") for case in suite} == {"A.10 % loss", "A.clean", "A.all conditions"}
    message = suite[0][0].get("message")
    assert re.search(r"worse: 3\.\d+ → 3\.\d+ \(−0\.\d+ \[.*\] MOS-LQO\); p = .* after Holm; margin 0\.05", message)


def test_junit_says_why_something_was_not_measured_and_that_the_same_passed():
    few = side(speakers=3, each=1)
    root = ElementTree.fromstring(junit(judge(compare(few, few, "corpus"), margins()), "n", {}))
    assert [case[0].tag for case in root[0]] == ["skipped"] * 3
    assert "3 utterances, 8 are needed" in root[0][0][0].get("message")
    root = ElementTree.fromstring(junit(judged(shift=0.0)[0], "n", {"B": "it is gone"}))
    assert [case[0].tag for case in root[1]] == ["system-out"] * 3
    assert (root.get("tests"), root.get("skipped")) == ("4", "1")
    assert root[0][0][0].get("message") == "not measured: it is gone"


def test_hostile_names_are_text_in_junit():
    root = ElementTree.fromstring(junit(judged(HOSTILE)[0], HOSTILE, {}))
    assert root[0].get("name").startswith("<script>alert(1)</script> | `x` [a](javascript:1) ]]>")
    assert {element.tag for element in root.iter()} == {"testsuites", "testsuite", "testcase", "failure"}


def test_hostile_names_are_text_in_the_summary():
    told = summary(*judged(HOSTILE))
    assert "<script>" not in told
    assert "[a](" not in told
    rows = [line for line in told.splitlines() if line.startswith("| worse")]
    assert len(rows) == 3
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 8 for row in rows), "a cell of the table broke out of it"


def test_hostile_names_end_no_workflow_command():
    told = list(annotations(*judged(HOSTILE)))
    assert len(told) == 3
    for line in told:
        assert line.startswith("::error title=worse%3A <script>")
        assert not set(line) & set("\r\n")
        assert line.count("::") == 2 + 2 * ("::error::" in line.partition("title")[2].partition("::")[2])


@given(st.text())
def test_any_text_is_one_cell_of_markdown(text):
    told = markdown(text)
    assert not set(told) & set("\r\n<>")
    assert not re.search(r"(?<!\\)(\\\\)*\|", told)


def test_the_worst_stand_first_and_the_same_are_counted_only():
    verdicts, comparison = judged()
    told = list(lines(verdicts, comparison))
    assert told[0] == "worse: 3 worse of 3 values"
    assert [v.verdict for v in in_order(verdicts)] == ["worse"] * 3
    same = list(lines(*judged(shift=0.0)))
    assert len(same) == 2


def test_waived_and_differing_fields_are_told_everywhere():
    first, second = side(), side(changed={"resampler": "sinc"})
    comparison = compare(first, second, "corpus", waive=["resampler"])
    verdicts = judge(comparison, margins())
    assert "differs (must match, waived): resampler: soxr → sinc" in list(lines(verdicts, comparison))
    assert "| must match (waived) | resampler | soxr | sinc |" in summary(verdicts, comparison)
    assert "differs (must match, waived): resampler: soxr → sinc" in list(differences(comparison))


def test_differences_are_told_over_all_conditions_first():
    told = list(differences(judged()[1]))
    assert told[1].startswith("A, all conditions, PESQ-WB: 3.")
    assert told[2] == "per condition: 2 of 2 differ (p < 0.05 after Holm)"
    quiet = list(differences(judged(shift=0.0)[1]))
    assert any("per condition: 0 of 2 differ" in line for line in quiet) or any(
        "per condition" in line for line in quiet
    )


def test_few_speakers_are_told_as_descriptive_only():
    few = side(speakers=4)
    assert any("descriptive only: 4 speakers, 10 are needed" in line for line in differences(compare(few, few)))


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (0.5, "+0.50"), (-0.5, "−0.50"), (None, "–")])
def test_differences_carry_their_sign(value, text):
    assert signed(value, 2) == text


def test_no_text_of_others_begins_a_line_of_its_own():
    told = [*lines(*judged(HOSTILE)), *differences(judged(HOSTILE)[1])]
    assert not any(set(line) & set("\r\n\x1b") for line in told)
    assert not any(line.startswith("::") for line in told)


def test_a_codec_of_which_nothing_is_left_is_named_in_every_form():
    comparison = compare(side(codecs=("A", "B")), side(), "corpus")
    verdicts = judge(comparison, margins())
    assert comparison.unmeasured == {"B": "planted has no codec of this label"}
    assert next(iter(lines(verdicts, comparison))) == "not measured: 3 same of 3 values"
    assert "not measured: B: planted has no codec of this label" in [
        *lines(verdicts, comparison),
        *differences(comparison),
    ]
    assert "- not measured: B: planted has no codec of this label" in summary(verdicts, comparison)
    assert list(annotations(verdicts, comparison)) == [
        "::warning title=not measured%3A B::planted has no codec of this label"
    ]


def test_what_failed_completely_is_told_among_differences():
    def broken(rows):
        rows.loc[rows["channel"].eq("clean"), ["status", "value"]] = ["codec_failed", None]
        return rows

    told = list(differences(compare(side(), but(side(), broken))))
    assert any(line.startswith("A, clean, PESQ-WB: – → –") and "36 codec_failed" in line for line in told)


def test_values_of_one_name_are_told_apart_by_their_scorers():
    more = tuple(
        row(scorer=s, name="wer", utterance=f"u{i}_0", speaker=f"s{i}") for s in ("asr:a", "asr:b") for i in range(12)
    )
    told = list(differences(compare(side(more=more), side(more=more))))
    assert any("WER (asr:a):" in line for line in told)
