"""`focalbench gate`: is a run worse than its baseline? Exit code 1 when it is, 3 when the data cannot tell."""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.compare import pairing, pairs

if TYPE_CHECKING:
    from benchmark.compare import Comparison
    from benchmark.gate import Verdict

TEXT = "better, same, worse or not measured against a baseline: exit code 1 when worse, 3 when too little was measured"
CODES = {"better": 0, "same": 0, "worse": 1, "not_measured": 3}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line may say."""
    add = parser.add_argument
    add("run_folder", type=Path, metavar="RUN", help="what is judged")
    add("--baseline", type=Path, required=True, metavar="RUN_OR_FILE", help="a run, or a file of `focalbench baseline`")
    pairing(parser, "corpus")
    add("--margins", type=Path, metavar="FILE", help="YAML: how much worse each value may be (docs/ci.md)")
    add("--junit", type=Path, metavar="FILE", help="JUnit XML for the CI system")
    add(
        "--summary",
        type=Path,
        metavar="FILE",
        help="Markdown for a pull request; appended, as GitHub's step summary is",
    )
    add("--json", action="store_true", help="for programs: every verdict")


def run(options: argparse.Namespace) -> int:
    """Judge, print, and write what is asked for; under GitHub Actions, annotate."""
    from benchmark import gate
    from benchmark.compare import compare
    from benchmark.sides import load

    tables = gate.margins(options.margins)
    first, second = load(options.baseline), load(options.run_folder)
    chosen = pairs(options.pair, first.codecs, second.codecs)
    comparison = compare(first, second, options.inference, chosen, options.waive)
    verdicts = gate.judge(comparison, tables)
    own = tables[0] if options.margins is not None else {}
    comparison = replace(comparison, notes=(*comparison.notes, *gate.notes(comparison, own)))
    words = importlib.import_module("reports.verdicts")  # by name: the harness imports no report
    if options.junit is not None:
        junit = importlib.import_module("reports.junit").junit
        _write(options.junit, "w", junit(verdicts, str(second.facts.get("name") or second.name), comparison.unmeasured))
    if options.summary is not None:
        _write(options.summary, "a", words.markdown(verdicts, comparison) + "\n")
    found = gate.outcome(verdicts, comparison.unmeasured)
    _say(_json(found, verdicts, comparison) if options.json else "\n".join(words.lines(verdicts, comparison)))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.writelines(f"{line}\n" for line in words.annotations(verdicts, comparison))
    return CODES[found]


def _json(found: str, verdicts: Sequence["Verdict"], comparison: "Comparison") -> str:
    from benchmark.compare import plain_row

    told = [{"verdict": v.verdict, "margin": v.margin, "reason": v.reason, **plain_row(v.compared)} for v in verdicts]
    known = {"outcome": found, "unmeasured": dict(comparison.unmeasured), "notes": list(comparison.notes)}
    return json.dumps({**known, "verdicts": told}, indent=1, allow_nan=False)


def _say(text: str) -> None:
    """Print; a reader that has gone, for example `head`, changes no verdict."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(path: Path, mode: str, text: str) -> None:
    from benchmark.types import UserError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
