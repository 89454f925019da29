"""`focalbench merge`: runs of a CI matrix or a cluster's array, joined into one run folder."""

import argparse
import importlib
import sys
from pathlib import Path

TEXT = "join runs that split codecs, data, conditions or seeds between them into one run folder"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="RUN", help="run folders of one suite")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run folder to write")


def run(options: argparse.Namespace) -> int:
    """Merge, and write the report of the whole."""
    from benchmark.merge import merge

    for text in merge(options.folders, options.out):
        sys.stderr.write(f"focalbench: {text}.\n")
    page = importlib.import_module("reports.html").write(options.out, None)  # by name: the harness imports no report
    sys.stdout.write(f"{len(options.folders)} runs in {options.out / 'results.parquet'}\nreport: {page}\n")
    return 0
