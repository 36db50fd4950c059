"""Methods in the order of their results: each run, the mean, and the paired difference to the baseline."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regrep_paper.report.comparison import baseline, difference, is_control
from regrep_paper.report.results import interval_text
from regrep_paper.report.style import STYLE, canvas, colour_of, place, tell
from regrep_paper.report.table import Row, by_heading
from regrep_paper.tables.columns import Measure

LETTER, LINE, TOP, BELOW = 0.078, 0.27, 0.5, 0.75
"""Width of a letter and height of a line, above the lines of a panel and below them; in inches."""

WIDE, GAP = 3.3, 0.35
"""Width of an axis and the gap between two, in inches."""

SOFT = "#6b7480"
"""Colour of single runs."""


def ranking(rows: Sequence[Row]) -> Figure | None:
    """A panel per problem and result; None where there is none with two methods.

    Left: each seed as a small dot, the mean as a large one, hollow for a control. Right: the difference to the
    baseline with its 95 % interval, where there is a baseline.
    """
    panels = [
        (heading, measure, shown)
        for heading, members in by_heading(rows).items()
        for measure in members[0].experiment.results
        if measure.sign and len(shown := ranked(members, measure)) > 1
    ]
    if not panels:
        return None
    left = 0.3 + LETTER * max(len(row.label) for _, _, shown in panels for row in shown)
    heights = [TOP + LINE * len(shown) + BELOW for _, _, shown in panels]
    with matplotlib.rc_context(STYLE):
        figure = canvas(left + 2 * WIDE + GAP + 0.2, sum(heights))
        top = 0.0
        for (heading, measure, shown), height in zip(panels, heights, strict=True):
            size = (WIDE, LINE * len(shown))
            values = place(figure, left, top + TOP, *size)
            _values(values, shown, measure)
            values.set_title(heading)
            if (base := baseline(shown)) is not None:
                _differences(place(figure, left + WIDE + GAP, top + TOP, *size), shown, base, measure)
            top += height
    return figure


def ranked(rows: Sequence[Row], measure: Measure) -> list[Row]:
    """The rows that have a value, the best mean first."""
    found = [(mean * measure.sign, -k) for k, row in enumerate(rows) if (mean := row.mean(measure)) is not None]
    return [rows[-k] for _, k in sorted(found, reverse=True)]


def _values(axis: Axes, shown: Sequence[Row], measure: Measure) -> None:
    for k, row in enumerate(shown):
        seeds = row.by_seed(measure)
        mean, colour = row.mean(measure), colour_of(row)
        assert mean is not None, "rows without a value are left out"
        if len(seeds) > 1:
            (dots,) = axis.plot(list(seeds.values()), [k] * len(seeds), "o", ms=3.2, color=SOFT, alpha=0.75)
            tell(dots, *(f"{row.label}, seed {seed}: {value:.{measure.digits}f}" for seed, value in seeds.items()))
        face = "white" if is_control(row) else colour
        (dot,) = axis.plot([mean], [k], "o", ms=7, color=colour, markerfacecolor=face)
        tell(dot, f"{row.label}: {mean:.{measure.digits}f}, mean of {len(seeds)}")
    _lines(axis, len(shown))
    axis.set_yticks(range(len(shown)), [row.label for row in shown], parse_math=False)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(measure.heading)


def _differences(axis: Axes, shown: Sequence[Row], base: Row, measure: Measure) -> None:
    axis.axvline(0, color="#8a929c", lw=1, zorder=1)
    for k, row in enumerate(shown):
        found = None if row is base else difference(row, base, measure)
        if found is None:
            continue
        colour = colour_of(row)
        ends = (found.mean, found.mean) if found.low is None or found.high is None else (found.low, found.high)
        (line,) = axis.plot(ends, [k, k], lw=2.2, color=colour, solid_capstyle="butt")
        (dot,) = axis.plot([found.mean], [k], "o", ms=5.5, color=colour)
        dot.set_markerfacecolor("white" if is_control(row) else colour)
        for artist in (line, dot):
            tell(artist, f"{row.label}: {interval_text(found, measure.digits)}")
    _lines(axis, len(shown))
    axis.set_yticks(range(len(shown)), [""] * len(shown))
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(f"difference to {base.label}, 95 % interval")


def _lines(axis: Axes, count: int) -> None:
    axis.set_ylim(count - 0.5, -0.5)
    axis.margins(x=0.08)
