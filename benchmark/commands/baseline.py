"""`focalbench baseline`: a run as a text file that a repository can hold, for `gate` and `compare`."""

import argparse
import sys
from pathlib import Path

TEXT = "a run's values and provenance as a text file to keep in a repository, for gate and compare"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line may say."""
    parser.add_argument("folder", type=Path, metavar="RUN")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")


def run(options: argparse.Namespace) -> int:
    """Write the file and say what is in it."""
    from benchmark import baseline
    from benchmark.sides import facts_of
    from benchmark.table import read

    facts, rows = facts_of(options.folder), read(options.folder)
    baseline.write(options.output, facts, rows)
    size = options.output.stat().st_size / 1000
    sys.stdout.write(
        f"{options.output}: {int(baseline.kept(rows).sum())} values of {len(facts['codecs'])} codecs, {size:.0f} kB\n"
    )
    return 0
