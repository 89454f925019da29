"""`focalbench listening`: a blind listening test from the audio of a run; `focalbench listen` reads what comes back."""

import argparse
import importlib
import sys
from pathlib import Path

TEXT = "a blind listening test from the audio of a run: one HTML page that works offline, and its key"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line may say."""
    add = parser.add_argument
    add("folder", type=Path, metavar="RUN", help="run with --save-audio all for more than one utterance")
    add("-o", "--output", type=Path, metavar="FILE", help="default: RUN/listening.html; the key is FILE's .key.json")
    text = "ratings with hidden reference and anchors (default), or which of two X is"
    add("--kind", choices=["mushra", "abx"], default="mushra", help=text)
    add("--utterances", type=int, default=8, metavar="N", help="of each condition, at most (default: 8)")
    add(
        "--condition",
        action="append",
        default=[],
        metavar="TITLE",
        help="as the report calls it; repeatable (default: all)",
    )
    add("--codec", action="append", default=[], metavar="LABEL", help="repeatable (default: all that were saved)")
    text = "of abx: what every codec is compared with, a label or reference (default)"
    add("--against", default="reference", metavar="LABEL", help=text)
    add("--trials", type=int, metavar="N", help="of abx: for each codec and condition (default: 10)")
    add(
        "--seed", type=int, default=0, metavar="N", help="decides the utterances and all names in the page (default: 0)"
    )


def run(options: argparse.Namespace) -> int:
    """Make the page, and say what is in it."""
    from benchmark.types import UserError

    module = importlib.import_module("reports.listening")  # by name: the harness imports no report
    if options.kind == "mushra" and (options.trials is not None or options.against != module.REFERENCE):
        raise UserError("--trials and --against are of --kind abx; in mushra every utterance is a trial.")
    for name in ("utterances", "trials"):
        if (number := getattr(options, name)) is not None and number < 1:
            raise UserError(f"--{name} {number}: must be 1 or more.")
    wanted = module.Wanted(
        kind=options.kind,
        utterances=options.utterances,
        conditions=tuple(options.condition),
        codecs=tuple(options.codec),
        against=options.against,
        trials=10 if options.trials is None else options.trials,
        seed=options.seed,
    )
    made = module.write(options.folder, options.output, wanted)
    minutes = f"{made.seconds / 60:.1f} minutes to hear each once"
    sys.stdout.write(f"{made.page}: {made.trials} trials, {made.sounds} sounds, {minutes}, {made.size / 1e6:.1f} MB\n")
    sys.stdout.write(f"{made.key}: what is what; keep it from the listeners\n")
    return 0
