"""Workflows run make alone, with the least permissions; and what make says of runs that are worse or incomplete."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), ROOT / "docs" / "ci" / "codec-nightly.yml"]
MAKEFILES = {"Makefile": ".ci/nightly.json", "docs/ci/focalbench.mk": "focalbench-baseline.json"}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_make_alone(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        if "run" in step:
            assert re.fullmatch(r"make( [\w.=-]+)+", step["run"]), step["run"]
        else:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]), step["uses"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_names_targets_that_there_are(path: Path) -> None:
    for step in steps(yaml.safe_load(path.read_text())):
        words = str(step.get("run", "make")).split()[1:]
        file = ROOT / "docs/ci/focalbench.mk" if words[:1] == ["-f"] else ROOT / "Makefile"
        for target in words[2:] if words[:1] == ["-f"] else words:
            assert "=" in target or re.search(rf"^{target}:", file.read_text(), re.MULTILINE), target


def test_nights_keep_what_the_one_before_made() -> None:
    for path in WORKFLOWS[1:]:
        (cache,) = [s for s in steps(yaml.safe_load(path.read_text())) if s.get("uses", "").startswith("actions/cache")]
        key, before = cache["with"]["key"], cache["with"]["restore-keys"]
        assert key.startswith(before)
        assert key.endswith("${{ github.run_id }}"), "a key that exists is never written again"
        assert cache["with"]["path"].split() == ["runs/store", "runs/history"]


@pytest.fixture(params=MAKEFILES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Run a target with a stub for focalbench, whose commands exit as told; what was called, and what make said."""
    shutil.copy(ROOT / request.param, tmp_path / "Makefile")
    stub = tmp_path / "bin" / "focalbench"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\necho "$@" >> calls\neval "exit \\${$1:-0}"\n')
    stub.chmod(0o755)
    (tmp_path / "stamp").touch()

    def call(target: str, *words: str, baseline: bool = True, **codes: int) -> tuple[list[str], int, str]:
        if baseline:
            place = tmp_path / MAKEFILES[request.param]
            place.parent.mkdir(exist_ok=True)
            place.touch()
        (tmp_path / "calls").write_text("")
        known = {"PATH": f"{stub.parent}:/usr/bin:/bin"} | {name: str(code) for name, code in codes.items()}
        command = ["make", target, f"BIN={stub.parent}", "STAMP=stamp", *words]
        (tmp_path / "pyproject.toml").touch()
        (tmp_path / "constraints.txt").touch()
        (tmp_path / "stamp").touch()
        done = subprocess.run(command, cwd=tmp_path, env=known, capture_output=True, text=True, check=False)
        verbs = [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()]
        return verbs, done.returncode, done.stdout + done.stderr

    return call


def test_a_night_runs_remembers_and_judges(make: Any) -> None:
    assert make("nightly")[:2] == (["run", "history", "gate"], 0)
    verbs, code, said = make("nightly", gate=1)
    assert (verbs, code) == (["run", "history", "gate"], 2)
    assert "Error 1" in said


def test_a_codec_that_is_missing_does_not_hide_what_is_worse(make: Any) -> None:
    assert "Error 3" in make("nightly", run=3)[2]
    assert "Error 1" in make("nightly", run=3, gate=1)[2]
    assert "Error 3" in make("nightly", run=3, gate=3)[2]
    assert make("nightly", "ACCEPT=3", run=3)[:2] == (["run", "history", "gate"], 0)
    assert make("nightly", "ACCEPT=3")[1] == 0
    assert "Error 1" in make("nightly", "ACCEPT=3", run=3, gate=1)[2]


def test_wrong_use_ends_the_night(make: Any) -> None:
    verbs, _, said = make("nightly", run=2)
    assert verbs == ["run"]
    assert "Error 2" in said


def test_a_first_night_has_no_baseline(make: Any) -> None:
    verbs, code, said = make("nightly", baseline=False)
    assert (verbs, code) == (["run", "history"], 0)
    assert "nothing is judged" in said
    assert make("baseline")[0] == ["baseline"]
    assert make("prune")[0] == ["cache"]
