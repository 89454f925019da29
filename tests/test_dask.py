"""`--scheduler`: a Dask cluster gives the same values, also when it loses a worker."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from benchmark import execute
from benchmark.suite import Suite
from benchmark.types import UserError
from tests.quick import make_run, suite, values, write_speech
from tests.test_child import alive, until

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings(
    # Closing a cluster whose worker was killed leaves the sockets to it to the garbage collector.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Clients that found no scheduler take seconds to be collected; let that not be while another one starts."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two worker processes of one thread each."""
    import dask

    quiet = {"distributed.logging.distributed": "critical", "temporary-directory": str(tmp_path_factory.mktemp("dask"))}
    with (
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as made,
    ):
        yield made


def wanted(folder: Path, codec: str = "lowpass", count: int = 3) -> Suite:
    data = str(write_speech(folder / "data", count))
    changes = {"data.manifest": data, "data.limit": None, "channels": ["clean", "bernoulli:loss=0.2"]}
    return suite("pcm", codec, **changes)


def test_a_cluster_gives_the_same_values(cluster: Any, tmp_path: Path) -> None:
    here, _ = make_run(wanted(tmp_path), tmp_path / "here")
    there, record = make_run(wanted(tmp_path), tmp_path / "there", scheduler=cluster.scheduler_address)
    assert record["effort"]["computed"] == 2 * 3 * (2 * 2 + 1)
    assert_frame_equal(values(there), values(here))
    _, record = make_run(wanted(tmp_path), tmp_path / "there", scheduler=cluster.scheduler_address)
    assert record["effort"]["computed"] == 0


@pytest.mark.slow
def test_a_killed_worker_costs_nothing(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its works are done again by the other, or by the one that takes its place."""
    slow = wanted(tmp_path, "tests.misbehaving:Slow:seconds=0.3", 5)
    here, _ = make_run(slow, tmp_path / "here")
    killed: list[int] = []
    frame = execute._on_dask

    def killing(*arguments: Any) -> Iterator[Any]:
        for outcome in frame(*arguments):
            if not killed:
                with distributed.Client(cluster) as client:
                    killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)
            yield outcome

    monkeypatch.setattr(execute, "_on_dask", killing)
    there, _ = make_run(slow, tmp_path / "there", scheduler=cluster.scheduler_address)
    until(lambda: killed and not alive(killed[0]))
    assert_frame_equal(values(there), values(here))


def test_no_scheduler_at_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "PATIENCE", 1)
    with pytest.raises(UserError, match=r"No Dask scheduler answers at tcp://127.0.0.1:9: "):
        make_run(wanted(tmp_path), tmp_path / "run", scheduler="tcp://127.0.0.1:9")


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No Dask scheduler answers at nowhere special: "):
        make_run(wanted(tmp_path), tmp_path / "run", scheduler="nowhere special")


@pytest.mark.parametrize("late", [1, execute.STARTS])
def test_a_machine_too_busy_to_start_the_client(late: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def starved(address: str, **options: Any) -> str:
        """As the client fails when its own thread does not run within ten seconds."""
        asked.append(address)
        assert len(asked) > late
        return "a client"

    monkeypatch.setattr(distributed, "Client", starved)
    if late < execute.STARTS:
        assert execute._client("tcp://there") == "a client"
    else:
        with pytest.raises(UserError, match="did not start 3 times: this machine is too busy"):
            execute._client("tcp://there")
    assert len(asked) == min(late + 1, execute.STARTS)


def test_a_folder_that_the_workers_do_not_see(tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "_read_token", blind)
    with pytest.raises(UserError, match=r"is not shared: the Dask workers at tcp://.* do not see it"):
        execute.check_scheduler(cluster.scheduler_address, tmp_path)
    assert not list(tmp_path.glob(".shared-*")), "the token is taken away"


def test_data_that_the_workers_do_not_see(tmp_path: Path, cluster: Any) -> None:
    here = tmp_path / "here.wav"
    here.touch()
    execute.check_scheduler(cluster.scheduler_address, tmp_path, [here])
    with pytest.raises(UserError, match=r"The data are not shared: the Dask worker at tcp://.* does not see .*gone"):
        execute.check_scheduler(cluster.scheduler_address, tmp_path, [here, tmp_path / "gone.wav"])


def blind(path: str) -> str:
    return ""


def test_a_cluster_without_workers(tmp_path: Path) -> None:
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        pytest.raises(UserError, match="has no workers; start one with `dask worker ADDRESS`"),
    ):
        execute.check_scheduler(empty.scheduler_address, tmp_path)
