"""The command `focalbench`: arguments in, exit code out (0 fine, 1 worse, 2 wrong use, 3 too little measured)."""

import argparse
import importlib
import json
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmark import commands

FINE, WORSE, WRONG_USE, TOO_LITTLE = 0, 1, 2, 3
BROKEN = 70  # as sysexits.h has it for faults of the software itself
INTERRUPTED = 130  # as a shell reports SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what the user can mend is one line on the error stream, without a traceback."""
    parser = _parser()
    options = parser.parse_args(arguments)
    from benchmark.registry import use_current_folder
    from benchmark.types import Unavailable, UserError

    use_current_folder()
    if (root := getattr(options, "data_root", None)) is not None:
        os.environ["FOCALBENCH_DATA"] = str(root)  # for this process and its children: codecs look there for weights
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # here, where a reader that has gone is no error
        return code
    except (UserError, Unavailable) as error:
        sys.stderr.write(f"focalbench: {error}\n")
        return WRONG_USE
    except BrokenPipeError:  # the reader of our output, for example `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except Exception:  # a fault of ours; Python's own exit code for it would say "worse"
        traceback.print_exc()
        return BROKEN
    except KeyboardInterrupt:
        sys.stderr.write("focalbench: interrupted. The same command goes on where it stopped.\n")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("focalbench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=_version())
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Any], int], text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    _run_arguments(command("run", _run, "run a suite of codecs over packets and score what comes out"))
    _score_arguments(command("score", _score, "score a folder of degraded files against a folder of references"))
    report = command("report", _report, "one HTML file that opens offline")
    report.add_argument("folder", type=Path, metavar="RUN")
    report.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: RUN/report.html")
    _table_arguments(
        command(
            "table", _table, "codecs side by side; or scores by codec and condition, with --metrics, --rows or --cols"
        )
    )
    check = command("check", _check, "put a codec to the conformance tests")
    check.add_argument("kind", choices=["codec"])
    check.add_argument("spec", metavar="SPEC")
    _json(check)
    _data_root(check)
    _probe_arguments(command("probe", _probe, "examine a codec as a black box: latency, streaming, time, losses"))
    ls = command("ls", _ls, "what there is, and what each lacks to run here")
    ls.add_argument(
        "kind",
        choices=["codecs", "metrics", "tasks", "acoustics", "channels", "protections", "playouts", "suites", "data"],
    )
    ls.add_argument("names", nargs="*", metavar="CODEC", help="of codecs: the cards of these, measured now")
    _json(ls)
    _data_root(ls)
    fetch = command("fetch", _fetch, "fetch data sets and weights by name, checksummed, resumable")
    fetch.add_argument("names", nargs="+", metavar="NAME")
    _data_root(fetch)
    _trace_arguments(command("trace", _trace, "write what a network loses and delays as a pattern file"))
    replay = command("replay", _replay, "one row of a run again: its audio written, each stage printed")
    replay.add_argument("folder", type=Path, metavar="RUN")
    replay.add_argument("key", metavar="KEY", help="the row's key, or its first characters")
    replay.add_argument("-o", "--output", type=Path, metavar="DIR", help="default: RUN/replay")
    _data_root(replay)
    for name in commands.NAMES:
        module = importlib.import_module(f"benchmark.commands.{name}")
        module.arguments(command(name, module.run, module.TEXT))
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("focalbench")
    except PackageNotFoundError:
        return "source tree"


def _data_root(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("FOCALBENCH_DATA") or None
    text = "where data and weights lie (default: FOCALBENCH_DATA, else the user's cache)"
    parser.add_argument("--data-root", type=_absolute, metavar="DIR", default=default, help=text)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs, with the units in the names")


def _absolute(text: str) -> Path:
    return Path(text).absolute()  # children and Dask workers may live in another folder


def _workers(parser: argparse.ArgumentParser) -> None:
    count = os.cpu_count() or 1
    parser.add_argument("--workers", type=_at_least_one, default=count, metavar="N", help=f"default: {count}")


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("suite", metavar="SUITE", help="a shipped suite (focalbench ls suites), a YAML file, or a run.json")
    add("--data", action="append", metavar="MANIFEST", help="CSV, JSONL, Kaldi folder, folder of audio; repeatable")
    _data_root(parser)
    add("--out", type=Path, metavar="DIR", help="the run folder (default: runs/SUITE)")
    add("--cache", type=Path, metavar="DIR", help="a store shared by many runs (default: in the run folder)")
    add("--codec", action="append", metavar="[LABEL=]SPEC", help="in place of the suite's codecs; repeatable")
    add("--limit", type=_at_least_one, metavar="N", help="utterances, and of each task, round-robin over speakers")
    _workers(parser)
    add("--scheduler", metavar="ADDR", help="a Dask scheduler, in place of --workers")
    add("--seed", type=int, metavar="N", help="in place of the suite's seeds")
    add("--device", choices=["cpu", "cuda"], help="for metrics with a model (default: cpu)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a suite key, for example data.split=test")
    add("--save-audio", choices=["none", "report", "all"], help="what audio is kept (default: what the report plays)")
    add("--timing", action="store_true", help="measure real-time factors afterwards, one codec at a time")
    add("--dry-run", action="store_true", help="say what would be run: trials, hours, disk")
    add("--strict", action="store_true", help="exit 3 when any row failed or was skipped")
    add("--history", type=Path, metavar="DIR", help="add the run to a history (focalbench history DIR)")
    _json(parser)


def _probe_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("spec", metavar="CODEC", help="for example opus:bitrate=12000")
    add("--threads", type=_at_least_one, default=1, metavar="N", help="for the codec while it is timed (default: 1)")
    add("--seconds", type=_seconds, default=1.5, metavar="S", help="of speech for each part (default: 1.5)")
    text = "another configuration to compare with (default: the same with precision=fp32, where it has another one)"
    add("--against", metavar="SPEC", help=text)
    _json(parser)
    _data_root(parser)


def _trace_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("channel", metavar="CHANNEL", help="for example gilbert:loss=0.1,burst_ratio=2")
    add("-o", "--output", type=Path, required=True, metavar="FILE")
    add("--format", default="plc", metavar="NAME", help="plc (default), opus, g192, byte, bit or csv")
    add("--packets", type=_at_least_one, default=3000, metavar="N", help="default: 3000")
    add("--packet-ms", type=float, default=20.0, metavar="MS", help="from packet to packet (default: 20)")
    add("--seed", type=int, default=0, metavar="N", help="default: 0")
    _data_root(parser)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.5 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text} must be from 0.5 to 60")
    return seconds


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be 1 or more")
    return number


def _score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", type=Path, metavar="REF_DIR")
    parser.add_argument("degraded", type=Path, metavar="DEG_DIR")
    parser.add_argument("--out", type=Path, default=Path("runs/score"), metavar="DIR", help="default: runs/score")
    _workers(parser)
    text = "one shift per file (default), the folder's median, or none"
    parser.add_argument("--align", choices=["file", "folder", "none"], default="file", help=text)
    text = "values, metrics (dnsmos, asr:model=ctc) or cheap (signals only); default: all of focalbench ls metrics"
    parser.add_argument("--metrics", metavar="NAME,...", help=text)
    text = "a manifest that gives transcripts, languages and speakers to the references, by id or file name"
    parser.add_argument("--data", metavar="MANIFEST", help=text)
    text = "what models said of references, shared by many runs (default: in the run folder)"
    parser.add_argument("--cache", type=Path, metavar="DIR", help=text)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="for metrics with a model")
    _data_root(parser)


def _table_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="RUN")
    parser.add_argument("--format", choices=["latex", "markdown", "csv"], default="markdown")
    parser.add_argument("--metrics", metavar="NAME,...", help="default: all scores of the run")
    parser.add_argument("--rows", choices=["codec", "condition"], help="default: codec, or what --cols is not")
    parser.add_argument("--cols", choices=["codec", "condition"], help="default: what --rows is not")
    parser.add_argument("--data", metavar="NAME", help="one data set of the run, such as a language (default: all)")


def metrics_of(text: str | None) -> list[str] | None:
    """The metrics of a list; a comma before ``key=`` parts the parameters of one, not two.

    Raises:
        UserError: when it is empty.
    """
    if text is None:
        return None
    from benchmark.types import UserError

    if not (words := [word.strip() for word in re.split(r",(?!\s*\w+=)", text) if word.strip()]):
        raise UserError("--metrics names no metric; leave it out for all of focalbench ls metrics.")
    return words


def data_root(given: Path | None) -> Path:
    """The data root: what was given, else FOCALBENCH_DATA, else the user's cache."""
    if given is not None:
        return given
    from benchmark import weights

    return weights.data_root()


def _suite(options: argparse.Namespace) -> Any:
    from dataclasses import replace

    import yaml

    from benchmark import suite
    from benchmark.types import UserError

    changes: list[tuple[str, Any]] = []
    for text in options.set:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set {text}: write KEY=VALUE, for example data.split=test.")
        try:
            changes.append((key, yaml.safe_load(value)))
        except yaml.YAMLError as error:
            raise UserError(f"--set {text}: {value!r} is not YAML.") from error
    given = {"data.manifest": options.data, "data.limit": options.limit, "save_audio": options.save_audio}
    given["device"] = options.device
    given["seeds"] = given["probes.seeds"] = None if options.seed is None else [options.seed]
    changes += [(key, value) for key, value in given.items() if value is not None]
    loaded = suite.load(options.suite, changes)
    if options.limit is not None:
        loaded = replace(loaded, tasks={label: replace(t, limit=options.limit) for label, t in loaded.tasks.items()})
    return suite.with_codecs(loaded, options.codec) if options.codec else loaded


def _run(options: argparse.Namespace) -> int:
    suite = _suite(options)
    from benchmark import run
    from benchmark.progress import Shown

    out = options.out or Path("runs") / suite.name
    settings = run.Options(
        out=out,
        cache=options.cache,
        data_root=data_root(options.data_root),
        workers=options.workers,
        scheduler=options.scheduler,
        timing=options.timing,
        command=shlex.join(["focalbench", *sys.argv[1:]]),
    )
    if options.dry_run:
        from benchmark.estimate import estimate

        sys.stdout.write(estimate(suite, settings, Shown()))
        return FINE
    results = run.run(suite, settings, Shown())
    if options.history is not None:
        from benchmark import history

        history.append(out, options.history)
    sys.stdout.write(_told(results, out, options.json))
    return _exit_code(results, list(suite.codecs), options.strict)


def _told(results: Any, out: Path, for_programs: bool) -> str:
    """What a run says when it has ended."""
    facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
    effort, table, page = facts["effort"], out / "results.parquet", out / "report.html"
    if for_programs:
        codecs = {label: codec["status"] for label, codec in facts["codecs"].items()}
        statuses = {str(status): int(n) for status, n in results["status"].value_counts().items()}
        found = {"rows": len(results), "statuses": statuses, "codecs": codecs, "effort": effort}
        return json.dumps({**found, "results": str(table), "report": str(page)}, indent=1, allow_nan=False) + "\n"
    spent = f"{effort['computed']} scores computed, {effort['cached']} from the store"
    return f"{len(results)} rows in {table} ({spent})\nreport: {page}\n"


def _exit_code(results: Any, labels: Sequence[str], strict: bool) -> int:
    """3 unless every codec has a score (under `strict`: unless every row has its value, or none by definition)."""
    facts = results["scorer"].isin(["link", "tokens", "probe"]) | (results["kind"] != "value")  # nothing of the sound
    scored = results[(results["status"] == "ok") & ~facts]
    if missing := [label for label in labels if label not in set(scored["codec"])]:
        sys.stderr.write(f"focalbench: nothing was measured for {', '.join(missing)}; the report says why.\n")
        return TOO_LITTLE
    failed = results[~results["status"].isin(["ok", "not_applicable"])]
    if strict and len(failed):
        counts = ", ".join(f"{n} {status}" for status, n in failed["status"].value_counts().items())
        sys.stderr.write(f"focalbench: --strict: {counts} of {len(results)} rows.\n")
        return TOO_LITTLE
    return FINE


def _score(options: argparse.Namespace) -> int:
    from benchmark import score
    from benchmark.progress import Shown

    settings = score.Options(
        out=options.out,
        metrics=metrics_of(options.metrics),
        alignment=options.align,
        data=options.data,
        data_root=data_root(options.data_root),
        cache=options.cache,
        device=options.device,
        workers=options.workers,
        command=shlex.join(["focalbench", *sys.argv[1:]]),
    )
    results = score.score(options.reference, options.degraded, settings, Shown())
    sys.stdout.write(score.summary(results))
    sys.stdout.write(f"{len(results)} rows in {options.out / 'results.parquet'}\n")
    ok = (results["status"] == "ok") & (results["scorer"] != "align")
    return FINE if ok.any() else TOO_LITTLE


def _report(options: argparse.Namespace) -> int:
    # By name: the harness imports no report.
    page = importlib.import_module("reports.html").write(options.folder, options.output)
    sys.stdout.write(f"report: {page}\n")
    return FINE


def _table(options: argparse.Namespace) -> int:
    if options.metrics is options.rows is options.cols is None:
        sys.stdout.write(importlib.import_module("reports.field").render(options.folder, options.format, options.data))
        return FINE
    render = importlib.import_module("reports.table").render
    rows = options.rows or ("condition" if options.cols == "codec" else "codec")
    cols = options.cols or ("codec" if rows == "condition" else "condition")
    sys.stdout.write(render(options.folder, options.format, metrics_of(options.metrics), rows, cols, options.data))
    return FINE


def _check(options: argparse.Namespace) -> int:
    from benchmark.check import check_codec

    verdicts = check_codec(options.spec)
    if options.json:
        sys.stdout.write(json.dumps([verdict._asdict() for verdict in verdicts], indent=1) + "\n")
        return WORSE if any(verdict.problem for verdict in verdicts) else FINE
    for verdict in verdicts:
        mark = "broken" if verdict.problem else "exempt" if verdict.remark else "kept  "
        told = verdict.problem or verdict.remark
        sys.stdout.write(f"{mark}  {verdict.promise}" + (f": {told}" if told else "") + "\n")
    broken = sum(bool(v.problem) for v in verdicts)
    exempt = sum(bool(v.remark) for v in verdicts)
    kept = f"{options.spec} keeps its promises" + (f", but for {exempt} that cannot be tried" if exempt else "")
    result = f"{options.spec}: {broken} promises broken" if broken else kept
    sys.stdout.write(f"{result}\n")
    return WORSE if broken else FINE


def _probe(options: argparse.Namespace) -> int:
    from benchmark.probe.examination import examine, now_and_then
    from benchmark.probe.text import text

    found = examine(options.spec, options.threads, options.seconds, options.against, now_and_then())
    sys.stdout.write(json.dumps(found.plain(), indent=2, allow_nan=False) + "\n" if options.json else text(found))
    if failed := list(found.failures()):
        sys.stderr.write(f"focalbench: {options.spec} failed in {', '.join(failed)}.\n")
        return TOO_LITTLE
    if wrong := list(found.disagreements()):
        sys.stderr.write(f"focalbench: {options.spec} disagrees with what it declares: {'; '.join(wrong)}.\n")
        return WORSE
    return FINE


def _ls(options: argparse.Namespace) -> int:
    from benchmark.listing import cards, entries, lines
    from benchmark.types import UserError

    if options.names and options.kind != "codecs":
        raise UserError(f"`ls {options.kind}` takes no names; cards are of codecs: focalbench ls codecs NAME.")
    if options.names and options.json:
        raise UserError("Cards are for people; `ls codecs --json` lists all codecs for programs.")
    told = (json.dumps(entry) for entry in entries(options.kind)) if options.json else lines(options.kind)
    for line in cards(options.names) if options.names else told:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()  # a card may take a minute
    return FINE


def _fetch(options: argparse.Namespace) -> int:
    from benchmark.fetch import fetch, record
    from benchmark.progress import megabytes

    root = data_root(options.data_root)
    for name in options.names:
        folder = fetch(name, root, megabytes(name))
        sys.stdout.write("".join(f"{line}\n" for line in [f"{name}: {folder}", *record(folder)]))
    return FINE


def _trace(options: argparse.Namespace) -> int:
    from benchmark.patterns.export import write_pattern
    from benchmark.scenes import condition

    channel = condition("channel", options.channel, [Path.cwd(), data_root(options.data_root)]).channel()
    drawn = {"packets": options.packets, "packet_ms": options.packet_ms, "seed": options.seed}
    said = write_pattern(channel, **drawn, format=options.format, path=options.output)
    sys.stdout.write(f"{options.output}: {said}\n")
    return FINE


def _replay(options: argparse.Namespace) -> int:
    from benchmark.replay import replay

    output = options.output or options.folder / "replay"
    for line in replay(options.folder, options.key, output, data_root(options.data_root)):
        sys.stdout.write(f"{line}\n")
    return FINE


if __name__ == "__main__":
    sys.exit(main())
