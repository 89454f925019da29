"""`focalbench history`: runs over time, what changed in them, and which commits caused it."""

import argparse
import importlib
import json
import sys
from pathlib import Path

TEXT = "runs over time: trends, change points, and the commits that caused them"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="the history: a folder with one small Parquet file per run")
    add("--add", type=Path, nargs="+", default=[], metavar="RUN", help="run folders to append first")
    add("-o", "--output", type=Path, metavar="FILE", help="an HTML page with the trends")
    add("--json", action="store_true", help="for programs: every change and every break")


def run(options: argparse.Namespace) -> int:
    """Append, read, tell what changed, and write the page where one is asked for."""
    from benchmark import history

    for folder in options.add:
        history.append(folder, options.folder)
    series = history.read(options.folder)
    found = history.timeline(series)
    if options.json:
        sys.stdout.write(json.dumps(history.plain(found), indent=1, allow_nan=False) + "\n")
    else:
        lines = importlib.import_module("reports.history").lines  # by name: the harness imports no report
        sys.stdout.writelines(f"{line}\n" for line in lines(series, found))
    if options.output is not None:
        page = importlib.import_module("reports.history").write(series, found, options.output, str(options.folder))
        sys.stderr.write(f"page: {page}\n")
    return 0
