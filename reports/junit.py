"""What a gate found as JUnit XML, which CI systems show: a suite per codec, a case per value and condition."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree

from benchmark.gate import Verdict
from reports.verdicts import WORDS, named, told

FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0, escaped or not


def junit(verdicts: Sequence[Verdict], name: str, unmeasured: Mapping[str, str]) -> str:
    """The XML: what is worse has failed, what was not measured was skipped, and says why.

    Args:
        verdicts: of one gate.
        name: of the whole, for example the suite's.
        unmeasured: codecs of which there is nothing, and why; each is a suite with one case that was skipped.
    """
    root = ElementTree.Element("testsuites", {"name": _text(name), **_counts(verdicts, len(unmeasured))})
    for codec, why in unmeasured.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": _text(codec), **_counts([], 1)})
        case = ElementTree.SubElement(suite, "testcase", {"classname": _text(codec), "name": "measured"})
        ElementTree.SubElement(case, "skipped", {"message": _text(f"not measured: {why}")})
    ordered = sorted(verdicts, key=lambda v: v.compared.codec)
    for codec, members in groupby(ordered, key=lambda v: v.compared.codec):
        found = list(members)
        suite = ElementTree.SubElement(root, "testsuite", {"name": _text(codec), **_counts(found)})
        for verdict in found:
            _case(suite, verdict)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _counts(verdicts: Sequence[Verdict], unmeasured: int = 0) -> dict[str, str]:
    words = [*(v.verdict for v in verdicts), *["not_measured"] * unmeasured]
    counts = {"tests": len(words), "failures": words.count("worse"), "skipped": words.count("not_measured")}
    return {name: str(count) for name, count in counts.items()}


def _case(suite: ElementTree.Element, verdict: Verdict) -> None:
    row = verdict.compared
    names = {"classname": f"{row.codec}.{row.condition}", "name": named(row)}
    case = ElementTree.SubElement(suite, "testcase", {k: _text(v) for k, v in names.items()})
    text = _text(f"{WORDS[verdict.verdict]}: {told(row)}; {verdict.reason}; margin {verdict.margin:.3g}")
    kind = {"worse": "failure", "not_measured": "skipped"}.get(verdict.verdict)
    if kind is None:
        ElementTree.SubElement(case, "system-out").text = text
    else:
        ElementTree.SubElement(case, kind, {"message": text})


def _text(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return FORBIDDEN.sub("�", text)
