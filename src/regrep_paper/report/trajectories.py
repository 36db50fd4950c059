"""Eigenvalues of learned generators over training, in the complex plane: a figure and a moving picture (Figure 4)."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from regrep_paper.report.learned_part import members, root_name
from regrep_paper.report.runs import Run
from regrep_paper.report.style import STYLE, canvas, place, write_heading
from regrep_paper.report.table import Row

FRAMES = 36
"""Epochs drawn, denser at the start, where eigenvalues change most."""

LARGE, SMALL, GAP, HEAD = 3.6, 1.7, 0.2, 0.42
"""Side of the panel of the first run and of the others, between panels, and above a line of them; in inches."""

REACH = 1.6
"""Panels show the square from -REACH to REACH; a start further out is outside."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#6b6b6b")
"""Of the roots of unity, in order: the colour of an eigenvalue is that of the root it ends nearest to."""

SECONDS = 8
"""The moving picture takes so long, and rests at its end for a fifth of it."""


@dataclass(frozen=True)
class Trajectories:
    """Eigenvalues of one generator in one run.

    Attributes:
        generator: its name.
        order: of the generator: its eigenvalues should be roots of unity of this order.
        epoch: int64 [E], 0 is the start.
        values: complex64 [E, d], in an order in which each column moves little from epoch to epoch.
    """

    generator: str
    order: int
    epoch: NDArray
    values: NDArray

    @property
    def roots(self) -> NDArray:
        """The roots of unity, [order]."""
        return np.exp(2j * np.pi * np.arange(self.order) / self.order)

    @property
    def nearest(self) -> NDArray:
        """Index of the root that each eigenvalue ends nearest to, [d]."""
        return np.abs(self.values[-1][:, None] - self.roots).argmin(axis=1)


def read_trajectories(arrays: Mapping[str, NDArray], last: int | None = None) -> list[Trajectories]:
    """The eigenvalues of a run to epoch ``last``, by generator; empty where they are missing or not finite."""
    try:
        epoch, values, orders = arrays["epoch"], arrays["eigenvalues"], arrays["orders"]
        names = [str(name) for name in arrays["generators"]]
    except (KeyError, TypeError):
        return []
    if not epoch.ndim == orders.ndim == 1:
        return []
    shape = (len(epoch), len(names))
    if values.ndim != 3 or values.shape[:2] != shape or orders.shape != shape[1:] or not values.size:
        return []
    if not np.isfinite(values).all() or (orders < 1).any():
        return []
    count = len(epoch) if last is None else max(1, int((epoch <= last).sum()))
    return [
        Trajectories(name, int(orders[k]), epoch[chosen], followed(values[:count, k])[chosen])
        for chosen in [_frames(count)]
        for k, name in enumerate(names)
    ]


def followed(values: NDArray) -> NDArray:
    """Eigenvalues [E, d] with each epoch reordered so that every column continues.

    Of consecutive epochs, those values are taken for the same whose squared distances have the smallest sum.

    >>> followed(np.array([[1, -1], [-0.9, 0.9], [1, -1]]))
    array([[ 1. , -1. ],
           [ 0.9, -0.9],
           [ 1. , -1. ]])
    """
    result = np.array(values)
    for before, row in itertools.pairwise(result):
        distance = np.abs(before[:, None] - row).astype(np.float64)
        row[:] = row[linear_sum_assignment(distance**2)[1]]
    return result


def trajectories(rows: Sequence[Row]) -> Figure | None:
    """A line of panels per generator, the first run large; None without records."""
    found = _found(rows)
    if not found:
        return None
    generators = list(dict.fromkeys(one.generator for _, several in found for one in several))
    most = max(sum(one.generator == name for _, several in found for one in several) for name in generators)
    columns = math.ceil((most - 1) / 2)
    step = HEAD + LARGE
    with matplotlib.rc_context(STYLE):
        figure = canvas(LARGE + columns * (SMALL + GAP) + 2 * GAP, step * len(generators))
        for line, name in enumerate(generators):
            shown = [(run, one) for run, several in found for one in several if one.generator == name]
            write_heading(figure, 0.05, line * step + 0.04, f"Eigenvalues of ρ({name}), order {shown[0][1].order}")
            for k, (run, one) in enumerate(shown):
                side = SMALL if k else LARGE
                left = LARGE + 2 * GAP + (k - 1) // 2 * (SMALL + GAP) if k else 0.0
                top = line * step + HEAD + ((k - 1) % 2 * (SMALL + GAP) if k else 0.0)
                _panel(place(figure, left, top, side, side), one, run, large=k == 0)
    return figure


def _panel(axis: Axes, one: Trajectories, name: str, large: bool) -> None:
    colours = [COLOURS[k % len(COLOURS)] for k in one.nearest]
    turn = np.exp(2j * np.pi * np.linspace(0, 1, 121))
    axis.plot(turn.real, turn.imag, color="#b9c0c8", lw=0.9, zorder=1)
    points = np.stack([one.values.real, one.values.imag], axis=-1).swapaxes(0, 1)
    axis.add_collection(LineCollection(list(points), colors=colours, linewidths=0.7 if large else 0.45, alpha=0.6))
    start, end, size = one.values[0], one.values[-1], 16 if large else 5
    axis.scatter(start.real, start.imag, s=size, facecolor="white", edgecolor="#5c6570", linewidth=0.6, zorder=3)
    axis.scatter(end.real, end.imag, s=size, color=colours, linewidth=0, zorder=4)
    axis.plot(one.roots.real, one.roots.imag, "+", color="#1c2430", ms=13 if large else 8, mew=0.9, zorder=5)
    for k, root in enumerate(one.roots):
        label = (
            f"{root_name(k, one.order)}: {int((one.nearest == k).sum())}" if large else str((one.nearest == k).sum())
        )
        side = "center" if abs(root.real) < 0.5 else "left" if root.real > 0 else "right"
        axis.text(
            1.15 * root.real, 1.2 * root.imag, label, ha=side, va="center", fontsize=9 if large else 7,
            weight="bold", color=COLOURS[k % len(COLOURS)], zorder=6,
        )  # fmt: skip
    axis.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=[], yticks=[], frame_on=False, aspect="equal")
    axis.set_title(name, fontsize=8 if large else 6.5, weight="normal", loc="center", pad=2)


def animation(rows: Sequence[Row]) -> str:
    """A moving picture of the first run that has records, as SVG for a page; empty without.

    Where the reader's system asks for reduced motion, start, end and the way between are shown, and nothing moves.
    """
    found = _found(rows)
    if not found:
        return ""
    run, several = found[0]
    width, height = 2 * REACH, 2 * REACH + 0.25
    parts = [_moving(one, k * width, height) for k, one in enumerate(several)]
    label = f"Eigenvalues over training, {run}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(label)}"'
        f' viewBox="0 0 {width * len(several):g} {height:g}"'
        f' style="width:{26 * len(several)}rem;background:#fff;font:0.13px sans-serif" text-anchor="middle">'
        "<style>@media (prefers-reduced-motion: reduce) {.moving {display: none}}"
        " @media (prefers-reduced-motion: no-preference) {.still {opacity: .18}}</style>" + "".join(parts) + "</svg>"
    )


def _moving(one: Trajectories, left: float, height: float) -> str:
    title = f"ρ({html.escape(one.generator)}), epochs {one.epoch[0]} to {one.epoch[-1]}"
    parts = [
        # an inner svg cuts off what starts far out, so that it does not lie on the next panel
        f'<svg x="{left:g}" width="{2 * REACH:g}" height="{height:g}"'
        f' viewBox="{-REACH:g} {REACH - height:g} {2 * REACH:g} {height:g}">',
        f'<text y="{0.15 + REACH - height:g}" fill="#1c2430">{title}</text>',
        '<circle r="1" fill="none" stroke="#b9c0c8" stroke-width=".012"/>',
    ]
    for k, root in enumerate(one.roots):
        x, y = root.real, -root.imag
        parts.append(
            f'<path d="M{x - 0.07:.3f} {y:.3f}h.14M{x:.3f} {y - 0.07:.3f}v.14" stroke="#1c2430" stroke-width=".012"/>'
            f'<text x="{1.25 * x:.3f}" y="{1.25 * y + 0.045:.3f}" fill="{COLOURS[k % len(COLOURS)]}">'
            f"{root_name(k, one.order)}</text>"
        )
    still, moving = [], []
    for track, k in zip(one.values.T, one.nearest, strict=True):
        colour = COLOURS[k % len(COLOURS)]
        xs, ys = ([f"{value + 0:.3f}" for value in part] for part in (track.real, -track.imag))
        way = " ".join(f"{x},{y}" for x, y in zip(xs, ys, strict=True))
        still.append(
            f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width=".008"/>'
            f'<circle cx="{xs[0]}" cy="{ys[0]}" r=".025" fill="#fff" stroke="#5c6570" stroke-width=".008"/>'
            f'<circle cx="{xs[-1]}" cy="{ys[-1]}" r=".03" fill="{colour}"/>'
        )
        rest = [1.0] if len(xs) == 1 else [0.8 * k / (len(xs) - 1) for k in range(len(xs))] + [1.0]
        times = ";".join(f"{time:.3f}".rstrip("0").rstrip(".") for time in ([0.0, 1.0] if len(xs) == 1 else rest))
        steps = "".join(
            f'<animate attributeName="{name}" values="{";".join([*values, values[-1]])}" keyTimes="{times}"'
            f' dur="{SECONDS}s" repeatCount="indefinite"/>'
            for name, values in (("cx", xs), ("cy", ys))
        )
        moving.append(f'<circle cx="{xs[0]}" cy="{ys[0]}" r=".035" fill="{colour}" fill-opacity=".75">{steps}</circle>')
    return "".join([*parts, '<g class="still">', *still, '</g><g class="moving">', *moving, "</g></svg>"])


def _found(rows: Sequence[Row]) -> list[tuple[str, list[Trajectories]]]:
    """Name of the run and its trajectories up to the epoch whose matrices are analysed, for runs that have some."""
    found = [(name, read_trajectories(run.arrays("eigenvalues"), _last(run))) for name, run in members(rows)]
    return [(name, several) for name, several in found if several]


def _last(run: Run) -> int | None:
    """Epochs trained until the best one; epoch 0 of the trajectories is the start."""
    best = (run.done or {}).get("best_epoch")
    return best + 1 if isinstance(best, int) else None


def _frames(epochs: int) -> NDArray:
    """Indices of the epochs to draw, spaced by their logarithm, the first and the last among them.

    >>> _frames(5), len(_frames(1000)) <= FRAMES, _frames(1)
    (array([0, 1, 2, 3, 4]), True, array([0]))
    """
    return np.unique(np.round(np.geomspace(1, epochs, FRAMES)).astype(np.int64)) - 1
