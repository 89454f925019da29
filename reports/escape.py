"""Foreign text made harmless: labels, file names and transcripts as plain text in LaTeX, Markdown, CSV and BibTeX.

What LaTeX's own encoding (OT1, with nothing but booktabs loaded) cannot set is written as its code point, `[U+4E2D]`:
a document has to compile, and nobody may lose a letter in silence.
"""

import re
import unicodedata
from collections.abc import Container

LINES = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # what spreadsheets know a formula by, full width included
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    "|": r"\textbar{}",  # else a dash
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"{\char34}",  # \textquotedbl needs another encoding
    **{c: "\\" + c for c in "&%$#_{}"},
    **{c: f"{{{c}}}" for c in "[]*"},  # else options of a line break
    "×": r"$\times$",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
    "°": r"$^{\circ}$",
    "†": r"$^{\dagger}$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    **{"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}"},
    **{"ł": r"\l{}", "Ł": r"\L{}", "\N{LATIN SMALL LETTER DOTLESS I}": r"\i{}"},
    **{"§": r"\S{}", "©": r"\copyright{}", "£": r"\pounds{}"},
    "\N{NO-BREAK SPACE}": "~",
}
ACCENTS = {  # combining marks, as LaTeX sets them over the letter before
    "\u0300": r"\`",
    "\u0301": r"\'",
    "\u0302": r"\^",
    "\u0303": r"\~",
    "\u0304": r"\=",
    "\u0306": r"\u",
    "\u0307": r"\.",
    "\u0308": r"\"",
    "\u030a": r"\r",
    "\u030b": r"\H",
    "\u030c": r"\v",
    "\u0327": r"\c",
}
MARKDOWN = "\\|*_`[]~$#!"


def one_line(text: str) -> str:
    """The text without line breaks and tabs; other characters that print nothing as their code points."""
    return "".join(code_point(c) if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in LINES.sub(" ", text))


def code_point(letter: str) -> str:
    """`[U+4E2D]`, for a letter that cannot be shown where it has to stand."""
    return f"[U+{ord(letter):04X}]"


def settable(text: str) -> str:
    """One line whose letters `latex` can set, the others as code points: what a reader of the document will see."""
    return "".join(c if _latex(c) else code_point(c) for c in one_line(unicodedata.normalize("NFC", text)))


def latex(text: str) -> str:
    """Text for the body of a LaTeX document, or for an argument of a command."""
    apart = re.sub(r"([-',])(?=\1)", "\\1\0", settable(text))  # two of them would be a ligature
    return "".join("{}" if c == "\0" else _latex(c) for c in apart)


def _latex(letter: str) -> str:
    """What sets this letter; nothing where nothing does."""
    if letter in LATEX:
        return LATEX[letter]
    if letter.isascii():
        return letter
    base, *marks = list(unicodedata.normalize("NFD", letter))
    if base.isascii() and base.isalpha() and len(marks) == 1 and marks[0] in ACCENTS:
        dotless = rf"\{base}" if base in "ij" and marks[0] != "\u0327" else base
        return f"{ACCENTS[marks[0]]}{{{dotless}}}"
    return ""


def markdown(text: str) -> str:
    """Text for a cell of a table or a paragraph of Markdown, HTML and formulas included."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + c if c in MARKDOWN else c for c in text)


def spreadsheet(text: str) -> str:
    """Text for a cell of CSV: on one line; an apostrophe before what a spreadsheet would take for a formula."""
    text = one_line(text)
    return "'" + text if text.lstrip().startswith(FORMULA) else text


def slug(text: str, letters: int = 60) -> str:
    """A name of a file, of a LaTeX label or of a BibTeX entry: small letters, digits and hyphens; never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:letters].strip("-") or "unnamed"


def unique(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it where it is taken."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found
