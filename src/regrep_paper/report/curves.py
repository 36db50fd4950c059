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
from regrep_paper.report.style import STYLE, canvas, look, place, tell, write_heading
from regrep_paper.report.table import Row, by_heading

COLUMNS = 3
"""Panels per line."""

PANEL, MARGIN, DOWN = (3.4, 2.6), 0.7, 3.4
"""Size of a panel, left of it, and from one down to the next; in inches."""

MOST = 6
"""Of methods that share a panel; more of them get a small one each."""

SMALL, SMALL_STEP, SMALL_DOWN, SMALL_COLUMNS = (2.1, 1.35), 2.55, 2.0, 4
"""Size of a small panel, from one to the next (right and down) in inches, and how many stand in a line."""

BEHIND, BEHIND_POINTS = "#c3c9d1", 12
"""Colour of the other methods' lines in a small panel, and of how many points they consist at most."""

TOLD_POINTS = 20
"""At most about this many points of a line tell their value."""

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
    few = {heading: shown for heading, shown in panels.items() if len(shown) <= MOST}
    many = {heading: shown for heading, shown in panels.items() if len(shown) > MOST}
    every = [value for shown in panels.values() for _, found in shown for one in found for value in one.values()]
    scale = _scale(curve, every)
    lines = math.ceil(len(few) / COLUMNS)
    heights = [0.75 + SMALL_DOWN * math.ceil(len(shown) / SMALL_COLUMNS) for shown in many.values()]
    with matplotlib.rc_context(STYLE):
        longest = max((len(_name(row, found)) for shown in few.values() for row, found in shown), default=0)
        step = MARGIN + PANEL[0] + 0.15 + LETTER * longest
        width = max(step * min(COLUMNS, len(few)), (MARGIN + SMALL_COLUMNS * SMALL_STEP) if many else 0)
        figure = canvas(width, DOWN * lines + sum(heights))
        for k, (heading, shown) in enumerate(few.items()):
            line, column = divmod(k, COLUMNS)
            axis = place(figure, MARGIN + column * step, 0.35 + line * DOWN, *PANEL)
            _panel(axis, shown, rows, curve, scale)
            axis.set_title(heading)
            axis.set_xlabel(curve.along)
            if column == 0:
                axis.set_ylabel(curve.label)
        top = DOWN * lines
        for (heading, shown), height in zip(many.items(), heights, strict=True):
            write_heading(figure, 0.05, top + 0.05, heading)
            _small_panels(figure, top + 0.62, shown, rows, curve, scale)
            top += height
    return figure


def _small_panels(
    figure: Figure, top: float, shown: list[tuple[Row, list[Series]]], rows: Sequence[Row], curve: Curve, scale: str
) -> None:
    """A panel per method, with the others in grey behind it and the same axes."""
    axes, behind = [], []
    for _, series in shown:
        epochs, values = _means(series)
        thin = slice(None, None, -(-len(epochs) // BEHIND_POINTS))
        behind.append((epochs[thin], values.mean(axis=0)[thin]))
    for k, (row, series) in enumerate(shown):
        line, column = divmod(k, SMALL_COLUMNS)
        axis = place(figure, MARGIN + column * SMALL_STEP, top + line * SMALL_DOWN, *SMALL)
        for epochs, means in behind:
            axis.plot(epochs, means, lw=0.8, color=BEHIND, zorder=1)
        _line(axis, row, series, rows)
        _frame(axis, curve, scale)
        axes.append(axis)
        axis.set_title(_name(row, series), fontsize=8, color=look(row, rows)["color"])
        axis.tick_params(labelsize=7)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if line == math.ceil(len(shown) / SMALL_COLUMNS) - 1 or k + SMALL_COLUMNS >= len(shown):
            axis.set_xlabel(curve.along, fontsize=8)
        if column == 0:
            axis.set_ylabel(curve.label, fontsize=8)
    for direction in ("x", "y"):
        lows, highs = zip(*(getattr(axis, f"get_{direction}lim")() for axis in axes), strict=True)
        for axis in axes:
            axis.set(**{f"{direction}lim": (min(lows), max(highs))})


def _means(series: list[Series]) -> tuple[np.ndarray, np.ma.MaskedArray]:
    """Epochs, and the values of each run there, [n, epochs]; masked where a run has none."""
    epochs = np.array(sorted(set().union(*series)))
    values = np.array([[one.get(epoch, math.nan) for epoch in epochs] for one in series])
    return epochs, np.ma.masked_invalid(values)


def _line(axis: Axes, row: Row, series: list[Series], rows: Sequence[Row]) -> float:
    """Draw the mean of a row's runs and their range; returns the last mean."""
    style = look(row, rows)
    epochs, values = _means(series)
    means = values.mean(axis=0)
    axis.plot(epochs, means, lw=1.7, marker="o" if len(epochs) == 1 else "", **style)
    if len(series) > 1:
        axis.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=style["color"], alpha=0.16, lw=0)
    points = [(epoch, float(mean)) for epoch, mean in zip(epochs, means.filled(math.nan), strict=True)]
    points = [(epoch, mean) for epoch, mean in points[:: -(-len(points) // TOLD_POINTS)] if math.isfinite(mean)]
    if len(points) > 1:
        (dots,) = axis.plot(*zip(*points, strict=True), "o", ms=6, color=style["color"], alpha=0)
        tell(dots, *(f"{row.label}, {epoch:g}: {mean:.4g}" for epoch, mean in points))
    return float(means[-1])


def _panel(axis: Axes, shown: list[tuple[Row, list[Series]]], rows: Sequence[Row], curve: Curve, scale: str) -> None:
    ends = [(_line(axis, row, series, rows), _name(row, series), look(row, rows)["color"]) for row, series in shown]
    _frame(axis, curve, scale)
    _name_lines(axis, ends)


def _frame(axis: Axes, curve: Curve, scale: str) -> None:
    """Scales, ticks and the line of reference."""
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
