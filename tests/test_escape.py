"""reports.escape: whatever text comes, documents, tables and files stay whole, and show it as text."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reports.escape import latex, markdown, one_line, settable, slug, spreadsheet, unique

HOSTILE = (
    "<script>alert(1)</script>",
    r"$\input{/etc/passwd}$",
    r"\write18{rm -rf .}",
    "|x|",
    "two\nlines\r\n\n\nand \x00 nothing",
    "100 % & more_ #1 ~ ^2",
    "../../x",
    "=1+1",
    "@SUM(A1)",
    "_hidden",
    "{",
    "]*--",
    "日本語 Ελλ \u202eright to left ñ ß 🙂",
)


def each(test):
    """The test on any text, and on what attackers write."""
    for text in HOSTILE:
        test = example(text)(test)
    return given(st.text(max_size=80))(test)


COMMANDS = r"""\\(?:text[a-z]+\{\}|[a-zA-Z]+\{\}|[&%$#_{}]|[`'^~=."ruvHc]\{(?:[A-Za-z]|\\[ij])\})"""
MATH = r"\$(?:\\[a-z]+|-|\^\{\\[a-z]+\})\$"


@each
def test_latex_holds_no_command_but_ours(text: str) -> None:
    made = latex(text)
    rest = re.sub(rf"{MATH}|{COMMANDS}|\{{\\char34\}}|\{{[\[\]*]\}}|\{{\}}", "", made)
    assert not set(rest) & set('\\{}$%&#_^\n[]*|"<>'), made
    assert made.isascii()
    assert "--" not in text or r"-{}-" in made or "--" not in settable(text)


@each
def test_what_latex_cannot_set_is_told_by_its_code_point(text: str) -> None:
    shown = settable(text)
    assert "\n" not in shown
    for letter in "中я🙂\u202e\0":
        assert settable(text + letter).endswith(f"[U+{ord(letter):04X}]")


def test_letters_of_european_names_are_set() -> None:
    assert latex("Défossez, Möller, Łukasz, Pérez, Jégou, Wölfel ß ñ č") == (
        r"D\'{e}fossez, M\"{o}ller, \L{}ukasz, P\'{e}rez, J\'{e}gou, W\"{o}lfel \ss{} \~{n} \v{c}"
    )
    assert latex("naïve í") == r"na\"{\i}ve \'{\i}"


@each
def test_markdown_is_one_cell_without_html_or_formulas(text: str) -> None:
    made = markdown(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[|*_`\[\]~$#!]", re.sub(r"\\\\", "", made))
    assert not set(made) & set("<>\n\r")
    back = re.sub(r"\\([\\|*_`\[\]~$#!])", r"\1", made)
    assert back.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == one_line(text)


@each
def test_no_cell_of_a_spreadsheet_is_a_formula_and_every_record_is_a_line(text: str) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([spreadsheet(text), "1.5"])
    assert out.getvalue().count("\n") == 1
    cell, number = next(csv.reader(io.StringIO(out.getvalue())))
    assert number == "1.5"
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert cell.removeprefix("'") == one_line(text).removeprefix("'")


@each
def test_names_of_files_leave_no_folder(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", slug(text))
    assert len(slug(text)) <= 60


def test_equal_names_are_told_apart() -> None:
    assert unique("a", {"a", "a-2"}) == "a-3"
    assert unique("a", {"b"}) == "a"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\uff1d1", "\t=1", " =1"])
def test_formulas_get_an_apostrophe(text: str) -> None:
    assert spreadsheet(text).startswith("'")
