"""Images x, gx and the decoder's output for ρ(g)E(x) (Figures 3 and 5)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure
from numpy.typing import NDArray

from regrep_paper.report.learned_part import members
from regrep_paper.report.runs import Run
from regrep_paper.report.style import STYLE, canvas, place, write_heading
from regrep_paper.report.table import Row

SIZE, GAP, TOP, LEFT = 1.0, 0.1, 0.35, 0.95
"""Side of a picture, between two, above the first line, and left of it; in inches."""

MOST = 8
"""Samples shown."""

LINES = {"x": "x", "gx": "gx", "decoded": "D(ρ(g)E(x))"}
"""Names in examples.npz and what they are called; an experiment without a decoder lacks the last."""


def reconstructions(rows: Sequence[Row]) -> Figure | None:
    """Lines of pictures of the first run that has some; None without records."""
    found = ((name, _load(run)) for name, run in members(rows))
    name, data = next(((name, data) for name, data in found if data), ("", None))
    if data is None:
        return None
    shown = [line for line in LINES if line in data]
    count = min(MOST, len(data["x"]))
    with matplotlib.rc_context(STYLE):
        figure = canvas(LEFT + count * (SIZE + GAP), TOP + len(shown) * (SIZE + GAP) + 0.2)
        write_heading(figure, 0.05, 0.05, name)
        for n, line in enumerate(shown):
            for k in range(count):
                axis = place(figure, LEFT + k * (SIZE + GAP), TOP + n * (SIZE + GAP), SIZE, SIZE)
                axis.imshow(data[line][k], cmap="gray", vmin=0, vmax=255)
                axis.set(xticks=[], yticks=[], frame_on=False)
                if n == len(shown) - 1:
                    axis.set_xlabel(f"g = {data['element'][k]}", fontsize=8)
                if k == 0:
                    axis.set_ylabel(LINES[line], rotation=0, ha="right", va="center", style="italic", fontsize=9)
    return figure


def _load(run: Run) -> dict[str, NDArray] | None:
    """The images of a run; None if it has none or they do not fit together."""
    found = run.arrays("examples")
    data = {name: found[name] for name in (*LINES, "element") if name in found and found[name].ndim}
    if not {"x", "gx", "element"} <= set(data) or len({len(entry) for entry in data.values()}) != 1:
        return None
    pictures = [data[name] for name in LINES if name in data]
    flat = all(one.ndim == 3 or (one.ndim == 4 and one.shape[-1] == 3) for one in pictures)
    return data if flat and len(data["x"]) else None
