"""The profile of a latent: share of its variance and error in each irreducible representation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regrep_paper.report.style import STYLE, canvas, place, tell

PANEL, LEFT, TOP, STEP = (4.2, 2.2), 0.75, 0.45, 5.2
"""Size of a panel, left of the first and above it, and from one to the next; in inches."""


def profile_figure(profiles: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    """Bars of the share of the variance, and of error and offset, by irreducible; None where there is nothing to draw.

    Args:
        profiles: name of a latent (a method, an epoch) -> ``as_dict()`` of its profile. Those with
            other irreducibles than the first one are left out.
    """
    found = {name: one for name, one in profiles.items() if one.get("irreps") and one.get("share")}
    if not found:
        return None
    irreps = list(next(iter(found.values()))["irreps"])
    found = {name: one for name, one in found.items() if list(one["irreps"]) == irreps}
    parts = (
        ("share", "share of the variance", None),
        ("mean_error", "error (1 = unrelated)", 1.0),
        ("mean_offset", "offset", None),
    )
    with matplotlib.rc_context(STYLE):
        figure = canvas(LEFT + len(parts) * STEP, TOP + PANEL[1] + 1.0)
        for k, (key, label, line) in enumerate(parts):
            axis = place(figure, LEFT + k * STEP, TOP, *PANEL)
            _bars(axis, irreps, {name: _numbers(one.get(key), len(irreps)) for name, one in found.items()})
            axis.set_ylabel(label)
            if line is not None:
                axis.axhline(line, color="#8a929c", lw=1, ls=(0, (2, 2)), zorder=1)
            if k == 0 and len(found) > 1:
                axis.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(found))
    return figure


def _bars(axis: Axes, irreps: Sequence[str], values: Mapping[str, np.ndarray]) -> None:
    width = 0.8 / len(values)
    for k, (name, numbers) in enumerate(values.items()):
        places = np.arange(len(irreps)) + (k - (len(values) - 1) / 2) * width
        drawn = axis.bar(places, np.nan_to_num(numbers), width, label=name)
        for bar, irrep, value in zip(drawn, irreps, numbers, strict=True):
            tell(bar, f"{name}, {irrep}: {value:.3f}")
    axis.grid(visible=False, axis="x")
    axis.set_xticks(range(len(irreps)), irreps, rotation=90 if max(map(len, irreps)) > 5 else 0, fontsize=7.5)
    axis.set_xlabel("irreducible representation")
    axis.set_ylim(bottom=0)


def _numbers(values: Any, count: int) -> np.ndarray:
    """One number per irreducible; nan for what is missing."""
    given = list(values or [])[:count]
    return np.array([math.nan if v is None else float(v) for v in [*given, *[None] * (count - len(given))]])
