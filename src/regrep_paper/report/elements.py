"""Equivariance error of each group element: a heat map for products, bars for other groups."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regrep_paper.report.style import STYLE, canvas, colour_of, place, tell, write_heading
from regrep_paper.report.table import Row, by_heading

COLUMNS = 4
"""Maps side by side."""

SIZE, STEP, LEFT = 2.15, (2.75, 3.55), 0.75
"""Side of a map, from one to the next (right and down), and left of the first; in inches."""

NUMBERED = 8
"""Numbers stand in maps with at most so many columns."""

LABEL = "whitened error (1 = unrelated)"

Errors = tuple[list[str], np.ndarray]
"""Names of the elements, and the errors of each run, [n, order]."""


class Bars(NamedTuple):
    """One bar per element."""

    label: str
    colour: str
    mean: np.ndarray  # [order]
    low: np.ndarray  # of the range that is drawn
    high: np.ndarray


def elements(rows: Sequence[Row]) -> Figure | None:
    """Whitened error of each element, a line of panels per problem; None without records."""
    parts = by_elements(rows)
    if not parts:
        return None
    highest = max(float(np.nanmax(errors)) for shown in parts.values() for _, (_, errors) in shown)
    widest = min(COLUMNS, max(3, *(len(shown) for shown in parts.values())))
    lines = {heading: 1 if _grid(shown) is None else -(-len(shown) // COLUMNS) for heading, shown in parts.items()}
    with matplotlib.rc_context(STYLE):
        figure = canvas(LEFT + widest * STEP[0] + 0.7, sum(lines.values()) * STEP[1])
        top = 0.0
        for heading, shown in parts.items():
            write_heading(figure, 0.05, top + 0.05, heading)
            factors = _grid(shown)
            if factors is None:
                names = shown[0][1][0]
                same = [bars_of(row, errors) for row, (own, errors) in shown if own == names]
                bars(
                    place(figure, LEFT, top + 0.75, widest * STEP[0] - 0.5, SIZE),
                    names,
                    same,
                    highest,
                    LABEL,
                )
            else:
                spots = [divmod(k, COLUMNS) for k in range(len(shown))]
                axes = [place(figure, LEFT + k * STEP[0], top + 0.75 + n * STEP[1], SIZE, SIZE) for n, k in spots]
                right = LEFT + min(COLUMNS, len(shown)) * STEP[0] - 0.35
                _maps(figure, axes, place(figure, right, top + 0.95, 0.13, SIZE - 0.4), shown, factors, highest)
            top += lines[heading] * STEP[1]
    return figure


def by_elements(rows: Sequence[Row]) -> dict[str, list[tuple[Row, Errors]]]:
    """Rows with errors by heading; further headings hold networks that another group than the first row's acts on."""
    parts: dict[str, list[tuple[Row, Errors]]] = {}
    for heading, members in by_heading(rows).items():
        shown = [(row, found) for row in members if (found := _errors(row)) is not None]
        groups = list(dict.fromkeys(tuple(names) for _, (names, _) in shown))
        for k, group in enumerate(groups):
            name = heading if k == 0 else f"{heading}, {len(group)} elements of a symmetry of the network's own"
            parts.setdefault(name, []).extend(one for one in shown if tuple(one[1][0]) == group)
    return parts


def split(names: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """Names of the factors where the elements are all pairs ``(g, h)``, row by row; else None.

    >>> split(["(e, e)", "(e, s)", "(r, e)", "(r, s)"])
    (['e', 'r'], ['e', 's'])
    >>> split(["e", "r"]) is None
    True
    """
    pairs = [match.groups() for name in names if (match := re.fullmatch(r"\(([^,()]+), ([^,()]+)\)", name))]
    left, right = (list(dict.fromkeys(pair[side] for pair in pairs)) for side in (0, 1))
    return (
        (left, right) if pairs and pairs == [(g, h) for g in left for h in right] and len(pairs) == len(names) else None
    )


def _grid(shown: Sequence[tuple[Row, Errors]]) -> tuple[list[str], list[str]] | None:
    """Names of the factors if all rows have the elements of one product."""
    names = shown[0][1][0]
    return split(names) if all(own == names for _, (own, _) in shown) else None


def _maps(
    figure: Figure,
    axes: Sequence[Axes],
    bar: Axes,
    shown: Sequence[tuple[Row, Errors]],
    factors: tuple[list[str], list[str]],
    top: float,
) -> None:
    left, right = factors
    vertical, horizontal = shown[0][0].experiment.factors
    image = None
    for axis, (row, (_, errors)) in zip(axes, shown, strict=True):
        mean = _mean(errors)
        grid = mean.reshape(len(left), len(right))
        image = axis.imshow(grid, vmin=0, vmax=top, cmap="viridis", aspect="auto", interpolation="nearest")
        for (y, x), value in np.ndenumerate(grid):
            if math.isfinite(value) and grid.shape[1] <= NUMBERED:
                colour = "white" if value < 0.6 * top else "#1c2430"
                axis.text(x, y, f"{value:.2f}", color=colour, fontsize=6.5, ha="center", va="center")
        axis.grid(visible=False)
        axis.tick_params(length=0)
        axis.set_xticks(range(len(right)), right, fontsize=7.5, rotation=90 if len(right) > 4 else 0)
        axis.set_yticks(range(len(left)), left, fontsize=7.5)
        axis.set_xlabel(horizontal)
        others = mean[1:] if len(mean) > 1 else mean
        average = f"{row.label}\n{np.nanmean(others):.2f} on average"
        axis.set_title(average, color=colour_of(row), fontsize=8.5)
        axis.spines[:].set_visible(False)
    for axis in axes[::COLUMNS]:
        axis.set_ylabel(vertical)
    if image is not None:
        figure.colorbar(image, cax=bar, label=LABEL).outline.set_visible(False)


def bars(axis: Axes, names: Sequence[str], shown: Sequence[Bars], top: float, label: str) -> None:
    """A group of bars per element, one of each label beside the other, with lines over the range where there is one."""
    width = 0.8 / len(shown)
    for k, one in enumerate(shown):
        places = np.arange(len(names)) + (k - (len(shown) - 1) / 2) * width
        drawn = axis.bar(places, np.nan_to_num(one.mean), width, color=one.colour, label=one.label)
        for bar, name, value in zip(drawn, names, one.mean, strict=True):
            tell(bar, f"{one.label}, {name}: {value:.3f}")
        for position, low, high in zip(places, one.low, one.high, strict=True):
            if low < high:
                axis.plot([position, position], [low, high], color="#222222", lw=0.9)
    axis.grid(visible=False, axis="x")
    axis.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 4 else 0, fontsize=7.5)
    axis.set(xlabel="group element", ylabel=label, xlim=(-0.7, len(names) - 0.3), ylim=(0, 1.08 * top))
    axis.legend(frameon=False, fontsize=8, ncols=len(shown), loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0)


def bars_of(row: Row, errors: np.ndarray) -> Bars:
    """Mean and range over the runs of a row, errors [n, order]."""
    return Bars(row.label, colour_of(row), _mean(errors), errors.min(axis=0), errors.max(axis=0))


def _mean(errors: np.ndarray) -> np.ndarray:
    """Mean over runs of what is a number; nan where none is."""
    return np.ma.masked_invalid(errors).mean(axis=0).filled(math.nan)


def _errors(row: Row) -> Errors | None:
    """The whitened errors; older records have none that a constant in the latent does not lower."""
    return read_errors(row, "equivariance", "whitened_error")


def read_errors(row: Row, entry: str, name: str) -> Errors | None:
    """The errors ``name`` per element under an entry of done.json, of all runs that have the first one's elements."""
    found = [run.done[entry] for run in row.runs if run.done and run.done.get(entry)]
    found = [one for one in found if one.get("elements") == found[0].get("elements") and one.get(name)]
    if not found:
        return None
    values = np.array([[math.nan if v is None else float(v) for v in one[name]] for one in found])
    return None if np.isnan(values).all() else (list(found[0]["elements"]), values)
