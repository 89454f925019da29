"""Tables, captions and references as LaTeX sets them: documents compile, and their numbers are those of the Parquet."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmark import table
from reports import field, plates
from reports.methods import render as methods
from reports.table import render
from tests.runs import CODECS, conditions, make_noise_run, make_run
from tests.test_escape import HOSTILE

pytestmark = [
    pytest.mark.latex,
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("pdflatex") is None, reason="no pdflatex: apt-get install texlive-latex-recommended"
    ),
]


COLUMNS = r"""\documentclass[twocolumn]{article}
\usepackage{graphicx}
\usepackage[textwidth=7.16in,columnsep=0.16in]{geometry}
"""
PLAIN = "\\documentclass{article}\n\\usepackage{booktabs}\n"


def compiled(folder: Path, body: str, head: str = PLAIN, runs: int = 1) -> str:
    """The log of a document that has to compile without errors, and without lines that stick out by more than 2 pt."""
    folder.mkdir(parents=True, exist_ok=True)
    text = f"{head}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (folder / "paper.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    for _ in range(runs):
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    log = (folder / "paper.log").read_text(encoding="latin-1")
    assert done.returncode == 0, "\n".join(line for line in log.splitlines() if line.startswith(("!", "l.")))
    over = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert not [points for points in over if points > 2], "a table is wider than the text"
    assert "Float too large" not in log
    return log


def words(folder: Path) -> str:
    """What the PDF says, in the order it was set in."""
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext: apt-get install poppler-utils")
    done = subprocess.run(["pdftotext", "-raw", "paper.pdf", "-"], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode()


def test_printed_numbers_are_those_of_the_parquet(tmp_path: Path) -> None:
    shown = conditions()[:4]
    run = make_run(tmp_path / "run", channels=shown, per_speaker=1)
    compiled(tmp_path, render(run, "latex", ["pesq_wb"]), runs=2)
    said = words(tmp_path)
    results = table.read(run)
    means = results[results["name"] == "pesq_wb"].groupby(["codec", "channel"])["value"].mean()
    for codec in CODECS:
        (line,) = [line for line in said.splitlines() if re.match(rf"\s*{codec}\s", line)]
        values = [float(value) for value in re.findall(r"(\d\.\d\d) ±", line)]
        expected = [means[codec, condition["channel"]] for condition in shown]
        assert values == pytest.approx(expected, abs=0.00501)
    assert "Table 1: PESQ-WB ↑ (MOS-LQO, higher is better)" in said


def test_wide_tables_of_every_kind_fit_the_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", per_speaker=1)
    noise = make_noise_run(tmp_path / "noise", ratios=(20, 10, 0))
    tables = [
        render(run, "latex", ["pesq_wb", "si_sdr"]),
        render(run, "latex", ["stoi"], rows="condition", cols="codec"),
        render(run, "latex", rows="codec", cols="metric"),
        render(noise, "latex"),
        field.render(run, "latex"),
    ]
    log = compiled(tmp_path, "\n\\clearpage\n".join(tables), runs=2)
    assert "undefined" not in log


def test_hostile_text_is_printed_as_text(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tex"
    secret.write_text("this was read", encoding="utf-8")
    attacks = [*HOSTILE, rf"\input{{{secret}}}", r"\immediate\write18{touch written}", "a" * 200, r"^^5cinput x", "\\"]
    tables = []
    for number, text in enumerate(attacks):
        run = make_run(tmp_path / str(number), ("opus-6k", "pcm"), conditions()[:1], speakers=2, rename=text)
        tables.append(render(run, "latex", ["pesq_wb"]))
    compiled(tmp_path, "\n\\clearpage\n".join(tables))
    said = words(tmp_path)
    assert "this was read" not in said
    assert not (tmp_path / "written").exists()
    for shown in (
        "<script>alert(1)</script>",
        "|x|",
        "../../x",
        "=1+1",
        "$\\input",
        "[U+0000]",
        "[U+65E5]",
        "100 % & more",
    ):
        assert shown in said, shown


def test_figures_methods_and_references_make_a_paper(tmp_path: Path) -> None:
    few = [conditions()[i] for i in (0, 2, 3, 6, 7, 9)]
    run = make_run(tmp_path / "run", channels=few, per_speaker=1)
    plates.write(run, tmp_path, ("pdf",), ["pesq_wb"])
    text, references = methods(run, "latex")
    (tmp_path / "refs.bib").write_text(references, encoding="utf-8")
    end = "\\bibliographystyle{plain}\\bibliography{refs}"
    body = f"{text}\n\\input{{captions}}\n{end}"
    compiled(tmp_path, body, COLUMNS)
    done = subprocess.run(["bibtex", "paper"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()
    assert b"Warning" not in done.stdout, done.stdout.decode()
    log = compiled(tmp_path, body, COLUMNS, runs=2)
    assert "undefined" not in log
