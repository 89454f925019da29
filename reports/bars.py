"""Latency as bars: what each codec declares beside what was measured, and what a word waits for on its way."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from reports.drawing import BOTTOM, GRAVE, INK, PAPER, PART, SOFT, Look, panel, short, svg
from reports.summary import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GOOD, BEARABLE = 150.0, 400.0  # ms, one way: ITU-T G.114
LINE, BAR, GAP = 16, 11, 9  # user units: a line of text, a bar, between codecs
EDGE = 6  # margin left and right
HATCH = "/////"
BEHIND = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}  # text that lines would go through


class Claim(NamedTuple):
    """What a codec declares of its latency, and what was measured of it, ms; None where there is nothing.

    `content` is how much of the measured one is content delay, `reach` how far ahead the output depends on input.
    """

    codec: str
    declared: float | None
    measured: float | None
    content: float
    reach: float | None
    tolerance: float

    @property
    def excess(self) -> float:
        """By how much it takes longer than declared, ms; 0 within the tolerance, and where either is not known."""
        if self.declared is None or self.measured is None:
            return 0.0
        more = self.measured - self.declared
        return more if abs(more) > self.tolerance else 0.0

    @property
    def longer(self) -> bool:
        """Whether it takes longer than it declares."""
        return self.excess > 0


class Way(NamedTuple):
    """What a word waits for, in ms: parts in their order, what computing takes on top, and Idd of G.107."""

    codec: str
    parts: Sequence[float]
    computing: float
    impairment: float | None


@contextmanager
def _bars(
    salt: str, rows: Sequence[float], longest: float, top: float
) -> Iterator[tuple["Figure", "Axes", list[float]]]:
    """A panel whose y axis counts user units downwards, and where each of `rows`, of that height, begins."""
    total = sum(rows)
    with panel(salt, EDGE, EDGE, height=total + top + BOTTOM, top=top) as (figure, axes):
        axes.set_xlim(0, longest)
        axes.set_ylim(total, 0)
        axes.set_yticks([])
        axes.grid(axis="x", linewidth=1)
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel("ms")
        yield figure, axes, [sum(rows[:i]) for i in range(len(rows))]


def claims(found: Sequence[Claim], look: Mapping[str, Look]) -> str | None:
    """Per codec an outlined bar, declared, over a solid one, measured; None with nothing to show."""
    if not found:
        return None
    longest = max(v for c in found for v in (c.declared, c.measured, c.reach, 1.0) if v is not None) * 1.16
    rows = [LINE + 2 * BAR + GAP] * len(found)
    with _bars("claims", rows, longest, top=4) as (figure, axes, tops):
        for claim, top in zip(found, tops, strict=True):
            _claim(axes, claim, look[claim.codec], top)
        return svg(figure, "Declared and measured latency: " + ", ".join(c.codec for c in found))


def _claim(axes: "Axes", claim: Claim, look: Look, top: float) -> None:
    _text(axes, short(claim.codec, 30), 0, top + LINE / 2, weight="bold", gid=look.name)
    if claim.excess:
        words, colour = ("longer than declared", GRAVE) if claim.longer else ("less than declared", SOFT)
        _at_right(axes, words, top + LINE / 2, weight="bold", color=colour)
    for row, value in enumerate((claim.declared, claim.measured)):
        y = top + LINE + BAR * (row + 0.5)
        if value is None:
            _text(axes, ("nothing declared", "not measured")[row], 0, y, color=SOFT)
            continue
        if row == 0:
            bar = axes.barh(y, value, BAR - 3, facecolor="none", edgecolor=look.ink, hatch=HATCH, linewidth=1)
        else:
            bar = axes.barh(y, value - claim.content, BAR - 2, color=look.ink)
            rest = axes.barh(y, claim.content, BAR - 2, left=value - claim.content, color=look.ink, alpha=0.45)
            rest.patches[0].set_gid(look.name)
        bar.patches[0].set_gid(look.name)
        _text(axes, f"{number(value, 1)}", value, y, xytext=(4, 0))
    if claim.reach is not None:
        y = top + LINE + BAR * 1.5
        axes.plot([claim.reach] * 2, [y - BAR / 2 - 1, y + BAR / 2 + 1], color=INK, linewidth=2)


def ways(title: str, found: Sequence[Way], longest: float, parts: Sequence[str]) -> str | None:
    """Per codec a stacked bar from capture to ear, with the limits of G.114; None with nothing to show."""
    if not found:
        return None
    rows = [LINE + BAR + GAP] * len(found)
    with _bars(f"ways {title}", rows, longest, top=20) as (figure, axes, tops):
        for limit in (GOOD, BEARABLE):
            if limit <= longest:
                axes.axvline(limit, color=GRAVE, linewidth=1.2, linestyle=(0, (4, 3)))
                axes.annotate(
                    f"G.114: {limit:g}",
                    (limit, 0),
                    xytext=(-3, 4),
                    textcoords="offset points",
                    ha="right",
                    fontsize=9,
                    color=SOFT,
                )
        for way, top in zip(found, tops, strict=True):
            _way(axes, way, top)
        told = "; ".join(f"{way.codec} {sum(way.parts):.0f} ms" for way in found)
        return svg(figure, f"Mouth to ear ({', '.join(parts)}), {title}: {told}")


def _way(axes: "Axes", way: Way, top: float) -> None:
    total, y = sum(way.parts), top + LINE + BAR / 2
    idd = "" if way.impairment is None else f", Idd {number(way.impairment, 1)}"
    _text(axes, short(way.codec, 30), 0, top + LINE / 2, weight="bold", bbox=BEHIND)
    _at_right(axes, f"{number(total, 0)} ms{idd}", top + LINE / 2)
    left = 0.0
    for index, value in enumerate(way.parts):
        axes.barh(y, value, BAR, left=left, color=PART.format(index))
        left += value
    if way.computing:
        axes.barh(y, way.computing, BAR - 1, left=left, facecolor="none", edgecolor=INK, hatch=HATCH, linewidth=1)


def _text(axes: "Axes", text: str, x: float, y: float, **style: Any) -> None:
    place: dict[str, Any] = {"xytext": (0, 0), "textcoords": "offset points", "va": "center", "fontsize": 10}
    axes.annotate(text, (x, y), **(place | style))


def _at_right(axes: "Axes", text: str, y: float, **style: Any) -> None:
    """Flush with the right edge, on paper, as lines of the grid go through there."""
    _text(axes, text, 1, y, xycoords=("axes fraction", "data"), ha="right", bbox=BEHIND, **style)


def reach(found: Sequence[Way]) -> float:
    """How far the axis of all budgets has to go, ms: the limit that comes next is always on it."""
    longest = max((sum(way.parts) + way.computing for way in found), default=0.0)
    limit = GOOD if longest <= GOOD else BEARABLE
    return 1.06 * max(longest, limit)
