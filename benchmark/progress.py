"""What a command shows while it works: bars with an estimate on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

EVERY = 30.0  # s between two lines where nobody watches a bar


class Progress(Protocol):
    """Where a command says what it does."""

    def warn(self, text: str) -> None: ...
    def track(self, title: str, total: int) -> AbstractContextManager[Callable[[], None]]: ...


class Quiet:
    """Says warnings on the error stream, and nothing else."""

    def warn(self, text: str) -> None:
        """One line."""
        sys.stderr.write(f"warning: {text}\n")

    def track(self, title: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        """Counts for nobody."""
        return nullcontext(lambda: None)


class Shown:
    """Bars by rich on a terminal; plain lines in a log."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)

    def warn(self, text: str) -> None:
        """One line."""
        self.console.print(f"[yellow]warning:[/] {_plain(text)}", highlight=False, soft_wrap=True)

    @contextmanager
    def track(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar over `total` steps; the function it yields is called after each."""
        if self.console.is_terminal:
            with self._bar(title, total) as advance:
                yield advance
        else:
            yield _lines(title, total)

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        from rich import progress

        columns = (
            progress.TextColumn("{task.description:>8}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=self.console) as bars:
            task = bars.add_task(title, total=total)
            yield lambda: bars.advance(task)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _lines(title: str, total: int) -> Callable[[], None]:
    start = last = time.monotonic()
    done = 0

    def advance() -> None:
        nonlocal last, done
        done += 1
        now = time.monotonic()
        if now - last >= EVERY or (done == total and now - start >= EVERY):
            last = now
            left = (now - start) / done * (total - done)
            sys.stderr.write(f"{title}: {done} of {total}, {now - start:.0f} s, about {left:.0f} s left\n")
            sys.stderr.flush()

    return advance


def megabytes(name: str) -> Callable[[int, int | None], None]:
    """Says on the error stream how far the download of `name` is, at most once a second."""
    last = 0.0

    def show(done: int, total: int | None) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= 1 or done == total:
            last = now
            of = f" of {total / 1e6:.0f}" if total else ""
            sys.stderr.write(f"{name}: {done / 1e6:.0f}{of} MB\n")
            sys.stderr.flush()

    return show
