"""The page of a comparison: verdict, gains with their intervals, costs, equivariance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from regrep.comparison import Comparison, Trained
from regrep.comparison.result import HEAD
from regrep.comparison.verdict import shown_interval
from regrep.comparison.watch import NOTED
from regrep_paper.report.captioned import Captioned
from regrep_paper.report.templates import template

RECORD = "comparison.json"
"""Beside the page: all numbers."""

WIDTH, LEFT, LINE = 760.0, 210.0, 26.0
"""Pixels of the drawing: its width, the part for names, and the height of a line."""


TOP, BOTTOM = 28.0, 190.0
"""Upper and lower end of the drawing of weights."""


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
            courses=courses_of(found),
            followed=Captioned(
                "Weights that follow a target: at the first step, in the middle, and at the end",
                ("arm", "seed", "first", "middle", "end"),
                {"": followed_of(found)},
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


def courses_of(found: Comparison) -> dict[str, Any] | None:
    """A panel for each arm whose weight follows a target, with a line for each seed; None if there is none."""
    runs = [one for one in found.trained if len(one.course) > 1]
    names = list(dict.fromkeys(one.arm for one in runs))
    if not names:
        return None
    width = WIDTH / max(2, len(names))
    panels = [_panel([one for one in runs if one.arm == name], k * width, width) for k, name in enumerate(names)]
    return {"panels": panels, "width": width * len(names), "height": BOTTOM + 30, "top": TOP, "bottom": BOTTOM}


def _panel(runs: Sequence[Trained], start: float, width: float) -> dict[str, Any]:
    logs = [math.log10(value) for one in runs for value in one.course]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    high = max(high, low + 1)
    left, right = start + 50, start + width - 10

    def up(log: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (log - low) / (high - low), 1)

    def points(one: Trained) -> str:
        every = math.ceil(one.steps / NOTED)
        places = [left + (right - left) * k * every / one.steps for k in range(len(one.course))]
        return " ".join(f"{x:.1f},{up(math.log10(value))}" for x, value in zip(places, one.course, strict=True))

    return {
        "name": runs[0].arm,
        "left": round(left, 1),
        "right": round(right, 1),
        "steps": runs[0].steps,
        "ticks": [(up(power), f"{10.0**power:g}") for power in range(low, high + 1)],
        "lines": [
            {"seed": one.seed, "points": points(one), "text": f"{one.course[-1]:.3g} at the end"} for one in runs
        ],
    }


def followed_of(found: Comparison) -> list[list[str]]:
    """A line per training whose weight follows a target."""
    return [
        [one.arm, str(one.seed), *(f"{one.course[k]:.3g}" for k in (0, len(one.course) // 2, -1))]
        for one in found.trained
        if one.course
    ]


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
