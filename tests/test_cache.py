"""The store made smaller: what goes, what stays, and that nothing else is touched."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from benchmark import cache
from benchmark.cli import main
from benchmark.store import Store
from benchmark.types import Measured, UserError
from tests.quick import make_run, suite

KEYS = [f"{n:02x}" * 32 for n in range(9)]


def days_ago(path: Path, days: float) -> None:
    when = time.time() - days * cache.DAY
    os.utime(path, (when, when))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three scores, two and four and six days old, a delay of eight days, and what a crash left."""
    store = Store(tmp_path / "store")
    for number in range(3):
        store.save_scores(KEYS[number], {"x": [Measured("stoi", 0.5)]})
        days_ago(scores(store.root, number), 2 + 2 * number)
    store.save_delay(KEYS[3], {"samples": 1})
    days_ago(store.root / "delays" / "03" / f"{KEYS[3]}.json", 8)
    for name, days in (("a", 1.0), ("b", 0.0)):
        partial = scores(store.root, 0).with_name(f"{KEYS[0]}.json.{name * 32}.partial")
        partial.write_bytes(b"12345")
        days_ago(partial, days)
    return store.root


def scores(root: Path, number: int) -> Path:
    return root / "scores" / KEYS[number][:2] / f"{KEYS[number]}.json"


def there(root: Path) -> list[int]:
    return [number for number in range(3) if scores(root, number).exists()]


def test_sizes_by_kind(root: Path) -> None:
    one = scores(root, 0).stat().st_size
    sizes = cache.size(root)
    assert sizes.kinds["scores"] == cache.Size(3, 3 * one)
    assert sizes.kinds["delays"].entries == 1
    assert sizes.kinds["frames"] == cache.Size()
    assert sizes.partial == cache.Size(2, 10)
    assert sizes.damaged == sizes.foreign == cache.Size()
    assert sizes.bytes == sum(p.stat().st_size for p in root.rglob("*") if p.is_file())


def test_what_is_damaged_or_left_over_goes_in_any_case(root: Path) -> None:
    scores(root, 1).write_bytes(scores(root, 1).read_bytes()[:-1] + b"?")
    assert cache.size(root).damaged.entries == 1
    pruned = cache.prune(root)
    assert {why: size.entries for why, size in pruned.removed.items()} == {"partial": 1, "damaged": 1}
    assert there(root) == [0, 2]
    assert [p.name[70:71] for p in root.rglob("*.partial")] == ["b"], "that of this minute may still be written"


def test_what_was_not_used_for_long_goes(root: Path) -> None:
    pruned = cache.prune(root, older_than=5)
    assert pruned.removed["old"].entries == 2
    assert there(root) == [0, 1]
    assert not list((root / "delays").rglob("*.json"))


@pytest.mark.parametrize(("room", "left"), [(3, [0, 1, 2]), (2, [0, 1]), (1, [0]), (0, [])])
def test_the_least_recently_used_goes_first(root: Path, room: int, left: list[int]) -> None:
    one, young = scores(root, 0).stat().st_size, 5  # the bytes of what may still be written
    delay = (root / "delays" / "03" / f"{KEYS[3]}.json").stat().st_size
    pruned = cache.prune(root, max_size=room * one + young + (delay if room == 3 else 0))
    assert there(root) == left
    assert pruned.left.bytes <= max(room * one + young + delay, young)
    assert cache.prune(root, max_size=room * one + young + delay).removed == {}


def test_reading_an_entry_is_using_it(root: Path) -> None:
    assert Store(root).scores(KEYS[2])
    cache.prune(root, older_than=3)
    assert there(root) == [0, 2]
    before = scores(root, 2).stat().st_mtime_ns
    assert Store(root).scores(KEYS[2])
    assert scores(root, 2).stat().st_mtime_ns == before, "once an hour is enough"


def test_a_store_that_is_only_read_from_is_no_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    assert Store(root).scores(KEYS[2])


def test_a_dry_run_removes_nothing_and_says_the_same(root: Path) -> None:
    before = sorted(root.rglob("*"))
    dry = cache.prune(root, older_than=3, max_size=0, dry_run=True)
    assert sorted(root.rglob("*")) == before
    wet = cache.prune(root, older_than=3, max_size=0)
    assert dry.removed == wet.removed
    assert dry.left == wet.left


def test_links_and_what_is_not_of_the_store_stay(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / f"{KEYS[4]}.json"
    precious.write_text("not even an entry")
    (root / "scores" / "04").symlink_to(outside)
    (root / "frames").symlink_to(outside)
    link = scores(root, 0).with_name(f"{KEYS[0][:63]}a.json")
    link.symlink_to(precious)
    readme = root / "scores" / "README"
    readme.write_text("mine")
    for misplaced in (scores(root, 0).with_name(f"{KEYS[5]}.json"), scores(root, 0).with_name("notes.json")):
        misplaced.write_text("mine")
    assert cache.size(root).foreign.entries == 6
    assert cache.size(root).damaged.entries == 0
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            days_ago(path, 99)
    cache.prune(root, older_than=1, max_size=0)
    assert there(root) == []
    left = [p for p in root.rglob("*") if p.is_symlink() or p.is_file()]
    assert len(left) == 6
    assert precious.read_text() == "not even an entry"


def test_folders_stay_as_a_run_may_be_about_to_write_there(root: Path) -> None:
    folders = sorted(p for p in root.rglob("*") if p.is_dir())
    cache.prune(root, max_size=0)
    assert sorted(p for p in root.rglob("*") if p.is_dir()) == folders


def test_an_entry_that_vanishes_meanwhile_is_no_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = cache._state

    def racing(path: Path) -> Any:
        path.unlink(missing_ok=True)
        return state(path)

    monkeypatch.setattr(cache, "_state", racing)
    assert cache.prune(root, max_size=0).left.entries == 1  # the young unfinished one


def test_what_no_kept_run_refers_to_goes(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for name, codecs in (("kept", ["pcm"]), ("other", ["pcm", "lowpass:cutoff=2000"])):
        make_run(suite(*codecs, channels=["clean", "bernoulli:loss=0.2"]), tmp_path / name, cache=store)
    before = cache.size(store)
    assert [before.kinds[kind].entries for kind in ("frames", "scores", "delays")] == [2, 2, 2]
    assert cache.prune(store, keep=[tmp_path / "kept", tmp_path / "other"]).removed == {}
    pruned = cache.prune(store, keep=[tmp_path / "kept"])
    assert pruned.removed == {"unneeded": cache.Size(2, pruned.removed["unneeded"].bytes)}
    assert cache.prune(store, keep=[tmp_path / "kept"], max_size=0).left.entries == 2, "what is kept is never too large"
    _, again = make_run(suite("pcm", channels=["clean", "bernoulli:loss=0.2"]), tmp_path / "kept", cache=store)
    assert again["effort"]["computed"] == 0
    _, again = make_run(suite("lowpass:cutoff=2000"), tmp_path / "other", cache=store)
    assert again["effort"]["computed"] == 2


def test_a_run_folder_stands_for_its_own_store(tmp_path: Path) -> None:
    make_run(suite("pcm"), tmp_path / "run")
    assert cache.size(tmp_path / "run").kinds["scores"].entries == 1
    (tmp_path / "run" / cache.ENTRIES).unlink()
    with pytest.raises(UserError, match="run it again"):
        cache.prune(tmp_path / "run", keep=[tmp_path / "run"])
    make_run(suite("pcm"), tmp_path / "shared", cache=tmp_path / "run" / "cache")
    with pytest.raises(UserError, match="without a store of its own"):
        cache.size(tmp_path / "shared")
    with pytest.raises(UserError, match="is no store"):
        cache.size(tmp_path)


@pytest.mark.parametrize(
    ("text", "count"), [("10GB", 10**10), ("1.5 M", 1_500_000), ("2kB", 2000), ("7", 7), ("3 TB", 3 * 10**12)]
)
def test_sizes_as_people_write_them(text: str, count: int) -> None:
    assert cache.bytes_of(text) == count
    assert cache.bytes_of(cache.spoken(count)) == count


@pytest.mark.parametrize("text", ["", "GB", "-1", "1 PB", "ten"])
def test_no_size(text: str) -> None:
    with pytest.raises(UserError, match="--max-size"):
        cache.bytes_of(text)


def test_the_command(root: Path, capsys: Any) -> None:
    assert main(["cache", "size", str(root), "--json"]) == 0
    sizes = json.loads(capsys.readouterr().out)
    assert sizes["kinds"]["scores"]["entries"] == 3
    assert sizes["bytes"] == sum(p.stat().st_size for p in root.rglob("*") if p.is_file())
    assert main(["cache", "size", str(root)]) == 0
    assert "never finished" in capsys.readouterr().out
    assert main(["cache", "prune", str(root), "--older-than", "5", "--dry-run"]) == 0
    assert "would be freed" in capsys.readouterr().out
    assert there(root) == [0, 1, 2]
    assert main(["cache", "prune", str(root), "--max-size", "0B", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"]["large"]["entries"] == 4
    assert main(["cache", "prune", str(root), "--max-size", "huge"]) == 2
