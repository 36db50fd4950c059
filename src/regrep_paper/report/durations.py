"""Results against the time that training took, where runs differ in how much of a batch gets a second view.

The time is that of the processor if all runs trained on one and recorded it: other work on the machine hardly changes
that. Otherwise it is the time that passed.
"""

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
        shown = [row for row in members if spent(row) and row.mean(row.experiment.results[0]) is not None]
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


def spent(row: Row, clock: str = "seconds") -> list[float]:
    """Minutes that each finished run of a row trained.

    Args:
        row: the row.
        clock: ``"seconds"`` for the time that passed, ``"cpu_seconds"`` for that of the processor.

    >>> spent(Row({}))
    []
    """
    found = ((run.done or {}).get(clock) for run in row.runs)
    return [value / 60 for value in found if isinstance(value, (int, float)) and math.isfinite(value) and value > 0]


def clock_of(rows: Sequence[Row]) -> str:
    """The clock that all runs of some rows have: the processor's, if they trained on nothing else."""
    runs = [run for row in rows for run in row.runs]
    on_cpu = all(run.record.get("device") == "cpu" for run in runs)
    return (
        "cpu_seconds" if on_cpu and all(len(spent(row, "cpu_seconds")) == len(row.runs) for row in rows) else "seconds"
    )


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (time, result) that no other point equals or exceeds in less or the same time, by time.

    >>> front([(3, 0.8), (1, 0.7), (2, 0.6), (4, 0.8)])
    [(1, 0.7), (3, 0.8)]
    """
    best: list[tuple[float, float]] = []
    for time, result in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or result > best[-1][1]:
            best.append((time, result))
    return best


def _panel(axis: Axes, shown: Sequence[Row]) -> None:
    measure: Measure = shown[0].experiment.results[0]
    seen: dict[str, int] = {}
    clock, points = clock_of(shown), []
    for row in shown:
        times, mean = spent(row, clock), row.mean(measure)
        assert mean is not None, "rows without a result are left out"
        points.append((statistics.median(times), mean))
        k = seen[row.method] = seen.get(row.method, -1) + 1
        axis.errorbar(
            statistics.median(times), mean, yerr=row.spread(measure),
            marker=MARKERS[k % len(MARKERS)], ms=6, lw=0, elinewidth=1, color=look(row, shown)["color"],
            label=f"{row.label} (n = {len(row.runs)})",
        )  # fmt: skip
    if measure.sign > 0:
        axis.plot(*zip(*front(points), strict=True), drawstyle="steps-post", color="0.6", lw=1, ls="--", zorder=0)
    axis.set_xlim(left=0)
    what = "processor time" if clock == "cpu_seconds" else "time"
    axis.set_xlabel(f"training {what} of a run (minutes, median over seeds)")
    axis.set_ylabel(measure.heading)
    axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8)
