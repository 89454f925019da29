"""Plots of a run for print: one or two columns wide, in colours, markers and lines that hold for every eye and in grey.

Colours: M. Okabe and K. Ito, "Color Universal Design", 2008, without the yellow, which is lost on paper. What is drawn
is what the report draws (`reports.curves`, `reports.figures`). Equal runs give equal files: none holds a date.
"""

import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmark.registry import nearest
from benchmark.stats import FEW, Estimate
from benchmark.types import UserError
from reports.conditions import Condition, Curve, capital, loss_curves, placed_curves, playout_curves
from reports.curves import Line, improves, values_along, x_axis
from reports.drawing import KBPS, SHAPES, Look, arrowhead, axis_title, cut, looks, quality_range, short
from reports.escape import code_point, latex, one_line, slug, unique
from reports.figures import distinct, rate_axis
from reports.measured_on import measured_on
from reports.summary import ANCHOR, Run, load
from reports.table import chosen
from reports.words import headline, loss_free

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")
COLUMN, PAGE = 3.5, 7.1  # inches: one column, and both
PANEL, LEGEND_ROW, ROW = 2.1, 0.17, 0.13  # inches: height of a panel, of a row of the legend, of a row of codecs
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1.5)), (0, (8, 2, 1, 2, 1, 2)))
MARKERS = tuple(shape for shape in SHAPES if shape not in ("bar", "dash"))  # these are thin, and look like intervals
GREY = "#767676"  # of what was never coded
STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "grid.linewidth": 0.4,
    "grid.color": "#d0d0d0",
    "axes.axisbelow": True,
    "pdf.fonttype": 42,  # TrueType, which publishers take
    "svg.hashsalt": "focalbench",
    "text.usetex": False,
    "text.parse_math": False,
}
METADATA: Mapping[str, Mapping[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


class Printed(Look):
    """A codec's look on paper: what stands for its colour while matplotlib draws is the colour."""

    __slots__ = ()

    @property
    def ink(self) -> str:
        return self.light


class Panel(NamedTuple):
    """One pair of axes: its title, and what draws it and returns the codecs it shows."""

    title: str
    draw: Callable[["Axes"], list[str]]


class Plate(NamedTuple):
    """One figure: a metric along one axis of the conditions, in panels that share the scale of the metric."""

    run: Run
    metric: str
    axis: str
    panels: tuple[Panel, ...]
    conditions: tuple[Condition, ...]
    remark: str = ""
    height: float = PANEL


def write(
    folder: Path,
    output: Path,
    formats: Sequence[str] = ("pdf",),
    metrics: Sequence[str] | None = None,
    data: str | None = None,
) -> list[Path]:
    """Draw all there is to draw of a run, and `captions.tex`, which includes the figures with their captions.

    Args:
        folder: the run folder.
        output: where the files go; made where it is missing.
        formats: of FORMATS; one file each.
        metrics: names as of tables; None takes every score.
        data: one data set of the run; None pools all.

    Raises:
        UserError: for an unknown format, metric or data set, and when there is nothing to draw.
    """
    for format in formats:
        if format not in FORMATS:
            raise UserError(f"No figure format {format!r}. {nearest(format, FORMATS)}")
    run = load(folder, data)
    look = printed(run)
    found = [
        plate
        for part, names in chosen(run, metrics)
        for metric in names["metric"]
        for plate in plates(part, metric, look)
    ]
    if not found:
        raise UserError(f"Nothing to draw in {folder}: no score has a value in more than one place.")
    output.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    captions: dict[str, str] = {}
    for plate in found:
        name = unique(slug(f"{plate.metric}-{plate.axis}"), captions)
        written += [_draw(plate, look, output / f"{name}.{format}", format) for format in formats]
        captions[name] = _captioned(name, plate)
    told = output / "captions.tex"
    told.write_text("% Needs \\usepackage{graphicx}.\n" + "\n".join(captions.values()), encoding="utf-8")
    return [*written, told]


def printed(run: Run) -> dict[str, Printed]:
    """A look per codec: 7 colours, 9 markers and 5 lines give no two of 315 codecs the same ones."""
    found = {}
    every = looks(run)
    first = {run.origin(codec): codec for codec in reversed(run.codecs)}.values()  # of protections and strategies
    for place, codec in enumerate(sorted(every, key=lambda codec: codec not in first)):
        look, shape, line = every[codec], MARKERS[place % len(MARKERS)], LINES[place % len(LINES)]
        colour = GREY if codec == ANCHOR else COLOURS[place % len(COLOURS)]
        found[codec] = Printed(look.index, look.family, colour, colour, shape, line)
    return found


def plates(run: Run, metric: str, look: Mapping[str, Look]) -> Iterator[Plate]:
    """The figures of a metric: over bitrate, along every axis of conditions, and of conditions that lie on none."""
    known = () if run.loose else run.conditions
    wheres = dict.fromkeys(c for c in (loss_free(run), headline(run)) if c is not None and known)
    for rate in ("net_bps", "wire_bps"):
        at = [c for c in wheres if _spots(run, metric, rate, c)]
        if at:
            panels = [Panel(c.title, _rates(run, metric, rate, c, look)) for c in at]
            yield Plate(run, metric, rate.removesuffix("_bps") + "-rate", tuple(panels), tuple(at))
    groups: dict[str, list[Curve]] = {}
    for name, curves in (("loss", loss_curves(known)), ("playout", playout_curves(known))):
        groups |= {name: curves} if curves else {}
    for curve in (*placed_curves(known, "channel"), *placed_curves(known, "acoustics")):
        groups.setdefault(curve.axis, []).append(curve)
    for name, curves in groups.items():
        if shown := [c for c in curves if len(c.points) > 1 and _lines(run, metric, c)]:
            panels = [Panel(c.title, _curve(run, metric, c, look)) for c in shown]
            on = tuple(dict.fromkeys(c for curve in shown for c in curve.conditions))
            yield Plate(run, metric, name, tuple(panels), on, _remark(shown))
    long = [curve for curves in groups.values() for curve in curves if len(curve.points) > 1]
    placed = {c.name for curve in long for c in curve.conditions}
    yield from _others(run, metric, [c for c in known if not c.clean and c.name not in placed], look)


def _remark(curves: Sequence[Curve]) -> str:
    """What the hollow markers are."""
    names = dict.fromkeys(c.playout.title for curve in curves for c in curve.singles)
    return f"Hollow: {', '.join(names)}." if names else ""


# --- What is drawn ---


def _spots(run: Run, metric: str, rate: str, condition: Condition) -> dict[str, tuple[float, Estimate]]:
    """Rates in kbit/s and values of the codecs that have both."""
    cells = {c: (run.cell(c, condition.name, rate), run.cell(c, condition.name, metric)) for c in run.codecs}
    found = {
        codec: (bits.estimate.value * KBPS, quality.estimate)
        for codec, (bits, quality) in cells.items()
        if bits.estimate.value and quality.estimate.value is not None
    }
    alone = distinct(run, [(codec, *spot) for codec, spot in found.items()])  # strategies are equal without loss
    return {codec: spot for codec, spot in found.items() if codec in alone}


def _rates(
    run: Run, metric: str, rate: str, condition: Condition, look: Mapping[str, Look]
) -> Callable[["Axes"], list[str]]:
    def drawn(axes: "Axes") -> list[str]:
        spots = _spots(run, metric, rate, condition)
        axes.set_xscale("log")
        rate_axis(axes, [x for x, _ in spots.values()])
        axes.set_xlabel("Bitrate on the wire (kbit/s)" if rate == "wire_bps" else "Net bitrate (kbit/s)")
        for family in dict.fromkeys(look[codec].family for codec in spots):
            members = sorted((x, e.value or 0.0) for codec, (x, e) in spots.items() if look[codec].family == family)
            axes.plot([x for x, _ in members], [y for _, y in members], color=GREY, linewidth=0.6, alpha=0.6)
        for codec, spot in spots.items():
            _points(axes, look[codec], [spot], joined=False)
        return list(spots)

    return drawn


def _lines(run: Run, metric: str, curve: Curve) -> dict[str, Line]:
    lines = {codec: values_along(run, codec, metric, curve) for codec in run.series}
    return {codec: line for codec, line in lines.items() if len(line.points) + bool(line.clean) > 1 and line.points}


def _curve(run: Run, metric: str, curve: Curve, look: Mapping[str, Look]) -> Callable[["Axes"], list[str]]:
    def drawn(axes: "Axes") -> list[str]:
        lines = _lines(run, metric, curve)
        whole = curve if any(line.clean for line in lines.values()) else curve._replace(clean=None)
        edge = x_axis(axes, whole, lines.values(), bool(whole.clean) and improves(run, whole))
        axes.set_xlabel(shown(_axis(curve.axis)))
        for codec, line in lines.items():
            _points(axes, look[codec], line.points, joined=True)
            if edge is not None and line.clean is not None:
                near = min(line.points, key=lambda point: abs(point[0] - edge))
                ends = [near[1].value or 0.0, line.clean.value or 0.0]
                axes.plot([near[0], edge], ends, color=look[codec].ink, linewidth=0.6, linestyle=":")
                _points(axes, look[codec], [(edge, line.clean)], joined=False)
            _points(axes, look[codec], line.singles, joined=False, hollow=True)
        return list(lines)

    return drawn


def _axis(text: str) -> str:
    """`Packets lost, as asked (%)`: names of axes as papers have them; `dB SNR` stays as it is."""
    unit, of, what = text.partition(" of ")
    if of and unit == "%":
        return f"{capital(what)} ({unit})"
    return capital(text) if text.partition(" ")[0].islower() else text


def _others(run: Run, metric: str, known: Sequence[Condition], look: Mapping[str, Look]) -> Iterator[Plate]:
    """Conditions on no curve: a row each, its codecs below one another."""
    rows = {c: [s for s in run.series if run.cell(s, c.name, metric).estimate.value is not None] for c in known}
    rows = {condition: codecs for condition, codecs in rows.items() if codecs}
    if not rows:
        return

    def drawn(axes: "Axes") -> list[str]:
        place, ticks = 0.0, []
        for codecs in rows.values():
            ticks.append(place + (len(codecs) - 1) / 2)
            place += len(codecs) + 1
        axes.set_yticks(ticks, [textwrap.fill(shown(short(c.title, 60)), 22) for c in rows])
        axes.set_ylim(place - 1.5, -0.8)
        axes.set_xlabel(_wrapped(axis_title(run, metric), 34))
        axes.set_xlim(*quality_range(run, metric))
        place = 0.0
        for condition, codecs in rows.items():
            for row, codec in enumerate(codecs):
                estimate = run.cell(codec, condition.name, metric).estimate
                _points(axes, look[codec], [(place + row, estimate)], joined=False, across=True)
            place += len(codecs) + 1
        return list(dict.fromkeys(codec for codecs in rows.values() for codec in codecs))

    height = 0.6 + ROW * sum(len(codecs) + 1 for codecs in rows.values())
    yield Plate(run, metric, "conditions", (Panel("", drawn),), tuple(rows), "", height)


def _style(look: Look, joined: bool = True, hollow: bool = False) -> dict[str, Any]:
    """What matplotlib has to know of a line and its markers; a polygon ends where it begins."""
    return {
        "color": look.ink,
        "linestyle": look.line if joined else "none",
        "marker": [*SHAPES[look.shape], SHAPES[look.shape][0]],
        "markersize": 5,
        "markeredgewidth": 0.9 if hollow else 0,
        "markerfacecolor": "white" if hollow else look.ink,
    }


def _points(
    axes: "Axes",
    look: Look,
    points: Sequence[tuple[float, Estimate]],
    joined: bool,
    hollow: bool = False,
    across: bool = False,
) -> None:
    """Values with their intervals: over x, or `across`, in rows; arrowheads where an interval leaves the plot."""
    if not points:
        return
    places, values = [place for place, _ in points], [e.value or 0.0 for _, e in points]
    ends = [[v - (v if e.low is None else e.low) for v, (_, e) in zip(values, points, strict=True)]]
    ends += [[(v if e.high is None else e.high) - v for v, (_, e) in zip(values, points, strict=True)]]
    style = _style(look, joined, hollow) | {"xerr" if across else "yerr": ends, "elinewidth": 0.8}
    _, _, sticks = axes.errorbar(*((values, places) if across else (places, values)), **style)
    for stick in sticks:
        stick.set_alpha(0.6)
    for place, estimate in points:
        limits = axes.get_xlim() if across else axes.get_ylim()
        for edge, head in cut(estimate, limits, ("<", ">") if across else ("v", "^")):
            arrowhead(axes, look, (edge, place) if across else (place, edge), head)


# --- On paper ---


@cache
def _letters() -> frozenset[int]:
    """Code points that the font has, which comes with matplotlib."""
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap())


def shown(text: str) -> str:
    """One line in letters that the font has, others as their code points."""
    known = _letters()
    text = one_line(unicodedata.normalize("NFC", text))
    return "".join(c if ord(c) in known else code_point(c) for c in text)


def _wrapped(text: str, letters: int) -> str:
    return textwrap.fill(shown(text), letters)


@contextmanager
def _paper() -> Iterator[None]:
    """What matplotlib is as it comes, whatever the user's settings are, and our style."""
    from matplotlib import style

    with style.context(["default", STYLE]):
        yield


def _draw(plate: Plate, look: Mapping[str, Look], path: Path, format: str) -> Path:
    with _paper():
        figure = figured(plate, look)
        figure.savefig(path, format=format, dpi=300, metadata=METADATA[format])
        figure.clear()
    return path


def figured(plate: Plate, look: Mapping[str, Look]) -> "Figure":
    """The figure: its panels, two in a row, and below them, outside of all data, what stands for which codec."""
    from matplotlib.figure import Figure

    columns = min(2, len(plate.panels))
    rows = -(-len(plate.panels) // columns)
    width = _width(plate)
    figure = Figure(figsize=(width, PANEL), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=plate.axis != "conditions")
    codecs: dict[str, None] = {}
    for number, axes in enumerate(grid.flat):
        if number < len(plate.panels):
            _dress(axes, plate, plate.panels[number], first=number % columns == 0)
            codecs |= dict.fromkeys(plate.panels[number].draw(axes))
        else:
            axes.set_visible(False)
    below = _legend(figure, list(codecs), look, width)
    figure.set_figheight(rows * plate.height + LEGEND_ROW * below + 0.1)
    return figure


def _width(plate: Plate) -> float:
    return COLUMN if len(plate.panels) == 1 else PAGE


def _dress(axes: "Axes", plate: Plate, panel: Panel, first: bool) -> None:
    """Names and scale of the axes, before anything is drawn."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=2, width=0.6)
    if plate.axis == "conditions":
        axes.grid(axis="x")
        return
    axes.grid(axis="y")
    axes.set_ylim(*quality_range(plate.run, plate.metric))
    axes.locator_params(axis="y", nbins=6)
    if first:
        axes.set_ylabel(_wrapped(axis_title(plate.run, plate.metric), 30))
    if len(plate.panels) > 1:
        axes.set_title(_wrapped(panel.title, 52))


def _legend(figure: "Figure", codecs: Sequence[str], look: Mapping[str, Look], width: float) -> int:
    """A legend below the panels, as broad as the figure; returns its rows."""
    from matplotlib.lines import Line2D

    names = [shown(short(one_line(codec), 34)) for codec in codecs]
    handles = [Line2D([], [], **_style(look[codec])) for codec in codecs]
    columns = max(1, min(len(names), int(width * 72 / (38 + 4.6 * max(map(len, names))))))
    legend = figure.legend(
        handles, ["x"] * len(names), loc="outside lower center", ncols=columns, frameon=False, handlelength=2.8
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)  # not as a label: matplotlib hides those that begin with an underscore
    return -(-len(names) // columns)


# --- Captions ---


def caption(plate: Plate) -> str:
    """What the figure shows, on how much, and how sure it is."""
    run, metric = plate.run, plate.metric
    cells = [run.cell(codec, c.name, metric) for codec in run.series for c in plate.conditions]
    cells = [cell for cell in cells if cell.estimate.value is not None]
    clusters = max((cell.estimate.clusters for cell in cells), default=0)
    least, most = (f(cell.estimate.n for cell in cells) for f in (min, max))
    failed = sum(cell.asked - cell.estimate.n for cell in cells)
    bars = f"bars: 95 % intervals over {clusters} speakers" if clusters > 1 else "one speaker, without intervals"
    few = f" (descriptive only: fewer than {FEW})" if 1 < clusters < FEW else ""
    count = str(least) if least == most else f"{least} to {most}"
    missing = f", {failed} missing in all" if failed else ""
    where = f" in {plate.conditions[0].title}" if len(plate.conditions) == 1 else ""
    return " ".join(
        filter(
            None,
            [
                f"{run.named(metric)} by {plate.axis.replace('-', ' ')}{where}; {bars}{few}.",
                f"n = {count} values a point{missing}. Arrowheads: intervals that leave the plot.",
                plate.remark,
                measured_on(run, [metric]),
            ],
        )
    )


def _captioned(name: str, plate: Plate) -> str:
    kind = "figure" if _width(plate) == COLUMN else "figure*"
    lines = [
        rf"\begin{{{kind}}}",
        r"  \centering",
        rf"  \includegraphics{{{name}}}",
        rf"  \caption{{{latex(caption(plate))}}}",
        rf"  \label{{fig:{name}}}",
        rf"\end{{{kind}}}",
        "",
    ]
    return "\n".join(lines)
