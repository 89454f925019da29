"""`focalbench cache`: how large a store is, and how to make it smaller."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.cache import Pruned, Size, Sizes

TEXT = "how large a store of results is, and how to make it smaller"
WORDS = {
    "damaged": "damaged",
    "partial": "never finished",
    "old": "not used for long",
    "unneeded": "needed by no kept run",
    "large": "least recently used",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    verbs = parser.add_subparsers(required=True, metavar="size|prune", dest="verb")
    size, prune = verbs.add_parser("size", help="by kind of entry"), verbs.add_parser("prune", help="remove entries")
    for verb in (size, prune):
        verb.add_argument("folder", type=Path, metavar="DIR", help="a store (--cache), or a run folder that has one")
        verb.add_argument("--json", action="store_true", help="for programs, sizes in bytes")
    add = prune.add_argument
    add("--older-than", type=float, metavar="DAYS", help="what was not used for so long")
    add("--max-size", metavar="SIZE", help="the least recently used, until it is no larger; for example 10GB")
    add(
        "--keep", type=Path, nargs="+", default=[], metavar="RUN", help="what these runs use stays; alone: nothing else"
    )
    add("--dry-run", action="store_true", help="say what would go, and remove nothing")


def run(options: argparse.Namespace) -> int:
    """Measure or prune."""
    from benchmark import cache

    if options.verb == "size":
        sizes = cache.size(options.folder)
        sys.stdout.write(_json(sizes.plain()) if options.json else _sizes(sizes))
        return 0
    largest = None if options.max_size is None else cache.bytes_of(options.max_size)
    pruned = cache.prune(options.folder, options.older_than, largest, options.keep, options.dry_run)
    sys.stdout.write(_json(pruned.plain()) if options.json else _pruned(pruned))
    return 0


def _json(plain: object) -> str:
    return json.dumps(plain, indent=2, allow_nan=False) + "\n"


def _sizes(sizes: "Sizes") -> str:
    from benchmark.cache import spoken

    others = {"damaged": sizes.damaged, "never finished": sizes.partial, "not of the store": sizes.foreign}
    told = [_line(word, size) for word, size in {**sizes.kinds, **others}.items() if size.entries]
    return "\n".join([*told, f"{spoken(sizes.bytes)} in {sizes.folder}"]) + "\n"


def _line(word: str, size: "Size") -> str:
    from benchmark.cache import spoken

    return f"{word:24} {size.entries:>9,} files {spoken(size.bytes):>9}"


def _pruned(pruned: "Pruned") -> str:
    from benchmark.cache import spoken

    told = [_line(WORDS[why], size) for why, size in pruned.removed.items()]
    freed = sum(size.bytes for size in pruned.removed.values())
    verb = "would be freed" if pruned.dry_run else "freed"
    return "\n".join([*told, f"{spoken(freed)} {verb}, {spoken(pruned.left.bytes)} left in {pruned.folder}"]) + "\n"
