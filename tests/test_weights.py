"""`benchmark.weights`: where checkpoints are found, and that `--data-root` reaches children and Dask workers."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from baselines.pcm import Pcm
from benchmark import cli, execute, weights
from benchmark.bench import Bench
from benchmark.suite import Limits
from benchmark.types import Spec, Unavailable, UserError

NAME = "focalcodec_stream_65k"
ROOTED = "tests.test_weights:Rooted"


class Rooted(Pcm):
    """PCM that needs the checkpoint `planned`, and states where it lies."""

    def __init__(self) -> None:
        super().__init__()
        found = weights.folder("planned", ("config.json",))
        self.info = replace(self.info, identity={"folder": str(found)})


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root, and an empty current folder beside it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path / "root"))
    return tmp_path / "root"


def put(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files or weights.CHECKPOINT:
        (folder / file).write_text("planned")
    return folder


def test_the_data_root_is_the_environments_else_the_users_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights.data_root() == root
    monkeypatch.setenv(weights.VARIABLE, "relative")
    assert weights.data_root() == Path.cwd() / "relative", "children and workers may live in another folder"
    cache = root.parent / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv(weights.VARIABLE, "")
    assert weights.data_root() == cache / "focalbench"
    monkeypatch.delenv(weights.VARIABLE)
    assert weights.data_root() == cache / "focalbench"


@pytest.mark.parametrize(
    "place",
    [
        NAME,
        "focalcodec_50hz_65k_causal",
        "lucadellalib/focalcodec_50hz_65k_causal",
        f"models/{NAME}",
        "models/focalcodec_50hz_65k_causal",
        "models/lucadellalib/focalcodec_50hz_65k_causal",
    ],
)
def test_a_checkpoint_is_found_by_each_of_its_names(root: Path, place: str) -> None:
    assert put(root / place) == weights.folder(NAME)


def test_the_first_complete_place_is_taken(root: Path) -> None:
    later = put(root / "models" / NAME)
    put(root / NAME, "config.json")
    assert weights.folder(NAME) == later
    assert put(root / "focalcodec_50hz_65k_causal") == weights.folder(NAME)
    assert put(root / NAME) == weights.folder(NAME)


def test_weights_that_no_source_brings_are_found_too(root: Path) -> None:
    assert put(root / "mine", "net.onnx") == weights.folder("mine", ("net.onnx",))


def test_what_is_not_there_is_one_line_that_says_how_to_get_it(root: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        weights.folder(NAME)
    assert str(caught.value) == (
        f"no weights {NAME} under {root}: run `focalbench fetch {NAME}` where there is a network, "
        f"or put config.json and model.safetensors into {root / NAME}."
    )
    put(root / "models" / NAME, "config.json")
    with pytest.raises(Unavailable, match=f"\\({root}/models/{NAME} lacks model.safetensors\\): run `focalbench fetch"):
        weights.folder(NAME)


def test_what_cannot_be_fetched_is_not_said_to_be(root: Path) -> None:
    for name in ("mine", "librispeech_test_clean"):
        with pytest.raises(Unavailable) as caught:
            weights.folder(name, ("net.onnx",))
        assert str(caught.value) == f"no weights {name} under {root}: put net.onnx into {root / name}."


def test_a_given_folder_is_taken_whatever_is_under_the_root(root: Path) -> None:
    put(root / NAME)
    given = put(root.parent / "given")
    assert weights.folder(NAME, given=str(given)) == given


def test_a_relative_folder_is_looked_up_here_and_then_under_the_root(root: Path) -> None:
    there = put(root / "sub" / "given")
    assert weights.folder(NAME, given="sub/given") == there
    put(Path("sub/given"), "config.json")
    assert weights.folder(NAME, given="sub/given") == there, "the one here lacks a file"
    assert put(Path.cwd() / "sub" / "given") == weights.folder(NAME, given="sub/given")


@pytest.mark.parametrize("given", ["nowhere", "x" * 5000, "/nowhere/at all", "file"], ids=lambda given: given[:8])
def test_a_given_folder_that_is_none_is_wrong_use(root: Path, given: str) -> None:
    Path("file").touch()
    with pytest.raises(UserError, match=r"it has to hold config\.json and model\.safetensors") as caught:
        weights.folder(NAME, given=given)
    assert str(Path(given).absolute()) in str(caught.value)
    assert str(root / given) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_given_folder_that_lacks_a_file_is_wrong_use() -> None:
    given = put(Path("given"), "model.safetensors").absolute()
    with pytest.raises(UserError, match=f"{given} lacks config.json; a folder of weights holds config.json and model"):
        weights.folder(NAME, given="given")


# --- children and workers --------------------------------------------------------------------------------


def test_the_option_reaches_the_children(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "codec", ROOTED]) == 2
    line = f"focalbench: no weights planned under {root}: put config.json into {root}/planned.\n"
    assert capsys.readouterr().err == line
    put(Path("other/planned"), "config.json")
    assert cli.main(["check", "codec", ROOTED, "--data-root", "other"]) == 0
    assert f"{ROOTED} keeps its promises" in capsys.readouterr().out
    assert os.environ[weights.VARIABLE] == str(Path("other").absolute()), "for the whole process"


@pytest.mark.parametrize("command", ["run demo", "check codec pcm", "ls codecs", "replay out 012345", f"fetch {NAME}"])
def test_a_command_that_may_start_codecs_has_the_option(root: Path, command: str) -> None:
    assert cli._parser().parse_args([*command.split(), "--data-root", "other"]).data_root == Path("other").absolute()
    assert cli._parser().parse_args(command.split()).data_root == root


def found(item: int, bench: Bench) -> str:
    """Where the codec in the child of a Dask worker found its checkpoint."""
    try:
        return bench.describe(Spec(ROOTED)).identity["folder"]
    except Unavailable as error:
        return str(error)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A cluster of one worker process with a data root of its own, as on another machine."""
    distributed = pytest.importorskip("distributed")
    import dask

    own = put(tmp_path / "own" / "planned", "config.json").parent
    quiet = {"distributed.logging.distributed": "critical", "temporary-directory": str(tmp_path / "dask")}
    with (
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs=50,
            env={weights.VARIABLE: str(own)},
        ) as cluster,
    ):
        yield cluster.scheduler_address


def test_the_data_root_reaches_dask_workers(root: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run its own; one that names none leaves the worker what it has."""

    def on_worker() -> list[str]:
        return list(execute.execute(found, [1, 2], Limits(), scheduler=scheduler))

    for place in ("root", "second"):
        planned = put(root.parent / place / "planned", "config.json")
        monkeypatch.setenv(weights.VARIABLE, str(planned.parent))
        assert on_worker() == [str(planned)] * 2
    monkeypatch.delenv(weights.VARIABLE)
    assert on_worker() == [str(root.parent / "own" / "planned")] * 2
