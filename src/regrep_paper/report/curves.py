"""Metrics over training: a panel per problem, a line per method with the range of its seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from regrep_paper.report.runs import Run, Series
from regrep_paper.report.style import STYLE, canvas, look, place
from regrep_paper.report.table import Row, by_heading

COLUMNS = 3
"""Panels per line."""

PANEL, MARGIN, DOWN = (3.4, 2.6), 0.7, 3.4
"""Size of a panel, left of it, and from one down to the next; in inches."""

LETTER = 0.078
"""Width of a letter of the names beside a panel, in inches."""

WIDE = 15.0
"""An axis is logarithmic if the ratio of largest to smallest value is at least this."""

GAP = 0.085
"""Least distance between two names at the right of a panel, as a fraction of its height."""


@dataclass(frozen=True)
class Curve:
    """What to draw: a column of metrics.csv.

    Attributes:
        column: of metrics.csv.
        label: of the axis, with its unit.
        scale: ``linear`` or ``log``; ``auto`` is log where values span more than a factor of 15, else linear from 0.
        line: a horizontal line of reference and its name.
        read: how a run is read where its values stand in no column.
        along: what the values are counted along.
    """

    column: str
    label: str
    scale: str = "linear"
    line: tuple[float, str] | None = None
    read: Callable[[Run], Series] | None = None
    along: str = "epoch"


def curves(rows: Sequence[Row], curve: Curve) -> Figure | None:
    """The figure, or None where no record has the column."""
    panels = {
        heading: [(row, found) for row in members if (found := _series(row, curve))]
        for heading, members in by_heading(rows).items()
    }
    panels = {heading: shown for heading, shown in panels.items() if shown}
    if not panels:
        return None
    lines = math.ceil(len(panels) / COLUMNS)
    every = [value for shown in panels.values() for _, found in shown for one in found for value in one.values()]
    scale = _scale(curve, every)
    with matplotlib.rc_context(STYLE):
        longest = max(len(_name(row, found)) for shown in panels.values() for row, found in shown)
        step = MARGIN + PANEL[0] + 0.15 + LETTER * longest
        figure = canvas(step * min(COLUMNS, len(panels)), DOWN * lines)
        for k, (heading, shown) in enumerate(panels.items()):
            line, column = divmod(k, COLUMNS)
            axis = place(figure, MARGIN + column * step, 0.35 + line * DOWN, *PANEL)
            _panel(axis, shown, rows, curve, scale)
            axis.set_title(heading)
            axis.set_xlabel(curve.along)
            if column == 0:
                axis.set_ylabel(curve.label)
    return figure


def _panel(axis: Axes, shown: list[tuple[Row, list[Series]]], rows: Sequence[Row], curve: Curve, scale: str) -> None:
    ends = []
    for row, series in shown:
        style = look(row, rows)
        epochs = np.array(sorted(set().union(*series)))
        values = np.array([[one.get(epoch, math.nan) for epoch in epochs] for one in series])
        masked = np.ma.masked_invalid(values)
        axis.plot(epochs, masked.mean(axis=0), lw=1.7, marker="o" if len(epochs) == 1 else "", **style)
        if len(series) > 1:
            low, high = masked.min(axis=0), masked.max(axis=0)
            axis.fill_between(epochs, low, high, color=style["color"], alpha=0.16, lw=0)
        ends.append((float(masked.mean(axis=0)[-1]), _name(row, series), style["color"]))
    axis.set_yscale(scale)
    if scale == "log":
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axis.set_ylim(bottom=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if curve.line is not None:
        height, name = curve.line
        axis.axhline(height, color="#8a929c", lw=1, ls=(0, (2, 2)), zorder=1)
        axis.annotate(
            name, (0.995, height), (0, 3), xycoords=axis.get_yaxis_transform(), textcoords="offset points",
            fontsize=7.5, color="#5c6570", ha="right", va="bottom",
        )  # fmt: skip
        if scale == "linear":
            axis.set_ylim(top=max(axis.get_ylim()[1], 1.1 * height))
    _name_lines(axis, ends)


def _name_lines(axis: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write each name next to the end of its line, without overlap."""
    bottom, top = axis.get_ylim()
    forward = math.log if axis.get_yscale() == "log" else float
    heights = [(forward(value) - forward(bottom)) / (forward(top) - forward(bottom)) for value, _, _ in ends]
    for k, height in enumerate(spaced(heights, GAP)):
        _, name, colour = ends[k]
        axis.annotate(
            name, (1.0, heights[k]), (1.045, height), xycoords="axes fraction", textcoords="axes fraction",
            fontsize=8, color=colour, va="center", weight="bold", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.8, "shrinkA": 1, "shrinkB": 1},
        )  # fmt: skip


def spaced(heights: Sequence[float], gap: float) -> list[float]:
    """Heights shifted as little as necessary to be ``gap`` apart, within 0 and 1.

    Neighbours that are too close become a block around their mean height (pool adjacent violators).

    >>> [round(h, 2) for h in spaced([0.5, 0.5, 0.9], 0.1)]
    [0.45, 0.55, 0.9]
    """
    order = sorted(range(len(heights)), key=lambda k: heights[k])
    blocks: list[list[int]] = []

    def centre(block: list[int]) -> float:
        half = gap * (len(block) - 1) / 2
        mean = sum(heights[k] for k in block) / len(block)
        return max(half, min(1 - half, mean))

    for k in order:
        blocks.append([k])
        while len(blocks) > 1:
            below, above = blocks[-2], blocks[-1]
            if centre(above) - centre(below) >= gap * (len(above) + len(below)) / 2 - 1e-12:
                break
            blocks[-2:] = [below + above]
    result = [0.0] * len(heights)
    for block in blocks:
        start = centre(block) - gap * (len(block) - 1) / 2
        for position, k in enumerate(block):
            result[k] = start + gap * position
    return result


def _name(row: Row, series: list[Series]) -> str:
    return f"{row.label} (n = {len(series)}{'' if row.runs else ', not finished'})"


def _series(row: Row, curve: Curve) -> list[Series]:
    """One series per finished run, or per run where none is finished."""
    runs = row.runs or row.open
    found = (curve.read(run) if curve.read else run.metrics.get(curve.column) for run in runs)
    return [series for series in found if series]


def _scale(curve: Curve, values: Sequence[float]) -> str:
    if curve.scale == "linear" or min(values) <= 0:
        return "linear"
    return "log" if curve.scale == "log" or max(values) / min(values) > WIDE else "linear"
