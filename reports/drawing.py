"""What the report's plots are drawn with: inline SVG that follows the page's colours, one small panel each.

Colours are sentinels while matplotlib draws; in the SVG text they become `currentColor` and CSS variables,
one per codec, whose two values (light and dark) `looks` computes in OKLCH (Ottosson, "A perceptual color
space for image processing", 2020). Hue tells codec families apart, lightness their rates, and markers and
direct labels repeat both without colour. What was never coded is grey and dashed.
"""

import html
import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.summary import ANCHOR, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID, SOFT, GRAVE, PAPER = (
    "#fd0000",
    "#fd0001",
    "#fd0002",
    "#fd0003",
    "#fd0004",
)  # what the SVG says before `_themed` reads it
SERIES, PART = "#fe00{:02x}", "#fc00{:02x}"  # likewise: a codec, a part of a whole
VARIABLES = {"e": "s", "c": "p"}  # of the page, by the letter of the sentinel
WIDTH, HEIGHT = 360, 280  # SVG user units; text of 11 units stays readable at 330 px
UNIT = 1 / 72  # inches in a user unit
TOP, BOTTOM = 26, 42  # margins for the name of the metric, and for the x axis
LEFT = 40  # margin for the numbers of the y axis
LETTER = 5.7  # mean width of a letter at 11 units
GREYS = "#6e757c", "#9aa2aa"  # of what was never coded, on light and on dark paper
HUES = (250, 50, 160, 350, 300, 105, 205)  # degrees: blue, orange, green, pink, violet, olive, teal
ROOM = 0.25  # of the span of values: how far intervals may reach beyond; wider ones are cut, with arrowheads
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
    "plus": (
        *((-0.35, -1.2), (0.35, -1.2), (0.35, -0.35), (1.2, -0.35), (1.2, 0.35), (0.35, 0.35)),
        *((0.35, 1.2), (-0.35, 1.2), (-0.35, 0.35), (-1.2, 0.35), (-1.2, -0.35), (-0.35, -0.35)),
    ),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a codec looks in every plot: its number, its colour on light and on dark paper, its marker and line."""

    index: int
    family: str
    light: str
    dark: str
    shape: str
    line: str | tuple[int, tuple[int, int]] = "-"  # as matplotlib has it

    @property
    def ink(self) -> str:
        """The sentinel colour that stands for this codec while matplotlib draws."""
        return SERIES.format(self.index) if self.index >= 0 else INK

    @property
    def name(self) -> str:
        """The CSS class of everything that belongs to this codec."""
        return f"s{self.index}"

    @property
    def points(self) -> str:
        """The marker as the `points` of an SVG polygon, y down."""
        return " ".join(f"{x:.2f},{-y:.2f}" for x, y in SHAPES[self.shape])


TOGETHER = Look(-1, "", "", "", "circle")  # several codecs drawn as one


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
    if any(ANCHOR in judged.series for judged in (run, *run.tasks.values())):
        found[ANCHOR] = Look(len(run.codecs), ANCHOR, *GREYS, shape="plus", line=(0, (4, 2)))
    for answers in run.tasks.values():  # tokens are the same whatever conceals their loss
        for codec in answers.codecs:
            same = next((c for c in run.codecs if run.origin(c) == answers.origin(codec)), codec)
            found.setdefault(codec, found[same])
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
def panel(
    salt: str, left: float, right: float, height: float = HEIGHT, top: float = TOP, width: float = WIDTH
) -> Iterator[tuple["Figure", "Axes"]]:
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
        figure = Figure(figsize=(width * UNIT, height * UNIT), dpi=72)
        FigureCanvasSVG(figure)
        box = (
            left / width,
            BOTTOM / height,
            (width - left - right) / width,
            (height - top - BOTTOM) / height,
        )
        axes = figure.add_axes(box)
        axes.patch.set_visible(False)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0, pad=5)
        axes.set_axisbelow(True)
        yield figure, axes


def svg(figure: "Figure", label: str) -> str:
    """The figure as inline SVG, named for those who cannot see it."""
    box, body = _drawn(figure)
    figure.clear()
    return _named(box, label, body)


def layered(figure: "Figure", axes: "Axes", name: str, layers: Mapping[str, Callable[["Axes"], None]]) -> Iterator[str]:
    """An SVG per layer, by its label: what the figure shows already, drawn once for all, and the layer's lines over it.

    `name` is a word of the page's own: all pictures but the first refer to the first one by it.
    """
    box, frame = _drawn(figure)
    axes.set_axis_off()
    for text in axes.texts:
        text.set_visible(False)
    shared = f'<g id="{name}">{frame}</g>'
    for label, draw_layer in layers.items():
        draw_layer(axes)
        yield _named(box, label, shared + _drawn(figure)[1])
        for line in list(axes.lines):
            line.remove()
        shared = f'<use href="#{name}"/>'


def _drawn(figure: "Figure") -> tuple[str, str]:
    """The view box, and what is in the SVG of a figure, in the page's colours."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    box = re.search(r'viewBox="([^"]*)"', text)
    return box.group(1) if box else "", _themed(text[text.index(">") + 1 : text.rindex("</svg>")])


def _named(box: str, label: str, body: str) -> str:
    title = html.escape(label, quote=True)
    return f'<svg viewBox="{box}" role="img" aria-label="{title}"><title>{title}</title>{body}</svg>'


def _themed(body: str) -> str:
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'id="(s\d+)"', r'class="\1"', body)
    used = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', body))
    body = re.sub(r' id="([\w.-]+)"', lambda found: found.group(0) if found.group(1) in used else "", body)
    body = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", body)
    body = body.replace(INK, "currentColor")
    for sentinel, name in ((GRID, "grid"), (SOFT, "soft"), (GRAVE, "grave"), (PAPER, "paper")):
        body = body.replace(sentinel, f"var(--{name})")
    body = re.sub(r"#f([ec])00([0-9a-f]{2})", lambda found: f"var(--{VARIABLES[found[1]]}{int(found[2], 16)})", body)
    return re.sub(r"\n\s*", "\n", body)


def quality_range(run: Run, metric: str) -> tuple[float, float]:
    """The y range that plots of a metric share, whatever it is against: its values, and some room for intervals."""
    alike = run.versions(metric)
    estimates = [cell.estimate for key, cell in run.cells.items() if key[2] in alike]
    values = [e.value for e in estimates if e.value is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    span = (high - low) or max(abs(high) * 0.2, 0.1)
    bottom = max(low - ROOM * span, min(low, *(e.low for e in estimates if e.low is not None), low))
    top = min(high + ROOM * span, max(high, *(e.high for e in estimates if e.high is not None), high))
    return bottom - 0.05 * span, top + 0.05 * span


def quality_axis(axes: "Axes", run: Run, metric: str) -> None:
    """The y axis of a metric: its range, a quiet grid and its name."""
    axes.set_ylim(*quality_range(run, metric))
    axes.grid(axis="y", linewidth=1)
    axes.locator_params(axis="y", nbins=6)
    name_axis(axes, run, metric)


def name_axis(axes: "Axes", run: Run, metric: str) -> None:
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
    return "  ".join(filter(None, (", ".join(filter(None, (run.named(metric), run.unit(metric)))), arrow)))


def draw(axes: "Axes", look: Look, points: Sequence[tuple[float, Any]], join: bool) -> None:
    """Points with vertical intervals: x, and an estimate that has a value."""
    cells = [e for _, e in points]
    bars = [
        [e.value - e.low if e.low is not None else 0 for e in cells],
        [e.high - e.value if e.high is not None else 0 for e in cells],
    ]
    line, _, sticks = axes.errorbar(
        [x for x, _ in points],
        [e.value for e in cells],
        yerr=bars,
        color=look.ink,
        elinewidth=1.3,
        linewidth=1.7,
        linestyle=look.line if join else "none",
        marker=SHAPES[look.shape],
        markersize=7,
        markeredgewidth=0,
    )
    for artist in (line, *sticks):
        artist.set_gid(look.name)
    for stick in sticks:
        stick.set_alpha(0.5)
    for x, estimate in points:
        for edge, head in cut(estimate, axes.get_ylim(), ("v", "^")):
            arrowhead(axes, look, (x, edge), head)


def cut(estimate: Any, limits: tuple[float, float], heads: tuple[str, str]) -> Iterator[tuple[float, str]]:
    """The edges of a plot that an interval goes beyond, and the arrowhead that says so: `heads` at low and high end."""
    if estimate.low is not None and estimate.low < limits[0]:
        yield limits[0], heads[0]
    if estimate.high is not None and estimate.high > limits[1]:
        yield limits[1], heads[1]


def arrowhead(axes: "Axes", look: Look, place: tuple[float, float], head: str) -> None:
    """A small triangle on the edge of the plot."""
    x, y = place
    arrow = axes.plot([x], [y], color=look.ink, marker=head, markersize=5, markeredgewidth=0, clip_on=False)[0]
    arrow.set_gid(look.name)


def spaced(places: Sequence[float], values: Sequence[float]) -> list[str]:
    """Labels of values at ascending places, left out where they would touch the one before."""
    labels, last = [], -float("inf")
    for place, value in zip(places, values, strict=True):
        fits = place - last >= 0.045 * (places[-1] - places[0])
        labels.append(f"{value:.3g}".replace("-", "−") if fits else "")
        last = place if fits else last
    return labels


def label_ends(axes: "Axes", ends: Mapping[str, tuple[float, float]], look: Mapping[str, Look]) -> None:
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


def beside(axes: "Axes", text: str, place: float, **style: Any) -> None:
    """Text at the left edge of the drawing, in row `place`."""
    axes.annotate(text, (0, place), xycoords=("figure points", "data"), va="center", **style)


def short(name: str, letters: int = 18) -> str:
    """A name that fits its place; of a series, what tells it from others of its codec stands at the end and stays."""
    if len(name) <= letters:
        return name
    kept = min(len("".join(name.partition(" · ")[1:])), letters - 5)
    return name[: letters - 1 - kept].rstrip() + "…" + name[len(name) - kept :]
