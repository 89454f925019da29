"""`focalbench methods`: how a run was made, as a paragraph for a paper, with its references."""

import argparse
import importlib
import sys
from pathlib import Path

TEXT = "how a run was made, as a paragraph for a paper, with its references"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("folder", type=Path, metavar="RUN")
    parser.add_argument("--format", choices=["text", "latex", "markdown"], default="text")
    parser.add_argument("--bibtex", type=Path, metavar="FILE", help="write the entries that are cited there")


def run(options: argparse.Namespace) -> int:
    """Print the paragraph, and write the references where they are wanted."""
    # By name: the harness imports no report.
    text, references = importlib.import_module("reports.methods").render(options.folder, options.format)
    sys.stdout.write(text)
    if options.bibtex is not None:
        options.bibtex.parent.mkdir(parents=True, exist_ok=True)
        options.bibtex.write_text(references, encoding="utf-8")
    return 0
