"""One table in print: LaTeX with booktabs (S. Fear, "Publication quality tables in LaTeX"), or Markdown."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from reports.escape import latex, markdown, settable, slug, unique
from reports.ranking import Mark

NEEDS = r"% Needs \usepackage{booktabs}, and nothing else."
HEAD, LABEL = 13, 26  # letters, beyond which heads of columns and names of rows are broken
WIDE = 345.0  # points: the text of the class article at 10 pt, the narrowest of the usual ones
LETTER, GAP = 4.9, 8.0  # points: a bold digit of 8 pt, and the space between columns
LINES = 44  # of 9.5 pt, beside a caption, on a page
Panel: TypeAlias = tuple[int, ...]  # columns that stand side by side


@dataclass(frozen=True, slots=True)
class Block:
    """One printed table: a title, a note on what its cells are, and the cells as text, row by row.

    `label` is what a LaTeX document refers to it by; `marks` are of cells, by row and column of `body`.
    """

    title: str
    note: str
    head: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]
    label: str = "table"
    marks: Mapping[tuple[int, int], Mark] = field(default_factory=dict)

    def marked(self, row: int, column: int, escape: Callable[[str], str], signs: Sequence[str]) -> str:
        """The text of a cell between what begins and ends the best (`signs` 0 and 1) and the second (2 and 3).

        The last of `signs` stands behind those whose difference to the best may be chance.
        """
        mark = self.marks.get((row, column), Mark(0))
        text = escape(self.body[row][column])
        before, after = {1: signs[:2], 2: signs[2:4]}.get(mark.rank, ("", ""))
        return before + text + after + (signs[4] if mark.alike else "")


def printed(blocks: Iterable[Block], format: str) -> str:
    """The tables as text, each with a label of its own."""
    taken: set[str] = set()
    texts = [] if format == "markdown" else [NEEDS]
    for block in blocks:
        label = unique("tab:" + slug(block.label), taken)
        taken.add(label)
        texts.append(_markdown(block) if format == "markdown" else _latex(block, label))
    return "\n".join(texts)


def _markdown(block: Block) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    signs = ("**", "**", "<ins>", "</ins>", "†")
    rows = [
        line(block.marked(row, column, markdown, signs) for column in range(len(block.head)))
        for row in range(len(block.body))
    ]
    table = "\n".join([line(map(markdown, block.head)), "|---|" + "---:|" * (len(block.head) - 1), *rows])
    return f"**{markdown(block.title)}**\n\n{table}\n\n{markdown(block.note)}\n"


# --- LaTeX ---


def _latex(block: Block, label: str) -> str:
    """One float, or several where it would be higher than a page; columns that do not fit stand below one another."""
    title, note = latex(block.title), latex(block.note)
    floats = []
    for place, panels in enumerate(_floats(block)):
        caption = rf"\caption[{title}]{{{title}. {note}}}" if not place else rf"\caption[]{{{title} (continued).}}"
        lines = [
            r"\begin{table}",
            r"  \centering",
            *([r"  \addtocounter{table}{-1}"] if place else []),
            "  " + caption,
            *([rf"  \label{{{label}}}"] if not place else []),
            r"  \smallskip",
            r"  \footnotesize",
            r"  \setlength{\tabcolsep}{4pt}",
            "\n\n  \\medskip\n".join(_tabular(block, panel) for panel in panels),
            r"\end{table}",
            "",
        ]
        floats.append("\n".join(lines))
    return "\n".join(floats)


def _tabular(block: Block, panel: Panel) -> str:
    dagger = r"\makebox[0pt][l]{$^{\dagger}$}"  # without width, so that digits stand below digits
    signs = (r"\textbf{", "}", r"\underline{", "}", dagger)
    rows = [
        [_broken(cells[0], LABEL, "l"), *(block.marked(row, column, latex, signs) for column in panel)]
        for row, cells in enumerate(block.body)
    ]
    head = [_broken(block.head[0], LABEL, "l"), *(_broken(block.head[c], _room(block, c), "r") for c in panel)]
    lines = [
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(panel)}@{{}}}}",
        r"  \toprule",
        *("  " + " & ".join(cells) + r" \\" for cells in (head,)),
        r"  \midrule",
        *("  " + " & ".join(cells) + r" \\" for cells in rows),
        r"  \bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join("  " + line for line in lines)


def _broken(text: str, letters: int, side: str) -> str:
    """Text on as many lines as it takes, the first of them beside the others of its row."""
    lines = _wrapped(text, letters)
    if len(lines) == 1:
        return latex(lines[0])
    return rf"\begin{{tabular}}[t]{{@{{}}{side}@{{}}}}" + r"\\".join(map(latex, lines)) + r"\end{tabular}"


def _wrapped(text: str, letters: int) -> list[str]:
    return textwrap.wrap(settable(text), letters) or [""]


def _room(block: Block, column: int) -> int:
    """Letters that the head of a column has, which may be as wide as what is below."""
    return max(HEAD, *(len(cells[column]) for cells in block.body)) if block.body else HEAD


def _floats(block: Block) -> Iterator[list[Panel]]:
    """Panels, in as many floats as pages hold."""
    height = 4 + sum(len(_wrapped(cells[0], LABEL)) for cells in block.body)
    panels, together = list(_panels(block)), max(1, LINES // height)
    for first in range(0, len(panels), together):
        yield panels[first : first + together]


def _panels(block: Block) -> Iterator[Panel]:
    """Columns in groups that fit side by side, each with the names of the rows."""
    names = [block.head[0], *(cells[0] for cells in block.body)]
    room = WIDE - LETTER * max(len(line) for name in names for line in _wrapped(name, LABEL))
    panel: list[int] = []
    left = room
    for column in range(1, len(block.head)):
        head = max(len(line) for line in _wrapped(block.head[column], _room(block, column)))
        width = GAP + LETTER * max(head, *(len(cells[column]) + 1 for cells in block.body), 0)
        if panel and width > left:
            yield tuple(panel)
            panel, left = [], room
        panel.append(column)
        left -= width
    yield tuple(panel)
