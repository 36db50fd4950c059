"""The page of a comparison: verdict, gains with their intervals, costs, equivariance."""

from __future__ import annotations

import math
from typing import Any

from regrep.comparison import Comparison
from regrep.comparison.result import HEAD
from regrep.comparison.verdict import shown_interval
from regrep_paper.report.captioned import Captioned
from regrep_paper.report.templates import template

RECORD = "comparison.json"
"""Beside the page: all numbers."""

WIDTH, LEFT, LINE = 760.0, 210.0, 26.0
"""Pixels of the drawing: its width, the part for names, and the height of a line."""


def check_page() -> None:
    """Raise now if no page can be made.

    Raises:
        MissingExtraError: without the extra ``[report]``.
    """
    template("arms.html")


def comparison_page(found: Comparison) -> str:
    """The page, one file without anything from elsewhere; every text in it is escaped."""
    return str(
        template("arms.html").render(
            title=f"What helps {found.task}",
            verdict=found.verdict,
            arms=Captioned("Every arm, its gain and its cost", HEAD, {"": found.rows()}, RECORD),
            notes=found.notes,
            drawing=drawing_of(found),
            weights=Captioned(
                "Mean on the validation samples of every weight that was trained",
                ("arm", "weight", "validation", "choice"),
                {"": validation_of(found)},
                RECORD,
            ),
        )
    )


def drawing_of(found: Comparison) -> dict[str, Any]:
    """Places of the lines of a drawing: each gain with its interval, controls paler, and where 0 is."""
    lines = [line for line in found.table() if line["gain"] is not None]
    ends = [0.0, *(line[key] for line in lines for key in ("gain", "low", "high") if line[key] is not None)]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 20) * (value - low) / span + 10, 1)

    shown = [
        {
            "name": line["arm"] + (" (control)" if line["control"] else ""),
            "y": round(LINE * (k + 1), 1),
            "at": place(line["gain"]),
            "low": place(line["gain"] if line["low"] is None else line["low"]),
            "high": place(line["gain"] if line["high"] is None else line["high"]),
            "text": shown_interval(found.gain(line["arm"])),
            "colour": "#777777" if line["control"] else "#0072b2",
        }
        for k, line in enumerate(lines)
    ]
    ticks = [(place(tick), f"{tick:g}") for tick in _ticks(low, high)]
    height = LINE * (len(lines) + 2)
    return {"lines": shown, "zero": place(0.0), "ticks": ticks, "width": WIDTH, "height": height, "left": LEFT}


def validation_of(found: Comparison) -> list[list[str]]:
    """A line per arm and weight: mean on the validation samples, and which one was chosen."""
    chosen = {one.arm: one.weight for one in found.tested}
    means: dict[tuple[str, float | None], list[float]] = {}
    for one in found.trained:
        means.setdefault((one.arm, one.weight), []).append(one.validation)
    return [
        [
            arm,
            "–" if weight is None else f"{weight:g}",
            f"{sum(values) / len(values):.4f}",
            "chosen" if weight == chosen.get(arm, math.nan) else "",
        ]
        for (arm, weight), values in means.items()
    ]


def _ticks(low: float, high: float) -> list[float]:
    """A few round numbers between two ends.

    >>> _ticks(-0.02, 0.05)
    [-0.02, 0.0, 0.02, 0.04]
    """
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= 5)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]
