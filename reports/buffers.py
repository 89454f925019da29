"""The section on playout buffers: what waiting longer saves."""

from collections.abc import Mapping
from typing import Any

from reports import curves
from reports.conditions import Curve, playout_curves
from reports.drawing import Look
from reports.summary import Run

PANELS = 8  # channels that are drawn; all are in the table of the network
VISIBLE = 0.0005  # share of frames by which missing ones have to exceed late packets to be drawn too


def section(run: Run, look: Mapping[str, Look]) -> dict[str, Any] | None:
    """Late packets, and missing frames where they are more, over the depth of the buffer; None without several."""
    from markupsafe import Markup

    found = [curve for curve in playout_curves(run.conditions) if _happens(run, curve)]
    if not found:
        return None
    made = []
    for curve in found[:PANELS]:
        made.append((curve.title, curves.share(run, "late_rate", "Packets too late", curve, look)))
        if _more_is_missing(run, curve):
            made.append((curve.title, curves.share(run, "residual_loss", "Frames missing, lost or late", curve, look)))
    plots = [(caption, Markup(svg)) for caption, svg in made if svg]  # drawing escapes what it writes
    return {"plots": plots, "left_out": max(0, len(found) - PANELS), "adaptive": any(c.singles for c in found)}


def _happens(run: Run, curve: Curve) -> bool:
    """Whether anything is late or missing there."""
    return any(
        _value(run, codec, c.name, name)
        for codec in run.codecs
        for c in curve.conditions
        for name in ("late_rate", "residual_loss")
    )


def _more_is_missing(run: Run, curve: Curve) -> bool:
    pairs = ((codec, c.name) for codec in run.codecs for c in curve.conditions)
    return any(_value(run, *pair, "residual_loss") - _value(run, *pair, "late_rate") > VISIBLE for pair in pairs)


def _value(run: Run, codec: str, condition: str, name: str) -> float:
    return run.cell(codec, condition, name).estimate.value or 0.0
