"""The report's plots as inline SVG that follows the page's colours, light or dark: one small panel each.

Colours are sentinels while matplotlib draws; in the SVG text they become `currentColor` and CSS variables,
one per codec, whose two values (light and dark) `looks` computes in OKLCH (Ottosson, "A perceptual color
space for image processing", 2020). Hue tells codec families apart, lightness their rates, and markers and
direct labels repeat both without colour.
"""

import html
import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.summary import Condition, Run, pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID, SERIES = "#fd0000", "#fd0001", "#fe00{:02x}"  # what the SVG says before `_themed` reads it
WIDTH, HEIGHT = 360, 280  # SVG user units; text of 11 units stays readable at 330 px
UNIT = 1 / 72  # inches in a user unit
LEFT = 40  # margin for the numbers of the y axis
LETTER = 5.7  # mean width of a letter at 11 units
HUES = (250, 50, 160, 350, 300, 105, 205)  # degrees: blue, orange, green, pink, violet, olive, teal
ROW, BLOCK = 15, 1.8  # forest plots: user units per row, rows that a heading takes
TOUCH = 12.0  # square units that a label may cover of its neighbours
KBPS = 1e-3  # of a bit per second
SHAPES = {  # polygons in a unit square, y up; the page's legend draws the same ones
    "circle": tuple((math.cos(a * math.pi / 12), math.sin(a * math.pi / 12)) for a in range(24)),
    "square": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
    "up": ((-1.05, -0.8), (1.05, -0.8), (0, 1.15)),
    "down": ((-1.05, 0.8), (0, -1.15), (1.05, 0.8)),
    "bar": ((-0.5, -1.2), (0.5, -1.2), (0.5, 1.2), (-0.5, 1.2)),
    "left": ((0.8, -1.05), (0.8, 1.05), (-1.15, 0)),
    "right": ((-0.8, -1.05), (1.15, 0), (-0.8, 1.05)),
    "dash": ((-1.2, -0.5), (1.2, -0.5), (1.2, 0.5), (-1.2, 0.5)),
    "star": tuple(
        (
            (1.3 if a % 2 == 0 else 0.55) * math.sin(a * math.pi / 5),
            (1.3 if a % 2 == 0 else 0.55) * math.cos(a * math.pi / 5),
        )
        for a in range(10)
    ),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a codec looks in every plot: its number, its colour on light and on dark paper, its marker."""

    index: int
    family: str
    light: str
    dark: str
    shape: str

    @property
    def ink(self) -> str:
        """The sentinel colour that stands for this codec while matplotlib draws."""
        return SERIES.format(self.index)

    @property
    def name(self) -> str:
        """The CSS class of everything that belongs to this codec."""
        return f"s{self.index}"

    @property
    def points(self) -> str:
        """The marker as the `points` of an SVG polygon, y down."""
        return " ".join(f"{x:.2f},{-y:.2f}" for x, y in SHAPES[self.shape])


def looks(run: Run) -> dict[str, Look]:
    """A look per codec: families share a hue, the highest rate of a family stands out most."""
    families: dict[str, list[str]] = {}
    for codec in run.codecs:
        spec = str(run.about(codec).get("spec") or codec)
        families.setdefault(re.split(r"[:\-]", spec)[0], []).append(codec)
    shapes, found = list(SHAPES), {}
    for rank, (family, members) in enumerate(sorted(families.items(), key=lambda item: -len(item[1]))):
        members.sort(key=lambda codec: -(run.overall(codec, "net_bps").estimate.value or 0))
        for place, codec in enumerate(members):
            share = place / (len(members) - 1) if len(members) > 1 else 0.4
            hue, index = HUES[rank % len(HUES)], run.codecs.index(codec)
            found[codec] = Look(
                index,
                family,
                light=_oklch(0.42 + 0.2 * share, 0.13, hue),
                dark=_oklch(0.84 - 0.2 * share, 0.12, hue),
                shape=shapes[index % len(shapes)],
            )
    return found


def _oklch(lightness: float, chroma: float, hue: float) -> str:
    """An OKLCH colour as #rrggbb, clipped to sRGB."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _gamma(min(max(v, 0.0), 1.0))):02x}" for v in linear)


def _gamma(linear: float) -> float:
    return float(12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


@contextmanager
def _panel(salt: str, left: float, right: float, height: float = HEIGHT) -> Iterator[tuple["Figure", "Axes"]]:
    """A figure with one quiet pair of axes; margins in user units."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "font.size": 11,
        "text.parse_math": False,
    }
    style |= dict.fromkeys(("text.color", "xtick.labelcolor", "ytick.labelcolor", "axes.labelcolor"), INK)
    with rc_context(style | {"axes.edgecolor": GRID, "grid.color": GRID}), warnings.catch_warnings():
        # The reader's fonts draw the text, so that matplotlib's may lack letters.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure = Figure(figsize=(WIDTH * UNIT, height * UNIT), dpi=72)
        FigureCanvasSVG(figure)
        top, bottom = 26, 42
        box = (
            left / WIDTH,
            bottom / height,
            (WIDTH - left - right) / WIDTH,
            (height - top - bottom) / height,
        )
        axes = figure.add_axes(box)
        axes.patch.set_visible(False)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0, pad=5)
        axes.set_axisbelow(True)
        yield figure, axes


def _svg(figure: "Figure", label: str) -> str:
    """The figure as inline SVG, named for those who cannot see it."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    figure.clear()
    return _themed(out.getvalue(), label)


def _themed(text: str, label: str) -> str:
    text = text[text.index("<svg") :]
    body = text[text.index(">") + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'id="(s\d+)"', r'class="\1"', body)
    used = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', body))
    body = re.sub(r' id="([\w.-]+)"', lambda found: found.group(0) if found.group(1) in used else "", body)
    body = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", body)
    body = body.replace(INK, "currentColor").replace(GRID, "var(--grid)")
    body = re.sub(r"#fe00([0-9a-f]{2})", lambda found: f"var(--s{int(found.group(1), 16)})", body)
    body = re.sub(r"\n\s*", "\n", body)
    box = re.search(r'viewBox="([^"]*)"', text)
    title = html.escape(label, quote=True)
    return f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-label="{title}"><title>{title}</title>{body}'


def quality_range(run: Run, metric: str) -> tuple[float, float]:
    """The y range that all plots of a metric share: its values, with intervals up to 0.6 of their span."""
    estimates = [cell.estimate for key, cell in run.cells.items() if key[2] == metric]
    values = [e.value for e in estimates if e.value is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    span = (high - low) or max(abs(high) * 0.2, 0.1)
    bottom = max(low - 0.6 * span, min(low, *(e.low for e in estimates if e.low is not None), low))
    top = min(high + 0.6 * span, max(high, *(e.high for e in estimates if e.high is not None), high))
    return bottom - 0.05 * span, top + 0.05 * span


def _quality_axis(axes: "Axes", run: Run, metric: str) -> None:
    axes.set_ylim(*quality_range(run, metric))
    axes.grid(axis="y", linewidth=1)
    axes.locator_params(axis="y", nbins=6)
    _name_axis(axes, run, metric)


def _name_axis(axes: "Axes", run: Run, metric: str) -> None:
    """The metric's name over the plot, flush with its left edge: easier to read than along the axis."""
    axes.annotate(
        axis_title(run, metric),
        (0, 1),
        xycoords=("figure points", "figure fraction"),
        xytext=(0, -12),
        textcoords="offset points",
        fontsize=11,
    )


def axis_title(run: Run, metric: str) -> str:
    """Name, unit and the better direction of a metric, short enough to stand over an axis."""
    arrow = {"higher": "↑ better", "lower": "↓ better"}.get(run.better(metric), "")
    return "  ".join(filter(None, (", ".join(filter(None, (pretty(metric), run.unit(metric)))), arrow)))


def _draw(axes: "Axes", look: Look, xs: Sequence[float], cells: Sequence[Any], join: bool) -> None:
    """Points with vertical intervals; `cells` are estimates that have values."""
    ys = [e.value for e in cells]
    bars = [
        [e.value - e.low if e.low is not None else 0 for e in cells],
        [e.high - e.value if e.high is not None else 0 for e in cells],
    ]
    line, _, sticks = axes.errorbar(
        xs,
        ys,
        yerr=bars,
        color=look.ink,
        elinewidth=1.3,
        linewidth=1.7,
        linestyle="-" if join else "none",
        marker=SHAPES[look.shape],
        markersize=7,
        markeredgewidth=0,
    )
    for artist in (line, *sticks):
        artist.set_gid(look.name)
    for stick in sticks:
        stick.set_alpha(0.5)


def rate_quality(run: Run, metric: str, rate: str, condition: Condition, look: Mapping[str, Look]) -> str | None:
    """Quality over bitrate (`net_bps` or `wire_bps`) under one condition; None with nothing to show."""
    spots = []
    for codec in run.codecs:
        bits, quality = (
            run.cell(codec, condition.name, rate).estimate,
            run.cell(codec, condition.name, metric).estimate,
        )
        if bits.value and quality.value is not None:
            spots.append((codec, bits.value * KBPS, quality))
    if not spots:
        return None
    names = _names(run, spots)
    spots = [spot for spot in spots if spot[0] in names]
    where = "on the wire, headers included" if rate == "wire_bps" else "net"
    with _panel(f"{rate} {metric}", LEFT, 12) as (figure, axes):
        axes.set_xscale("log")
        _rate_axis(axes, [x for _, x, _ in spots])
        _quality_axis(axes, run, metric)
        axes.set_xlabel(f"kbit/s {where}")
        _families(axes, look, spots)
        for codec, x, quality in spots:
            _draw(axes, look[codec], [x], [quality], join=False)
        _label_points(axes, {codec: (x, quality.value or 0.0) for codec, x, quality in spots}, names, look)
        return _svg(figure, f"{pretty(metric)} over bitrate {where}, {condition.title}")


def _names(run: Run, spots: Sequence[tuple[str, float, Any]]) -> dict[str, str]:
    """Names of points; where series of a codec share a point (strategies, without loss), one stands for all."""
    together: dict[tuple[str, float, float], list[str]] = {}
    for codec, x, quality in spots:
        together.setdefault((run.origin(codec), x, quality.value), []).append(codec)
    names = {}
    for first, *others in together.values():
        columns = zip(first.split(" · "), *(other.split(" · ") for other in others), strict=False)
        names[first] = " · ".join(part for part, *rest in columns if all(other == part for other in rest))
    return names


def _rate_axis(axes: "Axes", rates: Sequence[float]) -> None:
    low, high = min(rates) / 1.5, max(rates) * 1.5
    ticks = [m * 10.0**e for e in range(-2, 4) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    if len(ticks) > 8:  # names of more would touch
        ticks = [t for t in ticks if f"{t:g}".strip("0.") == "1"]
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()


def _families(axes: "Axes", look: Mapping[str, Look], spots: Sequence[tuple[str, float, Any]]) -> None:
    """A thin line through the rates of one family."""
    for family in {look[codec].family: None for codec, _, _ in spots}:
        members = sorted((x, e.value, codec) for codec, x, e in spots if look[codec].family == family)
        xs, ys = [m[0] for m in members], [m[1] for m in members]
        axes.plot(xs, ys, color=look[members[-1][2]].ink, linewidth=1.2, alpha=0.45)


def _label_points(
    axes: "Axes", spots: Mapping[str, tuple[float, float]], names: Mapping[str, str], look: Mapping[str, Look]
) -> None:
    """Write each codec's name beside its point, where it covers least."""
    at = {codec: axes.transData.transform(spot) for codec, spot in spots.items()}
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in at.values()]
    for codec, (x, y) in at.items():
        name = short(names[codec])
        width, gap = LETTER * len(name), 8
        around = [(dx, dy) for dy in (8, -17, 21, -30) for dx in (-width / 2, 2, -width)]
        offsets = [(gap, -4), (-gap - width, -4), *around]
        boxes = [(x + dx, y + dy, x + dx + width, y + dy + 10) for dx, dy in offsets]
        best = min(boxes, key=lambda box: max(TOUCH, sum(_overlap(box, other) for other in taken)) + _outside(box))
        taken.append(best)
        offset = (float(best[0] - x), float(best[1] - y))
        axes.annotate(
            name,
            (x, y),
            xycoords="figure pixels",
            xytext=offset,
            textcoords="offset points",
            fontsize=10,
            gid=look[codec].name,
        )


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: Sequence[float]) -> float:
    """A penalty for leaving the plot."""
    return 1e4 * (
        max(0.0, LEFT - box[0]) + max(0.0, box[2] - WIDTH) + max(0.0, 44 - box[1]) + max(0.0, box[3] - HEIGHT + 20)
    )


def loss_quality(run: Run, metric: str, conditions: Sequence[Condition], look: Mapping[str, Look]) -> str | None:
    """Quality over the asked share of lost packets, a line per codec; None with nothing to show."""
    lines = {}
    for codec in run.codecs:
        cells = [(100 * (c.loss or 0.0), run.cell(codec, c.name, metric).estimate) for c in conditions]
        if kept := sorted(((x, e) for x, e in cells if e.value is not None), key=lambda point: point[0]):
            lines[codec] = kept
    if not lines:
        return None
    margin = min(140.0, 26 + LETTER * max(len(short(codec)) for codec in lines))
    ticks = sorted({100 * (c.loss or 0.0) for c in conditions})
    with _panel(f"loss {metric} {conditions[-1].name}", LEFT, margin) as (figure, axes):
        _quality_axis(axes, run, metric)
        axes.set_xlim(ticks[0] - 0.03 * ticks[-1], ticks[-1] * 1.02)
        axes.set_xticks(ticks, _spaced(ticks))
        axes.set_xlabel("% of packets lost, as asked")
        for codec, points in lines.items():
            _draw(axes, look[codec], [x for x, _ in points], [e for _, e in points], join=True)
        _label_ends(
            axes,
            {codec: (points[-1][0], points[-1][1].value or 0.0) for codec, points in lines.items()},
            look,
        )
        return _svg(figure, f"{pretty(metric)} over the share of lost packets, {conditions[-1].title} and lower rates")


def _spaced(ticks: Sequence[float]) -> list[str]:
    """Labels of ascending ticks, left out where they would touch the one before."""
    labels, last = [], -float("inf")
    for tick in ticks:
        fits = tick - last >= 0.045 * ticks[-1]
        labels.append(f"{tick:.3g}" if fits else "")
        last = tick if fits else last
    return labels


def _label_ends(axes: "Axes", ends: Mapping[str, tuple[float, float]], look: Mapping[str, Look]) -> None:
    """Names right of the lines' ends, moved apart, each tied to its line."""
    at = {codec: axes.transData.transform(end) for codec, end in ends.items()}
    edge = float(axes.get_window_extent().x1)
    order = sorted(at, key=lambda codec: float(at[codec][1]))
    heights = spread([float(at[codec][1]) for codec in order], gap=13, low=44, high=HEIGHT - 20)
    for codec, y in zip(order, heights, strict=True):
        x0, y0 = (float(v) for v in at[codec])
        axes.annotate(
            short(codec),
            (x0, y0),
            xycoords="figure pixels",
            xytext=(edge + 18 - x0, y - y0),
            textcoords="offset points",
            fontsize=10,
            va="center",
            gid=look[codec].name,
            arrowprops={
                "arrowstyle": "-",
                "color": look[codec].ink,
                "linewidth": 0.9,
                "shrinkA": 0,
                "shrinkB": 4,
                "alpha": 0.7,
                "relpos": (0, 0.5),
                "gid": look[codec].name,
            },
        )


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Ascending positions moved apart to at least `gap`, as little as possible, within bounds if they fit."""
    blocks: list[list[float]] = []  # each: sum of wished first positions, count
    for position in positions:
        blocks.append([position, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] + gap * blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total - gap * blocks[-1][1] * count
            blocks[-1][1] += count
    moved = [total / count + gap * step for total, count in blocks for step in range(int(count))]
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], high - gap * (len(moved) - 1 - index))
    for index in range(len(moved)):
        moved[index] = max(moved[index], low + gap * index)
    return moved


def forest(run: Run, metric: str, conditions: Sequence[Condition], look: Mapping[str, Look]) -> str | None:
    """Conditions without an asked loss (traces, delays): a row per codec, a block per condition."""
    blocks = {
        c: [codec for codec in run.codecs if run.cell(codec, c.name, metric).estimate.value is not None]
        for c in conditions
    }
    blocks = {condition: codecs for condition, codecs in blocks.items() if codecs}
    if not blocks:
        return None
    margin = min(150.0, 14 + LETTER * max(len(short(codec)) for codecs in blocks.values() for codec in codecs))
    length = sum(len(codecs) + BLOCK for codecs in blocks.values())
    with _panel(f"forest {metric}", margin, 12, height=68 + ROW * length) as (figure, axes):
        axes.set_xlim(*quality_range(run, metric))
        axes.set_ylim(length - 0.4, -0.5)
        axes.grid(axis="x", linewidth=1)
        axes.locator_params(axis="x", nbins=5)
        axes.set_yticks([])
        _name_axis(axes, run, metric)
        place = 0.0
        for condition, codecs in blocks.items():
            _beside(axes, short(condition.title, 60), place, fontsize=11, weight="bold")
            for row, codec in enumerate(codecs):
                _forest_row(axes, run, (codec, condition.name, metric), place + 1.1 + row, look[codec])
            place += len(codecs) + BLOCK
        return _svg(figure, f"{pretty(metric)} on: " + ", ".join(c.title for c in blocks))


def _beside(axes: "Axes", text: str, place: float, **style: Any) -> None:
    """Text at the left edge of the drawing, in row `place`."""
    axes.annotate(text, (0, place), xycoords=("figure points", "data"), va="center", **style)


def _forest_row(axes: "Axes", run: Run, key: tuple[str, str, str], place: float, look: Look) -> None:
    estimate = run.cells[key].estimate
    dot = axes.plot(
        [estimate.value or 0.0],
        [place],
        color=look.ink,
        marker=SHAPES[look.shape],
        markersize=7,
        markeredgewidth=0,
    )[0]
    dot.set_gid(look.name)
    if estimate.low is not None and estimate.high is not None:
        bar = axes.plot([estimate.low, estimate.high], [place, place], color=look.ink, linewidth=1.4, alpha=0.5)[0]
        bar.set_gid(look.name)
    _beside(axes, short(key[0]), place, fontsize=10, gid=look.name)


def short(name: str, letters: int = 18) -> str:
    """A name that fits its place; of a series, what tells it from others of its codec stands at the end and stays."""
    if len(name) <= letters:
        return name
    kept = min(len("".join(name.partition(" · ")[1:])), letters - 5)
    return name[: letters - 1 - kept].rstrip() + "…" + name[len(name) - kept :]
