"""The built wheel is complete, and works from a folder whose own folders bear our packages' names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TREE = ("benchmark", "baselines", "tasks", "reports", "data_manifests")
FILES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the unpacked wheel."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in TREE:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return target


def test_it_holds_everything_that_is_read_at_run_time(installed):
    suffixes = {".py", ".yaml", ".html", ".csv", ".flac", ".txt", ".md", ".css", ".js"}
    wanted = {p.relative_to(ROOT) for name in TREE for p in (ROOT / name).rglob("*") if p.suffix in suffixes}
    found = {p.relative_to(installed) for p in installed.rglob("*")}
    assert {p for p in wanted if "__pycache__" not in p.parts} <= found


def test_folders_of_our_names_do_not_shadow_it(installed, tmp_path):
    for name in TREE:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the wrong folder')")
    code = "import sys, benchmark.cli as c; print(c.__file__); sys.exit(c.main(sys.argv[1:]))"
    options = ["run", "demo", "--limit", "1", "--codec", "mulaw", "--set", "metrics=[si_sdr]", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *options, "--set", "channels=[clean]", "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
    assert (tmp_path / "out" / "report.html").is_file()
