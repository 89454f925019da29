"""Where works run: in this process, in several supervised workers, or on a Dask cluster; the rows are the same."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

from benchmark.bench import Bench
from benchmark.registry import use_current_folder
from benchmark.suite import Limits
from benchmark.types import UserError
from benchmark.weights import VARIABLE, data_root

PATIENCE = 10  # s until a scheduler has to answer
STARTS = 3  # of the client; a machine that is busy for a while is no failure

Item = TypeVar("Item")
Result = TypeVar("Result")

_local = threading.local()  # a bench per worker thread: its children stay warm from one work to the next
_own_root = os.environ.get(VARIABLE, "")  # of a Dask worker, for runs that name none


def execute(
    function: Callable[[Item, Bench], Result],
    items: Sequence[Item],
    limits: Limits,
    workers: int = 1,
    scheduler: str | None = None,
) -> Iterator[Result]:
    """Yield ``function(item, bench)`` for every item, as they are done.

    Args:
        function: takes an item and the bench of the worker that has it.
        items: may be done in any order.
        limits: of the benches.
        workers: threads here, each with children of its own, which do the work; 1 runs them one by one.
        scheduler: address of a Dask scheduler, used instead.

    Raises:
        UserError: when the scheduler is not there.
    """
    if scheduler is not None:
        yield from _on_dask(function, items, limits, scheduler)
        return
    benches: list[Bench] = []
    try:
        if workers == 1:
            benches.append(Bench(limits))
            yield from (function(item, benches[0]) for item in items)
        else:
            yield from _in_threads(function, items, limits, workers, benches)
    finally:
        for bench in benches:
            bench.close()


def _in_threads(
    function: Callable[[Item, Bench], Result],
    items: Sequence[Item],
    limits: Limits,
    workers: int,
    benches: list[Bench],
) -> Iterator[Result]:
    def start() -> None:
        _local.bench = Bench(limits)
        benches.append(_local.bench)

    with ThreadPoolExecutor(workers, initializer=start) as pool:
        try:  # from the first submission on: an interrupt must not wait for what hangs
            futures = [pool.submit(lambda item: function(item, _local.bench), item) for item in items]
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for bench in benches:  # whoever still waits for a child gets its death as an answer
                bench.close()
            raise


def _on_dask(
    function: Callable[[Item, Bench], Result],
    items: Sequence[Item],
    limits: Limits,
    scheduler: str,
) -> Iterator[Result]:
    from distributed import as_completed as as_finished

    root = str(data_root()) if os.environ.get(VARIABLE) else ""  # workers do not inherit it
    with _client(scheduler) as client:
        futures = [client.submit(_on_worker, function, item, limits, root, pure=False) for item in items]
        for _, result in as_finished(futures, with_results=True):
            yield result


def _on_worker(function: Callable[[Item, Bench], Result], item: Item, limits: Limits, root: str) -> Result:
    use_current_folder()
    os.environ[VARIABLE] = root = root or _own_root  # which the children inherit; empty is as good as none
    if getattr(_local, "serves", None) != (limits, root):
        _local.bench, _local.serves = Bench(limits), (limits, root)
    bench: Bench = _local.bench
    return function(item, bench)


def _client(scheduler: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise UserError("--scheduler needs Dask: pip install 'focalbench[cluster]'.") from error
    for _ in range(STARTS):
        try:
            return Client(scheduler, timeout=PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise UserError(f"No Dask scheduler answers at {scheduler}: {error}") from error
        except AssertionError:  # the client asserts that a thread of its own starts within ten seconds
            continue
    raise UserError(f"The Dask client did not start {STARTS} times: this machine is too busy. Try again later.")


def check_scheduler(scheduler: str, folder: Path, files: Sequence[Path] = ()) -> None:
    """Whether the scheduler is there, and every worker reads what this process writes to `folder`, and the `files`.

    Raises:
        UserError: when not.
    """
    token, text = folder / f".shared-{uuid.uuid4().hex}", uuid.uuid4().hex
    token.write_text(text)
    try:
        with _client(scheduler) as client:
            answers: dict[str, str] = client.run(_read_token, str(token))
            lacking: dict[str, list[str]] = client.run(_not_there, [str(file) for file in files])
    finally:
        token.unlink()
    if not answers:
        raise UserError("The Dask scheduler has no workers; start one with `dask worker ADDRESS`.")
    if blind := sorted(address for address, answer in answers.items() if answer != text):
        raise UserError(f"{folder} is not shared: the Dask workers at {', '.join(blind)} do not see it.")
    for address, missing in sorted(lacking.items()):
        if missing:
            text = f"the Dask worker at {address} does not see {missing[0]}"
            raise UserError(f"The data are not shared: {text}; mount them there under the same path.")


def _not_there(paths: list[str]) -> list[str]:
    return [path for path in paths if not Path(path).is_file()]


def _read_token(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
