"""What is shown while a command works: a bar on a terminal, lines in a log, nothing when quiet."""

from io import StringIO

import pytest
from rich.console import Console

from benchmark import progress
from benchmark.progress import Quiet, Shown


def test_a_terminal_gets_a_bar_that_counts():
    shown = Shown()
    shown.console = Console(file=StringIO(), force_terminal=True, width=100)
    with shown.track("trials", 2) as advance:
        advance()
        advance()
    assert "trials" in shown.console.file.getvalue()
    assert "2/2" in shown.console.file.getvalue()


def test_a_log_gets_lines_with_an_estimate(capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with Shown().track("trials", 4) as advance:
        for _ in range(4):
            advance()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"trials: {n} of 4" for n in (1, 2, 3, 4)]
    assert lines[-1].endswith("about 0 s left")


@pytest.mark.parametrize("voice", [Quiet, Shown])
def test_a_warning_is_one_line_and_shows_brackets_as_they_are(voice, capsys):
    voice().warn("a file [red] has " + "x" * 200)
    assert capsys.readouterr().err == "warning: a file [red] has " + "x" * 200 + "\n"


def test_a_download_says_its_megabytes_and_the_end(capsys):
    show = progress.megabytes("speech")
    for done in (1_000_000, 2_000_000, 346_000_000):
        show(done, 346_000_000)
    assert capsys.readouterr().err.splitlines() == ["speech: 1 of 346 MB", "speech: 346 of 346 MB"]
