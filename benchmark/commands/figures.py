"""`focalbench figures`: a run's plots as PDF, SVG or PNG for a paper, with their captions."""

import argparse
import importlib
import sys
from pathlib import Path

TEXT = "plots of a run for a paper: PDF, SVG or PNG of one or two columns, with captions"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add = parser.add_argument
    add("folder", type=Path, metavar="RUN")
    add("-o", "--output", type=Path, metavar="DIR", help="default: RUN/figures")
    add("--format", default="pdf", metavar="NAME,...", help="of pdf, svg and png (default: pdf)")
    add("--metrics", metavar="NAME,...", help="default: all scores of the run")
    add("--data", metavar="NAME", help="one data set of the run, such as a language (default: all)")


def run(options: argparse.Namespace) -> int:
    """Draw, and print the path of every file."""
    from benchmark.cli import metrics_of

    formats = [word.strip() for word in options.format.split(",") if word.strip()]
    output = options.output or options.folder / "figures"
    # By name: the harness imports no report.
    write = importlib.import_module("reports.plates").write
    for path in write(options.folder, output, formats, metrics_of(options.metrics), options.data):
        sys.stdout.write(f"{path}\n")
    return 0
