"""`focalbench compare`: two runs, or two codecs of one, paired on what both have."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

TEXT = "two runs, or two codecs of a run: paired differences with intervals, per condition and overall"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line may say."""
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run folders or baseline files, the first to compare with")
    add("--codec", action="append", default=[], metavar="LABEL", help="of a single run: the two to compare")
    pairing(parser, "population")
    add("-o", "--output", type=Path, metavar="FILE", help="an HTML page too; with more runs, all against the first")
    add("--json", action="store_true", help="for programs: every value, with units in names of their own")


def pairing(parser: argparse.ArgumentParser, default: str) -> None:
    """How the sides are paired, and what is concluded; shared with `gate`."""
    add = parser.add_argument
    add("--pair", action="append", default=[], metavar="A=B", help="labels that differ between the sides; repeatable")
    text = f"hold for other speakers (population, 10 or more) or for this corpus (8 utterances); default: {default}"
    add("--inference", choices=["population", "corpus"], default=default, help=text)
    text = "a field that must match and may differ here, as the message names it, or its beginning; repeatable"
    add("--waive", action="append", default=[], metavar="FIELD", help=text)


def pairs(texts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]] | None:
    """The labels of ``--pair A=B``; None without any. Where labels hold an ``=``, the split that both sides know.

    Args:
        texts: as they were given.
        first: the labels of the first side.
        second: of the second.

    Raises:
        UserError: when one is no pair.
    """
    from benchmark.types import UserError

    found = []
    for text in texts:
        splits = [(text[:i], text[i + 1 :]) for i, letter in enumerate(text) if letter == "="]
        if not splits or not all(splits[0]):
            raise UserError(f"--pair {text!r}: write FIRST=SECOND, two labels of codecs.")
        known = [split for split in splits if split[0] in first and split[1] in second]
        found.append(known[0] if known else splits[0])
    return found or None


def run(options: argparse.Namespace) -> int:
    """Compare, print, and write the page where one is asked for."""
    from benchmark import agreement
    from benchmark.compare import compare, plain
    from benchmark.sides import load
    from benchmark.types import UserError

    sides = [load(path) for path in options.runs]
    single = len(sides) == 1
    if single and (len(options.codec) != 2 or options.pair):
        raise UserError("Of a single run, name the two codecs to compare: --codec A --codec B.")
    if options.codec and not single:
        raise UserError("--codec is for a single run; pair the codecs of two with --pair A=B.")
    first, *others = sides * 2 if single else sides
    found = []
    for other in others:
        chosen = [tuple(options.codec)] if single else pairs(options.pair, first.codecs, other.codecs)
        differing = agreement.fields(first.facts, other.facts, ())
        waive = agreement.needed(differing, options.waive) if len(others) > 1 else options.waive
        found.append(compare(first, other, options.inference, chosen, waive))
    agreement.check_waivers([field for comparison in found for field in comparison.fields], options.waive)
    if options.json:
        told = [plain(comparison) for comparison in found]
        sys.stdout.write(json.dumps(told[0] if len(told) == 1 else told, indent=1, allow_nan=False) + "\n")
    else:
        lines = importlib.import_module("reports.differences").lines  # by name: the harness imports no report
        sys.stdout.writelines(f"{line}\n" for comparison in found for line in lines(comparison))
    if options.output is not None:
        page = importlib.import_module("reports.comparison").write(found, options.output)
        sys.stderr.write(f"page: {page}\n")
    return 0
