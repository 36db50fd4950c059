"""Example pairs x and gx as the network sees them."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure
from numpy.typing import NDArray

from regrep_paper.report.runs import Run
from regrep_paper.report.style import STYLE, canvas, place, write_heading
from regrep_paper.report.table import Row, by_heading

SIZE, GAP, STEP, LEFT = 1.15, 0.1, 3.3, 0.45
"""Side of a picture, between two, from one problem to the next, and left of the first; in inches."""

MOST = 8
"""Pairs shown of each problem."""


def examples(rows: Sequence[Row]) -> Figure | None:
    """A line of pictures x over a line of pictures gx for each problem; None without records."""
    found = {heading: data for heading, members in by_heading(rows).items() if (data := _first(members))}
    if not found:
        return None
    width = min(MOST, max(len(data["x"]) for data in found.values()))
    with matplotlib.rc_context(STYLE):
        figure = canvas(LEFT + width * (SIZE + GAP), len(found) * STEP)
        for part, (heading, data) in enumerate(found.items()):
            write_heading(figure, 0.05, part * STEP + 0.05, heading)
            for line, name in enumerate(("x", "gx")):
                for k in range(min(width, len(data["x"]))):
                    top = part * STEP + 0.5 + line * (SIZE + GAP)
                    axis = place(figure, LEFT + k * (SIZE + GAP), top, SIZE, SIZE)
                    axis.imshow(data[name][k], cmap="gray", vmin=0, vmax=255)
                    axis.set(xticks=[], yticks=[], frame_on=False)
                    if name == "x":
                        axis.set_title(f"label {data['label'][k]}", fontsize=8, weight="normal", loc="center", pad=3)
                    else:
                        axis.set_xlabel(f"g = {data['element'][k]}", fontsize=8)
                    if k == 0:
                        axis.set_ylabel(name, rotation=0, ha="right", va="center", style="italic", fontsize=11)
    return figure


def _first(rows: Sequence[Row]) -> dict[str, NDArray] | None:
    """The images of the first run that has some that can be shown flat."""
    for row in rows:
        for run in (*row.runs, *row.open):
            data = _load(run)
            if data is not None:
                return data
    return None


def _load(run: Run) -> dict[str, NDArray] | None:
    """The example pairs of a run; None if it has none or they are not flat images."""
    found = run.arrays("examples")
    names = ("x", "gx", "element", "label")
    data: dict[str, NDArray] = {name: found[name] for name in names if name in found and found[name].ndim}
    flat = len(data) == 4 and data["x"].ndim == data["gx"].ndim == 3
    return data if flat and len({len(entry) for entry in data.values()}) == 1 else None
