"""Results against the time that training took, where runs differ in how much of a batch gets a second view."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regrep_paper.report.style import STYLE, canvas, look, place
from regrep_paper.report.table import Row, by_heading
from regrep_paper.tables.columns import Measure

PANEL = (4.4, 3.0)
"""Width and height of a panel, in inches."""

MARKERS = "osD^vP"
"""Of rows with one method, in order."""


def durations(rows: Sequence[Row]) -> Figure | None:
    """A panel per heading and first result; None where no two rows differ in the setting ``fraction``."""
    panels = {}
    for heading, members in by_heading(rows).items():
        shown = [row for row in members if minutes(row) and row.mean(row.experiment.results[0]) is not None]
        if len({row.key.get("fraction") for row in shown}) > 1:
            panels[heading] = shown
    if not panels:
        return None
    with matplotlib.rc_context(STYLE):
        figure = canvas(0.8 + PANEL[0] + 2.2, (PANEL[1] + 0.95) * len(panels))
        for k, (heading, shown) in enumerate(panels.items()):
            axis = place(figure, 0.7, 0.35 + k * (PANEL[1] + 0.95), *PANEL)
            _panel(axis, shown)
            axis.set_title(heading)
    return figure


def minutes(row: Row) -> list[float]:
    """Minutes that each finished run of a row trained.

    >>> minutes(Row({}))
    []
    """
    found = ((run.done or {}).get("seconds") for run in row.runs)
    return [value / 60 for value in found if isinstance(value, (int, float)) and math.isfinite(value) and value > 0]


def _panel(axis: Axes, shown: Sequence[Row]) -> None:
    measure: Measure = shown[0].experiment.results[0]
    seen: dict[str, int] = {}
    for row in shown:
        times, mean = minutes(row), row.mean(measure)
        assert mean is not None, "rows without a result are left out"
        k = seen[row.method] = seen.get(row.method, -1) + 1
        axis.errorbar(
            statistics.median(times), mean, yerr=row.spread(measure),
            marker=MARKERS[k % len(MARKERS)], ms=6, lw=0, elinewidth=1, color=look(row, shown)["color"],
            label=f"{row.label} (n = {len(row.runs)})",
        )  # fmt: skip
    axis.set_xlim(left=0)
    axis.set_xlabel("training time of a run (minutes, median over seeds)")
    axis.set_ylabel(measure.heading)
    axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8)
