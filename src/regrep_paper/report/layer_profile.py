"""Where in a network equivariance is lost: its layers as a figure and as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from regrep.errors import RegrepError
from regrep_paper.report.style import STYLE, canvas, drawing, place
from regrep_paper.report.text import DASH, markdown

Layer = Mapping[str, Any]
"""A layer as :meth:`regrep.diagnostics.LayerProfile.as_dict` records it."""

SERIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("mean", "linear R²", {"color": "#009e73", "marker": "o", "linewidth": 1.8}),
    ("random_elements", "random element", {"color": "#e69f00", "marker": "s", "linewidth": 1.0, "linestyle": "--"}),
    ("mean_invariance", "invariance R²", {"color": "#0072b2", "marker": "^", "linewidth": 1.0}),
    ("mean_null", "shuffled", {"color": "#8a929c", "marker": ".", "linewidth": 1.0, "linestyle": ":"}),
)
"""What is drawn of a layer: its name in the record, in the figure, and its looks."""

LOWEST = -1.15
"""Of the axis, where no value lies below it; 1 is equivariant or invariant, -1 the invariance of unrelated latents."""

LEFT, TOP, STEP, HIGH, BELOW = 0.75, 0.6, 0.42, 3.0, 1.5
"""Left of the axes and above them, the width of a layer, their height, and the space for names; in inches."""

COLUMNS = ("layer", "output", "invariance", "linear R²", "change", "shuffled", "random element", "windows")


def layer_figure(layers: Sequence[Layer], heading: str) -> Figure:
    """R² of the layers in the order in which they ran; a band and a note mark windows that do not lie symmetrically.

    Raises:
        RegrepError: no layers.
    """
    if not layers:
        raise RegrepError("a figure of layers has at least one layer, got none; measure a network with layers")
    with matplotlib.rc_context(STYLE):
        wide = max(len(layers), 8) * STEP
        figure = canvas(LEFT + wide + 0.2, TOP + HIGH + BELOW)
        axis = place(figure, LEFT, TOP, wide, HIGH)
        places, lowest = range(len(layers)), _lowest(layers)
        for k, layer in zip(places, layers, strict=True):
            if layer["note"]:
                axis.axvspan(k - 0.5, k + 0.5, color="#fbe3d6", lw=0)
                axis.text(k, lowest + 0.05, layer["note"], rotation=90, ha="center", va="bottom", fontsize=6)
        for name, label, look in SERIES:
            axis.plot(places, [_number(layer[name]) for layer in layers], label=label, markersize=3.5, **look)
        names = [f"{layer['layer'] or 'model'} ({layer['kind']})" for layer in layers]
        axis.set_xticks(places, names, rotation=90, fontsize=7.5, parse_math=False)
        axis.set(xlim=(-0.5, max(len(layers), 8) - 0.5), ylim=(lowest, 1.1), ylabel="R²")
        axis.grid(visible=False, axis="x")
        axis.legend(frameon=False, fontsize=8, ncols=len(SERIES), loc="lower left", bbox_to_anchor=(0, 1.0))
        figure.text(0.01, 0.985, heading, fontsize=10, weight="bold", va="top", parse_math=False)
    return figure


def write_figure(path: Path, record: Mapping[str, Any], heading: str) -> None:
    """The figure of a profile of layers, as its record, as an SVG file; the same layers give the same bytes.

    Raises:
        RegrepError: no layers.
    """
    figure = layer_figure(record["layers"], heading)
    path.write_text(drawing("layers", heading, "", figure).svg, encoding="utf-8")


def layer_table(layers: Sequence[Layer]) -> str:
    """The layers as a Markdown table."""
    return markdown(COLUMNS, [_line(layer) for layer in layers])


def layer_tables(record: Mapping[str, Any]) -> str:
    """A table for each of several networks, under how they were measured.

    Args:
        record: ``command``, ``samples``, ``seed``, and ``networks``: each with ``name``, ``inputs`` and ``layers``.
    """
    parts = [f"`{record['command']}`, {record['samples']} images for each network, seed {record['seed']}.\n"]
    parts += [f"**{one['name']}**, {one['inputs']}\n\n{layer_table(one['layers'])}" for one in record["networks"]]
    return "\n".join(parts)


def _line(layer: Layer) -> list[str]:
    shape = " x ".join(map(str, layer["shape"]))
    numbers = [_text(layer[name]) for name in ("mean_invariance", "mean")]
    more = [_text(layer[name]) for name in ("mean_null", "random_elements")]
    change = _text(layer["change"], "+.2f")
    return [f"{layer['layer'] or 'model'} ({layer['kind']})", shape, *numbers, change, *more, layer["note"]]


def _text(value: float | None, form: str = ".2f") -> str:
    return DASH if value is None else format(round(value, 2) + 0.0, form)  # no -0.00


def _lowest(layers: Sequence[Layer]) -> float:
    """Lower end of the axis."""
    values = [layer[name] for layer in layers for name, _, _ in SERIES if layer[name] is not None]
    return min([LOWEST, *(value - 0.1 for value in values)])


def _number(value: float | None) -> float:
    return math.nan if value is None else value
