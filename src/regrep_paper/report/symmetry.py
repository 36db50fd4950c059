"""How far one frame of the simulator, and each method's forecast, is from commuting with the group."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from regrep_paper.report.elements import Bars, bars, bars_of, read_errors
from regrep_paper.report.forecasts import SIZE, draw_field, read_rollout
from regrep_paper.report.style import STYLE, canvas, place, write_heading
from regrep_paper.report.table import Row, by_heading

DATA = "#b9c0c9"
"""Colour of the simulator's bars."""

LEFT, TOP, WIDE, HIGH, GAP = 0.75, 0.75, 4.6, 2.2, 0.2
"""Left of the bars and above them, their size, and the gap between the frames beside them; in inches."""


def symmetry(rows: Sequence[Row]) -> Figure | None:
    """Errors per element in parts of the true change during one frame, a line per problem; None without records.

    Lines over the bars: of the data the range over the simulations, of the forecasts that over the runs.
    """
    lines = {heading: found for heading, members in by_heading(rows).items() if (found := _errors(members))}
    if not lines:
        return None
    with matplotlib.rc_context(STYLE):
        step = TOP + HIGH + 0.65
        figure = canvas(LEFT + WIDE + 3 * (SIZE + GAP) + 0.4, len(lines) * step)
        for n, (heading, (names, shown)) in enumerate(lines.items()):
            write_heading(figure, 0.05, n * step + 0.05, heading)
            top = max(float(np.nanmax(one.high)) for one in shown)
            axis = place(figure, LEFT, n * step + TOP, WIDE, HIGH)
            bars(axis, names, shown, top, "error / true change in one frame")
            for k, (title, field) in enumerate(example(by_heading(rows)[heading]).items()):
                left = LEFT + WIDE + 0.4 + k * (SIZE + GAP)
                axis = place(figure, left, n * step + TOP + (HIGH - SIZE) / 2, SIZE, SIZE)
                draw_field(axis, field, float(np.hypot(*field).max()))
                axis.set_title(title, fontsize=8, weight="normal", loc="center", pad=3)
    return figure


def _errors(rows: Sequence[Row]) -> tuple[list[str], list[Bars]] | None:
    """Names of the elements; the data's bars, from the first run that has them, and those of the rows."""
    found = [(row, errors) for row in rows if (errors := read_errors(row, "forecast_equivariance", "mean"))]
    if not found:
        return None
    names = found[0][1][0]
    forecasts = [bars_of(row, errors) for row, (own, errors) in found if own == names]
    several = (
        [read_errors(row, "data_equivariance", part) for part in ("mean", "smallest", "largest")] for row, _ in found
    )
    data = next((three for three in several if all(one is not None and one[0] == names for one in three)), None)
    if data is None:
        return names, forecasts
    return names, [Bars("data (simulator)", DATA, *(one[1][0] for one in data if one is not None)), *forecasts]


def example(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """A true frame [2, H, W], the same after a quarter turn, and wrongly turned; nothing where no run has a frame."""
    several = (read_rollout(run.arrays("rollout"), "future") for row in rows for run in row.runs)
    fields = next((one for one in several if one is not None), None)
    if fields is None:
        return {}
    frame = fields["true"][0]
    x, y = np.rot90(frame, -1, axes=(-2, -1))  # counter-clockwise, since rows count upwards
    return {"a frame": frame, "turned by r": np.stack([-y, x]), "its vectors not turned": np.stack([x, y])}
